// SPDX-License-Identifier: Apache-2.0
// The GRU cell of one step and its gradient: products of both gates at once, their functions in
// vectorised passes (rnn_gates.h).
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/rnn.h"
#include "kernels/cpu/rnn_gates.h"

namespace weft {
namespace {

struct Sizes {
  int64_t batch = 0, input = 0, cell = 0;
};

// Inputs 0 to 5: x, h_prev, w_ru, w_c, b_ru, b_c.
absl::Status CheckCell(KernelContext& ctx, Sizes* sizes) {
  WEFT_RETURN_IF_ERROR(cpu::CheckRank(ctx, 0, "x", 2));
  WEFT_RETURN_IF_ERROR(cpu::CheckRank(ctx, 1, "h_prev", 2));
  const int64_t batch = sizes->batch = ctx.input(0).dim(0);
  const int64_t input = sizes->input = ctx.input(0).dim(1);
  const int64_t cell = sizes->cell = ctx.input(1).dim(1);
  WEFT_RETURN_IF_ERROR(cpu::CheckSizes(ctx, 1, "h_prev", {batch, cell}));
  WEFT_RETURN_IF_ERROR(cpu::CheckSizes(ctx, 5, "b_c", {cell}));
  WEFT_RETURN_IF_ERROR(cpu::CheckSizes(ctx, 4, "b_ru", {2 * cell}));
  WEFT_RETURN_IF_ERROR(cpu::CheckSizes(ctx, 2, "w_ru", {input + cell, 2 * cell}));
  return cpu::CheckSizes(ctx, 3, "w_c", {input + cell, cell});
}

void ForRows(KernelContext& ctx, const Sizes& sizes, double cost,
             absl::FunctionRef<void(int64_t, int64_t)> rows) {
  ctx.ParallelFor(sizes.batch, cost * static_cast<double>(sizes.cell), rows);
}

absl::Status GruCell(KernelContext& ctx) {
  Sizes sizes;
  WEFT_RETURN_IF_ERROR(CheckCell(ctx, &sizes));
  const auto [batch, input, cell] = sizes;
  cpu::FloatInputs<float> in;
  WEFT_RETURN_IF_ERROR(in.Read(ctx, 0, 6));
  cpu::FloatOutputs<float> outputs(ctx);
  cpu::GruStep step;
  for (float** to : {&step.r, &step.u, &step.c, &step.h}) {
    WEFT_ASSIGN_OR_RETURN(*to, outputs.Add({batch, cell}));
  }
  WEFT_ASSIGN_OR_RETURN(Array ru, cpu::FloatTemp(ctx, {batch, 2 * cell}));
  WEFT_ASSIGN_OR_RETURN(Array hr, cpu::FloatTemp(ctx, {batch, cell}));
  WEFT_ASSIGN_OR_RETURN(Array gate_c, cpu::FloatTemp(ctx, {batch, cell}));
  const float *const x = in[0], *const w_ru = in[2], *const w_c = in[3];
  const int threads = ctx.num_threads();
  const int64_t two = 2 * cell;
  float *const g = ru.mutable_data<float>(), *const gc = gate_c.mutable_data<float>();
  step.cell = cell;
  step.h_prev = in[1];
  step.ru = g;
  step.bias_ru = in[4];
  step.gate_c = gc;
  step.bias_c = in[5];
  step.hr = hr.mutable_data<float>();

  cpu::Gemm(false, false, batch, two, input, x, input, w_ru, two, g, two, threads);
  cpu::Gemm(false, false, batch, two, cell, step.h_prev, cell, w_ru + input * two, two, g, two,
            threads, /*accumulate=*/true);
  ForRows(ctx, sizes, cpu::kForwardCost / 2,
          [&](int64_t begin, int64_t end) { cpu::GruGateRows(step, begin, end); });
  cpu::Gemm(false, false, batch, cell, input, x, input, w_c, cell, gc, cell, threads);
  cpu::Gemm(false, false, batch, cell, cell, step.hr, cell, w_c + input * cell, cell, gc, cell,
            threads, /*accumulate=*/true);
  ForRows(ctx, sizes, cpu::kForwardCost / 2,
          [&](int64_t begin, int64_t end) { cpu::GruOutputRows(step, begin, end); });
  outputs.Finish();
  return absl::OkStatus();
}

// Inputs 6 to 9 besides: r, u, c, d_h. Outputs: d_x, d_h_prev, d_c_bar, d_r_bar_u_bar.
absl::Status GruCellGrad(KernelContext& ctx) {
  Sizes sizes;
  WEFT_RETURN_IF_ERROR(CheckCell(ctx, &sizes));
  const auto [batch, input, cell] = sizes;
  static constexpr const char* kNames[] = {"r", "u", "c", "d_h"};
  for (int i = 0; i < 4; ++i) {
    WEFT_RETURN_IF_ERROR(cpu::CheckSizes(ctx, 6 + i, kNames[i], {batch, cell}));
  }
  cpu::FloatInputs<float> in;
  WEFT_RETURN_IF_ERROR(in.Read(ctx, 0, 10));
  cpu::FloatOutputs<float> outputs(ctx);
  cpu::GruStepGrad step;
  const int64_t two = 2 * cell;
  WEFT_ASSIGN_OR_RETURN(float* const dx, outputs.Add({batch, input}));
  WEFT_ASSIGN_OR_RETURN(step.dh_prev, outputs.Add({batch, cell}));
  WEFT_ASSIGN_OR_RETURN(step.dc, outputs.Add({batch, cell}));
  WEFT_ASSIGN_OR_RETURN(step.dru, outputs.Add({batch, two}));
  WEFT_ASSIGN_OR_RETURN(Array dhr, cpu::FloatTemp(ctx, {batch, cell}));
  float* const dhr_data = dhr.mutable_data<float>();
  const float *const w_ru = in[2], *const w_c = in[3];
  const int threads = ctx.num_threads();
  step.cell = cell;
  step.h_prev = in[1];
  step.r = in[6], step.u = in[7], step.c = in[8], step.dh = in[9];
  step.dhr = dhr_data;

  ForRows(ctx, sizes, cpu::kBackwardCost,
          [&](int64_t begin, int64_t end) { cpu::GruGradOutputRows(step, begin, end); });
  cpu::Gemm(false, true, batch, cell, cell, step.dc, cell, w_c + input * cell, cell, dhr_data, cell,
            threads);
  ForRows(ctx, sizes, cpu::kBackwardCost,
          [&](int64_t begin, int64_t end) { cpu::GruGradResetRows(step, begin, end); });
  cpu::Gemm(false, true, batch, input, cell, step.dc, cell, w_c, cell, dx, input, threads);
  cpu::Gemm(false, true, batch, input, two, step.dru, two, w_ru, two, dx, input, threads,
            /*accumulate=*/true);
  cpu::Gemm(false, true, batch, cell, two, step.dru, two, w_ru + input * two, two, step.dh_prev,
            cell, threads);
  ForRows(ctx, sizes, cpu::kBackwardCost,
          [&](int64_t begin, int64_t end) { cpu::GruGradStateRows(step, begin, end); });
  outputs.Finish();
  return absl::OkStatus();
}

}  // namespace

void RegisterGruKernels(KernelRegistry& kernels) {
  kernels.Add("GRUBlockCell", kCpu, {{"T", kFloat32}}, GruCell);
  kernels.Add("GRUBlockCellGrad", kCpu, {{"T", kFloat32}}, GruCellGrad);
}

}  // namespace weft
