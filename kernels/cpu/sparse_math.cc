// SPDX-License-Identifier: Apache-2.0
// SparseAdd, SparseAddGrad, SparseSparseMaximum, SparseSparseMinimum, SparseTensorDenseMatMul,
// SparseTensorDenseAdd, SparseDenseCwiseAdd, SparseDenseCwiseMul, SparseDenseCwiseDiv.
#include <algorithm>
#include <complex>
#include <functional>
#include <type_traits>
#include <vector>

#include "kernels/cpu/sparse.h"

namespace weft {
namespace {

// ---- two sparse tensors ----

// A place where one of two sparse tensors has a value: which value of a and of b; -1 for none.
struct Pair {
  int64_t a, b;
};

// The places of both, in row-major order if the operands are. Inputs: a at 0 to 2, b at 3 to 5.
absl::StatusOr<std::vector<Pair>> Union(KernelContext& ctx) {
  WEFT_RETURN_IF_ERROR(CheckSparseInputs(ctx, 0, 1, 2));
  WEFT_RETURN_IF_ERROR(CheckSparseInputs(ctx, 3, 4, 5));
  const Array &a_shape = ctx.input(2), &b_shape = ctx.input(5);
  if (a_shape.dim(0) != b_shape.dim(0)) {
    return ctx.InvalidArgument(StrCat("Operands do not have the same ranks; got ranks: ",
                                      a_shape.dim(0), " and ", b_shape.dim(0)));
  }
  const int64_t rank = a_shape.dim(0);
  for (int64_t d = 0; d < rank; ++d) {
    const int64_t in_a = a_shape.data<int64_t>()[d], in_b = b_shape.data<int64_t>()[d];
    if (in_a == in_b) continue;
    return ctx.InvalidArgument(
        StrCat("Operands' shapes do not match: got ", in_a, " and ", in_b, " for dimension ", d));
  }
  const int64_t *a = ctx.input(0).data<int64_t>(), *b = ctx.input(3).data<int64_t>();
  const int64_t a_count = ctx.input(0).dim(0), b_count = ctx.input(3).dim(0);
  std::vector<Pair> pairs;
  pairs.reserve(static_cast<size_t>(a_count + b_count));
  int64_t i = 0, j = 0;
  while (i < a_count || j < b_count) {
    const int order = i == a_count   ? 1
                      : j == b_count ? -1
                                     : CompareIndices(a + i * rank, b + j * rank, rank);
    pairs.push_back({order <= 0 ? i++ : -1, order >= 0 ? j++ : -1});
  }
  return pairs;
}

absl::Status OutputIndices(KernelContext& ctx, const std::vector<Pair>& pairs) {
  const int64_t rank = ctx.input(0).dim(1);
  WEFT_ASSIGN_OR_RETURN(Array * out,
                        ctx.AllocateOutput(0, Shape({static_cast<int64_t>(pairs.size()), rank})));
  const int64_t *a = ctx.input(0).data<int64_t>(), *b = ctx.input(3).data<int64_t>();
  int64_t* to = out->mutable_data<int64_t>();
  for (const Pair& p : pairs) {
    to = std::copy_n(p.a >= 0 ? a + p.a * rank : b + p.b * rank, rank, to);
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status Add(KernelContext& ctx) {
  if (ctx.input(6).rank() != 0) {
    return ctx.InvalidArgument(StrCat("The magnitude threshold must be a scalar: got shape ",
                                      ctx.input(6).shape().ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(std::vector<Pair> pairs, Union(ctx));
  const double least = ctx.input(6).AsDouble();
  const T *a = ctx.input(1).data<T>(), *b = ctx.input(4).data<T>();
  const auto sum = [&](const Pair& p) {
    if (p.a < 0) return b[p.b];
    return p.b < 0 ? a[p.a] : static_cast<T>(a[p.a] + b[p.b]);
  };
  if (least > 0) {
    std::erase_if(pairs, [&](const Pair& p) {
      if constexpr (internal::ComplexNumber<T>)
        return std::abs(sum(p)) < least;
      else
        return std::abs(static_cast<double>(sum(p))) < least;
    });
  }
  WEFT_RETURN_IF_ERROR(OutputIndices(ctx, pairs));
  WEFT_ASSIGN_OR_RETURN(Array * out,
                        ctx.AllocateOutput(1, Shape({static_cast<int64_t>(pairs.size())})));
  std::transform(pairs.begin(), pairs.end(), out->mutable_data<T>(), sum);
  ctx.set_output(2, ctx.input(2));
  return absl::OkStatus();
}

// Elements that are not there are 0.
template <typename T, typename Choose>
absl::Status Extremum(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const std::vector<Pair> pairs, Union(ctx));
  WEFT_RETURN_IF_ERROR(OutputIndices(ctx, pairs));
  WEFT_ASSIGN_OR_RETURN(Array * out,
                        ctx.AllocateOutput(1, Shape({static_cast<int64_t>(pairs.size())})));
  const T *a = ctx.input(1).data<T>(), *b = ctx.input(4).data<T>();
  std::transform(pairs.begin(), pairs.end(), out->mutable_data<T>(), [&](const Pair& p) {
    const T left = p.a < 0 ? T(0) : a[p.a], right = p.b < 0 ? T(0) : b[p.b];
    return Choose()(left, right) ? left : right;
  });
  return absl::OkStatus();
}

// The gradient of one operand's values: that of the sum where the sum has the place, else 0. Both
// are in row-major order. Places are matched by the indices of inputs `operand` and 3.
absl::Status PartOfSum(KernelContext& ctx, int operand, int output) {
  const Array &dy = ctx.input(0), &part = ctx.input(operand), &sum = ctx.input(3);
  const int64_t rank = sum.dim(1), n = part.dim(0), total = sum.dim(0);
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(output, Shape({n})));
  std::fill_n(static_cast<char*>(out->raw_data()), out->num_bytes(), '\0');
  const int64_t *at = part.data<int64_t>(), *place = sum.data<int64_t>();
  int64_t k = 0;
  for (int64_t i = 0; i < n; ++i, at += rank) {
    while (k < total && CompareIndices(place + k * rank, at, rank) < 0) ++k;
    if (k < total && CompareIndices(place + k * rank, at, rank) == 0) CopyElement(dy, k, out, i);
  }
  return absl::OkStatus();
}

absl::Status AddGrad(KernelContext& ctx) {
  for (int i = 1; i <= 3; ++i) {
    if (ctx.input(i).rank() == 2 && ctx.input(i).dim(1) == ctx.input(1).dim(1)) continue;
    return ctx.InvalidArgument(
        StrCat("Input indices should be matrices of one number of columns, but input ", i,
               " is of shape ", ctx.input(i).shape().ToString()));
  }
  const Array& dy = ctx.input(0);
  if (dy.rank() != 1 || dy.dim(0) != ctx.input(3).dim(0)) {
    return ctx.InvalidArgument(
        StrCat("# elements of backprop_val_grad and # rows of sum_indices "
               "should match (#nnz of sum): got ",
               dy.shape().ToString(), " and ", ctx.input(3).dim(0)));
  }
  WEFT_RETURN_IF_ERROR(PartOfSum(ctx, 1, 0));
  return PartOfSum(ctx, 2, 1);
}

// ---- a sparse matrix times a dense one ----

template <typename T>
T Conjugate(T v) {
  if constexpr (internal::ComplexNumber<T>)
    return std::conj(v);
  else
    return v;
}

struct MatMulShapes {
  int64_t rows, inner, columns;  // of the product, and what is summed over
};

template <typename T>
class SparseMatMul final : public Kernel {
 public:
  explicit SparseMatMul(KernelConstruction& c)
      : adjoint_a_(c.Attr<bool>("adjoint_a")), adjoint_b_(c.Attr<bool>("adjoint_b")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const MatMulShapes s, Shapes(ctx));
    const Array &indices = ctx.input(0), &b = ctx.input(3);
    const int64_t n = indices.dim(0);
    // Where each value of a goes and what it is multiplied with.
    std::vector<int64_t> to(static_cast<size_t>(n)), from(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) {
      const int64_t row = indices.AsInt64(2 * i + (adjoint_a_ ? 1 : 0)),
                    k = indices.AsInt64(2 * i + (adjoint_a_ ? 0 : 1));
      if (k < 0 || k >= s.inner) return OutOfBounds(ctx, "k", k, i, adjoint_a_ ? 0 : 1, s.inner);
      if (row < 0 || row >= s.rows)
        return OutOfBounds(ctx, "m", row, i, adjoint_a_ ? 1 : 0, s.rows);
      to[static_cast<size_t>(i)] = row;
      from[static_cast<size_t>(i)] = k;
    }
    Shape shape;
    std::string why;
    const int64_t sizes[] = {s.rows, s.columns};
    if (!Shape::Make(sizes, &shape, &why)) return ctx.InvalidArgument(why);
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    const T *values = ctx.input(1).data<T>(), *dense = b.data<T>();
    T* product = out->mutable_data<T>();
    // Columns of the product are shared out: each thread takes all values in turn, so sums don't
    // depend on the number of threads.
    const double cost = static_cast<double>(n) + static_cast<double>(s.rows);
    ctx.ParallelFor(s.columns, cost, [&](int64_t begin, int64_t end) {
      Columns(s, values, dense, to, from, begin, end, product);
    });
    return absl::OkStatus();
  }

 private:
  // bfloat16 is summed as float.
  using Sum = std::conditional_t<std::is_same_v<T, bfloat16>, float, T>;

  void Columns(const MatMulShapes& s, const T* values, const T* dense,
               const std::vector<int64_t>& to, const std::vector<int64_t>& from, int64_t begin,
               int64_t end, T* product) const {
    const int64_t width = end - begin;
    std::vector<Sum> kept;
    Sum* sums;
    int64_t stride;
    if constexpr (std::is_same_v<T, Sum>) {
      sums = product + begin;
      stride = s.columns;
    } else {
      kept.resize(static_cast<size_t>(s.rows * width));
      sums = kept.data();
      stride = width;
    }
    for (int64_t row = 0; row < s.rows; ++row) std::fill_n(sums + row * stride, width, Sum(0));
    for (size_t i = 0; i < to.size(); ++i) {
      const Sum value = static_cast<Sum>(adjoint_a_ ? Conjugate(values[i]) : values[i]);
      Sum* row = sums + to[i] * stride;
      if (adjoint_b_) {
        const T* column = dense + begin * s.inner + from[i];
        for (int64_t j = 0; j < width; ++j)
          row[j] += value * static_cast<Sum>(Conjugate(column[j * s.inner]));
      } else {
        const T* line = dense + from[i] * s.columns + begin;
        for (int64_t j = 0; j < width; ++j) row[j] += value * static_cast<Sum>(line[j]);
      }
    }
    if constexpr (!std::is_same_v<T, Sum>) {
      for (int64_t row = 0; row < s.rows; ++row) {
        for (int64_t j = 0; j < width; ++j)
          product[row * s.columns + begin + j] = static_cast<T>(sums[row * stride + j]);
      }
    }
  }

  absl::StatusOr<MatMulShapes> Shapes(KernelContext& ctx) const {
    const Array &shape = ctx.input(2), &b = ctx.input(3);
    if (b.rank() != 2) {
      return ctx.InvalidArgument(
          StrCat("Tensor 'b' is not a matrix, but of shape ", b.shape().ToString()));
    }
    if (shape.rank() != 1 || shape.num_elements() != 2)
      return ctx.InvalidArgument("Tensor 'a_shape' must have 2 elements");
    WEFT_RETURN_IF_ERROR(CheckSparseInputs(ctx, 0, 1, 2));
    const int64_t rows = shape.AsInt64(adjoint_a_ ? 1 : 0),
                  inner = shape.AsInt64(adjoint_a_ ? 0 : 1);
    if (rows < 0 || inner < 0) {
      return ctx.InvalidArgument(StrCat("sizes in 'a_shape' must not be negative: [",
                                        shape.AsInt64(0), ",", shape.AsInt64(1), "]"));
    }
    if (b.dim(adjoint_b_ ? 1 : 0) != inner) {
      return ctx.InvalidArgument(
          StrCat("Cannot multiply A and B because inner dimension does not match: ", inner, " vs. ",
                 b.dim(adjoint_b_ ? 1 : 0), ".  Did you forget a transpose?  Dimensions of A: [",
                 rows, ", ", inner, ").  Dimensions of B: ", b.shape().ToString()));
    }
    return MatMulShapes{rows, inner, b.dim(adjoint_b_ ? 0 : 1)};
  }

  static absl::Status OutOfBounds(KernelContext& ctx, const char* what, int64_t value, int64_t i,
                                  int column, int64_t limit) {
    return ctx.InvalidArgument(StrCat(what, " (", value, ") from index[", i, ",", column,
                                      "] out of bounds (>=", limit, ")"));
  }

  const bool adjoint_a_, adjoint_b_;
};

// ---- a sparse tensor and a dense one ----

template <typename T>
absl::Status DenseAdd(KernelContext& ctx) {
  WEFT_RETURN_IF_ERROR(CheckSparseInputs(ctx, 0, 1, 2));
  const Array &indices = ctx.input(0), &b = ctx.input(3);
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ReadShape(ctx, ctx.input(2)));
  if (shape != b.shape()) {
    return ctx.InvalidArgument(StrCat("Dimensions of the operands must be equal: a_shape is ",
                                      shape.ToString(), ", b ", b.shape().ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, b.shape()));
  std::copy_n(b.data<T>(), b.num_elements(), out->mutable_data<T>());
  const T* values = ctx.input(1).data<T>();
  const int rank = shape.rank();
  for (int64_t i = 0; i < indices.dim(0); ++i) {
    int64_t place = 0;
    for (int d = 0; d < rank; ++d) {
      const int64_t at = indices.AsInt64(i * rank + d);
      if (at < 0 || at >= shape.dim(d)) {
        return ctx.InvalidArgument(StrCat("Sparse tensor has some invalid index on dimension ", d,
                                          "; dense tensor shape: ", shape.ToString(), ", index ",
                                          at));
      }
      place = place * shape.dim(d) + at;
    }
    T& element = out->mutable_data<T>()[place];
    element = static_cast<T>(element + values[i]);
  }
  return absl::OkStatus();
}

template <typename T, typename F>
absl::Status Cwise(KernelContext& ctx) {
  WEFT_RETURN_IF_ERROR(CheckSparseInputs(ctx, 0, 1, 2));
  const Array &indices = ctx.input(0), &dense = ctx.input(3);
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ReadShape(ctx, ctx.input(2)));
  const int rank = shape.rank(), skipped = rank - dense.rank();
  bool fits = skipped >= 0;
  for (int d = std::max(skipped, 0); fits && d < rank; ++d) {
    fits = dense.dim(d - skipped) == shape.dim(d) || dense.dim(d - skipped) == 1;
  }
  if (!fits) {
    return ctx.InvalidArgument(
        StrCat("SparseDenseBinaryOpShared broadcasts dense to sparse only; got incompatible "
               "shapes: [",
               StrJoin(shape.dims(), ","), "] vs. [", StrJoin(dense.shape().dims(), ","), "]"));
  }
  WEFT_RETURN_IF_ERROR(CheckIndices(ctx, indices, shape));
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, ctx.input(1).shape()));
  const int64_t* at = indices.data<int64_t>();
  const T* values = ctx.input(1).data<T>();
  for (int64_t i = 0; i < indices.dim(0); ++i, at += rank) {
    int64_t place = 0;
    for (int d = skipped; d < rank; ++d) {
      const int64_t size = dense.dim(d - skipped);
      place = place * size + (size == 1 ? 0 : at[d]);
    }
    const T other = dense.data<T>()[place];
    T& result = out->mutable_data<T>()[i];
    if constexpr (std::is_integral_v<T> && std::is_same_v<F, std::divides<>>) {
      if (other == 0) return ctx.InvalidArgument("Integer division by zero");
      // The least number divided by -1 would not fit: it stays as it is.
      if (std::is_signed_v<T> && other == static_cast<T>(-1)) {
        result = static_cast<T>(0 - static_cast<uint64_t>(values[i]));
        continue;
      }
    }
    result = static_cast<T>(F()(values[i], other));
  }
  return absl::OkStatus();
}

}  // namespace

void RegisterSparseMathKernels(KernelRegistry& kernels) {
  ForTypes<float, double, int8_t, int16_t, int32_t, int64_t, complex64, complex128>(
      [&]<typename T>() {
        kernels.Add("SparseAdd", kCpu, {{"T", dtype_of<T>}}, Add<T>);
      });
  kernels.Add("SparseAddGrad", kCpu, {}, AddGrad);
  ForTypes<float, double, bfloat16, int32_t, complex64, complex128>([&]<typename T>() {
    kernels.Add<SparseMatMul<T>>("SparseTensorDenseMatMul", kCpu, {{"T", dtype_of<T>}});
  });
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t>([&]<typename T>() {
    const KernelConstraints only = {{"T", dtype_of<T>}};
    kernels.Add("SparseSparseMaximum", kCpu, only, Extremum<T, std::greater_equal<>>);
    kernels.Add("SparseSparseMinimum", kCpu, only, Extremum<T, std::less_equal<>>);
  });
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t, complex64, complex128>([&]<typename T>() {
    const KernelConstraints only = {{"T", dtype_of<T>}};
    kernels.Add("SparseTensorDenseAdd", kCpu, only, DenseAdd<T>);
    kernels.Add("SparseDenseCwiseAdd", kCpu, only, Cwise<T, std::plus<>>);
    kernels.Add("SparseDenseCwiseMul", kCpu, only, Cwise<T, std::multiplies<>>);
    kernels.Add("SparseDenseCwiseDiv", kCpu, only, Cwise<T, std::divides<>>);
  });
}

}  // namespace weft
