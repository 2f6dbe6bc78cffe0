// SPDX-License-Identifier: Apache-2.0
// The .meta file beside a checkpoint holds the graph: nothing has to be defined anew.
#include <iostream>

#include "weft/framework/meta_graph.h"
#include "weft/weft.h"

namespace wf = weft;

int main() {
  auto saver = wf::train::ImportMetaGraph("model/model.ckpt.meta");
  wf::Session session;
  saver->Restore(session, "model/model.ckpt");
  std::cout << session.Run("add:0") << '\n';
}
