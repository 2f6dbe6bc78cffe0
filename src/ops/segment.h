// SPDX-License-Identifier: Apache-2.0
// The parts of the segment family.
#pragma once

#include "weft/graph/op_def.h"

namespace weft {

void RegisterSparseSegmentOps(OpRegistry& ops);  // reductions of gathered rows
void RegisterDynamicStitchOps(OpRegistry& ops);  // rows dealt out and put together

}  // namespace weft
