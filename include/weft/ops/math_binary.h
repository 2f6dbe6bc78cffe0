// SPDX-License-Identifier: Apache-2.0
// Arithmetic of two operands, element by element, with numpy's broadcasting.
//
//   auto y = wf::MatMul(x, w) + b;
//   auto z = 2 * y - 1;            // literals take the tensor's dtype
//
// Operands have one dtype; shapes are aligned at their last dimensions, and a size of 1 is
// repeated. Shapes that don't fit throw InvalidArgumentError, when the node is built if the sizes
// are known, else when it runs.
#pragma once

#include <concepts>
#include <string>
#include <vector>

#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft {

Tensor Add(const Input& x, const Input& y, const NameOptions& options = {});
Tensor Subtract(const Input& x, const Input& y, const NameOptions& options = {});
Tensor Multiply(const Input& x, const Input& y, const NameOptions& options = {});
// Real or complex quotient; integers are cast to float64 (float32 for 8 and 16 bits) as tf.divide
// does.
Tensor Divide(const Input& x, const Input& y, const NameOptions& options = {});
Tensor RealDiv(const Input& x, const Input& y, const NameOptions& options = {});
Tensor FloorDiv(const Input& x, const Input& y, const NameOptions& options = {});  // floor(x / y)
Tensor TruncateDiv(const Input& x, const Input& y,
                   const NameOptions& options = {});  // integers, towards 0
Tensor DivideNoNan(const Input& x, const Input& y,
                   const NameOptions& options = {});  // 0 where y is 0
Tensor MultiplyNoNan(const Input& x, const Input& y, const NameOptions& options = {});
Tensor FloorMod(const Input& x, const Input& y, const NameOptions& options = {});     // of y's sign
Tensor TruncateMod(const Input& x, const Input& y, const NameOptions& options = {});  // of x's sign
Tensor Pow(const Input& x, const Input& y, const NameOptions& options = {});
Tensor Maximum(const Input& x, const Input& y, const NameOptions& options = {});
Tensor Minimum(const Input& x, const Input& y, const NameOptions& options = {});
Tensor SquaredDifference(const Input& x, const Input& y, const NameOptions& options = {});
Tensor Atan2(const Input& y, const Input& x, const NameOptions& options = {});
Tensor Xdivy(const Input& x, const Input& y, const NameOptions& options = {});
Tensor Xlogy(const Input& x, const Input& y, const NameOptions& options = {});
Tensor Xlog1py(const Input& x, const Input& y, const NameOptions& options = {});
// The sum of all inputs, of one dtype and shape, in one pass. One input is its own sum (an Identity
// of it if there is a name).
Tensor AddN(const std::vector<Input>& inputs, const NameOptions& options = {});
// The same (tf.accumulate_n).
Tensor AccumulateN(const std::vector<Input>& inputs, const NameOptions& options = {});
// t limited to [low, high], as Minimum and Maximum nodes (tf.clip_by_value).
Tensor ClipByValue(const Input& t, const Input& low, const Input& high,
                   const NameOptions& options = {});

namespace internal {
Tensor BinaryOperator(const char* op, const char* name, const Input& a, const Input& b);
Tensor DivideOperator(const Input& a, const Input& b);
Tensor NegateOperator(const Tensor& a);
// An operand of an operator: at least one of the two is one of these, so that numbers keep their
// own operators.
template <typename T>
concept GraphValue = std::same_as<std::remove_cvref_t<T>, Tensor> || requires(const T& v) {
  { v.AsTensor() } -> std::convertible_to<Tensor>;  // a Variable
};
template <typename A, typename B>
concept Operands = (GraphValue<A> && std::convertible_to<B, Input>) ||
                   (GraphValue<B> && std::convertible_to<A, Input>);
}  // namespace internal

template <typename A, typename B>
requires internal::Operands<A, B> Tensor operator+(const A& a, const B& b) {
  return internal::BinaryOperator("AddV2", "add", a, b);
}
template <typename A, typename B>
requires internal::Operands<A, B> Tensor operator-(const A& a, const B& b) {
  return internal::BinaryOperator("Sub", "sub", a, b);
}
template <typename A, typename B>
requires internal::Operands<A, B> Tensor operator*(const A& a, const B& b) {
  return internal::BinaryOperator("Mul", "mul", a, b);
}
// Python's true division: see Divide.
template <typename A, typename B>
requires internal::Operands<A, B> Tensor operator/(const A& a, const B& b) {
  return internal::DivideOperator(a, b);
}
template <typename A, typename B>
requires internal::Operands<A, B> Tensor operator%(const A& a, const B& b) {
  return internal::BinaryOperator("FloorMod", "mod", a, b);
}
template <internal::GraphValue A>
Tensor operator-(const A& a) {
  return internal::NegateOperator(Input(a).tensor());
}

}  // namespace weft
