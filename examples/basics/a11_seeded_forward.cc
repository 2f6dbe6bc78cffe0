// SPDX-License-Identifier: Apache-2.0
// Random weights of a seed are the same numbers everywhere.
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  wf::Variable w1(wf::RandomNormal({2, 3}, {.stddev = 1.0f, .seed = 1}));
  wf::Variable w2(wf::RandomNormal({3, 1}, {.stddev = 1.0f, .seed = 2}));
  auto x = wf::Placeholder(wf::kFloat32, {3, 2}, "input");
  auto y = wf::MatMul(wf::MatMul(x, w1), w2);
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  std::cout << session.Run(y, {{x, wf::Array({{0.7f, 0.9f}, {0.1f, 0.4f}, {0.5f, 0.8f}})}}) << '\n';
}
