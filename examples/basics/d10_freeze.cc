// SPDX-License-Identifier: Apache-2.0
// A frozen graph: the part that a result needs, with constants in the place of variables, in one
// file.
#include <iostream>

#include "weft/framework/graph_util.h"
#include "weft/framework/meta_graph.h"
#include "weft/weft.h"

namespace wf = weft;

int main() {
  {
    wf::Graph graph;
    wf::GraphScope scope(graph);
    auto saver = wf::train::ImportMetaGraph("model/model.ckpt.meta");
    wf::Session session;
    saver->Restore(session, "model/model.ckpt");
    wf::graph_util::ConvertVariablesToConstants(session, graph.AsGraphDef(), {"add"})
        .WriteFile("frozen.pb");
  }
  const auto frozen = wf::GraphDef::FromFile("frozen.pb");
  for (const std::string& name : frozen.node_names()) std::cout << name << '\n';
  auto imported = wf::ImportGraphDef(frozen, {.return_elements = {"add:0"}});
  wf::Session session;
  std::cout << session.Run(imported.tensors[0]) << '\n';
}
