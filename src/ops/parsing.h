// SPDX-License-Identifier: Apache-2.0
// The parts of the parsing family.
#pragma once

#include "weft/graph/op_def.h"

namespace weft {

void RegisterParsingExampleOps(OpRegistry& ops);

}  // namespace weft
