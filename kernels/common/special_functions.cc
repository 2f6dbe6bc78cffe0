// SPDX-License-Identifier: Apache-2.0
#include "kernels/common/special_functions.h"

#include <cmath>
#include <cstddef>
#include <iterator>
#include <limits>
#include <numbers>

#include "kernels/common/special_function_tables.h"

namespace weft::special {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The Chebyshev series c at x in [lo, hi], by Clenshaw's recurrence.
template <size_t N>
double Series(const double (&c)[N], double lo, double hi, double x) {
  const double t = (2 * x - lo - hi) / (hi - lo);
  double b1 = 0, b2 = 0;
  for (size_t k = N; k-- > 1;) {
    const double b0 = 2 * t * b1 - b2 + c[k];
    b2 = b1;
    b1 = b0;
  }
  return c[0] + (t * b1 - b2);
}

// exp(x) * y without overflow where the product has none.
double TimesExp(double x, double y) {
  const double root = std::exp(x / 2);
  return y * root * root;
}

}  // namespace

double BesselI0e(double x) {
  x = std::abs(x);
  if (x <= 8) return Series(kI0Small, 0, 8, x);
  return Series(kI0Large, 0, 1, 8 / x) / std::sqrt(x);
}

double BesselI0(double x) { return TimesExp(std::abs(x), BesselI0e(x)); }

double BesselI1e(double x) {
  const double a = std::abs(x);
  if (a <= 8) return x * Series(kI1Small, 0, 8, a);
  return std::copysign(Series(kI1Large, 0, 1, 8 / a) / std::sqrt(a), x);
}

double BesselI1(double x) { return TimesExp(std::abs(x), BesselI1e(x)); }

double BesselK0e(double x) {
  if (x <= 0) return kInf;
  if (x > 2) return Series(kK0Large, 0, 1, 2 / x) / std::sqrt(x);
  return std::exp(x) * (Series(kK0Small, 0, 4, x * x) - std::log(x / 2) * BesselI0(x));
}

double BesselK0(double x) {
  if (x <= 0) return kInf;
  if (x > 2) return std::exp(-x) * BesselK0e(x);
  return Series(kK0Small, 0, 4, x * x) - std::log(x / 2) * BesselI0(x);
}

double BesselK1(double x) {
  if (x <= 0) return kInf;
  if (x > 2) return std::exp(-x) * BesselK1e(x);
  return Series(kK1Small, 0, 4, x * x) / x + std::log(x / 2) * BesselI1(x);
}

double BesselK1e(double x) {
  if (x <= 0) return kInf;
  if (x > 2) return Series(kK1Large, 0, 1, 2 / x) / std::sqrt(x);
  return std::exp(x) * BesselK1(x);
}

double BesselJ0(double x) { return ::j0(x); }
double BesselJ1(double x) { return ::j1(x); }
double BesselY0(double x) { return x <= 0 ? -kInf : ::y0(x); }
double BesselY1(double x) { return x <= 0 ? -kInf : ::y1(x); }

double Lgamma(double x) {
  int sign;  // lgamma() would write it to a global
  return ::lgamma_r(x, &sign);
}

double Digamma(double x) {
  if (x <= 0) {
    const double fraction = x - std::round(x);
    if (fraction == 0 || !std::isfinite(x)) return kNan;
    return Digamma(1 - x) - kPi / std::tan(kPi * fraction);
  }
  if (x < 1) return Digamma(x + 1) - 1 / x;
  if (x <= 2) {
    // The zero in two parts, so that the result is accurate next to it.
    constexpr double kRoot = 0x1.762d86356be3fp+0, kRootRest = 9.5499954299656977e-17;
    return (x - kRoot - kRootRest) * Series(kDigammaNearRoot, 1, 2, x);
  }
  double shift = 0;
  for (; x < 10; x += 1) shift -= 1 / x;
  // Coefficients B(2k) / (2k) of the asymptotic series.
  const double s = 1 / (x * x);
  const double series =
      s * (1. / 12 -
           s * (1. / 120 -
                s * (1. / 252 - s * (1. / 240 - s * (1. / 132 - s * (691. / 32760 - s / 12))))));
  return shift + std::log(x) - 0.5 / x - series;
}

namespace {

// erfinv(x) / x as a function of w = -log(1 - x^2).
double ErfinvRatio(double w) {
  if (w <= 6.25) return Series(kErfinvCentral, 0, 6.25, w);
  const double s = std::sqrt(w);
  if (s <= 4) return Series(kErfinvNear, 2.5, 4, s);
  if (s <= 8) return Series(kErfinvMid, 4, 8, s);
  return Series(kErfinvFar, 8, 28, s);
}

}  // namespace

double Erfinv(double x) {
  if (!(std::abs(x) < 1)) return std::abs(x) == 1 ? std::copysign(kInf, x) : kNan;
  return x * ErfinvRatio(-std::log((1 - x) * (1 + x)));
}

double Ndtri(double p) {
  if (!(p > 0 && p < 1)) return p == 0 ? -kInf : p == 1 ? kInf : kNan;
  // With x = 2 p - 1: 1 - x^2 = 4 p (1 - p), which keeps all digits of a small p.
  const double w = -(std::log(4 * (1 - p)) + std::log(p));
  return std::numbers::sqrt2 * (2 * p - 1) * ErfinvRatio(w > 0 ? w : 0);
}

double Dawsn(double x) {
  const double a = std::abs(x);
  if (a <= 1) return x * Series(kDawsonSmall, 0, 1, x * x);
  const double y = a <= 3   ? Series(kDawsonMid, 1, 3, a)
                   : a <= 5 ? Series(kDawsonUpper, 3, 5, a)
                            : Series(kDawsonLarge, 0, 1, (5 / a) * (5 / a)) / (2 * a);
  return std::copysign(y, x);
}

double Expint(double x) {
  if (x < 0) return kNan;
  if (x == 0) return -kInf;
  if (x <= 6) return std::numbers::egamma + std::log(x) + x * Series(kExpintSmall, 0, 6, x);
  if (x == kInf) return kInf;
  const double y = x <= 12   ? Series(kExpintMid, 6, 12, x)
                   : x <= 24 ? Series(kExpintUpper, 12, 24, x)
                   : x <= 48 ? Series(kExpintHigh, 24, 48, x)
                             : Series(kExpintLarge, 0, 1, 48 / x);
  return TimesExp(x, y / x);
}

namespace {

// C(x) and S(x) for x >= 1.6: 1/2 plus an oscillation of amplitude 1 / (pi x).
struct FresnelTail {
  explicit FresnelTail(double x) {
    // Beyond 1e16 the oscillation is below half a unit of 1/2.
    if (!(x < 1e16)) return;
    // The period is 4 in x^2, whose rounding error is put back after the reduction.
    const double square = x * x;
    const double phase = kPi / 2 * (std::fmod(square, 4) + std::fma(x, x, -square));
    const double u = 2.56 / square;
    const double f = Series(kFresnelF, 0, 1, u) / (kPi * x);
    const double g = Series(kFresnelG, 0, 1, u) / (kPi * kPi * x * square);
    c = 0.5 + f * std::sin(phase) - g * std::cos(phase);
    s = 0.5 - f * std::cos(phase) - g * std::sin(phase);
  }
  double c = 0.5, s = 0.5;
};
constexpr double kFresnelSmall = 1.6;

}  // namespace

double FresnelCos(double x) {
  if (std::isnan(x)) return x;
  if (std::abs(x) > kFresnelSmall) return std::copysign(FresnelTail(std::abs(x)).c, x);
  const double s = x * x;
  return x * Series(kFresnelCosSmall, 0, 6.5536, s * s);
}

double FresnelSin(double x) {
  if (std::isnan(x)) return x;
  if (std::abs(x) > kFresnelSmall) return std::copysign(FresnelTail(std::abs(x)).s, x);
  const double s = x * x;
  return x * s * Series(kFresnelSinSmall, 0, 6.5536, s * s);
}

namespace {

// Li2(1 - exp(-u)) for |u| <= log 2: u - u^2 / 4 + sum of B(2k) u^(2k+1) / (2k+1)!.
double Dilogarithm(double u) {
  constexpr double c[] = {1. / 36,
                          -1. / 3600,
                          1. / 211680,
                          -1. / 10886400,
                          1. / 526901760,
                          -4.0647616451442255e-11,
                          8.9216910204564526e-13,
                          -1.9939295860721076e-14,
                          4.5189800296199182e-16};
  const double s = u * u;
  double sum = 0;
  for (size_t k = std::size(c); k-- > 0;) sum = sum * s + c[k];
  return u - s / 4 + u * s * sum;
}

}  // namespace

double Spence(double x) {
  if (!(x >= 0)) return kNan;
  constexpr double kSixth = kPi * kPi / 6;
  if (x == 0) return kSixth;
  if (x < 0.5) return kSixth - std::log(x) * std::log1p(-x) - Dilogarithm(-std::log1p(-x));
  if (x <= 2) return Dilogarithm(0.0 - std::log(x));  // +0 at 1
  if (x == kInf) return -kInf;
  const double log_rest = std::log(x - 1);
  return -kSixth - log_rest * log_rest / 2 - Dilogarithm(-std::log1p(1 / (x - 1)));
}

}  // namespace weft::special
