// SPDX-License-Identifier: Apache-2.0
// Functions that turn a GraphDef into a smaller or simpler one, mostly for serving (tf.graph_util,
// and the transforms of TensorFlow's optimize_for_inference).
//
//   wf::GraphDef frozen = wf::graph_util::ConvertVariablesToConstants(
//       session, wf::Graph::Default().AsGraphDef(), {"add"});
//   frozen.WriteFile("model.pb");
//
// Each leaves its argument as it is and gives the nodes that TensorFlow 2.15's compat.v1 gives, in
// the same order. A name that is not in the graph, an input that is not, or two nodes of one name
// are InvalidArgumentErrors. All are thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weft/core/dtype.h"
#include "weft/core/shape.h"
#include "weft/graph/graph.h"
#include "weft/graph/graph_def.h"

namespace weft {
class Session;
}

namespace weft::graph_util {

struct ConvertOptions {
  // Names of the variables' nodes. Those not on the whitelist (if there is one), and those on the
  // blacklist, stay variables.
  std::optional<std::vector<std::string>> variable_names_whitelist = {};
  std::vector<std::string> variable_names_blacklist = {};
  // Says on standard error how many variables were converted, as TensorFlow 1 does.
  bool log = true;
};

// The part of `def` that `output_node_names` need, with each variable replaced by a Const of its
// value in `session`. Reference variables (VariableV2) and resources (VarHandleOp): reads of a
// resource become Identity, ResourceGather and ResourceGatherNd become GatherV2 and GatherNd; a
// handle is followed through Identity, Switch, Enter, Exit and NextIteration, and through If,
// While, Case and calls into their functions, which then get names of their own ("f_frozen_0").
// `def` must be of the session's graph. FailedPreconditionError for a variable without a value,
// NotFoundError if the session's graph has no node that reads a resource.
GraphDef ConvertVariablesToConstants(Session& session, const GraphDef& def,
                                     const std::vector<std::string>& output_node_names,
                                     const ConvertOptions& options = {});

// The nodes that `dest_nodes` need, and those that they are colocated with, in their order; library
// and versions as they are.
GraphDef ExtractSubGraph(const GraphDef& def, const std::vector<std::string>& dest_nodes);

// Without CheckNumerics, and without the Identity nodes that take part in no control dependency and
// no colocation; who used their output uses their input. `protected_nodes` stay. Library and
// versions stay too (TensorFlow's function drops them), and so does the value behind a
// CheckNumerics (TensorFlow's leaves its users without that input).
GraphDef RemoveTrainingNodes(const GraphDef& def,
                             const std::vector<std::string>& protected_nodes = {});

// Whether a node only makes sense on a CPU: constants of strings and int32, DynamicStitch and Cast
// of int32; and, if asked for, variables and what changes them.
bool MustRunOnCpu(const Operation& op, bool pin_variables_on_cpu = false);

// The static shape of what a NodeDef's input names: "Mul" or "Mul:1".
PartialShape TensorShapeFromNodeDefName(const Graph& graph, std::string_view input_name);

// Only what `output_node_names` need if `input_node_names` are fed: those become Placeholders of
// the given types (one for all, or one each).
GraphDef StripUnused(const GraphDef& def, const std::vector<std::string>& input_node_names,
                     const std::vector<std::string>& output_node_names,
                     const std::vector<DataType>& placeholder_types = {kFloat32});

// Bakes batch normalisation with constant parameters into the weights of the Conv2D or
// DepthwiseConv2dNative before it (also through a bias that is added in between):
//   weights'[.., c] = weights[.., c] * gamma[c] / sqrt(variance[c] + epsilon)
//   offset[c]       = beta[c] - (mean[c] - bias[c]) * gamma[c] / sqrt(variance[c] + epsilon)
// For FusedBatchNorm, FusedBatchNormV3 and BatchNormWithGlobalNormalization of a graph without
// variables; a pattern that doesn't fit stays as it is.
GraphDef FoldBatchNorms(const GraphDef& def);

struct FoldConstantsOptions {
  // A value of more bytes than this, and than what it is made of, is not stored.
  int64_t max_constant_bytes = 10 << 20;
};
// Replaces what follows from constants alone by its value, and leaves out what `output_node_names`
// don't need. Random and other stateful ops stay, and so do ops without a kernel for the CPU.
GraphDef FoldConstants(const GraphDef& def, const std::vector<std::string>& output_node_names,
                       const FoldConstantsOptions& options = {});

// StripUnused, RemoveTrainingNodes, FoldConstants and FoldBatchNorms.
GraphDef OptimizeForInference(const GraphDef& def, const std::vector<std::string>& input_node_names,
                              const std::vector<std::string>& output_node_names,
                              const std::vector<DataType>& placeholder_types = {kFloat32});

}  // namespace weft::graph_util
