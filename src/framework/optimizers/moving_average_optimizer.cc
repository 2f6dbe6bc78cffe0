// SPDX-License-Identifier: Apache-2.0
#include "src/core/status.h"
#include "src/framework/optimizers/update.h"
#include "weft/framework/train/contrib_optimizers.h"
#include "weft/ops/control.h"

namespace weft::train {

MovingAverageOptimizer::MovingAverageOptimizer(std::shared_ptr<Optimizer> optimizer,
                                               const MovingAverageOptimizerOptions& o)
    : Optimizer("MovingAverage", false),
      optimizer_(std::move(optimizer)),
      average_(o.average_decay, {.num_updates = o.num_updates}),
      sequential_update_(o.sequential_update) {
  if (!optimizer_)
    ThrowError(Code::kInvalidArgument, "MovingAverageOptimizer: the optimizer is null");
}

std::vector<GradAndVar> MovingAverageOptimizer::ComputeGradients(
    const Tensor& loss, const ComputeGradientsOptions& options) {
  return optimizer_->ComputeGradients(loss, options);
}

Operation MovingAverageOptimizer::ApplyGradients(const std::vector<GradAndVar>& grads_and_vars,
                                                 const ApplyGradientsOptions& options) {
  const Operation train = optimizer_->ApplyGradients(grads_and_vars, options);
  std::vector<Variable> variables;
  for (const GradAndVar& p : grads_and_vars) {
    if (!p.grad.none()) variables.push_back(p.variable);
  }
  const GraphScope use(train.graph());
  const Operation averaged = [&] {
    if (!sequential_update_) return average_.Apply(variables);
    const ControlDependencies after({train});
    return average_.Apply(variables);
  }();
  swapped_.clear();
  for (const Variable& v : variables) {
    const Variable average = average_.Average(v);
    swapped_[v.op_name()] = average;
    swapped_[average.op_name()] = v;
  }
  return Group({train, averaged}, "train_with_avg");
}

std::map<std::string, Variable> MovingAverageOptimizer::SwappedVariables(
    const std::vector<Variable>& variables) const {
  if (swapped_.empty()) {
    ThrowError(Code::kFailedPrecondition,
               "Must call ApplyGradients or Minimize before asking for the swapped variables");
  }
  std::map<std::string, Variable> names;
  for (const Variable& v : variables.empty() ? GlobalVariables() : variables) {
    auto found = swapped_.find(v.op_name());
    names[v.op_name()] = found == swapped_.end() ? v : found->second;
  }
  return names;
}

std::vector<std::string> MovingAverageOptimizer::SlotNames() const {
  return optimizer_->SlotNames();
}
Variable MovingAverageOptimizer::GetSlot(const Variable& v, const std::string& slot) const {
  return optimizer_->GetSlot(v, slot);
}
std::vector<Variable> MovingAverageOptimizer::Variables(const Graph& graph) const {
  return optimizer_->Variables(graph);
}

// ApplyGradients hands whole lists over: no variable comes here.
Operation MovingAverageOptimizer::ApplyDense(const Tensor&, const Variable& v) {
  ThrowError(Code::kInternal, StrCat("MovingAverageOptimizer was to update '", v.name(), "'"));
}
Operation MovingAverageOptimizer::ApplySparse(const IndexedSlices& grad, const Variable& v) {
  return ApplyDense(grad.values, v);
}

}  // namespace weft::train
