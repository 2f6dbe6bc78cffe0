// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "weft/framework/variable.h"

namespace weft {

struct Variable::Data {
  Tensor variable;       // VariableV2's or VarHandleOp's output
  Tensor snapshot;       // w/read, w/Read/ReadVariableOp
  Tensor initial_value;  // before guards
  Operation initializer;
  bool trainable = true;
  bool is_resource = false;
  PartialShape shape;
  DataType dtype = kInvalidType;
};

}  // namespace weft
