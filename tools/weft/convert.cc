// SPDX-License-Identifier: Apache-2.0
// weft convert: binary, text and JSON forms of graphs, MetaGraphs and SavedModels; checkpoints of
// version 1 to version 2; a SavedModel to a frozen graph and back.
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
#include "tools/weft/freeze.h"
#include "weft/framework/checkpoint.h"
#include "weft/framework/saved_model.h"

namespace weft::tool {
namespace {

using google::protobuf::Message;

struct ConvertFlags {
  std::string from, to, type = "auto";
};

enum class Form { kBinary, kText, kJson };

Form FormOf(const std::string& path) {
  if (path.ends_with(".pbtxt") || path.ends_with(".txt")) return Form::kText;
  return path.ends_with(".json") ? Form::kJson : Form::kBinary;
}

std::unique_ptr<Message> NewMessage(const ConvertFlags& options) {
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

void ConvertForm(const ConvertFlags& options) {
  const std::unique_ptr<Message> message = NewMessage(options);
  Parse(options.from, message.get());
  ThrowIfError(WriteFileAtomically(options.to, Written(*message, FormOf(options.to))));
}

// Reads either version, writes version 2, parts as parts.
void ConvertCheckpoint(const ConvertFlags& options) {
  const train::CheckpointReader reader(PrefixOf(options.from));
  train::CheckpointWriter writer(options.to);
  int tensors = 0;
  for (const auto& [name, shape] : reader.GetVariableToShapeMap()) {
    const std::vector<std::string> slices = reader.GetSlices(name);
    for (const std::string& slice : slices)
      writer.WriteSlice(name, shape, slice, reader.GetSlice(name, slice));
    if (slices.empty()) writer.Write(name, reader.GetTensor(name));
    ++tensors;
  }
  writer.Finish();
  std::cout << options.to << ": " << tensors << " tensors\n";
}

// A graph without variables becomes a SavedModel whose signature has its inputs and outputs.
void ConvertToSavedModel(const ConvertFlags& options) {
  const serving::Predictor model = serving::Predictor::Load(options.from);
  Session& session = model.session();
  const auto tensors = [&](const std::vector<serving::ValueSpec>& specs) {
    saved_model::NamedTensors named;
    for (const serving::ValueSpec& spec : specs)
      named[spec.name] = session.graph().TensorByName(spec.tensor);
    return named;
  };
  const GraphScope scope(session.graph());
  saved_model::SimpleSave(session, options.to, tensors(model.inputs()), tensors(model.outputs()));
}

bool IsSavedModel(const std::string& path) {
  return std::filesystem::is_directory(path) && saved_model::MaybeSavedModelDirectory(path);
}

bool HasFormSuffix(const std::string& path) {
  const std::string suffix = std::filesystem::path(path).extension().string();
  return suffix == ".pb" || suffix == ".pbtxt" || suffix == ".json" || suffix == ".meta" ||
         suffix == ".txt";
}

void Convert(const ConvertFlags& options) {
  if (options.type == "checkpoint") return ConvertCheckpoint(options);
  if (options.type != "auto") return ConvertForm(options);
  if (IsSavedModel(options.from))
    return Freeze({.model = {.path = options.from}, .out = options.to});
  // Also "saved_model.pb", as a file, into another form of itself.
  if (HasFormSuffix(options.to)) return ConvertForm(options);
  if (HasFormSuffix(options.from)) return ConvertToSavedModel(options);
  ConvertCheckpoint(options);
}

}  // namespace

void AddConvert(CLI::App& weft) {
  auto options = std::make_shared<ConvertFlags>();
  CLI::App* command = weft.add_subcommand(
      "convert",
      "Converts between forms of a model, versions of a checkpoint, SavedModels and graphs");
  command
      ->add_option("FROM", options->from,
                   "a file .pb, .meta, .pbtxt or .json; a SavedModel's folder; a checkpoint")
      ->required();
  command->add_option("TO", options->to, "what it becomes: see below")->required();
  command->footer(
      "  graph.pb graph.pbtxt   binary (.pb, .meta), text (.pbtxt) and JSON (.json) forms\n"
      "  SAVED_MODEL graph.pb   the graph of its signature, with constants for variables\n"
      "  graph.pb SAVED_MODEL   a folder with a graph that has no variables\n"
      "  model.ckpt new.ckpt    a checkpoint of either version as version 2");
  command
      ->add_option("--type", options->type,
                   "what FROM holds; auto: by its name (saved_model.*, *.meta*, else a graph)")
      ->check(CLI::IsMember({"auto", "graph", "meta_graph", "saved_model", "checkpoint"}))
      ->capture_default_str();
  command->callback([options] { Convert(*options); });
}

}  // namespace weft::tool
