// SPDX-License-Identifier: Apache-2.0
#include "tests/support/op_case.h"

namespace weft {
namespace {

// Each NaN is a value of its own; 0 and -0 are one.
TEST(Unique, NanAndZeros) {
  OpCase("Unique")
      .In(F32({kNaN, 1, kNaN, 1, 0, -0.0f}))
      .Out(F32({kNaN, 1, kNaN, 0}))
      .Out(I32({0, 1, 2, 1, 3, 3}))
      .RunEverywhere();
  OpCase("UniqueV2")
      .In(F32({{1, kNaN}, {2, 3}, {1, kNaN}, {2, 3}}))
      .In(I32({0}))
      .Out(F32({{1, kNaN}, {2, 3}, {1, kNaN}}))
      .Out(I32({0, 1, 2, 1}))
      .RunEverywhere();
}

}  // namespace
}  // namespace weft
