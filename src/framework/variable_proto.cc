// SPDX-License-Identifier: Apache-2.0
#include "src/framework/variable_proto.h"
#include "src/framework/nodes.h"

#include <set>

#include "proto/weft/variable.pb.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/variable_data.h"
#include "src/graph/proto_convert.h"

namespace weft {
namespace {

// "a/b" without the scope "a": "b". A leading '^' or "loc:@" stays.
std::string WithoutScope(const std::string& name, const std::string& scope) {
  if (scope.empty()) return name;
  const std::string prefix = scope.back() == '/' ? scope : scope + "/";
  return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

// An output, given as "op:0" or "op".
Tensor TensorOf(const Graph& graph, const std::string& name) {
  return graph.TensorByName(name.find(':') == std::string::npos ? name + ":0" : name);
}

std::vector<int64_t> ListOf(const google::protobuf::RepeatedField<int64_t>& field) {
  return {field.begin(), field.end()};
}

SaveSliceInfo SliceFromProto(const proto::SaveSliceInfoDef& def, const std::string& import_scope) {
  SaveSliceInfo slice{weft::internal::InScope(import_scope, def.full_name()),
                      ListOf(def.full_shape()), ListOf(def.var_offset()), ListOf(def.var_shape())};
  const size_t rank = slice.full_shape.size();
  bool fits = slice.var_offset.size() == rank && slice.var_shape.size() == rank;
  for (size_t i = 0; fits && i < rank; ++i) {
    const int64_t offset = slice.var_offset[i], size = slice.var_shape[i];
    fits = offset >= 0 && size >= 0 && offset <= slice.full_shape[i] &&
           size <= slice.full_shape[i] - offset;
  }
  if (!fits) {
    ThrowError(Code::kInvalidArgument,
               StrCat("VariableDef: the slice of '", slice.full_name,
                      "' does not lie in its full shape: ", def.ShortDebugString()));
  }
  return slice;
}

// The ReadVariableOp that a snapshot is, or is made of.
Tensor ReadOf(Tensor snapshot) {
  std::set<const Node*> seen;
  while (snapshot.op().type() != "ReadVariableOp") {
    if (snapshot.op().num_inputs() == 0 || !seen.insert(snapshot.node()).second) {
      ThrowError(Code::kInvalidArgument, StrCat("VariableDef: the snapshot '", snapshot.name(),
                                                "' of a resource variable does not read it"));
    }
    snapshot = snapshot.op().input(0);
  }
  return snapshot;
}

}  // namespace

bool internal::VariableToProto(const Variable& v, const std::string& export_scope,
                               proto::VariableDef* def) {
  const Variable::Data& d = SingleData(v, "VariableDef");
  if (!d.variable.name().starts_with(export_scope)) return false;
  const auto name = [&](const std::string& full) { return WithoutScope(full, export_scope); };
  def->Clear();
  def->set_variable_name(name(d.variable.name()));
  if (d.initial_value.valid()) def->set_initial_value_name(name(d.initial_value.name()));
  def->set_initializer_name(name(d.initializer.name()));
  def->set_snapshot_name(name((d.cached.valid() ? d.cached : d.snapshot).name()));
  def->set_is_resource(d.is_resource);
  def->set_trainable(d.trainable);
  if (d.save_slice_info && d.save_slice_info->full_name.starts_with(export_scope)) {
    const SaveSliceInfo& slice = *d.save_slice_info;
    proto::SaveSliceInfoDef* to = def->mutable_save_slice_info_def();
    to->set_full_name(name(slice.full_name));
    to->mutable_full_shape()->Assign(slice.full_shape.begin(), slice.full_shape.end());
    to->mutable_var_offset()->Assign(slice.var_offset.begin(), slice.var_offset.end());
    to->mutable_var_shape()->Assign(slice.var_shape.begin(), slice.var_shape.end());
  }
  return true;
}

Variable internal::VariableFromProto(const proto::VariableDef& def, const std::string& import_scope,
                                     const Graph& graph) {
  const auto tensor = [&](const std::string& name) {
    return TensorOf(graph, weft::internal::InScope(import_scope, name));
  };
  auto d = std::make_shared<Variable::Data>();
  d->variable = tensor(def.variable_name());
  d->is_resource = def.is_resource();
  const DataType dtype = d->variable.dtype();
  if (d->is_resource ? RemoveRef(dtype) != kResource : !IsRef(dtype)) {
    ThrowError(Code::kInvalidArgument,
               StrCat("VariableDef: '", d->variable.name(), "' is ", DTypeName(dtype), ", not a ",
                      d->is_resource ? "resource handle" : "reference"));
  }
  std::string initializer = weft::internal::InScope(import_scope, def.initializer_name());
  initializer = initializer.substr(0, initializer.find(':'));
  d->initializer = graph.OperationByName(initializer);
  if (!def.initial_value_name().empty()) d->initial_value = tensor(def.initial_value_name());
  // Old messages have no snapshot's name.
  const Tensor snapshot = def.snapshot_name().empty()
                              ? TensorOf(graph, d->variable.op().name() + "/Read/ReadVariableOp")
                              : tensor(def.snapshot_name());
  d->snapshot = d->is_resource ? ReadOf(snapshot) : snapshot;
  if (d->is_resource && !(d->snapshot == snapshot)) d->cached = snapshot;
  d->shape = d->is_resource ? d->snapshot.shape() : d->variable.shape();
  d->dtype = RemoveRef(d->is_resource ? d->snapshot.dtype() : dtype);
  d->trainable = def.trainable();
  if (def.has_save_slice_info_def())
    d->save_slice_info = SliceFromProto(def.save_slice_info_def(), import_scope);
  return Variable(std::move(d));
}

Variable Variable::FromVariableDef(std::string_view bytes, const std::string& import_scope,
                                   const Graph& graph) {
  proto::VariableDef def;
  if (!ParseProto(bytes, &def))
    ThrowError(Code::kDataLoss, "FromVariableDef: the bytes are no VariableDef");
  return internal::VariableFromProto(def, import_scope, graph);
}

std::string Variable::ToVariableDef(const std::string& export_scope) const {
  proto::VariableDef def;
  if (!internal::VariableToProto(*this, export_scope, &def)) return {};
  return def.SerializeAsString();
}

}  // namespace weft
