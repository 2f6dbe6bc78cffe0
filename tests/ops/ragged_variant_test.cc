// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/op_case.h"

namespace weft {
namespace {

using testing::HasSubstr;
using Types = std::vector<DataType>;

class RaggedVariant : public testing::Test {
 protected:
  std::vector<Tensor> Node(const std::string& op, const std::vector<Tensor>& inputs,
                           const AttrMap& attrs) {
    absl::StatusOr<Operation> node = AddNode(op, inputs, attrs);
    std::vector<Tensor> outputs;
    if (!node.ok()) {
      ADD_FAILURE() << node.status();
      return outputs;
    }
    for (int i = 0; i < node->num_outputs(); ++i) outputs.push_back(node->output(i));
    return outputs;
  }
  Tensor Encode(const std::vector<Array>& splits, const Array& values, bool batched) {
    std::vector<Tensor> inputs;
    for (const Array& s : splits) inputs.push_back(ConstantOf(s));
    inputs.push_back(ConstantOf(values));
    return Node("RaggedTensorToVariant", inputs,
                {{"RAGGED_RANK", static_cast<int64_t>(splits.size())},
                 {"Tsplits", splits.empty() ? kInt64 : splits[0].dtype()},
                 {"batched_input", batched}})[0];
  }
  std::vector<Tensor> Decode(Tensor encoded, int64_t in_rank, int64_t out_rank, DataType values,
                             DataType splits = kInt64) {
    return Node("RaggedTensorFromVariant", {encoded},
                {{"input_ragged_rank", in_rank},
                 {"output_ragged_rank", out_rank},
                 {"Tvalues", values},
                 {"Tsplits", splits}});
  }
  std::string RunError(const Fetch& fetch) {
    try {
      session_.Run(fetch);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::kInvalidArgument);
      return e.what();
    }
    ADD_FAILURE() << "no error";
    return "";
  }

  Graph graph_;
  GraphScope scope_{graph_};
  Session session_{graph_};
};

// [[[1], [2, 3]], [], [[4]]], of pairs.
std::vector<Array> Splits() { return {I64({0, 2, 2, 3}), I64({0, 1, 3, 4})}; }
Array Values() { return F32({{1, 10}, {2, 20}, {3, 30}, {4, 40}}); }

TEST_F(RaggedVariant, WholeThereAndBack) {
  const Tensor whole = Encode(Splits(), Values(), false);
  EXPECT_EQ(ShapeText(whole.shape()), "[]");
  const std::vector<Tensor> back = Decode(whole, 2, 2, kFloat32);
  const std::vector<Array> got = session_.Run(back);
  EXPECT_EQ(got[0], Splits()[0]);
  EXPECT_EQ(got[1], Splits()[1]);
  EXPECT_EQ(got[2], Values());
}

TEST_F(RaggedVariant, RowsAreVariantsOfTheirOwn) {
  const Tensor rows = Encode(Splits(), Values(), true);
  EXPECT_EQ(ShapeText(rows.shape()), "[3]");
  const Tensor picked =
      Node("GatherV2", {rows, ConstantOf(I32({2, 0, 1})), ConstantOf(I32(0))}, {})[0];
  const std::vector<Array> got = session_.Run(Decode(picked, -1, 2, kFloat32));
  EXPECT_EQ(got[0], I64({0, 1, 3, 3}));
  EXPECT_EQ(got[1], I64({0, 1, 2, 4}));
  EXPECT_EQ(got[2], F32({{4, 40}, {1, 10}, {2, 20}, {3, 30}}));
  // In two rows of their own.
  const Tensor square =
      Node("Reshape",
           {Node("GatherV2", {rows, ConstantOf(I32({0, 1, 2, 1})), ConstantOf(I32(0))}, {})[0],
            ConstantOf(I32({2, 2}))},
           {})[0];
  const std::vector<Array> nested = session_.Run(Decode(square, 1, 3, kFloat32));
  EXPECT_EQ(nested[0], I64({0, 2, 4}));
  EXPECT_EQ(nested[1], I64({0, 2, 2, 3, 3}));
  EXPECT_EQ(nested[2], I64({0, 1, 3, 4}));
  EXPECT_EQ(nested[3], Values());
}

TEST_F(RaggedVariant, WithoutSplits) {
  const Tensor rows = Encode({}, I32({{1, 2}, {3, 4}}), true);
  const std::vector<Array> got = session_.Run(Decode(rows, 0, 1, kInt32, kInt32));
  EXPECT_EQ(got[0], I32({0, 2, 4}));
  EXPECT_EQ(got[1], I32({1, 2, 3, 4}));
}

TEST_F(RaggedVariant, WhatDoesNotFit) {
  const Tensor rows = Encode({I64({0, 1, 3})}, I32({1, 2, 3}), true);
  EXPECT_THAT(RunError(Decode(rows, 0, 1, kFloat32)[0]), HasSubstr("Expected values Tensor dtype"));
  EXPECT_THAT(RunError(Decode(rows, 1, 2, kInt32)[0]), HasSubstr("Expected ragged_rank=1"));
  const Tensor list = Node("EmptyTensorList", {ConstantOf(I32(-1)), ConstantOf(I32(-1))},
                           {{"element_dtype", kInt32}, {"shape_type", kInt32}})[0];
  EXPECT_THAT(RunError(Decode(list, 1, 1, kInt32)[0]), HasSubstr("doesn't hold a RaggedTensor"));
  OpCase("RaggedTensorToVariant")
      .In(I64({0, 5}))
      .In(I32({1, 2, 3}))
      .Attr("RAGGED_RANK", int64_t{1})
      .Attr("batched_input", true)
      .ExpectRunError(Code::kInvalidArgument, "Final value of ragged splits must match");
}

// A row used twice gets both gradients, one not used none.
TEST_F(RaggedVariant, GradientGoesThroughRows) {
  const Tensor values = ConstantOf(F32({1, 2, 3, 4}));
  const Tensor rows = Node("RaggedTensorToVariant", {ConstantOf(I64({0, 1, 3, 4})), values},
                           {{"RAGGED_RANK", int64_t{1}}, {"batched_input", true}})[0];
  const std::vector<Tensor> back = Decode(rows, 0, 1, kFloat32);
  const Tensor squares = Node("Mul", {back[1], back[1]}, {})[0];
  const Tensor again = Node("Mul", {Decode(rows, 0, 1, kFloat32)[1], ConstantOf(F32(100))}, {})[0];
  const std::vector<Grad> grads = Gradients({squares, again}, {values});
  EXPECT_EQ(session_.Run(grads[0].tensor()), F32({102, 104, 106, 108}));
}

OpCase Cross(const char* order) {
  OpCase c("RaggedCross");
  c.Attr("input_order", std::string(order)).Attr("hash_key", int64_t{956888297470});
  return c;
}

TEST(RaggedCross, Texts) {
  Cross("RSD")
      .In(Array::FromVector(std::vector<std::string>{"a", "b", "c"}))
      .In(I64({0, 1, 3}))
      .In(I64({{0, 0}, {0, 1}}))
      .In(I64({7, 8}))
      .In(I64({2, 2}))
      .In(Array::FromVector(std::vector<std::string>{"x", "y"}, Shape({2, 1})))
      .Attr("Nsparse", int64_t{1})
      .Attr("hashed_output", false)
      .Attr("num_buckets", int64_t{0})
      .Attr("ragged_values_types", Types{kString})
      .Attr("ragged_splits_types", Types{kInt64})
      .Attr("sparse_values_types", Types{kInt64})
      .Attr("dense_types", Types{kString})
      .Attr("out_values_type", kString)
      .Attr("out_row_splits_type", kInt64)
      .Out(Array::FromVector(std::vector<std::string>{"a_X_7_X_x", "a_X_8_X_x"}))
      .Out(I64({0, 2, 2}))
      .RunEverywhere();
}

OpCase Hashed(const char* order) {
  OpCase c = Cross(order);
  c.In(Array::FromVector(std::vector<std::string>{"a", "b", "c"})).In(I32({0, 1, 3}));
  c.In(I64({{5}, {6}}));
  c.Attr("Nsparse", int64_t{0}).Attr("hashed_output", true).Attr("num_buckets", int64_t{100});
  c.Attr("ragged_values_types", Types{kString}).Attr("ragged_splits_types", Types{kInt32});
  c.Attr("sparse_values_types", Types{}).Attr("dense_types", Types{kInt64});
  c.Attr("out_values_type", kInt64).Attr("out_row_splits_type", kInt32);
  return c;
}

// Expected values: TensorFlow 2.15.1's.
TEST(RaggedCross, Hashed) {
  Hashed("DR").Out(I64({62, 13, 24})).Out(I32({0, 1, 3})).RunEverywhere();
  Hashed("RR").ExpectRunError(Code::kInvalidArgument, "input_order \"RR\" must have");
  Hashed("DRS").ExpectRunError(Code::kInvalidArgument, "input_order \"DRS\" must have");
}

}  // namespace
}  // namespace weft
