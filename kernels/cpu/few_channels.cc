// SPDX-License-Identifier: Apache-2.0
// clang-format off
// Each instruction set costs compile time; those left cover the machines of the last fifteen years.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/few_channels.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include "kernels/cpu/simd_target.h"
#include "kernels/cpu/positive-inl.h"
#include "kernels/cpu/product_tile-inl.h"
// clang-format on

#include <algorithm>
#include <limits>

#include "kernels/cpu/few_channels.h"
#include "kernels/cpu/packed_gemm.h"
#include "kernels/cpu/product.h"
#include "weft/core/status_macros.h"

#ifndef WEFT_FEW_CHANNELS
#define WEFT_FEW_CHANNELS
namespace weft::cpu {

struct FewChannels {
  const ConvGeometry& g;
  const float* x;
  const float* panels;  // of the filter as a matrix [window, output channels]
  SumFinish finish;
  float* y;
};

// The most floats of the image that the windows of a tile reach over.
constexpr int64_t kMostReach = 4096;

}  // namespace weft::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace weft::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
using weft::HWY_NAMESPACE::kTileRows;

// The pixels that a tile reads: rows [first, end) of the filter are inside of the image. Pixels of
// one row of the filter lie side by side.
struct TileImage {
  const float* at;   // what the first window's row 0 would read
  int64_t distance;  // between rows
  int64_t first, end;
};

template <int kRows>
void WindowTile(const FewChannels& t, const TileImage& image, const float* panel, const float* bias,
                float* c) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const SlideDim& across = t.g.space[2];
  const int64_t line = across.size * t.g.in_channels, n = t.g.out_channels;
  V sums[kRows][2];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) sums[i][v] = bias ? hn::LoadU(d, bias + v * lanes) : hn::Zero(d);
  }
  for (int64_t row = image.first; row < image.end; ++row) {
    weft::HWY_NAMESPACE::AddProducts<kRows>(d, line, image.at + row * image.distance,
                                            across.stride * t.g.in_channels,
                                            panel + row * line * 2 * lanes, nullptr, 0, sums);
  }
  const V most = hn::Set(d, t.finish.most);
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i, c += n) {
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      V sum = sums[i][v];
      if (t.finish.clamp) sum = hn::Min(weft::HWY_NAMESPACE::Positive(d, sum), most);
      hn::StoreU(sum, d, c + v * lanes);
    }
  }
}

// Rows [begin, end) of the result, counted over all images.
void WindowRows(const FewChannels& t, int64_t begin, int64_t end) {
  const SlideDim &down = t.g.space[1], &across = t.g.space[2];
  const auto width = static_cast<int64_t>(2 * hn::Lanes(D()));
  const int64_t channels = t.g.in_channels, n = t.g.out_channels,
                tiles = (across.out + kTileRows - 1) / kTileRows;
  float edge[kMostReach];
  for (int64_t i = begin; i < end; ++i) {
    const int64_t y = i % down.out * down.stride - down.before;
    const int64_t first = std::max<int64_t>(0, -y), last = std::min(down.size, down.in - y);
    const float* const top = t.x + (i / down.out * down.in + y) * across.in * channels;
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t column = across.out * tile / tiles,
                    rows = across.out * (tile + 1) / tiles - column;
      const int64_t x = column * across.stride - across.before,
                    reach = (rows - 1) * across.stride + across.size;
      TileImage image = {top + x * channels, across.in * channels, first, last};
      if (x < 0 || x + reach > across.in) {
        // A copy with zeros for what lies outside.
        image.at = edge;
        image.distance = reach * channels;
        const int64_t from = std::clamp<int64_t>(-x, 0, reach),
                      to = std::clamp<int64_t>(across.in - x, from, reach);
        for (int64_t row = first; row < last; ++row) {
          float* const line = edge + row * image.distance;
          std::fill_n(line, from * channels, 0.f);
          std::copy_n(top + (row * across.in + x + from) * channels, (to - from) * channels,
                      line + from * channels);
          std::fill_n(line + to * channels, (reach - to) * channels, 0.f);
        }
      }
      float* const c = t.y + (i * across.out + column) * n;
      WithConstant<kTileRows>(rows, [&]<int kRows>() {
        for (int64_t j = 0; j < n; j += width) {
          WindowTile<kRows>(t, image, t.panels + j * t.g.window(),
                            t.finish.bias ? t.finish.bias + j : nullptr, c + j);
        }
      });
    }
  }
}

}  // namespace weft::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::cpu {

bool FewChannelsConvolution::Pays(const ConvGeometry& g) const {
  const SlideDim &planes = g.space[0], &down = g.space[1], &across = g.space[2];
  if (!fits_ || planes.in != 1 || planes.out != 1 || planes.size != 1 || g.groups() != 1)
    return false;
  if (down.dilation != 1 || across.dilation != 1) return false;
  // Two vectors of output channels, whatever the instruction set.
  if (g.in_channels > 4 || g.out_channels % 32 != 0 || across.size * g.in_channels < 8)
    return false;
  constexpr int64_t kMostPixels = 16;  // of a tile
  return down.size * ((kMostPixels - 1) * across.stride + across.size) * g.in_channels <=
         kMostReach;
}

absl::Status FewChannelsConvolution::Run(KernelContext& ctx, const ConvGeometry& g,
                                         const ConvTensors& tensors) {
  WEFT_ASSIGN_OR_RETURN(const float* panels,
                        filter_.Get(ctx, tensors.filter, g.window(), g.out_channels, filter_scale_,
                                    /*strassen=*/false));
  SumFinish finish;
  if (epilogue_.bias) finish.bias = tensors.bias;
  finish.clamp = epilogue_.activation != ConvActivation::kNone;
  finish.most =
      epilogue_.activation == ConvActivation::kRelu6 ? 6.f : std::numeric_limits<float>::infinity();
  const FewChannels t = {g, tensors.x, panels, finish, tensors.y};
  static const auto run = WEFT_CHOOSE_SIMD(WindowRows);
  const double ns =
      static_cast<double>(g.space[2].out * g.out_channels) * static_cast<double>(g.window()) / 50;
  ctx.ParallelFor(g.batch * g.space[1].out, ns,
                  [&](int64_t begin, int64_t end) { run(t, begin, end); });
  return absl::OkStatus();
}

}  // namespace weft::cpu
#endif  // HWY_ONCE
