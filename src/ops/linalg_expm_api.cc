// SPDX-License-Identifier: Apache-2.0
// Functions of matrices: the logarithm, and the exponential by Pade approximants of several degrees
// and squaring (Higham, "The scaling and squaring method for the matrix exponential revisited",
// 2005).
#include <limits>
#include <span>

#include "src/core/strings.h"
#include "src/ops/linalg_api.h"
#include "src/ops/operators.h"
#include "weft/core/error.h"
#include "weft/ops/basic.h"
#include "weft/ops/control_flow.h"
#include "weft/ops/linalg_functions.h"
#include "weft/ops/logical.h"
#include "weft/ops/math_unary.h"

namespace weft::linalg {
namespace {

using internal::PartOf;
using internal::Plus;
using internal::Times;

constexpr double kPade3[] = {120, 60, 12};
constexpr double kPade5[] = {30240, 15120, 3360, 420, 30};
constexpr double kPade7[] = {17297280, 8648640, 1995840, 277200, 25200, 1512, 56};
constexpr double kPade9[] = {17643225600, 8821612800, 2075673600, 302702400, 30270240,
                             2162160,     110880,     3960,       90};
constexpr double kPade13[] = {64764752532480000,
                              32382376266240000,
                              7771770303897600,
                              1187353796428800,
                              129060195264000,
                              10559470521600,
                              670442572800,
                              33522128640,
                              1323241920,
                              40840800,
                              960960,
                              16380,
                              182};

// Degrees below 13, in rising order, the 1-norms of matrices for which each is enough, and the
// 1-norm to which matrices are scaled for the last degree.
struct Plan {
  std::vector<std::span<const double>> degrees;
  std::vector<double> enough;
  double scaled;
};
Plan PlanFor(DataType dtype) {
  switch (dtype) {
    case kFloat16:
    case kFloat32:
    case kComplex64:
      return {
          {kPade3, kPade5, kPade7}, {4.258730016922831e-1, 1.880152677804762}, 3.925724783138660};
    case kFloat64:
    case kComplex128:
      return {{kPade3, kPade5, kPade7, kPade9, kPade13},
              {1.495585217958292e-2, 2.539398330063230e-1, 9.504178996162932e-1, 2.097847961257068},
              5.371920351148152};
    default:
      ThrowError(Code::kInvalidArgument,
                 StrCat("tf.linalg.expm does not support matrices of type ", DTypeName(dtype)));
  }
}

// exp(a) is about (v - u)^-1 (v + u).
struct Pade {
  Tensor u, v;
};

std::vector<Tensor> ConstantsOf(std::span<const double> values, DataType dtype) {
  std::vector<Tensor> constants;
  for (const double x : values) constants.push_back(AsTensor(x, dtype));
  return constants;
}

Tensor IdentityLike(const Tensor& a) {
  const Tensor n = PartOf(ShapeOf(a), -2, -1, "shrink_axis_mask");
  const Tensor batch = PartOf(ShapeOf(a), 0, -2, "begin_mask");
  return internal::EyeOf(n, batch, a.dtype());
}

// Of degrees 3 to 9: the odd coefficients make u, the even ones v; powers[k] is a^(2k + 2).
Pade PadeOf(const Tensor& a, std::span<const double> coefficients) {
  const size_t degree = coefficients.size();
  const std::vector<Tensor> b = ConstantsOf(coefficients, a.dtype());
  const Tensor one = IdentityLike(a);
  std::vector<Tensor> powers = {MatMul(a, a)};
  while (2 * powers.size() + 1 < degree) powers.push_back(MatMul(powers.back(), powers[0]));
  Tensor odd = powers.back();
  for (size_t k = degree - 2; k > 1; k -= 2) odd = Plus(odd, Times(b[k], powers[(k - 1) / 2 - 1]));
  const Tensor u = MatMul(a, Plus(odd, Times(b[1], one)));
  Tensor v = Times(b[degree - 1], powers.back());
  for (size_t k = degree - 3; k > 1; k -= 2) v = Plus(v, Times(b[k], powers[k / 2 - 1]));
  return {u, Plus(v, Times(b[0], one))};
}

Pade Pade13Of(const Tensor& a) {
  const std::vector<Tensor> b = ConstantsOf(kPade13, a.dtype());
  const Tensor one = IdentityLike(a);
  const Tensor a2 = MatMul(a, a), a4 = MatMul(a2, a2), a6 = MatMul(a4, a2);
  Tensor odd = Plus(a6, Times(b[11], a4));
  odd = MatMul(a6, Plus(odd, Times(b[9], a2)));
  odd = Plus(odd, Times(b[7], a6));
  odd = Plus(odd, Times(b[5], a4));
  odd = Plus(odd, Times(b[3], a2));
  odd = Plus(odd, Times(b[1], one));
  const Tensor u = MatMul(a, odd);
  Tensor v = Times(b[12], a6);
  v = Plus(v, Times(b[10], a4));
  v = MatMul(a6, Plus(v, Times(b[8], a2)));
  v = Plus(v, Times(b[6], a6));
  v = Plus(v, Times(b[4], a4));
  v = Plus(v, Times(b[2], a2));
  return {u, Plus(v, Times(b[0], one))};
}

// Of each matrix the first case whose norm is enough for it, else the last.
Tensor Choose(const Tensor& norm, std::span<const double> enough, std::span<const Tensor> cases) {
  const Tensor fits = Less(norm, AsTensor(enough[0], norm.dtype()));
  if (enough.size() == 1) return WhereV2(fits, cases[0], cases[1]);
  return WhereV2(fits, cases[0], Choose(norm, enough.subspan(1), cases.subspan(1)));
}

Tensor DividedBy(const Tensor& a, const Tensor& b) {
  return internal::BinaryOperator("RealDiv", "truediv", a, b);
}

// How often the squares of the last approximant are squared; 0 at least.
Tensor SquaringsFor(const Tensor& norm, double scaled) {
  const Tensor most = AsTensor(scaled, norm.dtype());
  const Tensor ratio = Log(DividedBy(norm, most));
  const Tensor two = Log(AsTensor(2.0, norm.dtype()));
  return Maximum(Floor(DividedBy(ratio, two)), 0.0);
}

// The 1-norm of each matrix of a stack [count, n, n], as [count, 1, 1].
Tensor OneNormOf(const Tensor& stack) {
  const Tensor sizes = Abs(stack);
  const Tensor rank = Size(ShapeOf(stack));
  const Tensor sums = ReduceSum(sizes, {.axis = Axes(internal::Minus(rank, 2))});
  const Tensor most = ReduceMax(sums, {.axis = -1});
  return internal::Indexed(
      most, {{{0, 0, 0}, {0, 0, 0}, {1, 1, 1}}, {{"ellipsis_mask", 1}, {"new_axis_mask", 6}}});
}

Pade ChosenPade(const Tensor& a, const Tensor& norm, const Tensor& squarings, const Plan& plan) {
  std::vector<Tensor> us, vs;
  for (size_t i = 0; i < plan.degrees.size(); ++i) {
    Tensor x = a;
    if (i + 1 == plan.degrees.size()) {
      const Tensor scale = Pow(AsTensor(2.0, norm.dtype()), squarings);
      x = DividedBy(a, internal::CastUnlessSame(scale, a.dtype()));
    }
    const bool is_13 = plan.degrees[i].size() == std::size(kPade13);
    const Pade pade = is_13 ? Pade13Of(x) : PadeOf(x, plan.degrees[i]);
    us.push_back(pade.u);
    vs.push_back(pade.v);
  }
  const Tensor u = Choose(norm, plan.enough, us);
  return {u, Choose(norm, plan.enough, vs)};
}

// Matrix i squared squarings[i] times; as it is if a norm is not finite.
Tensor Squared(const Tensor& result, const Tensor& squarings, const Tensor& is_finite) {
  const Tensor most = ReduceMax(squarings);
  const Tensor zero = AsTensor(0.0, squarings.dtype());
  const auto more = [&](const std::vector<Tensor>& v) {
    return Cond(
        is_finite, [&]() -> Input { return Less(v[0], most); },
        [&]() -> Input { return AsTensor(Array(false)); });
  };
  const auto square = [&](const std::vector<Tensor>& v) -> std::vector<Tensor> {
    const Tensor next = Plus(v[0], 1.0);
    const Tensor is_due = Less(v[0], squarings);
    return {next, WhereV2(is_due, MatMul(v[1], v[1]), v[1])};
  };
  return WhileLoop(more, square, {zero, result})[1];
}

Tensor StackOf(const Tensor& matrix) {
  const Tensor sides = PartOf(ShapeOf(matrix), -2, 0, "end_mask");
  const OpScope scope("", "concat", matrix.graph());
  const Tensor any = AsTensor(Array({-1}), kInt32, "values_0");
  const Tensor axis = AsTensor(0, kInt32, "axis");
  return OpBuilder("ConcatV2", scope.self()).InList({any, sides}).In(axis).Output();
}

}  // namespace

Tensor Logm(const Input& input, const NameOptions& o) {
  return OpBuilder("MatrixLogarithm", o).In(input).Output();
}

Tensor Expm(const Input& input, const NameOptions& o) {
  const OpScope scope(o.name, "matrix_exponential", {&input});
  const Tensor given = AsTensor(input, kInvalidType, "input");
  const Plan plan = PlanFor(given.dtype());
  const PartialShape& s = given.shape();
  if (s.known_rank() && s.rank() < 2) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Expm: the operand must have rank >= 2, but has ", s.rank()));
  }
  if (s.known_rank() && s.dim(-1) == 0 && s.dim(-2) == 0) return given;
  const bool known_batch =
      s.known_rank() && std::ranges::all_of(s.dims().first(static_cast<size_t>(s.rank() - 2)),
                                            [](int64_t d) { return d >= 0; });
  Tensor batch;
  if (!known_batch) batch = PartOf(ShapeOf(given), 0, -2, "begin_mask");
  const Tensor a = Reshape(given, StackOf(given));
  const Tensor norm = OneNormOf(a);
  const Tensor squarings = SquaringsFor(norm, plan.scaled);
  const Pade pade = ChosenPade(a, norm, squarings, plan);
  const Tensor is_finite = IsFinite(ReduceMax(norm));
  const Tensor nan = AsTensor(std::numeric_limits<double>::quiet_NaN(), a.dtype());
  const Tensor quotient = Cond(
      is_finite,
      [&]() -> Input {
        const Tensor left = Plus(Negative(pade.u), pade.v);
        return MatrixSolve(left, Plus(pade.u, pade.v));
      },
      [&]() -> Input { return Fill(ShapeOf(a), nan); });
  const Tensor result = Squared(quotient, squarings, is_finite);
  if (!a.shape().IsFullyKnown() || !known_batch) {
    const Tensor lead = known_batch ? AsTensor(Array::FromVector(std::vector<int32_t>(
                                          s.dims().begin(), s.dims().end() - 2)))
                                    : batch;
    const Tensor sides = PartOf(ShapeOf(result), -2, 0, "end_mask");
    return Reshape(result, Concat({lead, sides}, 0));
  }
  std::vector<int64_t> sizes(s.dims().begin(), s.dims().end());
  return Reshape(result, sizes);
}

}  // namespace weft::linalg
