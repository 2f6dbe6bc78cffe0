// SPDX-License-Identifier: Apache-2.0
// Node: what an Operation handle points to.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "weft/graph/attr_value.h"
#include "weft/graph/op_def.h"
#include "weft/graph/tensor.h"

namespace weft {

class GraphImpl;

// A node's attributes. Nodes that came with the same ones share them, until one's are changed:
// copies are cheap.
class NodeAttrs {
 public:
  NodeAttrs() = default;  // none
  explicit NodeAttrs(AttrMap attrs) : map_(std::make_shared<AttrMap>(std::move(attrs))) {}

  const AttrMap& operator*() const { return map_ ? *map_ : None(); }
  const AttrMap* operator->() const { return &**this; }
  // For changes, which no other node sees. What was found by an earlier look may be gone.
  AttrMap& Mutable() {
    if (!map_ || map_.use_count() > 1) map_ = std::make_shared<AttrMap>(**this);
    return *map_;
  }

 private:
  static const AttrMap& None();
  std::shared_ptr<AttrMap> map_;
};

// What nodes of one op have in common if they are given the same attributes: kept from one such
// node to the next, so that it is found out once. AddNode fills in all but `given`.
struct NodeKind {
  AttrMap given;
  // Of the node added last: the dtypes of its inputs as they came, and what followed from them.
  std::vector<DataType> actual_inputs;
  NodeAttrs attrs;
  std::shared_ptr<const DataType[]> types;  // nullptr: no node was added yet
  size_t num_inputs = 0, num_outputs = 0;
};

// Fields are set while the node is added and don't change afterwards, but for output_shapes
// (refined by set_shape and SetInput), attrs (private ones that begin with '_'), device and the
// consumer lists, which GraphImpl guards.
struct Node {
  GraphImpl* graph = nullptr;
  int id = 0;  // the order of creation
  std::string name;
  const OpDef* def = nullptr;
  NodeAttrs attrs;
  std::string device;  // as asked for
  std::vector<Tensor> inputs;
  std::vector<Node*> control_inputs;
  std::shared_ptr<const DataType[]> types;  // of inputs and outputs:
  std::span<const DataType> input_types;    // as the op declares them: a reference only if needed
  std::span<const DataType> output_types;   // references marked
  std::vector<PartialShape> output_shapes;
  std::vector<std::vector<HandleData>> output_handles;  // empty, or one for each output
  absl::InlinedVector<Node*, 2> consumers;              // once for each input edge
  std::vector<Node*> control_consumers;

  const std::string& type() const { return def->name(); }
  int num_outputs() const { return static_cast<int>(output_types.size()); }
  const AttrValue* FindAttr(std::string_view attr_name) const {
    auto it = attrs->find(attr_name);
    return it == attrs->end() ? nullptr : &it->second;
  }
  template <typename T>
  const T* FindAttrOf(std::string_view attr_name) const {
    const AttrValue* v = FindAttr(attr_name);
    return v ? v->Get<T>() : nullptr;
  }
  // What lies behind an output that is a resource; nullptr if nothing is known.
  const std::vector<HandleData>* HandlesOf(int output) const {
    const auto i = static_cast<size_t>(output);
    return i < output_handles.size() && !output_handles[i].empty() ? &output_handles[i] : nullptr;
  }
  void SetHandles(int output, std::vector<HandleData> handles) {
    output_handles.resize(output_types.size());
    output_handles[static_cast<size_t>(output)] = std::move(handles);
  }
};

// A request for a node. Inputs are flat, in the order of the op's arguments.
struct NodeSpec {
  std::string op;
  const OpDef* def = nullptr;  // of `op`, which may be left out then
  std::string name;            // taken as it is; must be free
  std::vector<Tensor> inputs;
  std::vector<Node*> control_inputs;
  AttrMap attrs;
  NodeKind* kind = nullptr;  // if not null, holds the attributes in place of `attrs`
  std::string device;
  // Inputs that come later by SetInput (a loop's back edge): an invalid Tensor in `inputs`, and
  // here the dtype expected.
  std::vector<DataType> missing_input_types;
  // Error texts of GraphDef import instead of those of op construction.
  bool imported = false;
};

// Sets attrs, input_types and output_types of a node from those given (`attrs`), the inputs and
// defaults, and checks them.
absl::Status ResolveTypes(const NodeSpec& spec, const OpDef& def, AttrMap attrs, Node* node);

// The dtype of an input as it comes: that of its tensor, or of one that is still missing.
DataType ActualInputType(const NodeSpec& spec, size_t i);

// [first, second) of the node's inputs that belong to the argument; {0, 0} if it has none of this
// name.
std::pair<int, int> InputRange(const Node& node, std::string_view arg);

// Runs the op's shape function for a new node; sets its output_shapes and output_handles.
absl::Status InferShapes(Node* node);

// The value of a tensor if it follows from constants alone; nullptr otherwise. Owned by the graph.
const Array* ConstantValue(const Tensor& t);

// What is known of a vector (or scalar) of sizes: see ShapeContext::input_as_shape.
absl::StatusOr<PartialShape> ConstantValueAsShape(const Tensor& t);

// Computes a stateless node on the CPU from these inputs. False if there is no kernel for it or it
// fails. Defined in src/runtime/constant_evaluator.cc: the graph layer knows no kernels.
bool EvaluateNode(const Node& node, const std::vector<Array>& inputs, std::vector<Array>* outputs);

}  // namespace weft
