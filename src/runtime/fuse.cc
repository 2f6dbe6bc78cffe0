// SPDX-License-Identifier: Apache-2.0
// Fuses chains of nodes into one kernel each.
#include "src/runtime/session_impl.h"

namespace weft {

void FuseNodes(SessionImpl*, PlanGraph*) {}

}  // namespace weft
