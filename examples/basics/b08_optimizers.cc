// SPDX-License-Identifier: Apache-2.0
// The optimizers of TensorFlow 1 on one small problem: a line through four points.
#include <cstdio>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "weft/framework/train/contrib_optimizers.h"
#include "weft/weft.h"

namespace wf = weft;
using wf::train::Optimizer;

// The loss after 500 steps from the same start, in a graph of its own.
float Train(const std::function<std::unique_ptr<Optimizer>(const wf::Variable& step)>& make) {
  wf::Graph graph;
  wf::GraphScope scope(graph);
  auto x = wf::Constant({{0.f}, {1.f}, {2.f}, {3.f}}),
       y = wf::Constant({{1.f}, {3.f}, {5.f}, {7.f}});
  wf::Variable w(wf::Zeros({1, 1})), b(wf::Zeros({1}));
  auto loss = wf::ReduceMean(wf::Square(wf::MatMul(x, w) + b - y));
  auto step = wf::train::GetOrCreateGlobalStep();
  auto train = make(step)->Minimize(loss, {.global_step = step});  // all trainable variables
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  for (int i = 0; i < 500; ++i) session.Run(train);
  return session.Run(loss).scalar<float>();
}

template <typename T, typename... A>
void Show(const char* name, A... rates) {
  const float loss = Train([&](const wf::Variable&) { return std::make_unique<T>(rates...); });
  std::printf("%-26s %s\n", name, loss < 0.5f ? "finds the line" : "does not");
}

int main() {
  using namespace wf::train;  // NOLINT: a list of optimizers
  Show<GradientDescentOptimizer>("GradientDescent", 0.1f);
  Show<MomentumOptimizer>("Momentum", 0.01f, 0.9f);
  Show<AdagradOptimizer>("Adagrad", 0.5f);
  Show<AdadeltaOptimizer>("Adadelta", 30.f);
  Show<AdamOptimizer>("Adam", 0.05f);
  Show<AdaMaxOptimizer>("AdaMax", 0.05f);
  Show<RMSPropOptimizer>("RMSProp", 0.02f);
  Show<FtrlOptimizer>("Ftrl", 1.f);
  Show<ProximalGradientDescentOptimizer>("ProximalGradientDescent", 0.1f);
  Show<ProximalAdagradOptimizer>("ProximalAdagrad", 0.5f);
  Show<AddSignOptimizer>("AddSign", 0.01f);
  Show<PowerSignOptimizer>("PowerSign", 0.01f);
  const float loss = Train(
      [](const wf::Variable& step) { return std::make_unique<AdagradDAOptimizer>(1.f, step); });
  std::printf("%-26s %s\n", "AdagradDA", loss < 0.5f ? "finds the line" : "does not");
}
