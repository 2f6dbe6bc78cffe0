// SPDX-License-Identifier: Apache-2.0
// Comparisons broadcast.
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  auto v1 = wf::Constant({{1.f, 2.f}, {3.f, 4.f}}), v2 = wf::Constant({{2.f, 2.5f}});
  wf::Session session;
  std::cout << session.Run(wf::Greater(v1, v2)) << '\n';
}
