// SPDX-License-Identifier: Apache-2.0
// What import and export of GraphDefs share: facts of a GraphDef that no other part of a graph has
// a place for, and its function library.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "proto/weft/function.pb.h"
#include "proto/weft/graph.pb.h"
#include "src/graph/graph_impl.h"
#include "weft/graph/op_def.h"

namespace weft {

// The version of the GraphDefs that Weft writes, and up to which it reads them: TensorFlow 2.15's.
inline constexpr int kGraphDefVersion = 1645;

// Kept so that an imported graph can be exported without a loss. Guarded by the graph's lock.
struct ImportedExtras {
  std::vector<int> bad_consumers;
  // Nodes that came with a type annotation or debug information: a NodeDef with these alone.
  std::unordered_map<const Node*, proto::NodeDef> nodes;

  // nullptr if nothing was kept / made if absent.
  static const ImportedExtras* Find(const GraphImpl& graph);
  static ImportedExtras& Of(GraphImpl& graph);
};

// Checks whether this version of Weft may read a GraphDef of these versions.
absl::Status CheckVersions(const proto::VersionDef& versions);

// The graph's library with these functions and gradients added. The same function twice is fine,
// two of one name are not.
absl::StatusOr<std::shared_ptr<proto::FunctionDefLibrary>> MergeLibraries(
    const proto::FunctionDefLibrary* existing, const proto::FunctionDefLibrary& added,
    const OpRegistry& registry);

}  // namespace weft
