// SPDX-License-Identifier: Apache-2.0
// The parts of the math_unary family, and the schemas they share.
#pragma once

#include <utility>

#include "weft/core/complex.h"
#include "weft/graph/op_def.h"

namespace weft {

void RegisterBasicOps(OpRegistry& ops);        // constants, placeholders, ops that hand a value on
void RegisterMathSpecialOps(OpRegistry& ops);  // gamma, Bessel, erf and their like
void RegisterComplexOps(OpRegistry& ops);      // complex numbers and casts
void RegisterBitwiseOps(OpRegistry& ops);

// y = f(x) of one dtype and shape.
inline OpDefBuilder&& UnaryOf(OpDefBuilder&& op, std::string_view types) {
  return std::move(op).Input("x: T").Output("y: T").Attr(types).Shape(shape::SameAsInput);
}
inline OpDefBuilder&& UnaryFloating(OpDefBuilder&& op) {
  return UnaryOf(std::move(op), "T: {bfloat16, half, float, double}");
}
inline OpDefBuilder&& UnaryFloatingOrComplex(OpDefBuilder&& op) {
  return UnaryOf(std::move(op), "T: {bfloat16, half, float, double, complex64, complex128}");
}

// c x.
inline Tensor Times(NodeAdder& g, double c, Tensor x) {
  return g.Mul(g.ConstLike(c, x, "mul/x"), x);
}

}  // namespace weft
