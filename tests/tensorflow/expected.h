// SPDX-License-Identifier: Apache-2.0
// What TensorFlow has to find in, or compute from, a file: written beside it as expected.pb, a
// MetaGraphDef used as a container, in the form of the interoperability files.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "weft/core/array.h"

namespace weft::for_tensorflow {

using NamedArrays = std::vector<std::pair<std::string, Array>>;

struct Expected {
  NamedArrays feeds = {};
  NamedArrays expected = {};              // values of tensors
  std::vector<std::string> targets = {};  // ops to run before, each by itself
  NamedArrays gradients = {};             // "y:0/x:0": d y / d x, with the feeds
  NamedArrays slices = {};                // "w|4 2 0,2:-": name and RestoreV2's slice
  std::vector<std::string> tags = {}, signature = {};
  float rtol = 1e-5f, atol = 1e-6f;
};

// Writes expected.pb and about.json: the kind, which tells check.py what to do, and the name of
// the file or the prefix.
void WriteExpected(const std::filesystem::path& folder, const std::string& kind,
                   const std::string& file, const Expected& expected);

// Each writes folders below `root`.
void WriteCheckpoints(const std::filesystem::path& root);
void WriteGraphs(const std::filesystem::path& root);
void WriteQueuesAndBranches(const std::filesystem::path& root);
void WriteSavedModels(const std::filesystem::path& root);
void WriteRecords(const std::filesystem::path& root);

}  // namespace weft::for_tensorflow
