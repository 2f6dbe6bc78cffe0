// SPDX-License-Identifier: Apache-2.0
// The penalties of large weights: the sum of their absolute values, and half that of their squares.
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  auto weights = wf::Constant({{1.f, -2.f}, {-3.f, 4.f}});
  wf::Session session;
  std::cout << session.Run(wf::layers::L1Regularizer(.5f)(weights)) << '\n';
  std::cout << session.Run(wf::layers::L2Regularizer(.5f)(weights)) << '\n';
}
