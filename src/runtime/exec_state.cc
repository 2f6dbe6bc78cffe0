// SPDX-License-Identifier: Apache-2.0
#include "src/runtime/exec_state.h"

#include <algorithm>

#include "src/runtime/lane_values.h"
#include "src/runtime/row_lanes.h"
#include "src/runtime/session_impl.h"

namespace weft {

ExecState::ExecState(const Plan& p) : plan(p) {
  const size_t slots = static_cast<size_t>(plan.num_slots);
  values.resize(slots);
  output_plans.resize(slots);
  output_types.assign(slots, kInvalidType);
  fresh.assign(slots, 0);
  forwarded_from.assign(slots, -1);
  persisted.assign(slots, 0);
  taken_over.assign(slots, 0);
  taken_input.assign(slots, -1);
  sizes.assign(slots, 0);
  shapes.resize(slots);
  size_t inputs = 0;
  for (const Step& step : plan.steps) inputs += step.inputs.size();
  input_pointers.resize(inputs);
  input_values.resize(inputs);
  deref_values.resize(inputs);
  bindings.resize(plan.steps.size());
  calls.resize(plan.steps.size() + kFetchAhead);
  for (const auto& n : plan.graph.nodes) {
    for (size_t o = 0; o < n->output_types.size(); ++o)
      output_types[static_cast<size_t>(n->first_slot) + o] = n->output_types[o];
  }
  size_t next = 0;
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    const Step& step = plan.steps[s];
    StepCall& call = calls[s];
    call.flags = step.flags;
    call.is_fn = step.node->fn != nullptr;
    if (call.is_fn)
      call.fn = step.node->fn;
    else
      call.kernel = step.node->kernel.get();
    KernelContext& ctx = call.ctx;
    KernelContext::Binding& binding = bindings[s];
    ctx.binding_ = &binding;
    ctx.num_inputs_ = static_cast<int>(step.inputs.size());
    ctx.num_outputs_ = static_cast<int>(step.node->output_types.size());
    ctx.inputs_ = input_pointers.data() + next;
    binding.input_values = input_values.data() + next;
    for (size_t i = 0; i < step.inputs.size(); ++i, ++next) {
      const ValueSlot& value = values[static_cast<size_t>(step.inputs[i])];
      input_values[next] = &value;
      input_pointers[next] = step.deref[i] ? &deref_values[next].array : &value.array;
    }
    const size_t first = static_cast<size_t>(step.node->first_slot);
    ctx.output_values_ = values.data() + first;
    binding.plans = output_plans.data() + first;
    binding.output_dtypes = output_types.data() + first;
    binding.last_use = step.last_use.data();
    binding.node = step.node;
    binding.run = &run;
  }
  CollectReleases();
  for (const auto& [slot, value] : plan.constants) values[static_cast<size_t>(slot)].array = value;
  run.fresh = &fresh;
  run.state = this;
}

ExecState::~ExecState() = default;

void ExecState::CollectReleases() {
  released.clear();
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    calls[s].release_begin = static_cast<uint32_t>(released.size());
    for (const int slot : plan.steps[s].release) {
      if (!output_plans[static_cast<size_t>(slot)].prepared.valid()) released.push_back(slot);
    }
    calls[s].release_end = static_cast<uint32_t>(released.size());
  }
}

void RecordStep(ExecState* state, size_t s) {
  RecordRows(state, s);
  const Step& step = state->plan.steps[s];
  for (size_t o = 0; o < step.node->output_types.size(); ++o) {
    const size_t slot = static_cast<size_t>(step.node->first_slot) + o;
    const Array& out = state->values[slot].array;
    if (!out.valid()) continue;
    state->sizes[slot] = out.num_bytes();
    state->shapes[slot] = out.shape();
    if (state->fresh[slot]) continue;
    for (size_t i = 0; i < step.inputs.size(); ++i) {
      const size_t in = static_cast<size_t>(step.inputs[i]);
      // An input that was taken over has lost its buffer to the output only later, on release: both
      // still hold it here.
      if (!step.deref[i] && state->values[in].array.SharesBufferWith(out))
        state->forwarded_from[slot] = step.inputs[i];
    }
  }
}

}  // namespace weft
