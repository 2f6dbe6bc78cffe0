// SPDX-License-Identifier: Apache-2.0
// Maximum pooling of images and volumes, and its gradients.
// kernels: kernels/cpu/nn_pool.cc   test: tests/ops/nn_pool_test.cc
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/core/image_format.h"
#include "src/core/strings.h"
#include "src/graph/node.h"
#include "src/ops/nn_pool.h"
#include "weft/graph/op_def.h"

namespace weft {

void RegisterAveragePoolOps(OpRegistry& ops);
void RegisterFractionalPoolOps(OpRegistry& ops);

namespace {

using Ints = std::vector<int64_t>;

// ksize and strides: attributes, or inputs `first` and `first` + 1 in the second version of the
// ops. nullopt if an input is not known yet.
struct PoolSizes {
  Ints ksize, strides;
};
absl::StatusOr<std::optional<PoolSizes>> ReadSizes(ShapeContext& c, int first) {
  PoolSizes sizes;
  if (c.FindAttr("ksize")) {
    sizes = {c.Attr<Ints>("ksize"), c.Attr<Ints>("strides")};
  } else {
    for (auto [i, list] : {std::pair(first, &sizes.ksize), {first + 1, &sizes.strides}}) {
      WEFT_ASSIGN_OR_RETURN(const PartialShape s, c.InputWithRank(i, 1));
      if (s.dim(0) >= 0 && s.dim(0) != 4)
        return absl::InvalidArgumentError(StrCat("Dimension must be 4 but is ", s.dim(0)));
      const Array* values = c.input_constant(i);
      if (!values) return std::nullopt;
      for (int64_t k = 0; k < values->num_elements(); ++k) list->push_back(values->AsInt64(k));
    }
  }
  WEFT_RETURN_IF_ERROR(CheckFourValues(c.node().type(), "stride", sizes.strides.size()));
  WEFT_RETURN_IF_ERROR(CheckFourValues(c.node().type(), "ksize", sizes.ksize.size()));
  return sizes;
}

// The shape that pooling input 0 gives. Unknown if the sizes are.
absl::StatusOr<PartialShape> PooledShape(ShapeContext& c, int first_size_input) {
  const std::string data_format =
      c.FindAttr("data_format") ? c.Attr<std::string>("data_format") : "NHWC";
  const ImageFormat format = ParseImageFormat(data_format);
  WEFT_ASSIGN_OR_RETURN(const std::optional<PoolSizes> sizes, ReadSizes(c, first_size_input));
  if (!sizes) return PartialShape::Unknown();
  WEFT_ASSIGN_OR_RETURN(const PartialShape in, c.InputWithRank(0, format.rank));
  if (format.rank == 5 && in.dim(4) != 4 && in.dim(4) != 32) {
    return absl::InvalidArgumentError(
        StrCat("VECT_C dimension must be 4 or 32, but is ", in.dim(4)));
  }
  ImageWindow w;
  const Ints margins = c.FindAttr("explicit_paddings") ? c.Attr<Ints>("explicit_paddings") : Ints();
  WEFT_RETURN_IF_ERROR(SetPadding(c.Attr<std::string>("padding"), margins, format, &w));
  WindowSpec depth = {.padding = w.height.padding};
  PartialShape out = in;
  for (auto [axis, window] :
       {std::pair(format.height, w.height), {format.width, w.width}, {format.depth, depth}}) {
    window.size = sizes->ksize[static_cast<size_t>(axis)];
    window.stride = sizes->strides[static_cast<size_t>(axis)];
    WEFT_ASSIGN_OR_RETURN(const int64_t count, InferWindowCount(in.dim(axis), window));
    out.set_dim(axis, count);
  }
  return out;
}

absl::Status MaxPoolShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape out, PooledShape(c, 1));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

absl::Status MaxPoolGradShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape out, c.InputWithRank(0, 4));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

// As the pooled tensor; the gradient that comes in has the shape of the input.
absl::Status MaxPoolGradGradShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape out, PooledShape(c, 3));
  WEFT_RETURN_IF_ERROR(c.Merge(c.input(0), c.input(2)).status());
  WEFT_ASSIGN_OR_RETURN(out, c.Merge(c.input(1), out));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

// A node with the attributes of the forward op. `sizes`: the inputs of the second version.
Tensor SamePool(GradientContext& g, const std::string& op, std::vector<Tensor> inputs,
                int first_size) {
  if (first_size < g.num_inputs()) {
    inputs.push_back(g.input(first_size));
    inputs.push_back(g.input(first_size + 1));
    return g.Op(op + "V2", inputs,
                {{"padding", g.attr("padding")}, {"data_format", g.attr("data_format")}});
  }
  if (g.op().has_attr("explicit_paddings") && op == "MaxPoolGrad") {
    return g.Op(op, inputs,
                {{"ksize", g.attr("ksize")},
                 {"strides", g.attr("strides")},
                 {"padding", g.attr("padding")},
                 {"explicit_paddings", g.attr("explicit_paddings")},
                 {"data_format", g.attr("data_format")}});
  }
  return g.Op(op, inputs,
              {{"ksize", g.attr("ksize")},
               {"strides", g.attr("strides")},
               {"padding", g.attr("padding")},
               {"data_format", g.attr("data_format")}});
}

void MaxPoolGradient(GradientContext& g) {
  g.SetDx(0, SamePool(g, "MaxPoolGrad", {g.input(0), g.output(0), g.dy(0)}, 1));
}

// Both ops of the gradient pick elements by the place of the maximum; they are linear in what they
// pick from, and each undoes the other's picking.
void PickGradient(GradientContext& g, const char* op) {
  const Tensor x = g.input(0), y = g.input(1);
  if (g.needs_dx(0)) g.SetDx(0, g.ZerosLike(x));
  if (g.needs_dx(1)) g.SetDx(1, g.ZerosLike(y));
  g.SetDx(2, SamePool(g, op, {x, y, g.dy(0)}, 3));
}
void MaxPoolGradGradient(GradientContext& g) { PickGradient(g, "MaxPoolGradGrad"); }
void MaxPoolGradGradGradient(GradientContext& g) { PickGradient(g, "MaxPoolGrad"); }

// ---- volumes ----

// A node with the attributes of the forward op.
Tensor SamePool3D(GradientContext& g, const char* op, const std::vector<Tensor>& inputs) {
  return g.Op(op, inputs,
              {{"ksize", g.attr("ksize")},
               {"strides", g.attr("strides")},
               {"padding", g.attr("padding")},
               {"data_format", g.attr("data_format")}});
}

void MaxPool3DGradient(GradientContext& g) {
  g.SetDx(0, SamePool3D(g, "MaxPool3DGrad", {g.input(0), g.output(0), g.dy(0)}));
}
void PickGradient3D(GradientContext& g, const char* op) {
  const Tensor x = g.input(0), y = g.input(1);
  if (g.needs_dx(0)) g.SetDx(0, g.ZerosLike(x));
  if (g.needs_dx(1)) g.SetDx(1, g.ZerosLike(y));
  g.SetDx(2, SamePool3D(g, op, {x, y, g.dy(0)}));
}

// As the pooled tensor.
absl::Status MaxPool3DGradGradShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape out, Pool3DShapeOf(c, c.input(0)));
  WEFT_RETURN_IF_ERROR(c.Merge(c.input(0), c.input(2)).status());
  WEFT_ASSIGN_OR_RETURN(out, c.Merge(c.input(1), out));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

// ---- with the places of the maxima ----

absl::Status ArgmaxShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape out, PooledShape(c, 1));
  c.set_output(0, out);
  c.set_output(1, out);
  return absl::OkStatus();
}

void ArgmaxGradient(GradientContext& g) {
  g.SetDx(0, g.Op("MaxPoolGradWithArgmax", {g.input(0), g.dy(0), g.output(1)},
                  {{"ksize", g.attr("ksize")},
                   {"strides", g.attr("strides")},
                   {"padding", g.attr("padding")},
                   {"include_batch_in_index", g.attr("include_batch_in_index")}}));
}

absl::Status GradGradWithArgmaxShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape out, PooledShape(c, 1));
  WEFT_RETURN_IF_ERROR(c.Merge(c.input(0), c.input(1)).status());
  WEFT_ASSIGN_OR_RETURN(out, c.Merge(c.input(2), out));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

constexpr const char* kPoolTypes =
    "T: {half, bfloat16, float, double, int32, int64, uint8, int16, int8, uint16, qint8} = "
    "DT_FLOAT";

OpDefBuilder&& GradArgs(OpDefBuilder&& op) {
  return std::move(op).Input("orig_input: T").Input("orig_output: T").Input("grad: T");
}
OpDefBuilder&& SizeAttrs(OpDefBuilder&& op) {
  return std::move(op).Attr("ksize: list(int) >= 4").Attr("strides: list(int) >= 4");
}
OpDefBuilder&& SizeInputs(OpDefBuilder&& op) {
  return std::move(op).Input("ksize: int32").Input("strides: int32");
}

void RegisterAttrPools(OpRegistry& ops) {
  ops.Add("MaxPool")
      .Summary("The largest element of each window, channel by channel.")
      .Attr(kPoolTypes)
      .Apply(SizeAttrs)
      .Attr("padding: {'SAME', 'VALID', 'EXPLICIT'}")
      .Attr("explicit_paddings: list(int) = []")
      .Attr("data_format: {'NHWC', 'NCHW', 'NCHW_VECT_C'} = 'NHWC'")
      .Input("input: T")
      .Output("output: T")
      .Shape(MaxPoolShape)
      .Gradient(MaxPoolGradient);
  ops.Add("MaxPoolGrad")
      .Summary("The gradient of MaxPool: goes to the first of the largest elements of a window.")
      .Apply(SizeAttrs)
      .Attr("padding: {'SAME', 'VALID', 'EXPLICIT'}")
      .Attr("explicit_paddings: list(int) = []")
      .Attr("data_format: {'NHWC', 'NCHW'} = 'NHWC'")
      .Apply(GradArgs)
      .Output("output: T")
      .Attr("T: realnumbertype = DT_FLOAT")
      .Shape(MaxPoolGradShape)
      .Gradient(MaxPoolGradGradient);
  ops.Add("MaxPoolGradGrad")
      .Summary("The gradient of MaxPoolGrad: picks the elements that are at the maxima.")
      .Apply(SizeAttrs)
      .Attr("padding: {'SAME', 'VALID'}")
      .Attr("data_format: {'NHWC', 'NCHW'} = 'NHWC'")
      .Apply(GradArgs)
      .Output("output: T")
      .Attr("T: realnumbertype")
      .Shape(MaxPoolGradGradShape)
      .Gradient(MaxPoolGradGradGradient);
}

void RegisterInputPools(OpRegistry& ops) {
  ops.Add("MaxPoolV2")
      .Summary("As MaxPool, with the window's sizes and strides as inputs.")
      .Attr(kPoolTypes)
      .Attr("padding: {'SAME', 'VALID'}")
      .Attr("data_format: {'NHWC', 'NCHW', 'NCHW_VECT_C'} = 'NHWC'")
      .Input("input: T")
      .Apply(SizeInputs)
      .Output("output: T")
      .Shape(MaxPoolShape)
      .Gradient(MaxPoolGradient);
  ops.Add("MaxPoolGradV2")
      .Summary("The gradient of MaxPoolV2.")
      .Attr("padding: {'SAME', 'VALID'}")
      .Attr("data_format: {'NHWC', 'NCHW'} = 'NHWC'")
      .Apply(GradArgs)
      .Apply(SizeInputs)
      .Output("output: T")
      .Attr("T: realnumbertype = DT_FLOAT")
      .Shape(MaxPoolGradShape)
      .Gradient(MaxPoolGradGradient);
  ops.Add("MaxPoolGradGradV2")
      .Summary("The gradient of MaxPoolGradV2.")
      .Attr("padding: {'SAME', 'VALID'}")
      .Attr("data_format: {'NHWC', 'NCHW'} = 'NHWC'")
      .Apply(GradArgs)
      .Apply(SizeInputs)
      .Output("output: T")
      .Attr("T: realnumbertype")
      .Shape(MaxPoolGradGradShape)
      .Gradient(MaxPoolGradGradGradient);
}

OpDefBuilder&& Pool3DAttrs(OpDefBuilder&& op) {
  return std::move(op)
      .Attr("ksize: list(int) >= 5")
      .Attr("strides: list(int) >= 5")
      .Attr("padding: {'SAME', 'VALID'}")
      .Attr("data_format: {'NDHWC', 'NCDHW'} = 'NDHWC'");
}

void RegisterMaxPool3D(OpRegistry& ops) {
  ops.Add("MaxPool3D")
      .Summary("The largest element of each window of volumes, channel by channel.")
      .Input("input: T")
      .Output("output: T")
      .Apply(Pool3DAttrs)
      .Attr("T: {half, bfloat16, float}")
      .Shape(Pool3DShape)
      .Gradient(MaxPool3DGradient);
  ops.Add("MaxPool3DGrad")
      .Summary("The gradient of MaxPool3D: goes to all elements that are the window's largest.")
      .Input("orig_input: TInput")
      .Input("orig_output: TInput")
      .Input("grad: T")
      .Output("output: T")
      .Apply(Pool3DAttrs)
      .Attr("T: {half, bfloat16, float} = DT_FLOAT")
      .Attr("TInput: {half, bfloat16, float} = DT_FLOAT")
      .Shape([](ShapeContext& c) -> absl::Status {
        WEFT_ASSIGN_OR_RETURN(PartialShape out, c.InputWithRank(0, 5));
        c.set_output(0, std::move(out));
        return absl::OkStatus();
      })
      .Gradient([](GradientContext& g) { PickGradient3D(g, "MaxPool3DGradGrad"); });
  ops.Add("MaxPool3DGradGrad")
      .Summary("The gradient of MaxPool3DGrad: picks the elements that are at the maxima.")
      .Apply(GradArgs)
      .Output("output: T")
      .Apply(Pool3DAttrs)
      .Attr("T: realnumbertype")
      .Shape(MaxPool3DGradGradShape)
      .Gradient([](GradientContext& g) { PickGradient3D(g, "MaxPool3DGrad"); });
}

OpDefBuilder&& ArgmaxAttrs(OpDefBuilder&& op) {
  return std::move(op)
      .Apply(SizeAttrs)
      .Attr("padding: {'SAME', 'VALID'}")
      .Attr("include_batch_in_index: bool = false");
}
OpDefBuilder&& ArgmaxGradArgs(OpDefBuilder&& op) {
  return std::move(op)
      .Input("input: T")
      .Input("grad: T")
      .Input("argmax: Targmax")
      .Output("output: T")
      .Apply(ArgmaxAttrs)
      .Attr("Targmax: {int32, int64}")
      .Attr("T: realnumbertype");
}

void RegisterArgmaxPools(OpRegistry& ops) {
  ops.Add("MaxPoolWithArgmax")
      .Summary(
          "The largest element of each window, and where it is: (y * width + x) * channels + c, "
          "plus that of the image if include_batch_in_index.")
      .Apply(SizeAttrs)
      .Attr("Targmax: {int32, int64} = DT_INT64")
      .Attr("padding: {'SAME', 'VALID'}")
      .Attr("include_batch_in_index: bool = false")
      .Input("input: T")
      .Output("output: T")
      .Output("argmax: Targmax")
      .Attr("T: realnumbertype")
      .Shape(ArgmaxShape)
      .Gradient(ArgmaxGradient);
  ops.Add("MaxPoolGradWithArgmax")
      .Summary("The gradient of MaxPoolWithArgmax: goes to the places of the maxima.")
      .Apply(ArgmaxGradArgs)
      .Shape(MaxPoolGradShape);
  ops.Add("MaxPoolGradGradWithArgmax")
      .Summary("Picks the elements that are at the places of the maxima.")
      .Apply(ArgmaxGradArgs)
      .Shape(GradGradWithArgmaxShape);
}

}  // namespace

absl::StatusOr<PartialShape> Pool3DShapeOf(ShapeContext& c, const PartialShape& input) {
  WEFT_ASSIGN_OR_RETURN(PartialShape out, c.WithRank(input, 5));
  const Ints ksize = c.Attr<Ints>("ksize"), strides = c.Attr<Ints>("strides");
  for (const auto& [name, list] : {std::pair("stride", &strides), {"kernel", &ksize}}) {
    if (list->size() != 5) {
      return absl::InvalidArgumentError(
          StrCat("Pool3D ops require the ", name,
                 " attribute to contain 5 values, but got: ", list->size()));
    }
  }
  const int first = c.Attr<std::string>("data_format") == "NCDHW" ? 2 : 1;
  for (int axis = first; axis < first + 3; ++axis) {
    const WindowSpec w = {
        .size = ksize[static_cast<size_t>(axis)],
        .stride = strides[static_cast<size_t>(axis)],
        .padding = ParsePadding(c.Attr<std::string>("padding")).value_or(Padding::kValid)};
    WEFT_ASSIGN_OR_RETURN(const int64_t count, InferWindowCount(out.dim(axis), w));
    out.set_dim(axis, count);
  }
  return out;
}

absl::Status Pool3DShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape out, Pool3DShapeOf(c, c.input(0)));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

absl::Status Pool2DShape(ShapeContext& c) { return MaxPoolShape(c); }

void RegisterPoolOps(OpRegistry& ops) {
  RegisterAttrPools(ops);
  RegisterInputPools(ops);
  RegisterMaxPool3D(ops);
  RegisterArgmaxPools(ops);
  RegisterAveragePoolOps(ops);
  RegisterFractionalPoolOps(ops);
}

}  // namespace weft
