// SPDX-License-Identifier: Apache-2.0
// What loops compute before their first iteration, and pushes and pops that are one node.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/optimised_runs.h"
#include "weft/weft.h"

namespace weft {
namespace {

using test::CountOps;

class HoistInvariants : public test::OptimisedRuns {
 protected:
  HoistInvariants() { config_.unroll_loops = false; }

  using Values = std::vector<Tensor>;

  // `body` is repeated `n` times, with `x` from 1.
  static Tensor Repeat(const Tensor& n, const std::function<Tensor(const Tensor& x)>& body) {
    return WhileLoop([&](const Values& v) { return Less(v[0], n); },
                     [&](const Values& v) {
                       return Values{v[0] + 1, body(v[1])};
                     },
                     {Constant(0), Constant(1.0f)})[1];
  }
  static Variable Resource(float value, const std::string& name) {
    return Variable(Constant(value), {.name = name, .use_resource = true});
  }
};

TEST_F(HoistInvariants, ReadsAndWhatIsMadeOfThem) {
  const Variable w = Resource(1.5f, "w");
  const Tensor y = Repeat(
      Constant(5), [&](const Tensor& x) { return x * Exp(w.ReadValue()) + Log(w.ReadValue()); });
  const RunMetadata run = Check({y}, {}, {w.initializer()});
  EXPECT_EQ(CountOps(run, "ReadVariableOp"), 2);  // each once, and not in each of five iterations
}

TEST_F(HoistInvariants, WhatIsFedIsReadAgainInEachRun) {
  const Tensor fed = Placeholder(kFloat32, Shape({}));
  const Variable w = Resource(2.0f, "w");
  const Tensor y = Repeat(Constant(3), [&](const Tensor& x) { return x * Sqrt(fed * w); });
  Session session(graph_);
  session.Run(w.initializer());
  for (const float value : {2.0f, 8.0f, 0.5f}) {
    const float factor = std::sqrt(value * 2.0f);
    const Array got = session.Run(y, {{fed, Array(value)}});
    EXPECT_NEAR(*got.data<float>(), factor * factor * factor, 1e-4f);
  }
  session.Run(w.Assign(Constant(8.0f)));
  EXPECT_NEAR(*session.Run(y, {{fed, Array(2.0f)}}).data<float>(), 64.0f, 1e-3f);
}

// A loop that isn't gone through reads nothing.
TEST_F(HoistInvariants, NothingBeforeALoopWithoutIterations) {
  const Tensor n = Placeholder(kInt32, Shape({}));
  const Variable w = Resource(2.0f, "w");
  const Tensor y = Repeat(n, [&](const Tensor& x) { return x * w.ReadValue(); });
  Session session(graph_);
  EXPECT_EQ(*session.Run(y, {{n, Array(0)}}).data<float>(), 1.0f);
  EXPECT_THROW(session.Run(y, {{n, Array(1)}}), Error);  // not initialised
  session.Run(w.initializer());
  EXPECT_EQ(*session.Run(y, {{n, Array(2)}}).data<float>(), 4.0f);
  EXPECT_EQ(*session.Run(y, {{n, Array(0)}}).data<float>(), 1.0f);
}

TEST_F(HoistInvariants, VariablesThatTheLoopWritesAreReadInIt) {
  const Variable w = Resource(1.0f, "w");
  const Tensor y = Repeat(Constant(4), [&](const Tensor& x) {
    const Tensor before = w.ReadValue();
    const ControlDependencies first({before});
    const Operation write = w.AssignAddOp(Constant(1.0f));
    const ControlDependencies then({write});
    return x + Identity(before) * 1.0f;
  });
  Session session(graph_);
  for (int run = 0; run < 2; ++run) {
    session.Run(w.initializer());
    EXPECT_EQ(*session.Run(y).data<float>(), 1 + 1 + 2 + 3 + 4);
  }
}

// A draw is another one in each iteration.
TEST_F(HoistInvariants, RandomNumbersStay) {
  const Tensor y = Repeat(Constant(2), [&](const Tensor& x) {
    return x * 2.0f + RandomUniform({}, {.dtype = kFloat32, .seed = 3});
  });
  Session session(graph_);
  RunMetadata metadata;
  session.Run({y}, {}, {.trace_level = TraceLevel::kFull}, &metadata);
  EXPECT_EQ(CountOps(metadata, "RandomUniform"), 2);
}

// The values of a branch that isn't taken are not computed.
TEST_F(HoistInvariants, BranchesStay) {
  const Variable w = Resource(2.0f, "w");
  const Tensor y = Repeat(Constant(4), [&](const Tensor& x) {
    return Cond(
        Less(x, 3.0f), [&] { return Values{x * w.ReadValue()}; },
        [&] { return Values{x + Exp(w.ReadValue())}; })[0];
  });
  Check({y}, {}, {w.initializer()});
}

TEST_F(HoistInvariants, LoopsInLoops) {
  const Variable w = Resource(1.25f, "w");
  const Tensor y = Repeat(Constant(3), [&](const Tensor& x) {
    return Repeat(Constant(2), [&](const Tensor& z) { return z * Square(w.ReadValue()); }) * x +
           Sqrt(w.ReadValue());
  });
  Check({y}, {}, {w.initializer()});
}

// The saved values of the forward loop come back in the gradient's.
TEST_F(HoistInvariants, GradientsBesides) {
  const Variable w = Resource(0.75f, "w");
  const Tensor x = Placeholder(kFloat32, {2, 2});
  const Tensor y = WhileLoop([&](const Values& v) { return Less(v[0], 4); },
                             [&](const Values& v) {
                               const Tensor a = Tanh(v[1] * w.ReadValue());
                               return Values{v[0] + 1, Sigmoid(a) * Sin(v[1]) + a};
                             },
                             {Constant(0), x})[1];
  std::vector<Tensor> ys{y};
  for (const Grad& g : Gradients({ReduceSum(y)}, {x, w.RefOrHandle()}))
    ys.push_back(DenseGradient(g));
  const RunMetadata run = Check(ys, {{x, test::Uniforms({2, 2}, 1)}}, {w.initializer()});
  EXPECT_EQ(CountOps(run, "StackPushV2"), 0);
  EXPECT_EQ(CountOps(run, "_StackPushes"), 4);
  EXPECT_EQ(CountOps(run, "_StackPops"), 4);
}

}  // namespace
}  // namespace weft
