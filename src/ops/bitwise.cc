// SPDX-License-Identifier: Apache-2.0
// Operations on the bits of integers.
// kernels: kernels/cpu/bitwise.cc   test: tests/ops/bitwise_test.cc
#include "weft/ops/bitwise.h"
#include "weft/graph/op_builder.h"

#include "src/ops/math_unary.h"

namespace weft {
namespace {

constexpr const char* kIntegers = "T: {int8, int16, int32, int64, uint8, uint16, uint32, uint64}";
constexpr const char* kNoGradient = "integers have no gradient";

OpDefBuilder&& BinaryInteger(OpDefBuilder&& op) {
  return std::move(op)
      .Input("x: T")
      .Input("y: T")
      .Output("z: T")
      .Attr(kIntegers)
      .Shape(shape::Broadcast)
      .NoGradient(kNoGradient);
}

}  // namespace

void RegisterBitwiseOps(OpRegistry& ops) {
  ops.Add("BitwiseAnd").Summary("Bits set in both.").Apply(BinaryInteger).Commutative();
  ops.Add("BitwiseOr").Summary("Bits set in either.").Apply(BinaryInteger).Commutative();
  ops.Add("BitwiseXor").Summary("Bits set in one only.").Apply(BinaryInteger).Commutative();
  ops.Add("LeftShift")
      .Summary("x shifted up by y bits; y is clamped to [0, bits of T - 1].")
      .Apply(BinaryInteger);
  ops.Add("RightShift")
      .Summary("x shifted down by y bits, keeping its sign; y is clamped to [0, bits of T - 1].")
      .Apply(BinaryInteger);
  ops.Add("Invert")
      .Summary("All bits flipped.")
      .Input("x: T")
      .Output("y: T")
      .Attr(kIntegers)
      .Shape(shape::SameAsInput)
      .NoGradient(kNoGradient);
  ops.Add("PopulationCount")
      .Summary("The number of bits set.")
      .Input("x: T")
      .Output("y: uint8")
      .Attr(kIntegers)
      .Shape(shape::SameAsInput)
      .NoGradient(kNoGradient);
}

namespace bitwise {
namespace {

Tensor Binary(const char* op, const Input& x, const Input& y, const NameOptions& options) {
  return OpBuilder(op, options).In(x).In(y).Output();
}

}  // namespace

Tensor BitwiseAnd(const Input& x, const Input& y, const NameOptions& options) {
  return Binary("BitwiseAnd", x, y, options);
}
Tensor BitwiseOr(const Input& x, const Input& y, const NameOptions& options) {
  return Binary("BitwiseOr", x, y, options);
}
Tensor BitwiseXor(const Input& x, const Input& y, const NameOptions& options) {
  return Binary("BitwiseXor", x, y, options);
}
Tensor LeftShift(const Input& x, const Input& y, const NameOptions& options) {
  return Binary("LeftShift", x, y, options);
}
Tensor RightShift(const Input& x, const Input& y, const NameOptions& options) {
  return Binary("RightShift", x, y, options);
}
Tensor Invert(const Input& x, const NameOptions& options) {
  return OpBuilder("Invert", options).In(x).Output();
}
Tensor PopulationCount(const Input& x, const NameOptions& options) {
  return OpBuilder("PopulationCount", options).In(x).Output();
}

}  // namespace bitwise
}  // namespace weft
