// SPDX-License-Identifier: Apache-2.0
// Options that the subcommands which load a model share.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "weft/core/array.h"
#include "weft/serving/predictor.h"

namespace CLI {
class App;
}

namespace weft::tool {

struct ModelOptions {
  std::string path;
  std::vector<std::string> tags = {"serve"};
  std::string signature = "serving_default";
  std::vector<std::string> inputs, outputs;  // "tensor" or "name=tensor"
};

// Declares MODEL, --tags, --signature, --inputs and --outputs.
void AddModelOptions(CLI::App& command, ModelOptions* options);

serving::Predictor LoadModel(const ModelOptions& options);

// Declares --feed and --npz.
struct FeedOptions {
  std::vector<std::string> files;  // "name=file.npy"
  std::vector<std::string> archives;
};
void AddFeedOptions(CLI::App& command, FeedOptions* options);

// The arrays of the files by the names of the inputs.
serving::NamedArrays ReadFeeds(const FeedOptions& options);

// "float32 (?, 784)".
std::string TypeText(const serving::ValueSpec& spec);

}  // namespace weft::tool
