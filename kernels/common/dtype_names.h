// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "src/core/strings.h"
#include "weft/core/dtype.h"

namespace weft {

// As TensorFlow's messages list them: "float, int32".
inline std::string DTypeOpNames(const std::vector<DataType>& types) {
  return StrJoin(types, ", ", [](std::string* s, DataType t) { StrAppend(s, DTypeOpName(t)); });
}

}  // namespace weft
