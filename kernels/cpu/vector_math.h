// SPDX-License-Identifier: Apache-2.0
// Element-wise functions of arrays of floats, with the widest vectors of the machine (chosen when
// the program runs).
//
//   Vec().exp(x, y, n);   // y[i] = exp(x[i])
//
// The output may be one of the operands, else they must not overlap. Elements don't depend on their
// neighbours, so a caller may split the work anywhere. Results are within 3 units in the last place
// and have the C library's special values. A kernel with formulas of its own on vectors includes
// vector_math-inl.h instead.
#pragma once

#include <cstdint>

#include "weft/core/half.h"

namespace weft {

struct VectorMath {
  using Unary = void (*)(const float* x, float* y, int64_t n);
  using Binary = void (*)(const float* a, const float* b, float* y, int64_t n);
  using UnaryScaled = void (*)(const float* x, float alpha, float* y, int64_t n);
  using BinaryScaled = void (*)(const float* a, const float* b, float alpha, float* y, int64_t n);

  Unary abs, neg, square, reciprocal, sqrt, rsqrt, sign;
  Unary floor, ceil, round;  // round: to the nearest integer, to the even one of two
  Unary exp, expm1, log, log1p;
  // y[i] = exp(x[i] - alpha), which is also added to sums[i % kSumLanes].
  static constexpr int kSumLanes = 16;
  void (*exp_minus_sum)(const float* x, float alpha, float* y, int64_t n, float* sums);
  Unary sin, cos, sinh, cosh, tanh;
  Unary erf, sigmoid;

  Unary relu, relu6, elu, selu, softplus, softsign;
  UnaryScaled leaky_relu;

  // dx from the forward op's output y and dy, in the order of the ops' inputs.
  Binary reciprocal_grad, sqrt_grad, rsqrt_grad, sigmoid_grad, tanh_grad;
  // dx from dy and: y (elu, selu), the input x (softplus, softsign), either (the others).
  Binary relu_grad, relu6_grad, elu_grad, selu_grad, softplus_grad, softsign_grad;
  BinaryScaled leaky_relu_grad;

  // Rounded to nearest even.
  void (*half_to_float)(const half* x, float* y, int64_t n);
  void (*float_to_half)(const float* x, half* y, int64_t n);
  void (*bfloat16_to_float)(const bfloat16* x, float* y, int64_t n);
  void (*float_to_bfloat16)(const float* x, bfloat16* y, int64_t n);
};

// The functions for this machine.
const VectorMath& Vec();

}  // namespace weft
