// SPDX-License-Identifier: Apache-2.0
// Lays out the outputs of a recorded run in one arena. Outputs that live at the same time get
// different places; an output that took over its input's buffer, or is a view of it, shares its
// place and prolongs its life.
#include <algorithm>
#include <unordered_set>

#include "src/core/host_memory.h"
#include "src/runtime/exec_state.h"
#include "src/runtime/lane_values.h"
#include "src/runtime/place_blocks.h"
#include "src/runtime/row_lanes.h"

namespace weft {
namespace {

// The arena's memory. "Transient": who keeps a value beyond the run must copy it.
class ArenaBuffer final : public Buffer {
 public:
  ArenaBuffer(void* memory, size_t size, Allocator* allocator)
      : Buffer(memory, size, allocator, true) {}
  ~ArenaBuffer() override { allocator()->Deallocate(data(), size()); }
};

// Below this an arena is not worth the system calls that give back what was allocated before it.
constexpr size_t kTrimBytes = size_t{16} << 20;

class MemoryPlanner {
 public:
  MemoryPlanner(ExecState* state, const std::vector<RowRange>& lanes)
      : state_(*state), plan_(state->plan), lanes_(lanes) {}

  void Run() {
    FindRoots();
    FindLifetimes();
    std::vector<Block> blocks;
    for (int slot = 0; slot < plan_.num_slots; ++slot) {
      if (root_[Index(slot)] == slot && Plannable(slot)) {
        constexpr size_t kAlign = kAllocatorAlignment;
        blocks.push_back({slot, (state_.sizes[Index(slot)] + kAlign - 1) / kAlign * kAlign,
                          first_[Index(slot)], last_[Index(slot)]});
      }
    }
    if (blocks.empty()) return;
    const size_t bytes = PlaceBlocks(&blocks);
    // The blocks of the first run are not needed again.
    if (bytes >= kTrimBytes) TrimHostMemory();
    void* memory = HostAllocator()->Allocate(bytes);
    if (!memory) return;  // outputs are then allocated one by one, as before
    state_.arena = Array::FromBuffer(kUint8, Shape({static_cast<int64_t>(bytes)}),
                                     BufferPtr(new ArenaBuffer(memory, bytes, HostAllocator())));
    state_.arena_bytes = bytes;
    for (const Block& b : blocks) offset_[Index(b.slot)] = static_cast<int64_t>(b.offset);
    for (int slot = 0; slot < plan_.num_slots; ++slot) Bind(slot);
    state_.CollectReleases();
  }

 private:
  static size_t Index(int slot) { return static_cast<size_t>(slot); }

  void FindRoots() {
    root_.assign(Index(plan_.num_slots), -1);
    offset_.assign(Index(plan_.num_slots), -1);
    for (const Step& step : plan_.steps) {  // producers come before users
      for (size_t o = 0; o < step.node->output_types.size(); ++o) {
        const int slot = step.node->first_slot + static_cast<int>(o);
        if (state_.fresh[Index(slot)])
          root_[Index(slot)] = slot;
        else if (state_.forwarded_from[Index(slot)] >= 0)
          root_[Index(slot)] = root_[Index(state_.forwarded_from[Index(slot)])];
      }
    }
  }

  void FindLifetimes() {
    const int end = static_cast<int>(plan_.steps.size());
    first_.assign(Index(plan_.num_slots), end);
    last_.assign(Index(plan_.num_slots), -1);
    excluded_.assign(Index(plan_.num_slots), 0);
    for (int s = 0; s < end; ++s) {
      const Step& step = plan_.steps[static_cast<size_t>(s)];
      for (size_t o = 0; o < step.node->output_types.size(); ++o) {
        const int root = root_[Index(step.node->first_slot) + o];
        if (root >= 0) first_[Index(root)] = std::min(first_[Index(root)], s);
      }
      for (int slot : step.release) {
        if (const int root = root_[Index(slot)]; root >= 0)
          last_[Index(root)] = std::max(last_[Index(root)], s);
      }
    }
    for (const RowRange& lanes : lanes_) KeepInLanes(lanes);
    for (int slot = 0; slot < plan_.num_slots; ++slot) {
      const int root = root_[Index(slot)];
      if (root < 0) continue;
      const bool tested = slot == plan_.tested_slot;
      if (tested) last_[Index(root)] = end;
      // Leaves the run, as a result or in a variable.
      if ((plan_.slot_is_fetched[Index(slot)] && !tested) || state_.persisted[Index(slot)])
        excluded_[Index(root)] = 1;
    }
  }

  // Lanes are at different steps: what is used at one of them has its place at all.
  void KeepInLanes(const RowRange& lanes) {
    const int begin = static_cast<int>(lanes.begin), end = static_cast<int>(lanes.end);
    for (int& first : first_) {
      if (first > begin && first < end) first = begin;
    }
    for (int& last : last_) {
      if (last >= begin && last < end) last = end - 1;
    }
  }

  bool Plannable(int slot) const {
    return !excluded_[Index(slot)] && state_.sizes[Index(slot)] > 0 &&
           IsPlain(state_.output_types[Index(slot)]) && !IsRef(state_.output_types[Index(slot)]) &&
           !plan_.slot_device[Index(slot)]->has_own_memory() &&
           last_[Index(slot)] >= first_[Index(slot)];
  }

  void Bind(int slot) {
    const int root = root_[Index(slot)];
    OutputPlan& output = state_.output_plans[Index(slot)];
    if (root < 0 || offset_[Index(root)] < 0) return;
    const DataType dtype = state_.output_types[Index(slot)];
    const bool whole = state_.sizes[Index(slot)] == state_.sizes[Index(root)];
    if (slot == root || (state_.forwarded_from[Index(slot)] >= 0 && whole && !IsView(slot))) {
      output.prepared = Array::FromBuffer(dtype, state_.shapes[Index(slot)],
                                          BufferPtr::Share(state_.arena.buffer()),
                                          static_cast<size_t>(offset_[Index(root)]));
    }
    if (slot == root)
      state_.values[Index(slot)].fresh_data = output.prepared.raw_data();
    else
      output.forward_from = IsView(slot) ? -2 : InputOf(slot);
  }

  // Made by set_output rather than by ForwardOrAllocate.
  bool IsView(int slot) const {
    return state_.sizes[Index(slot)] > 0 && !state_.taken_over[Index(slot)];
  }
  int8_t InputOf(int slot) const { return state_.taken_input[Index(slot)]; }

  ExecState& state_;
  const Plan& plan_;
  const std::vector<RowRange>& lanes_;
  std::vector<int> root_, first_, last_;
  std::vector<int64_t> offset_;
  std::vector<uint8_t> excluded_;
};

}  // namespace

void PlanMemory(ExecState* state) {
  const std::vector<RowRange> lanes = FindRowLanes(*state);
  MemoryPlanner(state, lanes).Run();
  if (!lanes.empty()) {
    state->lane_values = std::make_unique<LaneValues>(*state, lanes);
    NotePartedInputs(state, lanes);
  }
  for (const RowRange& range : lanes) {
    StepCall& call = state->calls[range.begin];
    call.flags |= kStepBeginsLanes;
    call.lanes = static_cast<uint16_t>(state->lanes.size());
    state->lanes.push_back(std::make_unique<RowLanes>(state, range, state->lane_values.get()));
  }
  state->rows.clear();
  state->planned = true;
}

}  // namespace weft
