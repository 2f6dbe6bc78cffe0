// SPDX-License-Identifier: Apache-2.0
// Messages: tensors, and graphs that are imported and run.
#include <exception>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "proto/weft/graph.pb.h"
#include "src/graph/proto_convert.h"
#include "tests/fuzz/targets.h"
#include "weft/core/error.h"
#include "weft/graph/graph.h"
#include "weft/graph/graph_def.h"
#include "weft/graph/import_serialized.h"
#include "weft/runtime/session.h"
#include "weft/weft.h"

namespace weft::fuzz {
namespace {

std::string Serialized(const Array& value) {
  proto::TensorProto message;
  ArrayToProto(value, &message);
  return SerializeProto(message);
}

}  // namespace

// The graph that comes of an import; none if it is refused.
template <typename Import>
std::optional<std::string> Imported(Import import) {
  try {
    const Graph graph;
    import(graph);
    return graph.AsGraphDef().Serialize();
  } catch (const Error&) {
    return std::nullopt;
  }
}

// What is a tensor stays the same tensor on the way there and back.
void RunTensorProto(std::string_view bytes) {
  proto::TensorProto message;
  if (!ParseProto(bytes, &message)) return;
  FillBudget budget{.bytes = 1 << 24};
  const absl::StatusOr<Array> value = ArrayFromProto(message, &budget);
  if (!value.ok() || value->dtype() == kVariant || value->dtype() == kResource) return;
  const std::string first = Serialized(*value);
  proto::TensorProto again;
  if (!ParseProto(first, &again)) std::abort();
  const absl::StatusOr<Array> back = ArrayFromProto(again);
  if (!back.ok() || back->dtype() != value->dtype() || !(back->shape() == value->shape()) ||
      Serialized(*back) != first) {
    std::abort();
  }
}

std::vector<std::string> TensorProtoSeeds() {
  return {Serialized(Array(1.5f)),
          Serialized(Array({{1, 2, 3}, {4, 5, 6}})),
          Serialized(Array::FromVector(std::vector<std::string>{"a", "", "text"})),
          Serialized(Array({true, false})),
          Serialized(Array::Full(Shape({2, 3, 4}), Array(int64_t{7}))),
          Serialized(Array::Zeros(kComplex64, Shape({3}))),
          Serialized(Array::Zeros(kBfloat16, Shape({2, 2})))};
}

// Bytes are the graph that the parser reads in them, or none.
void RunGraphDef(std::string_view bytes) {
  const auto read = [bytes](const Graph& graph) {
    ImportSerializedGraph(bytes, {.prefix = ""}, graph);
  };
  proto::GraphDef message;
  if (!ParseProto(bytes, &message)) {
    if (Imported(read)) std::abort();
    return;
  }
  const auto forbidden = [](const auto& nodes) {
    for (const proto::NodeDef& node : nodes) {
      if (IsForbiddenOp(node.op())) return true;
    }
    return false;
  };
  if (message.node_size() > 200 || forbidden(message.node())) return;
  for (const proto::FunctionDef& f : message.library().function()) {
    if (forbidden(f.node_def())) return;
  }
  const auto parsed = Imported(
      [&](const Graph& graph) { ImportGraphDef(GraphDef(message), {.prefix = ""}, graph); });
  if (Imported(read) != parsed) std::abort();
  try {
    Graph graph;
    GraphScope scope(graph);
    ImportGraphDef(GraphDef(message), {.prefix = ""}, graph);
    Session session(graph, {.allow_soft_placement = true});
    for (const proto::NodeDef& node : message.node()) {
      try {
        session.Run(Fetch(node.name()), {}, {.timeout_in_ms = 200});
      } catch (const Error&) {
      }
    }
  } catch (const Error&) {
  }
}

std::vector<std::string> GraphDefSeeds() {
  std::vector<std::string> seeds;
  const auto add = [&](auto&& build) {
    Graph graph;
    GraphScope scope(graph);
    build();
    seeds.push_back(graph.AsGraphDef().Serialize());
  };
  add([] { nn::Relu(MatMul(Constant({{1.f, 2.f}, {3.f, 4.f}}), Constant({{1.f}, {2.f}}))); });
  add([] { ReduceSum(Reshape(Constant({1, 2, 3, 4}), {2, 2}), {1}); });
  add([] {
    WhileLoop([](const std::vector<Tensor>& v) { return Less(v[0], 5); },
              [](const std::vector<Tensor>& v) { return std::vector<Tensor>{Add(v[0], 1)}; },
              {Constant(0)});
  });
  add([] {
    Concat({Constant({{1, 2}}), Constant({{3, 4}})}, 0);
    Split(Constant({1.f, 2.f, 3.f, 4.f}), 2);
    Transpose(Constant({{1.f, 2.f, 3.f}}));
  });
  return seeds;
}

}  // namespace weft::fuzz
