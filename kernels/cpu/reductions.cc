// SPDX-License-Identifier: Apache-2.0
// Sums, products and extremes over dimensions. The driver (reduce.h) splits the work in the same
// way for any number of threads.
#include "kernels/cpu/reductions.h"

#include <cmath>
#include <complex>
#include <limits>
#include <type_traits>

#include "kernels/cpu/reduce.h"
#include "weft/core/complex.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

template <typename T>
inline constexpr bool kIsHalf = std::is_same_v<T, half> || std::is_same_v<T, bfloat16>;
template <typename T>
inline constexpr bool kIsInteger = std::is_integral_v<T> && !std::is_same_v<T, bool>;

// What sums are held in: float for 16-bit floats; unsigned integers, which wrap around.
template <typename T>
struct Sums {
  using type = T;
};
template <>
struct Sums<half> {
  using type = float;
};
template <>
struct Sums<bfloat16> {
  using type = float;
};
template <typename T>
requires kIsInteger<T>
struct Sums<T> {
  using type = std::conditional_t<sizeof(T) < 4, uint32_t, std::make_unsigned_t<T>>;
};

template <typename T>
struct Reducer {
  using In = T;
  using Out = T;
  using Acc = typename Sums<T>::type;
  static Acc Load(const T& x) { return static_cast<Acc>(x); }
};

template <typename T>
struct Sum : Reducer<T> {
  using Acc = typename Reducer<T>::Acc;
  static Acc Identity() { return Acc(0); }
  static Acc Combine(Acc a, Acc b) { return a + b; }
  static T Finish(Acc a, int64_t) { return static_cast<T>(a); }
};

template <typename T>
struct Mean : Sum<T> {
  using Acc = typename Reducer<T>::Acc;
  static T Finish(Acc a, int64_t count) {
    if constexpr (kIsInteger<T>) {
      return count == 0 ? T(0) : static_cast<T>(static_cast<T>(a) / static_cast<int64_t>(count));
    } else if constexpr (std::is_same_v<T, complex64> || std::is_same_v<T, complex128>) {
      return a / static_cast<typename T::value_type>(count);
    } else {
      return static_cast<T>(a / static_cast<Acc>(count));
    }
  }
};

template <typename T>
struct Product : Reducer<T> {
  using Acc = typename Reducer<T>::Acc;
  static Acc Identity() { return Acc(1); }
  static Acc Combine(Acc a, Acc b) { return a * b; }
  static T Finish(Acc a, int64_t) { return static_cast<T>(a); }
};

// The square root of the sum of squared magnitudes.
template <typename T>
struct Norm : Reducer<T> {
  using Acc = std::conditional_t<kIsInteger<T>, double, typename Reducer<T>::Acc>;
  static Acc Load(const T& x) {
    if constexpr (std::is_same_v<T, complex64> || std::is_same_v<T, complex128>)
      return std::conj(x) * x;
    else
      return static_cast<Acc>(x) * static_cast<Acc>(x);
  }
  static Acc Identity() { return Acc(0); }
  static Acc Combine(Acc a, Acc b) { return a + b; }
  static T Finish(Acc a, int64_t) { return static_cast<T>(std::sqrt(a)); }
};

// NaN if an element is.
template <typename T, bool kGreatest>
struct Extreme {
  using In = T;
  using Out = T;
  using Acc = std::conditional_t<kIsHalf<T>, float, T>;
  static Acc Load(const T& x) { return static_cast<Acc>(x); }
  static Acc Identity() {
    if constexpr (std::is_integral_v<T>)
      return kGreatest ? std::numeric_limits<T>::lowest() : std::numeric_limits<T>::max();
    else
      return kGreatest ? -std::numeric_limits<Acc>::infinity()
                       : std::numeric_limits<Acc>::infinity();
  }
  static Acc Combine(Acc a, Acc b) {
    const bool first = kGreatest ? a > b : a < b;
    if constexpr (std::is_integral_v<T>)
      return first ? a : b;
    else
      return first || a != a ? a : b;
  }
  static T Finish(Acc a, int64_t) { return static_cast<T>(a); }
};

template <bool kAll>
struct Logical {
  using In = bool;
  using Out = bool;
  using Acc = bool;
  static bool Load(bool x) { return x; }
  static bool Identity() { return kAll; }
  static bool Combine(bool a, bool b) { return kAll ? a && b : a || b; }
};

template <typename R>
class ReductionKernel final : public Kernel {
 public:
  explicit ReductionKernel(KernelConstruction& c)
      : keep_dims_(c.AttrOr<bool>("keep_dims", false)) {}
  absl::Status Compute(KernelContext& ctx) override {
    static constexpr ReduceOp kOp = ReduceOpOf<R>();
    return ReduceKernel(ctx, kOp, keep_dims_, kCopy);
  }

 private:
  // Of one element each of these is that element; a norm is its magnitude.
  static constexpr bool kCopy = !std::is_same_v<R, Norm<typename R::In>>;
  bool keep_dims_;
};

template <typename R>
void AddOp(KernelRegistry& k, std::string_view op) {
  k.Add<ReductionKernel<R>>(op, kCpu, {{"T", dtype_of<typename R::In>}},
                            {.host_arguments = {"reduction_indices"}});
}

// sum(t^2) / 2.
template <typename T>
struct HalfSquares : Norm<T> {
  using Acc = typename Norm<T>::Acc;
  static T Finish(Acc a, int64_t) { return static_cast<T>(a * static_cast<Acc>(0.5)); }
};
template <typename T>
absl::Status L2Loss(KernelContext& ctx) {
  static constexpr ReduceOp kOp = ReduceOpOf<HalfSquares<T>>();
  const Array& x = ctx.input(0);
  const Shape flat({x.num_elements()});
  const absl::StatusOr<ReductionPlan> plan = PlanReduction(flat, Array(int32_t{0}), false);
  if (!plan.ok()) return plan.status();
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, Shape()));
  return Reduce(ctx, kOp, *plan, x.raw_data(), y->raw_data());
}

}  // namespace

void RegisterReductionsKernels(KernelRegistry& k) {
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t, complex64, complex128>([&]<typename T>() {
    AddOp<Sum<T>>(k, "Sum");
    AddOp<Mean<T>>(k, "Mean");
    AddOp<Product<T>>(k, "Prod");
  });
  ForTypes<float, double, half, bfloat16, int32_t, int64_t, complex64, complex128>(
      [&]<typename T>() { AddOp<Norm<T>>(k, "EuclideanNorm"); });
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t>([&]<typename T>() {
    AddOp<Extreme<T, true>>(k, "Max");
    AddOp<Extreme<T, false>>(k, "Min");
  });
  k.Add<ReductionKernel<Logical<true>>>("All", kCpu, {}, {.host_arguments = {"reduction_indices"}});
  k.Add<ReductionKernel<Logical<false>>>("Any", kCpu, {},
                                         {.host_arguments = {"reduction_indices"}});
  ForTypes<float, double, half, bfloat16>([&]<typename T>() {
    k.Add("L2Loss", kCpu, {{"T", dtype_of<T>}}, L2Loss<T>);
  });
  RegisterArgExtremeKernels(k);
  RegisterScanKernels(k);
  RegisterCountKernels(k);
}

}  // namespace weft
