// SPDX-License-Identifier: Apache-2.0
// Moving averages are saved under names of their own; a program that only evaluates restores them
// into the variables.
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

void Train() {
  wf::Graph graph;
  wf::GraphScope scope(graph);
  wf::Variable v(0.f, {.name = "v"});
  for (const auto& variable : wf::GlobalVariables()) std::cout << variable.name() << '\n';
  wf::train::ExponentialMovingAverage ema(0.99f);
  auto maintain = ema.Apply(wf::GlobalVariables());
  for (const auto& variable : wf::GlobalVariables()) std::cout << variable.name() << '\n';
  wf::train::Saver saver;
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  session.Run(wf::Assign(v, 10.f));
  session.Run(maintain);
  saver.Save(session, "averages/model.ckpt");
  auto [value, average] = session.Run(std::tuple(v, ema.Average(v)));
  std::cout << "[" << value << ", " << average << "]\n";
}

void Evaluate(const wf::Variable& v, const wf::train::Saver& saver) {
  wf::Session session;
  saver.Restore(session, "averages/model.ckpt");
  std::cout << session.Run(v) << '\n';
}

int main() {
  Train();
  {
    wf::Graph graph;
    wf::GraphScope scope(graph);
    wf::Variable v(0.f, {.name = "v"});
    Evaluate(v, wf::train::Saver({{"v/ExponentialMovingAverage", v}}));
  }
  wf::Variable v(0.f, {.name = "v"});
  wf::train::ExponentialMovingAverage ema(0.99f);
  const auto to_restore = ema.VariablesToRestore();
  for (const auto& [name, variable] : to_restore) std::cout << name << ": " << variable << '\n';
  Evaluate(v, wf::train::Saver(to_restore));
}
