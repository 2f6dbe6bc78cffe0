// SPDX-License-Identifier: Apache-2.0
// Of an import: what is done when all nodes are there.
#include <algorithm>
#include <utility>

#include "src/core/device_name.h"
#include "src/core/status.h"
#include "src/graph/importer.h"

namespace weft {

absl::Status Importer::AddBackEdges() {
  for (const BackEdge& edge : back_edges_) {
    Node* from = added_[static_cast<size_t>(IndexOf(edge.source.node))];
    if (edge.input == kControlIndex) {
      graph_.AddControlInput(edge.node, from);
      continue;
    }
    if (edge.source.index >= from->num_outputs())
      return WrongOutput(edge.node->name, edge.source, *from);
    WEFT_RETURN_IF_ERROR(
        WithNode(graph_.SetInput(edge.node, edge.input, Tensor(from, edge.source.index)),
                 edge.node->name, edge.node->type()));
  }
  return absl::OkStatus();
}

absl::Status Importer::CheckUnusedMappings() const {
  std::string missing;
  for (const auto& [source, tensor] : input_map_) {
    if (used_mappings_.contains(source)) continue;
    const int i = IndexOf(source.node);
    if (i >= 0 && (source.index == kControlIndex ||
                   source.index < added_[static_cast<size_t>(i)]->num_outputs()))
      continue;
    StrAppend(&missing, missing.empty() ? "" : ", ", source.ToString());
  }
  if (missing.empty()) return absl::OkStatus();
  return InvalidImport("Attempted to map inputs that were not found in graph_def: [", missing, "]");
}

void Importer::UpdateColocationNames() {
  if (renamed_.empty()) return;
  for (Node* const node : added_) {
    const auto* classes = node->FindAttrOf<std::vector<std::string>>("_class");
    if (!classes) continue;
    std::vector<std::string> updated = *classes;
    for (std::string& c : updated) {
      if (!c.starts_with(kColocationPrefix)) continue;
      auto renamed = renamed_.find(c.substr(kColocationPrefix.size()));
      if (renamed != renamed_.end()) c = StrCat(kColocationPrefix, renamed->second);
    }
    node->attrs.Mutable()["_class"] = std::move(updated);
  }
}

absl::StatusOr<ImportResult> Importer::MakeResult() const {
  ImportResult result;
  for (const std::string& element : options_.return_elements) {
    const Source source = ParseSource(element);
    const bool is_tensor = element.find(':') != std::string::npos;
    if (is_tensor) {
      auto mapped = input_map_.find(source);
      if (mapped != input_map_.end()) {
        result.tensors.push_back(mapped->second);
        result.operations.push_back(mapped->second.op());
        continue;
      }
    }
    const int i = IndexOf(source.node);
    if (i < 0) {
      return InvalidImport("Requested return_element '", element, "' not found in graph_def.");
    }
    Node* const node = added_[static_cast<size_t>(i)];
    if (is_tensor && source.index >= node->num_outputs()) {
      return InvalidImport("Invalid return output ", source.index, " of node '", source.node,
                           "', which has ", node->num_outputs(), " output(s)");
    }
    result.tensors.push_back(is_tensor ? Tensor(node, source.index) : Tensor());
    result.operations.push_back(Operation(node));
  }
  return result;
}

void Importer::ApplyDeviceScopes() {
  if (graph_.scopes().devices.empty()) return;
  for (Node* const node : added_) {
    if (!node->FindAttr("_class")) graph_.ApplyDevices(node);
  }
}

void Importer::Commit(int first_id) {
  if (new_scope_) graph_.UniqueName(options_.prefix, /*mark_as_used=*/true);
  graph_.ReserveNames(first_id);
  graph_.min_consumer = std::max(graph_.min_consumer, versions_.min_consumer());
  if (!extras_.empty() || versions_.bad_consumers_size() > 0) {
    ImportedExtras& extras = ImportedExtras::Of(graph_);
    extras.nodes.merge(extras_);
    auto& bad = extras.bad_consumers;
    bad.insert(bad.end(), versions_.bad_consumers().begin(), versions_.bad_consumers().end());
    std::sort(bad.begin(), bad.end());
    bad.erase(std::unique(bad.begin(), bad.end()), bad.end());
  }
}

}  // namespace weft
