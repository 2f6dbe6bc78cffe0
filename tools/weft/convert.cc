// SPDX-License-Identifier: Apache-2.0
// weft convert: binary, text and JSON forms of graphs, MetaGraphs and SavedModels.
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>

#include "proto/weft/meta_graph.pb.h"
#include "proto/weft/saved_model.pb.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/proto_convert.h"
#include "src/io/file.h"
#include "tools/weft/command.h"

namespace weft::tool {
namespace {

using google::protobuf::Message;

struct Options {
  std::string from, to, type = "auto";
};

enum class Form { kBinary, kText, kJson };

Form FormOf(const std::string& path) {
  if (path.ends_with(".pbtxt") || path.ends_with(".txt")) return Form::kText;
  return path.ends_with(".json") ? Form::kJson : Form::kBinary;
}

std::unique_ptr<Message> NewMessage(const Options& options) {
  std::string type = options.type;
  if (type == "auto") {
    const std::filesystem::path path(options.from);
    type = path.stem() == "saved_model"                                  ? "saved_model"
           : path.filename().string().find(".meta") != std::string::npos ? "meta_graph"
                                                                         : "graph";
  }
  if (type == "saved_model") return std::make_unique<proto::SavedModel>();
  if (type == "meta_graph") return std::make_unique<proto::MetaGraphDef>();
  return std::make_unique<proto::GraphDef>();
}

class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text.empty()) text = StrCat("line ", line + 1, ", column ", column + 1, ": ", message);
  }
  std::string text;
};

void Parse(const std::string& path, Message* message) {
  const std::string bytes = ValueOrThrow(ReadFile(path));
  std::string error;
  if (FormOf(path) == Form::kText) {
    FirstError first;
    google::protobuf::TextFormat::Parser parser;
    parser.RecordErrorsTo(&first);
    parser.SetRecursionLimit(100);
    if (parser.ParseFromString(bytes, message)) return;
    error = first.text;
  } else if (FormOf(path) == Form::kJson) {
    const auto status = google::protobuf::util::JsonStringToMessage(bytes, message);
    if (status.ok()) return;
    error = std::string(status.message());
  } else {
    if (ParseProto(bytes, message)) return;
    error = StrCat("these ", bytes.size(), " bytes are none");
  }
  ThrowError(Code::kDataLoss,
             StrCat(path, " holds no ", message->GetDescriptor()->name(), ": ", error));
}

std::string Written(const Message& message, Form form) {
  std::string text;
  if (form == Form::kBinary) return SerializeProto(message);
  if (form == Form::kText) {
    google::protobuf::TextFormat::PrintToString(message, &text);
    return text;
  }
  google::protobuf::util::JsonPrintOptions print;
  print.add_whitespace = true;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, print);
  if (!status.ok())
    ThrowError(Code::kUnimplemented, StrCat("as JSON: ", std::string(status.message())));
  return text;
}

void Convert(const Options& options) {
  const std::unique_ptr<Message> message = NewMessage(options);
  Parse(options.from, message.get());
  ThrowIfError(WriteFileAtomically(options.to, Written(*message, FormOf(options.to))));
}

}  // namespace

void AddConvert(CLI::App& weft) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      weft.add_subcommand("convert", "Converts between binary, text and JSON forms of a model");
  command->add_option("FROM", options->from, ".pb, .meta, .pbtxt or .json")->required();
  command->add_option("TO", options->to, "the form is that of its suffix")->required();
  command
      ->add_option("--type", options->type,
                   "what FROM holds; auto: by its name (saved_model.*, *.meta*, else a graph)")
      ->check(CLI::IsMember({"auto", "graph", "meta_graph", "saved_model"}))
      ->capture_default_str();
  command->callback([options] { Convert(*options); });
}

}  // namespace weft::tool
