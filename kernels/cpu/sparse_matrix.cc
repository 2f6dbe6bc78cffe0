// SPDX-License-Identifier: Apache-2.0
// Sparse matrices to and from sparse and dense tensors: SparseTensorToCSRSparseMatrix,
// DenseToCSRSparseMatrix, CSRSparseMatrixToSparseTensor, CSRSparseMatrixToDense,
// CSRSparseMatrixComponents, SparseMatrixNNZ, SparseMatrixZeros.
#include "kernels/cpu/sparse_matrix.h"

#include <algorithm>
#include <any>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "kernels/cpu/array_util.h"
#include "kernels/cpu/sparse.h"
#include "src/core/strings.h"

namespace weft {
namespace {

constexpr int64_t kMaxPosition = std::numeric_limits<int32_t>::max();

// Rank 2 or 3, and columns, matrices and all row pointers can be counted with int32.
absl::Status CheckMatrixShape(KernelContext& ctx, const Shape& shape) {
  if (shape.rank() != 2 && shape.rank() != 3) {
    return ctx.InvalidArgument(
        StrCat("SparseTensor must have rank 2 or 3; but indices has rank: ", shape.rank()));
  }
  const int64_t count = shape.rank() == 3 ? shape.dim(0) : 1, rows = shape.dim(shape.rank() - 2),
                columns = shape.dim(shape.rank() - 1);
  if (count >= kMaxPosition) {
    return ctx.InvalidArgument(
        StrCat("dense_shape batch_size must be < Int32Max, but the input value is ", count));
  }
  if (count > 0 && rows > kMaxPosition / count - 1) {
    return ctx.InvalidArgument(
        StrCat("The csr row index size, computed based on the dense_shape, must be <= Int32Max, "
               "but is too large for ",
               count, " matrices of ", rows, " rows"));
  }
  if (columns <= kMaxPosition) return absl::OkStatus();
  return ctx.InvalidArgument(
      StrCat("a sparse matrix has at most ", kMaxPosition, " columns, but got ", columns));
}

// The numbers of the rows of `indices` [n, rank] in row-major order; empty if that is their order.
std::vector<int64_t> RowMajorOrder(const Array& indices) {
  const int64_t n = indices.dim(0), rank = indices.dim(1);
  const int64_t* at = indices.data<int64_t>();
  const auto before = [&](int64_t i, int64_t j) {
    return CompareIndices(at + i * rank, at + j * rank, rank) < 0;
  };
  int64_t i = 1;
  while (i < n && !before(i, i - 1)) ++i;
  if (i >= n) return {};
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(), before);
  return order;
}

// The places `indices` [n, rank], which lie within the shape, in `order` or, if that is empty, in
// their own; values are left invalid.
absl::StatusOr<SparseMatrixValue> PlacesAt(KernelContext& ctx, const Array& indices,
                                           const std::vector<int64_t>& order, const Shape& shape) {
  const int64_t n = indices.dim(0);
  const int rank = shape.rank();
  if (n > kMaxPosition) {
    return ctx.InvalidArgument(
        StrCat("values number of elements must be <= Int32Max, but the input value is ", n));
  }
  WEFT_ASSIGN_OR_RETURN(SparseMatrixValue out, EmptySparseMatrix(ctx, kFloat32, shape));
  WEFT_ASSIGN_OR_RETURN(out.column_indices, ctx.AllocateTemp(kInt32, Shape({n})));
  int32_t *pointers = out.row_pointers.mutable_data<int32_t>(),
          *batches = out.batch_pointers.mutable_data<int32_t>(),
          *columns = out.column_indices.mutable_data<int32_t>();
  const int64_t* at = indices.data<int64_t>();
  // First the numbers of elements, each behind its row, then their sums.
  for (int64_t k = 0; k < n; ++k) {
    const int64_t* index = at + (order.empty() ? k : order[static_cast<size_t>(k)]) * rank;
    const int64_t matrix = rank == 3 ? index[0] : 0;
    ++pointers[matrix * (out.rows() + 1) + index[rank - 2] + 1];
    ++batches[matrix + 1];
    columns[k] = static_cast<int32_t>(index[rank - 1]);
  }
  std::partial_sum(batches, batches + out.count() + 1, batches);
  for (int64_t m = 0; m < out.count(); ++m, pointers += out.rows() + 1) {
    std::partial_sum(pointers, pointers + out.rows() + 1, pointers);
  }
  return out;
}

absl::Status FromSparseTensor(KernelContext& ctx) {
  WEFT_RETURN_IF_ERROR(CheckSparseInputs(ctx, 0, 1, 2));
  const Array &indices = ctx.input(0), &values = ctx.input(1);
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ReadShape(ctx, ctx.input(2)));
  WEFT_RETURN_IF_ERROR(CheckMatrixShape(ctx, shape));
  WEFT_RETURN_IF_ERROR(CheckIndices(ctx, indices, shape));
  const std::vector<int64_t> order = RowMajorOrder(indices);
  WEFT_ASSIGN_OR_RETURN(SparseMatrixValue out, PlacesAt(ctx, indices, order, shape));
  if (order.empty()) {
    out.values = ctx.Persist(values);
  } else {
    WEFT_ASSIGN_OR_RETURN(out.values, ctx.AllocateTemp(values.dtype(), values.shape()));
    CopyElements(values, order, &out.values);
  }
  return PutSparseMatrix(ctx, 0, std::move(out));
}

absl::Status FromDense(KernelContext& ctx) {
  const Array &dense = ctx.input(0), &indices = ctx.input(1);
  const Shape& shape = dense.shape();
  if (shape.rank() != 2 && shape.rank() != 3) {
    return ctx.InvalidArgument(
        StrCat("params must have rank == 2 or 3; but saw shape: ", shape.ToString()));
  }
  if (indices.rank() != 2) {
    return ctx.InvalidArgument(
        StrCat("indices must be a matrix, but saw shape: ", indices.shape().ToString()));
  }
  if (indices.dim(1) != shape.rank()) {
    return ctx.InvalidArgument(
        StrCat("indices.shape[1] must be equal to the rank of params, but saw: ", indices.dim(1),
               " vs. ", shape.rank()));
  }
  WEFT_RETURN_IF_ERROR(CheckMatrixShape(ctx, shape));
  WEFT_RETURN_IF_ERROR(CheckIndices(ctx, indices, shape));
  const std::vector<int64_t> order = RowMajorOrder(indices);
  WEFT_ASSIGN_OR_RETURN(SparseMatrixValue out, PlacesAt(ctx, indices, order, shape));
  std::vector<int64_t> places(static_cast<size_t>(indices.dim(0)));
  for (size_t k = 0; k < places.size(); ++k) {
    const int64_t row = order.empty() ? static_cast<int64_t>(k) : order[k];
    const int64_t* index = indices.data<int64_t>() + row * shape.rank();
    for (int d = 0; d < shape.rank(); ++d) places[k] = places[k] * shape.dim(d) + index[d];
  }
  WEFT_ASSIGN_OR_RETURN(out.values, ctx.AllocateTemp(dense.dtype(), Shape({indices.dim(0)})));
  CopyElements(dense, places, &out.values);
  return PutSparseMatrix(ctx, 0, std::move(out));
}

class MakeZeros final : public Kernel {
 public:
  explicit MakeZeros(KernelConstruction& c) : dtype_(c.Attr<DataType>("type")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& sizes = ctx.input(0);
    if (sizes.rank() != 1) {
      return ctx.InvalidArgument(
          StrCat("dense_shape must be a vector, but is of shape ", sizes.shape().ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(const Shape shape, ReadShape(ctx, sizes));
    WEFT_ASSIGN_OR_RETURN(SparseMatrixValue out, EmptySparseMatrix(ctx, dtype_, shape));
    return PutSparseMatrix(ctx, 0, std::move(out));
  }

 private:
  const DataType dtype_;
};

// Calls take(matrix, row, number of element) for all elements.
template <typename F>
void ForEachElement(const SparseMatrixValue& a, F&& take) {
  const int32_t *batches = a.batch_pointers.data<int32_t>(),
                *pointers = a.row_pointers.data<int32_t>();
  for (int64_t m = 0; m < a.count(); ++m, pointers += a.rows() + 1) {
    for (int64_t row = 0; row < a.rows(); ++row) {
      for (int32_t i = pointers[row]; i < pointers[row + 1]; ++i) take(m, row, batches[m] + i);
    }
  }
}

absl::StatusOr<const SparseMatrixValue*> InputOfType(KernelContext& ctx, DataType dtype) {
  WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue* a, SparseMatrixInput(ctx, 0));
  if (a->dtype() == dtype) return a;
  return ctx.InvalidArgument(StrCat("Asked for a CSRSparseMatrix of type ", DTypeOpName(dtype),
                                    " but saw dtype: ", DTypeOpName(a->dtype())));
}

absl::Status ToSparseTensor(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue* a, InputOfType(ctx, ctx.output_dtype(1)));
  const int64_t rank = a->shape.rank();
  WEFT_ASSIGN_OR_RETURN(Array * indices, ctx.AllocateOutput(0, Shape({a->num_values(), rank})));
  WEFT_ASSIGN_OR_RETURN(Array * sizes, ctx.AllocateOutput(2, Shape({rank})));
  int64_t* to = indices->mutable_data<int64_t>();
  const int32_t* columns = a->column_indices.data<int32_t>();
  ForEachElement(*a, [&](int64_t m, int64_t row, int32_t i) {
    if (rank == 3) *to++ = m;
    *to++ = row;
    *to++ = columns[i];
  });
  ctx.set_output(1, a->values);
  std::copy_n(a->shape.dims().begin(), rank, sizes->mutable_data<int64_t>());
  return absl::OkStatus();
}

absl::Status ToDense(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue* a, InputOfType(ctx, ctx.output_dtype(0)));
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, a->shape));
  FillWithZero(ctx, out);
  const int32_t* columns = a->column_indices.data<int32_t>();
  WithElementClass(a->dtype(), [&]<typename U>() {
    U* to = MutableElementsOf<U>(*out);
    const U* from = ElementsOf<U>(a->values);
    ForEachElement(*a, [&](int64_t m, int64_t row, int32_t i) {
      to[(m * a->rows() + row) * a->columns() + columns[i]] = from[i];
    });
  });
  return absl::OkStatus();
}

absl::Status Components(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue* a,
                        SparseMatrixInput(ctx, 0, ctx.output_dtype(2), "input"));
  const Array& which = ctx.input(1);
  if (which.rank() != 0) {
    return ctx.InvalidArgument(
        StrCat("index should be a scalar, but saw: shape ", which.shape().ToString()));
  }
  const int64_t m = *which.data<int32_t>();
  if (m < 0 || m >= a->count())
    return ctx.InvalidArgument(StrCat("index (", m, ") not in [0, ", a->count(), ")"));
  const int32_t first = a->batch_pointers.data<int32_t>()[m],
                n = a->batch_pointers.data<int32_t>()[m + 1] - first;
  WEFT_ASSIGN_OR_RETURN(Array * pointers, ctx.AllocateOutput(0, Shape({a->rows() + 1})));
  WEFT_ASSIGN_OR_RETURN(Array * columns, ctx.AllocateOutput(1, Shape({n})));
  WEFT_ASSIGN_OR_RETURN(Array * values, ctx.AllocateOutput(2, Shape({n})));
  std::copy_n(a->row_pointers.data<int32_t>() + m * (a->rows() + 1), a->rows() + 1,
              pointers->mutable_data<int32_t>());
  std::copy_n(a->column_indices.data<int32_t>() + first, n, columns->mutable_data<int32_t>());
  WithElementClass(a->dtype(), [&]<typename U>() {
    CopyRun(MutableElementsOf<U>(*values), ElementsOf<U>(a->values) + first, n);
  });
  return absl::OkStatus();
}

absl::Status CountElements(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue* a, SparseMatrixInput(ctx, 0));
  WEFT_ASSIGN_OR_RETURN(
      Array * out, ctx.AllocateOutput(0, a->shape.rank() == 3 ? Shape({a->count()}) : Shape()));
  const int32_t* batches = a->batch_pointers.data<int32_t>();
  for (int64_t m = 0; m < a->count(); ++m) {
    out->mutable_data<int32_t>()[m] = batches[m + 1] - batches[m];
  }
  return absl::OkStatus();
}

}  // namespace

// ---- Shared with the other files
// ---------------------------------------------------------------------------------------------------

const SparseMatrixValue* SparseMatrixOf(const Variant& v) {
  return std::any_cast<SparseMatrixValue>(&v.value);
}

Variant VariantOf(SparseMatrixValue matrix) {
  return {.value = std::move(matrix), .type_name = SparseMatrixValue::kTypeName, .metadata = {}};
}

absl::StatusOr<const SparseMatrixValue*> SparseMatrixInput(KernelContext& ctx, int i) {
  const Array& in = ctx.input(i);
  if (in.rank() != 0) {
    return ctx.InvalidArgument(
        StrCat("Variant input ", i, " must be a scalar, but is of shape ", in.shape().ToString()));
  }
  const SparseMatrixValue* matrix = SparseMatrixOf(*in.data<Variant>());
  if (matrix != nullptr) return matrix;
  return ctx.InvalidArgument(
      StrCat("Could not retrieve Variant input ", i, ": it holds ",
             in.data<Variant>()->type_name.empty() ? "nothing" : in.data<Variant>()->type_name,
             " and no sparse matrix"));
}

absl::StatusOr<const SparseMatrixValue*> SparseMatrixInput(KernelContext& ctx, int i,
                                                           DataType dtype, std::string_view what) {
  WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue* a, SparseMatrixInput(ctx, i));
  if (a->dtype() == dtype) return a;
  return ctx.InvalidArgument(StrCat("dtype of ", what, " is not equal to 'type': ",
                                    DTypeOpName(a->dtype()), " vs. ", DTypeOpName(dtype)));
}

absl::Status PutSparseMatrix(KernelContext& ctx, int o, SparseMatrixValue matrix) {
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(o, Shape()));
  *out->mutable_data<Variant>() = VariantOf(std::move(matrix));
  return absl::OkStatus();
}

absl::StatusOr<SparseMatrixValue> EmptySparseMatrix(KernelContext& ctx, DataType dtype,
                                                    const Shape& shape) {
  WEFT_RETURN_IF_ERROR(CheckMatrixShape(ctx, shape));
  SparseMatrixValue out;
  out.shape = shape;
  WEFT_ASSIGN_OR_RETURN(out.batch_pointers, ctx.AllocateTemp(kInt32, Shape({out.count() + 1})));
  WEFT_ASSIGN_OR_RETURN(out.row_pointers,
                        ctx.AllocateTemp(kInt32, Shape({out.count() * (out.rows() + 1)})));
  WEFT_ASSIGN_OR_RETURN(out.column_indices, ctx.AllocateTemp(kInt32, Shape({0})));
  WEFT_ASSIGN_OR_RETURN(out.values, ctx.AllocateTemp(dtype, Shape({0})));
  FillWithZero(ctx, &out.batch_pointers);
  FillWithZero(ctx, &out.row_pointers);
  return out;
}

absl::StatusOr<SparseMatrixValue> WithPlacesOf(KernelContext& ctx, const SparseMatrixValue& like) {
  SparseMatrixValue out = like;
  WEFT_ASSIGN_OR_RETURN(out.values, ctx.AllocateTemp(like.dtype(), like.values.shape()));
  return out;
}

template <typename T>
absl::StatusOr<SparseMatrixValue> StackOfRows(KernelContext& ctx, const Shape& shape,
                                              std::span<const SparseRows<T>> all) {
  WEFT_ASSIGN_OR_RETURN(SparseMatrixValue out, EmptySparseMatrix(ctx, dtype_of<T>, shape));
  int64_t total = 0;
  int32_t* batches = out.batch_pointers.mutable_data<int32_t>();
  for (const SparseRows<T>& one : all) {
    total += static_cast<int64_t>(one.values.size());
    if (total > kMaxPosition) {
      return ctx.InvalidArgument(
          StrCat("the result would have more than ", kMaxPosition, " elements"));
    }
    *++batches = static_cast<int32_t>(total);
  }
  WEFT_ASSIGN_OR_RETURN(out.column_indices, ctx.AllocateTemp(kInt32, Shape({total})));
  WEFT_ASSIGN_OR_RETURN(out.values, ctx.AllocateTemp(dtype_of<T>, Shape({total})));
  int32_t *pointers = out.row_pointers.mutable_data<int32_t>(),
          *columns = out.column_indices.mutable_data<int32_t>();
  T* values = out.values.mutable_data<T>();
  for (const SparseRows<T>& one : all) {
    pointers = std::copy(one.row_pointers.begin(), one.row_pointers.end(), pointers);
    columns = std::copy(one.column_indices.begin(), one.column_indices.end(), columns);
    values = std::copy(one.values.begin(), one.values.end(), values);
  }
  return out;
}

template absl::StatusOr<SparseMatrixValue> StackOfRows(KernelContext&, const Shape&,
                                                       std::span<const SparseRows<float>>);
template absl::StatusOr<SparseMatrixValue> StackOfRows(KernelContext&, const Shape&,
                                                       std::span<const SparseRows<double>>);
template absl::StatusOr<SparseMatrixValue> StackOfRows(KernelContext&, const Shape&,
                                                       std::span<const SparseRows<complex64>>);
template absl::StatusOr<SparseMatrixValue> StackOfRows(KernelContext&, const Shape&,
                                                       std::span<const SparseRows<complex128>>);

absl::StatusOr<Variant> ZerosLikeSparseMatrix(KernelContext& ctx, const SparseMatrixValue& like) {
  WEFT_ASSIGN_OR_RETURN(SparseMatrixValue zeros, EmptySparseMatrix(ctx, like.dtype(), like.shape));
  return VariantOf(std::move(zeros));
}

void RegisterSparseMatrixKernels(KernelRegistry& k) {
  for (const DataType t : {kFloat32, kFloat64, kComplex64, kComplex128}) {
    k.Add("SparseTensorToCSRSparseMatrix", kCpu, {{"T", t}}, FromSparseTensor);
    k.Add("DenseToCSRSparseMatrix", kCpu, {{"T", t}}, FromDense);
    k.Add("CSRSparseMatrixToSparseTensor", kCpu, {{"type", t}}, ToSparseTensor);
    k.Add("CSRSparseMatrixToDense", kCpu, {{"type", t}}, ToDense);
    k.Add("CSRSparseMatrixComponents", kCpu, {{"type", t}}, Components);
    k.Add<MakeZeros>("SparseMatrixZeros", kCpu, {{"type", t}});
  }
  k.Add("SparseMatrixNNZ", kCpu, {}, CountElements);
  RegisterSparseMatrixMathKernels(k);
  RegisterSparseMatrixProductKernels(k);
  RegisterSparseMatrixFactorKernels(k);
}

}  // namespace weft
