// SPDX-License-Identifier: Apache-2.0
// Updates run when their gradients are there; what reads a variable before its update in the
// program still does.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "weft/graph/op_builder.h"
#include "weft/weft.h"

namespace weft {
namespace {

class EarlyUpdates : public testing::TestWithParam<bool> {
 protected:
  Variable MakeVariable(const Array& value) {
    return Variable(value, {.use_resource = GetParam()});
  }
  Operation Update(const Variable& v, const Tensor& gradient, float rate = 1.f) {
    OpBuilder builder(GetParam() ? "ResourceApplyGradientDescent" : "ApplyGradientDescent",
                      NameOptions());
    return (GetParam() ? builder.In(v.handle()) : builder.In(v.ref()))
        .In(rate)
        .In(gradient)
        .Build();
  }
  // Op types in the order in which they ran.
  std::vector<Array> Run(const std::vector<Fetch>& fetches, std::vector<std::string>* ops) {
    const Operation init = GlobalVariablesInitializer();
    Tensor last;
    if (variable_) last = variable_->ReadValue();
    Session session(graph_);
    std::vector<Array> values;
    for (int run = 0; run < 3; ++run) {  // the later ones by the memory plan
      session.Run(init);
      RunMetadata metadata;
      values = session.Run(fetches, {}, RunOptions{.trace_level = TraceLevel::kFull}, &metadata);
      ops->clear();
      for (const NodeStats& s : metadata.step_stats) ops->push_back(s.op_type);
    }
    if (variable_) last_ = session.Run(last);
    return values;
  }
  Tensor Read(const Variable& v) {
    if (!GetParam()) return OpBuilder("Identity", NameOptions()).In(v.ref()).Output();
    return OpBuilder("ReadVariableOp", NameOptions())
        .In(v.handle())
        .Attr("dtype", kFloat32)
        .Output();
  }
  // 1, 1; not known before the run.
  static Tensor One() { return RandomUniform({2}) * 0.f + 1.f; }
  static bool IsUpdate(const std::string& op) { return op.find("Apply") != std::string::npos; }

  Graph graph_;
  GraphScope scope_{graph_};
  std::optional<Variable> variable_;
  Array last_;  // what the variable holds in the end
};

TEST_P(EarlyUpdates, RunOnceTheirGradientsAreThere) {
  const Variable a = MakeVariable(Array::FromVector(std::vector<float>{1, 2, 3, 4}, Shape({2, 2})));
  const Variable b = MakeVariable(Array::FromVector(std::vector<float>{5, 6, 7, 8}, Shape({2, 2})));
  const Tensor x = RandomUniform({2, 2});
  const Tensor loss = ReduceSum(MatMul(MatMul(x, a), b));
  const std::vector<Grad> d = Gradients({loss}, {a.RefOrHandle(), b.RefOrHandle()});
  const Operation update_a = Update(a, DenseGradient(d[0])),
                  update_b = Update(b, DenseGradient(d[1]));
  std::vector<std::string> ops;
  Run({Group({update_a, update_b})}, &ops);
  ASSERT_EQ(std::ranges::count_if(ops, IsUpdate), 2);
  // The update of b does not wait for the gradient of a: a product lies between the two.
  const auto first = std::ranges::find_if(ops, IsUpdate);
  EXPECT_NE(std::find(first, ops.end(), "MatMul"), ops.end());
}

TEST_P(EarlyUpdates, ReadersComeFirst) {
  const Variable v = MakeVariable(Array::FromVector(std::vector<float>{1, 2}, Shape({2})));
  const Tensor g = One();
  const Tensor before = Square(v) * 3.f, copy = Identity(v), view = Reshape(v, {2, 1}) + 0.f;
  const Operation update = Update(v, g);
  std::vector<std::string> ops;
  const std::vector<Array> values = Run({before, copy, view, update}, &ops);
  EXPECT_EQ(values[0].data<float>()[1], 12);
  EXPECT_EQ(values[1].data<float>()[1], 2);
  EXPECT_EQ(values[2].data<float>()[1], 2);
}

// Two updates of one variable, with a use of it in between.
TEST_P(EarlyUpdates, KeepTheirOrder) {
  const Variable v = MakeVariable(Array::FromVector(std::vector<float>{1, 2}, Shape({2})));
  variable_ = v;
  const Operation first = Update(v, One(), 1.f);
  Tensor between;
  Operation second;
  {
    ControlDependencies after({first});
    between = Square(Read(v)) + 3.f;
    second = Update(v, between, 2.f);
  }
  std::vector<std::string> ops;
  const std::vector<Array> values = Run({between, second}, &ops);
  EXPECT_EQ(values[0].data<float>()[0], 3);
  EXPECT_EQ(values[0].data<float>()[1], 4);
  EXPECT_EQ(last_.data<float>()[0], -6);
  EXPECT_EQ(last_.data<float>()[1], -7);
}

// A reference that an earlier update of the run hands on.
TEST(EarlyUpdatesOfReferences, ReadersThroughAnotherUpdateComeFirst) {
  Graph graph;
  GraphScope scope(graph);
  const Variable v(Array::FromVector(std::vector<float>{1, 2}, Shape({2})),
                   {.use_resource = false});
  const Tensor gradient = RandomUniform({2}) * 0.f + 4.f;
  const Tensor added = OpBuilder("AssignAdd", NameOptions()).In(v.ref()).In(gradient).Output();
  const Tensor seen = Square(added) + 1.f;
  const Operation update =
      OpBuilder("ApplyGradientDescent", NameOptions()).In(v.ref()).In(1.f).In(gradient).Build();
  const Operation init = GlobalVariablesInitializer();
  Session session(graph);
  for (int run = 0; run < 3; ++run) {
    session.Run(init);
    const std::vector<Array> values = session.Run({Fetch(seen), Fetch(update)});
    EXPECT_EQ(values[0].data<float>()[0], 26);
    EXPECT_EQ(values[0].data<float>()[1], 37);
  }
}

// A constant that waits for something is a step like any other.
TEST_P(EarlyUpdates, WaitForTheirConstants) {
  const Variable v = MakeVariable(Array::FromVector(std::vector<float>{1, 2}, Shape({2})));
  variable_ = v;
  const Tensor gradient = One(), later = RandomUniform({3});
  Tensor rate;
  {
    ControlDependencies after({later.op()});
    rate = Constant(2.f);
  }
  OpBuilder builder(GetParam() ? "ResourceApplyGradientDescent" : "ApplyGradientDescent",
                    NameOptions());
  const Operation update =
      (GetParam() ? builder.In(v.handle()) : builder.In(v.ref())).In(rate).In(gradient).Build();
  std::vector<std::string> ops;
  Run({update}, &ops);
  EXPECT_EQ(last_.data<float>()[1], 0);
}

INSTANTIATE_TEST_SUITE_P(Kinds, EarlyUpdates, testing::Bool(),
                         [](const auto& test) { return test.param ? "resource" : "reference"; });

}  // namespace
}  // namespace weft
