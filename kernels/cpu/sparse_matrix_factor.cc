// SPDX-License-Identifier: Apache-2.0
// SparseMatrixOrderingAMD and SparseMatrixSparseCholesky, by Eigen: an order of rows and columns
// with few new elements in the factor (Amestoy, Davis and Duff, SIAM Journal on Matrix Analysis and
// Applications 17, 1996), and the factor of the matrix in an order.
#include <Eigen/OrderingMethods>
#include <Eigen/SparseCholesky>
#include <Eigen/SparseCore>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu/sparse_matrix.h"
#include "src/core/strings.h"

namespace weft {
namespace {

// ColMajor: compressed columns, which read as rows are the transpose.
template <typename T>
using Columns = Eigen::SparseMatrix<T, Eigen::ColMajor, int32_t>;
using Permutation = Eigen::PermutationMatrix<Eigen::Dynamic, Eigen::Dynamic, int32_t>;

// Eigen counts in int32: eight times the rows must fit, and 1.2 times the elements and twice the
// rows together.
constexpr int64_t kMostRows = int64_t{1} << 28, kMostElements = int64_t{1} << 29;

absl::StatusOr<const SparseMatrixValue*> SquareInput(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue* a, SparseMatrixInput(ctx, 0));
  if (a->rows() != a->columns()) {
    return ctx.InvalidArgument(
        StrCat("sparse matrix must be square; got: ", a->rows(), " != ", a->columns()));
  }
  if (a->rows() < kMostRows && a->num_values() < kMostElements) return a;
  return ctx.InvalidArgument(StrCat("sparse matrix of ", a->rows(), " rows and ", a->num_values(),
                                    " elements is too large: both must be below ", kMostRows,
                                    " and ", kMostElements));
}

// The elements on and below the diagonal; columns rise, since elements of one place are added up.
template <typename T>
SparseRows<T> LowerTriangle(int64_t rows, const int32_t* pointers, const int32_t* columns,
                            const T* values) {
  SparseRows<T> lower;
  lower.row_pointers.assign(1, 0);
  for (int64_t row = 0; row < rows; ++row) {
    const size_t begin = lower.values.size();
    for (int32_t i = pointers[row]; i < pointers[row + 1] && columns[i] <= row; ++i) {
      if (lower.values.size() > begin && lower.column_indices.back() == columns[i]) {
        lower.values.back() += values[i];
        continue;
      }
      lower.column_indices.push_back(columns[i]);
      lower.values.push_back(values[i]);
    }
    lower.row_pointers.push_back(static_cast<int32_t>(lower.values.size()));
  }
  return lower;
}

template <typename Matrix, typename T>
Eigen::Map<const Matrix> AsEigen(int64_t n, const SparseRows<T>& rows) {
  return {n,
          n,
          static_cast<Eigen::Index>(rows.values.size()),
          rows.row_pointers.data(),
          rows.column_indices.data(),
          rows.values.data()};
}

absl::Status OrderingAmd(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue* a, SquareInput(ctx));
  const int64_t n = a->rows();
  const Shape shape = a->shape.rank() == 3 ? Shape({a->count(), n}) : Shape({n});
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
  const double cost =
      50 * static_cast<double>(n + a->num_values() / std::max<int64_t>(1, a->count()));
  ctx.ParallelFor(n == 0 ? 0 : a->count(), cost, [&](int64_t begin, int64_t end) {
    for (int64_t m = begin; m < end; ++m) {
      const int32_t* columns =
          a->column_indices.data<int32_t>() + a->batch_pointers.data<int32_t>()[m];
      // Only the places matter, so any numbers serve as values.
      const SparseRows<int32_t> lower =
          LowerTriangle(n, a->row_pointers.data<int32_t>() + m * (n + 1), columns, columns);
      const auto matrix = AsEigen<Eigen::SparseMatrix<int32_t, Eigen::RowMajor, int32_t>>(n, lower);
      Permutation order;
      Eigen::AMDOrdering<int32_t>()(matrix.template selfadjointView<Eigen::Lower>(), order);
      std::copy_n(order.indices().data(), n, out->mutable_data<int32_t>() + m * n);
    }
  });
  return absl::OkStatus();
}

// Each of 0 .. n - 1 once.
bool IsPermutation(const int32_t* order, int64_t n) {
  std::vector<bool> seen(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    if (order[i] < 0 || order[i] >= n || seen[static_cast<size_t>(order[i])]) return false;
    seen[static_cast<size_t>(order[i])] = true;
  }
  return true;
}

absl::Status CheckPermutation(KernelContext& ctx, const SparseMatrixValue& a) {
  const Array& order = ctx.input(1);
  const int rank = a.shape.rank();
  const int64_t n = a.rows();
  if (order.rank() + 1 != rank) {
    return ctx.InvalidArgument(StrCat("sparse matrix must have the same rank as permutation; got: ",
                                      rank, " != ", order.rank(), " + 1."));
  }
  if (order.dim(rank - 2) != n) {
    return ctx.InvalidArgument(
        StrCat("permutation must have the same number of elements in each batch as the number of "
               "rows in sparse matrix; got: ",
               order.dim(rank - 2), " != ", n));
  }
  if (rank == 3 && order.dim(0) != a.count()) {
    return ctx.InvalidArgument(
        StrCat("permutation must have the same batch size as sparse matrix; got: ", order.dim(0),
               " != ", a.count()));
  }
  for (int64_t m = 0; m < a.count(); ++m) {
    if (IsPermutation(order.data<int32_t>() + m * n, n)) continue;
    return ctx.InvalidArgument(
        StrCat("permutation of batch index ", m, " must hold each of 0 to ", n - 1, " once"));
  }
  return absl::OkStatus();
}

// L with L L^H = the matrix with rows and columns in this order. Compressed columns of the upper
// triangle are compressed rows of the lower one, of the conjugate if complex, and so is the factor.
template <typename T>
absl::Status Factor(int64_t n, const SparseRows<T>& lower, const int32_t* order,
                    SparseRows<T>* out) {
  const auto matrix = AsEigen<Columns<T>>(n, lower);
  const Permutation permutation(Eigen::Map<const Eigen::VectorXi>(order, n));
  Columns<T> ordered(n, n);
  ordered.template selfadjointView<Eigen::Upper>() =
      matrix.template selfadjointView<Eigen::Upper>().twistedBy(permutation.inverse());
  if (!CholeskyFitsIn(n, ordered.outerIndexPtr(), ordered.innerIndexPtr(),
                      std::numeric_limits<int32_t>::max())) {
    return absl::InvalidArgumentError(
        "the factor would have more than 2^31 - 1 elements; another permutation may leave fewer");
  }
  Eigen::SimplicialLLT<Columns<T>, Eigen::Upper, Eigen::NaturalOrdering<int32_t>> solver(ordered);
  if (solver.info() != Eigen::Success)
    return absl::InvalidArgumentError("The input might not be valid.");
  Columns<T> factor = solver.matrixU();
  factor.makeCompressed();
  out->row_pointers.assign(factor.outerIndexPtr(), factor.outerIndexPtr() + n + 1);
  out->column_indices.assign(factor.innerIndexPtr(), factor.innerIndexPtr() + factor.nonZeros());
  out->values.assign(factor.valuePtr(), factor.valuePtr() + factor.nonZeros());
  return absl::OkStatus();
}

template <typename T>
absl::Status SparseCholesky(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const SparseMatrixValue* a, SquareInput(ctx));
  if (a->dtype() != dtype_of<T>) {
    return ctx.InvalidArgument(StrCat("Asked for a CSRSparseMatrix of type ",
                                      DTypeOpName(dtype_of<T>),
                                      " but saw dtype: ", DTypeOpName(a->dtype())));
  }
  WEFT_RETURN_IF_ERROR(CheckPermutation(ctx, *a));
  const int64_t n = a->rows();
  const int32_t* order = ctx.input(1).data<int32_t>();
  std::vector<SparseRows<T>> factors(static_cast<size_t>(a->count()));
  std::vector<absl::Status> results(factors.size());
  const double per_row = static_cast<double>(a->num_values()) /
                         static_cast<double>(std::max<int64_t>(1, a->count() * n));
  ctx.ParallelFor(a->count(), 20 * per_row * per_row * static_cast<double>(n),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t m = begin; m < end; ++m) {
                      const SparseMatrixView<T> one = MatrixOf<T>(*a, m);
                      SparseRows<T>& factor = factors[static_cast<size_t>(m)];
                      factor.row_pointers.assign(1, 0);
                      if (n == 0) continue;
                      const SparseRows<T> lower =
                          LowerTriangle(n, one.row_pointers, one.column_indices, one.values);
                      results[static_cast<size_t>(m)] = Factor(n, lower, order + m * n, &factor);
                    }
                  });
  for (size_t m = 0; m < results.size(); ++m) {
    if (results[m].ok()) continue;
    return ctx.InvalidArgument(StrCat("Sparse Cholesky factorization failed for batch index ", m,
                                      ". ", results[m].message()));
  }
  WEFT_ASSIGN_OR_RETURN(SparseMatrixValue out, StackOfRows<T>(ctx, a->shape, factors));
  return PutSparseMatrix(ctx, 0, std::move(out));
}

}  // namespace

// By the elimination tree: row k of the factor has elements where the paths from column k's rows to
// k lead (Liu, ACM Transactions on Mathematical Software 12, 1986).
bool CholeskyFitsIn(int64_t n, const int32_t* pointers, const int32_t* rows, int64_t most) {
  if (n > most) return false;  // its diagonal
  if (n * (n + 1) / 2 <= most) return true;
  std::vector<int64_t> parent(static_cast<size_t>(n), -1), visitor(static_cast<size_t>(n), -1);
  int64_t count = n;
  for (int64_t k = 0; k < n; ++k) {
    visitor[static_cast<size_t>(k)] = k;
    for (int32_t e = pointers[k]; e < pointers[k + 1]; ++e) {
      if (rows[e] >= k) continue;
      for (size_t i = static_cast<size_t>(rows[e]); visitor[i] != k;
           i = static_cast<size_t>(parent[i])) {
        if (parent[i] < 0) parent[i] = k;
        visitor[i] = k;
        if (++count > most) return false;
      }
    }
  }
  return true;
}

void RegisterSparseMatrixFactorKernels(KernelRegistry& k) {
  k.Add("SparseMatrixOrderingAMD", kCpu, {}, OrderingAmd);
  ForTypes<float, double, complex64, complex128>([&]<typename T>() {
    k.Add("SparseMatrixSparseCholesky", kCpu, {{"type", dtype_of<T>}}, SparseCholesky<T>);
  });
}

}  // namespace weft
