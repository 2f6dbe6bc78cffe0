// SPDX-License-Identifier: Apache-2.0
// Of an import: what is looked at before any node is added.
#include <algorithm>

#include "src/graph/importer.h"

namespace weft {

absl::Status Importer::ChoosePrefix() {
  std::string_view wanted = options_.prefix;
  if (wanted.empty()) return absl::OkStatus();
  // With a slash at the end the prefix is taken as it is, as a name scope is.
  if (wanted.ends_with('/')) {
    prefix_ = std::string(wanted.substr(0, wanted.size() - 1));
  } else {
    prefix_ = graph_.UniqueName(wanted, /*mark_as_used=*/false);
    new_scope_ = true;
  }
  if (!IsValidOpName(prefix_)) {
    return InvalidImport("Imported node name prefix '", options_.prefix,
                         "' would lead to invalid node names");
  }
  return absl::OkStatus();
}

absl::Status Importer::TakeOptions() {
  for (const auto& [name, tensor] : options_.input_map) {
    const Source source = ParseSource(name);
    if (!tensor.valid() || tensor.node()->graph != &graph_) {
      return InvalidImport("input_map: the tensor for '", name, "' is empty or not in the graph");
    }
    if (source.index != kControlIndex && tensor.index() >= tensor.node()->num_outputs()) {
      return InvalidImport("input_map: node '", tensor.node()->name, "' has no output ",
                           tensor.index());
    }
    input_map_.emplace(source, tensor);
  }
  for (const Operation& op : options_.control_dependencies) {
    if (!op.valid() || op.node()->graph != &graph_) {
      return InvalidImport(
          "control_dependencies of an import: an operation is empty or not in the graph");
    }
  }
  return absl::OkStatus();
}

absl::Status Importer::IndexNodes() {
  nodes_.reserve(static_cast<size_t>(def_.node_size()));
  for (int i = 0; i < def_.node_size(); ++i) {
    const proto::NodeDef& node = def_.node(i);
    if (!IsValidOpName(node.name())) {
      return InvalidImport("Node '", node.name(), "': Node name contains invalid characters");
    }
    if (!nodes_.emplace(node.name(), Imported{i, nullptr}).second) {
      return InvalidImport("Node '", node.name(), "' is not unique");
    }
    if (node.op().empty())
      return InvalidImport("Node '", node.name(), "' does not specify an operation");
    bool in_control = false;
    for (const std::string& input : node.input()) {
      if (input.starts_with('^')) {
        in_control = true;
      } else if (in_control) {
        return InvalidImport("Node '", node.name(),
                             "': Control dependencies must come after regular dependencies");
      }
    }
    ForEachScope(node.name(), [this](std::string_view scope) { scopes_.insert(scope); });
  }
  if (options_.validate_colocation) return CheckColocation();
  return absl::OkStatus();
}

absl::Status Importer::CheckColocation() const {
  for (const proto::NodeDef& node : def_.node()) {
    auto it = node.attr().find("_class");
    if (it == node.attr().end()) continue;
    for (std::string_view group : it->second.list().s()) {
      if (!group.starts_with(kColocationPrefix)) continue;
      group.remove_prefix(kColocationPrefix.size());
      if (!nodes_.contains(group)) {
        return InvalidImport("Node '", node.name(), "' expects to be colocated with unknown node '",
                             group, "'");
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Importer::CountPending() {
  const auto n = static_cast<size_t>(def_.node_size());
  pending_.resize(n);
  waiting_.resize(n);
  for (size_t i = 0; i < n; ++i) {
    const proto::NodeDef& node = def_.node(static_cast<int>(i));
    int pending = node.input_size();
    if (IsMerge(node) && HasLoopInput(node)) pending = NumControlInputs(node) + 1;
    for (const std::string& input : node.input()) {
      const Source source = ParseSource(input);
      if (input_map_.contains(source)) {
        --pending;
        continue;
      }
      auto it = nodes_.find(source.node);
      if (it == nodes_.end()) {
        return InvalidImport("Node '", node.name(), "': Unknown input node '", input, "'");
      }
      waiting_[static_cast<size_t>(it->second.index)].push_back(static_cast<int>(i));
    }
    pending_[i] = pending;
    if (pending <= 0) ready_.push(static_cast<int>(i));
  }
  return absl::OkStatus();
}

bool Importer::HasLoopInput(const proto::NodeDef& merge) const {
  return std::any_of(merge.input().begin(), merge.input().end(), [this](const std::string& input) {
    const Source source = ParseSource(input);
    auto it = nodes_.find(source.node);
    return source.index != kControlIndex && it != nodes_.end() &&
           IsNextIteration(def_.node(it->second.index));
  });
}

int Importer::NumControlInputs(const proto::NodeDef& node) {
  return static_cast<int>(std::count_if(node.input().begin(), node.input().end(),
                                        [](const std::string& s) { return s.starts_with('^'); }));
}

}  // namespace weft
