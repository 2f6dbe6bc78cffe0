// SPDX-License-Identifier: Apache-2.0
// The optimizers of TensorFlow 1 (tf.train and tf.contrib.opt).
//
//   auto train = wf::train::AdamOptimizer(1e-3, {.epsilon = 1e-6}).Minimize(loss);
//
// In the formulas g is the gradient of a variable w, lr the learning rate; all operations are
// element by element, and what is written before others happens first. Rules take sparse gradients
// (IndexedSlices, of gathered variables) too: then only the rows of the gradient, and of the slots,
// change, unless it says otherwise. Slots are the names that GetSlot takes, in the order of the
// variables w/Name, w/Name_1, ...
//
// Floating variables of both forms. Hyperparameters are cast to the dtype of a variable.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weft/framework/train/optimizer.h"
#include "weft/framework/train/training_util.h"

namespace weft::train {

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

struct AdaMaxOptions {
  Hyperparameter beta1 = 0.9;
  Hyperparameter beta2 = 0.999;
  Hyperparameter epsilon = 1e-8;
  bool use_locking = false;
  std::string name = "AdaMax";
};
// tf.contrib.opt.AdaMaxOptimizer. m as Adam's; v = max(beta2 * v, |g|);
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

// ---- AddSign and PowerSign (tf.contrib.opt; Bello et al., 2017) ---------------------------------

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

// ---- Averages of what is trained (tf.contrib.opt.MovingAverageOptimizer) ------------------------

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
