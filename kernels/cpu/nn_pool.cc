// SPDX-License-Identifier: Apache-2.0
// Maximum pooling of images, and its gradients. Images with channels first are transposed.
#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <vector>

#include "kernels/cpu/element_class.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/strided_copy.h"
#include "kernels/cpu/wrapping.h"
#include "src/core/image_format.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

using Ints = std::vector<int64_t>;
using Sizes4 = std::array<int64_t, 4>;

struct PoolGeometry {
  int64_t batch = 0, in_height = 0, in_width = 0, depth = 0;
  int64_t out_height = 0, out_width = 0;
  int64_t size_y = 1, size_x = 1, stride_y = 1, stride_x = 1, top = 0, left = 0;
  int64_t depth_window = 1;  // channels that are pooled together
  int64_t pixels() const { return batch * out_height * out_width; }
};

// The part of a window that lies on the image: rows [y0, y1), columns [x0, x1) of image `image`.
struct Window {
  int64_t image, y0, y1, x0, x1;
};
Window WindowAt(const PoolGeometry& g, int64_t pixel) {
  const int64_t y = pixel / g.out_width % g.out_height * g.stride_y - g.top;
  const int64_t x = pixel % g.out_width * g.stride_x - g.left;
  return {.image = pixel / g.out_width / g.out_height,
          .y0 = std::max<int64_t>(y, 0),
          .y1 = std::min(y + g.size_y, g.in_height),
          .x0 = std::max<int64_t>(x, 0),
          .x1 = std::min(x + g.size_x, g.in_width)};
}

// Calls visit(offset of the first channel) for each pixel of the window, in row-major order.
template <typename Visit>
void ForPixels(const PoolGeometry& g, const Window& w, Visit visit) {
  for (int64_t y = w.y0; y < w.y1; ++y) {
    for (int64_t x = w.x0; x < w.x1; ++x)
      visit(((w.image * g.in_height + y) * g.in_width + x) * g.depth);
  }
}

template <typename T>
inline void RaiseLoop(const T* x, int64_t n, T* best) {
  for (int64_t i = 0; i < n; ++i) best[i] = x[i] > best[i] ? x[i] : best[i];
}
template <typename T>
void Raise(const T* x, int64_t n, T* best) {
  RaiseLoop(x, n, best);
}
WEFT_SIMD void Raise(const float* x, int64_t n, float* best) { RaiseLoop(x, n, best); }

// The lowest value is what a maximum begins with, so an element that is NaN or -infinity never
// wins.
template <typename T>
void PoolPixel(const PoolGeometry& g, const T* x, int64_t pixel, T* y) {
  T* out = y + pixel * g.depth;
  std::fill_n(out, g.depth, std::numeric_limits<T>::lowest());
  ForPixels(g, WindowAt(g, pixel), [&](int64_t offset) { Raise(x + offset, g.depth, out); });
}
template <typename T>
void PoolDepth(const PoolGeometry& g, const T* x, int64_t pixel, T* y) {
  const int64_t groups = g.depth / g.depth_window;
  for (int64_t i = 0; i < groups; ++i) {
    const T* first = x + pixel * g.depth + i * g.depth_window;
    T best = std::numeric_limits<T>::lowest();
    for (int64_t k = 0; k < g.depth_window; ++k) best = first[k] > best ? first[k] : best;
    y[pixel * groups + i] = best;
  }
}

// Where the maxima of one window are, channel by channel: the first of equal ones.
template <typename T>
class MaximaFinder {
 public:
  explicit MaximaFinder(const PoolGeometry& g)
      : g_(g), best_(static_cast<size_t>(g.depth)), place_(static_cast<size_t>(g.depth)) {}

  // place()[c]: the offset in x, or -1 if no element is above the lowest value.
  void Find(const T* x, int64_t pixel) {
    std::fill(best_.begin(), best_.end(), std::numeric_limits<T>::lowest());
    std::fill(place_.begin(), place_.end(), int64_t{-1});
    ForPixels(g_, WindowAt(g_, pixel), [&](int64_t offset) {
      for (size_t c = 0; c < best_.size(); ++c) {
        const T v = x[offset + static_cast<int64_t>(c)];
        const bool higher = v > best_[c] || (place_[c] < 0 && v >= best_[c]);
        best_[c] = higher ? v : best_[c];
        place_[c] = higher ? offset + static_cast<int64_t>(c) : place_[c];
      }
    });
  }
  const std::vector<int64_t>& place() const { return place_; }

 private:
  const PoolGeometry& g_;
  std::vector<T> best_;
  std::vector<int64_t> place_;
};

// ---- attributes and checks ----

class PoolKernel : public Kernel {
 public:
  // `size_input`: the number of the input that holds ksize in the second version of the ops.
  PoolKernel(KernelConstruction& c, int size_input)
      : format_(ParseImageFormat(c.Attr<std::string>("data_format"))),
        size_input_(c.FindAttr("ksize") ? -1 : size_input) {
    if (format_.rank != 4)
      c.Fail(absl::InvalidArgumentError("the CPU has no kernel for data_format NCHW_VECT_C"));
    if (size_input_ < 0) {
      ksize_ = c.Attr<Ints>("ksize");
      strides_ = c.Attr<Ints>("strides");
      c.Fail(CheckSizes(ksize_, strides_));
    }
    c.Fail(SetPadding(c.Attr<std::string>("padding"), c.AttrOr<Ints>("explicit_paddings", {}),
                      format_, &window_));
  }

 protected:
  absl::StatusOr<PoolGeometry> Geometry(KernelContext& ctx, const Array& x,
                                        bool depth_allowed) const {
    if (x.rank() != 4)
      return ctx.InvalidArgument(
          StrCat("tensor_in must be 4-dimensional, but has shape ", x.shape().ToString()));
    Ints ksize = ksize_, strides = strides_;
    if (size_input_ >= 0) WEFT_RETURN_IF_ERROR(ReadSizes(ctx, &ksize, &strides));
    const Sizes4 in = ImageSizes(x.shape());
    const auto at = [](const Ints& list, int axis) { return list[static_cast<size_t>(axis)]; };
    ImageWindow w = window_;
    w.height.size = at(ksize, format_.height);
    w.width.size = at(ksize, format_.width);
    w.height.stride = at(strides, format_.height);
    w.width.stride = at(strides, format_.width);
    if (w.height.padding == Padding::kExplicit) WEFT_RETURN_IF_ERROR(CheckMargins(ctx, w));
    const absl::StatusOr<WindowFit> rows = FitWindows(in[1], w.height),
                                    columns = FitWindows(in[2], w.width);
    if (!rows.ok()) return ctx.InvalidArgument(std::string(rows.status().message()));
    if (!columns.ok()) return ctx.InvalidArgument(std::string(columns.status().message()));
    const int64_t depth_window = at(ksize, format_.depth);
    WEFT_RETURN_IF_ERROR(
        CheckDepth(ctx, depth_window, at(strides, format_.depth), in[3], w, depth_allowed));
    return PoolGeometry{.batch = in[0],
                        .in_height = in[1],
                        .in_width = in[2],
                        .depth = in[3],
                        .out_height = rows->count,
                        .out_width = columns->count,
                        .size_y = w.height.size,
                        .size_x = w.width.size,
                        .stride_y = w.height.stride,
                        .stride_x = w.width.stride,
                        .top = rows->before,
                        .left = columns->before,
                        .depth_window = depth_window};
  }

  absl::StatusOr<Shape> PooledShape(KernelContext& ctx, const PoolGeometry& g) const {
    const int64_t depth = g.depth / g.depth_window;
    Sizes4 dims = {g.batch, g.out_height, g.out_width, depth};
    if (format_.channels_first()) dims = {g.batch, depth, g.out_height, g.out_width};
    Shape shape;
    std::string why;
    if (!Shape::Make(dims, &shape, &why)) return ctx.InvalidArgument(why);
    return shape;
  }
  static absl::Status CheckShape(KernelContext& ctx, std::string_view name, const Array& a,
                                 const Shape& want) {
    if (a.shape() == want) return absl::OkStatus();
    return ctx.InvalidArgument(StrCat("Expected ", name, " shape to be ", want.ToString(),
                                      ", but got ", a.shape().ToString()));
  }

  // As in the kernels of convolution.
  absl::StatusOr<Array> ChannelsLast(KernelContext& ctx, const Array& x) const {
    if (!format_.channels_first()) return x;
    WEFT_ASSIGN_OR_RETURN(Array y, Target(ctx, x));
    constexpr int64_t kPermutation[] = {0, 2, 3, 1};
    TransposeInto(ctx, x, kPermutation, &y);
    return y;
  }
  absl::StatusOr<Array> Target(KernelContext& ctx, const Array& y) const {
    if (!format_.channels_first()) return y;
    const Sizes4 sizes = ImageSizes(y.shape());
    return ctx.AllocateTemp(y.dtype(), Shape(std::span<const int64_t>(sizes)));
  }
  void Deliver(KernelContext& ctx, const Array& result, Array* y) const {
    constexpr int64_t kPermutation[] = {0, 3, 1, 2};
    if (format_.channels_first()) TransposeInto(ctx, result, kPermutation, y);
  }

 private:
  Sizes4 ImageSizes(const Shape& s) const {
    return {s.dim(format_.batch), s.dim(format_.height), s.dim(format_.width),
            s.dim(format_.depth)};
  }

  absl::Status CheckSizes(const Ints& ksize, const Ints& strides) const {
    if (ksize.size() != 4)
      return absl::InvalidArgumentError("Sliding window ksize field must specify 4 dimensions");
    if (strides.size() != 4)
      return absl::InvalidArgumentError("Sliding window strides field must specify 4 dimensions");
    for (size_t i = 0; i < 4; ++i) {
      if (ksize[i] <= 0 || strides[i] <= 0) {
        return absl::InvalidArgumentError(
            StrCat("Sliding window ksize and stride must be positive, but for dimension ", i,
                   " they are ", ksize[i], " and ", strides[i]));
      }
    }
    if (ksize[0] != 1 || strides[0] != 1)
      return absl::UnimplementedError("Pooling is not yet supported on the batch dimension.");
    return absl::OkStatus();
  }

  absl::Status ReadSizes(KernelContext& ctx, Ints* ksize, Ints* strides) const {
    for (auto [i, list] : {std::pair(size_input_, ksize), {size_input_ + 1, strides}}) {
      const Array& a = ctx.input(i);
      if (!(a.shape() == Shape({4}))) {
        return ctx.InvalidArgument(
            StrCat("ksize and strides must be vectors of 4 elements, but input ", i, " has shape ",
                   a.shape().ToString()));
      }
      const auto values = ReadInts(a);
      list->assign(values.begin(), values.end());
    }
    const absl::Status s = CheckSizes(*ksize, *strides);
    return s.ok() ? s : ctx.Error(s.code(), std::string(s.message()));
  }

  // A window that lies in the padding has no maximum.
  static absl::Status CheckMargins(KernelContext& ctx, const ImageWindow& w) {
    for (const WindowSpec& d : {w.height, w.width}) {
      if (d.pad_before >= d.size || d.pad_after >= d.size) {
        return ctx.InvalidArgument(
            StrCat("paddings must be smaller than the window: ", d.pad_before, " and ", d.pad_after,
                   " for a window of ", d.size));
      }
    }
    return absl::OkStatus();
  }

  static absl::Status CheckDepth(KernelContext& ctx, int64_t window, int64_t stride, int64_t depth,
                                 const ImageWindow& w, bool allowed) {
    if (window == 1 && stride == 1) return absl::OkStatus();
    const auto unimplemented = [&](std::string_view why) {
      return ctx.Error(absl::StatusCode::kUnimplemented, why);
    };
    if (!allowed) return unimplemented("the gradient is not yet supported on the depth dimension.");
    if (w.height.size != 1 || w.width.size != 1)
      return unimplemented(
          "MaxPooling supports exactly one of pooling across depth or pooling across "
          "width/height.");
    if (depth % window != 0)
      return unimplemented(
          "Depthwise max pooling requires the depth window to evenly divide the input depth");
    if (window != stride)
      return unimplemented(
          "Depthwise max pooling requires the depth window to equal the depth stride");
    return absl::OkStatus();
  }

  ImageFormat format_;
  int size_input_;
  Ints ksize_, strides_;
  ImageWindow window_;
};

// ---- the ops ----

// A rough cost of one pixel of a window, in nanoseconds.
template <typename T>
double WindowCost(const PoolGeometry& g) {
  return 0.05 * sizeof(T) * static_cast<double>(g.depth) * static_cast<double>(g.size_y * g.size_x);
}

template <typename T>
class MaxPool final : public PoolKernel {
 public:
  explicit MaxPool(KernelConstruction& c) : PoolKernel(c, 1) {}
  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(const PoolGeometry g, Geometry(ctx, x, /*depth_allowed=*/true));
    WEFT_ASSIGN_OR_RETURN(const Shape shape, PooledShape(ctx, g));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    if (y->num_elements() == 0) return absl::OkStatus();
    WEFT_ASSIGN_OR_RETURN(const Array image, ChannelsLast(ctx, x));
    WEFT_ASSIGN_OR_RETURN(Array result, Target(ctx, *y));
    const T* in = image.data<T>();
    T* out = result.mutable_data<T>();
    // With a window over the depth, a pixel of the result is one of the input, if the stride is 1.
    const bool deep = g.depth_window > 1;
    if (deep && (g.stride_y != 1 || g.stride_x != 1)) return DeepWithStride(ctx);
    ctx.ParallelFor(g.pixels(), WindowCost<T>(g), [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        if (deep)
          PoolDepth(g, in, p, out);
        else
          PoolPixel(g, in, p, out);
      }
    });
    Deliver(ctx, result, y);
    return absl::OkStatus();
  }

 private:
  static absl::Status DeepWithStride(KernelContext& ctx) {
    return ctx.Error(absl::StatusCode::kUnimplemented,
                     "Depthwise max pooling requires strides of 1 along height and width");
  }
};

// What both gradients check: the geometry, and that the pooled tensor fits it.
template <typename T>
class MaxPoolGradKernel : public PoolKernel {
 public:
  explicit MaxPoolGradKernel(KernelConstruction& c) : PoolKernel(c, 3) {}

 protected:
  // `pooled`: whether the gradient has the pooled shape, or the image's.
  absl::StatusOr<PoolGeometry> Check(KernelContext& ctx, bool pooled, Shape* pooled_shape) const {
    WEFT_ASSIGN_OR_RETURN(const PoolGeometry g,
                          Geometry(ctx, ctx.input(0), /*depth_allowed=*/false));
    WEFT_ASSIGN_OR_RETURN(*pooled_shape, PooledShape(ctx, g));
    WEFT_RETURN_IF_ERROR(CheckShape(ctx, "orig_output", ctx.input(1), *pooled_shape));
    WEFT_RETURN_IF_ERROR(
        CheckShape(ctx, "grad", ctx.input(2), pooled ? *pooled_shape : ctx.input(0).shape()));
    return g;
  }
};

template <typename T>
class MaxPoolGrad final : public MaxPoolGradKernel<T> {
 public:
  using MaxPoolGradKernel<T>::MaxPoolGradKernel;
  absl::Status Compute(KernelContext& ctx) override {
    Shape pooled;
    WEFT_ASSIGN_OR_RETURN(const PoolGeometry g, this->Check(ctx, /*pooled=*/true, &pooled));
    WEFT_ASSIGN_OR_RETURN(Array * dx, ctx.AllocateOutput(0, ctx.input(0).shape()));
    WEFT_ASSIGN_OR_RETURN(const Array image, this->ChannelsLast(ctx, ctx.input(0)));
    WEFT_ASSIGN_OR_RETURN(const Array gradient, this->ChannelsLast(ctx, ctx.input(2)));
    WEFT_ASSIGN_OR_RETURN(Array result, this->Target(ctx, *dx));
    const T *x = image.data<T>(), *dy = gradient.data<T>();
    T* out = result.mutable_data<T>();
    std::fill_n(out, result.num_elements(), T(0));
    const int64_t pixels = g.out_height * g.out_width;
    // Windows overlap, so an image is one thread's.
    ctx.ParallelFor(g.batch, 4 * WindowCost<T>(g) * static_cast<double>(pixels),
                    [&](int64_t begin, int64_t end) {
                      MaximaFinder<T> finder(g);
                      for (int64_t p = begin * pixels; p < end * pixels; ++p) {
                        finder.Find(x, p);
                        for (int64_t c = 0; c < g.depth; ++c) {
                          const int64_t place = finder.place()[static_cast<size_t>(c)];
                          if (place >= 0)
                            out[place] = arithmetic::Add(out[place], dy[p * g.depth + c]);
                        }
                      }
                    });
    this->Deliver(ctx, result, dx);
    return absl::OkStatus();
  }
};

template <typename T>
class MaxPoolGradGrad final : public MaxPoolGradKernel<T> {
 public:
  using MaxPoolGradKernel<T>::MaxPoolGradKernel;
  absl::Status Compute(KernelContext& ctx) override {
    Shape pooled;
    WEFT_ASSIGN_OR_RETURN(const PoolGeometry g, this->Check(ctx, /*pooled=*/false, &pooled));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, pooled));
    WEFT_ASSIGN_OR_RETURN(const Array image, this->ChannelsLast(ctx, ctx.input(0)));
    WEFT_ASSIGN_OR_RETURN(const Array gradient, this->ChannelsLast(ctx, ctx.input(2)));
    WEFT_ASSIGN_OR_RETURN(Array result, this->Target(ctx, *y));
    const T *x = image.data<T>(), *from = gradient.data<T>();
    T* out = result.mutable_data<T>();
    ctx.ParallelFor(g.pixels(), 4 * WindowCost<T>(g), [&](int64_t begin, int64_t end) {
      MaximaFinder<T> finder(g);
      for (int64_t p = begin; p < end; ++p) {
        finder.Find(x, p);
        for (int64_t c = 0; c < g.depth; ++c) {
          const int64_t place = finder.place()[static_cast<size_t>(c)];
          out[p * g.depth + c] = place >= 0 ? from[place] : T(0);
        }
      }
    });
    this->Deliver(ctx, result, y);
    return absl::OkStatus();
  }
};

}  // namespace

void RegisterPoolKernels(KernelRegistry& kernels) {
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t>([&]<typename T>() {
    const KernelConstraints type = {{"T", dtype_of<T>}};
    for (const char* version : {"", "V2"}) {
      kernels.Add<MaxPool<T>>(StrCat("MaxPool", version), kCpu, type);
      kernels.Add<MaxPoolGrad<T>>(StrCat("MaxPoolGrad", version), kCpu, type);
      kernels.Add<MaxPoolGradGrad<T>>(StrCat("MaxPoolGradGrad", version), kCpu, type);
    }
  });
}

}  // namespace weft
