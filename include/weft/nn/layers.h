// SPDX-License-Identifier: Apache-2.0
// Layers with variables of their own, as slim (tf.contrib.layers, tf_slim) has them: names of
// variables and ops are slim's, so that its checkpoints restore.
//
//   namespace L = wf::layers;
//   wf::ArgScope scope({L::kConv2d}, {.weights_regularizer = L::L2Regularizer(0.0005f)});
//   auto net = L::Conv2d(images, 32, 5, {.scope = "conv1"});      // conv1/weights, conv1/biases
//   net = L::MaxPool2d(net, 2, {.scope = "pool1"});
//   net = L::FullyConnected(L::Flatten(net), 10, {.activation = nullptr, .scope = "logits"});
//
// Each function lists the arguments that it takes, with their defaults; arguments that are not
// told come from ArgScopes first (weft/nn/arg_scope.h). All take
//   scope: of variables and nodes; made of the default name, and unique, if empty;
//   outputs_collections: what the result joins, under the layer's scope as its name there;
// and those with variables
//   reuse: of the variables of `scope`; trainable (true); variables_collections.
// Variables are made by GetVariable, and join kModelVariables too. Images are NHWC, or NCHW by
// data_format. Initial weights are Xavier's, initial biases zeros, activations ReLU, if not told.
//
// Everything is added to the graph of `inputs`. Mistakes throw InvalidArgumentError when the layer
// is added: an unknown number of channels, a rank that the layer has no use for, an argument that
// it doesn't take; AlreadyExistsError and NotFoundError are GetVariable's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "weft/graph/graph.h"
#include "weft/graph/input.h"
#include "weft/graph/tensor.h"
#include "weft/nn/arg_scope.h"

namespace weft::layers {

// ---- Convolutions -------------------------------------------------------------------------------

// A convolution with num_outputs filters, then the normaliser, or biases if there is none, then
// the activation. Variables: weights [kernel..., channels, num_outputs], biases [num_outputs].
// Takes stride (1), padding ("SAME"), data_format, rate (1; not with a stride), activation,
// normalizer (none), weights_initializer, weights_regularizer, biases_initializer,
// biases_regularizer. A rate is an attribute of the one node, where TensorFlow adds SpaceToBatchND
// around it. Default name: "Conv".
Tensor Conv2d(const Input& inputs, int64_t num_outputs, const Window& kernel_size,
              const LayerOptions& options = {});
// Of [batch, width, channels] and of [batch, depth, height, width, channels].
Tensor Conv1d(const Input& inputs, int64_t num_outputs, const Window& kernel_size,
              const LayerOptions& options = {});
Tensor Conv3d(const Input& inputs, int64_t num_outputs, const Window& kernel_size,
              const LayerOptions& options = {});
// The same filter [height, width] on each channel on its own. Variables: weights [height, width, 1,
// 1], biases [channels]. As Conv2d, without data_format and rate. Default name: "ConvInPlane".
Tensor Conv2dInPlane(const Input& inputs, const Window& kernel_size,
                     const LayerOptions& options = {});
// The gradient of a convolution for its input, as a layer: images grow by the stride. Variables:
// weights [height, width, num_outputs, channels], biases. As Conv2d, without rate. Default name:
// "Conv2d_transpose".
Tensor Conv2dTranspose(const Input& inputs, int64_t num_outputs, const Window& kernel_size,
                       const LayerOptions& options = {});
// depth_multiplier (1) filters for each channel on its own, then a 1x1 convolution with num_outputs
// filters; num_outputs 0: without that. Variables: depthwise_weights [height, width, channels,
// depth_multiplier], pointwise_weights [1, 1, channels depth_multiplier, num_outputs], biases. As
// Conv2d, and pointwise_initializer (weights_initializer). Default name: "SeparableConv2d".
Tensor SeparableConv2d(const Input& inputs, int64_t num_outputs, const Window& kernel_size,
                       const LayerOptions& options = {});

// ---- Pooling ------------------------------------------------------------------------------------

// The greatest element, or the mean, of each window. Take stride (2), padding ("VALID"),
// data_format. Default names: "MaxPool2D", "AvgPool2D", "MaxPool3D", "AvgPool3D".
Tensor MaxPool2d(const Input& inputs, const Window& kernel_size, const LayerOptions& options = {});
Tensor AvgPool2d(const Input& inputs, const Window& kernel_size, const LayerOptions& options = {});
Tensor MaxPool3d(const Input& inputs, const Window& kernel_size, const LayerOptions& options = {});
Tensor AvgPool3d(const Input& inputs, const Window& kernel_size, const LayerOptions& options = {});

// ---- Full connection ----------------------------------------------------------------------------

// inputs weights + biases over the last dimension. Variables: weights [in, num_outputs], biases.
// Takes activation, normalizer, weights_initializer, weights_regularizer, biases_initializer,
// biases_regularizer. Default name: "fully_connected".
Tensor FullyConnected(const Input& inputs, int64_t num_outputs, const LayerOptions& options = {});
// inputs + biases, one for each channel. Takes activation (none), biases_initializer,
// biases_regularizer, data_format. Default name: "BiasAdd".
Tensor BiasAdd(const Input& inputs, const LayerOptions& options = {});

// ---- Normalisation ------------------------------------------------------------------------------

// Batch normalisation (Ioffe and Szegedy, arXiv:1502.03167) over all dimensions but that of
// channels: (x - mean) / sqrt(variance + epsilon) gamma + beta, of the batch in training, else of
// its moving averages: moving -= (1 - decay) (moving - batch's). Variables: beta if center, gamma
// if scale, moving_mean, moving_variance.
// Takes decay (0.999), center (true), scale (false), epsilon (0.001), activation (none),
// param_initializers, param_regularizers, updates_collections (kUpdateOps), is_training (true; a
// tensor decides in each run), batch_weights [batch], fused (true), data_format,
// zero_debias_moving_mean (false).
// The ops that update the moving averages join updates_collections, as ops or as their outputs, and
// have to run with the training step; updates_collections = nullptr: they run before the output is
// there.
//   std::vector<wf::Operation> updates = L::UpdateOps();
//   const wf::ControlDependencies first(updates);
//   auto step = optimizer.Minimize(loss);
// Default name: "BatchNorm".
Tensor BatchNorm(const Input& inputs, const LayerOptions& options = {});
// The ops of a collection of updates, of tensors the ops that make them.
std::vector<Operation> UpdateOps(const std::string& collection = GraphKeys::kUpdateOps,
                                 const Graph& graph = Graph::Default());
// Normalisation of each example (Ba et al., arXiv:1607.06450) over dimensions from begin_norm_axis
// (1), with beta and gamma of the shape of the dimensions from begin_params_axis (-1). Takes center
// (true), scale (true), activation (none). Default name: "LayerNorm".
Tensor LayerNorm(const Input& inputs, const LayerOptions& options = {});
// x / sqrt(epsilon + sum of x^2 along dimension dim). Takes epsilon (1e-7). Default name:
// "UnitNorm".
Tensor UnitNorm(const Input& inputs, int dim, const LayerOptions& options = {});

// ---- Without variables --------------------------------------------------------------------------

// nn::Dropout in training, else the input. Takes keep_prob (0.5), noise_shape, is_training (true),
// seed. Default name: "Dropout".
Tensor Dropout(const Input& inputs, const LayerOptions& options = {});
// [batch, everything else]. Default name: "Flatten".
Tensor Flatten(const Input& inputs, const LayerOptions& options = {});
// Takes on_value (1), off_value (0). Default name: "OneHotEncoding".
Tensor OneHotEncoding(const Input& labels, int64_t num_classes, const LayerOptions& options = {});
// Over the last dimension of any rank above 1. Default name: "softmax".
Tensor Softmax(const Input& logits, const LayerOptions& options = {});

// ---- Layers of layers ---------------------------------------------------------------------------

// A layer in a scope of its own.
using LayerInScope = std::function<Tensor(const Tensor& inputs, const std::string& scope)>;
// The same layer again and again: scopes conv1/conv1_1, conv1/conv1_2, ... for scope "conv1".
//   net = L::Repeat(net, 3, [](const wf::Tensor& x, const std::string& scope) {
//     return L::Conv2d(x, 256, 3, {.scope = scope});
//   }, "conv3");
// Without a scope: Repeat/<layer_name>_1, ...
Tensor Repeat(const Input& inputs, int repetitions, const LayerInScope& layer,
              const std::string& scope = {}, const std::string& layer_name = "repeat");
// The same for a list of arguments: Stack(x, {32, 64}, [](const Tensor& x, int64_t units, const
// std::string& scope) { ... }, "fc") makes fc/fc_1 and fc/fc_2.
Tensor Stack(const Input& inputs, const std::vector<int64_t>& arguments,
             const std::function<Tensor(const Tensor& inputs, int64_t argument,
                                        const std::string& scope)>& layer,
             const std::string& scope = {}, const std::string& layer_name = "stack");

// ---- Initial weights ----------------------------------------------------------------------------

enum class Fan { kIn, kOut, kAverage };
struct VarianceScalingInitializerOptions {
  double factor = 2;
  Fan mode = Fan::kIn;
  bool uniform = false;
  std::optional<int64_t> seed = {};
};
// Uniform in +-sqrt(3 factor / n), or normal of standard deviation sqrt(1.3 factor / n) and cut off
// at two of them; n: the inputs of a unit, its outputs, or their mean. The defaults are those of He
// et al. (arXiv:1502.01852). InvalidArgumentError if a variable is of no floating dtype.
Initializer VarianceScalingInitializer(const VarianceScalingInitializerOptions& options = {});
struct XavierInitializerOptions {
  bool uniform = true;
  std::optional<int64_t> seed = {};
};
// The same with factor 1 and the mean (Glorot and Bengio, 2010): what layers take if not told.
Initializer XavierInitializer(const XavierInitializerOptions& options = {});

// ---- Variables and outputs by name --------------------------------------------------------------

// GetVariable, of a variable that joins kModelVariables too (slim.model_variable).
Variable ModelVariable(const std::string& name, const Shape& shape,
                       const GetVariableOptions& options = {});

// Tensors of a net by their names.
using EndPoints = std::map<std::string, Tensor>;
// Adds a tensor to collections, under a name, and returns it (slim.utils.collect_named_outputs).
Tensor CollectNamedOutputs(const Collections& collections, const std::string& name,
                           const Tensor& tensor);
// The tensors of a collection by those names; by the names of their ops where they have none.
EndPoints ConvertCollectionToDict(const std::string& collection,
                                  const Graph& graph = Graph::Default());

struct VariablesToRestoreOptions {
  // Those whose names begin with a match of one of these regular expressions; none: all.
  std::vector<std::string> include = {};
  // Not those.
  std::vector<std::string> exclude = {};
};
// Of the global variables, those that a Saver should restore (slim.get_variables_to_restore).
//   wf::train::Saver saver(L::GetVariablesToRestore({.exclude = {"InceptionV3/Logits"}}));
std::vector<Variable> GetVariablesToRestore(const VariablesToRestoreOptions& options = {},
                                            const Graph& graph = Graph::Default());

}  // namespace weft::layers
