// SPDX-License-Identifier: Apache-2.0
// Sparse matrices element by element and row by row: SparseMatrixTranspose, SparseMatrixAdd,
// SparseMatrixMul, SparseMatrixSoftmax, SparseMatrixSoftmaxGrad, and Conj of a variant.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/functional/function_ref.h"
#include "kernels/cpu/sparse_matrix.h"
#include "src/core/strings.h"

namespace weft {
namespace {

constexpr double kElementCost = 2;  // nanoseconds

// Costs one row about as much as its elements.
double RowCost(const SparseMatrixValue& a) {
  const double rows = static_cast<double>(std::max<int64_t>(1, a.count() * a.rows()));
  return kElementCost * (1 + static_cast<double>(a.num_values()) / rows);
}

// Calls take(matrix, row) for all rows of all matrices, on several threads if they are long enough.
void ForEachRow(KernelContext& ctx, const SparseMatrixValue& a,
                absl::FunctionRef<void(int64_t, int64_t)> take) {
  ctx.ParallelFor(a.count() * a.rows(), RowCost(a), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) take(i / a.rows(), i % a.rows());
  });
}

template <typename T>
class Transpose final : public Kernel {
 public:
  explicit Transpose(KernelConstruction& c) : conjugate_(c.Attr<bool>("conjugate")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue* a,
                          SparseMatrixInput(ctx, 0, dtype_of<T>, "input"));
    WEFT_ASSIGN_OR_RETURN(SparseMatrixValue out, TransposedSparse<T>(ctx, *a, conjugate_));
    return PutSparseMatrix(ctx, 0, std::move(out));
  }

 private:
  const bool conjugate_;
};

// Both matrices' elements of one row, in the order of columns.
template <typename T>
void AddRow(const SparseMatrixView<T>& a, const SparseMatrixView<T>& b, int64_t row, T alpha,
            T beta, SparseRows<T>* out) {
  int32_t i = a.row_pointers[row], j = b.row_pointers[row];
  const int32_t a_end = a.row_pointers[row + 1], b_end = b.row_pointers[row + 1];
  constexpr int32_t kNone = std::numeric_limits<int32_t>::max();
  while (i < a_end || j < b_end) {
    const int32_t in_a = i < a_end ? a.column_indices[i] : kNone,
                  in_b = j < b_end ? b.column_indices[j] : kNone;
    T sum = T(0);
    if (in_a <= in_b) sum += alpha * a.values[i++];
    if (in_b <= in_a) sum += beta * b.values[j++];
    out->column_indices.push_back(std::min(in_a, in_b));
    out->values.push_back(sum);
  }
}

template <typename T>
absl::Status Add(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue* a, SparseMatrixInput(ctx, 0, dtype_of<T>, "a"));
  WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue* b, SparseMatrixInput(ctx, 1, dtype_of<T>, "b"));
  for (const int i : {2, 3}) {
    if (ctx.input(i).rank() == 0) continue;
    return ctx.InvalidArgument(
        StrCat("Expected ", i == 2 ? "alpha" : "beta",
               " to be a scalar, saw shape: ", ctx.input(i).shape().ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(SparseMatrixValue sum, AddSparse<T>(ctx, *a, *b, *ctx.input(2).data<T>(),
                                                            *ctx.input(3).data<T>()));
  return PutSparseMatrix(ctx, 0, std::move(sum));
}

// By a number, or each matrix by one of its own.
template <typename T>
absl::Status Mul(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue* a, SparseMatrixInput(ctx, 0));
  const Array& b = ctx.input(1);
  if (a->dtype() != b.dtype()) {
    return ctx.InvalidArgument(
        StrCat("Input types don't match.  a.dtype == ", DTypeOpName(a->dtype()),
               " vs. b.dtype == ", DTypeOpName(b.dtype())));
  }
  if (b.rank() != 0 && b.rank() != 3) {
    return ctx.Error(
        absl::StatusCode::kUnimplemented,
        StrCat("Multiplying by a 2D+ dense tensor is not currently supported, but shape of b is: ",
               b.shape().ToString()));
  }
  if (b.rank() == 3 &&
      (a->shape.rank() != 3 || b.dim(0) != a->count() || b.num_elements() != b.dim(0) ||
       (b.dim(0) == 0 && (b.dim(1) != 1 || b.dim(2) != 1)))) {
    return ctx.InvalidArgument(
        StrCat("If b is a rank-3 tensor, then a must be a rank 3 and the size of b be "
               "[batch_size, 1, 1].  But the shape of b is: ",
               b.shape().ToString(), " and the shape of a is: ", a->shape.ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(SparseMatrixValue out, WithPlacesOf(ctx, *a));
  const T *from = a->values.template data<T>(), *factor = b.data<T>();
  T* to = out.values.template mutable_data<T>();
  const int32_t* batches = a->batch_pointers.data<int32_t>();
  for (int64_t m = 0; m < a->count(); ++m) {
    const T x = factor[b.rank() == 3 ? m : 0];
    for (int32_t i = batches[m]; i < batches[m + 1]; ++i) to[i] = from[i] * x;
  }
  return PutSparseMatrix(ctx, 0, std::move(out));
}

// exp(x) / (sum of exp over the row), of the elements that are there.
template <typename T>
absl::Status Softmax(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue* a,
                        SparseMatrixInput(ctx, 0, dtype_of<T>, "logits"));
  WEFT_ASSIGN_OR_RETURN(SparseMatrixValue out, WithPlacesOf(ctx, *a));
  T* const all = out.values.template mutable_data<T>();
  ForEachRow(ctx, *a, [&](int64_t m, int64_t row) {
    const SparseMatrixView<T> x = MatrixOf<T>(*a, m);
    const int32_t begin = x.row_pointers[row], end = x.row_pointers[row + 1];
    if (begin == end) return;
    const T most = *std::max_element(x.values + begin, x.values + end);
    T* to = all + (x.values - a->values.template data<T>());
    T sum = 0;
    for (int32_t i = begin; i < end; ++i) sum += to[i] = std::exp(x.values[i] - most);
    for (int32_t i = begin; i < end; ++i) to[i] /= sum;
  });
  return PutSparseMatrix(ctx, 0, std::move(out));
}

// dx = y * (dy - sum over the row of y * dy), at the places of y; dy is 0 where it has no element.
template <typename T>
void SoftmaxGradRow(const SparseMatrixView<T>& y, const SparseMatrixView<T>& dy, int64_t row,
                    T* dx) {
  const int32_t begin = y.row_pointers[row], end = y.row_pointers[row + 1],
                dy_end = dy.row_pointers[row + 1];
  int32_t j = dy.row_pointers[row];
  T sum = 0;
  for (int32_t i = begin; i < end; ++i) {
    while (j < dy_end && dy.column_indices[j] < y.column_indices[i]) ++j;
    const bool found = j < dy_end && dy.column_indices[j] == y.column_indices[i];
    dx[i] = found ? dy.values[j] : T(0);
    sum += y.values[i] * dx[i];
  }
  for (int32_t i = begin; i < end; ++i) dx[i] = y.values[i] * (dx[i] - sum);
}

template <typename T>
absl::Status SoftmaxGrad(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue* y,
                        SparseMatrixInput(ctx, 0, dtype_of<T>, "softmax"));
  WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue* dy,
                        SparseMatrixInput(ctx, 1, dtype_of<T>, "grad_softmax"));
  if (y->shape.rank() != dy->shape.rank()) {
    return ctx.InvalidArgument(StrCat("Ranks of softmax and grad_softmax matrices differ: ",
                                      y->shape.rank(), " vs. ", dy->shape.rank()));
  }
  if (!(y->shape == dy->shape)) {
    return ctx.InvalidArgument(StrCat("Shapes of softmax and grad_softmax matrices differ: ",
                                      y->shape.ToString(), " vs. ", dy->shape.ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(SparseMatrixValue out, WithPlacesOf(ctx, *y));
  T* const all = out.values.template mutable_data<T>();
  ForEachRow(ctx, *y, [&](int64_t m, int64_t row) {
    const SparseMatrixView<T> one = MatrixOf<T>(*y, m);
    SoftmaxGradRow(one, MatrixOf<T>(*dy, m), row,
                   all + (one.values - y->values.template data<T>()));
  });
  return PutSparseMatrix(ctx, 0, std::move(out));
}

template <typename T>
absl::StatusOr<SparseMatrixValue> Conjugated(KernelContext& ctx, const SparseMatrixValue& a) {
  WEFT_ASSIGN_OR_RETURN(SparseMatrixValue out, WithPlacesOf(ctx, a));
  std::transform(a.values.data<T>(), a.values.data<T>() + a.num_values(),
                 out.values.mutable_data<T>(), [](const T& x) { return std::conj(x); });
  return out;
}

absl::Status ConjugateVariant(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue* a, SparseMatrixInput(ctx, 0));
  SparseMatrixValue out = *a;
  if (a->dtype() == kComplex64) {
    WEFT_ASSIGN_OR_RETURN(out, Conjugated<complex64>(ctx, *a));
  } else if (a->dtype() == kComplex128) {
    WEFT_ASSIGN_OR_RETURN(out, Conjugated<complex128>(ctx, *a));
  }
  return PutSparseMatrix(ctx, 0, std::move(out));
}

template <typename T>
absl::StatusOr<Variant> AddAsVariant(KernelContext& ctx, const SparseMatrixValue& a,
                                     const SparseMatrixValue& b) {
  WEFT_ASSIGN_OR_RETURN(SparseMatrixValue sum, AddSparse<T>(ctx, a, b, T(1), T(1)));
  return VariantOf(std::move(sum));
}

}  // namespace

template <typename T>
absl::StatusOr<SparseMatrixValue> TransposedSparse(KernelContext& ctx, const SparseMatrixValue& a,
                                                   bool conjugate) {
  const int rank = a.shape.rank();
  Shape shape = a.shape;
  shape.set_dim(rank - 2, a.columns());
  shape.set_dim(rank - 1, a.rows());
  WEFT_ASSIGN_OR_RETURN(SparseMatrixValue out, EmptySparseMatrix(ctx, a.dtype(), shape));
  out.batch_pointers = a.batch_pointers;
  WEFT_ASSIGN_OR_RETURN(out.column_indices, ctx.AllocateTemp(kInt32, Shape({a.num_values()})));
  WEFT_ASSIGN_OR_RETURN(out.values, ctx.AllocateTemp(a.dtype(), Shape({a.num_values()})));
  const int32_t* batches = a.batch_pointers.data<int32_t>();
  for (int64_t m = 0; m < a.count(); ++m) {
    const SparseMatrixView<T> from = MatrixOf<T>(a, m);
    int32_t* pointers = out.row_pointers.mutable_data<int32_t>() + m * (out.rows() + 1);
    int32_t* columns = out.column_indices.mutable_data<int32_t>() + batches[m];
    T* values = out.values.template mutable_data<T>() + batches[m];
    const int32_t n = from.row_pointers[from.rows];
    // pointers[c + 1] counts, then begins and at last ends column c, the new row.
    for (int32_t i = 0; i < n; ++i) ++pointers[from.column_indices[i] + 1];
    int32_t begin = 0;
    for (int64_t c = 0; c < a.columns(); ++c) begin += std::exchange(pointers[c + 1], begin);
    for (int64_t row = 0; row < from.rows; ++row) {
      for (int32_t i = from.row_pointers[row]; i < from.row_pointers[row + 1]; ++i) {
        const int32_t to = pointers[from.column_indices[i] + 1]++;
        columns[to] = static_cast<int32_t>(row);
        values[to] = conjugate ? Conjugate(from.values[i]) : from.values[i];
      }
    }
  }
  return out;
}

template <typename T>
absl::StatusOr<SparseMatrixValue> AddSparse(KernelContext& ctx, const SparseMatrixValue& a,
                                            const SparseMatrixValue& b, T alpha, T beta) {
  if (!(a.shape == b.shape)) {
    return ctx.InvalidArgument(StrCat("Incompatible shapes of a and b, a.shape == ",
                                      a.shape.ToString(), ", b.shape == ", b.shape.ToString()));
  }
  std::vector<SparseRows<T>> sums(static_cast<size_t>(a.count()));
  for (int64_t m = 0; m < a.count(); ++m) {
    const SparseMatrixView<T> x = MatrixOf<T>(a, m), y = MatrixOf<T>(b, m);
    SparseRows<T>& sum = sums[static_cast<size_t>(m)];
    sum.row_pointers.assign(1, 0);
    for (int64_t row = 0; row < a.rows(); ++row) {
      AddRow(x, y, row, alpha, beta, &sum);
      sum.row_pointers.push_back(static_cast<int32_t>(sum.values.size()));
    }
  }
  return StackOfRows<T>(ctx, a.shape, sums);
}

template absl::StatusOr<SparseMatrixValue> TransposedSparse<float>(KernelContext&,
                                                                   const SparseMatrixValue&, bool);
template absl::StatusOr<SparseMatrixValue> TransposedSparse<double>(KernelContext&,
                                                                    const SparseMatrixValue&, bool);
template absl::StatusOr<SparseMatrixValue> TransposedSparse<complex64>(KernelContext&,
                                                                       const SparseMatrixValue&,
                                                                       bool);
template absl::StatusOr<SparseMatrixValue> TransposedSparse<complex128>(KernelContext&,
                                                                        const SparseMatrixValue&,
                                                                        bool);

absl::StatusOr<Variant> AddSparseMatrices(KernelContext& ctx, const SparseMatrixValue& a,
                                          const SparseMatrixValue& b) {
  if (a.dtype() != b.dtype()) {
    return ctx.InvalidArgument(
        StrCat("sparse matrices that are added must be of one dtype, but are of ",
               DTypeName(a.dtype()), " and ", DTypeName(b.dtype())));
  }
  switch (a.dtype()) {
    case kFloat32:
      return AddAsVariant<float>(ctx, a, b);
    case kFloat64:
      return AddAsVariant<double>(ctx, a, b);
    case kComplex64:
      return AddAsVariant<complex64>(ctx, a, b);
    default:
      return AddAsVariant<complex128>(ctx, a, b);
  }
}

void RegisterSparseMatrixMathKernels(KernelRegistry& k) {
  ForTypes<float, double, complex64, complex128>([&]<typename T>() {
    k.Add<Transpose<T>>("SparseMatrixTranspose", kCpu, {{"type", dtype_of<T>}});
    k.Add("SparseMatrixAdd", kCpu, {{"T", dtype_of<T>}}, Add<T>);
    k.Add("SparseMatrixMul", kCpu, {{"T", dtype_of<T>}}, Mul<T>);
  });
  ForTypes<float, double>([&]<typename T>() {
    k.Add("SparseMatrixSoftmax", kCpu, {{"type", dtype_of<T>}}, Softmax<T>);
    k.Add("SparseMatrixSoftmaxGrad", kCpu, {{"type", dtype_of<T>}}, SoftmaxGrad<T>);
  });
  k.Add("Conj", kCpu, {{"T", kVariant}}, ConjugateVariant);
}

}  // namespace weft
