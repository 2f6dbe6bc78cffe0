// SPDX-License-Identifier: Apache-2.0
// Elementary functions of one operand and the ops of their gradients. float, half and bfloat16 run
// on vectors (vector_math.h); double and complex on the C library.
#include "kernels/cpu/math_unary.h"

#include <cmath>
#include <complex>

#include "kernels/cpu/map.h"
#include "weft/core/complex.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

template <typename T>
inline constexpr bool kIsComplex = false;
template <typename T>
inline constexpr bool kIsComplex<std::complex<T>> = true;

template <typename T>
T Conjugate(T x) {
  if constexpr (kIsComplex<T>) {
    return std::conj(x);
  } else {
    return x;
  }
}

// -1, 0, 1 or NaN; z / |z|.
template <typename T>
T SignOf(T x) {
  if constexpr (kIsComplex<T>) {
    const auto modulus = std::abs(x);
    return modulus == 0 ? T(0) : x / modulus;
  } else if constexpr (std::is_floating_point_v<T>) {
    return x > 0 ? T(1) : x < 0 ? T(-1) : x == 0 ? T(0) : x;
  } else {
    return static_cast<T>((x > 0) - (x < 0));
  }
}

// Arithmetic of integers wraps around.
template <typename T>
T Wrapped(std::make_unsigned_t<T> x) {
  return static_cast<T>(x);
}
template <typename T>
T NegativeOf(T x) {
  if constexpr (std::is_integral_v<T>) {
    return Wrapped<T>(
        static_cast<std::make_unsigned_t<T>>(0u - static_cast<std::make_unsigned_t<T>>(x)));
  } else {
    return -x;
  }
}
template <typename T>
T AbsOf(T x) {
  if constexpr (std::is_integral_v<T>) {
    return x < 0 ? NegativeOf(x) : x;
  } else {
    return std::abs(x);
  }
}
template <typename T>
T SquareOf(T x) {
  if constexpr (std::is_integral_v<T>) {
    // In 64 bits, so that 16-bit values are not promoted to int, which may overflow.
    const uint64_t wide = static_cast<uint64_t>(x);
    return static_cast<T>(wide * wide);
  } else {
    return x * x;
  }
}

// e^z - 1 and log(1 + z) of complex z, without the cancellation near 0.
template <typename T>
std::complex<T> Expm1Of(std::complex<T> z) {
  const T e = std::expm1(z.real());
  const T sine = std::sin(z.imag() / 2);
  const T versine = -2 * sine * sine;  // cos(imag) - 1
  return {e * (versine + 1) + versine, (e + 1) * std::sin(z.imag())};
}
template <typename T>
T Expm1Of(T x) {
  return std::expm1(x);
}
template <typename T>
std::complex<T> Log1pOf(std::complex<T> z) {
  const T a = z.real(), b = z.imag();
  // |1 + z|^2 - 1 = 2 a + a^2 + b^2, which is exact enough as long as it is small.
  const T excess = a * (2 + a) + b * b;
  const T real =
      std::abs(excess) < T(0.5) ? std::log1p(excess) / 2 : std::log(std::hypot(1 + a, b));
  return {real, std::atan2(b, 1 + a)};
}
template <typename T>
T Log1pOf(T x) {
  return std::log1p(x);
}

template <typename T>
T SigmoidOf(T x) {
  if constexpr (std::is_floating_point_v<T>) {
    const T e = std::exp(-std::abs(x));
    return (x < 0 ? e : T(1)) / (1 + e);
  } else {
    return T(1) / (T(1) + std::exp(-x));
  }
}

// To the nearest integer, to the even one of two, in the default rounding mode.
template <typename T>
T RoundOf(T x) {
  if constexpr (std::is_integral_v<T>) {
    return x;
  } else {
    return std::nearbyint(x);
  }
}

// Float and narrower on vectors, the others by kF.
template <VectorMath::Unary VectorMath::*kFn, auto kF, typename... T>
void Add(KernelRegistry& kernels, std::string_view op) {
  AddVectorMap<kFn>(kernels, op);
  AddMap<kF, T...>(kernels, op);
}
template <VectorMath::Unary VectorMath::*kFn, auto kF>
void AddWithComplex(KernelRegistry& kernels, std::string_view op) {
  Add<kFn, kF, double, complex64, complex128>(kernels, op);
}
template <auto kF>
void AddScalar(KernelRegistry& kernels, std::string_view op) {
  AddMap<kF, half, bfloat16, float, double, complex64, complex128>(kernels, op);
}
// Gradient ops of (y, dy).
template <VectorMath::Binary VectorMath::*kFn, auto kF>
void AddGradient(KernelRegistry& kernels, std::string_view op) {
  AddVectorPairMap<kFn, PairShapes::kSameCount>(kernels, op);
  AddPairMap<kF, PairShapes::kSameCount, double, complex64, complex128>(kernels, op);
}

void RegisterSignsAndPowers(KernelRegistry& k) {
  Add<&VectorMath::abs, [](auto x) { return AbsOf(x); }, double, int8_t, int16_t, int32_t, int64_t>(
      k, "Abs");
  Add<&VectorMath::neg, [](auto x) { return NegativeOf(x); }, double, int8_t, int16_t, int32_t,
      int64_t, complex64, complex128>(k, "Neg");
  Add<&VectorMath::sign, [](auto x) { return SignOf(x); }, double, int8_t, int16_t, int32_t,
      int64_t, complex64, complex128>(k, "Sign");
  Add<&VectorMath::square, [](auto x) { return SquareOf(x); }, double, int8_t, int16_t, int32_t,
      int64_t, uint8_t, uint16_t, uint32_t, uint64_t, complex64, complex128>(k, "Square");
  for (std::string_view op : {"Inv", "Reciprocal"}) {
    AddWithComplex<&VectorMath::reciprocal, [](auto x) { return decltype(x)(1) / x; }>(k, op);
  }
  AddWithComplex<&VectorMath::sqrt, [](auto x) { return std::sqrt(x); }>(k, "Sqrt");
  AddWithComplex<&VectorMath::rsqrt, [](auto x) { return decltype(x)(1) / std::sqrt(x); }>(k,
                                                                                           "Rsqrt");
}

void RegisterRounding(KernelRegistry& k) {
  constexpr auto kRound = [](auto x) { return RoundOf(x); };
  Add<&VectorMath::round, kRound, double, int32_t, int64_t>(k, "Round");
  Add<&VectorMath::round, kRound, double>(k, "Rint");
  Add<&VectorMath::floor, [](auto x) { return std::floor(x); }, double>(k, "Floor");
  Add<&VectorMath::ceil, [](auto x) { return std::ceil(x); }, double>(k, "Ceil");
  AddMapTo<[](auto x) { return std::isnan(x); }, bool, half, bfloat16, float, double>(k, "IsNan");
  AddMapTo<[](auto x) { return std::isinf(x); }, bool, half, bfloat16, float, double>(k, "IsInf");
  AddMapTo<[](auto x) { return std::isfinite(x); }, bool, half, bfloat16, float, double>(
      k, "IsFinite");
}

void RegisterExponentials(KernelRegistry& k) {
  AddWithComplex<&VectorMath::exp, [](auto x) { return std::exp(x); }>(k, "Exp");
  AddWithComplex<&VectorMath::expm1, [](auto x) { return Expm1Of(x); }>(k, "Expm1");
  AddWithComplex<&VectorMath::log, [](auto x) { return std::log(x); }>(k, "Log");
  AddWithComplex<&VectorMath::log1p, [](auto x) { return Log1pOf(x); }>(k, "Log1p");
  AddWithComplex<&VectorMath::sigmoid, [](auto x) { return SigmoidOf(x); }>(k, "Sigmoid");
}

void RegisterTrigonometry(KernelRegistry& k) {
  AddWithComplex<&VectorMath::sin, [](auto x) { return std::sin(x); }>(k, "Sin");
  AddWithComplex<&VectorMath::cos, [](auto x) { return std::cos(x); }>(k, "Cos");
  AddWithComplex<&VectorMath::sinh, [](auto x) { return std::sinh(x); }>(k, "Sinh");
  AddWithComplex<&VectorMath::cosh, [](auto x) { return std::cosh(x); }>(k, "Cosh");
  AddWithComplex<&VectorMath::tanh, [](auto x) { return std::tanh(x); }>(k, "Tanh");
  AddScalar<[](auto x) { return std::tan(x); }>(k, "Tan");
  AddScalar<[](auto x) { return std::asin(x); }>(k, "Asin");
  AddScalar<[](auto x) { return std::acos(x); }>(k, "Acos");
  AddScalar<[](auto x) { return std::atan(x); }>(k, "Atan");
  AddScalar<[](auto x) { return std::asinh(x); }>(k, "Asinh");
  AddScalar<[](auto x) { return std::acosh(x); }>(k, "Acosh");
  AddScalar<[](auto x) { return std::atanh(x); }>(k, "Atanh");
}

void RegisterGradients(KernelRegistry& k) {
  for (std::string_view op : {"InvGrad", "ReciprocalGrad"}) {
    AddGradient<&VectorMath::reciprocal_grad, [](auto y, auto dy) {
      const auto c = Conjugate(y);
      return -c * dy * c;
    }>(k, op);
  }
  AddGradient<&VectorMath::sqrt_grad,
              [](auto y, auto dy) { return decltype(y)(0.5) * dy / Conjugate(y); }>(k, "SqrtGrad");
  AddGradient<&VectorMath::rsqrt_grad, [](auto y, auto dy) {
    const auto c = Conjugate(y);
    return decltype(y)(-0.5) * (dy * c) * (c * c);
  }>(k, "RsqrtGrad");
  AddGradient<&VectorMath::sigmoid_grad,
              [](auto y, auto dy) { return dy * y * (decltype(y)(1) - y); }>(k, "SigmoidGrad");
  AddGradient<&VectorMath::tanh_grad,
              [](auto y, auto dy) { return dy * (decltype(y)(1) - y * y); }>(k, "TanhGrad");
}

}  // namespace

void RegisterMathUnaryKernels(KernelRegistry& kernels) {
  RegisterSignsAndPowers(kernels);
  RegisterRounding(kernels);
  RegisterExponentials(kernels);
  RegisterTrigonometry(kernels);
  RegisterGradients(kernels);
  RegisterMathSpecialKernels(kernels);
  RegisterComplexKernels(kernels);
  RegisterCastKernels(kernels);
  RegisterBitwiseKernels(kernels);
  RegisterBasicKernels(kernels);
}

}  // namespace weft
