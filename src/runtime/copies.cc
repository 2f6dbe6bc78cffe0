// SPDX-License-Identifier: Apache-2.0
// Puts a copy on each edge between different memory spaces.
#include <map>
#include <tuple>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/runtime/session_impl.h"

namespace weft {
namespace {

// Moves a value between the host and the memory of a device.
class CopyKernel final : public Kernel {
 public:
  CopyKernel(Device* from, Device* to) : from_(from), to_(to) {}

  absl::Status Compute(KernelContext& ctx) override {
    Array host = ctx.input(0);
    if (from_->has_own_memory() && IsPlain(host.dtype())) {
      WEFT_ASSIGN_OR_RETURN(host, Allocate(ctx, HostAllocator(), ctx.input(0)));
      WEFT_RETURN_IF_ERROR(from_->CopyToHost(ctx.input(0), &host));
    }
    if (!to_->has_own_memory() || !IsPlain(host.dtype())) {
      ctx.set_output(0, std::move(host));
      return absl::OkStatus();
    }
    WEFT_ASSIGN_OR_RETURN(Array there, Allocate(ctx, to_->allocator(), host));
    WEFT_RETURN_IF_ERROR(to_->CopyFromHost(host, &there));
    ctx.set_output(0, std::move(there));
    return absl::OkStatus();
  }

 private:
  static absl::StatusOr<Array> Allocate(KernelContext& ctx, Allocator* allocator,
                                        const Array& like) {
    BufferPtr buffer = AllocateBuffer(allocator, like.dtype(), like.num_elements());
    if (!buffer)
      return ctx.Error(absl::StatusCode::kResourceExhausted,
                       StrCat("OOM when copying a tensor of shape ", like.shape().ToString()));
    return Array::FromBuffer(like.dtype(), like.shape(), std::move(buffer));
  }
  Device* from_;
  Device* to_;
};

// The argument that input / output i belongs to.
std::string ArgumentOf(const std::vector<ArgDef>& args, const AttrMap& attrs, int i) {
  int begin = 0;
  for (const ArgDef& arg : args) {
    int n = 1;
    if (!arg.number_attr.empty()) {
      auto it = attrs.find(arg.number_attr);
      n = it == attrs.end() ? 1 : static_cast<int>(*it->second.Get<int64_t>());
    } else if (!arg.type_list_attr.empty()) {
      auto it = attrs.find(arg.type_list_attr);
      n = it == attrs.end() ? 1 : static_cast<int>(it->second.Get<std::vector<DataType>>()->size());
    }
    if (i < begin + n) return arg.name;
    begin += n;
  }
  return {};
}

// The device whose memory holds input / output i of a node: the host's for arguments that its
// kernel wants there.
class MemorySpace {
 public:
  explicit MemorySpace(Device* host) : host_(host) {}
  Device* OfInput(const PlanNode& n, int i) const {
    return Of(n, i, n.input_types[static_cast<size_t>(i)], n.def ? &n.def->inputs() : nullptr);
  }
  Device* OfOutput(const PlanNode& n, int i) const {
    return Of(n, i, n.output_types[static_cast<size_t>(i)], n.def ? &n.def->outputs() : nullptr);
  }

 private:
  Device* Of(const PlanNode& n, int i, DataType type, const std::vector<ArgDef>* args) const {
    if (n.is_feed || !n.device->has_own_memory() || !IsPlain(type)) return host_;
    if (args) {
      const auto entry = KernelRegistry::Global().Find(n.op, n.device->type(), n.attrs);
      if (entry.ok()) {
        const std::string arg = ArgumentOf(*args, n.attrs, i);
        for (const std::string_view name : (*entry)->host_arguments) {
          if (name == arg) return host_;
        }
      }
    }
    return n.device;
  }
  Device* host_;
};

}  // namespace

absl::Status InsertCopies(SessionImpl* session, PlanGraph* graph) {
  bool any = false;
  for (const auto& d : session->devices()) any |= d->has_own_memory();
  if (!any) return absl::OkStatus();
  const MemorySpace memory(session->cpu());
  std::map<std::tuple<PlanNode*, int, Device*>, PlanNode*> copies;
  auto copy_to = [&](PlanEdge e, Device* to, Device* from) -> PlanEdge {
    PlanNode*& copy = copies[{e.node, e.index, to}];
    if (!copy) {
      copy = graph->Add();
      copy->name = StrCat(e.node->name, "/_copy_to_", to->name());
      copy->op = "_Copy";
      copy->order = e.node->order;
      copy->inputs = {e};
      const DataType type = RemoveRef(e.node->output_types[static_cast<size_t>(e.index)]);
      copy->input_types = copy->output_types = {type};
      copy->device = to->has_own_memory() ? to : session->cpu();
      copy->kernel = std::make_shared<CopyKernel>(from, to);
    }
    return {copy, 0};
  };
  const size_t n = graph->nodes.size();  // copies added below need none themselves
  for (size_t k = 0; k < n; ++k) {
    PlanNode* node = graph->nodes[k].get();
    for (size_t i = 0; i < node->inputs.size(); ++i) {
      const PlanEdge e = node->inputs[i];
      if (IsRef(node->input_types[i])) continue;  // colocated with what it refers to
      Device* from = memory.OfOutput(*e.node, e.index);
      Device* to = memory.OfInput(*node, static_cast<int>(i));
      if (from != to && (from->has_own_memory() || to->has_own_memory()))
        node->inputs[i] = copy_to(e, to, from);
    }
  }
  for (PlanEdge& e : graph->fetches) {
    if (!e.node) continue;
    Device* from = memory.OfOutput(*e.node, e.index);
    if (from->has_own_memory()) e = copy_to(e, session->cpu(), from);
  }
  return absl::OkStatus();
}

}  // namespace weft
