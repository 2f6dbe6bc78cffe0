// SPDX-License-Identifier: Apache-2.0
// The parts of the parsing family.
#pragma once

#include "weft/graph/op_def.h"

namespace weft {

// Why the family has no gradients.
inline constexpr const char* kReadFromBytes = "what comes out is read from bytes";

void RegisterParsingExampleOps(OpRegistry& ops);

}  // namespace weft
