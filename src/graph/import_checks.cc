// SPDX-License-Identifier: Apache-2.0
// Of an import: what is looked at before any node is added.
#include <algorithm>
#include <numeric>

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
  const int n = def_.num_nodes();
  numbers_.Reserve(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) {
    const NodeView& node = view(i);
    if (!IsValidOpName(node.name)) {
      return InvalidImport("Node '", node.name, "': Node name contains invalid characters");
    }
    const uint64_t hash = HashText(node.name);
    if (numbers_.Find(hash, [&](int other) { return view(other).name == node.name; })) {
      return InvalidImport("Node '", node.name, "' is not unique");
    }
    numbers_.Insert(hash, i);
    if (def_.op_of(node).name.empty())
      return InvalidImport("Node '", node.name, "' does not specify an operation");
    bool in_control = false;
    for (const std::string_view input : def_.inputs_of(node)) {
      if (input.starts_with('^')) {
        in_control = true;
      } else if (in_control) {
        return InvalidImport("Node '", node.name,
                             "': Control dependencies must come after regular dependencies");
      }
    }
  }
  if (options_.validate_colocation) return CheckColocation();
  return absl::OkStatus();
}

int Importer::IndexOf(std::string_view name) const {
  const int* found =
      numbers_.Find(HashText(name), [&](int other) { return view(other).name == name; });
  return found ? *found : -1;
}

namespace {

// The strings in the attribute _class.
std::vector<std::string_view> Classes(const AttrSet& set) {
  if (set.messages) {
    const auto it = set.messages->find("_class");
    if (it == set.messages->end()) return {};
    return {it->second.list().s().begin(), it->second.list().s().end()};
  }
  const auto it = set.read.find("_class");
  const auto* list = it == set.read.end() ? nullptr : it->second.Get<std::vector<std::string>>();
  if (!list) return {};
  return {list->begin(), list->end()};
}

}  // namespace

absl::Status Importer::CheckColocation() const {
  std::vector<std::vector<std::string_view>> classes;  // of each set of attributes
  classes.reserve(def_.attr_sets().size());
  for (const AttrSet& set : def_.attr_sets()) classes.push_back(Classes(set));
  for (const NodeView& node : def_.nodes()) {
    for (std::string_view group : classes[static_cast<size_t>(node.attrs)]) {
      if (!group.starts_with(kColocationPrefix)) continue;
      group.remove_prefix(kColocationPrefix.size());
      if (IndexOf(group) < 0) {
        return InvalidImport("Node '", node.name, "' expects to be colocated with unknown node '",
                             group, "'");
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Importer::CountPending() {
  const auto n = static_cast<size_t>(def_.num_nodes());
  edges_.resize(def_.num_inputs());
  pending_.resize(n);
  for (const NodeView& node : def_.nodes()) WEFT_RETURN_IF_ERROR(FindEdges(node));
  first_waiting_.assign(n + 1, 0);
  for (const Edge& edge : edges_) {
    if (edge.node >= 0) ++first_waiting_[static_cast<size_t>(edge.node)];
  }
  // First where each node's list ends; entered from the back, the lists end up where they begin.
  std::partial_sum(first_waiting_.begin(), first_waiting_.end(), first_waiting_.begin());
  waiting_.resize(static_cast<size_t>(first_waiting_[n]));
  for (size_t i = n; i-- > 0;) {
    const NodeView& node = def_.nodes()[i];
    int pending = static_cast<int>(node.num_inputs);
    if (def_.op_of(node).is_merge && HasLoopInput(node)) pending = NumControlInputs(node) + 1;
    for (size_t k = node.first_input; k < node.first_input + node.num_inputs; ++k) {
      if (edges_[k].node < 0) {
        --pending;
      } else {
        waiting_[static_cast<size_t>(--first_waiting_[static_cast<size_t>(edges_[k].node)])] =
            static_cast<int>(i);
      }
    }
    pending_[i] = pending;
  }
  return absl::OkStatus();
}

absl::Status Importer::FindEdges(const NodeView& node) {
  Edge* edge = edges_.data() + node.first_input;
  for (const std::string_view input : def_.inputs_of(node)) {
    const Source source = ParseSource(input);
    const bool mapped = !input_map_.empty() && input_map_.contains(source);
    *edge = {mapped ? -1 : IndexOf(source.node), source.index};
    if (!mapped && edge->node < 0) {
      return InvalidImport("Node '", node.name, "': Unknown input node '", input, "'");
    }
    ++edge;
  }
  return absl::OkStatus();
}

bool Importer::HasLoopInput(const NodeView& merge) const {
  const auto inputs = def_.inputs_of(merge);
  return std::any_of(inputs.begin(), inputs.end(), [this](std::string_view input) {
    const Source source = ParseSource(input);
    const int from = IndexOf(source.node);
    return source.index != kControlIndex && from >= 0 && def_.op_of(view(from)).is_next_iteration;
  });
}

int Importer::NumControlInputs(const NodeView& node) const {
  const auto inputs = def_.inputs_of(node);
  return static_cast<int>(std::count_if(inputs.begin(), inputs.end(),
                                        [](std::string_view s) { return s.starts_with('^'); }));
}

}  // namespace weft
