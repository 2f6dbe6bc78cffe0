// SPDX-License-Identifier: Apache-2.0
// Greyscale morphological dilation of images, and its gradients.
#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "kernels/cpu/image_layout.h"
#include "kernels/cpu/wrapping.h"
#include "src/core/strings.h"
#include "src/core/window.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

using Ints = std::vector<int64_t>;

struct DilationGeometry {
  int64_t batch, in_rows, in_columns, channels;
  int64_t rows, columns;  // of the filter
  int64_t out_rows, out_columns;
  int64_t stride_y, stride_x, rate_y, rate_x, top, left;
  double cost() const {
    return static_cast<double>(out_rows) * static_cast<double>(out_columns) *
           static_cast<double>(rows) * static_cast<double>(columns) * static_cast<double>(channels);
  }
  int64_t out_elements() const { return out_rows * out_columns * channels; }
  int64_t in_elements() const { return in_rows * in_columns * channels; }
};

class DilationKernel : public Kernel {
 public:
  explicit DilationKernel(KernelConstruction& c) {
    const Ints strides = c.Attr<Ints>("strides"), rates = c.Attr<Ints>("rates");
    c.Fail(Check("Stride", strides));
    c.Fail(Check("Rate", rates));
    const std::optional<Padding> padding = ParsePadding(c.Attr<std::string>("padding"));
    if (!padding) c.Fail(absl::InvalidArgumentError("unknown padding"));
    if (!c.status().ok()) return;
    rows_ = {.stride = strides[1], .dilation = rates[1], .padding = *padding};
    columns_ = {.stride = strides[2], .dilation = rates[2], .padding = *padding};
  }

 protected:
  absl::StatusOr<DilationGeometry> Geometry(KernelContext& ctx) const {
    const Array &x = ctx.input(0), &filter = ctx.input(1);
    if (x.rank() != 4)
      return ctx.InvalidArgument(StrCat("input must be 4-dimensional", x.shape().ToString()));
    if (filter.rank() != 3)
      return ctx.InvalidArgument(
          StrCat("filter must be 3-dimensional: ", filter.shape().ToString()));
    if (x.dim(3) != filter.dim(2)) {
      return ctx.InvalidArgument(
          StrCat("input and filter must have the same depth: ", x.dim(3), " vs ", filter.dim(2)));
    }
    WindowSpec rows = rows_, columns = columns_;
    rows.size = filter.dim(0);
    columns.size = filter.dim(1);
    const absl::StatusOr<WindowFit> down = FitWindows(x.dim(1), rows),
                                    across = FitWindows(x.dim(2), columns);
    if (!down.ok()) return ctx.InvalidArgument(std::string(down.status().message()));
    if (!across.ok()) return ctx.InvalidArgument(std::string(across.status().message()));
    return DilationGeometry{.batch = x.dim(0),
                            .in_rows = x.dim(1),
                            .in_columns = x.dim(2),
                            .channels = x.dim(3),
                            .rows = rows.size,
                            .columns = columns.size,
                            .out_rows = down->count,
                            .out_columns = across->count,
                            .stride_y = rows.stride,
                            .stride_x = columns.stride,
                            .rate_y = rows.dilation,
                            .rate_x = columns.dilation,
                            .top = down->before,
                            .left = across->before};
  }
  static Ints OutputSizes(const DilationGeometry& g) {
    return {g.batch, g.out_rows, g.out_columns, g.channels};
  }
  static absl::Status CheckOutBackprop(KernelContext& ctx, const DilationGeometry& g) {
    WEFT_ASSIGN_OR_RETURN(const Shape want, MakeShape(ctx, OutputSizes(g)));
    if (ctx.input(2).shape() == want) return absl::OkStatus();
    return ctx.InvalidArgument(StrCat("out_backprop has incompatible size. It has shape ",
                                      ctx.input(2).shape().ToString(), ", computed ",
                                      want.ToString()));
  }

  // Where the largest sum of image and filter is: offsets in the image and in the filter, or -1 if
  // no tap lies on the image. The first of equal ones.
  template <typename T>
  struct Largest {
    T value = std::numeric_limits<T>::lowest();
    int64_t in_image = -1, in_filter = -1;
  };
  template <typename T>
  static Largest<T> Find(const DilationGeometry& g, const T* x, const T* filter, int64_t image,
                         int64_t row, int64_t column, int64_t channel) {
    Largest<T> best;
    if (g.rows == 0 || g.columns == 0) {
      // An empty filter: the gradient goes to where the window begins.
      const int64_t y = std::max<int64_t>(row * g.stride_y - g.top, 0);
      const int64_t at_x = std::max<int64_t>(column * g.stride_x - g.left, 0);
      if (y < g.in_rows && at_x < g.in_columns)
        best.in_image = ((image * g.in_rows + y) * g.in_columns + at_x) * g.channels + channel;
      return best;
    }
    for (int64_t ky = 0; ky < g.rows; ++ky) {
      const int64_t y = row * g.stride_y - g.top + ky * g.rate_y;
      if (y < 0 || y >= g.in_rows) continue;
      for (int64_t kx = 0; kx < g.columns; ++kx) {
        const int64_t at_x = column * g.stride_x - g.left + kx * g.rate_x;
        if (at_x < 0 || at_x >= g.in_columns) continue;
        const int64_t at = ((image * g.in_rows + y) * g.in_columns + at_x) * g.channels + channel;
        const int64_t tap = (ky * g.columns + kx) * g.channels + channel;
        const T value = arithmetic::Add(x[at], filter[tap]);
        if (value > best.value) best = {value, at, tap};
      }
    }
    return best;
  }
  // Calls visit(number of the output element, the largest sum's place) for images [begin, end).
  template <typename T, typename Visit>
  static void ForImages(const DilationGeometry& g, const T* x, const T* filter, int64_t begin,
                        int64_t end, Visit visit) {
    int64_t out = begin * g.out_elements();
    for (int64_t b = begin; b < end; ++b) {
      for (int64_t row = 0; row < g.out_rows; ++row) {
        for (int64_t column = 0; column < g.out_columns; ++column) {
          for (int64_t c = 0; c < g.channels; ++c)
            visit(out++, Find(g, x, filter, b, row, column, c));
        }
      }
    }
  }

 private:
  static absl::Status Check(const char* name, const Ints& list) {
    if (list.size() != 4)
      return absl::InvalidArgumentError(StrCat(name, "s field must specify 4 dimensions"));
    if (list[0] != 1 || list[3] != 1) {
      return absl::UnimplementedError(
          StrCat(name, " is only supported across spatial dimensions."));
    }
    if (list[1] <= 0 || list[2] <= 0) {
      return absl::InvalidArgumentError(
          StrCat(name, " must be > 0, but got ", list[1] <= 0 ? list[1] : list[2]));
    }
    return absl::OkStatus();
  }

  WindowSpec rows_, columns_;
};

template <typename T>
class Dilation2D final : public DilationKernel {
 public:
  using DilationKernel::DilationKernel;
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const DilationGeometry g, Geometry(ctx));
    WEFT_ASSIGN_OR_RETURN(const Shape shape, MakeShape(ctx, OutputSizes(g)));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    const T *x = ctx.input(0).data<T>(), *filter = ctx.input(1).data<T>();
    T* out = y->mutable_data<T>();
    ctx.ParallelFor(g.batch, g.cost(), [&](int64_t begin, int64_t end) {
      ForImages(g, x, filter, begin, end,
                [&](int64_t at, const Largest<T>& best) { out[at] = best.value; });
    });
    return absl::OkStatus();
  }
};

// The gradient goes to the element of the image / of the filter that made the largest sum.
template <typename T, bool kFilter>
class Dilation2DGrad final : public DilationKernel {
 public:
  using DilationKernel::DilationKernel;
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const DilationGeometry g, Geometry(ctx));
    WEFT_RETURN_IF_ERROR(CheckOutBackprop(ctx, g));
    const Array& of = ctx.input(kFilter ? 1 : 0);
    WEFT_ASSIGN_OR_RETURN(Array * dx, ctx.AllocateOutput(0, of.shape()));
    const T *x = ctx.input(0).data<T>(), *filter = ctx.input(1).data<T>(),
            *dy = ctx.input(2).data<T>();
    T* out = dx->mutable_data<T>();
    std::fill_n(out, dx->num_elements(), T(0));
    const auto add = [&](int64_t begin, int64_t end) {
      ForImages(g, x, filter, begin, end, [&](int64_t at, const Largest<T>& best) {
        const int64_t to = kFilter ? best.in_filter : best.in_image;
        if (to >= 0) out[to] = arithmetic::Add(out[to], dy[at]);
      });
    };
    // Images share the filter, so its sums are one thread's.
    if (kFilter)
      add(0, g.batch);
    else
      ctx.ParallelFor(g.batch, g.cost(), add);
    return absl::OkStatus();
  }
};

}  // namespace

void RegisterDilationKernels(KernelRegistry& kernels) {
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t>([&]<typename T>() {
    const KernelConstraints type = {{"T", dtype_of<T>}};
    kernels.Add<Dilation2D<T>>("Dilation2D", kCpu, type);
    kernels.Add<Dilation2DGrad<T, false>>("Dilation2DBackpropInput", kCpu, type);
    kernels.Add<Dilation2DGrad<T, true>>("Dilation2DBackpropFilter", kCpu, type);
  });
}

}  // namespace weft
