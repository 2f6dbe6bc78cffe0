// SPDX-License-Identifier: Apache-2.0
// SavedModels: loaded with each of their sets of tags, their signatures run.
#include <string>
#include <vector>

#include "src/core/strings.h"
#include "tools/golden/container.h"
#include "tools/weft_interop/items.h"
#include "weft/framework/saved_model.h"
#include "weft/graph/graph.h"

namespace weft::interop {
namespace {

namespace fs = std::filesystem;
using golden::Mismatch;

// Of the container: which MetaGraph, and which signature its fetches are the outputs of.
void RunSignature(const fs::path& model, const fs::path& expected) {
  const golden::Container container(expected.string());
  CheckOpsExist(saved_model::ReadGraphDef(model.string(), container.Bytes("tags")));
  const Graph graph;
  GraphScope scope(graph);
  Session session(graph);
  const saved_model::MetaGraph meta =
      saved_model::Load(session, container.Bytes("tags"), model.string());
  for (const std::string& signature : container.Bytes("signature")) {
    if (!meta.signatures.contains(signature))
      throw Mismatch(StrCat("the model has no signature '", signature, "'"));
  }
  container.Check(graph, session, false);
}

}  // namespace

std::vector<Item> SavedModelItems(const fs::path& dir) {
  std::vector<Item> items;
  const fs::path root = dir / "saved_models";
  if (!fs::is_directory(root)) return items;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const fs::path file = entry.path();
    if (file.extension() != ".pb" || !file.filename().string().starts_with("expected_")) continue;
    const fs::path folder = file.parent_path();
    items.push_back(
        {"saved_models",
         StrCat("saved_models/", folder.filename().string(), "/", file.stem().string().substr(9)),
         [model = folder / "model", file] { RunSignature(model, file); }});
  }
  return items;
}

}  // namespace weft::interop
