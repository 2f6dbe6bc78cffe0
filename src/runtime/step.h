// SPDX-License-Identifier: Apache-2.0
// What both executors, the straight one and the one of steps that wait, do before a step.
#pragma once

#include <chrono>
#include <cstdint>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/runtime/exec_state.h"
#include "weft/runtime/session.h"

namespace weft {

inline int64_t NowMicros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// What a step does, with its errors. Nothing but the call is read from memory if there are none.
[[gnu::always_inline]] inline absl::Status CallKernel(StepCall& call, const Step& step) {
  absl::Status status;
  try {
    status = call.is_fn ? call.fn(call.ctx) : call.kernel->Compute(call.ctx);
  } catch (const Error& e) {
    status = ToStatus(e);
  } catch (const std::bad_alloc&) {
    status = absl::ResourceExhaustedError(
        StrCat("out of memory in ", step.node->op, " '", step.node->name, "'"));
  }
  if (!status.ok()) status = WithNode(std::move(status), step.node->name, step.node->op);
  return status;
}

// True if the step is not to run because an input is dead (for Merge: because all are).
inline bool IsDead(const Step& step, const ExecState& state) {
  for (int slot : step.control_slots) {
    if (state.values[static_cast<size_t>(slot)].dead && step.node->op != "Merge" &&
        step.node->op != "RefMerge")
      return true;
  }
  const bool merge = step.node->op == "Merge" || step.node->op == "RefMerge";
  bool all_dead = !step.inputs.empty();
  for (int slot : step.inputs) {
    const bool dead = state.values[static_cast<size_t>(slot)].dead;
    if (dead && !merge) return true;
    all_dead &= dead;
  }
  return merge && all_dead;
}

inline absl::Status UninitializedError(const PlanNode& reader, const PlanNode& variable) {
  return WithNode(
      absl::FailedPreconditionError(StrCat("Attempting to use uninitialized value ", variable.name,
                                           " (read by ", reader.op, " '", reader.name, "')")),
      reader.name, reader.op);
}

// Reads the variables behind references into the step's inputs; `first_input` counts the inputs of
// the steps before it.
inline absl::Status ReadReferences(const Step& step, size_t first_input, ExecState& state) {
  for (size_t i = 0; i < step.inputs.size(); ++i) {
    if (!step.deref[i]) continue;
    VariableState* v = state.values[static_cast<size_t>(step.inputs[i])].ref;
    Array& value = state.deref_values[first_input + i].array;
    value = v ? v->Read() : Array();
    if (!value.valid() && !step.node->def->allows_uninitialized_input()) {
      const PlanNode* source = nullptr;
      for (const PlanEdge& e : step.node->inputs) {
        if (e.node->first_slot + e.index == step.inputs[i]) source = e.node;
      }
      return UninitializedError(*step.node, source ? *source : *step.node);
    }
  }
  return absl::OkStatus();
}

inline void DropReferences(const Step& step, size_t first_input, ExecState& state) {
  for (size_t i = 0; i < step.inputs.size(); ++i) {
    if (step.deref[i]) state.deref_values[first_input + i].array = Array();
  }
}

// What the step did, for a traced run.
inline NodeStats StatsOf(const Step& step, const ExecState& state, int64_t start_us) {
  int64_t bytes = 0;
  for (size_t o = 0; o < step.node->output_types.size(); ++o) {
    const Array& out = state.values[static_cast<size_t>(step.node->first_slot) + o].array;
    bytes += out.valid() ? static_cast<int64_t>(out.num_bytes()) : 0;
  }
  return {step.node->name, step.node->op,          step.node->device->name(),
          start_us,        NowMicros() - start_us, bytes};
}

}  // namespace weft
