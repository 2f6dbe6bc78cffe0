// SPDX-License-Identifier: Apache-2.0
// Maximum pooling of images and volumes, and its gradients. Tensors with channels first are
// transposed.
#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "kernels/cpu/element_class.h"
#include "kernels/cpu/pool.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/wrapping.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {

void RegisterAveragePoolKernels(KernelRegistry& kernels);
void RegisterFractionalPoolKernels(KernelRegistry& kernels);

namespace {

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
  T* out = y + pixel * g.channels;
  std::fill_n(out, g.channels, std::numeric_limits<T>::lowest());
  PoolWindow(g, pixel).ForPixels(g, [&](int64_t offset) { Raise(x + offset, g.channels, out); });
}
template <typename T>
void PoolChannels(const PoolGeometry& g, const T* x, int64_t pixel, T* y) {
  const int64_t groups = g.channels / g.channel_window;
  for (int64_t i = 0; i < groups; ++i) {
    const T* first = x + pixel * g.channels + i * g.channel_window;
    T best = std::numeric_limits<T>::lowest();
    for (int64_t k = 0; k < g.channel_window; ++k) best = first[k] > best ? first[k] : best;
    y[pixel * groups + i] = best;
  }
}

// best[i] = the higher one of x[i] and best[i]; where that is x[i], from[i] = tap.
template <typename T>
inline void RaiseFromLoop(const T* x, int32_t tap, int64_t n, T* best, int32_t* from) {
  for (int64_t i = 0; i < n; ++i) {
    const bool higher = x[i] > best[i];
    best[i] = higher ? x[i] : best[i];
    from[i] = higher ? tap : from[i];
  }
}
template <typename T>
void RaiseFrom(const T* x, int32_t tap, int64_t n, T* best, int32_t* from) {
  RaiseFromLoop(x, tap, n, best, from);
}
WEFT_SIMD void RaiseFrom(const float* x, int32_t tap, int64_t n, float* best, int32_t* from) {
  RaiseFromLoop(x, tap, n, best, from);
}

// dx[i] += dy[i] where from[i] is `tap`.
template <typename T>
inline void AddWhereLoop(const T* dy, const int32_t* from, int32_t tap, int64_t n, T* dx) {
  for (int64_t i = 0; i < n; ++i) dx[i] = from[i] == tap ? arithmetic::Add(dx[i], dy[i]) : dx[i];
}
template <typename T>
void AddWhere(const T* dy, const int32_t* from, int32_t tap, int64_t n, T* dx) {
  AddWhereLoop(dy, from, tap, n, dx);
}
WEFT_SIMD void AddWhere(const float* dy, const int32_t* from, int32_t tap, int64_t n, float* dx) {
  AddWhereLoop(dy, from, tap, n, dx);
}

// Where the maxima of one window are, channel by channel: the first of equal ones. A NaN that
// comes first stays.
template <typename T>
class MaximaFinder {
 public:
  explicit MaximaFinder(const PoolGeometry& g)
      : g_(g), best_(static_cast<size_t>(g.channels)), from_(static_cast<size_t>(g.channels)) {}

  void Find(const T* x, int64_t pixel) {
    taps_.clear();
    PoolWindow(g_, pixel).ForPixels(g_, [&](int64_t offset) {
      if (taps_.empty()) {
        std::copy_n(x + offset, g_.channels, best_.data());
        std::fill(from_.begin(), from_.end(), 0);
      } else {
        RaiseFrom(x + offset, static_cast<int32_t>(taps_.size()), g_.channels, best_.data(),
                  from_.data());
      }
      taps_.push_back(offset);
    });
  }
  // False if the window has no element.
  bool found() const { return !taps_.empty(); }
  // Offsets in x, and what is there.
  int64_t place(int64_t c) const {
    return taps_[static_cast<size_t>(from_[static_cast<size_t>(c)])] + c;
  }
  T value(int64_t c) const { return best_[static_cast<size_t>(c)]; }
  // Adds dy, one a channel, to the maxima's places in dx.
  void Scatter(const T* dy, T* dx) const {
    for (size_t t = 0; t < taps_.size(); ++t)
      AddWhere(dy, from_.data(), static_cast<int32_t>(t), g_.channels, dx + taps_[t]);
  }

 private:
  const PoolGeometry& g_;
  std::vector<T> best_;
  std::vector<int32_t> from_;
  std::vector<int64_t> taps_;
};

// Runs work(first image, last image): windows overlap, so an image is one thread's.
template <typename T, typename Work>
void ForImages(KernelContext& ctx, const PoolGeometry& g, Work work) {
  ctx.ParallelFor(g.batch, 4 * g.cost(sizeof(T)) * static_cast<double>(g.out_pixels_of_image()),
                  work);
}

// ---- the ops ------------------------------------------------------------------------------------

template <typename T>
class MaxPool final : public PoolKernel {
 public:
  explicit MaxPool(KernelConstruction& c) : PoolKernel(c, 1) {}
  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(const PoolGeometry g, Geometry(ctx, x, /*channels=*/true));
    WEFT_ASSIGN_OR_RETURN(const Shape shape, PooledShape(ctx, g));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    if (y->num_elements() == 0) return absl::OkStatus();
    WEFT_ASSIGN_OR_RETURN(const Array image, layout().ChannelsLast(ctx, x));
    WEFT_ASSIGN_OR_RETURN(Array result, layout().Target(ctx, *y));
    const T* in = image.data<T>();
    T* out = result.mutable_data<T>();
    ctx.ParallelFor(g.pixels(), g.cost(sizeof(T)), [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        if (g.channel_window > 1)
          PoolChannels(g, in, p, out);
        else
          PoolPixel(g, in, p, out);
      }
    });
    layout().Deliver(ctx, result, y);
    return absl::OkStatus();
  }
};

// What both gradients check: the geometry, and that the pooled tensor fits it.
template <typename T>
class MaxPoolGradKernel : public PoolKernel {
 public:
  explicit MaxPoolGradKernel(KernelConstruction& c)
      : PoolKernel(c, 3), deep_(c.op().starts_with("MaxPool3D")) {}

 protected:
  // `pooled`: whether the gradient has the pooled shape, or the image's.
  absl::StatusOr<PoolGeometry> Check(KernelContext& ctx, bool pooled, Shape* pooled_shape) const {
    WEFT_ASSIGN_OR_RETURN(const PoolGeometry g, Geometry(ctx, ctx.input(0), /*channels=*/false));
    WEFT_ASSIGN_OR_RETURN(*pooled_shape, PooledShape(ctx, g));
    WEFT_RETURN_IF_ERROR(CheckShape(ctx, "orig_output", ctx.input(1), *pooled_shape));
    WEFT_RETURN_IF_ERROR(
        CheckShape(ctx, "grad", ctx.input(2), pooled ? *pooled_shape : ctx.input(0).shape()));
    return g;
  }
  bool deep() const { return deep_; }

 private:
  const bool deep_;
};

// The gradient of a window goes to the first of its largest elements; of a window of a volume, to
// each element that is equal to the largest one.
template <typename T>
class MaxPoolGrad final : public MaxPoolGradKernel<T> {
 public:
  using MaxPoolGradKernel<T>::MaxPoolGradKernel;
  absl::Status Compute(KernelContext& ctx) override {
    Shape pooled;
    WEFT_ASSIGN_OR_RETURN(const PoolGeometry g, this->Check(ctx, /*pooled=*/true, &pooled));
    WEFT_ASSIGN_OR_RETURN(Array * dx, ctx.AllocateOutput(0, ctx.input(0).shape()));
    WEFT_ASSIGN_OR_RETURN(const Array image, this->layout().ChannelsLast(ctx, ctx.input(0)));
    WEFT_ASSIGN_OR_RETURN(const Array gradient, this->layout().ChannelsLast(ctx, ctx.input(2)));
    WEFT_ASSIGN_OR_RETURN(Array result, this->layout().Target(ctx, *dx));
    const T *x = image.data<T>(), *dy = gradient.data<T>();
    T* out = result.template mutable_data<T>();
    const int64_t pixels = g.out_pixels_of_image(), elements = g.in_pixels_of_image() * g.channels;
    ForImages<T>(ctx, g, [&](int64_t begin, int64_t end) {
      std::fill(out + begin * elements, out + end * elements, T(0));
      MaximaFinder<T> finder(g);
      std::vector<T> highest(static_cast<size_t>(g.channels));
      for (int64_t p = begin * pixels; p < end * pixels; ++p) {
        if (this->deep()) {
          ToAllEqual(g, x, dy + p * g.channels, p, &highest, out);
          continue;
        }
        finder.Find(x, p);
        finder.Scatter(dy + p * g.channels, out);
      }
    });
    this->layout().Deliver(ctx, result, dx);
    return absl::OkStatus();
  }

 private:
  static void ToAllEqual(const PoolGeometry& g, const T* x, const T* dy, int64_t pixel,
                         std::vector<T>* highest, T* dx) {
    const PoolWindow window(g, pixel);
    std::fill(highest->begin(), highest->end(), std::numeric_limits<T>::lowest());
    window.ForPixels(g, [&](int64_t at) { Raise(x + at, g.channels, highest->data()); });
    window.ForPixels(g, [&](int64_t at) {
      for (int64_t c = 0; c < g.channels; ++c) {
        if (x[at + c] == (*highest)[static_cast<size_t>(c)])
          dx[at + c] = arithmetic::Add(dx[at + c], dy[c]);
      }
    });
  }
};

// Picks the gradient where the image first is what was pooled; 0 if nowhere.
template <typename T>
class MaxPoolGradGrad final : public MaxPoolGradKernel<T> {
 public:
  using MaxPoolGradKernel<T>::MaxPoolGradKernel;
  absl::Status Compute(KernelContext& ctx) override {
    Shape pooled;
    WEFT_ASSIGN_OR_RETURN(const PoolGeometry g, this->Check(ctx, /*pooled=*/false, &pooled));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, pooled));
    WEFT_ASSIGN_OR_RETURN(const Array image, this->layout().ChannelsLast(ctx, ctx.input(0)));
    WEFT_ASSIGN_OR_RETURN(const Array maxima, this->layout().ChannelsLast(ctx, ctx.input(1)));
    WEFT_ASSIGN_OR_RETURN(const Array gradient, this->layout().ChannelsLast(ctx, ctx.input(2)));
    WEFT_ASSIGN_OR_RETURN(Array result, this->layout().Target(ctx, *y));
    const T *x = image.data<T>(), *highest = maxima.data<T>(), *from = gradient.data<T>();
    T* out = result.template mutable_data<T>();
    ctx.ParallelFor(g.pixels(), 4 * g.cost(sizeof(T)), [&](int64_t begin, int64_t end) {
      std::vector<char> found(static_cast<size_t>(g.channels));
      for (int64_t p = begin; p < end; ++p) {
        std::fill(found.begin(), found.end(), 0);
        T* to = out + p * g.channels;
        std::fill_n(to, g.channels, T(0));
        PoolWindow(g, p).ForPixels(g, [&](int64_t at) {
          for (int64_t c = 0; c < g.channels; ++c) {
            char& done = found[static_cast<size_t>(c)];
            if (done || !(x[at + c] == highest[p * g.channels + c])) continue;
            to[c] = from[at + c];
            done = 1;
          }
        });
      }
    });
    this->layout().Deliver(ctx, result, y);
    return absl::OkStatus();
  }
};

// ---- with the places of the maxima --------------------------------------------------------------

// A place is (y * width + x) * channels + c, plus that of the image if the attribute says so.
class ArgmaxKernel : public PoolKernel {
 public:
  explicit ArgmaxKernel(KernelConstruction& c)
      : PoolKernel(c), with_batch_(c.AttrOr<bool>("include_batch_in_index", false)) {}

 protected:
  bool with_batch() const { return with_batch_; }
  static int64_t ImageElements(const PoolGeometry& g) {
    return g.in_pixels_of_image() * g.channels;
  }
  // What is added to a place to get an offset in the tensor.
  int64_t BaseOf(const PoolGeometry& g, int64_t image) const {
    return with_batch_ ? 0 : image * ImageElements(g);
  }
  // Inputs: image, gradient, places.
  absl::StatusOr<PoolGeometry> CheckGrad(KernelContext& ctx, bool pooled, Shape* shape) const {
    WEFT_ASSIGN_OR_RETURN(const PoolGeometry g, Geometry(ctx, ctx.input(0), /*channels=*/false));
    WEFT_ASSIGN_OR_RETURN(*shape, PooledShape(ctx, g));
    WEFT_RETURN_IF_ERROR(
        CheckShape(ctx, "grad", ctx.input(1), pooled ? *shape : ctx.input(0).shape()));
    WEFT_RETURN_IF_ERROR(CheckShape(ctx, "argmax", ctx.input(2), *shape));
    return g;
  }
  static absl::Status BadPlace(KernelContext& ctx, int64_t place, int64_t limit) {
    return ctx.InvalidArgument(
        StrCat("argmax has an invalid index, ", place, ", which is not in [0, ", limit, ")"));
  }

 private:
  const bool with_batch_;
};

template <typename T, typename I>
class MaxPoolWithArgmax final : public ArgmaxKernel {
 public:
  using ArgmaxKernel::ArgmaxKernel;
  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(const PoolGeometry g, Geometry(ctx, x, /*channels=*/true));
    if (x.num_elements() == 0)
      return ctx.InvalidArgument(
          StrCat("tensor_in must not be empty, but has shape ", x.shape().ToString()));
    WEFT_ASSIGN_OR_RETURN(const Shape shape, PooledShape(ctx, g));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    WEFT_ASSIGN_OR_RETURN(Array * places, ctx.AllocateOutput(1, shape));
    const T* in = x.data<T>();
    T* out = y->mutable_data<T>();
    I* argmax = places->mutable_data<I>();
    const int64_t pixels = g.out_pixels_of_image();
    if (g.channel_window > 1) {
      return ctx.Error(absl::StatusCode::kUnimplemented,
                       "MaxPoolWithArgmax is not yet supported over the depth dimension.");
    }
    ctx.ParallelFor(g.pixels(), 4 * g.cost(sizeof(T)), [&](int64_t begin, int64_t end) {
      MaximaFinder<T> finder(g);
      for (int64_t p = begin; p < end; ++p) {
        finder.Find(in, p);
        const int64_t base = with_batch() ? 0 : p / pixels * ImageElements(g);
        for (int64_t c = 0; c < g.channels; ++c) {
          const int64_t at = p * g.channels + c;
          out[at] = finder.found() ? finder.value(c) : std::numeric_limits<T>::lowest();
          argmax[at] = finder.found() ? static_cast<I>(finder.place(c) - base) : I(0);
        }
      }
    });
    return absl::OkStatus();
  }
};

template <typename T, typename I>
class MaxPoolGradWithArgmax final : public ArgmaxKernel {
 public:
  using ArgmaxKernel::ArgmaxKernel;
  absl::Status Compute(KernelContext& ctx) override {
    Shape pooled;
    WEFT_ASSIGN_OR_RETURN(const PoolGeometry g, CheckGrad(ctx, /*pooled=*/true, &pooled));
    WEFT_ASSIGN_OR_RETURN(Array * dx, ctx.AllocateOutput(0, ctx.input(0).shape()));
    const T* dy = ctx.input(1).data<T>();
    const I* argmax = ctx.input(2).data<I>();
    T* out = dx->mutable_data<T>();
    std::fill_n(out, dx->num_elements(), T(0));
    const int64_t outputs = g.out_pixels_of_image() * g.channels;
    for (int64_t i = 0; i < g.batch * outputs; ++i) {
      const int64_t at = BaseOf(g, i / outputs) + static_cast<int64_t>(argmax[i]);
      if (argmax[i] < 0 || at < 0 || at >= dx->num_elements())
        return BadPlace(ctx, static_cast<int64_t>(argmax[i]), dx->num_elements());
      out[at] = arithmetic::Add(out[at], dy[i]);
    }
    return absl::OkStatus();
  }
};

template <typename T, typename I>
class MaxPoolGradGradWithArgmax final : public ArgmaxKernel {
 public:
  using ArgmaxKernel::ArgmaxKernel;
  absl::Status Compute(KernelContext& ctx) override {
    Shape pooled;
    WEFT_ASSIGN_OR_RETURN(const PoolGeometry g, CheckGrad(ctx, /*pooled=*/false, &pooled));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, pooled));
    const Array& from = ctx.input(1);
    const I* argmax = ctx.input(2).data<I>();
    const int64_t outputs = g.out_pixels_of_image() * g.channels;
    for (int64_t i = 0; i < g.batch * outputs; ++i) {
      const int64_t at = BaseOf(g, i / outputs) + static_cast<int64_t>(argmax[i]);
      if (argmax[i] < 0 || at < 0 || at >= from.num_elements())
        return BadPlace(ctx, static_cast<int64_t>(argmax[i]), from.num_elements());
      y->mutable_data<T>()[i] = from.data<T>()[at];
    }
    return absl::OkStatus();
  }
};

template <typename T, typename I>
void RegisterArgmax(KernelRegistry& kernels) {
  const KernelConstraints types = {{"T", dtype_of<T>}, {"Targmax", dtype_of<I>}};
  kernels.Add<MaxPoolWithArgmax<T, I>>("MaxPoolWithArgmax", kCpu, types);
  kernels.Add<MaxPoolGradWithArgmax<T, I>>("MaxPoolGradWithArgmax", kCpu, types);
  kernels.Add<MaxPoolGradGradWithArgmax<T, I>>("MaxPoolGradGradWithArgmax", kCpu, types);
}

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
    kernels.Add<MaxPoolGradGrad<T>>("MaxPool3DGradGrad", kCpu, type);
    RegisterArgmax<T, int32_t>(kernels);
    RegisterArgmax<T, int64_t>(kernels);
  });
  ForTypes<float, half, bfloat16>([&]<typename T>() {
    kernels.Add<MaxPool<T>>("MaxPool3D", kCpu, {{"T", dtype_of<T>}});
    kernels.Add<MaxPoolGrad<T>>("MaxPool3DGrad", kCpu,
                                {{"T", dtype_of<T>}, {"TInput", dtype_of<T>}});
  });
  RegisterAveragePoolKernels(kernels);
  RegisterFractionalPoolKernels(kernels);
}

}  // namespace weft
