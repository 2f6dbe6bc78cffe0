// SPDX-License-Identifier: Apache-2.0
// GetVariable makes a variable once; a second time it must be told to reuse it.
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  wf::VariableScope scope("foo");
  wf::GetVariable("v", {1}, {.initializer = wf::OnesInitializer()});
  try {
    wf::GetVariable("v", {1});
  } catch (const wf::AlreadyExistsError& e) {
    std::cout << e.what() << '\n';
  }
}
