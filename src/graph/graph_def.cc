// SPDX-License-Identifier: Apache-2.0
#include "weft/graph/graph_def.h"

#include <utility>

#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/json_util.h"
#include "proto/weft/graph.pb.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/proto_convert.h"
#include "src/io/file.h"

namespace weft {
namespace {

// Keeps the first error of the text parser.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text_.empty()) text_ = StrCat("line ", line + 1, ", column ", column + 1, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace

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
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  parser.SetRecursionLimit(100);
  if (!parser.ParseFromString({text.data(), text.size()}, def.proto_.get())) {
    ThrowStatus(absl::InvalidArgumentError(StrCat("Invalid GraphDef text: ", error.text())));
  }
  return def;
}

GraphDef GraphDef::ParseJson(std::string_view text) {
  GraphDef def;
  const auto status =
      google::protobuf::util::JsonStringToMessage({text.data(), text.size()}, def.proto_.get());
  if (!status.ok()) {
    ThrowStatus(absl::InvalidArgumentError(
        StrCat("Invalid GraphDef in JSON: ", std::string(status.message()))));
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

std::string GraphDef::ToText() const {
  std::string text;
  google::protobuf::TextFormat::PrintToString(*proto_, &text);
  return text;
}

std::string GraphDef::ToJson() const {
  std::string text;
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  const auto status = google::protobuf::util::MessageToJsonString(*proto_, &text, options);
  if (!status.ok()) ThrowStatus(absl::InternalError(std::string(status.message())));
  return text;
}

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
