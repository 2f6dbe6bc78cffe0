// SPDX-License-Identifier: Apache-2.0
#include "tests/gradients/gradient_table.h"
#include "weft/ops/control_flow.h"
#include "weft/ops/logical.h"
#include "weft/ops/math_binary.h"
#include "weft/ops/tensor_array.h"

namespace weft {
namespace {

// What comes through of x squared or of its exponential.
std::vector<Tensor> OneOfTwo(const std::vector<Tensor>& x, bool choice) {
  const Operation sides = N("Switch", {x[0], ConstantOf(Bool(choice))}).op();
  const Tensor merged = N("Merge", {N("Square", {sides.output(0)}), N("Exp", {sides.output(1)})});
  return {merged};
}

// x^3, by a loop.
std::vector<Tensor> Cubed(const std::vector<Tensor>& x) {
  return {WhileLoop([](const std::vector<Tensor>& v) { return Less(v[0], 2); },
                    [&](const std::vector<Tensor>& v) {
                      return std::vector<Tensor>{Add(v[0], 1), Multiply(v[1], x[0])};
                    },
                    {0, x[0]})[1]};
}

// As in TensorFlow, the gradients of loops and of lists have no gradients themselves: both are
// refused, which tests/ops/control_flow_test.cc looks at.
GradientTable LoopsAndLists() {
  GradientTable table;
  for (const char* op : {"Enter", "Exit", "NextIteration"}) {
    table.push_back(CheckWithin(op, Cubed, {Drawn(-1, 1, {3})}, FirstOrderOnly()));
    table.push_back(NotChecked(std::string("Ref") + op, "the same rule, for references"));
  }
  const auto by_element = [](const std::vector<Tensor>& x) {
    const TensorArray list = TensorArray(kFloat64, 1).Write(0, Multiply(x[0], x[0]));
    return std::vector<Tensor>{Multiply(list.Read(0), 3)};
  };
  const auto by_row = [](const std::vector<Tensor>& x) {
    const Tensor rows = TensorArray(kFloat64, 3).Unstack(x[0]).Gather({2, 0});
    return std::vector<Tensor>{Multiply(rows, rows)};
  };
  const auto by_piece = [](const std::vector<Tensor>& x) {
    const TensorArray list =
        TensorArray(kFloat64, 2, {.infer_shape = false}).Split(x[0], ConstantOf(I64({1, 2})));
    const Tensor all = list.Concat();
    return std::vector<Tensor>{Multiply(all, all)};
  };
  table.push_back(CheckWithin("TensorArrayReadV3", by_element, {Drawn(-1, 1, {2})}, FirstOrderOnly()));
  table.push_back(CheckWithin("TensorArrayWriteV3", by_element, {Drawn(-1, 1, {2})}, FirstOrderOnly()));
  table.push_back(CheckWithin("TensorArrayGatherV3", by_row, {Drawn(-1, 1, {3, 2})}, FirstOrderOnly()));
  table.push_back(CheckWithin("TensorArrayScatterV3", by_row, {Drawn(-1, 1, {3, 2})}, FirstOrderOnly()));
  table.push_back(CheckWithin("TensorArrayConcatV3", by_piece, {Drawn(-1, 1, {3, 2})}, FirstOrderOnly()));
  table.push_back(CheckWithin("TensorArraySplitV3", by_piece, {Drawn(-1, 1, {3, 2})}, FirstOrderOnly()));
  return table;
}

GradientTable SwitchesAndMerges() {
  GradientTable table;
  for (const bool choice : {false, true}) {
    for (const char* op : {"Switch", "Merge"}) {
      table.push_back(CheckWithin(
          op, [choice](const std::vector<Tensor>& x) { return OneOfTwo(x, choice); }, {{2, 3}}));
    }
  }
  for (const char* op : {"RefSwitch", "RefMerge", "RefSelect"})
    table.push_back(NotChecked(op, "the rule is that of the form without references"));
  for (const char* op :
       {"Enter", "Exit", "NextIteration", "LoopCond", "RefEnter", "RefExit", "RefNextIteration"})
    table.push_back(NotChecked(op, "a part of a loop; conformance cases differentiate whole ones"));
  return table;
}

GradientTable Variables() {
  const Array rows = I32({2, 0, 2});
  return {
      Check("ReadVariableOp", {{2, 3}}, {}, {{"dtype", kFloat64}}),
      Check("ResourceGather", {{3, 2}, rows}, FirstOrderOnly(), {{"dtype", kFloat64}}),
      Check("ResourceGatherNd", {{3, 2}, I32({{2, 1}, {0, 0}})}, FirstOrderOnly(),
            {{"dtype", kFloat64}}),
      NotChecked("RefIdentity", "the rule is that of Identity"),
  };
}

GradientTable Draws() {
  const char* const reason =
      "the gradient is that of the quantile of the distribution, which differences between draws "
      "do not give";
  return {
      NotChecked("RandomGamma", reason),
      NotChecked("StatelessParameterizedTruncatedNormal", reason),
      NotChecked("StatelessRandomGammaV2", reason),
      NotChecked("StatelessRandomGammaV3", reason),
  };
}

GradientTable Rest() {
  return {
      Check("Print", {{2}, {2}}, FirstOrderOnly(), {{"message", "x"}, {"first_n", 0}}),
  };
}

}  // namespace

GradientTable StateGradients() {
  GradientTable table;
  for (GradientTable part : {SwitchesAndMerges(), LoopsAndLists(), Variables(), Draws(), Rest()})
    table.insert(table.end(), part.begin(), part.end());
  return table;
}

}  // namespace weft
