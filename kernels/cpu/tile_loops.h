// SPDX-License-Identifier: Apache-2.0
// Vector loops of element-wise float ops over short contiguous runs: what fused chains are made of,
// and the float kernels of the plain arithmetic ops.
#pragma once

#include <string_view>

#include "kernels/cpu/elementwise.h"

namespace weft {

// The shapes that an op takes.
enum class TileShapes : uint8_t {
  kAny,        // one operand
  kBroadcast,  // numpy's broadcasting of two operands
  kSame,       // operands of equal shape
  kBias,       // a vector along the last dimension of the first operand
};

struct TileOp {
  std::string_view type;
  ElementLoop loop;
  int operands;
  TileShapes shapes;
  float cost_ns;  // of an element, on one thread
};

// The loop of an op type for float, null if it has none here. The elements it writes are those of
// the op's own kernel, bit for bit.
const TileOp* FindTileOp(std::string_view type);

// The loops of sums, products and quotients; operands may be uniform, the output may be an operand.
void AddFloats(const ElementRun& run);
void SubtractFloats(const ElementRun& run);
void MultiplyFloats(const ElementRun& run);
void DivideFloats(const ElementRun& run);
void MaximumFloats(const ElementRun& run);
void MinimumFloats(const ElementRun& run);
void SquaredDifferenceFloats(const ElementRun& run);

}  // namespace weft
