// SPDX-License-Identifier: Apache-2.0
// A tensor belongs to the default graph unless the program says otherwise.
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  auto a = wf::Constant({1.f, 2.f}, "a");
  std::cout << std::boolalpha << (a.graph() == wf::Graph::Default()) << '\n';
}
