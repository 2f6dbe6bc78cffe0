// SPDX-License-Identifier: Apache-2.0
// clang-format off
// Each instruction set costs compile time; those left cover the machines of the last fifteen years.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/narrow_filter.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include "kernels/cpu/simd_target.h"
// clang-format on

#include <algorithm>

#include "kernels/cpu/narrow_filter.h"
#include "kernels/cpu/product.h"

HWY_BEFORE_NAMESPACE();
namespace weft::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// Floats of x that are multiplied by two vectors of dy at a time.
constexpr int kMostOfRun = HWY_TARGET <= HWY_AVX3 ? 14 : 6;

int64_t NarrowColumns() { return static_cast<int64_t>(2 * hn::Lanes(D())); }

template <int kRun>
void SumOuter(const NarrowOuter& t, const float* HWY_RESTRICT x, const float* HWY_RESTRICT dy,
              float* HWY_RESTRICT to) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V sums[kRun][2];
#pragma GCC unroll 16
  for (int i = 0; i < kRun; ++i) sums[i][0] = sums[i][1] = hn::Zero(d);
  for (int64_t p = 0; p < t.pixels; ++p, x += t.x_step, dy += t.columns) {
    const V left = hn::LoadU(d, dy), right = hn::LoadU(d, dy + lanes);
#pragma GCC unroll 16
    for (int i = 0; i < kRun; ++i) {
      const V factor = hn::Set(d, x[i]);
      sums[i][0] = hn::MulAdd(factor, left, sums[i][0]);
      sums[i][1] = hn::MulAdd(factor, right, sums[i][1]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRun; ++i, to += t.columns) {
    hn::StoreU(hn::Add(hn::LoadU(d, to), sums[i][0]), d, to);
    hn::StoreU(hn::Add(hn::LoadU(d, to + lanes), sums[i][1]), d, to + lanes);
  }
}

void AddOuter(const NarrowOuter& t) {
  const int64_t parts = (t.run + kMostOfRun - 1) / kMostOfRun;
  for (int64_t c = 0; c < t.columns; c += NarrowColumns()) {
    for (int64_t i = 0; i < parts; ++i) {
      const int64_t first = t.run * i / parts;
      WithConstant<kMostOfRun>(t.run * (i + 1) / parts - first, [&]<int kRun>() {
        SumOuter<kRun>(t, t.x + first, t.dy + c, t.sums + first * t.columns + c);
      });
    }
  }
}

}  // namespace weft::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::cpu {
namespace {

int64_t ColumnsHere() {
  static const int64_t columns = WEFT_CHOOSE_SIMD(NarrowColumns)();
  return columns;
}
int64_t RoundedUp(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

struct FilterPlan {
  explicit FilterPlan(const ConvGeometry& geometry)
      : g(geometry), rows(g.space[1]), columns(g.space[2]) {
    before = columns.before * g.in_channels;
    line = std::max(before + columns.in * g.in_channels,
                    ((columns.out - 1) * columns.stride + columns.size) * g.in_channels);
    // More would only be read again; sums of fewer rows are rounded less often.
    constexpr int64_t kMostParts = 16, kMostSums = 512 * 1024;
    parts = std::clamp<int64_t>(kMostSums / sums(), 1, std::min(kMostParts, num_rows()));
  }
  int64_t num_rows() const { return g.batch * rows.out; }
  int64_t sums() const { return g.window() * g.out_channels; }
  // Of a part.
  int64_t room() const { return RoundedUp(sums() + line, 16); }

  const ConvGeometry& g;
  const SlideDim &rows, &columns;
  int64_t before, line;  // elements of a row of x before pixel 0, and with zeros
  int64_t parts;         // of dy's rows, which are summed up by themselves
};

// Sums over rows [begin, end) of [0, images * rows).
void SumRows(const FilterPlan& p, const ConvTensors& tensors, int64_t begin, int64_t end,
             float* sums) {
  static const auto add = WEFT_CHOOSE_SIMD(AddOuter);
  const ConvGeometry& g = p.g;
  float* const line = sums + p.sums();
  std::fill_n(sums, p.room(), 0.0f);
  const int64_t run = p.columns.size * g.in_channels, row = p.columns.in * g.in_channels;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t image = i / p.rows.out;
    for (int64_t k = 0; k < p.rows.size; ++k) {
      const int64_t at = i % p.rows.out * p.rows.stride - p.rows.before + k * p.rows.dilation;
      if (at < 0 || at >= p.rows.in) continue;
      std::copy_n(tensors.x + (image * p.rows.in + at) * row, row, line + p.before);
      add({.pixels = p.columns.out,
           .x = line,
           .x_step = p.columns.stride * g.in_channels,
           .run = run,
           .dy = tensors.y + i * p.columns.out * g.out_channels,
           .columns = g.out_channels,
           .sums = sums + k * run * g.out_channels});
    }
  }
}

}  // namespace

bool NarrowBackFilterPays(const ConvGeometry& g) {
  // As measured with AVX-512: oneDNN is faster for short rows, and Winograd's form for more
  // channels.
  constexpr int64_t kMostChannels = 8, kLeastPixels = 100, kColumns = 32;
  const SlideDim &planes = g.space[0], &columns = g.space[2];
  const bool flat = planes.in == 1 && planes.out == 1 && planes.size == 1 && planes.before == 0;
  // Without vectors the products of libraries are faster, and those of single pixels with them too.
  if (ColumnsHere() == 2 || !flat || g.groups() != 1 || g.taps() == 1) return false;
  return g.in_channels <= kMostChannels && g.out_channels % kColumns == 0 &&
         columns.out >= kLeastPixels && columns.dilation == 1;
}

absl::Status NarrowBackFilter(KernelContext& ctx, int workspace_output, const ConvGeometry& g,
                              const ConvTensors& tensors) {
  const FilterPlan p(g);
  const Shape size({static_cast<int64_t>(sizeof(float)) * p.parts * p.room()});
  WEFT_ASSIGN_OR_RETURN(Array workspace, ConvWorkspace(ctx, workspace_output, size));
  float* const memory = reinterpret_cast<float*>(workspace.mutable_data<uint8_t>());
  const double products = static_cast<double>(g.pixels() * g.window()) *
                          static_cast<double>(g.out_channels) / static_cast<double>(p.parts);
  ctx.ParallelFor(p.parts, products / 50, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      SumRows(p, tensors, p.num_rows() * i / p.parts, p.num_rows() * (i + 1) / p.parts,
              memory + i * p.room());
    }
  });
  ctx.ParallelFor(g.window(), 0.3 * static_cast<double>(p.parts * g.out_channels),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t i = begin; i < end; ++i) {
                      float* const to = tensors.filter + i * g.out_channels;
                      const float* from = memory + i * g.out_channels;
                      std::copy_n(from, g.out_channels, to);
                      for (int64_t part = 1; part < p.parts; ++part) {
                        from += p.room();
                        for (int64_t o = 0; o < g.out_channels; ++o) to[o] += from[o];
                      }
                    }
                  });
  return absl::OkStatus();
}

}  // namespace weft::cpu
#endif  // HWY_ONCE
