// SPDX-License-Identifier: Apache-2.0
// Operations on the bits of integers (tf.bitwise). Operands are broadcast; no gradient flows.
#pragma once

#include "weft/graph/input.h"

namespace weft::bitwise {

Tensor BitwiseAnd(const Input& x, const Input& y, const NameOptions& options = {});
Tensor BitwiseOr(const Input& x, const Input& y, const NameOptions& options = {});
Tensor BitwiseXor(const Input& x, const Input& y, const NameOptions& options = {});
// All bits flipped.
Tensor Invert(const Input& x, const NameOptions& options = {});
// x shifted by y bits; y is taken as 0 below 0 and as the highest bit's number above it. RightShift
// keeps the sign.
Tensor LeftShift(const Input& x, const Input& y, const NameOptions& options = {});
Tensor RightShift(const Input& x, const Input& y, const NameOptions& options = {});
// The number of bits set, as uint8.
Tensor PopulationCount(const Input& x, const NameOptions& options = {});

}  // namespace weft::bitwise
