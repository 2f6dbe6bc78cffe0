// SPDX-License-Identifier: Apache-2.0
// Changes of parts of variables, by reference and by handle: rows (Scatter*), slices (ScatterNd*)
// and strided slices.
#include <algorithm>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

#include "kernels/cpu/element_class.h"
#include "kernels/cpu/index_tuples.h"
#include "kernels/cpu/scatter_nd.h"
#include "kernels/cpu/strided_slice.h"
#include "kernels/cpu/variable_access.h"
#include "src/core/strings.h"
#include "weft/core/complex.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// indices.shape + variable.shape[1:] must be updates.shape, unless that is [].
absl::Status CheckRowShapes(KernelContext& ctx, const Shape& variable, const Shape& indices,
                            const Shape& updates) {
  const auto fits = [&] {
    if (variable.rank() < 1) return false;
    if (updates.rank() == 0) return true;
    if (updates.rank() != indices.rank() + variable.rank() - 1) return false;
    const auto u = updates.dims(), i = indices.dims(), v = variable.dims();
    return std::equal(i.begin(), i.end(), u.begin()) &&
           std::equal(v.begin() + 1, v.end(), u.begin() + indices.rank());
  };
  if (fits()) return absl::OkStatus();
  return ctx.InvalidArgument(
      StrCat("Must have updates.shape = indices.shape + params.shape[1:] or updates.shape = [], "
             "got updates.shape ",
             updates.ToString(), ", indices.shape ", indices.ToString(), ", params.shape ",
             variable.ToString()));
}

// Where rows `indices` of a value of shape `variable` begin.
absl::StatusOr<ScatterNdPlan> PlanRows(KernelContext& ctx, const Shape& variable,
                                       const Array& indices, const Shape& updates) {
  WEFT_RETURN_IF_ERROR(CheckRowShapes(ctx, variable, indices.shape(), updates));
  ScatterNdPlan plan;
  for (int d = 1; d < variable.rank(); ++d) plan.inner *= variable.dim(d);
  const int64_t rows = variable.dim(0);
  plan.offsets.resize(static_cast<size_t>(indices.num_elements()));
  const auto fill = [&]<typename Index>() -> int64_t {
    const Index* index = indices.data<Index>();
    for (size_t k = 0; k < plan.offsets.size(); ++k) {
      if (index[k] < 0 || index[k] >= rows) return static_cast<int64_t>(k);
      plan.offsets[k] = index[k] * plan.inner;
    }
    return -1;
  };
  const int64_t bad = indices.dtype() == kInt32 ? fill.template operator()<int32_t>()
                                                : fill.template operator()<int64_t>();
  if (bad < 0) return plan;
  return ctx.InvalidArgument(StrCat("indices", PositionText(indices.shape().dims(), bad), " = ",
                                    indices.AsInt64(bad), " is not in [0, ", rows, ")"));
}

// Integers are not divided by 0.
absl::Status CheckDivisors(KernelContext& ctx, const Array& updates) {
  if (!IsInteger(updates.dtype())) return absl::OkStatus();
  const int64_t n = updates.num_elements();
  const bool found = WithElementClass(updates.dtype(), [&]<typename U>() {
    if constexpr (std::is_integral_v<U>) {
      const U* const values = ElementsOf<U>(updates);
      return std::find(values, values + n, U{0}) != values + n;
    } else {
      return false;
    }
  });
  return found ? ctx.InvalidArgument("Integer division by zero") : absl::OkStatus();
}

template <ScatterOp kOp>
absl::Status ScatterRows(KernelContext& ctx) {
  const Array& indices = ctx.input(1);
  const Array& updates = ctx.input(2);
  WEFT_ASSIGN_OR_RETURN(VariableLock v, VariableLock::Take(ctx, 0, updates.dtype()));
  WEFT_ASSIGN_OR_RETURN(const ScatterNdPlan plan,
                        PlanRows(ctx, v->shape(), indices, updates.shape()));
  if (kOp == ScatterOp::kDiv) WEFT_RETURN_IF_ERROR(CheckDivisors(ctx, updates));
  ReturnReference(ctx);
  if (plan.offsets.empty() || plan.inner == 0) return absl::OkStatus();
  const ScatterLoops& loops = *FindScatterLoops(kOp, updates.dtype());
  Array* const target = v->Mutable();
  if (updates.shape().IsScalar()) {
    ApplyScatterScalar(ctx, loops, plan, updates, target);
  } else {
    ApplyScatterNd(ctx, loops, plan, updates, target);
  }
  return absl::OkStatus();
}

template <ScatterOp kOp>
absl::Status ScatterSlices(KernelContext& ctx) {
  const Array& indices = ctx.input(1);
  const Array& updates = ctx.input(2);
  WEFT_ASSIGN_OR_RETURN(VariableLock v, VariableLock::Take(ctx, 0, updates.dtype()));
  if (v->shape().rank() < 1) {
    return ctx.InvalidArgument(
        StrCat("Output must be at least 1-D, got shape: ", v->shape().ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(const ScatterNdPlan plan,
                        PlanScatterNd(ctx, indices, updates.shape(), v->shape()));
  ReturnReference(ctx);
  if (plan.offsets.empty() || plan.inner == 0) return absl::OkStatus();
  ApplyScatterNd(ctx, *FindScatterLoops(kOp, updates.dtype()), plan, updates, v->Mutable());
  return absl::OkStatus();
}

class AssignStridedSlice final : public Kernel {
 public:
  explicit AssignStridedSlice(KernelConstruction& c) : masks_(ReadStridedSliceMasks(c)) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& value = ctx.input(4);
    WEFT_ASSIGN_OR_RETURN(VariableLock v, VariableLock::Take(ctx, 0, value.dtype()));
    WEFT_ASSIGN_OR_RETURN(const StridedSlicePlan plan,
                          PlanStridedSliceInputs(ctx, v->shape().dims(), /*first=*/1, masks_));
    ReturnReference(ctx);
    // An empty slice takes any value, as in TensorFlow.
    const bool empty = std::any_of(plan.dims.begin(), plan.dims.end(),
                                   [](const StridedSlicePlan::Dim& d) { return d.size == 0; });
    if (empty) return absl::OkStatus();
    WEFT_RETURN_IF_ERROR(CheckAssignable(ctx, plan, value.shape()));
    // A value that shares the variable's memory makes Mutable() copy: the two are apart.
    return AssignSlice(ctx, plan, value, v->Mutable());
  }

 private:
  const StridedSliceMasks masks_;
};

constexpr DataType kNumbers[] = {kFloat32, kFloat64, kFloat16,   kBfloat16,  kInt8,
                                 kInt16,   kInt32,   kInt64,     kUint8,     kUint16,
                                 kUint32,  kUint64,  kComplex64, kComplex128};

// ScatterX and ResourceScatterX for each dtype whose elements can be changed so.
template <ScatterOp kOp>
void AddRows(KernelRegistry& kernels, const std::string& name) {
  for (const DataType t : kNumbers) {
    if (!FindScatterLoops(kOp, t)) continue;
    kernels.Add("Scatter" + name, kCpu, {{"T", t}}, ScatterRows<kOp>);
    kernels.Add("ResourceScatter" + name, kCpu, {{"dtype", t}}, ScatterRows<kOp>);
  }
}

void AddSlicesFor(KernelRegistry& kernels, const std::string& name, DataType t, KernelFn fn) {
  kernels.Add("ScatterNd" + name, kCpu, {{"T", t}}, fn);
  kernels.Add("ResourceScatterNd" + name, kCpu, {{"T", t}}, fn);
}

template <ScatterOp kOp>
void AddSlices(KernelRegistry& kernels, const std::string& name) {
  for (const DataType t : kNumbers) {
    if (FindScatterLoops(kOp, t)) AddSlicesFor(kernels, name, t, ScatterSlices<kOp>);
  }
}

}  // namespace

void RegisterScatterKernels(KernelRegistry& kernels) {
  AddRows<ScatterOp::kAdd>(kernels, "Add");
  AddRows<ScatterOp::kSub>(kernels, "Sub");
  AddRows<ScatterOp::kMul>(kernels, "Mul");
  AddRows<ScatterOp::kDiv>(kernels, "Div");
  AddRows<ScatterOp::kMin>(kernels, "Min");
  AddRows<ScatterOp::kMax>(kernels, "Max");
  AddSlices<ScatterOp::kAdd>(kernels, "Add");
  AddSlices<ScatterOp::kSub>(kernels, "Sub");
  AddSlices<ScatterOp::kMin>(kernels, "Min");
  AddSlices<ScatterOp::kMax>(kernels, "Max");
  AddSlicesFor(kernels, "Add", kBool, ScatterSlices<ScatterOp::kAdd>);
  AddSlicesFor(kernels, "Sub", kBool, ScatterSlices<ScatterOp::kSub>);
  for (const char* op : {"ScatterUpdate", "ResourceScatterUpdate"}) {
    kernels.Add(op, kCpu, {}, ScatterRows<ScatterOp::kAssign>);
  }
  for (const char* op : {"ScatterNdUpdate", "ResourceScatterNdUpdate"}) {
    kernels.Add(op, kCpu, {}, ScatterSlices<ScatterOp::kAssign>);
  }
  kernels.Add<AssignStridedSlice>("StridedSliceAssign", kCpu, {});
  kernels.Add<AssignStridedSlice>("ResourceStridedSliceAssign", kCpu, {});
}

}  // namespace weft
