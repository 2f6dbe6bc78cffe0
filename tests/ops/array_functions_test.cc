// SPDX-License-Identifier: Apache-2.0
// The public functions: which nodes they add, under which names (as TensorFlow's Python does), and
// what comes out.
#include "weft/ops/array.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/support/op_case.h"

namespace weft {
namespace {

using ::testing::ElementsAre;

// "name Op(inputs)" for each node, but for placeholders.
std::vector<std::string> Nodes(const Graph& graph) {
  std::vector<std::string> lines;
  for (const Operation& op : graph.operations()) {
    if (op.type() == "Placeholder") continue;
    std::string line = op.name() + " " + op.type() + "(";
    for (const Tensor& t : op.inputs()) line += (line.back() == '(' ? "" : ", ") + t.op().name();
    lines.push_back(line + ")");
  }
  return lines;
}

class ArrayFunctions : public testing::Test {
 protected:
  std::vector<std::string> Added() const { return Nodes(graph_); }
  Array Value(Tensor t) {
    Session session(graph_);
    return session.Run(t);
  }
  Tensor Fed(const PartialShape& shape) { return PlaceholderOf(kFloat32, shape); }

  Graph graph_;
  GraphScope use_{graph_};
};

TEST_F(ArrayFunctions, KnownShapesAreConstants) {
  const Tensor x = Fed({2, 3}), y = Fed({-1, 3});
  ShapeOf(x);
  ShapeOf(y, {.out_type = kInt64});
  Size(x);
  Size(y);
  Rank(y);
  Rank(Fed(PartialShape::Scalar()));
  EXPECT_THAT(Added(), ElementsAre("Shape Const()", "Shape_1 Shape(Placeholder_1)", "Size Const()",
                                   "Size_1 Size(Placeholder_1)", "Rank Const()", "Rank_1 Const()"));
}

TEST_F(ArrayFunctions, NamesOfOneNode) {
  const Tensor x = Fed({2, 3});
  Reshape(x, {3, 2});
  ExpandDims(x, 0);
  Stack({x, x});
  Unstack(x);
  Gather(x, {0});
  Pad(x, {{1, 1}, {1, 1}});
  Pad(x, {{1, 1}, {1, 1}}, {.constant_values = Input(1.f)});
  Pad(x, {{1, 1}, {1, 1}}, {.mode = "REFLECT"});
  Transpose(x);
  Reverse(x, {0});
  Tile(x, {1, 2}, "twice");
  EXPECT_THAT(
      Added(),
      ElementsAre("Reshape/shape Const()", "Reshape Reshape(Placeholder, Reshape/shape)",
                  "ExpandDims/dim Const()", "ExpandDims ExpandDims(Placeholder, ExpandDims/dim)",
                  "stack Pack(Placeholder, Placeholder)", "unstack Unpack(Placeholder)",
                  "GatherV2/indices Const()", "GatherV2/axis Const()",
                  "GatherV2 GatherV2(Placeholder, GatherV2/indices, GatherV2/axis)",
                  "Pad/paddings Const()", "Pad Pad(Placeholder, Pad/paddings)",
                  "PadV2/paddings Const()", "PadV2/constant_values Const()",
                  "PadV2 PadV2(Placeholder, PadV2/paddings, PadV2/constant_values)",
                  "MirrorPad/paddings Const()",
                  "MirrorPad MirrorPad(Placeholder, MirrorPad/paddings)", "transpose/perm Const()",
                  "transpose Transpose(Placeholder, transpose/perm)", "ReverseV2/axis Const()",
                  "ReverseV2 ReverseV2(Placeholder, ReverseV2/axis)", "twice/multiples Const()",
                  "twice Tile(Placeholder, twice/multiples)"));
}

TEST_F(ArrayFunctions, ConcatAndSplit) {
  const Tensor x = Fed({2, 3});
  Concat({x, x}, 0);
  Split(x, 2);
  SplitV(x, std::vector<int64_t>{1, 1});
  Concat({x}, 0);
  EXPECT_THAT(
      Added(),
      ElementsAre("concat/axis Const()", "concat ConcatV2(Placeholder, Placeholder, concat/axis)",
                  "split/split_dim Const()", "split Split(split/split_dim, Placeholder)",
                  "Const Const()", "split_1/split_dim Const()",
                  "split_1 SplitV(Placeholder, Const, split_1/split_dim)",
                  "concat_1/concat_dim Const()", "concat_1/concat Identity(Placeholder)"));
}

TEST_F(ArrayFunctions, Indexing) {
  const Tensor x = Fed({2, 3}), i = PlaceholderOf(kInt32, PartialShape::Scalar());
  const Tensor row = At(x, {0});
  EXPECT_EQ(row.shape(), PartialShape({3}));
  EXPECT_EQ(At(x, {Ellipsis, NewAxis}).shape(), PartialShape({2, 3, 1}));
  EXPECT_EQ(At(x, {All, Between(1, {})}).shape(), PartialShape({2, 2}));
  EXPECT_EQ(At(x, {i}).shape(), PartialShape({3}));
  EXPECT_THAT(At(x, {i, Between(i, 2)}).op().inputs()[1].op().type(), "Pack");
  EXPECT_EQ(row.op().name(), "strided_slice");
  EXPECT_EQ(row.op().input(1).op().name(), "strided_slice/stack");
  EXPECT_EQ(row.op().input(3).op().name(), "strided_slice/stack_2");

  Session session(graph_);
  const Array value = F32({{1, 2, 3}, {4, 5, 6}});
  const auto run = [&](Tensor t) { return session.Run(t, {{x, value}, {i, I32(1)}}); };
  EXPECT_TRUE(ArraysEqual(run(At(x, {-1})), F32({4, 5, 6})));
  EXPECT_TRUE(ArraysEqual(run(At(x, {i, Between({}, {}, -2)})), F32({6, 4})));
  EXPECT_TRUE(ArraysEqual(run(At(x, {All, i})), F32({2, 5})));
  EXPECT_TRUE(ArraysEqual(run(At(x, {Ellipsis, Between(i, {})})), F32({{2, 3}, {5, 6}})));
  EXPECT_TRUE(
      ArraysEqual(run(StridedSlice(x, {0, 0}, {2, 2}, {.begin_mask = 1})), F32({{1, 2}, {4, 5}})));
  EXPECT_TRUE(ArraysEqual(run(TensorStridedSliceUpdate(x, {0, 0}, {1, 3}, 9.f)),
                          F32({{9, 9, 9}, {4, 5, 6}})));
}

TEST_F(ArrayFunctions, ShapesOfNumbersAndTensors) {
  const Tensor x = Fed({4, 3}), n = PlaceholderOf(kInt32, PartialShape::Scalar());
  const Tensor y = Reshape(x, {n, -1});
  EXPECT_EQ(y.op().input(1).op().name(), "Reshape/shape");
  EXPECT_EQ(y.op().input(1).op().type(), "Pack");
  EXPECT_EQ(y.op().input(1).op().input(1).op().name(), "Reshape/shape/1");
  Session session(graph_);
  EXPECT_EQ(session.Run(y, {{x, F32(Shape({4, 3}), {1})}, {n, I32(6)}}).shape(), Shape({6, 2}));
}

TEST_F(ArrayFunctions, ZerosAndOnes) {
  EXPECT_EQ(Zeros({2, 3}).op().type(), "Const");
  EXPECT_EQ(Zeros({}).shape(), PartialShape::Scalar());
  const Tensor large = Zeros({2000, 300});
  EXPECT_EQ(large.op().type(), "Fill");
  EXPECT_EQ(large.op().input(0).op().name(), "zeros_2/shape_as_tensor");
  EXPECT_EQ(large.op().input(1).op().name(), "zeros_2/Const");
  EXPECT_TRUE(ArraysEqual(Value(Ones({2}, kInt64)), I64({1, 1})));
  EXPECT_TRUE(ArraysEqual(Value(Ones({2}, kBool)), Bool({true, true})));
  EXPECT_TRUE(ArraysEqual(Value(Zeros({2}, kString)), Str({"", ""})));
  EXPECT_TRUE(ArraysEqual(Value(Fill({2}, 3.f)), F32({3, 3})));
  EXPECT_THROW(Zeros({-2}), InvalidArgumentError);
}

TEST_F(ArrayFunctions, Ranges) {
  const Tensor r = Range(3);
  EXPECT_EQ(r.op().name(), "range");
  EXPECT_EQ(r.op().input(0).op().name(), "range/start");
  EXPECT_TRUE(ArraysEqual(Value(r), I32({0, 1, 2})));
  EXPECT_TRUE(ArraysEqual(Value(Range(1, 2, 0.5f)), F32({1, 1.5f})));
  EXPECT_TRUE(
      ArraysEqual(Value(Range(Input(0), Input(2), Input(1), {.dtype = kInt64})), I64({0, 1})));
  EXPECT_TRUE(ArraysEqual(Value(LinSpace(0.f, 1.f, 3)), F32({0, 0.5f, 1})));
}

TEST_F(ArrayFunctions, OneHot) {
  const Tensor t = OneHot({1, 0}, 2);
  EXPECT_EQ(t.op().name(), "one_hot");
  EXPECT_TRUE(ArraysEqual(Value(t), F32({{0, 1}, {1, 0}})));
  EXPECT_TRUE(
      ArraysEqual(Value(OneHot({1, 0}, 2, {.on_value = 5, .off_value = -1, .dtype = kInt64})),
                  I64({{-1, 5}, {5, -1}})));
}

TEST_F(ArrayFunctions, Diagonals) {
  EXPECT_TRUE(ArraysEqual(Value(Eye(2)), F32({{1, 0}, {0, 1}})));
  EXPECT_TRUE(ArraysEqual(Value(Eye(1, {.num_columns = 2, .batch_shape = {2}})),
                          F32(Shape({2, 1, 2}), {1, 0, 1, 0})));
  EXPECT_TRUE(ArraysEqual(Value(MatrixDiag({1.f, 2.f}, {.k = {1}})),
                          F32({{0, 1, 0}, {0, 0, 2}, {0, 0, 0}})));
  EXPECT_TRUE(ArraysEqual(Value(MatrixDiagPart(F32({{1, 2}, {3, 4}}))), F32({1, 4})));
  EXPECT_TRUE(
      ArraysEqual(Value(MatrixSetDiag(F32({{1, 2}, {3, 4}}), {7.f, 8.f})), F32({{7, 2}, {3, 8}})));
  EXPECT_TRUE(
      ArraysEqual(Value(MatrixBandPart(F32({{1, 2}, {3, 4}}), 0, -1)), F32({{1, 2}, {0, 4}})));
}

TEST_F(ArrayFunctions, Compositions) {
  EXPECT_TRUE(ArraysEqual(Value(SequenceMask({1, 3}, {.maxlen = Input(3)})),
                          Bool({{true, false, false}, {true, true, true}})));
  EXPECT_TRUE(ArraysEqual(Value(SequenceMask({2, 1}, {.dtype = kFloat32})), F32({{1, 1}, {1, 0}})));
  const std::vector<Tensor> xy = Meshgrid({Input({1, 2, 3}), Input({4, 5})});
  EXPECT_TRUE(ArraysEqual(Value(xy[0]), I32({{1, 2, 3}, {1, 2, 3}})));
  EXPECT_TRUE(ArraysEqual(Value(xy[1]), I32({{4, 4, 4}, {5, 5, 5}})));
  const std::vector<Tensor> ij = Meshgrid({Input({1, 2, 3}), Input({4, 5})}, "ij");
  EXPECT_TRUE(ArraysEqual(Value(ij[1]), I32({{4, 5}, {4, 5}, {4, 5}})));
  EXPECT_TRUE(
      ArraysEqual(Value(BooleanMask(F32({{1, 2}, {3, 4}}), Bool({false, true}), {.axis = 1})),
                  F32(Shape({2, 1}), {2, 4})));
  EXPECT_TRUE(
      ArraysEqual(Value(BooleanMask(F32({{1, 2}, {3, 4}}), Bool({{false, true}, {true, true}}))),
                  F32({2, 3, 4})));
  EXPECT_TRUE(ArraysEqual(Value(Repeat({1, 2}, 2)), I32({1, 1, 2, 2})));
  EXPECT_TRUE(
      ArraysEqual(Value(Repeat(F32({{1, 2}}), 2, {.axis = -1})), F32(Shape({1, 4}), {1, 1, 2, 2})));
  EXPECT_TRUE(ArraysEqual(Value(ParallelStack({F32({1, 2}), F32({3, 4})})), F32({{1, 2}, {3, 4}})));
}

TEST_F(ArrayFunctions, TransposeOfUnknownRank) {
  const Tensor x = PlaceholderOf(kFloat32);
  const Tensor y = Transpose(x);
  EXPECT_THAT(
      Added(),
      ElementsAre(
          "transpose/Rank Rank(Placeholder)", "transpose/sub/y Const()",
          "transpose/sub Sub(transpose/Rank, transpose/sub/y)", "transpose/Range/limit Const()",
          "transpose/Range/delta Const()",
          "transpose/Range Range(transpose/sub, transpose/Range/limit, transpose/Range/delta)",
          "transpose Transpose(Placeholder, transpose/Range)"));
  Session session(graph_);
  EXPECT_TRUE(ArraysEqual(session.Run(y, {{x, F32({{1, 2}, {3, 4}})}}), F32({{1, 3}, {2, 4}})));
}

TEST_F(ArrayFunctions, BadArguments) {
  const Tensor x = Fed({2, 3});
  EXPECT_THROW(Unstack(Fed({-1})), InvalidArgumentError);
  EXPECT_THROW(Unstack(x, {.axis = 2}), InvalidArgumentError);
  EXPECT_THROW(Pad(x, {{1, 1}, {1, 1}}, {.mode = "EDGE"}), InvalidArgumentError);
  EXPECT_THROW(Meshgrid({Input({1})}, "yx"), InvalidArgumentError);
  EXPECT_THROW(BooleanMask(x, Bool({true, false, true})), InvalidArgumentError);
  EXPECT_THROW(Concat({}, 0), InvalidArgumentError);
  EXPECT_THROW(Eye(-1), InvalidArgumentError);
  EXPECT_THROW(Reshape(x, {5}), InvalidArgumentError);
  EXPECT_THROW(Repeat(x, -1), InvalidArgumentError);
}

}  // namespace
}  // namespace weft
