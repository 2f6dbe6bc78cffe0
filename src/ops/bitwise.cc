// SPDX-License-Identifier: Apache-2.0
// Operations on the bits of integers.
// kernels: kernels/cpu/bitwise.cc   test: tests/ops/bitwise_test.cc
#include "weft/ops/bitwise.h"
#include "src/ops/one_node.h"
#include "weft/graph/op_builder.h"

#include "src/ops/math_unary.h"

namespace weft {

using weft::internal::BinaryNode;
namespace {

constexpr const char* kIntegers = "T: {int8, int16, int32, int64, uint8, uint16, uint32, uint64}";
constexpr const char* kOfIntegers = "integers have no gradient";

OpDefBuilder&& BinaryInteger(OpDefBuilder&& op) {
  return std::move(op)
      .Input("x: T")
      .Input("y: T")
      .Output("z: T")
      .Attr(kIntegers)
      .Shape(shape::Broadcast)
      .NoGradient(kOfIntegers);
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
      .NoGradient(kOfIntegers);
  ops.Add("PopulationCount")
      .Summary("The number of bits set.")
      .Input("x: T")
      .Output("y: uint8")
      .Attr(kIntegers)
      .Shape(shape::SameAsInput)
      .NoGradient(kOfIntegers);
}

namespace bitwise {
namespace {}  // namespace

Tensor BitwiseAnd(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("BitwiseAnd", x, y, options);
}
Tensor BitwiseOr(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("BitwiseOr", x, y, options);
}
Tensor BitwiseXor(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("BitwiseXor", x, y, options);
}
Tensor LeftShift(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("LeftShift", x, y, options);
}
Tensor RightShift(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("RightShift", x, y, options);
}
Tensor Invert(const Input& x, const NameOptions& options) {
  return OpBuilder("Invert", options).In(x).Output();
}
Tensor PopulationCount(const Input& x, const NameOptions& options) {
  return OpBuilder("PopulationCount", options).In(x).Output();
}

}  // namespace bitwise
}  // namespace weft
