// SPDX-License-Identifier: Apache-2.0
// A session that logs on which device each node runs.
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  auto a = wf::Constant({1.f, 2.f}, "a"), b = wf::Constant({2.f, 3.f}, "b");
  auto sum = wf::Add(a, b, "sum");
  wf::Session session({.allow_soft_placement = true, .log_device_placement = true});
  std::cout << session.Run(sum) << '\n';
}
