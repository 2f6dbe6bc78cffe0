// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/arg_scope.h"

#include <set>

#include "src/core/status.h"
#include "src/core/strings.h"

namespace weft {
namespace layers {
namespace {

bool IsTold(const Window& w) { return !w.empty(); }
bool IsTold(const Collections& c) { return !c.empty(); }
bool IsTold(const VariableCollections& c) { return !c.empty(); }
bool IsTold(const Initializer& i) { return i.valid(); }
bool IsTold(const Tensor& t) { return t.valid(); }
template <typename T>
bool IsTold(const OrNone<T>& argument) {
  return argument.told();
}
template <typename T>
bool IsTold(const std::optional<T>& argument) {
  return argument.has_value();
}
template <typename V>
bool IsTold(const std::map<std::string, V>& argument) {
  return !argument.empty();
}

// Calls `see(name, member)` for each argument but `scope`.
template <typename F>
void ForEachArgument(F see) {
  see("stride", &LayerOptions::stride);
  see("padding", &LayerOptions::padding);
  see("data_format", &LayerOptions::data_format);
  see("rate", &LayerOptions::rate);
  see("depth_multiplier", &LayerOptions::depth_multiplier);
  see("activation", &LayerOptions::activation);
  see("normalizer", &LayerOptions::normalizer);
  see("weights_initializer", &LayerOptions::weights_initializer);
  see("pointwise_initializer", &LayerOptions::pointwise_initializer);
  see("weights_regularizer", &LayerOptions::weights_regularizer);
  see("biases_initializer", &LayerOptions::biases_initializer);
  see("biases_regularizer", &LayerOptions::biases_regularizer);
  see("decay", &LayerOptions::decay);
  see("center", &LayerOptions::center);
  see("scale", &LayerOptions::scale);
  see("epsilon", &LayerOptions::epsilon);
  see("param_initializers", &LayerOptions::param_initializers);
  see("param_regularizers", &LayerOptions::param_regularizers);
  see("updates_collections", &LayerOptions::updates_collections);
  see("batch_weights", &LayerOptions::batch_weights);
  see("fused", &LayerOptions::fused);
  see("zero_debias_moving_mean", &LayerOptions::zero_debias_moving_mean);
  see("begin_norm_axis", &LayerOptions::begin_norm_axis);
  see("begin_params_axis", &LayerOptions::begin_params_axis);
  see("keep_prob", &LayerOptions::keep_prob);
  see("noise_shape", &LayerOptions::noise_shape);
  see("seed", &LayerOptions::seed);
  see("on_value", &LayerOptions::on_value);
  see("off_value", &LayerOptions::off_value);
  see("is_training", &LayerOptions::is_training);
  see("reuse", &LayerOptions::reuse);
  see("variables_collections", &LayerOptions::variables_collections);
  see("outputs_collections", &LayerOptions::outputs_collections);
  see("trainable", &LayerOptions::trainable);
}

using Names = std::set<std::string_view>;

Names Joined(Names a, const Names& b) {
  a.insert(b.begin(), b.end());
  return a;
}

// Which arguments the layers take.
std::map<std::string_view, Names> MakeSignatures() {
  const Names variables = {"reuse", "variables_collections", "outputs_collections", "trainable"};
  const Names dense =
      Joined(variables, {"activation", "normalizer", "weights_initializer", "weights_regularizer",
                         "biases_initializer", "biases_regularizer"});
  const Names in_plane = Joined(dense, {"stride", "padding"});
  const Names transposed = Joined(in_plane, {"data_format"});
  const Names convolution = Joined(transposed, {"rate"});
  const Names pool = {"stride", "padding", "data_format", "outputs_collections"};
  const Names norm = Joined(variables, {"activation", "center", "scale"});
  return {
      {kAvgPool2d, pool},
      {kAvgPool3d, pool},
      {kBatchNorm, Joined(norm, {"decay", "epsilon", "param_initializers", "param_regularizers",
                                 "updates_collections", "is_training", "batch_weights", "fused",
                                 "data_format", "zero_debias_moving_mean"})},
      {kBiasAdd, Joined(variables,
                        {"activation", "biases_initializer", "biases_regularizer", "data_format"})},
      {kConv1d, convolution},
      {kConv2d, convolution},
      {kConv2dInPlane, in_plane},
      {kConv2dTranspose, transposed},
      {kConv3d, convolution},
      {kDropout, {"keep_prob", "noise_shape", "is_training", "outputs_collections", "seed"}},
      {kFlatten, {"outputs_collections"}},
      {kFullyConnected, dense},
      {kLayerNorm, Joined(norm, {"begin_norm_axis", "begin_params_axis"})},
      {kMaxPool2d, pool},
      {kMaxPool3d, pool},
      {kOneHotEncoding, {"on_value", "off_value", "outputs_collections"}},
      {kSeparableConv2d, Joined(convolution, {"depth_multiplier", "pointwise_initializer"})},
      {kSoftmax, {}},
      {kUnitNorm, {"epsilon"}},
  };
}

// A layer that isn't in the table is a function of the user's: it looks at what it wants.
void CheckTaken(std::string_view layer, const LayerOptions& options) {
  static const std::map<std::string_view, Names> signatures = MakeSignatures();
  const auto signature = signatures.find(layer);
  if (signature == signatures.end()) return;
  ForEachArgument([&](std::string_view name, auto member) {
    if (!IsTold(options.*member) || signature->second.contains(name)) return;
    ThrowError(Code::kInvalidArgument, StrCat(layer, " takes no argument '", name, "'. It takes: ",
                                              StrJoin(signature->second, ", "), "."));
  });
}

}  // namespace

LayerFunction::LayerFunction(Tensor (*layer)(const Input&, const LayerOptions&))
    : function_([layer](const Tensor& x) { return layer(x, LayerOptions()); }) {}

LayerOptions Merged(const LayerOptions& told, const LayerOptions& outer) {
  LayerOptions merged = told;
  ForEachArgument([&](std::string_view, auto member) {
    if (!IsTold(merged.*member)) merged.*member = outer.*member;
  });
  return merged;
}

}  // namespace layers

namespace {
thread_local std::vector<ScopeArguments> arg_scopes;
}  // namespace

ArgScope::ArgScope(const std::vector<std::string>& names, const layers::LayerOptions& arguments) {
  ScopeArguments inside = Current();
  for (const std::string& layer : names) {
    layers::CheckTaken(layer, arguments);
    layers::LayerOptions& kept = inside[layer];
    kept = layers::Merged(arguments, kept);
    kept.scope.clear();
  }
  arg_scopes.push_back(std::move(inside));
}
ArgScope::ArgScope(const ScopeArguments& arguments) { arg_scopes.push_back(arguments); }
ArgScope::~ArgScope() { arg_scopes.pop_back(); }

ScopeArguments ArgScope::Current() {
  return arg_scopes.empty() ? ScopeArguments() : arg_scopes.back();
}

layers::LayerOptions ArgScope::Arguments(std::string_view layer, const layers::LayerOptions& told) {
  layers::CheckTaken(layer, told);
  if (arg_scopes.empty()) return told;
  const ScopeArguments& here = arg_scopes.back();
  const auto given = here.find(layer);
  return given == here.end() ? told : layers::Merged(told, given->second);
}

}  // namespace weft
