// SPDX-License-Identifier: Apache-2.0
// FusedPadConv2D, FusedResizeAndPadConv2D: the image is resized, padded and convolved, one after
// the other.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu/array_util.h"
#include "kernels/cpu/convolve.h"
#include "kernels/cpu/element_class.h"
#include "kernels/cpu/piecewise_copy.h"
#include "kernels/cpu/widen.h"
#include "src/core/strings.h"
#include "src/core/window.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// Where a position of the resized image lies between two of the image.
struct Between {
  int64_t low, high;
  float share;  // of `high`
};

std::vector<Between> Positions(int64_t in, int64_t out, bool align_corners) {
  const float scale = align_corners && out > 1
                          ? static_cast<float>(in - 1) / static_cast<float>(out - 1)
                          : static_cast<float>(in) / static_cast<float>(out);
  std::vector<Between> positions;
  for (int64_t i = 0; i < out; ++i) {
    const float at = static_cast<float>(i) * scale;
    const auto low = std::min(static_cast<int64_t>(std::floor(at)), in - 1);
    positions.push_back({low, std::min(low + 1, in - 1), at - static_cast<float>(low)});
  }
  return positions;
}

template <typename T>
class FusedConv final : public Kernel {
 public:
  explicit FusedConv(KernelConstruction& c)
      : resize_(c.op() == "FusedResizeAndPadConv2D"),
        align_corners_(c.AttrOr<bool>("resize_align_corners", false)),
        offset_(c.Attr<std::string>("mode") == "REFLECT" ? 1 : 0),
        strides_(c.Attr<std::vector<int64_t>>("strides")),
        padding_(ParsePadding(c.Attr<std::string>("padding")).value_or(Padding::kSame)) {
    if (strides_.size() != 4 || strides_[0] != 1 || strides_[3] != 1) {
      c.Fail(absl::InvalidArgumentError(
          "strides must have 4 values, and those of the batch and depth dimensions must be 1"));
    } else if (strides_[1] < 1 || strides_[2] < 1) {
      c.Fail(absl::InvalidArgumentError("Row and column strides should be larger than 0."));
    }
  }

  absl::Status Compute(KernelContext& ctx) override {
    Array x = ctx.input(0);
    const Array& filter = ctx.input(ctx.num_inputs() - 1);
    if (x.rank() != 4 || filter.rank() != 4) {
      return ctx.InvalidArgument(StrCat("input and filter must be 4-dimensional, got ",
                                        x.shape().ToString(), " and ", filter.shape().ToString()));
    }
    if (x.dim(3) != filter.dim(2)) {
      return ctx.InvalidArgument(
          StrCat("input and filter must have the same depth: ", x.dim(3), " vs ", filter.dim(2)));
    }
    if (filter.num_elements() == 0)
      return ctx.InvalidArgument("filter must not have zero elements");
    WEFT_ASSIGN_OR_RETURN(x, WidenArray<T>(ctx, x));
    if (resize_) {
      WEFT_ASSIGN_OR_RETURN(x, Resized(ctx, x, ctx.input(1)));
    }
    WEFT_ASSIGN_OR_RETURN(x, Padded(ctx, x, ctx.input(ctx.num_inputs() - 2)));
    return Convolved(ctx, x, filter);
  }

 private:
  using W = Wide<T>;

  absl::StatusOr<Array> Resized(KernelContext& ctx, const Array& x, const Array& size) const {
    if (size.rank() != 1 || size.dim(0) != 2) {
      return ctx.InvalidArgument(
          StrCat("size must have 2 elements, but is of shape ", size.shape().ToString()));
    }
    const int64_t rows = size.AsInt64(0), columns = size.AsInt64(1), depth = x.dim(3);
    if (rows <= 0 || columns <= 0 || x.dim(1) == 0 || x.dim(2) == 0)
      return ctx.InvalidArgument("input image and output size must be of non-zero size");
    WEFT_ASSIGN_OR_RETURN(
        const Shape shape,
        ShapeFromSizes(ctx, std::array<int64_t, 4>{x.dim(0), rows, columns, depth}));
    WEFT_ASSIGN_OR_RETURN(Array out, ctx.AllocateTemp(x.dtype(), shape));
    if (out.num_elements() == 0) return out;
    const std::vector<Between> ys = Positions(x.dim(1), rows, align_corners_),
                               xs = Positions(x.dim(2), columns, align_corners_);
    const W* in = x.data<W>();
    W* to = out.template mutable_data<W>();
    ctx.ParallelFor(x.dim(0) * rows, 4.0 * static_cast<double>(columns * depth),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t row = begin; row < end; ++row) {
                        const Between& y = ys[static_cast<size_t>(row % rows)];
                        const W* image = in + row / rows * x.dim(1) * x.dim(2) * depth;
                        ResizeRow(image + y.low * x.dim(2) * depth,
                                  image + y.high * x.dim(2) * depth, W(y.share), xs, depth,
                                  to + row * columns * depth);
                      }
                    });
    return out;
  }

  static void ResizeRow(const W* top, const W* bottom, W down, const std::vector<Between>& xs,
                        int64_t depth, W* to) {
    for (const Between& x : xs) {
      const W right = W(x.share);
      for (int64_t c = 0; c < depth; ++c) {
        const int64_t low = x.low * depth + c, high = x.high * depth + c;
        const W above = top[low] + (top[high] - top[low]) * right;
        const W below = bottom[low] + (bottom[high] - bottom[low]) * right;
        *to++ = above + (below - above) * down;
      }
    }
  }

  absl::StatusOr<Array> Padded(KernelContext& ctx, const Array& x, const Array& paddings) const {
    if (paddings.rank() != 2 || paddings.dim(0) != 4 || paddings.dim(1) != 2) {
      return ctx.InvalidArgument(StrCat("paddings must be a matrix of 4 rows and 2 columns: ",
                                        paddings.shape().ToString()));
    }
    std::vector<int64_t> sizes;
    std::vector<Pieces> dims;
    for (int d = 0; d < 4; ++d) {
      const int64_t before = paddings.AsInt64(2 * d), after = paddings.AsInt64(2 * d + 1),
                    size = x.dim(d), most = size - offset_;
      if (before < 0 || after < 0) return ctx.InvalidArgument("paddings must be non-negative");
      if ((d == 0 || d == 3) && (before > 0 || after > 0))
        return ctx.InvalidArgument(
            "Fused mirror padding only supports spatial padding, not batches "
            "or depth");
      if ((before > 0 && before > most) || (after > 0 && after > most)) {
        return ctx.InvalidArgument(
            StrCat("paddings must be ", offset_ ? "less than" : "no greater than",
                   " the dimension size: ", before, ", ", after, " for ", size));
      }
      sizes.push_back(size + before + after);
      dims.push_back(
          {{before, before - 1 + offset_, -1}, {size, 0, 1}, {after, size - 1 - offset_, -1}});
    }
    WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, sizes));
    if (shape == x.shape()) return x;
    WEFT_ASSIGN_OR_RETURN(Array out, ctx.AllocateTemp(x.dtype(), shape));
    PiecewiseCopy(ctx, x, dims, Array(), &out);
    return out;
  }

  absl::Status Convolved(KernelContext& ctx, const Array& x, const Array& filter) const {
    cpu::ConvGeometry g{.batch = x.dim(0),
                        .in_channels = x.dim(3),
                        .filter_channels = x.dim(3),
                        .out_channels = filter.dim(3)};
    for (int d = 0; d < 2; ++d) {
      const WindowSpec w{.size = filter.dim(d),
                         .stride = strides_[static_cast<size_t>(d) + 1],
                         .padding = padding_};
      const absl::StatusOr<WindowFit> fit = FitWindows(x.dim(d + 1), w);
      if (!fit.ok()) return ctx.InvalidArgument(std::string(fit.status().message()));
      g.space[static_cast<size_t>(d) + 1] = {.in = x.dim(d + 1),
                                             .out = fit->count,
                                             .size = w.size,
                                             .stride = w.stride,
                                             .before = fit->before};
    }
    WEFT_ASSIGN_OR_RETURN(
        const Shape shape,
        ShapeFromSizes(
            ctx, std::array<int64_t, 4>{g.batch, g.space[1].out, g.space[2].out, g.out_channels}));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    if (y->num_elements() == 0) return absl::OkStatus();
    WEFT_ASSIGN_OR_RETURN(const Array wide_filter, WidenArray<T>(ctx, filter));
    WEFT_ASSIGN_OR_RETURN(Array wide_y, WideOutput<T>(ctx, *y));
    WEFT_RETURN_IF_ERROR(cpu::Convolve(ctx, g, x.data<W>(), wide_filter.data<W>(),
                                       wide_y.template mutable_data<W>()));
    NarrowInto<T>(wide_y, y);
    return absl::OkStatus();
  }

  const bool resize_, align_corners_;
  const int64_t offset_;  // 1 if the border itself is not repeated
  const std::vector<int64_t> strides_;
  const Padding padding_;
};

}  // namespace

void RegisterFusedConvKernels(KernelRegistry& kernels) {
  ForTypes<half, bfloat16, float, double>([&]<typename T>() {
    for (const char* op : {"FusedPadConv2D", "FusedResizeAndPadConv2D"}) {
      kernels.Add<FusedConv<T>>(op, kCpu, {{"T", dtype_of<T>}},
                                {.host_arguments = {"size", "paddings"}});
    }
  });
}

}  // namespace weft
