// SPDX-License-Identifier: Apache-2.0
// Special functions, element by element. Floating dtypes (the last six: float and double); all are
// differentiable.
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

}  // namespace weft
