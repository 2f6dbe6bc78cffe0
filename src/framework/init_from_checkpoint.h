// SPDX-License-Identifier: Apache-2.0
// What InitFromCheckpoint and WarmStart share.
#pragma once

#include <string>
#include <vector>

#include "weft/framework/warm_start.h"

namespace weft::train::saving {

// The parts of a variable in parts, else the variable itself. InvalidArgumentError for an empty
// one.
std::vector<Variable> SingleVariables(const std::vector<Variable>& variables);

// A folder's newest checkpoint, or what is given. NotFoundError if the folder has none.
std::string CheckpointPrefix(const std::string& folder_or_prefix);

// What is run instead of a variable's initializer from now on; `value` is the new initial value,
// which an invalid tensor leaves as it was.
void ReplaceInitializer(const Variable& v, const Operation& initializer, const Tensor& value);

}  // namespace weft::train::saving
