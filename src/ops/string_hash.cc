// SPDX-License-Identifier: Apache-2.0
// Texts of numbers and numbers of texts: AsString, StringToHashBucketFast.
// kernels: kernels/cpu/string_hash.cc   test: tests/ops/string_hash_test.cc
#include "weft/graph/op_def.h"

namespace weft {

void RegisterStringHashOps(OpRegistry& ops) {
  ops.Add("StringToHashBucketFast")
      .Summary("The bucket of each text by its fingerprint, which is the same everywhere.")
      .Input("input: string")
      .Output("output: int64")
      .Attr("num_buckets: int >= 1")
      .Shape(shape::SameAsInput)
      .NoGradient("a bucket is no function of numbers");
  ops.Add("AsString")
      .Summary("Each number as text.")
      .Input("input: T")
      .Output("output: string")
      .Attr(
          "T: {int8, int16, int32, int64, uint8, uint16, uint32, uint64, complex64, complex128, "
          "float, double, half, bfloat16, bool, string, variant}")
      .Attr("precision: int = -1")
      .Attr("scientific: bool = false")
      .Attr("shortest: bool = false")
      .Attr("width: int = -1")
      .Attr("fill: string = ''")
      .Shape(shape::SameAsInput)
      .NoGradient("texts have no gradient");
}

}  // namespace weft
