// SPDX-License-Identifier: Apache-2.0
// ExecState: everything that one run of a Plan writes to. Kept between runs: its kernel contexts
// are bound once, and after the first run the outputs of later ones lie in one arena.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "src/runtime/plan.h"

namespace weft {

class CancellationManager;
struct ExecState;
struct RunMetadata;

// What all nodes of a run share.
struct RunState {
  // Of the run that this one is a part of (a loop's body); null: it is a run by itself.
  RunState* outer = nullptr;
  RunMetadata* trace = nullptr;  // null: nothing is traced
  SessionImpl* session = nullptr;
  ResourceManager* resources = nullptr;
  std::unique_ptr<ResourceManager> step_resources;  // made when first asked for
  CancellationManager* cancellation = nullptr;
  int64_t step_id = 0;
  // While the first run is watched:
  bool recording = false;
  std::vector<uint8_t>* fresh = nullptr;  // per slot: allocated by AllocateOutput
  ExecState* state = nullptr;
};

struct ExecState {
  explicit ExecState(const Plan& plan);

  const Plan& plan;
  RunState run;
  std::vector<Value> values;              // by slot
  std::vector<KernelContext> contexts;    // by step
  std::vector<std::vector<int>> release;  // by step: slots to empty (those not in the arena)
  std::vector<OutputPlan> output_plans;   // by slot
  std::vector<Shape> feed_shapes;         // that this state is specialised for
  bool recorded = false;                  // the first run has been watched
  bool planned = false;                   // outputs have places in the arena

  // Storage that contexts point into.
  std::vector<const Array*> input_pointers;
  std::vector<Value*> input_values;
  std::vector<Value> deref_values;
  std::vector<DataType> output_types;
  std::vector<uint8_t> fresh;       // by slot
  std::vector<int> forwarded_from;  // by slot: the slot whose buffer it shares, -1
  std::vector<uint8_t> persisted;   // by slot: kept beyond the run
  std::vector<uint8_t> taken_over;  // by slot: by ForwardOrAllocate
  std::vector<int8_t> taken_input;  // by slot: the number of that input
  std::vector<size_t> sizes;        // by slot: bytes
  std::vector<Shape> shapes;        // by slot
  Array arena;
  size_t arena_bytes = 0;
};

// Notes where the outputs of a step came from, in the run that is watched.
void RecordStep(ExecState* state, size_t step);

// Gives the outputs seen in the recorded run places in an arena, by their lifetimes.
void PlanMemory(ExecState* state);

}  // namespace weft
