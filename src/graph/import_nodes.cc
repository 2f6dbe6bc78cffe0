// SPDX-License-Identifier: Apache-2.0
// Of an import: the nodes, their inputs, attributes and names.
#include <algorithm>
#include <utility>

#include "src/core/status.h"
#include "src/graph/importer.h"

namespace weft {
namespace {
constexpr std::string_view kOutputShapes = "_output_shapes";
}  // namespace

absl::Status Importer::AddNodes() {
  const int n = def_.num_nodes();
  graph_.ReserveNodes(static_cast<size_t>(n));
  added_.resize(static_cast<size_t>(n));
  ops_.resize(def_.ops().size());
  kinds_.resize(def_.attr_sets().size());
  int added = 0, next = 0;  // all before `next` are added or wait
  for (;;) {
    int i = 0;
    if (!ready_.empty()) {
      i = ready_.top();
      ready_.pop();
    } else {
      while (next < n && pending_[static_cast<size_t>(next)] > 0) ++next;
      if (next == n) break;
      i = next++;
    }
    const NodeView& node = view(i);
    const OpView& op = def_.op_of(node);
    if (absl::Status s = AddNode(i); !s.ok()) return WithNode(std::move(s), node.name, op.name);
    ++added;
    const auto first = static_cast<size_t>(first_waiting_[static_cast<size_t>(i)]);
    const auto end = static_cast<size_t>(first_waiting_[static_cast<size_t>(i) + 1]);
    for (size_t k = first; k < end; ++k) {
      const int waiting = waiting_[k];
      if (op.is_next_iteration && def_.op_of(view(waiting)).is_merge) continue;
      if (--pending_[static_cast<size_t>(waiting)] == 0 && waiting < next) ready_.push(waiting);
    }
  }
  if (added == n) return absl::OkStatus();
  return InvalidImport(n - added, " nodes in a cycle: ", SomeOfCycle(),
                       "; only a NextIteration may close a cycle, at a Merge");
}

std::string Importer::SomeOfCycle() const {
  std::string names;
  int listed = 0;
  for (int i = 0; i < def_.num_nodes(); ++i) {
    if (added_[static_cast<size_t>(i)]) continue;
    if (++listed > 5) return names + ", ...";
    StrAppend(&names, listed > 1 ? ", '" : "'", view(i).name, "'");
  }
  return names;
}

absl::StatusOr<const OpDef*> Importer::FindOp(const NodeView& def) {
  const std::string_view name = def_.op_of(def).name;
  const OpDef*& op = ops_[static_cast<size_t>(def.op)];
  if (!op) op = graph_.registry().Find(name);
  if (!op) {
    return absl::NotFoundError(StrCat("Op type not registered '", name, "' (node '", def.name,
                                      "'): neither the library nor this program has such an op"));
  }
  if (op->deprecated_at() > 0 && versions_.producer() >= op->deprecated_at()) {
    return absl::UnimplementedError(
        StrCat("Op ", op->name(), " is not available in GraphDef version ", versions_.producer(),
               ". ", op->deprecation(), " (node '", def.name, "')"));
  }
  return op;
}

absl::Status Importer::AddNode(int i) {
  const NodeView& def = view(i);
  WEFT_ASSIGN_OR_RETURN(const OpDef* const op, FindOp(def));
  WEFT_RETURN_IF_ERROR(FindInputs(def));

  Kind& kind = kinds_[static_cast<size_t>(def.attrs)];
  WEFT_RETURN_IF_ERROR(TakeAttrs(def, *op, &kind));
  NodeSpec spec;
  spec.def = op;
  spec.imported = true;
  spec.device = def.device;
  spec.name = FreeName(def.name);
  const size_t first_back_edge = back_edges_.size();
  WEFT_RETURN_IF_ERROR(AttachInputs(def, kind.common.given, &spec));
  AddControlDependencies(&spec);
  if (def_.attrs_of(def).uses > 1) {
    spec.kind = &kind.common;
  } else {
    spec.attrs = std::move(kind.common.given);
  }

  WEFT_ASSIGN_OR_RETURN(Node * node, graph_.AddNode(std::move(spec)));
  for (size_t k = first_back_edge; k < back_edges_.size(); ++k) back_edges_[k].node = node;
  added_[static_cast<size_t>(i)] = node;
  if (may_clash_) {
    std::string wanted = Prefixed(def.name);
    if (node->name != wanted) renamed_.emplace(std::move(wanted), node->name);
  }
  KeepExtras(def, node);
  return TakeOutputShapes(node, &kind);
}

absl::Status Importer::FindInputs(const NodeView& def) {
  inputs_.clear();
  const Edge* edge = edges_.data() + def.first_input;
  std::unordered_set<const Node*> mapped_controls;
  for (const std::string_view text : def_.inputs_of(def)) {
    Input input{edge->output, Tensor(), nullptr, edge->node};
    ++edge;
    if (input.from < 0) {
      const auto mapped = input_map_.find(ParseSource(text));
      used_mappings_.insert(mapped->first);
      input.mapped = mapped->second;
      const bool repeated =
          input.output == kControlIndex && !mapped_controls.insert(input.mapped.node()).second;
      if (!repeated) inputs_.push_back(input);
      continue;
    }
    input.node = added_[static_cast<size_t>(input.from)];
    if (input.node && input.output != kControlIndex && input.output >= input.node->num_outputs()) {
      return WrongOutput(def.name, ParseSource(text), *input.node);
    }
    inputs_.push_back(input);
  }
  return absl::OkStatus();
}

absl::Status Importer::WrongOutput(std::string_view name, const Source& source, const Node& from) {
  return InvalidImport("Node '", name, "': Connecting to invalid output ", source.index,
                       " of source node ", source.node, " which has ", from.num_outputs(),
                       " outputs.");
}

absl::Status Importer::TakeAttrs(const NodeView& def, const OpDef& op, Kind* kind) {
  // Each node counts against the budget, as if it had a value of its own. One that is over it is
  // converted again, for the error.
  if (kind->converted && kind->filled_bytes <= budget_.bytes) {
    budget_.bytes -= kind->filled_bytes;
    return absl::OkStatus();
  }
  const int64_t before = budget_.bytes;
  AttrMap attrs;
  WEFT_RETURN_IF_ERROR(ConvertAttrs(def, op, &attrs));
  kind->converted = true;
  kind->filled_bytes = before - budget_.bytes;
  kind->has_output_shapes = attrs.contains(kOutputShapes);
  kind->common.given = std::move(attrs);
  return absl::OkStatus();
}

absl::Status Importer::ConvertMessages(const NodeView& def, const AttrProtos& messages,
                                       AttrMap* attrs) {
  for (const auto& [name, value] : messages) {
    if (def.value && name == "value") {
      attrs->emplace(name, *def.value);
      continue;
    }
    absl::StatusOr<AttrValue> converted = AttrFromProto(value, &budget_);
    if (!converted.ok()) {
      return absl::Status(converted.status().code(),
                          StrCat("Node '", def.name, "' (op type ", def_.op_of(def).name,
                                 "): attr '", name, "': ", converted.status().message()));
    }
    attrs->emplace(name, *std::move(converted));
  }
  return absl::OkStatus();
}

absl::Status Importer::ConvertAttrs(const NodeView& def, const OpDef& op, AttrMap* attrs) {
  if (const AttrProtos* const messages = def_.attrs_of(def).messages) {
    WEFT_RETURN_IF_ERROR(ConvertMessages(def, *messages, attrs));
  } else {
    *attrs = def_.TakeReadAttrs(def);
  }
  std::string missing;
  for (const AttrDef& attr : op.attrs()) {
    if (attr.default_value || attrs->contains(attr.name)) continue;
    StrAppend(&missing, missing.empty() ? "'" : ", '", attr.name, "'");
  }
  if (!missing.empty()) {
    return InvalidImport("NodeDef missing attr ", missing, " from Op<name=", op.name(),
                         ">; NodeDef: {{node ", def.name, "}}");
  }
  AddPrefixToColocation(attrs);
  return absl::OkStatus();
}

void Importer::AddPrefixToColocation(AttrMap* attrs) const {
  auto it = attrs->find("_class");
  if (prefix_.empty() || it == attrs->end()) return;
  const auto* classes = it->second.Get<std::vector<std::string>>();
  if (!classes) return;
  std::vector<std::string> prefixed = *classes;
  for (std::string& c : prefixed) {
    if (c.starts_with(kColocationPrefix)) {
      c = StrCat(kColocationPrefix, prefix_, "/", c.substr(kColocationPrefix.size()));
    }
  }
  it->second = std::move(prefixed);
}

absl::Status Importer::AttachInputs(const NodeView& def, const AttrMap& attrs, NodeSpec* spec) {
  spec->inputs.reserve(inputs_.size());
  bool missing = false;
  for (const Input& input : inputs_) {
    const bool is_control = input.output == kControlIndex;
    const bool is_back_edge = !input.mapped.valid() && !input.node;
    if (is_back_edge) {
      if (!def_.op_of(def).is_merge) {
        return InvalidImport("Node '", def.name,
                             "' had a back edge, but only Merge nodes can have back edges.");
      }
      back_edges_.push_back({nullptr,
                             is_control ? kControlIndex : static_cast<int>(spec->inputs.size()),
                             {view(input.from).name, input.output}});
    }
    if (is_control) {
      if (!is_back_edge)
        spec->control_inputs.push_back(input.mapped.valid() ? input.mapped.node() : input.node);
      continue;
    }
    spec->inputs.push_back(input.mapped.valid() ? input.mapped
                           : input.node         ? Tensor(input.node, input.output)
                                                : Tensor());
    missing |= is_back_edge;
  }
  if (missing) {
    auto type = attrs.find("T");
    const DataType* t = type == attrs.end() ? nullptr : type->second.Get<DataType>();
    spec->missing_input_types.assign(spec->inputs.size(), t ? *t : kInvalidType);
  }
  return absl::OkStatus();
}

void Importer::AddControlDependencies(NodeSpec* spec) const {
  for (const Input& input : inputs_) {
    if (input.node) return;
  }
  for (const Operation& op : options_.control_dependencies)
    spec->control_inputs.push_back(op.node());
}

std::string Importer::Prefixed(std::string_view name) const {
  return prefix_.empty() ? std::string(name) : StrCat(prefix_, "/", name);
}

std::string Importer::FreeName(std::string_view name) {
  std::string wanted = Prefixed(name);
  if (!may_clash_ || !Exists(wanted)) return wanted;
  for (int i = 1;; ++i) {
    std::string unique = StrCat(wanted, "_", i);
    if (!Exists(unique) && !InGraphDef(unique)) return unique;
  }
}

bool Importer::Exists(const std::string& name) {
  if (!existing_scopes_) {  // asked for the first time before any node is added
    existing_scopes_.emplace();
    for (const auto& node : graph_.nodes()) {
      ForEachScope(node->name,
                   [this](std::string_view scope) { existing_scopes_->emplace(scope); });
    }
  }
  return graph_.FindNode(name) || existing_scopes_->contains(name);
}

bool Importer::InGraphDef(std::string_view name) {
  if (!prefix_.empty()) {
    if (!name.starts_with(prefix_ + "/")) return false;
    name.remove_prefix(prefix_.size() + 1);
  }
  if (IndexOf(name) >= 0) return true;
  if (!scopes_) {
    scopes_.emplace();
    for (const NodeView& node : def_.nodes()) {
      ForEachScope(node.name, [this](std::string_view scope) { scopes_->insert(scope); });
    }
  }
  return scopes_->contains(name);
}

void Importer::KeepExtras(const NodeView& def, const Node* node) {
  const proto::NodeDef* const message = def.message;  // what has extras is held as a message
  if (!message) return;
  if (!message->has_experimental_debug_info() && !message->has_experimental_type()) return;
  proto::NodeDef& extras = extras_[node];
  if (message->has_experimental_debug_info())
    *extras.mutable_experimental_debug_info() = message->experimental_debug_info();
  if (message->has_experimental_type())
    *extras.mutable_experimental_type() = message->experimental_type();
}

absl::Status Importer::TakeOutputShapes(Node* node, Kind* kind) {
  if (!kind->has_output_shapes) return absl::OkStatus();
  if (const AttrValue* attr = node->FindAttr(kOutputShapes)) {
    const auto* list = attr->Get<std::vector<PartialShape>>();
    if (!list)
      return InvalidImport("Node '", node->name, "' has an invalid _output_shapes attribute");
    if (list->empty() && node->num_outputs() > 0) return absl::OkStatus();
    kind->output_shapes = *list;
    const std::string key(kOutputShapes);
    if (kind->common.types) {
      // Out of what nodes of this kind share, so that the next one comes without it.
      node->attrs = {};
      kind->common.attrs.Mutable().erase(key);
      node->attrs = kind->common.attrs;
    } else {
      node->attrs.Mutable().erase(key);
    }
  }
  if (!kind->output_shapes) return absl::OkStatus();
  const std::vector<PartialShape>& shapes = *kind->output_shapes;
  if (static_cast<int>(shapes.size()) != node->num_outputs()) {
    return InvalidImport("Node '", node->name, "' has ", node->num_outputs(),
                         " outputs but the _output_shapes attribute specifies shapes for ",
                         shapes.size(), " outputs");
  }
  for (int i = 0; i < node->num_outputs(); ++i) {
    if (absl::Status s = graph_.SetShape(Tensor(node, i), shapes[static_cast<size_t>(i)]);
        !s.ok()) {
      return InvalidImport(
          "Node '", node->name,
          "' has an _output_shapes attribute inconsistent with the GraphDef for output #", i, ": ",
          s.message());
    }
  }
  return absl::OkStatus();
}

}  // namespace weft
