// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "weft/graph/op_def.h"

namespace weft {

void RegisterThreadPoolOps(OpRegistry& ops);

}  // namespace weft
