// SPDX-License-Identifier: Apache-2.0
// SparseMatMul: dense storage, but an operand that is said to be sparse is walked over its
// non-zeros only: 0 * infinity adds nothing.
#include <algorithm>
#include <type_traits>

#include "kernels/cpu/gemm.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

using cpu::GemmArgs;
using cpu::MatrixOp;

struct SparseAttrs {
  explicit SparseAttrs(KernelConstruction& c)
      : transpose_a(c.Attr<bool>("transpose_a")),
        transpose_b(c.Attr<bool>("transpose_b")),
        a_is_sparse(c.Attr<bool>("a_is_sparse")),
        b_is_sparse(c.Attr<bool>("b_is_sparse")) {}
  bool transpose_a, transpose_b, a_is_sparse, b_is_sparse;
};

// A stored matrix as its product presents it.
template <typename T>
struct Operand {
  const T* data;
  int64_t rows, columns;  // of op(matrix)
  bool transposed;
  float at(int64_t r, int64_t c) const {
    return static_cast<float>(transposed ? data[c * rows + r] : data[r * columns + c]);
  }
};

// The rows of an operand, or of its transpose, as floats one after the other: the operand itself if
// it is stored so.
template <typename T>
absl::StatusOr<const float*> FloatRows(KernelContext& ctx, const Operand<T>& x, bool flip,
                                       Array* memory) {
  if constexpr (std::is_same_v<T, float>) {
    if (x.transposed == flip) return x.data;
  }
  const int64_t rows = flip ? x.columns : x.rows, columns = flip ? x.rows : x.columns;
  WEFT_ASSIGN_OR_RETURN(*memory, ctx.AllocateTemp(kFloat32, Shape({rows, columns})));
  float* out = memory->mutable_data<float>();
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) *out++ = flip ? x.at(c, r) : x.at(r, c);
  }
  return static_cast<const float*>(memory->data<float>());
}

// out[m,n] = left * right, where right's rows are dense floats. `left_at(i, p)` gives an element of
// left.
template <typename F>
void SparseTimesDense(KernelContext& ctx, int64_t m, int64_t n, int64_t k, F left_at,
                      const float* right, float* out) {
  ctx.ParallelFor(
      m, 1.0 + static_cast<double>(k) + static_cast<double>(n) * static_cast<double>(k) / 32,
      [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          float* row = out + i * n;
          std::fill_n(row, n, 0.f);
          for (int64_t p = 0; p < k; ++p) {
            const float factor = left_at(i, p);
            if (factor == 0.f) continue;
            const float* from = right + p * n;
            for (int64_t j = 0; j < n; ++j) row[j] += factor * from[j];
          }
        }
      });
}

template <typename A, typename B>
class SparseMatMulKernel : public Kernel {
 public:
  explicit SparseMatMulKernel(KernelConstruction& c) : attrs_(c) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array &a = ctx.input(0), &b = ctx.input(1);
    if (a.rank() != 2)
      return ctx.InvalidArgument(StrCat("a is not a matrix: its shape is ", a.shape().ToString()));
    if (b.rank() != 2)
      return ctx.InvalidArgument(StrCat("b is not a matrix: its shape is ", b.shape().ToString()));
    const int ta = attrs_.transpose_a ? 1 : 0, tb = attrs_.transpose_b ? 1 : 0;
    const Operand<A> x = {a.data<A>(), a.dim(ta), a.dim(1 - ta), attrs_.transpose_a};
    const Operand<B> y = {b.data<B>(), b.dim(tb), b.dim(1 - tb), attrs_.transpose_b};
    if (x.columns != y.rows) {
      return ctx.InvalidArgument(StrCat("Matrix size incompatible: a: ", a.shape().ToString(),
                                        ", b: ", b.shape().ToString()));
    }
    Shape shape;
    std::string error;
    if (!Shape::Make(std::vector<int64_t>{x.rows, y.columns}, &shape, &error))
      return ctx.InvalidArgument(error);
    WEFT_ASSIGN_OR_RETURN(Array * product, ctx.AllocateOutput(0, shape));
    if (product->num_elements() == 0) return absl::OkStatus();
    float* out = product->mutable_data<float>();
    if (attrs_.a_is_sparse) return LeftSparse(ctx, x, y, out);
    if (attrs_.b_is_sparse) return RightSparse(ctx, x, y, out);
    const GemmArgs gemm = {attrs_.transpose_a ? MatrixOp::kTranspose : MatrixOp::kNone,
                           attrs_.transpose_b ? MatrixOp::kTranspose : MatrixOp::kNone,
                           x.rows,
                           y.columns,
                           x.columns,
                           ctx.num_threads()};
    return cpu::GemmAny(gemm, x.data, y.data, out);
  }

 private:
  static absl::Status LeftSparse(KernelContext& ctx, const Operand<A>& x, const Operand<B>& y,
                                 float* out) {
    Array memory;
    WEFT_ASSIGN_OR_RETURN(const float* right, FloatRows(ctx, y, false, &memory));
    SparseTimesDense(
        ctx, x.rows, y.columns, x.columns, [&](int64_t i, int64_t p) { return x.at(i, p); }, right,
        out);
    return absl::OkStatus();
  }
  // By way of the transposed product, in which the right operand stands left.
  static absl::Status RightSparse(KernelContext& ctx, const Operand<A>& x, const Operand<B>& y,
                                  float* out) {
    Array memory;
    WEFT_ASSIGN_OR_RETURN(const float* right, FloatRows(ctx, x, true, &memory));
    WEFT_ASSIGN_OR_RETURN(Array flipped, ctx.AllocateTemp(kFloat32, Shape({y.columns, x.rows})));
    float* product = flipped.mutable_data<float>();
    SparseTimesDense(
        ctx, y.columns, x.rows, x.columns, [&](int64_t j, int64_t p) { return y.at(p, j); }, right,
        product);
    for (int64_t i = 0; i < x.rows; ++i) {
      for (int64_t j = 0; j < y.columns; ++j) out[i * y.columns + j] = product[j * x.rows + i];
    }
    return absl::OkStatus();
  }
  SparseAttrs attrs_;
};

}  // namespace

void RegisterSparseMatMulKernels(KernelRegistry& kernels) {
  kernels.Add<SparseMatMulKernel<float, float>>("SparseMatMul", kCpu,
                                                {{"Ta", kFloat32}, {"Tb", kFloat32}});
  kernels.Add<SparseMatMulKernel<float, bfloat16>>("SparseMatMul", kCpu,
                                                   {{"Ta", kFloat32}, {"Tb", kBfloat16}});
  kernels.Add<SparseMatMulKernel<bfloat16, float>>("SparseMatMul", kCpu,
                                                   {{"Ta", kBfloat16}, {"Tb", kFloat32}});
  kernels.Add<SparseMatMulKernel<bfloat16, bfloat16>>("SparseMatMul", kCpu,
                                                      {{"Ta", kBfloat16}, {"Tb", kBfloat16}});
}

}  // namespace weft
