// SPDX-License-Identifier: Apache-2.0
#include "tools/golden/container.h"

#include <fstream>
#include <sstream>
#include <utility>

#include "proto/weft/named_tensor.pb.h"
#include "src/core/strings.h"
#include "src/graph/proto_convert.h"

namespace weft::golden {

std::string ReadBytes(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream bytes;
  bytes << in.rdbuf();
  if (!in) throw Mismatch(StrCat("can't read ", file));
  return std::move(bytes).str();
}

Container::Container(const std::string& file) {
  if (!meta_.ParseFromString(ReadBytes(file))) throw Mismatch(StrCat(file, " is no MetaGraphDef"));
}

std::vector<std::string> Container::Nodes(const std::string& key) const {
  auto it = meta_.collection_def().find(key);
  if (it == meta_.collection_def().end()) return {};
  return {it->second.node_list().value().begin(), it->second.node_list().value().end()};
}

std::vector<std::string> Container::Bytes(const std::string& key) const {
  auto it = meta_.collection_def().find(key);
  if (it == meta_.collection_def().end()) return {};
  return {it->second.bytes_list().value().begin(), it->second.bytes_list().value().end()};
}

std::vector<NamedArray> Container::Arrays(const std::string& key) const {
  std::vector<NamedArray> list;
  for (const std::string& bytes : Bytes(key)) {
    proto::NamedTensorProto named;
    if (!named.ParseFromString(bytes))
      throw Mismatch(StrCat("a NamedTensorProto in '", key, "' doesn't parse"));
    NamedArray item{named.name(), std::nullopt};
    if (named.has_tensor()) {
      absl::StatusOr<Array> a = ArrayFromProto(named.tensor());
      if (!a.ok())
        throw Mismatch(
            StrCat("the case's own tensor '", named.name(), "': ", a.status().message()));
      item.value = *std::move(a);
    }
    list.push_back(std::move(item));
  }
  return list;
}

std::vector<PartialShape> Container::Shapes(const std::string& key) const {
  std::vector<PartialShape> list;
  for (const std::string& bytes : Bytes(key)) {
    proto::TensorShapeProto shape;
    if (!shape.ParseFromString(bytes)) throw Mismatch("a TensorShapeProto doesn't parse");
    absl::StatusOr<PartialShape> s = ShapeFromProto(shape);
    if (!s.ok()) throw Mismatch("a TensorShapeProto of the case is invalid");
    list.push_back(*s);
  }
  return list;
}

Tolerance Container::tolerance(bool of_gradients) const {
  auto it = meta_.collection_def().find("tolerance");
  if (it == meta_.collection_def().end()) return {};
  const auto& v = it->second.float_list().value();
  if (of_gradients && v.size() >= 4) return {v[2], v[3]};
  return v.size() >= 2 ? Tolerance{v[0], v[1]} : Tolerance{};
}

Feeds Container::ToFeed() const {
  Feeds feeds;
  for (const NamedArray& n : Arrays("feeds")) feeds.emplace_back(n.name, *n.value);
  return feeds;
}

void Container::Check(const Graph& graph, Session& session, bool feed_targets) const {
  const Feeds feeds = ToFeed();
  for (const std::string& target : Nodes("targets"))
    session.Run(Fetch(graph.OperationByName(target)), feed_targets ? feeds : Feeds());
  const std::vector<NamedArray> want = Arrays("expected");
  std::vector<Fetch> fetches;
  for (const NamedArray& n : want) fetches.push_back(n.name);
  if (fetches.empty()) return;
  const std::vector<Array> got = session.Run(fetches, feeds);
  for (size_t i = 0; i < want.size(); ++i) {
    const std::string difference = Compare(got[i], *want[i].value, tolerance());
    if (!difference.empty()) throw Mismatch(StrCat(want[i].name, ": ", difference));
  }
}

}  // namespace weft::golden
