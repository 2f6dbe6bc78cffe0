// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/train/training_util.h"

#include "src/core/status.h"
#include "src/core/strings.h"

namespace weft::train {

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

}  // namespace weft::train
