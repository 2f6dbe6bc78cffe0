// SPDX-License-Identifier: Apache-2.0
// Accumulator: what ConditionalAccumulator and SparseConditionalAccumulator are in a Session.
//
// Gradients of one step are added up as they come; those of earlier steps are dropped. Taking the
// result does not block: an attempt waits in a list until it is first there and enough gradients
// have come; then its callback is called, on the thread of whoever gave the last gradient, with no
// lock held, and the accumulator begins with the next step. Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/common/gradient_sum.h"
#include "weft/runtime/resource.h"

namespace weft {

class CancellationManager;

enum class GradientReduction { kMean, kSum };

// What an accumulator is made from: the attributes of its op.
struct AccumulatorSpec {
  bool sparse = false;
  DataType dtype = kFloat32;  // kFloat16, kFloat32 or kFloat64
  PartialShape shape;         // of the dense gradients, or of what sparse ones are rows of
  GradientReduction reduction = GradientReduction::kMean;
};

class Accumulator : public Resource, public std::enable_shared_from_this<Accumulator> {
 public:
  using DoneWith = std::function<void(absl::StatusOr<std::vector<Array>>)>;

  // `name` is for messages.
  Accumulator(AccumulatorSpec spec, std::string name);

  const AccumulatorSpec& spec() const { return spec_; }

  // Adds a gradient of this kind (sparse or not) and dtype; drops it, whatever its shape, if
  // `local_step` is below the accumulator's step. InvalidArgument if it does not fit. Copies it,
  // into memory of `allocator`.
  absl::Status Apply(int64_t local_step, const AccumulatorGradient& gradient, Allocator* allocator);
  // Waits until `num_required` > 0 gradients have been added up, gives out all that came (see
  // GradientSum::Take) and goes on to the next step. `cancellation` (may be null) ends the wait
  // with Cancelled.
  void Take(int64_t num_required, Allocator* allocator, CancellationManager* cancellation,
            DoneWith done);
  // Warns on stderr if the step goes back.
  void SetGlobalStep(int64_t step);
  // The gradients that wait to be taken.
  int64_t num_accumulated() const;
  std::string DebugString() const override { return "accumulator " + name_; }

 private:
  struct Attempt {
    int64_t num_required = 1;
    Allocator* allocator = nullptr;
    CancellationManager* cancellation = nullptr;
    DoneWith done;
    int64_t token = -1;
    bool finished = false;
    absl::StatusOr<std::vector<Array>> result = std::vector<Array>();
  };
  using AttemptPtr = std::shared_ptr<Attempt>;

  void Cancel(const AttemptPtr& attempt);
  // Lets the attempts through for which there is enough.
  void Flush();
  static void Finish(const AttemptPtr& attempt);

  const AccumulatorSpec spec_;
  const std::string name_;
  mutable std::mutex mu_;
  int64_t global_step_ = 0;
  int64_t count_ = 0;
  std::unique_ptr<GradientSum> sum_;
  std::deque<AttemptPtr> attempts_;
};

}  // namespace weft
