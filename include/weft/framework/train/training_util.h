// SPDX-License-Identifier: Apache-2.0
// The global step, learning rates that depend on it, and moving averages.
#pragma once

#include <map>
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

struct ExponentialMovingAverageOptions {
  Input num_updates =
      Tensor();  // if given, the decay is min(decay, (1 + num_updates) / (10 + num_updates))
  std::string name = "ExponentialMovingAverage";
};

// Keeps shadow variables "w/ExponentialMovingAverage": shadow -= (1 - decay) * (shadow - w).
class ExponentialMovingAverage {
 public:
  explicit ExponentialMovingAverage(const Input& decay,
                                    const ExponentialMovingAverageOptions& options = {});
  // An op that updates the shadows of these variables (of all trainable ones if empty), which are
  // made if new. Their initial value is the variable's.
  Operation Apply(const std::vector<Variable>& variables = {});
  // The shadow of a variable; an invalid Variable if Apply did not see it.
  Variable Average(const Variable& v) const;
  // "w/ExponentialMovingAverage", whether there is one or not.
  std::string AverageName(const Variable& v) const;
  // For a Saver: the shadow's name -> variable for those that are averaged (moving-average and
  // trainable variables, or `averaged`), and the own name for all other global variables.
  std::map<std::string, Variable> VariablesToRestore(
      const std::vector<Variable>& averaged = {}) const;

 private:
  Input decay_, num_updates_;
  std::string name_;
  std::vector<std::pair<Variable, Variable>> averages_;
};

}  // namespace weft::train
