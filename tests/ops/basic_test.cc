// SPDX-License-Identifier: Apache-2.0
#include "weft/ops/basic.h"
#include "weft/core/complex.h"

#include "tests/support/gradient_case.h"
#include "tests/support/op_case.h"
#include "weft/gradients/gradients.h"

namespace weft {
namespace {

TEST(HandedOn, Values) {
  for (const char* op :
       {"Identity", "Snapshot", "StopGradient", "PreventGradient", "GuaranteeConst"}) {
    OpCase(op).In(F32({1, kNaN})).Out(F32({1, kNaN})).RunEverywhere();
    OpCase(op).In(Str({"a", ""})).Out(Str({"a", ""})).RunEverywhere();
    ExpectShape(op, {"[?,3]"}, "[?,3]");
  }
}

TEST(HandedOn, Gradients) {
  CheckGradient("Identity", {{2, 3}});
  CheckGradient("EnsureShape", {{2, 3}}, {}, {{"shape", PartialShape({2, -1})}});
  CheckGradient("CheckNumerics", {{2, 3}}, {}, {{"message", "here"}});
  CheckGradient("CheckNumericsV2", {{2, 3}}, {}, {{"message", "here"}});
}

TEST(StopGradient, LetsNoneThrough) {
  Graph g;
  GraphScope use(g);
  const Tensor x = PlaceholderOf(kFloat32, {2});
  EXPECT_TRUE(Gradients({StopGradient(x)}, {x})[0].none());
}

TEST(PreventGradient, SaysWhy) {
  Graph g;
  GraphScope use(g);
  const Tensor x = PlaceholderOf(kFloat32, {2});
  try {
    Gradients({PreventGradient(x, "not this way")}, {x});
    FAIL() << "it has a gradient";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("not this way"), std::string::npos) << e.what();
  }
}

TEST(EnsureShape, Checks) {
  OpCase("EnsureShape")
      .In(F32({{1, 2}}))
      .Attr("shape", PartialShape({-1, 2}))
      .Out(F32({{1, 2}}))
      .RunEverywhere();
  OpCase("EnsureShape")
      .In(F32({{1, 2}}))
      .Attr("shape", PartialShape({2, -1}))
      .ExpectRunError(Code::kInvalidArgument, "[1,2] is not compatible with expected shape [2,?]");
  ExpectShape("EnsureShape", {"[?,3]"}, "[2,3]", {{"shape", PartialShape({2, -1})}});
  ExpectBuildError("EnsureShape", {"[3]"}, "", {{"shape", PartialShape({2})}});
}

TEST(CheckNumerics, NamesWhatItFound) {
  const auto expect = [](const char* op, const Array& x, std::string_view text) {
    OpCase(op).In(x).Attr("message", "loss").ExpectRunError(Code::kInvalidArgument, text);
  };
  OpCase("CheckNumerics").In(F16({1, 2})).Attr("message", "loss").Out(F16({1, 2})).RunEverywhere();
  expect("CheckNumerics", F32({1, kInf}), "loss : Tensor had Inf values");
  expect("CheckNumerics", F64({1, -INFINITY, NAN}), "loss : Tensor had Inf and NaN values");
  expect("CheckNumerics", BF16({kNaN}), "loss : Tensor had NaN values");
  expect("CheckNumericsV2", F32({-kInf, kInf, kNaN}),
         "loss : Tensor had -Inf, +Inf, and NaN values");
  expect("CheckNumericsV2", F16({-kInf, 1}), "loss : Tensor had -Inf values");
}

TEST(Likes, Values) {
  OpCase("ZerosLike").In(F32({1, kNaN})).Out(F32({0, 0})).RunEverywhere();
  OpCase("ZerosLike").In(Str({"a", "b"})).Out(Str({"", ""})).RunEverywhere();
  OpCase("ZerosLike").In(Bool({true})).Out(Bool({false})).RunEverywhere();
  OpCase("ZerosLike").In(I32(Shape({0, 2}), {})).Out(I32(Shape({0, 2}), {})).RunEverywhere();
  OpCase("OnesLike").In(C64(complex64(2, 3))).Out(C64(complex64(1, 0))).RunEverywhere();
  OpCase("OnesLike").In(U8({7, 8})).Out(U8({1, 1})).RunEverywhere();
}

TEST(Placeholder, MustBeFed) {
  Graph g;
  GraphScope use(g);
  const Tensor x = Placeholder(kFloat32, {-1, 3}, "x");
  EXPECT_EQ(x.shape(), PartialShape({-1, 3}));
  Session session;
  try {
    session.Run(Identity(x));
    FAIL() << "it ran";
  } catch (const InvalidArgumentError& e) {
    EXPECT_NE(std::string(e.what()).find("You must feed a value for placeholder tensor 'x'"),
              std::string::npos);
  }
  EXPECT_TRUE(ArraysEqual(session.Run(Identity(x), {{x, F32({{1, 2, 3}})}}), F32({{1, 2, 3}})));
}

TEST(PlaceholderWithDefault, TakesWhatIsFedOrTheDefault) {
  Graph g;
  GraphScope use(g);
  const Tensor x = PlaceholderWithDefault(F32({1, 2}), {-1}, "x");
  EXPECT_EQ(x.shape(), PartialShape({-1}));
  Session session;
  EXPECT_TRUE(ArraysEqual(session.Run(x), F32({1, 2})));
  EXPECT_TRUE(ArraysEqual(session.Run(x, {{x, F32({5})}}), F32({5})));
  EXPECT_THROW(PlaceholderWithDefault(F32({1, 2}), {3}), InvalidArgumentError);
}

TEST(Constant, Forms) {
  Graph g;
  GraphScope use(g);
  Session session;
  EXPECT_TRUE(ArraysEqual(session.Run(Constant({1.f, 2.f})), F32({1, 2})));
  EXPECT_TRUE(ArraysEqual(session.Run(Constant(3, kFloat64)), F64(3)));
  EXPECT_TRUE(ArraysEqual(session.Run(Constant(7, Shape({2, 2}))), I32({{7, 7}, {7, 7}})));
  EXPECT_TRUE(
      ArraysEqual(session.Run(Constant({1, 2, 3, 4}, Shape({2, 2}))), I32({{1, 2}, {3, 4}})));
  EXPECT_EQ(Constant("text", "name").name(), "name:0");
  EXPECT_THROW(Constant({1, 2, 3}, Shape({2, 2})), InvalidArgumentError);
  // Every run gets the node's own buffer.
  const Tensor c = Constant({5.f});
  EXPECT_EQ(session.Run(c).raw_data(), session.Run(c).raw_data());
}

TEST(LikeFunctions, NodesArePythons) {
  Graph g;
  GraphScope use(g);
  const Tensor known = PlaceholderOf(kFloat32, {2, 3}), unknown = PlaceholderOf(kFloat32, {-1, 3});
  EXPECT_EQ(ZerosLike(known).op().type(), "Const");
  EXPECT_EQ(ZerosLike(unknown).op().type(), "ZerosLike");
  EXPECT_EQ(OnesLike(known, "one").op().type(), "Fill");
  EXPECT_TRUE(g.FindOperation("one/Shape/shape_as_tensor"));
  const Tensor ints = OnesLike(unknown, kInt32);
  EXPECT_EQ(ints.dtype(), kInt32);
  Session session;
  EXPECT_TRUE(ArraysEqual(session.Run(ints, {{unknown, F32({{4, 5, 6}})}}), I32({{1, 1, 1}})));
  EXPECT_TRUE(ArraysEqual(session.Run(ZerosLike(unknown, kString), {{unknown, F32({{4, 5, 6}})}}),
                          Str({{"", "", ""}})));
}

}  // namespace
}  // namespace weft
