// SPDX-License-Identifier: Apache-2.0
// Batch normalisation of the first GraphDefs, and its gradients.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "kernels/cpu/widen.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

class NormalizeKernel : public Kernel {
 public:
  explicit NormalizeKernel(KernelConstruction& c)
      : epsilon_(c.Attr<float>("variance_epsilon")),
        scale_(c.Attr<bool>("scale_after_normalization")) {}

 protected:
  // Inputs 1..last are vectors with an element for each channel of input 0.
  static absl::Status Check(KernelContext& ctx, int last) {
    const Array& x = ctx.input(0);
    if (x.rank() != 4)
      return ctx.InvalidArgument(
          StrCat("input must be 4-dimensional, but has shape ", x.shape().ToString()));
    for (int i = 1; i <= last; ++i) {
      const Array& v = ctx.input(i);
      if (v.rank() != 1 || v.dim(0) != x.dim(3)) {
        return ctx.InvalidArgument(StrCat("input ", i, " must be a vector of ", x.dim(3),
                                          " elements, one a channel, but has shape ",
                                          v.shape().ToString()));
      }
    }
    return absl::OkStatus();
  }
  // 1 / sqrt(variance + epsilon).
  template <typename W>
  std::vector<W> InverseDeviation(const W* variance, int64_t n) const {
    std::vector<W> inverse(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i)
      inverse[static_cast<size_t>(i)] = W(1) / std::sqrt(variance[i] + static_cast<W>(epsilon_));
    return inverse;
  }
  bool scale() const { return scale_; }

 private:
  float epsilon_;
  bool scale_;
};

template <typename T>
class Normalize final : public NormalizeKernel {
 public:
  using NormalizeKernel::NormalizeKernel;
  absl::Status Compute(KernelContext& ctx) override {
    using W = Wide<T>;
    WEFT_RETURN_IF_ERROR(Check(ctx, 4));
    const Array& x = ctx.input(0);
    Array in[5];
    for (int i = 0; i < 5; ++i) {
      WEFT_ASSIGN_OR_RETURN(in[i], WidenArray<T>(ctx, ctx.input(i)));
    }
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.ForwardOrAllocate({0}, 0, x.shape()));
    WEFT_ASSIGN_OR_RETURN(Array result, WideOutput<T>(ctx, *y));
    const int64_t depth = x.dim(3);
    // As a product and a sum: x * factor + offset.
    std::vector<W> factor = InverseDeviation(in[2].data<W>(), depth), offset(factor.size());
    for (size_t c = 0; c < factor.size(); ++c) {
      if (scale()) factor[c] *= in[4].data<W>()[c];
      offset[c] = in[3].data<W>()[c];
    }
    const W *from = in[0].data<W>(), *mean = in[1].data<W>();
    W* to = result.mutable_data<W>();
    ctx.ParallelFor(depth > 0 ? x.num_elements() / depth : 0, static_cast<double>(depth),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t r = begin; r < end; ++r) {
                        for (int64_t c = 0; c < depth; ++c) {
                          const size_t k = static_cast<size_t>(c);
                          to[r * depth + c] =
                              (from[r * depth + c] - mean[c]) * factor[k] + offset[k];
                        }
                      }
                    });
    NarrowInto<T>(result, y);
    return absl::OkStatus();
  }
};

// With s = 1 / sqrt(v + epsilon), a = gamma * s (or s): y = (t - m) a + beta, hence
//   dt = dy a, dm = -sum(dy) a, dbeta = sum(dy), dgamma = sum(dy (t - m)) s,
//   dv = sum(dy (t - m)) * -s^2 a / 2.
template <typename T>
class NormalizeGrad final : public NormalizeKernel {
 public:
  using NormalizeKernel::NormalizeKernel;
  absl::Status Compute(KernelContext& ctx) override {
    using W = Wide<T>;
    WEFT_RETURN_IF_ERROR(Check(ctx, 3));
    const Shape& shape = ctx.input(0).shape();
    if (!(ctx.input(4).shape() == shape)) {
      return ctx.InvalidArgument(StrCat("backprop must have the shape of input, ", shape.ToString(),
                                        ", but has ", ctx.input(4).shape().ToString()));
    }
    Array in[5];
    for (int i = 0; i < 5; ++i) {
      WEFT_ASSIGN_OR_RETURN(in[i], WidenArray<T>(ctx, ctx.input(i)));
    }
    const int64_t depth = shape.dim(3), rows = depth > 0 ? shape.num_elements() / depth : 0;
    Array* outputs[5];
    Array wide[5];
    for (int o = 0; o < 5; ++o) {
      WEFT_ASSIGN_OR_RETURN(outputs[o], ctx.AllocateOutput(o, o == 0 ? shape : Shape({depth})));
      WEFT_ASSIGN_OR_RETURN(wide[o], WideOutput<T>(ctx, *outputs[o]));
    }
    const W *x = in[0].data<W>(), *mean = in[1].data<W>(), *gamma = in[3].data<W>(),
            *dy = in[4].data<W>();
    const std::vector<W> inverse = InverseDeviation(in[2].data<W>(), depth);
    ctx.ParallelFor(depth, 3.0 * static_cast<double>(rows), [&](int64_t begin, int64_t end) {
      for (int64_t c = begin; c < end; ++c) {
        const W s = inverse[static_cast<size_t>(c)], a = scale() ? s * gamma[c] : s;
        double sum = 0, moment = 0;
        for (int64_t i = c; i < rows * depth; i += depth) {
          sum += dy[i];
          moment += static_cast<double>(dy[i]) * (x[i] - mean[c]);
          wide[0].mutable_data<W>()[i] = dy[i] * a;
        }
        wide[1].mutable_data<W>()[c] = -static_cast<W>(sum) * a;
        wide[2].mutable_data<W>()[c] = static_cast<W>(moment) * (s * s * a * W(-0.5));
        wide[3].mutable_data<W>()[c] = static_cast<W>(sum);
        wide[4].mutable_data<W>()[c] = scale() ? static_cast<W>(moment) * s : W(0);
      }
    });
    for (int o = 0; o < 5; ++o) NarrowInto<T>(wide[o], outputs[o]);
    return absl::OkStatus();
  }
};

}  // namespace

void RegisterLegacyBatchNormKernels(KernelRegistry& kernels) {
  ForTypes<half, float, double>([&]<typename T>() {
    kernels.Add<Normalize<T>>("BatchNormWithGlobalNormalization", kCpu, {{"T", dtype_of<T>}});
    kernels.Add<NormalizeGrad<T>>("BatchNormWithGlobalNormalizationGrad", kCpu,
                                  {{"T", dtype_of<T>}});
  });
}

}  // namespace weft
