// SPDX-License-Identifier: Apache-2.0
// A learning rate that falls by 0.96 each 100 steps, while gradient descent finds a minimum.
#include <cstdio>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  auto step = wf::train::GetOrCreateGlobalStep();
  auto rate = wf::train::ExponentialDecay(0.1f, step, 100, 0.96f, {.staircase = true});
  wf::Variable x(5.0f, {.name = "x"});
  auto train =
      wf::train::GradientDescentOptimizer(rate).Minimize(wf::Square(x), {.global_step = step});
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  for (int s = 0; s <= 400; ++s) {
    if (s % 100 == 0 || s % 100 == 99)
      std::printf("step %3d  rate %.6f\n", s, session.Run(rate).scalar<float>());
    session.Run(train);
  }
  std::printf("x is %.3f\n", session.Run(x).scalar<float>());
}
