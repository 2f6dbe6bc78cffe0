// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "weft/graph/tensor.h"

namespace weft::internal {

// An initial value that may run before the variables it is made of are initialised: the nodes
// between them and `value` are copied, with each reference variable's initialized_value() in its
// place. `value` itself if it is made of none. `scope` ("w2/") is part of the copies' names.
Tensor GuardedInitialValue(const std::string& scope, const Tensor& value);

}  // namespace weft::internal
