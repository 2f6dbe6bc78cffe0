// SPDX-License-Identifier: Apache-2.0
#include "weft/ops/control.h"
#include "tests/support/errors.h"

#include "tests/support/gradient_case.h"
#include "tests/support/op_case.h"
#include "weft/gradients/gradients.h"
#include "weft/ops/basic.h"
#include "weft/ops/math_binary.h"

namespace weft {
namespace {

class ControlTest : public testing::Test {
 protected:
  Graph g_;
  GraphScope use_{g_};
  Session session_{g_};
};

TEST_F(ControlTest, SwitchSendsOneWay) {
  const Tensor pred = Placeholder(kBool, Shape());
  const Branches sides = Switch(ConstantOf(F32({1, 2})), pred);
  EXPECT_EQ(sides.output_false.name(), "Switch:0");
  EXPECT_EQ(sides.output_true.name(), "Switch:1");
  const Tensor no = Add(sides.output_false, 10.f), yes = Multiply(sides.output_true, 2.f);
  const Merged merged = Merge({no, yes});
  EXPECT_EQ(merged.output.shape(), PartialShape({2}));
  for (const bool p : {false, true}) {
    const std::vector<Array> got =
        session_.Run(std::vector<Fetch>{merged.output, merged.value_index}, {{pred, Bool(p)}});
    EXPECT_TRUE(ArraysEqual(got[0], p ? F32({2, 4}) : F32({11, 12})));
    EXPECT_TRUE(ArraysEqual(got[1], I32(p ? 1 : 0)));
  }
}

TEST_F(ControlTest, DeadTensorsHaveNoValue) {
  const Branches sides = Switch(ConstantOf(F32(1)), ConstantOf(Bool(true)));
  const Tensor dead = Add(sides.output_false, 1.f);
  EXPECT_TRUE(ArraysEqual(session_.Run(Add(sides.output_true, 1.f)), F32(2)));
  EXPECT_NE(test::MessageOf(Code::kInvalidArgument, [&] { session_.Run(dead); })
                .find("does not have value"),
            std::string::npos);
  // A node without outputs that depends on a dead one is skipped, and so are its successors.
  Operation skipped, after;
  {
    const ControlDependencies on_dead({dead.op()});
    skipped = NoOp();
    const ControlDependencies on_skipped({skipped});
    after = NoOp({"after"});
  }
  session_.Run(after);
}

TEST_F(ControlTest, MergeOfDeadOnesIsDead) {
  const Branches outer = Switch(ConstantOf(F32(1)), ConstantOf(Bool(false)));
  const Tensor pred = Placeholder(kBool, Shape());
  const Branches inner = Switch(outer.output_true, pred);
  const Merged merged = Merge({inner.output_false, inner.output_true});
  EXPECT_NE(test::MessageOf(Code::kInvalidArgument,
                            [&] {
                              session_.Run(merged.output, {{pred, Bool(true)}});
                            })
                .find("does not have value"),
            std::string::npos);
  const Merged all = Merge({merged.output, Add(outer.output_false, 4.f)});
  EXPECT_TRUE(ArraysEqual(session_.Run(all.output, {{pred, Bool(true)}}), F32(5)));
  EXPECT_TRUE(ArraysEqual(session_.Run(all.value_index, {{pred, Bool(false)}}), I32(1)));
}

TEST_F(ControlTest, TriggerRunsAfterDeadOnes) {
  const Branches sides = Switch(ConstantOf(F32(1)), ConstantOf(Bool(true)));
  Operation trigger;
  {
    const ControlDependencies on_dead({Add(sides.output_false, 1.f).op()});
    trigger = ControlTrigger();
  }
  EXPECT_EQ(trigger.name(), "ControlTrigger");
  const ControlDependencies on_trigger({trigger});
  EXPECT_TRUE(ArraysEqual(session_.Run(Constant(3.f)), F32(3)));
}

TEST_F(ControlTest, SwitchWantsAScalar) {
  const Tensor pred = Placeholder(kBool);
  const Tensor y = Switch(ConstantOf(F32(1)), pred).output_true;
  EXPECT_NE(test::MessageOf(Code::kInvalidArgument,
                            [&] {
                              session_.Run(y, {{pred, Bool({true, false})}});
                            })
                .find("Switch"),
            std::string::npos);
}

TEST_F(ControlTest, ExitNeedsAnEnter) {
  const Tensor x = ConstantOf(F32({1, 2}));
  const Tensor inside = AddNode("Enter", {x}, {{"frame_name", "f"}})->output(0);
  EXPECT_TRUE(ArraysEqual(session_.Run(AddNode("Exit", {inside})->output(0)), F32({1, 2})));
  const Tensor stray = AddNode("Exit", {x}, {}, "stray")->output(0);
  EXPECT_NE(test::MessageOf(Code::kInvalidArgument, [&] { session_.Run(stray); })
                .find("'stray': cannot find a corresponding Enter"),
            std::string::npos);
  const Tensor twice =
      AddNode("Exit", {AddNode("Exit", {inside})->output(0)}, {}, "twice")->output(0);
  EXPECT_NE(test::MessageOf(Code::kInvalidArgument, [&] { session_.Run(twice); }).find("'twice'"),
            std::string::npos);
}

TEST_F(ControlTest, SwitchN) {
  const Tensor index = Placeholder(kInt32, Shape());
  const Operation op =
      *AddNode("_SwitchN", {ConstantOf(F32(7)), index}, {{"num_outs", int64_t{3}}}, "switch_n");
  std::vector<Input> ways;
  for (int i = 0; i < 3; ++i) ways.emplace_back(Add(op.output(i), static_cast<float>(i)));
  const Merged merged = Merge(ways);
  // Out of range: the last one.
  for (const auto& [i, want] : {std::pair{0, 7.f}, {1, 8.f}, {2, 9.f}, {3, 9.f}, {-1, 9.f}})
    EXPECT_TRUE(ArraysEqual(session_.Run(merged.output, {{index, I32(i)}}), F32(want))) << i;
}

TEST_F(ControlTest, BranchGradients) {
  const Tensor pred = Placeholder(kBool, Shape());
  const Tensor x = Placeholder(kFloat32, {2});
  const Branches sides = Switch(x, pred);
  const Tensor y =
      Merge({Multiply(sides.output_false, sides.output_false), Multiply(sides.output_true, 3.f)})
          .output;
  const Tensor dx = DenseGradient(Gradients({y}, {x})[0]);
  const Array at = F32({2, 5});
  EXPECT_TRUE(ArraysEqual(session_.Run(dx, {{x, at}, {pred, Bool(false)}}), F32({4, 10})));
  EXPECT_TRUE(ArraysEqual(session_.Run(dx, {{x, at}, {pred, Bool(true)}}), F32({3, 3})));
}

TEST(ControlOps, PassOn) {
  for (const char* op : {"Enter", "NextIteration"}) {
    const AttrMap attrs = op == std::string("Enter")
                              ? AttrMap{{"frame_name", "f"}, {"is_constant", true}}
                              : AttrMap{};
    ExpectShape(op, {"[?,3]"}, "[?,3]", attrs);
  }
  OpCase("NextIteration").In(F32({1, 2})).Out(F32({1, 2})).RunEverywhere();
  OpCase("LoopCond").In(Bool(true)).Out(Bool(true)).RunEverywhere();
}

TEST(ControlOps, Shapes) {
  ExpectShape("Switch", {"[?,3]", "bool[]"}, "[?,3];[?,3]");
  ExpectBuildError("Switch", {"[2]", "bool[1]"}, "Shape must be rank 0 but is rank 1");
  // In a frame another iteration may bring another shape.
  ExpectShape("Enter", {"[2]"}, "?", {{"frame_name", "f"}});
  ExpectShape("Merge", {"[2,3]", "[2,4]"}, "[2,?];[]");
  ExpectShape("Merge", {"[2,3]", "[2]"}, "?;[]");
  ExpectShape("Merge", {"[2,3]", "?"}, "?;[]");
  ExpectBuildError("Merge", {}, "at least minimum 1", {{"N", int64_t{0}}, {"T", kFloat32}});
  ExpectBuildError("LoopCond", {"bool[1]"}, "Shape must be rank 0 but is rank 1");
}

}  // namespace
}  // namespace weft
