// SPDX-License-Identifier: Apache-2.0
// weft run: one run of a model on arrays from files.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>

#include "tools/weft/command.h"
#include "tools/weft/json.h"
#include "tools/weft/model_options.h"
#include "tools/weft/npy.h"
#include "weft/core/error.h"

namespace weft::tool {
namespace {

struct Options {
  ModelOptions model;
  FeedOptions feeds;
  std::string out;
  bool json = false;
};

void WriteElements(const Array& a, JsonWriter* json) {
  for (int64_t i = 0; i < a.num_elements(); ++i) {
    if (a.dtype() == kString) {
      json->Value(a.data<std::string>()[i]);
    } else if (a.dtype() == kBool) {
      json->Value(a.data<bool>()[i]);
    } else if (IsInteger(a.dtype())) {
      json->Value(a.AsInt64(i));
    } else if (IsFloating(a.dtype())) {
      json->Value(a.AsDouble(i));
    } else {
      ThrowError(Code::kUnimplemented, "JSON has no numbers of " + DTypeName(a.dtype()));
    }
  }
}

void WriteJson(const serving::NamedArrays& results) {
  JsonWriter json(std::cout);
  json.BeginObject();
  for (const auto& [name, a] : results) {
    json.Key(name).BeginObject().Key("dtype").Value(DTypeName(a.dtype()));
    json.Key("shape").BeginArray();
    for (const int64_t d : a.shape().dims()) json.Value(d);
    json.End().Key("values").BeginArray();
    WriteElements(a, &json);
    json.End().End();
  }
  json.End();
}

// A folder gets a .npy file for each output.
void WriteFiles(const std::string& path, const serving::NamedArrays& results) {
  if (path.ends_with(".npz")) return WriteNpz(path, results);
  if (path.ends_with(".npy")) {
    if (results.size() == 1) return WriteNpy(path, results.begin()->second);
    ThrowError(Code::kInvalidArgument, path + ": there are " + std::to_string(results.size()) +
                                           " outputs; a .npz file or a folder holds them");
  }
  std::filesystem::create_directories(path);
  for (const auto& [name, a] : results) {
    std::string file = name;
    for (char& c : file) c = c == '/' || c == ':' ? '_' : c;
    WriteNpy((std::filesystem::path(path) / (file + ".npy")).string(), a);
  }
}

void Run(const Options& options) {
  const serving::NamedArrays results = LoadModel(options.model).Predict(ReadFeeds(options.feeds));
  if (!options.out.empty()) WriteFiles(options.out, results);
  if (options.json) return WriteJson(results);
  if (!options.out.empty()) return;
  for (const auto& [name, a] : results) {
    std::cout << name << ": " << DTypeName(a.dtype()) << " " << a.shape().ToString() << "\n"
              << a << "\n";
  }
}

}  // namespace

void AddRun(CLI::App& weft) {
  auto options = std::make_shared<Options>();
  CLI::App* command = weft.add_subcommand("run", "Runs a model on arrays from .npy or .npz files");
  AddModelOptions(*command, &options->model);
  AddFeedOptions(*command, &options->feeds);
  command->add_option("-o,--out", options->out,
                      "where the outputs go: a .npz file, a .npy file (one output) or a folder; "
                      "else they are printed");
  command->add_flag("--json", options->json, "print the outputs as JSON");
  command->callback([options] { Run(*options); });
}

}  // namespace weft::tool
