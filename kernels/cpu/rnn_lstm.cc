// SPDX-License-Identifier: Apache-2.0
// LSTM cells of one step and layers over many: the products of all four gates are one matrix
// product, their functions one pass (rnn_gates.h). A layer multiplies the inputs of all steps
// by their weights at once; only the products with the state follow each other.
#include <algorithm>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/register.h"
#include "kernels/cpu/rnn.h"
#include "kernels/cpu/rnn_gates.h"

namespace weft {

void RegisterGruKernels(KernelRegistry& kernels);

namespace {

using cpu::FloatInputs;
using cpu::FloatOutputs;

struct Sizes {
  int64_t batch = 0, input = 0, cell = 0;
};

// Where the operands of a cell are among the inputs of its op.
struct CellInputs {
  int x, cs_prev, h_prev, w, wci, wcf, wco, b;
};
constexpr CellInputs kOfCell = {0, 1, 2, 3, 4, 5, 6, 7};
constexpr CellInputs kOfLayer = {1, 2, 3, 4, 5, 6, 7, 8};

// Checks all but x, whose sizes count. Without peepholes their weights are not looked at, but must
// be vectors.
absl::Status CheckCell(KernelContext& ctx, const CellInputs& in, bool peephole, Sizes* sizes) {
  const Shape& x = ctx.input(in.x).shape();
  sizes->batch = x.dim(x.rank() - 2);
  sizes->input = x.dim(x.rank() - 1);
  WEFT_RETURN_IF_ERROR(cpu::CheckRank(ctx, in.cs_prev, "cs_prev", 2));
  const int64_t cell = sizes->cell = ctx.input(in.cs_prev).dim(1);
  const int64_t batch = sizes->batch;
  WEFT_RETURN_IF_ERROR(cpu::CheckSizes(ctx, in.cs_prev, "cs_prev", {batch, cell}));
  WEFT_RETURN_IF_ERROR(cpu::CheckSizes(ctx, in.h_prev, "h_prev", {batch, cell}));
  // b has 4 cell elements in memory unless it has none; so the product doesn't overflow.
  WEFT_RETURN_IF_ERROR(cpu::CheckRank(ctx, in.b, "b", 1));
  if (ctx.input(in.b).dim(0) / 4 != cell || ctx.input(in.b).dim(0) % 4 != 0) {
    return ctx.InvalidArgument(StrCat("b.dim_size(0) != cell_size * 4: b has ",
                                      ctx.input(in.b).dim(0), " elements, the cell size is ",
                                      cell));
  }
  WEFT_RETURN_IF_ERROR(
      cpu::CheckSizes(ctx, in.w, "w", {sizes->input + cell, ctx.input(in.b).dim(0)}));
  const auto peepholes = {std::pair(in.wci, "wci"), std::pair(in.wcf, "wcf"),
                          std::pair(in.wco, "wco")};
  for (const auto& [i, name] : peepholes) {
    WEFT_RETURN_IF_ERROR(peephole ? cpu::CheckSizes(ctx, i, name, {cell})
                                  : cpu::CheckRank(ctx, i, name, 1));
  }
  return absl::OkStatus();
}

// The outputs i, cs, f, o, ci, co, h of a forward op.
template <typename T>
absl::Status AddStepOutputs(FloatOutputs<T>& outputs, std::initializer_list<int64_t> sizes,
                            cpu::LstmStep* step) {
  for (float** to : {&step->i, &step->cs, &step->f, &step->o, &step->ci, &step->co, &step->h}) {
    WEFT_ASSIGN_OR_RETURN(*to, outputs.Add(sizes));
  }
  return absl::OkStatus();
}

void RunStep(KernelContext& ctx, const cpu::LstmStep& step, int64_t batch) {
  ctx.ParallelFor(batch, cpu::kForwardCost * static_cast<double>(step.cell),
                  [&](int64_t begin, int64_t end) { cpu::LstmStepRows(step, begin, end); });
}

void RunStepGrad(KernelContext& ctx, const cpu::LstmStepGrad& step, int64_t batch) {
  ctx.ParallelFor(batch, cpu::kBackwardCost * static_cast<double>(step.cell),
                  [&](int64_t begin, int64_t end) { cpu::LstmStepGradRows(step, begin, end); });
}

template <typename T>
class LstmCell final : public Kernel {
 public:
  explicit LstmCell(KernelConstruction& c)
      : forget_bias_(c.Attr<float>("forget_bias")),
        cell_clip_(c.Attr<float>("cell_clip")),
        peephole_(c.Attr<bool>("use_peephole")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_RETURN_IF_ERROR(cpu::CheckRank(ctx, 0, "x", 2));
    Sizes sizes;
    WEFT_RETURN_IF_ERROR(CheckCell(ctx, kOfCell, peephole_, &sizes));
    const auto [batch, input, cell] = sizes;
    if (batch == 0 || cell == 0) {
      return ctx.InvalidArgument(
          StrCat("cs_prev_tensor is empty, has shape: (", batch, ",", cell, ")."));
    }
    FloatInputs<T> in;
    WEFT_RETURN_IF_ERROR(in.Read(ctx, 0, 8));
    FloatOutputs<T> outputs(ctx);
    cpu::LstmStep step;
    WEFT_RETURN_IF_ERROR(AddStepOutputs(outputs, {batch, cell}, &step));
    WEFT_ASSIGN_OR_RETURN(Array gates, cpu::FloatTemp(ctx, {batch, 4 * cell}));
    float* const g = gates.mutable_data<float>();
    const int threads = ctx.num_threads();
    const int64_t wide = 4 * cell;
    cpu::Gemm(false, false, batch, wide, input, in[0], input, in[3], wide, g, wide, threads);
    cpu::Gemm(false, false, batch, wide, cell, in[2], cell, in[3] + input * wide, wide, g, wide,
              threads, /*accumulate=*/true);
    step.cell = cell;
    step.gates = g;
    step.bias = in[7];
    step.cs_prev = in[1];
    if (peephole_) step.wci = in[4], step.wcf = in[5], step.wco = in[6];
    step.forget_bias = forget_bias_;
    step.cell_clip = cell_clip_;
    RunStep(ctx, step, batch);
    outputs.Finish();
    return absl::OkStatus();
  }

 private:
  float forget_bias_, cell_clip_;
  bool peephole_;
};

template <typename T>
class LstmCellGrad final : public Kernel {
 public:
  explicit LstmCellGrad(KernelConstruction& c) : peephole_(c.Attr<bool>("use_peephole")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_RETURN_IF_ERROR(cpu::CheckRank(ctx, 0, "x", 2));
    Sizes sizes;
    WEFT_RETURN_IF_ERROR(CheckCell(ctx, kOfCell, peephole_, &sizes));
    const auto [batch, input, cell] = sizes;
    static constexpr const char* kNames[] = {"i", "cs", "f", "o", "ci", "co", "cs_grad", "h_grad"};
    for (int i = 0; i < 8; ++i) {
      WEFT_RETURN_IF_ERROR(cpu::CheckSizes(ctx, 8 + i, kNames[i], {batch, cell}));
    }
    FloatInputs<T> in;
    WEFT_RETURN_IF_ERROR(in.Read(ctx, 0, 16));
    FloatOutputs<T> outputs(ctx);
    cpu::LstmStepGrad step;
    WEFT_ASSIGN_OR_RETURN(step.cs_prev_grad, outputs.Add({batch, cell}));
    WEFT_ASSIGN_OR_RETURN(step.dgates, outputs.Add({batch, 4 * cell}));
    float* peepholes[3];
    for (int i = 0; i < 3; ++i) {
      const Shape& shape = ctx.input(kOfCell.wci + i).shape();
      WEFT_ASSIGN_OR_RETURN(peepholes[i], outputs.Add(shape));
      std::fill_n(peepholes[i], shape.num_elements(), 0.f);
    }
    step.cell = cell;
    step.cs_prev = in[1];
    step.i = in[8], step.cs = in[9], step.f = in[10], step.o = in[11];
    step.ci = in[12], step.co = in[13], step.cs_grad = in[14], step.h_grad = in[15];
    if (peephole_) step.wci = in[4], step.wcf = in[5], step.wco = in[6];
    RunStepGrad(ctx, step, batch);
    if (peephole_) {
      cpu::AddPeepholeGradients(step, batch, peepholes[0], peepholes[1], peepholes[2]);
    }
    outputs.Finish();
    return absl::OkStatus();
  }

 private:
  bool peephole_;
};

// Input 0 says how many steps are taken of those that x has.
absl::StatusOr<int64_t> StepsOf(KernelContext& ctx) {
  WEFT_RETURN_IF_ERROR(cpu::CheckRank(ctx, 0, "seq_len_max", 0));
  WEFT_RETURN_IF_ERROR(cpu::CheckRank(ctx, 1, "x", 3));
  const int64_t steps = *ctx.input(0).data<int64_t>(), time = ctx.input(1).dim(0);
  if (steps >= 0 && steps <= time) return steps;
  return ctx.InvalidArgument(StrCat("seq_len_max must be between 0 and ", time, " but is ", steps));
}

cpu::GateOrder OrderOf(const KernelConstruction& c) {
  return c.op().ends_with("V2") ? cpu::kIfco : cpu::kIcfo;
}

template <typename T>
class LstmLayer final : public Kernel {
 public:
  explicit LstmLayer(KernelConstruction& c)
      : order_(OrderOf(c)),
        forget_bias_(c.AttrOr<float>("forget_bias", 0.f)),
        cell_clip_(c.Attr<float>("cell_clip")),
        peephole_(c.Attr<bool>("use_peephole")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const int64_t steps, StepsOf(ctx));
    Sizes sizes;
    WEFT_RETURN_IF_ERROR(CheckCell(ctx, kOfLayer, peephole_, &sizes));
    const auto [batch, input, cell] = sizes;
    const int64_t time = ctx.input(1).dim(0);
    FloatInputs<T> in;
    WEFT_RETURN_IF_ERROR(in.Read(ctx, 1, 9));
    FloatOutputs<T> outputs(ctx);
    cpu::LstmStep step;
    WEFT_RETURN_IF_ERROR(AddStepOutputs(outputs, {time, batch, cell}, &step));
    WEFT_ASSIGN_OR_RETURN(Array gates, cpu::FloatTemp(ctx, {steps, batch, 4 * cell}));
    float* const g = gates.mutable_data<float>();
    const int threads = ctx.num_threads();
    const int64_t wide = 4 * cell, state = batch * cell;
    const float *const w_x = in[4], *const w_h = in[4] + input * wide;
    cpu::Gemm(false, false, steps * batch, wide, input, in[1], input, w_x, wide, g, wide, threads);
    step.cell = cell;
    step.order = order_;
    step.bias = in[8];
    step.cs_prev = in[2];
    if (peephole_) step.wci = in[5], step.wcf = in[6], step.wco = in[7];
    step.forget_bias = forget_bias_;
    step.cell_clip = cell_clip_;
    const float* h_prev = in[3];
    for (int64_t t = 0; t < steps; ++t) {
      float* const now = g + t * batch * wide;
      cpu::Gemm(false, false, batch, wide, cell, h_prev, cell, w_h, wide, now, wide, threads,
                /*accumulate=*/true);
      step.gates = now;
      RunStep(ctx, step, batch);
      h_prev = step.h;
      step.cs_prev = step.cs;
      for (float** out : All(step)) *out += state;
    }
    for (float** out : All(step)) std::fill_n(*out, (time - steps) * state, 0.f);
    outputs.Finish();
    return absl::OkStatus();
  }

 private:
  static std::array<float**, 7> All(cpu::LstmStep& s) {
    return {&s.i, &s.cs, &s.f, &s.o, &s.ci, &s.co, &s.h};
  }

  cpu::GateOrder order_;
  float forget_bias_, cell_clip_;
  bool peephole_;
};

template <typename T>
class LstmLayerGrad final : public Kernel {
 public:
  explicit LstmLayerGrad(KernelConstruction& c)
      : order_(OrderOf(c)), peephole_(c.Attr<bool>("use_peephole")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const int64_t steps, StepsOf(ctx));
    Sizes sizes;
    WEFT_RETURN_IF_ERROR(CheckCell(ctx, kOfLayer, peephole_, &sizes));
    const int64_t time = ctx.input(1).dim(0);
    static constexpr const char* kNames[] = {"i",  "cs", "f",       "o",     "ci",
                                             "co", "h",  "cs_grad", "h_grad"};
    for (int i = 0; i < 9; ++i) {
      WEFT_RETURN_IF_ERROR(cpu::CheckSizes(ctx, 9 + i, kNames[i], {time, sizes.batch, sizes.cell}));
    }
    FloatInputs<T> in;
    WEFT_RETURN_IF_ERROR(in.Read(ctx, 1, 18));
    FloatOutputs<T> outputs(ctx);
    Gradients out;
    for (int i = 0; i < 8; ++i) {
      const Shape& shape = ctx.input(1 + i).shape();
      WEFT_ASSIGN_OR_RETURN(out[static_cast<size_t>(i)], outputs.Add(shape));
    }
    for (size_t i : {1, 2, 4, 5, 6, 7})
      std::fill_n(out[i], ctx.input(1 + static_cast<int>(i)).num_elements(), 0.f);
    WEFT_ASSIGN_OR_RETURN(Array dgates, cpu::FloatTemp(ctx, {steps, sizes.batch, 4 * sizes.cell}));
    GoBack(ctx, in, sizes, steps, dgates.mutable_data<float>(), out);
    MultiplyGates(ctx, in, sizes, steps, dgates.data<float>(), out);
    std::fill_n(out[0] + steps * sizes.batch * sizes.input,
                (time - steps) * sizes.batch * sizes.input, 0.f);
    outputs.Finish();
    return absl::OkStatus();
  }

 private:
  // Of x, cs_prev, h_prev, w, wci, wcf, wco, b.
  using Gradients = std::array<float*, 8>;

  // From the last step to the first: the gradients of all gates, of the state that the layer began
  // with, and of the peepholes.
  void GoBack(KernelContext& ctx, const FloatInputs<T>& in, const Sizes& sizes, int64_t steps,
              float* dgates, const Gradients& out) const {
    const auto [batch, input, cell] = sizes;
    const int64_t wide = 4 * cell, state = batch * cell;
    cpu::LstmStepGrad step;
    step.cell = cell;
    step.order = order_;
    if (peephole_) step.wci = in[5], step.wcf = in[6], step.wco = in[7];
    step.cs_prev_grad = out[1];
    for (int64_t t = steps - 1; t >= 0; --t) {
      const int64_t at = t * state;
      step.i = in[9] + at, step.cs = in[10] + at, step.f = in[11] + at, step.o = in[12] + at;
      step.ci = in[13] + at, step.co = in[14] + at;
      step.cs_grad = in[16] + at, step.h_grad = in[17] + at;
      step.cs_prev = t == 0 ? in[2] : in[10] + at - state;
      step.dgates = dgates + t * batch * wide;
      RunStepGrad(ctx, step, batch);
      if (peephole_) cpu::AddPeepholeGradients(step, batch, out[4], out[5], out[6]);
      cpu::Gemm(false, true, batch, cell, wide, step.dgates, wide, in[4] + input * wide, wide,
                out[2], cell, ctx.num_threads());
      step.cs_next = out[1];
      step.h_next = out[2];
    }
  }

  // What follows from the gradients of the gates: those of x, w and b.
  void MultiplyGates(KernelContext& ctx, const FloatInputs<T>& in, const Sizes& sizes,
                     int64_t steps, const float* dgates, const Gradients& out) const {
    const auto [batch, input, cell] = sizes;
    const int threads = ctx.num_threads();
    const int64_t wide = 4 * cell, rows = steps * batch;
    cpu::Gemm(false, true, rows, input, wide, dgates, wide, in[4], wide, out[0], input, threads);
    cpu::Gemm(true, false, input, wide, rows, in[1], input, dgates, wide, out[3], wide, threads);
    float* const dw_h = out[3] + input * wide;
    // The state before each step: h_prev, then the outputs of the steps before.
    cpu::Gemm(true, false, cell, wide, std::min(rows, batch), in[3], cell, dgates, wide, dw_h, wide,
              threads);
    if (steps > 1) {
      cpu::Gemm(true, false, cell, wide, rows - batch, in[15], cell, dgates + batch * wide, wide,
                dw_h, wide, threads, /*accumulate=*/true);
    }
    cpu::AddColumnSums(dgates, rows, wide, out[7]);
  }

  cpu::GateOrder order_;
  bool peephole_;
};

}  // namespace

void RegisterRnnKernels(KernelRegistry& kernels) {
  ForTypes<half, float>([&]<typename T>() {
    const KernelConstraints type = {{"T", dtype_of<T>}};
    kernels.Add<LstmCell<T>>("LSTMBlockCell", kCpu, type);
    kernels.Add<LstmCellGrad<T>>("LSTMBlockCellGrad", kCpu, type);
    for (const char* op : {"BlockLSTM", "BlockLSTMV2"}) kernels.Add<LstmLayer<T>>(op, kCpu, type);
    for (const char* op : {"BlockLSTMGrad", "BlockLSTMGradV2"})
      kernels.Add<LstmLayerGrad<T>>(op, kCpu, type);
  });
  RegisterGruKernels(kernels);
}

}  // namespace weft
