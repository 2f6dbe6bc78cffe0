// SPDX-License-Identifier: Apache-2.0
// A net with constant weights, forwards.
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  auto x = wf::Constant({{0.7f, 0.9f}});
  auto w1 = wf::Constant({{0.2f, 0.1f, 0.4f}, {0.3f, -0.5f, 0.2f}});
  auto w2 = wf::Constant({{0.6f}, {0.1f}, {-0.2f}});
  auto y = wf::MatMul(wf::MatMul(x, w1), w2);
  wf::Session session;
  std::cout << session.Run(y) << '\n';
}
