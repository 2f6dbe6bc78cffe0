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

struct ExponentialDecayOptions {
  bool staircase = false;  // the exponent is rounded down
  std::string name = {};
};
// learning_rate * decay_rate ^ (global_step / decay_steps), in the dtype of learning_rate.
Tensor ExponentialDecay(const Input& learning_rate, const Input& global_step,
                        const Input& decay_steps, const Input& decay_rate,
                        const ExponentialDecayOptions& options = {});

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
