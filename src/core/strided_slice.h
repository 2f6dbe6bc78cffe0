// SPDX-License-Identifier: Apache-2.0
// The arithmetic of a strided slice (x[1:, ..., None, 3, ::-1]): which elements
// are taken and which shape they get. Shape functions (sizes partly unknown)
// and kernels share it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"

namespace weft {

// The attributes of StridedSlice: bit i is about entry i of begin, end and
// strides.
struct StridedSliceMasks {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t ellipsis = 0;
  int64_t new_axis = 0;
  int64_t shrink_axis = 0;
};

// The entries as written, one per index expression. `begin` or `end` absent:
// not known yet (while a graph is built).
struct StridedSliceSpec {
  std::optional<std::span<const int64_t>> begin;
  std::optional<std::span<const int64_t>> end;
  std::span<const int64_t> strides;
  StridedSliceMasks masks;
};

struct StridedSlicePlan {
  // One for each dimension of the input: elements begin, begin + stride, ...,
  // `size` of them.
  struct Dim {
    int64_t begin = 0;   // valid if size is known
    int64_t stride = 1;  // 1 if size <= 1
    int64_t size = -1;   // -1: unknown
  };
  absl::InlinedVector<Dim, 6> dims;
  // The sizes of the result: new axes inserted, indexed axes dropped; -1:
  // unknown.
  absl::InlinedVector<int64_t, 6> result;
  // Where each size of the result comes from: a dimension of the input, -1 for a new axis.
  absl::InlinedVector<int, 6> source;
  // The next two hold if begin and end are known.
  // The result is the whole input, in order.
  bool is_identity = true;
  // The result is a range of whole rows of dimension 0.
  bool is_row_range = true;
};

// Sizes of `input` may be -1. InvalidArgument: a stride of 0, several ellipses,
// more indices than dimensions, an index (not a range) outside its dimension.
absl::StatusOr<StridedSlicePlan> PlanStridedSlice(std::span<const int64_t> input,
                                                  const StridedSliceSpec& spec);

}  // namespace weft
