// SPDX-License-Identifier: Apache-2.0
// The largest elements of each row, and whether a target is among them.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <type_traits>
#include <vector>

#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// An order of all values, for algorithms that need one: NaNs are below everything else.
template <typename T>
inline bool Greater(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return a > b;
  } else {
    const double x = static_cast<double>(a), y = static_cast<double>(b);
    return x > y || (std::isnan(y) && !std::isnan(x));
  }
}
template <>
inline bool Greater(float a, float b) {
  return a > b || (b != b && a == a);
}

// Writes the indices of the k largest of n values to `top`, in order: largest first, and of equal
// values the one with the lower index.
template <typename T>
class TopSelector {
 public:
  TopSelector(int64_t n, int64_t k) : n_(n), k_(k) {
    if (!UsesHeap()) order_.resize(static_cast<size_t>(n));
  }

  void Select(const T* x, int64_t* top) {
    const auto before = [x](int64_t a, int64_t b) {
      return Greater(x[a], x[b]) || (!Greater(x[b], x[a]) && a < b);
    };
    if (k_ == 1) {
      *top = 0;
      for (int64_t i = 1; i < n_; ++i) {
        if (Greater(x[i], x[*top])) *top = i;
      }
    } else if (UsesHeap()) {
      SelectByHeap(x, before, top);
    } else {
      std::iota(order_.begin(), order_.end(), int64_t{0});
      if (k_ < n_) std::nth_element(order_.begin(), order_.begin() + k_, order_.end(), before);
      std::sort(order_.begin(), order_.begin() + k_, before);
      std::copy_n(order_.begin(), k_, top);
    }
  }

 private:
  // Few of many: most values are refused by one comparison with the worst that is kept.
  bool UsesHeap() const { return k_ <= n_ / 8; }

  template <typename Before>
  void SelectByHeap(const T* x, const Before& before, int64_t* top) {
    std::iota(top, top + k_, int64_t{0});
    std::make_heap(top, top + k_, before);
    for (int64_t i = k_; i < n_; ++i) {
      // An equal value that comes later stays out.
      if (!Greater(x[i], x[*top])) continue;
      std::pop_heap(top, top + k_, before);
      top[k_ - 1] = i;
      std::push_heap(top, top + k_, before);
    }
    std::sort_heap(top, top + k_, before);
  }

  int64_t n_, k_;
  std::vector<int64_t> order_;
};

template <typename T, typename I>
class TopK final : public Kernel {
 public:
  explicit TopK(KernelConstruction& c) : k_(c.num_inputs() == 1 ? c.Attr<int64_t>("k") : -1) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(const int64_t k, Count(ctx));
    if (x.rank() < 1)
      return ctx.InvalidArgument(StrCat("input must be >= 1-D, got shape ", x.shape().ToString()));
    const int64_t n = x.dim(x.rank() - 1);
    if (n < k) {
      return ctx.InvalidArgument(
          StrCat("input must have at least k columns. Had ", n, ", needed ", k));
    }
    if (n > std::numeric_limits<I>::max()) {
      return ctx.InvalidArgument(
          StrCat("input has ", n, " columns: their indices don't fit in ", DTypeName(dtype_of<I>)));
    }
    Shape shape = x.shape();
    shape.set_dim(x.rank() - 1, k);
    WEFT_ASSIGN_OR_RETURN(Array * values, ctx.AllocateOutput(0, shape));
    WEFT_ASSIGN_OR_RETURN(Array * indices, ctx.AllocateOutput(1, shape));
    if (shape.num_elements() == 0) return absl::OkStatus();
    Run(ctx, x.data<T>(), n, k, values->mutable_data<T>(), indices->mutable_data<I>());
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<int64_t> Count(KernelContext& ctx) const {
    if (k_ >= 0) return k_;
    const Array& k = ctx.input(1);
    if (k.rank() != 0)
      return ctx.InvalidArgument(StrCat("k must be scalar, got shape ", k.shape().ToString()));
    if (k.AsInt64() < 0) return ctx.InvalidArgument(StrCat("Need k >= 0, got ", k.AsInt64()));
    return k.AsInt64();
  }

  static void Run(KernelContext& ctx, const T* x, int64_t n, int64_t k, T* values, I* indices) {
    const int64_t rows = ctx.input(0).num_elements() / n;
    const double cost = 2.0 * static_cast<double>(n) + 10.0 * static_cast<double>(k);
    ctx.ParallelFor(rows, cost, [=](int64_t begin, int64_t end) {
      TopSelector<T> selector(n, k);
      std::vector<int64_t> top(static_cast<size_t>(k));
      for (int64_t r = begin; r < end; ++r) {
        selector.Select(x + r * n, top.data());
        for (int64_t i = 0; i < k; ++i) {
          values[r * k + i] = x[r * n + top[static_cast<size_t>(i)]];
          indices[r * k + i] = static_cast<I>(top[static_cast<size_t>(i)]);
        }
      }
    });
  }

  int64_t k_;
};

template <typename T>
class NthElement final : public Kernel {
 public:
  explicit NthElement(KernelConstruction& c) : reverse_(c.Attr<bool>("reverse")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array &x = ctx.input(0), &place = ctx.input(1);
    if (place.rank() != 0)
      return ctx.InvalidArgument(StrCat("N must be scalar but has rank ", place.rank()));
    const int64_t wanted = place.data<int32_t>()[0];
    if (wanted < 0) return ctx.InvalidArgument(StrCat("n must be non-negative but is ", wanted));
    if (x.rank() < 1) return ctx.InvalidArgument("Input must be at least rank 1 but is rank 0");
    const int64_t n = x.dim(x.rank() - 1);
    if (n <= wanted)
      return ctx.InvalidArgument(
          StrCat("Input must have last dimension > n = ", wanted, " but is ", n));
    Shape shape = x.shape();
    shape.RemoveDim(x.rank() - 1);
    WEFT_ASSIGN_OR_RETURN(Array * values, ctx.AllocateOutput(0, shape));
    Run(ctx, x.data<T>(), n, wanted, values->mutable_data<T>());
    return absl::OkStatus();
  }

 private:
  void Run(KernelContext& ctx, const T* x, int64_t n, int64_t wanted, T* values) const {
    const int64_t place = reverse_ ? wanted : n - 1 - wanted;  // in descending order
    ctx.ParallelFor(ctx.input(0).num_elements() / n, 4.0 * static_cast<double>(n),
                    [=](int64_t begin, int64_t end) {
                      std::vector<T> row(static_cast<size_t>(n));
                      for (int64_t r = begin; r < end; ++r) {
                        std::copy_n(x + r * n, n, row.begin());
                        std::nth_element(row.begin(), row.begin() + place, row.end(), Greater<T>);
                        values[r] = row[static_cast<size_t>(place)];
                      }
                    });
  }

  bool reverse_;
};

// False where the comparison says nothing: a target out of range, or a prediction that is not
// finite.
bool IsInTop(const float* predictions, int64_t classes, int64_t target, int64_t k) {
  if (target < 0 || target >= classes || !std::isfinite(predictions[target])) return false;
  int64_t larger = 0;
  for (int64_t c = 0; c < classes && larger <= k; ++c) {
    if (!std::isfinite(predictions[c])) return false;
    larger += predictions[c] > predictions[target];
  }
  return larger < k;
}

class InTopK final : public Kernel {
 public:
  explicit InTopK(KernelConstruction& c) {
    if (c.num_inputs() == 2) k_ = c.Attr<int64_t>("k");
  }

  absl::Status Compute(KernelContext& ctx) override {
    const Array &predictions = ctx.input(0), &targets = ctx.input(1);
    int64_t k = k_;
    if (ctx.num_inputs() == 3) {
      if (ctx.input(2).rank() != 0)
        return ctx.InvalidArgument(
            StrCat("k must be 0-D, got shape ", ctx.input(2).shape().ToString()));
      k = ctx.input(2).AsInt64();
    }
    if (predictions.rank() != 2) {
      return ctx.InvalidArgument(
          StrCat("predictions must be 2-dimensional, got shape ", predictions.shape().ToString()));
    }
    if (targets.rank() != 1) {
      return ctx.InvalidArgument(
          StrCat("targets must be 1-dimensional, got shape ", targets.shape().ToString()));
    }
    if (predictions.dim(0) != targets.dim(0)) {
      return ctx.InvalidArgument(StrCat("First dimension of predictions ", predictions.dim(0),
                                        " must match length of targets ", targets.dim(0)));
    }
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, targets.shape()));
    const int64_t classes = predictions.dim(1);
    const float* x = predictions.data<float>();
    bool* out = y->mutable_data<bool>();
    ctx.ParallelFor(targets.dim(0), static_cast<double>(classes), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        out[i] = IsInTop(x + i * classes, classes, targets.AsInt64(i), k);
    });
    return absl::OkStatus();
  }

 private:
  int64_t k_ = 0;
};

}  // namespace

void RegisterTopKKernels(KernelRegistry& kernels) {
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t>([&]<typename T>() {
    const std::pair<std::string, DataType> type = {"T", dtype_of<T>};
    kernels.Add<TopK<T, int32_t>>("TopK", kCpu, {type});
    kernels.Add<TopK<T, int16_t>>("TopKV2", kCpu, {type, {"index_type", kInt16}});
    kernels.Add<TopK<T, int32_t>>("TopKV2", kCpu, {type, {"index_type", kInt32}});
    kernels.Add<TopK<T, int64_t>>("TopKV2", kCpu, {type, {"index_type", kInt64}});
    kernels.Add<NthElement<T>>("NthElement", kCpu, {type});
  });
  kernels.Add<InTopK>("InTopK", kCpu, {});
  kernels.Add<InTopK>("InTopKV2", kCpu, {});
}

}  // namespace weft
