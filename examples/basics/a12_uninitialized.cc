// SPDX-License-Identifier: Apache-2.0
// Reading a variable that was not initialised is an error that names it.
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  wf::Variable weights(wf::RandomNormal({2, 3}), {.name = "layer1/weights"});
  wf::Session session;
  try {
    session.Run(weights);
  } catch (const wf::FailedPreconditionError& e) {
    std::cout << e.what() << '\n';
  }
}
