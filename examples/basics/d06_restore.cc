// SPDX-License-Identifier: Apache-2.0
// The same graph in another process: its variables get the values of the checkpoint, no initializer
// runs.
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  wf::Variable v1(wf::Constant({0.f}), {.name = "v1"});
  wf::Variable v2(wf::Constant({0.f}), {.name = "v2"});
  auto result = v1 + v2;
  wf::train::Saver saver;
  wf::Session session;
  saver.Restore(session, "model/model.ckpt");
  std::cout << session.Run(result) << '\n';
}
