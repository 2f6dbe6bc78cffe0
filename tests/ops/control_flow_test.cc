// SPDX-License-Identifier: Apache-2.0
// Conditionals, loops and functions over rows, with their gradients.
#include "weft/ops/control_flow.h"
#include "tests/support/errors.h"

#include <thread>

#include "src/graph/graph_impl.h"
#include "tests/support/gradient_case.h"
#include "tests/support/op_case.h"
#include "weft/gradients/gradients.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/control.h"
#include "weft/ops/functional.h"
#include "weft/ops/logical.h"
#include "weft/ops/math_binary.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/matmul.h"
#include "weft/ops/reduction.h"
#include "weft/ops/tensor_array.h"

namespace weft {
namespace {

using Tensors = std::vector<Tensor>;

class ControlFlowTest : public testing::Test {
 protected:
  Array Gradient(const Tensor& y, const Tensor& x, const Feeds& feeds) {
    return session_.Run(DenseGradient(Gradients({y}, {x})[0]), feeds);
  }
  Graph g_;
  GraphScope use_{g_};
  Session session_{g_};
};

// ---- Cond ----

TEST_F(ControlFlowTest, CondTakesOneBranch) {
  const Tensor pred = Placeholder(kBool, Shape()), x = Placeholder(kFloat32, {2});
  const Tensor y = Cond(
      pred, [&] { return Multiply(x, x); }, [&] { return Negative(x); });
  EXPECT_EQ(y.name(), "cond/Merge:0");
  EXPECT_EQ(g_.OperationByName("cond/Mul").input(0).name(), "cond/Mul/Switch:1");
  EXPECT_EQ(g_.OperationByName("cond/Neg").input(0).name(), "cond/Neg/Switch:0");
  const Array at = F32({2, 5});
  const Tensor dx = DenseGradient(Gradients({y}, {x})[0]);
  for (const bool p : {false, true}) {
    const Feeds feeds{{pred, Bool(p)}, {x, at}};
    EXPECT_TRUE(ArraysEqual(session_.Run(y, feeds), p ? F32({4, 25}) : F32({-2, -5})));
    EXPECT_TRUE(ArraysEqual(session_.Run(dx, feeds), p ? F32({4, 10}) : F32({-1, -1})));
  }
}

TEST_F(ControlFlowTest, CondMistakes) {
  const Tensor pred = Placeholder(kBool, Shape()), x = Placeholder(kFloat32, {2});
  EXPECT_NE(test::MessageOf(Code::kInvalidArgument,
                            [&] {
                              Cond(
                                  pred, [&] { return x; }, [&] { return Cast(x, kInt32); });
                            })
                .find("of dtype float32 in true_fn"),
            std::string::npos);
  EXPECT_NE(test::MessageOf(Code::kInvalidArgument,
                            [&] {
                              Cond(
                                  pred,
                                  [&] {
                                    return Tensors{x, x};
                                  },
                                  [&] { return Tensors{x}; });
                            })
                .find("true_fn returns 2 tensors"),
            std::string::npos);
}

TEST_F(ControlFlowTest, CaseTakesTheFirst) {
  const Tensor i = Placeholder(kInt32, Shape());
  const auto value = [](float v) { return [v] { return Tensors{Constant(Array(v))}; }; };
  const Tensor y =
      Case({{Less(i, 1), value(1)}, {Less(i, 5), value(2)}}, {.default_fn = value(3)})[0];
  for (const auto& [at, want] : {std::pair{0, 1.f}, {3, 2.f}, {7, 3.f}})
    EXPECT_TRUE(ArraysEqual(session_.Run(y, {{i, I32(at)}}), F32(want))) << at;
}

// ---- WhileLoop ----

// x^(2^n).
Tensor SquaredTimes(const Tensor& x, const Input& n) {
  return WhileLoop([&](const Tensors& v) { return Less(v[0], n); },
                   [&](const Tensors& v) {
                     return Tensors{Add(v[0], 1), Multiply(v[1], v[1])};
                   },
                   {0, x})[1];
}

TEST_F(ControlFlowTest, WhileLoopRepeats) {
  const Tensor x = Placeholder(kFloat32, {2}), n = Placeholder(kInt32, Shape());
  const Tensor y = SquaredTimes(x, n);
  EXPECT_EQ(y.name(), "while/Exit_1:0");
  const Array at = F32({2, 3});
  EXPECT_TRUE(ArraysEqual(session_.Run(y, {{x, at}, {n, I32(0)}}), F32({2, 3})));
  EXPECT_TRUE(ArraysEqual(session_.Run(y, {{x, at}, {n, I32(1)}}), F32({4, 9})));
  EXPECT_TRUE(ArraysEqual(session_.Run(y, {{x, at}, {n, I32(3)}}), F32({256, 6561})));
}

TEST_F(ControlFlowTest, WhileLoopGradient) {
  const Tensor x = Placeholder(kFloat32, {2}), n = Placeholder(kInt32, Shape());
  const Tensor y = SquaredTimes(x, n);
  const Array at = F32({2, 3});
  EXPECT_TRUE(ArraysEqual(Gradient(y, x, {{x, at}, {n, I32(0)}}), F32({1, 1})));
  EXPECT_TRUE(ArraysEqual(Gradient(y, x, {{x, at}, {n, I32(2)}}), F32({32, 108})));
}

// An invariant's gradients of all iterations add up.
TEST_F(ControlFlowTest, InvariantGradient) {
  const Tensor w = Placeholder(kFloat32, Shape()), x = Placeholder(kFloat32, Shape());
  const Tensor y = WhileLoop([&](const Tensors& v) { return Less(v[0], 3); },
                             [&](const Tensors& v) {
                               return Tensors{Add(v[0], 1), Multiply(v[1], w)};
                             },
                             {0, x})[1];  // x w^3
  const Feeds feeds{{w, F32(2)}, {x, F32(5)}};
  EXPECT_TRUE(ArraysEqual(session_.Run(y, feeds), F32(40)));
  EXPECT_TRUE(ArraysEqual(Gradient(y, w, feeds), F32(60)));
  EXPECT_TRUE(ArraysEqual(Gradient(y, x, feeds), F32(8)));
}

// sum over i < 3, j < 2 of x^(..): the inner loop multiplies by x twice, the outer one adds.
TEST_F(ControlFlowTest, NestedLoops) {
  const Tensor x = Placeholder(kFloat32, Shape());
  const Tensor y = WhileLoop([&](const Tensors& v) { return Less(v[0], 3); },
                             [&](const Tensors& v) {
                               const Tensor inner =
                                   WhileLoop([&](const Tensors& u) { return Less(u[0], 2); },
                                             [&](const Tensors& u) {
                                               return Tensors{Add(u[0], 1), Multiply(u[1], x)};
                                             },
                                             {0, v[1]})[1];
                               return Tensors{Add(v[0], 1), inner};
                             },
                             {0, x})[1];  // x^7
  const Feeds feeds{{x, F32(2)}};
  EXPECT_TRUE(ArraysEqual(session_.Run(y, feeds), F32(128)));
  EXPECT_TRUE(ArraysEqual(Gradient(y, x, feeds), F32(7 * 64)));
}

TEST_F(ControlFlowTest, CondInALoop) {
  const Tensor x = Placeholder(kFloat32, Shape());
  const Tensor y = WhileLoop([&](const Tensors& v) { return Less(v[0], 4); },
                             [&](const Tensors& v) {
                               const Tensor next = Cond(
                                   Equal(FloorMod(v[0], 2), 0), [&] { return Multiply(v[1], x); },
                                   [&] { return Add(v[1], x); });
                               return Tensors{Add(v[0], 1), next};
                             },
                             {0, x})[1];  // ((x x + x) x) + x
  const Feeds feeds{{x, F32(3)}};
  EXPECT_TRUE(ArraysEqual(session_.Run(y, feeds), F32(39)));
  EXPECT_TRUE(ArraysEqual(Gradient(y, x, feeds), F32(3 * 9 + 2 * 3 + 1)));
}

TEST_F(ControlFlowTest, MaximumIterations) {
  const Tensor y =
      WhileLoop([](Tensor v) { return Less(v, 100); }, [](Tensor v) -> Input { return Add(v, 1); },
                0, {.maximum_iterations = Input(7)});
  EXPECT_TRUE(ArraysEqual(session_.Run(y), I32(7)));
}

TEST_F(ControlFlowTest, ShapesMayGrow) {
  const Tensor x = Placeholder(kFloat32, {1});
  const auto grow = [&](std::vector<PartialShape> invariants) {
    return WhileLoop([&](const Tensors& v) { return Less(v[0], 3); },
                     [&](const Tensors& v) {
                       return Tensors{Add(v[0], 1), Concat({v[1], x}, 0)};
                     },
                     {0, x}, {.shape_invariants = std::move(invariants)})[1];
  };
  EXPECT_NE(test::MessageOf(Code::kInvalidArgument, [&] { grow({}); })
                .find("enters the loop with shape (1,), but has shape (2,) after one iteration"),
            std::string::npos);
  const Tensor y = grow({PartialShape::Scalar(), PartialShape({-1})});
  EXPECT_TRUE(ArraysEqual(session_.Run(y, {{x, F32({2})}}), F32({2, 2, 2, 2})));
}

TEST_F(ControlFlowTest, LoopMistakes) {
  const auto always = [](const Tensors&) { return Constant(Array(true)); };
  EXPECT_NE(test::MessageOf(
                Code::kInvalidArgument,
                [&] {
                  WhileLoop(always, [](const Tensors& v) { return Tensors{Cast(v[0], kFloat32)}; },
                            {0});
                })
                .find("enters the loop with dtype int32"),
            std::string::npos);
  EXPECT_NE(
      test::MessageOf(Code::kInvalidArgument,
                      [&] { WhileLoop(always, [](const Tensors&) { return Tensors{}; }, {0}); })
          .find("body returns 0 tensors"),
      std::string::npos);
  Tensor leaked;
  WhileLoop([](const Tensors& v) { return Less(v[0], 1); },
            [&](const Tensors& v) {
              leaked = Add(v[0], 1);
              return Tensors{leaked};
            },
            {0});
  EXPECT_NE(
      test::MessageOf(Code::kInvalidArgument, [&] { Add(leaked, 1); }).find("is in a while loop"),
      std::string::npos);
}

TEST_F(ControlFlowTest, EndlessLoopTimesOut) {
  const Tensor y = WhileLoop([](Tensor v) { return GreaterEqual(v, 0); },
                             [](Tensor v) -> Input { return Multiply(v, 1); }, 0);
  RunOptions options;
  options.timeout_in_ms = 50;
  EXPECT_NE(test::MessageOf(Code::kDeadlineExceeded,
                            [&] { session_.Run(std::vector<Fetch>{y}, {}, options); })
                .find("50 ms"),
            std::string::npos);
}

TEST_F(ControlFlowTest, ManyThreadsRunOneLoop) {
  const Tensor x = Placeholder(kFloat32, {2});
  const Tensor y = SquaredTimes(x, 3);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const float v = static_cast<float>(t % 3);
        const float power = v == 2 ? 256.f : v;
        EXPECT_TRUE(ArraysEqual(session_.Run(y, {{x, F32({v, v})}}), F32({power, power})));
      }
    });
  }
  for (std::thread& t : threads) t.join();
}

// ---- Graphs that no function here makes ----

// A loop without its Identities and with a value that goes round unchanged beside it.
TEST_F(ControlFlowTest, LoopOfRawNodes) {
  const auto node = [&](const char* op, const Tensors& in, const AttrMap& attrs = {}) {
    const absl::StatusOr<Operation> added = AddNode(op, in, attrs);
    EXPECT_TRUE(added.ok()) << added.status();
    return *added;
  };
  const AttrMap frame{{"frame_name", "raw"}};
  const Tensor enter = node("Enter", {ConstantOf(I32(0))}, frame).output(0);
  const Operation merge = node("Merge", {enter, enter}, {{"N", 2}});
  const Tensor limit =
      node("Enter", {ConstantOf(I32(5))}, {{"frame_name", "raw"}, {"is_constant", true}}).output(0);
  const Tensor more =
      node("LoopCond", {node("Less", {merge.output(0), limit}).output(0)}).output(0);
  const Operation taken = node("Switch", {merge.output(0), more});
  const Tensor next =
      node("NextIteration", {node("AddV2", {taken.output(1), taken.output(1)}).output(0)})
          .output(0);
  ASSERT_TRUE(g_.impl().SetInput(merge.node(), 1, next).ok());
  const Tensor exit = node("Exit", {taken.output(0)}).output(0);
  // 0 + 0 never reaches 5.
  RunOptions options;
  options.timeout_in_ms = 50;
  test::MessageOf(Code::kDeadlineExceeded,
                  [&] { session_.Run(std::vector<Fetch>{exit}, {}, options); });
}

TEST_F(ControlFlowTest, FramesMustAgree) {
  const Tensor x = ConstantOf(F32(1));
  const Tensor in = AddNode("Enter", {x}, {{"frame_name", "f"}})->output(0);
  const Tensor mixed = AddNode("AddV2", {in, x}, {}, "mixed")->output(0);
  const Tensor out = AddNode("Exit", {mixed})->output(0);
  EXPECT_NE(test::MessageOf(Code::kInvalidArgument, [&] { session_.Run(out); })
                .find("{{node mixed}} has inputs from different frames"),
            std::string::npos);
}

// ---- TensorArrays and functions over rows ----

TEST_F(ControlFlowTest, TensorArrayRoundTrip) {
  const Tensor x = Placeholder(kFloat32, {3, 2});
  const TensorArray array = TensorArray(kFloat32, 3).Unstack(x);
  const Tensor y = array.Stack();
  EXPECT_EQ(y.shape(), PartialShape({3, 2}));
  const Tensor loss = ReduceSum(Multiply(y, y));
  const Array at = F32({{1, 2}, {3, 4}, {5, 6}});
  EXPECT_TRUE(ArraysEqual(session_.Run(y, {{x, at}}), at));
  EXPECT_TRUE(ArraysEqual(Gradient(loss, x, {{x, at}}), F32({{2, 4}, {6, 8}, {10, 12}})));
}

TEST_F(ControlFlowTest, TensorArrayMistakes) {
  const TensorArray array = TensorArray(kFloat32, 1, {.tensor_array_name = "list"});
  const TensorArray twice = array.Write(0, ConstantOf(F32(1))).Write(0, ConstantOf(F32(2)));
  EXPECT_NE(test::MessageOf(Code::kInvalidArgument, [&] { session_.Run(twice.flow()); })
                .find("because it has already been written to"),
            std::string::npos);
  EXPECT_NE(test::MessageOf(Code::kInvalidArgument,
                            [&] { session_.Run(array.Write(1, ConstantOf(F32(1))).flow()); })
                .find("Tried to write to index 1 but array is not resizeable and size is: 1"),
            std::string::npos);
}

// As in TensorFlow: better no gradient than a wrong one.
TEST_F(ControlFlowTest, GradientsOfGradientsAreRefused) {
  const Tensor x = Placeholder(kFloat32, {2});
  const TensorArray array = TensorArray(kFloat32, 2).Unstack(x);
  const Tensor read = array.Read(0);
  const Tensor slope = DenseGradient(Gradients({Multiply(read, Multiply(read, read))}, {x})[0]);
  const Tensor second = DenseGradient(Gradients({slope}, {x})[0]);
  EXPECT_NE(test::MessageOf(Code::kInvalidArgument,
                            [&] {
                              session_.Run(second, {{x, F32({1, 2})}});
                            })
                .find("Wrong input container"),
            std::string::npos);

  const Tensor cube = WhileLoop([](const std::vector<Tensor>& v) { return Less(v[0], 2); },
                                [&](const std::vector<Tensor>& v) {
                                  return std::vector<Tensor>{Add(v[0], 1), Multiply(v[1], x)};
                                },
                                {0, x})[1];
  const Tensor of_loop = DenseGradient(Gradients({cube}, {x})[0]);
  EXPECT_NE(test::MessageOf(Code::kUnimplemented, [&] { Gradients({of_loop}, {x}); })
                .find("Second-order gradient for while loops not supported"),
            std::string::npos);
}

TEST_F(ControlFlowTest, MapFoldScan) {
  const Tensor x = Placeholder(kFloat32, {4});
  const Tensor squares = MapFn([](Tensor e) { return Multiply(e, e); }, x);
  const Tensor sum = Foldl([](Tensor a, Tensor e) { return Add(a, e); }, squares);
  const Tensor last = Foldr([](Tensor a, Tensor e) { return Subtract(e, a); }, x);
  const Tensor running = Scan([](Tensor a, Tensor e) { return Add(a, e); }, x);
  const Feeds feeds{{x, F32({1, 2, 3, 4})}};
  EXPECT_TRUE(ArraysEqual(session_.Run(squares, feeds), F32({1, 4, 9, 16})));
  EXPECT_TRUE(ArraysEqual(session_.Run(sum, feeds), F32(30)));
  EXPECT_TRUE(ArraysEqual(session_.Run(last, feeds), F32(-2)));
  EXPECT_TRUE(ArraysEqual(session_.Run(running, feeds), F32({1, 3, 6, 10})));
  EXPECT_TRUE(ArraysEqual(Gradient(sum, x, feeds), F32({2, 4, 6, 8})));
  EXPECT_TRUE(ArraysEqual(Gradient(running, x, feeds), F32({4, 3, 2, 1})));
}

}  // namespace
}  // namespace weft
