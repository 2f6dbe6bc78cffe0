// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string_view>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/nodes.h"
#include "src/framework/variable_data.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/math_binary.h"

namespace weft {
namespace {

using internal::Op;
using internal::OpOf;

// The value of a resource variable after `update`.
Tensor ReadAfter(const Variable& v, Operation update) {
  const ControlDependencies after({update});
  return v.AsTensor();
}

// AssignAdd and its kin: `resource_op` changes a resource variable.
Tensor Update(const VariableRef& v, const char* ref_op, const char* resource_op, const Input& value,
              const UpdateOptions& o) {
  if (!v.is_resource())
    return Op(ref_op, {v.ref(), value}, o.name, {{"use_locking", o.use_locking}});
  const GraphScope use(v.ref().graph());
  const DataType dtype = v.variable().dtype();
  const Tensor typed = AsTensor(value, dtype);
  return ReadAfter(v.variable(), OpOf(resource_op, {v.ref(), typed}, o.name, {{"dtype", dtype}}));
}

// As Update, without a read of the result.
Operation UpdateOnly(const Variable& v, const char* ref_op, const char* resource_op,
                     const Input& value, const NameOptions& name) {
  const GraphScope use(v.graph());
  if (!v.is_resource()) return OpOf(ref_op, {v.ref(), value}, name.name, {{"use_locking", false}});
  const Tensor typed = AsTensor(value, v.dtype());
  return OpOf(resource_op, {v.handle(), typed}, name.name, {{"dtype", v.dtype()}});
}

Tensor Scatter(const VariableRef& v, const char* op, const Input& indices, const Input& updates,
               const UpdateOptions& o) {
  if (!v.is_resource())
    return Op(op, {v.ref(), indices, updates}, o.name, {{"use_locking", o.use_locking}});
  const GraphScope use(v.ref().graph());
  const DataType dtype = v.variable().dtype();
  const Tensor typed = AsTensor(updates, dtype);
  const std::string resource_op = StrCat("Resource", op);
  if (std::string_view(op).starts_with("ScatterNd"))
    return ReadAfter(v.variable(), OpOf(resource_op, {v.ref(), indices, typed}, o.name));
  return ReadAfter(v.variable(),
                   OpOf(resource_op, {v.ref(), indices, typed}, o.name, {{"dtype", dtype}}));
}

}  // namespace

namespace {
// The assignment itself, of either form.
Operation AssignNode(const VariableRef& v, const Input& value, const AssignOptions& o) {
  if (!v.is_resource()) {
    return OpOf("Assign", {v.ref(), value}, o.name,
                {{"validate_shape", o.validate_shape}, {"use_locking", o.use_locking}});
  }
  const GraphScope use(v.ref().graph());
  const DataType dtype = v.variable().dtype();
  const Tensor typed = AsTensor(value, dtype);
  // What is known before is checked here, the rest in the run.
  const bool check = o.validate_shape && v.variable().shape().IsFullyKnown();
  if (o.validate_shape && !v.variable().shape().IsCompatibleWith(typed.shape())) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Cannot assign value to variable ' ", v.variable().name(),
                      "': Shape mismatch.The variable shape ",
                      v.variable().shape().ToPythonString(), ", and the assigned value shape ",
                      typed.shape().ToPythonString(), " are incompatible."));
  }
  return OpOf("AssignVariableOp", {v.ref(), typed}, o.name,
              {{"dtype", dtype}, {"validate_shape", check}});
}
}  // namespace

Tensor Assign(const VariableRef& v, const Input& value, const AssignOptions& o) {
  const Operation assign = AssignNode(v, value, o);
  return v.is_resource() ? ReadAfter(v.variable(), assign) : assign.output(0);
}

Tensor AssignAdd(const VariableRef& v, const Input& value, const UpdateOptions& options) {
  return Update(v, "AssignAdd", "AssignAddVariableOp", value, options);
}
Tensor AssignSub(const VariableRef& v, const Input& value, const UpdateOptions& options) {
  return Update(v, "AssignSub", "AssignSubVariableOp", value, options);
}

Tensor CountUpTo(const VariableRef& v, int64_t limit, const NameOptions& name) {
  if (!v.is_resource()) return Op("CountUpTo", {v.ref()}, name.name, {{"limit", limit}});
  return Op("ResourceCountUpTo", {v.ref()}, name.name,
            {{"limit", limit}, {"T", v.variable().dtype()}});
}

Tensor ScatterUpdate(const VariableRef& v, const Input& indices, const Input& updates,
                     const UpdateOptions& options) {
  return Scatter(v, "ScatterUpdate", indices, updates, options);
}
Tensor ScatterAdd(const VariableRef& v, const Input& indices, const Input& updates,
                  const UpdateOptions& options) {
  return Scatter(v, "ScatterAdd", indices, updates, options);
}
Tensor ScatterSub(const VariableRef& v, const Input& indices, const Input& updates,
                  const UpdateOptions& options) {
  return Scatter(v, "ScatterSub", indices, updates, options);
}
Tensor ScatterMul(const VariableRef& v, const Input& indices, const Input& updates,
                  const UpdateOptions& options) {
  return Scatter(v, "ScatterMul", indices, updates, options);
}
Tensor ScatterDiv(const VariableRef& v, const Input& indices, const Input& updates,
                  const UpdateOptions& options) {
  return Scatter(v, "ScatterDiv", indices, updates, options);
}
Tensor ScatterMin(const VariableRef& v, const Input& indices, const Input& updates,
                  const UpdateOptions& options) {
  return Scatter(v, "ScatterMin", indices, updates, options);
}
Tensor ScatterMax(const VariableRef& v, const Input& indices, const Input& updates,
                  const UpdateOptions& options) {
  return Scatter(v, "ScatterMax", indices, updates, options);
}
Tensor ScatterNdUpdate(const VariableRef& v, const Input& indices, const Input& updates,
                       const UpdateOptions& options) {
  return Scatter(v, "ScatterNdUpdate", indices, updates, options);
}
Tensor ScatterNdAdd(const VariableRef& v, const Input& indices, const Input& updates,
                    const UpdateOptions& options) {
  return Scatter(v, "ScatterNdAdd", indices, updates, options);
}
Tensor ScatterNdSub(const VariableRef& v, const Input& indices, const Input& updates,
                    const UpdateOptions& options) {
  return Scatter(v, "ScatterNdSub", indices, updates, options);
}

Tensor ScatterNdMin(const VariableRef& v, const Input& indices, const Input& updates,
                    const UpdateOptions& options) {
  return Scatter(v, "ScatterNdMin", indices, updates, options);
}
Tensor ScatterNdMax(const VariableRef& v, const Input& indices, const Input& updates,
                    const UpdateOptions& options) {
  return Scatter(v, "ScatterNdMax", indices, updates, options);
}

// ScatterNdUpdate, with the numbers of the batches put before each index.
Tensor BatchScatterUpdate(const VariableRef& v, const Input& rows, const Input& updates,
                          const UpdateOptions& options) {
  const Graph graph = v.ref().graph();
  const GraphScope use(graph);
  std::optional<NameScope> scope;
  if (!options.name.empty()) scope.emplace(options.name, graph);
  const Tensor indices = AsTensor(rows, kInvalidType, "indices");
  const Tensor sizes = ShapeOf(indices);
  if (!indices.shape().known_rank()) {
    ThrowError(Code::kInvalidArgument, StrCat("BatchScatterUpdate: the rank of the indices '",
                                              indices.name(), "' must be known."));
  }
  const int rank = indices.shape().rank();
  const Tensor last = ExpandDims(indices, -1);
  std::vector<Input> coordinates;
  for (int d = 0; d + 1 < rank; ++d) {
    const Tensor size = At(sizes, {d});
    const Tensor range = Op("Range", {0, size, 1});
    std::vector<IntList::Element> broadcast(static_cast<size_t>(rank + 1), 1);
    broadcast[static_cast<size_t>(d)] = size;
    Tensor numbers = Reshape(range, IntList(std::move(broadcast)));
    if (numbers.dtype() != last.dtype())
      numbers = Op("Cast", {numbers}, {}, {{"DstT", last.dtype()}});
    coordinates.push_back(numbers * OnesLike(last));
  }
  coordinates.push_back(last);
  return ScatterNdUpdate(v, Concat(coordinates, -1), updates, {.use_locking = options.use_locking});
}

Tensor AssertVariablesInitialized(const std::vector<Variable>& given) {
  std::vector<Variable> variables = given;
  if (variables.empty()) {
    variables = GlobalVariables();
    for (const Variable& v : LocalVariables()) variables.push_back(v);
  }
  if (variables.empty()) return {};
  const GraphScope use(variables[0].graph());
  std::vector<Input> ranks;
  for (const Variable& v : variables) {
    const ColocateWith colocate(v.op());
    // Rank itself: its value would be known without a run otherwise.
    ranks.push_back(Op("Rank", {v}));
  }
  return ranks.size() == 1 ? ranks[0].tensor() : Stack(ranks);
}

Tensor IsVariableInitialized(const Variable& v, const NameOptions& name) {
  return v.IsInitialized(name);
}

Tensor ReportUninitializedVariables(const std::vector<Variable>& given, const NameOptions& name) {
  std::vector<Variable> variables = given;
  if (variables.empty()) {
    variables = GlobalVariables();
    for (const Variable& v : LocalVariables()) variables.push_back(v);
  }
  const Graph graph = variables.empty() ? Graph::Default() : variables[0].graph();
  const GraphScope use(graph);
  const NameScope scope(name.name.empty() ? "report_uninitialized_variables" : name.name, graph);
  if (variables.empty()) return AsTensor(Array(kString, Shape({0})));
  std::vector<Input> states;
  std::vector<std::string> names;
  for (const Variable& v : variables) {
    states.push_back(v.IsInitialized());
    names.push_back(v.op_name());
  }
  // The names are strings: all of this is for the CPU.
  const DeviceScope cpu("/cpu:0", graph);
  const Tensor missing = Op("LogicalNot", {Stack(states)});
  return BooleanMask(AsTensor(Array::FromVector(names)), missing);
}

// ---- Variable's own ----

Tensor Variable::Assign(const Input& value, const NameOptions& name) const {
  return weft::Assign(*this, value, {.use_locking = false, .name = name.name});
}
Tensor Variable::AssignAdd(const Input& delta, const NameOptions& name) const {
  return weft::AssignAdd(*this, delta, {.name = name.name});
}
Tensor Variable::AssignSub(const Input& delta, const NameOptions& name) const {
  return weft::AssignSub(*this, delta, {.name = name.name});
}
Tensor Variable::CountUpTo(int64_t limit, const NameOptions& name) const {
  return weft::CountUpTo(*this, limit, name);
}
Operation Variable::AssignOp(const Input& value, const NameOptions& name) const {
  return AssignNode(*this, value, {.use_locking = false, .name = name.name});
}
Operation Variable::AssignAddOp(const Input& delta, const NameOptions& name) const {
  return UpdateOnly(*this, "AssignAdd", "AssignAddVariableOp", delta, name);
}
Operation Variable::AssignSubOp(const Input& delta, const NameOptions& name) const {
  return UpdateOnly(*this, "AssignSub", "AssignSubVariableOp", delta, name);
}
Tensor Variable::ScatterUpdate(const IndexedSlices& slices, const NameOptions& name) const {
  return weft::ScatterUpdate(*this, slices.indices, slices.values, {.name = name.name});
}
Tensor Variable::ScatterAdd(const IndexedSlices& slices, const NameOptions& name) const {
  return weft::ScatterAdd(*this, slices.indices, slices.values, {.name = name.name});
}
Tensor Variable::ScatterSub(const IndexedSlices& slices, const NameOptions& name) const {
  return weft::ScatterSub(*this, slices.indices, slices.values, {.name = name.name});
}
Tensor Variable::ScatterMul(const IndexedSlices& slices, const NameOptions& name) const {
  return weft::ScatterMul(*this, slices.indices, slices.values, {.name = name.name});
}
Tensor Variable::ScatterDiv(const IndexedSlices& slices, const NameOptions& name) const {
  return weft::ScatterDiv(*this, slices.indices, slices.values, {.name = name.name});
}
Tensor Variable::ScatterMin(const IndexedSlices& slices, const NameOptions& name) const {
  return weft::ScatterMin(*this, slices.indices, slices.values, {.name = name.name});
}
Tensor Variable::ScatterMax(const IndexedSlices& slices, const NameOptions& name) const {
  return weft::ScatterMax(*this, slices.indices, slices.values, {.name = name.name});
}
Tensor Variable::ScatterNdUpdate(const Input& indices, const Input& updates,
                                 const NameOptions& name) const {
  return weft::ScatterNdUpdate(*this, indices, updates, {.use_locking = true, .name = name.name});
}
Tensor Variable::ScatterNdAdd(const Input& indices, const Input& updates,
                              const NameOptions& name) const {
  return weft::ScatterNdAdd(*this, indices, updates, {.use_locking = true, .name = name.name});
}
Tensor Variable::ScatterNdSub(const Input& indices, const Input& updates,
                              const NameOptions& name) const {
  return weft::ScatterNdSub(*this, indices, updates, {.use_locking = true, .name = name.name});
}
Tensor Variable::ScatterNdMin(const Input& indices, const Input& updates,
                              const NameOptions& name) const {
  return weft::ScatterNdMin(*this, indices, updates, {.use_locking = true, .name = name.name});
}
Tensor Variable::ScatterNdMax(const Input& indices, const Input& updates,
                              const NameOptions& name) const {
  return weft::ScatterNdMax(*this, indices, updates, {.use_locking = true, .name = name.name});
}
Tensor Variable::BatchScatterUpdate(const IndexedSlices& slices, const NameOptions& name) const {
  return weft::BatchScatterUpdate(*this, slices.indices, slices.values,
                                  {.use_locking = false, .name = name.name});
}

}  // namespace weft
