// SPDX-License-Identifier: Apache-2.0
// The sizes of LeNet-5, known before anything runs.
#include <iostream>

#include "weft/nn/layers.h"
#include "weft/weft.h"

namespace wf = weft;
namespace L = weft::layers;

int main() {
  const wf::ArgScope unpadded({L::kConv2d}, {.padding = "VALID"});
  auto images = wf::Placeholder(wf::kFloat32, {-1, 32, 32, 1}, "images");
  auto conv1 = L::Conv2d(images, 6, 5, {.scope = "conv1"});
  auto pool1 = L::MaxPool2d(conv1, 2, {.scope = "pool1"});
  auto conv2 = L::Conv2d(pool1, 16, 5, {.scope = "conv2"});
  auto pool2 = L::MaxPool2d(conv2, 2, {.scope = "pool2"});
  auto fc3 = L::FullyConnected(L::Flatten(pool2), 120, {.scope = "fc3"});
  auto fc4 = L::FullyConnected(fc3, 84, {.scope = "fc4"});
  auto logits = L::FullyConnected(fc4, 10, {.activation = nullptr, .scope = "fc5"});
  for (const wf::Tensor& t : {images, conv1, pool1, conv2, pool2, fc3, fc4, logits}) {
    std::cout << t.op().name() << ' ' << t.shape().ToPythonString() << '\n';
  }
  int64_t parameters = 0;
  for (const wf::Variable& v : wf::TrainableVariables()) parameters += v.shape().num_elements();
  std::cout << parameters << " parameters\n";
}
