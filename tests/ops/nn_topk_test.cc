// SPDX-License-Identifier: Apache-2.0
#include "tests/support/gradient_case.h"
#include "tests/support/op_case.h"
#include "weft/ops/nn.h"

namespace weft {
namespace {

TEST(TopK, Values) {
  OpCase("TopKV2")
      .In(F32({{3, 1, 4, 1}, {5, 9, 2, 6}}))
      .In(I32(2))
      .Out(F32({{4, 3}, {9, 6}}))
      .Out(I32({{2, 0}, {1, 3}}))
      .RunEverywhere();
  // Equal elements keep their order; k may be the whole row, or nothing.
  OpCase("TopKV2").In(I32({7, 7, 7})).In(I32(2)).Out(I32({7, 7})).Out(I32({0, 1})).RunEverywhere();
  OpCase("TopKV2")
      .In(I8({1, 3, 2}))
      .In(I32(3))
      .Out(I8({3, 2, 1}))
      .Out(I32({1, 2, 0}))
      .RunEverywhere();
  OpCase("TopKV2")
      .In(F64({1, 2}))
      .In(I32(0))
      .Out(F64(Shape({0}), {}))
      .Out(I32(Shape({0}), {}))
      .RunEverywhere();
  OpCase("TopKV2").In(BF16({1, 2})).In(I32(1)).Out(BF16({2})).Out(I32({1})).RunEverywhere();
  OpCase("TopK")
      .In(F16({1, 5, 3}))
      .Attr("k", int64_t{1})
      .Out(F16({5}))
      .Out(I32({1}))
      .RunEverywhere();
}

TEST(TopK, IndexTypes) {
  OpCase("TopKV2")
      .In(F32({1, 2, 0}))
      .In(I64(2))
      .Attr("index_type", kInt64)
      .Out(F32({2, 1}))
      .Out(I64({1, 0}))
      .RunEverywhere();
  OpCase("TopKV2")
      .In(U8({1, 2, 0}))
      .In(I16(1))
      .Attr("index_type", kInt16)
      .Out(U8({2}))
      .Out(I16({1}))
      .RunEverywhere();
}

TEST(TopK, Shapes) {
  ExpectShape("TopKV2", {"[2,?]", I32(3)}, "[2,3];[2,3]");
  ExpectShape("TopKV2", {"[2,5]", "int32[]"}, "[2,?];[2,?]");
  ExpectShape("TopKV2", {"?", I32(3)}, "?;?");
  ExpectShape("TopK", {"[?]"}, "[4];[4]", {{"k", int64_t{4}}});
  ExpectBuildError("TopKV2", {"[2,3]", I32(9)}, "last dimension >= k = 9 but is 3");
  ExpectBuildError("TopKV2", {"[2,3]", I32(-1)}, "must be non-negative but is -1");
  ExpectBuildError("TopKV2", {"[2,3]", "int32[1]"}, "Input must be scalar but has rank 1");
  ExpectBuildError("TopKV2", {"[]", I32(1)}, "at least rank 1");
  ExpectBuildError("TopKV2", {kComplex64, I32(1)}, "not in the list of allowed values");
}

TEST(TopK, RunErrors) {
  OpCase("TopKV2")
      .In(F32({1, 2}))
      .In(I32(3))
      .ExpectRunError(Code::kInvalidArgument, "at least k columns. Had 2, needed 3");
  OpCase("TopKV2")
      .In(F32({1, 2}))
      .In(I32(-1))
      .ExpectRunError(Code::kInvalidArgument, "Need k >= 0");
  OpCase("TopKV2").In(F32(1)).In(I32(0)).ExpectRunError(Code::kInvalidArgument, "must be >= 1-D");
  OpCase("TopKV2").In(F32({1})).In(I32({1})).ExpectRunError(Code::kInvalidArgument,
                                                            "k must be scalar");
}

TEST(TopK, Gradients) {
  CheckGradient("TopKV2", {{3, 5}, I32(2)});
  CheckGradient("TopKV2", {{4}, I32(4)});
  CheckGradient("TopKV2", {{2, 1, 3}, I32(1)});
}

TEST(NthElement, Values) {
  const Array x = F32({{3, 1, 2}, {9, 7, 8}});
  OpCase("NthElement").In(x).In(I32(0)).Out(F32({1, 7})).RunEverywhere();
  OpCase("NthElement").In(x).In(I32(0)).Attr("reverse", true).Out(F32({3, 9})).RunEverywhere();
  OpCase("NthElement").In(I64({5, 5, 1})).In(I32(1)).Out(I64(5)).RunEverywhere();
}

TEST(NthElement, ShapesAndErrors) {
  ExpectShape("NthElement", {"[2,?,5]", I32(1)}, "[2,?]");
  ExpectShape("NthElement", {"?", I32(1)}, "?");
  ExpectBuildError("NthElement", {"[3]", I32(3)}, "last dimension > n = 3 but is 3");
  OpCase("NthElement")
      .In(F32({1, 2}))
      .In(I32(2))
      .ExpectRunError(Code::kInvalidArgument, "last dimension > n = 2");
  OpCase("NthElement")
      .In(F32({1, 2}))
      .In(I32(-1))
      .ExpectRunError(Code::kInvalidArgument, "non-negative");
  OpCase("NthElement").In(F32(1)).In(I32(0)).ExpectRunError(Code::kInvalidArgument, "rank 1");
}

TEST(NthElement, Gradients) {
  CheckGradient("NthElement", {{3, 4}, I32(1)});
  CheckGradient("NthElement", {{5}, I32(2)}, {}, {{"reverse", true}});
}

TEST(InTopK, Values) {
  const Array p = F32({{0.1f, 0.3f, 0.2f}, {0.5f, 0.4f, 0.1f}, {0.2f, 0.2f, 0.2f}});
  OpCase("InTopK")
      .In(p)
      .In(I32({1, 1, 2}))
      .Attr("k", int64_t{1})
      .Out(Bool({true, false, true}))
      .RunEverywhere();
  OpCase("InTopKV2")
      .In(p)
      .In(I64({2, 2, 0}))
      .In(I64(2))
      .Out(Bool({true, false, true}))
      .RunEverywhere();
  // A target out of range, or a prediction that is no number, is in no top k; a NaN elsewhere in
  // the row is in the way.
  OpCase("InTopK")
      .In(F32({{1, 2}, {1, 2}, {kNaN, 2}, {kInf, 2}, {2, kNaN}}))
      .In(I32({2, -1, 0, 0, 0}))
      .Attr("k", int64_t{2})
      .Out(Bool({false, false, false, false, false}))
      .RunEverywhere();
  OpCase("InTopKV2")
      .In(p)
      .In(I32({1, 0, 0}))
      .In(I32(0))
      .Out(Bool({false, false, false}))
      .RunEverywhere();
}

TEST(InTopK, ShapesAndErrors) {
  ExpectShape("InTopK", {"[?,3]", "int32[2]"}, "[2]", {{"k", int64_t{1}}});
  ExpectShape("InTopKV2", {"?", "int64[?]", "int64[]"}, "[?]");
  ExpectBuildError("InTopK", {"[2,3]", "int32[3]"}, "Dimensions must be equal, but are 2 and 3",
                   {{"k", int64_t{1}}});
  ExpectBuildError("InTopK", {"[2]", "int32[2]"}, "Shape must be rank 2 but is rank 1",
                   {{"k", int64_t{1}}});
  OpCase("InTopKV2")
      .In(F32({{1}}))
      .In(I32({0}))
      .In(I32({1}))
      .ExpectRunError(Code::kInvalidArgument, "k must be 0-D");
  OpCase("InTopKV2")
      .In(F32({1}))
      .In(I32({0}))
      .In(I32(1))
      .ExpectRunError(Code::kInvalidArgument, "predictions must be 2-dimensional");
  OpCase("InTopKV2")
      .In(F32({{1}}))
      .In(I32({0, 0}))
      .In(I32(1))
      .ExpectRunError(Code::kInvalidArgument, "must match length of targets 2");
}

TEST(TopKFunctions, ValuesAndNames) {
  Graph g;
  GraphScope use(g);
  Session session;
  const nn::TopKResult top = nn::TopK(ConstantOf(F32({1, 3, 2})), 2);
  EXPECT_EQ(top.values.name(), "TopKV2:0");
  EXPECT_TRUE(ArraysEqual(session.Run(top.indices), I32({1, 2})));
  const Tensor in = nn::InTopK(ConstantOf(F32({{1, 2}})), ConstantOf(I32({1})), 1);
  EXPECT_EQ(in.op().type(), "InTopKV2");
  EXPECT_TRUE(ArraysEqual(session.Run(in), Bool({true})));
}

}  // namespace
}  // namespace weft
