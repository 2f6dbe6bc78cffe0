// SPDX-License-Identifier: Apache-2.0
#include "src/runtime/lane_values.h"

#include <algorithm>
#include <utility>

#include "src/core/strings.h"
#include "src/runtime/place_blocks.h"
#include "src/runtime/row_lanes.h"

namespace weft {
namespace {

// The numbers of the ranges that steps belong to, -1 of others.
std::vector<int> RangesOfSteps(const ExecState& state, const std::vector<RowRange>& ranges) {
  std::vector<int> range_of(state.plan.steps.size(), -1);
  for (size_t r = 0; r < ranges.size(); ++r) {
    std::fill(range_of.begin() + static_cast<ptrdiff_t>(ranges[r].begin),
              range_of.begin() + static_cast<ptrdiff_t>(ranges[r].end), static_cast<int>(r));
  }
  return range_of;
}

size_t Aligned(size_t bytes) {
  return (bytes + kAllocatorAlignment - 1) / kAllocatorAlignment * kAllocatorAlignment;
}

// Finds the values that need not lie in one piece.
class ValuesInParts {
 public:
  ValuesInParts(const ExecState& state, const std::vector<RowRange>& ranges)
      : state_(state), plan_(state.plan), range_of_(RangesOfSteps(state, ranges)) {
    for (int& r : range_of_) {
      if (r >= 0 && ranges[static_cast<size_t>(r)].division != ranges.front().division) r = -1;
    }
    root_.assign(static_cast<size_t>(plan_.num_slots), -1);
    blocks_.resize(root_.size());
    sharers_.assign(root_.size(), 0);
    pushed_.assign(root_.size(), 0);
    for (size_t s = 0; s < plan_.steps.size(); ++s) AddOutputs(s);
    for (size_t s = 0; s < plan_.steps.size(); ++s) AddUses(s);
    for (size_t slot = 0; slot < blocks_.size(); ++slot) {
      // Of what shares its memory with others only they would be known.
      if (state.persisted[slot] && !(pushed_[slot] && sharers_[slot] == 1))
        Exclude(root_[slot]);
      else if (pushed_[slot] && sharers_[slot] != 1)
        Exclude(root_[slot]);
    }
  }

  // The slots whose memory inner values have, with their lifetimes.
  std::vector<Block> Inner(int64_t rows) const { return Find(rows, false); }
  std::vector<Block> Pushed(int64_t rows) const { return Find(rows, true); }

  // The slot whose memory a value has.
  int root(int slot) const { return root_[static_cast<size_t>(slot)]; }
  size_t RowBytes(int slot) const {
    const size_t at = static_cast<size_t>(slot);
    return state_.sizes[at] / static_cast<size_t>(state_.shapes[at].dim(0));
  }

 private:
  std::vector<Block> Find(int64_t rows, bool pushed) const {
    std::vector<Block> found;
    for (Block b : blocks_) {
      if (b.slot < 0 || (pushed_[static_cast<size_t>(b.slot)] != 0) != pushed) continue;
      b.bytes = Aligned(RowBytes(b.slot) * static_cast<size_t>(rows));
      found.push_back(b);
    }
    return found;
  }

  void Exclude(int root) {
    if (root >= 0) blocks_[static_cast<size_t>(root)].slot = -1;
  }

  void AddOutputs(size_t s) {
    const Step& step = plan_.steps[s];
    const bool by_rows =
        range_of_[s] >= 0 && !state_.rows.at(s).use.sums && state_.rows.at(s).use.passes_on < 0;
    for (size_t o = 0; o < step.node->output_types.size(); ++o) {
      const int slot = step.node->first_slot + static_cast<int>(o);
      const size_t at = static_cast<size_t>(slot);
      const int from = state_.forwarded_from[at];
      // In memory that it took over from a value which is none of the plan's: lanes don't take it.
      const bool own = state_.fresh[at] || (from >= 0 && state_.taken_over[at] && root(from) < 0);
      if (own) {
        root_[at] = slot;
        blocks_[at] = {slot, 0, static_cast<int>(s), static_cast<int>(s), 0};
      } else if (from >= 0) {
        root_[at] = root(from);
        // A view of it, or a part.
        if (!state_.taken_over[at] || state_.sizes[at] != state_.sizes[static_cast<size_t>(from)])
          Exclude(root_[at]);
      }
      if (root_[at] >= 0) ++sharers_[static_cast<size_t>(root_[at])];
      if (!by_rows || plan_.slot_is_fetched[at] || slot == plan_.tested_slot) Exclude(root_[at]);
    }
  }

  void AddUses(size_t s) {
    const Step& step = plan_.steps[s];
    const bool pushes = step.node->op == "_StackPushes";
    for (size_t i = 0; i < step.inputs.size(); ++i) {
      const int used = root(step.inputs[i]);
      if (used < 0) continue;
      Block& block = blocks_[static_cast<size_t>(used)];
      block.last = std::max(block.last, static_cast<int>(s));
      if (pushes)
        pushed_[static_cast<size_t>(step.inputs[i])] = 1;
      else if (range_of_[s] < 0 || !state_.rows.at(s).use.split[i])
        Exclude(used);
    }
  }

  const ExecState& state_;
  const Plan& plan_;
  std::vector<int> range_of_;    // by step; -1: in none with the first one's division
  std::vector<int> root_;        // by slot
  std::vector<Block> blocks_;    // by slot; their slot -1: none, or excluded
  std::vector<int> sharers_;     // by root: slots that have its memory
  std::vector<uint8_t> pushed_;  // by slot
};

}  // namespace

LaneValues::LaneValues(const ExecState& state, const std::vector<RowRange>& ranges)
    : division_(std::make_shared<const RowDivision>(ranges.front().division)) {
  const ValuesInParts values(state, ranges);
  for (const Block& b : values.Pushed(division_->most_rows())) {
    pushed_.emplace(b.slot, pushed_bytes_);
    pushed_bytes_ += b.bytes;
  }
  std::vector<Block> blocks = values.Inner(division_->most_rows());
  if (blocks.empty()) return;
  const size_t bytes = PlaceBlocks(&blocks);
  memory_ = PartedRows::Allocate(division_, bytes);
  if (!memory_) return;
  std::unordered_map<int, const Block*> block_of;
  for (const Block& b : blocks) block_of.emplace(b.slot, &b);
  for (size_t s = 0; s < state.plan.steps.size(); ++s) {
    const PlanNode& node = *state.plan.steps[s].node;
    for (size_t o = 0; o < node.output_types.size(); ++o) {
      const int slot = node.first_slot + static_cast<int>(o);
      const auto block = block_of.find(values.root(slot));
      if (block != block_of.end()) inner_[slot] = {block->second->offset, values.RowBytes(slot), s};
    }
  }
}

char* LaneValues::RowsOf(int slot, size_t lane) const {
  const size_t step = static_cast<const PartedRows*>(memory_.get())->step();
  return static_cast<char*>(memory_->data()) + lane * step + inner_.at(slot).offset;
}

int64_t LaneValues::PushedOffset(int slot) const {
  const auto found = pushed_.find(slot);
  return found == pushed_.end() ? -1 : static_cast<int64_t>(found->second);
}

BufferPtr LaneValues::NewPushed() const {
  if (pushed_bytes_ == 0) return {};
  return PartedRows::Allocate(division_, pushed_bytes_);
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
  const InnerValue& value = inner_.at(slot);
  if (value.made_at >= whole_from_) return absl::OkStatus();
  const size_t at = static_cast<size_t>(slot);
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
  BringRowsTogether(*division_, value.row_bytes, RowsOf(slot, 0),
                    static_cast<const PartedRows*>(memory_.get())->step(),
                    static_cast<char*>(whole.raw_data()));
  state.values[at].array = std::move(whole);
  return absl::OkStatus();
}

void NotePartedInputs(ExecState* state, const std::vector<RowRange>& ranges) {
  const Plan& plan = state->plan;
  const std::vector<int> range_of = RangesOfSteps(*state, ranges);
  std::vector<uint8_t> by_rows(static_cast<size_t>(plan.num_slots), 0), otherwise = by_rows;
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    const std::vector<int>& inputs = plan.steps[s].inputs;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const bool divided = range_of[s] >= 0 && state->rows.at(s).use.split[i];
      (divided ? by_rows : otherwise)[static_cast<size_t>(inputs[i])] = 1;
    }
  }
  for (const Step& step : plan.steps) {
    if (step.node->op != "_StackPops") continue;
    for (size_t o = 0; o < step.node->output_types.size(); ++o) {
      const size_t slot = static_cast<size_t>(step.node->first_slot) + o;
      if (by_rows[slot] && !otherwise[slot] && !plan.slot_is_fetched[slot] &&
          static_cast<int>(slot) != plan.tested_slot)
        state->output_plans[slot].takes_parts = true;
    }
  }
}

}  // namespace weft
