// SPDX-License-Identifier: Apache-2.0
// Incomplete gamma and beta functions, zeta and polygamma, computed in double.
//
// Sources of the methods: DLMF 8.7.1 (series of P), 8.9.2 (continued fraction of Q), 8.17.22
// (continued fraction of I_x), 25.11.28-like Euler-Maclaurin summation of the Hurwitz zeta
// function.
#include <cmath>
#include <limits>

#include "kernels/common/special_functions.h"
#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/math_binary.h"

namespace weft {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kEpsilon = 1e-16;
constexpr int kMaxTerms = 100000;

// x^a e^-x / Gamma(a + shift), by logarithms.
double GammaFactor(double a, double x, double shift) {
  return std::exp(a * std::log(x) - x - std::lgamma(a + shift));
}

// P(a, x) as x^a e^-x / Gamma(a+1) * sum x^n / ((a+1) ... (a+n)); all terms are positive.
double LowerSeries(double a, double x) {
  double term = 1, sum = 1;
  for (int n = 1; n < kMaxTerms; ++n) {
    term *= x / (a + n);
    sum += term;
    if (term < sum * kEpsilon) break;
  }
  return sum * GammaFactor(a, x, 1);
}

// Q(a, x) Gamma(a) / (x^a e^-x) by a continued fraction (modified Lentz), for x > a + 1.
double UpperFractionAlone(double a, double x) {
  constexpr double kTiny = 1e-300;
  double b = x + 1 - a, c = 1 / kTiny, d = 1 / b, h = d;
  for (int n = 1; n < kMaxTerms; ++n) {
    const double an = -n * (n - a);
    b += 2;
    d = an * d + b;
    if (std::abs(d) < kTiny) d = kTiny;
    c = b + an / c;
    if (std::abs(c) < kTiny) c = kTiny;
    d = 1 / d;
    const double delta = d * c;
    h *= delta;
    if (std::abs(delta - 1) < kEpsilon) break;
  }
  return h;
}
double UpperFraction(double a, double x) { return UpperFractionAlone(a, x) * GammaFactor(a, x, 0); }

double LowerGamma(double a, double x) {
  if (std::isnan(a) || std::isnan(x) || x < 0 || a <= 0) return kNan;
  if (x == 0) return 0;
  if (std::isinf(a)) return std::isinf(x) ? kNan : 0;
  if (std::isinf(x)) return 1;
  return x > 1 && x > a ? 1 - UpperFraction(a, x) : LowerSeries(a, x);
}
double UpperGamma(double a, double x) {
  if (std::isnan(a) || std::isnan(x) || x < 0 || a <= 0) return kNan;
  if (x == 0) return 1;
  if (std::isinf(a)) return std::isinf(x) ? kNan : 1;
  if (std::isinf(x)) return 0;
  return x > 1 && x > a ? UpperFraction(a, x) : 1 - LowerSeries(a, x);
}

// Where the series of P does well, its derivative term by term; in the tail of Q, where that would
// cancel, a difference of Q.
bool InTail(double a, double x) { return x > a + 20 + 4 * std::sqrt(a); }
// f'(a) by a central difference of fourth order.
template <typename F>
double Difference(const F& f, double a) {
  const double h = 1e-4 * a;
  return (8 * (f(a + h) - f(a - h)) - (f(a + 2 * h) - f(a - 2 * h))) / (12 * h);
}
// dP/da Gamma(a+1) / (x^a e^-x), term by term.
double LowerSeriesSlope(double a, double x) {
  double term = 1, sum = 1, slope = 0, harmonic = 0;
  for (int n = 1; n < kMaxTerms; ++n) {
    term *= x / (a + n);
    harmonic += 1 / (a + n);
    sum += term;
    slope -= term * harmonic;
    if (term * (1 + harmonic) < sum * kEpsilon) break;
  }
  return sum * (std::log(x) - special::Digamma(a + 1)) + slope;
}

// dP/da.
double LowerGammaDerivative(double a, double x) {
  if (std::isnan(a) || std::isnan(x) || x < 0 || a <= 0) return kNan;
  if (x == 0) return 0;
  if (InTail(a, x)) return -Difference([&](double s) { return UpperFraction(s, x); }, a);
  return GammaFactor(a, x, 1) * LowerSeriesSlope(a, x);
}

// dx/da of a gamma number x whose P(a, x) stays: -(dP/da) / (dP/dx), where dP/dx = x^(a-1) e^-x /
// Gamma(a) is divided out before it can underflow.
double GammaSampleDerivative(double a, double x) {
  if (std::isnan(a) || std::isnan(x) || x < 0 || a <= 0) return kNan;
  if (x == 0) return 0;
  if (!InTail(a, x)) return -x / a * LowerSeriesSlope(a, x);
  const auto fraction = [&](double s) { return UpperFractionAlone(s, x); };
  return x * (fraction(a) * (std::log(x) - special::Digamma(a)) + Difference(fraction, a));
}

// The continued fraction of I_x(a, b), for x < (a + 1) / (a + b + 2).
double BetaFraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  if (std::abs(d) < kTiny) d = kTiny;
  d = 1 / d;
  double h = d;
  for (int m = 1; m < kMaxTerms; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double delta = 1;
    for (const double coefficient : {even, odd}) {
      d = 1 + coefficient * d;
      if (std::abs(d) < kTiny) d = kTiny;
      c = 1 + coefficient / c;
      if (std::abs(c) < kTiny) c = kTiny;
      d = 1 / d;
      delta = d * c;
      h *= delta;
    }
    if (std::abs(delta - 1) < kEpsilon) break;
  }
  return h;
}

double IncompleteBeta(double a, double b, double x) {
  if (std::isnan(a) || std::isnan(b) || std::isnan(x) || a <= 0 || b <= 0 || x < 0 || x > 1)
    return kNan;
  if (x == 0 || x == 1) return x;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * BetaFraction(a, b, x) / a;
  return 1 - front * BetaFraction(b, a, 1 - x) / b;
}

// sum (q + n)^-x: ten terms, then the Euler-Maclaurin expansion of the rest.
double HurwitzZeta(double x, double q) {
  if (x == 1) return kInf;
  if (std::isnan(x) || std::isnan(q) || x < 1) return kNan;
  if (q <= 0) {
    if (q == std::floor(q)) return kInf;
    if (x != std::floor(x)) return kNan;  // a negative number to a power that is no integer
  }
  double sum = 0, at = q;
  for (int n = 0; n < 12 || at <= 12; ++n, ++at) {
    const double term = std::pow(at, -x);
    sum += term;
    if (at > 0 && term < sum * 1e-18) return sum;
  }
  sum += std::pow(at, 1 - x) / (x - 1) + 0.5 * std::pow(at, -x);
  // B_2k / (2k)!
  static constexpr double kCoefficients[] = {1.0 / 12,           -1.0 / 720,
                                             1.0 / 30240,        -1.0 / 1209600,
                                             1.0 / 47900160,     -691.0 / 1307674368000.0,
                                             1.0 / 74724249600.0};
  double factor = x, power = std::pow(at, -x - 1);
  for (int k = 0; k < 7; ++k) {
    sum += kCoefficients[k] * factor * power;
    factor *= (x + 2 * k + 1) * (x + 2 * k + 2);
    power /= at * at;
  }
  return sum;
}

double PolygammaOf(double n, double x) {
  if (std::isnan(n) || std::isnan(x) || n < 0 || n != std::floor(n)) return kNan;
  if (n == 0) return special::Digamma(x);
  const double sign = std::fmod(n, 2) == 1 ? 1 : -1;
  return sign * std::exp(std::lgamma(n + 1)) * HurwitzZeta(n + 1, x);
}

template <double (*kFunction)(double, double)>
struct InDouble {
  template <typename T>
  T operator()(const T& a, const T& x) const {
    return static_cast<T>(kFunction(static_cast<double>(a), static_cast<double>(x)));
  }
};
struct BetaInDouble {
  template <typename T>
  T operator()(T a, T b, T x) const {
    return static_cast<T>(IncompleteBeta(a, b, x));
  }
};
struct Next {
  template <typename T>
  T operator()(T a, T b) const {
    return std::nextafter(a, b);
  }
};

template <typename F, typename T>
void AddOp(KernelRegistry& k, std::string_view op) {
  k.Add(op, kCpu, {{"T", dtype_of<T>}}, Elementwise<BinaryLoop<T, T, T, F>, T(T, T), 200>);
}

// Operands are scalars or of one shape; there is no other broadcasting.
template <typename T>
absl::Status Betainc(KernelContext& ctx) {
  const Shape* shape = nullptr;
  for (int i = 0; i < 3; ++i) {
    const Shape& s = ctx.input(i).shape();
    if (s.IsScalar()) continue;
    if (shape && !(*shape == s))
      return ctx.InvalidArgument("Shapes of a, b and x are inconsistent: " + shape->ToString() +
                                 " and " + s.ToString());
    shape = &s;
  }
  static constexpr ElementwiseOp kOp =
      ElementwiseTypes<T(T, T, T)>::Op(TernaryLoop<T, T, T, T, BetaInDouble>, 300);
  return RunElementwise(ctx, kOp);
}

}  // namespace

void RegisterMathBinarySpecialKernels(KernelRegistry& k) {
  ForTypes<float, double, half, bfloat16>([&]<typename T>() {
    AddOp<InDouble<LowerGamma>, T>(k, "Igamma");
    AddOp<InDouble<UpperGamma>, T>(k, "Igammac");
  });
  ForTypes<float, double>([&]<typename T>() {
    AddOp<InDouble<LowerGammaDerivative>, T>(k, "IgammaGradA");
    AddOp<InDouble<GammaSampleDerivative>, T>(k, "RandomGammaGrad");
    AddOp<InDouble<HurwitzZeta>, T>(k, "Zeta");
    AddOp<InDouble<PolygammaOf>, T>(k, "Polygamma");
    AddOp<Next, T>(k, "NextAfter");
    k.Add("Betainc", kCpu, {{"T", dtype_of<T>}}, Betainc<T>);
  });
}

}  // namespace weft
