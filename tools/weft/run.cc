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
#include "tools/weft/style.h"
#include "weft/core/error.h"

namespace weft::tool {
namespace {

struct RunFlags {
  ModelOptions model;
  FeedOptions feeds;
  std::string out;
  bool json = false;
};

Json ElementJson(const Array& a, int64_t i) {
  if (a.dtype() == kString) return a.data<std::string>()[i];
  if (a.dtype() == kBool) return a.data<bool>()[i];
  if (a.dtype() == kUint64) return a.data<uint64_t>()[i];
  if (IsInteger(a.dtype())) return a.AsInt64(i);
  if (IsFloating(a.dtype())) return a.AsDouble(i);
  ThrowError(Code::kUnimplemented, "JSON has no numbers of " + DTypeName(a.dtype()));
}

// The elements row by row, without nesting.
void WriteJson(const serving::NamedArrays& results) {
  Json json = Json::object();
  for (const auto& [name, a] : results) {
    Json values = Json::array();
    for (int64_t i = 0; i < a.num_elements(); ++i) values.push_back(ElementJson(a, i));
    const auto dims = a.shape().dims();
    json[name] = {{"dtype", DTypeName(a.dtype())},
                  {"shape", std::vector<int64_t>(dims.begin(), dims.end())},
                  {"values", std::move(values)}};
  }
  PrintJson(json);
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

void Run(const RunFlags& options) {
  const serving::Predictor model = LoadModel(options.model);
  const serving::NamedArrays results = model.Predict(ReadFeeds(options.feeds, model));
  if (!options.out.empty()) WriteFiles(options.out, results);
  if (options.json) return WriteJson(results);
  if (!options.out.empty()) return;
  for (const auto& [name, a] : results) {
    std::cout << Bold(name) << ": " << DTypeName(a.dtype()) << " " << a.shape().ToString() << "\n"
              << a << "\n";
  }
}

}  // namespace

void AddRun(CLI::App& weft) {
  auto options = std::make_shared<RunFlags>();
  CLI::App* command = weft.add_subcommand(
      "run", "Runs a model on arrays from files, on numbers or on random values");
  AddModelOptions(*command, &options->model);
  AddFeedOptions(*command, &options->feeds);
  command->add_option("-o,--output,--out", options->out,
                      "where the outputs go: a .npz file, a .npy file (one output) or a folder; "
                      "else they are printed");
  command->add_flag("--json", options->json, "print the outputs as JSON");
  command->callback([options] { Run(*options); });
}

}  // namespace weft::tool
