// SPDX-License-Identifier: Apache-2.0
// Optimizers: the class that tf.train.Optimizer is, whose subclasses say how one variable is
// updated from its gradient, and those of tf.train: gradient descent, Momentum, Adagrad, AdagradDA,
// Adadelta, Adam, RMSProp, Ftrl, ProximalGradientDescent, ProximalAdagrad.
//
//   auto train = wf::train::AdamOptimizer(1e-3, {.epsilon = 1e-6}).Minimize(loss);
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
  // One update; called in the scope "name/update_w", colocated with the variable. The variable's
  // constraint is applied after it; sparse gradients and constraints don't go together.
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
  Variable FindOrMakeSlot(const Variable& v, const std::string& slot,
                          const std::function<Variable()>& make);
  void KeepAlive(const Graph& graph);
  Operation ApplyOne(const GradAndVar& pair);
  Operation AdvanceStep(const Variable& step, Operation after, const std::string& name);

  std::string name_;
  bool use_locking_;
  std::vector<Graph> graphs_;
  std::map<std::string, Slots> slots_;
  std::map<std::string, std::vector<Variable>> non_slots_;
};

// ---- The optimizers of tf.train
// ------------------------------------------------------------------
//
// In the formulas g is the gradient of a variable w, lr the learning rate; all operations are
// element by element, and what is written before others happens first. Rules take sparse gradients
// (IndexedSlices, of gathered variables) too: then only the rows of the gradient, and of the slots,
// change, unless it says otherwise. Slots are the names that GetSlot takes, in the order of the
// variables w/Name, w/Name_1, ...
//
// Floating variables of both forms. Hyperparameters are cast to the dtype of a variable.
// (Those of tf.contrib.opt are in contrib_optimizers.h.)

struct GradientDescentOptions {
  bool use_locking = false;
  std::string name = "GradientDescent";
};
// w -= lr * g.
class GradientDescentOptimizer : public Optimizer {
 public:
  explicit GradientDescentOptimizer(const Hyperparameter& learning_rate,
                                    const GradientDescentOptions& options = {});

 protected:
  void Prepare() override;
  Operation ApplyDense(const Tensor& grad, const Variable& v) override;
  Operation ApplySparse(const IndexedSlices& grad, const Variable& v) override;
  bool NeedsUniqueIndices() const override {
    return false;
  }  // subtracting twice is subtracting the sum

 private:
  Hyperparameter learning_rate_;
  Tensor learning_rate_tensor_;
};

struct MomentumOptions {
  bool use_locking = false;
  std::string name = "Momentum";
  bool use_nesterov = false;
};
// accum = momentum * accum + g; w -= lr * accum, or with use_nesterov
// w -= lr * (g + momentum * accum). Slot: momentum (0).
class MomentumOptimizer : public Optimizer {
 public:
  MomentumOptimizer(const Hyperparameter& learning_rate, const Hyperparameter& momentum,
                    const MomentumOptions& options = {});

 protected:
  void CreateSlots(const std::vector<Variable>& variables) override;
  void Prepare() override;
  Operation ApplyDense(const Tensor& grad, const Variable& v) override;
  Operation ApplySparse(const IndexedSlices& grad, const Variable& v) override;

 private:
  Hyperparameter learning_rate_, momentum_;
  bool use_nesterov_;
  Tensor learning_rate_tensor_, momentum_tensor_;
};

struct AdagradOptions {
  double initial_accumulator_value = 0.1;  // > 0
  bool use_locking = false;
  std::string name = "Adagrad";
};
// accum += g^2; w -= lr * g / sqrt(accum). Slot: accumulator. (Duchi et al., 2011)
class AdagradOptimizer : public Optimizer {
 public:
  explicit AdagradOptimizer(const Hyperparameter& learning_rate,
                            const AdagradOptions& options = {});

 protected:
  void CreateSlots(const std::vector<Variable>& variables) override;
  void Prepare() override;
  Operation ApplyDense(const Tensor& grad, const Variable& v) override;
  Operation ApplySparse(const IndexedSlices& grad, const Variable& v) override;

 private:
  Hyperparameter learning_rate_;
  double initial_accumulator_value_;
  Tensor learning_rate_tensor_;
};

struct AdagradDAOptions {
  double initial_gradient_squared_accumulator_value = 0.1;  // > 0
  Hyperparameter l1_regularization_strength = 0.0;
  Hyperparameter l2_regularization_strength = 0.0;
  bool use_locking = false;
  std::string name = "AdagradDA";
};
// Dual averaging: accum += g, squared += g^2, and with t = global_step + 1
// w = -lr * shrink(accum) / (l2 * t * lr + sqrt(squared)), where shrink takes l1 * t off the
// magnitude of accum, down to 0. Large l1 makes sparse linear models. Slots: gradient_accumulator,
// gradient_squared_accumulator. The step is an int64 tensor or variable.
class AdagradDAOptimizer : public Optimizer {
 public:
  AdagradDAOptimizer(const Hyperparameter& learning_rate, const Hyperparameter& global_step,
                     const AdagradDAOptions& options = {});

 protected:
  void CreateSlots(const std::vector<Variable>& variables) override;
  void Prepare() override;
  Operation ApplyDense(const Tensor& grad, const Variable& v) override;
  Operation ApplySparse(const IndexedSlices& grad, const Variable& v) override;

 private:
  std::vector<Input> Rates(const Variable& v);
  Hyperparameter learning_rate_, global_step_;
  AdagradDAOptions options_;
  Tensor learning_rate_tensor_, next_step_;
};

struct AdadeltaOptions {
  Hyperparameter rho = 0.95;
  Hyperparameter epsilon = 1e-8;
  bool use_locking = false;
  std::string name = "Adadelta";
};
// accum = rho * accum + (1 - rho) * g^2; u = sqrt((accum_update + epsilon) / (accum + epsilon)) *
// g; w -= lr * u; accum_update = rho * accum_update + (1 - rho) * u^2. Slots: accum, accum_update.
// (Zeiler, 2012)
class AdadeltaOptimizer : public Optimizer {
 public:
  explicit AdadeltaOptimizer(const Hyperparameter& learning_rate = 0.001,
                             const AdadeltaOptions& options = {});

 protected:
  void CreateSlots(const std::vector<Variable>& variables) override;
  void Prepare() override;
  Operation ApplyDense(const Tensor& grad, const Variable& v) override;
  Operation ApplySparse(const IndexedSlices& grad, const Variable& v) override;

 private:
  Hyperparameter learning_rate_, rho_, epsilon_;
  Tensor learning_rate_tensor_, rho_tensor_, epsilon_tensor_;
};

struct AdamOptions {
  Hyperparameter beta1 = 0.9;
  Hyperparameter beta2 = 0.999;
  Hyperparameter epsilon = 1e-8;
  bool use_locking = false;
  std::string name = "Adam";
};
// m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g^2;
// w -= lr * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon), at step t = 1, 2, ...
// Slots: m, v; the powers of the betas are the variables beta1_power, beta2_power. A sparse
// gradient is one of zeros elsewhere: all rows of the slots, and of w, change.
// (Kingma & Ba, 2014, the formulation before section 2.1)
class AdamOptimizer : public Optimizer {
 public:
  explicit AdamOptimizer(const Hyperparameter& learning_rate = 0.001,
                         const AdamOptions& options = {});

 protected:
  // The rates in the dtype of a variable.
  struct Rates {
    Input beta1_power, beta2_power, learning_rate, beta1, beta2, epsilon;
  };
  Rates RatesFor(const Variable& v) const;

  void CreateSlots(const std::vector<Variable>& variables) override;
  void Prepare() override;
  Operation ApplyDense(const Tensor& grad, const Variable& v) override;
  Operation ApplySparse(const IndexedSlices& grad, const Variable& v) override;
  Operation Finish(const std::vector<Operation>& updates, const std::string& name) override;

 private:
  Hyperparameter learning_rate_, beta1_, beta2_, epsilon_;
  Tensor learning_rate_tensor_, beta1_tensor_, beta2_tensor_, epsilon_tensor_;
};

struct RMSPropOptions {
  Hyperparameter decay = 0.9;
  Hyperparameter momentum = 0.0;
  Hyperparameter epsilon = 1e-10;
  bool use_locking = false;
  // Divides by the estimated standard deviation of the gradient instead of its root mean square.
  bool centered = false;
  std::string name = "RMSProp";
};
// rms = decay * rms + (1 - decay) * g^2; mom = momentum * mom + lr * g / sqrt(rms + epsilon);
// w -= mom. With `centered` mg = decay * mg + (1 - decay) * g, and rms - mg^2 stands for rms under
// the root. Slots: rms (1), mg (if centered), momentum. (Tieleman & Hinton, 2012; Graves, 2013)
class RMSPropOptimizer : public Optimizer {
 public:
  explicit RMSPropOptimizer(const Hyperparameter& learning_rate,
                            const RMSPropOptions& options = {});

 protected:
  void CreateSlots(const std::vector<Variable>& variables) override;
  void Prepare() override;
  Operation ApplyDense(const Tensor& grad, const Variable& v) override;
  Operation ApplySparse(const IndexedSlices& grad, const Variable& v) override;

 private:
  // The variables of an update and its rates.
  std::vector<Input> Arguments(const Variable& v) const;
  Hyperparameter learning_rate_, decay_, momentum_, epsilon_;
  bool centered_;
  Tensor learning_rate_tensor_, decay_tensor_, momentum_tensor_, epsilon_tensor_;
};

struct FtrlOptions {
  double learning_rate_power = -0.5;       // <= 0
  double initial_accumulator_value = 0.1;  // >= 0
  double l1_regularization_strength = 0;   // >= 0
  double l2_regularization_strength = 0;   // >= 0
  bool use_locking = false;
  std::string name = "Ftrl";
  // In the names of the slots; `name` if empty.
  std::string accum_name = {};
  std::string linear_name = {};
  double l2_shrinkage_regularization_strength = 0;  // >= 0
  double beta = 0;
};
// Follow the regularized leader. With p = -learning_rate_power and s = g + 2 * l2_shrinkage * w:
// next = accum + g^2; linear += s - (next^p - accum^p) / lr * w; accum = next;
// w = (sign(linear) * l1 - linear) / (accum^p / lr + 2 * l2') where |linear| > l1, 0 elsewhere;
// l2' = l2 + beta / (2 * lr). Slots: accum, linear. (McMahan et al., 2013)
class FtrlOptimizer : public Optimizer {
 public:
  explicit FtrlOptimizer(const Hyperparameter& learning_rate, const FtrlOptions& options = {});

 protected:
  void CreateSlots(const std::vector<Variable>& variables) override;
  void Prepare() override;
  Operation ApplyDense(const Tensor& grad, const Variable& v) override;
  Operation ApplySparse(const IndexedSlices& grad, const Variable& v) override;

 private:
  Operation Apply(const std::vector<Input>& grad, const Variable& v) const;
  Hyperparameter learning_rate_;
  FtrlOptions options_;
  Tensor learning_rate_tensor_, l1_tensor_, l2_tensor_, shrinkage_tensor_, power_tensor_;
};

struct ProximalGradientDescentOptions {
  Hyperparameter l1_regularization_strength = 0.0;
  Hyperparameter l2_regularization_strength = 0.0;
  bool use_locking = false;
  std::string name = "ProximalGradientDescent";
};
// p = w - lr * g; w = sign(p) / (1 + lr * l2) * max(|p| - lr * l1, 0). (Duchi & Singer, 2009)
class ProximalGradientDescentOptimizer : public Optimizer {
 public:
  explicit ProximalGradientDescentOptimizer(const Hyperparameter& learning_rate,
                                            const ProximalGradientDescentOptions& options = {});

 protected:
  void Prepare() override;
  Operation ApplyDense(const Tensor& grad, const Variable& v) override;
  Operation ApplySparse(const IndexedSlices& grad, const Variable& v) override;

 private:
  Hyperparameter learning_rate_, l1_, l2_;
  Tensor learning_rate_tensor_, l1_tensor_, l2_tensor_;
};

struct ProximalAdagradOptions {
  double initial_accumulator_value = 0.1;  // > 0
  Hyperparameter l1_regularization_strength = 0.0;
  Hyperparameter l2_regularization_strength = 0.0;
  bool use_locking = false;
  std::string name = "ProximalAdagrad";
};
// accum += g^2; then ProximalGradientDescent's rule with the rate lr / sqrt(accum).
// Slot: accumulator.
class ProximalAdagradOptimizer : public Optimizer {
 public:
  explicit ProximalAdagradOptimizer(const Hyperparameter& learning_rate,
                                    const ProximalAdagradOptions& options = {});

 protected:
  void CreateSlots(const std::vector<Variable>& variables) override;
  void Prepare() override;
  Operation ApplyDense(const Tensor& grad, const Variable& v) override;
  Operation ApplySparse(const IndexedSlices& grad, const Variable& v) override;

 private:
  double initial_accumulator_value_;
  Hyperparameter learning_rate_, l1_, l2_;
  Tensor learning_rate_tensor_, l1_tensor_, l2_tensor_;
};

}  // namespace weft::train
