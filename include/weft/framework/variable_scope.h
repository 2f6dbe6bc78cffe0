// SPDX-License-Identifier: Apache-2.0
// Sharing variables by name (tf.get_variable, tf.variable_scope), and initializers
// (tf.glorot_uniform_initializer, ...).
//
//   wf::Tensor Layer(const wf::Tensor& x) {
//     auto w = wf::GetVariable("w", {784, 10});
//     return wf::MatMul(x, w);
//   }
//   { wf::VariableScope scope("layer"); y = Layer(x); }                            // makes layer/w
//   { wf::VariableScope scope("layer", {.reuse = wf::Reuse::kTrue}); z = Layer(x2); }  // the same
//   w
//
// The scopes are those of this thread; the variables of a graph are shared by all of its threads.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "weft/framework/regularizers.h"
#include "weft/framework/variable.h"

namespace weft {

// ---- Initial values -----------------------------------------------------------------------------

// A function that adds the nodes of a value of a shape and dtype, or a value.
class Initializer {
 public:
  using Function = std::function<Tensor(const Shape& shape, DataType dtype)>;
  Initializer() = default;  // none
  template <typename F>
  requires std::is_invocable_r_v<Tensor, const F&, const Shape&, DataType> Initializer(F function)
      : function_(std::move(function)) {}  // NOLINT: conversions are the point
  template <typename V>
  requires(std::convertible_to<V, Input> && !std::same_as<std::remove_cvref_t<V>, Initializer>)
      Initializer(V&& value)
      : value_(Input(std::forward<V>(value))) {}  // NOLINT
  template <typename T>
  requires std::constructible_from<Input, std::initializer_list<T>> Initializer(
      std::initializer_list<T> value)
      : value_(Input(value)) {}  // NOLINT

  bool valid() const { return function_ || value_; }
  bool is_value() const { return value_.has_value(); }
  const Input& value() const { return *value_; }
  Tensor operator()(const Shape& shape, DataType dtype) const { return function_(shape, dtype); }

 private:
  Function function_;
  std::optional<Input> value_;
};

Initializer ZerosInitializer();
Initializer OnesInitializer();
// The value for all elements, or one with as many elements as the variable.
Initializer ConstantInitializer(const Array& value);

struct RandomInitializerOptions {
  std::optional<int64_t> seed = {};
};
// In [minval, maxval).
Initializer RandomUniformInitializer(double minval = -0.05, double maxval = 0.05,
                                     const RandomInitializerOptions& options = {});
Initializer RandomNormalInitializer(double mean = 0, double stddev = 1,
                                    const RandomInitializerOptions& options = {});
// Without numbers beyond two standard deviations.
Initializer TruncatedNormalInitializer(double mean = 0, double stddev = 1,
                                       const RandomInitializerOptions& options = {});

enum class FanMode { kFanIn, kFanOut, kFanAvg };
enum class ScalingDistribution { kUniform, kTruncatedNormal, kUntruncatedNormal };
struct VarianceScalingOptions {
  double scale = 1;
  FanMode mode = FanMode::kFanIn;
  ScalingDistribution distribution = ScalingDistribution::kTruncatedNormal;
  std::optional<int64_t> seed = {};
};
// Random numbers of variance scale / n, where n is the number of inputs or outputs of a unit of a
// layer with weights of this shape ([..., in, out]), or their mean. Floating dtypes.
Initializer VarianceScalingInitializer(const VarianceScalingOptions& options = {});
// Variance 1 / mean(in, out): what GetVariable takes for floating dtypes if none is given.
Initializer GlorotUniformInitializer(const RandomInitializerOptions& options = {});
Initializer GlorotNormalInitializer(const RandomInitializerOptions& options = {});

// ---- Scopes -------------------------------------------------------------------------------------

// Whether GetVariable makes a variable, takes one that is there, or whichever is needed.
enum class Reuse { kFalse, kTrue, kAuto };

// What GetVariable takes where it isn't told. Inner scopes inherit it.
struct VariableDefaults {
  Initializer initializer = {};
  layers::Regularizer regularizer = {};
  DataType dtype = kFloat32;
  bool use_resource = false;
};

// A variable scope as a value: to ask for, and to enter again.
class VarScope {
 public:
  // Before its variables' names: "a/b".
  const std::string& name() const { return name_; }
  // The name scope that was opened with it, "a/b_1/".
  const std::string& original_name_scope() const { return original_name_scope_; }
  Reuse reuse() const { return reuse_; }
  const VariableDefaults& defaults() const { return defaults_; }

 private:
  friend class VariableScope;
  std::string name_, original_name_scope_;
  Reuse reuse_ = Reuse::kFalse;
  VariableDefaults defaults_;
};

struct VariableScopeOptions {
  // Unset: as outside. Once a scope reuses, all inner ones do.
  std::optional<Reuse> reuse = {};
  Initializer initializer = {};
  layers::Regularizer regularizer = {};
  DataType dtype = kInvalidType;
  std::optional<bool> use_resource = {};
  // False: opens no name scope for ops.
  bool auxiliary_name_scope = true;
};

// `with tf.variable_scope(...)`: while it lives, it goes before the names of variables, and a name
// scope before those of ops.
class VariableScope {
 public:
  // "" is the scope where this is, with other options.
  explicit VariableScope(std::string_view name, const VariableScopeOptions& options = {},
                         const Graph& graph = Graph::Default());
  // Enters a scope again. Its variables keep their names; ops are in a new name scope.
  explicit VariableScope(const VarScope& scope, const VariableScopeOptions& options = {},
                         const Graph& graph = Graph::Default());
  // A name that no scope here has: "dense", "dense_1" (variable_scope(None, default_name)).
  static VariableScope Unique(std::string_view default_name,
                              const VariableScopeOptions& options = {},
                              const Graph& graph = Graph::Default());
  ~VariableScope();
  VariableScope(const VariableScope&) = delete;
  VariableScope& operator=(const VariableScope&) = delete;

  // The scope where this thread is.
  static VarScope Current(const Graph& graph = Graph::Default());
  const VarScope& scope() const { return scope_; }
  // From now on GetVariable only takes what is there.
  void ReuseVariables();

 private:
  enum class Kind { kByName, kEntered, kUnique };
  VariableScope(Kind kind, std::string_view name, const VarScope* entered,
                const VariableScopeOptions& options, const Graph& graph);
  void OpenNameScope(std::string_view name, const VariableScopeOptions& options);
  Graph graph_;
  VarScope scope_, outer_;
  Kind kind_;
  std::optional<NameScope> name_scope_;
  std::vector<std::pair<std::string, int>> outer_counts_;
};

struct GetVariableOptions {
  DataType dtype = kInvalidType;  // the scope's if not given
  Initializer initializer = {};   // else the scope's; else Glorot's, or zeros of other dtypes
  // Its penalty joins GraphKeys::kRegularizationLosses when the variable is made.
  layers::Regularizer regularizer = {};
  bool trainable = true;
  std::optional<std::vector<std::string>> collections = {};
  bool validate_shape = true;
  std::optional<bool> use_resource = {};
};

// The variable of this name in the current variable scope. AlreadyExistsError if there is one and
// the scope doesn't reuse; NotFoundError if there is none and it does; InvalidArgumentError if one
// that is there has another dtype or shape.
Variable GetVariable(std::string_view name, const Shape& shape,
                     const GetVariableOptions& options = {});
// The same without a shape: for one that is there, or one whose initializer is a value.
Variable GetVariable(std::string_view name, const GetVariableOptions& options = {});

}  // namespace weft
