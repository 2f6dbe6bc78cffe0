// SPDX-License-Identifier: Apache-2.0
// Batch normalisation over all dimensions but the channels (Ioffe and Szegedy, "Batch
// Normalization", 2015), and its gradient. Sums over pixels are taken in parts that don't depend on
// the number of threads, and the parts are added up as double.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/cpu/image_layout.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/widen.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {

void RegisterLrnKernels(KernelRegistry& kernels);

namespace {

// Two sums for each channel over rows of n channels.
WEFT_SIMD void AddMoments(const float* x, const float* shift, int64_t n, float* sum,
                          float* squares) {
  for (int64_t c = 0; c < n; ++c) {
    const float d = x[c] - shift[c];
    sum[c] += d;
    squares[c] += d * d;
  }
}
WEFT_SIMD void AddProducts(const float* dy, const float* x, const float* mean, int64_t n,
                           float* sum, float* products) {
  for (int64_t c = 0; c < n; ++c) {
    sum[c] += dy[c];
    products[c] += dy[c] * (x[c] - mean[c]);
  }
}
WEFT_SIMD void ScaleRow(const float* x, const float* mean, const float* factor, const float* offset,
                        int64_t n, float* y) {
  for (int64_t c = 0; c < n; ++c) y[c] = (x[c] - mean[c]) * factor[c] + offset[c];
}
// dx = factor * (dy - shift - (x - mean) * slope).
WEFT_SIMD void GradientRow(const float* dy, const float* x, const float* mean, const float* factor,
                           const float* shift, const float* slope, int64_t n, float* dx) {
  for (int64_t c = 0; c < n; ++c)
    dx[c] = factor[c] * (dy[c] - shift[c] - (x[c] - mean[c]) * slope[c]);
}

struct Rows {
  int64_t count = 0, channels = 0;
  double cost() const { return 0.6 * static_cast<double>(channels); }
};

// Sums by add(row, sum, other sum) over all rows.
struct TwoSums {
  std::vector<double> first, second;
};
template <typename Add>
TwoSums SumRows(KernelContext& ctx, const Rows& rows, Add add) {
  const size_t n = static_cast<size_t>(rows.channels);
  const int64_t parts = std::clamp<int64_t>(rows.count / 32, 1, 64);
  std::vector<float> sums(2 * n * static_cast<size_t>(parts), 0.f);
  const auto begin_of = [&](int64_t part) { return rows.count * part / parts; };
  ctx.ParallelFor(parts, rows.cost() * static_cast<double>(rows.count / parts + 1),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t part = begin; part < end; ++part) {
                      float* to = sums.data() + 2 * n * static_cast<size_t>(part);
                      for (int64_t r = begin_of(part); r < begin_of(part + 1); ++r)
                        add(r, to, to + n);
                    }
                  });
  TwoSums total{std::vector<double>(n, 0), std::vector<double>(n, 0)};
  for (size_t part = 0; part < static_cast<size_t>(parts); ++part) {
    for (size_t c = 0; c < n; ++c) {
      total.first[c] += sums[2 * n * part + c];
      total.second[c] += sums[2 * n * part + n + c];
    }
  }
  return total;
}

class BatchNormKernel : public Kernel {
 public:
  explicit BatchNormKernel(KernelConstruction& c)
      : epsilon_(c.Attr<float>("epsilon")),
        training_(c.Attr<bool>("is_training")),
        format_(c.Attr<std::string>("data_format")) {}

 protected:
  float epsilon() const { return epsilon_; }
  bool training() const { return training_; }

  // A flat format is taken for a volume too, as in TensorFlow.
  absl::StatusOr<ImageLayout> LayoutOf(KernelContext& ctx, const Array& x) const {
    if (x.rank() != 4 && x.rank() != 5)
      return ctx.InvalidArgument(StrCat("input must be 4 or 5-dimensional", x.shape().ToString()));
    const bool first = format_[1] == 'C';
    if (x.rank() == 5) return ImageLayout(first ? "NCDHW" : "NDHWC");
    return ImageLayout(first ? "NCHW" : "NHWC");
  }
  static Rows RowsOf(const Array& channels_last) {
    const int64_t channels = channels_last.dim(channels_last.rank() - 1);
    return {channels > 0 ? channels_last.num_elements() / channels : 0, channels};
  }
  static absl::Status CheckVector(KernelContext& ctx, const char* name, const Array& v,
                                  int64_t channels, const char* when = "") {
    if (v.rank() != 1)
      return ctx.InvalidArgument(StrCat(name, " must be 1-dimensional", v.shape().ToString()));
    if (v.dim(0) != channels) {
      return ctx.InvalidArgument(
          StrCat(when, name, " must have the same number of elements as the channels of x, got ",
                 v.dim(0), " and ", channels));
    }
    return absl::OkStatus();
  }

 private:
  const float epsilon_;
  const bool training_;
  const std::string format_;
};

// The vectors that one run of the forward op reads and writes.
struct Statistics {
  const float *given_mean = nullptr, *given_variance = nullptr;
  float *mean = nullptr, *variance = nullptr;              // of the batch, or running averages
  float *saved_mean = nullptr, *saved_variance = nullptr;  // what x is normalised with
};

template <typename T>
class FusedBatchNorm final : public BatchNormKernel {
 public:
  explicit FusedBatchNorm(KernelConstruction& c)
      : BatchNormKernel(c), new_share_(c.AttrOr<float>("exponential_avg_factor", 1.f)) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(const ImageLayout layout, LayoutOf(ctx, x));
    const int64_t channels = x.dim(layout.channel_axis());
    WEFT_RETURN_IF_ERROR(Check(ctx, channels));
    WEFT_ASSIGN_OR_RETURN(const Statistics s, Outputs(ctx, channels));
    WEFT_ASSIGN_OR_RETURN(const Array image, layout.ChannelsLast(ctx, x));
    WEFT_ASSIGN_OR_RETURN(const Array wide, WidenArray<T>(ctx, image));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.ForwardOrAllocate({0}, 0, x.shape()));
    WEFT_ASSIGN_OR_RETURN(Array result, layout.Target(ctx, *y));
    WEFT_ASSIGN_OR_RETURN(Array out, WideOutput<T>(ctx, result));
    const Rows rows = RowsOf(wide);
    const float* in = wide.template data<float>();
    if (training())
      SetBatchStatistics(ctx, rows, in, s);
    else
      SetGivenStatistics(channels, s);
    Normalize(ctx, rows, in, s, out.template mutable_data<float>());
    NarrowInto<T>(out, &result);
    layout.Deliver(ctx, result, y);
    return absl::OkStatus();
  }

 private:
  bool uses_given() const { return !training() || new_share_ != 1.f; }

  absl::Status Check(KernelContext& ctx, int64_t channels) const {
    WEFT_RETURN_IF_ERROR(CheckVector(ctx, "scale", ctx.input(1), channels));
    WEFT_RETURN_IF_ERROR(CheckVector(ctx, "offset", ctx.input(2), channels));
    if (!uses_given()) return absl::OkStatus();
    const char* when =
        training() ? "When exponential_avg_factor != 1, " : "When is_training=false, ";
    WEFT_RETURN_IF_ERROR(CheckVector(ctx, "mean", ctx.input(3), channels, when));
    return CheckVector(ctx, "variance", ctx.input(4), channels, when);
  }

  absl::StatusOr<Statistics> Outputs(KernelContext& ctx, int64_t channels) const {
    Statistics s;
    int o = 1;
    for (float** to : {&s.mean, &s.variance, &s.saved_mean, &s.saved_variance}) {
      WEFT_ASSIGN_OR_RETURN(Array * v, ctx.AllocateOutput(o++, Shape({channels})));
      *to = v->mutable_data<float>();
    }
    if (ctx.num_outputs() > 5) {  // what a GPU would keep
      WEFT_ASSIGN_OR_RETURN(Array * reserve, ctx.AllocateOutput(5, Shape()));
      *reserve->mutable_data<float>() = 0;
    }
    if (uses_given()) {
      s.given_mean = ctx.input(3).data<float>();
      s.given_variance = ctx.input(4).data<float>();
    }
    return s;
  }

  void SetBatchStatistics(KernelContext& ctx, const Rows& rows, const float* x,
                          const Statistics& s) const {
    if (rows.count == 0) {
      for (float* v : {s.mean, s.variance, s.saved_mean, s.saved_variance})
        std::fill_n(v, rows.channels, std::numeric_limits<float>::quiet_NaN());
      return;
    }
    // Differences from the first row, so that squares of large means don't drown the variance.
    const TwoSums sums = SumRows(ctx, rows, [&](int64_t r, float* sum, float* squares) {
      AddMoments(x + r * rows.channels, x, rows.channels, sum, squares);
    });
    const double count = static_cast<double>(rows.count);
    // The estimate for the distribution divides by one less.
    const double correction = count / std::max(1.0, count - 1);
    for (int64_t c = 0; c < rows.channels; ++c) {
      const double d = sums.first[static_cast<size_t>(c)] / count;
      const double variance = std::max(0.0, sums.second[static_cast<size_t>(c)] / count - d * d);
      s.saved_mean[c] = static_cast<float>(x[c] + d);
      s.saved_variance[c] = std::isnan(d) ? static_cast<float>(d) : static_cast<float>(variance);
      s.mean[c] = s.saved_mean[c];
      s.variance[c] = static_cast<float>(s.saved_variance[c] * correction);
      if (new_share_ == 1.f) continue;
      s.mean[c] = new_share_ * s.mean[c] + (1 - new_share_) * s.given_mean[c];
      s.variance[c] = new_share_ * s.variance[c] + (1 - new_share_) * s.given_variance[c];
    }
  }

  static void SetGivenStatistics(int64_t channels, const Statistics& s) {
    for (float* v : {s.mean, s.saved_mean}) std::copy_n(s.given_mean, channels, v);
    for (float* v : {s.variance, s.saved_variance}) std::copy_n(s.given_variance, channels, v);
  }

  void Normalize(KernelContext& ctx, const Rows& rows, const float* x, const Statistics& s,
                 float* y) const {
    const float *scale = ctx.input(1).data<float>(), *offset = ctx.input(2).data<float>();
    std::vector<float> factor(static_cast<size_t>(rows.channels));
    for (size_t c = 0; c < factor.size(); ++c)
      factor[c] = scale[c] / std::sqrt(s.saved_variance[c] + epsilon());
    ctx.ParallelFor(rows.count, rows.cost(), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        ScaleRow(x + r * rows.channels, s.saved_mean, factor.data(), offset, rows.channels,
                 y + r * rows.channels);
      }
    });
  }

  const float new_share_;  // of the batch in the running averages
};

// With x' = (x - mean) / sqrt(variance + epsilon) and the means over all pixels:
//   d offset = sum(dy), d scale = sum(dy x'),
//   dx = scale / sqrt(variance + epsilon) (dy - mean(dy) - x' mean(dy x')),
// and without the means if mean and variance don't come from the batch.
template <typename T>
class FusedBatchNormGrad final : public BatchNormKernel {
 public:
  using BatchNormKernel::BatchNormKernel;

  absl::Status Compute(KernelContext& ctx) override {
    const Array &dy = ctx.input(0), &x = ctx.input(1);
    if (dy.rank() != 4 && dy.rank() != 5) return LayoutOf(ctx, dy).status();
    WEFT_ASSIGN_OR_RETURN(const ImageLayout layout, LayoutOf(ctx, x));
    if (!(dy.shape() == x.shape())) {
      return ctx.InvalidArgument(StrCat("x and y_backprop must have same shape, but x has shape ",
                                        x.shape().ToString(), " and y_backprop has shape ",
                                        dy.shape().ToString()));
    }
    const int64_t channels = x.dim(layout.channel_axis());
    WEFT_RETURN_IF_ERROR(CheckVector(ctx, "scale", ctx.input(2), channels));
    WEFT_RETURN_IF_ERROR(CheckVector(ctx, "reserve_space_1", ctx.input(3), channels));
    WEFT_RETURN_IF_ERROR(CheckVector(ctx, "reserve_space_2", ctx.input(4), channels));
    WEFT_ASSIGN_OR_RETURN(Array * dx, ctx.AllocateOutput(0, x.shape()));
    WEFT_ASSIGN_OR_RETURN(Array * dscale, ctx.AllocateOutput(1, Shape({channels})));
    WEFT_ASSIGN_OR_RETURN(Array * doffset, ctx.AllocateOutput(2, Shape({channels})));
    for (int o : {3, 4}) WEFT_RETURN_IF_ERROR(ctx.AllocateOutput(o, Shape({0})).status());
    WEFT_ASSIGN_OR_RETURN(const Array image, layout.ChannelsLast(ctx, x));
    WEFT_ASSIGN_OR_RETURN(const Array gradient, layout.ChannelsLast(ctx, dy));
    WEFT_ASSIGN_OR_RETURN(const Array in, WidenArray<T>(ctx, image));
    WEFT_ASSIGN_OR_RETURN(const Array d, WidenArray<T>(ctx, gradient));
    WEFT_ASSIGN_OR_RETURN(Array result, layout.Target(ctx, *dx));
    WEFT_ASSIGN_OR_RETURN(Array out, WideOutput<T>(ctx, result));
    Differentiate(ctx, RowsOf(in), in.template data<float>(), d.template data<float>(),
                  out.template mutable_data<float>(), dscale->mutable_data<float>(),
                  doffset->mutable_data<float>());
    NarrowInto<T>(out, &result);
    layout.Deliver(ctx, result, dx);
    return absl::OkStatus();
  }

 private:
  void Differentiate(KernelContext& ctx, const Rows& rows, const float* x, const float* dy,
                     float* dx, float* dscale, float* doffset) const {
    const float *scale = ctx.input(2).data<float>(), *mean = ctx.input(3).data<float>(),
                *variance = ctx.input(4).data<float>();
    const TwoSums sums = SumRows(ctx, rows, [&](int64_t r, float* sum, float* products) {
      AddProducts(dy + r * rows.channels, x + r * rows.channels, mean, rows.channels, sum,
                  products);
    });
    const size_t n = static_cast<size_t>(rows.channels);
    std::vector<float> factor(n), shift(n, 0.f), slope(n, 0.f);
    const double count = static_cast<double>(std::max<int64_t>(1, rows.count));
    for (size_t c = 0; c < n; ++c) {
      const double inverse = 1 / std::sqrt(static_cast<double>(variance[c]) + epsilon());
      const bool empty = rows.count == 0;
      doffset[c] = static_cast<float>(sums.first[c]);
      dscale[c] = empty ? 0.f : static_cast<float>(sums.second[c] * inverse);
      factor[c] = static_cast<float>(scale[c] * inverse);
      if (!training()) continue;
      shift[c] = static_cast<float>(sums.first[c] / count);
      slope[c] = static_cast<float>(sums.second[c] / count * inverse * inverse);
    }
    ctx.ParallelFor(rows.count, rows.cost(), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const int64_t at = r * rows.channels;
        GradientRow(dy + at, x + at, mean, factor.data(), shift.data(), slope.data(), rows.channels,
                    dx + at);
      }
    });
  }
};

}  // namespace

void RegisterNormalizationKernels(KernelRegistry& kernels) {
  kernels.Add<FusedBatchNorm<float>>("FusedBatchNorm", kCpu, {{"T", kFloat32}});
  kernels.Add<FusedBatchNormGrad<float>>("FusedBatchNormGrad", kCpu, {{"T", kFloat32}});
  ForTypes<float, half, bfloat16>([&]<typename T>() {
    const KernelConstraints types = {{"T", dtype_of<T>}, {"U", kFloat32}};
    for (const char* version : {"V2", "V3"}) {
      kernels.Add<FusedBatchNorm<T>>(StrCat("FusedBatchNorm", version), kCpu, types);
      kernels.Add<FusedBatchNormGrad<T>>(StrCat("FusedBatchNormGrad", version), kCpu, types);
    }
  });
  RegisterLrnKernels(kernels);
}

}  // namespace weft
