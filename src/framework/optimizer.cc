// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/train/optimizer.h"

#include <algorithm>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/optimizers/update.h"
#include "src/framework/slot_creator.h"
#include "src/ops/operators.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/control.h"

namespace weft::train {
namespace {

using internal::Op;
using internal::OpOf;

// Slices whose indices are unique: rows of equal index are added up.
IndexedSlices Deduplicate(const IndexedSlices& s) {
  const std::vector<Tensor> unique = OpBuilder("Unique", NameOptions()).In(s.indices).Outputs();
  const Tensor count =
      internal::SliceOf(Op("Shape", {unique[0]}), Array({0}), Array({1}), "shrink_axis_mask");
  return {Op("UnsortedSegmentSum", {s.values, unique[1], count}), unique[0], s.dense_shape};
}

void CheckDtype(DataType dtype, const std::string& name) {
  if (IsFloating(dtype)) return;
  ThrowError(Code::kInvalidArgument, StrCat("Invalid type ", DTypeName(dtype), " for ", name,
                                            ", expected: [float16, bfloat16, float32, float64]."));
}

void CheckVariable(const Variable& v, const Graph& graph) {
  if (!v.valid())
    ThrowError(Code::kInvalidArgument, "Trying to optimize unsupported type: an empty Variable");
  if (v.graph() == graph) return;
  ThrowError(Code::kInvalidArgument,
             StrCat("Variable '", v.name(), "' must be from the same graph as what it is trained ",
                    "with"));
}

std::string ListOf(const std::vector<GradAndVar>& pairs) {
  std::string list;
  for (const GradAndVar& p : pairs) list += (list.empty() ? "" : ", ") + p.variable.ToString();
  return StrCat("[", list, "]");
}

// All gradients, each available only when all have been computed.
void Gate(std::vector<Grad>* grads) {
  std::vector<Tensor> tensors;
  for (const Grad& g : *grads)
    tensors.push_back(g.none() ? Tensor() : g.is_slices() ? g.slices().values : g.tensor());
  if (std::none_of(tensors.begin(), tensors.end(), [](const Tensor& t) { return t.valid(); }))
    return;
  tensors = Tuple(tensors);
  for (size_t i = 0; i < grads->size(); ++i) {
    Grad& g = (*grads)[i];
    if (g.is_slices())
      g = IndexedSlices{tensors[i], g.slices().indices, g.slices().dense_shape};
    else if (!g.none())
      g = tensors[i];
  }
}

}  // namespace

Tensor Hyperparameter::AsTensor(std::string_view name) const {
  const Input value = Get();
  return weft::AsTensor(value, value.dtype() == kFloat64 ? kFloat32 : kInvalidType, name);
}

Optimizer::Optimizer(std::string name, bool use_locking)
    : name_(std::move(name)), use_locking_(use_locking) {
  if (name_.empty()) ThrowError(Code::kInvalidArgument, "Must specify the optimizer name");
}

Operation Optimizer::Minimize(const Tensor& loss, const MinimizeOptions& o) {
  const std::vector<GradAndVar> pairs =
      ComputeGradients(loss, {o.var_list, o.gate_gradients, o.aggregation_method,
                              o.colocate_gradients_with_ops, o.grad_loss});
  if (std::all_of(pairs.begin(), pairs.end(), [](const GradAndVar& p) { return p.grad.none(); })) {
    ThrowError(Code::kInvalidArgument,
               StrCat("No gradients provided for any variable, check your graph for ops that do "
                      "not support gradients, between variables ",
                      ListOf(pairs), " and loss ", loss.ToString(), "."));
  }
  return ApplyGradients(pairs, {o.global_step, o.name});
}

std::vector<GradAndVar> Optimizer::ComputeGradients(const Tensor& loss,
                                                    const ComputeGradientsOptions& o) {
  if (!loss.valid()) ThrowError(Code::kInvalidArgument, "the loss is an empty Tensor");
  const Graph graph = loss.graph();
  const GraphScope use(graph);
  CheckDtype(RemoveRef(loss.dtype()), loss.name());
  if (o.grad_loss.valid()) CheckDtype(RemoveRef(o.grad_loss.dtype()), o.grad_loss.name());
  const std::vector<Variable> variables =
      o.var_list.empty() ? TrainableVariables({}, graph) : o.var_list;
  if (variables.empty()) ThrowError(Code::kInvalidArgument, "No variables to optimize.");
  std::vector<Tensor> xs;
  for (const Variable& v : variables) {
    CheckVariable(v, graph);
    xs.push_back(v.RefOrHandle());
  }
  GradientOptions options;
  if (o.grad_loss.valid()) options.grad_ys = {o.grad_loss};
  options.gate_gradients = o.gate_gradients == GateGradients::kOp;
  options.aggregation_method = o.aggregation_method;
  options.colocate_gradients_with_ops = o.colocate_gradients_with_ops;
  std::vector<Grad> grads = Gradients({loss}, xs, options);
  if (o.gate_gradients == GateGradients::kGraph) Gate(&grads);
  std::vector<GradAndVar> pairs;
  for (size_t i = 0; i < variables.size(); ++i) {
    if (!grads[i].none()) CheckDtype(variables[i].dtype(), variables[i].name());
    pairs.push_back({grads[i], variables[i]});
  }
  return pairs;
}

Operation Optimizer::ApplyOne(const GradAndVar& pair) {
  const Variable& v = pair.variable;
  const NameScope scope("update_" + v.op_name(), v.graph());
  const ColocateWith colocate(v.op());
  if (pair.grad.is_slices()) {
    if (v.constraint()) {
      ThrowError(
          Code::kInvalidArgument,
          StrCat("Cannot use a constraint function on a sparse variable. ('", v.name(), "')"));
    }
    return ApplySparse(NeedsUniqueIndices() ? Deduplicate(pair.grad.slices()) : pair.grad.slices(),
                       v);
  }
  const Operation update = ApplyDense(pair.grad.tensor(), v);
  if (!v.constraint()) return update;
  const ControlDependencies after({update});
  return AssignTo(v, v.constraint()(v), /*use_locking=*/false).op;
}

Operation Optimizer::AdvanceStep(const Variable& step, Operation after, const std::string& name) {
  const ControlDependencies dependencies({after});
  const ColocateWith colocate(step.op());
  if (!step.is_resource()) return OpOf("AssignAdd", {step.ref(), 1}, name);
  const Tensor one = weft::AsTensor(Input(1), step.dtype(), "Const");
  return OpOf("AssignAddVariableOp", {step.handle(), one}, name, {{"dtype", step.dtype()}});
}

Operation Optimizer::ApplyGradients(const std::vector<GradAndVar>& grads_and_vars,
                                    const ApplyGradientsOptions& o) {
  if (grads_and_vars.empty()) ThrowError(Code::kInvalidArgument, "No variables provided.");
  std::vector<GradAndVar> pairs;
  std::vector<Variable> variables;
  for (const GradAndVar& p : grads_and_vars) {
    if (p.grad.none()) continue;
    CheckVariable(p.variable,
                  p.grad.is_slices() ? p.grad.slices().values.graph() : p.grad.tensor().graph());
    CheckVariable(p.variable, pairs.empty() ? p.variable.graph() : variables[0].graph());
    pairs.push_back(p);
    variables.push_back(p.variable);
  }
  if (pairs.empty()) {
    ThrowError(Code::kInvalidArgument,
               StrCat("No gradients provided for any variable: ", ListOf(grads_and_vars), "."));
  }
  Graph graph = variables[0].graph();
  if (o.global_step.valid()) CheckVariable(o.global_step, graph);
  const GraphScope use(graph);
  KeepAlive(graph);
  {
    const ControlDependencies none(nullptr, graph);
    CreateSlots(variables);
  }
  const NameScope scope(o.name.empty() ? name_ : o.name, graph);
  Prepare();
  std::vector<Operation> updates;
  for (const GradAndVar& p : pairs) updates.push_back(ApplyOne(p));
  const Operation train = o.global_step.valid()
                              ? AdvanceStep(o.global_step, Finish(updates, "update"), scope.name())
                              : Finish(updates, scope.name());
  graph.AddToCollection(GraphKeys::kTrainOp, {train});
  return train;
}

Operation Optimizer::Finish(const std::vector<Operation>& updates, const std::string& name) {
  return Group(updates, name);
}

// ---- slots --------------------------------------------------------------------------------------

void Optimizer::KeepAlive(const Graph& graph) {
  if (std::find(graphs_.begin(), graphs_.end(), graph) == graphs_.end()) graphs_.push_back(graph);
}

std::vector<std::string> Optimizer::SlotNames() const {
  std::vector<std::string> names;
  for (const auto& [name, slots] : slots_) names.push_back(name);
  return names;
}

Variable Optimizer::GetSlot(const Variable& v, const std::string& slot) const {
  auto slots = slots_.find(slot);
  if (slots == slots_.end()) return {};
  auto found = slots->second.find(v.RefOrHandle());
  return found == slots->second.end() ? Variable() : found->second;
}

std::vector<Variable> Optimizer::Variables(const Graph& graph) const {
  std::vector<Variable> all;
  const auto take = [&](const Variable& v) {
    if (v.graph() == graph) all.push_back(v);
  };
  for (const auto& [name, list] : non_slots_) {
    for (const Variable& v : list) take(v);
  }
  for (const auto& [name, slots] : slots_) {
    for (const auto& [primary, v] : slots) take(v);
  }
  std::sort(all.begin(), all.end(),
            [](const Variable& a, const Variable& b) { return a.name() < b.name(); });
  return all;
}

Variable Optimizer::FindOrMakeSlot(const Variable& v, const std::string& slot,
                                   const std::function<Variable()>& make) {
  if (Variable existing = GetSlot(v, slot); existing.valid()) return existing;
  const Variable made = make();
  slots_[slot].emplace(v.RefOrHandle(), made);
  return made;
}

Variable Optimizer::SlotWithFunction(const Variable& v, const std::function<Tensor()>& make_value,
                                     const std::string& slot, const std::string& op_name) {
  return FindOrMakeSlot(v, slot,
                        [&] { return internal::CreateSlotWithFunction(v, make_value, op_name); });
}

Variable Optimizer::SlotWithValue(const Variable& v, const Tensor& value, const std::string& slot,
                                  const std::string& op_name) {
  return FindOrMakeSlot(v, slot, [&] { return internal::CreateSlot(v, value, op_name); });
}

Variable Optimizer::SlotWithInitializer(const Variable& v, const Initializer& initializer,
                                        const std::string& slot, const std::string& op_name) {
  return FindOrMakeSlot(v, slot, [&] {
    return internal::CreateSlotWithInitializer(v, initializer, v.shape().ToShape(), v.dtype(),
                                               op_name);
  });
}

Variable Optimizer::ZerosSlot(const Variable& v, const std::string& slot,
                              const std::string& op_name) {
  return FindOrMakeSlot(v, slot, [&] { return internal::CreateZerosSlot(v, op_name); });
}

Variable Optimizer::CreateNonSlotVariable(const Hyperparameter& initial_value,
                                          const std::string& name, const Variable& beside) {
  if (Variable existing = NonSlotVariable(name, beside.graph()); existing.valid()) return existing;
  const ColocateWith colocate(beside.op());
  VariableOptions options{.name = name, .trainable = false, .use_resource = beside.is_resource()};
  const auto make = [&] {
    if (initial_value.is_function())
      return Variable([&] { return initial_value.AsTensor("initial_value"); }, options);
    const Input value = initial_value.Get();
    if (value.dtype() == kFloat64) options.dtype = kFloat32;  // of a literal
    return Variable(value, options);
  };
  const Variable made = make();
  non_slots_[name].push_back(made);
  return made;
}

Variable Optimizer::NonSlotVariable(const std::string& name, const Graph& graph) const {
  auto list = non_slots_.find(name);
  if (list == non_slots_.end()) return {};
  for (const Variable& v : list->second) {
    if (v.graph() == graph) return v;
  }
  return {};
}

}  // namespace weft::train
