// SPDX-License-Identifier: Apache-2.0
// Optimizer: what tf.train.Optimizer is. Subclasses say how one variable is updated from its
// gradient; those of TensorFlow 1 are in optimizers.h.
//
//   auto train = wf::train::GradientDescentOptimizer(0.5f).Minimize(loss, {.global_step = step});
//
// or, where gradients are looked at on the way,
//
//   wf::train::AdamOptimizer adam(0.001f);
//   auto pairs = adam.ComputeGradients(loss);
//   for (auto& p : pairs) if (!p.grad.none()) p.grad = wf::ClipByNorm(p.grad.tensor(), 5.0f);
//   auto train = adam.ApplyGradients(pairs);
//
// Node names are TensorFlow's: the slots of w are w/Adam and w/Adam_1, its update is
// Adam/update_w/ApplyAdam.
#pragma once

#include <concepts>
#include <functional>
#include <map>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "weft/framework/variable.h"
#include "weft/gradients/gradients.h"
#include "weft/graph/grad.h"

namespace weft {
class Initializer;
}

namespace weft::train {

// A number of an update rule: a literal (float32 if it has a point, as in Python), a tensor, a
// variable, or a function that gives one of them whenever training ops are built.
class Hyperparameter {
 public:
  template <typename T>
  requires std::convertible_to<const T&, Input> Hyperparameter(const T& value) {  // NOLINT
    // A variable is read anew by each graph of updates.
    if constexpr (requires { value.AsInput(); })
      get_ = [value] { return value.AsInput(); };
    else
      get_ = [input = Input(value)] { return input; };
  }
  template <typename F>
  requires(!std::convertible_to<const F&, Input> && std::is_invocable_r_v<Input, const F&>)
      Hyperparameter(F function)  // NOLINT
      : get_(std::move(function)), is_function_(true) {}

  Input Get() const { return get_(); }
  // As a tensor of its own dtype; a literal becomes a constant of this name, here.
  Tensor AsTensor(std::string_view name) const;
  bool is_function() const { return is_function_; }

 private:
  std::function<Input()> get_;
  bool is_function_ = false;
};

// How much may run before all gradients are there: nothing is held back; the gradients of one op
// wait for each other; all wait for all.
enum class GateGradients { kNone = 0, kOp = 1, kGraph = 2 };

struct GradAndVar {
  Grad grad;  // none: the loss does not depend on the variable
  Variable variable;
};

struct ComputeGradientsOptions {
  std::vector<Variable> var_list = {};  // TrainableVariables() if empty
  GateGradients gate_gradients = GateGradients::kOp;
  AggregationMethod aggregation_method = AggregationMethod::kAddN;
  bool colocate_gradients_with_ops = false;
  Tensor grad_loss = {};
};

struct ApplyGradientsOptions {
  Variable global_step = {};  // incremented after the update
  std::string name = {};      // the optimizer's name if empty
};

struct MinimizeOptions {
  Variable global_step = {};
  std::vector<Variable> var_list = {};
  GateGradients gate_gradients = GateGradients::kOp;
  AggregationMethod aggregation_method = AggregationMethod::kAddN;
  bool colocate_gradients_with_ops = false;
  std::string name = {};
  Tensor grad_loss = {};
};

// Not thread-safe; each object builds one training graph after another, and keeps those graphs
// alive. Where ApplyGradients is called again for a variable, its slots are used again.
//
// All throw InvalidArgumentError: for a loss or variable that is not of a floating dtype, if there
// are no variables, or if none of them has a gradient.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // ComputeGradients and ApplyGradients.
  Operation Minimize(const Tensor& loss, const MinimizeOptions& options = {});
  virtual std::vector<GradAndVar> ComputeGradients(const Tensor& loss,
                                                   const ComputeGradientsOptions& options = {});
  // The op that updates all variables (pairs without a gradient are left out), then the global
  // step. It joins GraphKeys::kTrainOp.
  virtual Operation ApplyGradients(const std::vector<GradAndVar>& grads_and_vars,
                                   const ApplyGradientsOptions& options = {});

  // The slot variables of a kind ("momentum"); the slot of one variable (invalid if there is none).
  virtual std::vector<std::string> SlotNames() const;
  virtual Variable GetSlot(const Variable& v, const std::string& slot) const;
  // All slots and other variables that were made in a graph, by name.
  virtual std::vector<Variable> Variables(const Graph& graph = Graph::Default()) const;
  const std::string& name() const { return name_; }

 protected:
  // InvalidArgumentError for an empty name.
  Optimizer(std::string name, bool use_locking);
  bool use_locking() const { return use_locking_; }

  // ---- What a subclass defines ----

  // Makes the slots that the update needs; no control dependencies hold.
  virtual void CreateSlots(const std::vector<Variable>& variables) { (void)variables; }
  // Makes tensors of the hyperparameters, in the scope of the optimizer's name.
  virtual void Prepare() {}
  // One update; called in the scope "name/update_w", colocated with the variable.
  virtual Operation ApplyDense(const Tensor& grad, const Variable& v) = 0;
  virtual Operation ApplySparse(const IndexedSlices& grad, const Variable& v) = 0;
  // Sums slices of equal index first; most rules need that. The indices handed to ApplySparse are
  // then unique.
  virtual bool NeedsUniqueIndices() const { return true; }
  // Runs after all updates (to advance beta powers); the op returned stands for the whole update.
  virtual Operation Finish(const std::vector<Operation>& updates, const std::string& name);

  // ---- Slots: variables beside a variable, of its form and place ----

  // Each makes the slot unless it is there. It is called "w/op_name", or "w/op_name_1" if there is
  // such a scope already. Zeros, and the initializer's values, are of v's shape and dtype.
  Variable ZerosSlot(const Variable& v, const std::string& slot, const std::string& op_name);
  Variable SlotWithInitializer(const Variable& v, const Initializer& initializer,
                               const std::string& slot, const std::string& op_name);
  // With a function that adds the nodes of the value, under "w/op_name/Initializer".
  Variable SlotWithFunction(const Variable& v, const std::function<Tensor()>& make_value,
                            const std::string& slot, const std::string& op_name);
  Variable SlotWithValue(const Variable& v, const Tensor& value, const std::string& slot,
                         const std::string& op_name);

  // A variable that belongs to no other, one of its name in each graph: for beta powers. It takes
  // the place and the form of `beside`.
  Variable CreateNonSlotVariable(const Hyperparameter& initial_value, const std::string& name,
                                 const Variable& beside);
  // Invalid if there is none.
  Variable NonSlotVariable(const std::string& name, const Graph& graph) const;

 private:
  using Slots = std::unordered_map<Tensor, Variable>;  // by the reference or handle of a variable
  template <typename MakeVariable>
  Variable FindOrMakeSlot(const Variable& v, const std::string& slot, const std::string& op_name,
                          const MakeVariable& make);
  void KeepAlive(const Graph& graph);
  Operation ApplyOne(const GradAndVar& pair);
  Operation AdvanceStep(const Variable& step, Operation after, const std::string& name);

  std::string name_;
  bool use_locking_;
  std::vector<Graph> graphs_;
  std::map<std::string, Slots> slots_;
  std::map<std::string, std::vector<Variable>> non_slots_;
};

}  // namespace weft::train
