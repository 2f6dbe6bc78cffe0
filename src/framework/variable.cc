// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/variable.h"

#include <algorithm>
#include <optional>
#include <ostream>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/initial_value.h"
#include "src/framework/nodes.h"
#include "src/framework/variable_data.h"
#include "src/graph/graph_impl.h"
#include "weft/graph/op_builder.h"
#include "weft/runtime/session.h"

namespace weft {
namespace {

using internal::Op;
using internal::OpOf;

using internal::SingleData;

Variable::Data& Checked(const std::shared_ptr<Variable::Data>& data) {
  if (!data) ThrowError(Code::kInvalidArgument, "an empty Variable was used");
  return *data;
}

std::string WithoutSlash(std::string scope) {
  if (!scope.empty() && scope.back() == '/') scope.pop_back();
  return scope;
}

// Adds "loc:@w" to what is made inside, before w itself exists.
class LocationScope {
 public:
  LocationScope(Graph graph, std::string variable)
      : graph_(std::move(graph)),
        first_(graph_.impl().num_nodes()),
        location_("loc:@" + variable) {}
  ~LocationScope() {
    GraphImpl& impl = graph_.impl();
    std::lock_guard lock(impl.mu());
    for (int i = first_; i < impl.num_nodes(); ++i) {
      Node* n = impl.nodes()[static_cast<size_t>(i)].get();
      if (!n->FindAttr("_class")) impl.SetAttr(n, "_class", std::vector<std::string>{location_});
    }
  }

 private:
  Graph graph_;
  int first_;
  std::string location_;
};

// The static shape; checks that of the initial value.
PartialShape ShapeFor(const Tensor& initial_value, const VariableOptions& options,
                      const std::string& name) {
  if (options.shape) {
    if (!initial_value.shape().IsCompatibleWith(*options.shape)) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("In the creation of variable '", name, "', the initial value's shape (",
                        initial_value.shape().ToPythonString(),
                        ") is not compatible with the explicitly supplied `shape` argument (",
                        options.shape->ToPythonString(), ")."));
    }
    return *options.shape;
  }
  return options.validate_shape ? initial_value.shape() : PartialShape::Unknown();
}

void CheckShape(const Tensor& initial_value, const VariableOptions& options,
                const std::string& name) {
  if (!options.validate_shape || initial_value.shape().IsFullyKnown()) return;
  ThrowError(Code::kInvalidArgument,
             StrCat("initial_value must have a shape specified: variable '", name, "' is given '",
                    initial_value.name(), "' of shape ", initial_value.shape().ToString(),
                    ". Set validate_shape = false to allow any."));
}

void BuildRef(const std::function<Tensor()>& make_value, bool from_function,
              const VariableOptions& options, const NameScope& scope, Variable::Data* d) {
  const Graph graph = Graph::Default();
  const std::string name = WithoutSlash(scope.name());
  if (from_function) {
    LocationScope location(graph, name);
    NameScope initializer("Initializer", graph);
    DeviceScope no_device("", graph);
    d->initial_value = make_value();
  } else {
    d->initial_value = make_value();
  }
  CheckShape(d->initial_value, options, name);
  d->dtype = RemoveRef(d->initial_value.dtype());
  d->shape = ShapeFor(d->initial_value, options, name);
  std::optional<LocationScope> location;
  if (from_function) location.emplace(graph, name);
  d->variable = OpBuilder("VariableV2", scope.name())
                    .Attr("dtype", d->dtype)
                    .Attr("shape", d->shape)
                    .Output();
  location.reset();
  const Tensor guarded = internal::GuardedInitialValue(scope.name(), d->initial_value);
  d->initializer = OpOf("Assign", {d->variable, guarded}, "Assign",
                        {{"validate_shape", options.validate_shape}});
  std::optional<ColocateWith> with_variable;
  std::optional<DeviceScope> there;
  if (options.caching_device.empty())
    with_variable.emplace(d->variable.op());
  else if (options.caching_device != internal::kCacheHere)
    there.emplace(options.caching_device, graph);
  d->snapshot = Op("Identity", {d->variable}, "read");
}

void BuildResource(const std::function<Tensor()>& make_value, const VariableOptions& options,
                   const NameScope& scope, Variable::Data* d) {
  const Graph graph = Graph::Default();
  const std::string name = WithoutSlash(scope.name());
  {
    LocationScope location(graph, name);
    {
      NameScope initializer("Initializer", graph);
      DeviceScope no_device("", graph);
      d->initial_value = make_value();
    }
    CheckShape(d->initial_value, options, name);
    d->dtype = RemoveRef(d->initial_value.dtype());
    d->shape = ShapeFor(d->initial_value, options, name);
    d->variable = OpBuilder("VarHandleOp", scope.name())
                      .Attr("dtype", d->dtype)
                      .Attr("shape", d->shape)
                      .Attr("shared_name", name)
                      .Attr("debug_name", scope.name())
                      .Output();
  }
  d->is_resource = true;
  {
    NameScope is_initialized("IsInitialized", graph);
    Op("VarIsInitializedOp", {d->variable});
  }
  {
    // Where the handle is, whatever the variable itself stands beside.
    const ColocateWith nothing(nullptr, graph);
    const DeviceScope there(d->variable.device(), graph);
    const Tensor guarded = internal::GuardedInitialValue(scope.name(), d->initial_value);
    d->initializer =
        OpOf("AssignVariableOp", {d->variable, guarded}, "Assign", {{"dtype", d->dtype}});
  }
  const NameScope read("Read", graph);
  {
    std::optional<DeviceScope> there;  // an empty device would clear those outside
    if (!d->variable.device().empty()) there.emplace(d->variable.device(), graph);
    d->snapshot = Op("ReadVariableOp", {d->variable}, {}, {{"dtype", d->dtype}});
  }
  if (options.caching_device.empty()) return;
  const ColocateWith nothing(nullptr, graph);
  std::optional<DeviceScope> there;
  if (options.caching_device != internal::kCacheHere) there.emplace(options.caching_device, graph);
  d->cached = Op("Identity", {d->snapshot});
}

std::shared_ptr<Variable::Data> Build(const std::function<Tensor()>& make_value, bool from_function,
                                      const VariableOptions& options) {
  const Graph graph = Graph::Default();
  auto data = std::make_shared<Variable::Data>();
  data->trainable = options.trainable;
  data->caching_device = options.caching_device;
  data->constraint = options.constraint;
  ControlDependencies none(nullptr, graph);  // a variable is not made again with each step
  NameScope scope(options.name.empty() ? "Variable" : options.name, graph);
  if (options.use_resource)
    BuildResource(make_value, options, scope, data.get());
  else
    BuildRef(make_value, from_function, options, scope, data.get());
  std::vector<std::string> collections =
      options.collections ? *options.collections
                          : std::vector<std::string>{GraphKeys::kGlobalVariables};
  const std::string trainable = GraphKeys::kTrainableVariables;
  if (options.trainable &&
      std::find(collections.begin(), collections.end(), trainable) == collections.end())
    collections.push_back(trainable);
  for (const std::string& c : collections)
    Graph(graph).AddToCollection(c, {std::shared_ptr<void>(data)});
  return data;
}

}  // namespace

Variable::Variable(const Input& initial_value, const VariableOptions& options)
    : data_(Build([&] { return weft::AsTensor(initial_value, options.dtype, "initial_value"); },
                  false, options)) {}
Variable::Variable(InitialValue, const std::function<Tensor()>& initial_value,
                   const VariableOptions& options)
    : data_(Build(initial_value, true, options)) {}

Variable Variable::FromTensors(Tensor variable, Tensor snapshot, Tensor initial_value,
                               Operation initializer, bool trainable) {
  auto data = std::make_shared<Data>();
  data->variable = variable;
  data->snapshot = snapshot;
  data->initial_value = initial_value;
  data->initializer = initializer;
  data->trainable = trainable;
  data->is_resource = RemoveRef(variable.dtype()) == kResource;
  data->shape = data->is_resource ? snapshot.shape() : variable.shape();
  data->dtype = data->is_resource ? snapshot.dtype() : RemoveRef(variable.dtype());
  return Variable(std::move(data));
}

Variable::Data& internal::SingleData(const Variable& v, const char* what) {
  Variable::Data& d = Checked(v.data());
  if (d.partitioned) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Variable '", d.partitioned->name, "' is in ", d.partitioned->parts.size(),
                      " parts: it has no ", what,
                      " of its own. Use the parts of PartitionedVariable(v)."));
  }
  return d;
}

std::string Variable::name() const {
  const Data& d = Checked(data_);
  return d.partitioned ? d.partitioned->name : d.variable.name();
}
const std::string& Variable::op_name() const {
  const Data& d = Checked(data_);
  return d.partitioned ? d.partitioned->name : d.variable.node()->name;
}
DataType Variable::dtype() const { return Checked(data_).dtype; }
const PartialShape& Variable::shape() const { return Checked(data_).shape; }
bool Variable::trainable() const { return Checked(data_).trainable; }
bool Variable::is_resource() const { return Checked(data_).is_resource; }
bool Variable::is_partitioned() const { return Checked(data_).partitioned.has_value(); }
Graph Variable::graph() const {
  const Data& d = Checked(data_);
  return d.partitioned ? d.partitioned->parts[0].graph() : d.variable.graph();
}
const std::string& Variable::device() const {
  return SingleData(*this, "device").variable.device();
}
Operation Variable::op() const { return SingleData(*this, "op").variable.op(); }
Operation Variable::initializer() const { return SingleData(*this, "initializer").initializer; }
Tensor Variable::initial_value() const { return SingleData(*this, "initial value").initial_value; }
Tensor Variable::GraphElement() const { return is_partitioned() ? AsTensor() : data_->snapshot; }
Tensor Variable::RefOrHandle() const { return SingleData(*this, "reference").variable; }
const VariableConstraint& Variable::constraint() const { return Checked(data_).constraint; }
const std::optional<SaveSliceInfo>& Variable::save_slice_info() const {
  return Checked(data_).save_slice_info;
}
void Variable::set_save_slice_info(std::optional<SaveSliceInfo> info) const {
  SingleData(*this, "slice").save_slice_info = std::move(info);
}

void Variable::set_shape(const PartialShape& shape) const {
  Data& d = SingleData(*this, "node");
  if (!d.is_resource) d.variable.set_shape(shape);
  d.snapshot.set_shape(shape);
  d.shape = d.snapshot.shape();
}

Tensor Variable::ref() const {
  SingleData(*this, "ref()");
  if (is_resource())
    ThrowError(
        Code::kInvalidArgument,
        StrCat("Variable '", name(), "' is a resource variable: it has a handle(), not a ref()"));
  return data_->variable;
}
Tensor Variable::handle() const {
  SingleData(*this, "handle()");
  if (!is_resource())
    ThrowError(
        Code::kInvalidArgument,
        StrCat("Variable '", name(), "' is a reference variable: it has a ref(), not a handle()"));
  return data_->variable;
}

// A read of its own lies where the variable is, whatever the scopes outside say.
Tensor Variable::AsTensor() const {
  if (Checked(data_).partitioned) return internal::ConcatenatedParts(*data_);
  if (!data_->is_resource) return data_->snapshot;
  if (data_->cached.valid()) return data_->cached;
  const ColocateWith nothing(nullptr, graph());
  return Op("ReadVariableOp", {data_->variable}, {}, {{"dtype", data_->dtype}});
}

Input Variable::AsInput() const {
  const bool in_parts = is_partitioned();
  if (!in_parts && !data_->is_resource) return data_->snapshot;
  if (data_->cached.valid()) return data_->cached;
  const Tensor source = in_parts ? data_->partitioned->parts[0].RefOrHandle() : data_->variable;
  return Input::Deferred(source, data_->dtype, data_->shape, [v = *this] { return v.AsTensor(); });
}

Tensor Variable::ReadValue() const {
  if (SingleData(*this, "single value").is_resource) {
    Tensor value;
    {
      const NameScope scope("Read", graph());
      const auto read = [&] {
        return Op("ReadVariableOp", {data_->variable}, {}, {{"dtype", data_->dtype}});
      };
      std::optional<ColocateWith> nothing;
      std::optional<DeviceScope> there;
      if (!data_->caching_device.empty()) nothing.emplace(nullptr, graph());
      if (!data_->caching_device.empty() && data_->caching_device != internal::kCacheHere)
        there.emplace(data_->caching_device, graph());
      value = read();
    }
    return Op("Identity", {value});
  }
  return Op("Identity", {data_->variable}, "read");
}

Tensor Variable::IsInitialized(const NameOptions& name) const {
  if (SingleData(*this, "state").is_resource)
    return Op("VarIsInitializedOp", {data_->variable}, name.name);
  return Op("IsVariableInitialized", {data_->variable}, name.name);
}

// tf.cond(is_initialized, read, initial_value), in the nodes that it makes: each branch's inputs
// pass through a Switch.
Tensor Variable::initialized_value() const {
  SingleData(*this, "initial value");
  const Graph g = graph();
  GraphScope use(g);
  ControlDependencies none(nullptr, g);
  const Tensor pred = IsInitialized();
  NameScope scope("cond", g);
  const Operation pivot = OpOf("Switch", {pred, pred});
  Op("Identity", {pivot.output(1)}, "switch_t");
  Op("Identity", {pivot.output(0)}, "switch_f");
  const Tensor pred_id = Op("Identity", {pred}, "pred_id");
  const auto branch = [&](const char* op, const Tensor& data, const char* name) {
    const ColocateWith colocate(data.op(), /*ignore_existing=*/true);
    return OpOf(op, {data, pred_id}, name);
  };
  Tensor value;
  if (is_resource()) {
    const Operation handle = branch("Switch", data_->variable, "Read/ReadVariableOp/Switch");
    const ColocateWith nothing(nullptr, g);
    const Tensor read =
        Op("ReadVariableOp", {handle.output(1)}, "Read/ReadVariableOp", {{"dtype", data_->dtype}});
    value = Op("Identity", {read});
  } else {
    const Operation ref = branch("RefSwitch", data_->variable, "read/Switch");
    value = Op("Identity", {ref.output(1)}, "read");
  }
  const Operation initial = branch("Switch", data_->initial_value, "Switch_1");
  Tensor merged = OpBuilder("Merge", "Merge").InList({initial.output(0), value}).Outputs()[0];
  merged.set_shape(data_->shape);
  return merged;
}

void Variable::Load(const Array& value, Session& session) const {
  const Operation assign = initializer();
  session.Run(assign, {{assign.input(1), value}});
}
void Variable::Load(const Array& value) const {
  Session* session = Session::Default();
  if (!session) {
    ThrowError(Code::kFailedPrecondition,
               StrCat("Cannot load a value into variable '", name(),
                      "': there is no default session, and none is given."));
  }
  Load(value, *session);
}

std::string SaveSliceInfo::Spec() const {
  std::string spec;
  for (int64_t size : full_shape) spec += StrCat(size, " ");
  for (size_t i = 0; i < var_offset.size(); ++i)
    spec += StrCat(i == 0 ? "" : ":", var_offset[i], ",", var_shape.at(i));
  return spec;
}

std::string Variable::ToString() const {
  if (!valid()) return "<Variable: none>";
  if (is_partitioned()) {
    return StrCat("<PartitionedVariable '", name(), "' shape=", shape().ToPythonString(),
                  " dtype=", DTypeName(dtype()), " partitions=[",
                  StrJoin(data_->partitioned->partitions, ", "), "]>");
  }
  return StrCat("<Variable '", name(), "' shape=", shape().ToPythonString(),
                " dtype=", DTypeName(is_resource() ? dtype() : MakeRef(dtype())), ">");
}
std::ostream& operator<<(std::ostream& out, const Variable& v) { return out << v.ToString(); }

}  // namespace weft
