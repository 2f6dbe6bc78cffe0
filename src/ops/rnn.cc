// SPDX-License-Identifier: Apache-2.0
// Cells of recurrent networks as one op each, and LSTM layers over all steps.
// kernels: kernels/cpu/rnn_lstm.cc, rnn_gru.cc   test: tests/ops/rnn_test.cc
#include <string>

#include "src/core/strings.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

absl::Status CellShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape x, c.InputWithRank(0, 2));
  WEFT_ASSIGN_OR_RETURN(const PartialShape state, c.InputWithRank(1, 2));
  for (int o = 0; o < c.num_outputs(); ++o)
    c.set_output(o, PartialShape::Matrix(x.dim(0), state.dim(1)));
  return absl::OkStatus();
}

absl::Status LstmCellGradShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape x, c.InputWithRank(0, 2));
  WEFT_ASSIGN_OR_RETURN(const PartialShape state, c.InputWithRank(1, 2));
  const int64_t cell = state.dim(1);
  WEFT_ASSIGN_OR_RETURN(const int64_t gates, shape::MulDims(cell, 4));
  c.set_output(0, PartialShape::Matrix(x.dim(0), cell));
  c.set_output(1, PartialShape::Matrix(x.dim(0), gates));
  for (int o = 2; o < 5; ++o) c.set_output(o, PartialShape::Vector(cell));
  return absl::OkStatus();
}

absl::Status GruCellGradShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape x, c.InputWithRank(0, 2));
  WEFT_ASSIGN_OR_RETURN(const PartialShape state, c.InputWithRank(1, 2));
  WEFT_ASSIGN_OR_RETURN(const PartialShape w_ru, c.InputWithRank(2, 2));
  c.set_output(0, x);
  for (int o = 1; o < 3; ++o) c.set_output(o, PartialShape::Matrix(x.dim(0), state.dim(1)));
  c.set_output(3, PartialShape::Matrix(x.dim(0), w_ru.dim(1)));
  return absl::OkStatus();
}

absl::Status LayerShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape x, c.InputWithRank(1, 3));
  WEFT_ASSIGN_OR_RETURN(const PartialShape b, c.InputWithRank(c.num_inputs() - 1, 1));
  const int64_t gates = b.dim(0);
  if (gates != kUnknownDim && gates % 4 != 0) {
    return absl::InvalidArgumentError(
        StrCat("Dimension size must be evenly divisible by 4 but is ", gates));
  }
  const int64_t cell = gates == kUnknownDim ? kUnknownDim : gates / 4;
  for (int o = 0; o < c.num_outputs(); ++o)
    c.set_output(o, PartialShape({x.dim(0), x.dim(1), cell}));
  return absl::OkStatus();
}

// The gradients of inputs 1 to 8 have their shapes.
absl::Status LayerGradShape(ShapeContext& c) {
  constexpr int kRanks[] = {3, 2, 2, 2, 1, 1, 1, 1};
  for (int o = 0; o < c.num_outputs(); ++o) {
    WEFT_ASSIGN_OR_RETURN(PartialShape s, c.InputWithRank(1 + o, kRanks[o]));
    c.set_output(o, std::move(s));
  }
  return absl::OkStatus();
}

std::vector<Tensor> InputsAnd(GradientContext& g, std::initializer_list<Tensor> more) {
  std::vector<Tensor> all = g.op().inputs();
  all.insert(all.end(), more);
  return all;
}

// The columns [0, width of x) and those after, of the gradient of [x, h_prev].
void SplitInputs(GradientContext& g, Tensor both, int x, int h_prev) {
  const Tensor zeros = g.ConstInts({0, 0}, "Slice/begin");
  g.SetDx(x, g.Op("Slice", {both, zeros, g.Shape(g.input(x))}));
  const Tensor behind_x = g.Mul(g.Shape(g.input(x)), g.ConstInts({0, 1}, "mul/y"));
  g.SetDx(h_prev, g.Op("Slice", {both, behind_x, g.Shape(g.input(h_prev))}));
}

Tensor JoinColumns(GradientContext& g, Tensor a, Tensor b) {
  return g.Op("ConcatV2", {a, b, g.ConstInt(1, "concat/axis")}, {}, "concat");
}

Tensor TransposedProduct(GradientContext& g, Tensor a, Tensor b) {
  return g.Op("MatMul", {a, b}, {{"transpose_a", true}});
}

// Gradients flow into cs and h alone, as in TensorFlow: the other outputs are there for this rule.
void LstmCellGradient(GradientContext& g) {
  const Tensor x = g.input(0), h_prev = g.input(2), w = g.input(3);
  const Operation op = g.op();
  // i, cs, f, o, ci, co; not h.
  const std::vector<Tensor> made =
      g.Ops("LSTMBlockCellGrad",
            InputsAnd(g, {op.output(0), op.output(1), op.output(2), op.output(3), op.output(4),
                          op.output(5), g.dy(1), g.dy(6)}),
            {{"use_peephole", g.attr("use_peephole")}});
  if (!g.ok()) return;
  g.SetDx(1, made[0]);
  const Tensor d_gates = made[1];
  SplitInputs(g, g.Op("MatMul", {d_gates, w}, {{"transpose_b", true}}), 0, 2);
  g.SetDx(3, TransposedProduct(g, JoinColumns(g, x, h_prev), d_gates));
  for (int i = 0; i < 3; ++i) g.SetDx(4 + i, made[static_cast<size_t>(2 + i)]);
  g.SetDx(7, g.Op("BiasAddGrad", {d_gates}));
}

// Gradients flow into h alone.
void GruCellGradient(GradientContext& g) {
  const Tensor x = g.input(0), h_prev = g.input(1), r = g.output(0);
  const std::vector<Tensor> made =
      g.Ops("GRUBlockCellGrad", InputsAnd(g, {r, g.output(1), g.output(2), g.dy(3)}));
  if (!g.ok()) return;
  g.SetDx(0, made[0]);
  g.SetDx(1, made[1]);
  const Tensor d_c = made[2], d_ru = made[3];
  g.SetDx(2, TransposedProduct(g, JoinColumns(g, x, h_prev), d_ru));
  g.SetDx(3, TransposedProduct(g, JoinColumns(g, x, g.Mul(h_prev, r)), d_c));
  g.SetDx(4, g.Op("BiasAddGrad", {d_ru}));
  g.SetDx(5, g.Op("BiasAddGrad", {d_c}));
}

// Gradients flow into cs and h alone.
void LayerGradient(GradientContext& g) {
  const Operation op = g.op();
  std::vector<Tensor> inputs = op.inputs();
  for (const Tensor& y : op.outputs()) inputs.push_back(y);
  inputs.push_back(g.dy(1));
  inputs.push_back(g.dy(6));
  const std::string type = op.type() == "BlockLSTM" ? "BlockLSTMGrad" : "BlockLSTMGradV2";
  const std::vector<Tensor> made = g.Ops(type, inputs, {{"use_peephole", g.attr("use_peephole")}});
  if (!g.ok()) return;
  for (int i = 0; i < 8; ++i) g.SetDx(1 + i, made[static_cast<size_t>(i)]);
}

OpDefBuilder&& LstmOperands(OpDefBuilder&& op) {
  return std::move(op)
      .Input("x: T")
      .Input("cs_prev: T")
      .Input("h_prev: T")
      .Input("w: T")
      .Input("wci: T")
      .Input("wcf: T")
      .Input("wco: T")
      .Input("b: T");
}

OpDefBuilder&& LstmOutputs(OpDefBuilder&& op) {
  return std::move(op)
      .Output("i: T")
      .Output("cs: T")
      .Output("f: T")
      .Output("o: T")
      .Output("ci: T")
      .Output("co: T")
      .Output("h: T");
}

void RegisterLstmCells(OpRegistry& ops) {
  ops.Add("LSTMBlockCell")
      .Summary(
          "One step of an LSTM with all of its gates; w and b hold input gate, new input, forget "
          "gate, output gate. Beside the state cs and the output h: the gates.")
      .Apply(LstmOperands)
      .Apply(LstmOutputs)
      .Attr("forget_bias: float = 1.0")
      .Attr("cell_clip: float = 3.0")
      .Attr("use_peephole: bool = false")
      .Attr("T: {half, float}")
      .Shape(CellShape)
      .Gradient(LstmCellGradient);
  ops.Add("LSTMBlockCellGrad")
      .Summary(
          "Gradients of LSTMBlockCell: of cs_prev, the gates before their functions, peepholes.")
      .Apply(LstmOperands)
      .Input("i: T")
      .Input("cs: T")
      .Input("f: T")
      .Input("o: T")
      .Input("ci: T")
      .Input("co: T")
      .Input("cs_grad: T")
      .Input("h_grad: T")
      .Output("cs_prev_grad: T")
      .Output("dicfo: T")
      .Output("wci_grad: T")
      .Output("wcf_grad: T")
      .Output("wco_grad: T")
      .Attr("use_peephole: bool")
      .Attr("T: {half, float}")
      .Shape(LstmCellGradShape);
}

void RegisterGruCells(OpRegistry& ops) {
  const auto operands = [](OpDefBuilder&& op) -> OpDefBuilder&& {
    return std::move(op)
        .Attr("T: {float}")
        .Input("x: T")
        .Input("h_prev: T")
        .Input("w_ru: T")
        .Input("w_c: T")
        .Input("b_ru: T")
        .Input("b_c: T");
  };
  ops.Add("GRUBlockCell")
      .Summary("One step of a GRU: reset and update gate, new value, output.")
      .Apply(operands)
      .Output("r: T")
      .Output("u: T")
      .Output("c: T")
      .Output("h: T")
      .Shape(CellShape)
      .Gradient(GruCellGradient);
  ops.Add("GRUBlockCellGrad")
      .Summary("Gradients of GRUBlockCell: of x, h_prev, and of the gates before their functions.")
      .Apply(operands)
      .Input("r: T")
      .Input("u: T")
      .Input("c: T")
      .Input("d_h: T")
      .Output("d_x: T")
      .Output("d_h_prev: T")
      .Output("d_c_bar: T")
      .Output("d_r_bar_u_bar: T")
      .Shape(GruCellGradShape);
}

// The second version has the gates in another order, and no forget bias of its own.
void RegisterLstmLayers(OpRegistry& ops, bool second) {
  const std::string suffix = second ? "V2" : "";
  const auto attrs = [second](OpDefBuilder&& op) -> OpDefBuilder&& {
    if (second) return std::move(op).Attr("cell_clip: float = 0.0");
    return std::move(op).Attr("forget_bias: float = 1.0").Attr("cell_clip: float = 3.0");
  };
  ops.Add("BlockLSTM" + suffix)
      .Summary(
          "An LSTM over the first seq_len_max steps of x [time, batch, input]; zeros after them.")
      .Input("seq_len_max: int64")
      .Apply(LstmOperands)
      .Apply(LstmOutputs)
      .Apply(attrs)
      .Attr("use_peephole: bool = false")
      .Attr("T: {half, float}")
      .Shape(LayerShape)
      .Gradient(LayerGradient);
  ops.Add("BlockLSTMGrad" + suffix)
      .Summary("Gradients of a whole LSTM layer, from the last step to the first.")
      .Input("seq_len_max: int64")
      .Apply(LstmOperands)
      .Input("i: T")
      .Input("cs: T")
      .Input("f: T")
      .Input("o: T")
      .Input("ci: T")
      .Input("co: T")
      .Input("h: T")
      .Input("cs_grad: T")
      .Input("h_grad: T")
      .Output("x_grad: T")
      .Output("cs_prev_grad: T")
      .Output("h_prev_grad: T")
      .Output("w_grad: T")
      .Output("wci_grad: T")
      .Output("wcf_grad: T")
      .Output("wco_grad: T")
      .Output("b_grad: T")
      .Attr("use_peephole: bool")
      .Attr("T: {half, float}")
      .Shape(LayerGradShape);
}

}  // namespace

void RegisterRnnOps(OpRegistry& ops) {
  RegisterLstmCells(ops);
  RegisterGruCells(ops);
  RegisterLstmLayers(ops, /*second=*/false);
  RegisterLstmLayers(ops, /*second=*/true);
}

}  // namespace weft
