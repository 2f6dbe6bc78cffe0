// SPDX-License-Identifier: Apache-2.0
// Select and SelectV2. Elements are only moved: one loop for each size of element.
#include <algorithm>
#include <string>

#include "kernels/common/broadcast.h"
#include "kernels/cpu/compare_logical.h"
#include "kernels/cpu/element_class.h"
#include "kernels/cpu/elementwise.h"
#include "src/core/strings.h"

namespace weft {
namespace {

struct Choose {
  template <typename T>
  T operator()(bool condition, const T& t, const T& e) const {
    return condition ? t : e;
  }
};

// The element-wise loop for a dtype.
const ElementwiseOp& ChooseOp(DataType dtype) {
  return *WithElementClass(dtype, []<typename U>() {
    static constexpr ElementwiseOp kOp =
        ElementwiseTypes<U(bool, U, U)>::Op(TernaryLoop<bool, U, U, U, Choose>, kMoveCost<U>);
    return &kOp;
  });
}

using RowLoop = void (*)(const bool* condition, const void* t, const void* e, void* out,
                         int64_t begin, int64_t end, int64_t row_size);

// Rows [begin, end).
template <typename U>
void ChooseRows(const bool* condition, const void* t, const void* e, void* out, int64_t begin,
                int64_t end, int64_t row_size) {
  for (int64_t i = begin; i < end; ++i) {
    const U* from = static_cast<const U*>(condition[i] ? t : e);
    CopyRun(static_cast<U*>(out) + i * row_size, from + i * row_size, row_size);
  }
}

class SelectBase : public Kernel {
 public:
  explicit SelectBase(KernelConstruction& c) : op_(ChooseOp(RemoveRef(c.output_dtype(0)))) {}

 protected:
  // One of the two as it is, for a scalar condition.
  static absl::Status TakeWhole(KernelContext& ctx) {
    ctx.set_output(0, ctx.input(*ctx.input(0).data<bool>() ? 1 : 2));
    return absl::OkStatus();
  }
  const ElementwiseOp& op_;
};

class SelectKernel : public SelectBase {
 public:
  explicit SelectKernel(KernelConstruction& c) : SelectBase(c) {
    choose_rows_ = WithElementClass(RemoveRef(c.output_dtype(0)),
                                    []<typename U>() -> RowLoop { return ChooseRows<U>; });
  }
  absl::Status Compute(KernelContext& ctx) override {
    const Shape& condition = ctx.input(0).shape();
    const Shape& data = ctx.input(1).shape();
    if (!(data == ctx.input(2).shape())) {
      return ctx.InvalidArgument(StrCat("'then' and 'else' must have the same size. but received: ",
                                        data.ToString(), " vs. ", ctx.input(2).shape().ToString()));
    }
    if (condition.IsScalar()) return TakeWhole(ctx);
    if (condition == data) return RunElementwise(ctx, op_);
    if (condition.rank() == 1 && data.rank() > 1 && condition.dim(0) == data.dim(0))
      return Rows(ctx);
    return ctx.InvalidArgument(StrCat("the condition is ", condition.ToString(),
                                      ", 'then' and 'else' are ", data.ToString(),
                                      "; the condition must be a scalar, have the same shape, "
                                      "or be a vector of as many elements as they have rows"));
  }

 private:
  absl::Status Rows(KernelContext& ctx) const {
    const Array& t = ctx.input(1);
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, t.shape()));
    if (t.num_elements() == 0) return absl::OkStatus();
    const bool* condition = ctx.input(0).data<bool>();
    const int64_t rows = t.dim(0), row_size = t.num_elements() / rows;
    const void* e = ctx.input(2).raw_data();
    ctx.ParallelFor(
        rows, op_.cost_ns * static_cast<double>(row_size), [&](int64_t begin, int64_t end) {
          choose_rows_(condition, t.raw_data(), e, out->raw_data(), begin, end, row_size);
        });
    return absl::OkStatus();
  }

  RowLoop choose_rows_ = nullptr;
};

class SelectV2Kernel : public SelectBase {
 public:
  explicit SelectV2Kernel(KernelConstruction& c) : SelectBase(c) {}
  absl::Status Compute(KernelContext& ctx) override {
    const bool same = ctx.input(1).shape() == ctx.input(2).shape();
    if (same && ctx.input(0).shape().IsScalar()) return TakeWhole(ctx);
    return RunElementwise(ctx, op_);
  }
};

}  // namespace

void RegisterSelectKernels(KernelRegistry& k) {
  for (DataType t :
       {kFloat16, kBfloat16, kFloat32, kFloat64, kInt8, kInt16, kInt32, kInt64, kUint8, kUint16,
        kUint32, kUint64, kComplex64, kComplex128, kBool, kString, kResource, kVariant}) {
    k.Add<SelectKernel>("Select", kCpu, {{"T", t}});
    k.Add<SelectV2Kernel>("SelectV2", kCpu, {{"T", t}});
  }
}

}  // namespace weft
