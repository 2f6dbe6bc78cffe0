// SPDX-License-Identifier: Apache-2.0
// Ops that make values: Fill, Range, LinSpace, Empty, OneHot, DeepCopy.
// kernels: kernels/cpu/array_create.cc   test: tests/ops/array_create_test.cc
#include "src/core/range_size.h"
#include "src/core/strings.h"
#include "src/ops/array_nodes.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

absl::Status FillShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 1).status());
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 0).status());
  if (const Array* dims = c.input_constant(0)) {
    for (int64_t i = 0; i < dims->num_elements(); ++i) {
      if (dims->AsInt64(i) < 0) {
        return absl::InvalidArgumentError(
            StrCat("Fill dimensions must be >= 0, dims[", i, "] is ", dims->AsInt64(i)));
      }
    }
  }
  WEFT_ASSIGN_OR_RETURN(PartialShape out, c.input_as_shape(0));
  c.set_output(0, std::move(out));
  if (const auto* data = c.input_handle_data(1)) c.set_output_handle_data(0, *data);
  return absl::OkStatus();
}

void FillGradient(GradientContext& g) {
  const Tensor dy = g.dy(0);
  g.SetDx(1, g.Sum(dy, AllAxes(g, dy)));
}

absl::Status EmptyShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape out, c.input_as_shape(0));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

template <typename T>
absl::StatusOr<int64_t> ConstantRangeSize(const Array& start, const Array& limit,
                                          const Array& delta) {
  const auto value = [](const Array& a) {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(a.AsInt64());
    } else {
      return static_cast<T>(a.AsDouble());
    }
  };
  return RangeSize<T>(value(start), value(limit), value(delta));
}

absl::Status RangeShape(ShapeContext& c) {
  static constexpr const char* kNames[] = {"start", "limit", "delta"};
  const Array* values[3];
  for (int i = 0; i < 3; ++i) {
    if (absl::Status s = c.InputWithRank(i, 0).status(); !s.ok()) {
      return absl::InvalidArgumentError(StrCat(s.message(), " for '", kNames[i], "'"));
    }
    values[i] = c.input_constant(i);
  }
  int64_t size = kUnknownDim;
  if (values[0] && values[1] && values[2]) {
    const DataType dtype = c.input_dtype(0);
    const auto known = dtype == kFloat64   ? ConstantRangeSize<double>
                       : IsFloating(dtype) ? ConstantRangeSize<float>
                       : dtype == kInt32   ? ConstantRangeSize<int32_t>
                                           : ConstantRangeSize<int64_t>;
    WEFT_ASSIGN_OR_RETURN(size, known(*values[0], *values[1], *values[2]));
  }
  c.set_output(0, PartialShape::Vector(size));
  return absl::OkStatus();
}

absl::Status LinSpaceShape(ShapeContext& c) {
  static constexpr const char* kNames[] = {"start", "stop", "num"};
  for (int i = 0; i < 3; ++i) {
    if (absl::Status s = c.InputWithRank(i, 0).status(); !s.ok()) {
      return absl::InvalidArgumentError(StrCat(s.message(), " for '", kNames[i], "'"));
    }
  }
  int64_t size = kUnknownDim;
  if (const Array* num = c.input_constant(2)) {
    size = num->AsInt64();
    if (size <= 0) return absl::InvalidArgumentError(StrCat("Requires num > 0: ", size));
  }
  c.set_output(0, PartialShape::Vector(size));
  return absl::OkStatus();
}

absl::Status OneHotShape(ShapeContext& c) {
  const int64_t axis = c.Attr<int64_t>("axis");
  if (axis < -1) return absl::InvalidArgumentError(StrCat("axis must be >= -1, got ", axis));
  for (int i = 1; i < 4; ++i) WEFT_RETURN_IF_ERROR(c.InputWithRank(i, 0).status());
  int64_t depth = kUnknownDim;
  if (const Array* value = c.input_constant(1)) {
    depth = value->AsInt64();
    if (depth < 0) {
      return absl::InvalidArgumentError(
          StrCat("Dimension size, given by scalar input 1, must be non-negative but is ", depth));
    }
  }
  const PartialShape& indices = c.input(0);
  if (!indices.known_rank()) return absl::OkStatus();
  if (axis > indices.rank()) {
    return absl::InvalidArgumentError(StrCat("axis must be at most ", indices.rank(),
                                             " for indices of shape ", indices.ToString(), ", got ",
                                             axis));
  }
  std::vector<int64_t> sizes(indices.dims().begin(), indices.dims().end());
  sizes.insert(axis == -1 ? sizes.end() : sizes.begin() + axis, depth);
  c.set_output(0, PartialShape(sizes));
  return absl::OkStatus();
}

}  // namespace

void RegisterArrayCreateOps(OpRegistry& ops) {
  ops.Add("Fill")
      .Summary("A tensor of shape `dims`, all elements of which are the scalar `value`.")
      .Input("dims: index_type")
      .Input("value: T")
      .Output("output: T")
      .Attr("T: type")
      .Attr("index_type: {int32, int64} = DT_INT32")
      .Shape(FillShape)
      .Gradient(FillGradient);
  ops.Add("Empty")
      .Summary("A tensor of shape `shape`; its elements are zero if `init`, else undefined.")
      .Input("shape: int32")
      .Output("output: dtype")
      .Attr("dtype: type")
      .Attr("init: bool = false")
      .Stateful()
      .Shape(EmptyShape);
  ops.Add("Range")
      .Summary("start, start + delta, ... up to but not including limit.")
      .Input("start: Tidx")
      .Input("limit: Tidx")
      .Input("delta: Tidx")
      .Output("output: Tidx")
      .Attr(
          "Tidx: {bfloat16, half, float, double, int8, int16, int32, int64, uint16, uint32} = "
          "DT_INT32")
      .Shape(RangeShape)
      .NoGradient("the operands decide the number of elements");
  ops.Add("LinSpace")
      .Summary("`num` values evenly spaced from start to stop, both included.")
      .Input("start: T")
      .Input("stop: T")
      .Input("num: Tidx")
      .Output("output: T")
      .Attr("T: {bfloat16, half, float, double}")
      .Attr("Tidx: {int32, int64} = DT_INT32")
      .Shape(LinSpaceShape)
      .NoGradient("treated as a constant, as in TensorFlow");
  ops.Add("OneHot")
      .Summary(
          "on_value at the place that each index names along a new dimension of size depth, "
          "off_value elsewhere.")
      .Input("indices: TI")
      .Input("depth: int32")
      .Input("on_value: T")
      .Input("off_value: T")
      .Output("output: T")
      .Attr("axis: int = -1")
      .Attr("T: type")
      .Attr("TI: {uint8, int8, int32, int64} = DT_INT64")
      .Shape(OneHotShape)
      .NoGradient("indices are integers; on_value and off_value are treated as constants");
  ops.Add("DeepCopy")
      .Summary("A copy of the elements of x in memory of its own.")
      .Input("x: T")
      .Output("y: T")
      .Attr("T: type")
      .Stateful()
      .Shape(shape::SameAsInput);
}

}  // namespace weft
