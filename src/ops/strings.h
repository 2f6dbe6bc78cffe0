// SPDX-License-Identifier: Apache-2.0
// The parts of the strings family.
#pragma once

#include "weft/graph/op_def.h"

namespace weft {

inline constexpr const char* kTexts = "texts have no gradient";

void RegisterStringEditOps(OpRegistry& ops);   // one text from each
void RegisterStringSplitOps(OpRegistry& ops);  // parts of texts, and texts of parts
void RegisterUnicodeOps(OpRegistry& ops);      // code points

}  // namespace weft
