// SPDX-License-Identifier: Apache-2.0
// ImportGraphDef: all of a GraphDef, or nothing of it.
#include <algorithm>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_set>

#include "src/core/status.h"
#include "src/graph/function_body.h"
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

absl::StatusOr<ImportResult> ImportWithValues(const proto::GraphDef& def, const ConstValues& values,
                                              const ImportOptions& options, GraphImpl& graph) {
  std::lock_guard lock(graph.mu());
  // A node may call a function of the library by its name.
  const auto calls = [&](const proto::FunctionDefLibrary& library) {
    std::unordered_set<std::string_view> names;
    for (const proto::FunctionDef& f : library.function()) names.insert(f.signature().name());
    return std::any_of(def.node().begin(), def.node().end(),
                       [&](const proto::NodeDef& n) { return names.contains(n.op()); });
  };
  if (def.has_library() && calls(def.library())) {
    proto::GraphDef with_ops = def;
    CallsToOps(def.library(), &with_ops);
    return Importer(with_ops, values, options, graph).Run();
  }
  if (graph.library && calls(*graph.library)) {
    proto::GraphDef with_ops = def;
    CallsToOps(*graph.library, &with_ops);
    return Importer(with_ops, values, options, graph).Run();
  }
  return Importer(def, values, options, graph).Run();
}

ImportResult ImportGraphDef(const GraphDef& def, const ImportOptions& options, const Graph& graph) {
  return ValueOrThrow(ImportWithValues(def.proto(), {}, options, graph.impl()));
}

}  // namespace weft
