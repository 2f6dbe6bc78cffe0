// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/common/broadcast.h"

namespace weft {

// The element of an operand that goes into element i of the plan's output. For walks over few
// elements: it divides once a dimension.
inline int64_t OperandIndex(const BroadcastPlan& plan, size_t operand, int64_t i) {
  int64_t index = 0;
  for (size_t d = plan.dims.size(); d-- > 0;) {
    index += i % plan.dims[d].size * plan.dims[d].strides[operand];
    i /= plan.dims[d].size;
  }
  return index;
}

}  // namespace weft
