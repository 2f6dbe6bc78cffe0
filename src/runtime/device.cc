// SPDX-License-Identifier: Apache-2.0
#include "weft/runtime/device.h"

#include <algorithm>
#include <cstring>

#include "src/core/strings.h"
#include "src/runtime/builtin_devices.h"
#include "weft/core/status_macros.h"
#include "weft/runtime/session.h"

namespace weft {
namespace {

absl::Status CopyBytes(const Array& from, Array* to) {
  if (IsPlain(from.dtype())) {
    if (from.num_bytes() > 0) std::memcpy(to->raw_data(), from.raw_data(), from.num_bytes());
  } else {
    *to = from;  // strings, handles and variants always live on the host
  }
  return absl::OkStatus();
}

class CpuDevice final : public Device {
 public:
  explicit CpuDevice(std::string name) : name_(std::move(name)) {}
  const std::string& name() const override { return name_; }
  std::string_view type() const override { return "CPU"; }
  Allocator* allocator() override { return HostAllocator(); }

 private:
  std::string name_;
};

// Host memory that claims not to be: a value that reaches a kernel of this device without a copy,
// or the host without one, shows.
class TestAllocator final : public Allocator {
 public:
  std::string_view name() const override { return "test"; }
  void* Allocate(size_t bytes) override { return HostAllocator()->Allocate(bytes); }
  void Deallocate(void* memory, size_t bytes) override {
    HostAllocator()->Deallocate(memory, bytes);
  }
  bool host_accessible() const override { return false; }
};

class TestDevice final : public Device {
 public:
  explicit TestDevice(std::string name) : name_(std::move(name)) {}
  const std::string& name() const override { return name_; }
  std::string_view type() const override { return "TEST"; }
  Allocator* allocator() override {
    static Allocator* const allocator = new TestAllocator();  // outlives all buffers
    return allocator;
  }
  bool has_own_memory() const override { return true; }
  std::string description() const override {
    return "memory space of its own, kernels of the host";
  }

 private:
  std::string name_;
};

template <typename D>
DeviceRegistry::Factory CountedFactory(std::string type, int default_count) {
  return [type, default_count](const ConfigProto& config, const std::string& prefix,
                               std::vector<std::unique_ptr<Device>>* devices) {
    auto it = config.device_count.find(type);
    const int n = it == config.device_count.end() ? default_count : it->second;
    constexpr int kMaxDevices = 1024;
    if (n < 0 || n > kMaxDevices)
      return absl::InvalidArgumentError(StrCat("ConfigProto.device_count[\"", type, "\"] is ", n,
                                               "; it must be in [0, ", kMaxDevices, "]"));
    for (int i = 0; i < n; ++i)
      devices->push_back(std::make_unique<D>(StrCat(prefix, "/device:", type, ":", i)));
    return absl::OkStatus();
  };
}

}  // namespace

absl::Status Device::CopyFromHost(const Array& from, Array* to) { return CopyBytes(from, to); }
absl::Status Device::CopyToHost(const Array& from, Array* to) { return CopyBytes(from, to); }

void RegisterBuiltinDevices(DeviceRegistry& devices) {
  devices.Add("CPU", 70, CountedFactory<CpuDevice>("CPU", 1));
  devices.Add("TEST", -1, CountedFactory<TestDevice>("TEST", 0));
}

DeviceRegistry& DeviceRegistry::Global() {
  static DeviceRegistry* const registry = [] {
    auto* r = new DeviceRegistry();
    RegisterBuiltinDevices(*r);
    return r;
  }();
  return *registry;
}

void DeviceRegistry::Add(std::string type, int priority, Factory factory) {
  std::lock_guard lock(mu_);
  entries_[std::move(type)] = {priority, std::move(factory)};
}

absl::Status DeviceRegistry::Create(const ConfigProto& config, const std::string& prefix,
                                    std::vector<std::unique_ptr<Device>>* devices) const {
  std::vector<std::pair<int, Factory>> factories;
  {
    std::lock_guard lock(mu_);
    for (const auto& [type, entry] : entries_)
      factories.emplace_back(entry.priority, entry.factory);
  }
  std::stable_sort(factories.begin(), factories.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [priority, factory] : factories)
    WEFT_RETURN_IF_ERROR(factory(config, prefix, devices));
  return absl::OkStatus();
}

int DeviceRegistry::Priority(std::string_view type) const {
  std::lock_guard lock(mu_);
  auto it = entries_.find(type);
  return it == entries_.end() ? 0 : it->second.priority;
}

}  // namespace weft
