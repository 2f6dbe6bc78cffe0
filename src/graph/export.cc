// SPDX-License-Identifier: Apache-2.0
// Graph::AsGraphDef.
#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/function_body.h"
#include "src/graph/graph_io.h"
#include "src/graph/proto_convert.h"

namespace weft {
namespace {

void AddInputs(const Node& node, proto::NodeDef* def) {
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const Tensor& t = node.inputs[i];
    if (!t.valid()) {
      ThrowError(Code::kFailedPrecondition,
                 StrCat("input ", i, " of node '", node.name, "' (op type ", node.type(),
                        ") is not set yet: the loop that it belongs to is not finished"),
                 node.name, node.type());
    }
    // The first output goes without its number.
    def->add_input(t.index() == 0 ? t.node()->name : t.name());
  }
  std::vector<std::string> control;
  for (const Node* n : node.control_inputs) control.push_back("^" + n->name);
  std::sort(control.begin(), control.end());
  for (std::string& c : control) def->add_input(std::move(c));
}

void NodeToProto(const Node& node, bool add_shapes, proto::NodeDef* def) {
  def->set_name(node.name);
  def->set_op(node.type());
  def->set_device(node.device);
  AddInputs(node, def);
  for (const auto& [name, value] : *node.attrs) AttrToProto(value, &(*def->mutable_attr())[name]);
  OpToCall(def);
  if (add_shapes && node.num_outputs() > 0) {
    AttrToProto(node.output_shapes, &(*def->mutable_attr())["_output_shapes"]);
  }
}

}  // namespace

GraphDef Graph::AsGraphDef(bool add_shapes) const {
  std::lock_guard lock(impl_->mu());
  proto::GraphDef def;
  const ImportedExtras* extras = ImportedExtras::Find(*impl_);
  def.mutable_node()->Reserve(impl_->num_nodes());
  for (const auto& node : impl_->nodes()) {
    proto::NodeDef* node_def = def.add_node();
    if (extras) {
      auto it = extras->nodes.find(node.get());
      if (it != extras->nodes.end()) *node_def = it->second;
    }
    NodeToProto(*node, add_shapes, node_def);
  }
  if (impl_->library) *def.mutable_library() = *impl_->library;
  def.mutable_versions()->set_producer(impl_->producer);
  def.mutable_versions()->set_min_consumer(impl_->min_consumer);
  if (extras) {
    for (const int v : extras->bad_consumers) def.mutable_versions()->add_bad_consumers(v);
  }
  return GraphDef(std::move(def));
}

}  // namespace weft
