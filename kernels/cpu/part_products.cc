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
#include <string>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/packed_gemm.h"
#include "kernels/cpu/register.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// Takes some rows of w, or their transpose.
class PartKernel : public Kernel {
 public:
  PartKernel(KernelConstruction& c, bool transpose)
      : transpose_(transpose),
        first_row_(c.Attr<int64_t>("first_row")),
        rows_(c.Attr<int64_t>("rows")) {}

 protected:
  bool transpose() const { return transpose_; }
  bool has_part(const Array& w) const { return w.rank() == 2 && first_row_ + rows_ <= w.dim(0); }
  std::string part(const Array& w) const {
    return StrCat("rows ", first_row_, " to ", first_row_ + rows_, " of ", w.shape().ToString(),
                  transpose_ ? " transposed" : "");
  }
  // Of a matrix that has the part: where it begins, and the sizes [k, n] of what is multiplied by.
  const float* begin(const Array& w) const { return w.data<float>() + first_row_ * w.dim(1); }
  int64_t k(const Array& w) const { return transpose_ ? w.dim(1) : rows_; }
  int64_t n(const Array& w) const { return transpose_ ? rows_ : w.dim(1); }

 private:
  const bool transpose_;
  const int64_t first_row_, rows_;
};

template <bool kTransposed>
class EarlyProducts final : public PartKernel {
 public:
  explicit EarlyProducts(KernelConstruction& c) : PartKernel(c, kTransposed) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& w = ctx.input(0);
    int64_t m = 0;
    for (int i = 1; i < ctx.num_inputs(); ++i) {
      const Array& x = ctx.input(i);
      if (x.rank() != 2 || !has_part(w) || x.dim(1) != k(w)) {
        return ctx.InvalidArgument(StrCat("Matrix size-incompatible: In[0]: ", x.shape().ToString(),
                                          ", In[1]: ", part(w)));
      }
      m += x.dim(0);
    }
    WEFT_ASSIGN_OR_RETURN(Array x, ctx.AllocateTemp(kFloat32, Shape({m, k(w)})));
    WEFT_ASSIGN_OR_RETURN(Array z, ctx.AllocateTemp(kFloat32, Shape({m, n(w)})));
    float* to = x.mutable_data<float>();
    for (int i = 1; i < ctx.num_inputs(); ++i) {
      const Array& one = ctx.input(i);
      to = std::copy_n(one.data<float>(), one.num_elements(), to);
    }
    if (z.num_elements() > 0) {
      cpu::Gemm(/*transpose_a=*/false, kTransposed, m, n(w), k(w), x.data<float>(), k(w), begin(w),
                w.dim(1), z.mutable_data<float>(), n(w), ctx.num_threads(), /*accumulate=*/false);
    }
    int64_t row = 0;
    for (int i = 1; i < ctx.num_inputs(); ++i) {
      const int64_t end = row + ctx.input(i).dim(0);
      ctx.set_output(i - 1, z.SliceRows(row, end));
      row = end;
    }
    return absl::OkStatus();
  }
};

class PackRows final : public PartKernel {
 public:
  explicit PackRows(KernelConstruction& c) : PartKernel(c, c.Attr<bool>("transpose")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& w = ctx.input(0);
    if (!has_part(w)) return ctx.InvalidArgument(StrCat("there are no ", part(w)));
    WEFT_ASSIGN_OR_RETURN(Array * panels,
                          ctx.AllocateOutput(0, Shape({cpu::PackedFloats(n(w), k(w))})));
    cpu::PackMatrix(transpose(), n(w), k(w), begin(w), w.dim(1), panels->mutable_data<float>());
    return absl::OkStatus();
  }
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
