// SPDX-License-Identifier: Apache-2.0
// Variables of both forms: nodes as TensorFlow's, values, printing, collections, errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/support/arrays.h"
#include "tests/support/errors.h"
#include "tests/support/graph_golden.h"
#include "weft/weft.h"

namespace weft {
namespace {

using testing::HasSubstr;

GoldenGraphs Golden() { return GoldenGraphs("tests/framework/data/graphs.golden"); }

// A new default graph for the test.
class InGraph : public testing::Test {
 protected:
  Graph graph_;
  GraphScope scope_{graph_};
};

// ---- nodes --------------------------------------------------------------------------------------

TEST(VariableNodes, BothForms) {
  Golden().Expect("variables_of_both_forms", [] {
    Variable({1.f, 2.f}, {.name = "w"});
    Variable({1.f, 2.f}, {.name = "u", .use_resource = true});
    Variable([] { return Ones({2}, kFloat32); }, {.name = "f"});
    const NameScope layer("layer");
    Variable(RandomNormal({2}, {.seed = 1}), {.trainable = false});
  });
}

TEST(VariableNodes, InitialValuesAreGuarded) {
  Golden().Expect("guarded_values", [] {
    const Variable w({1.f, 2.f}, {.name = "w"});
    Variable(w * 2, {.name = "w2"});
    Variable(w.initialized_value() * 2.0f, {.name = "w3"});
  });
  Golden().Expect("guarded_functions", [] {
    const Variable w([] { return Ones({2}, kFloat32); }, {.name = "w"});
    Variable([&] { return w * 2; }, {.name = "w2"});
    Variable([&] { return w.initialized_value() * 2.0f; }, {.name = "w3"});
  });
  Golden().Expect("guarded_in_scopes", [] {
    const Variable w(RandomNormal({2}, {.seed = 1}), {.name = "w"});
    {
      const NameScope foo("foo");
      const Tensor more = w + 1;
      Variable(more * w.initialized_value(), {.name = "w2"});
    }
    const NameScope foo("foo");
    const Tensor positive = nn::Relu(Identity(w));
    Variable(positive - RandomNormal({2}, {.seed = 2}), {.name = "w3"});
  });
  Golden().Expect("resource_values_are_not_guarded", [] {
    const Variable w({1.f, 2.f}, {.name = "w", .use_resource = true});
    Variable(w * 2, {.name = "w2", .use_resource = true});
  });
}

TEST(VariableNodes, ResourcesAreReadInTheScopeOfTheirOp) {
  Golden().Expect("lazy_reads", [] {
    const Variable w({1.f, 2.f}, {.name = "w", .use_resource = true});
    const Tensor x = Placeholder(kFloat32, {3, 2}, "x");
    MatMul(x, Reshape(w, {2, 1})) + w;
    ReduceMean(w);
    ReduceSum(w, {.axis = 0});
    nn::BiasAdd(x, w);
    nn::Relu(w);
    Concat({w, w}, 0);
    Stack({w, w});
    2 * w;
    w* w;
    x - w;
    -w;
    w - x;
    w / 2.0f;
    Square(w);
    AddN({w, w});
    nn::Softmax(w);
    Identity(w);
    Cast(w, kFloat64);
    Greater(w, x);
    ArgMax(w, 0);
    nn::L2Loss(w);
  });
}

TEST(VariableNodes, ReadsIgnoreDevicesAndColocation) {
  Golden().Expect("reads_ignore_devices", [] {
    const Variable w({1.f, 2.f}, {.name = "w", .use_resource = true});
    const DeviceScope cpu("/cpu:0");
    w + 1;
    const Tensor b = ReduceSum(w);
    const ColocateWith there(b.op());
    w* w;
    Square(w);
  });
}

TEST(VariableNodes, Assignments) {
  Golden().Expect("assignments", [] {
    const Variable w({1.f, 2.f}, {.name = "w"});
    const Variable n(0, {.name = "n"});
    w.Assign({3.f, 4.f});
    w.AssignAdd({3.f, 4.f}, "foo");
    w.AssignSub({1.f, 1.f});
    w.ReadValue();
    Assign(w, {1.f, 1.f});
    AssignAdd(w, {1.f, 1.f}, {.name = "bar"});
    AssignSub(w, {1.f, 1.f});
    Assign(w, {1.f, 1.f, 2.f}, {.validate_shape = false});
    n.CountUpTo(3);
    CountUpTo(n, 4);
    const Tensor values = Constant({1.f}), rows = Constant({1});
    w.ScatterSub({values, rows, {}});
    IsVariableInitialized(w);
    const ControlDependencies after({w.op()});
    w.Assign({1.f, 1.f});
  });
  Golden().Expect("resource_assignments", [] {
    const Variable w({1.f, 2.f}, {.name = "w", .use_resource = true});
    const Variable n(0, {.name = "n", .use_resource = true});
    w.Assign({3.f, 4.f});
    w.AssignAdd({3.f, 4.f}, "foo");
    w.AssignSub({1.f, 1.f});
    w.ReadValue();
    Assign(w, {1.f, 1.f});
    AssignAdd(w, {1.f, 1.f});
    w.IsInitialized();
    w.AsTensor();
    n.CountUpTo(3);
    IsVariableInitialized(w);
  });
}

TEST(VariableNodes, Scatters) {
  Golden().Expect("scatters", [] {
    const Variable w({1.f, 2.f}, {.name = "w"});
    ScatterUpdate(w, {0}, {2.f});
    ScatterAdd(w, {0}, {2.f});
    ScatterSub(w, {0}, {2.f});
    ScatterMul(w, {0}, {2.f});
    ScatterDiv(w, {0}, {2.f});
    ScatterMin(w, {0}, {2.f});
    ScatterMax(w, {0}, {2.f});
    ScatterNdUpdate(w, Array({{0}}), {2.f});
    ScatterNdAdd(w, Array({{0}}), {2.f});
    ScatterNdSub(w, Array({{0}}), {2.f});
  });
  Golden().Expect("resource_scatters", [] {
    const Variable w({{1.f, 2.f}, {2.f, 3.f}}, {.name = "w", .use_resource = true});
    const Array row({{2.f, 1.f}});
    ScatterUpdate(w, {0}, row);
    ScatterAdd(w, {0}, row);
    ScatterSub(w, {0}, row);
    ScatterMul(w, {0}, row);
    ScatterDiv(w, {0}, row);
    ScatterMin(w, {0}, row);
    ScatterMax(w, {0}, row);
    ScatterNdUpdate(w, Array({{0}}), row);
    ScatterNdAdd(w, Array({{0}}), row);
    ScatterNdSub(w, Array({{0}}), row);
  });
}

TEST(VariableNodes, ReportUninitialized) {
  Golden().Expect("report_uninitialized", [] {
    const Variable w({1.f, 2.f}, {.name = "w"});
    Variable(0, {.name = "n", .use_resource = true});
    ReportUninitializedVariables();
    ReportUninitializedVariables({w}, "rr");
  });
}

// ---- values -------------------------------------------------------------------------------------

class BothForms : public testing::TestWithParam<bool> {
 protected:
  Variable Make(const Input& value, const std::string& name = "v") const {
    return Variable(value, {.name = name, .use_resource = GetParam()});
  }
  Session& session() {
    if (!session_) session_.emplace(graph_);
    return *session_;
  }
  void Init() { session().Run(GlobalVariablesInitializer()); }
  Graph graph_;
  GraphScope scope_{graph_};
  std::optional<Session> session_;
};
INSTANTIATE_TEST_SUITE_P(Variable, BothForms, testing::Bool(), [](const auto& info) {
  return info.param ? std::string("Resource") : std::string("Reference");
});

TEST_P(BothForms, Assignments) {
  const Variable v = Make({1.f, 2.f});
  const Tensor set = v.Assign({5.f, 6.f}), more = v.AssignAdd({1.f, 1.f}),
               less = v.AssignSub({2.f, 3.f});
  Init();
  EXPECT_TRUE(ArraysEqual(session().Run(v), F32({1, 2})));
  EXPECT_TRUE(ArraysEqual(session().Run(set), F32({5, 6})));
  EXPECT_TRUE(ArraysEqual(session().Run(more), F32({6, 7})));
  EXPECT_TRUE(ArraysEqual(session().Run(less), F32({4, 4})));
  EXPECT_TRUE(ArraysEqual(session().Run(v.ReadValue()), F32({4, 4})));
}

TEST_P(BothForms, CountsUpToALimit) {
  const Variable v = Make(1);
  const Tensor count = v.CountUpTo(3);
  Init();
  EXPECT_EQ(session().Run(count).scalar<int32_t>(), 1);
  EXPECT_EQ(session().Run(count).scalar<int32_t>(), 2);
  EXPECT_THROW(session().Run(count), OutOfRangeError);
  EXPECT_EQ(session().Run(v).scalar<int32_t>(), 3);
}

TEST_P(BothForms, Scatters) {
  const Variable v = Make(Array({{1.f, 1.f}, {2.f, 2.f}, {3.f, 3.f}}));
  const Array row({{4.f, 8.f}});
  const std::vector<Tensor> steps = {ScatterUpdate(v, {1}, row), ScatterAdd(v, {0}, row),
                                     ScatterSub(v, {2}, row),    ScatterMul(v, {0}, row),
                                     ScatterDiv(v, {0}, row),    ScatterMin(v, {0}, row),
                                     ScatterMax(v, {2}, row)};
  const Tensor nd = ScatterNdAdd(v, Array({{2, 1}, {2, 1}}), {1.f, 2.f});
  Init();
  std::vector<Array> got;
  for (const Tensor& step : steps) got.push_back(session().Run(step));
  EXPECT_TRUE(ArraysEqual(got[0], F32({{1, 1}, {4, 8}, {3, 3}})));
  EXPECT_TRUE(ArraysEqual(got[1], F32({{5, 9}, {4, 8}, {3, 3}})));
  EXPECT_TRUE(ArraysEqual(got[2], F32({{5, 9}, {4, 8}, {-1, -5}})));
  EXPECT_TRUE(ArraysEqual(got[3], F32({{20, 72}, {4, 8}, {-1, -5}})));
  EXPECT_TRUE(ArraysEqual(got[4], F32({{5, 9}, {4, 8}, {-1, -5}})));
  EXPECT_TRUE(ArraysEqual(got[5], F32({{4, 8}, {4, 8}, {-1, -5}})));
  EXPECT_TRUE(ArraysEqual(got[6], F32({{4, 8}, {4, 8}, {4, 8}})));
  EXPECT_TRUE(ArraysEqual(session().Run(nd), F32({{4, 8}, {4, 8}, {4, 11}})));
}

TEST_P(BothForms, ScatterOfSlicesAndBadIndices) {
  const Variable v = Make(Array({1.f, 2.f, 3.f}));
  const Tensor indices = Placeholder(kInt32, {1}, "rows");
  const Tensor set = v.ScatterUpdate({Constant({9.f}), indices, {}});
  Init();
  EXPECT_TRUE(ArraysEqual(session().Run(set, {{indices, Array({2})}}), F32({1, 2, 9})));
  try {
    session().Run(set, {{indices, Array({3})}});
    ADD_FAILURE() << "row 3 of 3 was written";
  } catch (const InvalidArgumentError& e) {
    EXPECT_THAT(e.what(), HasSubstr("3"));
  }
}

TEST_P(BothForms, InitializedValueHasEitherValue) {
  const Variable v = Make({1.f, 2.f});
  const Tensor value = v.initialized_value();
  EXPECT_TRUE(ArraysEqual(session().Run(value), F32({1, 2})));
  session().Run(v.Assign({3.f, 4.f}));
  EXPECT_TRUE(ArraysEqual(session().Run(value), F32({3, 4})));
}

// In one run the order of initializers does not matter.
TEST_P(BothForms, InitialValuesOfOtherVariables) {
  const Variable a = Make(RandomNormal({3}, {.seed = 7}), "a");
  const Variable b = Make(a.initialized_value() * 2.0f, "b");
  const Variable c = Make(b.initialized_value() + a.initialized_value(), "c");
  for (int i = 0; i < 10; ++i) {
    Session s(graph_);
    s.Run(GlobalVariablesInitializer());
    const std::vector<Array> v = s.Run({a, b, c});
    for (int64_t e = 0; e < 3; ++e) {
      EXPECT_EQ(v[1].AsDouble(e), 2 * v[0].AsDouble(e));
      EXPECT_EQ(v[2].AsDouble(e), static_cast<float>(3 * v[0].AsDouble(e)));
    }
  }
}

TEST_P(BothForms, ReportsTheUninitialized) {
  const Variable a = Make(1.f, "a"), b = Make(1.f, "b");
  const Tensor names = ReportUninitializedVariables(), is = IsVariableInitialized(b);
  EXPECT_TRUE(ArraysEqual(session().Run(names), Str({"a", "b"})));
  session().Run(a.initializer());
  EXPECT_TRUE(ArraysEqual(session().Run(names), Str({"b"})));
  EXPECT_FALSE(session().Run(is).scalar<bool>());
  session().Run(b.initializer());
  EXPECT_EQ(session().Run(names).num_elements(), 0);
  EXPECT_TRUE(session().Run(is).scalar<bool>());
}

TEST_P(BothForms, UseBeforeInitialisationNamesTheVariable) {
  const Variable v = Make(1.f, "layer/weights");
  try {
    session().Run(v);
    ADD_FAILURE() << "an uninitialised variable was read";
  } catch (const FailedPreconditionError& e) {
    EXPECT_THAT(e.what(), HasSubstr("layer/weights"));
  }
}

TEST_F(InGraph, GuardedValuesInOneRun) {
  const Variable w(RandomNormal({3}, {.seed = 1}));
  const Variable w2(w * 2), w3(w2 + w);
  for (int i = 0; i < 10; ++i) {
    Session session;
    session.Run(GlobalVariablesInitializer());
    const std::vector<Array> v = session.Run({w, w2, w3});
    for (int64_t e = 0; e < 3; ++e) {
      EXPECT_EQ(v[1].AsDouble(e), 2 * v[0].AsDouble(e));
      EXPECT_EQ(v[2].AsDouble(e), static_cast<float>(3 * v[0].AsDouble(e)));
    }
  }
}

// A variable keeps what it has: the guard asks whether it is initialised.
TEST_F(InGraph, GuardTakesTheValueOfAnInitialisedVariable) {
  const Variable w({1.f, 2.f});
  const Variable w2(w * 2);
  Session session;
  session.Run(w.Assign({5.f, 6.f}));
  session.Run(w2.initializer());
  EXPECT_TRUE(ArraysEqual(session.Run(w2), F32({10, 12})));
}

// A chain far deeper than a thread's stack has frames for.
TEST_F(InGraph, GuardOfADeepValue) {
  const Variable w(1.f);
  Tensor t = Identity(w);
  for (int i = 0; i < 20000; ++i) t = Identity(t);
  const Variable w2(t);
  Session session;
  session.Run(GlobalVariablesInitializer());
  EXPECT_EQ(session.Run(w2).scalar<float>(), 1);
}

TEST_P(BothForms, AssignmentsWithoutARead) {
  const Variable v = Make({1.f, 2.f});
  const Operation set = v.AssignOp({5.f, 6.f}), more = v.AssignAddOp({1.f, 1.f}),
                  less = v.AssignSubOp({0.f, 4.f});
  Init();
  for (const Operation& op : {set, more, less}) session().Run(op);
  EXPECT_TRUE(ArraysEqual(session().Run(v), F32({6, 3})));
}

TEST_P(BothForms, LoadSetsTheValueAndAddsNothing) {
  const Variable v = Make({1.f, 2.f});
  const size_t before = graph_.operations().size();
  v.Load({7.f, 8.f}, session());
  EXPECT_TRUE(ArraysEqual(session().Run(v), F32({7, 8})));
  EXPECT_THROW(v.Load({1.f, 1.f}), FailedPreconditionError);
  {
    const SessionScope use(session());
    v.Load({9.f, 9.f});
  }
  EXPECT_TRUE(ArraysEqual(session().Run(v), F32({9, 9})));
  EXPECT_EQ(graph_.operations().size(), before);
}

TEST_P(BothForms, ScatterMethods) {
  const Variable v = Make(Array({{4.f, 4.f}, {2.f, 2.f}}));
  const Tensor row = Constant({1}), value = Constant({{4.f, 1.f}});
  const IndexedSlices slices{value, row, {}};
  const std::vector<Tensor> steps = {v.ScatterMul(slices),
                                     v.ScatterDiv(slices),
                                     v.ScatterMin(slices),
                                     v.ScatterMax(slices),
                                     v.ScatterNdMin(Array({{0, 1}}), {3.f}),
                                     v.ScatterNdMax(Array({{0, 1}}), {9.f}),
                                     v.ScatterNdUpdate(Array({{1, 1}}), {5.f})};
  Init();
  std::vector<Array> got;
  for (const Tensor& step : steps) got.push_back(session().Run(step));
  EXPECT_TRUE(ArraysEqual(got[0], F32({{4, 4}, {8, 2}})));
  EXPECT_TRUE(ArraysEqual(got[1], F32({{4, 4}, {2, 2}})));
  EXPECT_TRUE(ArraysEqual(got[2], F32({{4, 4}, {2, 1}})));
  EXPECT_TRUE(ArraysEqual(got[3], F32({{4, 4}, {4, 1}})));
  EXPECT_TRUE(ArraysEqual(got[4], F32({{4, 3}, {4, 1}})));
  EXPECT_TRUE(ArraysEqual(got[5], F32({{4, 9}, {4, 1}})));
  EXPECT_TRUE(ArraysEqual(got[6], F32({{4, 9}, {4, 5}})));
}

TEST_P(BothForms, BatchScatterUpdate) {
  const Variable v = Make(Array({{1.f, 1.f, 1.f}, {2.f, 2.f, 2.f}}));
  const Tensor set =
      BatchScatterUpdate(v, Array({{0, 2}, {1, 1}}), Array({{7.f, 8.f}, {5.f, 9.f}}));
  Init();
  EXPECT_TRUE(ArraysEqual(session().Run(set), F32({{7, 1, 8}, {2, 9, 2}})));
}

TEST_P(BothForms, AssertVariablesInitialized) {
  EXPECT_FALSE(AssertVariablesInitialized().valid());
  const Variable a = Make({1.f, 2.f}, "a"), b = Make(1.f, "b");
  const Tensor all = AssertVariablesInitialized();
  session().Run(a.initializer());
  EXPECT_THROW(session().Run(all), FailedPreconditionError);
  session().Run(b.initializer());
  EXPECT_TRUE(ArraysEqual(session().Run(all), I32({1, 0})));
}

// The graph may hold a reference variable of partly known shape too, but no run takes it: as in
// TensorFlow.
TEST_F(InGraph, AGivenShapeTakesOtherSizes) {
  const Variable v({1.f, 2.f}, {.use_resource = true, .shape = PartialShape({-1})});
  EXPECT_EQ(v.shape(), PartialShape({-1}));
  const Tensor longer = v.Assign({1.f, 2.f, 3.f});
  Session session;
  session.Run(v.initializer());
  EXPECT_TRUE(ArraysEqual(session.Run(longer), F32({1, 2, 3})));
  for (bool resource : {false, true}) {
    EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] {
                  Variable({1.f, 2.f}, {.use_resource = resource, .shape = PartialShape({3})});
                }),
                HasSubstr("not compatible with the explicitly supplied `shape` argument ((3,))"));
  }
}

TEST_P(BothForms, CachedReads) {
  const Variable v({1.f, 2.f}, {.use_resource = GetParam(), .caching_device = "/cpu:0"});
  EXPECT_EQ(v.AsTensor(), v.AsTensor());
  EXPECT_EQ(v.AsTensor().device(), "/device:CPU:0");
  Init();
  EXPECT_TRUE(ArraysEqual(session().Run(v + 1.0f), F32({2, 3})));
}

// ---- literals, printing, collections, errors ----------------------------------------------------

TEST_F(InGraph, LiteralsAsInitialValues) {
  EXPECT_EQ(Variable(0).dtype(), kInt32);
  EXPECT_EQ(Variable(0.5f).dtype(), kFloat32);
  EXPECT_EQ(Variable(1, {.dtype = kFloat64}).dtype(), kFloat64);
  EXPECT_EQ(Variable("text").dtype(), kString);
  EXPECT_EQ(Variable({1.f, 2.f}).shape(), PartialShape({2}));
  EXPECT_EQ(Variable(true).dtype(), kBool);
}

TEST_F(InGraph, Printing) {
  const Variable a(Array({1.f}), {.name = "v1"}), b(Array({1.f}), {.name = "v1"});
  const Variable r(Array({1.f}), {.name = "r", .use_resource = true});
  std::ostringstream out;
  out << a << b << r << Variable();
  EXPECT_EQ(out.str(),
            "<Variable 'v1:0' shape=(1,) dtype=float32_ref>"
            "<Variable 'v1_1:0' shape=(1,) dtype=float32_ref>"
            "<Variable 'r:0' shape=(1,) dtype=float32>"
            "<Variable: none>");
}

std::vector<std::string> Names(const std::vector<Variable>& variables) {
  std::vector<std::string> names;
  for (const Variable& v : variables) names.push_back(v.name());
  return names;
}

TEST_F(InGraph, Collections) {
  Variable(1.f, {.name = "a"});
  Variable(1.f, {.name = "b", .trainable = false});
  Variable(1.f, {.name = "c", .collections = {{GraphKeys::kLocalVariables}}});
  Variable(1.f, {.name = "a/x", .trainable = false, .collections = {{}}});
  EXPECT_EQ(Names(GlobalVariables()), (std::vector<std::string>{"a:0", "b:0"}));
  EXPECT_EQ(Names(TrainableVariables()), (std::vector<std::string>{"a:0", "c:0"}));
  EXPECT_EQ(Names(LocalVariables()), (std::vector<std::string>{"c:0"}));
  EXPECT_EQ(Names(GlobalVariables("b")), (std::vector<std::string>{"b:0"}));
  EXPECT_TRUE(GlobalVariables("nothing").empty());
}

TEST_F(InGraph, Errors) {
  const Tensor unknown = Placeholder(kFloat32, {-1}, "p");
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] { Variable(unknown, {.name = "v"}); }),
              HasSubstr("initial_value must have a shape specified"));
  EXPECT_FALSE(Variable(unknown, {.validate_shape = false}).shape().known_rank());
  const Variable v({1.f, 2.f}), r({1.f, 2.f}, {.use_resource = true});
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] { v.handle(); }), HasSubstr("ref()"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] { r.ref(); }), HasSubstr("handle()"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] {
                r.Assign({1.f, 2.f, 3.f});
              }),
              HasSubstr("': Shape mismatch.The variable shape (2,), and the assigned value shape "
                        "(3,) are incompatible."));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] {
                v.Assign({1.f, 2.f, 3.f});
              }),
              HasSubstr("[2] and [3]"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([] { Variable().name(); }),
              HasSubstr("empty Variable"));
}

}  // namespace
}  // namespace weft
