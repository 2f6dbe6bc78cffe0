// SPDX-License-Identifier: Apache-2.0
// A sparse tensor in a graph: three tensors that belong together.
#pragma once

#include "weft/graph/tensor.h"

namespace weft {

struct SparseTensor {
  Tensor indices;      // int64 [n, rank]: where the values are, in row-major order
  Tensor values;       // [n]
  Tensor dense_shape;  // int64 [rank]
};

}  // namespace weft
