// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/winograd.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <limits>
#include <string_view>

#include "kernels/cpu/simd.h"
#include "kernels/cpu/small_gemm.h"
#include "src/core/status.h"

namespace weft::cpu {
namespace {

constexpr int kSide = 6, kPlaces = kSide * kSide;

// ---- the forms, of one dimension ----------------------------------------------------------------

#define WEFT_INLINE __attribute__((always_inline)) inline

// The points: their squares are 1/2 and 2, so that no power of them is far from 1. (With 1 and 2 in
// their place errors are three times as large.)
constexpr float kNear = 0.70710678f, kFar = 1.41421356f;

// Six pixels.
struct ImageForm {
  static constexpr int kIn = kSide, kOut = kSide;
  WEFT_INLINE static void Apply(const float* x, float* y) {
    const float even1 = x[4] - 2 * x[2], odd1 = kNear * (x[3] - 2 * x[1]);
    const float even2 = x[4] - 0.5f * x[2], odd2 = kFar * (x[3] - 0.5f * x[1]);
    y[0] = x[0] - 2.5f * x[2] + x[4];
    y[1] = even1 + odd1;
    y[2] = even1 - odd1;
    y[3] = even2 + odd2;
    y[4] = even2 - odd2;
    y[5] = x[1] - 2.5f * x[3] + x[5];
  }
};

// The taps of a filter: its polynomial at the points, over the products of their distances.
template <int kTaps>
struct FilterForm {
  static constexpr int kIn = kTaps, kOut = kSide;
  WEFT_INLINE static void Apply(const float* x, float* y) {
    float even1 = 0, odd1 = 0, even2 = 0, odd2 = 0, small = 1, large = 1;
    for (int k = 0; k < kTaps; k += 2) {
      even1 += small * x[k];
      even2 += large * x[k];
      if (k + 1 < kTaps) {
        odd1 += small * x[k + 1];
        odd2 += large * x[k + 1];
      }
      small *= 0.5f;
      large *= 2;
    }
    y[0] = x[0];
    y[1] = (even1 + kNear * odd1) * (-2.f / 3);
    y[2] = (even1 - kNear * odd1) * (-2.f / 3);
    y[3] = (even2 + kFar * odd2) * (1.f / 6);
    y[4] = (even2 - kFar * odd2) * (1.f / 6);
    y[5] = x[kTaps - 1];
  }
};

// Back from the form: this many results.
template <int kResults>
struct ResultForm {
  static constexpr int kIn = kSide, kOut = kResults;
  WEFT_INLINE static void Apply(const float* x, float* y) {
    const float sum1 = x[1] + x[2], difference1 = kNear * (x[1] - x[2]);
    const float sum2 = x[3] + x[4], difference2 = kFar * (x[3] - x[4]);
    float small = 1, large = 1;
    for (int k = 0; k < kResults; k += 2) {
      y[k] = small * sum1 + large * sum2;
      if (k + 1 < kResults) y[k + 1] = small * difference1 + large * difference2;
      small *= 0.5f;
      large *= 2;
    }
    y[0] += x[0];
    y[kResults - 1] += x[5];
  }
};

// ---- of two dimensions, for runs of channels ----------------------------------------------------

// Channels at a time, so that what lies between the two dimensions stays in the first cache.
constexpr int64_t kRun = 64;

template <typename Form>
WEFT_INLINE void ApplyToRuns(const std::array<const float*, Form::kIn>& from,
                             const std::array<float*, Form::kOut>& to, int64_t n) {
#pragma GCC ivdep
  for (int64_t c = 0; c < n; ++c) {
    float x[Form::kIn], y[Form::kOut];
#pragma GCC unroll 6
    for (int k = 0; k < Form::kIn; ++k) x[k] = from[static_cast<size_t>(k)][c];
    Form::Apply(x, y);
#pragma GCC unroll 6
    for (int k = 0; k < Form::kOut; ++k) to[static_cast<size_t>(k)][c] = y[k];
  }
}

// from and to: rows of places, each a run of n channels.
template <typename Form>
WEFT_INLINE void ApplyToPlane(const float* const* from, float* const* to, int64_t n) {
  constexpr int kIn = Form::kIn, kOut = Form::kOut;
  alignas(64) float between[kOut * kIn * kRun];
  for (int64_t begin = 0; begin < n; begin += kRun) {
    const int64_t run = std::min(kRun, n - begin);
    for (int j = 0; j < kIn; ++j) {
      std::array<const float*, kIn> in;
      std::array<float*, kOut> out;
      for (int i = 0; i < kIn; ++i) in[static_cast<size_t>(i)] = from[i * kIn + j] + begin;
      for (int i = 0; i < kOut; ++i) out[static_cast<size_t>(i)] = between + (i * kIn + j) * kRun;
      ApplyToRuns<Form>(in, out, run);
    }
    for (int i = 0; i < kOut; ++i) {
      std::array<const float*, kIn> in;
      std::array<float*, kOut> out;
      for (int j = 0; j < kIn; ++j) in[static_cast<size_t>(j)] = between + (i * kIn + j) * kRun;
      for (int j = 0; j < kOut; ++j) out[static_cast<size_t>(j)] = to[i * kOut + j] + begin;
      ApplyToRuns<Form>(in, out, run);
    }
  }
}

WEFT_SIMD void TransformImage(const float* const* from, float* const* to, int64_t n) {
  ApplyToPlane<ImageForm>(from, to, n);
}
WEFT_SIMD void TransformFilter(int taps, const float* const* from, float* const* to, int64_t n) {
  if (taps == 2) ApplyToPlane<FilterForm<2>>(from, to, n);
  if (taps == 3) ApplyToPlane<FilterForm<3>>(from, to, n);
  if (taps == 4) ApplyToPlane<FilterForm<4>>(from, to, n);
  if (taps == 5) ApplyToPlane<FilterForm<5>>(from, to, n);
}
WEFT_SIMD void TransformResult(int results, const float* const* from, float* const* to, int64_t n) {
  if (results == 2) ApplyToPlane<ResultForm<2>>(from, to, n);
  if (results == 3) ApplyToPlane<ResultForm<3>>(from, to, n);
  if (results == 4) ApplyToPlane<ResultForm<4>>(from, to, n);
  if (results == 5) ApplyToPlane<ResultForm<5>>(from, to, n);
}

WEFT_SIMD void Finish(const ConvEpilogue& e, const float* bias, const float* sums, float* y,
                      int64_t n) {
  if (e.add) {
#pragma GCC ivdep
    for (int64_t c = 0; c < n; ++c) y[c] += sums[c];
  } else {
    std::copy_n(sums, n, y);
  }
  if (e.bias) {
#pragma GCC ivdep
    for (int64_t c = 0; c < n; ++c) y[c] += bias[c];
  }
  if (e.activation == ConvActivation::kNone) return;
  const float most =
      e.activation == ConvActivation::kRelu6 ? 6.f : std::numeric_limits<float>::infinity();
  for (int64_t c = 0; c < n; ++c) {
    const float v = y[c] > 0 ? y[c] : 0;
    y[c] = v < most ? v : most;
  }
}

// ---- tiles of an image --------------------------------------------------------------------------

// A correlation: result(i, j) is the sum over taps of pixel(i - before + tap, ..).
struct Tiling {
  Tiling(const ConvGeometry& g, ConvPass pass)
      : taps(static_cast<int>(g.space[1].size)), step(kSide + 1 - taps), batch(g.batch) {
    const bool back = pass == ConvPass::kBackInput;
    for (size_t d = 0; d < 2; ++d) {
      const SlideDim& dim = g.space[d + 1];
      in[d] = back ? dim.out : dim.in;
      out[d] = back ? dim.in : dim.out;
      before[d] = back ? taps - 1 - dim.before : dim.before;
      tiles[d] = (out[d] + step - 1) / step;
    }
    in_channels = back ? g.out_channels : g.in_channels;
    out_channels = back ? g.in_channels : g.out_channels;
  }
  int64_t num_tiles() const { return batch * tiles[0] * tiles[1]; }

  struct Place {
    int64_t image, row, column;  // of the first result
  };
  Place PlaceOf(int64_t tile) const {
    const int64_t column = tile % tiles[1], row = tile / tiles[1] % tiles[0];
    return {tile / (tiles[0] * tiles[1]), row * step, column * step};
  }

  // Where the pixels of a square of the image are; `outside` for those that it lacks.
  template <typename T>
  static void Pixels(T* data, const std::array<int64_t, 2>& size, int64_t channels, int64_t image,
                     int64_t row, int64_t column, int side, T* outside, T** pixels) {
    for (int64_t i = row; i < row + side; ++i) {
      for (int64_t j = column; j < column + side; ++j) {
        const bool inside = i >= 0 && i < size[0] && j >= 0 && j < size[1];
        *pixels++ = inside ? data + ((image * size[0] + i) * size[1] + j) * channels : outside;
      }
    }
  }

  int taps, step;
  int64_t batch, in_channels, out_channels;
  std::array<int64_t, 2> in, out, before, tiles;  // rows, columns
};

// Tiles of a block: its matrices stay in the second cache, beside the filter's. Sums over tiles are
// read and written once a block, so blocks must not be too small where there are many sums.
int64_t BlockTiles(const Tiling& t, bool sums) {
  if (sums && t.in_channels * t.out_channels > 12'500) return 48;
  const int64_t fit = 130'000 / (kPlaces * (t.in_channels + t.out_channels));
  return std::clamp<int64_t>(fit / 12 * 12, 12, 96);
}

// The memory of one worker, in floats: the matrices of a block, and a pixel to read zeros from or
// to write what lies outside to.
struct Room {
  explicit Room(const Tiling& t, bool sums)
      : block(BlockTiles(t, sums)),
        in(kPlaces * block * t.in_channels),
        out(kPlaces * block * t.out_channels),
        pixel((std::max(t.in_channels, t.out_channels) + 15) / 16 * 16),
        filter(sums ? kPlaces * t.in_channels * t.out_channels : 0) {}
  int64_t floats() const { return in + out + (1 + kPlaces) * pixel + filter; }
  int64_t block, in, out, pixel, filter;
};

int64_t Workers(KernelContext& ctx, const Tiling& t, const Room& room) {
  return std::min<int64_t>(ctx.num_threads(), (t.num_tiles() + room.block - 1) / room.block);
}

// Calls work(worker, first tile, number of tiles, whether it is the worker's first block).
template <typename Work>
void ForBlocks(KernelContext& ctx, const Tiling& t, const Room& room, Work work) {
  const int64_t workers = Workers(ctx, t, room);
  const int64_t blocks = (t.num_tiles() + room.block - 1) / room.block;
  const double products = static_cast<double>(kPlaces * t.in_channels * t.out_channels);
  const double cost = static_cast<double>(room.block * blocks / workers) * products / 30;
  ctx.ParallelFor(workers, cost, [&](int64_t begin, int64_t end) {
    for (int64_t w = begin; w < end; ++w) {
      const int64_t begin_block = blocks * w / workers;
      for (int64_t b = begin_block; b < blocks * (w + 1) / workers; ++b) {
        const int64_t first = b * room.block;
        work(w, first, std::min(room.block, t.num_tiles() - first), b == begin_block);
      }
    }
  });
}

// Place p of tile i of a block is row i of matrix p.
template <typename T>
void Rows(T* matrices, int64_t block, int64_t tile, int64_t channels, T** rows) {
  for (int64_t p = 0; p < kPlaces; ++p) rows[p] = matrices + (p * block + tile) * channels;
}

// The tiles of a block in the image's form. `zeros` stands for pixels outside.
void TransformTiles(const Tiling& t, const Room& room, const float* image, int64_t first,
                    int64_t count, const float* zeros, float* matrices) {
  const float* from[kPlaces];
  float* to[kPlaces];
  for (int64_t i = 0; i < count; ++i) {
    const Tiling::Place at = t.PlaceOf(first + i);
    Tiling::Pixels(image, t.in, t.in_channels, at.image, at.row - t.before[0],
                   at.column - t.before[1], kSide, zeros, from);
    Rows(matrices, room.block, i, t.in_channels, to);
    TransformImage(from, to, t.in_channels);
  }
}

// ---- the three passes ---------------------------------------------------------------------------

void Correlate(KernelContext& ctx, const Tiling& t, const ConvEpilogue& epilogue,
               const float* image, const float* filter, const float* bias, float* result,
               float* memory) {
  const Room room(t, false);
  const bool plain =
      !epilogue.add && !epilogue.bias && epilogue.activation == ConvActivation::kNone;
  ForBlocks(ctx, t, room, [&](int64_t worker, int64_t first, int64_t count, bool) {
    float *const in = memory + worker * room.floats(), *const out = in + room.in,
                 *const zeros = out + room.out, *const sums = zeros + room.pixel;
    std::fill_n(zeros, room.pixel, 0.f);
    const float* from[kPlaces];
    float* to[kPlaces];
    TransformTiles(t, room, image, first, count, zeros, in);
    for (int64_t p = 0; p < kPlaces; ++p) {
      SmallGemm(false, false, count, t.out_channels, t.in_channels,
                in + p * room.block * t.in_channels, t.in_channels,
                filter + p * t.in_channels * t.out_channels, t.out_channels,
                out + p * room.block * t.out_channels, t.out_channels, false);
    }
    for (int64_t i = 0; i < count; ++i) {
      const Tiling::Place at = t.PlaceOf(first + i);
      Rows<const float>(out, room.block, i, t.out_channels, from);
      float* pixels[kPlaces];
      const int results = t.step * t.step;
      Tiling::Pixels<float>(result, t.out, t.out_channels, at.image, at.row, at.column, t.step,
                            nullptr, pixels);
      for (int p = 0; p < results; ++p)
        to[p] = plain && pixels[p] ? pixels[p] : sums + p * room.pixel;
      TransformResult(t.step, from, to, t.out_channels);
      if (plain) continue;
      for (int p = 0; p < results; ++p) {
        if (pixels[p]) Finish(epilogue, bias, to[p], pixels[p], t.out_channels);
      }
    }
  });
}

// The sums over tiles of the products of an image's and a gradient's forms.
void CorrelateFilter(KernelContext& ctx, const Tiling& t, const float* image, const float* dy,
                     float* dfilter, float* memory) {
  const Room room(t, true);
  const int64_t workers = Workers(ctx, t, room), n = t.in_channels * t.out_channels;
  const auto sums_of = [&](int64_t w) { return memory + (w + 1) * room.floats() - room.filter; };
  ForBlocks(ctx, t, room, [&](int64_t worker, int64_t first, int64_t count, bool is_first) {
    float *const in = memory + worker * room.floats(), *const out = in + room.in,
                 *const zeros = out + room.out, *const sums = sums_of(worker);
    std::fill_n(zeros, room.pixel, 0.f);
    const float* from[kPlaces];
    float* to[kPlaces];
    TransformTiles(t, room, image, first, count, zeros, in);
    for (int64_t i = 0; i < count; ++i) {
      const Tiling::Place at = t.PlaceOf(first + i);
      Tiling::Pixels<const float>(dy, t.out, t.out_channels, at.image, at.row, at.column, t.step,
                                  zeros, from);
      Rows(out, room.block, i, t.out_channels, to);
      TransformFilter(t.step, from, to, t.out_channels);
    }
    for (int64_t p = 0; p < kPlaces; ++p) {
      SmallGemm(true, false, t.in_channels, t.out_channels, count,
                in + p * room.block * t.in_channels, t.in_channels,
                out + p * room.block * t.out_channels, t.out_channels, sums + p * n, t.out_channels,
                !is_first);
    }
  });
  ctx.ParallelFor((n + kRun - 1) / kRun, 5.0 * kRun, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin * kRun; at < std::min(n, end * kRun); at += kRun) {
      const int64_t run = std::min(kRun, n - at);
      const float* from[kPlaces];
      float* to[kPlaces];
      for (int64_t p = 0; p < kPlaces; ++p) {
        float* const sum = sums_of(0) + p * n + at;
        for (int64_t w = 1; w < workers; ++w) {
          const float* const more = sums_of(w) + p * n + at;
          for (int64_t c = 0; c < run; ++c) sum[c] += more[c];
        }
        from[p] = sum;
      }
      for (int64_t p = 0; p < t.taps * t.taps; ++p) to[p] = dfilter + p * n + at;
      TransformResult(t.taps, from, to, run);
    }
  });
}

// [36, channels, output channels] of a filter; of the one that goes back, with taps and channels
// the other way round.
void TransformWholeFilter(KernelContext& ctx, const ConvGeometry& g, bool back, const float* filter,
                          float* turned, float* transformed) {
  const int64_t n = g.in_channels * g.out_channels, taps = g.taps();
  const int side = static_cast<int>(g.space[1].size);
  if (back) {
    ctx.ParallelFor(taps, static_cast<double>(n), [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        const float* const from = filter + (taps - 1 - p) * n;
        float* const to = turned + p * n;
        for (int64_t i = 0; i < g.in_channels; ++i) {
          for (int64_t o = 0; o < g.out_channels; ++o)
            to[o * g.in_channels + i] = from[i * g.out_channels + o];
        }
      }
    });
    filter = turned;
  }
  ctx.ParallelFor((n + kRun - 1) / kRun, 5.0 * kRun, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin * kRun; at < std::min(n, end * kRun); at += kRun) {
      const float* from[kPlaces];
      float* to[kPlaces];
      for (int64_t p = 0; p < taps; ++p) from[p] = filter + p * n + at;
      for (int64_t p = 0; p < kPlaces; ++p) to[p] = transformed + p * n + at;
      TransformFilter(side, from, to, std::min(kRun, n - at));
    }
  });
}

}  // namespace

bool FastFormsAllowed() {
  static const bool allowed = [] {
    const char* const set = std::getenv("TF_ENABLE_WINOGRAD_NONFUSED");
    return !set || std::string_view(set) != "0";
  }();
  return allowed;
}

bool WinogradFits(const ConvGeometry& g, int64_t size) {
  const SlideDim& planes = g.space[0];
  const bool flat = planes.in == 1 && planes.out == 1 && planes.size == 1;
  if (!FastFormsAllowed() || !flat || g.groups() != 1) return false;
  for (const SlideDim& d : {g.space[1], g.space[2]}) {
    if (d.size != size || d.stride != 1 || d.dilation != 1 || d.before >= size) return false;
  }
  return true;
}

bool WinogradConvolution::Pays(const ConvGeometry& g) const {
  // The filter's form must stay near the second cache: each block of tiles reads it.
  const int64_t pairs = g.in_channels * g.out_channels;
  if (!WinogradFits(g, 3) && !WinogradFits(g, 5)) return false;
  if (std::min(g.in_channels, g.out_channels) < 16 || pairs > 20'000) return false;
  return Tiling(g, pass_).num_tiles() >= (constant_filter_ ? 24 : 48);
}

absl::StatusOr<const float*> WinogradConvolution::TransformedFilter(KernelContext& ctx,
                                                                    const ConvGeometry& g,
                                                                    const float* filter,
                                                                    float* room) {
  const bool back = pass_ == ConvPass::kBackInput;
  const int64_t floats = kPlaces * g.in_channels * g.out_channels;
  if (!constant_filter_) {
    TransformWholeFilter(ctx, g, back, filter, room + floats, room);
    return room;
  }
  std::lock_guard lock(mu_);
  if (!transformed_.valid()) {
    WEFT_ASSIGN_OR_RETURN(Array made, ctx.AllocateTemp(kFloat32, Shape({(back ? 2 : 1) * floats})));
    float* const to = made.mutable_data<float>();
    TransformWholeFilter(ctx, g, back, filter, to + floats, to);
    const int64_t n = filter_scale_.valid() ? g.out_channels : 0;
    for (float* row = to; n > 0 && row < to + floats; row += n)
      std::transform(row, row + n, filter_scale_.data<float>(), row, std::multiplies<>());
    transformed_ = std::move(made);
  }
  return transformed_.data<float>();
}

absl::Status WinogradConvolution::Run(KernelContext& ctx, int workspace_output,
                                      const ConvGeometry& g, const ConvTensors& tensors) {
  const Tiling t(g, pass_);
  const bool sums = pass_ == ConvPass::kBackFilter;
  const Room room(t, sums);
  const int64_t pairs = g.in_channels * g.out_channels;
  const int64_t filter = sums || constant_filter_
                             ? 0
                             : pairs * (kPlaces + (pass_ == ConvPass::kBackInput ? g.taps() : 0));
  const Shape size(
      {static_cast<int64_t>(sizeof(float)) * (filter + Workers(ctx, t, room) * room.floats())});
  WEFT_ASSIGN_OR_RETURN(Array workspace, ConvWorkspace(ctx, workspace_output, size));
  float* const memory = reinterpret_cast<float*>(workspace.mutable_data<uint8_t>());
  if (sums) {
    CorrelateFilter(ctx, t, tensors.x, tensors.y, tensors.filter, memory);
    return absl::OkStatus();
  }
  WEFT_ASSIGN_OR_RETURN(const float* transformed,
                        TransformedFilter(ctx, g, tensors.filter, memory));
  const bool back = pass_ == ConvPass::kBackInput;
  Correlate(ctx, t, epilogue_, back ? tensors.y : tensors.x, transformed, tensors.bias,
            back ? tensors.x : tensors.y, memory + filter);
  return absl::OkStatus();
}

}  // namespace weft::cpu
