// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "weft/graph/op_def.h"

namespace weft {

// The gradient rule of nodes that call functions (PartitionedCall, If, Case, While and their kin);
// null for others. It adds the function's nodes to the graph once more, conditionals and loops as
// wf::Cond and wf::WhileLoop make them, and differentiates those.
const GradientFn* FunctionGradientOf(const Node& node);

}  // namespace weft
