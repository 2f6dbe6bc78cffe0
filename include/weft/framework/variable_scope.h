// SPDX-License-Identifier: Apache-2.0
// Sharing variables by name (tf.get_variable, tf.variable_scope).
//
//   wf::Tensor Layer(const wf::Tensor& x) {
//     auto w = wf::GetVariable("w", {784, 10});
//     return wf::MatMul(x, w);
//   }
//   { wf::VariableScope scope("layer"); y = Layer(x); }                            // makes layer/w
//   { wf::VariableScope scope("layer", {.reuse = wf::Reuse::kTrue}); z = Layer(x2); }
//
// The scopes are those of this thread; the variables of a graph are shared by all of its threads.
// A VarScope may be entered again from any thread, but should be changed only by the one that
// opened it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weft/framework/initializers.h"
#include "weft/framework/regularizers.h"
#include "weft/framework/variable.h"

namespace weft {

// ---- What a variable is asked for with ----------------------------------------------------------

// Whether GetVariable makes a variable, takes one that is there, or whichever is needed.
enum class Reuse { kFalse, kTrue, kAuto };

// GetVariable's arguments, with what the scope tells filled in: what a custom getter sees.
struct VariableRequest {
  std::string name;            // the full one: "scope/w"
  std::optional<Shape> shape;  // none: the initializer's
  DataType dtype = kFloat32;
  Initializer initializer = {};
  layers::Regularizer regularizer = {};
  Reuse reuse = Reuse::kFalse;
  bool trainable = true;
  std::optional<std::vector<std::string>> collections = {};
  std::string caching_device = {};
  Partitioner partitioner = {};
  bool validate_shape = true;
  bool use_resource = false;
  VariableConstraint constraint = {};
};
using VariableGetter = std::function<Variable(const VariableRequest& request)>;
// Stands between GetVariable and `getter`, which makes or finds the variable: it may change the
// request, call the getter for other variables too, and return any variable.
using CustomGetter =
    std::function<Variable(const VariableGetter& getter, const VariableRequest& request)>;

// What GetVariable takes where it isn't told. Inner scopes inherit all but the constraint.
struct VariableDefaults {
  Initializer initializer = {};
  layers::Regularizer regularizer = {};
  DataType dtype = kFloat32;
  bool use_resource = false;
  std::string caching_device = {};
  Partitioner partitioner = {};
  CustomGetter custom_getter = {};
  VariableConstraint constraint = {};
};

struct GetVariableOptions {
  DataType dtype = kInvalidType;  // the scope's if not given
  Initializer initializer = {};   // else the scope's; else Glorot's, or zeros of other dtypes
  // Its penalty joins GraphKeys::kRegularizationLosses when the variable is made.
  // NoRegularizer, where the scope has one that this variable should not get.
  layers::Regularizer regularizer = {};
  bool trainable = true;
  std::optional<std::vector<std::string>> collections = {};
  bool validate_shape = true;
  std::optional<bool> use_resource = {};
  std::string caching_device = {};
  // A variable in parts: weft/framework/partitioned_variable.h. Scalars have none.
  Partitioner partitioner = {};
  // In the place of the scope's.
  CustomGetter custom_getter = {};
  VariableConstraint constraint = {};
};

// The variable of this name in the current variable scope. AlreadyExistsError if there is one and
// the scope doesn't reuse; NotFoundError if there is none and it does; InvalidArgumentError if one
// that is there has another dtype, shape or partitioning.
Variable GetVariable(std::string_view name, const Shape& shape,
                     const GetVariableOptions& options = {});
// The same without a shape: for one that is there, or one whose initializer is a value or a
// function without arguments.
Variable GetVariable(std::string_view name, const GetVariableOptions& options = {});
// The same for a variable that is not trainable and joins GraphKeys::kLocalVariables (besides the
// collections given) instead of kGlobalVariables.
Variable GetLocalVariable(std::string_view name, const Shape& shape,
                          const GetVariableOptions& options = {});
Variable GetLocalVariable(std::string_view name, const GetVariableOptions& options = {});

// ---- Scopes -------------------------------------------------------------------------------------

// A variable scope, to ask, to change and to enter again. A cheap handle: copies are the same
// scope (tf.get_variable_scope()).
class VarScope {
 public:
  VarScope();  // a root scope that no thread is in

  // Before its variables' names: "a/b".
  const std::string& name() const;
  // The name scope that was opened with it, "a/b_1/".
  const std::string& original_name_scope() const;
  Reuse reuse() const;
  const VariableDefaults& defaults() const;

  // From now on. Scopes that were opened inside before keep what they took over.
  void ReuseVariables() const;  // GetVariable only takes what is there
  void set_initializer(Initializer initializer) const;
  void set_regularizer(layers::Regularizer regularizer) const;
  void set_dtype(DataType dtype) const;
  void set_use_resource(bool use_resource) const;
  void set_caching_device(std::string device) const;
  void set_partitioner(Partitioner partitioner) const;
  void set_custom_getter(CustomGetter getter) const;

  // The variables of a collection that lie in this scope.
  std::vector<Variable> GetCollection(std::string_view collection,
                                      const Graph& graph = Graph::Default()) const;
  std::vector<Variable> GlobalVariables(const Graph& graph = Graph::Default()) const;
  std::vector<Variable> LocalVariables(const Graph& graph = Graph::Default()) const;
  std::vector<Variable> TrainableVariables(const Graph& graph = Graph::Default()) const;

 private:
  friend class VariableScope;
  struct State;
  std::shared_ptr<State> state_;
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
  std::string caching_device = {};
  Partitioner partitioner = {};
  // Called first; its getter is the one of the scope outside.
  CustomGetter custom_getter = {};
  VariableConstraint constraint = {};
};

// `with tf.variable_scope(...)`: while it lives, it goes before the names of variables, and a name
// scope before those of ops.
class VariableScope {
 public:
  // "" is the scope where this is, with other options.
  explicit VariableScope(std::string_view name, const VariableScopeOptions& options = {},
                         const Graph& graph = Graph::Default());
  // Enters a scope again. Its variables keep their names; ops are in a new name scope. What is
  // changed inside is not changed in `scope`.
  explicit VariableScope(const VarScope& scope, const VariableScopeOptions& options = {},
                         const Graph& graph = Graph::Default());
  // A name that no scope here has: "dense", "dense_1" (variable_scope(None, default_name)).
  // InvalidArgumentError with options.reuse.
  static VariableScope Unique(std::string_view default_name,
                              const VariableScopeOptions& options = {},
                              const Graph& graph = Graph::Default());
  ~VariableScope();
  VariableScope(const VariableScope&) = delete;
  VariableScope& operator=(const VariableScope&) = delete;

  // The scope where this thread is.
  static VarScope Current(const Graph& graph = Graph::Default());
  const VarScope& scope() const { return scope_; }
  void ReuseVariables() { scope_.ReuseVariables(); }

 private:
  enum class Kind { kByName, kEntered, kUnique };
  VariableScope(Kind kind, std::string_view name, const VarScope* entered,
                const VariableScopeOptions& options, const Graph& graph);
  void OpenNameScope(std::string_view name, const VariableScopeOptions& options);
  Graph graph_;
  VarScope scope_, outer_;
  Kind kind_;
  std::string own_name_;  // as given; what its inner scopes begin with
  std::optional<NameScope> name_scope_;
  std::vector<std::pair<std::string, int>> outer_counts_;
};

struct CreatePartitionedVariablesOptions {
  DataType dtype = kFloat32;  // not looked at if the initializer is a value
  bool trainable = true;
  std::optional<std::vector<std::string>> collections = {};
  std::string name = {};  // "PartitionedVariable", made unique, if empty
  std::optional<Reuse> reuse = {};
};
// The parts of a new variable, `slicing` of them in each dimension
// (tf.create_partitioned_variables; GetVariable with a partitioner is the newer way).
std::vector<Variable> CreatePartitionedVariables(
    const Shape& shape, const std::vector<int64_t>& slicing, const Initializer& initializer,
    const CreatePartitionedVariablesOptions& options = {});

}  // namespace weft
