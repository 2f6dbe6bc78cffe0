// SPDX-License-Identifier: Apache-2.0
// AudioSpectrogram, Mfcc.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "kernels/cpu/fourier.h"
#include "kernels/cpu/signal.h"
#include "src/core/strings.h"

namespace weft {
namespace {

// ---- AudioSpectrogram ----

// A window longer than an hour of samples is a mistake.
constexpr int64_t kLongestWindow = int64_t{1} << 28;

class AudioSpectrogram final : public Kernel {
 public:
  explicit AudioSpectrogram(KernelConstruction& c)
      : window_(c.Attr<int64_t>("window_size")),
        stride_(c.Attr<int64_t>("stride")),
        squared_(c.Attr<bool>("magnitude_squared")) {
    if (window_ < 2 || window_ > kLongestWindow || stride_ < 1) {
      c.Fail(absl::InvalidArgumentError(StrCat("Spectrogram initialization failed for window size ",
                                               window_, " and stride ", stride_)));
    }
  }

  absl::Status Compute(KernelContext& ctx) override {
    const Array& in = ctx.input(0);
    if (in.rank() != 2) {
      return ctx.InvalidArgument(StrCat("input must be 2-dimensional", in.shape().ToString()));
    }
    const int64_t samples = in.dim(0), channels = in.dim(1);
    int64_t length = 1;
    while (length < window_) length *= 2;
    const int64_t slices = samples < window_ ? 0 : 1 + (samples - window_) / stride_;
    const int64_t bins = 1 + length / 2;
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape({channels, slices, bins})));
    if (out->num_elements() == 0) return absl::OkStatus();
    const Fourier fourier(length);
    const float* from = in.data<float>();
    float* to = out->mutable_data<float>();
    ctx.ParallelFor(channels * slices, 100.0 + 30.0 * static_cast<double>(length),
                    [&](int64_t begin, int64_t end) {
                      std::vector<Fourier::Complex> x(static_cast<size_t>(length)), scratch;
                      for (int64_t i = begin; i < end; ++i) {
                        const float* first = from + i % slices * stride_ * channels + i / slices;
                        Slice(first, channels, &x);
                        fourier.Forward(x.data(), &scratch);
                        for (int64_t k = 0; k < bins; ++k) {
                          const auto power =
                              static_cast<float>(std::norm(x[static_cast<size_t>(k)]));
                          to[i * bins + k] = squared_ ? power : std::sqrt(power);
                        }
                      }
                    });
    return absl::OkStatus();
  }

 private:
  // The samples under a Hann window, zeros behind them.
  void Slice(const float* samples, int64_t step, std::vector<Fourier::Complex>* x) const {
    std::fill(x->begin(), x->end(), Fourier::Complex());
    for (int64_t j = 0; j < window_; ++j) {
      const double turns = static_cast<double>(j) / static_cast<double>(window_);
      const double weight = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * turns);
      (*x)[static_cast<size_t>(j)] = samples[j * step] * weight;
    }
  }

  const int64_t window_, stride_;
  const bool squared_;
};

// ---- Mfcc ----

double Mel(double hertz) { return 1127.0 * std::log1p(hertz / 700.0); }

// Triangular filters whose centres are evenly spaced in mel. Each bin of the spectrum falls between
// two centres: a part `weight` of it goes to the lower channel (-1: none), the rest to the next
// one.
struct MelFilters {
  int64_t first = 0, last = -1;  // bins in use
  std::vector<int64_t> channel;
  std::vector<double> weight;
};

MelFilters MakeFilters(int64_t bins, double sample_rate, int64_t channels, double low,
                       double high) {
  const double bottom = Mel(low);
  const double spacing = (Mel(high) - bottom) / static_cast<double>(channels + 1);
  const auto centre = [&](int64_t c) { return bottom + spacing * static_cast<double>(c + 1); };
  const double hertz_per_bin = 0.5 * sample_rate / static_cast<double>(bins - 1);
  MelFilters filters;
  // The bin of 0 Hz is never in use.
  filters.first = static_cast<int64_t>(std::min(1.5 + low / hertz_per_bin, 1e15));
  filters.last = static_cast<int64_t>(std::min(high / hertz_per_bin, 1e15));
  filters.channel.assign(static_cast<size_t>(bins), -1);
  filters.weight.assign(static_cast<size_t>(bins), 0.0);
  int64_t next = 0;
  for (int64_t i = filters.first; i <= std::min(filters.last, bins - 1); ++i) {
    const double mel = Mel(static_cast<double>(i) * hertz_per_bin);
    while (next < channels && centre(next) < mel) ++next;
    filters.channel[static_cast<size_t>(i)] = next - 1;
    filters.weight[static_cast<size_t>(i)] = (centre(next) - mel) / spacing;
  }
  return filters;
}

class Mfcc final : public Kernel {
 public:
  explicit Mfcc(KernelConstruction& c)
      : high_(c.Attr<float>("upper_frequency_limit")),
        low_(c.Attr<float>("lower_frequency_limit")),
        channels_(c.Attr<int64_t>("filterbank_channel_count")),
        coefficients_(c.Attr<int64_t>("dct_coefficient_count")) {
    // The cosines are a matrix of both sizes.
    const bool fits = channels_ >= 1 && coefficients_ >= 1 && coefficients_ <= channels_ &&
                      channels_ <= 1 << 14 && low_ >= 0 && high_ > low_;
    if (!fits) {
      c.Fail(absl::InvalidArgumentError(
          StrCat("Mfcc initialization failed for ", channels_, " channels, ", coefficients_,
                 " coefficients and frequencies from ", low_, " to ", high_)));
      return;
    }
    const double scale = std::sqrt(2.0 / static_cast<double>(channels_));
    const double step = std::numbers::pi / static_cast<double>(channels_);
    for (int64_t i = 0; i < coefficients_; ++i) {
      for (int64_t j = 0; j < channels_; ++j) {
        cosines_.push_back(
            scale * std::cos(static_cast<double>(i) * step * (static_cast<double>(j) + 0.5)));
      }
    }
  }

  absl::Status Compute(KernelContext& ctx) override {
    const Array &spectrum = ctx.input(0), &rate = ctx.input(1);
    if (spectrum.rank() != 3) {
      return ctx.InvalidArgument(
          StrCat("spectrogram must be 3-dimensional", spectrum.shape().ToString()));
    }
    if (rate.num_elements() != 1 || rate.AsInt64() <= 0) {
      return ctx.InvalidArgument(StrCat(
          "sample_rate must be one positive number, but is of shape ", rate.shape().ToString(),
          rate.num_elements() == 1 ? StrCat(": ", rate.AsInt64()) : std::string()));
    }
    const int64_t bins = spectrum.dim(2), frames = spectrum.dim(0) * spectrum.dim(1);
    WEFT_ASSIGN_OR_RETURN(
        Array * out,
        ctx.AllocateOutput(0, Shape({spectrum.dim(0), spectrum.dim(1), coefficients_})));
    if (frames == 0) return absl::OkStatus();
    if (bins < 2)
      return ctx.InvalidArgument(StrCat("Input length must greater than 1, not ", bins));
    const MelFilters filters =
        MakeFilters(bins, static_cast<double>(rate.AsInt64()), channels_, low_, high_);
    if (filters.last >= bins) {
      return ctx.InvalidArgument(StrCat("the spectrum ends below the upper frequency limit ", high_,
                                        ": it has ", bins, " bins, bin ", filters.last,
                                        " is needed"));
    }
    for (int64_t i = 0; i < frames; ++i) {
      Frame(spectrum.data<float>() + i * bins, filters,
            out->mutable_data<float>() + i * coefficients_);
    }
    return absl::OkStatus();
  }

 private:
  // The cosine transform of the logarithms of the channels' magnitudes; the spectrum holds squares.
  void Frame(const float* squares, const MelFilters& filters, float* to) const {
    std::vector<double> sums(static_cast<size_t>(channels_), 0.0);
    for (int64_t i = filters.first; i <= filters.last; ++i) {
      const double magnitude = std::sqrt(static_cast<double>(squares[i]));
      const double lower = magnitude * filters.weight[static_cast<size_t>(i)];
      const int64_t channel = filters.channel[static_cast<size_t>(i)];
      if (channel >= 0) sums[static_cast<size_t>(channel)] += lower;
      if (channel + 1 < channels_) sums[static_cast<size_t>(channel + 1)] += magnitude - lower;
    }
    for (double& sum : sums) sum = std::log(std::max(sum, 1e-12));
    for (int64_t k = 0; k < coefficients_; ++k) {
      double value = 0;
      for (int64_t j = 0; j < channels_; ++j)
        value += cosines_[static_cast<size_t>(k * channels_ + j)] * sums[static_cast<size_t>(j)];
      to[k] = static_cast<float>(value);
    }
  }

  const float high_, low_;
  const int64_t channels_, coefficients_;
  std::vector<double> cosines_;
};

}  // namespace

void RegisterAudioKernels(KernelRegistry& kernels) {
  kernels.Add<AudioSpectrogram>("AudioSpectrogram", kCpu, {});
  kernels.Add<Mfcc>("Mfcc", kCpu, {});
}

}  // namespace weft
