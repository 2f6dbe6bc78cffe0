// SPDX-License-Identifier: Apache-2.0
// Gradients of ops that round: estimates that pass dy on where the value lies in the range, instead
// of the derivative, which is zero nearly everywhere.
#include "gtest/gtest.h"

#include "tests/gradients/gradient_table.h"
#include "weft/gradients/gradients.h"

namespace weft {
namespace {

// dx for each input, as what they are fed with and ones for dy weighed with `dy`.
std::vector<Array> GradientsAt(const std::string& op, const std::vector<Array>& inputs,
                               const Array& dy, const AttrMap& attrs) {
  Graph graph;
  GraphScope scope(graph);
  std::vector<Tensor> xs;
  for (const Array& x : inputs) xs.push_back(ConstantOf(x));
  const Tensor y = N(op, xs, attrs);
  std::vector<Array> values;
  Session session(graph);
  for (const Grad& g : Gradients({y}, xs, {.grad_ys = {ConstantOf(dy)}}))
    values.push_back(g.none() ? Array() : session.Run(g.tensor()));
  return values;
}

TEST(Estimates, FakeQuantWithMinMaxArgs) {
  const auto dx = GradientsAt("FakeQuantWithMinMaxArgs", {F32({-3, -0.5f, 0.7f, 2})},
                              F32({1, 2, 3, 4}), {{"min", -1.f}, {"max", 1.f}});
  EXPECT_TRUE(ArraysEqual(dx[0], F32({0, 2, 3, 0})));
}

TEST(Estimates, FakeQuantWithMinMaxVars) {
  const auto dx = GradientsAt("FakeQuantWithMinMaxVars",
                              {F32({-3, -0.5f, 0.7f, 2}), F32(-1), F32(1)}, F32({1, 2, 3, 4}), {});
  EXPECT_TRUE(ArraysEqual(dx[0], F32({0, 2, 3, 0})));
  EXPECT_TRUE(ArraysEqual(dx[1], F32(1)));  // what lies below moves with the minimum
  EXPECT_TRUE(ArraysEqual(dx[2], F32(4)));
}

TEST(Estimates, FakeQuantWithMinMaxVarsPerChannel) {
  const auto dx = GradientsAt("FakeQuantWithMinMaxVarsPerChannel",
                              {F32({{-3, -3}, {0.5f, 2}, {-2, 3}}), F32({-1, -4}), F32({1, 1})},
                              F32({{1, 2}, {3, 4}, {5, 6}}), {});
  EXPECT_TRUE(ArraysEqual(dx[0], F32({{0, 2}, {3, 0}, {0, 0}})));
  EXPECT_TRUE(ArraysEqual(dx[1], F32({6, 0})));
  EXPECT_TRUE(ArraysEqual(dx[2], F32({0, 10})));
}

TEST(Estimates, QuantizeAndDequantizePassesAll) {
  const Array x = F32({-3, -0.5f, 0.7f, 2}), dy = F32({1, 2, 3, 4});
  EXPECT_TRUE(ArraysEqual(
      GradientsAt("QuantizeAndDequantizeV2", {x, F32(-1), F32(1)}, dy, {{"range_given", true}})[0],
      dy));
  EXPECT_TRUE(ArraysEqual(GradientsAt("QuantizeAndDequantizeV3", {x, F32(-1), F32(1), I32(8)}, dy,
                                      {{"range_given", true}})[0],
                          dy));
}

TEST(Estimates, QuantizeAndDequantizeV4PassesTheRange) {
  if (!OpRegistry::Global().Find("QuantizeAndDequantizeV4")) GTEST_SKIP() << "there is no such op";
  const auto dx =
      GradientsAt("QuantizeAndDequantizeV4", {F32({-3, -0.5f, 0.7f, 2}), F32(-1), F32(1)},
                  F32({1, 2, 3, 4}), {{"range_given", true}});
  EXPECT_TRUE(ArraysEqual(dx[0], F32({0, 2, 3, 0})));
}

}  // namespace
}  // namespace weft
