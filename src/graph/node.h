// SPDX-License-Identifier: Apache-2.0
// Node: what an Operation handle points to.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "weft/graph/attr_value.h"
#include "weft/graph/op_def.h"
#include "weft/graph/tensor.h"

namespace weft {

class GraphImpl;

// Fields are set while the node is added and don't change afterwards, but for output_shapes
// (refined by set_shape and SetInput), attrs (private ones that begin with '_'), device and the
// consumer lists, which GraphImpl guards.
struct Node {
  GraphImpl* graph = nullptr;
  int id = 0;  // the order of creation
  std::string name;
  const OpDef* def = nullptr;
  AttrMap attrs;
  std::string device;  // as asked for
  std::vector<Tensor> inputs;
  std::vector<Node*> control_inputs;
  std::vector<DataType> input_types;   // as the op declares them: a reference only if it needs one
  std::vector<DataType> output_types;  // references marked
  std::vector<PartialShape> output_shapes;
  std::vector<std::vector<HandleData>> output_handles;  // empty where nothing is known
  std::vector<Node*> consumers;                         // once for each input edge
  std::vector<Node*> control_consumers;

  const std::string& type() const { return def->name(); }
  int num_outputs() const { return static_cast<int>(output_types.size()); }
  const AttrValue* FindAttr(std::string_view attr_name) const {
    auto it = attrs.find(attr_name);
    return it == attrs.end() ? nullptr : &it->second;
  }
  template <typename T>
  const T* FindAttrOf(std::string_view attr_name) const {
    const AttrValue* v = FindAttr(attr_name);
    return v ? v->Get<T>() : nullptr;
  }
};

// A request for a node. Inputs are flat, in the order of the op's arguments.
struct NodeSpec {
  std::string op;
  std::string name;  // taken as it is; must be free
  std::vector<Tensor> inputs;
  std::vector<Node*> control_inputs;
  AttrMap attrs;
  std::string device;
  // Inputs that come later by SetInput (a loop's back edge): an invalid Tensor in `inputs`, and
  // here the dtype expected.
  std::vector<DataType> missing_input_types;
  // Error texts of GraphDef import instead of those of op construction.
  bool imported = false;
};

// Fills in attributes from inputs and defaults, checks them, and computes input_types and
// output_types.
absl::Status ResolveTypes(const NodeSpec& spec, const OpDef& def, Node* node);

// [first, second) of the node's inputs that belong to the argument; {0, 0} if it has none of this
// name.
std::pair<int, int> InputRange(const Node& node, std::string_view arg);

// Runs the op's shape function; refines node->output_shapes and output_handles.
absl::Status InferShapes(Node* node);

// The value of a tensor if it follows from constants alone; nullptr otherwise. Owned by the graph.
const Array* ConstantValue(const Tensor& t);

// What is known of a vector (or scalar) of sizes: see ShapeContext::input_as_shape.
absl::StatusOr<PartialShape> ConstantValueAsShape(const Tensor& t);

// Computes a stateless node on the CPU from these inputs. False if there is no kernel for it or it
// fails. Defined in src/runtime/constant_evaluator.cc: the graph layer knows no kernels.
bool EvaluateNode(const Node& node, const std::vector<Array>& inputs, std::vector<Array>* outputs);

}  // namespace weft
