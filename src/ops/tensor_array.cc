// SPDX-License-Identifier: Apache-2.0
// TensorArrays and stacks: lists of tensors that live as long as one run. The handle of the first
// version is a reference to two strings, of the second the strings, of the third a resource handle;
// of stacks the first and the third.
// kernels: kernels/cpu/tensor_array.cc, kernels/cpu/stack.cc   test: tests/ops/tensor_array_test.cc
#include <string>

#include "src/core/strings.h"
#include "weft/graph/graph.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

struct TensorArrayVersion {
  const char* suffix;
  const char* handle;  // type of the handle
  int deprecated_at;
};
constexpr TensorArrayVersion kTensorArrayVersions[] = {
    {"", "Ref(string)", 16}, {"V2", "string", 26}, {"V3", "resource", 0}};

OpDefBuilder&& Common(OpDefBuilder&& op, const TensorArrayVersion& v) {
  if (v.deprecated_at == 0) return std::move(op).Stateful();
  const char* const instead = *v.suffix == '\0' ? "Use the V3 op" : "Use the V3 op, by handle";
  return std::move(op).Stateful().Deprecated(v.deprecated_at, instead);
}

bool ByHandle(const ShapeContext& c) { return c.input_dtype(0) == kResource; }

// Input `i` is a scalar; of the first version that nobody checked either.
absl::Status ScalarInput(ShapeContext& c, int i) { return c.InputWithRank(i, 0).status(); }

// The shape of the elements, if the handle's maker has said it.
const HandleData* Elements(const ShapeContext& c) {
  const std::vector<HandleData>* data = c.input_handle_data(0);
  return data && !data->empty() ? &data->front() : nullptr;
}

absl::Status ArrayShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(ScalarInput(c, 0));
  c.set_output(0, PartialShape::Vector(2));
  if (c.num_outputs() < 2) return absl::OkStatus();
  c.set_output(1, PartialShape::Scalar());
  const PartialShape elements = c.Attr<PartialShape>("element_shape");
  if (elements.IsFullyKnown() || c.Attr<bool>("identical_element_shapes"))
    c.set_output_handle_data(0, {{c.Attr<DataType>("dtype"), elements}});
  return absl::OkStatus();
}

absl::Status GradShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 1).status());
  c.set_output(0, PartialShape::Vector(2));
  if (c.num_outputs() < 2) return absl::OkStatus();
  c.set_output(1, PartialShape::Scalar());
  if (c.num_inputs() > 2) return absl::OkStatus();  // its elements have another shape
  if (const auto* data = c.input_handle_data(0)) c.set_output_handle_data(0, *data);
  return absl::OkStatus();
}

absl::Status WriteShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 1).status());
  WEFT_RETURN_IF_ERROR(ScalarInput(c, 1));
  WEFT_RETURN_IF_ERROR(ScalarInput(c, 3));
  if (const HandleData* e = Elements(c))
    WEFT_RETURN_IF_ERROR(c.Merge(e->shape, c.input(2)).status());
  return shape::Scalar(c);
}

absl::Status ReadShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 1).status());
  WEFT_RETURN_IF_ERROR(ScalarInput(c, 1));
  WEFT_RETURN_IF_ERROR(ScalarInput(c, 2));
  if (const HandleData* e = Elements(c)) c.set_output(0, e->shape);
  return absl::OkStatus();
}

absl::Status ArrayGatherShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 1).status());
  WEFT_ASSIGN_OR_RETURN(const PartialShape indices, c.InputWithRank(1, 1));
  WEFT_RETURN_IF_ERROR(ScalarInput(c, 2));
  if (!ByHandle(c)) return absl::OkStatus();
  const HandleData* e = Elements(c);
  const PartialShape elements = e ? e->shape : c.Attr<PartialShape>("element_shape");
  if (elements.known_rank()) c.set_output(0, indices.Concatenate(elements));
  return absl::OkStatus();
}

absl::Status ScatterShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 1).status());
  WEFT_ASSIGN_OR_RETURN(const PartialShape indices, c.InputWithRank(1, 1));
  WEFT_RETURN_IF_ERROR(ScalarInput(c, 3));
  const PartialShape& value = c.input(2);
  if (ByHandle(c) && value.known_rank()) {
    WEFT_RETURN_IF_ERROR(c.WithRankAtLeast(value, 1).status());
    WEFT_RETURN_IF_ERROR(c.MergeDim(indices.dim(0), value.dim(0)).status());
    PartialShape row = PartialShape::Scalar();
    for (int d = 1; d < value.rank(); ++d) row.AddDim(value.dim(d));
    if (const HandleData* e = Elements(c)) WEFT_RETURN_IF_ERROR(c.Merge(e->shape, row).status());
  }
  return shape::Scalar(c);
}

absl::Status ConcatShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 1).status());
  WEFT_RETURN_IF_ERROR(ScalarInput(c, 1));
  c.set_output(1, PartialShape::Vector(kUnknownDim));
  return absl::OkStatus();
}

absl::Status ArraySplitShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 1).status());
  WEFT_RETURN_IF_ERROR(c.InputWithRank(2, 1).status());
  WEFT_RETURN_IF_ERROR(ScalarInput(c, 3));
  return shape::Scalar(c);
}

absl::Status SizeShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 1).status());
  return shape::Scalar(c);
}

// ---- Gradients. Each call of Gradients has TensorArrays of its own for the gradients of elements,
// named by the scope that the gradient's name begins with. ----

// "a/gradients_1" of "a/gradients_1/b".
std::string SourceOf(GradientContext& g, const Tensor& gradient) {
  const std::string& name = gradient.op().name();
  size_t end = std::string::npos;
  for (size_t begin = 0; begin < name.size();) {
    const size_t slash = std::min(name.find('/', begin), name.size());
    if (std::string_view(name).substr(begin).starts_with("gradients")) end = slash;
    begin = slash + 1;
  }
  if (end != std::string::npos) return name.substr(0, end);
  g.Fail(absl::InvalidArgumentError(
      StrCat("Expected op/tensor name to start with gradients (excluding scope), got: ", name,
             ". The gradient of a TensorArray takes the name of the gradients from it: name them "
             "'gradients...'")));
  return {};
}

struct GradArray {
  Tensor handle, flow;
};

GradArray MakeGradArray(GradientContext& g, const Tensor& gradient, const Tensor& flow) {
  if (!g.ok()) return {};
  const std::string source = SourceOf(g, gradient);
  const Graph graph = g.op().graph();
  const NameScope scope("TensorArrayGrad", graph);
  const ColocateWith colocate(g.input(0).op());
  const std::vector<Tensor> made =
      g.Ops("TensorArrayGradV3", {g.input(0), flow}, {{"source", source}});
  if (!g.ok()) return {};
  const Operation passed = g.AddOperation("Identity", {flow}, {}, "gradient_flow", {made[0].op()});
  return {made[0], passed.valid() ? passed.output(0) : Tensor()};
}

// Adds a node of this name in a scope of it, as TensorArray's methods do.
Tensor InScope(GradientContext& g, std::string_view scope_name, std::string_view type,
               const std::vector<Tensor>& inputs, AttrList attrs = {}) {
  const NameScope scope(scope_name, g.op().graph());
  return g.Op(type, inputs, attrs);
}

void ReadGradient(GradientContext& g) {
  const Tensor dy = g.dy(0);
  const GradArray a = MakeGradArray(g, dy, g.input(2));
  if (!g.ok()) return;
  g.SetDx(2,
          InScope(g, "TensorArrayWrite", "TensorArrayWriteV3", {a.handle, g.input(1), dy, a.flow}));
}

void WriteGradient(GradientContext& g) {
  const Tensor flow = g.dy(0);
  const GradArray a = MakeGradArray(g, flow, flow);
  if (!g.ok()) return;
  g.SetDx(2, g.Op("TensorArrayReadV3", {a.handle, g.input(1), a.flow},
                  {{"dtype", g.Attr<DataType>("T")}}));
  g.SetDx(3, flow);
}

void ArrayGatherGradient(GradientContext& g) {
  const Tensor dy = g.dy(0);
  const GradArray a = MakeGradArray(g, dy, g.input(2));
  if (!g.ok()) return;
  g.SetDx(2, InScope(g, "TensorArrayScatter", "TensorArrayScatterV3",
                     {a.handle, g.input(1), dy, a.flow}));
}

void ArrayScatterGradient(GradientContext& g) {
  const Tensor flow = g.dy(0);
  const GradArray a = MakeGradArray(g, flow, flow);
  if (!g.ok()) return;
  g.SetDx(2, g.Op("TensorArrayGatherV3", {a.handle, g.input(1), a.flow},
                  {{"dtype", g.Attr<DataType>("T")}, {"element_shape", PartialShape::Unknown()}}));
  g.SetDx(3, flow);
}

void ArrayConcatGradient(GradientContext& g) {
  const Tensor dy = g.dy(0);
  const GradArray a = MakeGradArray(g, dy, g.input(1));
  if (!g.ok()) return;
  g.SetDx(
      1, InScope(g, "TensorArraySplit", "TensorArraySplitV3", {a.handle, dy, g.output(1), a.flow}));
}

void ArraySplitGradient(GradientContext& g) {
  const Tensor flow = g.dy(0);
  const GradArray a = MakeGradArray(g, flow, flow);
  if (!g.ok()) return;
  g.SetDx(1, g.Op("TensorArrayConcatV3", {a.handle, a.flow},
                  {{"dtype", g.Attr<DataType>("T")},
                   {"element_shape_except0", PartialShape::Unknown()}}));
  g.SetDx(3, flow);
}

// The gradients are written for the third version; the others count as constants.
OpDefBuilder&& WithGradient(OpDefBuilder&& op, const TensorArrayVersion& v, GradientFn gradient) {
  if (v.deprecated_at == 0) return std::move(op).Gradient(std::move(gradient));
  return std::move(op).NoGradient("TensorArrays of old versions are not differentiated");
}

void RegisterMakers(OpRegistry& ops, const TensorArrayVersion& v) {
  const auto common = [&v](OpDefBuilder&& op) -> OpDefBuilder&& {
    return Common(std::move(op), v);
  };
  const bool third = v.deprecated_at == 0;
  const auto attrs = [third](OpDefBuilder&& op) -> OpDefBuilder&& {
    return third
               ? std::move(op).Output("flow: float").Attr("identical_element_shapes: bool = false")
               : std::move(op);
  };
  ops.Add(StrCat("TensorArray", v.suffix))
      .Summary("A list of `size` tensors that lives as long as the run.")
      .Input("size: int32")
      .Output(StrCat("handle: ", v.handle))
      .Apply(attrs)
      .Attr("dtype: type")
      .Attr("dynamic_size: bool = false")
      .Attr("clear_after_read: bool = true")
      .Attr("tensor_array_name: string = ''")
      .Attr("element_shape: shape = { unknown_rank: true }")
      .Shape(ArrayShape)
      .NoGradient("a list is no number")
      .Apply(common);
  const auto flow_out = [third](OpDefBuilder&& op) -> OpDefBuilder&& {
    return third ? std::move(op).Output("flow_out: float") : std::move(op);
  };
  ops.Add(StrCat("TensorArrayGrad", v.suffix))
      .Summary("The list of the gradients of a list's elements; one for each `source`.")
      .Input(StrCat("handle: ", *v.suffix == '\0' ? "string" : v.handle))
      .Input("flow_in: float")
      .Output(StrCat("grad_handle: ", v.handle))
      .Apply(flow_out)
      .Attr("source: string")
      .Shape(GradShape)
      .NoGradient("a list is no number")
      .Apply(common);
  if (third) {
    ops.Add("TensorArrayGradWithShape")
        .Summary("As TensorArrayGradV3; the elements have further dimensions in front.")
        .Input("handle: resource")
        .Input("flow_in: float")
        .Input("shape_to_prepend: int32")
        .Output("grad_handle: resource")
        .Output("flow_out: float")
        .Attr("source: string")
        .Shape(GradShape)
        .NoGradient("a list is no number")
        .Stateful();
  }
}

void RegisterElements(OpRegistry& ops, const TensorArrayVersion& v) {
  const auto common = [&v](OpDefBuilder&& op) -> OpDefBuilder&& {
    return Common(std::move(op), v);
  };
  const auto gradient = [&v](GradientFn fn) {
    return [&v, fn](OpDefBuilder&& op) -> OpDefBuilder&& {
      return WithGradient(std::move(op), v, fn);
    };
  };
  const std::string handle = StrCat("handle: ", v.handle);
  ops.Add(StrCat("TensorArrayWrite", v.suffix))
      .Summary("Sets an element.")
      .Input(handle)
      .Input("index: int32")
      .Input("value: T")
      .Input("flow_in: float")
      .Output("flow_out: float")
      .Attr("T: type")
      .Shape(WriteShape)
      .Apply(gradient(WriteGradient))
      .Apply(common);
  ops.Add(StrCat("TensorArrayRead", v.suffix))
      .Summary("An element. It is then gone, unless the list is made with clear_after_read=false.")
      .Input(handle)
      .Input("index: int32")
      .Input("flow_in: float")
      .Output("value: dtype")
      .Attr("dtype: type")
      .Shape(ReadShape)
      .Apply(gradient(ReadGradient))
      .Apply(common);
  ops.Add(StrCat("TensorArrayGather", v.suffix))
      .Summary("Elements of one shape, stacked.")
      .Input(handle)
      .Input("indices: int32")
      .Input("flow_in: float")
      .Output("value: dtype")
      .Attr("dtype: type")
      .Attr("element_shape: shape = { unknown_rank: true }")
      .Shape(ArrayGatherShape)
      .Apply(gradient(ArrayGatherGradient))
      .Apply(common);
  ops.Add(StrCat("TensorArrayScatter", v.suffix))
      .Summary("Sets elements to the rows of a tensor.")
      .Input(handle)
      .Input("indices: int32")
      .Input("value: T")
      .Input("flow_in: float")
      .Output("flow_out: float")
      .Attr("T: type")
      .Shape(ScatterShape)
      .Apply(gradient(ArrayScatterGradient))
      .Apply(common);
  ops.Add(StrCat("TensorArrayConcat", v.suffix))
      .Summary("All elements, joined along their first dimension, and their sizes there.")
      .Input(handle)
      .Input("flow_in: float")
      .Output("value: dtype")
      .Output("lengths: int64")
      .Attr("dtype: type")
      .Attr("element_shape_except0: shape = { unknown_rank: true }")
      .Shape(ConcatShape)
      .Apply(gradient(ArrayConcatGradient))
      .Apply(common);
  ops.Add(StrCat("TensorArraySplit", v.suffix))
      .Summary("Sets the elements to pieces of a tensor, of these lengths in the first dimension.")
      .Input(handle)
      .Input("value: T")
      .Input("lengths: int64")
      .Input("flow_in: float")
      .Output("flow_out: float")
      .Attr("T: type")
      .Shape(ArraySplitShape)
      .Apply(gradient(ArraySplitGradient))
      .Apply(common);
  ops.Add(StrCat("TensorArraySize", v.suffix))
      .Summary("The number of elements.")
      .Input(handle)
      .Input("flow_in: float")
      .Output("size: int32")
      .Shape(SizeShape)
      .NoGradient("the result is a number of elements")
      .Apply(common);
  ops.Add(StrCat("TensorArrayClose", v.suffix))
      .Summary("Forgets the elements. The list can't be used any more.")
      .Input(handle)
      .Shape(shape::NoOutputs)
      .NoGradient("there is no output")
      .Apply(common);
}

// Of GraphDefs that TensorFlow wrote before it had Gather and Scatter.
void RegisterPacking(OpRegistry& ops) {
  ops.Add("TensorArrayPack")
      .Summary("All elements, stacked.")
      .Input("handle: Ref(string)")
      .Input("flow_in: float")
      .Output("value: dtype")
      .Attr("dtype: type")
      .Attr("element_shape: shape = { unknown_rank: true }")
      .Shape(shape::Unknown)
      .NoGradient("TensorArrays of old versions are not differentiated")
      .Stateful()
      .Deprecated(16, "Use TensorArrayGatherV3 with RangeOp");
  ops.Add("TensorArrayUnpack")
      .Summary("Sets the elements to the rows of a tensor.")
      .Input("handle: Ref(string)")
      .Input("value: T")
      .Input("flow_in: float")
      .Output("flow_out: float")
      .Attr("T: type")
      .Shape(shape::Scalar)
      .NoGradient("TensorArrays of old versions are not differentiated")
      .Stateful()
      .Deprecated(20, "Use TensorArrayScatterV3 with RangeOp");
}

absl::Status PushShape(ShapeContext& c) {
  c.set_output(0, c.input(1));
  return absl::OkStatus();
}

void RegisterStacks(OpRegistry& ops) {
  for (const TensorArrayVersion& v :
       {TensorArrayVersion{"", "Ref(string)", 0}, TensorArrayVersion{"V2", "resource", 0}}) {
    const std::string handle = StrCat("handle: ", v.handle);
    const bool by_handle = *v.suffix != '\0';
    const auto max_size = [by_handle](OpDefBuilder&& op) -> OpDefBuilder&& {
      return by_handle ? std::move(op).Input("max_size: int32") : std::move(op);
    };
    ops.Add(StrCat("Stack", v.suffix))
        .Summary("A stack of tensors that lives as long as the run.")
        .Apply(max_size)
        .Output(handle)
        .Attr("elem_type: type")
        .Attr("stack_name: string = ''")
        .Stateful()
        .Shape([by_handle](ShapeContext& c) {
          c.set_output(0, by_handle ? PartialShape::Scalar() : PartialShape::Vector(2));
          return absl::OkStatus();
        })
        .NoGradient("a stack is no number");
    ops.Add(StrCat("StackPush", v.suffix))
        .Summary("Puts a tensor onto the stack; the output is the tensor.")
        .Input(handle)
        .Input("elem: T")
        .Output("output: T")
        .Attr("T: type")
        .Attr("swap_memory: bool = false")
        .Stateful()
        .Shape(PushShape)
        .NoGradient("stacks hold what gradients need; gradients of those are not defined");
    ops.Add(StrCat("StackPop", v.suffix))
        .Summary("Takes the top tensor off the stack.")
        .Input(handle)
        .Output("elem: elem_type")
        .Attr("elem_type: type")
        .Stateful()
        .Shape(shape::Unknown)
        .NoGradient("stacks hold what gradients need; gradients of those are not defined");
    ops.Add(StrCat("StackClose", v.suffix))
        .Summary("Forgets the tensors of the stack.")
        .Input(handle)
        .Stateful()
        .Shape(shape::NoOutputs)
        .NoGradient("there is no output");
  }
}

}  // namespace

void RegisterTensorArrayOps(OpRegistry& ops) {
  for (const TensorArrayVersion& v : kTensorArrayVersions) {
    RegisterMakers(ops, v);
    RegisterElements(ops, v);
  }
  RegisterPacking(ops);
  RegisterStacks(ops);
}

}  // namespace weft
