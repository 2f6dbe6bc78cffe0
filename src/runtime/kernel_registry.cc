// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>

#include "src/core/strings.h"
#include "src/runtime/fn_kernel.h"
#include "weft/runtime/kernel.h"

namespace weft {

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
      op, device, constraints, [fn](KernelConstruction&) { return std::make_unique<FnKernel>(fn); },
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
  std::unique_lock lock(mu_);
  KernelEntry& entry = entries_.emplace_back();
  entry.op = Keep(op);
  entry.device = Keep(device);
  entry.constraints.reserve(constraints.size());
  for (const auto& [attr, dtype] : constraints) entry.constraints.push_back({Keep(attr), dtype});
  entry.factory = std::move(factory);
  for (const std::string_view name : options.host_arguments)
    entry.host_arguments.push_back(Keep(name));
  entry.priority = options.priority;
  entry.label = Keep(options.label);
  entry.where = where;
  by_op_[entry.op].push_back(&entry);
}

std::string_view KernelRegistry::Keep(std::string_view name) { return *names_.emplace(name).first; }

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
  std::shared_lock lock(mu_);
  const KernelEntry* best = nullptr;
  const auto it = by_op_.find(op);
  if (it != by_op_.end()) {
    for (const KernelEntry* e : it->second) {
      if (e->device == device && Fits(*e, attrs) && (!best || e->priority > best->priority))
        best = e;
    }
  }
  if (best) return best;
  std::string types;
  for (const auto& [name, value] : attrs) {
    if (const DataType* t = value.Get<DataType>())
      StrAppend(&types, types.empty() ? "" : ", ", name, "=", DTypeOpName(*t));
  }
  std::string message = StrCat("No OpKernel was registered to support Op '", op,
                               "' with these attrs (", types, ") on ", device, ".");
  if (it == by_op_.end()) {
    message += " No kernel of this op is registered.";
  } else {
    message += " Registered kernels:\n";
    for (const KernelEntry* e : it->second) message += Describe(*e) + "\n";
  }
  return absl::NotFoundError(message);
}

bool KernelRegistry::HasAny(std::string_view op, std::string_view device) const {
  std::shared_lock lock(mu_);
  const auto it = by_op_.find(op);
  return it != by_op_.end() &&
         std::ranges::any_of(it->second, [&](const KernelEntry* e) { return e->device == device; });
}

std::vector<const KernelEntry*> KernelRegistry::List(std::string_view op) const {
  std::shared_lock lock(mu_);
  const auto it = by_op_.find(op);
  return it == by_op_.end() ? std::vector<const KernelEntry*>() : it->second;
}

}  // namespace weft
