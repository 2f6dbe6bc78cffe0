// SPDX-License-Identifier: Apache-2.0
// A tensor is no value: it prints its name, shape and dtype.
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  auto a = wf::Constant({1, 2}, "a"), b = wf::Constant({2, 3}, "b");
  std::cout << wf::Add(a, b, "add") << '\n';
}
