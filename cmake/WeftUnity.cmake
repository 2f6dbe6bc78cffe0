# SPDX-License-Identifier: Apache-2.0
# weft_unity(TARGET BATCH)
#
# Compiles TARGET's files BATCH at a time (WEFT_UNITY), or one by one where BATCH is empty: what they all instantiate is compiled
# once, which halves the time. The price: a change of one compiles its batch, and names in the unnamed namespaces of neighbours
# have to differ. For files that spend their time on templates of the standard library, not on kernels.
function(weft_unity target batch)
  if(WEFT_UNITY AND batch)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${batch})
  endif()
endfunction()
