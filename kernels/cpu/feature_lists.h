// SPDX-License-Identifier: Apache-2.0
// The feature lists of a batch of SequenceExamples on their way into outputs; two passes, as
// FeatureTable has.
#pragma once

#include <string_view>
#include <vector>

#include "kernels/cpu/feature_table.h"

namespace weft {

class FeatureLists {
 public:
  // `specs`, `names` and the examples' bytes must outlive it.
  FeatureLists(const std::vector<FeatureSpec>& specs, const ExampleNames& names, int64_t examples);

  // First pass. Example e has this list (a serialised FeatureList): the last one said counts.
  void Put(int64_t e, int list, std::string_view bytes) {
    Cell& cell = At(e, list);
    cell.bytes = bytes;
    cell.present = true;
  }
  absl::Status Count(int64_t e);
  // Between the passes: makes the outputs.
  absl::Status Allocate(KernelContext& ctx);
  // Second pass.
  absl::Status Fill(int64_t e);

 private:
  struct Cell {
    std::string_view bytes;
    bool present = false;
    int64_t steps = 0, values = 0, longest = 0;  // the most values in a step
    int64_t first_step = 0, first_value = 0;     // among those of all examples
  };
  struct Output {
    Array indices, values, inner_splits;
    int64_t row = 0;  // elements of an example: dense
  };
  Cell& At(int64_t e, int f) { return cells_[static_cast<size_t>(e) * specs_.size() + f]; }
  absl::Status CountOne(int64_t e, int f);
  absl::Status CountStep(int64_t e, const FeatureSpec& spec, std::string_view step, Cell* cell);
  absl::Status AllocateDense(KernelContext& ctx, int f, int64_t steps);
  absl::Status AllocateSparse(KernelContext& ctx, int f, int64_t total, int64_t steps,
                              int64_t longest);
  absl::Status AllocateRagged(KernelContext& ctx, int f, int64_t total, int64_t total_steps);
  bool FillOne(int64_t e, int f);
  bool FillDense(int64_t e, const FeatureSpec& spec, const Cell& cell, Output* out);

  const std::vector<FeatureSpec>& specs_;
  const ExampleNames& names_;
  const int64_t examples_;
  std::vector<Cell> cells_;
  std::vector<Output> outputs_;
};

}  // namespace weft
