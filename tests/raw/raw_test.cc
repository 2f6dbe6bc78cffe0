// SPDX-License-Identifier: Apache-2.0
// The generated functions of wf::raw, a few of each form, and what they are made from.
#include "weft/raw.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/raw/raw_node.h"
#include "tests/support/arrays.h"
#include "weft/core/error.h"
#include "weft/graph/graph.h"
#include "weft/graph/op_def.h"
#include "weft/runtime/session.h"

namespace weft {
namespace {

using ::testing::HasSubstr;

class Raw : public testing::Test {
 protected:
  Array Value(Tensor t) { return Session(graph_).Run(t); }

  Graph graph_;
  GraphScope use_{graph_};
};

// The attributes that the node doesn't take from its inputs are the schema's defaults.
void ExpectDefaults(Operation node) {
  for (const AttrDef& attr : OpRegistry::Global().Find(node.type())->attrs()) {
    if (!attr.default_value || attr.type == "type") continue;
    // An empty list has a type in the node and none in the schema.
    if (attr.is_list() && attr.default_value->Get<EmptyList>()) continue;
    EXPECT_EQ(node.attr(attr.name), *attr.default_value) << node.type() << " " << attr.name;
  }
}

TEST_F(Raw, OneOutput) {
  const Tensor a = raw::Const(F32({{1, 2}, {3, 4}}), kFloat32);
  const Tensor y = raw::MatMul(a, F32({{1, 0}, {0, 2}}), {.transpose_a = true, .name = "product"});
  EXPECT_EQ(y.op().name(), "product");
  EXPECT_EQ(y.op().input(1).op().name(), "product/b");
  EXPECT_EQ(y.op().attr("transpose_b"), AttrValue(false));
  EXPECT_TRUE(ArraysEqual(Value(y), F32({{1, 6}, {2, 8}})));
}

TEST_F(Raw, NameIsTheOnlyOption) {
  EXPECT_EQ(raw::Relu(F32({-1, 2})).op().name(), "Relu");
  EXPECT_EQ(raw::Relu(F32({-1, 2})).op().name(), "Relu_1");
  EXPECT_EQ(raw::Relu(F32({-1, 2}), "h").op().name(), "h");
}

TEST_F(Raw, LiteralsTakeTheDtypeOfTheOthers) {
  const Tensor x = raw::Placeholder(kInt64, {.shape = PartialShape({2})});
  EXPECT_EQ(raw::Mul(x, 3).dtype(), kInt64);
}

TEST_F(Raw, AttributesWithoutADefaultArePlainArguments) {
  const Tensor y = raw::Cast(F32({1.5f, -2}), kInt32);
  EXPECT_TRUE(ArraysEqual(Value(y), I32({1, -2})));
}

TEST_F(Raw, SeveralOutputs) {
  const auto [values, indices] = raw::TopKV2(F32({3, 1, 4, 1, 5}), 2);
  EXPECT_TRUE(ArraysEqual(Value(values), F32({5, 4})));
  EXPECT_TRUE(ArraysEqual(Value(indices), I32({4, 2})));
}

TEST_F(Raw, ListsOfTensors) {
  const std::vector<Tensor> parts = raw::Split(0, F32({1, 2, 3, 4}), 2);
  ASSERT_EQ(parts.size(), 2u);
  const Tensor joined = raw::ConcatV2({parts[1], parts[0]}, 0);
  EXPECT_EQ(joined.op().attr("N"), AttrValue(2));
  EXPECT_TRUE(ArraysEqual(Value(joined), F32({3, 4, 1, 2})));
}

TEST_F(Raw, NoOutput) {
  const Operation check = raw::Assert(Bool(false), {F32(7)}, {.summarize = 1, .name = "check"});
  EXPECT_EQ(check.name(), "check");
  EXPECT_THROW(Session(graph_).Run(check), InvalidArgumentError);
}

TEST_F(Raw, DefaultsAreTheSchemas) {
  const Tensor image = raw::Placeholder(kFloat32);
  ExpectDefaults(image.op());
  ExpectDefaults(raw::StridedSlice(image, {0}, {1}, {1}).op());
  ExpectDefaults(raw::Conv2D(image, image, {1, 1, 1, 1}, "SAME").op());
  ExpectDefaults(raw::LeakyRelu(image).op());
  ExpectDefaults(raw::VarHandleOp(kFloat32, PartialShape({2})).op());
  ExpectDefaults(raw::Print(image, {image}).op());
  ExpectDefaults(raw::MatrixDiagV3(image, 0, -1, -1, 0.f).op());
}

TEST_F(Raw, MistakesThrow) {
  try {
    raw::MatMul(F32({{1, 2}}), F32({{1, 2}}));
    FAIL() << "no error";
  } catch (const InvalidArgumentError& e) {
    EXPECT_EQ(e.op_type(), "MatMul");
  }
  try {
    raw::MatMul(F32({{1, 2}}), I32({{1}, {2}}));
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("int32"));
  }
}

TEST_F(Raw, OutputsAreDealtOutByArgument) {
  if (!OpRegistry::Global().Find("RawTestOutputs")) {
    OpRegistry::Global()
        .Add("RawTestOutputs")
        .Input("x: T")
        .Output("first: T")
        .Output("several: N * T")
        .Output("typed: types")
        .Output("last: int32")
        .Attr("T: type")
        .Attr("N: int >= 0")
        .Attr("types: list(type) >= 0")
        .NoGradient("a test");
  }
  raw::RawNode node("RawTestOutputs", "n");
  node.In(Input(1.f));
  node.Attr("N", int64_t{2});
  node.Attr("types", std::vector<DataType>{kString});
  const Operation op = node.Build();
  EXPECT_EQ(node.Next(), op.output(0));
  EXPECT_EQ(node.NextList(), (std::vector<Tensor>{op.output(1), op.output(2)}));
  EXPECT_EQ(node.NextList(), std::vector<Tensor>{op.output(3)});
  EXPECT_EQ(node.Next(), op.output(4));
  EXPECT_EQ(op.output(4).dtype(), kInt32);
}

}  // namespace
}  // namespace weft
