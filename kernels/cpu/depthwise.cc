// SPDX-License-Identifier: Apache-2.0
// clang-format off
// Each instruction set costs compile time; those left cover the machines of the last fifteen years.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/depthwise.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include "kernels/cpu/simd_target.h"
#include "kernels/cpu/positive-inl.h"
#include "kernels/cpu/vector_part-inl.h"
// clang-format on

#include <algorithm>
#include <utility>

#include "kernels/cpu/depthwise.h"
#include "kernels/cpu/product.h"

// Lambdas of loops that must be unrolled, so that arrays of vectors are registers.
#ifndef WEFT_UNROLLED
#define WEFT_UNROLLED HWY_ATTR __attribute__((always_inline))
#endif

HWY_BEFORE_NAMESPACE();
namespace weft::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

constexpr int kTaps = 3;
// A block of so many rows and columns of the result, whose sums and the nine taps of some channels
// stay in registers: the larger, the less of the input is read again.
constexpr int kMostRows = HWY_TARGET <= HWY_AVX3 ? 4 : 2, kMostColumns = 4;

constexpr int Reach(int count, int stride) { return (count - 1) * stride + kTaps; }

// Calls f.template operator()<i>() for all i below kCount.
template <int kCount, typename F>
HWY_INLINE void ForConstants(const F& f) {
  [&]<int... i>(std::integer_sequence<int, i...>) WEFT_UNROLLED {
    (f.template operator()<i>(), ...);
  }
  (std::make_integer_sequence<int, kCount>());
}

// Where the pixels are that a block reads.
struct Windows {
  const float* pixels[Reach(4, 2)][Reach(kMostColumns, 2)];
};

// Channels from c on: a vector, or what `part` says of one.
template <int kRows, int kColumns, int kStride, bool kWhole>
HWY_INLINE void Channels(const Depthwise& t, const Windows& in, int64_t c, float* HWY_RESTRICT to,
                         int64_t row_distance, int64_t ld,
                         const weft::HWY_NAMESPACE::VectorPart<D>& part) {
  const D d;
  const auto load = [&](const float* p)
                        HWY_ATTR { return kWhole ? hn::LoadU(d, p + c) : part.Load(p + c); };
  const int64_t channels = t.g.in_channels;
  constexpr int kSums = kRows * kColumns;
  V taps[kTaps * kTaps], sums[kSums];
  ForConstants<kTaps * kTaps>([&]<int i>()
                                  WEFT_UNROLLED { taps[i] = load(t.filter + i * channels); });
  const V bias = t.finish.bias ? load(t.finish.bias) : hn::Zero(d);
  ForConstants<kSums>([&]<int s>() WEFT_UNROLLED { sums[s] = bias; });
  constexpr int kAcross = Reach(kColumns, kStride);
  ForConstants<Reach(kRows, kStride) * kAcross>([&]<int kPixel>() WEFT_UNROLLED {
    constexpr int i = kPixel / kAcross, j = kPixel % kAcross;
    const V x = load(in.pixels[i][j]);
    ForConstants<kSums>([&]<int s>() WEFT_UNROLLED {
      constexpr int row = i - s / kColumns * kStride, column = j - s % kColumns * kStride;
      if constexpr (row >= 0 && row < kTaps && column >= 0 && column < kTaps)
        sums[s] = hn::MulAdd(x, taps[row * kTaps + column], sums[s]);
    });
  });
  const V most = hn::Set(d, t.finish.most);
  ForConstants<kSums>([&]<int s>() WEFT_UNROLLED {
    if (t.finish.clamp) sums[s] = hn::Min(weft::HWY_NAMESPACE::Positive(d, sums[s]), most);
    float* const p = to + s / kColumns * row_distance + s % kColumns * ld + c;
    if (kWhole)
      hn::StoreU(sums[s], d, p);
    else
      part.Store(sums[s], p);
  });
}

// A block; its rows begin row_distance, its pixels ld elements apart.
template <int kRows, int kColumns, int kStride>
void Block(const Depthwise& t, const Windows& in, float* to, int64_t row_distance, int64_t ld) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t channels = t.g.in_channels, whole = channels / lanes * lanes;
  const weft::HWY_NAMESPACE::VectorPart<D> part(d, static_cast<size_t>(channels - whole));
  for (int64_t c = 0; c < whole; c += lanes)
    Channels<kRows, kColumns, kStride, true>(t, in, c, to, row_distance, ld, part);
  if (whole == channels) return;
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kColumns; ++j) {
      Windows one;
      for (int k = 0; k < kTaps * kTaps; ++k) {
        one.pixels[k / kTaps][k % kTaps] =
            in.pixels[i * kStride + k / kTaps][j * kStride + k % kTaps];
      }
      Channels<1, 1, kStride, false>(t, one, whole, to + i * row_distance + j * ld, 0, 0, part);
    }
  }
}

// Rows [row, row + kRows) of an image, columns [begin, end).
template <int kRows>
void Band(const Depthwise& t, int64_t image, int64_t row, int64_t begin, int64_t end, float* to,
          int64_t ld) {
  const SlideDim &down = t.g.space[1], &across = t.g.space[2];
  const int stride = static_cast<int>(across.stride);
  const int64_t y = row * stride - down.before;
  for (int64_t column = begin; column < end; column += kMostColumns) {
    const int64_t count = std::min<int64_t>(kMostColumns, end - column);
    const int64_t x = column * stride - across.before;
    Windows in;
    for (int i = 0; i < Reach(kRows, stride); ++i) {
      const bool inside = y + i >= 0 && y + i < down.in;
      const int64_t line = (image * down.in + y + i) * across.in;
      for (int j = 0; j < Reach(static_cast<int>(count), stride); ++j) {
        in.pixels[i][j] = inside && x + j >= 0 && x + j < across.in
                              ? t.x + (line + x + j) * t.g.in_channels
                              : t.zeros;
      }
    }
    WithConstant<kMostColumns>(count, [&]<int kColumns>() {
      if (stride == 1)
        Block<kRows, kColumns, 1>(t, in, to, across.out * ld, ld);
      else
        Block<kRows, kColumns, 2>(t, in, to, across.out * ld, ld);
    });
    to += count * ld;
  }
}

void Rows(const Depthwise& t, int64_t begin, int64_t end, float* to, int64_t ld) {
  const int64_t rows = t.g.space[1].out, columns = t.g.space[2].out;
  for (int64_t pixel = begin; pixel < end;) {
    const int64_t column = pixel % columns, row = pixel / columns % rows,
                  image = pixel / (columns * rows);
    // Whole rows of the image, or a part of one.
    const int64_t whole = column == 0 ? std::min((end - pixel) / columns, rows - row) : 0;
    int64_t count = 0;
    if (whole >= kMostRows && kMostRows > 1) {
      Band<kMostRows>(t, image, row, 0, columns, to, ld);
      count = kMostRows * columns;
    } else if (whole >= 2 && kMostRows > 1) {
      Band<2>(t, image, row, 0, columns, to, ld);
      count = 2 * columns;
    } else {
      count = std::min(end - pixel, columns - column);
      Band<1>(t, image, row, column, column + count, to, ld);
    }
    pixel += count;
    to += count * ld;
  }
}

}  // namespace weft::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::cpu {

bool DepthwiseFits(const ConvGeometry& g) {
  const SlideDim& planes = g.space[0];
  if (planes.in != 1 || planes.out != 1 || planes.size != 1) return false;
  for (const SlideDim& d : {g.space[1], g.space[2]}) {
    if (d.size != 3 || d.dilation != 1 || d.stride != g.space[1].stride || d.stride > 2)
      return false;
  }
  return g.filter_channels == 1 && g.out_channels == g.in_channels;
}

void DepthwiseRows(const Depthwise& t, int64_t begin, int64_t end, float* rows, int64_t ld) {
  static const auto run = WEFT_CHOOSE_SIMD(Rows);
  run(t, begin, end, rows, ld);
}

}  // namespace weft::cpu
#endif  // HWY_ONCE
