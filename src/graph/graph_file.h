// SPDX-License-Identifier: Apache-2.0
// Graphs in files whose size is their weights.
//
// Parsing such a file makes a copy of the weights in the message, and importing the message
// another. Here the large values of Const nodes go from the file straight to the Arrays that
// kernels will read; what is left of the file is small.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/weft/graph.pb.h"
#include "src/graph/graph_impl.h"
#include "src/graph/graph_view.h"

namespace weft {

struct GraphFile {
  // Const nodes that `values` has are without their tensor_content.
  proto::GraphDef def;
  ConstValues values;
};

// A serialised GraphDef. NotFound, ... as the file system says; DataLoss if the file holds no
// GraphDef; InvalidArgument for a constant whose size is not that of its shape.
absl::StatusOr<GraphFile> ReadGraphFile(const std::string& path);

// The import of a file without a message of the whole graph. Errors as of ReadGraphFile and
// ImportGraphDef.
absl::StatusOr<ImportResult> ImportGraphFile(const std::string& path, const ImportOptions& options,
                                             GraphImpl& graph);

// ImportGraphDef of a view, whose attributes are taken out of it.
absl::StatusOr<ImportResult> ImportView(GraphView& def, const ImportOptions& options,
                                        GraphImpl& graph);
// ImportGraphDef with the values of some Const nodes beside the GraphDef.
absl::StatusOr<ImportResult> ImportWithValues(const proto::GraphDef& def, const ConstValues& values,
                                              const ImportOptions& options, GraphImpl& graph);

}  // namespace weft
