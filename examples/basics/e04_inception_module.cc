// SPDX-License-Identifier: Apache-2.0
// The last module of Inception v3: four branches, joined along the channels.
#include <iostream>

#include "weft/nn/layers.h"
#include "weft/weft.h"

namespace wf = weft;
namespace L = weft::layers;

int main() {
  auto net = wf::Placeholder(wf::kFloat32, {32, 8, 8, 2048}, "net");
  const wf::ArgScope scope({L::kConv2d, L::kMaxPool2d, L::kAvgPool2d},
                           {.stride = 1, .padding = "SAME"});
  const wf::VariableScope module("Mixed_7c");
  wf::Tensor branches[4];
  {
    const wf::VariableScope branch("Branch_0");
    branches[0] = L::Conv2d(net, 320, 1, {.scope = "Conv2d_0a_1x1"});
  }
  {
    const wf::VariableScope branch("Branch_1");
    auto x = L::Conv2d(net, 384, 1, {.scope = "Conv2d_0a_1x1"});
    branches[1] = wf::Concat({L::Conv2d(x, 384, {1, 3}, {.scope = "Conv2d_0b_1x3"}),
                              L::Conv2d(x, 384, {3, 1}, {.scope = "Conv2d_0c_3x1"})},
                             3);
  }
  {
    const wf::VariableScope branch("Branch_2");
    auto x = L::Conv2d(net, 448, 1, {.scope = "Conv2d_0a_1x1"});
    x = L::Conv2d(x, 384, 3, {.scope = "Conv2d_0b_3x3"});
    branches[2] = wf::Concat({L::Conv2d(x, 384, {1, 3}, {.scope = "Conv2d_0c_1x3"}),
                              L::Conv2d(x, 384, {3, 1}, {.scope = "Conv2d_0d_3x1"})},
                             3);
  }
  {
    const wf::VariableScope branch("Branch_3");
    auto x = L::AvgPool2d(net, 3, {.scope = "AvgPool_0a_3x3"});
    branches[3] = L::Conv2d(x, 192, 1, {.scope = "Conv2d_0b_1x1"});
  }
  for (const wf::Tensor& t : branches) std::cout << t << '\n';
  std::cout << wf::Concat({branches[0], branches[1], branches[2], branches[3]}, 3) << '\n';
  for (const wf::Variable& v : wf::TrainableVariables("Mixed_7c/Branch_1")) std::cout << v << '\n';
}
