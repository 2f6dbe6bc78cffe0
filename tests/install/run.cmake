# SPDX-License-Identifier: Apache-2.0
# The test itself; see CMakeLists.txt beside it.
set(prefix ${WORK_DIR}/prefix)
set(printed_by_main "[3 5]\n")
# 4 tanh(1), 2 (1 - tanh(1)^2)
set(printed_by_custom_op "twice:0 0.0000 3.0464\nslope: 2.0000 0.8399\nagrees with differences: yes\nrefused: SoftClip 'bad'\n")
file(REMOVE_RECURSE ${prefix} ${WORK_DIR}/build)

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(expect_output expected)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE output COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
  if(NOT output STREQUAL expected)
    message(FATAL_ERROR "${ARGN} printed '${output}', expected '${expected}'")
  endif()
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${prefix})

run(${CMAKE_COMMAND} -S ${CONSUMER_DIR} -B ${WORK_DIR}/build -G Ninja -D CMAKE_PREFIX_PATH=${prefix}
    -D CMAKE_CXX_COMPILER=${CXX} -D CMAKE_CXX_FLAGS=${FLAGS} -D CMAKE_FIND_USE_PACKAGE_REGISTRY=OFF)
run(${CMAKE_COMMAND} --build ${WORK_DIR}/build)
foreach(program IN ITEMS main custom_op)
  expect_output("${printed_by_${program}}" ${WORK_DIR}/build/${program})
endforeach()

# The same programs by pkg-config.
set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIB_DIR}/pkgconfig)
execute_process(COMMAND pkg-config --cflags --libs weft OUTPUT_VARIABLE weft COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(weft UNIX_COMMAND "${weft}")
separate_arguments(FLAGS UNIX_COMMAND "${FLAGS}")
foreach(program IN ITEMS main custom_op)
  run(${CXX} ${FLAGS} ${CONSUMER_DIR}/${program}.cc -o ${WORK_DIR}/build/${program}_by_pkg_config ${weft}
      -Wl,-rpath,${prefix}/${LIB_DIR})
  expect_output("${printed_by_${program}}" ${WORK_DIR}/build/${program}_by_pkg_config)
endforeach()
