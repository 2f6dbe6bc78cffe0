// SPDX-License-Identifier: Apache-2.0
// Slices of an array changed at tuples of indices: the core of ScatterNd, the tensor scatters and
// the scatters of variables.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "weft/core/array.h"
#include "weft/core/dtype.h"
#include "weft/runtime/kernel.h"

namespace weft {

// Where the slices of `updates` go, checked.
struct ScatterNdPlan {
  std::vector<int64_t> offsets;  // of the target's slices, in elements
  int64_t inner = 1;             // elements of a slice
};

// For a target of shape `shape`. As TensorFlow, a vector of n indices is taken as n tuples of one
// index. InvalidArgument if the shapes don't fit or an index is outside.
absl::StatusOr<ScatterNdPlan> PlanScatterNd(KernelContext& ctx, const Array& indices,
                                            const Shape& updates, const Shape& shape);

enum class ScatterOp { kAssign, kAdd, kSub, kMul, kDiv, kMin, kMax };

// The loops of one way to change elements of one dtype.
struct ScatterLoops {
  // Elements [first, last) of each slice of `target` meet those of the slices of `updates`, in the
  // order of the updates.
  void (*slices)(const ScatterNdPlan& plan, int64_t first, int64_t last, const void* updates,
                 void* target);
  // The same with one update for every element of every slice.
  void (*scalar)(const ScatterNdPlan& plan, int64_t first, int64_t last, const void* update,
                 void* target);
};

// Null if elements of the dtype can't be changed so. Any dtype can be assigned.
const ScatterLoops* FindScatterLoops(ScatterOp op, DataType dtype);

// Updates are applied in their order for every element, so that the result does not depend on the
// number of threads.
void ApplyScatterNd(KernelContext& ctx, const ScatterLoops& loops, const ScatterNdPlan& plan,
                    const Array& updates, Array* target);
// As ApplyScatterNd with the scalar `update` for every element of every slice.
void ApplyScatterScalar(KernelContext& ctx, const ScatterLoops& loops, const ScatterNdPlan& plan,
                        const Array& update, Array* target);

}  // namespace weft
