// SPDX-License-Identifier: Apache-2.0
// Products with some rows of a matrix w, for recurrent nets that are written out step by step. The
// plan's pass (src/runtime/hoist_products.cc) makes
//   _EarlyProducts   of w, x_1, ..., x_n: x_i times those rows, for all i at once
//   _EarlyGradients  of w, dz_1, ..., dz_n: dz_i times the transpose of those rows, all at once
//   _PackRows        of w: those rows, or their transpose (attribute `transpose`), in panels
//   _LateProduct     of p, h, panels: p + h times those rows
//   _LateGradient    of dz, panels: dz times the transpose of those rows
// Attributes: `first_row` and `rows`, the part of w; of the last two `k` and `n`, the sizes of what
// is in the panels.
#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/packed_gemm.h"
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

class PackRows final : public Kernel {
 public:
  explicit PackRows(KernelConstruction& c)
      : transpose_(c.Attr<bool>("transpose")),
        first_row_(c.Attr<int64_t>("first_row")),
        rows_(c.Attr<int64_t>("rows")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& w = ctx.input(0);
    if (w.rank() != 2 || first_row_ + rows_ > w.dim(0)) {
      return ctx.InvalidArgument(StrCat("there are no rows ", first_row_, " to ",
                                        first_row_ + rows_, " of ", w.shape().ToString()));
    }
    const int64_t k = transpose_ ? w.dim(1) : rows_, n = transpose_ ? rows_ : w.dim(1);
    WEFT_ASSIGN_OR_RETURN(Array * panels, ctx.AllocateOutput(0, Shape({cpu::PackedFloats(n, k)})));
    cpu::PackMatrix(transpose_, n, k, w.data<float>() + first_row_ * w.dim(1), w.dim(1),
                    panels->mutable_data<float>());
    return absl::OkStatus();
  }

 private:
  const bool transpose_;
  const int64_t first_row_, rows_;
};

// x times what is in the panels; kAdds: and an addend, input 0.
template <bool kAdds>
class LateProduct final : public Kernel {
 public:
  explicit LateProduct(KernelConstruction& c)
      : k_(c.Attr<int64_t>("k")), n_(c.Attr<int64_t>("n")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array &x = ctx.input(kAdds ? 1 : 0), &panels = ctx.input(kAdds ? 2 : 1);
    if (x.rank() != 2 || x.dim(1) != k_ || panels.num_elements() != cpu::PackedFloats(n_, k_)) {
      return ctx.InvalidArgument(StrCat("Matrix size-incompatible: In[0]: ", x.shape().ToString(),
                                        ", In[1]: ", Shape({k_, n_}).ToString()));
    }
    const Shape shape({x.dim(0), n_});
    if (kAdds && ctx.input(0).shape() != shape) {
      return ctx.InvalidArgument(StrCat("ConcatOp : Dimensions of inputs should match: ",
                                        ctx.input(0).dim(0), " rows and ", x.dim(0)));
    }
    WEFT_ASSIGN_OR_RETURN(Array * z, ctx.AllocateOutput(0, shape));
    if (z->num_elements() == 0) return absl::OkStatus();
    float* out = z->mutable_data<float>();
    if (kAdds) std::copy_n(ctx.input(0).data<float>(), z->num_elements(), out);
    cpu::PackedGemm(x.dim(0), n_, k_, x.data<float>(), k_, panels.data<float>(), out, n_,
                    ctx.num_threads(), /*accumulate=*/kAdds);
    return absl::OkStatus();
  }

 private:
  const int64_t k_, n_;
};

}  // namespace

void RegisterPartProductKernels(KernelRegistry& kernels) {
  const KernelConstraints type = {{"T", kFloat32}};
  kernels.Add<EarlyProducts<false>>("_EarlyProducts", kCpu, type);
  kernels.Add<EarlyProducts<true>>("_EarlyGradients", kCpu, type);
  kernels.Add<PackRows>("_PackRows", kCpu, type);
  kernels.Add<LateProduct<true>>("_LateProduct", kCpu, type);
  kernels.Add<LateProduct<false>>("_LateGradient", kCpu, type);
}

}  // namespace weft
