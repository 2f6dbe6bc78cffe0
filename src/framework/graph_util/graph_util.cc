// SPDX-License-Identifier: Apache-2.0
// Functions of graph_util.h that choose nodes.
#include "weft/framework/graph_util.h"

#include <algorithm>
#include <functional>
#include <set>
#include <unordered_set>
#include <utility>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/graph_util/node_index.h"
#include "weft/graph/attr_value.h"

namespace weft::graph_util {

absl::StatusOr<NodeIndex> NodeIndex::Make(const proto::GraphDef& def) {
  NodeIndex index(def);
  index.by_name_.reserve(static_cast<size_t>(def.node_size()));
  for (int i = 0; i < def.node_size(); ++i) {
    if (!index.by_name_.emplace(def.node(i).name(), i).second) {
      return absl::InvalidArgumentError(
          StrCat("Duplicate node names detected for ", def.node(i).name()));
    }
  }
  return index;
}

std::string_view ColocatedNode(std::string_view group) {
  if (group.starts_with("loc:@")) group.remove_prefix(5);
  return group;
}

namespace {

// Calls visit(name) for the node of each input of a node and for those that it is colocated with.
template <typename Visit>
void ForEachNeeded(const proto::NodeDef& node, Visit visit) {
  for (const std::string& input : node.input()) visit(ParseSource(input).node);
  auto it = node.attr().find("_class");
  if (it == node.attr().end()) return;
  for (const std::string& group : it->second.list().s()) visit(ColocatedNode(group));
}

proto::GraphDef WithoutNodes(const proto::GraphDef& def) {
  proto::GraphDef out;
  if (def.has_library()) *out.mutable_library() = def.library();
  if (def.has_versions()) *out.mutable_versions() = def.versions();
  return out;
}

}  // namespace

absl::StatusOr<proto::GraphDef> SubGraph(const proto::GraphDef& def,
                                         const std::vector<std::string>& dest_nodes) {
  WEFT_ASSIGN_OR_RETURN(const NodeIndex index, NodeIndex::Make(def));
  std::vector<char> keep(static_cast<size_t>(def.node_size()));
  std::vector<int> todo;
  for (const std::string& name : dest_nodes) {
    const int i = index.Find(name);
    if (i < 0) return absl::InvalidArgumentError(StrCat(name, " is not in graph"));
    todo.push_back(i);
  }
  absl::Status status;
  while (!todo.empty()) {
    const int i = todo.back();
    todo.pop_back();
    if (std::exchange(keep[static_cast<size_t>(i)], 1)) continue;
    const proto::NodeDef& node = def.node(i);
    ForEachNeeded(node, [&](std::string_view name) {
      const int needed = index.Find(name);
      if (needed >= 0) return todo.push_back(needed);
      status.Update(
          absl::InvalidArgumentError(StrCat("Node '", node.name(), "' (op type ", node.op(),
                                            ") needs '", name, "', which is not in graph")));
    });
    WEFT_RETURN_IF_ERROR(status);
  }
  proto::GraphDef out = WithoutNodes(def);
  for (int i = 0; i < def.node_size(); ++i) {
    if (keep[static_cast<size_t>(i)]) *out.add_node() = def.node(i);
  }
  return out;
}

GraphDef ExtractSubGraph(const GraphDef& def, const std::vector<std::string>& dest_nodes) {
  return GraphDef(ValueOrThrow(SubGraph(def.proto(), dest_nodes)));
}

namespace {

// What takes the place of the output of each node that goes.
using Replacements = std::map<std::string, std::string, std::less<>>;

// Inputs that name a removed node name what stands for it; control inputs from one are left out.
absl::Status Splice(const Replacements& replacements, const proto::NodeDef& node,
                    proto::NodeDef* out) {
  *out = node;
  out->clear_input();
  for (const std::string& input : node.input()) {
    std::string_view source = input;
    if (input.starts_with('^')) {
      if (!replacements.contains(std::string_view(input).substr(1))) out->add_input(input);
      continue;
    }
    // A chain has at most as many links as there are replacements.
    size_t links = 0;
    for (auto it = replacements.find(ParseSource(source).node); it != replacements.end();
         it = replacements.find(ParseSource(source).node)) {
      source = it->second;
      if (++links > replacements.size()) {
        return absl::InvalidArgumentError(
            StrCat("Node '", node.name(), "': its input '", input, "' is part of a cycle"));
      }
    }
    out->add_input(std::string(source));
  }
  return absl::OkStatus();
}

absl::StatusOr<proto::GraphDef> Remove(const proto::GraphDef& def,
                                       const Replacements& replacements) {
  proto::GraphDef out = WithoutNodes(def);
  for (const proto::NodeDef& node : def.node()) {
    if (replacements.contains(node.name())) continue;
    WEFT_RETURN_IF_ERROR(Splice(replacements, node, out.add_node()));
  }
  return out;
}

absl::StatusOr<proto::GraphDef> RemoveTraining(const proto::GraphDef& def,
                                               const std::set<std::string>& protected_nodes) {
  Replacements checks;
  for (const proto::NodeDef& node : def.node()) {
    if (node.op() != "CheckNumerics" || protected_nodes.contains(node.name())) continue;
    if (node.input_size() > 0) checks.emplace(node.name(), node.input(0));
  }
  WEFT_ASSIGN_OR_RETURN(proto::GraphDef kept, Remove(def, checks));

  std::unordered_set<std::string_view> ordered, colocated;
  for (const proto::NodeDef& node : kept.node()) {
    for (const std::string& input : node.input()) {
      if (!input.starts_with('^')) continue;
      ordered.insert(std::string_view(input).substr(1));
      ordered.insert(node.name());
    }
    auto it = node.attr().find("_class");
    if (it == node.attr().end()) continue;
    for (const std::string& group : it->second.list().s()) colocated.insert(ColocatedNode(group));
  }
  Replacements identities;
  for (const proto::NodeDef& node : kept.node()) {
    if (node.op() != "Identity" || node.input_size() == 0) continue;
    if (protected_nodes.contains(node.name()) || ordered.contains(node.name()) ||
        colocated.contains(node.name())) {
      continue;
    }
    identities.emplace(node.name(), node.input(0));
  }
  return Remove(kept, identities);
}

proto::NodeDef PlaceholderFor(const proto::NodeDef& node, DataType dtype) {
  proto::NodeDef out;
  out.set_op("Placeholder");
  out.set_name(node.name());
  (*out.mutable_attr())["dtype"].set_type(static_cast<proto::DataType>(dtype));
  for (const char* name : {"_output_shapes", "shape"}) {
    auto it = node.attr().find(name);
    if (it != node.attr().end()) (*out.mutable_attr())[name] = it->second;
  }
  return out;
}

absl::StatusOr<proto::GraphDef> Strip(const proto::GraphDef& def,
                                      const std::vector<std::string>& inputs,
                                      const std::vector<std::string>& outputs,
                                      const std::vector<DataType>& types) {
  if (types.size() != 1 && types.size() != inputs.size()) {
    return absl::InvalidArgumentError(StrCat("StripUnused: ", types.size(), " types for ",
                                             inputs.size(), " inputs; give one, or one each"));
  }
  std::map<std::string_view, DataType> fed;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].find(':') != std::string::npos) {
      return absl::InvalidArgumentError(
          StrCat("Name '", inputs[i], "' appears to refer to a Tensor, not an Operation."));
    }
    fed.emplace(inputs[i], types.size() == 1 ? types[0] : types[i]);
  }
  proto::GraphDef replaced = WithoutNodes(def);
  for (const proto::NodeDef& node : def.node()) {
    auto it = fed.find(node.name());
    *replaced.add_node() = it == fed.end() ? node : PlaceholderFor(node, it->second);
    if (it != fed.end()) fed.erase(it);
  }
  if (!fed.empty()) {
    return absl::InvalidArgumentError(StrCat(
        "The following input nodes were not found: {",
        StrJoin(fed, ", ", [](auto* s, const auto& e) { StrAppend(s, "'", e.first, "'"); }), "}."));
  }
  return SubGraph(replaced, outputs);
}

}  // namespace

GraphDef RemoveTrainingNodes(const GraphDef& def, const std::vector<std::string>& protected_nodes) {
  return GraphDef(ValueOrThrow(RemoveTraining(
      def.proto(), std::set<std::string>(protected_nodes.begin(), protected_nodes.end()))));
}

GraphDef StripUnused(const GraphDef& def, const std::vector<std::string>& input_node_names,
                     const std::vector<std::string>& output_node_names,
                     const std::vector<DataType>& placeholder_types) {
  return GraphDef(
      ValueOrThrow(Strip(def.proto(), input_node_names, output_node_names, placeholder_types)));
}

bool MustRunOnCpu(const Operation& op, bool pin_variables_on_cpu) {
  static constexpr std::string_view kVariableOps[] = {
      "Assign",     "AssignAdd",     "AssignSub",       "Queue",    "ScatterAdd",
      "ScatterSub", "ScatterUpdate", "TruncatedNormal", "Variable", "VariableV2"};
  const std::string& type = op.type();
  if (pin_variables_on_cpu &&
      std::find(std::begin(kVariableOps), std::end(kVariableOps), type) != std::end(kVariableOps)) {
    return true;
  }
  const auto has_type = [&](const char* attr, DataType dtype) {
    const DataType* t = op.has_attr(attr) ? op.attr(attr).Get<DataType>() : nullptr;
    return t && *t == dtype;
  };
  if (type == "Const") return has_type("dtype", kString) || has_type("dtype", kInt32);
  if (type == "DynamicStitch" || type == "ParallelDynamicStitch") return has_type("T", kInt32);
  return type == "Cast" && has_type("SrcT", kInt32);
}

PartialShape TensorShapeFromNodeDefName(const Graph& graph, std::string_view input_name) {
  const bool has_index = input_name.find(':') != std::string_view::npos;
  return graph.TensorByName(has_index ? std::string(input_name) : StrCat(input_name, ":0")).shape();
}

GraphDef OptimizeForInference(const GraphDef& def, const std::vector<std::string>& input_node_names,
                              const std::vector<std::string>& output_node_names,
                              const std::vector<DataType>& placeholder_types) {
  const GraphDef stripped =
      StripUnused(def, input_node_names, output_node_names, placeholder_types);
  const GraphDef pruned = RemoveTrainingNodes(stripped, output_node_names);
  return FoldBatchNorms(FoldConstants(pruned, output_node_names));
}

}  // namespace weft::graph_util
