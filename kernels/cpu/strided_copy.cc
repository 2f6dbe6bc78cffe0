// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/strided_copy.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "kernels/cpu/element_class.h"
#include "kernels/cpu/stream.h"

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
// kPastCaches: dst and its rows are aligned to 16 bytes; EndStreams() must follow.
template <typename U, bool kPastCaches = false>
__attribute__((always_inline)) inline void TransposeSquare(U* dst, int64_t dst_stride, const U* src,
                                                           int64_t src_stride) {
  using V = typename Lanes<U>::Type;
  constexpr int kCount = Lanes<U>::kCount;
  constexpr auto kIndices = std::make_integer_sequence<int, kCount>();
  // Unrolled, so that the vectors are in registers.
  V rows[kCount], shuffled[kCount];
#pragma GCC unroll 16
  for (int r = 0; r < kCount; ++r) std::memcpy(&rows[r], src + r * src_stride, 16);
#pragma GCC unroll 4
  for (int round = 1; round < kCount; round *= 2) {
#pragma GCC unroll 8
    for (int r = 0; r < kCount / 2; ++r) {
      shuffled[2 * r] = Interleave<kCount, false>(rows[r], rows[r + kCount / 2], kIndices);
      shuffled[2 * r + 1] = Interleave<kCount, true>(rows[r], rows[r + kCount / 2], kIndices);
    }
#pragma GCC unroll 16
    for (int r = 0; r < kCount; ++r) rows[r] = shuffled[r];
  }
#pragma GCC unroll 16
  for (int r = 0; r < kCount; ++r) {
    if constexpr (kPastCaches) {
      cpu::StreamVector(&rows[r], dst + r * dst_stride);
    } else {
      std::memcpy(dst + r * dst_stride, &rows[r], 16);
    }
  }
}

// The sides of a block: its rows are a few cache lines, and the block fits the first-level cache.
template <typename U>
constexpr int64_t kBlock = sizeof(U) == 1   ? 128
                           : sizeof(U) == 8 ? 32
                                            : 64;

// dst[j * dst_stride + i] = src[i * src_stride + j] for height x width elements of src: along the
// rows of dst, or of src.
enum class Order { kAlongDst, kAlongSrc };
template <Order kOrder, typename U>
void TransposeBlock(U* dst, int64_t dst_stride, const U* src, int64_t src_stride, int64_t height,
                    int64_t width) {
  constexpr int kCount = Lanes<U>::kCount;
  const int64_t full_height = height - height % kCount;
  const int64_t full_width = width - width % kCount;
  const auto square = [&](int64_t i, int64_t j) {
    TransposeSquare(dst + j * dst_stride + i, dst_stride, src + i * src_stride + j, src_stride);
  };
  if constexpr (kOrder == Order::kAlongDst) {
    for (int64_t j = 0; j < full_width; j += kCount) {
      for (int64_t i = 0; i < full_height; i += kCount) square(i, j);
    }
  } else {
    for (int64_t i = 0; i < full_height; i += kCount) {
      for (int64_t j = 0; j < full_width; j += kCount) square(i, j);
    }
  }
  for (int64_t j = full_width; j < width; ++j) {
    for (int64_t i = 0; i < full_height; ++i) dst[j * dst_stride + i] = src[i * src_stride + j];
  }
  for (int64_t i = full_height; i < height; ++i) {
    for (int64_t j = 0; j < width; ++j) dst[j * dst_stride + i] = src[i * src_stride + j];
  }
}

// The same by way of a buffer: every cache line of src is read, and of dst written, all at once.
// With large strides, above all powers of two, the lines of a block fall into few sets of the cache
// and would be evicted before they are used up.
template <typename U>
void TransposeBlockBuffered(U* dst, int64_t dst_stride, const U* src, int64_t src_stride,
                            int64_t height, int64_t width) {
  alignas(64) U buffer[kBlock<U> * kBlock<U>];
  constexpr int64_t kLine = 64 / sizeof(U);
  for (int64_t j = 0; j < width; ++j) {
    for (int64_t i = 0; i < height; i += kLine)
      __builtin_prefetch(dst + j * dst_stride + i, /*rw=*/1);
  }
  TransposeBlock<Order::kAlongSrc>(buffer, kBlock<U>, src, src_stride, height, width);
  for (int64_t j = 0; j < width; ++j)
    std::memcpy(dst + j * dst_stride, buffer + j * kBlock<U>,
                static_cast<size_t>(height) * sizeof(U));
}

// True if rows at this distance share few sets of the first-level cache.
template <typename U>
bool MeetsInCache(int64_t stride) {
  const int64_t bytes = std::abs(stride) * static_cast<int64_t>(sizeof(U));
  return bytes >= 4096 && bytes % 256 == 0;
}
constexpr int64_t kSecondLevelCache = 1 << 20;

// Where neither array fits the caches: small blocks one after the other along the rows of src, each
// fetched while the one before is moved, and written past the caches.
template <typename U>
class StreamedTranspose {
 public:
  static constexpr int64_t kLine = 64 / sizeof(U);
  // The sides of a block along down and across: whole lines of both arrays. Its part of a row of
  // src is long enough for what is fetched to be mostly in the order of memory, and two blocks fit
  // the first-level cache.
  static constexpr int64_t kDown = 2 * kLine, kAcross = 4 * kLine;

  // Blocks of dst begin at multiples of kDown and of the strides of the other dimensions.
  StreamedTranspose(const U* dst, const CopyDims& outer, const CopyDim& down, const CopyDim& across)
      : down_(down), across_(across) {
    const auto whole_lines = [](auto bytes) { return bytes % 64 == 0; };
    // Parts of lines go to memory one by one.
    streams_ = whole_lines(reinterpret_cast<uintptr_t>(dst)) &&
               whole_lines(across.dst_stride * static_cast<int64_t>(sizeof(U)));
    for (const CopyDim& o : outer)
      streams_ &= whole_lines(o.dst_stride * static_cast<int64_t>(sizeof(U)));
    // Squares read a line of src several times, and have as many lines of dst begun as they have
    // rows: not more than a processor gathers stores for.
    direct_ = streams_ && kLanes <= 8 && !MeetsInCache<U>(down.src_stride);
  }

  // Moves height x width elements at `from`, and fetches next_height x next_width at `next`.
  void Move(U* to, const U* from, int64_t height, int64_t width, const U* next, int64_t next_height,
            int64_t next_width) {
    Fetcher fetcher(next, down_.src_stride, next_height, (next_width + kLine - 1) / kLine);
    for (int64_t c = 0; c < width; c += kLine) {
      const int64_t columns = std::min(kLine, width - c);
      U* const line_to = to + c * across_.dst_stride;
      if (!streams_ || height < kDown || columns < kLine) {
        MovePart(line_to, from + c, height, columns, &fetcher);
      } else if (direct_) {
        MoveDirectly(line_to, from + c, &fetcher);
      } else {
        MoveBuffered(line_to, from + c, &fetcher);
      }
    }
    fetcher.Fetch(kDown * kAcross);
  }

 private:
  static constexpr int64_t kLanes = Lanes<U>::kCount;

  // Fetches a block line by line.
  class Fetcher {
   public:
    Fetcher(const U* block, int64_t stride, int64_t rows, int64_t lines)
        : row_(block), stride_(stride), rows_(rows), lines_(lines) {}
    // At most `count` lines.
    void Fetch(int64_t count) {
      for (; count > 0 && rows_ > 0; --count) {
        __builtin_prefetch(row_ + line_ * kLine);
        if (++line_ < lines_) continue;
        line_ = 0;
        --rows_;
        if (rows_ > 0) row_ += stride_;
      }
    }

   private:
    const U* row_;
    const int64_t stride_;
    int64_t rows_;
    const int64_t lines_;
    int64_t line_ = 0;
  };

  // kDown x kLine elements.
  void MoveDirectly(U* to, const U* from, Fetcher* fetcher) const {
    for (int64_t i = 0; i < kDown; i += kLine) {
      for (int64_t c = 0; c < kLine; c += kLanes) {
        fetcher->Fetch(kLanes);
        for (int64_t r = i; r < i + kLine; r += kLanes)
          TransposeSquare<U, true>(to + c * across_.dst_stride + r, across_.dst_stride,
                                   from + r * down_.src_stride + c, down_.src_stride);
      }
    }
  }

  // The same by way of a buffer: every line is read, and written, all at once.
  void MoveBuffered(U* to, const U* from, Fetcher* fetcher) {
    for (int64_t r = 0; r < kDown; r += kLanes) {
      fetcher->Fetch(kLanes);
      for (int64_t c = 0; c < kLine; c += kLanes)
        TransposeSquare(buffer_ + c * kDown + r, kDown, from + r * down_.src_stride + c,
                        down_.src_stride);
    }
    for (int64_t c = 0; c < kLine; ++c) {
      for (int64_t r = 0; r < kDown; r += kLanes)
        cpu::StreamVector(buffer_ + c * kDown + r, to + c * across_.dst_stride + r);
    }
  }

  // height x width elements of at most kDown x kLine.
  void MovePart(U* to, const U* from, int64_t height, int64_t width, Fetcher* fetcher) {
    for (int64_t r = 0; r < height; r += kLanes) {
      fetcher->Fetch(kLanes);
      TransposeBlock<Order::kAlongSrc>(buffer_ + r, kDown, from + r * down_.src_stride,
                                       down_.src_stride, std::min(kLanes, height - r), width);
    }
    const int64_t streamed = streams_ ? height - height % kLine : 0;
    for (int64_t c = 0; c < width; ++c) {
      U* const row = to + c * across_.dst_stride;
      const U* const made = buffer_ + c * kDown;
      cpu::StreamCopy(made, streamed * static_cast<int64_t>(sizeof(U)), row);
      std::memcpy(row + streamed, made + streamed,
                  static_cast<size_t>(height - streamed) * sizeof(U));
    }
  }

  alignas(64) U buffer_[kDown * kLine];
  const CopyDim down_, across_;
  bool streams_, direct_;
};

// A block of a streamed transpose among all: along the rows of src, then down, then outwards.
template <typename U>
class StreamedBlock {
 public:
  // The first block of a row of them.
  StreamedBlock(const CopyDims& outer, const CopyDim& down, const CopyDim& across, int64_t row)
      : at_(outer), down_(down), across_(across) {
    const int64_t rows = (down.size + kDown - 1) / kDown;
    at_.Seek(row / rows);
    i_ = row % rows * kDown;
  }
  // Behind the last block comes the first.
  void Next() {
    j_ += kAcross;
    if (j_ < across_.size) return;
    j_ = 0;
    i_ += kDown;
    if (i_ < down_.size) return;
    i_ = 0;
    at_.Next();
  }
  int64_t dst() const { return at_.dst() + i_ + j_ * across_.dst_stride; }
  int64_t src() const { return at_.src() + i_ * down_.src_stride + j_; }
  int64_t height() const { return std::min(kDown, down_.size - i_); }
  int64_t width() const { return std::min(kAcross, across_.size - j_); }

 private:
  static constexpr int64_t kDown = StreamedTranspose<U>::kDown,
                           kAcross = StreamedTranspose<U>::kAcross;
  CopyOdometer at_;
  const CopyDim &down_, &across_;
  int64_t i_ = 0, j_ = 0;
};

// `down` is contiguous in dst, `across` in src.
template <typename U>
void CopyStreamed(KernelContext& ctx, U* dst, const U* src, const CopyDims& outer,
                  const CopyDim& down, const CopyDim& across) {
  constexpr int64_t kDown = StreamedTranspose<U>::kDown, kAcross = StreamedTranspose<U>::kAcross;
  const int64_t rows = (down.size + kDown - 1) / kDown,
                columns = (across.size + kAcross - 1) / kAcross;
  const double cost = kMoveCost<U> * 2.5 * static_cast<double>(kDown * across.size);
  // A row of blocks at a time.
  ctx.ParallelFor(CopyCount(outer) * rows, cost, [&](int64_t begin, int64_t end) {
    StreamedTranspose<U> transpose(dst, outer, down, across);
    StreamedBlock<U> block(outer, down, across, begin), next = block;
    for (int64_t left = (end - begin) * columns; left > 0; --left) {
      next.Next();
      transpose.Move(dst + block.dst(), src + block.src(), block.height(), block.width(),
                     src + next.src(), next.height(), next.width());
      block.Next();
    }
    cpu::EndStreams();
  });
}

// As TransposeBlock for a few long rows, kHeight of them or (0) `height`: they become interleaved.
template <typename U, int64_t kHeight>
void InterleaveRows(U* dst, int64_t dst_stride, const U* src, int64_t src_stride, int64_t height,
                    int64_t width) {
  const int64_t rows = kHeight > 0 ? kHeight : height;
  for (int64_t j = 0; j < width; ++j) {
    for (int64_t i = 0; i < rows; ++i) dst[j * dst_stride + i] = src[i * src_stride + j];
  }
}

// `down` is contiguous in dst and short, `across` in src and long.
template <typename U>
void CopyInterleaved(KernelContext& ctx, U* dst, const U* src, const CopyDims& outer,
                     const CopyDim& down, const CopyDim& across) {
  constexpr int64_t kRun = 1024;
  const int64_t runs = (across.size + kRun - 1) / kRun;
  const auto interleave = down.size == 2   ? InterleaveRows<U, 2>
                          : down.size == 3 ? InterleaveRows<U, 3>
                                           : InterleaveRows<U, 0>;
  const double cost =
      kMoveCost<U> * 2.5 * static_cast<double>(down.size * std::min(across.size, kRun)) + 5.0;
  ctx.ParallelFor(CopyCount(outer) * runs, cost, [&](int64_t begin, int64_t end) {
    CopyOdometer at(outer);
    at.Seek(begin / runs);
    for (int64_t task = begin, run = begin % runs; task < end; ++task) {
      const int64_t j = run * kRun;
      interleave(dst + at.dst() + j * across.dst_stride, across.dst_stride, src + at.src() + j,
                 down.src_stride, down.size, std::min(kRun, across.size - j));
      if (++run < runs) continue;
      run = 0;
      at.Next();
    }
  });
}

// `down` is contiguous in dst, `across` in src.
template <typename U>
void CopyByBlocks(KernelContext& ctx, U* dst, const U* src, const CopyDims& dims, size_t down_index,
                  size_t across_index) {
  const CopyDim down = dims[down_index];
  const CopyDim across = dims[across_index];
  CopyDims tasks;
  for (size_t k = 0; k < dims.size(); ++k) {
    if (k != down_index && k != across_index) tasks.push_back(dims[k]);
  }
  if (down.size < Lanes<U>::kCount) return CopyInterleaved(ctx, dst, src, tasks, down, across);
  constexpr int64_t kSide = kBlock<U>;
  if (CopyCount(dims) * static_cast<int64_t>(sizeof(U)) >= cpu::kStreamBytes &&
      down.size >= StreamedTranspose<U>::kDown && across.size >= StreamedTranspose<U>::kLine)
    return CopyStreamed(ctx, dst, src, tasks, down, across);
  const bool buffered = CopyCount(dims) * static_cast<int64_t>(sizeof(U)) > kSecondLevelCache &&
                        (MeetsInCache<U>(down.src_stride) || MeetsInCache<U>(across.dst_stride));
  const int64_t down_blocks = (down.size + kSide - 1) / kSide;
  const int64_t across_blocks = (across.size + kSide - 1) / kSide;
  const int64_t per_task = down_blocks * across_blocks;
  const double cost =
      kMoveCost<U> * 2.5 *
          static_cast<double>(std::min(down.size, kSide) * std::min(across.size, kSide)) +
      5.0;
  ctx.ParallelFor(CopyCount(tasks) * per_task, cost, [&](int64_t begin, int64_t end) {
    CopyOdometer at(tasks);
    at.Seek(begin / per_task);
    int64_t across_block = begin % per_task / down_blocks;
    int64_t down_block = begin % down_blocks;
    for (int64_t task = begin; task < end; ++task) {
      const int64_t i = down_block * kSide, j = across_block * kSide;
      const int64_t height = std::min(kSide, down.size - i),
                    width = std::min(kSide, across.size - j);
      U* to = dst + at.dst() + i + j * across.dst_stride;
      const U* from = src + at.src() + i * down.src_stride + j;
      if (buffered) {
        TransposeBlockBuffered(to, across.dst_stride, from, down.src_stride, height, width);
      } else {
        TransposeBlock<Order::kAlongDst>(to, across.dst_stride, from, down.src_stride, height,
                                         width);
      }
      if (++down_block < down_blocks) continue;
      down_block = 0;
      if (++across_block < across_blocks) continue;
      across_block = 0;
      at.Next();
    }
  });
}

// The dimensions that are contiguous in dst and in src, if they are two and the copy is better done
// in blocks.
template <typename U>
bool FindBlockDims(const CopyDims& dims, size_t* down, size_t* across) {
  *down = *across = dims.size();
  for (size_t k = 0; k < dims.size(); ++k) {
    if (dims[k].dst_stride == 1) *down = k;
    if (dims[k].src_stride == 1) *across = k;
  }
  if (*down == *across || *down == dims.size() || *across == dims.size()) return false;
  // Rows are as good if they are long in one view and all that is short is in the other.
  constexpr int64_t kLeast = Lanes<U>::kCount;
  return dims[*across].size >= kLeast;
}

template <typename U>
void CopyClass(KernelContext& ctx, U* dst, const U* src, const CopyDims& dims) {
  if constexpr (std::is_integral_v<U>) {
    size_t down, across;
    if (FindBlockDims<U>(dims, &down, &across))
      return CopyByBlocks(ctx, dst, src, dims, down, across);
  }
  CopyByRows(ctx, dst, src, dims);
}

// If the innermost dimension is a contiguous run as long as a larger element, it is taken as one
// such element: its class, else an invalid type.
DataType WidenElements(size_t element_size, const void* src, const void* dst, CopyDims* dims) {
  const CopyDim run = dims->back();
  const size_t bytes = static_cast<size_t>(run.size) * element_size;
  DataType wide = kInvalidType;
  if (bytes == 2) wide = kUint16;
  if (bytes == 4) wide = kUint32;
  if (bytes == 8) wide = kUint64;
  if (bytes == 16) wide = kComplex128;
  if (wide == kInvalidType || run.size == 1 || run.dst_stride != 1 || run.src_stride != 1)
    return kInvalidType;
  const auto aligned = [bytes](const void* p) {
    return reinterpret_cast<uintptr_t>(p) % bytes == 0;
  };
  bool whole = aligned(src) && aligned(dst);
  for (size_t k = 0; k + 1 < dims->size(); ++k)
    whole &= (*dims)[k].dst_stride % run.size == 0 && (*dims)[k].src_stride % run.size == 0;
  if (!whole) return kInvalidType;
  dims->pop_back();
  for (CopyDim& d : *dims) {
    d.dst_stride /= run.size;
    d.src_stride /= run.size;
  }
  if (dims->empty()) dims->push_back({1, 1, 1});
  return wide;
}

}  // namespace

void StridedCopy(KernelContext& ctx, const Array& src, int64_t src_offset, Array& dst,
                 int64_t dst_offset, CopyDims dims) {
  if (CopyCount(dims) == 0) return;
  CollapseCopy(&dims);
  if (dims.empty()) dims.push_back({1, 1, 1});
  const size_t size = DTypeSize(src.dtype());
  const char* from =
      static_cast<const char*>(src.raw_data()) + src_offset * static_cast<int64_t>(size);
  char* to = static_cast<char*>(dst.raw_data()) + dst_offset * static_cast<int64_t>(size);
  DataType dtype = src.dtype();
  if (IsPlain(dtype)) {
    if (const DataType wide = WidenElements(size, from, to, &dims); wide != kInvalidType)
      dtype = wide;
  }
  WithElementClass(dtype, [&]<typename U>() {
    CopyClass(ctx, reinterpret_cast<U*>(to), reinterpret_cast<const U*>(from), dims);
  });
}

void TransposeInto(KernelContext& ctx, const Array& x, std::span<const int64_t> perm, Array* out) {
  StridedCopy(ctx, x, 0, *out, 0, TransposeCopy(x.shape().dims(), perm));
}

}  // namespace weft
