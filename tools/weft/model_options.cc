// SPDX-License-Identifier: Apache-2.0
#include "tools/weft/model_options.h"

#include <CLI/CLI.hpp>

#include "tools/weft/npy.h"
#include "weft/core/error.h"

namespace weft::tool {
namespace {

// "name=tensor"; a tensor alone is its own name.
std::map<std::string, std::string> NamedTensors(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> named;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    named[text.substr(0, equals)] = equals == std::string::npos ? text : text.substr(equals + 1);
  }
  return named;
}

}  // namespace

void AddModelOptions(CLI::App& command, ModelOptions* options) {
  command.add_option("MODEL", options->path, "SavedModel folder, frozen graph or checkpoint")
      ->required();
  command.add_option("--tags", options->tags, "tags of the MetaGraph, with commas between")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
  command.add_option("--signature", options->signature, "signature of the MetaGraph")
      ->capture_default_str();
  command
      .add_option("--inputs", options->inputs,
                  "instead of the signature's or of all placeholders: TENSOR or NAME=TENSOR, with "
                  "commas between")
      ->delimiter(',')
      ->allow_extra_args(false);
  command
      .add_option("--outputs", options->outputs,
                  "instead of the signature's or of all that nobody uses: TENSOR or NAME=TENSOR, "
                  "with commas between")
      ->delimiter(',')
      ->allow_extra_args(false);
}

serving::Predictor LoadModel(const ModelOptions& options) {
  return serving::Predictor::Load(options.path, {.tags = options.tags,
                                                 .signature = options.signature,
                                                 .inputs = NamedTensors(options.inputs),
                                                 .outputs = NamedTensors(options.outputs)});
}

void AddFeedOptions(CLI::App& command, FeedOptions* options) {
  // One value after each, so that MODEL may follow.
  command.add_option("--feed", options->files, "an input from a file of numpy: NAME=FILE.npy")
      ->allow_extra_args(false);
  command
      .add_option("--npz", options->archives, "inputs by their names in a file of numpy's savez")
      ->allow_extra_args(false);
}

serving::NamedArrays ReadFeeds(const FeedOptions& options) {
  serving::NamedArrays feeds;
  for (const std::string& archive : options.archives) {
    for (auto& [name, array] : ReadNpz(archive)) feeds[name] = std::move(array);
  }
  for (const std::string& text : options.files) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      ThrowError(Code::kInvalidArgument, "--feed " + text + ": NAME=FILE.npy is what it takes");
    }
    feeds[text.substr(0, equals)] = ReadNpy(text.substr(equals + 1));
  }
  return feeds;
}

std::string TypeText(const serving::ValueSpec& spec) {
  return DTypeName(spec.dtype) + " " + spec.shape.ToString();
}

}  // namespace weft::tool
