// SPDX-License-Identifier: Apache-2.0
// What layers have in common: their scopes, variables, and results.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weft/framework/variable_scope.h"
#include "weft/nn/layers.h"

namespace weft::layers::internal {

// Other names of a layer's variables: "kernel" -> "weights".
using Renames = std::map<std::string, std::string>;

// The scope that a layer with variables is made in: `with tf.variable_scope(scope, default_name,
// reuse=reuse, custom_getter=...)`.
class LayerScope {
 public:
  // With a getter that renames variables and makes them model variables, unless `renames` is unset.
  LayerScope(const LayerOptions& options, std::string_view default_name, const Graph& graph,
             const std::optional<Renames>& renames);
  // Notes what TensorFlow notes when it makes a layer object: the name of an inner scope is used.
  void MakeLayer() const;

  const std::string& name() const { return scope_.scope().name(); }

 private:
  GraphScope use_;
  VariableScope scope_;
};

// One variable of a layer.
struct Weight {
  std::string name;      // in the layer object
  std::string in_layer;  // "weights": for variables_collections
  Shape shape;
  Initializer initializer = {};
  OrNone<Regularizer> regularizer = {};
  bool trainable = true;
};
// As a layer object makes it: the penalty is in the scope name/Regularizer.
Variable AddWeight(const Weight& weight, DataType dtype, const LayerOptions& options);
// As slim makes it itself: GetVariable's penalty.
Variable AddModelVariable(const Weight& weight, DataType dtype, const LayerOptions& options);

// Biases, unless there is a normaliser or they are told to be none.
bool HasBiases(const LayerOptions& options);
Initializer BiasesInitializer(const LayerOptions& options);
Initializer WeightsInitializer(const LayerOptions& options);
// The activation: nn::Relu, or none, if not told.
Tensor Activated(const Tensor& outputs, const LayerOptions& options, bool relu_by_default);
// The normaliser if there is one, and the activation (nn::Relu if not told).
Tensor NormalizedAndActivated(const Tensor& outputs, const LayerOptions& options);

// A number for each of n spatial dimensions, each at least 1 and an int32.
std::vector<int64_t> Spatial(const Window& window, int64_t otherwise, size_t n, const char* what,
                             const std::string& layer);
// The static number of channels; InvalidArgumentError if it or the rank is not known, or the rank
// is none of `ranks`.
int64_t ChannelsOf(const Tensor& inputs, bool channels_first, std::initializer_list<int> ranks,
                   const std::string& layer);
// Whether the channels are the second dimension. InvalidArgumentError unless it is empty (channels
// last) or one of `allowed`.
bool ChannelsFirst(const std::optional<std::string>& data_format,
                   std::initializer_list<std::string_view> allowed, const std::string& layer);
std::string PaddingOf(const LayerOptions& options, const char* otherwise, const std::string& layer);

// Whether it is training: known, or told by a tensor in each run.
struct Training {
  std::optional<bool> known;
  Tensor pred;
};
Training TrainingOf(const LayerOptions& options);
// `yes` or `no` if it is known, else a conditional of both.
std::vector<Tensor> WhenTraining(const Training& training,
                                 const std::function<std::vector<Tensor>()>& yes,
                                 const std::function<std::vector<Tensor>()>& no);

}  // namespace weft::layers::internal
