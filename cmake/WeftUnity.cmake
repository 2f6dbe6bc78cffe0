# SPDX-License-Identifier: Apache-2.0
# weft_unity(TARGET ON|OFF)
#
# ON compiles TARGET's files eight at a time (WEFT_UNITY): what they all instantiate is compiled once, which halves the time. The
# price: a change of one compiles eight, and names in the unnamed namespaces of neighbours have to differ. For files that spend
# their time on templates of the standard library, not on kernels.
function(weft_unity target wanted)
  if(WEFT_UNITY AND wanted)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  endif()
endfunction()
