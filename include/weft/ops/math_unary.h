// SPDX-License-Identifier: Apache-2.0
// Mathematical functions of one tensor, element by element; complex numbers; casts.
//
//   auto y = wf::Exp(-wf::Square(x));
//
// Each function adds a node and returns its output, which has the shape and, unless said otherwise,
// the dtype of x. "Floating" is half, bfloat16, float, double; "numbers" are these, the signed
// integers and complex. A dtype that the function is not for throws InvalidArgumentError. All are
// differentiable but the rounding ones and the tests.
#pragma once

#include "weft/graph/input.h"

namespace weft {

// |x|; of complex x the modulus, in the floating dtype of its parts. Signed numbers.
Tensor Abs(const Input& x, const NameOptions& options = {});
// -x. Numbers.
Tensor Negative(const Input& x, const NameOptions& options = {});
Tensor operator-(const Tensor& x);
// -1, 0 or 1; x / |x| of complex x (0 of 0). Numbers. The gradient is 0.
Tensor Sign(const Input& x, const NameOptions& options = {});
// 1 / x. Floating and complex.
Tensor Reciprocal(const Input& x, const NameOptions& options = {});
// x x. Numbers and unsigned integers.
Tensor Square(const Input& x, const NameOptions& options = {});
// The square root, and 1 over it. Floating and complex.
Tensor Sqrt(const Input& x, const NameOptions& options = {});
Tensor Rsqrt(const Input& x, const NameOptions& options = {});

// To an integer in x's own dtype: the nearest (the even one of two; integers stay as they are), the
// next below, the next above. Floating. No gradient flows.
Tensor Round(const Input& x, const NameOptions& options = {});
Tensor Rint(const Input& x, const NameOptions& options = {});
Tensor Floor(const Input& x, const NameOptions& options = {});
Tensor Ceil(const Input& x, const NameOptions& options = {});

// e^x, e^x - 1, the natural logarithm of x and of 1 + x. Floating and complex.
Tensor Exp(const Input& x, const NameOptions& options = {});
Tensor Expm1(const Input& x, const NameOptions& options = {});
Tensor Log(const Input& x, const NameOptions& options = {});
Tensor Log1p(const Input& x, const NameOptions& options = {});

// Trigonometric and hyperbolic functions and their inverses; angles in radians. Floating and
// complex.
Tensor Sin(const Input& x, const NameOptions& options = {});
Tensor Cos(const Input& x, const NameOptions& options = {});
Tensor Tan(const Input& x, const NameOptions& options = {});
Tensor Asin(const Input& x, const NameOptions& options = {});
Tensor Acos(const Input& x, const NameOptions& options = {});
Tensor Atan(const Input& x, const NameOptions& options = {});
Tensor Sinh(const Input& x, const NameOptions& options = {});
Tensor Cosh(const Input& x, const NameOptions& options = {});
Tensor Tanh(const Input& x, const NameOptions& options = {});
Tensor Asinh(const Input& x, const NameOptions& options = {});
Tensor Acosh(const Input& x, const NameOptions& options = {});
Tensor Atanh(const Input& x, const NameOptions& options = {});
// 1 / (1 + e^-x). Floating and complex.
Tensor Sigmoid(const Input& x, const NameOptions& options = {});
// log(Sigmoid(x)), without overflow. Floating.
Tensor LogSigmoid(const Input& x, const NameOptions& options = {});

// Whether an element is NaN, infinite, neither. Floating; the result is bool.
Tensor IsNan(const Input& x, const NameOptions& options = {});
Tensor IsInf(const Input& x, const NameOptions& options = {});
Tensor IsFinite(const Input& x, const NameOptions& options = {});

// real + i imag, with broadcasting: complex64 of float, complex128 of double.
Tensor Complex(const Input& real, const Input& imag, const NameOptions& options = {});
// Parts of a complex number, in the floating dtype of its parts. Of a real x: x itself, zeros, 0 or
// pi by the sign.
Tensor Real(const Input& x, const NameOptions& options = {});
Tensor Imag(const Input& x, const NameOptions& options = {});
Tensor Angle(const Input& x, const NameOptions& options = {});
// The complex conjugate; x itself if it is not complex.
Tensor Conj(const Input& x, const NameOptions& options = {});

// x in another dtype; x itself if it has it. Fractions are cut off, integers that don't fit keep
// their low bits, of complex numbers the real part is taken; bool is x != 0. The gradient is cast
// back between floating and complex dtypes.
Tensor Cast(const Input& x, DataType dtype, const NameOptions& options = {});
// As Cast, but values that don't fit become the nearest that does. Real dtypes.
Tensor SaturateCast(const Input& x, DataType dtype, const NameOptions& options = {});

}  // namespace weft
