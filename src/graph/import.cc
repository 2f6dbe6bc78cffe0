// SPDX-License-Identifier: Apache-2.0
// ImportGraphDef: all of a GraphDef, or nothing of it.
#include <algorithm>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_set>

#include "src/core/status.h"
#include "src/graph/function_body.h"
#include "src/graph/graph_file.h"
#include "src/graph/importer.h"

namespace weft {
namespace {

// Takes back what was added, also when a function of the user throws.
class Rollback {
 public:
  explicit Rollback(GraphImpl& graph)
      : graph_(graph),
        first_id_(graph.num_nodes()),
        producer_(graph.producer),
        library_(graph.library) {}
  ~Rollback() {
    if (dismissed_) return;
    graph_.Truncate(first_id_);
    graph_.library = library_;
    graph_.producer = producer_;
  }
  int first_id() const { return first_id_; }
  void Dismiss() { dismissed_ = true; }

 private:
  GraphImpl& graph_;
  int first_id_;
  int producer_;
  std::shared_ptr<proto::FunctionDefLibrary> library_;
  bool dismissed_ = false;
};

}  // namespace

absl::StatusOr<ImportResult> Importer::Run() {
  Rollback rollback(graph_);
  absl::StatusOr<ImportResult> result = Add();
  if (!result.ok()) return result;
  Commit(rollback.first_id());
  rollback.Dismiss();
  return result;
}

absl::StatusOr<ImportResult> Importer::Add() {
  if (graph_.finalized()) {
    return absl::FailedPreconditionError(
        "Graph is finalized and cannot be modified (import of a GraphDef)");
  }
  versions_ = def_.versions();
  WEFT_RETURN_IF_ERROR(CheckVersions(versions_));
  may_clash_ = graph_.num_nodes() > 0;
  WEFT_RETURN_IF_ERROR(ChoosePrefix());
  WEFT_RETURN_IF_ERROR(TakeOptions());
  WEFT_RETURN_IF_ERROR(IndexNodes());
  WEFT_RETURN_IF_ERROR(CountPending());
  if (def_.has_library()) {
    WEFT_ASSIGN_OR_RETURN(graph_.library,
                          MergeLibraries(graph_.library.get(), def_.library(), graph_.registry()));
  }
  // Shape functions follow the rules of the oldest producer.
  graph_.producer = std::min(graph_.producer, versions_.producer());
  WEFT_RETURN_IF_ERROR(AddNodes());
  WEFT_RETURN_IF_ERROR(AddBackEdges());
  WEFT_RETURN_IF_ERROR(CheckUnusedMappings());
  UpdateColocationNames();
  WEFT_ASSIGN_OR_RETURN(ImportResult result, MakeResult());
  ApplyDeviceScopes();
  return result;
}

absl::StatusOr<ImportResult> ImportView(GraphView& def, const ImportOptions& options,
                                        GraphImpl& graph) {
  std::lock_guard lock(graph.mu());
  // A node may call a function of the library by its name.
  const auto calls = [&](const proto::FunctionDefLibrary& library) {
    std::unordered_set<std::string_view> names;
    for (const proto::FunctionDef& f : library.function()) names.insert(f.signature().name());
    return std::any_of(def.ops().begin(), def.ops().end(),
                       [&](const OpView& op) { return names.contains(op.name); });
  };
  const proto::FunctionDefLibrary* const called =
      def.has_library() && calls(def.library()) ? &def.library()
      : graph.library && calls(*graph.library)  ? graph.library.get()
                                                : nullptr;
  if (!called) return Importer(def, options, graph).Run();
  proto::GraphDef with_ops = def.ToMessage();
  CallsToOps(*called, &with_ops);
  const ConstValues values = def.Values();
  GraphView view(with_ops, values);
  return Importer(view, options, graph).Run();
}

absl::StatusOr<ImportResult> ImportWithValues(const proto::GraphDef& def, const ConstValues& values,
                                              const ImportOptions& options, GraphImpl& graph) {
  GraphView view(def, values);
  return ImportView(view, options, graph);
}

ImportResult ImportGraphDef(const GraphDef& def, const ImportOptions& options, const Graph& graph) {
  return ValueOrThrow(ImportWithValues(def.proto(), {}, options, graph.impl()));
}

}  // namespace weft
