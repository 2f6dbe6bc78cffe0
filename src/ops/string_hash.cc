// SPDX-License-Identifier: Apache-2.0
// Texts of numbers and numbers of texts: AsString, buckets, fingerprints.
// kernels: kernels/cpu/string_hash.cc   test: tests/ops/string_hash_test.cc
#include <string>

#include "weft/graph/op_def.h"

namespace weft {
namespace {

// A row of 8 bytes for each row of the data.
absl::Status FingerprintShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape data, c.WithRankAtLeast(c.input(0), 1));
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 0).status());
  const Array* method = c.input_constant(1);
  const bool is_known = method != nullptr && *method->data<std::string>() == "farmhash64";
  c.set_output(0, PartialShape::Matrix(data.dim(0), is_known ? 8 : kUnknownDim));
  return absl::OkStatus();
}

}  // namespace

void RegisterStringHashOps(OpRegistry& ops) {
  ops.Add("StringToHashBucketFast")
      .Summary("The bucket of each text by its fingerprint, which is the same everywhere.")
      .Input("input: string")
      .Output("output: int64")
      .Attr("num_buckets: int >= 1")
      .Shape(shape::SameAsInput)
      .NoGradient("a bucket is no function of numbers");
  ops.Add("StringToHashBucketStrong")
      .Summary("The bucket of each text by a hash that nobody can foresee who lacks the key.")
      .Input("input: string")
      .Output("output: int64")
      .Attr("num_buckets: int >= 1")
      .Attr("key: list(int)")
      .Shape(shape::SameAsInput)
      .NoGradient("a bucket is no function of numbers");
  ops.Add("StringToHashBucket")
      .Summary("The bucket of each text by a hash that TensorFlow may change.")
      .Input("string_tensor: string")
      .Output("output: int64")
      .Attr("num_buckets: int >= 1")
      .Shape(shape::SameAsInput)
      .NoGradient("a bucket is no function of numbers");
  ops.Add("Fingerprint")
      .Summary("The fingerprint of each row of the data, as bytes.")
      .Input("data: T")
      .Input("method: string")
      .Output("fingerprint: uint8")
      .Attr("T: type")
      .Shape(FingerprintShape)
      .NoGradient("a fingerprint is no function of numbers");
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
