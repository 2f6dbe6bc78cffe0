// SPDX-License-Identifier: Apache-2.0
// With validate_shape = false a variable may take a value of another shape.
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  wf::Variable x(0);
  auto y = wf::Assign(x, {5, 2}, {.validate_shape = false});
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  std::cout << session.Run(x) << '\n';
  std::cout << session.Run(y) << '\n';
  std::cout << session.Run(x) << '\n';
}
