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
  // The rows of one run alone, at once.
  const auto batched = [](const std::vector<Tensor>& x) {
    const std::vector<Tensor> batch = N("Batch", {x[0]},
                                        {{"num_batch_threads", 1},
                                         {"max_batch_size", 3},
                                         {"batch_timeout_micros", 0},
                                         {"grad_timeout_micros", 1000000},
                                         {"T", std::vector<DataType>{kFloat64}}})
                                          .op()
                                          .outputs();
    const Tensor rows = N("Unbatch", {Multiply(batch[0], batch[0]), batch[1], batch[2]},
                          {{"timeout_micros", 1000000}});
    return std::vector<Tensor>{rows};
  };
  for (const char* op : {"Batch", "Unbatch"})
    table.push_back(CheckWithin(op, batched, {Drawn(-1, 1, {3, 2})}, FirstOrderOnly()));
  table.push_back(NotChecked("RefIdentity", "it hands a reference on, whose gradient passes"));
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
  table.push_back(
      CheckWithin("TensorArrayReadV3", by_element, {Drawn(-1, 1, {2})}, FirstOrderOnly()));
  table.push_back(
      CheckWithin("TensorArrayWriteV3", by_element, {Drawn(-1, 1, {2})}, FirstOrderOnly()));
  table.push_back(
      CheckWithin("TensorArrayGatherV3", by_row, {Drawn(-1, 1, {3, 2})}, FirstOrderOnly()));
  table.push_back(
      CheckWithin("TensorArrayScatterV3", by_row, {Drawn(-1, 1, {3, 2})}, FirstOrderOnly()));
  table.push_back(
      CheckWithin("TensorArrayConcatV3", by_piece, {Drawn(-1, 1, {3, 2})}, FirstOrderOnly()));
  table.push_back(
      CheckWithin("TensorArraySplitV3", by_piece, {Drawn(-1, 1, {3, 2})}, FirstOrderOnly()));
  return table;
}

const AttrMap& OfDoubles() {
  static const auto& attrs = *new AttrMap{{"element_dtype", kFloat64}};
  return attrs;
}

// Lists of elements of shape [2].
Tensor RowsOf(const Tensor& x) { return N("TensorListFromTensor", {x, ConstantOf(I32({2}))}); }
std::vector<Tensor> Squares(const Tensor& x) { return {Multiply(x, x)}; }
std::vector<Tensor> StackOf(const Tensor& list) {
  return Squares(N("TensorListStack", {list, ConstantOf(I32({2}))}, OfDoubles()));
}

// An element set, one read, and one that nobody sets.
std::vector<Tensor> ListItems(const std::vector<Tensor>& x) {
  const Tensor longer = N("TensorListResize", {RowsOf(x[0]), ConstantOf(I32(4))});
  const Tensor item =
      N("TensorListGetItem", {longer, ConstantOf(I32(1)), ConstantOf(I32({2}))}, OfDoubles());
  const Tensor set = N("TensorListSetItem", {longer, ConstantOf(I32(0)), Multiply(item, item)});
  return StackOf(set);
}
std::vector<Tensor> ListEnds(const std::vector<Tensor>& x) {
  const Tensor empty =
      N("EmptyTensorList", {ConstantOf(I32({3, 2})), ConstantOf(I32(-1))}, OfDoubles());
  const Tensor two =
      N("TensorListPushBack", {N("TensorListPushBack", {empty, Multiply(x[0], x[0])}), x[0]});
  absl::StatusOr<Operation> popped =
      AddNode("TensorListPopBack", {two, ConstantOf(I32({3, 2}))}, OfDoubles());
  if (!popped.ok()) {
    ADD_FAILURE() << popped.status();
    return {};
  }
  const Tensor first =
      N("TensorListStack", {popped->output(0), ConstantOf(I32({3, 2}))}, OfDoubles());
  return {Multiply(popped->output(1), first)};
}
std::vector<Tensor> ListPieces(const std::vector<Tensor>& x, bool second) {
  const Tensor list =
      N("TensorListSplit", {x[0], ConstantOf(I32({-1, 2})), ConstantOf(I64({1, 2}))});
  if (!second) return Squares(N("TensorListConcat", {list}, OfDoubles()));
  return Squares(N("TensorListConcatV2", {list, ConstantOf(I32({-1, 2})), ConstantOf(I64({1, 2}))},
                   OfDoubles()));
}
// Indices differ: TensorFlow's rules, and so these, are right for no others (of rows with one index
// only the last is in the list, and each would get its gradient).
std::vector<Tensor> ListScatter(const std::vector<Tensor>& x, bool second) {
  const Tensor at = ConstantOf(I32({3, 0, 1})), shape = ConstantOf(I32({2}));
  std::vector<Tensor> inputs = {x[0], at, shape};
  if (second) inputs.push_back(ConstantOf(I32(5)));
  const Tensor list = N(second ? "TensorListScatterV2" : "TensorListScatter", inputs);
  const Tensor again = N("TensorListScatterIntoExistingList",
                         {list, Multiply(x[0], x[0]), ConstantOf(I32({2, 3, 1}))});
  return Squares(N("TensorListGather", {again, ConstantOf(I32({3, 1, 0, 2})), shape}, OfDoubles()));
}

GradientTable ListValues() {
  const std::vector<GradientInput> rows = {Drawn(-1, 1, {3, 2})};
  GradientTable table;
  for (const char* op : {"TensorListFromTensor", "TensorListResize", "TensorListGetItem",
                         "TensorListSetItem", "TensorListStack"})
    table.push_back(CheckWithin(op, ListItems, rows));
  for (const char* op : {"TensorListPushBack", "TensorListPopBack"})
    table.push_back(CheckWithin(op, ListEnds, rows));
  for (const bool second : {false, true}) {
    const auto pieces = [second](const std::vector<Tensor>& x) { return ListPieces(x, second); };
    table.push_back(CheckWithin(second ? "TensorListConcatV2" : "TensorListConcat", pieces, rows));
    const auto scatter = [second](const std::vector<Tensor>& x) { return ListScatter(x, second); };
    table.push_back(
        CheckWithin(second ? "TensorListScatterV2" : "TensorListScatter", scatter, rows));
    if (!second) continue;
    table.push_back(CheckWithin("TensorListSplit", pieces, rows));
    table.push_back(CheckWithin("TensorListGather", scatter, rows));
    table.push_back(CheckWithin("TensorListScatterIntoExistingList", scatter, rows));
  }
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
  for (GradientTable part :
       {SwitchesAndMerges(), LoopsAndLists(), ListValues(), Variables(), Draws(), Rest()})
    table.insert(table.end(), part.begin(), part.end());
  return table;
}

}  // namespace weft
