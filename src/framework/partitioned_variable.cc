// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/partitioned_variable.h"

#include <algorithm>
#include <optional>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/variable_data.h"
#include "src/framework/variable_store.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"

namespace weft {
namespace {

using internal::StoreOf;
using internal::VariableStore;

std::string ListText(const std::vector<int64_t>& list) {
  return StrCat("[", StrJoin(list, ", "), "]");
}
std::string ShapeText(const Shape& shape) { return PartialShape(shape).ToPythonString(); }

std::vector<int> CutAxes(const std::vector<int64_t>& partitions) {
  std::vector<int> axes;
  for (size_t i = 0; i < partitions.size(); ++i) {
    if (partitions[i] > 1) axes.push_back(static_cast<int>(i));
  }
  return axes.empty() ? std::vector<int>{0} : axes;
}

std::vector<int64_t> Checked(std::vector<int64_t> partitions, const Shape& shape) {
  if (partitions.size() != static_cast<size_t>(shape.rank())) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Partitioner returned a partition list that does not match the Variable's "
                      "rank: ",
                      ListText(partitions), " vs. ", ShapeText(shape)));
  }
  if (std::any_of(partitions.begin(), partitions.end(), [](int64_t p) { return p < 1; })) {
    ThrowError(
        Code::kInvalidArgument,
        StrCat("Partitioner returned zero partitions for some axes: ", ListText(partitions)));
  }
  if (std::count_if(partitions.begin(), partitions.end(), [](int64_t p) { return p > 1; }) > 1) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Can only slice a variable along one dimension: shape: ", ShapeText(shape),
                      ", partitioning: ", ListText(partitions)));
  }
  return partitions;
}

// A Variable of these parts.
Variable MakePartitioned(const std::string& name, const Shape& shape, DataType dtype,
                         std::vector<Variable> parts, std::vector<int64_t> partitions) {
  if (parts.empty()) ThrowError(Code::kInvalidArgument, "the list of parts may not be empty");
  if (partitions.size() != static_cast<size_t>(shape.rank())) {
    ThrowError(Code::kInvalidArgument,
               StrCat("the lengths of the shape ", ShapeText(shape), " and of the partitions ",
                      ListText(partitions), " of variable '", name, "' differ"));
  }
  for (const Variable& part : parts) {
    const std::optional<SaveSliceInfo>& slice = part.save_slice_info();
    if (!slice) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("All parts must have a save_slice_info: ", part.name(), " has none"));
    }
    if (slice->full_shape != shape.ToVector()) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("All parts' full shapes must match shape: ", ShapeText(shape),
                        "; but that of ", part.name(), " is ", ListText(slice->full_shape)));
    }
  }
  std::stable_sort(parts.begin(), parts.end(), [](const Variable& a, const Variable& b) {
    return a.save_slice_info()->var_offset < b.save_slice_info()->var_offset;
  });
  auto data = std::make_shared<Variable::Data>();
  data->trainable = parts[0].trainable();
  data->is_resource = parts[0].is_resource();
  data->shape = PartialShape(shape);
  data->dtype = dtype;
  data->partitioned = Variable::Data::Partitioned{name, std::move(parts), std::move(partitions)};
  return Variable(std::move(data));
}

// ---- GetVariable --------------------------------------------------------------------------------

Variable Existing(const Variable& v, const VariableRequest& r, const std::optional<Shape>& shape,
                  const std::optional<std::vector<int64_t>>& partitions) {
  if (r.reuse == Reuse::kFalse) {
    ThrowError(Code::kAlreadyExists, StrCat("Partitioned variable with name ", r.name,
                                            " already exists. Did you mean to set reuse=True or "
                                            "reuse=tf.AUTO_REUSE in VarScope?"));
  }
  const auto mismatch = [&](const char* what, const std::string& wanted, const std::string& found) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Trying to reuse partitioned variable ", r.name, ", but specified ", what,
                      " ", wanted, " and found ", what, " ", found, "."));
  };
  if (shape && !v.shape().IsCompatibleWith(PartialShape(*shape)))
    mismatch("shape", ShapeText(*shape), v.shape().ToPythonString());
  if (r.dtype != v.dtype()) mismatch("dtype", DTypeName(r.dtype), DTypeName(v.dtype()));
  const std::vector<int64_t>& found = v.data()->partitioned->partitions;
  if (partitions && *partitions != found)
    mismatch("partitions", ListText(*partitions), ListText(found));
  return v;
}

// Shards that are there without the whole must be exactly as many.
void CheckShards(const VariableStore& store, const std::string& name, int64_t num) {
  const auto has = [&](int64_t i) { return store.variables.contains(StrCat(name, "/part_", i)); };
  if (!has(0)) return;
  const std::string start = StrCat(
      "Partitioner returned a different partitioning than what was already found.  "
      "Partitioner returned ",
      num, " shards, and shard ", name, "/part_0 was found, but ");
  if (!has(num - 1))
    ThrowError(Code::kInvalidArgument, StrCat(start, name, "/part_", num - 1, " was not."));
  if (has(num))
    ThrowError(Code::kInvalidArgument,
               StrCat(start, "so was the extra shard ", name, "/part_", num, "."));
}

// The part of a value, or the function, which is told which part it makes.
void SetPartInitializer(const Graph& graph, const VariableRequest& whole, const PartitionInfo& info,
                        VariableRequest* part) {
  const NameScope scope(part->name + "/PartitionedInitializer", graph);
  if (!whole.initializer.valid()) {
    part->initializer = internal::DefaultInitializer(whole.name, whole.dtype);
    return;
  }
  if (!whole.initializer.is_value()) return;
  const Input& value = whole.initializer.value();
  const Tensor all = value.is_tensor() ? value.tensor() : AsTensor(value, whole.dtype);
  const Tensor slice = Slice(all, info.var_offset, *part->shape);
  part->initializer = Input(slice);
  part->dtype = RemoveRef(slice.dtype());
  part->shape.reset();
}

Variable MakeParts(const Graph& graph, const VariableRequest& r, const Shape& shape,
                   const std::vector<int64_t>& partitions) {
  const int axis = CutAxes(partitions)[0];
  const int64_t num = partitions[static_cast<size_t>(axis)];
  CheckShards(StoreOf(graph), r.name, num);
  const int64_t least = shape.dim(axis) / num, longer = shape.dim(axis) % num;
  PartitionInfo info{shape, std::vector<int64_t>(static_cast<size_t>(shape.rank()), 0)};
  std::vector<Variable> parts;
  DataType dtype = r.dtype;
  for (int64_t i = 0; i < num; ++i) {
    std::vector<int64_t> sizes = shape.ToVector();
    int64_t& size = sizes[static_cast<size_t>(axis)];
    size = least + (i < longer ? 1 : 0);
    VariableRequest part = r;
    part.name = StrCat(r.name, "/part_", i);
    part.shape = Shape(sizes);
    SetPartInitializer(graph, r, info, &part);
    dtype = part.dtype;
    {
      const NameScope root("", graph);
      parts.push_back(internal::GetSingle(graph, part, &info));
    }
    parts.back().set_save_slice_info(
        SaveSliceInfo{r.name, shape.ToVector(), info.var_offset, sizes});
    info.var_offset[static_cast<size_t>(axis)] += size;
  }
  return MakePartitioned(r.name, shape, dtype, std::move(parts), partitions);
}

}  // namespace

Variable internal::GetPartitioned(const Graph& graph, const VariableRequest& r) {
  VariableStore& store = StoreOf(graph);
  if (store.variables.contains(r.name)) {
    ThrowError(Code::kInvalidArgument,
               StrCat("A partitioner was provided, but an unpartitioned version of the variable "
                      "was found: ",
                      r.name,
                      ".  Perhaps a variable of the same name was already created without "
                      "partitioning?"));
  }
  PartialShape shape = r.shape ? PartialShape(*r.shape) : PartialShape::Unknown();
  if (r.initializer.valid() && r.initializer.is_value()) {
    const PartialShape value = r.initializer.value().shape();
    if (!shape.IsCompatibleWith(value)) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("Variable ", r.name, ": the shapes ", shape.ToPythonString(), " and ",
                        value.ToPythonString(), " (of the initializer) are not compatible"));
    }
    if (!r.shape) shape = value;
  }
  std::optional<Shape> full;
  if (shape.IsFullyKnown()) full = shape.ToShape();
  std::optional<std::vector<int64_t>> partitions;
  if (r.partitioner) {
    if (!full) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("Shape of a new partitioned variable must be fully defined, but instead "
                        "was ",
                        shape.ToPythonString(), "."));
    }
    if (full->rank() < 1) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("A partitioned Variable must have rank at least 1, shape: ",
                        shape.ToPythonString()));
    }
    partitions = Checked(r.partitioner(*full, r.dtype), *full);
  }
  if (auto it = store.partitioned.find(r.name); it != store.partitioned.end())
    return Existing(it->second, r, full, partitions);
  if (r.reuse == Reuse::kTrue || !partitions) {
    ThrowError(Code::kNotFound,
               StrCat("PartitionedVariable ", r.name,
                      " does not exist, or was not created with tf.get_variable(). Did you mean to "
                      "set reuse=False or reuse=tf.AUTO_REUSE in VarScope?"));
  }
  Variable made = MakeParts(graph, r, *full, *partitions);
  store.partitioned.emplace(r.name, made);
  return made;
}

// The nodes have the names of the whole, wherever the value is wanted.
Tensor internal::ConcatenatedParts(const Variable::Data& data) {
  const Variable::Data::Partitioned& p = *data.partitioned;
  const Graph graph = p.parts[0].graph();
  const GraphScope use(graph);
  const ControlDependencies none(nullptr, graph);
  if (p.parts.size() == 1) {
    const NameScope root("", graph);
    return Identity(p.parts[0], p.name);
  }
  const std::vector<int> axes = CutAxes(p.partitions);
  if (axes.size() > 1) {
    ThrowError(Code::kUnimplemented,
               StrCat("Cannot concatenate along more than one dimension: variable ", p.name,
                      " has the partitions ", ListText(p.partitions)));
  }
  Tensor whole;
  {
    const NameScope scope(p.name + "/ConcatPartitions/", graph);
    whole = Concat({p.parts.begin(), p.parts.end()}, axes[0]);
  }
  const NameScope root("", graph);
  return Identity(whole, p.name);
}

// ---- PartitionedVariable ------------------------------------------------------------------------

PartitionedVariable::PartitionedVariable(const Variable& v) : variable_(v) {
  if (v.is_partitioned()) return;
  ThrowError(Code::kInvalidArgument, StrCat("Variable '", v.name(), "' has no parts"));
}
PartitionedVariable::PartitionedVariable(const std::string& name, const Shape& shape,
                                         DataType dtype, std::vector<Variable> parts,
                                         std::vector<int64_t> partitions)
    : variable_(MakePartitioned(name, shape, dtype, std::move(parts), std::move(partitions))) {
  if (std::any_of(this->partitions().begin(), this->partitions().end(),
                  [](int64_t p) { return p < 1; })) {
    ThrowError(Code::kInvalidArgument,
               StrCat("partition values must be positive: ", ListText(this->partitions())));
  }
}

const std::vector<int64_t>& PartitionedVariable::partitions() const {
  return variable_.data()->partitioned->partitions;
}
std::vector<int> PartitionedVariable::partition_axes() const { return CutAxes(partitions()); }
const std::vector<Variable>& PartitionedVariable::parts() const {
  return variable_.data()->partitioned->parts;
}

std::vector<Input> PartitionedVariable::Split(const Input& value) const {
  const std::vector<int> axes = partition_axes();
  if (axes.size() > 1) {
    ThrowError(Code::kUnimplemented,
               StrCat("Cannot do assign action along more than one dimension: variable ", name(),
                      " has the partitions ", ListText(partitions())));
  }
  std::vector<int64_t> sizes;
  for (const Variable& part : parts()) sizes.push_back(part.shape().dim(axes[0]));
  const GraphScope use(variable_.graph());
  const std::vector<Tensor> split =
      SplitV(weft::AsTensor(value, dtype(), "value"), sizes, {.axis = axes[0]});
  return {split.begin(), split.end()};
}

namespace {
std::vector<Tensor> ForEachPart(const PartitionedVariable& v, const std::vector<Input>& values,
                                Tensor (Variable::*change)(const Input&, const NameOptions&) const,
                                const NameOptions& name) {
  if (values.size() != v.size()) {
    ThrowError(Code::kInvalidArgument, StrCat("Variable ", v.name(), " has ", v.size(),
                                              " parts, but there are ", values.size(), " values"));
  }
  std::vector<Tensor> changed;
  for (size_t i = 0; i < values.size(); ++i) changed.push_back((v[i].*change)(values[i], name));
  return changed;
}
}  // namespace

std::vector<Tensor> PartitionedVariable::Assign(const Input& value, const NameOptions& name) const {
  return ForEachPart(*this, Split(value), &Variable::Assign, name);
}
std::vector<Tensor> PartitionedVariable::AssignAdd(const Input& delta,
                                                   const NameOptions& name) const {
  return ForEachPart(*this, Split(delta), &Variable::AssignAdd, name);
}
std::vector<Tensor> PartitionedVariable::AssignSub(const Input& delta,
                                                   const NameOptions& name) const {
  return ForEachPart(*this, Split(delta), &Variable::AssignSub, name);
}
std::vector<Tensor> PartitionedVariable::Assign(const std::vector<Input>& values,
                                                const NameOptions& name) const {
  return ForEachPart(*this, values, &Variable::Assign, name);
}
std::vector<Tensor> PartitionedVariable::AssignAdd(const std::vector<Input>& deltas,
                                                   const NameOptions& name) const {
  return ForEachPart(*this, deltas, &Variable::AssignAdd, name);
}
std::vector<Tensor> PartitionedVariable::AssignSub(const std::vector<Input>& deltas,
                                                   const NameOptions& name) const {
  return ForEachPart(*this, deltas, &Variable::AssignSub, name);
}
std::vector<Tensor> PartitionedVariable::Assign(const PartitionedVariable& values,
                                                const NameOptions& name) const {
  return ForEachPart(*this, {values.begin(), values.end()}, &Variable::Assign, name);
}

// ---- CreatePartitionedVariables -----------------------------------------------------------------

std::vector<Variable> CreatePartitionedVariables(const Shape& shape,
                                                 const std::vector<int64_t>& slicing,
                                                 const Initializer& initializer,
                                                 const CreatePartitionedVariablesOptions& o) {
  if (slicing.size() != static_cast<size_t>(shape.rank())) {
    ThrowError(Code::kInvalidArgument,
               StrCat("The 'shape' and 'slicing' of a partitioned Variable must have the length: "
                      "shape: ",
                      ListText(shape.ToVector()), ", slicing: ", ListText(slicing)));
  }
  if (shape.rank() < 1) {
    ThrowError(Code::kInvalidArgument,
               "A partitioned Variable must have rank at least 1: shape: []");
  }
  const VariableScopeOptions options{.reuse = o.reuse};
  const auto get = [&] {
    const Graph graph = Graph::Default();
    const NameScope root("", graph);
    const VarScope scope = VariableScope::Current(graph);
    const VariableDefaults& d = scope.defaults();
    if (d.custom_getter) {
      ThrowError(Code::kInvalidArgument,
                 "CreatePartitionedVariables is not allowed when a custom getter is set. Consider "
                 "GetVariable with a partitioner instead.");
    }
    VariableRequest r{.name = scope.name(),
                      .shape = shape,
                      .dtype = o.dtype,
                      .initializer = initializer.valid() ? initializer : d.initializer,
                      .regularizer = d.regularizer,
                      .reuse = scope.reuse(),
                      .trainable = o.trainable,
                      .collections = o.collections,
                      .caching_device = d.caching_device,
                      .partitioner = [&](const Shape&, DataType) { return slicing; },
                      .use_resource = d.use_resource,
                      .constraint = d.constraint};
    return PartitionedVariable(internal::GetPartitioned(graph, r)).parts();
  };
  if (!o.name.empty()) {
    const VariableScope scope(o.name, options);
    return get();
  }
  const VariableScope scope = VariableScope::Unique("PartitionedVariable", options);
  return get();
}

}  // namespace weft
