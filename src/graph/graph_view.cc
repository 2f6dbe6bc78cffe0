// SPDX-License-Identifier: Apache-2.0
#include "src/graph/graph_view.h"

#include <string>
#include <utility>

#include "src/graph/attr_wire.h"
#include "src/graph/proto_convert.h"
#include "src/graph/wire.h"

namespace weft {
namespace {

// Tags of a NodeDef's fields, and of a GraphDef's nodes.
constexpr char kName = 1 << 3 | wire::kLengthDelimited;
constexpr char kOp = 2 << 3 | wire::kLengthDelimited;
constexpr char kInput = 3 << 3 | wire::kLengthDelimited;
constexpr char kDevice = 4 << 3 | wire::kLengthDelimited;
constexpr char kAttr = 5 << 3 | wire::kLengthDelimited;
constexpr char kNode = 1 << 3 | wire::kLengthDelimited;

// The longest number that the parser takes for a length.
constexpr size_t kMaxLengthBytes = 5;

// Nodes are one level deep in a graph.
constexpr int kNodeNesting = kMaxProtoNesting - 1;

// Takes the length and the payload of a field. False if there are fewer bytes.
bool TakePayload(std::string_view* bytes, std::string_view* payload) {
  const size_t before = bytes->size();
  uint64_t length = 0;
  if (!wire::TakeVarint(bytes, &length)) return false;
  if (before - bytes->size() > kMaxLengthBytes || length > bytes->size()) return false;
  *payload = bytes->substr(0, length);
  bytes->remove_prefix(length);
  return true;
}

// Sets of more bytes are alike only if written alike: to compare entries in any order takes the
// square of their number, and a file may hold any number of them.
constexpr size_t kMostUnorderedBytes = 1024;

// A hash of the fields of a message that doesn't depend on their order.
uint64_t HashEntries(std::string_view bytes) {
  uint64_t hash = 0;
  wire::FieldReader reader(bytes);
  for (wire::Field f; reader.Next(&f);) hash += HashText(f.whole);
  return hash;
}

// Have these the same fields, in any order? In the first, all fields differ.
bool SameEntries(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  wire::FieldReader reader(a);
  for (wire::Field f; reader.Next(&f);) {
    wire::FieldReader others(b);
    wire::Field other;
    do {
      if (!others.Next(&other)) return false;
    } while (other.whole != f.whole);
  }
  return true;
}

}  // namespace

GraphView::GraphView() : rest_(&proto::GraphDef::default_instance()) {}

GraphView::GraphView(const proto::GraphDef& def, const ConstValues& values) : rest_(&def) {
  AddMessages(def, values);
}

void GraphView::AddMessages(const proto::GraphDef& def, const ConstValues& values) {
  nodes_.reserve(static_cast<size_t>(def.node_size()));
  attr_sets_.reserve(static_cast<size_t>(def.node_size()));
  for (const proto::NodeDef& node : def.node()) {
    const auto value = values.empty() ? values.end() : values.find(node.name());
    AddMessage(node, value == values.end() ? nullptr : &value->second);
  }
}

bool GraphView::AddField(std::string_view field, std::string_view node) {
  const bool plain = field.front() == kNode && field.size() - node.size() <= 1 + kMaxLengthBytes;
  if (plain) return AddNode(node, nullptr);
  auto* def = google::protobuf::Arena::CreateMessage<proto::GraphDef>(&arena_);
  if (!ParseProto(field, def) || def->node_size() != 1) return false;
  AddMessage(def->node(0), nullptr);
  return true;
}

bool GraphView::AddNode(std::string_view bytes, const Array* value) {
  NodeView node;
  std::string_view op, attrs;
  if (!ReadPlain(bytes, &node, &op, &attrs)) {
    auto* message = google::protobuf::Arena::CreateMessage<proto::NodeDef>(&arena_);
    if (!ParseProto(bytes, message, kNodeNesting)) return false;
    AddMessage(*message, value);
    return true;
  }
  node.bytes = bytes;
  node.value = value;
  node.op = InternOp(op);
  node.attrs = InternAttrs(node.op, attrs, /*shareable=*/value == nullptr);
  if (node.attrs < 0) return false;
  nodes_.push_back(node);
  return true;
}

bool GraphView::SetRest(std::string_view fields) {
  auto* rest = google::protobuf::Arena::CreateMessage<proto::GraphDef>(&arena_);
  rest_ = rest;
  return ParseProto(fields, rest);
}

bool GraphView::SetWhole(std::string_view bytes) {
  nodes_.clear();
  inputs_.clear();
  attr_sets_.clear();
  spellings_.clear();
  spelling_numbers_.Clear();
  set_numbers_.Clear();
  if (!SetRest(bytes)) return false;
  AddMessages(*rest_, {});
  return true;
}

bool GraphView::ReadPlain(std::string_view bytes, NodeView* node, std::string_view* op,
                          std::string_view* attrs) {
  const size_t first_input = inputs_.size();
  bool has_name = false, has_op = false, has_device = false, usual = true;
  const char *attrs_begin = nullptr, *attrs_end = nullptr;
  std::string_view rest = bytes, payload;
  const auto take_once = [&](bool* taken, std::string_view* text) {
    usual = !*taken && IsAscii(payload);
    *taken = true;
    *text = payload;
  };
  while (usual && !rest.empty()) {
    const char* const start = rest.data();
    const char tag = rest.front();
    rest.remove_prefix(1);
    usual = (tag & 7) == wire::kLengthDelimited && TakePayload(&rest, &payload);
    if (!usual) break;
    switch (tag) {
      case kName:
        take_once(&has_name, &node->name);
        break;
      case kOp:
        take_once(&has_op, op);
        break;
      case kDevice:
        take_once(&has_device, &node->device);
        break;
      case kInput:
        usual = IsAscii(payload);
        inputs_.push_back(payload);
        break;
      case kAttr:  // one after the other
        usual = !attrs_end || attrs_end == start;
        if (!attrs_begin) attrs_begin = start;
        attrs_end = rest.data();
        break;
      default:
        usual = false;
    }
  }
  if (!usual) {
    inputs_.resize(first_input);
    *node = {};
    return false;
  }
  node->first_input = static_cast<uint32_t>(first_input);
  node->num_inputs = static_cast<uint32_t>(inputs_.size() - first_input);
  if (attrs_begin) *attrs = {attrs_begin, static_cast<size_t>(attrs_end - attrs_begin)};
  return true;
}

void GraphView::AddMessage(const proto::NodeDef& message, const Array* value) {
  NodeView node;
  node.name = message.name();
  node.device = message.device();
  node.op = InternOp(message.op());
  node.attrs = static_cast<int>(attr_sets_.size());
  attr_sets_.push_back(
      {.messages = &message.attr(), .read = {}, .op = node.op, .uses = 1, .bytes = {}});
  node.first_input = static_cast<uint32_t>(inputs_.size());
  node.num_inputs = static_cast<uint32_t>(message.input_size());
  inputs_.insert(inputs_.end(), message.input().begin(), message.input().end());
  node.message = &message;
  node.value = value;
  nodes_.push_back(node);
}

int GraphView::InternOp(std::string_view name) {
  const uint64_t hash = HashText(name);
  const int* found =
      op_numbers_.Find(hash, [&](int i) { return ops_[static_cast<size_t>(i)].name == name; });
  if (found) return *found;
  const int number = static_cast<int>(ops_.size());
  ops_.push_back({.name = name,
                  .is_merge = name == "Merge" || name == "RefMerge",
                  .is_next_iteration = name == "NextIteration" || name == "RefNextIteration"});
  op_numbers_.Insert(hash, number);
  return number;
}

int GraphView::InternAttrs(int op, std::string_view bytes, bool shareable) {
  if (!shareable) return AddAttrs(op, bytes);
  const uint64_t of_op = static_cast<uint64_t>(op) * 0x9e3779b97f4a7c15ull;
  const uint64_t hash = HashText(bytes) + of_op;
  const auto set_at = [this](int i) -> AttrSet& { return attr_sets_[static_cast<size_t>(i)]; };
  const int* found = spelling_numbers_.Find(hash, [&](int i) {
    const Spelling& spelling = spellings_[static_cast<size_t>(i)];
    return set_at(spelling.set).op == op && spelling.bytes == bytes;
  });
  if (found) {
    const int number = spellings_[static_cast<size_t>(*found)].set;
    ++set_at(number).uses;
    return number;
  }
  const bool unordered = bytes.size() <= kMostUnorderedBytes;
  uint64_t entries_hash = 0;
  if (unordered) {
    entries_hash = HashEntries(bytes) + of_op;
    found = set_numbers_.Find(entries_hash, [&](int i) {
      return set_at(i).op == op && SameEntries(set_at(i).bytes, bytes);
    });
  }
  int number = 0;
  if (found) {
    number = *found;
    ++set_at(number).uses;
  } else {
    number = AddAttrs(op, bytes);
    if (number < 0) return number;
    // In a message, one entry may have replaced another of the same key.
    if (unordered && !set_at(number).messages) set_numbers_.Insert(entries_hash, number);
  }
  spelling_numbers_.Insert(hash, static_cast<int>(spellings_.size()));
  spellings_.push_back({bytes, number});
  return number;
}

int GraphView::AddAttrs(int op, std::string_view bytes) {
  AttrSet set{.messages = nullptr, .read = {}, .op = op, .uses = 1, .bytes = bytes};
  if (!ReadAttrs(bytes, &set.read)) {
    set.read.clear();
    auto* message = google::protobuf::Arena::CreateMessage<proto::NodeDef>(&arena_);
    if (!ParseProto(bytes, message, kNodeNesting)) return -1;
    set.messages = &message->attr();
  }
  attr_sets_.push_back(std::move(set));
  return static_cast<int>(attr_sets_.size()) - 1;
}

proto::GraphDef GraphView::ToMessage() const {
  proto::GraphDef def = *rest_;
  def.mutable_node()->Clear();
  for (const NodeView& node : nodes_) {
    if (node.message) {
      *def.add_node() = *node.message;
    } else {
      ParseProto(node.bytes, def.add_node(), kNodeNesting);  // as it was parsed before
    }
  }
  return def;
}

ConstValues GraphView::Values() const {
  ConstValues values;
  for (const NodeView& node : nodes_) {
    if (node.value) values.emplace(std::string(node.name), *node.value);
  }
  return values;
}

}  // namespace weft
