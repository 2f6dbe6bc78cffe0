// SPDX-License-Identifier: Apache-2.0
// Runs a plan in which several steps may wait (a dequeue, and the enqueue that it waits for). All
// steps that can run are run, in the plan's order, on the caller's thread; those that wait are
// started and left alone; when nothing else is to be done the thread sleeps until one of them is
// through. No other thread is held.
#include <condition_variable>
#include <functional>
#include <queue>

#include "src/runtime/numeric_check.h"
#include "src/runtime/session_impl.h"
#include "src/runtime/step.h"

namespace weft {
namespace {

class WaitingRun {
 public:
  WaitingRun(const Plan& plan, ExecState& state, RunMetadata* trace)
      : plan_(plan),
        state_(state),
        trace_(trace),
        needs_(plan.order.needs),
        readers_(plan.order.readers) {
    if (trace_) started_.resize(plan.steps.size());
    for (size_t s = 0; s < needs_.size(); ++s) {
      if (needs_[s] == 0) ready_.push(static_cast<int>(s));
    }
  }

  // `cancellation` is the run's own: the first error ends what waits.
  absl::Status Run(CancellationManager* cancellation) {
    absl::Status status;
    while (true) {
      if (status.ok() && cancellation->cancelled())
        status = absl::CancelledError(state_.run.session->closed() ? "Session has been closed."
                                                                   : "the run was cancelled");
      if (!status.ok()) {
        cancellation->Cancel();
        if (waiting_ == 0) return status;
      } else if (!ready_.empty()) {
        const int s = ready_.top();
        ready_.pop();
        status = Start(static_cast<size_t>(s));
        continue;
      } else if (waiting_ == 0) {
        return status;
      }
      for (const auto& [s, result] : AwaitSome()) {
        --waiting_;
        const absl::Status finished = result.ok() ? Finish(s) : Failed(s, result);
        if (status.ok()) status = finished;
      }
    }
  }

 private:
  using Completed = std::vector<std::pair<size_t, absl::Status>>;

  absl::Status Failed(size_t s, absl::Status status) const {
    const PlanNode& node = *plan_.steps[s].node;
    return WithNode(std::move(status), node.name, node.op);
  }

  absl::Status Start(size_t s) {
    const Step& step = plan_.steps[s];
    KernelContext& ctx = state_.calls[s].ctx;
    if (step.flags & kStepMayBeDead) {
      const bool dead = IsDead(step, state_);
      for (int o = 0; o < std::max<int>(1, ctx.num_outputs()); ++o)
        state_.values[static_cast<size_t>(step.node->first_slot + o)].dead = dead;
      if (dead) return Finish(s);
    }
    if (step.flags & kStepReadsRef)
      WEFT_RETURN_IF_ERROR(ReadReferences(step, plan_.order.first_input[s], state_));
    if (trace_) started_[s] = NowMicros();
    absl::Status status;
    try {
      if (step.node->waiting) {
        StartWaiting(s);
        return absl::OkStatus();
      }
      status = step.node->fn ? step.node->fn(ctx) : step.node->kernel->Compute(ctx);
    } catch (const Error& e) {
      status = ToStatus(e);
    } catch (const std::bad_alloc&) {
      status = absl::ResourceExhaustedError(
          StrCat("out of memory in ", step.node->op, " '", step.node->name, "'"));
    }
    if (!status.ok()) return Failed(s, std::move(status));
    return Finish(s);
  }

  void StartWaiting(size_t s) {
    plan_.steps[s].node->waiting->ComputeAsync(state_.calls[s].ctx, [this, s](absl::Status result) {
      std::lock_guard lock(mu_);
      completed_.emplace_back(s, std::move(result));
      wake_.notify_one();
    });
    ++waiting_;  // not if it threw
  }

  // The step's outputs are there (or dead).
  absl::Status Finish(size_t s) {
    const Step& step = plan_.steps[s];
    if (step.flags & kStepChecked) WEFT_RETURN_IF_ERROR(CheckNumericOutputs(state_, s));
    if (trace_) trace_->step_stats.push_back(StatsOf(step, state_, started_[s]));
    if (step.flags & kStepReadsRef) DropReferences(step, plan_.order.first_input[s], state_);
    for (int slot : step.inputs) Release(slot, --readers_[static_cast<size_t>(slot)]);
    for (size_t o = 0; o < step.node->output_types.size(); ++o) {
      const int slot = step.node->first_slot + static_cast<int>(o);
      Release(slot, readers_[static_cast<size_t>(slot)]);
    }
    for (int user : plan_.order.then[s]) {
      if (--needs_[static_cast<size_t>(user)] == 0) ready_.push(user);
    }
    return absl::OkStatus();
  }

  void Release(int slot, int readers_left) {
    const size_t i = static_cast<size_t>(slot);
    if (readers_left == 0 && !plan_.slot_is_fetched[i] && !plan_.slot_is_constant[i])
      state_.values[i].array = Array();
  }

  Completed AwaitSome() {
    std::unique_lock lock(mu_);
    wake_.wait(lock, [this] { return !completed_.empty(); });
    return std::exchange(completed_, {});
  }

  const Plan& plan_;
  ExecState& state_;
  RunMetadata* const trace_;
  std::vector<int> needs_, readers_;
  std::vector<int64_t> started_;
  std::priority_queue<int, std::vector<int>, std::greater<int>> ready_;  // steps
  int waiting_ = 0;  // steps started and not known to be through
  std::mutex mu_;
  std::condition_variable wake_;
  Completed completed_;
};

}  // namespace

absl::Status SessionImpl::ExecuteWaiting(const Plan& plan, ExecState& state) {
  CancellationManager own(state.run.cancellation);
  CancellationManager* const outer = std::exchange(state.run.cancellation, &own);
  // Nothing is recorded: the order, and with it the lifetimes of values, differs from run to run.
  state.run.recording = false;
  const absl::Status status = WaitingRun(plan, state, state.run.trace).Run(&own);
  state.run.cancellation = outer;
  return status;
}

}  // namespace weft
