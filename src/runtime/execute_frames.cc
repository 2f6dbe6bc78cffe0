// SPDX-License-Identifier: Apache-2.0
// Runs a plan in which loops are left as nodes, by TensorFlow's rules: every value belongs to an
// iteration of a run of a frame, and may be dead. A step runs once in each iteration, when all its
// inputs of that iteration are there; a Merge when one of them is there that is not dead. An Enter
// begins a run of its frame, a NextIteration passes its value to the next iteration, an Exit to the
// iteration around the loop. A dead value is not passed on by a NextIteration; by an Exit only when
// the loop is over.
//
// One thread runs all steps, of what is ready the earliest iteration first: so that a loop runs
// ahead no further than its edges demand.
#include <algorithm>
#include <deque>
#include <map>
#include <queue>
#include <unordered_map>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/runtime/frames.h"
#include "src/runtime/numeric_check.h"
#include "src/runtime/session_impl.h"
#include "src/runtime/step.h"

namespace weft {

using Kind = FrameProgram::Kind;
using Use = FrameProgram::Use;

absl::Status PrepareFrames(Plan* plan) {
  WEFT_ASSIGN_OR_RETURN(const Frames frames, Frames::Find(plan->graph));
  auto program = std::make_unique<FrameProgram>();
  std::unordered_map<const Frame*, int> number;
  for (const auto& f : frames.all()) {
    number[f.get()] = static_cast<int>(program->frames.size());
    program->frames.push_back({f->name, f->parent ? number.at(f->parent) : -1, {}, 0, 0});
  }
  std::unordered_map<const PlanNode*, std::vector<Use>> uses;
  size_t first_input = 0;
  for (size_t s = 0; s < plan->steps.size(); ++s) {
    const PlanNode* n = plan->steps[s].node;
    FrameProgram::Node node;
    const PlanNode* any = !n->inputs.empty()           ? n->inputs[0].node
                          : !n->control_inputs.empty() ? n->control_inputs[0]
                                                       : nullptr;
    node.frame = any ? number.at(frames.of(any)) : 0;
    node.num_controls = static_cast<int>(n->control_inputs.size());
    node.pending = static_cast<int>(n->inputs.size()) + node.num_controls;
    if (IsMerge(*n)) node.kind = Kind::kMerge;
    if (IsEnter(*n)) {
      node.kind = Kind::kEnter;
      node.is_constant = IsConstantEnter(*n);
      node.child = number.at(frames.of(n));
      ++program->frames[static_cast<size_t>(node.child)].num_enters;
    }
    if (IsExit(*n)) node.kind = Kind::kExit;
    if (IsNextIteration(*n)) node.kind = Kind::kNextIteration;
    if (n->op == "ControlTrigger") node.kind = Kind::kControlTrigger;
    FrameProgram::FrameInfo& frame = program->frames[static_cast<size_t>(node.frame)];
    program->place.push_back(frame.steps.size());
    frame.steps.push_back(static_cast<int>(s));
    node.first_entry = frame.num_entries;
    frame.num_entries += n->inputs.size();
    node.first_input = first_input;
    first_input += n->inputs.size();
    for (size_t i = 0; i < n->inputs.size(); ++i)
      uses[n->inputs[i].node].push_back(
          {static_cast<int>(s), static_cast<int>(i), n->inputs[i].index});
    for (const PlanNode* c : n->control_inputs) uses[c].push_back({static_cast<int>(s), -1, 0});
    program->nodes.push_back(std::move(node));
  }
  for (size_t s = 0; s < plan->steps.size(); ++s)
    program->nodes[s].uses = uses[plan->steps[s].node];
  for (const auto& n : plan->graph.nodes) {
    const bool is_step = std::any_of(plan->steps.begin(), plan->steps.end(),
                                     [&](const Step& s) { return s.node == n.get(); });
    if (!is_step) program->sources.emplace_back(n->first_slot, uses[n.get()]);
  }
  for (Step& step : plan->steps) std::fill(step.last_use.begin(), step.last_use.end(), 0);
  plan->frames = std::move(program);
  return absl::OkStatus();
}

namespace {

struct FrameRun;

// What one iteration knows of its steps.
struct Iteration {
  struct Counts {
    int pending = 0;
    int dead = 0;
    bool live = false;  // of a Merge: its value is there
    bool started = false;
  };
  std::vector<Value> entries;  // by input of the frame's steps
  std::vector<uint8_t> here;   // by input: the entry has come
  std::vector<Counts> counts;  // by step of the frame
  int outstanding = 0;         // ready or running steps, and frames begun from here
};

// One run of a frame.
struct FrameRun {
  int frame = 0;
  FrameRun* parent = nullptr;
  int64_t parent_iteration = 0;
  int pending_enters = 0;
  int64_t first = 0;  // number of iterations.front()
  std::deque<Iteration> iterations;
  std::vector<std::pair<int, Value>> invariants;  // by constant Enters (their steps)
  std::vector<int> dead_exits;
  std::map<std::pair<int64_t, int>, std::unique_ptr<FrameRun>> children;

  Iteration* At(int64_t i) {
    return i < first || i >= first + static_cast<int64_t>(iterations.size())
               ? nullptr
               : &iterations[static_cast<size_t>(i - first)];
  }
  int64_t last() const { return first + static_cast<int64_t>(iterations.size()) - 1; }
};

struct Ready {
  FrameRun* run = nullptr;
  int64_t iteration = 0;
  int step = 0;
  bool dead = false;
};
struct Later {
  bool operator()(const Ready& a, const Ready& b) const {
    return a.iteration != b.iteration ? a.iteration > b.iteration : a.step > b.step;
  }
};

class FramesRun {
 public:
  FramesRun(const Plan& plan, ExecState& state)
      : plan_(plan), program_(*plan.frames), state_(state) {}

  absl::Status Run() {
    root_.frame = 0;
    AddIteration(&root_);
    ++root_.iterations[0].outstanding;
    for (int s : program_.frames[0].steps) {
      if (program_.nodes[static_cast<size_t>(s)].pending == 0) MakeReady(&root_, 0, s, false);
    }
    std::vector<std::pair<int, Value>> sources;
    for (const auto& [slot, uses] : program_.sources) {
      const Value value = state_.values[static_cast<size_t>(slot)];
      sources.emplace_back(slot, value);
      for (const Use& use : uses) Deliver(&root_, 0, use, value, /*from_enter=*/false);
    }
    while (!ready_.empty()) {
      if (state_.run.cancellation->cancelled()) {
        return absl::CancelledError(state_.run.session->closed() ? "Session has been closed."
                                                                 : "the run was cancelled");
      }
      const Ready next = ready_.top();
      ready_.pop();
      WEFT_RETURN_IF_ERROR(RunStep(next));
    }
    for (const auto& [slot, value] : sources) state_.values[static_cast<size_t>(slot)] = value;
    for (const auto& [slot, value] : results_) state_.values[static_cast<size_t>(slot)] = value;
    for (int slot : plan_.fetch_slots) {
      const bool constant = slot < 0 || plan_.slot_is_constant[static_cast<size_t>(slot)];
      const bool fed = std::find(plan_.feed_slots.begin(), plan_.feed_slots.end(), slot) !=
                       plan_.feed_slots.end();
      if (!constant && !fed && !results_.contains(slot)) return NotReached(slot);
    }
    return absl::OkStatus();
  }

 private:
  absl::Status NotReached(int slot) const {
    for (const Step& step : plan_.steps) {
      const int first = step.node->first_slot;
      if (slot < first || slot >= first + static_cast<int>(step.node->output_types.size()))
        continue;
      return WithNode(absl::InvalidArgumentError(StrCat(
                          step.node->op, " '", step.node->name,
                          "' was never run: a loop that it waits for has ended without a value "
                          "for one of its inputs")),
                      step.node->name, step.node->op);
    }
    return absl::InternalError("a fetch of no step");
  }

  void AddIteration(FrameRun* run) {
    const FrameProgram::FrameInfo& info = program_.frames[static_cast<size_t>(run->frame)];
    Iteration& it = run->iterations.emplace_back();
    it.entries.resize(info.num_entries);
    it.here.assign(info.num_entries, 0);
    it.counts.resize(info.steps.size());
    for (size_t i = 0; i < info.steps.size(); ++i)
      it.counts[i].pending = program_.nodes[static_cast<size_t>(info.steps[i])].pending;
    const int64_t number = run->last();
    for (const auto& [enter, value] : run->invariants) {
      for (const Use& use : program_.nodes[static_cast<size_t>(enter)].uses)
        Deliver(run, number, use, value, /*from_enter=*/true);
    }
  }

  void MakeReady(FrameRun* run, int64_t iteration, int step, bool dead) {
    Iteration& it = *run->At(iteration);
    it.counts[program_.place[static_cast<size_t>(step)]].started = true;
    ++it.outstanding;
    ready_.push({run, iteration, step, dead});
  }

  // A value (or, for a control edge, the end of a step) comes to a step.
  void Deliver(FrameRun* run, int64_t iteration, const Use& use, const Value& value,
               bool from_enter) {
    Iteration* it = run->At(iteration);
    if (!it) return;
    const FrameProgram::Node& node = program_.nodes[static_cast<size_t>(use.step)];
    Iteration::Counts& counts = it->counts[program_.place[static_cast<size_t>(use.step)]];
    if (use.input >= 0 && !value.dead) {
      const size_t entry = node.first_entry + static_cast<size_t>(use.input);
      it->entries[entry] = value;
      it->here[entry] = 1;
    }
    if (node.kind == Kind::kMerge) {
      const int inputs = node.pending - node.num_controls;
      if (use.input < 0)
        --counts.pending;
      else if (value.dead)
        ++counts.dead;
      else
        counts.live = true;
      // A dead Enter means that the loop is on a branch that is not taken: nothing else will come.
      if (value.dead && use.input >= 0 && from_enter) counts.dead = inputs;
      const bool controls_done = counts.pending <= inputs;
      const bool dead = !counts.live && counts.dead >= inputs;
      if (!counts.started && controls_done && (counts.live || dead))
        MakeReady(run, iteration, use.step, dead);
      return;
    }
    if (value.dead) ++counts.dead;
    if (--counts.pending == 0 && !counts.started)
      MakeReady(run, iteration, use.step, counts.dead > 0 && node.kind != Kind::kControlTrigger);
  }

  absl::Status RunStep(const Ready& item) {
    const size_t s = static_cast<size_t>(item.step);
    const Step& step = plan_.steps[s];
    const FrameProgram::Node& node = program_.nodes[s];
    const size_t outputs = step.node->output_types.size();
    std::vector<Value> values(std::max<size_t>(outputs, 1));
    if (item.dead) {
      for (Value& v : values) v.dead = true;
    } else {
      WEFT_RETURN_IF_ERROR(Compute(item, step, node, s));
      for (size_t o = 0; o < outputs; ++o) {
        Value& made = state_.values[static_cast<size_t>(step.node->first_slot) + o];
        values[o] = std::exchange(made, {});
      }
    }
    Propagate(item, node, step, values);
    Finished(item.run, item.iteration);
    return absl::OkStatus();
  }

  absl::Status Compute(const Ready& item, const Step& step, const FrameProgram::Node& node,
                       size_t s) {
    Iteration& it = *item.run->At(item.iteration);
    // First all are absent: two inputs may be of one slot.
    for (int slot : step.inputs) {
      state_.values[static_cast<size_t>(slot)] = Value();
      state_.values[static_cast<size_t>(slot)].dead = true;
    }
    for (size_t i = 0; i < step.inputs.size(); ++i) {
      const size_t entry = node.first_entry + i;
      if (it.here[entry])
        state_.values[static_cast<size_t>(step.inputs[i])] = std::move(it.entries[entry]);
    }
    KernelContext& ctx = state_.calls[s].ctx;
    for (size_t o = 0; o < step.node->output_types.size(); ++o)
      state_.values[static_cast<size_t>(step.node->first_slot) + o] = Value();
    if (step.flags & kStepReadsRef)
      WEFT_RETURN_IF_ERROR(ReadReferences(step, node.first_input, state_));
    RunMetadata* const trace = state_.run.trace;
    const int64_t start = trace ? NowMicros() : 0;
    absl::Status status;
    try {
      status = step.node->fn ? step.node->fn(ctx) : step.node->kernel->Compute(ctx);
    } catch (const Error& e) {
      status = ToStatus(e);
    } catch (const std::bad_alloc&) {
      status = absl::ResourceExhaustedError(
          StrCat("out of memory in ", step.node->op, " '", step.node->name, "'"));
    }
    if (!status.ok()) return WithNode(std::move(status), step.node->name, step.node->op);
    if (trace) trace->step_stats.push_back(StatsOf(step, state_, start));
    if (step.flags & kStepChecked) WEFT_RETURN_IF_ERROR(CheckNumericOutputs(state_, s));
    if (step.flags & kStepReadsRef) DropReferences(step, node.first_input, state_);
    for (int slot : step.inputs) state_.values[static_cast<size_t>(slot)] = Value();
    return absl::OkStatus();
  }

  void Propagate(const Ready& item, const FrameProgram::Node& node, const Step& step,
                 const std::vector<Value>& values) {
    FrameRun* run = item.run;
    int64_t iteration = item.iteration;
    bool from_enter = false;
    switch (node.kind) {
      case Kind::kEnter:
        run = Enter(item, node);
        iteration = 0;
        from_enter = true;
        if (node.is_constant) {
          run->invariants.emplace_back(item.step, values[0]);
          for (int64_t i = run->first; i <= run->last(); ++i) {
            for (const Use& use : node.uses) Deliver(run, i, use, values[0], true);
          }
          Entered(run);
          return;
        }
        break;
      case Kind::kExit:
        if (item.dead) {
          if (item.iteration == run->last()) run->dead_exits.push_back(item.step);
          return;
        }
        iteration = run->parent_iteration;
        run = run->parent;
        break;
      case Kind::kNextIteration:
        if (item.dead) return;
        ++iteration;
        if (iteration > run->last()) AddIteration(run);
        break;
      default:
        break;
    }
    PassOn(run, iteration, node, step, values, from_enter);
    if (from_enter) Entered(run);
  }

  void PassOn(FrameRun* run, int64_t iteration, const FrameProgram::Node& node, const Step& step,
              const std::vector<Value>& values, bool from_enter) {
    if (run->frame == 0) {
      for (size_t o = 0; o < step.node->output_types.size(); ++o) {
        const int slot = step.node->first_slot + static_cast<int>(o);
        if (plan_.slot_is_fetched[static_cast<size_t>(slot)]) results_[slot] = values[o];
      }
    }
    for (const Use& use : node.uses) {
      // A control edge is dead only if the step itself is.
      Value done;
      done.dead = use.input < 0 &&
                  std::all_of(values.begin(), values.end(), [](const Value& v) { return v.dead; });
      Deliver(run, iteration, use, use.input < 0 ? done : values[static_cast<size_t>(use.output)],
              from_enter);
    }
  }

  // The run of the frame that an Enter belongs to; the first one begins it.
  FrameRun* Enter(const Ready& item, const FrameProgram::Node& node) {
    std::unique_ptr<FrameRun>& child = item.run->children[{item.iteration, node.child}];
    if (!child) {
      child = std::make_unique<FrameRun>();
      child->frame = node.child;
      child->parent = item.run;
      child->parent_iteration = item.iteration;
      child->pending_enters = program_.frames[static_cast<size_t>(node.child)].num_enters;
      AddIteration(child.get());
      ++item.run->At(item.iteration)->outstanding;
    }
    return child.get();
  }
  void Entered(FrameRun* run) {
    --run->pending_enters;
    Tidy(run);
  }

  void Finished(FrameRun* run, int64_t iteration) {
    if (Iteration* it = run->At(iteration)) --it->outstanding;
    Tidy(run);
  }

  // Forgets iterations that are over, and the run of the frame with the last of them.
  void Tidy(FrameRun* run) {
    if (!run->parent || run->pending_enters > 0) return;
    while (run->iterations.size() > 1 && run->iterations.front().outstanding == 0) {
      run->iterations.pop_front();
      ++run->first;
    }
    if (run->iterations.size() > 1 || run->iterations.front().outstanding > 0) return;
    FrameRun* const parent = run->parent;
    const int64_t iteration = run->parent_iteration;
    for (int exit : run->dead_exits) {
      const Step& step = plan_.steps[static_cast<size_t>(exit)];
      Value dead;
      dead.dead = true;
      PassOn(parent, iteration, program_.nodes[static_cast<size_t>(exit)], step, {dead}, false);
    }
    parent->children.erase({iteration, run->frame});  // `run` is gone
    Finished(parent, iteration);
  }

  const Plan& plan_;
  const FrameProgram& program_;
  ExecState& state_;
  FrameRun root_;
  std::priority_queue<Ready, std::vector<Ready>, Later> ready_;
  std::unordered_map<int, Value> results_;
};

}  // namespace

absl::Status SessionImpl::ExecuteFrames(const Plan& plan, ExecState& state) {
  state.run.recording = false;
  return FramesRun(plan, state).Run();
}

}  // namespace weft
