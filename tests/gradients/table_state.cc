// SPDX-License-Identifier: Apache-2.0
#include "tests/gradients/gradient_table.h"

namespace weft {
namespace {

// What comes through of x squared or of its exponential.
std::vector<Tensor> OneOfTwo(const std::vector<Tensor>& x, bool choice) {
  const Operation sides = N("Switch", {x[0], ConstantOf(Bool(choice))}).op();
  const Tensor merged = N("Merge", {N("Square", {sides.output(0)}), N("Exp", {sides.output(1)})});
  return {merged};
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
  for (GradientTable part : {SwitchesAndMerges(), Variables(), Draws(), Rest()})
    table.insert(table.end(), part.begin(), part.end());
  return table;
}

}  // namespace weft
