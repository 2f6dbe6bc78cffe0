// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <condition_variable>

#include "src/core/parallel.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/runtime/exec_state.h"
#include "src/runtime/session_impl.h"
#include "weft/runtime/kernel.h"

namespace weft {

absl::Status AsyncKernel::Compute(KernelContext& ctx) {
  std::mutex mu;
  std::condition_variable done;
  bool finished = false;
  absl::Status result;
  ComputeAsync(ctx, [&](absl::Status s) {
    std::lock_guard lock(mu);
    result = std::move(s);
    finished = true;
    done.notify_one();
  });
  std::unique_lock lock(mu);
  done.wait(lock, [&] { return finished; });
  return result;
}

// A traced run has no lanes.
bool KernelContext::takes_parts(int o) const {
  return binding_->plans[o].takes_parts && !binding_->run->trace;
}

absl::StatusOr<Array*> KernelContext::AllocateOutputSlow(int o, const Shape& shape) {
  ValueSlot& value = output_values_[o];
  const OutputPlan& plan = binding_->plans[o];
  if (value.fresh_data && plan.prepared.shape() == shape) {
    value.array = plan.prepared;
    return &value.array;
  }
  const DataType dtype = RemoveRef(binding_->output_dtypes[o]);
  BufferPtr buffer = AllocateBuffer(device().allocator(), dtype, shape.num_elements());
  if (!buffer) {
    return Error(absl::StatusCode::kResourceExhausted,
                 StrCat("OOM when allocating output ", o, " with shape ", shape.ToString(),
                        " and dtype ", DTypeOpName(dtype), " on ", device().name()));
  }
  value.array = Array::FromBuffer(dtype, shape, std::move(buffer));
  if (binding_->run->recording)
    (*binding_->run->fresh)[static_cast<size_t>(binding_->node->first_slot + o)] = 1;
  return &value.array;
}

absl::StatusOr<Array*> KernelContext::ForwardOrAllocate(std::initializer_list<int> inputs, int o,
                                                        const Shape& shape) {
  const OutputPlan& plan = binding_->plans[o];
  if (plan.prepared.valid()) {
    bool allowed = plan.forward_from == -1;
    for (int i : inputs) allowed |= i == plan.forward_from;
    if (!allowed || !(plan.prepared.shape() == shape)) return AllocateOutputSlow(o, shape);
    Array& current = output_values_[o].array;
    if (current.raw_data() != plan.prepared.raw_data() || !(current.shape() == shape))
      current = plan.prepared;
    return &current;
  }
  const DataType dtype = RemoveRef(binding_->output_dtypes[o]);
  if (IsPlain(dtype)) {
    for (int i : inputs) {
      const Array& in = *inputs_[i];
      if (!binding_->last_use[i] || in.num_elements() != shape.num_elements() ||
          DTypeSize(in.dtype()) != DTypeSize(dtype) || !in.OwnsBufferAlone())
        continue;
      // Memory that is the user's, or another device's, or the arena's (another plan of it) stays
      // as it is.
      if (in.buffer()->allocator() != device().allocator() || in.buffer()->transient()) continue;
      Array taken = in.Reshaped(shape);
      output_values_[o].array = dtype == in.dtype() ? std::move(taken) : taken.BitcastTo(dtype);
      if (binding_->run->recording) {
        const size_t slot = static_cast<size_t>(binding_->node->first_slot + o);
        binding_->run->state->taken_over[slot] = 1;
        binding_->run->state->taken_input[slot] = static_cast<int8_t>(std::min(i, 127));
      }
      return &output_values_[o].array;
    }
  }
  return AllocateOutputSlow(o, shape);
}

void KernelContext::set_output(int o, Array value) {
  if (value.buffer() && value.buffer()->transient() && binding_->plans[o].forward_from == -1) {
    // The plan did not see this sharing when it laid out the arena, so the value's memory may be
    // used again too early.
    value = value.Clone();
  }
  if (binding_->run->recording)
    (*binding_->run->fresh)[static_cast<size_t>(binding_->node->first_slot + o)] = 0;
  output_values_[o].array = std::move(value);
}

absl::StatusOr<Array> KernelContext::AllocateTemp(DataType dtype, const Shape& shape) {
  BufferPtr buffer = AllocateBuffer(device().allocator(), dtype, shape.num_elements());
  if (!buffer) {
    return Error(absl::StatusCode::kResourceExhausted,
                 StrCat("OOM when allocating temporary memory with shape ", shape.ToString(),
                        " and dtype ", DTypeOpName(dtype)));
  }
  return Array::FromBuffer(dtype, shape, std::move(buffer));
}

Array KernelContext::Persist(const Array& value) const {
  if (!value.buffer()) return value;
  // Memory that the caller of Run owns may change under it after the run.
  if (value.buffer()->transient() || value.buffer()->allocator() == nullptr) return value.Clone();
  if (binding_->run->recording) {
    for (int i = 0; i < num_inputs_; ++i) {
      if (inputs_[i]->SharesBufferWith(value))
        binding_->run->state->persisted[static_cast<size_t>(
            binding_->input_values[i] - binding_->run->state->values.data())] = 1;
    }
  }
  return value;
}

absl::StatusOr<VariableState*> KernelContext::variable(int i) {
  if (VariableState* v = binding_->input_values[i]->ref) return v;
  WEFT_ASSIGN_OR_RETURN(std::shared_ptr<Resource> any, AnyResource(i));
  auto* v = dynamic_cast<VariableState*>(any.get());
  if (!v) return WrongResource(i);
  // The resource may be destroyed by another run while this kernel works on it.
  auto& held = binding_->held;
  if (!held) held = std::make_unique<std::shared_ptr<Resource>[]>(static_cast<size_t>(num_inputs_));
  held[static_cast<size_t>(i)] = std::move(any);
  return v;
}

absl::StatusOr<std::shared_ptr<Resource>> KernelContext::AnyResource(int i) {
  const Array& handle = *inputs_[i];
  if (handle.dtype() != kResource || handle.num_elements() < 1)
    return InvalidArgument(StrCat("input ", i, " is neither a reference nor a resource handle"));
  const ResourceHandle& h = *handle.data<ResourceHandle>();
  std::shared_ptr<Resource> any = h.slot ? h.slot->Get() : nullptr;
  if (!any)
    return Error(absl::StatusCode::kNotFound,
                 StrCat("Resource ", h.container, "/", h.name, "/", h.type, " does not exist."));
  return any;
}

absl::Status KernelContext::WrongResource(int i) const {
  const Array& handle = *inputs_[i];
  const std::string type = handle.dtype() == kResource && handle.num_elements() > 0
                               ? handle.data<ResourceHandle>()->type
                               : "";
  return InvalidArgument(
      StrCat("input ", i, " is the handle of a ", type, ", not of what this op works on"));
}

void KernelContext::ParallelFor(int64_t n, double cost_ns,
                                absl::FunctionRef<void(int64_t, int64_t)> work) {
  weft::ParallelFor(n, cost_ns, work);
}
int KernelContext::num_threads() const { return in_lane() ? 1 : IntraOpThreads(); }

std::vector<int64_t> KernelContext::RowParts(int64_t rows) const {
  // Fewer rows would not fill a product's registers; four are half of them.
  constexpr int64_t kFewestRows = 8;
  const int64_t parts = std::min<int64_t>(num_threads(), rows / kFewestRows);
  std::vector<int64_t> first{0};
  for (int64_t p = 1; p < parts; ++p) first.push_back((rows * p / parts + 2) / 4 * 4);
  return first;
}

const std::string& KernelContext::node_name() const { return binding_->node->name; }
const std::string& KernelContext::op_type() const { return binding_->node->op; }
Device& KernelContext::device() const { return *binding_->node->device; }
Stream* KernelContext::stream() const { return binding_->node->device->stream(); }
ResourceManager& KernelContext::resources() const { return *binding_->run->resources; }
ResourceManager& KernelContext::step_resources() const {
  RunState* run = binding_->run;
  while (run->outer) run = run->outer;
  if (!run->step_resources) run->step_resources = std::make_unique<ResourceManager>("step");
  return *run->step_resources;
}
CancellationManager* KernelContext::cancellation() const { return binding_->run->cancellation; }
int64_t KernelContext::step_id() const { return binding_->run->step_id; }

absl::Status KernelContext::Error(absl::StatusCode code, std::string_view message) const {
  return WithNode(absl::Status(code, StrCat(op_type(), " '", node_name(), "': ", message)),
                  node_name(), op_type());
}

std::shared_ptr<ResourceSlot> ResourceManager::Slot(std::string_view container,
                                                    std::string_view type, std::string_view name) {
  const std::string key =
      StrCat(container.empty() ? default_container_ : container, "\n", type, "\n", name);
  std::lock_guard lock(mu_);
  std::shared_ptr<ResourceSlot>& slot = slots_[key];
  if (!slot) slot = std::make_shared<ResourceSlot>();
  return slot;
}

void ResourceManager::ClearContainer(std::string_view container) {
  const std::string prefix = StrCat(container.empty() ? default_container_ : container, "\n");
  std::lock_guard lock(mu_);
  for (auto& [key, slot] : slots_) {
    if (key.starts_with(prefix)) slot->Set(nullptr);
  }
}

void ResourceManager::Clear() {
  std::lock_guard lock(mu_);
  for (auto& [key, slot] : slots_) slot->Set(nullptr);
}

}  // namespace weft
