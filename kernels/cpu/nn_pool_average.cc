// SPDX-License-Identifier: Apache-2.0
// Average pooling of images and volumes, and its gradient. Padding counts for nothing: a window's
// sum is divided by the number of its elements that lie on the image.
#include <algorithm>
#include <string>
#include <vector>

#include "kernels/cpu/pool.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/widen.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

template <typename T>
inline void AddLoop(const T* x, T factor, int64_t n, T* sum) {
  for (int64_t i = 0; i < n; ++i) sum[i] += x[i] * factor;
}
WEFT_SIMD void AddScaled(const float* x, float factor, int64_t n, float* sum) {
  AddLoop(x, factor, n, sum);
}
WEFT_SIMD void AddScaled(const double* x, double factor, int64_t n, double* sum) {
  AddLoop(x, factor, n, sum);
}

template <typename T>
class AvgPool final : public PoolKernel {
 public:
  explicit AvgPool(KernelConstruction& c) : PoolKernel(c) {}
  absl::Status Compute(KernelContext& ctx) override {
    using W = Wide<T>;
    const Array& x = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(const PoolGeometry g, Geometry(ctx, x, /*channels=*/false));
    WEFT_ASSIGN_OR_RETURN(const Shape shape, PooledShape(ctx, g));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    if (y->num_elements() == 0) return absl::OkStatus();
    WEFT_ASSIGN_OR_RETURN(const Array image, layout().ChannelsLast(ctx, x));
    WEFT_ASSIGN_OR_RETURN(const Array wide, WidenArray<T>(ctx, image));
    WEFT_ASSIGN_OR_RETURN(Array result, layout().Target(ctx, *y));
    WEFT_ASSIGN_OR_RETURN(Array sums, WideOutput<T>(ctx, result));
    const W* in = wide.data<W>();
    W* out = sums.template mutable_data<W>();
    ctx.ParallelFor(g.pixels(), g.cost(sizeof(W)), [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        W* to = out + p * g.channels;
        std::fill_n(to, g.channels, W(0));
        const PoolWindow window(g, p);
        window.ForPixels(g, [&](int64_t at) { AddScaled(in + at, W(1), g.channels, to); });
        const W share = W(1) / static_cast<W>(std::max<int64_t>(1, window.pixels()));
        for (int64_t c = 0; c < g.channels; ++c) to[c] *= share;
      }
    });
    NarrowInto<T>(sums, &result);
    layout().Deliver(ctx, result, y);
    return absl::OkStatus();
  }
};

// Every element of a window gets an equal share of the window's gradient.
template <typename T>
class AvgPoolGrad final : public PoolKernel {
 public:
  explicit AvgPoolGrad(KernelConstruction& c) : PoolKernel(c) {}
  absl::Status Compute(KernelContext& ctx) override {
    using W = Wide<T>;
    WEFT_ASSIGN_OR_RETURN(const Shape shape, ImageShape(ctx));
    const Array& dy = ctx.input(1);
    if (dy.rank() != layout().rank()) {
      return ctx.InvalidArgument(StrCat("out_backprop must be ", layout().rank(),
                                        "-dimensional, but has shape ", dy.shape().ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(const PoolGeometry g,
                          Geometry(ctx, layout().SizesOf(shape), /*channels=*/false));
    WEFT_ASSIGN_OR_RETURN(const Shape pooled, PooledShape(ctx, g));
    WEFT_RETURN_IF_ERROR(CheckShape(ctx, "out_backprop", dy, pooled));
    WEFT_ASSIGN_OR_RETURN(Array * dx, ctx.AllocateOutput(0, shape));
    if (dx->num_elements() == 0) return absl::OkStatus();
    WEFT_ASSIGN_OR_RETURN(const Array gradient, layout().ChannelsLast(ctx, dy));
    WEFT_ASSIGN_OR_RETURN(const Array wide, WidenArray<T>(ctx, gradient));
    WEFT_ASSIGN_OR_RETURN(Array result, layout().Target(ctx, *dx));
    WEFT_ASSIGN_OR_RETURN(Array sums, WideOutput<T>(ctx, result));
    const W* from = wide.data<W>();
    W* out = sums.template mutable_data<W>();
    const int64_t pixels = g.out_pixels_of_image(), elements = g.in_pixels_of_image() * g.channels;
    // Windows overlap, so an image is one thread's.
    ctx.ParallelFor(
        g.batch, g.cost(sizeof(W)) * static_cast<double>(pixels), [&](int64_t begin, int64_t end) {
          std::fill(out + begin * elements, out + end * elements, W(0));
          for (int64_t p = begin * pixels; p < end * pixels; ++p) {
            const PoolWindow window(g, p);
            const W share = W(1) / static_cast<W>(std::max<int64_t>(1, window.pixels()));
            window.ForPixels(g, [&](int64_t at) {
              AddScaled(from + p * g.channels, share, g.channels, out + at);
            });
          }
        });
    NarrowInto<T>(sums, &result);
    layout().Deliver(ctx, result, dx);
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<Shape> ImageShape(KernelContext& ctx) const {
    const Array& sizes = ctx.input(0);
    if (!(sizes.shape() == Shape({layout().rank()}))) {
      return ctx.InvalidArgument(StrCat("orig_input_shape must be 1-dimensional and ",
                                        layout().rank(), " elements, but has shape ",
                                        sizes.shape().ToString()));
    }
    std::vector<int64_t> dims;
    for (int64_t i = 0; i < sizes.num_elements(); ++i) dims.push_back(sizes.AsInt64(i));
    return MakeShape(ctx, dims);
  }
};

}  // namespace

void RegisterAveragePoolKernels(KernelRegistry& kernels) {
  ForTypes<float, double, half, bfloat16>([&]<typename T>() {
    const KernelConstraints type = {{"T", dtype_of<T>}};
    for (const char* kind : {"", "3D"}) {
      kernels.Add<AvgPool<T>>(StrCat("AvgPool", kind), kCpu, type);
      kernels.Add<AvgPoolGrad<T>>(StrCat("AvgPool", kind, "Grad"), kCpu, type,
                                  {.host_arguments = {"orig_input_shape"}});
    }
  });
}

}  // namespace weft
