// SPDX-License-Identifier: Apache-2.0
// QuantizeAndDequantize in all versions: floats rounded as if they had been integers of some bits.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/cpu/slice_runs.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// How one range is rounded: to multiples of `step`, scaled by 1 / step.
template <typename T>
struct Rounding {
  T low = 0, high = 0, scale = 1, step = 1;
};

struct Bits {
  bool is_signed = true;
  int64_t count = 8;
  bool narrow = false;
};

// The largest scale that keeps both ends within the integers and 0 at 0; the range is widened on
// the side that has room.
template <typename T>
Rounding<T> FitRange(T low, T high, const Bits& bits) {
  const int64_t half = int64_t{1} << (bits.count - 1);
  const int64_t first = bits.is_signed ? -half + (bits.narrow ? 1 : 0) : 0;
  const int64_t last = bits.is_signed ? half - 1 : half - 1 + half;
  const T lowest = static_cast<T>(first), highest = static_cast<T>(last);
  constexpr T kNone = std::numeric_limits<T>::max();
  const T by_low = lowest * low > 0 ? lowest / low : kNone;
  const T by_high = highest * high > 0 ? highest / high : kNone;
  Rounding<T> r{low, high, std::min(by_low, by_high), 0};
  if (by_low < by_high) {
    r.scale = by_low;
    r.step = low / lowest;
    r.high = highest * r.step;
  } else {
    r.scale = by_high;
    r.step = high / highest;
    r.low = lowest * r.step;
  }
  return r;
}

template <typename T>
T RoundOne(T x, const Rounding<T>& r, bool clamp, bool half_up) {
  if (clamp) {
    x = x > r.high ? r.high : x;
    x = x < r.low ? r.low : x;
  }
  x *= r.scale;
  return (half_up ? std::floor(x + T(0.5)) : std::nearbyint(x)) * r.step;
}

absl::StatusOr<SliceView> SlicesAlong(KernelContext& ctx, const Shape& s, int64_t axis) {
  if (axis < -1) return ctx.InvalidArgument(StrCat("Axis must be at least -1. Found ", axis));
  if (axis >= s.rank())
    return ctx.InvalidArgument(
        StrCat("Shape must be at least rank ", axis + 1, " but is rank ", s.rank()));
  return ViewSlices(s, axis);
}

// Inputs `low` and `low` + 1 are the bounds.
absl::Status CheckBounds(KernelContext& ctx, int low, int64_t axis, int64_t slices) {
  for (int i = low; i <= low + 1; ++i) {
    const std::string name = i == low ? "input_min" : "input_max";
    const Array& bound = ctx.input(i);
    if (bound.rank() > 1) {
      return ctx.InvalidArgument(
          StrCat(name, " tensor must have dimension 0 or 1. Received ", bound.rank(), "."));
    }
    if (axis == -1 && bound.rank() != 0)
      return ctx.InvalidArgument(StrCat(name, " must be a scalar if axis is unspecified"));
    if (axis != -1 && (bound.rank() != 1 || bound.dim(0) != slices)) {
      return ctx.InvalidArgument(StrCat(name, " has incorrect size, was ", bound.num_elements(),
                                        " expected ", slices, " from axis ", axis));
    }
  }
  return absl::OkStatus();
}

template <typename T>
class RoundTrip final : public Kernel {
 public:
  explicit RoundTrip(KernelConstruction& c) : bits_input_(c.op() == "QuantizeAndDequantizeV3") {
    bits_.is_signed = c.Attr<bool>("signed_input");
    given_ = c.Attr<bool>("range_given");
    axis_ = c.AttrOr<int64_t>("axis", -1);
    bits_.narrow = c.AttrOr("narrow_range", false);
    half_up_ = c.AttrOr<std::string>("round_mode", "HALF_TO_EVEN") == "HALF_UP";
    bounds_input_ = c.num_inputs() >= 3;
    if (!bits_input_) {
      bits_.count = c.Attr<int64_t>("num_bits");
      c.Fail(CheckBits(bits_));
    }
    if (!bounds_input_) {
      low_ = c.Attr<float>("input_min");
      high_ = c.Attr<float>("input_max");
      if (given_ && low_ > high_)
        c.Fail(absl::InvalidArgumentError(
            StrCat("Invalid range: input_min ", low_, " > input_max ", high_)));
    }
  }

  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(const Bits bits, ReadBits(ctx));
    WEFT_ASSIGN_OR_RETURN(const SliceView v, SlicesAlong(ctx, x.shape(), axis_));
    if (given_ && bounds_input_) WEFT_RETURN_IF_ERROR(CheckBounds(ctx, 1, axis_, v.slices));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.ForwardOrAllocate({0}, 0, x.shape()));
    const T* in = x.data<T>();
    T* out = y->mutable_data<T>();
    std::vector<Rounding<T>> roundings;
    for (int64_t s = 0; s < v.slices; ++s) {
      T low = static_cast<T>(low_), high = static_cast<T>(high_);
      if (!given_) {
        FindRange(in, v, s, &low, &high);
      } else if (bounds_input_) {
        low = ctx.input(1).data<T>()[s];
        high = ctx.input(2).data<T>()[s];
      }
      if (low > high)
        return ctx.InvalidArgument(StrCat("Invalid range: input_min ", low, " > input_max ", high));
      roundings.push_back(FitRange(low, high, bits));
    }
    ForEachRun(ctx, v, 3.0, [&](int64_t slice, int64_t begin, int64_t end) {
      const Rounding<T> r = roundings[static_cast<size_t>(slice)];
      for (int64_t i = begin; i < end; ++i) out[i] = RoundOne(in[i], r, given_, half_up_);
    });
    return absl::OkStatus();
  }

 private:
  static absl::Status CheckBits(const Bits& bits) {
    if (bits.count > 0 && bits.count < (bits.is_signed ? 62 : 63)) return absl::OkStatus();
    return absl::InvalidArgumentError(
        StrCat("num_bits is out of range: ", bits.count, " with signed_input ", bits.is_signed));
  }

  absl::StatusOr<Bits> ReadBits(KernelContext& ctx) const {
    Bits bits = bits_;
    if (!bits_input_) return bits;
    const Array& count = ctx.input(3);
    if (count.rank() != 0) {
      return ctx.InvalidArgument(StrCat(
          "The `num_bits` tensor should be a scalar. Got dimensions: ", count.shape().ToString()));
    }
    bits.count = *count.data<int32_t>();
    if (absl::Status s = CheckBits(bits); !s.ok())
      return ctx.InvalidArgument(std::string(s.message()));
    return bits;
  }

  static void FindRange(const T* in, const SliceView& v, int64_t slice, T* low, T* high) {
    *low = std::numeric_limits<T>::infinity();
    *high = -*low;
    for (int64_t b = 0; b < v.before; ++b) {
      const T* run = in + (b * v.slices + slice) * v.after;
      for (int64_t i = 0; i < v.after; ++i) {
        *low = std::min(*low, run[i]);
        *high = std::max(*high, run[i]);
      }
    }
    if (*low > *high) *low = *high = 0;  // no element
  }

  bool bits_input_, bounds_input_ = false, given_ = false, half_up_ = false;
  Bits bits_;
  int64_t axis_ = -1;
  float low_ = 0, high_ = 0;
};

template <typename T>
class RoundTripGrad final : public Kernel {
 public:
  explicit RoundTripGrad(KernelConstruction& c) : axis_(c.Attr<int64_t>("axis")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array &dy = ctx.input(0), &x = ctx.input(1);
    if (!(dy.shape() == x.shape())) {
      return ctx.InvalidArgument(StrCat("gradient and input must be the same size: ",
                                        dy.shape().ToString(), " and ", x.shape().ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(const SliceView v, SlicesAlong(ctx, x.shape(), axis_));
    WEFT_RETURN_IF_ERROR(CheckBounds(ctx, 2, axis_, v.slices));
    WEFT_ASSIGN_OR_RETURN(Array * dx, ctx.ForwardOrAllocate({0}, 0, x.shape()));
    // The bounds are not trained.
    for (int o = 1; o <= 2; ++o) {
      WEFT_ASSIGN_OR_RETURN(Array * d, ctx.AllocateOutput(o, ctx.input(2).shape()));
      std::fill_n(d->mutable_data<T>(), d->num_elements(), T(0));
    }
    const T *g = dy.data<T>(), *in = x.data<T>();
    T* out = dx->mutable_data<T>();
    const T *lows = ctx.input(2).data<T>(), *highs = ctx.input(3).data<T>();
    ForEachRun(ctx, v, 0.5, [=](int64_t slice, int64_t begin, int64_t end) {
      const T low = lows[slice], high = highs[slice];
      for (int64_t i = begin; i < end; ++i) out[i] = in[i] >= low && in[i] <= high ? g[i] : T(0);
    });
    return absl::OkStatus();
  }

 private:
  int64_t axis_;
};

}  // namespace

void RegisterRoundTripKernels(KernelRegistry& kernels) {
  ForTypes<float, double>([&]<typename T>() {
    const KernelConstraints type = {{"T", dtype_of<T>}};
    for (const char* op : {"QuantizeAndDequantize", "QuantizeAndDequantizeV2",
                           "QuantizeAndDequantizeV3", "QuantizeAndDequantizeV4"})
      kernels.Add<RoundTrip<T>>(op, kCpu, type);
    kernels.Add<RoundTripGrad<T>>("QuantizeAndDequantizeV4Grad", kCpu, type);
  });
}

}  // namespace weft
