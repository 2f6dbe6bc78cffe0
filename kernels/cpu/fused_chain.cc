// SPDX-License-Identifier: Apache-2.0
// _FusedChain: a tree of element-wise float ops, and perhaps the update of a variable by its value,
// in one pass over memory.
//
// The plan's fusion pass (src/runtime/fuse.cc) writes the program into attributes:
//   ops        the op type of each instruction, in order; the last one makes the result
//   names      the nodes they were, for messages
//   arguments  for each instruction its operands: input number k as k, the result of instruction i
//              as -1 - i
//   update     the op type of the update that takes the last result; empty for none. Input 0 is
//   then
//              the variable, and as an operand its value before the update
//   alpha      the input with the step size of ApplyGradientDescent; -1
// Elements are computed in tiles that stay in the first-level cache. The result is that of the
// single ops, bit for bit.
#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "kernels/common/broadcast.h"
#include "kernels/cpu/tile_loops.h"
#include "kernels/cpu/variable_access.h"
#include "src/core/strings.h"
#include "weft/core/status_macros.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

constexpr int64_t kTile = 1024;   // elements
constexpr int kMaxRegisters = 8;  // tiles alive at a time
constexpr int kMaxInputs = 16;
// Rows at least this long are walked one by one; shorter repeated ones are laid out in a tile.
constexpr int64_t kLongRow = 128;

// How an operand's elements belong to those of the result.
enum class Extent : uint8_t {
  kScalar,  // one for all
  kFull,    // one each
  kRow,     // one for each position in a row
  kColumn,  // one for each row
};

struct Instruction {
  const TileOp* op = nullptr;
  int arguments[2] = {0, 0};
  int target = 0;  // register; -1: the result
};

struct Input {
  const float* data = nullptr;
  Extent extent = Extent::kFull;
};

// The operands and sizes of one call.
struct Call {
  absl::InlinedVector<Input, 8> inputs;
  absl::InlinedVector<uint8_t, 16> is_scalar;    // by instruction
  absl::InlinedVector<float, 16> scalar_values;  // of those
  float* out = nullptr;
  int64_t n = 0;
  int64_t row = 0;   // length of a row; 0: there are no rows and columns
  bool fits = true;  // all operands have an Extent
};

void Fail(KernelConstruction& c, std::string_view why) {
  c.Fail(absl::InternalError(StrCat("_FusedChain: ", why)));
}

using Shapes = absl::InlinedVector<const Shape*, 16>;

class FusedChain final : public Kernel {
 public:
  explicit FusedChain(KernelConstruction& c);
  absl::Status Compute(KernelContext& ctx) override;

 private:
  void AssignRegisters(KernelConstruction& c);
  bool HasUpdate() const { return !update_.empty(); }
  std::string NodeOf(size_t i) const { return StrCat(types_[i], " '", names_[i], "'"); }

  // The shape of each instruction's result. Errors name the node that it was.
  absl::Status InferShapes(KernelContext& ctx, std::span<const Shape* const> inputs,
                           std::vector<Shape>* made, std::span<const Shape*> results) const;
  // False if some operand fits no Extent.
  bool Classify(std::span<const Shape* const> inputs, const Shape& out, Call* call) const;
  void ComputeScalars(Call* call) const;
  void RunTiles(const Call& call, int64_t begin, int64_t end) const;
  absl::Status RunOneByOne(KernelContext& ctx, const Call& call,
                           std::span<const Shape* const> inputs,
                           std::span<const Shape* const> results) const;
  absl::Status Update(KernelContext& ctx, Call* call, Shapes* inputs, Shapes* results) const;
  absl::Status Execute(KernelContext& ctx, Call* call, std::span<const Shape* const> inputs,
                       std::span<const Shape* const> results) const;

  std::vector<std::string> types_, names_;
  std::vector<Instruction> program_;
  std::string update_;
  int alpha_ = -1;
  int registers_ = 0;
  double cost_ns_ = 0;
};

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
    if (!in.op || next + static_cast<size_t>(in.op->operands) > arguments.size()) {
      Fail(c, StrCat("no loop for ", types_[i]));
      return;
    }
    for (int k = 0; k < in.op->operands; ++k) {
      const int64_t a = arguments[next++];
      if (a >= c.num_inputs() || -1 - a >= static_cast<int64_t>(i)) {
        Fail(c, "malformed program");
        return;
      }
      in.arguments[k] = static_cast<int>(a);
    }
    cost_ns_ += in.op->cost_ns;
    program_.push_back(in);
  }
  cost_ns_ = std::max(cost_ns_, 0.3);  // memory
  AssignRegisters(c);
}

// Gives each result a register from its instruction to its last use.
void FusedChain::AssignRegisters(KernelConstruction& c) {
  std::vector<int> last(program_.size(), -1);
  for (size_t i = 0; i < program_.size(); ++i) {
    for (int k = 0; k < program_[i].op->operands; ++k) {
      if (const int a = program_[i].arguments[k]; a < 0)
        last[static_cast<size_t>(-1 - a)] = static_cast<int>(i);
    }
  }
  std::vector<int> free;
  for (size_t i = 0; i < program_.size(); ++i) {
    // The output may be an operand, so registers that end here can be taken at once.
    for (int k = 0; k < program_[i].op->operands; ++k) {
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

void FusedChain::RunTiles(const Call& call, int64_t begin, int64_t end) const {
  alignas(64) float tiles[kMaxRegisters][kTile];
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
    for (size_t i = 0; i < program_.size(); ++i) {
      if (call.is_scalar[i]) continue;
      const Instruction& in = program_[i];
      ElementRun run{};
      run.n = n;
      run.out = in.target < 0 ? call.out + at : tiles[in.target];
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
    }
  }
}

// For operands that fit no Extent: each instruction over whole arrays.
absl::Status FusedChain::RunOneByOne(KernelContext& ctx, const Call& call,
                                     std::span<const Shape* const> inputs,
                                     std::span<const Shape* const> results) const {
  std::vector<Array> values(program_.size());
  for (size_t i = 0; i < program_.size(); ++i) {
    const Instruction& in = program_[i];
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
  ctx.ParallelFor(call->n, cost_ns_,
                  [&](int64_t begin, int64_t end) { RunTiles(*call, begin, end); });
  return absl::OkStatus();
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
  call.fits = Classify(inputs, shape, &call);
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

}  // namespace

void RegisterFusedKernels(KernelRegistry& kernels) {
  kernels.Add<FusedChain>("_FusedChain", kCpu, {{"T", kFloat32}});
}

}  // namespace weft
