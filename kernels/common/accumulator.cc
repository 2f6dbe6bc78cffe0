// SPDX-License-Identifier: Apache-2.0
#include "kernels/common/accumulator.h"

#include <utility>

#include "src/core/log.h"
#include "src/core/strings.h"
#include "src/runtime/cancellation.h"
#include "weft/core/status_macros.h"

namespace weft {
namespace {

// What an attempt that was given up is told.
absl::Status CancelledError() { return absl::CancelledError("TakeGrad operation was cancelled"); }

}  // namespace

Accumulator::Accumulator(AccumulatorSpec spec, std::string name)
    : spec_(std::move(spec)),
      name_(std::move(name)),
      sum_(spec_.sparse ? MakeSparseGradientSum(spec_.dtype, spec_.shape)
                        : MakeDenseGradientSum(spec_.dtype, spec_.shape)) {}

absl::Status Accumulator::Apply(int64_t local_step, const AccumulatorGradient& gradient,
                                Allocator* allocator) {
  {
    std::lock_guard lock(mu_);
    if (local_step < global_step_) return absl::OkStatus();
    const bool is_first = count_ == 0;
    WEFT_RETURN_IF_ERROR(sum_->Check(gradient, is_first));
    WEFT_RETURN_IF_ERROR(is_first ? sum_->Start(gradient, allocator)
                                  : sum_->Add(gradient, allocator));
    ++count_;
  }
  Flush();
  return absl::OkStatus();
}

void Accumulator::Take(int64_t num_required, Allocator* allocator,
                       CancellationManager* cancellation, DoneWith done) {
  if (num_required <= 0)
    return done(absl::InvalidArgumentError(
        StrCat("Argument num_required must be positive, but was ", num_required)));
  const auto attempt = std::make_shared<Attempt>();
  attempt->num_required = num_required;
  attempt->allocator = allocator;
  attempt->cancellation = cancellation;
  attempt->done = std::move(done);
  bool accepted = true;
  {
    // The callback waits for the lock, so it finds the attempt in the list.
    std::lock_guard lock(mu_);
    if (cancellation)
      accepted = cancellation->Register(
          &attempt->token, [self = shared_from_this(), attempt] { self->Cancel(attempt); });
    if (accepted) attempts_.push_back(attempt);
  }
  if (accepted) return Flush();
  attempt->done(CancelledError());
}

void Accumulator::SetGlobalStep(int64_t step) {
  std::lock_guard lock(mu_);
  if (step < global_step_)
    LogWarning(StrCat("Attempt to set current_global_step_ to smaller value: ",
                      "current_global_step_ = ", global_step_, " >= ", step,
                      " = new_global_step. (accumulator '", name_, "')"));
  global_step_ = step;
}

int64_t Accumulator::num_accumulated() const {
  std::lock_guard lock(mu_);
  return count_;
}

void Accumulator::Cancel(const AttemptPtr& attempt) {
  {
    std::lock_guard lock(mu_);
    if (attempt->finished) return;
    attempt->finished = true;
    std::erase(attempts_, attempt);
    attempt->result = CancelledError();
  }
  const std::shared_ptr<Accumulator> self = shared_from_this();
  Finish(attempt);
  Flush();  // those behind it may need less
}

void Accumulator::Finish(const AttemptPtr& a) {
  if (a->cancellation && a->token >= 0) a->cancellation->Deregister(a->token);
  a->done(std::move(a->result));
}

void Accumulator::Flush() {
  const std::shared_ptr<Accumulator> self = shared_from_this();
  std::vector<AttemptPtr> finished;
  {
    std::lock_guard lock(mu_);
    while (!attempts_.empty() && count_ >= attempts_.front()->num_required) {
      const AttemptPtr a = std::move(attempts_.front());
      attempts_.pop_front();
      a->result = sum_->Take(spec_.reduction == GradientReduction::kMean, count_, a->allocator);
      if (a->result.ok()) {
        count_ = 0;
        ++global_step_;
      }
      a->finished = true;
      finished.push_back(a);
    }
  }
  for (const AttemptPtr& a : finished) Finish(a);
}

}  // namespace weft
