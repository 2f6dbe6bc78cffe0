// SPDX-License-Identifier: Apache-2.0
// Local response normalisation across channels (Krizhevsky et al., "ImageNet classification with
// deep convolutional neural networks", 2012), and its gradient.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/cpu/widen.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

class LrnKernel : public Kernel {
 public:
  explicit LrnKernel(KernelConstruction& c)
      : radius_(c.Attr<int64_t>("depth_radius")),
        bias_(c.Attr<float>("bias")),
        alpha_(c.Attr<float>("alpha")),
        beta_(c.Attr<float>("beta")) {
    if (radius_ < 0 || radius_ > std::numeric_limits<int>::max()) {
      c.Fail(absl::InvalidArgumentError(
          StrCat("depth_radius = ", radius_, " larger than int max, or negative")));
    }
  }

 protected:
  // norm[c] = bias + alpha * sum(x[c - radius .. c + radius]^2). The sum over the window is a
  // difference of sums from the start, which are kept as double.
  void Norms(const float* x, int64_t n, std::vector<double>* sums, float* norm) const {
    (*sums)[0] = 0;
    for (int64_t c = 0; c < n; ++c)
      (*sums)[static_cast<size_t>(c + 1)] =
          (*sums)[static_cast<size_t>(c)] + static_cast<double>(x[c]) * x[c];
    for (int64_t c = 0; c < n; ++c) {
      const size_t first = static_cast<size_t>(std::max<int64_t>(0, c - radius_));
      const size_t last = static_cast<size_t>(std::min<int64_t>(n, c + radius_ + 1));
      norm[c] = static_cast<float>(bias_ + alpha_ * ((*sums)[last] - (*sums)[first]));
    }
  }

  const int64_t radius_;
  const float bias_, alpha_, beta_;
};

template <typename T>
class Lrn final : public LrnKernel {
 public:
  using LrnKernel::LrnKernel;
  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    if (x.rank() != 4)
      return ctx.InvalidArgument(
          StrCat("in must be 4-dimensional, but has shape ", x.shape().ToString()));
    WEFT_ASSIGN_OR_RETURN(const Array wide, WidenArray<T>(ctx, x));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, x.shape()));
    WEFT_ASSIGN_OR_RETURN(Array result, WideOutput<T>(ctx, *y));
    const int64_t n = x.dim(3), rows = n > 0 ? x.num_elements() / n : 0;
    const float* in = wide.template data<float>();
    float* out = result.template mutable_data<float>();
    ctx.ParallelFor(rows, 15.0 * static_cast<double>(n), [&](int64_t begin, int64_t end) {
      std::vector<double> sums(static_cast<size_t>(n + 1));
      std::vector<float> norm(static_cast<size_t>(n));
      for (int64_t r = begin; r < end; ++r) {
        Norms(in + r * n, n, &sums, norm.data());
        for (int64_t c = 0; c < n; ++c)
          out[r * n + c] = in[r * n + c] * std::pow(norm[static_cast<size_t>(c)], -beta_);
      }
    });
    NarrowInto<T>(result, y);
    return absl::OkStatus();
  }
};

// dx[k] = dy[k] norm[k]^-beta - 2 alpha beta x[k] sum over j near k of dy[j] y[j] / norm[j].
template <typename T>
class LrnGrad final : public LrnKernel {
 public:
  using LrnKernel::LrnKernel;
  absl::Status Compute(KernelContext& ctx) override {
    const Array &dy = ctx.input(0), &x = ctx.input(1), &y = ctx.input(2);
    if (dy.rank() != 4 || x.rank() != 4) return ctx.InvalidArgument("inputs must be 4-dimensional");
    if (!(dy.shape() == x.shape()) || !(y.shape() == x.shape())) {
      return ctx.InvalidArgument(
          StrCat("input_grads, input_image, and out_image should have the same shape, but have ",
                 dy.shape().ToString(), ", ", x.shape().ToString(), ", ", y.shape().ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(const Array wide_dy, WidenArray<T>(ctx, dy));
    WEFT_ASSIGN_OR_RETURN(const Array wide_x, WidenArray<T>(ctx, x));
    WEFT_ASSIGN_OR_RETURN(const Array wide_y, WidenArray<T>(ctx, y));
    WEFT_ASSIGN_OR_RETURN(Array * dx, ctx.AllocateOutput(0, x.shape()));
    WEFT_ASSIGN_OR_RETURN(Array result, WideOutput<T>(ctx, *dx));
    const int64_t n = x.dim(3), rows = n > 0 ? x.num_elements() / n : 0;
    const float *g = wide_dy.template data<float>(), *in = wide_x.template data<float>(),
                *out = wide_y.template data<float>();
    float* to = result.template mutable_data<float>();
    ctx.ParallelFor(rows, 25.0 * static_cast<double>(n), [&](int64_t begin, int64_t end) {
      std::vector<double> sums(static_cast<size_t>(n + 1));
      std::vector<float> norm(static_cast<size_t>(n));
      for (int64_t r = begin; r < end; ++r) {
        Norms(in + r * n, n, &sums, norm.data());
        Row(g + r * n, in + r * n, out + r * n, norm.data(), n, &sums, to + r * n);
      }
    });
    NarrowInto<T>(result, dx);
    return absl::OkStatus();
  }

 private:
  void Row(const float* dy, const float* x, const float* y, const float* norm, int64_t n,
           std::vector<double>* sums, float* dx) const {
    (*sums)[0] = 0;
    for (int64_t c = 0; c < n; ++c)
      (*sums)[static_cast<size_t>(c + 1)] =
          (*sums)[static_cast<size_t>(c)] + static_cast<double>(dy[c]) * y[c] / norm[c];
    for (int64_t c = 0; c < n; ++c) {
      const size_t first = static_cast<size_t>(std::max<int64_t>(0, c - radius_));
      const size_t last = static_cast<size_t>(std::min<int64_t>(n, c + radius_ + 1));
      const double near = (*sums)[last] - (*sums)[first];
      dx[c] = static_cast<float>(dy[c] * std::pow(norm[c], -beta_) -
                                 2.0 * alpha_ * beta_ * x[c] * near);
    }
  }
};

}  // namespace

void RegisterLrnKernels(KernelRegistry& kernels) {
  ForTypes<float, half, bfloat16>([&]<typename T>() {
    kernels.Add<Lrn<T>>("LRN", kCpu, {{"T", dtype_of<T>}});
    kernels.Add<LrnGrad<T>>("LRNGrad", kCpu, {{"T", dtype_of<T>}});
  });
}

}  // namespace weft
