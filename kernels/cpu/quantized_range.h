// SPDX-License-Identifier: Apache-2.0
// What integers that stand for the values of a range mean.
//
// Of B's 2^bits integers the lowest stands for the range's low end and the highest for its high
// end. All of it is defined for any input: a range may be empty, turned round, infinite or NaN.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {

struct QuantizedRange {
  float low = 0, high = 0;
};

// The integers behind a quantized type.
template <typename Q>
using QuantizedBase = decltype(Q().value);

template <typename B>
inline constexpr int64_t kLowestQuantized = std::numeric_limits<B>::lowest();
template <typename B>
inline constexpr int64_t kHighestQuantized = std::numeric_limits<B>::max();
// Steps from the lowest to the highest.
template <typename B>
inline constexpr double kQuantizedSteps = static_cast<double>(kHighestQuantized<B> -
                                                              kLowestQuantized<B>);

// The nearest int64 towards zero; NaN is the lowest.
inline int64_t SaturatedInt64(double v) {
  constexpr double kEnd = 9223372036854775808.0;
  if (v >= kEnd) return std::numeric_limits<int64_t>::max();
  return v >= -kEnd ? static_cast<int64_t>(v) : std::numeric_limits<int64_t>::lowest();
}

inline int64_t SaturatedAdd(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a < 0 ? std::numeric_limits<int64_t>::lowest() : std::numeric_limits<int64_t>::max();
}

template <typename B>
B SaturateQuantized(int64_t q) {
  return static_cast<B>(std::clamp(q, kLowestQuantized<B>, kHighestQuantized<B>));
}

// The integer for v, though it may be none of B's.
template <typename B>
int64_t QuantizeUnclamped(float v, const QuantizedRange& r) {
  if (r.low == r.high) return kLowestQuantized<B>;
  const double levels = kQuantizedSteps<B> + 1;
  const double width = static_cast<double>(r.high - r.low) * (levels / kQuantizedSteps<B>);
  const double per_unit = levels / width;
  const double steps = std::round(v * per_unit) - std::round(r.low * per_unit);
  return SaturatedAdd(SaturatedInt64(steps), kLowestQuantized<B>);
}

template <typename B>
B QuantizeValue(float v, const QuantizedRange& r) {
  return SaturateQuantized<B>(QuantizeUnclamped<B>(v, r));
}

// The low end is moved to a whole number of steps, so that one integer is exactly 0.
template <typename B>
float DequantizeValue(B q, const QuantizedRange& r) {
  if (r.low == r.high) return r.low;
  const double levels = kQuantizedSteps<B> + 1;
  const double step = static_cast<double>(r.high - r.low) * (levels / kQuantizedSteps<B>) / levels;
  const float step_f = static_cast<float>(step);
  const float low = std::round(r.low / step_f) * step_f;
  const double offset = static_cast<double>(q) - static_cast<double>(kLowestQuantized<B>);
  return static_cast<float>(low + offset * step);
}

// As QuantizeValue and DequantizeValue, in float32 throughout: whole arrays are converted with
// these, and results differ in the last place.
template <typename B>
class FastDequantizer {
 public:
  explicit FastDequantizer(const QuantizedRange& r)
      : step_(static_cast<float>(static_cast<double>(r.high - r.low) / kQuantizedSteps<B>)),
        offset_((r.low == r.high ? r.low : std::round(r.low / step_) * step_) -
                static_cast<float>(kLowestQuantized<B>) * step_) {}
  float operator()(B q) const { return offset_ + static_cast<float>(q) * step_; }

 private:
  float step_, offset_;
};

template <typename B>
class FastQuantizer {
 public:
  explicit FastQuantizer(const QuantizedRange& r)
      : per_unit_(r.low == r.high ? 0.f
                                  : static_cast<float>(kQuantizedSteps<B> /
                                                       static_cast<double>(r.high - r.low))),
        shift_(std::round(r.low * per_unit_) - static_cast<float>(kLowestQuantized<B>)) {}
  // NaN becomes 0.
  B operator()(float v) const {
    // The highest float that an int32 can hold.
    constexpr float kTop = 2147483520.f;
    const float q = std::round(v * per_unit_) - shift_;
    if (!(q == q)) return 0;
    return static_cast<B>(std::clamp(q, static_cast<float>(kLowestQuantized<B>),
                                     std::min(static_cast<float>(kHighestQuantized<B>), kTop)));
  }

 private:
  float per_unit_, shift_;
};

// The range in inputs i and i + 1, which must be scalars.
inline absl::StatusOr<QuantizedRange> RangeInput(KernelContext& ctx, int i, std::string_view low,
                                                 std::string_view high) {
  for (int k = 0; k < 2; ++k) {
    if (const int rank = ctx.input(i + k).rank(); rank != 0) {
      return ctx.InvalidArgument(
          StrCat("`", k == 0 ? low : high, "` must be rank 0 but is rank ", rank));
    }
  }
  return QuantizedRange{*ctx.input(i).data<float>(), *ctx.input(i + 1).data<float>()};
}

// Scalar outputs o and o + 1.
inline absl::Status SetRangeOutputs(KernelContext& ctx, int o, const QuantizedRange& r) {
  WEFT_ASSIGN_OR_RETURN(Array * low, ctx.AllocateOutput(o, Shape()));
  WEFT_ASSIGN_OR_RETURN(Array * high, ctx.AllocateOutput(o + 1, Shape()));
  *low->mutable_data<float>() = r.low;
  *high->mutable_data<float>() = r.high;
  return absl::OkStatus();
}

}  // namespace weft
