// SPDX-License-Identifier: Apache-2.0
// Elements that are C++ objects: handles of resources and variants.
#pragma once

#include <any>
#include <cstdint>
#include <memory>
#include <string>

#include "weft/core/dtype.h"

namespace weft {

class Resource;
class ResourceSlot;

// What VarHandleOp, iterators, tables and queues hand out: the name of a resource and a direct way
// to it, so that using it needs no look-up by name. Two handles of the same slot are the same
// resource.
class ResourceHandle {
 public:
  std::string device;
  std::string container;
  std::string name;
  std::string type;  // e.g. "Variable"
  std::shared_ptr<ResourceSlot> slot;

  friend bool operator==(const ResourceHandle& a, const ResourceHandle& b) {
    return a.slot == b.slot && a.name == b.name && a.container == b.container;
  }
};

// Any C++ value; `type_name` and `metadata` are what a TensorProto of it says.
class Variant {
 public:
  std::any value;
  std::string type_name;
  std::string metadata;
};

}  // namespace weft
