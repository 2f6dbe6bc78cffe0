// SPDX-License-Identifier: Apache-2.0
// Two graphs have a variable "v" each, with a value of its own in a session of its own.
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  wf::Graph g1, g2;
  {
    wf::GraphScope use(g1);
    wf::GetVariable("v", {1}, {.initializer = wf::ZerosInitializer()});
  }
  {
    wf::GraphScope use(g2);
    wf::GetVariable("v", {1}, {.initializer = wf::OnesInitializer()});
  }
  for (const wf::Graph& g : {g1, g2}) {
    wf::Session session(g);
    wf::SessionScope use(session);
    wf::GlobalVariablesInitializer().Run();
    wf::VariableScope scope("", {.reuse = wf::Reuse::kTrue});
    std::cout << session.Run(wf::GetVariable("v", {1})) << '\n';
  }
}
