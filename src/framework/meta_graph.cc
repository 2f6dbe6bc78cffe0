// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/meta_graph.h"

#include <algorithm>

#include "proto/weft/meta_graph.pb.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/saver_proto.h"
#include "src/graph/proto_convert.h"
#include "src/graph/proto_text.h"
#include "src/io/file.h"

namespace weft::train {

MetaGraphDef::MetaGraphDef() : proto_(std::make_unique<proto::MetaGraphDef>()) {}
MetaGraphDef::MetaGraphDef(proto::MetaGraphDef proto)
    : proto_(std::make_unique<proto::MetaGraphDef>(std::move(proto))) {}
MetaGraphDef::~MetaGraphDef() = default;
MetaGraphDef::MetaGraphDef(const MetaGraphDef& o)
    : proto_(std::make_unique<proto::MetaGraphDef>(*o.proto_)) {}
// What is moved from stays a valid, empty MetaGraphDef.
MetaGraphDef::MetaGraphDef(MetaGraphDef&& o) noexcept : MetaGraphDef() { proto_.swap(o.proto_); }
MetaGraphDef& MetaGraphDef::operator=(const MetaGraphDef& o) {
  *proto_ = *o.proto_;
  return *this;
}
MetaGraphDef& MetaGraphDef::operator=(MetaGraphDef&& o) noexcept {
  proto_.swap(o.proto_);
  return *this;
}

MetaGraphDef MetaGraphDef::Parse(std::string_view bytes) {
  MetaGraphDef def;
  if (!ParseProto(bytes, def.proto_.get())) {
    ThrowError(Code::kDataLoss,
               StrCat("these ", bytes.size(), " bytes are no serialised MetaGraphDef"));
  }
  return def;
}

MetaGraphDef MetaGraphDef::ParseText(std::string_view text) {
  MetaGraphDef def;
  if (const absl::Status parsed = ParseProtoText(text, def.proto_.get()); !parsed.ok())
    ThrowError(Code::kInvalidArgument, StrCat("the text is no MetaGraphDef: ", parsed.message()));
  return def;
}

MetaGraphDef MetaGraphDef::FromFile(const std::string& path) {
  const std::string contents = ValueOrThrow(ReadFile(path));
  try {
    return Parse(contents);
  } catch (const Error&) {
    // Then it may be a text.
  }
  try {
    return ParseText(contents);
  } catch (const Error&) {
    ThrowError(Code::kDataLoss, StrCat("Cannot parse file ", path,
                                       ": neither the bytes nor the text of a "
                                       "MetaGraphDef"));
  }
}

std::string MetaGraphDef::Serialize() const { return SerializeProto(*proto_); }

std::string MetaGraphDef::ToText() const { return ProtoToText(*proto_); }

std::string MetaGraphDef::ToJson() const { return ValueOrThrow(ProtoToJson(*proto_)); }

void MetaGraphDef::WriteFile(const std::string& path, bool as_text) const {
  ThrowIfError(WriteFileAtomically(path, as_text ? ToText() : Serialize()));
}

GraphDef MetaGraphDef::graph_def() const { return GraphDef(proto_->graph_def()); }

std::optional<SaverDef> MetaGraphDef::saver_def() const {
  if (!proto_->has_saver_def()) return std::nullopt;
  return saving::SaverDefFromProto(proto_->saver_def());
}

std::vector<std::string> MetaGraphDef::collection_names() const {
  std::vector<std::string> names;
  for (const auto& [name, def] : proto_->collection_def()) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace weft::train
