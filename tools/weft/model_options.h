// SPDX-License-Identifier: Apache-2.0
// Options that the subcommands which load a model share.
#pragma once

#include <cstdint>
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
  std::string path = {};
  std::vector<std::string> tags = {"serve"};
  std::string signature = "serving_default";
  std::vector<std::string> inputs = {}, outputs = {};  // "tensor" or "name=tensor"
};

// Declares MODEL, --tags, --signature, --inputs and --outputs.
void AddModelOptions(CLI::App& command, ModelOptions* options);

serving::Predictor LoadModel(const ModelOptions& options);

// The prefix of a checkpoint: of a folder, that of its newest; of one of the files, theirs.
std::string PrefixOf(const std::string& path);

// Declares --input, --npz and --rows.
struct FeedOptions {
  std::vector<std::string> inputs;  // "name=value"; "value" alone for a model with one input
  std::vector<std::string> archives;
  int64_t rows = 1;  // stands for dimensions that are not known, where a value is made up
};
void AddFeedOptions(CLI::App& command, FeedOptions* options);

// The arrays by the names of the model's inputs; those that nothing was said of are missing.
serving::NamedArrays ReadFeeds(const FeedOptions& options, const serving::Predictor& model);

enum class MadeUp { kZeros, kRandom };
// A value for an input: zeros (empty strings), or random numbers, always the same: in [0, 1), of
// integers and booleans 0 and 1.
Array MakeUp(const serving::ValueSpec& spec, MadeUp how, int64_t rows);

// An element of an array of numbers or booleans (Unimplemented for others). Integers are cut to
// their type's range.
void SetElement(Array* array, int64_t i, double value);

// "float32 (?, 784)".
std::string TypeText(const serving::ValueSpec& spec);

}  // namespace weft::tool
