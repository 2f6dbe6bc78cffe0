// SPDX-License-Identifier: Apache-2.0
// A variable keeps its dtype.
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  wf::Variable w1(wf::RandomNormal({2, 3}, {.stddev = 1.0f}), {.name = "w1"});
  wf::Variable w2(wf::RandomNormal({2, 3}, {.stddev = 1.0f, .dtype = wf::kFloat64}),
                  {.name = "w2"});
  try {
    wf::Assign(w1, w2);
  } catch (const wf::InvalidArgumentError& e) {
    std::cout << e.what() << '\n';
  }
}
