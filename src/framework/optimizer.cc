// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/train/optimizer.h"

#include <algorithm>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/nodes.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"
#include "weft/ops/control.h"

namespace weft::train {
namespace {

using internal::Op;
using internal::OpOf;

// Slices whose indices are unique: rows of equal index are added up.
IndexedSlices Deduplicate(const IndexedSlices& s) {
  const std::vector<Tensor> unique = OpBuilder("Unique", NameOptions()).In(s.indices).Outputs();
  const Tensor count =
      Op("StridedSlice", {Op("Shape", {unique[0]}), Input({0}), Input({1}), Input({1})},
         "strided_slice", {{"shrink_axis_mask", 1}});
  return {Op("UnsortedSegmentSum", {s.values, unique[1], count}), unique[0], s.dense_shape};
}

}  // namespace

Operation Optimizer::Minimize(const Tensor& loss, const MinimizeOptions& o) {
  const std::vector<GradAndVar> pairs =
      ComputeGradients(loss, {o.var_list, o.gate_gradients, o.aggregation_method,
                              o.colocate_gradients_with_ops, o.grad_loss});
  if (std::all_of(pairs.begin(), pairs.end(), [](const GradAndVar& p) { return p.grad.none(); })) {
    ThrowError(Code::kInvalidArgument,
               StrCat("No gradients provided for any variable: the loss '", loss.name(),
                      "' depends on none of the ", pairs.size(),
                      " variables, or only through ops that do not support gradients."));
  }
  return ApplyGradients(pairs, {o.global_step, o.name});
}

std::vector<GradAndVar> Optimizer::ComputeGradients(const Tensor& loss,
                                                    const ComputeGradientsOptions& o) {
  if (!IsFloating(loss.dtype())) {
    ThrowError(Code::kInvalidArgument,
               StrCat("the loss '", loss.name(), "' has dtype ", DTypeName(loss.dtype()),
                      "; it must be a floating type"));
  }
  std::vector<Variable> variables =
      o.var_list.empty() ? TrainableVariables({}, loss.graph()) : o.var_list;
  if (variables.empty()) ThrowError(Code::kInvalidArgument, "No variables to optimize.");
  std::vector<Tensor> xs;
  for (const Variable& v : variables) xs.push_back(v.RefOrHandle());
  GradientOptions options;
  if (o.grad_loss.valid()) options.grad_ys = {o.grad_loss};
  options.gate_gradients = o.gate_gradients == GateGradients::kOp;
  options.aggregation_method = o.aggregation_method;
  options.colocate_gradients_with_ops = o.colocate_gradients_with_ops;
  std::vector<Grad> grads = Gradients({loss}, xs, options);
  if (o.gate_gradients == GateGradients::kGraph) {
    std::vector<Tensor> tensors;
    for (const Grad& g : grads)
      tensors.push_back(g.none() ? Tensor() : g.is_slices() ? g.slices().values : g.tensor());
    tensors = Tuple(tensors);
    for (size_t i = 0; i < grads.size(); ++i) {
      if (grads[i].is_slices())
        grads[i] =
            IndexedSlices{tensors[i], grads[i].slices().indices, grads[i].slices().dense_shape};
      else if (!grads[i].none())
        grads[i] = tensors[i];
    }
  }
  std::vector<GradAndVar> pairs;
  for (size_t i = 0; i < variables.size(); ++i) pairs.push_back({grads[i], variables[i]});
  return pairs;
}

Operation Optimizer::ApplyOne(const GradAndVar& pair) {
  const Variable& v = pair.variable;
  NameScope scope("update_" + v.op_name(), v.graph());
  ColocateWith colocate(v.op());
  if (!pair.grad.is_slices()) return ApplyDense(pair.grad.tensor(), v);
  return ApplySparse(NeedsUniqueIndices() ? Deduplicate(pair.grad.slices()) : pair.grad.slices(),
                     v);
}

Operation Optimizer::ApplyGradients(const std::vector<GradAndVar>& grads_and_vars,
                                    const ApplyGradientsOptions& o) {
  std::vector<GradAndVar> pairs;
  std::vector<Variable> variables;
  for (const GradAndVar& p : grads_and_vars) {
    if (p.grad.none()) continue;
    pairs.push_back(p);
    variables.push_back(p.variable);
  }
  if (grads_and_vars.empty()) ThrowError(Code::kInvalidArgument, "No variables provided.");
  if (pairs.empty())
    ThrowError(Code::kInvalidArgument, StrCat("No gradients provided for any variable (",
                                              grads_and_vars.size(), " pairs were given)"));
  Graph graph = pairs[0].variable.graph();
  GraphScope use(graph);
  {
    ControlDependencies none(nullptr, graph);
    NameScope root("", graph);
    CreateSlots(variables);
  }
  NameScope scope(o.name.empty() ? name_ : o.name, graph);
  Prepare();
  std::vector<Operation> updates;
  for (const GradAndVar& p : pairs) updates.push_back(ApplyOne(p));
  Operation train;
  if (!o.global_step.valid()) {
    train = Finish(updates, scope.name());
  } else {
    const Operation done = Finish(updates, "update");
    ControlDependencies after({done});
    ColocateWith colocate(o.global_step.op());
    const Variable& step = o.global_step;
    if (step.is_resource()) {
      const Tensor one = AsTensor(Input(1), step.dtype(), "Const");
      train = OpOf("AssignAddVariableOp", {step.handle(), one}, scope.name(),
                   {{"dtype", step.dtype()}});
    } else {
      train = OpOf("AssignAdd", {step.ref(), 1}, scope.name());
    }
  }
  graph.AddToCollection(GraphKeys::kTrainOp, {train});
  return train;
}

Operation Optimizer::Finish(const std::vector<Operation>& updates, const std::string& name) {
  return Group(updates, name);
}

std::vector<std::string> Optimizer::SlotNames() const {
  std::vector<std::string> names;
  for (const auto& [name, list] : slots_) names.push_back(name);
  return names;
}

Variable Optimizer::GetSlot(const Variable& v, const std::string& slot) const {
  auto it = slots_.find(slot);
  if (it == slots_.end()) return {};
  for (const auto& [primary, variable] : it->second) {
    if (primary == v) return variable;
  }
  return {};
}

std::vector<Variable> Optimizer::Variables() const {
  std::vector<Variable> all;
  for (const auto& [name, list] : slots_) {
    for (const auto& [primary, variable] : list) all.push_back(variable);
  }
  std::sort(all.begin(), all.end(),
            [](const Variable& a, const Variable& b) { return a.name() < b.name(); });
  return all;
}

Variable Optimizer::ZerosSlot(const Variable& v, const std::string& slot,
                              const std::string& op_name) {
  if (Variable existing = GetSlot(v, slot); existing.valid()) return existing;
  ColocateWith colocate(v.op());
  Variable made(
      [&] { return Zeros(v.shape().ToShape(), v.dtype()); },
      {.name = v.op_name() + "/" + op_name, .trainable = false, .use_resource = v.is_resource()});
  slots_[slot].emplace_back(v, made);
  return made;
}

Variable Optimizer::SlotWithInitializer(const Variable& v, const Tensor& initial_value,
                                        const std::string& slot, const std::string& op_name) {
  if (Variable existing = GetSlot(v, slot); existing.valid()) return existing;
  ColocateWith colocate(v.op());
  Variable made(
      Input(initial_value),
      {.name = v.op_name() + "/" + op_name, .trainable = false, .use_resource = v.is_resource()});
  slots_[slot].emplace_back(v, made);
  return made;
}

}  // namespace weft::train
