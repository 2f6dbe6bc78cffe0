// SPDX-License-Identifier: Apache-2.0
// Floats as small integers and back, and floats rounded as if they had been there.
#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "kernels/cpu/quantized_range.h"
#include "kernels/cpu/slice_runs.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {

void RegisterFakeQuantKernels(KernelRegistry& kernels);
void RegisterQuantizedMathKernels(KernelRegistry& kernels);

namespace {

// ---- ranges ----

absl::Status CheckAxis(KernelContext& ctx, const Shape& input, int64_t axis) {
  if (axis < -1) return ctx.InvalidArgument(StrCat("Axis must be at least -1. Found ", axis));
  if (axis < input.rank()) return absl::OkStatus();
  return ctx.InvalidArgument(
      StrCat("Axis is on a zero-based index, so its value must always be less than number of "
             "input's dims, but given axis value was ",
             axis, " and input's shape was ", input.ToString()));
}

// A range is a scalar, or a vector with an element for each slice along the axis.
absl::Status CheckRange(KernelContext& ctx, int i, std::string_view name, int64_t axis,
                        int64_t slices) {
  const Array& range = ctx.input(i);
  if (axis == -1) {
    if (range.rank() == 0) return absl::OkStatus();
    return ctx.InvalidArgument(StrCat(name,
                                      " must be a scalar if axis is unspecified, but has shape ",
                                      range.shape().ToString()));
  }
  if (range.rank() == 1 && range.dim(0) == slices) return absl::OkStatus();
  return ctx.InvalidArgument(StrCat(name, " has incorrect size, expected [", slices, "] for axis ",
                                    axis, ", was ", range.shape().ToString()));
}

// ---- QuantizeV2 ----

enum class Mode { kMinCombined, kMinFirst, kScaled };
Mode ReadMode(KernelConstruction& c) {
  const std::string mode = c.Attr<std::string>("mode");
  return mode == "MIN_FIRST" ? Mode::kMinFirst
         : mode == "SCALED"  ? Mode::kScaled
                             : Mode::kMinCombined;
}

template <typename B>
constexpr float kLowest = static_cast<float>(kLowestQuantized<B>);
template <typename B>
constexpr float kHighest = static_cast<float>(kHighestQuantized<B>);
// Half of the range of a signed type: what is added to make its values count from 0.
template <typename B>
constexpr float kHalfRange = std::numeric_limits<B>::is_signed
                                 ? static_cast<float>((kQuantizedSteps<B> + 1) / 2)
                                 : 0.f;

// To the nearest integer, clamped to the type. NaN becomes 0.
template <typename B>
B ToInteger(float v) {
  if (!(v == v)) return 0;
  // As float, the highest int32 is one too high.
  if (v >= kHighest<B>) return std::numeric_limits<B>::max();
  if (v <= kLowest<B>) return std::numeric_limits<B>::lowest();
  return static_cast<B>(v);
}

inline float Clamp(float v, const QuantizedRange& r) {
  v = v > r.high ? r.high : v;
  return v < r.low ? r.low : v;
}

template <typename B>
class Quantizer {
 public:
  Quantizer(Mode mode, bool half_to_even, bool narrow)
      : mode_(mode), half_to_even_(half_to_even), narrow_(narrow) {}

  // Sets up for a range; returns the range that the integers stand for.
  QuantizedRange Prepare(QuantizedRange r) {
    range_ = r;
    switch (mode_) {
      case Mode::kMinCombined:
        scale_ = static_cast<float>(kQuantizedSteps<B> / static_cast<double>(r.high - r.low));
        break;
      case Mode::kMinFirst:
        min_first_ = FastQuantizer<B>(r);
        break;
      case Mode::kScaled: {
        const float first = kLowest<B> + (narrow_ ? 1.f : 0.f), last = kHighest<B>;
        constexpr float kNone = std::numeric_limits<float>::max();
        scale_ = std::min(first * r.low > 0 ? first / r.low : kNone,
                          last * r.high > 0 ? last / r.high : kNone);
        range_ = {first / scale_, last / scale_};
        break;
      }
    }
    return range_;
  }

  B operator()(float v) const {
    switch (mode_) {
      case Mode::kMinCombined:
        v = (Clamp(v, range_) - range_.low) * scale_;
        if constexpr (std::numeric_limits<B>::is_signed)
          return ToInteger<B>(std::round(v - kHalfRange<B>));
        return ToInteger<B>(v + 0.5f);
      case Mode::kMinFirst:
        return min_first_(v);
      case Mode::kScaled:
        break;
    }
    v = Clamp(v, range_) * scale_;
    return ToInteger<B>(half_to_even_ ? std::nearbyint(v) : std::round(v));
  }

 private:
  Mode mode_;
  bool half_to_even_, narrow_;
  QuantizedRange range_;
  float scale_ = 0;
  FastQuantizer<B> min_first_{QuantizedRange()};
};

template <typename Q>
class Quantize final : public Kernel {
 public:
  explicit Quantize(KernelConstruction& c)
      : mode_(ReadMode(c)),
        half_to_even_(c.Attr<std::string>("round_mode") == "HALF_TO_EVEN"),
        narrow_(c.Attr<bool>("narrow_range")),
        axis_(c.Attr<int64_t>("axis")),
        least_(c.Attr<float>("ensure_minimum_range")) {
    if (half_to_even_ && mode_ != Mode::kScaled) {
      c.Fail(absl::InvalidArgumentError(
          "Round mode 'HALF_TO_EVEN' only supported for mode 'SCALED', but mode is '" +
          c.Attr<std::string>("mode") + "'."));
    }
  }

  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    WEFT_RETURN_IF_ERROR(CheckAxis(ctx, x.shape(), axis_));
    const SliceView v = ViewSlices(x.shape(), axis_);
    WEFT_RETURN_IF_ERROR(CheckRange(ctx, 1, "min_range", axis_, v.slices));
    WEFT_RETURN_IF_ERROR(CheckRange(ctx, 2, "max_range", axis_, v.slices));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, x.shape()));
    WEFT_ASSIGN_OR_RETURN(Array * low, ctx.AllocateOutput(1, ctx.input(1).shape()));
    WEFT_ASSIGN_OR_RETURN(Array * high, ctx.AllocateOutput(2, ctx.input(1).shape()));
    using B = QuantizedBase<Q>;
    const float* in = x.data<float>();
    B* out = static_cast<B*>(y->raw_data());
    std::vector<Quantizer<B>> quantizers(static_cast<size_t>(v.slices),
                                         {mode_, half_to_even_, narrow_});
    for (int64_t s = 0; s < v.slices; ++s) {
      const QuantizedRange given = {ctx.input(1).data<float>()[s], ctx.input(2).data<float>()[s]};
      const QuantizedRange stands_for = quantizers[static_cast<size_t>(s)].Prepare(Widen(given));
      low->mutable_data<float>()[s] = stands_for.low;
      high->mutable_data<float>()[s] = stands_for.high;
    }
    ForEachRun(ctx, v, 3.0, [&](int64_t slice, int64_t begin, int64_t end) {
      const Quantizer<B> quantizer = quantizers[static_cast<size_t>(slice)];
      for (int64_t i = begin; i < end; ++i) out[i] = quantizer(in[i]);
    });
    return absl::OkStatus();
  }

 private:
  // Takes in 0, and keeps the ends apart: else all values would be one integer.
  QuantizedRange Widen(const QuantizedRange& r) const {
    const float low = std::min(0.f, r.low);
    const float apart = std::max(1.f, std::max(std::fabs(r.low), std::fabs(r.high))) * least_;
    return {low, std::max(0.f, std::max(r.high, low + apart))};
  }

  Mode mode_;
  bool half_to_even_, narrow_;
  int64_t axis_;
  float least_;
};

// ---- Dequantize ----

// All modes are a product and a sum: (value + shift) * scale + offset.
struct Linear {
  float shift = 0, scale = 1, offset = 0;
};
template <typename B>
Linear DequantizeBy(Mode mode, bool narrow, const QuantizedRange& r) {
  Linear l;
  switch (mode) {
    case Mode::kMinCombined:
      l.scale = (r.high - r.low) / static_cast<float>(kQuantizedSteps<B>);
      l.shift = kHalfRange<B>;
      l.offset = r.low;
      break;
    case Mode::kMinFirst: {
      l.scale = static_cast<float>(static_cast<double>(r.high - r.low) / kQuantizedSteps<B>);
      const float low = r.high == r.low ? r.low : std::round(r.low / l.scale) * l.scale;
      l.offset = low - kLowest<B> * l.scale;
      break;
    }
    case Mode::kScaled: {
      const float from_high = r.high / kHighest<B>;
      l.scale = std::numeric_limits<B>::is_signed
                    ? std::max(r.low / (kLowest<B> + (narrow ? 1.f : 0.f)), from_high)
                    : from_high;
      break;
    }
  }
  return l;
}

template <typename Q, typename Out>
class Dequantize final : public Kernel {
 public:
  explicit Dequantize(KernelConstruction& c)
      : mode_(ReadMode(c)), narrow_(c.Attr<bool>("narrow_range")), axis_(c.Attr<int64_t>("axis")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    WEFT_RETURN_IF_ERROR(CheckAxis(ctx, x.shape(), axis_));
    const SliceView v = ViewSlices(x.shape(), axis_);
    for (int i = 1; i <= 2; ++i) {
      if (ctx.input(i).num_elements() == v.slices) continue;
      return ctx.InvalidArgument(
          StrCat(i == 1 ? "min_range" : "max_range",
                 " must have as many elements as input on the dequantization axis (", axis_,
                 "), got ", ctx.input(i).num_elements(), ", expected ", v.slices));
    }
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, x.shape()));
    using B = QuantizedBase<Q>;
    const B* in = static_cast<const B*>(x.raw_data());
    Out* out = y->mutable_data<Out>();
    std::vector<Linear> maps;
    for (int64_t s = 0; s < v.slices; ++s) {
      maps.push_back(DequantizeBy<B>(
          mode_, narrow_, {ctx.input(1).data<float>()[s], ctx.input(2).data<float>()[s]}));
    }
    ForEachRun(ctx, v, 0.5, [&](int64_t slice, int64_t begin, int64_t end) {
      const Linear l = maps[static_cast<size_t>(slice)];
      for (int64_t i = begin; i < end; ++i)
        out[i] = Out((static_cast<float>(in[i]) + l.shift) * l.scale + l.offset);
    });
    return absl::OkStatus();
  }

 private:
  Mode mode_;
  bool narrow_;
  int64_t axis_;
};

}  // namespace

void RegisterRoundTripKernels(KernelRegistry& kernels);

void RegisterQuantizeKernels(KernelRegistry& kernels) {
  ForTypes<qint8, quint8, qint16, quint16, qint32>([&]<typename Q>() {
    const KernelConstraint type = {"T", dtype_of<Q>};
    kernels.Add<Quantize<Q>>("QuantizeV2", kCpu, {type});
    kernels.Add<Dequantize<Q, float>>("Dequantize", kCpu, {type, {"dtype", kFloat32}});
    kernels.Add<Dequantize<Q, bfloat16>>("Dequantize", kCpu, {type, {"dtype", kBfloat16}});
  });
  RegisterRoundTripKernels(kernels);
  RegisterFakeQuantKernels(kernels);
  RegisterQuantizedMathKernels(kernels);
}

}  // namespace weft
