// SPDX-License-Identifier: Apache-2.0
#include "weft/graph/graph_def.h"

#include <utility>

#include "proto/weft/graph.pb.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/proto_convert.h"
#include "src/graph/proto_text.h"
#include "src/io/file.h"

namespace weft {

GraphDef::GraphDef() : proto_(std::make_unique<proto::GraphDef>()) {}
GraphDef::GraphDef(proto::GraphDef proto)
    : proto_(std::make_unique<proto::GraphDef>(std::move(proto))) {}
GraphDef::~GraphDef() = default;
GraphDef::GraphDef(const GraphDef& o) : proto_(std::make_unique<proto::GraphDef>(*o.proto_)) {}
// What is moved from stays a valid, empty GraphDef.
GraphDef::GraphDef(GraphDef&& o) noexcept : GraphDef() { proto_.swap(o.proto_); }
GraphDef& GraphDef::operator=(const GraphDef& o) {
  *proto_ = *o.proto_;
  return *this;
}
GraphDef& GraphDef::operator=(GraphDef&& o) noexcept {
  proto_.swap(o.proto_);
  return *this;
}

GraphDef GraphDef::Parse(std::string_view bytes) {
  GraphDef def;
  if (!ParseProto(bytes, def.proto_.get())) {
    ThrowStatus(absl::DataLossError(
        StrCat("Invalid GraphDef: these ", bytes.size(), " bytes are no serialised GraphDef")));
  }
  return def;
}

GraphDef GraphDef::ParseText(std::string_view text) {
  GraphDef def;
  if (const absl::Status parsed = ParseProtoText(text, def.proto_.get()); !parsed.ok()) {
    ThrowStatus(absl::InvalidArgumentError(StrCat("Invalid GraphDef text: ", parsed.message())));
  }
  return def;
}

GraphDef GraphDef::ParseJson(std::string_view text) {
  GraphDef def;
  if (const absl::Status parsed = ParseProtoJson(text, def.proto_.get()); !parsed.ok()) {
    ThrowStatus(absl::InvalidArgumentError(StrCat("Invalid GraphDef in JSON: ", parsed.message())));
  }
  return def;
}

GraphDef GraphDef::FromFile(const std::string& path) {
  const std::string contents = ValueOrThrow(ReadFile(path));
  try {
    if (path.ends_with(".pbtxt")) return ParseText(contents);
    if (path.ends_with(".json")) return ParseJson(contents);
    return Parse(contents);
  } catch (const Error& e) {
    ThrowError(e.code(), StrCat(path, ": ", e.what()));
  }
}

std::string GraphDef::Serialize() const { return SerializeProto(*proto_); }

std::string GraphDef::ToText() const { return ProtoToText(*proto_); }

std::string GraphDef::ToJson() const { return ValueOrThrow(ProtoToJson(*proto_)); }

void GraphDef::WriteFile(const std::string& path, bool as_text) const {
  ThrowIfError(WriteFileAtomically(path, as_text ? ToText() : Serialize()));
}

int GraphDef::num_nodes() const { return proto_->node_size(); }

std::vector<std::string> GraphDef::node_names() const {
  std::vector<std::string> names;
  names.reserve(static_cast<size_t>(proto_->node_size()));
  for (const auto& node : proto_->node()) names.push_back(node.name());
  return names;
}

}  // namespace weft
