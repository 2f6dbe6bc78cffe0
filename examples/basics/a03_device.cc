// SPDX-License-Identifier: Apache-2.0
// An addition that asks for a GPU: the device shows on the op. Without a GPU it runs only if the
// session may place it elsewhere.
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  auto a = wf::Constant({1.f, 2.f}, "a"), b = wf::Constant({2.f, 3.f}, "b");
  wf::Tensor result;
  {
    wf::DeviceScope gpu("/gpu:0");
    result = a + b;
  }
  std::cout << result.op().device() << '\n';
  wf::Session soft({.allow_soft_placement = true});
  std::cout << soft.Run(result) << '\n';
  wf::Session hard;
  try {
    std::cout << hard.Run(result) << '\n';
  } catch (const wf::InvalidArgumentError& e) {
    std::cout << "not without a GPU: op '" << e.op_name() << "'\n";
  }
}
