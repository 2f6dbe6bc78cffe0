// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "tests/support/op_case.h"

namespace weft {
namespace {

struct Scan {
  Array x, forward, reverse, exclusive;
};

void ExpectScan(const Scan& scan) {
  const auto check = [&](const Array& want, bool exclusive, bool reverse) {
    OpCase("CumulativeLogsumexp")
        .In(scan.x)
        .Const(I32(0))
        .Attr("exclusive", exclusive)
        .Attr("reverse", reverse)
        .Out(want)
        .Within(1e-6, 0)
        .RunEverywhere();
  };
  check(scan.forward, false, false);
  check(scan.reverse, false, true);
  check(scan.exclusive, true, false);
}

TEST(CumulativeLogsumexp, Values) {
  ExpectScan({F64({1, 2, 3}), F64({1, 2.313261687518223, 3.4076059644443806}),
              F64({3.4076059644443806, 3.313261687518223, 3}), F64({-kInf, 1, 2.313261687518223})});
  // Far apart, and beyond what exp can hold.
  ExpectScan({F64({1000, 0, -2000}), F64({1000, 1000, 1000}), F64({1000, 0, -2000}),
              F64({-kInf, 1000, 1000})});
}

// What TensorFlow 2.15.1 gives: an infinite sum can't take another infinity, and a NaN counts as
// the sum before it.
TEST(CumulativeLogsumexp, NoNumbers) {
  ExpectScan(
      {F64({-kInf, -kInf, 1}), F64({-kInf, -kInf, 1}), F64({1, 1, 1}), F64({-kInf, -kInf, -kInf})});
  ExpectScan({F64({1, kInf, kInf, 2}), F64({1, kInf, kNaN, kNaN}), F64({kNaN, kNaN, kInf, 2}),
              F64({-kInf, 1, kInf, kNaN})});
  ExpectScan({F64({1, kNaN, 2}), F64({1, 1.6931471805599454, 2.5514447139320513}),
              F64({2.8619948040582512, 2.6931471805599454, 2}),
              F64({-kInf, 1, 1.6931471805599454})});
  ExpectScan({F64({kNaN, kNaN, 3, 4}), F64({-kInf, -kInf, 3, 4.313261687518223}),
              F64({5.699556048638113, 5.006408868078168, 4.313261687518223, 4}),
              F64({-kInf, -kInf, -kInf, 3})});
  ExpectScan({F64({kInf, kNaN, 1}), F64({kInf, kNaN, kNaN}), F64({kInf, 1.6931471805599454, 1}),
              F64({-kInf, kInf, kNaN})});
}

}  // namespace
}  // namespace weft
