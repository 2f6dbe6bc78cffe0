// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>

#include "src/core/strings.h"
#include "src/runtime/fn_kernel.h"
#include "weft/runtime/kernel.h"

namespace weft {

// Thousands of kernels are registered before the first answer of a program: what they leave lies
// together in few blocks, a name once for each run of kernels that share it.
struct KernelRegistry::State {
  // The kernels of an op, in the order of their registration.
  struct Chain {
    std::string_view op;
    const KernelEntry* first = nullptr;
    KernelEntry* last = nullptr;
  };

  std::string_view Keep(std::string_view text);
  template <typename T>
  std::span<const T> KeepAll(const T* values, size_t count);
  std::span<const KernelConstraint> Keep(KernelConstraints constraints);
  std::span<const std::string_view> Keep(const ArgumentNames& names);
  Chain& ChainOf(std::string_view op);
  const KernelEntry* First(std::string_view op) const;  // null if there is none

  mutable std::shared_mutex mu;
  std::pmr::monotonic_buffer_resource memory{size_t{64} << 10};
  std::pmr::unordered_map<std::string_view, Chain> by_op{&memory};
  // Of the latest kernel: the next one's are mostly the same.
  std::string_view device;
  std::span<const KernelConstraint> constraints;
  std::span<const std::string_view> host_arguments;
};

KernelRegistry::KernelRegistry() : state_(std::make_unique<State>()) {}

KernelRegistry::~KernelRegistry() {
  for (const auto& [op, chain] : state_->by_op) {
    for (const KernelEntry* e = chain.first; e != nullptr;) {
      const KernelEntry* const next = e->next;
      std::destroy_at(e);
      e = next;
    }
  }
}

std::string_view KernelRegistry::State::Keep(std::string_view text) {
  return {KeepAll(text.data(), text.size()).data(), text.size()};
}

template <typename T>
std::span<const T> KernelRegistry::State::KeepAll(const T* values, size_t count) {
  if (count == 0) return {};
  T* const copy = std::pmr::polymorphic_allocator<T>(&memory).allocate(count);
  std::uninitialized_copy_n(values, count, copy);
  return {copy, count};
}

std::span<const KernelConstraint> KernelRegistry::State::Keep(KernelConstraints wanted) {
  const auto same = [](const KernelConstraint& a, const KernelConstraint& b) {
    return a.dtype == b.dtype && a.attr == b.attr;
  };
  if (!std::ranges::equal(wanted, constraints, same)) {
    KernelConstraint* const copy =
        std::pmr::polymorphic_allocator<KernelConstraint>(&memory).allocate(wanted.size());
    std::ranges::transform(wanted, copy, [&](const KernelConstraint& c) {
      return KernelConstraint{Keep(c.attr), c.dtype};
    });
    constraints = {copy, wanted.size()};
  }
  return constraints;
}

std::span<const std::string_view> KernelRegistry::State::Keep(const ArgumentNames& names) {
  if (!std::ranges::equal(names, host_arguments)) {
    std::string_view copies[8];
    const auto end =
        std::ranges::transform(names, copies, [&](std::string_view n) { return Keep(n); }).out;
    host_arguments = KeepAll(copies, static_cast<size_t>(end - copies));
  }
  return host_arguments;
}

KernelRegistry::State::Chain& KernelRegistry::State::ChainOf(std::string_view op) {
  auto it = by_op.find(op);
  if (it == by_op.end()) {
    const std::string_view kept = Keep(op);
    it = by_op.emplace(kept, Chain{.op = kept}).first;
  }
  return it->second;
}

const KernelEntry* KernelRegistry::State::First(std::string_view op) const {
  const auto it = by_op.find(op);
  return it == by_op.end() ? nullptr : it->second.first;
}

KernelRegistry& KernelRegistry::Global() {
  static KernelRegistry* const registry = [] {
    auto* r = new KernelRegistry();
    RegisterAllCpuKernels(*r);
    return r;
  }();
  return *registry;
}

ArgumentNames::ArgumentNames(std::initializer_list<std::string_view> names) {
  if (names.size() > std::size(names_)) {
    throw std::length_error(StrCat("A kernel with ", names.size(),
                                   " arguments in host memory; at most ", std::size(names_),
                                   " are possible"));
  }
  std::ranges::copy(names, names_);
  size_ = static_cast<int>(names.size());
}

void KernelRegistry::Add(std::string_view op, std::string_view device,
                         KernelConstraints constraints, KernelFn fn, const KernelOptions& options,
                         std::source_location where) {
  AddFactory(
      op, device, constraints,
      [fn, rows = options.rows](KernelConstruction&) {
        return std::make_unique<FnKernel>(fn, rows);
      },
      options, where);
}

void KernelRegistry::AddClass(std::string_view op, std::string_view device,
                              KernelConstraints constraints,
                              std::unique_ptr<Kernel> (*make)(KernelConstruction&),
                              const KernelOptions& options, std::source_location where) {
  AddFactory(op, device, constraints, make, options, where);
}

void KernelRegistry::AddFactory(std::string_view op, std::string_view device,
                                KernelConstraints constraints, KernelFactory factory,
                                const KernelOptions& options, std::source_location where) {
  State& state = *state_;
  std::unique_lock lock(state.mu);
  std::pmr::polymorphic_allocator<KernelEntry> entries(&state.memory);
  KernelEntry& entry = *entries.allocate(1);
  std::construct_at(&entry);
  if (device != state.device) state.device = state.Keep(device);
  entry.device = state.device;
  entry.constraints = state.Keep(constraints);
  entry.host_arguments = state.Keep(options.host_arguments);
  entry.label = state.Keep(options.label);
  entry.factory = std::move(factory);
  entry.where = where;
  entry.priority = options.priority;
  State::Chain& chain = state.ChainOf(op);
  entry.op = chain.op;
  if (chain.last != nullptr)
    chain.last->next = &entry;
  else
    chain.first = &entry;
  chain.last = &entry;
}

namespace {
bool Fits(const KernelEntry& entry, const AttrMap& attrs) {
  for (const auto& [attr, dtype] : entry.constraints) {
    auto it = attrs.find(attr);
    if (it == attrs.end()) return false;
    if (const DataType* t = it->second.Get<DataType>()) {
      if (*t != dtype) return false;
    } else if (const auto* list = it->second.Get<std::vector<DataType>>()) {
      for (DataType t2 : *list) {
        if (t2 != dtype) return false;
      }
    } else {
      return false;
    }
  }
  auto label = attrs.find("_kernel");
  const std::string* wanted = label == attrs.end() ? nullptr : label->second.Get<std::string>();
  return entry.label == (wanted ? *wanted : std::string_view());
}

std::string Describe(const KernelEntry& e) {
  std::string s = StrCat("  device='", e.device, "'");
  for (const auto& [attr, dtype] : e.constraints)
    StrAppend(&s, "; ", attr, " in [", DTypeOpName(dtype), "]");
  return s;
}
}  // namespace

absl::StatusOr<const KernelEntry*> KernelRegistry::Find(std::string_view op,
                                                        std::string_view device,
                                                        const AttrMap& attrs) const {
  std::shared_lock lock(state_->mu);
  const KernelEntry* const first = state_->First(op);
  const KernelEntry* best = nullptr;
  for (const KernelEntry* e = first; e != nullptr; e = e->next) {
    if (e->device == device && Fits(*e, attrs) && (!best || e->priority > best->priority)) best = e;
  }
  if (best) return best;
  std::string types;
  for (const auto& [name, value] : attrs) {
    if (const DataType* t = value.Get<DataType>())
      StrAppend(&types, types.empty() ? "" : ", ", name, "=", DTypeOpName(*t));
  }
  std::string message = StrCat("No OpKernel was registered to support Op '", op,
                               "' with these attrs (", types, ") on ", device, ".");
  if (first == nullptr) {
    message += " No kernel of this op is registered.";
  } else {
    message += " Registered kernels:\n";
    for (const KernelEntry* e = first; e != nullptr; e = e->next) message += Describe(*e) + "\n";
  }
  return absl::NotFoundError(message);
}

bool KernelRegistry::HasAny(std::string_view op, std::string_view device) const {
  std::shared_lock lock(state_->mu);
  const KernelEntry* e = state_->First(op);
  while (e != nullptr && e->device != device) e = e->next;
  return e != nullptr;
}

std::vector<const KernelEntry*> KernelRegistry::List(std::string_view op) const {
  std::shared_lock lock(state_->mu);
  std::vector<const KernelEntry*> all;
  for (const KernelEntry* e = state_->First(op); e != nullptr; e = e->next) all.push_back(e);
  return all;
}

}  // namespace weft
