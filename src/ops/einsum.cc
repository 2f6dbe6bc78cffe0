// SPDX-License-Identifier: Apache-2.0
// Einsum: schema, shapes and gradient.   kernels: kernels/cpu/einsum.cc   test:
// tests/ops/einsum_test.cc
#include <algorithm>
#include <string>

#include "src/core/einsum.h"
#include "src/core/strings.h"
#include "weft/core/status_macros.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

absl::Status EinsumShapeFn(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const EinsumEquation equation,
                        EinsumEquation::Parse(c.Attr<std::string>("equation")));
  std::vector<PartialShape> inputs;
  for (int i = 0; i < c.num_inputs(); ++i) inputs.push_back(c.input(i));
  WEFT_ASSIGN_OR_RETURN(PartialShape output, EinsumShape(equation, inputs));
  c.set_output(0, std::move(output));
  return absl::OkStatus();
}

bool Has(const std::string& subscript, char label) {
  return subscript.find(label) != std::string::npos;
}

bool HasRepeats(const std::string& subscript) {
  return std::any_of(subscript.begin(), subscript.end(), [&](char label) {
    return std::count(subscript.begin(), subscript.end(), label) > 1;
  });
}

Tensor Contract(NodeAdder& g, const std::vector<Tensor>& operands,
                const std::vector<std::string>& inputs, const std::string& output) {
  std::string equation;
  for (size_t i = 0; i < inputs.size(); ++i)
    equation += (i > 0 ? "," : "") + WrittenSubscript(inputs[i]);
  return g.Op("Einsum", operands,
              {{"equation", equation + "->" + WrittenSubscript(output)},
               {"N", static_cast<int64_t>(operands.size())}});
}

// The axis of a label's first place in `subscript`, counted from the end if it comes after the
// ellipsis.
int AxisOf(const std::string& subscript, char label) {
  const size_t at = subscript.find(label), ellipsis = subscript.find(kEllipsis);
  const int axis = static_cast<int>(at);
  return ellipsis != std::string::npos && ellipsis < at ? axis - static_cast<int>(subscript.size())
                                                        : axis;
}

// v[begin:end] of a vector; an end of 0 is the vector's end.
Tensor Slice(NodeAdder& g, Tensor v, int begin, int end) {
  return g.Op(
      "StridedSlice",
      {v, g.ConstInts({begin}, "strided_slice/stack"), g.ConstInts({end}, "strided_slice/stack_1"),
       g.ConstInts({1}, "strided_slice/stack_2")},
      {{"end_mask", end == 0 ? 1 : 0}}, "strided_slice");
}

Tensor ExpandDims(NodeAdder& g, Tensor t, int axis) {
  return g.Op("ExpandDims", {t, g.ConstInt(axis, "ExpandDims/dim")});
}

// The gradient of a sum over labels: from that of the result, "ac", to that of the operand, "abc"
// of shape `sizes`. `reduced` holds the labels that are summed.
Tensor Unreduce(NodeAdder& g, Tensor dy, const std::string& output, const std::string& input,
                Tensor sizes, const std::string& reduced) {
  std::string kept;
  for (char label : input) {
    if (!Has(reduced, label)) kept += label;
  }
  if (kept == output && !HasRepeats(input)) {
    // Nothing is transposed: dimensions of size 1 stand where the sums were, and are repeated. Axes
    // before the ellipsis are put in from the left, those after it, which count from the end, from
    // the right.
    std::vector<int> axes;
    for (char label : reduced) axes.push_back(AxisOf(input, label));
    std::sort(axes.begin(), axes.end());
    const auto first = std::lower_bound(axes.begin(), axes.end(), 0);
    for (auto it = first; it != axes.end(); ++it) dy = ExpandDims(g, dy, *it);
    for (auto it = first; it != axes.begin();) dy = ExpandDims(g, dy, *--it);
    return g.Op("BroadcastTo", {dy, sizes});
  }
  // The sums' dimensions are put first and repeated; another contraction moves them to their
  // places.
  std::vector<Tensor> parts;
  for (char label : reduced) {
    const int axis = AxisOf(input, label);
    parts.push_back(Slice(g, sizes, axis, axis + 1));
  }
  parts.push_back(g.Shape(dy));
  const int64_t n = static_cast<int64_t>(parts.size());
  parts.push_back(g.ConstInt(0, "concat/axis"));
  const Tensor spread_sizes = g.Op("ConcatV2", parts, {{"N", n}}, "concat");
  for (size_t i = 0; i < reduced.size(); ++i) dy = ExpandDims(g, dy, 0);
  return Contract(g, {g.Op("BroadcastTo", {dy, spread_sizes})}, {reduced + output}, input);
}

// Labels (no ellipsis) of `input` that none of `others` has, each once.
std::string OwnLabels(const std::string& input, const std::string& others) {
  std::string own;
  for (char label : input) {
    if (label != kEllipsis && !Has(others, label) && !Has(own, label)) own += label;
  }
  return own;
}

// The gradient of one of two operands, as large as if the ellipses had been broadcast: the
// contraction of dy with the other operand, and then what undoes the sums over the operand's own
// labels.
Tensor OperandGradient(NodeAdder& g, Tensor dy, Tensor other, Tensor sizes,
                       const std::string& input, const std::string& other_subscript,
                       const std::string& output) {
  const std::string reduced = OwnLabels(input, output + other_subscript);
  std::string left;
  for (char label : input) {
    if (!Has(reduced, label)) left += label;
  }
  const Tensor partial = Contract(g, {dy, other}, {output, other_subscript}, left);
  return reduced.empty() ? partial : Unreduce(g, partial, left, input, sizes, reduced);
}

void UnaryGradient(GradientContext& g, const EinsumEquation& equation) {
  const std::string& input = equation.inputs[0];
  const std::string reduced = OwnLabels(input, equation.output);
  if (reduced.empty()) {
    g.SetDx(0, Contract(g, {g.dy(0)}, {equation.output}, input));
  } else {
    g.SetDx(0, Unreduce(g, g.dy(0), equation.output, input, g.Shape(g.input(0)), reduced));
  }
}

// Where an ellipsis begins, and where it ends counted from the end (0: it is last).
struct Span {
  int begin, end;
};
Span EllipsisSpan(const std::string& subscript) {
  const int begin = static_cast<int>(subscript.find(kEllipsis));
  return {begin, begin + 1 - static_cast<int>(subscript.size())};
}

bool SameEllipsisShape(const PartialShape& x, Span sx, const PartialShape& y, Span sy) {
  if (!x.IsFullyKnown() || !y.IsFullyKnown()) return false;
  const auto part = [](const PartialShape& s, Span span) {
    return s.dims().subspan(static_cast<size_t>(span.begin),
                            static_cast<size_t>(s.rank() + span.end - span.begin));
  };
  const auto a = part(x, sx), b = part(y, sy);
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

void BinaryGradient(GradientContext& g, const EinsumEquation& equation) {
  std::string x_subscript = equation.inputs[0], y_subscript = equation.inputs[1];
  const bool has_ellipsis = Has(equation.output, kEllipsis);
  if (has_ellipsis) {
    // An operand without one has an empty one: its gradient needs it.
    if (!Has(x_subscript, kEllipsis)) x_subscript += kEllipsis;
    if (!Has(y_subscript, kEllipsis)) y_subscript += kEllipsis;
  }
  const Tensor x = g.Conj(g.input(0)), y = g.Conj(g.input(1)), dy = g.dy(0);
  const Tensor x_sizes = g.Shape(x), y_sizes = g.Shape(y);
  const Tensor dx = OperandGradient(g, dy, y, x_sizes, x_subscript, y_subscript, equation.output);
  const Tensor dw = OperandGradient(g, dy, x, y_sizes, y_subscript, x_subscript, equation.output);
  if (!g.ok()) return;
  const Span sx = has_ellipsis ? EllipsisSpan(x_subscript) : Span{0, 0},
             sy = has_ellipsis ? EllipsisSpan(y_subscript) : Span{0, 0};
  if (!has_ellipsis || SameEllipsisShape(x.shape(), sx, y.shape(), sy)) {
    g.SetDx(0, dx);
    g.SetDx(1, dw);
    return;
  }
  const std::vector<Tensor> axes =
      g.Ops("BroadcastGradientArgs",
            {Slice(g, x_sizes, sx.begin, sx.end), Slice(g, y_sizes, sy.begin, sy.end)});
  if (!g.ok()) return;
  g.SetDx(0, g.Reshape(g.Sum(dx, g.Add(g.ConstInt(sx.begin, "add/x"), axes[0])), x_sizes));
  g.SetDx(1, g.Reshape(g.Sum(dw, g.Add(g.ConstInt(sy.begin, "add/x"), axes[1])), y_sizes));
}

// For real operands the map to the result is linear in each: its transpose is a contraction with
// the labels of that operand as the result. Complex operands are conjugated.
void EinsumGradient(GradientContext& g) {
  const absl::StatusOr<EinsumEquation> equation =
      EinsumEquation::Parse(g.Attr<std::string>("equation"));
  if (!equation.ok()) return g.Fail(equation.status());
  if (equation->inputs.size() == 1) return UnaryGradient(g, *equation);
  BinaryGradient(g, *equation);
}

}  // namespace

void RegisterEinsumOp(OpRegistry& ops) {
  ops.Add("Einsum")
      .Summary("Einstein's summation over one or two operands, by an equation as \"ij,jk->ik\".")
      .Input("inputs: N * T")
      .Output("output: T")
      .Attr("equation: string")
      .Attr("N: int >= 1")
      .Attr("T: type")
      .Shape(EinsumShapeFn)
      .Gradient(EinsumGradient);
}

}  // namespace weft
