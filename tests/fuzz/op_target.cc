// SPDX-License-Identifier: Apache-2.0
// One node of any op, with attributes and inputs that the bytes choose, imported and run.
#include <array>

#include "proto/weft/graph.pb.h"
#include "src/graph/proto_convert.h"
#include "tests/fuzz/targets.h"
#include "weft/core/error.h"
#include "weft/core/handle.h"
#include "weft/graph/graph_def.h"
#include "weft/graph/op_def.h"
#include "weft/runtime/session.h"

namespace weft::fuzz {
namespace {

// Ops that one node by itself can say something about.
std::vector<const OpDef*> OpsToRun() {
  std::vector<const OpDef*> ops;
  for (const OpDef* op : OpRegistry::Global().List()) {
    bool takes_part = !IsForbiddenOp(op->name());
    for (const ArgDef& in : op->inputs())
      takes_part &= !in.is_ref && in.type != kResource && in.type != kVariant;
    for (const AttrDef& attr : op->attrs())
      takes_part &= attr.type.find("func") == std::string::npos;
    // They wait for other nodes.
    for (const char* part : {"Stage", "Peek", "Queue", "Barrier", "Batch"})
      takes_part &= op->name().find(part) == std::string::npos || !op->is_stateful();
    if (takes_part) ops.push_back(op);
  }
  return ops;
}

constexpr std::array kTypes = {kFloat32,   kFloat64,    kInt32,   kInt64,    kUint8,
                               kInt8,      kInt16,      kUint16,  kBool,     kString,
                               kComplex64, kComplex128, kFloat16, kBfloat16, kUint32,
                               kUint64,    kQuint8,     kQint8,   kQint32};

// Mostly small.
int64_t Number(Bytes& in) {
  constexpr int64_t kExtremes[] = {INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, int64_t{1} << 32};
  const uint8_t b = in.Byte();
  if (b < 250) return b % 9 - 2;
  return kExtremes[b - 250 < 5 ? b - 250 : 0];
}

Shape SmallShape(Bytes& in) {
  constexpr int64_t kSizes[] = {0, 1, 1, 2, 2, 3, 3, 4, 5};
  std::vector<int64_t> sizes(static_cast<size_t>(in.Between(0, 5)));
  for (int64_t& size : sizes) size = kSizes[in.Byte() % std::size(kSizes)];
  return Shape(sizes);
}

DataType TypeOf(Bytes& in, const AttrDef& attr) {
  const auto& allowed = attr.allowed_types;
  if (!allowed.empty()) return allowed[in.Byte() % allowed.size()];
  return kTypes[in.Byte() % kTypes.size()];
}

Array SmallArray(Bytes& in, DataType dtype) {
  Array a = Array::Zeros(dtype, SmallShape(in));
  if (dtype == kString) {
    for (std::string& s : a.mutable_values<std::string>()) s = in.Text(12);
    return a;
  }
  if (dtype == kResource || dtype == kVariant) return a;
  auto* const bytes = static_cast<uint8_t*>(a.raw_data());
  const size_t size = DTypeSize(dtype);
  for (int64_t i = 0; i < a.num_elements(); ++i) {
    if (dtype == kInt32) {
      a.mutable_data<int32_t>()[i] = static_cast<int32_t>(Number(in));
    } else if (dtype == kInt64) {
      a.mutable_data<int64_t>()[i] = Number(in);
    } else if (dtype == kFloat32) {
      a.mutable_data<float>()[i] = static_cast<float>(Number(in)) * 0.5f;
    } else if (dtype == kBool) {
      a.mutable_data<bool>()[i] = in.Flip();
    } else {
      for (size_t k = 0; k < size; ++k) bytes[static_cast<size_t>(i) * size + k] = in.Byte();
    }
  }
  return a;
}

std::string TextOf(Bytes& in, const AttrDef& attr) {
  if (!attr.allowed_strings.empty())
    return attr.allowed_strings[in.Byte() % attr.allowed_strings.size()];
  constexpr const char* kTexts[] = {"",      "SAME",     "VALID", "NHWC", "NCHW",
                                    "NDHWC", "EXPLICIT", "a",     "%d",   "linear"};
  return kTexts[in.Byte() % std::size(kTexts)];
}

// The kind of `attr`, without "list()", and one value of it.
void AddValue(Bytes& in, const AttrDef& attr, const std::string& kind,
              proto::AttrValue::ListValue* list) {
  if (kind == "int") {
    int64_t value = Number(in);
    if (!attr.is_list() && attr.minimum && value < *attr.minimum) value = *attr.minimum;
    list->add_i(value);
  } else if (kind == "float") {
    list->add_f(static_cast<float>(Number(in)) * 0.5f);
  } else if (kind == "bool") {
    list->add_b(in.Flip());
  } else if (kind == "string") {
    list->add_s(TextOf(in, attr));
  } else if (kind == "type") {
    list->add_type(static_cast<proto::DataType>(TypeOf(in, attr)));
  } else if (kind == "shape") {
    ShapeToProto(PartialShape(SmallShape(in)), list->add_shape());
  } else if (kind == "tensor") {
    ArrayToProto(SmallArray(in, kTypes[in.Byte() % kTypes.size()]), list->add_tensor());
  }
}

void SetAttr(Bytes& in, const AttrDef& attr, proto::NodeDef* node) {
  proto::AttrValue value;
  const bool is_list = attr.is_list();
  const std::string kind = is_list ? attr.type.substr(5, attr.type.size() - 6) : attr.type;
  proto::AttrValue::ListValue* list = value.mutable_list();
  const int64_t least = is_list ? attr.minimum.value_or(0) : 1;
  const int64_t count = is_list ? std::min<int64_t>(least + in.Between(0, 4), 8) : 1;
  for (int64_t i = 0; i < count; ++i) AddValue(in, attr, kind, list);
  if (!is_list) {
    const proto::AttrValue::ListValue one = value.list();
    value.Clear();
    if (one.i_size()) value.set_i(std::min<int64_t>(one.i(0), 64));
    if (one.f_size()) value.set_f(one.f(0));
    if (one.b_size()) value.set_b(one.b(0));
    if (one.s_size()) value.set_s(one.s(0));
    if (one.type_size()) value.set_type(one.type(0));
    if (one.shape_size()) *value.mutable_shape() = one.shape(0);
    if (one.tensor_size()) *value.mutable_tensor() = one.tensor(0);
  }
  (*node->mutable_attr())[attr.name] = value;
}

// The dtypes of an argument's tensors, by the attributes of the node.
std::vector<DataType> TypesOf(const ArgDef& arg, const proto::NodeDef& node) {
  const auto& attrs = node.attr();
  if (!arg.type_list_attr.empty()) {
    std::vector<DataType> types;
    for (const int t : attrs.at(arg.type_list_attr).list().type())
      types.push_back(static_cast<DataType>(t));
    return types;
  }
  const DataType type =
      arg.type_attr.empty() ? arg.type : static_cast<DataType>(attrs.at(arg.type_attr).type());
  const int64_t n = arg.number_attr.empty() ? 1 : attrs.at(arg.number_attr).i();
  return std::vector<DataType>(static_cast<size_t>(std::clamp<int64_t>(n, 0, 8)), type);
}

// A constant, or a placeholder of unknown shape that is fed.
void AddInput(Bytes& in, DataType dtype, proto::GraphDef* graph, proto::NodeDef* node,
              Feeds* feeds) {
  const std::string name = "in" + std::to_string(graph->node_size());
  const Array value = SmallArray(in, dtype);
  const bool plain = dtype != kResource && dtype != kVariant;
  proto::NodeDef* source = graph->add_node();
  source->set_name(name);
  (*source->mutable_attr())["dtype"].set_type(static_cast<proto::DataType>(dtype));
  if (plain && in.Flip()) {
    source->set_op("Const");
    ArrayToProto(value, (*source->mutable_attr())["value"].mutable_tensor());
  } else {
    source->set_op("Placeholder");
    feeds->emplace_back(name + ":0", value);
  }
  node->add_input(name);
}

}  // namespace

void RunOps(std::string_view bytes) {
  static const auto& ops = *new std::vector<const OpDef*>(OpsToRun());
  Bytes in(bytes);
  const size_t number = in.Byte() * size_t{256} + in.Byte();
  const OpDef& op = *ops[number % ops.size()];
  proto::GraphDef graph;
  proto::NodeDef node;
  node.set_name("op");
  node.set_op(op.name());
  for (const AttrDef& attr : op.attrs()) {
    const bool is_default = attr.default_value && in.Flip();
    if (is_default)
      AttrToProto(*attr.default_value, &(*node.mutable_attr())[attr.name]);
    else
      SetAttr(in, attr, &node);
  }
  Feeds feeds;
  for (const ArgDef& arg : op.inputs()) {
    for (const DataType dtype : TypesOf(arg, node)) AddInput(in, dtype, &graph, &node, &feeds);
  }
  *graph.add_node() = node;
  try {
    Graph target;
    GraphScope scope(target);
    ImportGraphDef(GraphDef(graph), {.prefix = ""}, target);
    Session session(target);
    session.Run(Fetch("op"), feeds, {.timeout_in_ms = 200});
    std::vector<Fetch> outputs;
    for (int o = 0; o < target.OperationByName("op").num_outputs(); ++o)
      outputs.push_back(Fetch("op:" + std::to_string(o)));
    session.Run(outputs, feeds, {.timeout_in_ms = 200});
  } catch (const Error&) {
  }
}

// A few bytes for each op, of which mutation makes the rest.
std::vector<std::string> OpsSeeds() {
  std::vector<std::string> seeds;
  for (size_t i = 0; i < OpsToRun().size(); ++i) {
    std::string seed = {static_cast<char>(i / 256), static_cast<char>(i % 256)};
    for (size_t k = 0; k < 60; ++k) seed.push_back(static_cast<char>(i * 31 + k * 7 + k * k));
    seeds.push_back(std::move(seed));
  }
  return seeds;
}

}  // namespace weft::fuzz
