// SPDX-License-Identifier: Apache-2.0
// Ops that look at or change only the shape of a value.
// kernels: kernels/cpu/array_shape.cc   test: tests/ops/array_shape_test.cc
#include <optional>
#include <string>
#include <vector>

#include "src/core/strings.h"
#include "src/ops/array_nodes.h"
#include "src/ops/sizes.h"
#include "weft/core/complex.h"
#include "weft/graph/op_def.h"

namespace weft {

// The other files of the family.
void RegisterArrayCreateOps(OpRegistry& ops);

namespace {

// The elements of a shape as far as they are known: their number is `product`, times the dimension
// `unknown` if that is >= 0.
struct PartialCount {
  int64_t product = 1;
  int unknown = -1;
  bool ambiguous = false;  // more than one dimension is unknown
};

absl::StatusOr<PartialCount> CountElements(const PartialShape& s) {
  PartialCount count;
  for (int i = 0; i < s.rank(); ++i) {
    if (s.dim(i) >= 0) {
      WEFT_ASSIGN_OR_RETURN(count.product, shape::MulDims(count.product, s.dim(i)));
    } else {
      count.ambiguous |= count.unknown >= 0;
      count.unknown = i;
    }
  }
  return count;
}

absl::Status ReshapeShape(ShapeContext& c) {
  const PartialShape& in = c.input(0);
  WEFT_ASSIGN_OR_RETURN(PartialShape out, c.input_as_shape(1));
  if (!in.known_rank() || !out.known_rank()) {
    c.set_output(0, std::move(out));
    return absl::OkStatus();
  }
  WEFT_ASSIGN_OR_RETURN(const PartialCount to, CountElements(out));
  WEFT_ASSIGN_OR_RETURN(const PartialCount from, CountElements(in));
  if (!to.ambiguous && !from.ambiguous) {
    if (from.unknown < 0 && to.unknown < 0) {
      if (from.product != to.product) {
        return absl::InvalidArgumentError(StrCat("Cannot reshape a tensor with ", from.product,
                                                 " elements to shape ", out.ToString(), " (",
                                                 to.product, " elements)"));
      }
    } else if (from.unknown < 0 && to.product > 0) {
      WEFT_ASSIGN_OR_RETURN(const int64_t dim, DivideEvenly(from.product, to.product));
      out.set_dim(to.unknown, dim);
    } else if (to.unknown < 0 && from.product > 0) {
      // The input's unknown dimension must be a whole number.
      WEFT_RETURN_IF_ERROR(DivideEvenly(to.product, from.product).status());
    }
  }
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

absl::Status QuantizedReshapeShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(ReshapeShape(c));
  for (int i = 2; i <= 3; ++i) WEFT_RETURN_IF_ERROR(c.InputWithRank(i, 0).status());
  for (int o = 1; o <= 2; ++o) c.set_output(o, PartialShape::Scalar());
  return absl::OkStatus();
}

// dx has the shape of x: for Reshape, ExpandDims and Squeeze.
void ReshapeToInput(GradientContext& g) { g.SetDx(0, g.Reshape(g.dy(0), g.Shape(g.input(0)))); }

// A vector with one element a dimension, for each input.
absl::Status ShapeShape(ShapeContext& c) {
  for (int i = 0; i < c.num_inputs(); ++i)
    c.set_output(i,
                 PartialShape::Vector(c.input(i).known_rank() ? c.input(i).rank() : kUnknownDim));
  return absl::OkStatus();
}

absl::Status ExpandDimsShape(ShapeContext& c) {
  const PartialShape& in = c.input(0);
  if (c.input(1).IsFullyKnown() && c.input(1).num_elements() != 1) {
    return absl::InvalidArgumentError(StrCat(
        "'dim' input must be a tensor with a single value, but has shape ", c.input(1).ToString()));
  }
  if (!in.known_rank()) return absl::OkStatus();
  const Array* dim_value = c.input_constant(1);
  if (dim_value == nullptr) {
    c.set_output(0, PartialShape::UnknownOfRank(in.rank() + 1));
    return absl::OkStatus();
  }
  const int64_t dim = dim_value->AsInt64();
  if (dim < -1 - in.rank() || dim > in.rank()) {
    return absl::InvalidArgumentError(
        StrCat("dim ", dim, " not in the interval [", -1 - in.rank(), ", ", in.rank(), "]."));
  }
  std::vector<int64_t> sizes(in.dims().begin(), in.dims().end());
  sizes.insert(sizes.begin() + (dim < 0 ? dim + in.rank() + 1 : dim), 1);
  c.set_output(0, PartialShape(sizes));
  return absl::OkStatus();
}

absl::Status SqueezeShape(ShapeContext& c) {
  const PartialShape& in = c.input(0);
  if (!in.known_rank()) return absl::OkStatus();
  const auto dims = c.Attr<std::vector<int64_t>>("squeeze_dims");
  std::vector<bool> squeezed(static_cast<size_t>(in.rank()), false);
  for (int64_t dim : dims) {
    if (dim < -in.rank() || dim >= in.rank()) {
      return absl::InvalidArgumentError(
          StrCat("squeeze_dims[", dim, "] not in [", -in.rank(), ",", in.rank(), ")."));
    }
    squeezed[static_cast<size_t>(dim < 0 ? dim + in.rank() : dim)] = true;
  }
  PartialShape out = PartialShape::Scalar();
  for (int i = 0; i < in.rank(); ++i) {
    const int64_t size = in.dim(i);
    if (dims.empty()) {
      // An unknown size may be 1: then not even the rank is known.
      if (size < 0) return absl::OkStatus();
      if (size != 1) out.AddDim(size);
    } else if (!squeezed[static_cast<size_t>(i)]) {
      out.AddDim(size);
    } else if (size >= 0 && size != 1) {
      return absl::InvalidArgumentError(
          StrCat("Can not squeeze dim[", i, "], expected a dimension of 1, got ", size));
    }
  }
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

absl::Status BitcastShape(ShapeContext& c) {
  const PartialShape& in = c.input(0);
  const int64_t from = static_cast<int64_t>(DTypeSize(c.Attr<DataType>("T"))),
                to = static_cast<int64_t>(DTypeSize(c.Attr<DataType>("type")));
  if (from == 0 || to == 0)
    return absl::InvalidArgumentError("Cannot bitcast types without a fixed size");
  if (!in.known_rank()) return absl::OkStatus();
  std::vector<int64_t> sizes(in.dims().begin(), in.dims().end());
  if (from > to) {
    sizes.push_back(from / to);
  } else if (from < to) {
    const int64_t ratio = to / from;
    if (sizes.empty() || (sizes.back() >= 0 && sizes.back() != ratio)) {
      return absl::InvalidArgumentError(StrCat(
          "Cannot bitcast from ", DTypeName(c.Attr<DataType>("T")), " to ",
          DTypeName(c.Attr<DataType>("type")), " due to shape. ",
          sizes.empty() ? std::string("A scalar") : StrCat(sizes.back()), " is not ", ratio));
    }
    sizes.pop_back();
  }
  c.set_output(0, PartialShape(sizes));
  return absl::OkStatus();
}

absl::Status IdentityNShape(ShapeContext& c) {
  for (int i = 0; i < c.num_inputs(); ++i) {
    c.set_output(i, c.input(i));
    if (const auto* data = c.input_handle_data(i)) c.set_output_handle_data(i, *data);
  }
  return absl::OkStatus();
}

void IdentityNGradient(GradientContext& g) {
  for (int i = 0; i < g.num_inputs(); ++i) g.SetDx(i, g.dy_raw(i));
}

absl::Status BroadcastToShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 1).status());
  const PartialShape& in = c.input(0);
  WEFT_ASSIGN_OR_RETURN(PartialShape out, c.input_as_shape(1));
  if (in.known_rank() && out.known_rank()) {
    const int added = out.rank() - in.rank();
    if (added < 0) {
      return absl::InvalidArgumentError(
          StrCat("Shape must be at most rank ", out.rank(), " but is rank ", in.rank()));
    }
    for (int i = 0; i < in.rank(); ++i) {
      if (in.dim(i) < 0 || in.dim(i) == 1) continue;
      WEFT_ASSIGN_OR_RETURN(const int64_t size, c.MergeDim(in.dim(i), out.dim(added + i)));
      out.set_dim(added + i, size);
    }
  }
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

// The sum over what was broadcast.
void BroadcastToGradient(GradientContext& g) {
  const Tensor x = g.input(0), sizes = g.input(1);
  const Tensor x_shape = ShapeAs(g, x, sizes.dtype());
  const Tensor axes = g.Ops("BroadcastGradientArgs", {sizes, x_shape})[1];
  g.SetDx(0, g.Reshape(g.Sum(g.dy(0), axes, /*keep_dims=*/true), x_shape));
}

constexpr const char* kBitcastTypes =
    "{bfloat16, half, float, double, int64, int32, uint8, uint16, uint32, uint64, int8, int16, "
    "complex64, complex128, qint8, quint8, qint16, "
    "quint16, qint32}";

void RegisterQueries(OpRegistry& ops) {
  constexpr const char* kWhy = "a shape does not depend on the values";
  ops.Add("Shape")
      .Summary("The sizes of the dimensions, as a vector.")
      .Input("input: T")
      .Output("output: out_type")
      .Attr("T: type")
      .Attr("out_type: {int32, int64} = DT_INT32")
      .Shape(ShapeShape)
      .NoGradient(kWhy);
  ops.Add("ShapeN")
      .Summary("The shapes of several tensors.")
      .Input("input: N * T")
      .Output("output: N * out_type")
      .Attr("N: int >= 1")
      .Attr("T: type")
      .Attr("out_type: {int32, int64} = DT_INT32")
      .Shape(ShapeShape)
      .NoGradient(kWhy);
  ops.Add("Size")
      .Summary("The number of elements.")
      .Input("input: T")
      .Output("output: out_type")
      .Attr("T: type")
      .Attr("out_type: {int32, int64} = DT_INT32")
      .Shape(shape::Scalar)
      .NoGradient(kWhy);
  ops.Add("Rank")
      .Summary("The number of dimensions.")
      .Input("input: T")
      .Output("output: int32")
      .Attr("T: type")
      .Shape(shape::Scalar)
      .NoGradient(kWhy);
}

}  // namespace

void RegisterArrayShapeOps(OpRegistry& ops) {
  RegisterQueries(ops);
  ops.Add("Reshape")
      .Summary(
          "The same elements in another shape; one size may be -1 and follows from the others.")
      .Input("tensor: T")
      .Input("shape: Tshape")
      .Output("output: T")
      .Attr("T: type")
      .Attr("Tshape: {int32, int64} = DT_INT32")
      .Shape(ReshapeShape)
      .Gradient(ReshapeToInput);
  ops.Add("QuantizedReshape")
      .Summary("Reshape of quantized values; the range passes through.")
      .Input("tensor: T")
      .Input("shape: Tshape")
      .Input("input_min: float")
      .Input("input_max: float")
      .Output("output: T")
      .Output("output_min: float")
      .Output("output_max: float")
      .Attr("T: type")
      .Attr("Tshape: {int32, int64} = DT_INT32")
      .Shape(QuantizedReshapeShape);
  ops.Add("ExpandDims")
      .Summary("A dimension of size 1 inserted at `dim`.")
      .Input("input: T")
      .Input("dim: Tdim")
      .Output("output: T")
      .Attr("T: type")
      .Attr("Tdim: {int32, int64} = DT_INT32")
      .Shape(ExpandDimsShape)
      .Gradient(ReshapeToInput);
  ops.Add("Squeeze")
      .Summary("Dimensions of size 1 removed: those of squeeze_dims, or all.")
      .Input("input: T")
      .Output("output: T")
      .Attr("T: type")
      .Attr("squeeze_dims: list(int) >= 0 = []")
      .Shape(SqueezeShape)
      .Gradient(ReshapeToInput);
  ops.Add("Bitcast")
      .Summary(
          "The same bytes as elements of another type; the last dimension makes up for a "
          "difference in size.")
      .Input("input: T")
      .Output("output: type")
      .Attr(StrCat("T: ", kBitcastTypes))
      .Attr(StrCat("type: ", kBitcastTypes))
      .Shape(BitcastShape);
  ops.Add("IdentityN")
      .Summary("Every output is the input of the same number.")
      .Input("input: T")
      .Output("output: T")
      .Attr("T: list(type) >= 1")
      .Shape(IdentityNShape)
      .Gradient(IdentityNGradient);
  ops.Add("BroadcastTo")
      .Summary(
          "The input repeated along dimensions of size 1, and along new leading ones, to the given "
          "shape.")
      .Input("input: T")
      .Input("shape: Tidx")
      .Output("output: T")
      .Attr("T: type")
      .Attr("Tidx: {int32, int64} = DT_INT32")
      .Shape(BroadcastToShape)
      .Gradient(BroadcastToGradient);
  RegisterArrayCreateOps(ops);
}

}  // namespace weft
