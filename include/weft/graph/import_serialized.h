// SPDX-License-Identifier: Apache-2.0
// Importing graphs whose size is their weights.
#pragma once

#include <string_view>

#include "weft/graph/graph.h"

namespace weft {

// ImportGraphDef(GraphDef::Parse(bytes), options, graph), without a copy of the weights in between:
// the contents of large constants go from the bytes straight to the Arrays that kernels read, on
// several threads. The bytes are not needed afterwards. Throws as the two do.
//
// (For files: serving::Predictor, or GraphDef::FromFile.)
ImportResult ImportSerializedGraph(std::string_view bytes, const ImportOptions& options = {},
                                   const Graph& graph = Graph::Default());

}  // namespace weft
