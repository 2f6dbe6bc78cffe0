// SPDX-License-Identifier: Apache-2.0
// What the row lanes of a state have in common (row_lanes.h): the decision of a run whether several
// threads share its rows, and the values that lanes make and that lanes alone read, by the same
// rows. Those have no place as a whole then: each lane keeps its rows in memory of its own. Where
// the rows of two threads lie side by side, a processor that reads ahead takes lines from the other
// one, which has to get them back when it writes: element-wise kernels took twice as long.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "src/core/parallel.h"
#include "src/runtime/exec_state.h"
#include "weft/core/array.h"

namespace weft {

struct RowRange;

class LaneValues {
 public:
  // After the memory of the values as a whole has been planned.
  LaneValues(const ExecState& state, const std::vector<RowRange>& ranges);

  // Where the lane's rows of the value lie; null: among the other rows.
  char* RowsOf(int slot, size_t lane) const;
  bool Has(int slot) const { return values_.contains(slot); }

  // The ranges of a run: the first one says which way all of them are to go.
  void BeginRun();
  bool together() const { return together_; }
  // From the range that begins with this step on, one thread makes whole values.
  void GiveUp(size_t step);
  // How long a range has taken.
  void Took(int64_t ns) { ns_ += ns; }
  void EndRun();

  // Puts the rows of a value that lanes have made in this run, and that is read now as a whole,
  // into state.values.
  absl::Status MakeWhole(ExecState& state, int slot) const;

 private:
  struct LaneValue {
    size_t offset;  // in each lane's memory
    size_t row_bytes;
    size_t made_at;  // the step
  };
  std::unordered_map<int, LaneValue> values_;  // by slot
  std::vector<Array> memory_;                  // by lane
  std::vector<int64_t> parts_;                 // the first row of each lane
  int64_t rows_ = 0;
  TeamChoice choice_;
  bool wanted_ = false, together_ = false;
  size_t whole_from_ = SIZE_MAX;  // the step
  int64_t ns_ = 0;
};

}  // namespace weft
