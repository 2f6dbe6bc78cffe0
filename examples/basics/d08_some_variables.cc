// SPDX-License-Identifier: Apache-2.0
// A Saver of some variables, and one of variables that have other names in the checkpoint.
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  {
    wf::Graph graph;
    wf::GraphScope scope(graph);
    wf::Variable v1(wf::Constant({0.f}), {.name = "v1"});
    wf::Variable v2(wf::Constant({0.f}), {.name = "v2"});
    wf::train::Saver saver({v1});
    wf::Session session;
    saver.Restore(session, "model/model.ckpt");
    std::cout << session.Run(v1) << '\n';
    try {
      session.Run(v2);
    } catch (const wf::FailedPreconditionError& e) {
      std::cout << e.what() << '\n';
    }
  }
  wf::Variable v1(wf::Constant({0.f}), {.name = "other-v1"});
  wf::Variable v2(wf::Constant({0.f}), {.name = "other-v2"});
  auto result = v1 + v2;
  wf::train::Saver saver({{"v1", v1}, {"v2", v2}});
  wf::Session session;
  saver.Restore(session, "model/model.ckpt");
  std::cout << session.Run(result) << '\n';
}
