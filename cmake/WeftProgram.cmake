# SPDX-License-Identifier: Apache-2.0

# weft_program(NAME SOURCES file... [NEEDS package::target...])
# A program that uses libweft, built as bin/NAME. What has to be fast is in the library: it is compiled with -O1.
function(weft_program name)
  cmake_parse_arguments(PARSE_ARGV 1 PROGRAM "" "" "SOURCES;NEEDS")
  add_executable(${name} ${PROGRAM_SOURCES})
  weft_unity(${name} 16)
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  target_link_libraries(${name} PRIVATE weft weft_options ${PROGRAM_NEEDS})
endfunction()

# weft_test(NAME SOURCES file... [NEEDS target...])
# A GoogleTest program, bin/NAME, whose cases ctest runs one by one in the project's root folder.
function(weft_test name)
  cmake_parse_arguments(PARSE_ARGV 1 TEST "" "" "SOURCES;NEEDS")
  add_executable(${name} ${TEST_SOURCES})
  weft_unity(${name} 16)
  target_link_libraries(${name} PRIVATE weft_options ${TEST_NEEDS} GTest::gtest_main GTest::gmock)
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O0>)  # compiled quickly: they only call the library
  if(WEFT_PRECOMPILE AND "weft" IN_LIST TEST_NEEDS)
    if(NOT TARGET weft_test_headers)
      weft_test_headers(${TEST_NEEDS})
    endif()
    target_precompile_headers(${name} REUSE_FROM weft_test_headers)
  endif()
  # Listed when ctest starts: a program that can't start breaks its own tests, not the build.
  gtest_discover_tests(${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} DISCOVERY_MODE PRE_TEST
                       DISCOVERY_TIMEOUT 120 PROPERTIES TIMEOUT 600)
endfunction()

# The headers that nearly every test includes, parsed once for all, with the compiler's options of what tests NEED.
function(weft_test_headers)
  file(CONFIGURE OUTPUT headers.cc CONTENT "int main() { return 0; }\n")
  add_executable(weft_test_headers ${CMAKE_CURRENT_BINARY_DIR}/headers.cc)
  target_link_libraries(weft_test_headers PRIVATE weft_options ${ARGN} GTest::gtest_main GTest::gmock)
  target_compile_options(weft_test_headers PRIVATE $<$<CONFIG:Release>:-O0>)
  target_precompile_headers(weft_test_headers PRIVATE <gtest/gtest.h> <gmock/gmock.h> <weft/weft.h>)
  set_target_properties(weft_test_headers PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
endfunction()
