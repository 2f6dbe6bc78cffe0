// SPDX-License-Identifier: Apache-2.0
// What tests of saves that fail, and the program that they start, share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "src/core/strings.h"
#include "src/io/file_system.h"
#include "weft/framework/meta_graph.h"
#include "weft/weft.h"

namespace weft::train {

// Variables that all have the number of the step as each of their elements, and ops to go on.
struct Model {
  explicit Model(int64_t rows = 64) {
    std::vector<Operation> changes;
    for (int i = 0; i < 4; ++i) {
      variables.emplace_back(
          Array::Zeros(kFloat32, Shape({rows, 250})),
          VariableOptions{.name = "v" + std::to_string(i), .use_resource = i % 2 == 1});
      changes.push_back(variables.back().AssignAdd(Ones({rows, 250})).op());
    }
    step = Variable(int64_t{0}, {.name = "step", .trainable = false});
    changes.push_back(step.AssignAdd(int64_t{1}).op());
    next = Group(changes);
    initialize = GlobalVariablesInitializer();
  }
  std::vector<Variable> variables;
  Variable step;
  Operation next, initialize;
};

inline const ConfigProto kOneThread{.intra_op_parallelism_threads = 1};

// Names of files that a save has not finished.
inline std::vector<std::string> TemporariesIn(const std::string& folder) {
  std::vector<std::string> found;
  const auto names = io::ListFolder(folder);
  if (!names.ok()) return {StrCat("the folder can't be read: ", names.status().ToString())};
  for (const std::string& name : *names) {
    if (name.find(".tempstate") != std::string::npos || name.ends_with("_temp"))
      found.push_back(name);
  }
  return found;
}

// The step of the newest checkpoint of a folder, -1 if there is none, and what is wrong with it:
// its values must all be of that step. Empty: nothing.
struct Newest {
  int64_t step = -1;
  std::string problem;
};
inline Newest FindNewest(const std::string& folder) {
  const std::string latest = LatestCheckpoint(folder);
  if (latest.empty()) {
    const bool state = io::FileExists(io::JoinPath(folder, "checkpoint"));
    return {-1, state ? "the state file names what isn't there" : ""};
  }
  const CheckpointReader reader(latest);
  const int64_t step = reader.GetTensor("step").scalar<int64_t>();
  if (!latest.ends_with(StrCat("-", step))) return {step, StrCat(latest, " has step ", step)};
  for (int i = 0; i < 4; ++i) {
    const Array value = reader.GetTensor(StrCat("v", i));
    const auto values = value.values<float>();
    if (!std::all_of(values.begin(), values.end(),
                     [&](float v) { return v == static_cast<float>(step); }))
      return {step, StrCat("v", i, " of ", latest, " is not of its step")};
  }
  if (!MetaGraphDef::FromFile(latest + ".meta").saver_def())
    return {step, StrCat(latest, ".meta has no saver")};
  return {step, ""};
}

// The program's ways: saver_child MODE FOLDER.
inline constexpr const char* kSaveForEver = "save";
inline constexpr const char* kSaveShardsForEver = "save_shards";
inline constexpr const char* kFillDisk = "fill_disk";
// On its standard output: a save begins.
inline constexpr char kSaveBegins = '\1';

}  // namespace weft::train
