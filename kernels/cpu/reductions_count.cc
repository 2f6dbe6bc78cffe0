// SPDX-License-Identifier: Apache-2.0
// Histograms: of small integers, and of values in a range.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/cpu/reductions.h"
#include "kernels/cpu/wrapping.h"
#include "src/core/strings.h"

namespace weft {
namespace {

// One row: out[x[i]] += weight i, or = 1. Numbers beyond the last bin are left out.
template <typename I, typename T>
void CountRow(const I* x, const T* weights, int64_t n, int64_t bins, bool binary, T* out) {
  std::fill_n(out, bins, T(0));
  for (int64_t i = 0; i < n; ++i) {
    const auto bin = static_cast<int64_t>(x[i]);
    if (bin >= bins) continue;
    out[bin] = binary ? T(1) : arithmetic::Add(out[bin], weights ? weights[i] : T(1));
  }
}

template <typename I>
absl::Status CheckNumbers(KernelContext& ctx) {
  const auto x = ctx.input(0).values<I>();
  if (std::any_of(x.begin(), x.end(), [](I v) { return v < 0; })) {
    return ctx.InvalidArgument("Input arr must be non-negative!");
  }
  return absl::OkStatus();
}

// The number of bins, input 1.
absl::StatusOr<int64_t> Bins(KernelContext& ctx) {
  const Array& size = ctx.input(1);
  if (size.rank() != 0) {
    return ctx.InvalidArgument(StrCat("Shape must be rank 0 but is rank ", size.rank()));
  }
  const int64_t bins = size.AsInt64();
  if (bins < 0) return ctx.InvalidArgument(StrCat("size (", bins, ") must be non-negative"));
  return bins;
}

template <typename T>
absl::Status Bincount(KernelContext& ctx) {
  const Array &x = ctx.input(0), &weights = ctx.input(2);
  WEFT_ASSIGN_OR_RETURN(const int64_t bins, Bins(ctx));
  if (weights.num_elements() > 0 && weights.num_elements() != x.num_elements()) {
    return ctx.InvalidArgument(
        StrCat("Input indices and weights must have the same size. arr: ", x.shape().ToString(),
               ", weights: ", weights.shape().ToString()));
  }
  WEFT_RETURN_IF_ERROR(CheckNumbers<int32_t>(ctx));
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, Shape({bins})));
  CountRow<int32_t, T>(x.data<int32_t>(), weights.num_elements() > 0 ? weights.data<T>() : nullptr,
                       x.num_elements(), bins, false, y->mutable_data<T>());
  return absl::OkStatus();
}

template <typename I, typename T>
class DenseBincount final : public Kernel {
 public:
  explicit DenseBincount(KernelConstruction& c) : binary_(c.Attr<bool>("binary_output")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array &x = ctx.input(0), &weights = ctx.input(2);
    WEFT_ASSIGN_OR_RETURN(const int64_t bins, Bins(ctx));
    if (x.rank() != 1 && x.rank() != 2) {
      return ctx.InvalidArgument(
          StrCat("Shape must be at least rank 1 and at most rank 2 but is rank ", x.rank()));
    }
    const bool weighted = weights.num_elements() > 0;
    if (weighted && !(weights.shape() == x.shape())) {
      return ctx.InvalidArgument(StrCat(
          "`weights` must be the same shape as `arr` or a length-0 `Tensor`, in which case it acts "
          "as all weights equal to 1. Received ",
          weights.shape().ToString()));
    }
    WEFT_RETURN_IF_ERROR(CheckNumbers<I>(ctx));
    const int64_t rows = x.rank() == 2 ? x.dim(0) : 1, n = x.dim(x.rank() - 1);
    Shape shape;
    std::string error;
    const std::vector<int64_t> sizes =
        x.rank() == 2 ? std::vector<int64_t>{rows, bins} : std::vector<int64_t>{bins};
    if (!Shape::Make(sizes, &shape, &error)) return ctx.InvalidArgument(error);
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    const I* in = x.data<I>();
    const T* w = weighted ? weights.data<T>() : nullptr;
    T* out = y->mutable_data<T>();
    ctx.ParallelFor(rows, 2.0 * static_cast<double>(n + bins), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        CountRow<I, T>(in + r * n, w ? w + r * n : nullptr, n, bins, binary_, out + r * bins);
      }
    });
    return absl::OkStatus();
  }

 private:
  const bool binary_;
};

template <typename T>
absl::Status CheckRange(KernelContext& ctx) {
  const Array &range = ctx.input(1), &nbins = ctx.input(2);
  if (range.rank() != 1 || range.num_elements() != 2) {
    return ctx.InvalidArgument("value_range should be a vector of 2 elements.");
  }
  if (nbins.rank() != 0) return ctx.InvalidArgument("nbins should be a scalar.");
  const T low = range.data<T>()[0], high = range.data<T>()[1];
  if (!(low < high)) {
    return ctx.InvalidArgument(
        StrCat("value_range should satisfy value_range[0] < value_range[1], but got '[", low, ", ",
               high, "]'"));
  }
  if (*nbins.data<int32_t>() <= 0) {
    return ctx.InvalidArgument(
        StrCat("nbins should be a positive number, but got '", *nbins.data<int32_t>(), "'"));
  }
  return absl::OkStatus();
}

template <typename T, typename Out>
absl::Status HistogramFixedWidth(KernelContext& ctx) {
  WEFT_RETURN_IF_ERROR(CheckRange<T>(ctx));
  const Array& values = ctx.input(0);
  const T low = ctx.input(1).data<T>()[0], high = ctx.input(1).data<T>()[1];
  const int64_t bins = *ctx.input(2).data<int32_t>();
  if constexpr (std::is_floating_point_v<T>) {
    const auto x = values.values<T>();
    if (std::any_of(x.begin(), x.end(), [](T v) { return std::isnan(v); })) {
      return ctx.InvalidArgument("Histogram values must not contain NaN");
    }
  }
  // Differences of integers may need more bits than these have.
  const auto distance = [low](T v) {
    if constexpr (std::is_floating_point_v<T>) {
      return static_cast<double>(v - low);
    } else {
      return static_cast<double>(v) - static_cast<double>(low);
    }
  };
  const double step = distance(high) / static_cast<double>(bins);
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, Shape({bins})));
  Out* out = y->mutable_data<Out>();
  std::fill_n(out, bins, Out(0));
  for (const T v : values.values<T>()) {
    const double bin = distance(std::max(v, low)) / step;
    // An infinite range has one bin for all finite values.
    const int64_t at = bin < static_cast<double>(bins - 1) ? static_cast<int64_t>(bin)
                       : std::isnan(bin)                   ? 0
                                                           : bins - 1;
    ++out[at];
  }
  return absl::OkStatus();
}

}  // namespace

void RegisterCountKernels(KernelRegistry& k) {
  const KernelOptions bins_on_host = {.host_arguments = {"size"}};
  ForTypes<int32_t, int64_t, float, double>([&]<typename T>() {
    k.Add("Bincount", kCpu, {{"T", dtype_of<T>}}, Bincount<T>, bins_on_host);
    k.Add<DenseBincount<int32_t, T>>("DenseBincount", kCpu, {{"T", dtype_of<T>}, {"Tidx", kInt32}},
                                     bins_on_host);
    k.Add<DenseBincount<int64_t, T>>("DenseBincount", kCpu, {{"T", dtype_of<T>}, {"Tidx", kInt64}},
                                     bins_on_host);
    const KernelOptions range_on_host = {.host_arguments = {"value_range", "nbins"}};
    k.Add("HistogramFixedWidth", kCpu, {{"T", dtype_of<T>}, {"dtype", kInt32}},
          HistogramFixedWidth<T, int32_t>, range_on_host);
    k.Add("HistogramFixedWidth", kCpu, {{"T", dtype_of<T>}, {"dtype", kInt64}},
          HistogramFixedWidth<T, int64_t>, range_on_host);
  });
}

}  // namespace weft
