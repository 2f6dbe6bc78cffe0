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
//
// Instructions may also be sums, means and extremes over the last dimension, which stays with size
// 1: then the result is computed row by row, each of which stays in the cache. So layer
// normalisation and softmax that are written as single ops read and write memory once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "kernels/cpu/reduce.h"
#include "kernels/cpu/register_run.h"
#include "kernels/cpu/tile_loops.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft::fused {

// How an operand's elements belong to those of the result.
enum class Extent : uint8_t {
  kScalar,  // one for all
  kFull,    // one each
  kRow,     // one for each position in a row
  kColumn,  // one for each row
};

struct Instruction {
  const TileOp* op = nullptr;        // element-wise, or
  const ReduceOp* reduce = nullptr;  // over a row
  int operands() const { return op ? op->operands : 1; }
  int arguments[2] = {0, 0};
  int target = 0;  // register; -1: the result
  // As a step of a chain that stays in the processor's registers (register_run.h): with the first
  // operand as the value so far, and with the result before.
  RegisterOp starts = RegisterOp::kNone, continues = RegisterOp::kNone;
  size_t chain_end = 0;  // the instruction after the chain that this one is in
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
  absl::InlinedVector<uint8_t, 16> is_column;    // by instruction, if there are reductions
  float* out = nullptr;
  int64_t n = 0;
  int64_t row = 0;       // length of a row; 0: there are no rows and columns
  bool fits = true;      // all operands have an Extent
  bool streams = false;  // the result goes past the caches
};

using Steps = absl::InlinedVector<RegisterStep, 16>;
using Shapes = absl::InlinedVector<const Shape*, 16>;

class FusedChain final : public Kernel {
 public:
  explicit FusedChain(KernelConstruction& c);
  absl::Status Compute(KernelContext& ctx) override;
  bool works_by_rows() const override { return !reduces_ && !HasUpdate(); }
  RowUse DivideRows(const KernelContext& ctx, int64_t rows) const override;

 private:
  class Traffic;
  void AssignRegisters(KernelConstruction& c);
  void FindChains();
  bool HasUpdate() const { return !update_.empty(); }
  std::string NodeOf(size_t i) const { return StrCat(types_[i], " '", names_[i], "'"); }

  // The shape of each instruction's result. Errors name the node that it was.
  absl::Status InferShapes(KernelContext& ctx, std::span<const Shape* const> inputs,
                           std::vector<Shape>* made, std::span<const Shape*> results) const;
  // False if some operand fits no Extent.
  bool Classify(std::span<const Shape* const> inputs, const Shape& out, Call* call) const;
  void ComputeScalars(Call* call) const;
  bool ClassifyRows(const Shape& out, Call* call) const;
  bool EndsWithChain(const Call& call) const;
  // The chain from instruction i on. `operand(a, run, k)` fills in operand k of a run.
  template <typename Operand>
  void MakeChain(size_t i, Operand operand, const float** first, bool* uniform, Steps* steps) const;
  void RunRows(const Call& call, int64_t begin, int64_t end) const;
  void RunTiles(const Call& call, int64_t begin, int64_t end) const;
  absl::Status RunOneByOne(KernelContext& ctx, const Call& call,
                           std::span<const Shape* const> inputs,
                           std::span<const Shape* const> results) const;
  absl::Status ReduceLast(KernelContext& ctx, const Call& call,
                          std::span<const Shape* const> inputs,
                          std::span<const Shape* const> results, size_t i,
                          std::vector<Array>* values) const;
  absl::Status Update(KernelContext& ctx, Call* call, Shapes* inputs, Shapes* results) const;
  absl::Status Execute(KernelContext& ctx, Call* call, std::span<const Shape* const> inputs,
                       std::span<const Shape* const> results) const;

  std::vector<std::string> types_, names_;
  std::vector<Instruction> program_;
  std::string update_;
  int alpha_ = -1;
  int registers_ = 0;
  bool reduces_ = false;
  double cost_ns_ = 0;
};

template <typename Operand>
void FusedChain::MakeChain(size_t i, Operand operand, const float** first, bool* uniform,
                           Steps* steps) const {
  const auto read = [&](int a, bool* same) {
    ElementRun run{};
    operand(a, &run, 0);
    *same = run.uniform[0];
    return static_cast<const float*>(run.in[0]);
  };
  steps->clear();
  const size_t begin = i;
  *first = read(program_[i].arguments[0], uniform);
  for (; i < program_[begin].chain_end; ++i) {
    const Instruction& in = program_[i];
    RegisterStep& step = steps->emplace_back();
    step.op = i == begin ? in.starts : in.continues;
    if (step.op >= RegisterOp::kTwice) continue;
    const int before = -static_cast<int>(i);
    const bool other = i == begin || in.arguments[0] == before;
    bool same = false;
    const float* const elements = read(in.arguments[other ? 1 : 0], &same);
    if (same)
      step.number = *elements;
    else
      step.operand = elements;
  }
}

}  // namespace weft::fused
