// SPDX-License-Identifier: Apache-2.0
// Comparisons and logic on bool, with broadcasting.
#include "kernels/cpu/compare_logical.h"

#include <functional>
#include <string>

#include "kernels/common/broadcast.h"
#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/map.h"
#include "weft/core/complex.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

template <typename F, typename T>
void AddOrder(KernelRegistry& kernels, std::string_view op) {
  kernels.Add(op, kCpu, {{"T", dtype_of<T>}}, Elementwise<BinaryLoop<T, T, bool, F>, bool(T, T)>);
}

struct Less {
  template <typename T>
  bool operator()(T x, T y) const {
    return static_cast<ComputeType<T>>(x) < static_cast<ComputeType<T>>(y);
  }
};
struct LessEqual {
  template <typename T>
  bool operator()(T x, T y) const {
    return static_cast<ComputeType<T>>(x) <= static_cast<ComputeType<T>>(y);
  }
};
struct Greater {
  template <typename T>
  bool operator()(T x, T y) const {
    return Less()(y, x);
  }
};
struct GreaterEqual {
  template <typename T>
  bool operator()(T x, T y) const {
    return LessEqual()(y, x);
  }
};

template <bool kEqual>
struct Equality {
  template <typename T>
  bool operator()(const T& x, const T& y) const {
    return (static_cast<const ComputeType<T>&>(x) == static_cast<const ComputeType<T>&>(y)) ==
           kEqual;
  }
};

// Equal and NotEqual. Shapes that don't fit are an error, or they make the values unequal as a
// whole.
template <typename T, bool kEqual>
class EqualityKernel : public Kernel {
 public:
  explicit EqualityKernel(KernelConstruction& c)
      : shape_error_(c.AttrOr<bool>("incompatible_shape_error", true)) {}
  absl::Status Compute(KernelContext& ctx) override {
    static constexpr ElementwiseOp kOp = ElementwiseTypes<bool(T, T)>::Op(
        BinaryLoop<T, T, bool, Equality<kEqual>>, std::is_same_v<T, std::string> ? 10 : 1);
    if (!shape_error_) {
      const Shape* shapes[] = {&ctx.input(0).shape(), &ctx.input(1).shape()};
      if (!PlanBroadcast(shapes).ok()) {
        WEFT_ASSIGN_OR_RETURN(Array * z, ctx.AllocateOutput(0, Shape()));
        *z->mutable_data<bool>() = !kEqual;
        return absl::OkStatus();
      }
    }
    return RunElementwise(ctx, kOp);
  }

 private:
  bool shape_error_;
};

template <typename T>
void AddEquality(KernelRegistry& k) {
  k.Add<EqualityKernel<T, true>>("Equal", kCpu, {{"T", dtype_of<T>}});
  k.Add<EqualityKernel<T, false>>("NotEqual", kCpu, {{"T", dtype_of<T>}});
}

}  // namespace

void RegisterCompareLogicalKernels(KernelRegistry& k) {
  ForTypes<float, double, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
           half, bfloat16>([&]<typename T>() {
    AddOrder<Less, T>(k, "Less");
    AddOrder<LessEqual, T>(k, "LessEqual");
    AddOrder<Greater, T>(k, "Greater");
    AddOrder<GreaterEqual, T>(k, "GreaterEqual");
    AddEquality<T>(k);
  });
  ForTypes<bool, complex64, complex128, std::string, qint8, quint8, qint16, quint16, qint32>(
      [&]<typename T>() { AddEquality<T>(k); });
  using BoolOp = bool(bool, bool);
  k.Add("LogicalAnd", kCpu, {},
        Elementwise<BinaryLoop<bool, bool, bool, std::bit_and<bool>>, BoolOp>);
  k.Add("LogicalOr", kCpu, {},
        Elementwise<BinaryLoop<bool, bool, bool, std::bit_or<bool>>, BoolOp>);
  k.Add("LogicalNot", kCpu, {}, MapKernel<LoopOf<[](bool x) { return !x; }, bool>, 1>);
  RegisterSelectKernels(k);
}

}  // namespace weft
