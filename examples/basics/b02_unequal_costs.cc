// SPDX-License-Identifier: Apache-2.0
// A linear model where predicting one too few costs ten times as much as one too many: it learns to
// predict a little more than the sum that it is shown.
#include <cstdio>
#include <vector>

#include "examples/support/mt19937.h"
#include "weft/framework/train/optimizer.h"
#include "weft/weft.h"

namespace wf = weft;

int main() {
  constexpr int64_t kBatch = 8, kExamples = 128;
  auto x = wf::Placeholder(wf::kFloat32, {-1, 2}, "x-input");
  auto target = wf::Placeholder(wf::kFloat32, {-1, 1}, "y-input");
  wf::Variable w1(wf::RandomNormal({2, 1}, {.stddev = 1.0f, .seed = 1}));
  auto y = wf::MatMul(x, w1);
  auto loss =
      wf::ReduceSum(wf::Where(wf::Greater(y, target), (y - target) * 1.0f, (target - y) * 10.0f));
  auto train = wf::train::AdamOptimizer(0.001f).Minimize(loss);

  wf::examples::RandomState random(1);
  const std::vector<double> points = random.Rand(kExamples * 2);
  wf::Array inputs(wf::kFloat32, {kExamples, 2}), sums(wf::kFloat32, {kExamples, 1});
  for (size_t i = 0; i < kExamples; ++i) {
    const double a = points[2 * i], b = points[2 * i + 1];
    inputs.mutable_data<float>()[2 * i] = static_cast<float>(a);
    inputs.mutable_data<float>()[2 * i + 1] = static_cast<float>(b);
    sums.mutable_data<float>()[i] = static_cast<float>(a + b + random.RandomSample() / 10 - 0.05);
  }
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  for (int64_t i = 0; i < 5000; ++i) {
    const int64_t start = i * kBatch % kExamples, end = start + kBatch;
    session.Run(train, {{x, inputs.SliceRows(start, end)}, {target, sums.SliceRows(start, end)}});
  }
  const wf::Array w = session.Run(w1);
  std::printf("%.4f %.4f\n", w.AsDouble(0), w.AsDouble(1));
}
