// SPDX-License-Identifier: Apache-2.0
// The file "checkpoint" names the newest and all that are kept; older ones are deleted.
#include <filesystem>
#include <fstream>
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  std::filesystem::remove_all("steps");
  wf::Variable v(1.f, {.name = "v"});
  wf::train::Saver saver({.max_to_keep = 5});
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  for (int step = 1; step <= 7; ++step) saver.Save(session, "steps/model.ckpt", step);
  std::cout << std::ifstream("steps/checkpoint").rdbuf();

  auto state = wf::train::GetCheckpointState("steps");
  std::cout << state->model_checkpoint_path << '\n';
  for (int step = 1; step <= 7; ++step) {
    const std::string path = "steps/model.ckpt-" + std::to_string(step);
    std::cout << path << (wf::train::CheckpointExists(path) ? "" : " is gone") << '\n';
  }
}
