// SPDX-License-Identifier: Apache-2.0
// Of an import: the nodes, their inputs, attributes and names.
#include <algorithm>
#include <utility>

#include "src/core/status.h"
#include "src/graph/importer.h"

namespace weft {

absl::Status Importer::AddNodes() {
  int added = 0;
  while (!ready_.empty()) {
    const int i = ready_.top();
    ready_.pop();
    const proto::NodeDef& node = def_.node(i);
    WEFT_RETURN_IF_ERROR(WithNode(AddNode(node), node.name(), node.op()));
    ++added;
    const bool closes_loops = IsNextIteration(node);
    for (const int waiting : waiting_[static_cast<size_t>(i)]) {
      if (closes_loops && IsMerge(def_.node(waiting))) continue;
      if (--pending_[static_cast<size_t>(waiting)] == 0) ready_.push(waiting);
    }
  }
  if (added == def_.node_size()) return absl::OkStatus();
  return InvalidImport(def_.node_size() - added, " nodes in a cycle: ", SomeOfCycle(),
                       "; only a NextIteration may close a cycle, at a Merge");
}

std::string Importer::SomeOfCycle() const {
  std::string names;
  int listed = 0;
  for (size_t i = 0; i < pending_.size(); ++i) {
    const std::string& name = def_.node(static_cast<int>(i)).name();
    if (nodes_.at(name).node) continue;
    if (++listed > 5) return names + ", ...";
    StrAppend(&names, listed > 1 ? ", '" : "'", name, "'");
  }
  return names;
}

absl::Status Importer::AddNode(const proto::NodeDef& def) {
  const OpDef* op = graph_.registry().Find(def.op());
  if (!op) {
    return absl::NotFoundError(StrCat("Op type not registered '", def.op(), "' (node '", def.name(),
                                      "'): neither the library nor this program has such an op"));
  }
  if (op->deprecated_at() > 0 && versions_.producer() >= op->deprecated_at()) {
    return absl::UnimplementedError(
        StrCat("Op ", op->name(), " is not available in GraphDef version ", versions_.producer(),
               ". ", op->deprecation(), " (node '", def.name(), "')"));
  }
  std::vector<Input> inputs;
  WEFT_RETURN_IF_ERROR(FindInputs(def, &inputs));

  NodeSpec spec;
  spec.op = def.op();
  spec.imported = true;
  spec.device = def.device();
  WEFT_RETURN_IF_ERROR(ConvertAttrs(def, *op, &spec.attrs));
  spec.name = FreeName(def.name());
  const size_t first_back_edge = back_edges_.size();
  WEFT_RETURN_IF_ERROR(AttachInputs(def, inputs, &spec));
  AddControlDependencies(inputs, &spec);

  WEFT_ASSIGN_OR_RETURN(Node * node, graph_.AddNode(std::move(spec)));
  for (size_t i = first_back_edge; i < back_edges_.size(); ++i) back_edges_[i].node = node;
  nodes_.find(def.name())->second.node = node;
  if (node->name != Prefixed(def.name())) renamed_.emplace(Prefixed(def.name()), node->name);
  KeepExtras(def, node);
  return TakeOutputShapes(node);
}

absl::Status Importer::FindInputs(const proto::NodeDef& def, std::vector<Input>* inputs) {
  std::unordered_set<const Node*> mapped_controls;
  for (const std::string& text : def.input()) {
    Input input{ParseSource(text), Tensor(), nullptr};
    auto mapped = input_map_.find(input.source);
    if (mapped != input_map_.end()) {
      used_mappings_.insert(input.source);
      input.mapped = mapped->second;
      const bool repeated = input.source.index == kControlIndex &&
                            !mapped_controls.insert(input.mapped.node()).second;
      if (!repeated) inputs->push_back(input);
      continue;
    }
    input.node = nodes_.find(input.source.node)->second.node;
    if (input.node && input.source.index != kControlIndex &&
        input.source.index >= input.node->num_outputs()) {
      return WrongOutput(def.name(), input.source, *input.node);
    }
    inputs->push_back(input);
  }
  return absl::OkStatus();
}

absl::Status Importer::WrongOutput(std::string_view name, const Source& source, const Node& from) {
  return InvalidImport("Node '", name, "': Connecting to invalid output ", source.index,
                       " of source node ", source.node, " which has ", from.num_outputs(),
                       " outputs.");
}

absl::Status Importer::ConvertAttrs(const proto::NodeDef& def, const OpDef& op, AttrMap* attrs) {
  const auto outside = values_.find(def.name());
  for (const auto& [name, value] : def.attr()) {
    if (outside != values_.end() && name == "value") {
      attrs->emplace(name, outside->second);
      continue;
    }
    absl::StatusOr<AttrValue> converted = AttrFromProto(value, &budget_);
    if (!converted.ok()) {
      return absl::Status(converted.status().code(),
                          StrCat("Node '", def.name(), "' (op type ", def.op(), "): attr '", name,
                                 "': ", converted.status().message()));
    }
    attrs->emplace(name, *std::move(converted));
  }
  std::string missing;
  for (const AttrDef& attr : op.attrs()) {
    if (attr.default_value || attrs->contains(attr.name)) continue;
    StrAppend(&missing, missing.empty() ? "'" : ", '", attr.name, "'");
  }
  if (!missing.empty()) {
    return InvalidImport("NodeDef missing attr ", missing, " from Op<name=", op.name(),
                         ">; NodeDef: {{node ", def.name(), "}}");
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

absl::Status Importer::AttachInputs(const proto::NodeDef& def, const std::vector<Input>& inputs,
                                    NodeSpec* spec) {
  for (const Input& input : inputs) {
    const bool is_control = input.source.index == kControlIndex;
    const bool is_back_edge = !input.mapped.valid() && !input.node;
    if (is_back_edge) {
      if (!IsMerge(def)) {
        return InvalidImport("Node '", def.name(),
                             "' had a back edge, but only Merge nodes can have back edges.");
      }
      back_edges_.push_back({nullptr,
                             is_control ? kControlIndex : static_cast<int>(spec->inputs.size()),
                             input.source});
    }
    if (is_control) {
      if (!is_back_edge)
        spec->control_inputs.push_back(input.mapped.valid() ? input.mapped.node() : input.node);
      continue;
    }
    spec->inputs.push_back(input.mapped.valid() ? input.mapped
                           : input.node         ? Tensor(input.node, input.source.index)
                                                : Tensor());
  }
  if (std::any_of(spec->inputs.begin(), spec->inputs.end(),
                  [](const Tensor& t) { return !t.valid(); })) {
    auto type = spec->attrs.find("T");
    const DataType* t = type == spec->attrs.end() ? nullptr : type->second.Get<DataType>();
    spec->missing_input_types.assign(spec->inputs.size(), t ? *t : kInvalidType);
  }
  return absl::OkStatus();
}

void Importer::AddControlDependencies(const std::vector<Input>& inputs, NodeSpec* spec) const {
  for (const Input& input : inputs) {
    if (input.node) return;
  }
  for (const Operation& op : options_.control_dependencies)
    spec->control_inputs.push_back(op.node());
}

std::string Importer::Prefixed(const std::string& name) const {
  return prefix_.empty() ? name : StrCat(prefix_, "/", name);
}

std::string Importer::FreeName(const std::string& name) {
  const std::string wanted = Prefixed(name);
  if (!Exists(wanted)) return wanted;
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

bool Importer::InGraphDef(std::string_view name) const {
  if (!prefix_.empty()) {
    if (!name.starts_with(prefix_ + "/")) return false;
    name.remove_prefix(prefix_.size() + 1);
  }
  return nodes_.contains(name) || scopes_.contains(name);
}

void Importer::KeepExtras(const proto::NodeDef& def, const Node* node) {
  if (!def.has_experimental_debug_info() && !def.has_experimental_type()) return;
  proto::NodeDef& extras = extras_[node];
  if (def.has_experimental_debug_info())
    *extras.mutable_experimental_debug_info() = def.experimental_debug_info();
  if (def.has_experimental_type()) *extras.mutable_experimental_type() = def.experimental_type();
}

absl::Status Importer::TakeOutputShapes(Node* node) {
  auto it = node->attrs.find("_output_shapes");
  if (it == node->attrs.end()) return absl::OkStatus();
  const auto* list = it->second.Get<std::vector<PartialShape>>();
  if (!list)
    return InvalidImport("Node '", node->name, "' has an invalid _output_shapes attribute");
  if (list->empty() && node->num_outputs() > 0) return absl::OkStatus();
  if (static_cast<int>(list->size()) != node->num_outputs()) {
    return InvalidImport("Node '", node->name, "' has ", node->num_outputs(),
                         " outputs but the _output_shapes attribute specifies shapes for ",
                         list->size(), " outputs");
  }
  for (int i = 0; i < node->num_outputs(); ++i) {
    if (absl::Status s = graph_.SetShape(Tensor(node, i), (*list)[static_cast<size_t>(i)]);
        !s.ok()) {
      return InvalidImport(
          "Node '", node->name,
          "' has an _output_shapes attribute inconsistent with the GraphDef for output #", i, ": ",
          s.message());
    }
  }
  node->attrs.erase(it);
  return absl::OkStatus();
}

}  // namespace weft
