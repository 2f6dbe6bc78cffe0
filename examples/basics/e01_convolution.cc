// SPDX-License-Identifier: Apache-2.0
// Convolution with a bias, ReLU, and pooling. The image is 3 x 3 and the stride 2: "SAME" adds a
// row at the bottom and a column at the right.
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  auto x = wf::Placeholder(wf::kFloat32, {1, -1, -1, 1}, "x");
  auto image =
      wf::Array::FromVector<float>({1, -1, 0, -1, 2, 1, 0, 2, -2}, wf::Shape({1, 3, 3, 1}));
  auto filter = wf::Constant(wf::Array::FromVector<float>({1, -1, 0, 2}, wf::Shape({2, 2, 1, 1})));
  auto conv = wf::nn::BiasAdd(wf::nn::Conv2D(x, filter, {2}, "SAME"), wf::Constant({1.f}));
  auto relu = wf::nn::Relu(conv);
  auto mean = wf::nn::AvgPool(x, {2}, {2}, "SAME");
  auto greatest = wf::nn::MaxPool(x, {2}, {1}, "VALID");
  wf::Session session;
  for (const wf::Tensor& t : {conv, relu, mean, greatest}) {
    std::cout << t.op().type() << ":\n" << session.Run(t, {{x, image}}) << '\n';
  }
}
