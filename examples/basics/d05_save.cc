// SPDX-License-Identifier: Apache-2.0
// A Saver writes the variables of a session, and the graph, to a folder. D6 to D8 and D10 to D12
// read what this program writes.
#include <filesystem>
#include <iostream>
#include <set>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  std::filesystem::remove_all("model");
  wf::Variable v1(wf::Constant({1.f}), {.name = "v1"});
  wf::Variable v2(wf::Constant({2.f}), {.name = "v2"});
  wf::Add(v1, v2, "add");
  wf::train::Saver saver;
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  std::cout << saver.Save(session, "model/model.ckpt") << '\n';

  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator("model"))
    files.insert(entry.path().filename().string());
  for (const std::string& file : files) std::cout << file << '\n';
}
