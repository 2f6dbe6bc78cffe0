// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/nodes.h"
#include "weft/framework/train/training_util.h"
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

Variable ZerosBeside(const Variable& average, const char* name, const PartialShape& shape) {
  const ControlDependencies none(nullptr);
  const ColocateWith colocate(average.op());
  const NameScope root("");
  return Variable([&] { return Zeros(shape.ToShape(), average.dtype()); },
                  {.name = StrCat(average.op_name(), "/", name), .trainable = false});
}

// The average of a value that began at 0, without the pull towards 0: with s steps so far,
// average = biased / (1 - decay^s), biased -= (biased - value) * rate.
Operation AssignDebiased(const Variable& average, const Tensor& value, const Tensor& rate,
                         const std::string& name) {
  const Variable biased = ZerosBeside(average, "biased", average.shape());
  const Variable steps = ZerosBeside(average, "local_step", PartialShape(Shape()));
  const Tensor delta = Op("Mul", {Op("Sub", {biased, value}, "sub"), rate}, "mul");
  const Tensor moved = AssignSub(biased, delta);
  const Tensor counted = AssignAdd(steps, 1);
  const Tensor decay = Op("Sub", {1, rate}, "sub");
  const Tensor weight = Op("Sub", {1, Op("Pow", {decay, counted})}, "sub");
  return Assign(average, Op("RealDiv", {moved, weight}, "truediv"), {.name = name}).op();
}

}  // namespace

ExponentialMovingAverage::ExponentialMovingAverage(const Input& decay,
                                                   const ExponentialMovingAverageOptions& options)
    : decay_(decay),
      num_updates_(options.num_updates),
      zero_debias_(options.zero_debias),
      name_(options.name) {}

Variable ExponentialMovingAverage::MakeAverage(const Averaged& of) const {
  const Graph graph = of.value.graph();
  const ControlDependencies none(nullptr, graph);
  if (of.variable.valid()) {
    const Variable& v = of.variable;
    const Tensor initial = v.initialized_value();
    const ColocateWith colocate(v.op());
    const NameScope root("", graph);
    return Variable(Input(initial),
                    {.name = AverageName(v), .trainable = false, .use_resource = v.is_resource()});
  }
  const NameScope root("", graph);
  VariableOptions options{.name = AverageName(of.value), .trainable = false};
  const Tensor t = of.value;
  const DataType dtype = RemoveRef(t.dtype());
  if (t.shape().IsFullyKnown())
    return Variable([&] { return Zeros(t.shape().ToShape(), dtype); }, options);
  options.validate_shape = false;
  return Variable(Input(Zeros(ShapeOf(t), dtype)), options);
}

Operation ExponentialMovingAverage::Update(const Averaged& of, const Variable& average,
                                           const Tensor& decay) const {
  const DataType dtype = average.dtype();
  const NameScope scope("AssignMovingAvg");
  Tensor rate = Op("Sub", {1, decay}, "sub");
  if (rate.dtype() != dtype) rate = CastTo(rate, dtype);
  if (zero_debias_ && !of.variable.valid())
    return AssignDebiased(average, of.value, rate, scope.name());
  const Tensor off = of.variable.valid() ? average - of.variable : average - of.value;
  const Tensor delta = off * rate;
  if (!average.is_resource()) return AssignSub(average, delta, {.name = scope.name()}).op();
  const Operation update =
      internal::OpOf("AssignSubVariableOp", {average.handle(), delta}, {}, {{"dtype", dtype}});
  // The new value, as an assignment of a resource variable gives it.
  const ControlDependencies after({update});
  average.AsTensor();
  return update;
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
  for (const Averaged& of : list) updates.push_back(Update(of, Find(of.value), decay));
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
  return StrCat(t.op().name(), "/", name_);
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
