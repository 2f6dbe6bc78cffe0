// SPDX-License-Identifier: Apache-2.0
// The files that a Predictor loads.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "weft/framework/saved_model.h"
#include "weft/graph/graph.h"

namespace weft::serving {

enum class ModelKind { kSavedModel, kGraph, kCheckpoint };

// By what is there. Throws NotFoundError if it is nothing of the kind.
ModelKind KindOfModel(const std::string& path);

// A SavedModel may be given by its folder or by the file in it.
std::string SavedModelFolder(const std::string& path);

// Imports what `wanted` (names of ops; all if empty) need.
absl::Status ImportGraphFile(const std::string& path, const std::vector<std::string>& wanted,
                             const Graph& graph);

// Imports what `wanted` and the restoring of variables need, restores them, and gives the
// signatures of the MetaGraph. Throws Errors.
std::map<std::string, saved_model::SignatureDef> ImportCheckpoint(
    const std::string& path, const std::vector<std::string>& wanted, Session& session);

// The value of a Const.
Array ConstValueOf(const Operation& op);

}  // namespace weft::serving
