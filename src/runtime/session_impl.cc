// SPDX-License-Identifier: Apache-2.0
#include "src/runtime/session_impl.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <thread>

#include "src/core/parallel.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/runtime/calls.h"
#include "src/runtime/evaluate.h"
#include "src/runtime/exec_state.h"
#include "src/runtime/fn_kernel.h"
#include "src/runtime/numeric_check.h"
#include "src/runtime/row_lanes.h"
#include "src/runtime/step.h"

namespace weft {
namespace {

// States kept by a plan for reuse: as many threads may run it at once without making one anew, for
// as many sets of shapes.
constexpr size_t kMaxIdleStates = 16;

// Cancels a run when its time is over.
class Deadline {
 public:
  Deadline(int64_t ms, CancellationManager* run) {
    if (ms > 0)
      thread_ = std::thread([this, ms, run] {
        std::unique_lock lock(mu_);
        if (wake_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return done_; })) return;
        passed_ = true;
        lock.unlock();
        run->Cancel();
      });
  }
  ~Deadline() {
    if (!thread_.joinable()) return;
    {
      std::lock_guard lock(mu_);
      done_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  bool passed() {
    std::lock_guard lock(mu_);
    return passed_;
  }

 private:
  std::mutex mu_;
  std::condition_variable wake_;
  bool done_ = false, passed_ = false;
  std::thread thread_;
};

// What a kernel's constructor said, with the node's name.
absl::Status ConstructionError(const PlanNode& node, const absl::Status& s) {
  if (s.ok()) return s;
  const std::string text(s.message()), name = StrCat("'", node.name, "'");
  if (text.find(name) != std::string::npos) return WithNode(s, node.name, node.op);
  return WithNode(absl::Status(s.code(), StrCat(node.op, " ", name, ": ", text)), node.name,
                  node.op);
}

}  // namespace

absl::StatusOr<std::shared_ptr<SessionImpl>> SessionImpl::Create(std::shared_ptr<GraphImpl> graph,
                                                                 const ConfigProto& config) {
  constexpr int kMaxThreads = 1024;
  if (config.intra_op_parallelism_threads < 0 ||
      config.intra_op_parallelism_threads > kMaxThreads) {
    return absl::InvalidArgumentError(StrCat("ConfigProto.intra_op_parallelism_threads is ",
                                             config.intra_op_parallelism_threads,
                                             "; it must be in [0, ", kMaxThreads, "]"));
  }
  std::shared_ptr<SessionImpl> session(new SessionImpl(std::move(graph), config));
  WEFT_RETURN_IF_ERROR(DeviceRegistry::Global().Create(config, "/job:localhost/replica:0/task:0",
                                                       &session->devices_));
  for (const auto& d : session->devices_) {
    if (d->type() == kCpu && !session->cpu_) session->cpu_ = d.get();
  }
  if (!session->cpu_)
    return absl::InvalidArgumentError(
        "ConfigProto.device_count leaves no CPU device; every session needs one");
  return session;
}

SessionImpl::~SessionImpl() = default;

void SessionImpl::Close() {
  if (closed_.exchange(true)) return;
  cancellation_.Cancel();
  resources_.Clear();
}

absl::Status SessionImpl::ResolveFetch(const Fetch& fetch, RunSpec* spec) const {
  if (const Tensor* t = std::get_if<Tensor>(&fetch.value())) {
    if (!t->valid() || t->node()->graph != graph_.get()) {
      return absl::InvalidArgumentError(
          StrCat("Fetch argument ", t->valid() ? "'" + t->name() + "'" : "(an empty Tensor)",
                 " is not an element of this session's graph."));
    }
    spec->fetches.push_back(*t);
    return absl::OkStatus();
  }
  Node* node = nullptr;
  if (const Operation* op = std::get_if<Operation>(&fetch.value())) {
    if (!op->valid() || op->node()->graph != graph_.get()) {
      return absl::InvalidArgumentError(
          StrCat("Fetch argument ", op->valid() ? "'" + op->name() + "'" : "(an empty Operation)",
                 " is not an element of this session's graph."));
    }
    node = op->node();
  } else {
    const std::string& text = std::get<std::string>(fetch.value());
    std::string name;
    int index = 0;
    const bool parsed = ParseTensorName(text, &name, &index);
    node = parsed ? graph_->FindNode(name) : nullptr;
    if (!node) return absl::NotFoundError(StrCat("FetchOutputs node ", text, ": not found"));
    if (text.find(':') != std::string::npos) {
      if (index >= node->num_outputs())
        return absl::InvalidArgumentError(StrCat("FetchOutputs ", text,
                                                 ": output index too large, node has ",
                                                 node->num_outputs(), " outputs"));
      spec->fetches.emplace_back(node, index);
      return absl::OkStatus();
    }
  }
  spec->fetches.emplace_back();
  spec->targets.push_back(node);
  return absl::OkStatus();
}

absl::StatusOr<Tensor> SessionImpl::ResolveFeed(const Feed& feed) const {
  Tensor t = feed.tensor;
  if (!t.valid()) {
    std::string name;
    int index = 0;
    Node* node = ParseTensorName(feed.name, &name, &index) ? graph_->FindNode(name) : nullptr;
    if (!node || index >= node->num_outputs())
      return absl::NotFoundError(StrCat("FeedInputs: unable to find feed output ", feed.name));
    t = Tensor(node, index);
  }
  if (t.node()->graph != graph_.get())
    return absl::InvalidArgumentError(StrCat("Cannot interpret feed_dict key as Tensor: '",
                                             t.name(), "' is not an element of this graph."));
  return t;
}

size_t SessionImpl::SpecHash::operator()(const RunSpec& s) const {
  size_t h = s.feeds.size() * 131 + s.fetches.size();
  for (const Tensor& t : s.feeds) h = h * 1000003 + std::hash<Tensor>()(t);
  for (const Tensor& t : s.fetches) h = h * 1000003 + std::hash<Tensor>()(t);
  for (const Node* n : s.targets) h = h * 1000003 + std::hash<const void*>()(n);
  return h;
}

absl::StatusOr<std::shared_ptr<Plan>> SessionImpl::GetPlan(const RunSpec& spec) {
  const int64_t version = graph_->mutations();
  {
    std::shared_lock lock(plans_mu_);
    if (plans_version_ == version) {
      auto it = plans_.find(spec);
      if (it != plans_.end()) return it->second;
    }
  }
  WEFT_ASSIGN_OR_RETURN(std::shared_ptr<Plan> plan, CompilePlan(this, spec));
  std::unique_lock lock(plans_mu_);
  if (plans_version_ != version) {
    plans_.clear();
    plans_version_ = version;
  }
  return plans_.try_emplace(spec, std::move(plan)).first->second;
}

absl::Status SessionImpl::MakeKernel(PlanNode* node) {
  if (node->kernel) return absl::OkStatus();
  if (CallsFunctions(node->op)) {
    WEFT_ASSIGN_OR_RETURN(node->kernel, MakeCallKernel(this, *node));
    return absl::OkStatus();
  }
  const bool shared = node->origin && node->origin->type() == node->op;
  const std::pair<const Node*, Device*> key{node->origin, node->device};
  std::lock_guard lock(kernels_mu_);
  if (shared) {
    auto it = kernels_.find(key);
    if (it != kernels_.end()) {
      node->kernel = it->second.kernel;
      node->fn = it->second.fn;
      return absl::OkStatus();
    }
  }
  absl::StatusOr<const KernelEntry*> entry =
      KernelRegistry::Global().Find(node->op, node->device->type(), node->attrs);
  if (!entry.ok())
    return WithNode(absl::InvalidArgumentError(
                        StrCat("node '", node->name, "': ", std::string(entry.status().message()))),
                    node->name, node->op);
  PlanNodeConstruction construction(*node, node->device->type(), &resources_);
  std::shared_ptr<Kernel> kernel;
  try {
    kernel = (*entry)->factory(construction);
  } catch (const Error& e) {
    return WithNode(ToStatus(e), node->name, node->op);
  }
  WEFT_RETURN_IF_ERROR(ConstructionError(*node, construction.status()));
  node->kernel = std::move(kernel);
  const auto* fn = dynamic_cast<FnKernel*>(node->kernel.get());
  node->fn = fn ? fn->fn() : nullptr;
  if (shared) kernels_[key] = {node->kernel, node->fn};
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Array>> SessionImpl::Run(const std::vector<Fetch>& fetches,
                                                    const Feeds& feeds, const RunOptions& options,
                                                    RunMetadata* metadata) {
  if (closed()) return absl::CancelledError("Session has been closed.");
  RunSpec spec;
  spec.fetches.reserve(fetches.size());
  for (const Fetch& f : fetches) WEFT_RETURN_IF_ERROR(ResolveFetch(f, &spec));
  spec.feeds.reserve(feeds.size());
  std::vector<const Array*> values;
  values.reserve(feeds.size());
  for (const Feed& f : feeds) {
    WEFT_ASSIGN_OR_RETURN(Tensor t, ResolveFeed(f));
    spec.feeds.push_back(t);
    values.push_back(&f.value);
  }
  WEFT_ASSIGN_OR_RETURN(std::shared_ptr<Plan> plan, GetPlan(spec));
  std::vector<Array> results(fetches.size());
  WEFT_RETURN_IF_ERROR(RunPlan(*plan, values.data(), results.data(), options, metadata));
  return results;
}

namespace {

absl::Status CheckFeed(const Plan& plan, size_t i, const Array& value) {
  if (!value.valid())
    return absl::InvalidArgumentError(
        StrCat("the value fed for '", plan.feed_names[i], "' is empty"));
  if (value.dtype() != plan.feed_types[i]) {
    return absl::InvalidArgumentError(StrCat("Tensor '", plan.feed_names[i],
                                             "' is fed a value of dtype ", DTypeName(value.dtype()),
                                             "; expected ", DTypeName(plan.feed_types[i])));
  }
  const PartialShape& want = plan.feed_shapes[i];
  bool fits = !want.known_rank() || want.rank() == value.rank();
  for (int d = 0; fits && d < want.rank(); ++d)
    fits = want.dims()[static_cast<size_t>(d)] < 0 ||
           want.dims()[static_cast<size_t>(d)] == value.dim(d);
  if (fits) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat(
      "Cannot feed value of shape ", PartialShape(value.shape()).ToPythonString(), " for Tensor '",
      plan.feed_names[i], "', which has shape '", want.ToPythonString(), "'"));
}

bool SameShapes(const std::vector<Shape>& shapes, const Array* const* feeds) {
  for (size_t i = 0; i < shapes.size(); ++i) {
    if (!(shapes[i] == feeds[i]->shape())) return false;
  }
  return true;
}

// A state that was specialised for these shapes, or a new one.
std::unique_ptr<ExecState> TakeState(Plan& plan, const Array* const* feeds) {
  {
    std::lock_guard lock(plan.mu);
    for (size_t i = plan.idle.size(); i-- > 0;) {
      if (!SameShapes(plan.idle[i]->feed_shapes, feeds)) continue;
      std::unique_ptr<ExecState> state = std::move(plan.idle[i]);
      plan.idle.erase(plan.idle.begin() + static_cast<ptrdiff_t>(i));
      return state;
    }
  }
  auto state = std::make_unique<ExecState>(plan);
  for (size_t i = 0; i < plan.feed_slots.size(); ++i)
    state->feed_shapes.push_back(feeds[i]->shape());
  return state;
}

void GiveBack(Plan& plan, std::unique_ptr<ExecState> state) {
  std::unique_ptr<ExecState> evicted;  // destroyed outside of the lock
  std::lock_guard lock(plan.mu);
  if (plan.idle.size() >= kMaxIdleStates) {
    evicted = std::move(plan.idle.front());
    plan.idle.erase(plan.idle.begin());
  }
  plan.idle.push_back(std::move(state));
}

absl::Status TakeFetches(const Plan& plan, ExecState& state, Array* fetches) {
  for (size_t i = 0; i < plan.fetch_slots.size(); ++i) {
    const int slot = plan.fetch_slots[i];
    if (slot < 0) continue;
    Value& value = state.values[static_cast<size_t>(slot)];
    if (value.dead)
      return absl::InvalidArgumentError(StrCat("Retval[", i, "] does not have value: '",
                                               plan.fetch_names[i],
                                               "' is on a branch that was not taken"));
    if (plan.fetch_is_ref[i] && value.ref) {
      fetches[i] = value.ref->Read();
      if (!fetches[i].valid())
        return absl::FailedPreconditionError(
            StrCat("Attempting to use uninitialized value ",
                   plan.fetch_names[i].substr(0, plan.fetch_names[i].rfind(':'))));
    } else {
      fetches[i] = value.array;
    }
    if (fetches[i].buffer() && fetches[i].buffer()->transient()) fetches[i] = fetches[i].Clone();
    if (!fetches[i].valid())
      return absl::InternalError(StrCat("no value was computed for '", plan.fetch_names[i], "'"));
  }
  return absl::OkStatus();
}

// Lets go of all values but those that stay in the arena.
void EmptySlots(const Plan& plan, ExecState& state) {
  for (size_t i = 0; i < plan.feed_slots.size(); ++i) {
    if (plan.feed_slots[i] >= 0)
      state.values[static_cast<size_t>(plan.feed_slots[i])].array = Array();
  }
  for (int slot : plan.fetch_slots) {
    if (slot >= 0 && !plan.slot_is_constant[static_cast<size_t>(slot)])
      state.values[static_cast<size_t>(slot)].array = Array();
  }
}

}  // namespace

absl::Status SessionImpl::RunPlan(Plan& plan, const Array* const* feeds, Array* fetches,
                                  const RunOptions& options, RunMetadata* metadata) {
  if (closed()) return absl::CancelledError("Session has been closed.");
  for (size_t i = 0; i < plan.feed_slots.size(); ++i)
    WEFT_RETURN_IF_ERROR(CheckFeed(plan, i, *feeds[i]));
  std::unique_ptr<ExecState> state = TakeState(plan, feeds);
  for (size_t i = 0; i < plan.feed_slots.size(); ++i) {
    if (plan.feed_slots[i] >= 0)
      state->values[static_cast<size_t>(plan.feed_slots[i])].array = *feeds[i];
  }
  state->run.session = this;
  state->run.trace = options.trace_level != TraceLevel::kNone ? metadata : nullptr;
  state->run.resources = &resources_;
  state->run.step_id = next_step_.fetch_add(1, std::memory_order_relaxed);
  const int64_t timeout =
      options.timeout_in_ms > 0 ? options.timeout_in_ms : config_.operation_timeout_in_ms;
  absl::Status status;
  {
    const IntraOpScope threads(config_.intra_op_parallelism_threads);
    if (timeout > 0) {
      CancellationManager run(&cancellation_);
      Deadline deadline(timeout, &run);
      state->run.cancellation = &run;
      status = Execute(plan, *state);
      if (!status.ok() && deadline.passed())
        status = absl::DeadlineExceededError(
            StrCat("Timed out waiting for the run: ", timeout, " ms have passed"));
    } else {
      state->run.cancellation = &cancellation_;
      status = Execute(plan, *state);
    }
  }
  if (status.ok()) status = TakeFetches(plan, *state, fetches);
  state->run.step_resources.reset();
  // After an error the values are in disorder; a new state costs little.
  if (!status.ok()) return status;
  EmptySlots(plan, *state);
  if (state->recorded && !state->planned) PlanMemory(state.get());
  GiveBack(plan, std::move(state));
  return absl::OkStatus();
}

absl::Status SessionImpl::RunPart(RunState& outer, ExecState& state) {
  RunState& run = state.run;
  run.outer = &outer;
  run.trace = outer.trace;
  run.session = outer.session;
  run.resources = outer.resources;
  run.cancellation = outer.cancellation;
  run.step_id = outer.step_id;
  WEFT_RETURN_IF_ERROR(outer.session->Execute(state.plan, state));
  if (state.recorded && !state.planned) PlanMemory(&state);
  return absl::OkStatus();
}

absl::Status SessionImpl::Execute(const Plan& plan, ExecState& state) {
  if (plan.waits) return ExecuteWaiting(plan, state);
  if (plan.has_frames) return ExecuteFrames(plan, state);
  RunState& run = state.run;
  run.recording = !state.recorded;
  RunMetadata* const trace = run.trace;
  const CancellationManager& cancellation = *run.cancellation;
  const bool watched = run.recording || trace;
  // Counted where it is asked for: by steps that read references.
  size_t next_input = 0, counted = 0;
  const auto first_input_of = [&](size_t step) {
    for (; counted < step; ++counted) next_input += plan.steps[counted].inputs.size();
    return next_input;
  };
  StepCall* const calls = state.calls.data();
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    StepCall& call = calls[s];
    const StepCall& ahead = calls[s + ExecState::kFetchAhead];
    __builtin_prefetch(ahead.ctx.output_values_);
    if (!ahead.is_fn) __builtin_prefetch(ahead.kernel);
    if (cancellation.cancelled())
      return absl::CancelledError(closed() ? "Session has been closed." : "the run was cancelled");
    if (call.flags == kStepPlain && !watched) {
      absl::Status status = CallKernel(call, plan.steps[s]);
      if (!status.ok()) return status;
    } else {
      const Step& step = plan.steps[s];
      if (call.flags & kStepBeginsLanes && !trace) {
        RowLanes& lanes = *state.lanes[call.lanes];
        WEFT_RETURN_IF_ERROR(lanes.Run(state));
        s = lanes.end() - 1;
        continue;
      }
      if (call.flags & kStepMayBeDead) {
        const bool dead = IsDead(step, state);
        for (int o = 0; o < std::max<int>(1, call.ctx.num_outputs_); ++o)
          call.ctx.output_values_[o].dead = dead;
        if (dead) continue;
      }
      if (call.flags & kStepReadsRef)
        WEFT_RETURN_IF_ERROR(ReadReferences(step, first_input_of(s), state));
      const int64_t start = trace ? NowMicros() : 0;
      absl::Status status = CallKernel(call, step);
      if (!status.ok()) return status;
      if (trace) trace->step_stats.push_back(StatsOf(step, state, start));
      if (run.recording) RecordStep(&state, s);
      if (call.flags & kStepChecked) WEFT_RETURN_IF_ERROR(CheckNumericOutputs(state, s));
      if (call.flags & kStepReadsRef) DropReferences(step, first_input_of(s), state);
    }
    for (uint32_t i = call.release_begin; i < call.release_end; ++i)
      state.values[static_cast<size_t>(state.released[i])].array = Array();
  }
  if (run.recording) {
    run.recording = false;
    state.recorded = true;
  }
  return absl::OkStatus();
}

}  // namespace weft
