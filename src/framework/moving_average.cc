// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <set>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/nodes.h"
#include "src/framework/slot_creator.h"
#include "weft/framework/train/training_util.h"
#include "weft/framework/variable_scope.h"
#include "weft/ops/array.h"
#include "weft/ops/control.h"
#include "weft/ops/math_binary.h"

namespace weft::train {
namespace {

using internal::CastTo;
using internal::Op;

bool IsGiven(const Input& in) { return in.is_tensor() || in.array().valid(); }

void CheckDtype(const std::string& name, DataType dtype) {
  if (!IsFloating(dtype)) {
    ThrowError(
        Code::kInvalidArgument,
        StrCat("The variables must be half, float, or double: ", name, " is ", DTypeName(dtype)));
  }
}

// "biased", or "biased_1" if the scope where this is has a variable of that name.
std::string UnusedName(const std::string& name) {
  const VarScope scope = VariableScope::Current();
  if (scope.reuse() != Reuse::kFalse) return name;
  std::set<std::string> used;
  for (const Variable& v : scope.GlobalVariables()) used.insert(v.op_name());
  const std::string full = StrCat(scope.name(), "/", name);
  if (!used.contains(full)) return name;
  int i = 1;
  while (used.contains(StrCat(full, "_", i))) ++i;
  return StrCat(name, "_", i);
}

Variable ZerosBeside(const Variable& average, const char* name, const Shape& shape) {
  return GetVariable(
      UnusedName(name), shape,
      {.dtype = average.dtype(), .initializer = ZerosInitializer(), .trainable = false});
}

// The average of a value that began at 0, without the pull towards 0: with s steps so far,
// average = biased / (1 - decay^s), biased -= (biased - value) * rate.
Operation AssignDebiased(const Variable& average, const Tensor& value, const Tensor& rate) {
  if (!average.shape().IsFullyKnown()) {
    ThrowError(Code::kInvalidArgument,
               StrCat("The shape of the moving average ", average.name(), " must be known: it is ",
                      average.shape().ToPythonString()));
  }
  Variable biased, steps;
  {
    const VariableScope scope(average.op_name(), {}, average.graph());
    const ColocateWith colocate(average.op());
    biased = ZerosBeside(average, "biased", average.shape().ToShape());
    steps = ZerosBeside(average, "local_step", Shape());
  }
  const Tensor off = biased - value;
  const Tensor moved = AssignSub(biased, off * rate);
  const Tensor counted = AssignAdd(steps, 1);
  const Tensor decay = 1.0f - rate;
  const Tensor factor = 1 - Op("Pow", {decay, counted});
  const std::string name = average.graph().current_name_scope() + "/";
  return average.is_resource() ? average.AssignOp(moved / factor, name)
                               : Assign(average, moved / factor, {.name = name}).op();
}

// The op that changes the average, and the value after that.
struct Moved {
  Operation update;
  Tensor value;
};
Moved Move(const Variable& variable, const Input& value, const Input& decay,
           const AssignMovingAverageOptions& o) {
  const DataType dtype = variable.dtype();
  const NameScope scope(o.name.empty() ? "AssignMovingAvg" : o.name, variable.graph());
  Tensor rate;
  if (decay.is_tensor()) {
    rate = Op("Sub", {1, decay}, "sub");
  } else {
    rate = AsTensor(static_cast<float>(1 - decay.array().AsDouble()), kInvalidType, "decay");
  }
  if (rate.dtype() != dtype) rate = CastTo(rate, dtype);
  Operation update;
  if (o.zero_debias) {
    update = AssignDebiased(variable, AsTensor(value, dtype, "value"), rate);
  } else {
    const Tensor off = variable - value;
    const Tensor delta = off * rate;
    update = variable.is_resource() ? variable.AssignSubOp(delta)
                                    : AssignSub(variable, delta, {.name = scope.name()}).op();
  }
  if (!variable.is_resource()) return {update, update.output(0)};
  const ControlDependencies after({update});
  return {update, variable.AsTensor()};
}

}  // namespace

ExponentialMovingAverage::ExponentialMovingAverage(const Input& decay,
                                                   const ExponentialMovingAverageOptions& options)
    : decay_(decay),
      num_updates_(options.num_updates),
      zero_debias_(options.zero_debias),
      name_(options.name) {}

Tensor AssignMovingAverage(const Variable& variable, const Input& value, const Input& decay,
                           const AssignMovingAverageOptions& options) {
  const GraphScope use(variable.graph());
  return Move(variable, value, decay, options).value;
}

Tensor WeightedMovingAverage(const Input& given_value, const Input& decay,
                             const Input& given_weight, const WeightedMovingAverageOptions& o) {
  const Graph graph = given_value.is_tensor() ? given_value.source().graph() : Graph::Default();
  const GraphScope use(graph);
  const auto compute = [&](const VariableScope& scope) {
    const Tensor value = AsTensor(given_value), weight = AsTensor(given_weight);
    const auto zeros = [&](const char* name, const Tensor& like) {
      return GetVariable(name, like.shape().ToShape(),
                         {.dtype = RemoveRef(like.dtype()),
                          .initializer = ZerosInitializer(),
                          .trainable = false,
                          .collections = o.collections});
    };
    const Variable sum = zeros("value_x_weight", value), total = zeros("weight", weight);
    const Tensor product = value * weight;
    const Tensor numerator = AssignMovingAverage(sum, product, decay, {.zero_debias = false});
    const Tensor denominator = AssignMovingAverage(total, weight, decay, {.zero_debias = false});
    return Op("RealDiv", {numerator, denominator}, scope.scope().name());
  };
  if (!o.name.empty()) return compute(VariableScope(o.name));
  return compute(VariableScope::Unique("WeightedMovingAvg"));
}

Variable ExponentialMovingAverage::MakeAverage(const Averaged& of) const {
  const ControlDependencies none(nullptr, of.value.graph());
  if (of.variable.valid())
    return internal::CreateSlot(of.variable, of.variable.initialized_value(), name_);
  const std::string& op = of.value.op().type();
  const bool is_variable = op == "Variable" || op == "VariableV2" || op == "VarHandleOp";
  return internal::CreateZerosSlot(of.value, name_, kInvalidType,
                                   {.colocate_with_primary = is_variable});
}

Operation ExponentialMovingAverage::ApplyAll(const std::vector<Averaged>& list) {
  Graph graph = list.empty() ? Graph::Default() : list[0].value.graph();
  const GraphScope use(graph);
  for (const Averaged& of : list) {
    CheckDtype(of.value.name(),
               of.variable.valid() ? of.variable.dtype() : RemoveRef(of.value.dtype()));
    if (Find(of.value).valid()) continue;
    averages_.emplace_back(of.value, MakeAverage(of));
    if (of.variable.valid()) {
      graph.AddToCollection(GraphKeys::kMovingAverageVariables,
                            {std::shared_ptr<void>(of.variable.data())});
    }
  }
  const NameScope scope(name_, graph);
  Tensor decay = AsTensor(decay_, decay_.dtype() == kFloat64 ? kFloat32 : kInvalidType, "decay");
  if (IsGiven(num_updates_)) {
    const Tensor n = CastTo(num_updates_, kFloat32, "num_updates");
    const Tensor above = 1 + n, below = 10 + n;
    decay = Op("Minimum", {decay, above / below});
  }
  std::vector<Operation> updates;
  for (const Averaged& of : list) {
    const Input value = of.variable.valid() ? Input(of.variable) : Input(of.value);
    const bool zero_debias = zero_debias_ && !of.variable.valid();
    updates.push_back(Move(Find(of.value), value, decay, {.zero_debias = zero_debias}).update);
  }
  return Group(updates, scope.name());
}

Operation ExponentialMovingAverage::Apply(const std::vector<Variable>& given) {
  std::vector<Averaged> list;
  for (const Variable& v : given.empty() ? TrainableVariables() : given)
    list.push_back({v.RefOrHandle(), v});
  return ApplyAll(list);
}
Operation ExponentialMovingAverage::Apply(const std::vector<Tensor>& tensors) {
  std::vector<Averaged> list;
  for (const Tensor& t : tensors) list.push_back({t, {}});
  return ApplyAll(list);
}

Variable ExponentialMovingAverage::Find(const Tensor& key) const {
  for (const auto& [tensor, average] : averages_) {
    if (tensor == key) return average;
  }
  return {};
}
Variable ExponentialMovingAverage::Average(const Variable& v) const {
  return Find(v.RefOrHandle());
}
Variable ExponentialMovingAverage::Average(const Tensor& t) const { return Find(t); }

std::string ExponentialMovingAverage::AverageName(const Variable& v) const {
  return AverageName(v.RefOrHandle());
}
std::string ExponentialMovingAverage::AverageName(const Tensor& t) const {
  if (const Variable average = Find(t); average.valid()) return average.op_name();
  return t.graph().UniqueName(StrCat(t.op().name(), "/", name_), /*mark_as_used=*/false);
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
