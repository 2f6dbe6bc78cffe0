// SPDX-License-Identifier: Apache-2.0
// The ways to run 1 + 2.
#include <iostream>
#include <stdexcept>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  auto a = wf::Constant(1, "a"), b = wf::Constant(2, "b"), result = wf::Add(a, b, "add");
  try {
    result.Eval();
  } catch (const wf::FailedPreconditionError&) {
    std::cout << "Eval() needs a default session\n";
  }
  wf::Session session;
  std::cout << session.Run(result) << '\n' << result.Eval(session) << '\n';
  {
    wf::SessionScope use(session);
    std::cout << result.Eval() << '\n';
  }
  session.Close();
  {
    wf::InteractiveSession interactive;  // the default session until it goes
    std::cout << result.Eval() << '\n';
  }
  try {
    wf::InteractiveSession interactive;  // closes itself, whatever happens inside
    throw std::runtime_error("passes");
  } catch (const std::runtime_error&) {
    std::cout << (wf::Session::Default() ? "left open" : "closed") << '\n';
  }
}
