// SPDX-License-Identifier: Apache-2.0
#include "src/runtime/loop.h"

#include <utility>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/runtime/calls.h"
#include "src/runtime/session_impl.h"

namespace weft {
namespace {

// As many threads may run the loop at once without making a state anew.
constexpr size_t kMaxIdleLoopStates = 8;

Value* FeedOf(ExecState& state, size_t i) {
  const int slot = state.plan.feed_slots[i];
  return slot < 0 ? nullptr : &state.values[static_cast<size_t>(slot)];
}
Value& FetchOf(ExecState& state, size_t i) {
  return state.values[static_cast<size_t>(state.plan.fetch_slots[i])];
}

// Lets go of the values that a run has left in the slots of feeds and fetches.
void Clear(ExecState& state) {
  const auto clear = [&](int slot) {
    if (slot < 0 || state.output_plans[static_cast<size_t>(slot)].prepared.valid()) return;
    state.values[static_cast<size_t>(slot)].array = Array();
  };
  for (int slot : state.plan.feed_slots) clear(slot);
  for (int slot : state.plan.fetch_slots) {
    if (!state.plan.slot_is_constant[static_cast<size_t>(slot)]) clear(slot);
  }
}

// One run of a loop.
class LoopRun {
 public:
  LoopRun(const LoopPlan& plan, RunState& run, ExecState& condition, ExecState& body,
          ExecState* prologue)
      : plan_(plan), run_(run), condition_(condition), body_(body), prologue_(prologue) {
    variables_.resize(plan.num_variables);
    // Two variables may get one value; the first then must not take it away.
    const std::vector<int>& slots = body.plan.fetch_slots;
    for (size_t v = 0; v < slots.size(); ++v) {
      bool last = !body.plan.slot_is_constant[static_cast<size_t>(slots[v])];
      for (size_t w = v + 1; w < slots.size(); ++w) last &= slots[w] != slots[v];
      movable_.push_back(last);
    }
  }

  Value& variable(size_t v) { return variables_[v]; }

  void SetInvariant(size_t i, const Value& value) {
    for (ExecState* state : {&condition_, &body_}) {
      if (Value* feed = FeedOf(*state, plan_.num_variables + i)) *feed = value;
    }
    if (!prologue_) return;
    if (Value* feed = FeedOf(*prologue_, i)) *feed = value;
  }

  absl::Status Run() {
    for (bool first = true;; first = false) {
      if (run_.cancellation->cancelled()) {
        return absl::CancelledError(run_.session->closed() ? "Session has been closed."
                                                           : "the run was cancelled");
      }
      WEFT_ASSIGN_OR_RETURN(const bool more, Condition());
      if (!more) return absl::OkStatus();
      if (first && prologue_) WEFT_RETURN_IF_ERROR(Prologue());
      WEFT_RETURN_IF_ERROR(Body());
    }
  }

 private:
  absl::StatusOr<bool> Condition() {
    for (size_t v = 0; v < plan_.num_variables; ++v) {
      if (Value* feed = FeedOf(condition_, v)) *feed = variables_[v];
    }
    WEFT_RETURN_IF_ERROR(SessionImpl::RunPart(run_, condition_));
    const Value& result = FetchOf(condition_, 0);
    if (result.dead || !result.array.valid()) {
      return absl::InvalidArgumentError(
          StrCat("the condition of the loop '", plan_.name,
                 "' was not computed: it is on a branch that was not taken"));
    }
    const bool more = IsTrue(result.array);
    for (size_t e = 0; more && e < plan_.num_extras; ++e) {
      const Value& extra = FetchOf(condition_, 1 + e);
      if (Value* feed = FeedOf(body_, plan_.num_variables + plan_.num_invariants + e))
        *feed = extra;
    }
    // The body may write into its variables if nobody else holds them.
    for (size_t v = 0; v < plan_.num_variables; ++v) {
      if (Value* feed = FeedOf(condition_, v)) feed->array = Array();
    }
    for (size_t e = 0; e < plan_.num_extras; ++e) {
      const size_t slot = static_cast<size_t>(condition_.plan.fetch_slots[1 + e]);
      if (!condition_.plan.slot_is_constant[slot]) condition_.values[slot].array = Array();
    }
    return more;
  }

  absl::Status Prologue() {
    WEFT_RETURN_IF_ERROR(SessionImpl::RunPart(run_, *prologue_));
    const size_t before = plan_.num_variables + plan_.num_invariants + plan_.num_extras;
    for (size_t h = 0; h < prologue_->plan.fetch_slots.size(); ++h) {
      if (Value* feed = FeedOf(body_, before + h)) *feed = FetchOf(*prologue_, h);
    }
    return absl::OkStatus();
  }

  absl::Status Body() {
    for (size_t v = 0; v < plan_.num_variables; ++v) {
      if (Value* feed = FeedOf(body_, v)) *feed = std::move(variables_[v]);
    }
    WEFT_RETURN_IF_ERROR(SessionImpl::RunPart(run_, body_));
    for (size_t v = 0; v < plan_.num_variables; ++v) {
      Value& next = FetchOf(body_, v);
      if (next.dead) {
        return absl::InvalidArgumentError(
            StrCat("variable ", v, " of the loop '", plan_.name,
                   "' has no value after an iteration: it is on a branch that was not taken"));
      }
      variables_[v] = movable_[v] ? std::exchange(next, Value()) : next;
    }
    return absl::OkStatus();
  }

  const LoopPlan& plan_;
  RunState& run_;
  ExecState& condition_;
  ExecState& body_;
  ExecState* prologue_;  // may be null
  std::vector<Value> variables_;
  std::vector<uint8_t> movable_;
};

}  // namespace

LoopKernel::State LoopKernel::Take() {
  {
    std::lock_guard lock(mu_);
    if (!idle_.empty()) {
      State state = std::move(idle_.back());
      idle_.pop_back();
      return state;
    }
  }
  return {std::make_unique<ExecState>(*plan_.condition), std::make_unique<ExecState>(*plan_.body),
          plan_.prologue ? std::make_unique<ExecState>(*plan_.prologue) : nullptr};
}

void LoopKernel::GiveBack(State state) {
  Clear(*state.condition);
  Clear(*state.body);
  if (state.prologue) Clear(*state.prologue);
  std::lock_guard lock(mu_);
  if (idle_.size() < kMaxIdleLoopStates) idle_.push_back(std::move(state));
}

absl::Status LoopKernel::Compute(KernelContext& ctx) {
  State state = Take();
  LoopRun run(plan_, SessionImpl::RunOf(ctx), *state.condition, *state.body, state.prologue.get());
  const auto value_of = [&](size_t i) {
    const int input = static_cast<int>(i);
    const Value* given = SessionImpl::InputValue(ctx, input);
    Value value;
    value.array = ctx.input(input);
    // Unless it is read as a value.
    if (&ctx.input(input) == &given->array) value.ref = given->ref;
    return value;
  };
  for (size_t v = 0; v < plan_.num_variables; ++v) run.variable(v) = value_of(v);
  for (size_t i = 0; i < plan_.num_invariants; ++i)
    run.SetInvariant(i, value_of(plan_.num_variables + i));
  WEFT_RETURN_IF_ERROR(run.Run());
  for (size_t o = 0; o < plan_.exit_variable.size(); ++o) {
    Value& value = run.variable(static_cast<size_t>(plan_.exit_variable[o]));
    const int output = static_cast<int>(o);
    ctx.set_output(output, value.array);
    ctx.set_output_ref(output, value.ref);
  }
  GiveBack(std::move(state));
  return absl::OkStatus();
}

}  // namespace weft
