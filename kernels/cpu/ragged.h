// SPDX-License-Identifier: Apache-2.0
// What the kernels of ragged tensors share.
#pragma once

#include <cstdint>
#include <vector>

#include "weft/core/array.h"
#include "weft/core/handle.h"
#include "weft/runtime/kernel.h"

namespace weft {

// Where rows begin and end: row r is [splits[r], splits[r + 1]).
using RaggedSplits = std::vector<int64_t>;

// Output o: a vector of int32 or int64.
absl::StatusOr<Array*> WriteSplits(KernelContext& ctx, int o, const RaggedSplits& splits);

// Input i: 0, never less than before, at the end `rows` unless that is negative.
absl::StatusOr<RaggedSplits> ReadSplits(KernelContext& ctx, int i, int64_t rows);

// Splits of `count` levels from input 0, outermost first, whose rows fit each other and the values.
absl::StatusOr<std::vector<RaggedSplits>> ReadNested(KernelContext& ctx, int count,
                                                     const Array& values);

// A ragged tensor as the value of one variant.
struct RaggedValue {
  static constexpr const char* kTypeName = "RaggedTensorVariant";

  std::vector<Array> splits;  // outermost first
  Array values;
};

// The ragged tensor of a variant; null if it holds none.
const RaggedValue* RaggedOf(const Variant& v);
Variant VariantOf(RaggedValue ragged);

// Of the same rows: all values 0 / the sums of the values.
absl::StatusOr<Variant> ZerosLikeRagged(KernelContext& ctx, const RaggedValue& like);
absl::StatusOr<Variant> AddRagged(KernelContext& ctx, const RaggedValue& a, const RaggedValue& b);

void RegisterRaggedVariantKernels(KernelRegistry& kernels);  // ragged_variant.cc

}  // namespace weft
