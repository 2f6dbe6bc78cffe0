// SPDX-License-Identifier: Apache-2.0
// Small pieces of graph about vectors of sizes, for gradient rules.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "weft/graph/op_def.h"

namespace weft {

// The shape of x as a vector of `dtype` (int32 or int64): a constant if the static shape is known.
Tensor ShapeAs(NodeAdder& g, Tensor x, DataType dtype);

// A constant vector of `dtype`.
Tensor ConstVector(NodeAdder& g, DataType dtype, const std::vector<int64_t>& values,
                   std::string_view name = "Const");

// v[begin:end] and v[i], as Python writes them.
Tensor SliceOfVector(NodeAdder& g, Tensor v, std::optional<int32_t> begin,
                     std::optional<int32_t> end);
Tensor ElementOfVector(NodeAdder& g, Tensor v, int32_t i);

// v[begin:end] with positions that are scalar tensors; an invalid one is left open.
Tensor SliceOfVector(NodeAdder& g, Tensor v, Tensor begin, Tensor end);

// Parts one after the other; all of one dtype.
Tensor ConcatVectors(NodeAdder& g, const std::vector<Tensor>& parts);

// A vector of scalars of one dtype.
Tensor StackScalars(NodeAdder& g, const std::vector<Tensor>& scalars);

Tensor ExpandDims(NodeAdder& g, Tensor x, int32_t dim);

// x + b, ... of integers under Python's names.
inline Tensor Mod(NodeAdder& g, Tensor a, Tensor b) { return g.Op("FloorMod", {a, b}, {}, "mod"); }

// All dimensions of x, as the axes of a reduction.
Tensor AllAxes(NodeAdder& g, Tensor x);

}  // namespace weft
