// SPDX-License-Identifier: Apache-2.0
// ExecState: everything that one run of a Plan writes to. Kept between runs: its kernel contexts
// are bound once, and after the first run the outputs of later ones lie in one arena.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <unordered_map>
#include <vector>

#include "src/core/parted_rows.h"
#include "src/runtime/plan.h"
#include "weft/core/buffer.h"

namespace weft {

class CancellationManager;
class LaneValues;
class RowLanes;
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

// What the executor needs of a step each time: one cache line, as large plans don't stay in the
// caches and are read from memory in order.
struct alignas(kAllocatorAlignment) StepCall {
  KernelContext ctx;
  union {
    Kernel* kernel = nullptr;
    KernelFn fn;
  };
  uint32_t release_begin = 0, release_end = 0;  // of ExecState::released
  uint16_t lanes = 0;  // of ExecState::lanes, if the step begins some (kStepBeginsLanes)
  uint8_t flags = 0;
  bool is_fn = false;
};
static_assert(sizeof(StepCall) == kAllocatorAlignment);

// What RecordRows noted of a step (row_lanes.h).
struct RecordedRows {
  RowUse use;
  RowDivision division;
  size_t whole_bytes = 0;  // of the largest input that is read whole
};

// Memory of the host's allocator, which takes large blocks in huge pages: the tables of a large
// plan are read from end to end in each run, and a walk through the page tables costs more than a
// node.
template <typename T>
struct HostBlocks {
  using value_type = T;
  HostBlocks() = default;
  template <typename U>
  HostBlocks(const HostBlocks<U>&) {}  // NOLINT: as allocators are converted
  T* allocate(size_t n) {
    void* const memory = HostAllocator()->Allocate(n * sizeof(T));
    if (!memory) throw std::bad_alloc();
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, size_t n) { HostAllocator()->Deallocate(memory, n * sizeof(T)); }
  friend bool operator==(const HostBlocks&, const HostBlocks&) { return true; }
};
template <typename T>
using HostVector = std::vector<T, HostBlocks<T>>;

struct ExecState {
  explicit ExecState(const Plan& plan);
  ~ExecState();

  const Plan& plan;
  RunState run;
  HostVector<ValueSlot> values;         // by slot
  HostVector<StepCall> calls;           // by step, and some empty ones behind them
  std::vector<int> released;            // slots to empty after steps (those not in the arena)
  HostVector<OutputPlan> output_plans;  // by slot
  std::vector<Shape> feed_shapes;       // that this state is specialised for
  bool recorded = false;                // the first run has been watched
  bool planned = false;                 // outputs have places in the arena

  // Storage that contexts point into.
  HostVector<const Array*> input_pointers;
  HostVector<KernelContext::Binding> bindings;  // by step
  HostVector<const ValueSlot*> input_values;
  HostVector<Value> deref_values;
  std::vector<DataType> output_types;
  std::vector<uint8_t> fresh;                     // by slot
  std::vector<int> forwarded_from;                // by slot: the slot whose buffer it shares, -1
  std::vector<uint8_t> persisted;                 // by slot: kept beyond the run
  std::vector<uint8_t> taken_over;                // by slot: by ForwardOrAllocate
  std::vector<int8_t> taken_input;                // by slot: the number of that input
  std::vector<size_t> sizes;                      // by slot: bytes
  std::vector<Shape> shapes;                      // by slot
  std::unordered_map<size_t, RecordedRows> rows;  // by step, until the memory is planned
  std::vector<std::unique_ptr<RowLanes>> lanes;   // once the memory is planned
  std::unique_ptr<LaneValues> lane_values;        // if there are lanes
  Array arena;
  size_t arena_bytes = 0;

  // Which slots are emptied after each step: what the plan says, but for those in the arena.
  void CollectReleases();
  // How far ahead of a step the next ones are fetched from memory.
  static constexpr size_t kFetchAhead = 6;
};

// Notes where the outputs of a step came from, in the run that is watched.
void RecordStep(ExecState* state, size_t step);

// Gives the outputs seen in the recorded run places in an arena, by their lifetimes.
void PlanMemory(ExecState* state);

}  // namespace weft
