# SPDX-License-Identifier: Apache-2.0
# cmake -DPROGRAM=file -DEXPECTED=file -P compare.cmake: fails unless PROGRAM ends well and prints the text of EXPECTED.
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE printed ERROR_VARIABLE printed RESULT_VARIABLE status)
file(READ ${EXPECTED} expected)
if(NOT status EQUAL 0 OR NOT printed STREQUAL expected)
  message(FATAL_ERROR "${PROGRAM} ended with ${status} and printed\n${printed}---- instead of ${EXPECTED}:\n${expected}----")
endif()
