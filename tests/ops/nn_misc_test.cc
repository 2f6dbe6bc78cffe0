// SPDX-License-Identifier: Apache-2.0
#include "tests/support/gradient_case.h"
#include "tests/support/op_case.h"
#include "weft/core/complex.h"
#include "weft/ops/nn.h"

namespace weft {
namespace {

TEST(BiasAdd, Values) {
  for (const char* op : {"BiasAdd", "BiasAddV1"}) {
    OpCase(op)
        .In(F32({{1, 2}, {3, 4}}))
        .In(F32({10, 20}))
        .Out(F32({{11, 22}, {13, 24}}))
        .RunEverywhere();
    OpCase(op)
        .In(I32(Shape({1, 2, 2}), {1, 2, 3, 4}))
        .In(I32({5, 6}))
        .Out(I32(Shape({1, 2, 2}), {6, 8, 8, 10}))
        .RunEverywhere();
    OpCase(op).In(F16({{1, 2}})).In(F16({1, 1})).Out(F16({{2, 3}})).RunEverywhere();
    OpCase(op)
        .In(F64(Shape({0, 2}), {}))
        .In(F64({1, 1}))
        .Out(F64(Shape({0, 2}), {}))
        .RunEverywhere();
  }
  OpCase("BiasAdd")
      .In(F32(Shape({1, 2, 3}), {1, 2, 3, 4, 5, 6}))
      .In(F32({10, 20}))
      .Attr("data_format", "NCHW")
      .Out(F32(Shape({1, 2, 3}), {11, 12, 13, 24, 25, 26}))
      .RunEverywhere();
  OpCase("BiasAdd")
      .In(C64({{complex64(1, 1)}}))
      .In(C64({complex64(0, 2)}))
      .Out(C64({{complex64(1, 3)}}))
      .RunEverywhere();
}

TEST(BiasAdd, Shapes) {
  for (const char* op : {"BiasAdd", "BiasAddV1"}) {
    ExpectShape(op, {"[?,?]", "[3]"}, "[?,3]");
    ExpectShape(op, {"[2,5,4]", "[?]"}, "[2,5,4]");
    ExpectShape(op, {"?", "[3]"}, "?");
    ExpectBuildError(op, {"[2,3]", "[4]"}, "Dimensions must be equal, but are 3 and 4");
    ExpectBuildError(op, {"[3]", "[3]"}, "at least rank 2 but is rank 1");
    ExpectBuildError(op, {"[2,3]", "[1,3]"}, "Shape must be rank 1 but is rank 2");
  }
  ExpectShape("BiasAdd", {"[2,?,4,5]", "[3]"}, "[2,3,4,5]", {{"data_format", "NCHW"}});
  ExpectBuildError("BiasAdd", {"[2,3]", "[3]"}, "at least rank 3", {{"data_format", "NCHW"}});
  ExpectBuildError("BiasAdd", {"[2,3]", "[3]"}, "not in the list of allowed values",
                   {{"data_format", "CHWN"}});
}

TEST(BiasAdd, RunErrors) {
  OpCase("BiasAdd")
      .In(F32({1, 2}))
      .In(F32({1, 2}))
      .ExpectRunError(Code::kInvalidArgument, "must be at least 2D");
  OpCase("BiasAdd")
      .In(F32({{1, 2}}))
      .In(F32({{1, 2}}))
      .ExpectRunError(Code::kInvalidArgument, "Biases must be 1D");
  OpCase("BiasAdd")
      .In(F32({{1, 2}}))
      .In(F32({1}))
      .ExpectRunError(Code::kInvalidArgument, "as many biases as");
}

TEST(BiasAdd, Gradients) {
  CheckGradient("BiasAdd", {{2, 3}, {3}});
  CheckGradient("BiasAdd", {{2, 3, 2}, {2}});
  CheckGradient("BiasAdd", {{2, 3, 2}, {3}}, {}, {{"data_format", "NCHW"}});
  CheckGradient("BiasAdd", {{2, 2, 1, 3}, {2}}, {}, {{"data_format", "NCHW"}});
  CheckGradient("BiasAddV1", {{2, 3}, {3}});
}

TEST(BiasAddGrad, Values) {
  OpCase("BiasAddGrad").In(F32({{1, 2}, {3, 4}})).Out(F32({4, 6})).RunEverywhere();
  OpCase("BiasAddGrad")
      .In(F64(Shape({2, 2, 2}), {1, 2, 3, 4, 5, 6, 7, 8}))
      .Attr("data_format", "NCHW")
      .Out(F64({14, 22}))
      .RunEverywhere();
  OpCase("BiasAddGrad").In(F32(Shape({0, 3}), {})).Out(F32({0, 0, 0})).RunEverywhere();
  // Sums of 16-bit numbers are kept in float32: 2049 is no half, but the last sum is.
  OpCase("BiasAddGrad").In(F16({{2048}, {1}, {1}})).Out(F16({2050})).RunEverywhere();
  ExpectShape("BiasAddGrad", {"[?,?,5]"}, "[5]");
  ExpectShape("BiasAddGrad", {"[?,4,5]"}, "[4]", {{"data_format", "NCHW"}});
  ExpectShape("BiasAddGrad", {"?"}, "[?]");
  OpCase("BiasAddGrad").In(F32({1})).ExpectRunError(Code::kInvalidArgument, "must be at least 2D");
  CheckGradient("BiasAddGrad", {{2, 3}});
  CheckGradient("BiasAddGrad", {{2, 3, 2}}, {}, {{"data_format", "NCHW"}});
}

TEST(SparseToDense, Values) {
  OpCase("SparseToDense")
      .In(I32({1, 3}))
      .In(I32({5}))
      .In(F32({7, 8}))
      .In(F32(-1))
      .Out(F32({-1, 7, -1, 8, -1}))
      .RunEverywhere();
  OpCase("SparseToDense")
      .In(I64({{0, 1}, {1, 0}}))
      .In(I64({2, 2}))
      .In(Str("x"))
      .In(Str("."))
      .Out(Str({{".", "x"}, {"x", "."}}))
      .RunEverywhere();
  OpCase("SparseToDense")
      .In(I32(2))
      .In(I32({3}))
      .In(I8(9))
      .In(I8(0))
      .Out(I8({0, 0, 9}))
      .RunEverywhere();
  OpCase("SparseToDense")
      .In(I32({2, 0, 2}))
      .In(I32({3}))
      .In(F32({1, 2, 3}))
      .In(F32(0))
      .Attr("validate_indices", false)
      .Out(F32({2, 0, 3}))
      .RunEverywhere();
}

TEST(SparseToDense, ShapesAndErrors) {
  ExpectShape("SparseToDense", {"int32[?]", I32({2, 3}), "[?]", "[]"}, "[2,3]");
  ExpectShape("SparseToDense", {"int32[?]", "int32[2]", "[?]", "[]"}, "[?,?]");
  ExpectShape("SparseToDense", {"int32[?]", "int32[?]", "[?]", "[]"}, "?");
  const auto run = [](Array indices, Array sizes, Array values, Array otherwise) {
    return OpCase("SparseToDense")
        .In(std::move(indices))
        .In(std::move(sizes))
        .In(std::move(values))
        .In(std::move(otherwise));
  };
  run(I32({5}), I32({5}), F32({1}), F32(0)).ExpectRunError(Code::kInvalidArgument, "out of bounds");
  run(I32({-1}), I32({5}), F32({1}), F32(0))
      .ExpectRunError(Code::kInvalidArgument, "out of bounds");
  run(I32({1, 1}), I32({5}), F32({1, 2}), F32(0))
      .ExpectRunError(Code::kInvalidArgument, "repeated");
  run(I32({2, 1}), I32({5}), F32({1, 2}), F32(0))
      .ExpectRunError(Code::kInvalidArgument, "out of order");
  run(I32({1, 2}), I32({5}), F32({1, 2, 3}), F32(0))
      .ExpectRunError(Code::kInvalidArgument, "sparse_values");
  run(I32({1}), I32({5}), F32({1}), F32({0}))
      .ExpectRunError(Code::kInvalidArgument, "default_value should be a scalar");
  run(I32({1}), I32({5, 5}), F32({1}), F32(0))
      .ExpectRunError(Code::kInvalidArgument, "incorrect number of elements");
  run(I64({0}), I64({int64_t{1} << 62, 8}), F32({1}), F32(0))
      .ExpectRunError(Code::kInvalidArgument, "");
  run(I64({{0, 0}}), I64({int64_t{1} << 62, 8}), F32({1}), F32(0))
      .ExpectRunError(Code::kInvalidArgument, "");
}

TEST(SparseToDense, Gradients) {
  CheckGradient("SparseToDense", {I32({1, 3}), I32({5}), {2}, {}});
  CheckGradient("SparseToDense", {I32({{0, 1}, {1, 0}}), I32({2, 2}), {}, {}});
}

TEST(L2Loss, Values) {
  OpCase("L2Loss").In(F32({{1, 2}, {-3, 4}})).Out(F32(15)).RunEverywhere();
  OpCase("L2Loss").In(F64(3)).Out(F64(4.5)).RunEverywhere();
  OpCase("L2Loss").In(F16({2, 2})).Out(F16(4)).RunEverywhere();
  OpCase("L2Loss").In(F32(Shape({0}), {})).Out(F32(0)).RunEverywhere();
  ExpectShape("L2Loss", {"?"}, "[]");
  ExpectBuildError("L2Loss", {kInt32}, "not in the list of allowed values");
  CheckGradient("L2Loss", {{2, 3}});
  CheckGradient("L2Loss", {{}});
}

TEST(NnFunctions, ValuesAndNames) {
  Graph g;
  GraphScope use(g);
  Session session;
  const Tensor x = ConstantOf(F32({{1, 2}}));
  const Tensor y = nn::BiasAdd(x, ConstantOf(F32({1, -1})));
  EXPECT_EQ(y.name(), "BiasAdd:0");
  EXPECT_TRUE(ArraysEqual(session.Run(y), F32({{2, 1}})));
  EXPECT_EQ(nn::L2Loss(x).name(), "L2Loss:0");
  EXPECT_EQ(nn::Softmax(x).op().type(), "Softmax");
}

}  // namespace
}  // namespace weft
