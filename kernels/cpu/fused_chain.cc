// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/fused_chain.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "kernels/common/broadcast.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/stream.h"
#include "kernels/cpu/variable_access.h"
#include "weft/core/status_macros.h"

namespace weft {
namespace fused {
namespace {

constexpr int64_t kTile = 1024;   // elements
constexpr int kMaxRegisters = 8;  // tiles alive at a time
constexpr int kMaxInputs = 16;
// Rows at least this long are walked one by one; shorter repeated ones are laid out in a tile.
constexpr int64_t kLongRow = 128;

void Fail(KernelConstruction& c, std::string_view why) {
  c.Fail(absl::InternalError(StrCat("_FusedChain: ", why)));
}

}  // namespace

FusedChain::FusedChain(KernelConstruction& c)
    : types_(c.Attr<std::vector<std::string>>("ops")),
      names_(c.Attr<std::vector<std::string>>("names")),
      update_(c.AttrOr<std::string>("update", "")),
      alpha_(static_cast<int>(c.AttrOr<int64_t>("alpha", -1))) {
  const auto arguments = c.Attr<std::vector<int64_t>>("arguments");
  if (c.num_inputs() > kMaxInputs || types_.empty() || types_.size() != names_.size()) {
    Fail(c, "malformed program");
    return;
  }
  size_t next = 0;
  for (size_t i = 0; i < types_.size(); ++i) {
    Instruction in;
    in.op = FindTileOp(types_[i]);
    if (!in.op) in.reduce = FindFloatReduceOp(types_[i]);
    reduces_ |= in.reduce != nullptr;
    if ((!in.op && !in.reduce) || next + static_cast<size_t>(in.operands()) > arguments.size()) {
      Fail(c, StrCat("no loop for ", types_[i]));
      return;
    }
    for (int k = 0; k < in.operands(); ++k) {
      const int64_t a = arguments[next++];
      if (a >= c.num_inputs() || -1 - a >= static_cast<int64_t>(i)) {
        Fail(c, "malformed program");
        return;
      }
      in.arguments[k] = static_cast<int>(a);
    }
    cost_ns_ += in.op ? in.op->cost_ns : in.reduce->cost_ns;
    program_.push_back(in);
  }
  cost_ns_ = std::max(cost_ns_, 0.3);  // memory
  FindChains();
  AssignRegisters(c);
}

// An instruction that alone uses the result before it goes on where that ended.
void FusedChain::FindChains() {
  std::vector<int> uses(program_.size(), 0);
  for (const Instruction& in : program_) {
    for (int k = 0; k < in.operands(); ++k) {
      if (in.arguments[k] < 0) ++uses[static_cast<size_t>(-1 - in.arguments[k])];
    }
  }
  for (size_t i = program_.size(); i-- > 0;) {
    Instruction& in = program_[i];
    in.chain_end = i + 1;
    if (in.reduce) continue;
    const bool two = in.op->operands == 2;
    in.starts = RegisterOpOf(types_[i], ValueIs::kFirst);
    const int before = -static_cast<int>(i);  // the result before, as an operand
    const bool first = i > 0 && in.arguments[0] == before;
    const bool second = i > 0 && two && in.arguments[1] == before;
    if ((first || second) && uses[i - 1] == first + second) {
      in.continues = RegisterOpOf(types_[i], first && second ? ValueIs::kBoth
                                             : first         ? ValueIs::kFirst
                                                             : ValueIs::kSecond);
    }
    if (i + 1 < program_.size() && program_[i + 1].continues != RegisterOp::kNone)
      in.chain_end = program_[i + 1].chain_end;
  }
}

// Gives each result a register from its instruction to its last use.
void FusedChain::AssignRegisters(KernelConstruction& c) {
  std::vector<int> last(program_.size(), -1);
  for (size_t i = 0; i < program_.size(); ++i) {
    for (int k = 0; k < program_[i].operands(); ++k) {
      if (const int a = program_[i].arguments[k]; a < 0)
        last[static_cast<size_t>(-1 - a)] = static_cast<int>(i);
    }
  }
  std::vector<int> free;
  for (size_t i = 0; i < program_.size(); ++i) {
    // The output may be an operand, so registers that end here can be taken at once.
    for (int k = 0; k < program_[i].operands(); ++k) {
      const int a = program_[i].arguments[k];
      if (a >= 0) continue;
      int& end = last[static_cast<size_t>(-1 - a)];
      if (end != static_cast<int>(i)) continue;
      free.push_back(program_[static_cast<size_t>(-1 - a)].target);
      end = -1;  // an operand used twice is freed once
    }
    if (i + 1 == program_.size()) {
      program_[i].target = -1;
    } else if (!free.empty()) {
      program_[i].target = free.back();
      free.pop_back();
    } else {
      program_[i].target = registers_++;
    }
  }
  if (registers_ > kMaxRegisters) Fail(c, StrCat("needs ", registers_, " registers"));
}

absl::Status FusedChain::InferShapes(KernelContext& ctx, std::span<const Shape* const> inputs,
                                     std::vector<Shape>* made,
                                     std::span<const Shape*> results) const {
  const auto shape_of = [&](int a) {
    return a >= 0 ? inputs[static_cast<size_t>(a)] : results[static_cast<size_t>(-1 - a)];
  };
  for (size_t i = 0; i < program_.size(); ++i) {
    const Instruction& in = program_[i];
    const Shape& a = *shape_of(in.arguments[0]);
    results[i] = &a;
    if (in.reduce) {
      if (a.rank() == 0) return ctx.InvalidArgument(StrCat(NodeOf(i), ": no dimension to reduce"));
      if (made->empty()) made->reserve(program_.size());  // results point into it
      made->push_back(a);
      made->back().set_dim(a.rank() - 1, 1);
      results[i] = &made->back();
      continue;
    }
    if (in.op->operands == 1) continue;
    const Shape& b = *shape_of(in.arguments[1]);
    if (in.op->shapes == TileShapes::kBias) {
      if (a.rank() >= 2 && b.rank() == 1 && b.dim(0) == a.dim(a.rank() - 1)) continue;
      return ctx.InvalidArgument(
          StrCat(NodeOf(i),
                 ": Must provide as many biases as the last dimension of the input "
                 "tensor: ",
                 b.ToString(), " vs. ", a.ToString()));
    }
    if (a == b) continue;
    if (in.op->shapes == TileShapes::kSame) {
      return ctx.InvalidArgument(StrCat(NodeOf(i),
                                        ": inputs must have the same size and shape. "
                                        "Input 0: ",
                                        a.ToString(), " != input 1: ", b.ToString()));
    }
    if (b.rank() == 0) continue;
    if (a.rank() == 0) {
      results[i] = &b;
      continue;
    }
    const Shape* both[] = {&a, &b};
    absl::StatusOr<BroadcastPlan> plan = PlanBroadcast(both);
    if (!plan.ok())
      return ctx.Error(plan.status().code(),
                       StrCat(NodeOf(i), ": ", std::string(plan.status().message())));
    if (made->empty()) made->reserve(program_.size());  // results point into it
    made->push_back(plan->output);
    results[i] = &made->back();
  }
  return absl::OkStatus();
}

// The length of a row if `shape` is repeated along all leading dimensions of `out`; 0 if not.
int64_t RowOf(const Shape& shape, const Shape& out) {
  int64_t row = 1;
  int d = 1;
  for (; d <= shape.rank() && shape.dim(shape.rank() - d) == out.dim(out.rank() - d); ++d)
    row *= out.dim(out.rank() - d);
  for (; d <= shape.rank(); ++d) {
    if (shape.dim(shape.rank() - d) != 1) return 0;
  }
  return row;
}

// Likewise for trailing dimensions.
int64_t ColumnOf(const Shape& shape, const Shape& out) {
  if (shape.rank() != out.rank()) return 0;
  int d = 0;
  while (d < shape.rank() && shape.dim(d) == out.dim(d)) ++d;
  int64_t row = 1;
  for (; d < shape.rank(); ++d) {
    if (shape.dim(d) != 1) return 0;
    row *= out.dim(d);
  }
  return row;
}

bool FusedChain::Classify(std::span<const Shape* const> inputs, const Shape& out,
                          Call* call) const {
  call->n = out.num_elements();
  for (size_t k = 0; k < inputs.size(); ++k) {
    const Shape& s = *inputs[k];
    Extent& extent = call->inputs[k].extent;
    if (s == out) {
      extent = Extent::kFull;
      continue;
    }
    if (s.num_elements() == 1) {
      extent = Extent::kScalar;
      continue;
    }
    if (s.num_elements() == call->n && s.rank() <= out.rank()) {
      extent = Extent::kFull;
      continue;
    }
    if (s.rank() > out.rank()) return false;
    int64_t row = RowOf(s, out);
    extent = Extent::kRow;
    if (row == 0 || s.num_elements() != row) {
      row = ColumnOf(s, out);
      extent = Extent::kColumn;
    }
    if (row == 0 || (call->row != 0 && call->row != row)) return false;
    call->row = row;
  }
  return true;
}

void FusedChain::ComputeScalars(Call* call) const {
  call->is_scalar.assign(program_.size(), 0);
  call->scalar_values.assign(program_.size(), 0);
  for (size_t i = 0; i < program_.size(); ++i) {
    const Instruction& in = program_[i];
    ElementRun run{};
    run.n = 1;
    run.out = &call->scalar_values[i];
    bool scalar = true;
    if (in.reduce) continue;
    for (int k = 0; k < in.op->operands; ++k) {
      const int a = in.arguments[k];
      if (a >= 0) {
        const Input& input = call->inputs[static_cast<size_t>(a)];
        scalar &= input.extent == Extent::kScalar;
        run.in[static_cast<size_t>(k)] = input.data;
      } else {
        scalar &= call->is_scalar[static_cast<size_t>(-1 - a)] != 0;
        run.in[static_cast<size_t>(k)] = &call->scalar_values[static_cast<size_t>(-1 - a)];
      }
    }
    // The last instruction writes the result itself.
    if (!scalar || i + 1 == program_.size()) continue;
    call->is_scalar[i] = 1;
    in.op->loop(run);
  }
}

// A repeated row, laid out so that a tile can begin anywhere in it.
struct Pattern {
  alignas(64) float values[kTile + kLongRow];
};

// What goes on in memory while a tile is computed: the next one's operands are fetched, and the
// last one's result is on its way out. So neither waits for the other.
class FusedChain::Traffic {
 public:
  Traffic(const Call& call, int64_t end, int instructions)
      : out_(call.out), end_(end), streams_(call.streams) {
    // Short arrays are in the cache as it is.
    constexpr int64_t kWorthwhile = int64_t{1} << 20;
    if (call.n >= kWorthwhile / static_cast<int64_t>(sizeof(float))) {
      for (const Input& in : call.inputs) {
        if (in.extent == Extent::kFull) fetched_.push_back(in.data);
      }
    }
    part_ = (kTile / std::max(instructions, 1) + 15) / 16 * 16;
  }
  // Where the result of n elements at `at` goes. `sends`: it is sent past the caches from there if
  // that is wanted at all.
  float* Begin(int64_t at, int64_t n, bool sends) {
    done_ = 0;
    next_ = at + n;
    current_ = 1 - current_;
    at_[current_] = at;
    length_[current_] = sends ? n : 0;
    return streams_ && sends ? results_[current_] : out_ + at;
  }
  // After an instruction.
  void Part() {
    const int64_t to = std::min(done_ + part_, kTile);
    for (const float* data : fetched_) {
      for (int64_t i = done_; i < std::min(to, end_ - next_); i += 16)
        __builtin_prefetch(data + next_ + i);
    }
    if (streams_) Send(1 - current_, done_, to);
    done_ = to;
  }
  // After the last one.
  void End() {
    while (done_ < kTile) Part();
  }
  void Finish() {
    if (!streams_) return;
    Send(current_, 0, kTile);
    cpu::EndStreams();
  }

 private:
  void Send(int which, int64_t from, int64_t to) {
    to = std::min(to, length_[which]);
    if (from >= to) return;
    cpu::StreamCopy(results_[which] + from, (to - from) * static_cast<int64_t>(sizeof(float)),
                    out_ + at_[which] + from);
  }

  alignas(64) float results_[2][kTile];
  float* const out_;
  const int64_t end_;
  const bool streams_;
  absl::InlinedVector<const float*, 8> fetched_;
  int64_t part_ = 0, done_ = 0, next_ = 0;
  int current_ = 0;
  int64_t at_[2] = {0, 0}, length_[2] = {0, 0};
};

// Does the program end with a chain?
bool FusedChain::EndsWithChain(const Call& call) const {
  size_t end = 0;
  for (size_t i = 0; i < program_.size(); i = end) {
    const Instruction& in = program_[i];
    const bool chain = !call.is_scalar[i] && in.starts != RegisterOp::kNone;
    end = chain ? in.chain_end : i + 1;
    if (end == program_.size()) return end > i + 1;
  }
  return false;
}

void FusedChain::RunTiles(const Call& call, int64_t begin, int64_t end) const {
  alignas(64) float tiles[kMaxRegisters][kTile];
  Traffic traffic(call, end, static_cast<int>(program_.size()));
  std::unique_ptr<Pattern[]> patterns;
  absl::InlinedVector<int, 8> pattern_of(call.inputs.size(), -1);
  bool columns = false;
  for (const Input& in : call.inputs) columns |= in.extent == Extent::kColumn;
  const bool by_row = call.row >= kLongRow || columns;
  if (call.row > 0 && !by_row) {
    int count = 0;
    for (size_t k = 0; k < call.inputs.size(); ++k) {
      if (call.inputs[k].extent == Extent::kRow) pattern_of[k] = count++;
    }
    patterns = std::make_unique_for_overwrite<Pattern[]>(static_cast<size_t>(count));
    for (size_t k = 0; k < call.inputs.size(); ++k) {
      if (pattern_of[k] < 0) continue;
      float* to = patterns[static_cast<size_t>(pattern_of[k])].values;
      for (int64_t i = 0; i < kTile + call.row; ++i) to[i] = call.inputs[k].data[i % call.row];
    }
  }
  const bool last_chain = EndsWithChain(call);
  Steps steps;
  int64_t n = 0;
  for (int64_t at = begin; at < end; at += n) {
    n = std::min(kTile, end - at);
    int64_t row = 0, column = 0;
    if (call.row > 0) {
      row = at / call.row;
      column = at % call.row;
      if (by_row) n = std::min(n, call.row - column);
    }
    const auto operand = [&](int a, ElementRun* run, size_t k) {
      if (a < 0) {
        const auto i = static_cast<size_t>(-1 - a);
        run->uniform[k] = call.is_scalar[i] != 0;
        run->in[k] = run->uniform[k] ? &call.scalar_values[i]
                                     : static_cast<const float*>(tiles[program_[i].target]);
        return;
      }
      const Input& in = call.inputs[static_cast<size_t>(a)];
      run->uniform[k] = in.extent == Extent::kScalar || in.extent == Extent::kColumn;
      const int pattern = pattern_of[static_cast<size_t>(a)];
      run->in[k] = in.extent == Extent::kFull     ? in.data + at
                   : in.extent == Extent::kScalar ? in.data
                   : in.extent == Extent::kColumn ? in.data + row
                   : pattern >= 0 ? patterns[static_cast<size_t>(pattern)].values + column
                                  : in.data + column;
    };
    // Chains write past the caches by themselves.
    float* const result = traffic.Begin(at, n, !last_chain);
    for (size_t i = 0; i < program_.size(); ++i) {
      if (call.is_scalar[i]) continue;
      const Instruction& in = program_[i];
      if (in.starts != RegisterOp::kNone && in.chain_end > i + 1) {
        const float* first = nullptr;
        bool uniform = false;
        MakeChain(i, operand, &first, &uniform, &steps);
        const int target = program_[in.chain_end - 1].target;
        float* const to = target >= 0 ? tiles[target] : result;
        RunInRegisters(first, uniform, steps, to, n, target < 0 && call.streams);
        for (; i + 1 < in.chain_end; ++i) traffic.Part();
        traffic.Part();
        continue;
      }
      ElementRun run{};
      run.n = n;
      run.out = in.target >= 0 ? tiles[in.target] : result;
      operand(in.arguments[0], &run, 0);
      if (in.op->operands == 2) operand(in.arguments[1], &run, 1);
      if (in.op->shapes == TileShapes::kAny && run.uniform[0]) {
        // Loops of one operand take as many elements as they make.
        float one;
        run.n = 1;
        float* const out = static_cast<float*>(run.out);
        run.out = &one;
        in.op->loop(run);
        std::fill_n(out, n, one);
        continue;
      }
      in.op->loop(run);
      traffic.Part();
    }
    traffic.End();
  }
  traffic.Finish();
}

// For operands that fit no Extent: each instruction over whole arrays.
absl::Status FusedChain::RunOneByOne(KernelContext& ctx, const Call& call,
                                     std::span<const Shape* const> inputs,
                                     std::span<const Shape* const> results) const {
  std::vector<Array> values(program_.size());
  for (size_t i = 0; i < program_.size(); ++i) {
    const Instruction& in = program_[i];
    if (in.reduce) {
      WEFT_RETURN_IF_ERROR(ReduceLast(ctx, call, inputs, results, i, &values));
      continue;
    }
    ElementwiseOp op = ElementwiseTypes<float(float, float)>::Op(in.op->loop, 1);
    op.num_operands = in.op->operands;
    std::array<const void*, kMaxBroadcastOperands> data{};
    const Shape* shapes[2] = {};
    for (int k = 0; k < in.op->operands; ++k) {
      const int a = in.arguments[k];
      const auto u = static_cast<size_t>(a >= 0 ? a : -1 - a);
      shapes[k] = a >= 0 ? inputs[u] : results[u];
      data[static_cast<size_t>(k)] =
          a >= 0 ? static_cast<const void*>(call.inputs[u].data) : values[u].raw_data();
    }
    void* out = call.out;
    if (i + 1 < program_.size()) {
      WEFT_ASSIGN_OR_RETURN(values[i], ctx.AllocateTemp(kFloat32, *results[i]));
      out = values[i].raw_data();
    }
    WEFT_ASSIGN_OR_RETURN(BroadcastPlan plan, PlanBroadcast(std::span<const Shape* const>(
                                                  shapes, static_cast<size_t>(in.op->operands))));
    RunElementwise(ctx, op, plan, data, out);
  }
  return absl::OkStatus();
}

absl::Status FusedChain::Execute(KernelContext& ctx, Call* call,
                                 std::span<const Shape* const> inputs,
                                 std::span<const Shape* const> results) const {
  if (call->n == 0) return absl::OkStatus();
  ComputeScalars(call);
  if (!call->fits) return RunOneByOne(ctx, *call, inputs, results);
  if (reduces_) {
    ctx.ParallelFor(call->n / call->row, cost_ns_ * static_cast<double>(call->row),
                    [&](int64_t begin, int64_t end) { RunRows(*call, begin, end); });
    return absl::OkStatus();
  }
  ctx.ParallelFor(call->n, cost_ns_,
                  [&](int64_t begin, int64_t end) { RunTiles(*call, begin, end); });
  return absl::OkStatus();
}

RowUse FusedChain::DivideRows(const KernelContext& ctx, int64_t) const {
  return cpu::BroadcastRows(ctx, cost_ns_);
}

absl::Status FusedChain::Compute(KernelContext& ctx) {
  Call call;
  const auto count = static_cast<size_t>(ctx.num_inputs());
  call.inputs.resize(count);
  Shapes inputs(count), results(program_.size());
  for (size_t k = HasUpdate() ? 1 : 0; k < count; ++k) {
    const Array& a = ctx.input(static_cast<int>(k));
    inputs[k] = &a.shape();
    call.inputs[k].data = a.data<float>();
  }
  std::vector<Shape> made;
  if (HasUpdate()) return Update(ctx, &call, &inputs, &results);
  WEFT_RETURN_IF_ERROR(InferShapes(ctx, inputs, &made, results));
  const Shape& shape = *results.back();
  call.fits = Classify(inputs, shape, &call) && (!reduces_ || ClassifyRows(shape, &call));
  // Operands with an element for each of the output's may give their memory to it.
  int full[4] = {-1, -1, -1, -1};
  int found = 0;
  for (size_t k = 0; k < count && found < 4 && call.fits; ++k) {
    if (call.inputs[k].extent == Extent::kFull) full[found++] = static_cast<int>(k);
  }
  absl::StatusOr<Array*> out =
      found == 0   ? ctx.AllocateOutput(0, shape)
      : found == 1 ? ctx.ForwardOrAllocate({full[0]}, 0, shape)
      : found == 2 ? ctx.ForwardOrAllocate({full[0], full[1]}, 0, shape)
      : found == 3 ? ctx.ForwardOrAllocate({full[0], full[1], full[2]}, 0, shape)
                   : ctx.ForwardOrAllocate({full[0], full[1], full[2], full[3]}, 0, shape);
  if (!out.ok()) return std::move(out).status();
  call.out = (*out)->mutable_data<float>();
  call.streams = !reduces_ && static_cast<int64_t>((*out)->num_bytes()) >= cpu::kStreamBytes;
  // Lines of an operand's memory are in the caches when they are written.
  for (const Input& in : call.inputs) call.streams &= in.data != call.out;
  return Execute(ctx, &call, inputs, results);
}

// The variable's new value is the last result.
absl::Status FusedChain::Update(KernelContext& ctx, Call* call, Shapes* inputs,
                                Shapes* results) const {
  if (alpha_ >= 0 && !(*inputs)[static_cast<size_t>(alpha_)]->IsScalar()) {
    return ctx.InvalidArgument(
        StrCat("alpha is not a scalar: ", (*inputs)[static_cast<size_t>(alpha_)]->ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(VariableLock var, VariableLock::Take(ctx, 0, kFloat32));
  (*inputs)[0] = &var->shape();
  std::vector<Shape> made;
  WEFT_RETURN_IF_ERROR(InferShapes(ctx, *inputs, &made, *results));
  // The operand of the update itself must have the variable's shape: nothing is broadcast there.
  const Instruction& last = program_.back();
  int delta = last.arguments[1];
  if (alpha_ >= 0) delta = program_[program_.size() - 2].arguments[0];
  const Shape& shape = delta >= 0 ? *(*inputs)[static_cast<size_t>(delta)]
                                  : *(*results)[static_cast<size_t>(-1 - delta)];
  if (!(shape == var->shape())) {
    return ctx.InvalidArgument(StrCat(
        update_, ": the variable and what is ", alpha_ >= 0 ? "applied" : "added or subtracted",
        " do not have the same shape: ", var->shape().ToString(), " ", shape.ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(DenseUpdate update, DenseUpdate::Begin(ctx, *var));
  call->inputs[0].data = update.from<float>();
  call->out = update.to<float>();
  call->fits = Classify(*inputs, var->shape(), call);
  WEFT_RETURN_IF_ERROR(Execute(ctx, call, *inputs, *results));
  update.Commit();
  ReturnReference(ctx);
  return absl::OkStatus();
}

}  // namespace fused

void RegisterFusedKernels(KernelRegistry& kernels) {
  kernels.Add<fused::FusedChain>("_FusedChain", kCpu, {{"T", kFloat32}});
}

}  // namespace weft
