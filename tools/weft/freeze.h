// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tools/weft/model_options.h"

namespace weft::tool {

struct FreezeOptions {
  ModelOptions model = {};
  std::string out = {};                // .pb, .pbtxt or .json
  std::vector<std::string> keep = {};  // variables that stay
  bool optimize = false;
};

// Writes the part of a model that its outputs need, with constants for variables.
void Freeze(const FreezeOptions& options);

}  // namespace weft::tool
