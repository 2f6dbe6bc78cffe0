// SPDX-License-Identifier: Apache-2.0
// Integers of a range as fewer bits of another: Requantize, RequantizePerChannel,
// QuantizeDownAndShrinkRange; the ranges that they need: RequantizationRange(PerChannel); and
// QuantizedInstanceNorm.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/cpu/quantized_range.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

const int32_t* Int32Data(const Array& a) { return static_cast<const int32_t*>(a.raw_data()); }

struct Extremes {
  int32_t least = std::numeric_limits<int32_t>::max();
  int32_t greatest = std::numeric_limits<int32_t>::lowest();
  void Add(int32_t v) {
    least = std::min(least, v);
    greatest = std::max(greatest, v);
  }
};

// The part of a range that the elements use; 0 is in it.
QuantizedRange UsedRange(const Array& x, const QuantizedRange& r) {
  Extremes e;
  const int32_t* in = Int32Data(x);
  for (int64_t i = 0; i < x.num_elements(); ++i) e.Add(in[i]);
  return {std::min(0.f, DequantizeValue<int32_t>(e.least, r)),
          DequantizeValue<int32_t>(e.greatest, r)};
}

// Fixed point with 16 bits behind the point: int32 of a range to uint8 of another.
class FixedPointToByte {
 public:
  FixedPointToByte(const QuantizedRange& from, const QuantizedRange& to) {
    const float from_width = from.high - from.low, to_width = to.high - to.low;
    if (to_width == 0.f) {
      shift_ = kHalf;
      return;
    }
    const float per_unit = static_cast<float>(255.0 / to_width);
    const float middle = static_cast<float>((from.low + from.high) / 2.0);
    scale_ = SaturatedInt64(255.0 * kOne * from_width / to_width);
    const int64_t from_offset = SaturatedInt64(middle * per_unit * static_cast<float>(kOne));
    const int64_t to_offset = SaturatedInt64(kOne * (to.low * 255.0) / to_width);
    shift_ = SaturatedAdd(SaturatedAdd(from_offset, -std::max(to_offset, -kMax)), kHalf);
  }

  uint8_t operator()(int32_t q) const {
    // The product may need 95 bits.
    const auto scaled = static_cast<int64_t>((static_cast<Wide>(q) * scale_) >> 32);
    const int64_t rounded = SaturatedAdd(scaled, shift_) >> 16;
    return static_cast<uint8_t>(std::clamp<int64_t>(rounded, 0, 255));
  }

 private:
  __extension__ using Wide = __int128;
  static constexpr int64_t kOne = int64_t{1} << 16, kHalf = kOne / 2;
  static constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  int64_t scale_ = 0, shift_ = 0;
};

class FloatToInt8 {
 public:
  FloatToInt8(const QuantizedRange& from, const QuantizedRange& to) : value_(from), place_(to) {}
  int8_t operator()(int32_t q) const { return place_(value_(q)); }

 private:
  FastDequantizer<int32_t> value_;
  FastQuantizer<int8_t> place_;
};

template <typename Convert>
absl::Status ConvertAll(KernelContext& ctx, const Convert& convert) {
  const Array& x = ctx.input(0);
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, x.shape()));
  using Out = decltype(convert(0));
  const int32_t* in = Int32Data(x);
  Out* out = static_cast<Out*>(y->raw_data());
  ctx.ParallelFor(x.num_elements(), 1.0, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = convert(in[i]);
  });
  return absl::OkStatus();
}

absl::Status QuantizeDownAndShrinkRange(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const QuantizedRange from, RangeInput(ctx, 1, "input_min", "input_max"));
  const QuantizedRange used = UsedRange(ctx.input(0), from);
  WEFT_RETURN_IF_ERROR(ConvertAll(ctx, FixedPointToByte(from, used)));
  return SetRangeOutputs(ctx, 1, used);
}

absl::Status RequantizationRange(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const QuantizedRange from, RangeInput(ctx, 1, "input_min", "input_max"));
  return SetRangeOutputs(ctx, 0, UsedRange(ctx.input(0), from));
}

template <typename Convert>
absl::Status Requantize(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const QuantizedRange from, RangeInput(ctx, 1, "input_min", "input_max"));
  WEFT_ASSIGN_OR_RETURN(const QuantizedRange to,
                        RangeInput(ctx, 3, "requested_output_min", "requested_output_max"));
  if (!(to.low <= 0.f))
    return ctx.InvalidArgument(StrCat("requested_output_min must be <= 0, but got ", to.low));
  if (!(to.high >= to.low)) {
    return ctx.InvalidArgument(
        StrCat("requested_output_max must be >= requested_output_min, but got ", to.high, " and ",
               to.low));
  }
  WEFT_RETURN_IF_ERROR(ConvertAll(ctx, Convert(from, to)));
  return SetRangeOutputs(ctx, 1, to);
}

// ---- a range for each channel ----

// Inputs 1 and 2 have an element for each channel of the NHWC input, or one for all of them.
absl::Status CheckChannels(KernelContext& ctx, bool one_for_all) {
  const Array& x = ctx.input(0);
  for (int i = 1; i <= 2; ++i) {
    if (ctx.input(i).rank() == 1) continue;
    return ctx.InvalidArgument(StrCat(i == 1 ? "input_min" : "input_max",
                                      " must be a vector, got shape ",
                                      ctx.input(i).shape().ToString()));
  }
  const int64_t depth = ctx.input(1).dim(0);
  if (ctx.input(2).dim(0) != depth) {
    return ctx.InvalidArgument(
        StrCat("input_max has incorrect size, expected ", depth, ", was ", ctx.input(2).dim(0)));
  }
  if (x.rank() != 4) {
    return ctx.InvalidArgument(
        StrCat("input must be in NHWC format, got shape ", x.shape().ToString()));
  }
  if (x.dim(3) == depth || (one_for_all && depth == 1)) return absl::OkStatus();
  return ctx.InvalidArgument(StrCat(
      "input must have as many channels as the length of input_min: ", x.dim(3), " vs. ", depth));
}

constexpr float kTwoTo31 = 2147483648.f;

// The greatest magnitude of the range of channel c.
float ChannelReach(KernelContext& ctx, int64_t c) {
  c = std::min(c, ctx.input(1).num_elements() - 1);
  return std::max(std::fabs(ctx.input(1).data<float>()[c]),
                  std::fabs(ctx.input(2).data<float>()[c]));
}

class RequantizationRangePerChannel final : public Kernel {
 public:
  explicit RequantizationRangePerChannel(KernelConstruction& c)
      : clip_(c.Attr<float>("clip_value_max")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_RETURN_IF_ERROR(CheckChannels(ctx, /*one_for_all=*/false));
    const Array& x = ctx.input(0);
    if (x.num_elements() == 0) return ctx.InvalidArgument("input must not be empty");
    const int64_t depth = x.dim(3);
    std::vector<Extremes> extremes(static_cast<size_t>(depth));
    const int32_t* in = Int32Data(x);
    for (int64_t i = 0; i < x.num_elements(); i += depth) {
      for (int64_t c = 0; c < depth; ++c) extremes[static_cast<size_t>(c)].Add(in[i + c]);
    }
    bool has_negative = false;
    float reach = std::numeric_limits<float>::min();
    for (int64_t c = 0; c < depth; ++c) {
      const Extremes& e = extremes[static_cast<size_t>(c)];
      has_negative |= e.least < 0;
      const int64_t magnitude = std::max(std::abs(int64_t{e.least}), std::abs(int64_t{e.greatest}));
      reach = std::max(reach, ChannelReach(ctx, c) * static_cast<float>(magnitude) / kTwoTo31);
    }
    reach = std::min(reach, clip_);
    return SetRangeOutputs(ctx, 0, {has_negative ? -reach : 0.f, reach});
  }

 private:
  float clip_;
};

template <typename Q>
absl::Status RequantizePerChannel(KernelContext& ctx) {
  using B = QuantizedBase<Q>;
  WEFT_RETURN_IF_ERROR(CheckChannels(ctx, /*one_for_all=*/true));
  WEFT_ASSIGN_OR_RETURN(const QuantizedRange to,
                        RangeInput(ctx, 3, "requested_output_min", "requested_output_max"));
  if (std::is_signed_v<B> && !(to.low < 0.f)) {
    return ctx.InvalidArgument(
        StrCat("If out_type is QINT8, requested_output_min must be negative, got ", to.low));
  }
  const Array& x = ctx.input(0);
  const int64_t depth = x.dim(3);
  const float reach = std::max(std::fabs(to.low), std::fabs(to.high));
  const float highest = static_cast<float>(kHighestQuantized<B>);
  std::vector<float> scales;
  for (int64_t c = 0; c < depth; ++c)
    scales.push_back(highest * (ChannelReach(ctx, c) / reach / kTwoTo31));

  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, x.shape()));
  const int32_t* in = Int32Data(x);
  B* out = static_cast<B*>(y->raw_data());
  const int64_t rows = depth == 0 ? 0 : x.num_elements() / depth;
  ctx.ParallelFor(rows, static_cast<double>(depth), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * depth; i < end * depth; i += depth) {
      for (int64_t c = 0; c < depth; ++c) {
        const float v = std::nearbyint(static_cast<float>(in[i + c]) * scales[size_t(c)]);
        out[i + c] = SaturateQuantized<B>(v == v ? SaturatedInt64(v) : 0);
      }
    }
  });
  return SetRangeOutputs(ctx, 1, to);
}

// ---- QuantizedInstanceNorm ----

// Each channel of each image less its mean, by its standard deviation; uint8 to uint8.
class QuantizedInstanceNorm final : public Kernel {
 public:
  explicit QuantizedInstanceNorm(KernelConstruction& c)
      : range_given_(c.Attr<bool>("output_range_given")),
        given_{c.Attr<float>("given_y_min"), c.Attr<float>("given_y_max")},
        epsilon_(c.Attr<float>("variance_epsilon")),
        min_separation_(c.Attr<float>("min_separation")) {
    if (range_given_ && !(given_.low < given_.high)) {
      c.Fail(absl::InvalidArgumentError(StrCat("given_y_min must be less than given_y_max, got ",
                                               given_.low, " and ", given_.high)));
    }
  }

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const QuantizedRange r, RangeInput(ctx, 1, "x_min", "x_max"));
    if (!(r.low < r.high)) {
      return ctx.InvalidArgument(
          StrCat("x_min must be less than x_max, got ", r.low, " and ", r.high));
    }
    const Array& x = ctx.input(0);
    if (x.rank() != 4) {
      return ctx.InvalidArgument(
          StrCat("input must have 4 dimensions, got shape ", x.shape().ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(Array normed, ctx.AllocateTemp(kFloat32, x.shape()));
    Normalize(x, (r.high - r.low) / 255.f, normed.mutable_data<float>());
    const QuantizedRange to = OutputRange(normed);
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, x.shape()));
    const float* v = normed.data<float>();
    uint8_t* out = static_cast<uint8_t*>(y->raw_data());
    const FastQuantizer<uint8_t> place(to);
    for (int64_t i = 0; i < x.num_elements(); ++i) out[i] = place(v[i]);
    return SetRangeOutputs(ctx, 1, to);
  }

 private:
  // The range's low end has no part in the result: the mean takes it away.
  void Normalize(const Array& x, float scale, float* out) const {
    const int64_t channels = x.dim(3), pixels = x.dim(1) * x.dim(2);
    if (x.num_elements() == 0) return;
    const uint8_t* in = static_cast<const uint8_t*>(x.raw_data());
    for (int64_t image = 0; image < x.dim(0); ++image) {
      for (int64_t c = 0; c < channels; ++c) {
        const int64_t first = image * pixels * channels + c;
        // Exact: at most 2^63 / 255^2 pixels.
        int64_t sum = 0, squares = 0;
        for (int64_t p = 0; p < pixels; ++p) {
          const int64_t v = in[first + p * channels];
          sum += v;
          squares += v * v;
        }
        const double n = static_cast<double>(pixels), mean = static_cast<double>(sum) / n;
        const double variance =
            std::max(0.0, static_cast<double>(squares) / n - mean * mean) * scale * scale;
        const double by = scale / std::sqrt(variance + epsilon_);
        for (int64_t p = 0; p < pixels; ++p) {
          const int64_t i = first + p * channels;
          out[i] = static_cast<float>((in[i] - mean) * by);
        }
      }
    }
  }

  QuantizedRange OutputRange(const Array& normed) const {
    QuantizedRange r = given_;
    if (!range_given_) {
      r = {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()};
      for (int64_t i = 0; i < normed.num_elements(); ++i) {
        const float v = normed.data<float>()[i];
        r = {std::min(r.low, v), std::max(r.high, v)};
      }
    }
    if (r.high - r.low < min_separation_) r.high = r.low + min_separation_;
    return r;
  }

  bool range_given_;
  QuantizedRange given_;
  float epsilon_, min_separation_;
};

}  // namespace

void RegisterRequantizeKernels(KernelRegistry& kernels) {
  const KernelConstraint from = {"Tinput", kQint32};
  kernels.Add("QuantizeDownAndShrinkRange", kCpu, {from, {"out_type", kQuint8}},
              QuantizeDownAndShrinkRange);
  kernels.Add("RequantizationRange", kCpu, {from}, RequantizationRange);
  kernels.Add("Requantize", kCpu, {from, {"out_type", kQuint8}}, Requantize<FixedPointToByte>);
  kernels.Add("Requantize", kCpu, {from, {"out_type", kQint8}}, Requantize<FloatToInt8>);
  kernels.Add<RequantizationRangePerChannel>("RequantizationRangePerChannel", kCpu,
                                             {{"T", kQint32}});
  ForTypes<qint8, quint8>([&]<typename Q>() {
    kernels.Add("RequantizePerChannel", kCpu, {{"T", kQint32}, {"out_type", dtype_of<Q>}},
                RequantizePerChannel<Q>);
  });
  kernels.Add<QuantizedInstanceNorm>("QuantizedInstanceNorm", kCpu, {{"T", kQuint8}});
}

}  // namespace weft
