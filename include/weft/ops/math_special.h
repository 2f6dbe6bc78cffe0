// SPDX-License-Identifier: Apache-2.0
// Special functions, element by element. Floating dtypes; differentiable where nothing else is
// said.
#pragma once

#include "weft/graph/input.h"

namespace weft {

// log |gamma(x)| and its derivative.
Tensor Lgamma(const Input& x, const NameOptions& options = {});
Tensor Digamma(const Input& x, const NameOptions& options = {});
// The error function, 1 minus it.
Tensor Erf(const Input& x, const NameOptions& options = {});
Tensor Erfc(const Input& x, const NameOptions& options = {});

// Modified Bessel functions of the first (I) and second (K) kind, of order 0 and 1. e: times
// exp(-|x|) and exp(x).
Tensor BesselI0(const Input& x, const NameOptions& options = {});
Tensor BesselI0e(const Input& x, const NameOptions& options = {});
Tensor BesselI1(const Input& x, const NameOptions& options = {});
Tensor BesselI1e(const Input& x, const NameOptions& options = {});
Tensor BesselK0(const Input& x, const NameOptions& options = {});
Tensor BesselK0e(const Input& x, const NameOptions& options = {});
Tensor BesselK1(const Input& x, const NameOptions& options = {});
Tensor BesselK1e(const Input& x, const NameOptions& options = {});
// Bessel functions of the first (J) and second (Y) kind.
Tensor BesselJ0(const Input& x, const NameOptions& options = {});
Tensor BesselJ1(const Input& x, const NameOptions& options = {});
Tensor BesselY0(const Input& x, const NameOptions& options = {});
Tensor BesselY1(const Input& x, const NameOptions& options = {});

// The inverse of Erf, of Erfc, and of the standard normal distribution function.
Tensor Erfinv(const Input& x, const NameOptions& options = {});
Tensor Erfcinv(const Input& x, const NameOptions& options = {});
Tensor Ndtri(const Input& x, const NameOptions& options = {});
// Dawson's integral.
Tensor Dawsn(const Input& x, const NameOptions& options = {});
// The exponential integral Ei(x).
Tensor Expint(const Input& x, const NameOptions& options = {});
// The integrals of cos(pi t^2 / 2) and sin(pi t^2 / 2) from 0 to x.
Tensor FresnelCos(const Input& x, const NameOptions& options = {});
Tensor FresnelSin(const Input& x, const NameOptions& options = {});
// The dilogarithm Li2(1 - x).
Tensor Spence(const Input& x, const NameOptions& options = {});

// The regularised incomplete gamma functions: the lower one P(a, x), and Q = 1 - P. Arguments
// broadcast. float, double.
Tensor Igamma(const Input& a, const Input& x, const NameOptions& options = {});
Tensor Igammac(const Input& a, const Input& x, const NameOptions& options = {});
// The regularised incomplete beta function I_x(a, b). Differentiable by x.
Tensor Betainc(const Input& a, const Input& b, const Input& x, const NameOptions& options = {});
// Hurwitz's zeta function, sum over n >= 0 of (q + n)^-x. Differentiable by q.
Tensor Zeta(const Input& x, const Input& q, const NameOptions& options = {});
// The derivative of order a + 1 of log gamma; a is a whole number. Differentiable by x.
Tensor Polygamma(const Input& a, const Input& x, const NameOptions& options = {});
// log |beta(x)| over the last dimension: sum of log |gamma| less log |gamma| of the sum.
Tensor Lbeta(const Input& x, const NameOptions& options = {});

}  // namespace weft
