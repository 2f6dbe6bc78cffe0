// SPDX-License-Identifier: Apache-2.0
// Special functions of one double, to a few units in the last place (absolute near their zeros).
//
// Kernels for float and half round these. The standard library's own (lgamma, erf, ...) are not
// repeated here.
#pragma once

namespace weft::special {

// Modified Bessel functions; e: times exp(-|x|) for I, exp(x) for K. K is +inf for x <= 0.
double BesselI0(double x);
double BesselI0e(double x);
double BesselI1(double x);
double BesselI1e(double x);
double BesselK0(double x);
double BesselK0e(double x);
double BesselK1(double x);
double BesselK1e(double x);
// Bessel functions; Y is -inf for x <= 0.
double BesselJ0(double x);
double BesselJ1(double x);
double BesselY0(double x);
double BesselY1(double x);

// log |gamma(x)|; +inf at 0, -1, -2, ... Unlike the C library's, safe to call from several threads.
double Lgamma(double x);
// The derivative of log gamma(x); NaN at 0, -1, -2, ...
double Digamma(double x);
// The inverse of erf; NaN outside [-1, 1].
double Erfinv(double x);
// The inverse of the standard normal distribution function; NaN outside [0, 1].
double Ndtri(double p);
// Dawson's integral: exp(-x^2) times the integral of exp(t^2) from 0 to x.
double Dawsn(double x);
// The exponential integral Ei(x) for x > 0; -inf at 0 and NaN below.
double Expint(double x);
// The integrals of cos(pi t^2 / 2) and sin(pi t^2 / 2) from 0 to x.
double FresnelCos(double x);
double FresnelSin(double x);
// The dilogarithm Li2(1 - x), the integral of log(t) / (1 - t) from 1 to x; NaN for x < 0.
double Spence(double x);

}  // namespace weft::special
