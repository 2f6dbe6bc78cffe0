// SPDX-License-Identifier: Apache-2.0
// What initializers check of their arguments.
#pragma once

#include "weft/core/dtype.h"

namespace weft::internal {

// InvalidArgument unless `dtype` is floating; `what` is the initializer.
void CheckFloating(const char* what, DataType dtype);

}  // namespace weft::internal
