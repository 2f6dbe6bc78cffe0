// SPDX-License-Identifier: Apache-2.0
// Gradients where the formula of the rule divides 0 by 0 and the limit is put in its place.
#include "gtest/gtest.h"
#include "tests/gradients/gradient_table.h"
#include "weft/gradients/gradients.h"

namespace weft {
namespace {

double SlopeAt(const std::string& op, double at, int order = 1) {
  Graph graph;
  GraphScope scope(graph);
  const Tensor x = ConstantOf(F64(at));
  Tensor y = N(op, {x});
  for (; order > 0; --order) y = Gradients({y}, {x})[0].tensor();
  return Session(graph).Run(y).scalar<double>();
}

TEST(SpecialPoints, BesselAtZero) {
  EXPECT_EQ(SlopeAt("BesselI0", 0), 0);
  EXPECT_EQ(SlopeAt("BesselI1e", 0), 0.5);
  EXPECT_EQ(SlopeAt("BesselJ0", 0), 0);
  EXPECT_EQ(SlopeAt("BesselJ1", 0), 0.5);
  // The limit is 1/2; TensorFlow's rule says 1, and its graphs must give what they gave there.
  EXPECT_EQ(SlopeAt("BesselI1", 0), 1);
}

TEST(SpecialPoints, SpenceAtOne) { EXPECT_EQ(SlopeAt("Spence", 1), -1); }

TEST(SpecialPoints, SmoothOnesAtZeroAndOne) {
  EXPECT_EQ(SlopeAt("Dawsn", 0), 1);
  EXPECT_EQ(SlopeAt("FresnelCos", 0), 1);
  EXPECT_EQ(SlopeAt("FresnelSin", 0), 0);
  EXPECT_NEAR(SlopeAt("FresnelCos", 1), 0, 1e-15);
  EXPECT_NEAR(SlopeAt("FresnelSin", 1), 1, 1e-15);
  EXPECT_NEAR(SlopeAt("Lgamma", 1), -0.57721566490153286, 1e-15);
  EXPECT_NEAR(SlopeAt("Digamma", 1), 1.6449340668482264, 1e-14);
  EXPECT_NEAR(SlopeAt("Erf", 0), 1.1283791670955126, 1e-15);
  EXPECT_NEAR(SlopeAt("Erfinv", 0), 0.88622692545275801, 1e-15);
  EXPECT_NEAR(SlopeAt("Ndtri", 0.5), 2.5066282746310002, 1e-14);
  EXPECT_NEAR(SlopeAt("Expint", 1), 2.7182818284590452, 1e-15);
}

}  // namespace
}  // namespace weft
