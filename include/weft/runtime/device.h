// SPDX-License-Identifier: Apache-2.0
// Devices: where kernels run and where their memory is.
//
// A type of device is added by registering a factory for it (DeviceRegistry): a GPU brings its own
// Allocator (stream-ordered), its Stream and its copies; nothing in the runtime knows it by name.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "weft/core/array.h"
#include "weft/core/buffer.h"

namespace weft {

struct ConfigProto;

// Ordered work of a device that computes beside the host. A CPU has none: its kernels are done when
// they return.
class Stream {
 public:
  virtual ~Stream() = default;
  // Waits until all work given to the stream so far is done; the first error of it.
  virtual absl::Status Synchronize() = 0;
  // Calls `f` on a thread of the runtime when the work given so far is done.
  virtual void Then(std::function<void()> f) = 0;
};

class Device {
 public:
  virtual ~Device() = default;
  // "/job:localhost/replica:0/task:0/device:CPU:0"
  virtual const std::string& name() const = 0;
  // "CPU"
  virtual std::string_view type() const = 0;
  virtual Allocator* allocator() = 0;
  virtual Stream* stream() { return nullptr; }
  // True if kernels' tensors are in memory of its own, so that values are copied on the way in and
  // out.
  virtual bool has_own_memory() const { return false; }
  // Copies of whole tensors of plain dtypes; `to` is allocated by the caller. Ordered with the
  // stream; CopyToHost waits.
  virtual absl::Status CopyFromHost(const Array& from, Array* to);
  virtual absl::Status CopyToHost(const Array& from, Array* to);
  // Bytes of memory, 0 if unknown; a description for listings.
  virtual size_t memory_limit() const { return 0; }
  virtual std::string description() const { return {}; }
};

// Thread-safe.
class DeviceRegistry {
 public:
  using Factory = std::function<absl::Status(const ConfigProto&, const std::string& prefix,
                                             std::vector<std::unique_ptr<Device>>*)>;
  static DeviceRegistry& Global();
  // Nodes that ask for no device go to the type of highest priority that has a kernel for them.
  // CPU: 70, GPU: 210; below 0: only if asked for.
  void Add(std::string type, int priority, Factory factory);
  // All devices that the config asks for, in order of type priority.
  absl::Status Create(const ConfigProto& config, const std::string& prefix,
                      std::vector<std::unique_ptr<Device>>* devices) const;
  int Priority(std::string_view type) const;

 private:
  struct Entry {
    int priority;
    Factory factory;
  };
  mutable std::mutex mu_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace weft
