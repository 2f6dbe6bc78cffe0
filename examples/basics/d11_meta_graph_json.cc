// SPDX-License-Identifier: Apache-2.0
// A meta graph as JSON, to look into.
#include <fstream>
#include <iostream>

#include "weft/framework/meta_graph.h"
#include "weft/weft.h"

namespace wf = weft;

int main() {
  const auto meta = wf::train::MetaGraphDef::FromFile("model/model.ckpt.meta");
  std::ofstream("meta_graph.json") << meta.ToJson();

  // A line holds one field: these are the names of the nodes, and how the Saver is driven.
  std::ifstream json("meta_graph.json");
  bool in_saver = false;
  for (std::string line; std::getline(json, line);) {
    in_saver = in_saver || line.starts_with(" \"saverDef\"");
    if (in_saver || line.starts_with("    \"name\"")) std::cout << line << '\n';
    in_saver = in_saver && !line.starts_with(" }");
  }
}
