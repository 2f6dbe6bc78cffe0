// SPDX-License-Identifier: Apache-2.0
// A moving average whose decay grows with the number of steps.
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  wf::Variable v1(0.0f), step(0, {.trainable = false});
  wf::train::ExponentialMovingAverage ema(0.99f, {.num_updates = step});
  auto maintain = ema.Apply({v1});
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  const auto print = [&] {
    auto [value, average] = session.Run(std::tuple(v1, ema.Average(v1)));
    std::cout << "[" << value << ", " << average << "]\n";
  };
  print();
  session.Run(wf::Assign(v1, 5.f));
  session.Run(maintain);
  print();
  session.Run(wf::Assign(step, 10000));
  session.Run(wf::Assign(v1, 100.f));
  session.Run(maintain);
  print();
  session.Run(maintain);
  print();
}
