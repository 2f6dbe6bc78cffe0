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

template <ScatterOp kOp, typename T>
absl::Status CheckDivisors(KernelContext& ctx, const T* updates, int64_t n) {
  if constexpr (kOp == ScatterOp::kDiv && std::is_integral_v<T>) {
    if (std::find(updates, updates + n, T{0}) != updates + n) {
      return ctx.InvalidArgument("Integer division by zero");
    }
  }
  return absl::OkStatus();
}

// T: the element's type, or its element class if rows are replaced.
template <ScatterOp kOp, typename T>
absl::Status ScatterRowsAs(KernelContext& ctx, DataType dtype) {
  const Array& indices = ctx.input(1);
  const Array& updates = ctx.input(2);
  WEFT_ASSIGN_OR_RETURN(VariableLock v, VariableLock::Take(ctx, 0, dtype));
  WEFT_ASSIGN_OR_RETURN(const ScatterNdPlan plan,
                        PlanRows(ctx, v->shape(), indices, updates.shape()));
  const T* const from = ElementsOf<T>(updates);
  WEFT_RETURN_IF_ERROR((CheckDivisors<kOp, T>(ctx, from, updates.num_elements())));
  ReturnReference(ctx);
  if (plan.offsets.empty() || plan.inner == 0) return absl::OkStatus();
  T* const target = MutableElementsOf<T>(*v->Mutable());
  if (updates.shape().IsScalar()) {
    ApplyScatterScalar<kOp>(ctx, plan, *from, target);
  } else {
    ApplyScatterNd<kOp>(ctx, plan, from, target);
  }
  return absl::OkStatus();
}

template <ScatterOp kOp, typename T>
absl::Status ScatterRows(KernelContext& ctx) {
  return ScatterRowsAs<kOp, T>(ctx, dtype_of<T>);
}

absl::Status ReplaceRows(KernelContext& ctx) {
  const DataType dtype = ctx.input(2).dtype();
  return WithElementClass(
      dtype, [&]<typename U>() { return ScatterRowsAs<ScatterOp::kAssign, U>(ctx, dtype); });
}

template <ScatterOp kOp, typename T>
absl::Status ScatterSlicesAs(KernelContext& ctx, DataType dtype) {
  const Array& indices = ctx.input(1);
  const Array& updates = ctx.input(2);
  WEFT_ASSIGN_OR_RETURN(VariableLock v, VariableLock::Take(ctx, 0, dtype));
  if (v->shape().rank() < 1) {
    return ctx.InvalidArgument(
        StrCat("Output must be at least 1-D, got shape: ", v->shape().ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(const ScatterNdPlan plan,
                        PlanScatterNd(ctx, indices, updates.shape(), v->shape()));
  ReturnReference(ctx);
  if (plan.offsets.empty() || plan.inner == 0) return absl::OkStatus();
  ApplyScatterNd<kOp>(ctx, plan, ElementsOf<T>(updates), MutableElementsOf<T>(*v->Mutable()));
  return absl::OkStatus();
}

template <ScatterOp kOp, typename T>
absl::Status ScatterSlices(KernelContext& ctx) {
  return ScatterSlicesAs<kOp, T>(ctx, dtype_of<T>);
}

absl::Status ReplaceSlices(KernelContext& ctx) {
  const DataType dtype = ctx.input(2).dtype();
  return WithElementClass(
      dtype, [&]<typename U>() { return ScatterSlicesAs<ScatterOp::kAssign, U>(ctx, dtype); });
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

template <ScatterOp kOp, typename T>
void AddRows(KernelRegistry& kernels, const std::string& name) {
  kernels.Add("Scatter" + name, kCpu, {{"T", dtype_of<T>}}, ScatterRows<kOp, T>);
  kernels.Add("ResourceScatter" + name, kCpu, {{"dtype", dtype_of<T>}}, ScatterRows<kOp, T>);
}

template <ScatterOp kOp, typename T>
void AddSlices(KernelRegistry& kernels, const std::string& name) {
  kernels.Add("ScatterNd" + name, kCpu, {{"T", dtype_of<T>}}, ScatterSlices<kOp, T>);
  kernels.Add("ResourceScatterNd" + name, kCpu, {{"T", dtype_of<T>}}, ScatterSlices<kOp, T>);
}

template <typename T>
void AddArithmetic(KernelRegistry& kernels) {
  AddRows<ScatterOp::kAdd, T>(kernels, "Add");
  AddRows<ScatterOp::kSub, T>(kernels, "Sub");
  AddRows<ScatterOp::kMul, T>(kernels, "Mul");
  AddRows<ScatterOp::kDiv, T>(kernels, "Div");
  AddSlices<ScatterOp::kAdd, T>(kernels, "Add");
  AddSlices<ScatterOp::kSub, T>(kernels, "Sub");
}

template <typename T>
void AddExtrema(KernelRegistry& kernels) {
  AddRows<ScatterOp::kMin, T>(kernels, "Min");
  AddRows<ScatterOp::kMax, T>(kernels, "Max");
  AddSlices<ScatterOp::kMin, T>(kernels, "Min");
  AddSlices<ScatterOp::kMax, T>(kernels, "Max");
}

}  // namespace

void RegisterScatterKernels(KernelRegistry& kernels) {
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t>([&]<typename T>() {
    AddArithmetic<T>(kernels);
    AddExtrema<T>(kernels);
  });
  ForTypes<complex64, complex128>([&]<typename T>() { AddArithmetic<T>(kernels); });
  AddSlices<ScatterOp::kAdd, bool>(kernels, "Add");
  AddSlices<ScatterOp::kSub, bool>(kernels, "Sub");
  for (const char* op : {"ScatterUpdate", "ResourceScatterUpdate"}) {
    kernels.Add(op, kCpu, {}, ReplaceRows);
  }
  for (const char* op : {"ScatterNdUpdate", "ResourceScatterNdUpdate"}) {
    kernels.Add(op, kCpu, {}, ReplaceSlices);
  }
  kernels.Add<AssignStridedSlice>("StridedSliceAssign", kCpu, {});
  kernels.Add<AssignStridedSlice>("ResourceStridedSliceAssign", kCpu, {});
}

}  // namespace weft
