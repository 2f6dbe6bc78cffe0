// SPDX-License-Identifier: Apache-2.0
// Sums, products and extremes over dimensions. The driver (reduce.h) splits the work in the same
// way for any number of threads.
#include "kernels/cpu/reductions.h"

#include <cmath>
#include <complex>
#include <limits>
#include <memory>
#include <string_view>
#include <type_traits>

#include "kernels/cpu/float_sums.h"
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

// Integers are read as unsigned ones: their sums and products are the same bits, and the loops
// serve both.
template <typename T>
struct Read {
  using type = T;
};
template <typename T>
requires kIsInteger<T>
struct Read<T> {
  using type = std::make_unsigned_t<T>;
};

template <typename A>
struct Adding {
  using Acc = A;
  static A Identity() { return A(0); }
  static A Combine(A a, A b) { return a + b; }
};

template <typename A>
struct Multiplying {
  using Acc = A;
  static A Identity() { return A(1); }
  static A Combine(A a, A b) { return a * b; }
};

// NaN if one of them is.
template <typename A, bool kGreatest>
struct Choosing {
  using Acc = A;
  static A Identity() {
    if constexpr (std::is_integral_v<A>)
      return kGreatest ? std::numeric_limits<A>::lowest() : std::numeric_limits<A>::max();
    else
      return kGreatest ? -std::numeric_limits<A>::infinity() : std::numeric_limits<A>::infinity();
  }
  static A Combine(A a, A b) {
    const bool first = kGreatest ? a > b : a < b;
    if constexpr (std::is_integral_v<A>)
      return first ? a : b;
    else
      return first || a != a ? a : b;
  }
};

template <bool kAll>
struct Deciding {
  using Acc = bool;
  static bool Identity() { return kAll; }
  static bool Combine(bool a, bool b) { return kAll ? a && b : a || b; }
};

// The squared magnitude.
template <typename T, typename A>
struct Square {
  A operator()(const T& x) const {
    if constexpr (std::is_same_v<T, complex64> || std::is_same_v<T, complex128>)
      return std::conj(x) * x;
    else
      return static_cast<A>(x) * static_cast<A>(x);
  }
};

// out[i] = f(acc[i], count).
template <typename A, typename T, typename F>
void Finish(const void* acc, int64_t n, int64_t count, void* out) {
  const A* from = static_cast<const A*>(acc);
  T* to = static_cast<T*>(out);
  for (int64_t i = 0; i < n; ++i) to[i] = F()(from[i], count);
}

template <typename A, typename T>
struct Narrow {
  T operator()(const A& a, int64_t) const { return static_cast<T>(a); }
};
template <typename A, typename T>
constexpr FinishFn Narrowed() {
  if constexpr (std::is_same_v<A, T>)
    return nullptr;
  else
    return Finish<A, T, Narrow<A, T>>;
}

template <typename A, typename T>
struct Quotient {
  T operator()(const A& a, int64_t count) const {
    if constexpr (kIsInteger<T>) {
      return count == 0 ? T(0) : static_cast<T>(static_cast<T>(a) / count);
    } else if constexpr (std::is_same_v<T, complex64> || std::is_same_v<T, complex128>) {
      return a / static_cast<typename T::value_type>(count);
    } else {
      return static_cast<T>(a / static_cast<A>(count));
    }
  }
};
template <typename A, typename T>
struct Root {
  T operator()(const A& a, int64_t) const { return static_cast<T>(std::sqrt(a)); }
};
template <typename A, typename T>
struct Half {
  T operator()(const A& a, int64_t) const { return static_cast<T>(a * static_cast<A>(0.5)); }
};

template <typename T>
using SumOf = typename Sums<T>::type;
template <typename T>
using SquareSumOf = std::conditional_t<kIsInteger<T>, double, SumOf<T>>;
template <typename T>
using ExtremeOf = std::conditional_t<kIsHalf<T>, float, T>;
template <typename T>
using ReadAs = typename Read<T>::type;

// Sums of elements of type T; those of floats have vector code of their own.
template <typename T>
constexpr ReduceOp SumsOf(FinishFn finish) {
  ReduceOp op = ReduceOpOf<Adding<SumOf<T>>, ReadAs<T>>(finish);
  if (std::is_same_v<T, float>) {
    op.runs = op.runs_again = SumFloatRuns;
    op.columns = op.columns_again = SumFloatColumns;
  }
  return op;
}
template <typename T>
inline constexpr ReduceOp kSum = SumsOf<T>(Narrowed<SumOf<T>, ReadAs<T>>());
template <typename T>
inline constexpr ReduceOp kMean = SumsOf<T>(Finish<SumOf<T>, T, Quotient<SumOf<T>, T>>);
template <typename T>
inline constexpr ReduceOp kProduct =
    ReduceOpOf<Multiplying<SumOf<T>>, ReadAs<T>>(Narrowed<SumOf<T>, ReadAs<T>>());
template <typename T, bool kGreatest>
inline constexpr ReduceOp kExtreme =
    ReduceOpOf<Choosing<ExtremeOf<T>, kGreatest>, T>(Narrowed<ExtremeOf<T>, T>());
template <typename T, typename A = SquareSumOf<T>>
inline constexpr ReduceOp kNorm = ReduceOpOf<Adding<A>, T, Square<T, A>>(Finish<A, T, Root<A, T>>);
template <typename T, typename A = SquareSumOf<T>>
inline constexpr ReduceOp kHalfSquares =
    ReduceOpOf<Adding<A>, T, Square<T, A>>(Finish<A, T, Half<A, T>>);
template <bool kAll>
inline constexpr ReduceOp kDecision = ReduceOpOf<Deciding<kAll>, bool>();

class ReductionKernel final : public Kernel {
 public:
  // copy: what is made of one element is that element.
  ReductionKernel(KernelConstruction& c, const ReduceOp& op, bool copy)
      : op_(op), copy_(copy), keep_dims_(c.AttrOr<bool>("keep_dims", false)) {}
  absl::Status Compute(KernelContext& ctx) override {
    return ReduceKernel(ctx, op_, keep_dims_, copy_);
  }

 private:
  const ReduceOp& op_;
  bool copy_;
  bool keep_dims_;
};

void AddOp(KernelRegistry& k, std::string_view op, KernelConstraints type, const ReduceOp& loops,
           bool copy = true) {
  k.AddFactory(op, kCpu, type,
               [&loops, copy](KernelConstruction& c) {
                 return std::make_unique<ReductionKernel>(c, loops, copy);
               },
               {.host_arguments = {"reduction_indices"}});
}

class L2Loss final : public Kernel {
 public:
  explicit L2Loss(const ReduceOp& op) : op_(op) {}
  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    const Shape flat({x.num_elements()});
    const absl::StatusOr<ReductionPlan> plan = PlanReduction(flat, Array(int32_t{0}), false);
    if (!plan.ok()) return plan.status();
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, Shape()));
    return Reduce(ctx, op_, *plan, x.raw_data(), y->raw_data());
  }

 private:
  const ReduceOp& op_;
};

void AddL2Loss(KernelRegistry& k, DataType dtype, const ReduceOp& loops) {
  k.AddFactory("L2Loss", kCpu, {{"T", dtype}},
               [&loops](KernelConstruction&) { return std::make_unique<L2Loss>(loops); });
}

}  // namespace

const ReduceOp* FindFloatReduceOp(std::string_view type) {
  return type == "Sum"    ? &kSum<float>
         : type == "Mean" ? &kMean<float>
         : type == "Max"  ? &kExtreme<float, true>
         : type == "Min"  ? &kExtreme<float, false>
                          : nullptr;
}

void RegisterReductionsKernels(KernelRegistry& k) {
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t, complex64, complex128>([&]<typename T>() {
    AddOp(k, "Sum", {{"T", dtype_of<T>}}, kSum<T>);
    AddOp(k, "Mean", {{"T", dtype_of<T>}}, kMean<T>);
    AddOp(k, "Prod", {{"T", dtype_of<T>}}, kProduct<T>);
  });
  ForTypes<float, double, half, bfloat16, int32_t, int64_t, complex64, complex128>(
      [&]<typename T>() {
        AddOp(k, "EuclideanNorm", {{"T", dtype_of<T>}}, kNorm<T>, /*copy=*/false);
      });
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t>([&]<typename T>() {
    AddOp(k, "Max", {{"T", dtype_of<T>}}, kExtreme<T, true>);
    AddOp(k, "Min", {{"T", dtype_of<T>}}, kExtreme<T, false>);
  });
  AddOp(k, "All", {}, kDecision<true>);
  AddOp(k, "Any", {}, kDecision<false>);
  ForTypes<float, double, half, bfloat16>(
      [&]<typename T>() { AddL2Loss(k, dtype_of<T>, kHalfSquares<T>); });
  RegisterArgExtremeKernels(k);
  RegisterScanKernels(k);
  RegisterCountKernels(k);
}

}  // namespace weft
