// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weft/framework/variable.h"

namespace weft {

struct Variable::Data {
  // What a variable in parts is: `parts` in the order of their offsets.
  struct Partitioned {
    std::string name;
    std::vector<Variable> parts;
    std::vector<int64_t> partitions;
  };

  Tensor variable;       // VariableV2's or VarHandleOp's output
  Tensor snapshot;       // w/read, w/Read/ReadVariableOp
  Tensor cached;         // of a resource variable with a caching device: what stands for its value
  Tensor initial_value;  // before guards; invalid if an old VariableDef doesn't name it
  Operation initializer;
  bool trainable = true;
  bool is_resource = false;
  PartialShape shape;
  DataType dtype = kInvalidType;
  std::string caching_device;
  VariableConstraint constraint;
  std::optional<SaveSliceInfo> save_slice_info;
  std::optional<Partitioned> partitioned;  // then all above but trainable, shape and dtype is empty
};

namespace internal {
// A caching device: a variable is read wherever its reader is, and not beside the variable.
// Recurrent networks ask for that (Python's varscope.set_caching_device(lambda op: op.device)).
inline constexpr std::string_view kCacheHere = "<here>";
// The data of a variable; InvalidArgumentError if it is empty, or if it is in parts and so has no
// node that `what` could mean.
Variable::Data& SingleData(const Variable& v, const char* what);
// The value of a variable in parts.
Tensor ConcatenatedParts(const Variable::Data& data);
}  // namespace internal

}  // namespace weft
