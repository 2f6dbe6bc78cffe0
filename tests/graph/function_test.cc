// SPDX-License-Identifier: Apache-2.0
#include "weft/graph/function.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/errors.h"
#include "weft/graph/op_builder.h"
#include "weft/weft.h"

namespace weft {
namespace {

using Tensors = std::vector<Tensor>;
using testing::ElementsAre;
using testing::HasSubstr;

class Functions : public testing::Test {
 protected:
  Graph graph_;
  GraphScope scope_{graph_};
};

TEST_F(Functions, AreCalledWithArguments) {
  const Function f("mean_of_squares", {kFloat32, kFloat32}, [](const Tensors& args) {
    return Tensors{ReduceMean(Square(args[0] - args[1])), args[1]};
  });
  EXPECT_EQ(f.name(), "mean_of_squares");
  EXPECT_THAT(f.output_types(), ElementsAre(kFloat32, kFloat32));
  EXPECT_FALSE(f.is_stateful());
  const Tensors y = f({Constant(Array({1.f, 2.f, 6.f})), 2.f});
  EXPECT_EQ(y[0].op().type(), "PartitionedCall");
  Session session;
  const std::vector<Array> values = session.Run(std::vector<Fetch>{y[0], y[1]});
  EXPECT_FLOAT_EQ(values[0].AsDouble(), 17.0 / 3);
  EXPECT_EQ(values[1].AsDouble(), 2);
}

TEST_F(Functions, CaptureTensorsAndWhatVariablesHold) {
  const Variable w(Array(3.f));
  const Tensor scale = Placeholder(kFloat32, {});
  const Function f("scaled", {kFloat32},
                   [&](const Tensors& args) { return Tensors{args[0] * w + scale * scale}; });
  EXPECT_EQ(f.captures().size(), 2u);
  const Tensor y = f({5.f})[0] + f({1.f})[0];
  Session session;
  session.Run(GlobalVariablesInitializer());
  EXPECT_EQ(session.Run(y, {{scale, Array(2.f)}}).AsDouble(), 15 + 4 + 3 + 4);
}

TEST_F(Functions, GradientsGoThroughCallsAndCaptures) {
  const Tensor x = Placeholder(kFloat32, {}), w = Placeholder(kFloat32, {});
  const Function f("cube", {kFloat32},
                   [&](const Tensors& args) { return Tensors{args[0] * args[0] * args[0] * w}; });
  const Tensor y = f({x})[0];
  const std::vector<Grad> g = Gradients({y}, {x, w});
  const std::vector<Grad> second = Gradients({g[0].tensor()}, {x});
  Session session;
  const Feeds feeds = {{x, Array(2.f)}, {w, Array(5.f)}};
  EXPECT_EQ(session.Run(g[0].tensor(), feeds).AsDouble(), 60);
  EXPECT_EQ(session.Run(g[1].tensor(), feeds).AsDouble(), 8);
  EXPECT_EQ(session.Run(second[0].tensor(), feeds).AsDouble(), 60);
}

TEST_F(Functions, StatefulOnesRunForWhatTheyDo) {
  Variable counter(Array(0.f), {.use_resource = true});
  const Function f("count", {kFloat32}, [&](const Tensors& args) {
    const Operation add = counter.AssignAdd(args[0]).op();
    ControlDependencies after({add});
    return Tensors{Identity(args[0])};
  });
  EXPECT_TRUE(f.is_stateful());
  const Tensor y = f({2.f}, "call")[0];
  EXPECT_EQ(y.op().type(), "StatefulPartitionedCall");
  EXPECT_EQ(y.op().name(), "call");
  Session session;
  session.Run(GlobalVariablesInitializer());
  session.Run(y);
  session.Run(y);
  EXPECT_EQ(session.Run(counter.AsTensor()).AsDouble(), 4);
}

TEST_F(Functions, OutputsOfManyTensorsAndOtherFunctions) {
  const Function halves("halves", {kFloat32}, [](const Tensors& args) {
    const Tensors parts = Split(args[0], 2, {.axis = 0});
    return Tensors{parts[1], parts[0]};
  });
  const Function swapped("swapped", {kFloat32}, [&](const Tensors& args) {
    const Tensors parts = halves({args[0]});
    return Tensors{Concat({parts[0], parts[1]}, 0)};
  });
  const Tensor y = swapped({Constant(Array({1.f, 2.f, 3.f, 4.f}))})[0];
  Session session;
  EXPECT_EQ(session.Run(y), Array({3.f, 4.f, 1.f, 2.f}));
}

TEST_F(Functions, SurviveExportAndImport) {
  const Function f("twice", {kFloat32},
                   [](const Tensors& args) { return Tensors{args[0] + args[0]}; },
                   {.arg_names = {"x"}, .output_names = {"y"}, .arg_shapes = {PartialShape({})}});
  Identity(f({21.f})[0], "answer");
  const GraphDef def = graph_.AsGraphDef();
  EXPECT_THAT(def.ToText(), HasSubstr("name: \"twice\""));
  Graph again;
  GraphScope scope(again);
  ImportOptions options;
  options.prefix = "";
  ImportGraphDef(def, options);
  Session session(again);
  EXPECT_EQ(session.Run("answer:0").AsDouble(), 42);
}

TEST_F(Functions, ServeAsBranches) {
  const Function negative("negative", {kFloat32},
                          [](const Tensors& args) { return Tensors{-args[0]}; });
  const Function square("square", {kFloat32},
                        [](const Tensors& args) { return Tensors{args[0] * args[0]}; });
  const Tensor take = Placeholder(kBool, {});
  const Tensor y = OpBuilder("StatelessIf", NameOptions())
                       .In(take)
                       .InList({Constant(3.f)})
                       .Attr("Tout", std::vector<DataType>{kFloat32})
                       .Attr("then_branch", negative.ref())
                       .Attr("else_branch", square.ref())
                       .Output();
  Session session;
  EXPECT_EQ(session.Run(y, {{take, Array(true)}}).AsDouble(), -3);
  EXPECT_EQ(session.Run(y, {{take, Array(false)}}).AsDouble(), 9);
}

TEST_F(Functions, MistakesAreErrors) {
  const auto identity = [](const Tensors& args) { return args; };
  EXPECT_THROW(Function("no name", {kFloat32}, identity), InvalidArgumentError);
  const Function f("f", {kFloat32}, identity);
  const Function same("f", {kFloat32}, identity);  // the same function twice is one
  EXPECT_THROW(Function("f", {kFloat32}, [](const Tensors& args) { return Tensors{-args[0]}; }),
               InvalidArgumentError);
  EXPECT_THROW(f({}), InvalidArgumentError);
  EXPECT_THROW(f({1.f, 2.f}), InvalidArgumentError);
  EXPECT_THROW(f({Constant(1)}), InvalidArgumentError);
  EXPECT_THROW(Function("g", {kFloat32}, identity, {.arg_names = {"a", "b"}}),
               InvalidArgumentError);
  EXPECT_THROW(Function("g", {kFloat32}, identity, {.output_names = {"a", "b"}}),
               InvalidArgumentError);
  EXPECT_THROW(Function("g", {}, [](const Tensors&) { return Tensors{Tensor()}; }),
               InvalidArgumentError);
  EXPECT_THROW(Function("g", {},
                        [](const Tensors&) {
                          const Variable v(Array(1.f));
                          return Tensors{v.AsTensor()};
                        }),
               InvalidArgumentError);
  Graph other;
  Tensor foreign;
  {
    GraphScope use(other);
    foreign = Constant(1.f);
  }
  EXPECT_THROW(Function("g", {}, [&](const Tensors&) { return Tensors{-foreign}; }),
               InvalidArgumentError);
  // Nothing of those is left.
  EXPECT_THAT(graph_.AsGraphDef().ToText(), testing::Not(HasSubstr("\"g\"")));
}

}  // namespace
}  // namespace weft
