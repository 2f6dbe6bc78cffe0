// SPDX-License-Identifier: Apache-2.0
#include "src/runtime/lane_values.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "src/core/host_memory.h"
#include "src/core/strings.h"
#include "src/runtime/place_blocks.h"
#include "src/runtime/row_lanes.h"

namespace weft {
namespace {

// Between the ends of two lanes' memory: further than processors read ahead.
constexpr size_t kApart = 4096;

// Finds the values that need no place as a whole, by the slots whose memory they have.
class InnerValues {
 public:
  InnerValues(const ExecState& state, const std::vector<RowRange>& ranges)
      : state_(state), plan_(state.plan), ranges_(ranges) {}

  // Their lifetimes; without ranges of one division there are none.
  std::vector<Block> Find(size_t most_rows) {
    range_of_.assign(plan_.steps.size(), nullptr);
    for (const RowRange& range : ranges_) {
      if (!SameDivision(range, ranges_.front())) continue;
      for (size_t s = range.begin; s < range.end; ++s) range_of_[s] = &range;
    }
    root_.assign(static_cast<size_t>(plan_.num_slots), -1);
    blocks_.resize(root_.size());
    for (size_t s = 0; s < plan_.steps.size(); ++s) AddOutputs(s);
    for (size_t s = 0; s < plan_.steps.size(); ++s) AddUses(s);
    std::vector<Block> found;
    for (Block& b : blocks_) {
      if (b.slot < 0) continue;
      const size_t row_bytes = RowBytes(b.slot);
      b.bytes = (row_bytes * most_rows + kAllocatorAlignment - 1) / kAllocatorAlignment *
                kAllocatorAlignment;
      found.push_back(b);
    }
    return found;
  }

  int root(int slot) const { return root_[static_cast<size_t>(slot)]; }
  size_t RowBytes(int slot) const {
    const size_t at = static_cast<size_t>(slot);
    return state_.sizes[at] / static_cast<size_t>(state_.shapes[at].dim(0));
  }

 private:
  static bool SameDivision(const RowRange& a, const RowRange& b) {
    return a.rows == b.rows && a.parts == b.parts;
  }

  void Exclude(int root) {
    if (root >= 0) blocks_[static_cast<size_t>(root)].slot = -1;
  }

  void AddOutputs(size_t s) {
    const Step& step = plan_.steps[s];
    for (size_t o = 0; o < step.node->output_types.size(); ++o) {
      const int slot = step.node->first_slot + static_cast<int>(o);
      const size_t at = static_cast<size_t>(slot);
      const bool by_rows =
          range_of_[s] && !state_.rows.at(s).use.sums && state_.rows.at(s).use.passes_on < 0;
      const int from = state_.forwarded_from[at];
      if (state_.fresh[at]) {
        root_[at] = slot;
        blocks_[at] = {slot, 0, static_cast<int>(s), static_cast<int>(s), 0};
      } else if (from >= 0) {
        root_[at] = root(from);
        // A view of it, or a part.
        if (!state_.taken_over[at] || state_.sizes[at] != state_.sizes[static_cast<size_t>(from)])
          Exclude(root_[at]);
      }
      if (!by_rows || plan_.slot_is_fetched[at] || state_.persisted[at] ||
          slot == plan_.tested_slot)
        Exclude(root_[at]);
    }
  }

  void AddUses(size_t s) {
    const Step& step = plan_.steps[s];
    for (size_t i = 0; i < step.inputs.size(); ++i) {
      const int used = root(step.inputs[i]);
      if (used < 0) continue;
      Block& block = blocks_[static_cast<size_t>(used)];
      block.last = std::max(block.last, static_cast<int>(s));
      if (!range_of_[s] || !state_.rows.at(s).use.split[i]) Exclude(used);
    }
  }

  const ExecState& state_;
  const Plan& plan_;
  const std::vector<RowRange>& ranges_;
  std::vector<const RowRange*> range_of_;  // by step
  std::vector<int> root_;                  // by slot
  std::vector<Block> blocks_;              // by slot; slot -1: none, or excluded
};

}  // namespace

LaneValues::LaneValues(const ExecState& state, const std::vector<RowRange>& ranges)
    : parts_(ranges.front().parts), rows_(ranges.front().rows) {
  int64_t most_rows = 0;
  for (size_t l = 0; l < parts_.size(); ++l)
    most_rows = std::max(most_rows, (l + 1 < parts_.size() ? parts_[l + 1] : rows_) - parts_[l]);
  InnerValues inner(state, ranges);
  std::vector<Block> blocks = inner.Find(static_cast<size_t>(most_rows));
  if (blocks.empty() || blocks.size() > kMostBlocks) return;
  const size_t bytes = PlaceBlocks(&blocks);
  for (size_t l = 0; l < parts_.size(); ++l) {
    BufferPtr memory =
        AllocateBuffer(HostAllocator(), kUint8, static_cast<int64_t>(bytes + kApart));
    if (!memory) return;
    memory_.push_back(
        Array::FromBuffer(kUint8, Shape({static_cast<int64_t>(bytes)}), std::move(memory)));
  }
  std::unordered_map<int, const Block*> block_of;
  for (const Block& b : blocks) block_of.emplace(b.slot, &b);
  for (size_t s = 0; s < state.plan.steps.size(); ++s) {
    const PlanNode& node = *state.plan.steps[s].node;
    for (size_t o = 0; o < node.output_types.size(); ++o) {
      const int slot = node.first_slot + static_cast<int>(o);
      const auto block = block_of.find(inner.root(slot));
      if (block != block_of.end()) values_[slot] = {block->second->offset, inner.RowBytes(slot), s};
    }
  }
}

char* LaneValues::RowsOf(int slot, size_t lane) const {
  const auto found = values_.find(slot);
  if (found == values_.end()) return nullptr;
  return static_cast<char*>(const_cast<void*>(memory_[lane].raw_data())) + found->second.offset;
}

void LaneValues::BeginRun() {
  wanted_ = together_ = choice_.PrefersTeam();
  whole_from_ = wanted_ ? SIZE_MAX : 0;
  ns_ = 0;
}

void LaneValues::GiveUp(size_t step) {
  together_ = false;
  whole_from_ = std::min(whole_from_, step);
}

void LaneValues::EndRun() {
  if (wanted_ == together_) choice_.Took(ns_);
}

absl::Status LaneValues::MakeWhole(ExecState& state, int slot) const {
  const auto found = values_.find(slot);
  if (found == values_.end() || found->second.made_at >= whole_from_) return absl::OkStatus();
  const size_t at = static_cast<size_t>(slot), row_bytes = found->second.row_bytes;
  Array whole = state.output_plans[at].prepared;
  if (!whole.valid()) {
    BufferPtr buffer =
        AllocateBuffer(HostAllocator(), state.output_types[at], state.shapes[at].num_elements());
    if (!buffer) {
      return absl::ResourceExhaustedError(
          StrCat("out of memory for a value of shape ", state.shapes[at].ToString()));
    }
    whole = Array::FromBuffer(state.output_types[at], state.shapes[at], std::move(buffer));
  }
  char* to = static_cast<char*>(whole.raw_data());
  for (size_t l = 0; l < parts_.size(); ++l) {
    const int64_t end = l + 1 < parts_.size() ? parts_[l + 1] : rows_;
    const size_t bytes = static_cast<size_t>(end - parts_[l]) * row_bytes;
    std::memcpy(to, RowsOf(slot, l), bytes);
    to += bytes;
  }
  state.values[at].array = std::move(whole);
  return absl::OkStatus();
}

}  // namespace weft
