// SPDX-License-Identifier: Apache-2.0
// What kernels say of their rows (Kernel::DivideRows).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/cpu/gemm.h"
#include "weft/runtime/kernel.h"

namespace weft::cpu {

inline int64_t RowElements(const Array& a) {
  return a.rank() > 0 && a.dim(0) > 0 ? a.num_elements() / a.dim(0) : 0;
}

// Where part p of so many rows ends (KernelContext::RowParts).
inline int64_t PartEnd(const std::vector<int64_t>& parts, size_t p, int64_t rows) {
  return p + 1 < parts.size() ? parts[p + 1] : rows;
}

// The first `count` inputs are split, the others are not.
inline std::vector<bool> SplitFirst(const KernelContext& ctx, int count) {
  std::vector<bool> split(static_cast<size_t>(ctx.num_inputs()), false);
  std::fill_n(split.begin(), count, true);
  return split;
}

// Of a kernel whose elements are functions of one element of each operand, as broadcasting repeats
// them.
inline RowUse BroadcastRows(const KernelContext& ctx, double element_ns) {
  int rank = 0;
  int64_t rows = 0, elements = 0;
  for (int i = 0; i < ctx.num_inputs(); ++i) rank = std::max(rank, ctx.input(i).rank());
  for (int i = 0; i < ctx.num_inputs(); ++i) {
    const Array& a = ctx.input(i);
    if (rank > 0 && a.rank() == rank) rows = std::max(rows, a.dim(0));
    elements = std::max(elements, RowElements(a));
  }
  RowUse use;
  if (rows < 2) return use;
  for (int i = 0; i < ctx.num_inputs(); ++i)
    use.split.push_back(ctx.input(i).rank() == rank && ctx.input(i).dim(0) == rows);
  use.row_ns = static_cast<double>(elements) * element_ns;
  return use;
}

// Do some rows of a product of `m` rows have the bits of the whole? The other kernels of products
// divide the sums according to the sizes.
inline bool ProductHasRows(bool transpose_b, int64_t m, int64_t rows, int64_t n, int64_t k) {
  return ChooseGemmPath(/*transpose_a=*/false, transpose_b, m, n, k) == GemmPath::kSmall &&
         ChooseGemmPath(/*transpose_a=*/false, transpose_b, rows, n, k) == GemmPath::kSmall;
}
inline double ProductRowCost(int64_t n, int64_t k) {
  return static_cast<double>(n) * static_cast<double>(k) / 40;
}

}  // namespace weft::cpu
