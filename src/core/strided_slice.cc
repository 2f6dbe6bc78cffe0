// SPDX-License-Identifier: Apache-2.0
#include "src/core/strided_slice.h"

#include <algorithm>

#include "src/core/strings.h"

namespace weft {
namespace {

// Masks are 32 bits wide in TensorFlow.
constexpr size_t kMaxEntries = 32;

// One index expression after the ellipsis has been expanded: it stands for one
// dimension of the input.
struct Entry {
  std::optional<int64_t> begin, end;  // absent: not known
  int64_t stride = 1;
  bool from_first = false;  // begin is masked: from the first element in the
                            // stride's direction
  bool to_last = false;
  bool shrink = false;
};

bool Bit(int64_t mask, size_t i) { return (mask >> i) & 1; }

Entry WholeDimension() {
  Entry e;
  e.from_first = e.to_last = true;
  return e;
}

Entry EntryAt(const StridedSliceSpec& spec, size_t i) {
  Entry e;
  if (spec.begin) e.begin = (*spec.begin)[i];
  if (spec.end) e.end = (*spec.end)[i];
  e.stride = spec.strides[i];
  e.from_first = Bit(spec.masks.begin, i);
  e.to_last = Bit(spec.masks.end, i);
  e.shrink = Bit(spec.masks.shrink_axis, i);
  return e;
}

absl::Status CheckSpec(const StridedSliceSpec& spec) {
  const size_t n = spec.strides.size();
  if ((spec.begin && spec.begin->size() != n) || (spec.end && spec.end->size() != n)) {
    return absl::InvalidArgumentError(
        StrCat("Expected begin, end, and strides to be 1D equal size tensors, but got "
               "sizes ",
               spec.begin ? spec.begin->size() : n, ", ", spec.end ? spec.end->size() : n, ", and ",
               n, " instead."));
  }
  if (n >= kMaxEntries) {
    return absl::InvalidArgumentError(
        StrCat("a slice spec has at most ", kMaxEntries - 1, " entries, got ", n));
  }
  const int64_t used = spec.masks.ellipsis & ((int64_t{1} << n) - 1);
  if ((used & (used - 1)) != 0)
    return absl::InvalidArgumentError("Multiple ellipses in slice spec not allowed");
  return absl::OkStatus();
}

// Fills *entries with one Entry per input dimension, and *source as StridedSlicePlan has it.
constexpr int kNewAxis = -1;
absl::Status ExpandSpec(int rank, const StridedSliceSpec& spec,
                        absl::InlinedVector<Entry, 6>* entries,
                        absl::InlinedVector<int, 6>* source) {
  const size_t n = spec.strides.size();
  int explicit_dims = 0;
  bool has_ellipsis = false;
  for (size_t i = 0; i < n; ++i) {
    if (Bit(spec.masks.ellipsis, i)) {
      has_ellipsis = true;
    } else if (!Bit(spec.masks.new_axis, i)) {
      ++explicit_dims;
    }
  }
  const auto add_whole_dims = [&](int count) {
    for (int k = 0; k < count; ++k) {
      source->push_back(static_cast<int>(entries->size()));
      entries->push_back(WholeDimension());
    }
  };
  for (size_t i = 0; i < n; ++i) {
    if (Bit(spec.masks.ellipsis, i)) {
      add_whole_dims(rank - explicit_dims);
    } else if (Bit(spec.masks.new_axis, i)) {
      source->push_back(kNewAxis);
    } else {
      const int dim = static_cast<int>(entries->size());
      if (dim == rank) {
        return absl::InvalidArgumentError(
            StrCat("Index out of range using input dim ", dim, "; input has only ", rank, " dims"));
      }
      entries->push_back(EntryAt(spec, i));
      if (!entries->back().shrink) source->push_back(dim);
    }
  }
  // Without an ellipsis there is one at the end.
  if (!has_ellipsis) add_whole_dims(rank - explicit_dims);
  return absl::OkStatus();
}

// A range bound, moved into [lowest, highest] of its direction; negative ones
// count from the end.
int64_t Clamp(int64_t bound, int64_t dim, int64_t stride) {
  const int64_t lowest = stride > 0 ? 0 : -1;
  const int64_t highest = stride > 0 ? dim : dim - 1;
  return std::clamp(bound < 0 ? bound + dim : bound, lowest, highest);
}

int64_t RangeSize(int64_t begin, int64_t end, int64_t stride) {
  const int64_t length = end - begin;
  if (length == 0 || (length < 0) != (stride < 0)) return 0;
  return length / stride + (length % stride != 0 ? 1 : 0);
}

absl::StatusOr<StridedSlicePlan::Dim> PlanIndex(const Entry& e, int64_t dim, int i) {
  if (dim >= 0 && e.stride <= 0)
    return absl::InvalidArgumentError("only stride 1 allowed on non-range indexing.");
  StridedSlicePlan::Dim out{.begin = 0, .stride = 1, .size = 1};
  // A masked begin is ignored, as in TensorFlow: x[i] has no mask.
  if (dim < 0 || !e.begin) return out;
  out.begin = *e.begin < 0 ? *e.begin + dim : *e.begin;
  if (out.begin < 0 || out.begin >= dim) {
    return absl::InvalidArgumentError(
        StrCat("slice index ", *e.begin, " of dimension ", i, " out of bounds."));
  }
  return out;
}

StridedSlicePlan::Dim PlanRange(const Entry& e, int64_t dim) {
  StridedSlicePlan::Dim out{.begin = 0, .stride = e.stride, .size = -1};
  if (dim < 0 || (!e.from_first && !e.begin) || (!e.to_last && !e.end)) return out;
  const int64_t first = e.stride > 0 ? 0 : dim - 1;
  const int64_t past_last = e.stride > 0 ? dim : -1;
  out.begin = e.from_first ? first : Clamp(*e.begin, dim, e.stride);
  const int64_t end = e.to_last ? past_last : Clamp(*e.end, dim, e.stride);
  out.size = RangeSize(out.begin, end, e.stride);
  if (out.size <= 1) out.stride = 1;
  if (out.size == 0) out.begin = 0;
  return out;
}

}  // namespace

absl::StatusOr<StridedSlicePlan> PlanStridedSlice(std::span<const int64_t> input,
                                                  const StridedSliceSpec& spec) {
  if (absl::Status s = CheckSpec(spec); !s.ok()) return s;
  absl::InlinedVector<Entry, 6> entries;
  StridedSlicePlan plan;
  const int rank = static_cast<int>(input.size());
  if (absl::Status s = ExpandSpec(rank, spec, &entries, &plan.source); !s.ok()) return s;

  for (int i = 0; i < rank; ++i) {
    const Entry& e = entries[i];
    if (e.stride == 0)
      return absl::InvalidArgumentError(StrCat("strides[", i, "] must be non-zero"));
    StridedSlicePlan::Dim dim;
    if (e.shrink) {
      absl::StatusOr<StridedSlicePlan::Dim> index = PlanIndex(e, input[i], i);
      if (!index.ok()) return index.status();
      dim = *index;
    } else {
      dim = PlanRange(e, input[i]);
    }
    const bool whole = input[i] >= 0 && dim.begin == 0 && dim.stride == 1 && dim.size == input[i];
    plan.is_identity &= whole;
    plan.is_row_range &= whole || (i == 0 && dim.stride == 1);
    plan.dims.push_back(dim);
  }
  for (int source : plan.source)
    plan.result.push_back(source == kNewAxis ? 1 : plan.dims[source].size);
  return plan;
}

}  // namespace weft
