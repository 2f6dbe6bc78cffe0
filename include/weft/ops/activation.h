// SPDX-License-Identifier: Apache-2.0
// Activations of neural networks, element by element.
//
//   auto h = wf::nn::Relu(wf::MatMul(x, w) + b);
//
// Floating dtypes unless said otherwise (half, bfloat16, float, double); the result has x's shape
// and dtype. All are differentiable any number of times. NaN stays NaN.
#pragma once

#include "weft/graph/input.h"
#include "weft/ops/math_unary.h"

namespace weft::nn {

using weft::Sigmoid;
using weft::Tanh;

// max(x, 0). Real numbers. Gradient: dy where x is above 0, 0 elsewhere.
Tensor Relu(const Input& features, const NameOptions& options = {});
// min(max(x, 0), 6). Real numbers.
Tensor Relu6(const Input& features, const NameOptions& options = {});
// x above 0, alpha x below; integers are taken as float.
struct LeakyReluOptions {
  float alpha = 0.2f;
  std::string name = {};
};
Tensor LeakyRelu(const Input& features, const LeakyReluOptions& options = {});
// x above 0, e^x - 1 below.
Tensor Elu(const Input& features, const NameOptions& options = {});
// scale x above 0, scale alpha (e^x - 1) below, with the constants that keep mean 0 and variance 1
// from layer to layer.
Tensor Selu(const Input& features, const NameOptions& options = {});
// log(1 + e^x).
Tensor Softplus(const Input& features, const NameOptions& options = {});
// x / (1 + |x|).
Tensor Softsign(const Input& features, const NameOptions& options = {});
// Relu(x) and Relu(-x), concatenated along `axis`.
struct CreluOptions {
  int axis = -1;
  std::string name = {};
};
Tensor Crelu(const Input& features, const CreluOptions& options = {});
// x times the normal distribution function of x, by erf, or approximated by tanh.
struct GeluOptions {
  bool approximate = false;
  std::string name = {};
};
Tensor Gelu(const Input& features, const GeluOptions& options = {});
// x Sigmoid(beta x).
struct SwishOptions {
  float beta = 1.0f;
  std::string name = {};
};
Tensor Swish(const Input& features, const SwishOptions& options = {});

}  // namespace weft::nn
