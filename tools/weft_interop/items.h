// SPDX-License-Identifier: Apache-2.0
// What a folder of interoperability files holds: one item for each thing to run.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "weft/graph/graph_def.h"

namespace weft::interop {

struct Item {
  std::string kind;  // "graphs", "checkpoints", "hostile", ...
  std::string name;  // "graphs/train_adam"
  // Throws golden::Mismatch or weft::Error if the item doesn't show what it should.
  std::function<void()> run;
};

// Throws golden::Mismatch with every op type of the graph that is missing, so that a failing item
// says what it waits for.
void CheckOpsExist(const GraphDef& def);

// All items under `dir`, sorted by name. Throws golden::Mismatch if the folder's own lists are
// broken.
std::vector<Item> FindItems(const std::filesystem::path& dir);

// By kind; each looks at one folder of `dir`, which may be missing.
std::vector<Item> GraphItems(const std::filesystem::path& dir);       // graphs, large_graphs
std::vector<Item> CheckpointItems(const std::filesystem::path& dir);  // checkpoints
std::vector<Item> SavedModelItems(const std::filesystem::path& dir);  // saved_models
std::vector<Item> HostileItems(const std::filesystem::path& dir);     // hostile
std::vector<Item> RecordItems(const std::filesystem::path& dir);      // tfrecord
std::vector<Item> EventItems(const std::filesystem::path& dir);       // events
std::vector<Item> ProgramItems(const std::filesystem::path& dir);     // programs

}  // namespace weft::interop
