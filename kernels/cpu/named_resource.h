// SPDX-License-Identifier: Apache-2.0
// Resources that nodes share by container and name and that are handed out in two forms: by
// reference to a pair of strings (ops of version 1) and by resource handle. Queues, accumulators.
#pragma once

#include <memory>
#include <string>

#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {

// What the op that makes a resource keeps: where the resource lives, and the output that says so.
class NamedResource {
 public:
  // By the attributes container and shared_name; a node without a name has a resource of its own.
  // `type` separates the names of one class of resources from those of others.
  NamedResource(KernelConstruction& c, const char* type, bool by_reference);

  const std::string& name() const { return handle_.name; }
  ResourceSlot& slot() const { return *handle_.slot; }
  // Sets output 0.
  void HandOut(KernelContext& ctx) const;

 private:
  ResourceHandle handle_;
  std::unique_ptr<VariableState> reference_;  // its value: container and name; null: by handle
  Array value_;
};

// What input 0 names by a pair of strings; null if it is a handle. InvalidArgument if it is no
// pair, NotFound if there is no such resource.
absl::StatusOr<std::shared_ptr<Resource>> ResourceByNames(KernelContext& ctx, const char* type);

// The resource of class R that input 0 stands for, in either form.
template <typename R>
absl::StatusOr<std::shared_ptr<R>> NamedResourceOf(KernelContext& ctx, const char* type) {
  WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<Resource> any, ResourceByNames(ctx, type));
  if (!any) return ctx.resource<R>(0);
  if (auto resource = std::dynamic_pointer_cast<R>(any)) return resource;
  return ctx.InvalidArgument(StrCat("what input 0 names is no ", type));
}

// The error, with the node's name.
absl::Status WithNodeName(const KernelContext& ctx, const absl::Status& s);

}  // namespace weft
