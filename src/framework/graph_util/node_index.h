// SPDX-License-Identifier: Apache-2.0
// The nodes of a GraphDef by name.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/weft/graph.pb.h"
#include "src/graph/import_source.h"

namespace weft::graph_util {

// Points into a GraphDef, which must not gain or lose nodes meanwhile.
class NodeIndex {
 public:
  // InvalidArgument if two nodes have one name.
  static absl::StatusOr<NodeIndex> Make(const proto::GraphDef& def);

  // -1 if there is none.
  int Find(std::string_view name) const {
    auto it = by_name_.find(name);
    return it == by_name_.end() ? -1 : it->second;
  }
  // The node that "name", "name:1" or "^name" is an output of; nullptr if there is none.
  const proto::NodeDef* SourceOf(std::string_view input) const {
    const int i = Find(ParseSource(input).node);
    return i < 0 ? nullptr : &def_->node(i);
  }

 private:
  explicit NodeIndex(const proto::GraphDef& def) : def_(&def) {}
  const proto::GraphDef* def_;
  std::unordered_map<std::string_view, int> by_name_;
};

// "loc:@w" -> "w".
std::string_view ColocatedNode(std::string_view group);

// The functions of graph_util.h on messages.
absl::StatusOr<proto::GraphDef> SubGraph(const proto::GraphDef& def,
                                         const std::vector<std::string>& dest_nodes);

}  // namespace weft::graph_util
