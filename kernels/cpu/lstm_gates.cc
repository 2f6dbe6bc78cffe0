// SPDX-License-Identifier: Apache-2.0
// _LstmGates, _LstmGatesGrad: what the plan's pass src/runtime/fuse_lstm.cc makes of the single ops
// of an LSTM cell's gates.
//
//   _LstmGates      z [batch, 4 cell], c_prev, and a vector added to z if there is one
//                   -> sigmoid(i), tanh(j), sigmoid(f + forget_bias), sigmoid(o), c, tanh(c), h
//   _LstmGatesGrad  the first four of these, tanh(c), c_prev, dh, and dc if there is one
//                   -> dz [batch, 4 cell], dc_prev
#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "kernels/cpu/register.h"
#include "kernels/cpu/rnn.h"
#include "kernels/cpu/rnn_gates.h"
#include "kernels/cpu/rows.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// The array with this many rows and columns, as broadcasting repeats it.
absl::StatusOr<Array> Repeated(KernelContext& ctx, const Array& a, int64_t rows, int64_t columns) {
  const int64_t own_columns = a.rank() > 0 ? a.dim(a.rank() - 1) : 1;
  const int64_t own_rows = a.rank() > 1 ? a.dim(0) : 1;
  if (own_rows == rows && own_columns == columns && a.rank() == 2) return a;
  if (a.rank() > 2 || (own_rows != rows && own_rows != 1) ||
      (own_columns != columns && own_columns != 1)) {
    return ctx.InvalidArgument(StrCat("Incompatible shapes: ", Shape({rows, columns}).ToString(),
                                      " vs. ", a.shape().ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(Array whole, ctx.AllocateTemp(kFloat32, Shape({rows, columns})));
  const float* const from = a.data<float>();
  float* to = whole.mutable_data<float>();
  for (int64_t r = 0; r < rows; ++r, to += columns) {
    const float* const row = own_rows == 1 ? from : from + r * own_columns;
    if (own_columns == columns)
      std::copy(row, row + columns, to);
    else
      std::fill_n(to, columns, row[0]);
  }
  return whole;
}

class LstmGates final : public Kernel {
 public:
  explicit LstmGates(KernelConstruction& c) : forget_bias_(c.Attr<float>("forget_bias")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array &z = ctx.input(0), &c_prev = ctx.input(1);
    if (z.rank() != 2 || z.dim(1) % 4 != 0 || c_prev.rank() != 2) {
      return ctx.InvalidArgument(StrCat("gates of shape ", z.shape().ToString(), " and a state of ",
                                        c_prev.shape().ToString(), " don't make a cell"));
    }
    const int64_t gate_rows = z.dim(0), cell = z.dim(1) / 4;
    const int64_t state_rows = gate_rows == 1 ? c_prev.dim(0) : gate_rows;
    // Without a row of the state there may be one of gates.
    const int64_t rows = std::max(state_rows, gate_rows);
    WEFT_ASSIGN_OR_RETURN(const Array gates, Repeated(ctx, z, rows, 4 * cell));
    Array state;
    if (state_rows == rows) {
      WEFT_ASSIGN_OR_RETURN(state, Repeated(ctx, c_prev, rows, cell));
    } else {
      WEFT_ASSIGN_OR_RETURN(state, ctx.AllocateTemp(kFloat32, Shape({rows, cell})));
      std::fill_n(state.mutable_data<float>(), rows * cell, 0.0f);
    }
    Array bias;
    if (ctx.num_inputs() > 2) {
      bias = ctx.input(2);
      if (bias.rank() != 1 || bias.dim(0) != 4 * cell) {
        return ctx.InvalidArgument(StrCat("Incompatible shapes: ", z.shape().ToString(), " vs. ",
                                          bias.shape().ToString()));
      }
    } else {
      WEFT_ASSIGN_OR_RETURN(bias, ctx.AllocateTemp(kFloat32, Shape({4 * cell})));
      std::fill_n(bias.mutable_data<float>(), 4 * cell, 0.0f);
    }
    cpu::LstmStep step;
    step.cell = cell;
    step.order = cpu::kIcfo;
    step.gates = gates.data<float>();
    step.bias = bias.data<float>();
    step.cs_prev = state.data<float>();
    step.forget_bias = forget_bias_;
    // In the order of the outputs; the gates have as many rows as z.
    float** const targets[] = {&step.i, &step.ci, &step.f, &step.o, &step.cs, &step.co, &step.h};
    std::vector<std::pair<Array*, Array>> parts;  // outputs of fewer rows, and all of their rows
    for (int k = 0; k < 7; ++k) {
      const int64_t own = k < 4 ? gate_rows : state_rows;
      WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(k, Shape({own, cell})));
      *targets[k] = out->mutable_data<float>();
      if (own == rows) continue;
      WEFT_ASSIGN_OR_RETURN(Array all, ctx.AllocateTemp(kFloat32, Shape({rows, cell})));
      *targets[k] = all.mutable_data<float>();
      parts.emplace_back(out, std::move(all));
    }
    ctx.ParallelFor(rows, cpu::kForwardCost * static_cast<double>(cell),
                    [&](int64_t begin, int64_t end) { cpu::LstmStepRows(step, begin, end); });
    for (auto& [out, all] : parts) {
      if (out->num_bytes() > 0) std::memcpy(out->raw_data(), all.raw_data(), out->num_bytes());
    }
    return absl::OkStatus();
  }

  bool works_by_rows() const override { return true; }
  RowUse DivideRows(const KernelContext& ctx, int64_t) const override {
    const Array &z = ctx.input(0), &c_prev = ctx.input(1);
    if (c_prev.rank() != 2 || c_prev.dim(0) != z.dim(0)) return {};
    return {.split = cpu::SplitFirst(ctx, 2),
            .row_ns = cpu::kForwardCost * static_cast<double>(z.dim(1) / 4)};
  }

 private:
  float forget_bias_;
};

absl::Status LstmGatesGrad(KernelContext& ctx) {
  const Shape& shape = ctx.input(0).shape();
  if (shape.rank() != 2)
    return ctx.InvalidArgument("gates must be matrices, not of shape " + shape.ToString());
  const int64_t rows = shape.dim(0), cell = shape.dim(1);
  constexpr int kInputs = 8;
  const float* in[kInputs];
  Array made[kInputs];  // of those that are repeated, or missing
  for (int k = 0; k < kInputs; ++k) {
    if (k < ctx.num_inputs() && ctx.input(k).shape() == shape) {
      in[k] = ctx.input(k).data<float>();
      continue;
    }
    if (k < ctx.num_inputs()) {
      WEFT_ASSIGN_OR_RETURN(made[k], Repeated(ctx, ctx.input(k), rows, cell));
    } else {
      WEFT_ASSIGN_OR_RETURN(made[k], ctx.AllocateTemp(kFloat32, shape));
      std::fill_n(made[k].mutable_data<float>(), rows * cell, 0.0f);
    }
    in[k] = made[k].data<float>();
  }
  WEFT_ASSIGN_OR_RETURN(Array * dz, ctx.AllocateOutput(0, Shape({rows, 4 * cell})));
  WEFT_ASSIGN_OR_RETURN(Array * dc_prev, ctx.AllocateOutput(1, shape));
  cpu::LstmStepGrad step;
  step.cell = cell;
  step.order = cpu::kIcfo;
  step.i = in[0];
  step.ci = in[1];
  step.f = in[2];
  step.o = in[3];
  step.co = in[4];
  step.cs_prev = in[5];
  step.h_grad = in[6];
  step.cs_grad = in[7];
  step.dgates = dz->mutable_data<float>();
  step.cs_prev_grad = dc_prev->mutable_data<float>();
  ctx.ParallelFor(rows, cpu::kBackwardCost * static_cast<double>(cell),
                  [&](int64_t begin, int64_t end) { cpu::LstmStepGradRows(step, begin, end); });
  return absl::OkStatus();
}

RowUse LstmGatesGradRows(const KernelContext& ctx, int64_t) {
  return cpu::BroadcastRows(ctx, cpu::kBackwardCost);
}

}  // namespace

void RegisterLstmGatesKernels(KernelRegistry& kernels) {
  kernels.Add<LstmGates>("_LstmGates", kCpu, {{"T", kFloat32}});
  kernels.Add("_LstmGatesGrad", kCpu, {{"T", kFloat32}}, LstmGatesGrad,
              {.rows = LstmGatesGradRows});
}

}  // namespace weft
