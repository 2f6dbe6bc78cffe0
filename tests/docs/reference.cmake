# SPDX-License-Identifier: Apache-2.0
# cmake -D OUTPUT=folder -P reference.cmake, in the project's root: runs Doxygen as docs/Doxyfile says, but writes below
# the folder. Fails on any warning.
find_program(doxygen doxygen NO_CACHE)
if(NOT doxygen)
  message("SKIPPED: there is no doxygen")
  return()
endif()
file(READ docs/Doxyfile settings)
file(WRITE ${OUTPUT}/Doxyfile "${settings}\nOUTPUT_DIRECTORY = ${OUTPUT}/reference\n")
file(MAKE_DIRECTORY ${OUTPUT}/reference)
execute_process(COMMAND ${doxygen} ${OUTPUT}/Doxyfile RESULT_VARIABLE result OUTPUT_VARIABLE text ERROR_VARIABLE text)
message("${text}")
if(NOT result EQUAL 0 OR text MATCHES "warning:|error:")
  message(FATAL_ERROR "doxygen returned ${result}")
endif()
if(NOT EXISTS ${OUTPUT}/reference/html/index.html)
  message(FATAL_ERROR "doxygen wrote no reference")
endif()
