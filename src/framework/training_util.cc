// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/train/training_util.h"

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/nodes.h"

namespace weft::train {

using internal::CastTo;
using internal::Op;

Variable GetGlobalStep(const Graph& graph) {
  const std::vector<Variable> steps = VariablesOf(GraphKeys::kGlobalStep, {}, graph);
  if (steps.size() > 1)
    ThrowError(Code::kInvalidArgument,
               StrCat("Multiple tensors in global_step collection: there are ", steps.size()));
  return steps.empty() ? Variable() : steps[0];
}

Variable CreateGlobalStep(const Graph& graph) {
  if (GetGlobalStep(graph).valid())
    ThrowError(Code::kAlreadyExists, "\"global_step\" already exists.");
  GraphScope use(graph);
  NameScope root("", graph);
  return Variable([] { return AsTensor(Array(int64_t{0}), kInt64, "zeros"); },
                  {.name = "global_step",
                   .trainable = false,
                   .collections = {{GraphKeys::kGlobalVariables, GraphKeys::kGlobalStep}}});
}

Variable GetOrCreateGlobalStep(const Graph& graph) {
  const Variable step = GetGlobalStep(graph);
  return step.valid() ? step : CreateGlobalStep(graph);
}

Tensor ExponentialDecay(const Input& learning_rate, const Input& global_step,
                        const Input& decay_steps, const Input& decay_rate,
                        const ExponentialDecayOptions& options) {
  const GraphScope use(global_step.is_tensor() ? global_step.source().graph() : Graph::Default());
  const NameScope scope(options.name.empty() ? "ExponentialDecay" : options.name);
  const Tensor initial =
      AsTensor(learning_rate, learning_rate.dtype() == kFloat64 ? kFloat32 : kInvalidType,
               "initial_learning_rate");
  const DataType dtype = RemoveRef(initial.dtype());
  const Tensor steps = CastTo(decay_steps, dtype), rate = CastTo(decay_rate, dtype);
  Tensor p = Op("RealDiv", {CastTo(global_step, dtype), steps}, "truediv");
  if (options.staircase) p = Op("Floor", {p});
  return Op("Mul", {initial, Op("Pow", {rate, p})}, scope.name());
}

}  // namespace weft::train
