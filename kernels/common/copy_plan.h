// SPDX-License-Identifier: Apache-2.0
// A copy between two strided views, as a list of dimensions: what slices,
// transposes, reversals, broadcasts and tilings have in common.
#pragma once

#include <cstdint>
#include <span>

#include "absl/container/inlined_vector.h"

namespace weft {

// For every index i in [0, size): element dst + i * dst_stride becomes element
// src + i * src_stride. Strides are in elements; src_stride may be 0
// (broadcast) and either may be negative.
struct CopyDim {
  int64_t size = 1;
  int64_t dst_stride = 0;
  int64_t src_stride = 0;
};
using CopyDims = absl::InlinedVector<CopyDim, 8>;
using IndexVector = absl::InlinedVector<int64_t, 8>;

// Strides of a row-major array of these sizes.
IndexVector RowMajorStrides(std::span<const int64_t> sizes);

// The number of elements copied.
int64_t CopyCount(const CopyDims& dims);

// Removes dimensions of size 1 and joins neighbours that are one range in both
// views. The order of dimensions stays.
void CollapseCopy(CopyDims* dims);

// dst[i0, i1, ...] = src at i_k along dimension perm[k] of `sizes`: the
// dimensions in the order of dst, which is row-major. perm must be a
// permutation.
CopyDims TransposeCopy(std::span<const int64_t> sizes, std::span<const int64_t> perm);

// Steps through the index tuples of outer dimensions in row-major order and
// keeps the offsets into both views.
class CopyOdometer {
 public:
  explicit CopyOdometer(std::span<const CopyDim> dims) : dims_(dims), index_(dims.size(), 0) {}
  // To the `position`-th tuple.
  void Seek(int64_t position);
  void Next() {
    for (size_t k = dims_.size(); k-- > 0;) {
      const CopyDim& d = dims_[k];
      dst_ += d.dst_stride;
      src_ += d.src_stride;
      if (++index_[k] < d.size) return;
      index_[k] = 0;
      dst_ -= d.size * d.dst_stride;
      src_ -= d.size * d.src_stride;
    }
  }
  int64_t dst() const { return dst_; }
  int64_t src() const { return src_; }

 private:
  std::span<const CopyDim> dims_;
  IndexVector index_;
  int64_t dst_ = 0;
  int64_t src_ = 0;
};

}  // namespace weft
