// SPDX-License-Identifier: Apache-2.0
#include "src/ops/register.h"

namespace weft {

void RegisterSegmentOps(OpRegistry& ops) { (void)ops; }

}  // namespace weft
