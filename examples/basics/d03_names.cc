// SPDX-License-Identifier: Apache-2.0
// Variable scopes go before the names of variables.
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  wf::Variable inner;
  std::cout << wf::GetVariable("w", {1}).name() << '\n';
  {
    wf::VariableScope space1("space1");
    std::cout << wf::GetVariable("w", {1}).name() << '\n';
    wf::VariableScope space2("space2");
    inner = wf::GetVariable("w", {1});
    std::cout << inner.name() << '\n';
  }
  wf::VariableScope root("", {.reuse = wf::Reuse::kTrue});
  std::cout << std::boolalpha << (wf::GetVariable("space1/space2/w", {1}) == inner) << '\n';
}
