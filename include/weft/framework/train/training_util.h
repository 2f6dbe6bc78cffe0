// SPDX-License-Identifier: Apache-2.0
// The global step, learning rates that depend on it, and moving averages.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "weft/framework/variable.h"

namespace weft::train {

// The int64 scalar variable "global_step" of the graph, which counts training steps.
// Invalid if there is none / AlreadyExistsError if there is one / whichever is needed.
Variable GetGlobalStep(const Graph& graph = Graph::Default());
Variable CreateGlobalStep(const Graph& graph = Graph::Default());
Variable GetOrCreateGlobalStep(const Graph& graph = Graph::Default());

// ---- Learning rates -----------------------------------------------------------------------------
//
// Each gives a scalar in the dtype of learning_rate (float32 for a literal), computed from the
// value of global_step in the run. Any argument may be a literal, a tensor or a variable; t stands
// for the step.
//
//   auto rate = wf::train::PolynomialDecay(0.1, step, 10000, {.end_learning_rate = 0.01});

struct ExponentialDecayOptions {
  bool staircase = false;  // the exponent is rounded down
  std::string name = {};
};
// learning_rate * decay_rate ^ (t / decay_steps).
Tensor ExponentialDecay(const Input& learning_rate, const Input& global_step,
                        const Input& decay_steps, const Input& decay_rate,
                        const ExponentialDecayOptions& options = {});
// learning_rate * exp(-decay_rate * t / decay_steps).
Tensor NaturalExpDecay(const Input& learning_rate, const Input& global_step,
                       const Input& decay_steps, const Input& decay_rate,
                       const ExponentialDecayOptions& options = {});
// learning_rate / (1 + decay_rate * t / decay_steps).
Tensor InverseTimeDecay(const Input& learning_rate, const Input& global_step,
                        const Input& decay_steps, const Input& decay_rate,
                        const ExponentialDecayOptions& options = {});

struct PolynomialDecayOptions {
  Input end_learning_rate = 0.0001;
  Input power = 1.0;
  // Begins again at each multiple of decay_steps, which grows so that the end comes later. Else
  // the rate stays at its end.
  bool cycle = false;
  std::string name = {};
};
// (learning_rate - end) * (1 - min(t, decay_steps) / decay_steps) ^ power + end.
Tensor PolynomialDecay(const Input& learning_rate, const Input& global_step,
                       const Input& decay_steps, const PolynomialDecayOptions& options = {});

// values[0] while x <= boundaries[0], values[1] while x <= boundaries[1], ..., the last value
// beyond the last boundary. Boundaries are of the dtype of x (int32 ones go with an int64 x),
// values of one dtype, one more than boundaries: else InvalidArgumentError.
Tensor PiecewiseConstant(const Input& x, const std::vector<Input>& boundaries,
                         const std::vector<Input>& values, const NameOptions& options = {});

struct CosineDecayOptions {
  double alpha = 0;  // the rate ends at alpha * learning_rate
  std::string name = {};
};
// learning_rate * ((1 - alpha) * (1 + cos(pi * t / decay_steps)) / 2 + alpha), t <= decay_steps.
// (Loshchilov & Hutter, 2016)
Tensor CosineDecay(const Input& learning_rate, const Input& global_step, const Input& decay_steps,
                   const CosineDecayOptions& options = {});

struct CosineDecayRestartsOptions {
  Input t_mul = 2.0;  // each period is as many times longer than the one before
  Input m_mul = 1.0;  // and begins with as many times its rate
  Input alpha = 0.0;
  std::string name = {};
};
// CosineDecay over first_decay_steps, then again and again.
Tensor CosineDecayRestarts(const Input& learning_rate, const Input& global_step,
                           const Input& first_decay_steps,
                           const CosineDecayRestartsOptions& options = {});

struct LinearCosineDecayOptions {
  Input num_periods = 0.5;
  Input alpha = 0.0;
  Input beta = 0.001;
  std::string name = {};
};
// learning_rate * ((alpha + 1 - f) * (1 + cos(2 pi num_periods f)) / 2 + beta), where f is
// t / decay_steps, at most 1. (Bello et al., 2017)
Tensor LinearCosineDecay(const Input& learning_rate, const Input& global_step,
                         const Input& decay_steps, const LinearCosineDecayOptions& options = {});

struct NoisyLinearCosineDecayOptions {
  Input initial_variance = 1.0;
  Input variance_decay = 0.55;
  Input num_periods = 0.5;
  Input alpha = 0.0;
  Input beta = 0.001;
  std::string name = {};
};
// LinearCosineDecay with normal noise of variance initial_variance / (1 + t)^variance_decay added
// to the linear part. Its seed is the graph's.
Tensor NoisyLinearCosineDecay(const Input& learning_rate, const Input& global_step,
                              const Input& decay_steps,
                              const NoisyLinearCosineDecayOptions& options = {});

// ---- Moving averages ----------------------------------------------------------------------------

struct AssignMovingAverageOptions {
  // The average began at 0: the pull towards 0 is taken out (two more variables).
  bool zero_debias = true;
  std::string name = {};  // "AssignMovingAvg" if empty
};
// variable -= (1 - decay) * (variable - value): the value after that. With zero_debias (Kingma and
// Ba, arXiv:1412.6980, section 3) the variable's shape must be known.
Tensor AssignMovingAverage(const Variable& variable, const Input& value, const Input& decay,
                           const AssignMovingAverageOptions& options = {});

struct WeightedMovingAverageOptions {
  std::optional<std::vector<std::string>> collections = {};
  std::string name = {};  // "WeightedMovingAvg", made unique, if empty
};
// The moving average of value * weight over that of weight, both begun at 0 and kept in new
// variables; static shapes must be known.
Tensor WeightedMovingAverage(const Input& value, const Input& decay, const Input& weight,
                             const WeightedMovingAverageOptions& options = {});

struct ExponentialMovingAverageOptions {
  // If given, the decay is min(decay, (1 + num_updates) / (10 + num_updates)).
  Input num_updates = Tensor();
  // Averages of tensors begin at 0; true takes the pull towards it out (two more variables each).
  bool zero_debias = false;
  std::string name = "ExponentialMovingAverage";
};

// Keeps shadow variables "w/ExponentialMovingAverage": shadow -= (1 - decay) * (shadow - w).
//
//   wf::train::ExponentialMovingAverage ema(0.99, {.num_updates = step});
//   wf::Operation update = ema.Apply();                // after each training step
//   auto y = wf::MatMul(x, ema.Average(w));            // with the averaged weights
class ExponentialMovingAverage {
 public:
  explicit ExponentialMovingAverage(const Input& decay,
                                    const ExponentialMovingAverageOptions& options = {});
  // An op that updates the shadows of these variables (of all trainable ones if empty), which are
  // made if new. Their initial value is the variable's. InvalidArgumentError if one is not
  // floating.
  Operation Apply(const std::vector<Variable>& variables = {});
  // Likewise of any tensors. Their shadows begin at 0.
  Operation Apply(const std::vector<Tensor>& tensors);
  // The shadow; an invalid Variable if Apply did not see it.
  Variable Average(const Variable& v) const;
  Variable Average(const Tensor& t) const;
  // "w/ExponentialMovingAverage": of the shadow if there is one, else what it would be called.
  std::string AverageName(const Variable& v) const;
  std::string AverageName(const Tensor& t) const;
  // For a Saver: the shadow's name -> variable for those that are averaged (moving-average and
  // trainable variables, or `averaged`), and the own name for all other global variables.
  std::map<std::string, Variable> VariablesToRestore(
      const std::vector<Variable>& averaged = {}) const;

 private:
  // What is averaged: a variable (`value` is its reference or handle) or a tensor.
  struct Averaged {
    Tensor value;
    Variable variable;
  };
  Operation ApplyAll(const std::vector<Averaged>& list);
  Variable MakeAverage(const Averaged& of) const;
  Variable Find(const Tensor& key) const;
  Input decay_, num_updates_;
  bool zero_debias_;
  std::string name_;
  std::vector<std::pair<Tensor, Variable>> averages_;
};

}  // namespace weft::train
