// SPDX-License-Identifier: Apache-2.0
// Products of which the plan's pass src/runtime/split_products.cc has saved copies:
//   _ProductOfParts  of x_1, ..., x_n, w: the x side by side times w
//   _PartsOfProduct  of dz, w: columns of dz times the transpose of w, an output for each of the
//                    attributes `columns` (the first) and `widths` (how many)
#include <cstdint>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "kernels/cpu/concat_copy.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/register.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/small_gemm.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

absl::Status ProductOfParts(KernelContext& ctx) {
  const int parts = ctx.num_inputs() - 1;
  const Array& w = ctx.input(parts);
  const Array& first = ctx.input(0);
  absl::InlinedVector<cpu::LeftOperand, 4> operands;
  absl::InlinedVector<const Array*, 4> xs;
  int64_t k = 0;
  for (int i = 0; i < parts; ++i) {
    const Array& x = ctx.input(i);
    if (x.rank() != 2 || first.rank() != 2 || x.dim(0) != first.dim(0)) {
      return ctx.InvalidArgument(StrCat(
          "ConcatOp : Dimensions of inputs should match: shape[0] = ", first.shape().ToString(),
          " vs. shape[", i, "] = ", x.shape().ToString()));
    }
    xs.push_back(&x);
    operands.push_back({x.data<float>(), x.dim(1), x.dim(1), 1});
    k += x.dim(1);
  }
  const int64_t m = first.dim(0);
  if (w.rank() != 2 || w.dim(0) != k) {
    return ctx.InvalidArgument(StrCat("Matrix size-incompatible: In[0]: ", Shape({m, k}).ToString(),
                                      ", In[1]: ", w.shape().ToString()));
  }
  const int64_t n = w.dim(1);
  WEFT_ASSIGN_OR_RETURN(Array * z, ctx.AllocateOutput(0, Shape({m, n})));
  if (z->num_elements() == 0) return absl::OkStatus();
  if (cpu::ChooseGemmPath(/*transpose_a=*/false, /*transpose_b=*/false, m, n, k) ==
      cpu::GemmPath::kSmall) {
    cpu::SmallGemm(operands, m, n, w.data<float>(), n, z->mutable_data<float>(), n,
                   /*accumulate=*/false);
    return absl::OkStatus();
  }
  // One product of k columns has the bits that it would have by itself.
  WEFT_ASSIGN_OR_RETURN(Array whole, ctx.AllocateTemp(kFloat32, Shape({m, k})));
  ConcatBlocks(ctx, xs, m, &whole);
  cpu::Gemm(/*transpose_a=*/false, /*transpose_b=*/false, m, n, k, whole.data<float>(), k,
            w.data<float>(), n, z->mutable_data<float>(), n, ctx.num_threads());
  return absl::OkStatus();
}

RowUse ProductOfPartsRows(const KernelContext& ctx, int64_t rows) {
  const int parts = ctx.num_inputs() - 1;
  const Array& w = ctx.input(parts);
  if (!cpu::ProductHasRows(/*transpose_b=*/false, ctx.input(0).dim(0), rows, w.dim(1), w.dim(0)))
    return {};
  return {.split = cpu::SplitFirst(ctx, parts), .row_ns = cpu::ProductRowCost(w.dim(1), w.dim(0))};
}

class PartsOfProduct final : public Kernel {
 public:
  explicit PartsOfProduct(KernelConstruction& c)
      : columns_(c.Attr<std::vector<int64_t>>("columns")),
        widths_(c.Attr<std::vector<int64_t>>("widths")) {
    if (columns_.size() != widths_.size())
      c.Fail(absl::InternalError("_PartsOfProduct: malformed"));
  }

  absl::Status Compute(KernelContext& ctx) override {
    const Array &dz = ctx.input(0), &w = ctx.input(1);
    if (dz.rank() != 2 || w.rank() != 2 || dz.dim(1) != w.dim(1)) {
      return ctx.InvalidArgument(StrCat("Matrix size-incompatible: In[0]: ", dz.shape().ToString(),
                                        ", In[1]: ", w.shape().ToString(), " transposed"));
    }
    const int64_t m = dz.dim(0), k = dz.dim(1);
    for (size_t i = 0; i < columns_.size(); ++i) {
      const int64_t column = columns_[i], width = widths_[i];
      if (column > w.dim(0) || width > w.dim(0) - column) {
        return ctx.InvalidArgument(
            StrCat("Expected size[1] in [0, ", w.dim(0) - column, "], but got ", width));
      }
      WEFT_ASSIGN_OR_RETURN(Array * part,
                            ctx.AllocateOutput(static_cast<int>(i), Shape({m, width})));
      if (part->num_elements() == 0) continue;
      cpu::Gemm(/*transpose_a=*/false, /*transpose_b=*/true, m, width, k, dz.data<float>(), k,
                w.data<float>() + column * k, k, part->mutable_data<float>(), width,
                ctx.num_threads());
    }
    return absl::OkStatus();
  }

  bool works_by_rows() const override { return true; }
  RowUse DivideRows(const KernelContext& ctx, int64_t rows) const override {
    const Array& dz = ctx.input(0);
    RowUse use{.split = cpu::SplitFirst(ctx, 1)};
    for (const int64_t width : widths_) {
      if (!cpu::ProductHasRows(/*transpose_b=*/true, dz.dim(0), rows, width, dz.dim(1))) return {};
      use.row_ns += cpu::ProductRowCost(width, dz.dim(1));
    }
    return use;
  }

 private:
  const std::vector<int64_t> columns_, widths_;
};

}  // namespace

void RegisterSplitProductKernels(KernelRegistry& kernels) {
  kernels.Add("_ProductOfParts", kCpu, {{"T", kFloat32}}, ProductOfParts,
              {.rows = ProductOfPartsRows});
  kernels.Add<PartsOfProduct>("_PartsOfProduct", kCpu, {{"T", kFloat32}});
}

}  // namespace weft
