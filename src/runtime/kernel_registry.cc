// SPDX-License-Identifier: Apache-2.0
#include <mutex>

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

void KernelRegistry::Add(std::string_view op, std::string_view device,
                         KernelConstraints constraints, KernelFn fn, KernelOptions options,
                         std::source_location where) {
  AddFactory(
      op, device, std::move(constraints),
      [fn](KernelConstruction&) { return std::make_unique<FnKernel>(fn); }, std::move(options),
      where);
}

void KernelRegistry::AddFactory(std::string_view op, std::string_view device,
                                KernelConstraints constraints, KernelFactory factory,
                                KernelOptions options, std::source_location where) {
  auto entry = std::make_unique<KernelEntry>();
  entry->op = std::string(op);
  entry->device = std::string(device);
  entry->constraints = std::move(constraints);
  entry->factory = std::move(factory);
  entry->options = std::move(options);
  entry->where = where;
  std::unique_lock lock(mu_);
  entries_[entry->op].push_back(std::move(entry));
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
  return entry.options.label == (wanted ? *wanted : std::string());
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
  auto it = entries_.find(std::string(op));
  if (it != entries_.end()) {
    for (const auto& e : it->second) {
      if (e->device == device && Fits(*e, attrs) &&
          (!best || e->options.priority > best->options.priority))
        best = e.get();
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
  if (it == entries_.end()) {
    message += " No kernel of this op is registered.";
  } else {
    message += " Registered kernels:\n";
    for (const auto& e : it->second) message += Describe(*e) + "\n";
  }
  return absl::NotFoundError(message);
}

bool KernelRegistry::HasAny(std::string_view op, std::string_view device) const {
  std::shared_lock lock(mu_);
  auto it = entries_.find(std::string(op));
  if (it == entries_.end()) return false;
  for (const auto& e : it->second) {
    if (e->device == device) return true;
  }
  return false;
}

std::vector<const KernelEntry*> KernelRegistry::List(std::string_view op) const {
  std::shared_lock lock(mu_);
  std::vector<const KernelEntry*> list;
  auto it = entries_.find(std::string(op));
  if (it != entries_.end()) {
    for (const auto& e : it->second) list.push_back(e.get());
  }
  return list;
}

}  // namespace weft
