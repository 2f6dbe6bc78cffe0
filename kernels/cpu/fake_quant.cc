// SPDX-License-Identifier: Apache-2.0
// Simulated quantization, and its gradients.
#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/cpu/simd.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// A range, moved so that 0 lies on one of its steps (else padding by zeros would not be exact).
struct Steps {
  float low = 0, high = 0, size = 0, inverse_size = 0, zero = 0;
};

Steps Nudge(float min, float max, int64_t bits, bool narrow) {
  const float first = narrow ? 1.f : 0.f, last = static_cast<float>((int64_t{1} << bits) - 1);
  Steps s;
  s.size = (max - min) / (last - first);
  const float zero_point = first - min / s.size;
  // "not below" and not "above": a NaN ends as an integer too.
  const float nudged = !(zero_point >= first) ? first
                       : zero_point > last    ? last
                                              : std::round(zero_point);
  s.low = (first - nudged) * s.size;
  s.high = (last - nudged) * s.size;
  s.inverse_size = 1.0f / s.size;
  s.zero = std::floor(-s.low * s.inverse_size + 0.5f);
  return s;
}

WEFT_SIMD void RoundToSteps(const Steps s, const float* x, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) {
    float v = x[i] > s.high ? s.high : x[i];
    v = v < s.low ? s.low : v;
    y[i] = std::floor((v - s.low) * s.inverse_size - s.zero + 0.5f) * s.size;
  }
}
WEFT_SIMD void PassInside(const Steps s, const float* dy, const float* x, int64_t n, float* dx) {
  for (int64_t i = 0; i < n; ++i) dx[i] = x[i] >= s.low && x[i] <= s.high ? dy[i] : 0.f;
}

class FakeQuantKernel : public Kernel {
 public:
  explicit FakeQuantKernel(KernelConstruction& c)
      : bits_(c.Attr<int64_t>("num_bits")), narrow_(c.Attr<bool>("narrow_range")) {
    if (bits_ < 2 || bits_ > 16) {
      c.Fail(absl::InvalidArgumentError(
          StrCat("num_bits must be between 2 and 16, inclusive, but is ", bits_)));
    }
  }

 protected:
  Steps StepsOf(float min, float max) const { return Nudge(min, max, bits_, narrow_); }
  static absl::Status CheckSameShape(KernelContext& ctx) {
    if (ctx.input(0).shape() == ctx.input(1).shape()) return absl::OkStatus();
    return ctx.InvalidArgument(StrCat("gradient and input must be the same size, got ",
                                      ctx.input(0).shape().ToString(), " and ",
                                      ctx.input(1).shape().ToString()));
  }
  // Both bounds, inputs `first` and `first` + 1, must have this rank.
  static absl::Status CheckBounds(KernelContext& ctx, int first, int rank) {
    for (int i = first; i <= first + 1; ++i) {
      const Array& bound = ctx.input(i);
      if (bound.rank() != rank) {
        return ctx.InvalidArgument(StrCat("`", i == first ? "min" : "max", "` must be rank ", rank,
                                          " but is rank ", bound.rank()));
      }
    }
    return absl::OkStatus();
  }

 private:
  int64_t bits_;
  bool narrow_;
};

// A rough cost of one element, in nanoseconds.
constexpr double kCost = 0.5;

// ---- bounds that are attributes ----

class ArgsKernel : public FakeQuantKernel {
 public:
  explicit ArgsKernel(KernelConstruction& c) : FakeQuantKernel(c) {
    const float min = c.Attr<float>("min"), max = c.Attr<float>("max");
    if (!(min < max)) {
      c.Fail(absl::InvalidArgumentError(
          StrCat("min has to be smaller than max, was: ", min, " >= ", max)));
      return;
    }
    if (c.status().ok()) steps_ = StepsOf(min, max);
  }

 protected:
  Steps steps_;
};

class FakeQuantArgs final : public ArgsKernel {
 public:
  using ArgsKernel::ArgsKernel;
  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.ForwardOrAllocate({0}, 0, x.shape()));
    const float* in = x.data<float>();
    float* out = y->mutable_data<float>();
    ctx.ParallelFor(x.num_elements(), kCost, [=, this](int64_t begin, int64_t end) {
      RoundToSteps(steps_, in + begin, end - begin, out + begin);
    });
    return absl::OkStatus();
  }
};

class FakeQuantArgsGrad final : public ArgsKernel {
 public:
  using ArgsKernel::ArgsKernel;
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_RETURN_IF_ERROR(CheckSameShape(ctx));
    const Array& x = ctx.input(1);
    WEFT_ASSIGN_OR_RETURN(Array * dx, ctx.ForwardOrAllocate({0}, 0, x.shape()));
    const float *dy = ctx.input(0).data<float>(), *in = x.data<float>();
    float* out = dx->mutable_data<float>();
    ctx.ParallelFor(x.num_elements(), kCost, [=, this](int64_t begin, int64_t end) {
      PassInside(steps_, dy + begin, in + begin, end - begin, out + begin);
    });
    return absl::OkStatus();
  }
};

// ---- bounds that are inputs ----

// A range of [0, 0] is one that was not set yet: everything is 0 then.
bool IsUnset(float min, float max) { return min == 0.f && max == 0.f; }

class FakeQuantVars final : public FakeQuantKernel {
 public:
  using FakeQuantKernel::FakeQuantKernel;
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_RETURN_IF_ERROR(CheckBounds(ctx, 1, 0));
    const Array& x = ctx.input(0);
    const float min = *ctx.input(1).data<float>(), max = *ctx.input(2).data<float>();
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.ForwardOrAllocate({0}, 0, x.shape()));
    const float* in = x.data<float>();
    float* out = y->mutable_data<float>();
    if (IsUnset(min, max)) {
      std::fill_n(out, x.num_elements(), 0.f);
      return absl::OkStatus();
    }
    const Steps steps = StepsOf(min, max);
    ctx.ParallelFor(x.num_elements(), kCost, [=](int64_t begin, int64_t end) {
      RoundToSteps(steps, in + begin, end - begin, out + begin);
    });
    return absl::OkStatus();
  }
};

// What one bound's clamped values were given.
struct BoundSums {
  double below = 0, above = 0;
};

class FakeQuantVarsGrad final : public FakeQuantKernel {
 public:
  using FakeQuantKernel::FakeQuantKernel;
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_RETURN_IF_ERROR(CheckSameShape(ctx));
    WEFT_RETURN_IF_ERROR(CheckBounds(ctx, 2, 0));
    const Array &dy = ctx.input(0), &x = ctx.input(1);
    const float min = *ctx.input(2).data<float>(), max = *ctx.input(3).data<float>();
    WEFT_ASSIGN_OR_RETURN(Array * dx, ctx.AllocateOutput(0, x.shape()));
    WEFT_ASSIGN_OR_RETURN(Array * dmin, ctx.AllocateOutput(1, Shape()));
    WEFT_ASSIGN_OR_RETURN(Array * dmax, ctx.AllocateOutput(2, Shape()));
    const int64_t n = x.num_elements();
    const float *g = dy.data<float>(), *in = x.data<float>();
    BoundSums sums;
    if (IsUnset(min, max)) {
      std::copy_n(g, n, dx->mutable_data<float>());
    } else {
      const Steps s = StepsOf(min, max);
      PassInside(s, g, in, n, dx->mutable_data<float>());
      for (int64_t i = 0; i < n; ++i) {
        sums.below += in[i] < s.low ? g[i] : 0.f;
        sums.above += in[i] > s.high ? g[i] : 0.f;
      }
    }
    *dmin->mutable_data<float>() = static_cast<float>(sums.below);
    *dmax->mutable_data<float>() = static_cast<float>(sums.above);
    return absl::OkStatus();
  }
};

// ---- bounds for each channel ----

class PerChannelKernel : public FakeQuantKernel {
 public:
  using FakeQuantKernel::FakeQuantKernel;

 protected:
  // Calls work(channel, min, max) for each channel of `x`; inputs `first` and `first` + 1 are the
  // bounds.
  template <typename Work>
  static absl::Status ForEachChannel(KernelContext& ctx, const Array& x, int first, Work work) {
    WEFT_RETURN_IF_ERROR(CheckBounds(ctx, first, 1));
    if (x.rank() < 1) return ctx.InvalidArgument("the input must have at least one dimension");
    const int64_t channels = x.dim(x.rank() - 1);
    for (int i = first; i <= first + 1; ++i) {
      if (ctx.input(i).num_elements() != channels) {
        return ctx.InvalidArgument(StrCat(i == first ? "min" : "max",
                                          " has incorrect size, expected ", channels, " was ",
                                          ctx.input(i).num_elements()));
      }
    }
    const float *min = ctx.input(first).data<float>(), *max = ctx.input(first + 1).data<float>();
    ctx.ParallelFor(channels,
                    2.0 * static_cast<double>(x.num_elements()) /
                        static_cast<double>(std::max<int64_t>(1, channels)),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t c = begin; c < end; ++c) work(c, min[c], max[c]);
                    });
    return absl::OkStatus();
  }
};

class FakeQuantPerChannel final : public PerChannelKernel {
 public:
  using PerChannelKernel::PerChannelKernel;
  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.ForwardOrAllocate({0}, 0, x.shape()));
    const float* in = x.data<float>();
    float* out = y->mutable_data<float>();
    const int64_t n = x.num_elements(), step = x.rank() > 0 ? x.dim(x.rank() - 1) : 1;
    return ForEachChannel(ctx, x, 1, [=, this](int64_t c, float min, float max) {
      const bool unset = IsUnset(min, max);
      const Steps steps = unset ? Steps() : StepsOf(min, max);
      for (int64_t i = c; i < n; i += step) {
        if (unset)
          out[i] = 0.f;
        else
          RoundToSteps(steps, in + i, 1, out + i);
      }
    });
  }
};

class FakeQuantPerChannelGrad final : public PerChannelKernel {
 public:
  using PerChannelKernel::PerChannelKernel;
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_RETURN_IF_ERROR(CheckSameShape(ctx));
    const Array &dy = ctx.input(0), &x = ctx.input(1);
    WEFT_ASSIGN_OR_RETURN(Array * dx, ctx.AllocateOutput(0, x.shape()));
    const int64_t n = x.num_elements(), step = x.rank() > 0 ? x.dim(x.rank() - 1) : 1;
    WEFT_ASSIGN_OR_RETURN(Array * dmin, ctx.AllocateOutput(1, Shape({step})));
    WEFT_ASSIGN_OR_RETURN(Array * dmax, ctx.AllocateOutput(2, Shape({step})));
    const float *g = dy.data<float>(), *in = x.data<float>();
    float *out = dx->mutable_data<float>(), *low = dmin->mutable_data<float>(),
          *high = dmax->mutable_data<float>();
    return ForEachChannel(ctx, x, 2, [=, this](int64_t c, float min, float max) {
      const bool unset = IsUnset(min, max);
      const Steps s = unset ? Steps() : StepsOf(min, max);
      BoundSums sums;
      for (int64_t i = c; i < n; i += step) {
        const bool below = !unset && in[i] < s.low, above = !unset && in[i] > s.high;
        sums.below += below ? g[i] : 0.f;
        sums.above += above ? g[i] : 0.f;
        out[i] = unset || (in[i] >= s.low && in[i] <= s.high) ? g[i] : 0.f;
      }
      low[c] = static_cast<float>(sums.below);
      high[c] = static_cast<float>(sums.above);
    });
  }
};

}  // namespace

void RegisterFakeQuantKernels(KernelRegistry& kernels) {
  kernels.Add<FakeQuantArgs>("FakeQuantWithMinMaxArgs", kCpu, {});
  kernels.Add<FakeQuantArgsGrad>("FakeQuantWithMinMaxArgsGradient", kCpu, {});
  kernels.Add<FakeQuantVars>("FakeQuantWithMinMaxVars", kCpu, {});
  kernels.Add<FakeQuantVarsGrad>("FakeQuantWithMinMaxVarsGradient", kCpu, {});
  kernels.Add<FakeQuantPerChannel>("FakeQuantWithMinMaxVarsPerChannel", kCpu, {});
  kernels.Add<FakeQuantPerChannelGrad>("FakeQuantWithMinMaxVarsPerChannelGradient", kCpu, {});
}

}  // namespace weft
