// SPDX-License-Identifier: Apache-2.0
// The largest elements of each row, and whether a target is among them.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
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

// The loops of one dtype; the kernels around them are the same code for all.
struct TopLoops {
  // Of each of `rows` rows of n values the k largest, and where they are.
  void (*top)(const void* x, int64_t rows, int64_t n, int64_t k, void* values, int64_t* indices);
  // Of each row the value at `place` of the descending order.
  void (*nth)(const void* x, int64_t rows, int64_t n, int64_t place, void* values);
  DataType dtype;
  size_t size;
};

template <typename T>
void TopRows(const void* elements, int64_t rows, int64_t n, int64_t k, void* values,
             int64_t* indices) {
  const T* x = static_cast<const T*>(elements);
  T* out = static_cast<T*>(values);
  TopSelector<T> selector(n, k);
  for (int64_t r = 0; r < rows; ++r, x += n, out += k, indices += k) {
    selector.Select(x, indices);
    for (int64_t i = 0; i < k; ++i) out[i] = x[indices[i]];
  }
}

template <typename T>
void NthOfRows(const void* elements, int64_t rows, int64_t n, int64_t place, void* values) {
  const T* x = static_cast<const T*>(elements);
  std::vector<T> row(static_cast<size_t>(n));
  for (int64_t r = 0; r < rows; ++r) {
    std::copy_n(x + r * n, n, row.begin());
    std::nth_element(row.begin(), row.begin() + place, row.end(), Greater<T>);
    static_cast<T*>(values)[r] = row[static_cast<size_t>(place)];
  }
}

template <typename T>
inline constexpr TopLoops kTopLoops = {TopRows<T>, NthOfRows<T>, dtype_of<T>, sizeof(T)};

// How large an index of the dtype may be.
int64_t LargestIndex(DataType dtype) {
  if (dtype == kInt16) return std::numeric_limits<int16_t>::max();
  if (dtype == kInt32) return std::numeric_limits<int32_t>::max();
  return std::numeric_limits<int64_t>::max();
}

template <typename I>
void NarrowIndices(const std::vector<int64_t>& from, int64_t at, Array* to) {
  std::ranges::transform(from, to->mutable_data<I>() + at,
                         [](int64_t i) { return static_cast<I>(i); });
}

void StoreIndices(const std::vector<int64_t>& from, int64_t at, Array* to) {
  switch (to->dtype()) {
    case kInt16:
      return NarrowIndices<int16_t>(from, at, to);
    case kInt32:
      return NarrowIndices<int32_t>(from, at, to);
    default:
      return NarrowIndices<int64_t>(from, at, to);
  }
}

// Bounds the memory for indices that are not narrowed yet.
constexpr int64_t kRowsAtATime = 64;

class TopK final : public Kernel {
 public:
  TopK(KernelConstruction& c, const TopLoops& loops)
      : loops_(loops), k_(c.num_inputs() == 1 ? c.Attr<int64_t>("k") : -1) {}

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
    Shape shape = x.shape();
    shape.set_dim(x.rank() - 1, k);
    WEFT_ASSIGN_OR_RETURN(Array * values, ctx.AllocateOutput(0, shape));
    WEFT_ASSIGN_OR_RETURN(Array * indices, ctx.AllocateOutput(1, shape));
    if (n > LargestIndex(indices->dtype())) {
      return ctx.InvalidArgument(StrCat("input has ", n, " columns: their indices don't fit in ",
                                        DTypeName(indices->dtype())));
    }
    if (shape.num_elements() > 0) Run(ctx, n, k, values, indices);
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

  void Run(KernelContext& ctx, int64_t n, int64_t k, Array* values, Array* indices) const {
    const auto* x = static_cast<const std::byte*>(ctx.input(0).raw_data());
    auto* out = static_cast<std::byte*>(values->raw_data());
    const int64_t rows = ctx.input(0).num_elements() / n;
    const double cost = 2.0 * static_cast<double>(n) + 10.0 * static_cast<double>(k);
    ctx.ParallelFor(rows, cost, [=, this](int64_t begin, int64_t end) {
      std::vector<int64_t> top;
      for (int64_t r = begin; r < end; r += kRowsAtATime) {
        const int64_t count = std::min(kRowsAtATime, end - r);
        top.resize(static_cast<size_t>(count * k));
        loops_.top(x + static_cast<size_t>(r * n) * loops_.size, count, n, k,
                   out + static_cast<size_t>(r * k) * loops_.size, top.data());
        StoreIndices(top, r * k, indices);
      }
    });
  }

  const TopLoops& loops_;
  int64_t k_;
};

class NthElement final : public Kernel {
 public:
  NthElement(KernelConstruction& c, const TopLoops& loops)
      : loops_(loops), reverse_(c.Attr<bool>("reverse")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array &x = ctx.input(0), &nth = ctx.input(1);
    if (nth.rank() != 0)
      return ctx.InvalidArgument(StrCat("N must be scalar but has rank ", nth.rank()));
    const int64_t wanted = nth.data<int32_t>()[0];
    if (wanted < 0) return ctx.InvalidArgument(StrCat("n must be non-negative but is ", wanted));
    if (x.rank() < 1) return ctx.InvalidArgument("Input must be at least rank 1 but is rank 0");
    const int64_t n = x.dim(x.rank() - 1);
    if (n <= wanted)
      return ctx.InvalidArgument(
          StrCat("Input must have last dimension > n = ", wanted, " but is ", n));
    Shape shape = x.shape();
    shape.RemoveDim(x.rank() - 1);
    WEFT_ASSIGN_OR_RETURN(Array * values, ctx.AllocateOutput(0, shape));
    const int64_t place = reverse_ ? wanted : n - 1 - wanted;  // in descending order
    const auto* in = static_cast<const std::byte*>(x.raw_data());
    auto* out = static_cast<std::byte*>(values->raw_data());
    ctx.ParallelFor(x.num_elements() / n, 4.0 * static_cast<double>(n),
                    [=, this](int64_t begin, int64_t end) {
                      loops_.nth(in + static_cast<size_t>(begin * n) * loops_.size, end - begin, n,
                                 place, out + static_cast<size_t>(begin) * loops_.size);
                    });
    return absl::OkStatus();
  }

 private:
  const TopLoops& loops_;
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

void AddTop(KernelRegistry& kernels, const TopLoops& loops) {
  const KernelConstraint type = {"T", loops.dtype};
  const auto top = [&loops](KernelConstruction& c) { return std::make_unique<TopK>(c, loops); };
  kernels.AddFactory("TopK", kCpu, {type}, top);
  for (const DataType index : {kInt16, kInt32, kInt64}) {
    kernels.AddFactory("TopKV2", kCpu, {type, {"index_type", index}}, top);
  }
  kernels.AddFactory("NthElement", kCpu, {type}, [&loops](KernelConstruction& c) {
    return std::make_unique<NthElement>(c, loops);
  });
}

}  // namespace

void RegisterTopKKernels(KernelRegistry& kernels) {
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t>([&]<typename T>() { AddTop(kernels, kTopLoops<T>); });
  kernels.Add<InTopK>("InTopK", kCpu, {});
  kernels.Add<InTopK>("InTopKV2", kCpu, {});
}

}  // namespace weft
