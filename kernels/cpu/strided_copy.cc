// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/strided_copy.h"

#include <algorithm>
#include <utility>

#include "kernels/cpu/element_class.h"

namespace weft {
namespace {

// One row: n elements with these strides.
template <typename U>
void CopyRow(U* dst, int64_t dst_stride, const U* src, int64_t src_stride, int64_t n) {
  if (dst_stride == 1 && src_stride == 1) {
    CopyRun(dst, src, n);
  } else if (dst_stride == 1 && src_stride == 0) {
    std::fill_n(dst, n, *src);
  } else if (dst_stride == 1 && src_stride == -1) {
    for (int64_t i = 0; i < n; ++i) dst[i] = src[-i];
  } else if (dst_stride == 1) {
    for (int64_t i = 0; i < n; ++i) dst[i] = src[i * src_stride];
  } else {
    for (int64_t i = 0; i < n; ++i) dst[i * dst_stride] = src[i * src_stride];
  }
}

// Row by row along the last dimension. Pieces are ranges of elements, so that
// few long rows are shared out as well as many short ones.
template <typename U>
void CopyByRows(KernelContext& ctx, U* dst, const U* src, const CopyDims& dims) {
  const CopyDim row = dims.back();
  const std::span<const CopyDim> outer(dims.data(), dims.size() - 1);
  const bool contiguous = row.dst_stride == 1 && row.src_stride == 1;
  const double cost = kMoveCost<U> * (contiguous ? 1.0 : 3.0) + 2.0 / static_cast<double>(row.size);
  ctx.ParallelFor(CopyCount(dims), cost, [&](int64_t begin, int64_t end) {
    CopyOdometer at(outer);
    at.Seek(begin / row.size);
    int64_t first = begin % row.size;
    while (begin < end) {
      const int64_t n = std::min(row.size - first, end - begin);
      CopyRow(dst + at.dst() + first * row.dst_stride, row.dst_stride,
              src + at.src() + first * row.src_stride, row.src_stride, n);
      begin += n;
      first = 0;
      at.Next();
    }
  });
}

// 16 bytes of elements: what every target has registers for.
template <typename U>
struct Lanes {
  typedef U Type __attribute__((vector_size(16)));
  static constexpr int kCount = 16 / sizeof(U);
};

template <int kCount, bool kHigh, typename V, int... kI>
V Interleave(V a, V b, std::integer_sequence<int, kI...>) {
  constexpr int kFrom = kHigh ? kCount / 2 : 0;
  return __builtin_shufflevector(a, b, (kFrom + kI / 2 + (kI % 2) * kCount)...);
}

// dst[j * dst_stride + i] = src[i * src_stride + j] for a square of kCount x
// kCount elements. Interleaving row r with row r + kCount / 2 is a perfect
// shuffle of the square's elements; log2(kCount) of them transpose it.
template <typename U>
void TransposeSquare(U* dst, int64_t dst_stride, const U* src, int64_t src_stride) {
  using V = typename Lanes<U>::Type;
  constexpr int kCount = Lanes<U>::kCount;
  constexpr auto kIndices = std::make_integer_sequence<int, kCount>();
  V rows[kCount], shuffled[kCount];
  for (int r = 0; r < kCount; ++r) std::memcpy(&rows[r], src + r * src_stride, 16);
  for (int round = 1; round < kCount; round *= 2) {
    for (int r = 0; r < kCount / 2; ++r) {
      shuffled[2 * r] = Interleave<kCount, false>(rows[r], rows[r + kCount / 2], kIndices);
      shuffled[2 * r + 1] = Interleave<kCount, true>(rows[r], rows[r + kCount / 2], kIndices);
    }
    std::copy_n(shuffled, kCount, rows);
  }
  for (int r = 0; r < kCount; ++r) std::memcpy(dst + r * dst_stride, &rows[r], 16);
}

// As TransposeSquare for a block of height x width elements of src.
template <typename U>
void TransposeBlock(U* dst, int64_t dst_stride, const U* src, int64_t src_stride, int64_t height,
                    int64_t width) {
  constexpr int kCount = Lanes<U>::kCount;
  const int64_t full_height = height - height % kCount;
  const int64_t full_width = width - width % kCount;
  for (int64_t j = 0; j < full_width; j += kCount) {
    for (int64_t i = 0; i < full_height; i += kCount) {
      TransposeSquare(dst + j * dst_stride + i, dst_stride, src + i * src_stride + j, src_stride);
    }
  }
  for (int64_t j = 0; j < width; ++j) {
    const int64_t done = j < full_width ? full_height : 0;
    for (int64_t i = done; i < height; ++i) dst[j * dst_stride + i] = src[i * src_stride + j];
  }
}

// `down` is contiguous in dst, `across` in src; blocks of kBlock x kBlock
// elements fit the first-level cache with room for both sides.
template <typename U>
void CopyByBlocks(KernelContext& ctx, U* dst, const U* src, CopyDims dims, size_t down_index,
                  size_t across_index) {
  constexpr int64_t kBlock = 64;
  const CopyDim down = dims[down_index];
  const CopyDim across = dims[across_index];
  CopyDims tasks;
  for (size_t k = 0; k < dims.size(); ++k) {
    if (k != down_index && k != across_index) tasks.push_back(dims[k]);
  }
  const int64_t down_blocks = (down.size + kBlock - 1) / kBlock;
  const int64_t across_blocks = (across.size + kBlock - 1) / kBlock;
  const int64_t per_task = down_blocks * across_blocks;
  const double cost =
      kMoveCost<U> * 2.5 *
          static_cast<double>(std::min(down.size, kBlock) * std::min(across.size, kBlock)) +
      5.0;
  ctx.ParallelFor(CopyCount(tasks) * per_task, cost, [&](int64_t begin, int64_t end) {
    CopyOdometer at(tasks);
    at.Seek(begin / per_task);
    int64_t across_block = begin % per_task / down_blocks;
    int64_t down_block = begin % down_blocks;
    for (int64_t task = begin; task < end; ++task) {
      const int64_t i = down_block * kBlock;
      const int64_t j = across_block * kBlock;
      TransposeBlock(dst + at.dst() + i + j * across.dst_stride, across.dst_stride,
                     src + at.src() + i * down.src_stride + j, down.src_stride,
                     std::min(kBlock, down.size - i), std::min(kBlock, across.size - j));
      if (++down_block < down_blocks) continue;
      down_block = 0;
      if (++across_block < across_blocks) continue;
      across_block = 0;
      at.Next();
    }
  });
}

template <typename U>
void CopyClass(KernelContext& ctx, U* dst, const U* src, const CopyDims& dims) {
  if constexpr (std::is_integral_v<U>) {
    size_t down = dims.size(), across = dims.size();
    for (size_t k = 0; k < dims.size(); ++k) {
      if (dims[k].dst_stride == 1) down = k;
      if (dims[k].src_stride == 1) across = k;
    }
    // Sides shorter than a tile gain nothing.
    constexpr int64_t kLeast = Lanes<U>::kCount;
    if (down != across && down < dims.size() && across < dims.size() && dims[down].size >= kLeast &&
        dims[across].size >= kLeast) {
      return CopyByBlocks(ctx, dst, src, dims, down, across);
    }
  }
  CopyByRows(ctx, dst, src, dims);
}

}  // namespace

void StridedCopy(KernelContext& ctx, const Array& src, int64_t src_offset, Array& dst,
                 int64_t dst_offset, CopyDims dims) {
  if (CopyCount(dims) == 0) return;
  CollapseCopy(&dims);
  if (dims.empty()) dims.push_back({1, 1, 1});
  WithElementClass(src.dtype(), [&]<typename U>() {
    CopyClass(ctx, MutableElementsOf<U>(dst) + dst_offset, ElementsOf<U>(src) + src_offset, dims);
  });
}

void TransposeInto(KernelContext& ctx, const Array& x, std::span<const int64_t> perm, Array* out) {
  StridedCopy(ctx, x, 0, *out, 0, TransposeCopy(x.shape().dims(), perm));
}

}  // namespace weft
