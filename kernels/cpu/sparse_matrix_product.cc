// SPDX-License-Identifier: Apache-2.0
// Products with sparse matrices: SparseMatrixMatMul, SparseMatrixSparseMatMul.
#include <algorithm>
#include <limits>
#include <utility>

#include "kernels/cpu/sparse_matrix.h"
#include "src/core/strings.h"

namespace weft {
namespace {

// Of one operand: at most one of transpose_x and adjoint_x is set.
struct Turn {
  bool transpose, conjugate;
};
Turn TurnOf(KernelConstruction& c, std::string_view operand) {
  const bool transpose = c.Attr<bool>(StrCat("transpose_", operand)),
             adjoint = c.Attr<bool>(StrCat("adjoint_", operand));
  if (transpose && adjoint) {
    c.Fail(absl::InvalidArgumentError(
        StrCat("Only one of adjoint_", operand, " and transpose_", operand, " may be true.")));
  }
  return {transpose || adjoint, adjoint};
}

// As the product wants it.
template <typename T>
absl::StatusOr<SparseMatrixValue> Turned(KernelContext& ctx, const SparseMatrixValue& a,
                                         const Turn& turn) {
  if (!turn.transpose) return a;
  return TransposedSparse<T>(ctx, a, turn.conjugate);
}

// Of `count` matrices [rows, columns] at `from`: the transposes, conjugated if wanted.
template <typename T>
void TransposeDense(KernelContext& ctx, const T* from, int64_t count, int64_t rows, int64_t columns,
                    bool conjugate, T* to) {
  ctx.ParallelFor(count * columns, static_cast<double>(rows), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* column = from + i / columns * rows * columns + i % columns;
      T* out = to + i * rows;
      for (int64_t r = 0; r < rows; ++r) {
        out[r] = conjugate ? Conjugate(column[r * columns]) : column[r * columns];
      }
    }
  });
}

template <typename T>
class MatMul final : public Kernel {
 public:
  explicit MatMul(KernelConstruction& c)
      : a_(TurnOf(c, "a")),
        b_(TurnOf(c, "b")),
        transpose_output_(c.Attr<bool>("transpose_output")),
        conjugate_output_(c.Attr<bool>("conjugate_output")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue* given, SparseMatrixInput(ctx, 0));
    WEFT_RETURN_IF_ERROR(Check(ctx, *given));
    WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue a, Turned<T>(ctx, *given, a_));
    WEFT_ASSIGN_OR_RETURN(const Array b, Right(ctx));
    const int rank = b.rank();
    const int64_t rows = a.rows(), columns = b.dim(rank - 1);
    WEFT_ASSIGN_OR_RETURN(const Shape shape,
                          WithMatrixSize(ctx, b.shape(), transpose_output_ ? columns : rows,
                                         transpose_output_ ? rows : columns));
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    T* product = out->mutable_data<T>();
    Array straight;
    if (transpose_output_) {
      WEFT_ASSIGN_OR_RETURN(straight, ctx.AllocateTemp(dtype_of<T>, shape));
      product = straight.mutable_data<T>();
    }
    Multiply(ctx, a, b.data<T>(), columns, product);
    if (transpose_output_) {
      TransposeDense(ctx, product, a.count(), rows, columns, conjugate_output_,
                     out->mutable_data<T>());
    } else if (conjugate_output_) {
      std::transform(product, product + out->num_elements(), product, Conjugate<T>);
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Check(KernelContext& ctx, const SparseMatrixValue& a) const {
    const Array& b = ctx.input(1);
    if (a.dtype() != b.dtype()) {
      return ctx.InvalidArgument(
          StrCat("Input types don't match.  a.dtype == ", DTypeOpName(a.dtype()),
                 " vs. b.dtype == ", DTypeOpName(b.dtype())));
    }
    const int rank = a.shape.rank();
    if (rank != b.rank()) {
      return ctx.InvalidArgument(
          StrCat("Ranks of a and b must match, saw: ", rank, " vs. ", b.rank(), "."));
    }
    if (rank == 3 && a.count() != b.dim(0)) {
      return ctx.InvalidArgument(
          StrCat("Batch sizes of a and b must match, saw: ", a.count(), " vs. ", b.dim(0), "."));
    }
    if ((a_.transpose ? a.rows() : a.columns()) == b.dim(b_.transpose ? rank - 1 : rank - 2))
      return absl::OkStatus();
    return ctx.InvalidArgument(StrCat(
        "Inner product dimensions of A and B do not agree.  Shapes are: ", a.shape.ToString(),
        " vs. ", b.shape().ToString()));
  }

  absl::StatusOr<Array> Right(KernelContext& ctx) const {
    const Array& b = ctx.input(1);
    if (!b_.transpose) return b;
    const int64_t rows = b.dim(b.rank() - 2), columns = b.dim(b.rank() - 1);
    WEFT_ASSIGN_OR_RETURN(const Shape shape, WithMatrixSize(ctx, b.shape(), columns, rows));
    WEFT_ASSIGN_OR_RETURN(Array turned, ctx.AllocateTemp(dtype_of<T>, shape));
    TransposeDense(ctx, b.data<T>(), b.rank() == 3 ? b.dim(0) : 1, rows, columns, b_.conjugate,
                   turned.mutable_data<T>());
    return turned;
  }

  // Row r of a product is the sum of b's rows that a's row r names, each times its element.
  static void Multiply(KernelContext& ctx, const SparseMatrixValue& a, const T* b, int64_t columns,
                       T* out) {
    const double all_rows = static_cast<double>(std::max<int64_t>(1, a.count() * a.rows()));
    const double cost =
        (1 + static_cast<double>(a.num_values()) / all_rows) * static_cast<double>(columns) * 0.5;
    ctx.ParallelFor(a.count() * a.rows(), cost, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t m = i / a.rows(), row = i % a.rows();
        const SparseMatrixView<T> one = MatrixOf<T>(a, m);
        const T* right = b + m * a.columns() * columns;
        T* to = out + i * columns;
        std::fill_n(to, columns, T(0));
        for (int32_t k = one.row_pointers[row]; k < one.row_pointers[row + 1]; ++k) {
          const T factor = one.values[k];
          const T* from = right + one.column_indices[k] * columns;
          for (int64_t c = 0; c < columns; ++c) to[c] += factor * from[c];
        }
      }
    });
  }

  const Turn a_, b_;
  const bool transpose_output_, conjugate_output_;
};

// The columns in which a matrix has elements, numbered in rising order, so that the memory for sums
// of rows follows the number of elements and not that of columns.
struct UsedColumns {
  std::vector<int32_t> columns;  // the numbers' columns
  std::vector<int32_t> numbers;  // of each element
};
template <typename T>
UsedColumns ColumnsUsedBy(const SparseMatrixView<T>& b) {
  UsedColumns used;
  const int32_t n = b.row_pointers[b.rows];
  used.columns.assign(b.column_indices, b.column_indices + n);
  std::sort(used.columns.begin(), used.columns.end());
  used.columns.erase(std::unique(used.columns.begin(), used.columns.end()), used.columns.end());
  used.numbers.reserve(static_cast<size_t>(n));
  for (int32_t i = 0; i < n; ++i) {
    const auto at = std::lower_bound(used.columns.begin(), used.columns.end(), b.column_indices[i]);
    used.numbers.push_back(static_cast<int32_t>(at - used.columns.begin()));
  }
  return used;
}

// Row by row as Gustavson does (ACM Transactions on Mathematical Software 4, 1978). False if it has
// more elements than 32 bits count. Elements that add up to 0 are kept.
template <typename T>
bool SparseProduct(const SparseMatrixView<T>& a, const SparseMatrixView<T>& b, SparseRows<T>* out) {
  const UsedColumns used = ColumnsUsedBy(b);
  std::vector<T> sums(used.columns.size());
  std::vector<int64_t> last_row(used.columns.size(), -1);  // that has an element in the column
  std::vector<int32_t> touched;
  out->row_pointers.assign(1, 0);
  for (int64_t row = 0; row < a.rows; ++row) {
    touched.clear();
    for (int32_t i = a.row_pointers[row]; i < a.row_pointers[row + 1]; ++i) {
      const int32_t middle = a.column_indices[i];
      for (int32_t j = b.row_pointers[middle]; j < b.row_pointers[middle + 1]; ++j) {
        const int32_t number = used.numbers[static_cast<size_t>(j)];
        const size_t at = static_cast<size_t>(number);
        if (last_row[at] != row) {
          last_row[at] = row;
          sums[at] = T(0);
          touched.push_back(number);
        }
        sums[at] += a.values[i] * b.values[j];
      }
    }
    std::sort(touched.begin(), touched.end());
    for (const int32_t number : touched) {
      out->column_indices.push_back(used.columns[static_cast<size_t>(number)]);
      out->values.push_back(sums[static_cast<size_t>(number)]);
    }
    if (out->values.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max())) return false;
    out->row_pointers.push_back(static_cast<int32_t>(out->values.size()));
  }
  return true;
}

template <typename T>
class SparseMatMul final : public Kernel {
 public:
  explicit SparseMatMul(KernelConstruction& c) : a_(TurnOf(c, "a")), b_(TurnOf(c, "b")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue* left,
                          SparseMatrixInput(ctx, 0, dtype_of<T>, "a"));
    WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue* right,
                          SparseMatrixInput(ctx, 1, dtype_of<T>, "b"));
    if (left->count() != right->count() || left->shape.rank() != right->shape.rank()) {
      return ctx.InvalidArgument(
          StrCat("Batch sizes of A and B do not agree.  Batch sizes are: ", left->count(), " vs. ",
                 right->count(), "; shapes are: ", left->shape.ToString(), " vs. ",
                 right->shape.ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue a, Turned<T>(ctx, *left, a_));
    WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue b, Turned<T>(ctx, *right, b_));
    if (a.columns() != b.rows()) {
      return ctx.InvalidArgument(StrCat(
          "Inner product dimensions of A and B do not agree.  Shapes are: ", a.shape.ToString(),
          " vs. ", b.shape.ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(const Shape shape, WithMatrixSize(ctx, a.shape, a.rows(), b.columns()));
    std::vector<SparseRows<T>> products(static_cast<size_t>(a.count()));
    std::vector<char> fits(products.size());
    const double elements = static_cast<double>(a.num_values() + b.num_values()),
                 cost = 20 * elements / static_cast<double>(std::max<int64_t>(1, a.count()));
    ctx.ParallelFor(a.count(), cost, [&](int64_t begin, int64_t end) {
      for (int64_t m = begin; m < end; ++m) {
        const size_t at = static_cast<size_t>(m);
        fits[at] = SparseProduct(MatrixOf<T>(a, m), MatrixOf<T>(b, m), &products[at]);
      }
    });
    if (std::find(fits.begin(), fits.end(), 0) != fits.end())
      return ctx.InvalidArgument("the product would have more than 2^31 - 1 elements");
    WEFT_ASSIGN_OR_RETURN(SparseMatrixValue out, StackOfRows<T>(ctx, shape, products));
    return PutSparseMatrix(ctx, 0, std::move(out));
  }

 private:
  const Turn a_, b_;
};

}  // namespace

void RegisterSparseMatrixProductKernels(KernelRegistry& k) {
  ForTypes<float, double, complex64, complex128>([&]<typename T>() {
    k.Add<MatMul<T>>("SparseMatrixMatMul", kCpu, {{"T", dtype_of<T>}});
    k.Add<SparseMatMul<T>>("SparseMatrixSparseMatMul", kCpu, {{"type", dtype_of<T>}});
  });
}

}  // namespace weft
