// SPDX-License-Identifier: Apache-2.0
// Expected values: TensorFlow 2.15.1's, on a CPU.
#include "tests/support/op_case.h"

namespace weft {
namespace {

TEST(IsotonicRegression, Values) {
  OpCase("IsotonicRegression")
      .In(F32({{3, 1, 2, 2, 5, 0}, {1, 2, 3, 4, 5, 6}}))
      .Out(F32({{3, 2.5, 2.5, 2.5, 2.5, 0}, {3.5, 3.5, 3.5, 3.5, 3.5, 3.5}}))
      .Out(I32({{0, 1, 1, 1, 1, 2}, {0, 0, 0, 0, 0, 0}}))
      .RunEverywhere();
  OpCase("IsotonicRegression")
      .In(I32({{3, 1, 2, 2, 5, 0}}))
      .Attr("output_dtype", kFloat64)
      .Out(F64({{3, 2.5, 2.5, 2.5, 2.5, 0}}))
      .Out(I32({{0, 1, 1, 1, 1, 2}}))
      .RunEverywhere();
  OpCase("IsotonicRegression")
      .In(F32({1, 2}))
      .ExpectRunError(Code::kInvalidArgument, "input must be a matrix");
  ExpectShape("IsotonicRegression", {"[?,3]"}, "[?,3];[?,3]");
}

}  // namespace
}  // namespace weft
