// SPDX-License-Identifier: Apache-2.0
// Gives each node of a plan a device: the one asked for, or the best one that has a kernel; nodes
// of a colocation group, and ops that share a reference or a resource handle, together.
#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "src/core/device_name.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/runtime/calls.h"
#include "src/runtime/session_impl.h"

namespace weft {
namespace {

class Placer {
 public:
  Placer(SessionImpl* session, PlanGraph* graph) : session_(*session), graph_(*graph) {}

  absl::Status Run() {
    for (const auto& n : graph_.nodes) parent_[n.get()] = n.get();
    WEFT_RETURN_IF_ERROR(JoinGroups());
    std::map<PlanNode*, std::vector<PlanNode*>> groups;
    for (const auto& n : graph_.nodes) {
      if (n->is_feed)
        n->device = session_.cpu();
      else
        groups[Find(n.get())].push_back(n.get());
    }
    // In the order of the graph, so that messages name the first offender.
    std::set<PlanNode*> done;
    for (const auto& n : graph_.nodes) {
      if (n->is_feed || !done.insert(Find(n.get())).second) continue;
      WEFT_RETURN_IF_ERROR(PlaceGroup(groups[Find(n.get())]));
    }
    if (session_.config().log_device_placement) Log();
    return absl::OkStatus();
  }

 private:
  PlanNode* Find(PlanNode* n) {
    while (parent_[n] != n) n = parent_[n] = parent_[parent_[n]];
    return n;
  }
  void Join(PlanNode* a, PlanNode* b) {
    if (!a->is_feed && !b->is_feed) parent_[Find(a)] = Find(b);
  }

  absl::Status JoinGroups() {
    std::map<std::string, PlanNode*> leaders;
    std::map<std::string, PlanNode*> by_name;
    for (const auto& n : graph_.nodes) {
      if (!n->is_feed) by_name[n->name] = n.get();
    }
    for (const auto& n : graph_.nodes) {
      if (n->is_feed) continue;
      if (const auto* classes = n->FindAttrOf<std::vector<std::string>>("_class")) {
        for (const std::string& c : *classes) {
          if (!c.starts_with("loc:@")) continue;
          const std::string name = c.substr(5);
          // The op may be pruned from this plan: those that name it still go together.
          auto it = by_name.find(name);
          PlanNode* leader =
              leaders.try_emplace(name, it == by_name.end() ? n.get() : it->second).first->second;
          Join(n.get(), leader);
        }
      }
      for (size_t i = 0; i < n->inputs.size(); ++i) {
        const PlanEdge& e = n->inputs[i];
        const DataType from = e.node->output_types[static_cast<size_t>(e.index)];
        if ((IsRef(from) && IsRef(n->input_types[i])) || from == kResource) Join(n.get(), e.node);
      }
    }
    return absl::OkStatus();
  }

  // The devices of a name pattern, best type first.
  std::vector<Device*> Matching(const DeviceName& pattern) const {
    std::vector<Device*> list;
    for (const auto& d : session_.devices()) {
      DeviceName name;
      if (DeviceName::Parse(d->name(), &name) && name.Matches(pattern)) list.push_back(d.get());
    }
    return list;
  }

  bool Supports(const PlanNode& n, const Device& d) const {
    if (CallsFunctions(n.op)) return d.type() == kCpu;
    return KernelRegistry::Global().Find(n.op, d.type(), n.attrs).ok();
  }

  Device* FirstSupporting(const std::vector<PlanNode*>& group, const std::vector<Device*>& devices,
                          bool asked_for) const {
    for (Device* d : devices) {
      // Devices of negative priority (TEST) are used by those who ask for them.
      if (!asked_for && DeviceRegistry::Global().Priority(d->type()) < 0) continue;
      if (std::all_of(group.begin(), group.end(), [&](PlanNode* n) { return Supports(*n, *d); }))
        return d;
    }
    return nullptr;
  }

  std::string DeviceList() const {
    return StrJoin(session_.devices(), ", ",
                   [](std::string* s, const auto& d) { s->append(d->name()); });
  }

  absl::Status Fail(const PlanNode& n, const std::string& why) const {
    return WithNode(absl::InvalidArgumentError(
                        StrCat("Cannot assign a device for operation ", n.name, ": ", why)),
                    n.name, n.op);
  }

  absl::Status PlaceGroup(const std::vector<PlanNode*>& group) {
    DeviceName wanted;
    const PlanNode* asker = nullptr;
    for (PlanNode* n : group) {
      if (n->requested_device.empty()) continue;
      DeviceName name;
      if (!DeviceName::Parse(n->requested_device, &name))
        return Fail(*n, StrCat("Malformed device specification '", n->requested_device, "'"));
      if (asker && Conflict(wanted, name)) {
        if (!session_.config().allow_soft_placement) {
          return Fail(*n, StrCat("Cannot colocate nodes '", n->name, "' and '", asker->name,
                                 "' because no device type supports both of those nodes and the "
                                 "other nodes colocated with them: they ask for ",
                                 n->requested_device, " and ", asker->requested_device));
        }
        continue;  // the first one counts
      }
      wanted.MergeFrom(name);
      if (!asker) asker = n;
    }
    const std::vector<Device*> matching = asker ? Matching(wanted) : All();
    Device* device = FirstSupporting(group, matching, asker != nullptr);
    if (!device && asker && session_.config().allow_soft_placement)
      device = FirstSupporting(group, All(), false);
    if (!device) return Explain(group, asker, matching);
    for (PlanNode* n : group) n->device = device;
    return absl::OkStatus();
  }

  static bool Conflict(const DeviceName& a, const DeviceName& b) {
    auto differ = [](const auto& x, const auto& y) { return x && y && *x != *y; };
    return differ(a.job, b.job) || differ(a.replica, b.replica) || differ(a.task, b.task) ||
           differ(a.type, b.type) || differ(a.index, b.index);
  }

  std::vector<Device*> All() const {
    std::vector<Device*> list;
    for (const auto& d : session_.devices()) list.push_back(d.get());
    return list;
  }

  absl::Status Explain(const std::vector<PlanNode*>& group, const PlanNode* asker,
                       const std::vector<Device*>& matching) const {
    if (asker && matching.empty()) {
      return Fail(*asker, StrCat("Operation was explicitly assigned to ", asker->requested_device,
                                 " but available devices are [ ", DeviceList(),
                                 " ]. Make sure the device specification refers to a valid device, "
                                 "or set allow_soft_placement."));
    }
    const std::vector<Device*> candidates = matching.empty() ? All() : matching;
    for (PlanNode* n : group) {
      const bool anywhere = std::any_of(candidates.begin(), candidates.end(),
                                        [&](Device* d) { return Supports(*n, *d); });
      if (anywhere) continue;
      absl::StatusOr<const KernelEntry*> found = KernelRegistry::Global().Find(
          n->op, candidates.empty() ? kCpu : candidates[0]->type(), n->attrs);
      if (asker) {
        return Fail(
            *n, StrCat("Could not satisfy explicit device specification '", asker->requested_device,
                       "' because no supported kernel for ", candidates[0]->type(),
                       " devices is available. ", std::string(found.status().message())));
      }
      const std::string text(found.status().message());
      return WithNode(
          absl::InvalidArgumentError(StrCat("node '", n->name, "' (op type ", n->op, "): ", text)),
          n->name, n->op);
    }
    const PlanNode& first = *group.front();
    return Fail(
        first, StrCat("Cannot colocate nodes ",
                      StrJoin(group, ", ",
                              [](std::string* s, PlanNode* n) { StrAppend(s, "'", n->name, "'"); }),
                      ": no device has kernels for all of them"));
  }

  void Log() const {
    for (const auto& n : graph_.nodes) {
      if (!n->is_feed)
        std::fprintf(stderr, "%s: (%s): %s\n", n->name.c_str(), n->op.c_str(),
                     n->device->name().c_str());
    }
  }

  SessionImpl& session_;
  PlanGraph& graph_;
  std::map<PlanNode*, PlanNode*> parent_;
};

}  // namespace

absl::Status PlaceNodes(SessionImpl* session, PlanGraph* graph) {
  return Placer(session, graph).Run();
}

}  // namespace weft
