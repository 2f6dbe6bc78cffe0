// SPDX-License-Identifier: Apache-2.0
#include "src/runtime/row_lanes.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "src/core/parallel.h"
#include "src/core/strings.h"
#include "src/runtime/lane_values.h"
#include "src/runtime/step.h"

namespace weft {
namespace {

// Threads meet in half a microsecond while they are awake.
constexpr double kWorthwhileNs = 6000;
// Longer steps divide their work themselves, but for sums, whose products are many small ones.
constexpr double kLongStepNs = 30'000, kLongSumNs = 100'000;
// Each lane reads what is read whole, and what the steps make stays in memory until all lanes are
// through: both have to fit into a core's cache.
constexpr size_t kMostWholeBytes = size_t{512} << 10;
constexpr size_t kMostMadeBytes = size_t{4} << 20;

// What lanes have in the place of a buffer: the memory is the state's, and nobody may keep it.
class LaneBuffer final : public Buffer {
 public:
  LaneBuffer() : Buffer(nullptr, 0, HostAllocator(), true) {}
};

Array WithoutElements(DataType dtype, const Shape& shape) {
  return Array::FromBuffer(dtype, shape, BufferPtr(new LaneBuffer()));
}

Shape WithRows(Shape shape, int64_t rows) {
  shape.set_dim(0, rows);
  return shape;
}

// Finds ranges of steps that can be shared out.
class LaneFinder {
 public:
  explicit LaneFinder(const ExecState& state) : state_(state), plan_(state.plan) {}

  std::vector<RowRange> Run() {
    FindRoots();
    for (size_t s = 0; s < plan_.steps.size(); ++s) {
      const auto found = state_.rows.find(s);
      if (found == state_.rows.end() ||
          CostOf(found->second) > (found->second.use.sums ? kLongSumNs : kLongStepNs)) {
        Close(s);
        continue;
      }
      const RecordedRows& rows = found->second;
      if (!Join(s, rows)) {
        Close(s);
        static_cast<void>(Join(s, rows));
      }
    }
    Close(plan_.steps.size());
    return std::move(found_);
  }

 private:
  static size_t Index(int slot) { return static_cast<size_t>(slot); }

  static double CostOf(const RecordedRows& rows) {
    return rows.use.row_ns * static_cast<double>(rows.division.rows);
  }

  // The slot whose memory a slot shares.
  void FindRoots() {
    root_.resize(Index(plan_.num_slots));
    for (int slot = 0; slot < plan_.num_slots; ++slot) root_[Index(slot)] = slot;
    for (const Step& step : plan_.steps) {
      for (size_t o = 0; o < step.node->output_types.size(); ++o) {
        const size_t slot = Index(step.node->first_slot) + o;
        if (!state_.fresh[slot] && state_.forwarded_from[slot] >= 0)
          root_[slot] = root_[Index(state_.forwarded_from[slot])];
      }
    }
  }

  // False: a step reads all rows of what lanes may be writing, or the other way around.
  bool Join(size_t s, const RecordedRows& rows) {
    const Step& step = plan_.steps[s];
    std::vector<int> whole, written;
    size_t whole_bytes = 0, made_bytes = 0;
    for (size_t i = 0; i < step.inputs.size(); ++i) {
      const size_t slot = Index(step.inputs[i]);
      const int root = root_[slot];
      // Rows of a part of a value are not those of the value.
      const bool all = root == step.inputs[i] || state_.sizes[slot] == state_.sizes[Index(root)];
      if (summed_.contains(root)) return false;
      if (rows.use.split[i] && all) continue;
      if (written_.contains(root)) return false;
      whole.push_back(root);
      if (!whole_.contains(root)) whole_bytes += rows.whole_bytes;
    }
    for (size_t o = 0; o < step.node->output_types.size(); ++o) {
      const size_t slot = Index(step.node->first_slot) + o;
      const int root = root_[slot];
      if (rows.use.passes_on >= 0) {
        // Known to be touched by nobody else: it is a list of the kernel's own.
        written.push_back(static_cast<int>(slot));
        continue;
      }
      if (whole_.contains(root) || std::count(whole.begin(), whole.end(), root) > 0) return false;
      written.push_back(root);
      made_bytes += state_.sizes[slot];
    }
    const bool is_first = range_.division.rows == 0;
    if (!is_first &&
        (range_.division != rows.division || whole_bytes_ + whole_bytes > kMostWholeBytes ||
         made_bytes_ + made_bytes > kMostMadeBytes))
      return false;
    if (is_first) range_ = {.begin = s, .end = s, .division = rows.division};
    whole_.insert(whole.begin(), whole.end());
    written_.insert(written.begin(), written.end());
    if (rows.use.sums || rows.use.passes_on >= 0) summed_.insert(written.begin(), written.end());
    whole_bytes_ += whole_bytes;
    made_bytes_ += made_bytes;
    ns_ += CostOf(rows);
    return true;
  }

  void Close(size_t end) {
    range_.end = end;
    if (range_.division.rows > 0 && end - range_.begin > 1 && ns_ >= kWorthwhileNs &&
        whole_bytes_ <= kMostWholeBytes && made_bytes_ <= kMostMadeBytes)
      found_.push_back(range_);
    range_ = {};
    whole_.clear();
    written_.clear();
    summed_.clear();
    whole_bytes_ = made_bytes_ = 0;
    ns_ = 0;
  }

  const ExecState& state_;
  const Plan& plan_;
  std::vector<int> root_;
  std::vector<RowRange> found_;
  // Of the range that is being made:
  RowRange range_;
  // Roots that are read whole; that are written; of these, the sums over all rows.
  std::unordered_set<int> whole_, written_, summed_;
  size_t whole_bytes_ = 0, made_bytes_ = 0;
  double ns_ = 0;
};

}  // namespace

void RecordRows(ExecState* state, size_t s) {
  const Step& step = state->plan.steps[s];
  const KernelContext& ctx = state->calls[s].ctx;
  if (step.flags != kStepPlain || !step.node->kernel->works_by_rows() || ctx.num_threads() < 2 ||
      step.node->output_types.empty())
    return;
  // As many rows as the inputs that are split have.
  constexpr int64_t kFewRows = 8;
  RowUse use = step.node->kernel->DivideRows(ctx, kFewRows);
  const auto first_split = std::find(use.split.begin(), use.split.end(), true);
  if (first_split == use.split.end()) return;
  const Array& in = ctx.input(static_cast<int>(first_split - use.split.begin()));
  if (in.rank() < 1) return;
  const int64_t rows = in.dim(0);
  RowDivision division{rows, ctx.RowParts(rows)};
  if (division.size() < 2) return;
  use = step.node->kernel->DivideRows(ctx, division.fewest_rows());
  if (use.split.size() != step.inputs.size()) return;
  for (size_t o = 0; use.passes_on < 0 && o < step.node->output_types.size(); ++o) {
    const size_t slot = static_cast<size_t>(step.node->first_slot) + o;
    const Array& out = state->values[slot].array;
    const bool own = state->fresh[slot] || state->taken_over[slot];
    if (!own || !IsPlain(out.dtype()) || out.num_elements() == 0) return;
    if (use.sums ? out.dtype() != kFloat32 : out.rank() < 1 || out.dim(0) != rows) return;
  }
  size_t whole_bytes = 0;
  for (size_t i = 0; i < step.inputs.size(); ++i) {
    const Array& value = ctx.input(static_cast<int>(i));
    const size_t slot = static_cast<size_t>(step.inputs[i]);
    if (!value.valid()) return;
    if (use.split[i] && (!IsPlain(value.dtype()) || value.rank() < 1 || value.dim(0) != rows ||
                         value.num_elements() == 0))
      return;
    if (!use.split[i]) whole_bytes = std::max(whole_bytes, value.num_bytes());
    // Those of feeds and constants are noted nowhere else.
    state->shapes[slot] = value.shape();
    state->sizes[slot] = value.num_bytes();
  }
  state->rows[s] = {std::move(use), std::move(division), whole_bytes};
}

std::vector<RowRange> FindRowLanes(const ExecState& state) {
  if (state.plan.waits || state.plan.has_frames || state.rows.empty()) return {};
  std::vector<RowRange> found = LaneFinder(state).Run();
  if (found.size() > UINT16_MAX) found.resize(UINT16_MAX);  // as many as a StepCall can name
  for (size_t r = 0; r < found.size(); ++r) {
    found[r].is_first = r == 0;
    found[r].is_last = r + 1 == found.size();
  }
  return found;
}

RowLanes::RowLanes(ExecState* state, const RowRange& range, LaneValues* values)
    : range_(range), values_(*values) {
  FindValues(*state);
  bases_.assign(row_sources_ + targets_.size(), nullptr);
  part_steps_.assign(bases_.size(), 0);
  lanes_.resize(range.division.size());
  for (size_t l = 0; l < lanes_.size(); ++l) {
    lanes_[l].first_row = range.division.parts[l];
    bound_ = bound_ && BindLane(state, range.division.rows_of(l), &lanes_[l]);
  }
}

// What the steps read of what is there before, and make.
void RowLanes::FindValues(const ExecState& state) {
  size_t most_inputs = 0;
  std::unordered_set<int> whole;
  for (size_t s = range_.begin; s < range_.end; ++s) {
    const Step& step = state.plan.steps[s];
    const RowUse& use = state.rows.at(s).use;
    most_inputs = std::max(most_inputs, step.inputs.size());
    for (size_t i = 0; i < step.inputs.size(); ++i) {
      const int slot = step.inputs[i];
      const size_t at = static_cast<size_t>(slot);
      if (target_of_.contains(slot)) continue;
      if (use.split[i] ? source_of_.contains(slot) : !whole.insert(slot).second) continue;
      Source source{slot, WithoutElements(state.output_types[at], state.shapes[at]), 0, 0,
                    values_.IsInner(slot)};
      if (use.split[i]) {
        source.row_bytes =
            source.as_recorded.num_bytes() / static_cast<size_t>(source.as_recorded.dim(0));
        source.index = row_sources_++;
        source_of_.emplace(slot, source.index);
      }
      sources_.push_back(std::move(source));
    }
    for (size_t o = 0; o < step.node->output_types.size(); ++o) {
      const int slot = step.node->first_slot + static_cast<int>(o);
      const size_t at = static_cast<size_t>(slot);
      Target target{slot,
                    0,
                    state.shapes[at],
                    use.sums,
                    -1,
                    values_.IsInner(slot),
                    values_.PushedOffset(slot)};
      if (use.passes_on >= 0)
        target.passes_on = step.inputs[static_cast<size_t>(use.passes_on)];
      else if (!use.sums)
        target.row_bytes = state.sizes[at] / static_cast<size_t>(target.shape.dim(0));
      target_of_.emplace(slot, targets_.size());
      targets_.push_back(std::move(target));
    }
  }
  no_last_use_.assign(most_inputs, 0);
}

bool RowLanes::BindLane(ExecState* state, int64_t rows, Lane* lane) {
  const Plan& plan = state->plan;
  const auto index = static_cast<int>(lane - lanes_.data());
  lane->rows = bases_;
  lane->sources.resize(row_sources_);
  for (const Source& source : sources_) {
    if (source.row_bytes == 0) continue;
    Array& some = lane->sources[source.index];
    some = WithoutElements(source.as_recorded.dtype(), WithRows(source.as_recorded.shape(), rows));
    if (source.inner) some.PointTo(values_.RowsOf(source.slot, static_cast<size_t>(index)));
  }
  lane->outputs.resize(targets_.size());
  lane->plans.resize(targets_.size());
  lane->sums.resize(targets_.size());
  for (size_t t = 0; t < targets_.size(); ++t) {
    const Target& target = targets_[t];
    if (target.passes_on >= 0) continue;
    const size_t slot = static_cast<size_t>(target.slot);
    OutputPlan& output = lane->plans[t];
    ValueSlot& value = lane->outputs[t];
    output.prepared = WithoutElements(state->output_types[slot],
                                      target.sums ? target.shape : WithRows(target.shape, rows));
    output.forward_from = target.sums ? int8_t{-1} : state->output_plans[slot].forward_from;
    if (target.sums && index > 0) {
      BufferPtr own =
          AllocateBuffer(HostAllocator(), state->output_types[slot], target.shape.num_elements());
      if (!own) return false;
      lane->sums[t] = Array::FromBuffer(state->output_types[slot], target.shape, std::move(own));
      output.prepared.PointTo(lane->sums[t].raw_data());
      value.fresh_data = output.prepared.raw_data();
    }
    if (target.inner) {
      output.prepared.PointTo(values_.RowsOf(target.slot, static_cast<size_t>(index)));
      value.fresh_data = output.prepared.raw_data();
    }
    value.array = output.prepared;
  }
  size_t inputs = 0;
  for (size_t s = range_.begin; s < range_.end; ++s) inputs += plan.steps[s].inputs.size();
  lane->inputs.reserve(inputs);  // contexts point into it
  lane->calls.resize(range_.end - range_.begin);
  lane->bindings.resize(lane->calls.size());
  for (size_t s = range_.begin; s < range_.end; ++s) {
    const Step& step = plan.steps[s];
    StepCall& call = lane->calls[s - range_.begin];
    call = state->calls[s];
    KernelContext& ctx = call.ctx;
    KernelContext::Binding& binding = lane->bindings[s - range_.begin];
    const KernelContext::Binding& whole = *ctx.binding_;
    binding = {.output_dtypes = whole.output_dtypes,
               .input_values = whole.input_values,
               .node = whole.node,
               .run = whole.run,
               .held = nullptr};
    ctx.binding_ = &binding;
    ctx.lane_ = index;
    ctx.inputs_ = lane->inputs.data() + lane->inputs.size();
    for (size_t i = 0; i < step.inputs.size(); ++i) {
      const int slot = step.inputs[i];
      if (!state->rows.at(s).use.split[i])
        lane->inputs.push_back(&state->values[static_cast<size_t>(slot)].array);
      else if (const auto t = target_of_.find(slot); t != target_of_.end())
        lane->inputs.push_back(&lane->outputs[t->second].array);
      else
        lane->inputs.push_back(&lane->sources[source_of_.at(slot)]);
    }
    const size_t first = target_of_.at(step.node->first_slot);
    ctx.output_values_ = lane->outputs.data() + first;
    binding.plans = lane->plans.data() + first;
    binding.last_use = no_last_use_.data();
  }
  return true;
}

void RowLanes::PointToRows(Lane& lane) const {
  const auto first = static_cast<size_t>(lane.first_row);
  const auto number = static_cast<size_t>(&lane - lanes_.data());
  // False if it has been there.
  const auto rows_moved = [&](size_t i, size_t row_bytes) {
    char* const rows =
        bases_[i] + (part_steps_[i] > 0 ? number * part_steps_[i] : first * row_bytes);
    return std::exchange(lane.rows[i], rows) != rows;
  };
  for (const Source& source : sources_) {
    if (source.row_bytes > 0 && !source.inner && rows_moved(source.index, source.row_bytes))
      lane.sources[source.index].PointTo(lane.rows[source.index]);
  }
  for (size_t t = 0; t < targets_.size(); ++t) {
    // The other lanes' sums stay where they are.
    if (targets_[t].inner || targets_[t].passes_on >= 0 || (targets_[t].sums && number > 0) ||
        !rows_moved(row_sources_ + t, targets_[t].row_bytes))
      continue;
    char* const rows = lane.rows[row_sources_ + t];
    lane.outputs[t].array.PointTo(rows);
    lane.plans[t].prepared.PointTo(rows);
    lane.outputs[t].fresh_data = rows;
  }
}

// False: it has another shape than in the run that was recorded, or can't be taken as it is.
bool RowLanes::PrepareSource(const Source& source, Array* value) {
  if (value->dtype() != source.as_recorded.dtype() ||
      !(value->shape() == source.as_recorded.shape()))
    return false;
  const PartedRows* parts = PartsOf(*value);
  if (parts && (source.row_bytes == 0 || parts->division() != range_.division)) {
    absl::StatusOr<Array> whole = WithRowsTogether(*value);
    if (!whole.ok()) return false;
    *value = *std::move(whole);
    parts = nullptr;
  }
  if (source.row_bytes == 0) return true;
  bases_[source.index] = static_cast<char*>(value->raw_data());
  part_steps_[source.index] = parts ? parts->step() : 0;
  return true;
}

// False: values have other shapes than in the run that was recorded.
bool RowLanes::Prepare(ExecState& state) {
  for (const Source& source : sources_) {
    if (!source.inner &&
        !PrepareSource(source, &state.values[static_cast<size_t>(source.slot)].array))
      return false;
  }
  const BufferPtr pushed = values_.NewPushed();
  for (size_t t = 0; t < targets_.size(); ++t) {
    const Target& target = targets_[t];
    if (target.inner) continue;
    const size_t slot = static_cast<size_t>(target.slot);
    Array& value = state.values[slot].array;
    const Array& prepared = state.output_plans[slot].prepared;
    const DataType dtype = state.output_types[slot];
    size_t& part_step = part_steps_[row_sources_ + t];
    part_step = 0;
    if (target.passes_on >= 0) {
      value = state.values[static_cast<size_t>(target.passes_on)].array;
      continue;
    }
    if (target.pushed_offset >= 0 && pushed) {
      value =
          Array::FromBuffer(dtype, target.shape, pushed, static_cast<size_t>(target.pushed_offset));
      part_step = static_cast<const PartedRows*>(pushed.get())->step();
    } else if (!prepared.valid()) {
      Device& device = *state.plan.slot_device[slot];
      BufferPtr buffer = AllocateBuffer(device.allocator(), dtype, target.shape.num_elements());
      if (!buffer) return false;
      value = Array::FromBuffer(dtype, target.shape, std::move(buffer));
    } else if (value.raw_data() != prepared.raw_data() || !(value.shape() == prepared.shape())) {
      value = prepared;
    }
    bases_[row_sources_ + t] = static_cast<char*>(value.raw_data());
  }
  return true;
}

void RowLanes::RunLane(const ExecState& state, Lane& lane) const {
  lane.failed_step = SIZE_MAX;
  PointToRows(lane);
  for (size_t s = range_.begin; s < range_.end; ++s) {
    StepCall& call = lane.calls[s - range_.begin];
    const KernelContext& ctx = call.ctx;
    absl::Status status = CallKernel(call, state.plan.steps[s]);
    for (int o = 0; status.ok() && o < ctx.num_outputs_; ++o) {
      if (ctx.output_values_[o].array.raw_data() == ctx.output_values_[o].fresh_data) continue;
      const PlanNode& node = *state.plan.steps[s].node;
      status =
          WithNode(absl::InternalError(StrCat(
                       node.op, " '", node.name, "': output ", o, " of some rows has the shape ",
                       ctx.output_values_[o].array.shape().ToString(), ", not ",
                       ctx.binding_->plans[o].prepared.shape().ToString())),
                   node.name, node.op);
    }
    if (status.ok()) continue;
    lane.failed_step = s;
    lane.status = std::move(status);
    return;
  }
}

absl::Status RowLanes::RunTogether(ExecState& state) {
  const auto count = static_cast<int64_t>(lanes_.size());
  ParallelFor(count, kLongStepNs, [&](int64_t begin, int64_t end) {
    for (int64_t l = begin; l < end; ++l) RunLane(state, lanes_[static_cast<size_t>(l)]);
  });
  const Lane& first =
      *std::min_element(lanes_.begin(), lanes_.end(),
                        [](const Lane& a, const Lane& b) { return a.failed_step < b.failed_step; });
  if (first.failed_step != SIZE_MAX) return first.status;
  AddSums(state);
  return absl::OkStatus();
}

void RowLanes::AddSums(ExecState& state) const {
  for (size_t t = 0; t < targets_.size(); ++t) {
    if (!targets_[t].sums) continue;
    const std::span<float> sum =
        state.values[static_cast<size_t>(targets_[t].slot)].array.mutable_values<float>();
    for (size_t l = 1; l < lanes_.size(); ++l) {
      const float* const more = lanes_[l].sums[t].data<float>();
      std::transform(sum.begin(), sum.end(), more, sum.begin(), std::plus<float>());
    }
  }
}

absl::Status RowLanes::RunAlone(ExecState& state) {
  for (const Source& source : sources_) {
    if (source.inner) {
      WEFT_RETURN_IF_ERROR(values_.MakeWhole(state, source.slot));
      continue;
    }
    Array& value = state.values[static_cast<size_t>(source.slot)].array;
    if (PartsOf(value)) {
      WEFT_ASSIGN_OR_RETURN(value, WithRowsTogether(value));
    }
  }
  for (size_t s = range_.begin; s < range_.end; ++s) {
    WEFT_RETURN_IF_ERROR(CallKernel(state.calls[s], state.plan.steps[s]));
  }
  return absl::OkStatus();
}

absl::Status RowLanes::Run(ExecState& state) {
  const auto now = [] { return std::chrono::steady_clock::now(); };
  const auto start = now();
  if (range_.is_first) values_.BeginRun();
  if (values_.together() && !(bound_ && Prepare(state))) values_.GiveUp(range_.begin);
  WEFT_RETURN_IF_ERROR(values_.together() ? RunTogether(state) : RunAlone(state));
  values_.Took(std::chrono::duration_cast<std::chrono::nanoseconds>(now() - start).count());
  if (range_.is_last) values_.EndRun();
  const uint32_t begin = state.calls[range_.begin].release_begin,
                 end = state.calls[range_.end - 1].release_end;
  for (uint32_t i = begin; i < end; ++i)
    state.values[static_cast<size_t>(state.released[i])].array = Array();
  return absl::OkStatus();
}

}  // namespace weft
