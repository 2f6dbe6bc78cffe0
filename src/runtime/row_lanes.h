// SPDX-License-Identifier: Apache-2.0
// Rows of a run shared out among threads. Kernels that work by rows (Kernel::DivideRows) and follow
// each other, as those of a step of a recurrent net, are called on each thread for some of the
// rows, one kernel after the other: threads meet once for all of them. A kernel of a small net
// takes a few microseconds, and meeting nearly as long, so that one by one they would gain nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "src/core/parted_rows.h"
#include "src/runtime/exec_state.h"

namespace weft {

class LaneValues;

// Steps [begin, end) of a state that lanes share, as noted by FindRowLanes.
struct RowRange {
  size_t begin = 0, end = 0;
  RowDivision division;
  bool is_first = true, is_last = true;  // of the state's ranges
};

// A range of a state, bound to its memory plan.
class RowLanes {
 public:
  // `values`: those of the state's ranges; used as long as this lives.
  RowLanes(ExecState* state, const RowRange& range, LaneValues* values);

  size_t end() const { return range_.end; }
  // Runs the steps, on several threads or on one.
  absl::Status Run(ExecState& state);

 private:
  // A value that is made before the steps and read by them.
  struct Source {
    int slot;
    Array as_recorded;  // dtype and shape; no elements
    size_t row_bytes;   // 0: all lanes read it whole
    size_t index;       // of Lane::sources
    bool inner;         // as LaneValues says
  };
  struct Target {
    int slot;
    size_t row_bytes;
    Shape shape;
    bool sums;      // over the rows: each lane has its own
    int passes_on;  // the slot of the value that it is; -1: it is a new one
    bool inner;     // as LaneValues says
    int64_t pushed_offset;
  };
  // What one thread writes to lies in lines of its own.
  struct alignas(128) Lane {
    int64_t first_row = 0;
    HostVector<StepCall> calls;                   // by step
    HostVector<KernelContext::Binding> bindings;  // by step
    HostVector<const Array*> inputs;              // of all steps
    HostVector<Array> sources;                    // rows of them
    HostVector<ValueSlot> outputs;                // of all steps
    HostVector<OutputPlan> plans;                 // likewise
    HostVector<char*> rows;                       // where its rows of bases_ are
    std::vector<Array> sums;                      // by target: its own, but for the first lane
    size_t failed_step = SIZE_MAX;
    absl::Status status;
  };

  void FindValues(const ExecState& state);
  // False without memory.
  bool BindLane(ExecState* state, int64_t rows, Lane* lane);
  bool Prepare(ExecState& state);
  bool PrepareSource(const Source& source, Array* value);
  void PointToRows(Lane& lane) const;
  absl::Status RunAlone(ExecState& state);
  absl::Status RunTogether(ExecState& state);
  void AddSums(ExecState& state) const;
  void RunLane(const ExecState& state, Lane& lane) const;

  const RowRange range_;
  LaneValues& values_;
  std::vector<Source> sources_;
  std::unordered_map<int, size_t> source_of_, target_of_;  // by slot
  std::vector<Target> targets_;                            // the outputs of all steps
  // Where the elements of the sources that are read by rows, and of the targets, begin in this run.
  // Lanes take them from here: each would wait for tens of lines if they were brought to it.
  HostVector<char*> bases_;
  // Likewise: from one part to the next, of values in parts (src/core/parted_rows.h); 0 of others.
  HostVector<size_t> part_steps_;
  size_t row_sources_ = 0;  // the first of them are those of sources
  std::vector<Lane> lanes_;
  std::vector<uint8_t> no_last_use_;
  bool bound_ = true;
};

// Notes, in the run that is watched, how step `s` may be divided.
void RecordRows(ExecState* state, size_t s);

// The ranges of steps of a recorded run that are worth sharing out.
std::vector<RowRange> FindRowLanes(const ExecState& state);

}  // namespace weft
