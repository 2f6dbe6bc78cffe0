// SPDX-License-Identifier: Apache-2.0
// What the row lanes of a state have in common (row_lanes.h): the decision of a run whether several
// threads share its rows, and the values that need not lie in one piece. Where the rows of two
// threads lie side by side, a processor that reads ahead takes lines from the other one, which has
// to get them back when it writes: element-wise kernels took twice as long. So each lane has memory
// of its own for
//   - inner values: made by lanes and read by lanes alone, by the same rows;
//   - pushed values: made by lanes and otherwise only put on stacks (src/core/parted_rows.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "src/core/parallel.h"
#include "src/core/parted_rows.h"
#include "src/runtime/exec_state.h"
#include "weft/core/array.h"

namespace weft {

struct RowRange;

class LaneValues {
 public:
  // After the memory of the values as a whole has been planned.
  LaneValues(const ExecState& state, const std::vector<RowRange>& ranges);

  bool IsInner(int slot) const { return inner_.contains(slot); }
  // Where the lane's rows of an inner value lie.
  char* RowsOf(int slot, size_t lane) const;

  // Where a pushed value begins in each part of NewPushed(); -1: it is none.
  int64_t PushedOffset(int slot) const;
  // Memory for all pushed values of a run. Null if there are none, or without memory.
  BufferPtr NewPushed() const;

  // The ranges of a run: the first one says which way all of them are to go.
  void BeginRun();
  bool together() const { return together_; }
  // From the range that begins with this step on, one thread makes whole values.
  void GiveUp(size_t step);
  // How long a range has taken.
  void Took(int64_t ns) { ns_ += ns; }
  void EndRun();

  // Puts the rows of an inner value that lanes have made in this run, and that is read now as a
  // whole, into state.values.
  absl::Status MakeWhole(ExecState& state, int slot) const;

 private:
  struct InnerValue {
    size_t offset;  // in each lane's memory
    size_t row_bytes;
    size_t made_at;  // the step
  };
  std::shared_ptr<const RowDivision> division_;
  std::unordered_map<int, InnerValue> inner_;  // by slot
  BufferPtr memory_;                           // PartedRows
  std::unordered_map<int, size_t> pushed_;     // by slot: the offset
  size_t pushed_bytes_ = 0;
  TeamChoice choice_;
  bool wanted_ = false, together_ = false;
  size_t whole_from_ = SIZE_MAX;  // the step
  int64_t ns_ = 0;
};

// Notes which outputs of kernels that pass on what is on stacks lanes alone read, by rows.
void NotePartedInputs(ExecState* state, const std::vector<RowRange>& ranges);

}  // namespace weft
