// SPDX-License-Identifier: Apache-2.0
// A variable whose initial value is made from another's: one initializer runs both, in order.
#include <algorithm>
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  wf::Variable weights(wf::RandomNormal({2, 3}, {.stddev = 2.0f}), {.name = "weights"});
  wf::Variable w2(weights.initialized_value() * 2.0f, {.name = "w2"});
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  auto [a, b] = session.Run(std::tuple(weights, w2));
  const bool twice =
      std::equal(a.values<float>().begin(), a.values<float>().end(), b.values<float>().begin(),
                 [](float x, float y) { return 2 * x == y; });
  std::cout << (twice ? "w2 == 2 * weights" : "different") << '\n';
}
