// SPDX-License-Identifier: Apache-2.0
// FoldConstants.
#include <algorithm>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/graph_util/node_index.h"
#include "src/graph/graph_impl.h"
#include "src/graph/proto_convert.h"
#include "weft/framework/graph_util.h"

namespace weft::graph_util {
namespace {

// Ops whose meaning is more than a function of their inputs' values.
bool MayBeFolded(const Node& node) {
  static const auto* const excluded = new std::set<std::string, std::less<>>{
      "Const", "Placeholder", "PlaceholderWithDefault", "PlaceholderV2", "Switch", "Merge",
      "Enter", "Exit",        "NextIteration",          "LoopCond",      "RefExit"};
  if (node.def->is_stateful() || node.num_outputs() == 0 || excluded->contains(node.type())) {
    return false;
  }
  if (node.inputs.empty() || !node.control_inputs.empty()) return false;
  return std::all_of(node.output_types.begin(), node.output_types.end(),
                     [](DataType t) { return !IsRef(t) && t != kResource && t != kVariant; });
}

class ConstantFolder {
 public:
  ConstantFolder(proto::GraphDef def, const Graph& graph, const FoldConstantsOptions& options)
      : def_(std::move(def)), graph_(graph), options_(options) {}

  absl::StatusOr<proto::GraphDef> Run(const std::vector<std::string>& outputs) {
    Evaluate();
    WEFT_ASSIGN_OR_RETURN(const NodeIndex index, NodeIndex::Make(def_));
    for (const proto::NodeDef& node : def_.node()) names_.insert(node.name());
    // Single outputs keep the name of their node; several get one each.
    std::unordered_map<std::string, std::string> moved;  // "split:1" -> "split-folded-1"
    const int n = def_.node_size();
    for (int i = 0; i < n; ++i) {
      const Node* node = graph_.impl().FindNode(def_.node(i).name());
      if (!node || !folded_.contains(node)) continue;
      if (node->num_outputs() == 1) {
        StoreInPlace(*node, def_.mutable_node(i));
        continue;
      }
      for (int o = 0; o < node->num_outputs(); ++o) {
        const std::string output = o == 0 ? node->name : StrCat(node->name, ":", o);
        moved[output] = StoreAside(*node, o, def_.node(i).device());
      }
    }
    for (int i = 0; i < n; ++i) {
      for (std::string& input : *def_.mutable_node(i)->mutable_input()) {
        auto it = moved.find(ParseSource(input).ToString());
        if (it != moved.end()) input = it->second;
      }
    }
    return SubGraph(def_, outputs);
  }

 private:
  // In the order of the graph, in which inputs come first.
  void Evaluate() {
    for (const auto& node : graph_.impl().nodes()) {
      if (node->type() == "Const") {
        const Array* value = node->FindAttrOf<Array>("value");
        if (value) values_[Tensor(node.get(), 0)] = *value;
        continue;
      }
      if (!MayBeFolded(*node)) continue;
      std::vector<Array> outputs;
      if (!FromShape(*node, &outputs) && !FromInputs(*node, &outputs)) continue;
      for (int o = 0; o < node->num_outputs(); ++o) {
        values_[Tensor(node.get(), o)] = std::move(outputs[static_cast<size_t>(o)]);
      }
      folded_.insert(node.get());
    }
  }

  // Shape, ShapeN, Size and Rank follow from static shapes alone.
  static bool FromShape(const Node& node, std::vector<Array>* outputs) {
    const std::string& type = node.type();
    if (type != "Shape" && type != "ShapeN" && type != "Size" && type != "Rank") return false;
    for (int o = 0; o < node.num_outputs(); ++o) {
      const Array* value = ConstantValue(Tensor(const_cast<Node*>(&node), o));
      if (!value) return outputs->clear(), false;
      outputs->push_back(*value);
    }
    return true;
  }

  bool FromInputs(const Node& node, std::vector<Array>* outputs) {
    std::vector<Array> inputs;
    size_t input_bytes = 0;
    for (const Tensor& t : node.inputs) {
      auto it = values_.find(t);
      if (it == values_.end()) return false;
      input_bytes += it->second.num_bytes();
      inputs.push_back(it->second);
    }
    const auto limit = std::max(
        static_cast<size_t>(std::max<int64_t>(options_.max_constant_bytes, 0)), input_bytes);
    if (StaticBytes(node) > limit) return false;
    if (!EvaluateNode(node, inputs, outputs)) return outputs->clear(), false;
    size_t output_bytes = 0;
    for (const Array& a : *outputs) {
      if (!a.valid()) return false;
      output_bytes += a.num_bytes();
    }
    return outputs->size() == node.output_types.size() && output_bytes <= limit;
  }

  // What is known beforehand of the size of a node's outputs.
  static size_t StaticBytes(const Node& node) {
    size_t bytes = 0;
    for (size_t o = 0; o < node.output_shapes.size(); ++o) {
      const int64_t n = node.output_shapes[o].num_elements();
      if (n > 0) bytes += static_cast<size_t>(n) * DTypeSize(node.output_types[o]);
    }
    return bytes;
  }

  void StoreInPlace(const Node& node, proto::NodeDef* def) {
    proto::NodeDef stored = ConstOf(node.name, values_.at(Tensor(const_cast<Node*>(&node), 0)));
    stored.set_device(def->device());
    auto shapes = def->attr().find("_output_shapes");
    if (shapes != def->attr().end()) (*stored.mutable_attr())["_output_shapes"] = shapes->second;
    *def = std::move(stored);
  }

  std::string StoreAside(const Node& node, int output, const std::string& device) {
    std::string name = StrCat(node.name, "-folded-", output);
    while (!names_.insert(name).second) name += "_1";
    proto::NodeDef stored = ConstOf(name, values_.at(Tensor(const_cast<Node*>(&node), output)));
    stored.set_device(device);
    *def_.add_node() = std::move(stored);
    return name;
  }

  static proto::NodeDef ConstOf(const std::string& name, const Array& value) {
    proto::NodeDef node;
    node.set_name(name);
    node.set_op("Const");
    (*node.mutable_attr())["dtype"].set_type(static_cast<proto::DataType>(value.dtype()));
    ArrayToProto(value, (*node.mutable_attr())["value"].mutable_tensor());
    return node;
  }

  proto::GraphDef def_;
  const Graph& graph_;
  const FoldConstantsOptions& options_;
  std::unordered_map<Tensor, Array> values_;
  std::unordered_set<const Node*> folded_;
  std::unordered_set<std::string> names_;
};

}  // namespace

GraphDef FoldConstants(const GraphDef& def, const std::vector<std::string>& output_node_names,
                       const FoldConstantsOptions& options) {
  GraphDef used(ValueOrThrow(SubGraph(def.proto(), output_node_names)));
  const Graph graph;
  ImportGraphDef(used, {.prefix = ""}, graph);
  return GraphDef(ValueOrThrow(
      ConstantFolder(std::move(used.mutable_proto()), graph, options).Run(output_node_names)));
}

}  // namespace weft::graph_util
