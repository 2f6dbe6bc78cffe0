// SPDX-License-Identifier: Apache-2.0
// Fused plans compute what the single nodes do, bit for bit, and fuse what they should.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "weft/graph/op_builder.h"
#include "weft/weft.h"

namespace weft {
namespace {

Array RandomArray(std::vector<int64_t> dims, uint32_t seed) {
  std::mt19937 bits(seed);
  std::uniform_real_distribution<float> values(-2.0f, 2.0f);
  int64_t n = 1;
  for (int64_t d : dims) n *= d;
  std::vector<float> v(static_cast<size_t>(n));
  for (float& x : v) x = values(bits);
  return Array::FromVector(v, Shape(dims));
}

bool SameBits(const Array& a, const Array& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         std::memcmp(a.raw_data(), b.raw_data(), a.num_bytes()) == 0;
}

int FusedNodes(const RunMetadata& metadata) {
  int n = 0;
  for (const NodeStats& s : metadata.step_stats) n += s.op_type == "_FusedChain";
  return n;
}

Tensor NodeOf(const char* type, const std::vector<Input>& inputs) {
  OpBuilder builder(type, NameOptions());
  for (const Input& in : inputs) builder.In(in);
  return builder.Output();
}

Tensor FedWith(const Array& value, Feeds* feeds) {
  Tensor p = Placeholder(kFloat32, PartialShape::Unknown());
  feeds->emplace_back(p, value);
  return p;
}

constexpr RunOptions kTraceChains{.trace_level = TraceLevel::kFull};

// Runs `y` optimised (three times: recorded, planned, planned again) and as it is.
void ExpectFusedEqual(Tensor y, const Feeds& feeds, int fused_nodes) {
  ConfigProto plain;
  plain.opt_level = OptLevel::kL0;
  Session as_it_is(y.graph(), plain);
  const Array want = as_it_is.Run(y, feeds);
  Session session(y.graph());
  for (int run = 0; run < 3; ++run) {
    RunMetadata metadata;
    const Array got = session.Run(y, feeds, kTraceChains, &metadata);
    EXPECT_EQ(FusedNodes(metadata), fused_nodes);
    EXPECT_TRUE(SameBits(got, want)) << got << " instead of " << want;
  }
}

class Fuse : public testing::Test {
 protected:
  Graph graph_;
  GraphScope scope_{graph_};
  Feeds feeds_;
};

TEST_F(Fuse, BiasAndActivationOfAProduct) {
  Tensor x = FedWith(RandomArray({33, 20}, 1), &feeds_),
         w = FedWith(RandomArray({20, 300}, 2), &feeds_);
  Tensor b = FedWith(RandomArray({300}, 3), &feeds_);
  ExpectFusedEqual(NodeOf("Relu", {NodeOf("BiasAdd", {NodeOf("MatMul", {x, w}), b})}), feeds_, 1);
}

TEST_F(Fuse, OperandsOfAllExtents) {
  for (const std::vector<int64_t>& dims : std::vector<std::vector<int64_t>>{
           {3, 5}, {7, 129}, {40, 2000}, {1, 1}, {2, 3, 50}, {5000, 3}, {1, 6}, {6, 1}, {0, 4}}) {
    Feeds feeds;
    std::vector<int64_t> column = dims;
    column.back() = 1;
    Tensor full = FedWith(RandomArray(dims, 1), &feeds);
    Tensor row = FedWith(RandomArray({dims.back()}, 2), &feeds);
    Tensor col = FedWith(RandomArray(column, 3), &feeds);
    Tensor scalar = FedWith(Array(0.75f), &feeds);
    Tensor y = NodeOf("Mul", {NodeOf("AddV2", {full, row}), NodeOf("Sub", {scalar, col})});
    ExpectFusedEqual(NodeOf("Maximum", {y, NodeOf("Neg", {scalar})}), feeds, 1);
    ExpectFusedEqual(NodeOf("Tanh", {NodeOf("Sub", {row, full})}), feeds, 1);
    // A result that no single operand has the shape of.
    ExpectFusedEqual(NodeOf("Square", {NodeOf("Mul", {row, NodeOf("Exp", {col})})}), feeds, 1);
  }
}

TEST_F(Fuse, OperandsThatNeedGeneralBroadcasting) {
  Tensor a = FedWith(RandomArray({4, 1, 6}, 1), &feeds_),
         b = FedWith(RandomArray({1, 5, 1}, 2), &feeds_);
  Tensor c = FedWith(RandomArray({4, 5, 6}, 3), &feeds_);
  ExpectFusedEqual(NodeOf("Sqrt", {NodeOf("Abs", {NodeOf("AddV2", {NodeOf("Mul", {a, b}), c})})}),
                   feeds_, 1);
}

TEST_F(Fuse, ResultsUsedTwiceInTheGroup) {
  Tensor x = FedWith(RandomArray({1000, 7}, 1), &feeds_);
  Tensor s = NodeOf("Sigmoid", {x});
  ExpectFusedEqual(NodeOf("Mul", {NodeOf("Mul", {s, NodeOf("Sub", {1.0f, s})}), s}), feeds_, 1);
}

TEST_F(Fuse, LongChainsAreSplitWithoutLoss) {
  Tensor x = FedWith(RandomArray({3000}, 1), &feeds_), y = x;
  for (int i = 0; i < 300; ++i) y = NodeOf(i % 3 == 0 ? "Sub" : "AddV2", {y, x});
  ExpectFusedEqual(y, feeds_, 3);
}

TEST_F(Fuse, WideTreesStayWithinTheirRegisters) {
  std::vector<Tensor> level;
  Tensor x = FedWith(RandomArray({2500}, 1), &feeds_);
  for (int i = 0; i < 64; ++i) level.push_back(NodeOf("Mul", {x, static_cast<float>(i)}));
  while (level.size() > 1) {
    std::vector<Tensor> next;
    for (size_t i = 0; i < level.size(); i += 2)
      next.push_back(NodeOf("AddV2", {level[i], level[i + 1]}));
    level = next;
  }
  ConfigProto plain;
  plain.opt_level = OptLevel::kL0;
  Session as_it_is(plain), fused;
  RunMetadata metadata;
  EXPECT_TRUE(SameBits(as_it_is.Run(level[0], feeds_),
                       fused.Run(level[0], feeds_, kTraceChains, &metadata)));
  EXPECT_GE(FusedNodes(metadata), 1);
}

TEST_F(Fuse, WhatOthersNeedIsComputedForThem) {
  Tensor x = FedWith(RandomArray({10}, 1), &feeds_);
  Tensor shared = NodeOf("Exp", {x});
  Tensor y = NodeOf("Neg", {NodeOf("Square", {shared})});
  Session session;
  RunMetadata metadata;
  auto values = session.Run({y, shared}, feeds_, kTraceChains, &metadata);
  EXPECT_EQ(FusedNodes(metadata), 1);
  EXPECT_TRUE(SameBits(values[1], session.Run(shared, feeds_)));
  EXPECT_TRUE(SameBits(values[0], session.Run(y, feeds_)));
  // Fed in the middle of what would be a chain.
  const Array one = session.Run(y, {{shared, Array(1.0f)}});
  EXPECT_EQ(one.scalar<float>(), -1.0f);
}

TEST_F(Fuse, ControlDependenciesHold) {
  for (bool resource : {false, true}) {
    Variable v(Array(1.0f), {.use_resource = resource});
    Tensor read;
    {
      ControlDependencies after({v.AssignAdd(10.0f).op()});
      read = NodeOf("Square", {NodeOf("Neg", {v.ReadValue()})});
    }
    Session session;
    session.Run(GlobalVariablesInitializer());
    EXPECT_EQ(session.Run(read).scalar<float>(), 121.0f);
  }
}

TEST_F(Fuse, ErrorsNameTheNode) {
  Tensor a = Placeholder(kFloat32, PartialShape::Unknown());
  Tensor b = Placeholder(kFloat32, PartialShape::Unknown());
  Tensor sum = OpBuilder("AddV2", "the_sum").In(a).In(b).Output();
  Tensor y = NodeOf("Neg", {sum});
  Session session;
  try {
    session.Run(y, {{a, RandomArray({2, 3}, 1)}, {b, RandomArray({4}, 2)}});
    FAIL() << "shapes [2,3] and [4] were added";
  } catch (const InvalidArgumentError& e) {
    EXPECT_NE(std::string(e.what()).find("the_sum"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("Incompatible shapes: [2,3] vs. [4]"), std::string::npos)
        << e.what();
  }
}

// A training step in miniature: decay of the weights, a step, a moving average of the new values.
TEST_F(Fuse, UpdatesOfVariables) {
  for (bool resource : {false, true}) {
    Graph graph;
    GraphScope scope(graph);
    Tensor gradient = Placeholder(kFloat32, {50, 40});
    Tensor rate = Placeholder(kFloat32, PartialShape::Scalar());
    Variable w(RandomArray({50, 40}, 1), {.use_resource = resource});
    Variable average(RandomArray({50, 40}, 2), {.trainable = false, .use_resource = resource});
    Tensor delta = OpBuilder("AddN", NameOptions())
                       .InList({Input(gradient), Input(NodeOf("Mul", {1e-2f, w}))})
                       .Output();
    Operation step =
        OpBuilder(resource ? "ResourceApplyGradientDescent" : "ApplyGradientDescent", NameOptions())
            .In(w.RefOrHandle())
            .In(rate)
            .In(delta)
            .Build();
    Operation follow;
    {
      ControlDependencies after({step});
      Tensor behind = NodeOf("Mul", {NodeOf("Sub", {average.AsTensor(), w.AsTensor()}), 0.125f});
      follow = average.AssignSub(behind).op();
    }
    ConfigProto plain;
    plain.opt_level = OptLevel::kL0;
    Session fused(graph), as_it_is(graph, plain);
    for (Session* s : {&fused, &as_it_is}) s->Run(GlobalVariablesInitializer());
    const Array first = fused.Run(w);
    for (int i = 0; i < 4; ++i) {
      const Feeds feeds = {{gradient, RandomArray({50, 40}, 10 + static_cast<uint32_t>(i))},
                           {rate, Array(0.5f)}};
      RunMetadata metadata;
      fused.Run(std::vector<Fetch>{follow}, feeds, kTraceChains, &metadata);
      as_it_is.Run(std::vector<Fetch>{follow}, feeds);
      EXPECT_EQ(FusedNodes(metadata), 2);
      EXPECT_TRUE(SameBits(fused.Run(w), as_it_is.Run(w)));
      EXPECT_TRUE(SameBits(fused.Run(average), as_it_is.Run(average)));
    }
    // What was fetched before an update is not changed by it.
    EXPECT_TRUE(SameBits(first, RandomArray({50, 40}, 1)));
  }
}

TEST_F(Fuse, AVariableThatTwoUpdatesChangeIsReadInItsTurn) {
  for (bool resource : {false, true}) {
    Graph graph;
    GraphScope scope(graph);
    Variable v(Array(2.0f), {.use_resource = resource});
    Tensor twice = NodeOf("Mul", {v.ReadValue(), 2.0f});
    Tensor first;
    {
      ControlDependencies after({twice.op()});
      first = v.AssignAdd(100.0f);
    }
    Tensor second;
    {
      ControlDependencies after({first.op()});
      second = v.AssignSub(twice);
    }
    Session session;
    session.Run(GlobalVariablesInitializer());
    session.Run(second);
    EXPECT_EQ(session.Run(v).scalar<float>(), 98.0f);
  }
}

TEST_F(Fuse, UpdatesCheckShapes) {
  for (bool resource : {false, true}) {
    Graph graph;
    GraphScope scope(graph);
    Variable v(RandomArray({4, 3}, 1), {.use_resource = resource});
    Tensor x = Placeholder(kFloat32, PartialShape::Unknown());
    Operation update = OpBuilder(resource ? "AssignSubVariableOp" : "AssignSub", "the_update")
                           .In(v.RefOrHandle())
                           .In(NodeOf("Neg", {NodeOf("Neg", {x})}))
                           .Build();
    Session session;
    session.Run(GlobalVariablesInitializer());
    // A row would fit by broadcasting, but updates don't broadcast.
    for (const Array& bad : {RandomArray({3}, 2), RandomArray({5, 3}, 3), Array(1.0f)}) {
      try {
        session.Run(update, {{x, bad}});
        FAIL() << "a value of shape " << bad.shape().ToString() << " was subtracted";
      } catch (const InvalidArgumentError& e) {
        EXPECT_NE(std::string(e.what()).find("the_update"), std::string::npos) << e.what();
        EXPECT_NE(std::string(e.what()).find("[4,3]"), std::string::npos) << e.what();
      }
    }
    EXPECT_TRUE(SameBits(session.Run(v), RandomArray({4, 3}, 1)));
    session.Run(update, {{x, RandomArray({4, 3}, 1)}});
    EXPECT_TRUE(SameBits(session.Run(v), Array::Zeros(kFloat32, {4, 3})));
  }
}

TEST_F(Fuse, AnUninitializedVariableIsNamed) {
  Variable v(Array(1.0f), {.name = "theta"});
  Tensor y = NodeOf("Neg", {NodeOf("Square", {v})});
  Session session;
  try {
    session.Run(y);
    FAIL() << "an uninitialised variable was read";
  } catch (const FailedPreconditionError& e) {
    EXPECT_NE(std::string(e.what()).find("theta"), std::string::npos) << e.what();
  }
}

// ---- sums and extremes over rows

Tensor ReduceLastOf(const char* type, const Tensor& x, int axis) {
  return OpBuilder(type, NameOptions()).In(x).In({axis}).Attr("keep_dims", true).Output();
}

// A placeholder of the value's shape: the length of rows is known when the plan is made.
Tensor FedRows(const Array& value, Feeds* feeds) {
  Tensor p = Placeholder(kFloat32, PartialShape(value.shape()));
  feeds->emplace_back(p, value);
  return p;
}

Tensor LayerNormOf(const Tensor& x, const Tensor& gamma, const Tensor& beta) {
  const int last = x.shape().rank() - 1;
  Tensor d = NodeOf("Sub", {x, ReduceLastOf("Mean", x, -1)});
  Tensor v = ReduceLastOf("Mean", NodeOf("Mul", {d, d}), last);
  Tensor factor = NodeOf("Rsqrt", {NodeOf("AddV2", {v, 1e-5f})});
  return NodeOf("AddV2", {NodeOf("Mul", {NodeOf("Mul", {d, factor}), gamma}), beta});
}

TEST_F(Fuse, LayerNormalizationRowByRow) {
  for (const std::vector<int64_t>& dims : std::vector<std::vector<int64_t>>{
           {40, 1024}, {3, 16}, {5, 17}, {2, 3, 129}, {7, 5000}, {1, 4097}, {0, 32}, {64}}) {
    Feeds feeds;
    Tensor x = FedRows(RandomArray(dims, 1), &feeds);
    Tensor gamma = FedRows(RandomArray({dims.back()}, 2), &feeds);
    Tensor beta = FedRows(RandomArray({dims.back()}, 3), &feeds);
    ExpectFusedEqual(LayerNormOf(x, gamma, beta), feeds, 1);
  }
}

TEST_F(Fuse, SoftmaxOfSingleOps) {
  Tensor x = FedRows(RandomArray({33, 1000}, 1), &feeds_);
  Tensor e = NodeOf("Exp", {NodeOf("Sub", {x, ReduceLastOf("Max", x, 1)})});
  ExpectFusedEqual(NodeOf("RealDiv", {e, ReduceLastOf("Sum", e, 1)}), feeds_, 1);
}

// A number of the row (its largest element) has its last use in a chain of ops whose result may
// take its place.
TEST_F(Fuse, NumbersOfARowThatAChainUsesUp) {
  Tensor x = FedRows(RandomArray({5, 300}, 3), &feeds_);
  Tensor gap = NodeOf("Sub", {x, ReduceLastOf("Max", x, 1)});
  ExpectFusedEqual(Exp(gap * 0.75f + 0.5f), feeds_, 1);
}

// NaN and infinities take the single ops' way.
TEST_F(Fuse, ExtremesOfRowsWithoutNumbers) {
  Array values = RandomArray({4, 20}, 1);
  values.mutable_data<float>()[3] = std::nanf("");
  values.mutable_data<float>()[25] = std::numeric_limits<float>::infinity();
  values.mutable_data<float>()[47] = -std::numeric_limits<float>::infinity();
  Tensor x = FedRows(values, &feeds_);
  Tensor span = NodeOf("Sub", {ReduceLastOf("Max", x, 1), ReduceLastOf("Min", x, 1)});
  ExpectFusedEqual(NodeOf("RealDiv", {NodeOf("Abs", {x}), span}), feeds_, 1);
}

// Operands that are neither rows nor columns of the result; rows too long for the cache.
TEST_F(Fuse, RowsThatNeedGeneralBroadcasting) {
  Tensor x = FedRows(RandomArray({2, 3, 32}, 1), &feeds_),
         y = FedRows(RandomArray({2, 1, 32}, 2), &feeds_);
  Tensor sum = NodeOf("AddV2", {x, y});
  ExpectFusedEqual(NodeOf("Mul", {sum, ReduceLastOf("Sum", sum, 2)}), feeds_, 1);
  Feeds feeds;
  std::vector<Tensor> parts;
  for (uint32_t i = 0; i < 6; ++i)
    parts.push_back(NodeOf("Exp", {FedRows(RandomArray({2, 16384}, i), &feeds)}));
  Tensor all = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) all = NodeOf("AddV2", {parts[i], all});
  Tensor scaled = NodeOf("Mul", {all, ReduceLastOf("Mean", all, 1)});
  for (Tensor& part : parts) scaled = NodeOf("Maximum", {scaled, part});
  ExpectFusedEqual(scaled, feeds, 1);
}

// Other axes, dropped dimensions and short rows stay as they are.
TEST_F(Fuse, OtherReductionsAreLeftAlone) {
  Tensor x = FedRows(RandomArray({20, 30, 40}, 1), &feeds_);
  ExpectFusedEqual(NodeOf("Sub", {x, ReduceLastOf("Mean", x, 1)}), feeds_, 0);
  Tensor sums = OpBuilder("Sum", NameOptions()).In(x).In({2}).Output();
  ExpectFusedEqual(NodeOf("Sub", {sums, 1.0f}), feeds_, 0);
  Feeds feeds;
  Tensor narrow = FedRows(RandomArray({50, 4}, 1), &feeds);
  ExpectFusedEqual(NodeOf("Sub", {narrow, ReduceLastOf("Sum", narrow, 1)}), feeds, 0);
}

// A value that others need too is computed by itself.
TEST_F(Fuse, ReducedRowsWithOtherUsers) {
  Tensor x = FedRows(RandomArray({9, 50}, 1), &feeds_);
  Tensor mean = ReduceLastOf("Mean", x, 1), y = NodeOf("Square", {NodeOf("Sub", {x, mean})});
  Session plain(graph_, {.opt_level = OptLevel::kL0}), session(graph_);
  const std::vector<Array> want = plain.Run({Fetch(mean), Fetch(y)}, feeds_);
  for (int run = 0; run < 3; ++run) {
    const std::vector<Array> got = session.Run({Fetch(mean), Fetch(y)}, feeds_);
    EXPECT_TRUE(SameBits(got[0], want[0]));
    EXPECT_TRUE(SameBits(got[1], want[1]));
  }
}

}  // namespace
}  // namespace weft
