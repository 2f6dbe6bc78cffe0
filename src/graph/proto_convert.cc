// SPDX-License-Identifier: Apache-2.0
#include "src/graph/proto_convert.h"

#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/stubs/logging.h"
#include "src/core/strings.h"
#include "src/graph/attr_variant.h"
#include "weft/core/status_macros.h"

namespace weft {
namespace {

absl::StatusOr<FuncRef> FuncFromProto(const proto::NameAttrList& func, FillBudget* budget) {
  FuncRef ref{func.name(), nullptr};
  if (func.attr().empty()) return ref;
  auto attrs = std::make_shared<AttrMap>();
  for (const auto& [name, value] : func.attr()) {
    WEFT_ASSIGN_OR_RETURN((*attrs)[name], AttrFromProto(value, budget));
  }
  ref.attrs = std::move(attrs);
  return ref;
}

// Converts the entries of one list field.
template <typename T, typename Field, typename Convert>
absl::StatusOr<AttrValue> ListOf(const Field& field, Convert convert) {
  std::vector<T> values;
  values.reserve(static_cast<size_t>(field.size()));
  for (const auto& entry : field) {
    absl::StatusOr<T> value = convert(entry);
    if (!value.ok()) return std::move(value).status();
    values.push_back(*std::move(value));
  }
  return AttrValue(std::move(values));
}

absl::StatusOr<AttrValue> ListFromProto(const proto::AttrValue::ListValue& list,
                                        FillBudget* budget) {
  const int kinds = (list.s_size() > 0) + (list.i_size() > 0) + (list.f_size() > 0) +
                    (list.b_size() > 0) + (list.type_size() > 0) + (list.shape_size() > 0) +
                    (list.tensor_size() > 0) + (list.func_size() > 0);
  if (kinds == 0) return AttrValue(EmptyList());
  if (kinds > 1) return absl::InvalidArgumentError("a list holds values of several types");
  if (list.s_size() > 0)
    return AttrValue(std::vector<std::string>(list.s().begin(), list.s().end()));
  if (list.i_size() > 0) return AttrValue(std::vector<int64_t>(list.i().begin(), list.i().end()));
  if (list.f_size() > 0) return AttrValue(std::vector<float>(list.f().begin(), list.f().end()));
  if (list.b_size() > 0) return AttrValue(std::vector<bool>(list.b().begin(), list.b().end()));
  if (list.type_size() > 0) {
    return ListOf<DataType>(list.type(), [](int t) { return DTypeFromProto(t, true); });
  }
  if (list.shape_size() > 0) return ListOf<PartialShape>(list.shape(), ShapeFromProto);
  if (list.tensor_size() > 0) {
    return ListOf<Array>(list.tensor(), [&](const auto& t) { return ArrayFromProto(t, budget); });
  }
  return ListOf<FuncRef>(list.func(), [&](const auto& f) { return FuncFromProto(f, budget); });
}

void FuncToProto(const FuncRef& func, proto::NameAttrList* out) {
  out->set_name(func.name);
  if (!func.attrs) return;
  for (const auto& [name, value] : *func.attrs) AttrToProto(value, &(*out->mutable_attr())[name]);
}

proto::DataType ToProto(DataType t) { return static_cast<proto::DataType>(t); }

// Sets the field of `out` for a value of each kind.
struct AttrWriter {
  proto::AttrValue* out;

  void operator()(std::monostate) const {}
  void operator()(const std::string& s) const { out->set_s(s); }
  void operator()(int64_t i) const { out->set_i(i); }
  void operator()(float f) const { out->set_f(f); }
  void operator()(bool b) const { out->set_b(b); }
  void operator()(DataType t) const { out->set_type(ToProto(t)); }
  void operator()(const PartialShape& s) const { ShapeToProto(s, out->mutable_shape()); }
  void operator()(const Array& a) const { ArrayToProto(a, out->mutable_tensor()); }
  void operator()(const FuncRef& f) const { FuncToProto(f, out->mutable_func()); }
  void operator()(const AttrPlaceholder& p) const { out->set_placeholder(p.name); }
  void operator()(EmptyList) const { out->mutable_list(); }
  void operator()(const std::vector<std::string>& v) const {
    auto* list = out->mutable_list();
    for (const std::string& s : v) list->add_s(s);
  }
  void operator()(const std::vector<int64_t>& v) const {
    auto* list = out->mutable_list();
    for (const int64_t i : v) list->add_i(i);
  }
  void operator()(const std::vector<float>& v) const {
    auto* list = out->mutable_list();
    for (const float f : v) list->add_f(f);
  }
  void operator()(const std::vector<bool>& v) const {
    auto* list = out->mutable_list();
    for (const bool b : v) list->add_b(b);
  }
  void operator()(const std::vector<DataType>& v) const {
    auto* list = out->mutable_list();
    for (const DataType t : v) list->add_type(ToProto(t));
  }
  void operator()(const std::vector<PartialShape>& v) const {
    auto* list = out->mutable_list();
    for (const PartialShape& s : v) ShapeToProto(s, list->add_shape());
  }
  void operator()(const std::vector<Array>& v) const {
    auto* list = out->mutable_list();
    for (const Array& a : v) ArrayToProto(a, list->add_tensor());
  }
  void operator()(const std::vector<FuncRef>& v) const {
    auto* list = out->mutable_list();
    for (const FuncRef& f : v) FuncToProto(f, list->add_func());
  }
};

void ArgToProto(const ArgDef& arg, proto::OpDef::ArgDef* out) {
  out->set_name(arg.name);
  out->set_type(ToProto(arg.type));
  out->set_type_attr(arg.type_attr);
  out->set_number_attr(arg.number_attr);
  out->set_type_list_attr(arg.type_list_attr);
  out->set_is_ref(arg.is_ref);
}

void AttrDefToProto(const AttrDef& attr, proto::OpDef::AttrDef* out) {
  out->set_name(attr.name);
  out->set_type(attr.type);
  if (attr.default_value) AttrToProto(*attr.default_value, out->mutable_default_value());
  if (attr.minimum) {
    out->set_has_minimum(true);
    out->set_minimum(*attr.minimum);
  }
  if (!attr.allowed_types.empty()) AttrToProto(attr.allowed_types, out->mutable_allowed_values());
  if (!attr.allowed_strings.empty())
    AttrToProto(attr.allowed_strings, out->mutable_allowed_values());
}

}  // namespace

absl::StatusOr<DataType> DTypeFromProto(int type, bool allow_ref) {
  const auto t = static_cast<DataType>(type);
  if (t == kInvalidType || (DTypeSize(t) > 0 && (allow_ref || !IsRef(t)))) return t;
  return absl::InvalidArgumentError(StrCat(type, " is no dtype of a tensor"));
}

absl::StatusOr<PartialShape> ShapeFromProto(const proto::TensorShapeProto& shape) {
  if (shape.unknown_rank()) {
    if (shape.dim_size() == 0) return PartialShape::Unknown();
    return absl::InvalidArgumentError("An unknown shape must not have any dimensions set.");
  }
  if (shape.dim_size() > kMaxRank) {
    return absl::InvalidArgumentError(
        StrCat("Shape has ", shape.dim_size(), " dimensions, more than ", kMaxRank));
  }
  std::vector<int64_t> dims;
  for (const auto& d : shape.dim()) {
    if (d.size() < kUnknownDim) {
      return absl::InvalidArgumentError(
          StrCat("Shape has a dimension of size ", d.size(),
                 ": it must be at least 0, or -1 if it is not known"));
    }
    dims.push_back(d.size());
  }
  return PartialShape(dims);
}

void ShapeToProto(const PartialShape& shape, proto::TensorShapeProto* out) {
  out->Clear();
  if (!shape.known_rank()) {
    out->set_unknown_rank(true);
    return;
  }
  for (const int64_t d : shape.dims()) out->add_dim()->set_size(d);
}

absl::StatusOr<AttrValue> AttrFromProto(const proto::AttrValue& attr, FillBudget* budget) {
  switch (attr.value_case()) {
    case proto::AttrValue::kS:
      return AttrValue(attr.s());
    case proto::AttrValue::kI:
      return AttrValue(attr.i());
    case proto::AttrValue::kF:
      return AttrValue(attr.f());
    case proto::AttrValue::kB:
      return AttrValue(attr.b());
    case proto::AttrValue::kType: {
      WEFT_ASSIGN_OR_RETURN(DataType t, DTypeFromProto(attr.type(), true));
      return AttrValue(t);
    }
    case proto::AttrValue::kShape: {
      WEFT_ASSIGN_OR_RETURN(PartialShape s, ShapeFromProto(attr.shape()));
      return AttrValue(std::move(s));
    }
    case proto::AttrValue::kTensor: {
      WEFT_ASSIGN_OR_RETURN(Array a, ArrayFromProto(attr.tensor(), budget));
      return AttrValue(std::move(a));
    }
    case proto::AttrValue::kFunc: {
      WEFT_ASSIGN_OR_RETURN(FuncRef f, FuncFromProto(attr.func(), budget));
      return AttrValue(std::move(f));
    }
    case proto::AttrValue::kPlaceholder:
      return AttrValue(AttrPlaceholder{attr.placeholder()});
    case proto::AttrValue::kList:
      return ListFromProto(attr.list(), budget);
    case proto::AttrValue::VALUE_NOT_SET:
      break;
  }
  return AttrValue();
}

void AttrToProto(const AttrValue& value, proto::AttrValue* out) {
  out->Clear();
  std::visit(AttrWriter{out}, value.variant());
}

void OpDefToProto(const OpDef& def, proto::OpDef* out) {
  out->Clear();
  out->set_name(def.name());
  out->set_summary(def.summary());
  for (const ArgDef& arg : def.inputs()) ArgToProto(arg, out->add_input_arg());
  for (const ArgDef& arg : def.outputs()) ArgToProto(arg, out->add_output_arg());
  for (const AttrDef& attr : def.attrs()) AttrDefToProto(attr, out->add_attr());
  if (def.deprecated_at() > 0) {
    out->mutable_deprecation()->set_version(def.deprecated_at());
    out->mutable_deprecation()->set_explanation(def.deprecation());
  }
  out->set_is_stateful(def.is_stateful());
  out->set_is_commutative(def.is_commutative());
  out->set_is_aggregate(def.is_aggregate());
  out->set_allows_uninitialized_input(def.allows_uninitialized_input());
}

bool ParseProto(std::string_view bytes, google::protobuf::MessageLite* message, int max_nesting) {
  // Sizes in protocol buffers are ints.
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max())) return false;
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  in.SetRecursionLimit(max_nesting);
  // The caller reports what is wrong; protobuf would write to stderr too.
  google::protobuf::LogSilencer silencer;
  return message->ParseFromCodedStream(&in) && in.ConsumedEntireMessage();
}

std::string SerializeProto(const google::protobuf::MessageLite& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream out(&stream);
  out.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&out);
  out.Trim();
  return bytes;
}

}  // namespace weft
