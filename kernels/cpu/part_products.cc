// SPDX-License-Identifier: Apache-2.0
// Products with some rows of a matrix w, for recurrent nets that are written out step by step. The
// plan's pass (src/runtime/hoist_products.cc) makes
//   _EarlyProducts   of w, x_1, ..., x_n: x_i times those rows, for all i at once
//   _LateProduct     of p, h, w: p + h times those rows
//   _EarlyGradients  of w, dz_1, ..., dz_n: dz_i times the transpose of those rows, all at once
//   _LateGradient    of dz, w: dz times the transpose of those rows
// Attributes: `first_row` and `rows`, the part of w.
#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/register.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

class PartProduct : public Kernel {
 public:
  PartProduct(KernelConstruction& c, bool transposed)
      : transposed_(transposed),
        first_row_(c.Attr<int64_t>("first_row")),
        rows_(c.Attr<int64_t>("rows")) {}

 protected:
  // That x [any, k] fits op(rows of w).
  absl::Status Check(KernelContext& ctx, const Array& x, const Array& w) const {
    if (x.rank() == 2 && w.rank() == 2 && first_row_ + rows_ <= w.dim(0) &&
        x.dim(1) == (transposed_ ? w.dim(1) : rows_))
      return absl::OkStatus();
    return ctx.InvalidArgument(StrCat("Matrix size-incompatible: In[0]: ", x.shape().ToString(),
                                      ", In[1]: rows ", first_row_, " to ", first_row_ + rows_,
                                      " of ", w.shape().ToString(),
                                      transposed_ ? " transposed" : ""));
  }
  int64_t columns(const Array& w) const { return transposed_ ? rows_ : w.dim(1); }
  // z [m, columns] = x [m, k] op(rows of w), or +=.
  void Multiply(KernelContext& ctx, int64_t m, const float* x, const Array& w, bool accumulate,
                float* z) const {
    const int64_t k = transposed_ ? w.dim(1) : rows_, n = columns(w);
    cpu::Gemm(/*transpose_a=*/false, transposed_, m, n, k, x, k,
              w.data<float>() + first_row_ * w.dim(1), w.dim(1), z, n, ctx.num_threads(),
              accumulate);
  }

 private:
  const bool transposed_;
  const int64_t first_row_, rows_;
};

template <bool kTransposed>
class EarlyProducts final : public PartProduct {
 public:
  explicit EarlyProducts(KernelConstruction& c) : PartProduct(c, kTransposed) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& w = ctx.input(0);
    int64_t m = 0;
    for (int i = 1; i < ctx.num_inputs(); ++i) {
      WEFT_RETURN_IF_ERROR(Check(ctx, ctx.input(i), w));
      m += ctx.input(i).dim(0);
    }
    const int64_t k = ctx.input(1).dim(1);
    WEFT_ASSIGN_OR_RETURN(Array x, ctx.AllocateTemp(kFloat32, Shape({m, k})));
    WEFT_ASSIGN_OR_RETURN(Array z, ctx.AllocateTemp(kFloat32, Shape({m, columns(w)})));
    float* to = x.mutable_data<float>();
    for (int i = 1; i < ctx.num_inputs(); ++i) {
      const Array& one = ctx.input(i);
      to = std::copy_n(one.data<float>(), one.num_elements(), to);
    }
    if (z.num_elements() > 0)
      Multiply(ctx, m, x.data<float>(), w, /*accumulate=*/false, z.mutable_data<float>());
    int64_t row = 0;
    for (int i = 1; i < ctx.num_inputs(); ++i) {
      const int64_t end = row + ctx.input(i).dim(0);
      ctx.set_output(i - 1, z.SliceRows(row, end));
      row = end;
    }
    return absl::OkStatus();
  }
};

class LateProduct final : public PartProduct {
 public:
  explicit LateProduct(KernelConstruction& c) : PartProduct(c, /*transposed=*/false) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array &early = ctx.input(0), &h = ctx.input(1), &w = ctx.input(2);
    WEFT_RETURN_IF_ERROR(Check(ctx, h, w));
    const Shape shape({h.dim(0), w.dim(1)});
    if (early.shape() != shape) {
      return ctx.InvalidArgument(StrCat(
          "ConcatOp : Dimensions of inputs should match: ", early.dim(0), " rows and ", h.dim(0)));
    }
    WEFT_ASSIGN_OR_RETURN(Array * z, ctx.AllocateOutput(0, shape));
    if (z->num_elements() == 0) return absl::OkStatus();
    float* out = z->mutable_data<float>();
    std::copy_n(early.data<float>(), early.num_elements(), out);
    Multiply(ctx, h.dim(0), h.data<float>(), w, /*accumulate=*/true, out);
    return absl::OkStatus();
  }
};

class LateGradient final : public PartProduct {
 public:
  explicit LateGradient(KernelConstruction& c) : PartProduct(c, /*transposed=*/true) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array &dz = ctx.input(0), &w = ctx.input(1);
    WEFT_RETURN_IF_ERROR(Check(ctx, dz, w));
    WEFT_ASSIGN_OR_RETURN(Array * dh, ctx.AllocateOutput(0, Shape({dz.dim(0), columns(w)})));
    if (dh->num_elements() > 0)
      Multiply(ctx, dz.dim(0), dz.data<float>(), w, /*accumulate=*/false,
               dh->mutable_data<float>());
    return absl::OkStatus();
  }
};

}  // namespace

void RegisterPartProductKernels(KernelRegistry& kernels) {
  const KernelConstraints type = {{"T", kFloat32}};
  kernels.Add<EarlyProducts<false>>("_EarlyProducts", kCpu, type);
  kernels.Add<EarlyProducts<true>>("_EarlyGradients", kCpu, type);
  kernels.Add<LateProduct>("_LateProduct", kCpu, type);
  kernels.Add<LateGradient>("_LateGradient", kCpu, type);
}

}  // namespace weft
