// SPDX-License-Identifier: Apache-2.0
// The reference programs of the interoperability files (programs/*.json), written with this
// library. Also used by tests/tutorials.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tools/weft_interop/json.h"
#include "weft/core/array.h"
#include "weft/graph/graph.h"

namespace weft::interop {

// ---- d_small_programs ---------------------------------------------------------------------------

// Runs the program of a case in a graph of its own: its values by their names. Throws
// golden::Mismatch if there is no program of this name.
std::map<std::string, Array> RunSmallProgram(const std::string& name);
// Compares all that a case says: {"name": .., "values": {name: {"shape": .., "values": ..}}}. What
// the text calls exact has to be; sums over the steps of a training may be off by a few roundings.
void CheckSmallProgram(const Json& reference);

// ---- a_mnist_mlp --------------------------------------------------------------------------------

// A classifier of digits, 784-500-10, in the default graph.
struct Mlp {
  Tensor images, labels;  // float [n, 784], int64 [n]
  Tensor loss;
  Tensor rate;
  Tensor accuracy, accuracy_of_averages;
  Operation train;
};
Mlp BuildMlp(int64_t graph_seed);

// Row-major pictures of 784 pixels and their classes.
struct Digits {
  std::vector<float> images;
  std::vector<int64_t> labels;
};
// Batch `step` of a training holds rows ((100 step + j) 7919) mod n of the digits.
Digits TrainingBatch(const Digits& digits, int64_t step);

// Trains as each run of the reference says, on the MNIST files in `data`.
void CheckMnistMlp(const Json& reference, const std::filesystem::path& data);

// ---- b_mnist_cnn --------------------------------------------------------------------------------

// A classifier of digits by two convolutions and two full connections, in the default graph.
struct Cnn {
  Tensor images, labels;  // float [n, 784], int64 [n]
  Tensor loss;
  Tensor accuracy_of_averages;
  Operation train;
};
Cnn BuildCnn(int64_t graph_seed);
// Trains as the reference says, on the MNIST files in `data`.
void CheckMnistCnn(const Json& reference, const std::filesystem::path& data);

// ---- c_sin_lstm ---------------------------------------------------------------------------------

// Trains the sine's LSTM (examples/lstm/sine.h) as one of the reference's runs says, for at most
// `max_steps` steps: the first losses, and the error on the test samples.
void CheckSineRun(const Json& run, int64_t max_steps);

// ---- e_random_values ----------------------------------------------------------------------------

// How many numbers were compared, and how far they were off.
struct RandomTally {
  int64_t numbers = 0, differing = 0, greatest_ulps = 0;
};
struct RandomValues {
  int64_t entries = 0;
  RandomTally exact;   // uniform numbers, integers, choices: none may differ
  RandomTally normal;  // may be off by one in the last place
};
RandomValues CheckRandomValues(const Json& reference);

}  // namespace weft::interop
