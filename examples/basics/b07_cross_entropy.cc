// SPDX-License-Identifier: Apache-2.0
// A cross entropy by hand and by the two ops made for it, and a mean squared error.
#include <cstdio>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  auto logits = wf::Constant({{2.f, 0.5f, -1.f}, {0.1f, 0.2f, 0.3f}, {-3.f, 4.f, 1.f}});
  auto labels = wf::Constant({{1.f, 0.f, 0.f}, {0.f, 0.f, 1.f}, {0.f, 1.f, 0.f}});
  auto classes = wf::ArgMax(labels, 1);
  auto y = wf::nn::Softmax(logits);
  auto by_hand = -wf::ReduceMean(
      wf::ReduceSum(labels * wf::Log(wf::ClipByValue(y, 1e-10f, 1.0f)), {.axis = 1}));
  auto dense = wf::ReduceMean(wf::nn::SoftmaxCrossEntropyWithLogitsV2(labels, logits));
  auto sparse = wf::ReduceMean(wf::nn::SparseSoftmaxCrossEntropyWithLogits(classes, logits));
  auto mse = wf::ReduceMean(wf::Square(labels - y));
  wf::Session session;
  for (const wf::Array& value : session.Run({by_hand, dense, sparse, mse}))
    std::printf("%.5f\n", value.scalar<float>());
}
