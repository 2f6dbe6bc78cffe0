// SPDX-License-Identifier: Apache-2.0
// Resources: state that outlives a run (variables, queues, tables, iterators), found by container,
// type and name.
#pragma once

#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/core/array.h"
#include "weft/core/handle.h"

namespace weft {

class Resource {
 public:
  virtual ~Resource() = default;
  virtual std::string DebugString() const { return "resource"; }
};

// Where one resource lives; handles point here, so that destroying and making the resource anew
// needs no new handles.
class ResourceSlot {
 public:
  std::shared_ptr<Resource> Get() const {
    std::lock_guard lock(mu_);
    return resource_;
  }
  void Set(std::shared_ptr<Resource> r) {
    std::lock_guard lock(mu_);
    resource_ = std::move(r);
  }
  // The resource, made by `make` (returns shared_ptr<Resource>) if there is none.
  template <typename F>
  std::shared_ptr<Resource> GetOrCreate(F&& make) {
    std::lock_guard lock(mu_);
    if (!resource_) resource_ = make();
    return resource_;
  }

 private:
  mutable std::mutex mu_;
  std::shared_ptr<Resource> resource_;
};

// Thread-safe.
class ResourceManager {
 public:
  explicit ResourceManager(std::string default_container = "localhost")
      : default_container_(std::move(default_container)) {}
  // The slot of this name, made empty if new. An empty container is the default one.
  std::shared_ptr<ResourceSlot> Slot(std::string_view container, std::string_view type,
                                     std::string_view name);
  // Empties all slots of a container.
  void ClearContainer(std::string_view container);
  void Clear();
  const std::string& default_container() const { return default_container_; }

 private:
  std::string default_container_;
  std::mutex mu_;
  std::unordered_map<std::string, std::shared_ptr<ResourceSlot>> slots_;
};

// The value of a variable, of both forms: VariableV2 hands out a reference to it, VarHandleOp a
// handle. Readers share the buffer (Read); writers hold mu and call Mutable, which copies first if
// a reader still holds it: so a running step never sees a value change under its hands, and an
// update is in place when nobody looks.
class VariableState : public Resource {
 public:
  // `name` is for messages, `declared` the shape that a reference variable is declared with.
  explicit VariableState(DataType dtype, std::string name = {}, Shape declared = {})
      : dtype_(dtype), name_(std::move(name)), declared_(std::move(declared)) {}
  const std::string& name() const { return name_; }
  std::mutex& mu() { return mu_; }
  DataType dtype() const { return dtype_; }
  // A snapshot; an invalid Array if not initialised.
  Array Read() {
    std::lock_guard lock(mu_);
    return value_;
  }
  // The rest needs mu() held.
  bool initialized() const { return value_.valid(); }
  const Array& value() const { return value_; }
  // Of the value; as declared until there is one.
  const Shape& shape() const { return value_.valid() ? value_.shape() : declared_; }
  Array* Mutable() {
    if (value_.valid() && !value_.OwnsBufferAlone()) value_ = value_.Clone();
    return &value_;
  }
  // The caller has copied transient memory (KernelContext::Persist).
  void Replace(Array value) { value_ = std::move(value); }
  std::string DebugString() const override { return "variable"; }

 private:
  std::mutex mu_;
  DataType dtype_;
  std::string name_;
  Shape declared_;
  Array value_;
};

}  // namespace weft
