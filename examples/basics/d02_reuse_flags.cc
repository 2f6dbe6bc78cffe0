// SPDX-License-Identifier: Apache-2.0
// Inner variable scopes reuse where the outer one does.
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

void Print() {
  std::cout << (wf::VariableScope::Current().reuse() == wf::Reuse::kTrue ? "True" : "False")
            << '\n';
}

int main() {
  wf::VariableScope root("root");
  Print();
  {
    wf::VariableScope foo("foo", {.reuse = wf::Reuse::kTrue});
    Print();
    wf::VariableScope bar("bar");
    Print();
  }
  Print();
}
