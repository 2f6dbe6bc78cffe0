# SPDX-License-Identifier: Apache-2.0
# The test itself; see CMakeLists.txt beside it.
set(prefix ${WORK_DIR}/prefix)
set(expected "[3 5]\n")
file(REMOVE_RECURSE ${prefix} ${WORK_DIR}/build)

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(expect_output)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE output COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
  if(NOT output STREQUAL expected)
    message(FATAL_ERROR "${ARGV0} printed '${output}', expected '${expected}'")
  endif()
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${prefix})

run(${CMAKE_COMMAND} -S ${CONSUMER_DIR} -B ${WORK_DIR}/build -G Ninja -D CMAKE_PREFIX_PATH=${prefix}
    -D CMAKE_CXX_COMPILER=${CXX} -D CMAKE_CXX_FLAGS=${FLAGS} -D CMAKE_FIND_USE_PACKAGE_REGISTRY=OFF)
run(${CMAKE_COMMAND} --build ${WORK_DIR}/build)
expect_output(${WORK_DIR}/build/consumer)

# The same program by pkg-config.
set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIB_DIR}/pkgconfig)
execute_process(COMMAND pkg-config --cflags --libs weft OUTPUT_VARIABLE weft COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(weft UNIX_COMMAND "${weft}")
separate_arguments(FLAGS UNIX_COMMAND "${FLAGS}")
run(${CXX} ${FLAGS} ${CONSUMER_DIR}/main.cc -o ${WORK_DIR}/build/by_pkg_config ${weft}
    -Wl,-rpath,${prefix}/${LIB_DIR})
expect_output(${WORK_DIR}/build/by_pkg_config)
