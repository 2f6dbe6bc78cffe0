// SPDX-License-Identifier: Apache-2.0
// GetVariable: from the arguments and the scope to a request, through the custom getters, to a
// variable that is there or a new one.
#include <algorithm>
#include <mutex>
#include <utility>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/variable_store.h"
#include "src/graph/graph_impl.h"
#include "src/graph/literal.h"

namespace weft {
namespace {

using internal::StoreOf;
using internal::VariableStore;

VariableRequest RequestFor(std::string_view name, std::optional<Shape> shape,
                           const GetVariableOptions& o, const VarScope& scope) {
  const VariableDefaults& d = scope.defaults();
  VariableRequest r;
  r.name = scope.name().empty() ? std::string(name) : StrCat(scope.name(), "/", name);
  r.shape = std::move(shape);
  r.dtype = o.dtype != kInvalidType ? RemoveRef(o.dtype) : d.dtype;
  r.initializer = o.initializer.valid() ? o.initializer : d.initializer;
  r.regularizer = o.regularizer ? o.regularizer : d.regularizer;
  r.reuse = scope.reuse();
  r.trainable = o.trainable;
  r.collections = o.collections;
  r.caching_device = o.caching_device.empty() ? d.caching_device : o.caching_device;
  r.partitioner = o.partitioner ? o.partitioner : d.partitioner;
  r.validate_shape = o.validate_shape;
  r.use_resource = o.use_resource.value_or(d.use_resource);
  r.constraint = o.constraint ? o.constraint : d.constraint;
  return r;
}

// A literal of C++'s double is float32, as Python's float, unless another floating dtype is wanted.
GetVariableOptions WithLiteralDtype(GetVariableOptions o) {
  if (!o.initializer.is_value()) return o;
  const Input& value = o.initializer.value();
  if (value.is_tensor() || !value.weak() || value.dtype() != kFloat64) return o;
  const DataType dtype = IsFloating(o.dtype) ? RemoveRef(o.dtype) : kFloat32;
  o.initializer = Initializer(ConvertLiteral(value.array(), dtype, "GetVariable", "initializer"));
  return o;
}

// A value and a dtype, both given, must agree.
void CheckValueDtype(const GetVariableOptions& o) {
  if (o.dtype == kInvalidType || !o.initializer.is_value()) return;
  const DataType dtype = RemoveRef(AsTensor(o.initializer.value()).dtype());
  if (dtype == RemoveRef(o.dtype)) return;
  ThrowError(Code::kInvalidArgument,
             StrCat("Initializer type '", DTypeName(dtype), "' and explicit dtype '",
                    DTypeName(o.dtype), "' don't match."));
}

// What custom getters stand before.
Variable MakeOrFind(const Graph& graph, const VariableRequest& r) {
  const VariableStore& store = StoreOf(graph);
  const bool is_scalar = r.shape && r.shape->rank() == 0;
  if (r.partitioner && !is_scalar) return internal::GetPartitioned(graph, r);
  if (r.reuse == Reuse::kTrue && !r.partitioner && store.partitioned.contains(r.name))
    return internal::GetPartitioned(graph, r);
  if (store.variables.contains(StrCat(r.name, "/part_0"))) {
    ThrowError(Code::kInvalidArgument,
               StrCat("No partitioner was provided, but a partitioned version of the variable was "
                      "found: ",
                      r.name,
                      "/part_0. Perhaps a variable of the same name was already created with "
                      "partitioning?"));
  }
  return internal::GetSingle(graph, r, nullptr);
}

Variable Existing(const Variable& v, const VariableRequest& r) {
  if (r.reuse == Reuse::kFalse) {
    ThrowError(Code::kAlreadyExists,
               StrCat("Variable ", r.name,
                      " already exists, disallowed. Did you mean to set reuse=True "
                      "in VarScope?"));
  }
  if (r.shape && !v.shape().IsCompatibleWith(PartialShape(*r.shape))) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Trying to share variable ", r.name, ", but specified shape ",
                      PartialShape(*r.shape).ToPythonString(), " and found shape ",
                      v.shape().ToPythonString(), "."));
  }
  if (r.dtype != v.dtype()) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Trying to share variable ", r.name, ", but specified dtype ",
                      DTypeName(r.dtype), " and found dtype ",
                      DTypeName(v.is_resource() ? v.dtype() : MakeRef(v.dtype())), "."));
  }
  return v;
}

Variable Make(const VariableRequest& r, const PartitionInfo* partition) {
  VariableOptions options{.name = r.name,
                          .trainable = r.trainable,
                          .collections = r.collections,
                          .validate_shape = r.validate_shape,
                          .use_resource = r.use_resource,
                          .caching_device = r.caching_device,
                          .constraint = r.constraint};
  if (!r.shape && !r.initializer.valid()) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Variable ", r.name,
                      " did not get an initializer, so its `shape` argument must be specified."));
  }
  const Initializer initializer =
      r.initializer.valid() ? r.initializer : internal::DefaultInitializer(r.name, r.dtype);
  if (initializer.is_value()) return Variable(initializer.value(), options);
  if (initializer.needs_no_shape() == r.shape.has_value()) {
    ThrowError(Code::kInvalidArgument,
               StrCat("The initializer passed for variable ", r.name,
                      " is not valid. It should be a function without arguments, and the shape "
                      "not be given, or one of a shape and a dtype, and the shape be given."));
  }
  if (!r.shape) return Variable([&] { return initializer(); }, options);
  options.shape = PartialShape(*r.shape);
  return Variable([&] { return initializer(*r.shape, r.dtype, partition); }, options);
}

// TensorFlow 2.15 asks the regularizer twice: first whether there is a penalty at all, outside of
// all scopes. Its nodes take names there, so they are made here too.
void Regularize(const Variable& v, const VariableRequest& r, const Graph& graph) {
  if (!r.regularizer || !r.regularizer(v).valid()) return;
  const ColocateWith colocate(v.op());
  const NameScope scope(r.name + "/Regularizer/", graph);
  AddToCollection(GraphKeys::kRegularizationLosses, r.regularizer(v));
}

}  // namespace

Initializer internal::DefaultInitializer(const std::string& variable, DataType dtype) {
  if (IsFloating(dtype)) return GlorotUniformInitializer();
  if (dtype == kString || dtype == kBool || IsInteger(dtype)) return ZerosInitializer();
  ThrowError(Code::kInvalidArgument, StrCat("An initializer for variable ", variable, " of ",
                                            DTypeName(dtype), " is required"));
}

Variable internal::GetSingle(const Graph& graph, const VariableRequest& r,
                             const PartitionInfo* partition) {
  if (r.shape && r.initializer.valid() && r.initializer.is_value()) {
    ThrowError(
        Code::kInvalidArgument,
        StrCat("If initializer is a constant, do not specify shape (variable ", r.name, ")."));
  }
  VariableStore& store = StoreOf(graph);
  if (auto it = store.variables.find(r.name); it != store.variables.end())
    return Existing(it->second, r);
  if (r.reuse == Reuse::kTrue) {
    ThrowError(Code::kNotFound,
               StrCat("Variable ", r.name,
                      " does not exist, or was not created with tf.get_variable(). Did you mean to "
                      "set reuse=tf.AUTO_REUSE in VarScope?"));
  }
  const Variable made = Make(r, partition);
  store.variables.emplace(r.name, made);
  Regularize(made, r, graph);
  return made;
}

Variable internal::GetVariableInScope(std::string_view name, std::optional<Shape> shape,
                                      const GetVariableOptions& given) {
  const GetVariableOptions options = WithLiteralDtype(given);
  const Graph graph = Graph::Default();
  const std::lock_guard lock(graph.impl().mu());
  const GraphScope use(graph);
  const NameScope root("", graph);
  const VarScope scope = VariableScope::Current(graph);
  CheckValueDtype(options);
  const VariableRequest request = RequestFor(name, std::move(shape), options, scope);
  const CustomGetter custom =
      options.custom_getter ? options.custom_getter : scope.defaults().custom_getter;
  const VariableGetter getter = [&](const VariableRequest& r) { return MakeOrFind(graph, r); };
  return custom ? custom(getter, request) : getter(request);
}

namespace {
Variable Checked(std::string_view name, std::optional<Shape> shape,
                 const GetVariableOptions& options) {
  if (name.empty()) ThrowError(Code::kInvalidArgument, "GetVariable: a variable must have a name");
  return internal::GetVariableInScope(name, std::move(shape), options);
}

GetVariableOptions Local(GetVariableOptions options) {
  options.trainable = false;
  if (!options.collections) options.collections.emplace();
  options.collections->push_back(GraphKeys::kLocalVariables);
  return options;
}
}  // namespace

Variable GetVariable(std::string_view name, const Shape& shape, const GetVariableOptions& options) {
  return Checked(name, shape, options);
}
Variable GetVariable(std::string_view name, const GetVariableOptions& options) {
  return Checked(name, std::nullopt, options);
}
Variable GetLocalVariable(std::string_view name, const Shape& shape,
                          const GetVariableOptions& options) {
  return Checked(name, shape, Local(options));
}
Variable GetLocalVariable(std::string_view name, const GetVariableOptions& options) {
  return Checked(name, std::nullopt, Local(options));
}

}  // namespace weft
