// SPDX-License-Identifier: Apache-2.0
// Optimizer: what tf.train.Optimizer is. Subclasses say how one variable is updated from its
// gradient.
//
//   auto train = wf::train::GradientDescentOptimizer(0.5f).Minimize(loss, {.global_step = step});
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "weft/framework/variable.h"
#include "weft/gradients/gradients.h"
#include "weft/graph/grad.h"

namespace weft::train {

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

// Not thread-safe; each object builds one training graph after another.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // ComputeGradients and ApplyGradients. InvalidArgumentError if the loss depends on none of the
  // variables.
  Operation Minimize(const Tensor& loss, const MinimizeOptions& options = {});
  std::vector<GradAndVar> ComputeGradients(const Tensor& loss,
                                           const ComputeGradientsOptions& options = {});
  // The op that updates all variables (pairs without a gradient are left out), then the global
  // step. It joins GraphKeys::kTrainOp.
  Operation ApplyGradients(const std::vector<GradAndVar>& grads_and_vars,
                           const ApplyGradientsOptions& options = {});

  // The slot variables of a kind ("momentum"); the slot of one variable (invalid if there is none).
  std::vector<std::string> SlotNames() const;
  Variable GetSlot(const Variable& v, const std::string& slot) const;
  // All slots and non-slot variables, in a stable order.
  std::vector<Variable> Variables() const;
  const std::string& name() const { return name_; }

 protected:
  Optimizer(std::string name, bool use_locking)
      : name_(std::move(name)), use_locking_(use_locking) {}
  bool use_locking() const { return use_locking_; }

  // Makes the slots that the update needs. Called before Prepare, outside of all name scopes.
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

  Variable ZerosSlot(const Variable& v, const std::string& slot, const std::string& op_name);
  Variable SlotWithInitializer(const Variable& v, const Tensor& initial_value,
                               const std::string& slot, const std::string& op_name);

 private:
  Operation ApplyOne(const GradAndVar& pair);
  std::string name_;
  bool use_locking_;
  // slot name -> op name of the variable -> slot
  std::map<std::string, std::vector<std::pair<Variable, Variable>>> slots_;
};

struct OptimizerOptions {
  bool use_locking = false;
  std::string name = {};
};

// w -= learning_rate * gradient.
class GradientDescentOptimizer : public Optimizer {
 public:
  explicit GradientDescentOptimizer(const Input& learning_rate,
                                    const OptimizerOptions& options = {});

 protected:
  void Prepare() override;
  Operation ApplyDense(const Tensor& grad, const Variable& v) override;
  Operation ApplySparse(const IndexedSlices& grad, const Variable& v) override;
  bool NeedsUniqueIndices() const override {
    return false;
  }  // subtracting twice is subtracting the sum

 private:
  Input learning_rate_;
  Tensor learning_rate_tensor_;
};

}  // namespace weft::train
