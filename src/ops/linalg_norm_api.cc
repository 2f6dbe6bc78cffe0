// SPDX-License-Identifier: Apache-2.0
// Transposes, traces, norms, ranks, pseudo-inverses.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "src/core/strings.h"
#include "src/ops/linalg_api.h"
#include "src/ops/operators.h"
#include "weft/core/error.h"
#include "weft/ops/linalg_functions.h"
#include "weft/ops/logical.h"
#include "weft/ops/math_unary.h"

namespace weft::linalg {
namespace {

using internal::PartOf;
using internal::Times;

// The distance from 1 to the next number of a floating dtype.
double EpsilonOf(DataType dtype, const char* function) {
  switch (dtype) {
    case kFloat32:
      return std::numeric_limits<float>::epsilon();
    case kFloat64:
      return std::numeric_limits<double>::epsilon();
    case kFloat16:
      return 0x1p-10;
    case kBfloat16:
      return 0x1p-7;
    default:
      ThrowError(Code::kInvalidArgument,
                 StrCat(function, ": Input `a` must have `float`-like `dtype` (saw ",
                        DTypeName(dtype), ")."));
  }
}

void CheckIsMatrix(const Tensor& a, const char* function) {
  if (!a.shape().known_rank() || a.shape().rank() >= 2) return;
  ThrowError(Code::kInvalidArgument,
             StrCat(function,
                    ": Input `a` must have at least 2 dimensions (saw: ", a.shape().rank(), ")."));
}

int64_t SideOf(const Tensor& a, int dim) {
  return a.shape().known_rank() ? a.shape().dim(dim) : kUnknownDim;
}

Tensor DivideBy(const Input& a, const Input& b) {
  return internal::BinaryOperator("RealDiv", "truediv", a, b);
}

}  // namespace

Tensor Cross(const Input& a, const Input& b, const NameOptions& o) {
  return OpBuilder("Cross", o).In(a).In(b).Output();
}

Tensor MatrixTranspose(const Input& input, const MatrixTransposeOptions& o) {
  const OpScope scope(o.name, "matrix_transpose", {&input});
  const Tensor a = AsTensor(input, kInvalidType, "a");
  const PartialShape& s = a.shape();
  const bool conjugate = o.conjugate && IsComplex(a.dtype());
  if (s.known_rank()) {
    if (s.rank() < 2) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("Argument `a` should be a (batch) matrix with rank >= 2, but has rank ",
                        s.rank()));
    }
    std::vector<int> order(static_cast<size_t>(s.rank()));
    std::iota(order.begin(), order.end(), 0);
    std::swap(order.end()[-1], order.end()[-2]);
    return Transpose(a, IntList(order), {.conjugate = conjugate});
  }
  const Tensor rank = Rank(a);
  const Tensor first =
      OpBuilder("Range", "Range").In(0).In(internal::Minus(rank, 2)).In(1).Output();
  const Tensor last = internal::Minus(rank, 1), before = internal::Minus(rank, 2);
  return Transpose(a, internal::ConcatSizes(first, {last, before}), {.conjugate = conjugate});
}

Tensor Adjoint(const Input& matrix, const NameOptions& o) {
  const OpScope scope(o.name, "adjoint", {&matrix});
  const Tensor a = AsTensor(matrix, kInvalidType, "matrix");
  return MatrixTranspose(a, {.conjugate = true});
}

Tensor Trace(const Input& x, const NameOptions& o) {
  const OpScope scope(o.name, "Trace", {&x});
  const Tensor a = AsTensor(x, kInvalidType, "x");
  const Tensor diagonal = MatrixDiagPart(a);
  return ReduceSum(diagonal, {.axis = {-1}, .name = scope.name()});
}

namespace {

EigenPairs GeneralEig(const Input& input, const NameOptions& o, bool vectors) {
  const bool is_double = input.dtype() == kFloat64 || input.dtype() == kComplex128;
  const Operation node = OpBuilder("Eig", o)
                             .In(input)
                             .Attr("compute_v", vectors)
                             .Attr("Tout", is_double ? kComplex128 : kComplex64)
                             .Build();
  return {node.output(0), node.output(1)};
}

}  // namespace

EigenPairs Eig(const Input& input, const NameOptions& o) { return GeneralEig(input, o, true); }

Tensor Eigvals(const Input& input, const NameOptions& o) {
  return GeneralEig(input, o, false).values;
}

// ---- Norms
// --------------------------------------------------------------------------------------

namespace {

void CheckNorm(const NormOptions& o) {
  if (o.axis.size() > 2 || (o.axis.size() == 2 && o.axis[0] == o.axis[1])) {
    ThrowError(Code::kInvalidArgument,
               "'axis' must be empty, one dimension, or two that are not the same");
  }
  const bool is_matrix = o.axis.size() == 2;
  const bool is_known = o.ord == 0 || o.ord == 1 || o.ord == 2 || std::isinf(o.ord);
  if (o.ord >= 0 && (is_known || !is_matrix)) return;
  ThrowError(Code::kInvalidArgument, StrCat("'ord' must be a supported ",
                                            is_matrix ? "matrix" : "vector", " norm, got ", o.ord));
}

// The greatest singular value of the matrices of rows axis[0] and columns axis[1], of which
// dimensions of size 1 are left.
Tensor SpectralNorm(const Tensor& x, const std::vector<int>& axis) {
  if (!x.shape().known_rank())
    ThrowError(Code::kInvalidArgument, "Norm: ord 2 of matrices needs an operand of known rank");
  const int rank = x.shape().rank();
  std::vector<int> last, order;
  for (const int a : axis) {
    if (a < -rank || a >= rank)
      ThrowError(Code::kInvalidArgument, StrCat("Norm: axis ", a, " of a tensor of rank ", rank));
    last.push_back(a < 0 ? a + rank : a);
  }
  for (int d = 0; d < rank; ++d) {
    if (d != last[0] && d != last[1]) order.push_back(d);
  }
  order.insert(order.end(), last.begin(), last.end());
  std::vector<int> back(order.size());
  for (size_t d = 0; d < order.size(); ++d)
    back[static_cast<size_t>(order[d])] = static_cast<int>(d);
  const Tensor values = Abs(SingularValues(Transpose(x, IntList(order))));
  const Tensor greatest = ReduceMax(values, {.axis = -1, .keep_dims = true});
  return Transpose(ExpandDims(greatest, -1), IntList(back));
}

Axes AxesOf(const std::vector<int>& axis) { return axis.empty() ? Axes() : Axes(axis); }

// With the dimensions of the axes, of size 1.
Tensor KeptNorm(const Tensor& x, const NormOptions& o) {
  const bool is_matrix = o.axis.size() == 2;
  if (is_matrix && o.ord == 2) return SpectralNorm(x, o.axis);
  if (o.ord == 0 || o.ord == 2) {
    const Tensor conjugate = IsComplex(x.dtype()) ? Conj(x) : x;
    return Sqrt(ReduceSum(Times(x, conjugate), {.axis = AxesOf(o.axis), .keep_dims = true}));
  }
  const Tensor size = Abs(x);
  const Axes first = o.axis.empty() ? Axes() : Axes(o.axis[0]);
  if (o.ord == 1) {
    const Tensor sum = ReduceSum(size, {.axis = first, .keep_dims = true});
    return is_matrix ? ReduceMax(sum, {.axis = o.axis[1], .keep_dims = true}) : sum;
  }
  if (std::isinf(o.ord)) {
    const Tensor sum = is_matrix ? ReduceSum(size, {.axis = o.axis[1], .keep_dims = true}) : size;
    return ReduceMax(sum, {.axis = first, .keep_dims = true});
  }
  const Tensor sum = ReduceSum(Pow(size, o.ord), {.axis = AxesOf(o.axis), .keep_dims = true});
  return Pow(sum, 1 / o.ord);
}

}  // namespace

Tensor Norm(const Input& tensor, const NormOptions& o) {
  CheckNorm(o);
  const OpScope scope(o.name, "norm", {&tensor});
  const Tensor norm = KeptNorm(AsTensor(tensor), o);
  if (o.keepdims) return norm;
  return Squeeze(norm, std::vector<int64_t>(o.axis.begin(), o.axis.end()));
}

Normalized Normalize(const Input& tensor, const NormOptions& o) {
  const OpScope scope(o.name, "normalize", {&tensor});
  const Tensor x = AsTensor(tensor);
  NormOptions kept = o;
  kept.keepdims = true;
  kept.name = {};
  const Tensor norm = internal::CastUnlessSame(Norm(x, kept), x.dtype());
  return {DivideBy(x, norm), norm};
}

// ---- Ranks and pseudo-inverses
// --------------------------------------------------------------------------------------

namespace {

// epsilon * longer side * greatest singular value, which keeps its dimension.
Tensor RankTolerance(const Tensor& a, const Tensor& values, double epsilon) {
  const int64_t rows = SideOf(a, -2), columns = SideOf(a, -1);
  const Input side = rows >= 0 && columns >= 0
                         ? Input(Array(std::max(rows, columns)))
                         : Input(ReduceMax(PartOf(ShapeOf(a), -2, 0, "end_mask")));
  const Tensor scaled = Times(epsilon, Cast(side, a.dtype()));
  return Times(scaled, ReduceMax(values, {.axis = -1, .keep_dims = true}));
}

// 10 * longer side * epsilon.
Tensor DefaultRcond(const Tensor& a, double epsilon) {
  const int64_t rows = SideOf(a, -2), columns = SideOf(a, -1);
  if (rows >= 0 && columns >= 0) {
    const double value = 10 * static_cast<double>(std::max(rows, columns)) * epsilon;
    return AsTensor(value, a.dtype(), "rcond");
  }
  const auto side = [&](int64_t known, int begin, int end) -> Input {
    if (known >= 0) return static_cast<int>(known);
    return PartOf(ShapeOf(a), begin, end, "shrink_axis_mask");
  };
  const Input height = side(rows, -2, -1), width = side(columns, -1, 0);
  const Tensor longer = Cast(Maximum(height, width), a.dtype());
  return Times(Times(10.0, longer), epsilon);
}

}  // namespace

Tensor MatrixRank(const Input& input, const MatrixRankOptions& o) {
  const OpScope scope(o.name, "matrix_rank", {&input});
  const Tensor a = AsTensor(input, kFloat32, "a");
  const double epsilon = EpsilonOf(a.dtype(), "MatrixRank");
  CheckIsMatrix(a, "MatrixRank");
  const Tensor values = SingularValues(a);
  const Input tolerance = o.tol ? *o.tol : Input(RankTolerance(a, values, epsilon));
  return ReduceSum(Cast(Greater(values, tolerance), kInt32), {.axis = -1});
}

Tensor Pinv(const Input& input, const PinvOptions& o) {
  const OpScope scope(o.name, "pinv", {&input});
  const Tensor a = AsTensor(input, kFloat32, "a");
  const double epsilon = EpsilonOf(a.dtype(), "Pinv");
  CheckIsMatrix(a, "Pinv");
  const Tensor rcond = o.rcond ? AsTensor(*o.rcond, a.dtype(), "rcond") : DefaultRcond(a, epsilon);
  const SvdFactors f = Svd(a);
  const Tensor cutoff = Times(rcond, ReduceMax(f.s, {.axis = -1}));
  const Tensor is_large = Greater(f.s, ExpandDims(cutoff, -1));
  const Tensor values = WhereV2(is_large, f.s, std::numeric_limits<double>::infinity());
  return MatMul(DivideBy(f.v, ExpandDims(values, -2)), f.u, {.adjoint_b = true});
}

}  // namespace weft::linalg
