// SPDX-License-Identifier: Apache-2.0
// Full connection, and layers without windows or statistics.
#include <limits>
#include <string>
#include <vector>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/nn/layer_scope.h"
#include "src/ops/op_scope.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/math_binary.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/matmul.h"
#include "weft/ops/nn.h"
#include "weft/ops/reduction.h"

namespace weft::layers {
namespace {

using internal::LayerScope;

// The size of the last dimension of a tensor of rank 2 or more.
int64_t LastDimension(const Tensor& x, const char* layer) {
  const PartialShape& shape = x.shape();
  if (shape.rank() >= 2 && shape.dim(-1) != kUnknownDim) return shape.dim(-1);
  ThrowError(Code::kInvalidArgument,
             StrCat(layer, ": input '", x.name(), "' has shape ", shape.ToPythonString(),
                    "; its rank must be at least 2, and its last dimension be defined."));
}

Tensor TimesKernel(const Tensor& x, const Variable& kernel, int64_t num_outputs) {
  const int rank = x.shape().rank();
  if (rank == 2) return MatMul(x, kernel);
  const Tensor y = Tensordot(x, kernel, std::vector<int>{rank - 1}, std::vector<int>{0});
  PartialShape shape = x.shape();
  shape.set_dim(rank - 1, num_outputs);
  y.set_shape(shape);
  return y;
}

Shape WeightsShape(int64_t in, int64_t out, const char* layer) {
  Shape shape;
  std::string error;
  const std::vector<int64_t> dims = {in, out};
  if (!Shape::Make(dims, &shape, &error))
    ThrowError(Code::kInvalidArgument, StrCat(layer, ": the shape of the weights: ", error));
  return shape;
}

// A constant "Const": int32 if the numbers fit.
Tensor Numbers(const std::vector<int64_t>& values) {
  bool small = true;
  for (int64_t v : values) small = small && v <= std::numeric_limits<int32_t>::max();
  if (!small) return Constant(Array::FromVector(values));
  return Constant(Array::FromVector(std::vector<int32_t>(values.begin(), values.end())));
}

// The product of all sizes but the first; -1 if one of them is not known.
int64_t SizeOfExample(const PartialShape& shape) {
  int64_t size = 1;
  for (int i = 1; i < shape.rank(); ++i) {
    if (shape.dim(i) == kUnknownDim) return -1;
    if (__builtin_mul_overflow(size, shape.dim(i), &size)) {
      ThrowError(Code::kInvalidArgument,
                 StrCat(kFlatten, ": ", shape.ToPythonString(), " has too many elements"));
    }
  }
  return shape.known_rank() ? size : -1;
}

Tensor Flattened(const Tensor& x) {
  const PartialShape& shape = x.shape();
  if (shape.known_rank() && shape.rank() == 0)
    ThrowError(Code::kInvalidArgument, StrCat(kFlatten, ": input '", x.name(), "' is a scalar"));
  if (shape.rank() == 1) return ExpandDims(x, 1);
  if (const int64_t size = SizeOfExample(shape); size >= 0) return Reshape(x, Numbers({-1, size}));
  if (shape.dim(0) != kUnknownDim) return Reshape(x, Numbers({shape.dim(0), -1}));
  return Reshape(x, {At(ShapeOf(x), {0}), -1});
}

}  // namespace

Tensor FullyConnected(const Input& inputs, int64_t num_outputs, const LayerOptions& told) {
  const LayerOptions o = ArgScope::Arguments(kFullyConnected, told);
  if (num_outputs <= 0) {
    ThrowError(Code::kInvalidArgument,
               StrCat(kFullyConnected,
                      ": the number of outputs must be positive. Received: ", num_outputs));
  }
  const LayerScope scope(o, "fully_connected", GraphOf(inputs),
                         internal::Renames{{"kernel", "weights"}, {"bias", "biases"}});
  const Tensor x = AsTensor(inputs);
  const int64_t in = LastDimension(x, kFullyConnected);
  const DataType dtype = RemoveRef(x.dtype());
  if (!IsFloating(dtype) && !IsComplex(dtype)) {
    ThrowError(Code::kInvalidArgument, StrCat(kFullyConnected,
                                              " can only be built with a floating-point dtype. "
                                              "Received: dtype=",
                                              DTypeName(dtype)));
  }
  scope.MakeLayer();
  const Variable kernel =
      internal::AddWeight({.name = "kernel",
                           .in_layer = "weights",
                           .shape = WeightsShape(in, num_outputs, kFullyConnected),
                           .initializer = internal::WeightsInitializer(o),
                           .regularizer = o.weights_regularizer},
                          dtype, o);
  Variable bias;
  if (internal::HasBiases(o)) {
    bias = internal::AddWeight({.name = "bias",
                                .in_layer = "biases",
                                .shape = Shape({num_outputs}),
                                .initializer = internal::BiasesInitializer(o),
                                .regularizer = o.biases_regularizer},
                               dtype, o);
  }
  Tensor y = TimesKernel(x, kernel, num_outputs);
  if (bias.valid()) y = nn::BiasAdd(y, bias);
  y = internal::NormalizedAndActivated(y, o);
  return CollectNamedOutputs(o.outputs_collections, scope.name(), y);
}

Tensor BiasAdd(const Input& inputs, const LayerOptions& told) {
  const LayerOptions o = ArgScope::Arguments(kBiasAdd, told);
  const bool channels_first = internal::ChannelsFirst(o.data_format, {"NCHW", "NHWC"}, kBiasAdd);
  const LayerScope scope(o, "BiasAdd", GraphOf(inputs), {});
  const Tensor x = AsTensor(inputs);
  const int64_t channels =
      channels_first ? internal::ChannelsOf(x, true, {4}, kBiasAdd) : LastDimension(x, kBiasAdd);
  const Variable biases = internal::AddModelVariable({.name = "biases",
                                                      .in_layer = "biases",
                                                      .shape = Shape({channels}),
                                                      .initializer = internal::BiasesInitializer(o),
                                                      .regularizer = o.biases_regularizer},
                                                     RemoveRef(x.dtype()), o);
  Tensor y = nn::BiasAdd(x, biases, {.data_format = channels_first ? "NCHW" : "NHWC"});
  y = internal::Activated(y, o, /*relu_by_default=*/false);
  return CollectNamedOutputs(o.outputs_collections, scope.name(), y);
}

Tensor Dropout(const Input& inputs, const LayerOptions& told) {
  const LayerOptions o = ArgScope::Arguments(kDropout, told);
  const LayerScope scope(o, "Dropout", GraphOf(inputs), internal::Renames{});
  const Tensor x = AsTensor(inputs);
  scope.MakeLayer();
  const Input keep_prob = o.keep_prob.value_or(Input(0.5));
  const bool is_number = !keep_prob.is_tensor();
  const double keep = is_number ? keep_prob.array().AsDouble() : 0;
  if (is_number && !(keep >= 0 && keep <= 1)) {
    ThrowError(Code::kInvalidArgument,
               StrCat(kDropout, ": keep_prob must be between 0 and 1. Received: ", keep));
  }
  const auto dropped = [&] {
    if (is_number && keep == 1) return std::vector<Tensor>{x};
    return std::vector<Tensor>{
        nn::Dropout(x, keep_prob, {.noise_shape = o.noise_shape, .seed = o.seed})};
  };
  const auto whole = [&] { return std::vector<Tensor>{Identity(x)}; };
  const Tensor y = internal::WhenTraining(internal::TrainingOf(o), dropped, whole)[0];
  return CollectNamedOutputs(o.outputs_collections, scope.name(), y);
}

Tensor Flatten(const Input& inputs, const LayerOptions& told) {
  const LayerOptions o = ArgScope::Arguments(kFlatten, told);
  const OpScope scope(o.scope, "Flatten", {&inputs});
  const Tensor x = AsTensor(inputs);
  Tensor y;
  {
    const VariableScope layer = VariableScope::Unique("flatten");
    y = Flattened(x);
  }
  return CollectNamedOutputs(o.outputs_collections, scope.name(), y);
}

Tensor OneHotEncoding(const Input& labels, int64_t num_classes, const LayerOptions& told) {
  const LayerOptions o = ArgScope::Arguments(kOneHotEncoding, told);
  if (num_classes < 0 || num_classes > std::numeric_limits<int32_t>::max()) {
    ThrowError(Code::kInvalidArgument,
               StrCat(kOneHotEncoding, ": there can't be ", num_classes, " classes"));
  }
  const OpScope scope(o.scope, "OneHotEncoding", {&labels});
  Tensor classes = AsTensor(labels);
  if (RemoveRef(classes.dtype()) == kInt32) classes = Cast(classes, kInt64, "ToInt64");
  // Values that are told have no names in TensorFlow, and slim always tells them.
  const Tensor on = AsTensor(o.on_value.value_or(Input(1.0f)), kInvalidType, "one_hot/Const");
  const Tensor off = AsTensor(o.off_value.value_or(Input(0.0f)), kInvalidType, "one_hot/Const");
  const Tensor y =
      OneHot(classes, static_cast<int32_t>(num_classes), {.on_value = on, .off_value = off});
  return CollectNamedOutputs(o.outputs_collections, scope.name(), y);
}

Tensor Softmax(const Input& logits, const LayerOptions& told) {
  const LayerOptions o = ArgScope::Arguments(kSoftmax, told);
  const LayerScope scope(o, "softmax", GraphOf(logits), {});
  const Tensor x = AsTensor(logits);
  const int64_t classes = LastDimension(x, kSoftmax);
  const Tensor rows = Reshape(x, {-1, classes});
  const Tensor y = Reshape(nn::Softmax(rows), ShapeOf(x));
  y.set_shape(x.shape());
  return y;
}

Tensor UnitNorm(const Input& inputs, int dim, const LayerOptions& told) {
  const LayerOptions o = ArgScope::Arguments(kUnitNorm, told);
  const LayerScope scope(o, "UnitNorm", GraphOf(inputs), {});
  const Tensor x = AsTensor(inputs);
  const int rank = x.shape().rank();
  if (rank < 1 || dim < 0 || dim >= rank) {
    ThrowError(Code::kInvalidArgument,
               StrCat(kUnitNorm, ": dim must be positive but smaller than the input rank. Input '",
                      x.name(), "' has shape ", x.shape().ToPythonString(), ", dim is ", dim));
  }
  const float epsilon = static_cast<float>(o.epsilon.value_or(1e-7));
  const Tensor sum = ReduceSum(Square(x), {.axis = dim, .keep_dims = true});
  const Tensor lengths = Sqrt(epsilon + sum);
  std::vector<Input> multiples;
  if (dim > 0) multiples.push_back(Ones({dim}, kInt32));
  const Tensor size = ShapeOf(x);
  const Tensor strides = OnesLike(Constant(Array::FromVector<int32_t>({dim}), "ones_like/tensor"));
  multiples.push_back(StridedSlice(size, {dim}, {dim + 1}, {.strides = strides}));
  if (dim < rank - 1) multiples.push_back(Ones({rank - 1 - dim}, kInt32));
  return RealDiv(x, Tile(lengths, Concat(multiples, 0)), "div");
}

// ---- Layers of layers ---------------------------------------------------------------------------

namespace {
VariableScope OuterScope(const std::string& scope, const char* default_name) {
  if (scope.empty()) return VariableScope::Unique(default_name);
  return VariableScope(scope);
}
}  // namespace

Tensor Repeat(const Input& inputs, int repetitions, const LayerInScope& layer,
              const std::string& scope, const std::string& layer_name) {
  const GraphScope use(GraphOf(inputs));
  const VariableScope outer = OuterScope(scope, "Repeat");
  Tensor x = AsTensor(inputs);
  for (int i = 1; i <= repetitions; ++i)
    x = layer(x, StrCat(scope.empty() ? layer_name : scope, "_", i));
  return x;
}

Tensor Stack(const Input& inputs, const std::vector<int64_t>& arguments,
             const std::function<Tensor(const Tensor& inputs, int64_t argument,
                                        const std::string& scope)>& layer,
             const std::string& scope, const std::string& layer_name) {
  const GraphScope use(GraphOf(inputs));
  const VariableScope outer = OuterScope(scope, "Stack");
  Tensor x = AsTensor(inputs);
  for (size_t i = 0; i < arguments.size(); ++i)
    x = layer(x, arguments[i], StrCat(scope.empty() ? layer_name : scope, "_", i + 1));
  return x;
}

}  // namespace weft::layers
