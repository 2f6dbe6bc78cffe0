// SPDX-License-Identifier: Apache-2.0
// A Variable always makes a new one: its name is made unique.
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  for (int i = 0; i < 2; ++i) {
    wf::Variable v(wf::Constant({1.f}), {.name = "v1"});
    std::cout << v << '\n';
  }
}
