// SPDX-License-Identifier: Apache-2.0
// Optimizers of tf.contrib.opt: AdaMax, AddSign and PowerSign, moving averages of what is trained.
// Formulas, slots and hyperparameters are written as in optimizer.h.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weft/framework/train/optimizer.h"
#include "weft/framework/train/training_util.h"

namespace weft::train {

struct AdaMaxOptions {
  Hyperparameter beta1 = 0.9;
  Hyperparameter beta2 = 0.999;
  Hyperparameter epsilon = 1e-8;
  bool use_locking = false;
  std::string name = "AdaMax";
};
// m as Adam's; v = max(beta2 * v, |g|);
// w -= lr / (1 - beta1^t) * m / (v + epsilon). Slots: m, v. Of a sparse gradient only its rows
// change. (Kingma & Ba, 2014, section 7.1)
class AdaMaxOptimizer : public AdamOptimizer {
 public:
  explicit AdaMaxOptimizer(const Hyperparameter& learning_rate = 0.001,
                           const AdaMaxOptions& options = {});

 protected:
  Operation ApplyDense(const Tensor& grad, const Variable& v) override;
  Operation ApplySparse(const IndexedSlices& grad, const Variable& v) override;
};

// ---- AddSign and PowerSign (Bello et al., 2017) ---------------------------------

// Gives a factor from the global step; an InvalidArgumentError without a step.
using SignDecay = std::function<Tensor(const Variable& global_step)>;
// max(0, (decay_steps - step) / decay_steps).
SignDecay LinearSignDecay(int64_t decay_steps);
struct SignDecayOptions {
  double num_periods = 0.5;
  // The factor is 0 from this many periods on.
  std::optional<double> zero_after = {};
};
// (1 + cos(2 pi num_periods step / decay_steps)) / 2; the step stays at decay_steps.
SignDecay CosineSignDecay(int64_t decay_steps, const SignDecayOptions& options = {});
// (1 + cos(pi mod(num_periods step, decay_steps) / decay_steps)) / 2, likewise.
SignDecay RestartSignDecay(int64_t decay_steps,
                           const SignDecayOptions& options = {.num_periods = 1});

// What both have in common: m = beta * m + (1 - beta) * g, the slot m (0), and a factor on
// sign(g) * sign(m). A sparse gradient moves only its rows of w, but all of m.
class SignOptimizer : public Optimizer {
 public:
  Operation ApplyGradients(const std::vector<GradAndVar>& grads_and_vars,
                           const ApplyGradientsOptions& options = {}) override;

 protected:
  SignOptimizer(const Hyperparameter& learning_rate, const Hyperparameter& beta, SignDecay decay,
                std::string name, bool use_locking);
  void CreateSlots(const std::vector<Variable>& variables) override;
  void Prepare() override;
  Operation ApplySparse(const IndexedSlices& grad, const Variable& v) override;
  // What g is multiplied by, besides lr, where the product of the signs is `signs`.
  virtual Tensor Factor(const Tensor& signs, const Tensor& decay, const Variable& v) = 0;

  Tensor learning_rate_tensor_, beta_tensor_, decay_tensor_;

 private:
  Hyperparameter learning_rate_, beta_;
  SignDecay decay_;
};

struct AddSignOptions {
  Hyperparameter alpha = 1.0;
  Hyperparameter beta = 0.9;
  SignDecay sign_decay_fn = {};  // 1 if none
  bool use_locking = false;
  std::string name = "AddSignOptimizer";
};
// w -= lr * (alpha + decay * sign(g) * sign(m)) * g.
class AddSignOptimizer : public SignOptimizer {
 public:
  explicit AddSignOptimizer(const Hyperparameter& learning_rate = 0.1,
                            const AddSignOptions& options = {});

 protected:
  void Prepare() override;
  Operation ApplyDense(const Tensor& grad, const Variable& v) override;
  Tensor Factor(const Tensor& signs, const Tensor& decay, const Variable& v) override;

 private:
  Hyperparameter alpha_;
  Tensor alpha_tensor_;
};

struct PowerSignOptions {
  double base = 2.718281828459045;  // > 0
  Hyperparameter beta = 0.9;
  SignDecay sign_decay_fn = {};  // 1 if none
  bool use_locking = false;
  std::string name = "PowerSignOptimizer";
};
// w -= lr * base^(decay * sign(g) * sign(m)) * g.
class PowerSignOptimizer : public SignOptimizer {
 public:
  explicit PowerSignOptimizer(const Hyperparameter& learning_rate = 0.1,
                              const PowerSignOptions& options = {});

 protected:
  void Prepare() override;
  Operation ApplyDense(const Tensor& grad, const Variable& v) override;
  Tensor Factor(const Tensor& signs, const Tensor& decay, const Variable& v) override;

 private:
  double log_base_;
  Tensor log_base_tensor_;
};

// ---- Averages of what is trained ------------------------

struct MovingAverageOptimizerOptions {
  double average_decay = 0.9999;
  // See ExponentialMovingAverage.
  Input num_updates = Tensor();
  // False: averages are taken while variables are updated, of the values before or after.
  bool sequential_update = true;
};
// Updates with another optimizer, and keeps moving averages "w/ExponentialMovingAverage" of all
// variables that it updates. Its train op is "train_with_avg".
class MovingAverageOptimizer : public Optimizer {
 public:
  explicit MovingAverageOptimizer(std::shared_ptr<Optimizer> optimizer,
                                  const MovingAverageOptimizerOptions& options = {});

  std::vector<GradAndVar> ComputeGradients(const Tensor& loss,
                                           const ComputeGradientsOptions& options = {}) override;
  Operation ApplyGradients(const std::vector<GradAndVar>& grads_and_vars,
                           const ApplyGradientsOptions& options = {}) override;
  std::vector<std::string> SlotNames() const override;
  Variable GetSlot(const Variable& v, const std::string& slot) const override;
  std::vector<Variable> Variables(const Graph& graph = Graph::Default()) const override;

  // For the Saver of a training program: the names of variables, with those that are averaged and
  // their averages swapped, so that who restores "w" gets the average. All global variables if none
  // are given. FailedPreconditionError before ApplyGradients.
  std::map<std::string, Variable> SwappedVariables(
      const std::vector<Variable>& variables = {}) const;

 protected:
  Operation ApplyDense(const Tensor& grad, const Variable& v) override;
  Operation ApplySparse(const IndexedSlices& grad, const Variable& v) override;

 private:
  std::shared_ptr<Optimizer> optimizer_;
  ExponentialMovingAverage average_;
  bool sequential_update_;
  std::map<std::string, Variable> swapped_;
};

}  // namespace weft::train
