# SPDX-License-Identifier: Apache-2.0
# How every file of the project is compiled: the target weft_options.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)

find_program(WEFT_CCACHE ccache)
if(WEFT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths below the project are hashed relative to it, so that work trees share what they have compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${WEFT_CCACHE})
endif()
find_program(WEFT_LINKER NAMES mold ld.mold ld.lld)
if(WEFT_LINKER MATCHES "(mold|lld)$")
  # Code that runs once lies together, as GNU ld puts it by itself: a start reads fewer pages.
  add_link_options("$<$<LINK_LANGUAGE:CXX>:-fuse-ld=${CMAKE_MATCH_1};-Wl,-z,keep-text-section-prefix>")
endif()

# __FILE__ and std::source_location name files from the project's root, however the compiler was called.
file(RELATIVE_PATH up ${CMAKE_BINARY_DIR} ${PROJECT_SOURCE_DIR})
add_library(weft_options INTERFACE)
target_compile_features(weft_options INTERFACE cxx_std_20)
target_include_directories(weft_options INTERFACE
  ${PROJECT_SOURCE_DIR}/include ${PROJECT_BINARY_DIR}/include ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
target_compile_definitions(weft_options INTERFACE
  $<$<BOOL:${WEFT_CUDA}>:WEFT_CUDA> $<$<BOOL:${WEFT_MPI}>:WEFT_MPI>)
# A product and a sum are fused only where a kernel says so: the same source gives the same bits for every instruction set.
target_compile_options(weft_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:
  -Wall -Wextra -fvisibility-inlines-hidden -fno-semantic-interposition -ffp-contract=off
  -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/= -fmacro-prefix-map=${up}=>)
if(WEFT_SANITIZE)
  string(REPLACE ";" "," checks "${WEFT_SANITIZE}")
  set(WEFT_SANITIZE_FLAGS -fsanitize=${checks} -fno-sanitize-recover=all -fno-omit-frame-pointer $<$<BOOL:${WEFT_FUZZ}>:-fsanitize=fuzzer-no-link>)
  target_compile_options(weft_options INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${WEFT_SANITIZE_FLAGS}>")
  target_link_options(weft_options INTERFACE -fsanitize=${checks})
endif()
