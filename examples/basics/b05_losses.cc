// SPDX-License-Identifier: Apache-2.0
// A net of five layers. The penalties of its weights join the collection "losses" where the weights
// are made; the loss is the sum of all that is there.
#include <cstdio>
#include <vector>

#include "weft/weft.h"

namespace wf = weft;

wf::Tensor GetWeight(const wf::Shape& shape, float penalty, int seed) {
  wf::Variable w(wf::RandomNormal(shape, {.stddev = 0.3f, .seed = seed}));
  wf::Graph::Default().AddToCollection("losses", {wf::layers::L2Regularizer(penalty)(w)});
  return w.AsTensor();
}

int main() {
  auto x = wf::Placeholder(wf::kFloat32, {-1, 2}), target = wf::Placeholder(wf::kFloat32, {-1, 1});
  const std::vector<int64_t> sizes = {2, 10, 10, 10, 1};
  wf::Tensor layer = x;
  for (size_t i = 1; i < sizes.size(); ++i) {
    auto weight = GetWeight({sizes[i - 1], sizes[i]}, 0.001f, static_cast<int>(i));
    wf::Variable bias(wf::Array::Full({sizes[i]}, 0.1f));
    layer = wf::nn::Relu(wf::MatMul(layer, weight) + bias);
  }
  wf::Graph::Default().AddToCollection("losses", {wf::ReduceMean(wf::Square(target - layer))});
  std::vector<wf::Input> losses;
  for (const auto& item : wf::Graph::Default().GetCollection("losses"))
    losses.emplace_back(std::get<wf::Tensor>(item.value));
  auto loss = wf::AddN(losses);
  auto train = wf::train::GradientDescentOptimizer(0.05f).Minimize(loss);

  const wf::Array points({{0.f, 0.f}, {0.f, 1.f}, {1.f, 0.f}, {1.f, 1.f}});
  const wf::Array sums({{0.f}, {1.f}, {1.f}, {2.f}});
  const wf::Feeds feeds = {{x, points}, {target, sums}};
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  const float before = session.Run(loss, feeds).scalar<float>();
  for (int i = 0; i < 2000; ++i) session.Run(train, feeds);
  const float after = session.Run(loss, feeds).scalar<float>();
  std::printf("%zu losses; the sum fell below a fifth: %s\n", losses.size(),
              after < before / 5 ? "yes" : "no");
}
