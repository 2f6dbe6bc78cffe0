// SPDX-License-Identifier: Apache-2.0
// clang-format off
// Each instruction set costs compile time; those left cover the machines of the last fifteen years.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/narrow_convolve.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include "kernels/cpu/simd_target.h"
// clang-format on

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "kernels/cpu/narrow_convolve.h"
#include "kernels/cpu/product.h"

HWY_BEFORE_NAMESPACE();
namespace weft::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

constexpr int64_t kLine = 16;  // floats of a cache line

int64_t NarrowLanes() { return static_cast<int64_t>(hn::Lanes(D())); }

// ---- turning a row ------------------------------------------------------------------------------

#if HWY_TARGET != HWY_SCALAR
// Blocks of four channels of as many pixels as the vector has blocks, `distance` elements apart.
template <class D2>
HWY_INLINE hn::Vec<D2> FourChannels(D2 d, const float* pixel, int64_t distance) {
  if constexpr (hn::MaxLanes(d) <= 4) {
    return hn::LoadU(d, pixel);
  } else {
    const hn::Half<D2> half;
    const int64_t blocks = static_cast<int64_t>(hn::MaxLanes(half)) / 4;
    return hn::Combine(d, FourChannels(half, pixel + blocks * distance, distance),
                       FourChannels(half, pixel, distance));
  }
}
#endif

// A vector's number of pixels [pixels, channels] to [channels, distance].
void TurnPixels(const float* HWY_RESTRICT from, int64_t channels, float* HWY_RESTRICT to,
                int64_t distance) {
  int64_t c = 0;
#if HWY_TARGET != HWY_SCALAR
  const D d;
  for (; c + 4 <= channels; c += 4, to += 4 * distance) {
    // Block b of vector j is pixel 4 b + j.
    const V v0 = FourChannels(d, from + c, 4 * channels),
            v1 = FourChannels(d, from + c + channels, 4 * channels),
            v2 = FourChannels(d, from + c + 2 * channels, 4 * channels),
            v3 = FourChannels(d, from + c + 3 * channels, 4 * channels);
    const V low02 = hn::InterleaveLower(d, v0, v2), low13 = hn::InterleaveLower(d, v1, v3),
            high02 = hn::InterleaveUpper(d, v0, v2), high13 = hn::InterleaveUpper(d, v1, v3);
    hn::StoreU(hn::InterleaveLower(d, low02, low13), d, to);
    hn::StoreU(hn::InterleaveUpper(d, low02, low13), d, to + distance);
    hn::StoreU(hn::InterleaveLower(d, high02, high13), d, to + 2 * distance);
    hn::StoreU(hn::InterleaveUpper(d, high02, high13), d, to + 3 * distance);
  }
#endif
  for (; c < channels; ++c, to += distance) {
    for (int64_t p = 0; p < NarrowLanes(); ++p) to[p] = from[p * channels + c];
  }
}

// A row of dy [pixels, channels] to [channels, distance]; `last` has room for a vector of pixels.
void TurnRow(const float* from, int64_t pixels, int64_t channels, float* to, int64_t distance,
             float* last) {
  const int64_t lanes = NarrowLanes();
  int64_t p = 0;
  for (; p + lanes <= pixels; p += lanes)
    TurnPixels(from + p * channels, channels, to + p, distance);
  if (p == pixels) return;
  float* const end = std::copy(from + p * channels, from + pixels * channels, last);
  std::fill(end, last + lanes * channels, 0.0f);
  TurnPixels(last, channels, to + p, distance);
}

// ---- sums ---------------------------------------------------------------------------------------

// Several multiplications use a vector. Without this GCC reads it from memory for each of them, and
// where it lies across two cache lines they wait for it.
HWY_INLINE V InRegister(V v) {
#if HWY_ARCH_X86 && HWY_COMPILER_GCC
  asm("" : "+v"(v.raw));
#endif
  return v;
}

// How many channels and vectors of pixels are summed up at a time: as many as registers hold beside
// the weights.
constexpr int kMostChannels = HWY_TARGET <= HWY_AVX3 ? 4 : 3;
constexpr int MostVectors(int channels) {
  constexpr std::array kMany = {8, 8, 7, 6}, kFew = {6, 5, 4, 3};
  return (HWY_TARGET <= HWY_AVX3 ? kMany : kFew)[static_cast<size_t>(channels - 1)];
}
int64_t NarrowChannels() { return kMostChannels; }

// Pixels from `first` on: [kVectors * lanes, kChannels].
template <int kChannels, int kVectors>
void SumPixels(const NarrowSums& t, int64_t first, float* HWY_RESTRICT to) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V sums[kChannels][kVectors];
#pragma GCC unroll 4
  for (int c = 0; c < kChannels; ++c) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sums[c][v] = hn::Zero(d);
  }
  const float* ahead = t.ahead;
  for (int64_t r = 0; r < t.num_rows; ++r) {
    const float* HWY_RESTRICT row = t.rows[r] + first;
    const float* HWY_RESTRICT weights = t.weights[r];
    for (int64_t o = 0; o < t.channels; ++o, row += t.distance) {
      __builtin_prefetch(ahead, 0, 2);
      ahead = std::min(ahead + kLine, t.ahead_end);
      for (int64_t k = 0; k < t.num_taps; ++k, weights += kChannels) {
        const float* const pixels = row + t.shifts[k];
        V factors[kChannels];
#pragma GCC unroll 4
        for (int c = 0; c < kChannels; ++c) factors[c] = hn::Set(d, weights[c]);
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) {
          const V pixel = InRegister(hn::LoadU(d, pixels + v * lanes));
#pragma GCC unroll 4
          for (int c = 0; c < kChannels; ++c)
            sums[c][v] = hn::MulAdd(pixel, factors[c], sums[c][v]);
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v, to += kChannels * lanes) {
    if constexpr (kChannels == 1) hn::StoreU(sums[0][v], d, to);
    if constexpr (kChannels == 2) hn::StoreInterleaved2(sums[0][v], sums[1][v], d, to);
    if constexpr (kChannels == 3) {
      hn::StoreInterleaved3(sums[0][v], sums[1][v], sums[2][v], d, to);
    }
    if constexpr (kChannels == 4) {
      hn::StoreInterleaved4(sums[0][v], sums[1][v], sums[2][v], sums[3][v], d, to);
    }
  }
}

// [vectors * lanes, channels]
void SumRow(const NarrowSums& t, int channels, int64_t vectors, float* to) {
  WithConstant<kMostChannels>(channels, [&]<int kChannels>() {
    constexpr int kMost = MostVectors(kChannels);
    // Of sizes that are as equal as can be: few sums at a time would wait for each other.
    const int64_t parts = (vectors + kMost - 1) / kMost;
    for (int64_t i = 0; i < parts; ++i) {
      const int64_t first = vectors * i / parts, count = vectors * (i + 1) / parts - first;
      WithConstant<kMost>(count, [&]<int kVectors>() {
        const int64_t pixel = first * NarrowLanes();
        SumPixels<kChannels, kVectors>(t, pixel, to + pixel * kChannels);
      });
    }
  });
}

}  // namespace weft::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::cpu {
namespace {

constexpr int64_t kCacheLine = 16;  // floats
constexpr int kMostOfAll = 4;       // channels of dx that any instruction set sums up together

int64_t LanesHere() {
  static const int64_t lanes = WEFT_CHOOSE_SIMD(NarrowLanes)();
  return lanes;
}
int64_t MostTogether() {
  static const int64_t channels = WEFT_CHOOSE_SIMD(NarrowChannels)();
  return channels;
}
int64_t Up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }
int64_t FloorQuotient(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

// The pixels phase, phase + stride, .. of dx's rows.
struct Phase {
  int64_t pixels = 0;
  std::vector<int64_t> taps, shifts;  // those that meet dy, by their numbers in a filter's row
};

struct NarrowPlan {
  explicit NarrowPlan(const ConvGeometry& geometry)
      : g(geometry), rows(g.space[1]), columns(g.space[2]), channels(g.out_channels) {
    const int64_t lanes = LanesHere();
    int64_t before = 0, end = Up(columns.out, lanes);
    for (int64_t s = 0; s < std::min(columns.stride, columns.in); ++s) {
      Phase phase;
      phase.pixels = (columns.in - s + columns.stride - 1) / columns.stride;
      for (int64_t k = 0; k < columns.size; ++k) {
        const int64_t at = s + columns.before - k * columns.dilation;
        const int64_t shift = FloorQuotient(at, columns.stride);
        if (shift * columns.stride != at || shift + phase.pixels <= 0 || shift >= columns.out)
          continue;
        phase.taps.push_back(k);
        phase.shifts.push_back(shift);
        before = std::max(before, -shift);
        end = std::max(end, Up(phase.pixels, lanes) + shift);
      }
      line = std::max(line, Up(phase.pixels, lanes) * MostTogether());
      phases.push_back(std::move(phase));
    }
    left = Up(before, kCacheLine);
    distance = left + Up(end, kCacheLine);
    kept = std::min(rows.out, (rows.size - 1) * rows.dilation / rows.stride + 1);
    groups = (g.in_channels + MostTogether() - 1) / MostTogether();
  }

  // Channels of dx [first, next first) are summed up together.
  int64_t FirstOf(int64_t group) const { return g.in_channels * group / groups; }
  int64_t weights() const { return Up(g.window() * channels, kCacheLine); }
  int64_t kept_floats() const { return kept * channels * distance; }
  // Of a worker: turned rows, the sums of a row, and the last pixels of a row that is being turned.
  int64_t room() const { return Up(kept_floats() + line + LanesHere() * channels, kCacheLine); }
  int64_t num_rows() const { return g.batch * rows.in; }

  const ConvGeometry& g;
  const SlideDim &rows, &columns;
  const int64_t channels;  // of dy
  std::vector<Phase> phases;
  int64_t line = 0;
  int64_t left = 0, distance = 0;  // elements before a turned row's pixel 0, and between channels
  int64_t kept = 0;                // rows of dy that a row of dx needs
  int64_t groups = 0;
};

// For each group of dx's channels, phase and row of the filter [dy's channels, taps, group].
void PackWeights(const NarrowPlan& p, const float* filter, float* to) {
  const int64_t pixel = p.g.in_channels * p.channels;
  for (int64_t group = 0; group < p.groups; ++group) {
    for (const Phase& phase : p.phases) {
      for (int64_t ky = 0; ky < p.rows.size; ++ky) {
        for (int64_t o = 0; o < p.channels; ++o) {
          for (const int64_t kx : phase.taps) {
            const float* const from = filter + (ky * p.columns.size + kx) * pixel + o;
            for (int64_t c = p.FirstOf(group); c < p.FirstOf(group + 1); ++c)
              *to++ = from[c * p.channels];
          }
        }
      }
    }
  }
}

// Rows of dx, one after the other.
class NarrowWorker {
 public:
  NarrowWorker(const NarrowPlan& p, const ConvTensors& tensors, const float* weights, float* memory)
      : p_(p),
        tensors_(tensors),
        weights_(weights),
        kept_(memory),
        line_(kept_ + p.kept_floats()),
        last_(line_ + p.line),
        ahead_(tensors.y),
        ahead_end_(tensors.y) {
    std::fill_n(kept_, p.kept_floats(), 0.0f);  // beside the pixels of dy there are zeros
  }

  // Of [0, images * rows).
  void Run(int64_t begin, int64_t end) {
    const int64_t stride = p_.rows.stride;
    int64_t next = 0;  // the row of dy to be turned
    for (int64_t i = begin; i < end; ++i) {
      const int64_t image = i / p_.rows.in, row = i % p_.rows.in;
      if (row == 0) next = 0;
      const int64_t most = row + p_.rows.before,
                    least = most - (p_.rows.size - 1) * p_.rows.dilation;
      next = std::max(next, -FloorQuotient(-least, stride));
      for (; next <= std::min(p_.rows.out - 1, FloorQuotient(most, stride)); ++next)
        Turn(image, next);
      if (next < p_.rows.out) Foresee(RowOfGradient(image, next));
      rows_.clear(), taps_.clear();
      for (int64_t k = 0; k < p_.rows.size; ++k) {
        const int64_t at = most - k * p_.rows.dilation;
        if (at < 0 || at % stride != 0 || at / stride >= p_.rows.out) continue;
        rows_.push_back(Kept(at / stride) + p_.left);
        taps_.push_back(k);
      }
      Sum(tensors_.x + i * p_.columns.in * p_.g.in_channels);
    }
  }

 private:
  float* Kept(int64_t row) const { return kept_ + row % p_.kept * p_.channels * p_.distance; }

  const float* RowOfGradient(int64_t image, int64_t row) const {
    return tensors_.y + (image * p_.rows.out + row) * p_.columns.out * p_.channels;
  }

  void Turn(int64_t image, int64_t row) {
    static const auto turn = WEFT_CHOOSE_SIMD(TurnRow);
    turn(RowOfGradient(image, row), p_.columns.out, p_.channels, Kept(row) + p_.left, p_.distance,
         last_);
  }
  // A row of dy that is needed next.
  void Foresee(const float* row) {
    const float* const end = row + p_.columns.out * p_.channels;
    if (ahead_end_ == end) return;  // on its way
    ahead_ = row;
    ahead_end_ = end;
  }

  void Sum(float* dx) {
    // Fetched while the sums are made.
    for (int64_t i = 0; i < p_.columns.in * p_.g.in_channels; i += kCacheLine)
      __builtin_prefetch(dx + i, 1, 3);
    static const auto sum = WEFT_CHOOSE_SIMD(SumRow);
    const float* weights = weights_;
    for (int64_t group = 0; group < p_.groups; ++group) {
      const int64_t first = p_.FirstOf(group), together = p_.FirstOf(group + 1) - first;
      float* to = dx + first;
      for (const Phase& phase : p_.phases) {
        const auto num_taps = static_cast<int64_t>(phase.taps.size());
        const int64_t size = p_.channels * num_taps * together;
        at_.clear();
        for (const int64_t k : taps_) at_.push_back(weights + k * size);
        weights += p_.rows.size * size;
        const float* const ahead = ahead_;
        ahead_ = std::min(ahead_ + static_cast<int64_t>(rows_.size()) * p_.channels * kCacheLine,
                          ahead_end_);
        sum({rows_.data(), at_.data(), static_cast<int64_t>(rows_.size()), phase.shifts.data(),
             num_taps, p_.channels, p_.distance, ahead, ahead_end_},
            static_cast<int>(together), Up(phase.pixels, LanesHere()) / LanesHere(), line_);
        Place(phase.pixels, together, to);
        to += p_.g.in_channels;
      }
    }
  }

  // The sums of a phase's pixels to where they belong.
  void Place(int64_t pixels, int64_t together, float* to) const {
    const int64_t step = p_.columns.stride * p_.g.in_channels;
    if (step == together) {
      std::copy_n(line_, pixels * together, to);
      return;
    }
    WithConstant<kMostOfAll>(together, [&]<int kTogether>() {
      for (int64_t i = 0; i < pixels; ++i)
        std::memcpy(to + i * step, line_ + i * kTogether, kTogether * sizeof(float));
    });
  }

  const NarrowPlan& p_;
  const ConvTensors& tensors_;
  const float* const weights_;
  float *const kept_, *const line_, *const last_;
  const float *ahead_, *ahead_end_;  // of the row that is turned next
  std::vector<const float*> rows_, at_;
  std::vector<int64_t> taps_;  // the filter's rows that meet rows_
};

}  // namespace

bool NarrowBackInputPays(const ConvGeometry& g) {
  // As measured with AVX-512 and AVX2. Libraries fill vectors of sixteen channels, of which a few
  // are there; here vectors of sixteen pixels are filled but for the last of a row. Rows of very
  // few pixels make too few sums at a time.
  constexpr int64_t kMostChannels = 10, kLeastPixels = 10, kPixels = 16, kGain = 12;
  constexpr int64_t kMostKept = 512 * 1024;
  const SlideDim &planes = g.space[0], &columns = g.space[2];
  const bool flat = planes.in == 1 && planes.out == 1 && planes.size == 1 && planes.before == 0;
  // Without vectors the products of libraries are faster, and those of single pixels with them too.
  if (LanesHere() == 1 || !flat || g.groups() != 1 || g.taps() == 1) return false;
  const int64_t pixels = columns.in / columns.stride;
  if (g.in_channels > kMostChannels || pixels < kLeastPixels) return false;
  if (pixels * kGain < g.in_channels * Up(pixels, kPixels)) return false;
  return NarrowPlan(g).kept_floats() <= kMostKept;
}

absl::Status NarrowBackInput(KernelContext& ctx, int workspace_output, const ConvGeometry& g,
                             const ConvTensors& tensors) {
  const NarrowPlan p(g);
  const int64_t workers = std::min<int64_t>(ctx.num_threads(), p.num_rows());
  const Shape size({static_cast<int64_t>(sizeof(float)) * (p.weights() + workers * p.room())});
  WEFT_ASSIGN_OR_RETURN(Array workspace, ConvWorkspace(ctx, workspace_output, size));
  float* const weights = reinterpret_cast<float*>(workspace.mutable_data<uint8_t>());
  PackWeights(p, tensors.filter, weights);
  const double products = static_cast<double>(g.pixels() * g.window()) *
                          static_cast<double>(g.out_channels) / static_cast<double>(workers);
  ctx.ParallelFor(workers, products / 50, [&](int64_t begin, int64_t end) {
    for (int64_t w = begin; w < end; ++w) {
      NarrowWorker worker(p, tensors, weights, weights + p.weights() + w * p.room());
      worker.Run(p.num_rows() * w / workers, p.num_rows() * (w + 1) / workers);
    }
  });
  return absl::OkStatus();
}

}  // namespace weft::cpu
#endif  // HWY_ONCE
