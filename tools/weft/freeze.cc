// SPDX-License-Identifier: Apache-2.0
// weft freeze: a model with variables becomes one graph with constants.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <set>

#include "src/core/status.h"
#include "src/io/file.h"
#include "tools/weft/command.h"
#include "tools/weft/freeze.h"
#include "weft/framework/graph_util.h"

namespace weft::tool {
namespace {

std::string NodeOf(const std::string& tensor) { return tensor.substr(0, tensor.find(':')); }

void Write(const GraphDef& def, const std::string& path) {
  if (path.ends_with(".json")) return ThrowIfError(WriteFileAtomically(path, def.ToJson()));
  def.WriteFile(path, /*as_text=*/path.ends_with(".pbtxt"));
}

}  // namespace

void Freeze(const FreezeOptions& options) {
  const serving::Predictor model = LoadModel(options.model);
  std::vector<std::string> inputs, outputs;
  std::vector<DataType> types;
  std::set<std::string> seen;
  for (const serving::ValueSpec& spec : model.outputs()) {
    if (seen.insert(NodeOf(spec.tensor)).second) outputs.push_back(NodeOf(spec.tensor));
  }
  seen.clear();
  for (const serving::ValueSpec& spec : model.inputs()) {
    if (!seen.insert(NodeOf(spec.tensor)).second) continue;
    inputs.push_back(NodeOf(spec.tensor));
    types.push_back(spec.dtype);
  }
  Session& session = model.session();
  GraphDef frozen = graph_util::ConvertVariablesToConstants(
      session, session.graph().AsGraphDef(), outputs, {.variable_names_blacklist = options.keep});
  if (options.optimize) {
    frozen = graph_util::OptimizeForInference(frozen, inputs, outputs, types);
  }
  Write(frozen, options.out);
  std::cout << options.out << ": " << frozen.num_nodes() << " nodes\n";
}

void AddFreeze(CLI::App& weft) {
  auto options = std::make_shared<FreezeOptions>();
  CLI::App* command = weft.add_subcommand(
      "freeze", "Writes the part of a model that its outputs need, with constants for variables");
  AddModelOptions(*command, &options->model);
  command->add_option("-o,--out", options->out, "file to write: .pb, .pbtxt or .json")->required();
  command->add_option("--keep", options->keep, "variables that stay, with commas between")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_flag("--optimize", options->optimize,
                    "fold constants and batch normalisation, drop what only training needs");
  command->callback([options] { Freeze(*options); });
}

}  // namespace weft::tool
