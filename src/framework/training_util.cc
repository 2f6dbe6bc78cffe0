// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/train/training_util.h"

#include <algorithm>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/nodes.h"
#include "weft/framework/control.h"

namespace weft::train {

using internal::Op;
using internal::OpOf;

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

namespace {
// A constant of the dtype, or a Cast to it, as math_ops.cast gives.
Tensor CastTo(const Input& x, DataType dtype) {
  const Tensor t = x.is_tensor() ? x.tensor() : AsTensor(x, kInvalidType, "Cast/x");
  return RemoveRef(t.dtype()) == dtype ? t : Op("Cast", {t}, {}, {{"DstT", dtype}});
}
}  // namespace

Tensor ExponentialDecay(const Input& learning_rate, const Input& global_step,
                        const Input& decay_steps, const Input& decay_rate,
                        const ExponentialDecayOptions& options) {
  NameScope scope(options.name.empty() ? "ExponentialDecay" : options.name);
  const Tensor initial = AsTensor(learning_rate, kFloat32, "initial_learning_rate");
  const DataType dtype = initial.dtype();
  const Tensor steps = CastTo(decay_steps, dtype);
  const Tensor rate =
      decay_rate.is_tensor() ? CastTo(decay_rate, dtype) : AsTensor(decay_rate, dtype, "Cast_1/x");
  Tensor p = Op("RealDiv", {CastTo(global_step, dtype), steps}, "truediv");
  if (options.staircase) p = Op("Floor", {p});
  return Op("Mul", {initial, Op("Pow", {rate, p})}, scope.name());
}

ExponentialMovingAverage::ExponentialMovingAverage(const Input& decay,
                                                   const ExponentialMovingAverageOptions& options)
    : decay_(decay), num_updates_(options.num_updates), name_(options.name) {}

Operation ExponentialMovingAverage::Apply(const std::vector<Variable>& given) {
  const std::vector<Variable> variables = given.empty() ? TrainableVariables() : given;
  if (variables.empty())
    ThrowError(Code::kInvalidArgument,
               "ExponentialMovingAverage::Apply: there are no variables to average");
  Graph graph = variables[0].graph();
  GraphScope use(graph);
  for (const Variable& v : variables) {
    if (!IsFloating(v.dtype()))
      ThrowError(Code::kInvalidArgument, StrCat("The variables must be half, float, or double: ",
                                                v.name(), " is ", DTypeName(v.dtype())));
    if (Average(v).valid()) continue;
    ControlDependencies none(nullptr, graph);
    NameScope root("", graph);
    const Tensor initial = v.initialized_value();
    ColocateWith colocate(v.op());
    averages_.emplace_back(
        v, Variable(Input(initial),
                    {.name = AverageName(v), .trainable = false, .use_resource = v.is_resource()}));
    graph.AddToCollection(GraphKeys::kMovingAverageVariables, {std::shared_ptr<void>(v.data())});
  }
  NameScope scope(name_, graph);
  Tensor decay = AsTensor(decay_, kFloat32, "decay");
  const bool counted = !num_updates_.is_tensor() ? num_updates_.array().valid() : true;
  if (counted) {
    const Tensor n = num_updates_.is_tensor()
                         ? Op("Cast", {num_updates_}, "num_updates", {{"DstT", kFloat32}})
                         : AsTensor(num_updates_, kFloat32, "num_updates");
    decay =
        Op("Minimum",
           {decay, Op("RealDiv", {Op("AddV2", {1.0f, n}, "add"), Op("AddV2", {10.0f, n}, "add")},
                      "truediv")});
  }
  std::vector<Operation> updates;
  for (const Variable& v : variables) {
    const Variable average = Average(v);
    NameScope assign("AssignMovingAvg", graph);
    ColocateWith colocate(average.op());
    Tensor keep = Op("Sub", {1.0f, decay}, "sub");
    if (keep.dtype() != v.dtype()) keep = Op("Cast", {keep}, {}, {{"DstT", v.dtype()}});
    const Tensor delta = Op("Mul", {Op("Sub", {average, v}, "sub"), keep}, "mul");
    if (average.is_resource())
      updates.push_back(OpOf("AssignSubVariableOp", {average.handle(), delta}, assign.name(),
                             {{"dtype", v.dtype()}}));
    else
      updates.push_back(OpOf("AssignSub", {average.ref(), delta}, assign.name()));
  }
  return Group(updates, scope.name());
}

Variable ExponentialMovingAverage::Average(const Variable& v) const {
  for (const auto& [variable, average] : averages_) {
    if (variable == v) return average;
  }
  return {};
}

std::string ExponentialMovingAverage::AverageName(const Variable& v) const {
  return v.op_name() + "/" + name_;
}

std::map<std::string, Variable> ExponentialMovingAverage::VariablesToRestore(
    const std::vector<Variable>& given) const {
  std::vector<Variable> averaged = given;
  if (averaged.empty()) {
    averaged = TrainableVariables();
    for (const Variable& v : MovingAverageVariables()) averaged.push_back(v);
  }
  std::map<std::string, Variable> names;
  for (const Variable& v : averaged) names[AverageName(v)] = v;
  for (const Variable& v : GlobalVariables()) {
    const bool has_average = std::find(averaged.begin(), averaged.end(), v) != averaged.end();
    if (!has_average && !names.contains(v.op_name())) names[v.op_name()] = v;
  }
  return names;
}

}  // namespace weft::train
