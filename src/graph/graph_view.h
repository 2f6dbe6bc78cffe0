// SPDX-License-Identifier: Apache-2.0
// A GraphDef as an import reads it: its nodes are views of serialised bytes, or of a message.
//
// Most of the nodes of a serialised graph are read from the bytes as they lie there, and attributes
// that several nodes have in common become messages once. Whatever is not in the form in which
// protocol buffers are usually written (fields that are unknown or come twice, text beyond ASCII)
// is left to the parser, so that what is a GraphDef, and which one, is for the parser to say.
#pragma once

#include <google/protobuf/arena.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proto/weft/graph.pb.h"
#include "src/graph/hash_slots.h"
#include "weft/core/array.h"
#include "weft/graph/attr_value.h"

namespace weft {

// Values of Const nodes by name.
using ConstValues = std::unordered_map<std::string, Array>;

using AttrProtos = google::protobuf::Map<std::string, proto::AttrValue>;

struct NodeView {
  std::string_view name, device;
  int op = 0;     // number of its OpView
  int attrs = 0;  // number of its AttrSet
  uint32_t first_input = 0, num_inputs = 0;
  const proto::NodeDef* message = nullptr;  // of a node that is held as a message
  std::string_view bytes;                   // of one that is not
  const Array* value = nullptr;             // stands for the attribute "value" of a Const
};

struct OpView {
  std::string_view name;
  bool is_merge = false, is_next_iteration = false;
};

// The attributes that the GraphDef gives to nodes of one op: as messages, or where these are
// nullptr, as they were read.
struct AttrSet {
  const AttrProtos* messages = nullptr;
  AttrMap read;
  int op = 0;
  int uses = 0;            // the nodes that have it
  std::string_view bytes;  // serialised; empty if the node is held as a message
};

// Views stay valid as long as the bytes (or the message) and the GraphView do.
class GraphView {
 public:
  // No nodes yet.
  GraphView();
  // Of a message. The values stand for those of the Const nodes of these names.
  GraphView(const proto::GraphDef& def, const ConstValues& values);
  GraphView(const GraphView&) = delete;
  GraphView& operator=(const GraphView&) = delete;

  // The next node, from a serialised GraphDef's field, or from a node's bytes and a value that
  // stands for its attribute "value". False if the bytes are none.
  bool AddField(std::string_view field, std::string_view node);
  bool AddNode(std::string_view node, const Array* value);
  // What the GraphDef has besides nodes.
  bool SetRest(std::string_view fields);
  // A whole GraphDef, in place of what was there: in a form that only the parser reads.
  bool SetWhole(std::string_view bytes);

  const std::vector<NodeView>& nodes() const { return nodes_; }
  int num_nodes() const { return static_cast<int>(nodes_.size()); }
  const OpView& op_of(const NodeView& node) const { return ops_[static_cast<size_t>(node.op)]; }
  std::span<const std::string_view> inputs_of(const NodeView& node) const {
    return std::span(inputs_).subspan(node.first_input, node.num_inputs);
  }
  size_t num_inputs() const { return inputs_.size(); }  // of all nodes
  const AttrSet& attrs_of(const NodeView& node) const {
    return attr_sets_[static_cast<size_t>(node.attrs)];
  }
  // AttrSet::read, which then is empty.
  AttrMap TakeReadAttrs(const NodeView& node) {
    return std::move(attr_sets_[static_cast<size_t>(node.attrs)].read);
  }
  const std::vector<OpView>& ops() const { return ops_; }
  const std::vector<AttrSet>& attr_sets() const { return attr_sets_; }
  const proto::VersionDef& versions() const { return rest_->versions(); }
  bool has_library() const { return rest_->has_library(); }
  const proto::FunctionDefLibrary& library() const { return rest_->library(); }
  // The GraphDef, without the values that lie outside, and these by the names of their nodes.
  proto::GraphDef ToMessage() const;
  ConstValues Values() const;

 private:
  // False if the node is not in the usual form; then nothing has changed.
  bool ReadPlain(std::string_view bytes, NodeView* node, std::string_view* op,
                 std::string_view* attrs);
  void AddMessage(const proto::NodeDef& message, const Array* value);
  void AddMessages(const proto::GraphDef& def, const ConstValues& values);
  int InternOp(std::string_view name);
  // -1 if the bytes are no attributes.
  int InternAttrs(int op, std::string_view bytes, bool shareable);
  int AddAttrs(int op, std::string_view bytes);

  google::protobuf::Arena arena_;
  const proto::GraphDef* rest_;
  std::vector<NodeView> nodes_;
  std::vector<std::string_view> inputs_;
  std::vector<OpView> ops_;
  std::vector<AttrSet> attr_sets_;
  HashSlots<int> op_numbers_;
  // Sets that nodes may share: first by all of their bytes, then by their entries, which are in no
  // particular order.
  struct Spelling {
    std::string_view bytes;
    int set;
  };
  std::vector<Spelling> spellings_;
  HashSlots<int> spelling_numbers_, set_numbers_;
};

}  // namespace weft
