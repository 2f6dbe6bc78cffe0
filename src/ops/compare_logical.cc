// SPDX-License-Identifier: Apache-2.0
// Comparisons, logic on bool, and choosing by a condition.
// kernels: kernels/cpu/compare_logical.cc, kernels/cpu/select.cc   test:
// tests/ops/compare_logical_test.cc
#include "src/ops/one_node.h"
#include "src/ops/op_scope.h"
#include "weft/graph/op_builder.h"
#include "weft/graph/op_def.h"
#include "weft/ops/bitwise.h"
#include "weft/ops/logical.h"

namespace weft {

using weft::internal::BinaryNode;
namespace {

constexpr const char* kOfBools = "the result is bool";

OpDefBuilder&& Ordered(OpDefBuilder&& op) {
  return std::move(op)
      .Input("x: T")
      .Input("y: T")
      .Output("z: bool")
      .Attr(
          "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, "
          "uint64}")
      .Shape(shape::Broadcast)
      .NoGradient(kOfBools);
}

// With incompatible_shape_error = false, shapes that don't fit give a scalar.
absl::Status EqualityShape(ShapeContext& c) {
  if (c.Attr<bool>("incompatible_shape_error")) return shape::Broadcast(c);
  const PartialShape &x = c.input(0), &y = c.input(1);
  absl::StatusOr<PartialShape> both = shape::BroadcastShapes(x, y);
  if (!both.ok()) {
    c.set_output(0, PartialShape::Scalar());
  } else if (x.IsFullyKnown() && y.IsFullyKnown()) {
    c.set_output(0, *std::move(both));
  }
  return absl::OkStatus();  // else a size that is not known yet may turn out not to fit
}

OpDefBuilder&& Equality(OpDefBuilder&& op) {
  return std::move(op)
      .Input("x: T")
      .Input("y: T")
      .Output("z: bool")
      .Attr("T: type")
      .Attr("incompatible_shape_error: bool = true")
      .Commutative()
      .Shape(EqualityShape)
      .NoGradient(kOfBools);
}

OpDefBuilder&& BinaryBool(OpDefBuilder&& op) {
  return std::move(op)
      .Input("x: bool")
      .Input("y: bool")
      .Output("z: bool")
      .Commutative()
      .Shape(shape::Broadcast)
      .NoGradient(kOfBools);
}

OpDefBuilder&& Choice(OpDefBuilder&& op) {
  return std::move(op)
      .Input("condition: bool")
      .Input("t: T")
      .Input("e: T")
      .Output("output: T")
      .Attr("T: type");
}

void KeepHandleData(ShapeContext& c) {
  if (const auto* data = c.input_handle_data(1)) c.set_output_handle_data(0, *data);
}

// t and e have one shape; a condition that is neither a scalar nor a vector has it too, a vector
// has its first size.
absl::Status SelectShape(ShapeContext& c) {
  KeepHandleData(c);
  WEFT_ASSIGN_OR_RETURN(PartialShape data, c.Merge(c.input(1), c.input(2)));
  const PartialShape& condition = c.input(0);
  const bool known = condition.known_rank() && data.known_rank();
  if (known && condition.rank() == 1 && data.rank() > 0) {
    WEFT_RETURN_IF_ERROR(c.Merge(condition, PartialShape::Vector(data.dim(0))).status());
  } else if (known && condition.rank() > 0) {
    WEFT_ASSIGN_OR_RETURN(data, c.Merge(data, condition));
  }
  c.set_output(0, std::move(data));
  return absl::OkStatus();
}

absl::Status SelectV2Shape(ShapeContext& c) {
  KeepHandleData(c);
  WEFT_ASSIGN_OR_RETURN(const PartialShape values, shape::BroadcastShapes(c.input(1), c.input(2)));
  WEFT_ASSIGN_OR_RETURN(PartialShape all, shape::BroadcastShapes(c.input(0), values));
  c.set_output(0, std::move(all));
  return absl::OkStatus();
}

void SelectGradient(GradientContext& g) {
  const Tensor condition = g.input(0), dy = g.dy(0);
  const Tensor zeros = g.ZerosLike(g.input(1));
  g.SetDx(1, g.Op("Select", {condition, dy, zeros}));
  g.SetDx(2, g.Op("Select", {condition, zeros, dy}));
}

// dx, which has y's shape, summed over the dimensions in which x was broadcast to y.
Tensor SummedTo(NodeAdder& g, Tensor x, Tensor y, Tensor dx) {
  if (x.shape().IsFullyKnown() && x.shape() == y.shape()) return dx;
  const Tensor shape = g.Shape(x);
  const Tensor axes = g.Ops("BroadcastGradientArgs", {shape, g.Shape(y)})[0];
  return g.Reshape(g.Sum(dx, axes), shape);
}

void SelectV2Gradient(GradientContext& g) {
  const Tensor condition = g.input(0), dy = g.dy(0);
  const Tensor zero = g.ConstLike(0, dy, "zeros");
  const Tensor dx[] = {g.Op("SelectV2", {condition, dy, zero}),
                       g.Op("SelectV2", {condition, zero, dy})};
  if (!g.ok()) return;
  for (int i : {1, 2}) g.SetDx(i, SummedTo(g, g.input(i), g.output(0), dx[i - 1]));
}

}  // namespace

void RegisterCompareLogicalOps(OpRegistry& ops) {
  ops.Add("Less").Summary("x < y.").Apply(Ordered);
  ops.Add("LessEqual").Summary("x <= y.").Apply(Ordered);
  ops.Add("Greater").Summary("x > y.").Apply(Ordered);
  ops.Add("GreaterEqual").Summary("x >= y.").Apply(Ordered);
  ops.Add("Equal").Summary("x == y.").Apply(Equality);
  ops.Add("NotEqual").Summary("x != y.").Apply(Equality);
  ops.Add("LogicalAnd").Summary("Both are true.").Apply(BinaryBool);
  ops.Add("LogicalOr").Summary("One or both are true.").Apply(BinaryBool);
  ops.Add("LogicalNot")
      .Summary("True where x is false.")
      .Input("x: bool")
      .Output("y: bool")
      .Shape(shape::SameAsInput)
      .NoGradient(kOfBools);
  ops.Add("Select")
      .Summary("t where the condition is true, e elsewhere; a vector of conditions chooses rows.")
      .Apply(Choice)
      .Shape(SelectShape)
      .Gradient(SelectGradient);
  ops.Add("SelectV2")
      .Summary("t where the condition is true, e elsewhere, all broadcast.")
      .Apply(Choice)
      .Shape(SelectV2Shape)
      .Gradient(SelectV2Gradient);
}

namespace {

bool IsBool(const Tensor& t) { return RemoveRef(t.dtype()) == kBool; }

}  // namespace

Tensor Less(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("Less", x, y, options);
}
Tensor LessEqual(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("LessEqual", x, y, options);
}
Tensor Greater(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("Greater", x, y, options);
}
Tensor GreaterEqual(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("GreaterEqual", x, y, options);
}
Tensor Equal(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("Equal", x, y, options);
}
Tensor NotEqual(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("NotEqual", x, y, options);
}
Tensor operator<(const Tensor& x, const Input& y) { return Less(x, y); }
Tensor operator<=(const Tensor& x, const Input& y) { return LessEqual(x, y); }
Tensor operator>(const Tensor& x, const Input& y) { return Greater(x, y); }
Tensor operator>=(const Tensor& x, const Input& y) { return GreaterEqual(x, y); }

Tensor LogicalAnd(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("LogicalAnd", x, y, options);
}
Tensor LogicalOr(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("LogicalOr", x, y, options);
}
Tensor LogicalNot(const Input& x, const NameOptions& options) {
  return OpBuilder("LogicalNot", options).In(x).Output();
}
Tensor LogicalXor(const Input& x, const Input& y, const NameOptions& options) {
  GraphScope use(GraphOf({&x, &y}));
  const Tensor a = AsTensor(x), b = AsTensor(y);
  const Tensor either = LogicalOr(a, b);
  const Tensor not_both = LogicalNot(LogicalAnd(a, b));
  return LogicalAnd(either, not_both, options.name.empty() ? "LogicalXor" : options.name);
}

Tensor operator&(const Tensor& x, const Tensor& y) {
  return IsBool(x) ? LogicalAnd(x, y, "and") : bitwise::BitwiseAnd(x, y, "and");
}
Tensor operator|(const Tensor& x, const Tensor& y) {
  return IsBool(x) ? LogicalOr(x, y, "or") : bitwise::BitwiseOr(x, y, "or");
}
Tensor operator^(const Tensor& x, const Tensor& y) {
  return IsBool(x) ? LogicalXor(x, y, "xor") : bitwise::BitwiseXor(x, y, "xor");
}
Tensor operator~(const Tensor& x) { return IsBool(x) ? LogicalNot(x) : bitwise::Invert(x); }

Tensor Where(const Input& condition, const Input& x, const Input& y, const NameOptions& options) {
  return OpBuilder("Select", options).In(condition).In(x).In(y).Output();
}
Tensor WhereV2(const Input& condition, const Input& x, const Input& y, const NameOptions& options) {
  return OpBuilder("SelectV2", options).In(condition).In(x).In(y).Output();
}

}  // namespace weft
