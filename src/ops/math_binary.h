// SPDX-License-Identifier: Apache-2.0
// The parts of the math_binary family.
#pragma once

#include "weft/graph/op_def.h"

namespace weft {

void RegisterMathBinarySpecialOps(OpRegistry& ops);  // incomplete gamma and beta, zeta
void RegisterManyOperandOps(
    OpRegistry& ops);  // sums of many, clipping, cross product, broadcast shapes

}  // namespace weft
