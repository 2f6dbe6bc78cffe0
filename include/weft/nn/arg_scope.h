// SPDX-License-Identifier: Apache-2.0
// The arguments of layers (weft/nn/layers.h), and scopes that give them (slim.arg_scope).
//
//   wf::ArgScope scope({wf::layers::kConv2d, wf::layers::kFullyConnected},
//                      {.activation = wf::nn::Relu,
//                       .normalizer = wf::layers::BatchNorm,
//                       .weights_regularizer = wf::layers::L2Regularizer(0.0005f)});
//   net = wf::layers::Conv2d(net, 64, 3);                              // as the scope says
//   net = wf::layers::Conv2d(net, 10, 1, {.activation = nullptr, .normalizer = nullptr});
//
// An argument is told by the call, else by the innermost scope that tells it, else it has the
// layer's default. Scopes are those of the thread that opened them.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "weft/framework/initializers.h"
#include "weft/framework/regularizers.h"
#include "weft/framework/variable_scope.h"
#include "weft/ops/int_list.h"

namespace weft {
namespace layers {

// Names of layers, for ArgScope. A function of one's own may have any other name.
inline constexpr const char* kAvgPool2d = "avg_pool2d";
inline constexpr const char* kAvgPool3d = "avg_pool3d";
inline constexpr const char* kBatchNorm = "batch_norm";
inline constexpr const char* kBiasAdd = "bias_add";
inline constexpr const char* kConv1d = "conv1d";
inline constexpr const char* kConv2d = "conv2d";
inline constexpr const char* kConv2dInPlane = "conv2d_in_plane";
inline constexpr const char* kConv2dTranspose = "conv2d_transpose";
inline constexpr const char* kConv3d = "conv3d";
inline constexpr const char* kDropout = "dropout";
inline constexpr const char* kFlatten = "flatten";
inline constexpr const char* kFullyConnected = "fully_connected";
inline constexpr const char* kLayerNorm = "layer_norm";
inline constexpr const char* kMaxPool2d = "max_pool2d";
inline constexpr const char* kMaxPool3d = "max_pool3d";
inline constexpr const char* kOneHotEncoding = "one_hot_encoding";
inline constexpr const char* kSeparableConv2d = "separable_conv2d";
inline constexpr const char* kSoftmax = "softmax";
inline constexpr const char* kUnitNorm = "unit_norm";

// Sizes of the spatial dimensions: one number for all of them, or one for each. Empty: not told.
class Window {
 public:
  Window() = default;
  template <std::integral I>
  Window(I size) : sizes_{static_cast<int64_t>(size)} {}            // NOLINT: conversions are
  Window(std::initializer_list<int64_t> sizes) : sizes_(sizes) {}   // NOLINT: the point
  Window(std::vector<int64_t> sizes) : sizes_(std::move(sizes)) {}  // NOLINT
  bool empty() const { return sizes_.empty(); }
  const std::vector<int64_t>& sizes() const { return sizes_; }

 private:
  std::vector<int64_t> sizes_;
};

// Names of collections. Empty: not told.
class Collections {
 public:
  Collections() = default;
  Collections(const char* name) : names_{name} {}                            // NOLINT
  Collections(std::string name) : names_{std::move(name)} {}                 // NOLINT
  Collections(std::initializer_list<std::string> names) : names_(names) {}   // NOLINT
  Collections(std::vector<std::string> names) : names_(std::move(names)) {}  // NOLINT
  bool empty() const { return names_.empty(); }
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;
};

// An argument that may be not told, told to be none (nullptr: Python's None), or a value.
template <typename T>
class OrNone {
 public:
  OrNone() = default;
  OrNone(std::nullptr_t) : told_(true) {}  // NOLINT: conversions are the point
  template <typename U>
  requires(!std::same_as<std::remove_cvref_t<U>, OrNone> && std::convertible_to<U, T>)
      OrNone(U&& value)  // NOLINT
      : told_(true), value_(std::in_place, std::forward<U>(value)) {}

  bool told() const { return told_; }
  // False if it is none or not told.
  explicit operator bool() const { return value_.has_value(); }
  const T& operator*() const { return *value_; }
  const T* operator->() const { return &*value_; }

 private:
  bool told_ = false;
  std::optional<T> value_;
};

struct LayerOptions;

// An activation or a normaliser: a function of a tensor, which may have options that are left at
// their defaults: nn::Relu, layers::BatchNorm, [](const Tensor& x) { return nn::LeakyRelu(x); }.
class LayerFunction {
 public:
  template <typename F>
  requires(!std::same_as<F, LayerFunction> &&
           std::is_invocable_r_v<Tensor, const F&, const Tensor&>) LayerFunction(F f)  // NOLINT
      : function_(std::move(f)) {}
  template <typename F, typename Options = NameOptions>
  requires(!std::same_as<F, LayerFunction> && !std::is_invocable_v<const F&, const Tensor&> &&
           std::is_invocable_r_v<Tensor, const F&, const Tensor&, const Options&>)
      LayerFunction(F f)  // NOLINT
      : function_([f = std::move(f)](const Tensor& x) { return f(x, Options()); }) {}
  // What layers are.
  LayerFunction(Tensor (*layer)(const Input&, const LayerOptions&));  // NOLINT

  Tensor operator()(const Tensor& x) const { return function_(x); }

 private:
  std::function<Tensor(const Tensor&)> function_;
};

// Collections that variables join besides kGlobalVariables and kModelVariables: all, or by the
// variable's part in the layer ("weights", "biases", "beta", "gamma", "moving_mean",
// "moving_variance").
struct VariableCollections {
  Collections all = {};
  std::map<std::string, Collections> named = {};
  bool empty() const { return all.empty() && named.empty(); }
};

// The keyword arguments of all layers. Each layer says which it takes and what their defaults are;
// any other that a call or an ArgScope tells is an InvalidArgumentError. `scope` is never taken
// from an ArgScope.
struct LayerOptions {
  // ---- windows ----
  Window stride = {};
  std::optional<std::string> padding = {};      // "SAME" or "VALID"
  std::optional<std::string> data_format = {};  // "NHWC", "NCHW", ...
  Window rate = {};                             // distance of a filter's taps
  std::optional<int64_t> depth_multiplier = {};
  // ---- what follows the product ----
  OrNone<LayerFunction> activation = {};  // activation_fn
  OrNone<LayerFunction> normalizer = {};  // normalizer_fn: instead of biases
  // ---- weights ----
  Initializer weights_initializer = {};
  Initializer pointwise_initializer = {};
  OrNone<layers::Regularizer> weights_regularizer = {};
  OrNone<Initializer> biases_initializer = {};  // none: no biases
  OrNone<layers::Regularizer> biases_regularizer = {};
  // ---- normalisation ----
  std::optional<double> decay = {};
  std::optional<bool> center = {};
  std::optional<bool> scale = {};
  std::optional<double> epsilon = {};
  // By variable: "beta", "gamma", "moving_mean", "moving_variance".
  std::map<std::string, Initializer> param_initializers = {};
  std::map<std::string, layers::Regularizer> param_regularizers = {};
  OrNone<Collections> updates_collections = {};  // none: updates run with the layer
  Tensor batch_weights = {};
  std::optional<bool> fused = {};
  std::optional<bool> zero_debias_moving_mean = {};
  std::optional<int> begin_norm_axis = {};
  std::optional<int> begin_params_axis = {};
  // ---- dropout ----
  std::optional<Input> keep_prob = {};
  std::optional<IntList> noise_shape = {};  // -1: the size of the input
  std::optional<int64_t> seed = {};
  // ---- one-hot ----
  std::optional<Input> on_value = {};
  std::optional<Input> off_value = {};
  // ---- all ----
  std::optional<Input> is_training = {};  // a bool, or a scalar tensor
  std::optional<Reuse> reuse = {};        // needs `scope`
  VariableCollections variables_collections = {};
  Collections outputs_collections = {};
  std::optional<bool> trainable = {};
  std::string scope = {};  // made of the layer's default name if empty
};

// What `told` leaves open, from `outer`.
LayerOptions Merged(const LayerOptions& told, const LayerOptions& outer);

}  // namespace layers

// Arguments by the names of layers, as scopes give them at some place.
using ScopeArguments = std::map<std::string, layers::LayerOptions, std::less<>>;

class ArgScope {
 public:
  // Adds arguments of these layers to those of the scopes outside. InvalidArgumentError if one of
  // the layers doesn't take one of them.
  ArgScope(const std::vector<std::string>& names, const layers::LayerOptions& arguments);
  // In place of those of the scopes outside: what Current() gave, as `with slim.arg_scope(sc)`.
  explicit ArgScope(const ScopeArguments& arguments);
  ~ArgScope();
  ArgScope(const ArgScope&) = delete;
  ArgScope& operator=(const ArgScope&) = delete;

  // What the scopes that this thread is in give.
  static ScopeArguments Current();
  // The arguments of a call: those it tells, else those of the scopes. What a function of one's
  // own begins with to obey ArgScope (slim.add_arg_scope).
  static layers::LayerOptions Arguments(std::string_view layer, const layers::LayerOptions& told);
};

}  // namespace weft
