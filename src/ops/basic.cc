// SPDX-License-Identifier: Apache-2.0
// Constants and placeholders, ops that hand a value on (and what each does to the gradient), zeros
// and ones. kernels: kernels/cpu/basic.cc   test: tests/ops/basic_test.cc
#include "weft/ops/basic.h"
#include "weft/core/complex.h"
#include "weft/graph/op_builder.h"

#include "src/core/strings.h"
#include "src/graph/graph_impl.h"
#include "src/graph/node.h"
#include "src/ops/math_unary.h"
#include "src/ops/op_scope.h"
#include "weft/core/error.h"
#include "weft/ops/math_unary.h"

namespace weft {
namespace {

// GraphDefs of producers before this took a placeholder of shape [] for one of unknown shape.
constexpr int kScalarPlaceholderProducer = 24;

absl::Status ConstShape(ShapeContext& c) {
  const AttrValue* attr = c.FindAttr("value");
  const Array* value = attr ? attr->Get<Array>() : nullptr;
  if (!value) return absl::OkStatus();
  const DataType dtype = c.Attr<DataType>("dtype");
  if (value->dtype() != dtype) {
    return absl::InvalidArgumentError(StrCat("Type mismatch between value (",
                                             DTypeOpName(value->dtype()), ") and dtype (",
                                             DTypeOpName(dtype), ")"));
  }
  c.set_output(0, value->shape());
  return absl::OkStatus();
}

absl::Status PlaceholderShape(ShapeContext& c) {
  PartialShape s = c.Attr<PartialShape>("shape");
  if (s.rank() == 0 && c.node().graph->producer < kScalarPlaceholderProducer) {
    s = PartialShape::Unknown();
  }
  c.set_output(0, std::move(s));
  return absl::OkStatus();
}

// Checked against the default's shape, but as little is known of the result as `shape` says: what
// is fed may differ.
absl::Status PlaceholderWithDefaultShape(ShapeContext& c) {
  const PartialShape s = c.Attr<PartialShape>("shape");
  WEFT_RETURN_IF_ERROR(c.Merge(c.input(0), s).status());
  c.set_output(0, s);
  return absl::OkStatus();
}

absl::Status EnsureShapeShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape s, c.Merge(c.Attr<PartialShape>("shape"), c.input(0)));
  c.set_output(0, std::move(s));
  return absl::OkStatus();
}

void PassGradient(GradientContext& g) { g.SetDx(0, g.dy_raw(0)); }

void CheckedGradient(GradientContext& g) {
  const std::string message =
      StrCat("Not a number (NaN) or infinity (Inf) values detected in gradient. ",
             g.Attr<std::string>("message"));
  g.SetDx(0, g.Op(g.op().type(), {g.dy(0)}, {{"message", message}}));
}

OpDefBuilder&& Handed(OpDefBuilder&& op) {
  return std::move(op)
      .Input("input: T")
      .Output("output: T")
      .Attr("T: type")
      .Shape(shape::SameAsInput);
}

OpDefBuilder&& Checked(OpDefBuilder&& op) {
  return std::move(op)
      .Input("tensor: T")
      .Output("output: T")
      .Attr("T: {bfloat16, half, float, double}")
      .Attr("message: string")
      .Stateful()
      .Shape(shape::SameAsInput)
      .Gradient(CheckedGradient);
}

void RegisterSources(OpRegistry& ops) {
  ops.Add("Const")
      .Summary("A value that is part of the graph.")
      .Output("output: dtype")
      .Attr("value: tensor")
      .Attr("dtype: type")
      .Shape(ConstShape)
      .NoGradient("a constant");
  ops.Add("ImmutableConst")
      .Summary("The elements of a tensor as they lie in a file.")
      .Output("tensor: dtype")
      .Attr("dtype: type")
      .Attr("shape: shape")
      .Attr("memory_region_name: string")
      .Shape(shape::FromAttr);
  ops.Add("Placeholder")
      .Summary("A value that each run is fed.")
      .Output("output: dtype")
      .Attr("dtype: type")
      .Attr("shape: shape = { unknown_rank: true }")
      .Shape(PlaceholderShape)
      .NoGradient("no inputs");
  ops.Add("PlaceholderV2")
      .Summary("A value that each run is fed.")
      .Output("output: dtype")
      .Attr("dtype: type")
      .Attr("shape: shape")
      .Shape(shape::FromAttr)
      .Deprecated(23, "Placeholder now behaves the same as PlaceholderV2.")
      .NoGradient("no inputs");
  ops.Add("PlaceholderWithDefault")
      .Summary("What a run is fed, or the input.")
      .Input("input: dtype")
      .Output("output: dtype")
      .Attr("dtype: type")
      .Attr("shape: shape")
      .Shape(PlaceholderWithDefaultShape)
      .Gradient(PassGradient);
}

void RegisterHandedOn(OpRegistry& ops) {
  ops.Add("Identity").Summary("The input.").Apply(Handed).Gradient(PassGradient);
  ops.Add("Snapshot").Summary("A copy of the input.").Apply(Handed);
  ops.Add("StopGradient")
      .Summary("The input, through which no gradient flows.")
      .Apply(Handed)
      .NoGradient("that is its purpose");
  ops.Add("PreventGradient")
      .Summary("The input; a gradient through it is an error.")
      .Input("input: T")
      .Output("output: T")
      .Attr("T: type")
      .Attr("message: string = ''")
      .Shape(shape::SameAsInput)
      .Gradient([](GradientContext& g) {
        g.Fail(absl::NotFoundError(
            StrCat("Gradient explicitly disabled. Reason: ", g.Attr<std::string>("message"))));
      });
  ops.Add("GuaranteeConst")
      .Summary("The input, which the graph's maker knows to be constant.")
      .Apply(Handed)
      .Stateful();
  ops.Add("EnsureShape")
      .Summary("The input; an error if its shape does not fit.")
      .Input("input: T")
      .Output("output: T")
      .Attr("shape: shape")
      .Attr("T: type")
      .Shape(EnsureShapeShape)
      .Gradient(PassGradient);
  ops.Add("CheckNumerics")
      .Summary("The input; an error if an element is infinite or NaN.")
      .Apply(Checked);
  ops.Add("CheckNumericsV2")
      .Summary(
          "The input; an error, which tells the sign of infinities, if an element is infinite or "
          "NaN.")
      .Apply(Checked);
}

}  // namespace

void RegisterBasicOps(OpRegistry& ops) {
  RegisterSources(ops);
  RegisterHandedOn(ops);
  ops.Add("OnesLike")
      .Summary("Ones of the input's shape.")
      .Input("x: T")
      .Output("y: T")
      .Attr(
          "T: {bfloat16, half, float, double, int8, uint8, int16, uint16, int32, uint32, int64, "
          "uint64, complex64, complex128, bool}")
      .Shape(shape::SameAsInput)
      .NoGradient("depends on the shape only");
  ops.Add("ZerosLike")
      .Summary("Zeros of the input's shape.")
      .Input("x: T")
      .Output("y: T")
      .Attr("T: type")
      .Shape(shape::SameAsInput)
      .NoGradient("depends on the shape only");
}

namespace {

Tensor HandOn(const char* op, const Input& input, const NameOptions& options) {
  return OpBuilder(op, options).In(input).Output();
}

// As Python's zeros() makes them: up to this many elements a constant, else a Fill.
constexpr int64_t kLargestZerosConstant = 999;

// A constant 0 or 1 of a dtype; the empty string for 0.
Tensor ScalarOf(bool one, DataType dtype) {
  if (!one) return Constant(Array::Zeros(dtype, Shape()));
  return dtype == kBool ? Constant(Array(true)) : Constant(Input(1), dtype);
}

// A Fill with the shape of x, which is all it needs of x.
Tensor FilledLike(Tensor x, bool one, DataType dtype, const std::string& name) {
  OpScope scope(name, {}, x.graph());
  Tensor dims;
  if (x.shape().IsFullyKnown()) {
    const std::vector<int64_t> sizes = x.shape().ToShape().ToVector();
    const std::vector<int32_t> narrow(sizes.begin(), sizes.end());
    dims = Constant(Array::FromVector(narrow), "Shape/shape_as_tensor");
  } else {
    dims = OpBuilder("Shape", {}).In(x).Output();
  }
  return OpBuilder("Fill", scope.self()).In(dims).In(ScalarOf(one, dtype)).Output();
}

}  // namespace

Tensor Constant(const Array& value, const NameOptions& options) {
  if (!value.valid()) ThrowError(Code::kInvalidArgument, "Constant: the value is empty");
  return OpBuilder("Const", options).Attr("value", value).Attr("dtype", value.dtype()).Output();
}
Tensor Constant(const Input& value, DataType dtype, const NameOptions& options) {
  if (value.is_tensor()) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Constant: ", value.source().name(), " is no constant"));
  }
  return AsTensor(value, dtype, options.name.empty() ? "Const" : options.name);
}
Tensor Constant(const Array& value, const Shape& shape, const NameOptions& options) {
  return Constant(value.num_elements() == 1 ? Array::Full(shape, value.Reshaped(Shape()))
                                            : value.Reshaped(shape),
                  options);
}

Tensor Placeholder(DataType dtype, const PartialShape& shape, const NameOptions& options) {
  return OpBuilder("Placeholder", options).Attr("dtype", dtype).Attr("shape", shape).Output();
}
Tensor PlaceholderWithDefault(const Input& input, const PartialShape& shape,
                              const NameOptions& options) {
  return OpBuilder("PlaceholderWithDefault", options).In(input).Attr("shape", shape).Output();
}

Tensor Identity(const Input& input, const NameOptions& options) {
  return HandOn("Identity", input, options);
}
Tensor StopGradient(const Input& input, const NameOptions& options) {
  return HandOn("StopGradient", input, options);
}
Tensor PreventGradient(const Input& input, const std::string& message, const NameOptions& options) {
  return OpBuilder("PreventGradient", options).In(input).Attr("message", message).Output();
}
Tensor GuaranteeConst(const Input& input, const NameOptions& options) {
  return HandOn("GuaranteeConst", input, options);
}
Tensor EnsureShape(const Input& input, const PartialShape& shape, const NameOptions& options) {
  return OpBuilder("EnsureShape", options).In(input).Attr("shape", shape).Output();
}
Tensor CheckNumerics(const Input& input, const std::string& message, const NameOptions& options) {
  return OpBuilder("CheckNumerics", options).In(input).Attr("message", message).Output();
}

Tensor ZerosLike(const Input& x, const NameOptions& options) {
  return ZerosLike(x, x.dtype(), options);
}
Tensor OnesLike(const Input& x, const NameOptions& options) {
  return OnesLike(x, x.dtype(), options);
}
Tensor ZerosLike(const Input& x, DataType dtype, const NameOptions& options) {
  const std::string name = options.name.empty() ? "zeros_like" : options.name;
  GraphScope use(GraphOf(x));
  const Tensor t = AsTensor(x);
  const bool known = t.shape().IsFullyKnown() && IsPlain(dtype);
  if (known && t.shape().num_elements() <= kLargestZerosConstant) {
    return Constant(Array::Zeros(dtype, t.shape().ToShape()), name);
  }
  if (!known && RemoveRef(t.dtype()) == dtype) return HandOn("ZerosLike", t, name);
  return FilledLike(t, false, dtype, name);
}
Tensor OnesLike(const Input& x, DataType dtype, const NameOptions& options) {
  const std::string name = options.name.empty() ? "ones_like" : options.name;
  GraphScope use(GraphOf(x));
  return FilledLike(AsTensor(x), true, dtype, name);
}

}  // namespace weft
