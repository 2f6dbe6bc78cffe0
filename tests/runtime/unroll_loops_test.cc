// SPDX-License-Identifier: Apache-2.0
// Loops of a known number of iterations run as copies of their bodies, without stacks and
// TensorArrays, and compute what the loops do; all others stay loops.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/optimised_runs.h"
#include "weft/graph/op_builder.h"
#include "weft/nn/rnn.h"
#include "weft/weft.h"

namespace weft {
namespace {

using test::CountOps;
using test::Uniforms;

class UnrollLoops : public test::OptimisedRuns {
 protected:
  using Values = std::vector<Tensor>;
  using Body = std::function<Values(const Values&)>;

  // The body `n` times; its results and variables do not include the counter v[0].
  static Values Repeat(const Input& n, const std::vector<Input>& initial, const Body& body) {
    std::vector<Input> variables{Constant(0)};
    variables.insert(variables.end(), initial.begin(), initial.end());
    Values results = WhileLoop([&](const Values& v) { return Less(v[0], n); },
                               [&](const Values& v) {
                                 Values next = body(v);
                                 next.insert(next.begin(), v[0] + 1);
                                 return next;
                               },
                               variables);
    results.erase(results.begin());
    return results;
  }

  static int Arrays(const RunMetadata& run) {
    int n = 0;
    for (const NodeStats& s : run.step_stats)
      n += s.op_type.starts_with("TensorArray") || s.op_type.starts_with("Stack");
    return n;
  }
  // That a run had no loop, no stack and no TensorArray.
  static void ExpectFlat(const RunMetadata& run) {
    EXPECT_EQ(CountOps(run, "_Loop"), 0);
    EXPECT_EQ(Arrays(run), 0);
  }
  static std::vector<Tensor> GradientsOf(const Tensor& y, const std::vector<Tensor>& xs) {
    std::vector<Tensor> dense;
    for (const Grad& g : Gradients({y}, xs)) dense.push_back(DenseGradient(g));
    return dense;
  }
  Code ErrorOf(const Tensor& y, std::string* message) {
    Session session(graph_);
    try {
      session.Run(y);
    } catch (const Error& e) {
      *message = e.what();
      return e.code();
    }
    return Code::kOk;
  }
};

TEST_F(UnrollLoops, VariablesOfAllKinds) {
  const Tensor x = Placeholder(kFloat32, {2, 3});
  // One stays as it is, two change places, one adds up with a beginning of its own.
  const Values y =
      Repeat(5, {x, x * 2.0f, x + 1.0f, Constant(Uniforms({2, 3}, 12))}, [&](const Values& v) {
        return Values{v[1], v[3], v[2] * 0.5f, v[4] + Tanh(v[2])};
      });
  const RunMetadata run = Check(y, {{x, Uniforms({2, 3}, 1)}});
  ExpectFlat(run);
  EXPECT_EQ(CountOps(run, "NextIteration"), 0);
}

TEST_F(UnrollLoops, NoIterationOneAndTheMost) {
  const Tensor x = Placeholder(kFloat32, {2});
  for (const int n : {0, 1, 128, 129}) {
    const Values y = Repeat(n, {x}, [](const Values& v) { return Values{Cos(v[1])}; });
    const RunMetadata run = Check({y[0] * 1.0f}, {{x, Uniforms({2}, 2)}});
    EXPECT_EQ(CountOps(run, "_Loop"), n == 129 ? 1 : 0) << n;
  }
}

// What the condition computes is used in the body; the counter's final value is used after it.
TEST_F(UnrollLoops, ValuesOfTheCondition) {
  const Tensor x = Placeholder(kFloat32, Shape({}));
  Tensor squared;
  const Values y = WhileLoop(
      [&](const Values& v) {
        squared = v[0] * v[0];
        return Less(squared, 30);
      },
      [&](const Values& v) {
        return Values{v[0] + 2, v[1] * x + Cast(v[0] * v[0], kFloat32)};
      },
      {Constant(1), Constant(0.5f)});
  const RunMetadata run = Check({Cast(y[0], kFloat32) + y[1]}, {{x, Array(0.75f)}});
  ExpectFlat(run);
}

TEST_F(UnrollLoops, CountsThatArentKnown) {
  const Tensor n = Placeholder(kInt32, Shape({})), x = Placeholder(kFloat32, Shape({}));
  const Tensor fed = Repeat(n, {x}, [](const Values& v) { return Values{Sin(v[1])}; })[0];
  const Tensor by_value = WhileLoop([](const Tensor& v) { return Less(v, 10.0f); },
                                    [](const Tensor& v) { return v * 1.5f; }, x);
  const RunMetadata run = Check({fed, by_value}, {{n, Array(int32_t{4})}, {x, Array(0.5f)}});
  EXPECT_EQ(CountOps(run, "_Loop"), 2);
}

// Each copy would keep a filter of its own.
TEST_F(UnrollLoops, ConvolutionsStayInLoops) {
  const Tensor x = Placeholder(kFloat32, {1, 6, 6, 2});
  const Tensor filter = Constant(Uniforms({3, 3, 2, 2}, 13));
  const Tensor y = Repeat(3, {x}, [&](const Values& v) {
    return Values{nn::Relu(nn::Conv2D(v[1], filter, {1, 1, 1, 1}, "SAME"))};
  })[0];
  EXPECT_EQ(CountOps(Check({y}, {{x, Uniforms({1, 6, 6, 2}, 14)}}), "_Loop"), 1);
}

TEST_F(UnrollLoops, ConfigLeavesThemAsTheyAre) {
  config_.unroll_loops = false;
  const Tensor x = Placeholder(kFloat32, Shape({}));
  const Tensor y = Repeat(3, {x}, [](const Values& v) { return Values{Sin(v[1])}; })[0];
  EXPECT_EQ(CountOps(Check({y}, {{x, Array(0.5f)}}), "_Loop"), 1);
}

// The gradient's loop reads from the end what the other one has kept.
TEST_F(UnrollLoops, GradientsWithoutStacks) {
  const Tensor x = Placeholder(kFloat32, {2, 3}), w = Placeholder(kFloat32, {3, 3});
  const Tensor y =
      Repeat(4, {x}, [&](const Values& v) { return Values{Tanh(MatMul(v[1], w)) * v[1]}; })[0];
  std::vector<Tensor> results = GradientsOf(ReduceSum(y * y), {x, w});
  results.push_back(y);
  const RunMetadata run = Check(results, {{x, Uniforms({2, 3}, 3)}, {w, Uniforms({3, 3}, 4)}});
  ExpectFlat(run);
  EXPECT_EQ(CountOps(run, "_SumOfProducts"), 1);  // the gradient of w, of all iterations
}

// Only one of the two loops can be unrolled: then neither is, as a stack connects them.
TEST_F(UnrollLoops, StacksOfALoopThatStays) {
  const Tensor n = Placeholder(kInt32, Shape({})), x = Placeholder(kFloat32, {3});
  const Tensor inner = Repeat(n, {x}, [](const Values& v) { return Values{Sin(v[1])}; })[0];
  const Tensor y = Repeat(3, {inner}, [](const Values& v) { return Values{Exp(v[1]) * 0.1f}; })[0];
  std::vector<Tensor> results = GradientsOf(ReduceSum(y), {x});
  results.push_back(y);
  const RunMetadata run = Check(results, {{n, Array(int32_t{3})}, {x, Uniforms({3}, 5)}});
  EXPECT_EQ(CountOps(run, "_Loop"), 2);  // of the inner one and its gradient
}

TEST_F(UnrollLoops, EffectsAndBranchesStayInLoops) {
  const Tensor x = Placeholder(kFloat32, {4});
  const Tensor random =
      Repeat(3, {x}, [](const Values& v) { return Values{v[1] + RandomUniform(Shape({4}))}; })[0];
  const Tensor branches = Repeat(3, {x}, [](const Values& v) {
    return Values{Cond(
        Greater(ReduceSum(v[1]), 0.0f), [&] { return Input(v[1] - 1.0f); },
        [&] { return Input(v[1] * 2.0f); })};
  })[0];
  const Tensor nested = Repeat(2, {x}, [](const Values& v) {
    return Repeat(2, {v[1]}, [](const Values& u) { return Values{Sin(u[1])}; });
  })[0];
  Session session(graph_);
  RunMetadata run;
  const Array given = Uniforms({4}, 6);
  session.Run({random, branches, nested}, {{x, given}}, {.trace_level = TraceLevel::kFull}, &run);
  EXPECT_EQ(CountOps(run, "_Loop"), 2 + 1);  // the inner loop is unrolled in the outer one's body
  const Array a = session.Run(random, {{x, given}}), b = session.Run(random, {{x, given}});
  EXPECT_FALSE(a == b);
  Check({branches, nested}, {{x, given}});
}

// In a branch that is not taken nothing of a loop may be alive, constants neither.
TEST_F(UnrollLoops, LoopsInABranch) {
  const Tensor take = Placeholder(kBool, Shape({})), x = Placeholder(kFloat32, {3});
  const Tensor y = Cond(
      take,
      [&] {
        return Input(
            Repeat(3, {Constant(1.0f)}, [](const Values& v) { return Values{v[1] * 2.0f}; })[0] +
            x);
      },
      [&] { return Input(x * 10.0f); });
  for (const bool taken : {true, false}) Check({y}, {{take, Array(taken)}, {x, Uniforms({3}, 7)}});
}

TEST_F(UnrollLoops, WhatWaitsForALoopAndWhatItWaitsFor) {
  const Variable w(Constant(2.0f), {.name = "w", .use_resource = true});
  Tensor y, after;
  const Operation assign = w.Assign(Constant(3.0f)).op();
  {
    const ControlDependencies first({assign});
    y = Repeat(3, {Identity(Constant(1.0f))},
               [&](const Values& v) { return Values{v[1] * w.ReadValue()}; })[0];
  }
  {
    const ControlDependencies behind({y.op()});
    after = w.Assign(Constant(5.0f));
  }
  Session session(graph_);
  for (int run = 0; run < 3; ++run) {
    session.Run(w.initializer());
    const std::vector<Array> got = session.Run({y, after}, {});
    EXPECT_EQ(*got[0].data<float>(), 27.0f);
    EXPECT_EQ(*got[1].data<float>(), 5.0f);
  }
}

// Assertions that a loop, what it does, or what reads an array waits for are not lost.
TEST_F(UnrollLoops, AssertionsAreKept) {
  const Tensor ok = Placeholder(kBool, Shape({})), x = Placeholder(kFloat32, {2});
  const Operation check = Assert(ok, {Constant("refused")});
  const TensorArray xs = TensorArray(kFloat32, 2).Unstack(x);
  Tensor before, numbers, read;
  {
    const ControlDependencies after({check});
    before = Repeat(2, {x * 1.0f}, [](const Values& v) { return Values{v[1] * 2.0f}; })[0];
    read = xs.Read(0);
  }
  numbers = Repeat(2, {x * 1.0f}, [](const Values& v) {
    const ControlDependencies after({CheckNumerics(v[1], "not a number").op()});
    return Values{Minimum(v[1], 1.0f)};
  })[0];
  Session session(graph_);
  const Array two({1.0f, 2.0f}), infinite({1.0f, INFINITY});
  EXPECT_TRUE(session.Run(before, {{ok, Array(true)}, {x, two}}) == Array({4.0f, 8.0f}));
  EXPECT_TRUE(session.Run(read, {{ok, Array(true)}, {x, two}}) == Array(1.0f));
  EXPECT_TRUE(session.Run(numbers, {{x, two}}) == Array({1.0f, 1.0f}));
  for (const Tensor& t : {before, read})
    EXPECT_THROW(session.Run(t, {{ok, Array(false)}, {x, two}}), InvalidArgumentError) << t.name();
  EXPECT_THROW(session.Run(numbers, {{x, infinite}}), InvalidArgumentError);
}

// A shape that is known must not be alive in a branch that isn't taken, nor do without the
// assertion that its value is behind.
TEST_F(UnrollLoops, KnownShapesKeepBranchesAndAssertions) {
  const Tensor take = Placeholder(kBool, Shape({})), x = Placeholder(kFloat32, {2, 3});
  const auto shape_of = [](const Tensor& t) {
    return OpBuilder("Shape", NameOptions()).In(t).Attr("out_type", kInt32).Build().output(0);
  };
  const Tensor y = Cond(
      take, [&] { return Input(Cast(shape_of(x * 1.0f), kFloat32)); },
      [&] {
        return Input(Constant(Array({7.0f, 7.0f})));
      });
  Tensor checked;
  {
    const ControlDependencies after({Assert(take, {Constant("refused")})});
    checked = shape_of(Identity(x));
  }
  Session session(graph_);
  const Array given = Uniforms({2, 3}, 15);
  for (int run = 0; run < 2; ++run) {
    EXPECT_TRUE(session.Run(y, {{take, Array(true)}, {x, given}}) == Array({2.0f, 3.0f}));
    EXPECT_TRUE(session.Run(y, {{take, Array(false)}, {x, given}}) == Array({7.0f, 7.0f}));
    EXPECT_TRUE(session.Run(checked, {{take, Array(true)}, {x, given}}) ==
                Array({int32_t{2}, int32_t{3}}));
    EXPECT_THROW(session.Run(checked, {{take, Array(false)}, {x, given}}), InvalidArgumentError);
  }
}

TEST_F(UnrollLoops, ReferenceVariables) {
  const Variable w(Constant(1.5f), {.name = "w", .use_resource = false});
  const Tensor y =
      Repeat(4, {Constant(1.0f)}, [&](const Values& v) { return Values{v[1] * w + 0.5f}; })[0];
  const std::vector<Tensor> dw = GradientsOf(y, {w.RefOrHandle()});
  Check({y, dw[0]}, {}, {w.initializer()});
}

// Arrays in which all places are known.
TEST_F(UnrollLoops, ArraysFromOneIterationToAnother) {
  const Tensor xs = Placeholder(kFloat32, {4, 2, 3}), w = Placeholder(kFloat32, {3, 3});
  const TensorArray in = TensorArray(kFloat32, 4).Unstack(xs);
  const TensorArray out(kFloat32, 4);
  const Values y = Repeat(4, {Zeros({2, 3}), out.flow()}, [&](const Values& v) {
    const Tensor h = Tanh(MatMul(v[1] + in.Read(v[0]), w));
    return Values{h, out.WithFlow(v[2]).Write(v[0], h).flow()};
  });
  const Tensor all = out.WithFlow(y[1]).Stack(), some = Gather(all, Array({2, 0}));
  const Tensor last = At(all, {-1});
  std::vector<Tensor> results = GradientsOf(ReduceSum(all * all) + ReduceSum(some), {xs, w});
  for (const Tensor& t : GradientsOf(ReduceSum(Square(last)), {xs, w})) results.push_back(t);
  results.push_back(some);
  const Feeds feeds{{xs, Uniforms({4, 2, 3}, 8)}, {w, Uniforms({3, 3}, 9)}};
  ExpectFlat(Check(results, feeds));
  // Of the last row alone: it isn't cut out of all rows, and no zeros are added up.
  const RunMetadata run = Check(GradientsOf(ReduceSum(Square(last)), {w}), feeds);
  ExpectFlat(run);
  for (const char* op : {"Pack", "StridedSlice", "StridedSliceGrad"})
    EXPECT_EQ(CountOps(run, op), 0) << op;
}

TEST_F(UnrollLoops, ArraysInOtherOrders) {
  const Tensor xs = Placeholder(kFloat32, {3, 2});
  const TensorArray in = TensorArray(kFloat32, 3).Scatter(Array({2, 0, 1}), xs);
  const Tensor whole = in.Gather(Array({2, 0, 1}));
  whole.set_shape({3, 2});
  const TensorArray again = TensorArray(kFloat32, 5, {.clear_after_read = false}).Unstack(whole);
  const Tensor some = again.Gather(Array({1, 0})), one = again.Read(1);
  const Tensor size = Cast(again.Size(), kFloat32);
  const RunMetadata run = Check({some * one, one, size}, {{xs, Uniforms({3, 2}, 10)}});
  EXPECT_EQ(Arrays(run), 0);
}

// What fails in a run still does, by the name of its node.
TEST_F(UnrollLoops, MistakesWithArrays) {
  std::string message;
  const auto fails = [&](const Tensor& y, Code code, const std::string& part) {
    EXPECT_EQ(ErrorOf(y, &message), code) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  const TensorArray twice(kFloat32, 3);
  const Tensor flow = Repeat(3, {twice.flow()}, [&](const Values& v) {
    return Values{twice.WithFlow(v[1]).Write(v[0] * 0, Constant(1.0f)).flow()};
  })[0];
  fails(twice.WithFlow(flow).Read(0), Code::kInvalidArgument, "it has already been written to");
  const TensorArray outside(kFloat32, 2);
  const Tensor end = Repeat(3, {outside.flow()}, [&](const Values& v) {
    return Values{outside.WithFlow(v[1]).Write(v[0], Constant(1.0f)).flow()};
  })[0];
  fails(outside.WithFlow(end).Read(0), Code::kInvalidArgument, "Tried to write to index 2");
  const TensorArray cleared = TensorArray(kFloat32, 2).Unstack(Constant(Array({1.0f, 2.0f})));
  fails(cleared.Read(0) + cleared.Read(Constant(0)) * 2.0f, Code::kInvalidArgument,
        "twice because it was cleared");
  const TensorArray unwritten(kFloat32, 2, {.infer_shape = false});
  fails(unwritten.Write(0, Constant(1.0f)).Read(1), Code::kInvalidArgument,
        "Could not read from TensorArray index 1");
}

// A net over sequences of a static length, with the batch known or not.
class UnrolledNets : public UnrollLoops, public testing::WithParamInterface<int64_t> {};

TEST_P(UnrolledNets, TrainWithoutALoop) {
  namespace rnn = nn::rnn_cell;
  graph_.set_seed(1);
  const Tensor x = Placeholder(kFloat32, {GetParam(), 7, 4});
  const rnn::RNNCell cells =
      rnn::MultiRNNCell({rnn::BasicLSTMCell(6), rnn::GRUCell(5), rnn::LSTMBlockCell(5)});
  const nn::DynamicRnnResult net = nn::DynamicRnn(cells, x, {.dtype = kFloat32});
  std::vector<Tensor> xs{x};
  for (const Variable& v : TrainableVariables()) xs.push_back(v.RefOrHandle());
  std::vector<Tensor> results = GradientsOf(
      ReduceSum(Square(net.outputs)) + ReduceSum(At(Transpose(net.outputs, {1, 0, 2}), {-1})), xs);
  results.push_back(net.outputs);
  const RunMetadata run =
      Check(results, {{x, Uniforms({3, 7, 4}, 11)}}, {GlobalVariablesInitializer()});
  EXPECT_EQ(CountOps(run, "_Loop"), 0);
  EXPECT_EQ(Arrays(run), 0);
}

INSTANTIATE_TEST_SUITE_P(BatchSizes, UnrolledNets, testing::Values(int64_t{3}, int64_t{-1}),
                         [](const auto& p) { return p.param < 0 ? "unknown" : "known"; });

}  // namespace
}  // namespace weft
