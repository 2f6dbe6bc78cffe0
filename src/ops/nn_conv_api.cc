// SPDX-License-Identifier: Apache-2.0
// Public functions of convolution, pooling and image normalisation, in TensorFlow's nodes.
#include <string>
#include <utility>
#include <vector>

#include "src/core/strings.h"
#include "src/ops/op_scope.h"
#include "weft/core/error.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"
#include "weft/ops/convolution.h"

namespace weft::nn {
namespace {

std::string FormatOr(const std::string& given, const char* otherwise) {
  return given.empty() ? otherwise : given;
}

// A number for each dimension of the tensor: those of batch and channels are 1.
Sizes Expand(const Sizes& given, size_t spatial, const std::string& format, const char* what) {
  if (given.size() == spatial + 2) return given;
  if (given.size() != 1 && given.size() != spatial) {
    ThrowError(Code::kInvalidArgument, StrCat(what, " should be of length 1, ", spatial, " or ",
                                              spatial + 2, ". Received: ", what, "=[",
                                              StrJoin(given, ", "), "] of length ", given.size()));
  }
  Sizes all = {1};
  if (format.starts_with("NC")) all.push_back(1);
  for (size_t i = 0; i < spatial; ++i) all.push_back(given[given.size() == 1 ? 0 : i]);
  if (!format.starts_with("NC")) all.push_back(1);
  return all;
}

OpBuilder& ConvAttrs(OpBuilder& op, const Sizes& strides, const std::string& padding,
                     const ConvOptions& o, size_t spatial) {
  const std::string format = FormatOr(o.data_format, spatial == 2 ? "NHWC" : "NDHWC");
  op.Attr("strides", Expand(strides, spatial, format, "strides"))
      .Attr("padding", padding)
      .Attr("data_format", format)
      .Attr("dilations", Expand(o.dilations, spatial, format, "dilations"));
  if (spatial == 2) op.Attr("explicit_paddings", o.explicit_paddings);
  return op;
}

Tensor Pooled(const char* op, const NameOptions& name, const Input& value, const Sizes& ksize,
              const Sizes& strides, const std::string& padding, const PoolOptions& o,
              size_t spatial) {
  const std::string format = FormatOr(o.data_format, spatial == 2 ? "NHWC" : "NDHWC");
  OpBuilder builder(op, name);
  builder.In(value)
      .Attr("ksize", Expand(ksize, spatial, format, "ksize"))
      .Attr("strides", Expand(strides, spatial, format, "strides"))
      .Attr("padding", padding)
      .Attr("data_format", format);
  if (std::string_view(op) == "MaxPool") builder.Attr("explicit_paddings", o.explicit_paddings);
  return builder.Output();
}

// Nodes that TensorFlow's functions add on their way; nothing reads them.
void AddRate(const Sizes& rate) {
  std::vector<int32_t> values(rate.begin(), rate.end());
  const Shape shape({static_cast<int64_t>(values.size())});
  AsTensor(Array::FromVector(values, shape), kInt32, "dilation_rate");
}
void AddShapeAndRate(const Tensor& filter, const Sizes& dilations) {
  ShapeOf(filter);
  AddRate(dilations.size() == 2 ? dilations : Sizes(2, dilations.size() == 1 ? dilations[0] : 1));
}

FractionalPoolResult Fractional(const char* op, const Input& value, const std::vector<float>& ratio,
                                const FractionalPoolOptions& o) {
  const std::vector<Tensor> out = OpBuilder(op, o.name)
                                      .In(value)
                                      .Attr("pooling_ratio", ratio)
                                      .Attr("pseudo_random", o.pseudo_random)
                                      .Attr("overlapping", o.overlapping)
                                      .Attr("deterministic", o.deterministic)
                                      .Attr("seed", o.seed)
                                      .Attr("seed2", o.seed2)
                                      .Outputs();
  return {out[0], out[1], out[2]};
}

}  // namespace

Tensor Conv2D(const Input& input, const Input& filter, const Sizes& strides,
              const std::string& padding, const ConvOptions& o) {
  OpBuilder op("Conv2D", o.name);
  return ConvAttrs(op.In(input).In(filter), strides, padding, o, 2).Output();
}

Tensor Conv3D(const Input& input, const Input& filter, const Sizes& strides,
              const std::string& padding, const ConvOptions& o) {
  OpBuilder op("Conv3D", o.name);
  return ConvAttrs(op.In(input).In(filter), strides, padding, o, 3).Output();
}

Tensor Conv1D(const Input& value, const Input& filters, int64_t stride, const std::string& padding,
              const ConvOptions& o) {
  const OpScope scope(o.name, "conv1d", {&value, &filters});
  const bool first = o.data_format.starts_with("NC");
  const std::string format = first ? "NCHW" : "NHWC";
  const int axis = first ? -2 : -3;
  const Tensor image = ExpandDims(value, axis), flat = ExpandDims(filters, 0);
  const auto both = [&](int64_t n) { return first ? Sizes{1, 1, 1, n} : Sizes{1, 1, n, 1}; };
  const Sizes dilation = Expand(o.dilations, 1, first ? "NCW" : "NWC", "dilations");
  const Tensor y = OpBuilder("Conv2D", scope.self())
                       .In(image)
                       .In(flat)
                       .Attr("strides", both(stride))
                       .Attr("padding", padding)
                       .Attr("data_format", format)
                       .Attr("dilations", both(dilation[first ? 2 : 1]))
                       .Output();
  return Squeeze(y, {axis});
}

Tensor Conv2DTranspose(const Input& value, const Input& filter, const IntList& output_shape,
                       const Sizes& strides, const std::string& padding, const ConvOptions& o) {
  const OpScope scope(o.name, "conv2d_transpose", GraphOf(value, {&output_shape}));
  OpBuilder op("Conv2DBackpropInput", scope.self());
  op.In(output_shape.AsInput("input_sizes")).In(filter).In(value);
  return ConvAttrs(op, strides, padding, o, 2).Output();
}

Tensor Conv3DTranspose(const Input& value, const Input& filter, const IntList& output_shape,
                       const Sizes& strides, const std::string& padding, const ConvOptions& o) {
  const OpScope scope(o.name, "conv3d_transpose", GraphOf(value, {&output_shape}));
  OpBuilder op("Conv3DBackpropInputV2", scope.self());
  op.In(output_shape.AsInput("input_sizes")).In(filter).In(value);
  return ConvAttrs(op, strides, padding, o, 3).Output();
}

Tensor DepthwiseConv2D(const Input& input, const Input& filter, const Sizes& strides,
                       const std::string& padding, const ConvOptions& o) {
  const OpScope scope(o.name, "depthwise", {&input, &filter});
  const Tensor x = AsTensor(input, kInvalidType, "tensor_in");
  const Tensor f = AsTensor(filter, kInvalidType, "filter_in");
  AddShapeAndRate(f, o.dilations);
  OpBuilder op("DepthwiseConv2dNative", scope.self());
  return ConvAttrs(op.In(x).In(f), strides, padding, o, 2).Output();
}

Tensor SeparableConv2D(const Input& input, const Input& depthwise_filter,
                       const Input& pointwise_filter, const Sizes& strides,
                       const std::string& padding, const ConvOptions& o) {
  const OpScope scope(o.name, "separable_conv2d", {&input, &depthwise_filter, &pointwise_filter});
  const Tensor x = AsTensor(input, kInvalidType, "tensor_in");
  const Tensor deep = AsTensor(depthwise_filter, kInvalidType, "depthwise_filter");
  const Tensor point = AsTensor(pointwise_filter, kInvalidType, "pointwise_filter");
  AddShapeAndRate(deep, o.dilations);
  OpBuilder op("DepthwiseConv2dNative", NameOptions("depthwise"));
  const Tensor y = ConvAttrs(op.In(x).In(deep), strides, padding, o, 2).Output();
  return Conv2D(y, point, {1}, "VALID", {.data_format = o.data_format, .name = scope.name()});
}

Tensor AtrousConv2D(const Input& value, const Input& filters, int64_t rate,
                    const std::string& padding, const NameOptions& options) {
  const OpScope scope(options.name, "convolution", {&value, &filters});
  return Conv2D(value, filters, {1}, padding, {.dilations = {rate}, .name = scope.name()});
}

Tensor MaxPool(const Input& value, const Sizes& ksize, const Sizes& strides,
               const std::string& padding, const PoolOptions& o) {
  const OpScope scope(o.name, "MaxPool", {&value});
  return Pooled("MaxPool", scope.self(), value, ksize, strides, padding, o, 2);
}
Tensor AvgPool(const Input& value, const Sizes& ksize, const Sizes& strides,
               const std::string& padding, const PoolOptions& o) {
  const OpScope scope(o.name, "AvgPool", {&value});
  return Pooled("AvgPool", scope.self(), value, ksize, strides, padding, o, 2);
}
Tensor MaxPool3D(const Input& input, const Sizes& ksize, const Sizes& strides,
                 const std::string& padding, const PoolOptions& o) {
  return Pooled("MaxPool3D", o.name, input, ksize, strides, padding, o, 3);
}
Tensor AvgPool3D(const Input& input, const Sizes& ksize, const Sizes& strides,
                 const std::string& padding, const PoolOptions& o) {
  return Pooled("AvgPool3D", o.name, input, ksize, strides, padding, o, 3);
}

Tensor Pool(const Input& input, const Sizes& window_shape, const std::string& pooling_type,
            const std::string& padding, const GeneralPoolOptions& o) {
  const size_t spatial = window_shape.size();
  if (spatial < 1 || spatial > 3) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Pool: window_shape must have 1, 2, or 3 elements, got ", spatial));
  }
  if (pooling_type != "MAX" && pooling_type != "AVG") {
    ThrowError(Code::kInvalidArgument,
               StrCat("Pool: pooling_type must be 'MAX' or 'AVG', got '", pooling_type, "'"));
  }
  const Sizes strides = o.strides.empty() ? Sizes(spatial, 1) : o.strides;
  for (size_t i = 0; i < spatial; ++i) {
    if (strides.size() != spatial || strides[i] > window_shape[i]) {
      ThrowError(
          Code::kInvalidArgument,
          StrCat("Pool: there must be a stride for each spatial dimension, not above the "
                 "window's size; got strides [",
                 StrJoin(strides, ", "), "] and window_shape [", StrJoin(window_shape, ", "), "]"));
    }
  }
  const bool max = pooling_type == "MAX", first = o.data_format.starts_with("NC");
  const OpScope scope(o.name, max ? "max_pool" : "avg_pool", {&input});
  const Tensor x = AsTensor(input, kInvalidType, "input");
  const std::string kind = max ? "MaxPool" : "AvgPool";
  AddRate(Sizes(spatial, 1));
  if (spatial == 3) {
    return Pooled((kind + "3D").c_str(), scope.self(), x, window_shape, strides, padding,
                  {.data_format = first ? "NCDHW" : "NDHWC"}, 3);
  }
  const PoolOptions flat = {.data_format = first ? "NCHW" : "NHWC"};
  if (spatial == 2)
    return Pooled(kind.c_str(), scope.self(), x, window_shape, strides, padding, flat, 2);
  const int axis = first ? 2 : 1;
  const Tensor y = Pooled(kind.c_str(), scope.self(), ExpandDims(x, axis), {1, window_shape[0]},
                          {1, strides[0]}, padding, flat, 2);
  return Squeeze(y, {axis});
}

MaxPoolWithArgmaxResult MaxPoolWithArgmax(const Input& input, const Sizes& ksize,
                                          const Sizes& strides, const std::string& padding,
                                          const MaxPoolWithArgmaxOptions& o) {
  const std::vector<Tensor> out = OpBuilder("MaxPoolWithArgmax", o.name)
                                      .In(input)
                                      .Attr("ksize", Expand(ksize, 2, "NHWC", "ksize"))
                                      .Attr("strides", Expand(strides, 2, "NHWC", "strides"))
                                      .Attr("padding", padding)
                                      .Attr("Targmax", o.index_dtype)
                                      .Attr("include_batch_in_index", o.include_batch_in_index)
                                      .Outputs();
  return {out[0], out[1]};
}

FractionalPoolResult FractionalMaxPool(const Input& value, const std::vector<float>& ratio,
                                       const FractionalPoolOptions& options) {
  return Fractional("FractionalMaxPool", value, ratio, options);
}
FractionalPoolResult FractionalAvgPool(const Input& value, const std::vector<float>& ratio,
                                       const FractionalPoolOptions& options) {
  return Fractional("FractionalAvgPool", value, ratio, options);
}

Tensor LocalResponseNormalization(const Input& input, const LocalResponseNormalizationOptions& o) {
  return OpBuilder("LRN", o.name)
      .In(input)
      .Attr("depth_radius", o.depth_radius)
      .Attr("bias", o.bias)
      .Attr("alpha", o.alpha)
      .Attr("beta", o.beta)
      .Output();
}

FusedBatchNormResult FusedBatchNorm(const Input& x, const Input& scale, const Input& offset,
                                    const FusedBatchNormOptions& o) {
  const GraphScope use(GraphOf({&x, &scale, &offset, &o.mean, &o.variance}));
  const auto given = [](const Input& v) { return v.is_tensor() || v.array().valid(); };
  if ((!o.is_training || o.exponential_avg_factor != 1) && !(given(o.mean) && given(o.variance))) {
    ThrowError(Code::kInvalidArgument,
               "FusedBatchNorm: both `mean` and `variance` must be a 1D tensor when `is_training` "
               "is false or `exponential_avg_factor` != 1.0");
  }
  const Tensor input = AsTensor(x, kInvalidType, "input");
  const Tensor s = AsTensor(scale, kFloat32, "scale"), t = AsTensor(offset, kFloat32, "offset");
  const auto statistics = [&](const Input& v) {
    return given(v) ? AsTensor(v, kFloat32) : AsTensor(Array(kFloat32, Shape({0})), kFloat32);
  };
  const Tensor mean = statistics(o.mean), variance = statistics(o.variance);
  const std::vector<Tensor> out = OpBuilder("FusedBatchNormV3", o.name)
                                      .In(input)
                                      .In(s)
                                      .In(t)
                                      .In(mean)
                                      .In(variance)
                                      .Attr("epsilon", o.epsilon)
                                      .Attr("exponential_avg_factor", o.exponential_avg_factor)
                                      .Attr("data_format", o.data_format)
                                      .Attr("is_training", o.is_training)
                                      .Outputs();
  return {out[0], out[1], out[2]};
}

Tensor Dilation2D(const Input& input, const Input& filter, const Sizes& strides, const Sizes& rates,
                  const std::string& padding, const Dilation2DOptions& o) {
  return OpBuilder("Dilation2D", o.name)
      .In(input)
      .In(filter)
      .Attr("strides", Expand(strides, 2, "NHWC", "strides"))
      .Attr("rates", Expand(rates, 2, "NHWC", "rates"))
      .Attr("padding", padding)
      .Output();
}

}  // namespace weft::nn
