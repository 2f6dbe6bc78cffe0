// SPDX-License-Identifier: Apache-2.0
// Nodes with a state: what they give in the first runs of a session, and the nodes that public
// functions add.
#pragma once

#include <string>
#include <vector>

#include "tests/support/op_case.h"
#include "weft/runtime/session.h"

namespace weft {

// The outputs of a node of this op over constants, in each of the first `runs` runs of a session of
// its own. Fails the test and returns empty Arrays if it can't be built or run.
std::vector<std::vector<Array>> FirstRuns(const std::string& op, const std::vector<Array>& inputs,
                                          const AttrMap& attrs, int runs,
                                          const ConfigProto& config = {});
// Output 0 in the first run.
Array FirstRun(const std::string& op, const std::vector<Array>& inputs, const AttrMap& attrs,
               const ConfigProto& config = {});

// A line for each node, in the order they were made: "MatMul fc/MatMul(x, w:1, ^init)".
std::vector<std::string> NodeLines(const Graph& graph);

}  // namespace weft
