// SPDX-License-Identifier: Apache-2.0
// GraphDefs after each function of graph_util.h, node by node as TensorFlow makes them; freezing
// and folding keep the values.
#include "weft/framework/graph_util.h"
#include "tests/support/errors.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>

#include "proto/weft/graph.pb.h"
#include "src/graph/proto_convert.h"
#include "tests/support/temporary_folder.h"
#include "weft/weft.h"

namespace weft::graph_util {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

struct GoldenCase {
  GraphDef before, after;
};

GoldenCase ReadCase(const std::string& name) {
  std::ifstream in("tests/framework/data/graph_util.golden");
  std::string parts[2];
  int part = -1;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("== ")) part = line.substr(3) == name ? 0 : -1;
    if (line == "--" && part == 0) part = 1;
    if (part >= 0 && !line.starts_with("== ") && line != "--") parts[part] += line + "\n";
  }
  EXPECT_FALSE(parts[0].empty()) << name;
  return {GraphDef::ParseText(parts[0]), GraphDef::ParseText(parts[1])};
}

// One text a node; values as numpy writes them, however they are stored.
std::vector<std::string> Lines(const GraphDef& def) {
  std::vector<std::string> lines;
  for (proto::NodeDef node : def.proto().node()) {
    std::string value;
    auto it = node.attr().find("value");
    if (it != node.attr().end()) {
      std::ostringstream out;
      out << *ArrayFromProto(it->second.tensor());
      value = " = " + out.str();
      node.mutable_attr()->erase("value");
    }
    std::string text;
    google::protobuf::TextFormat::Printer printer;
    printer.SetSingleLineMode(true);
    printer.PrintToString(node, &text);
    lines.push_back(text + value);
  }
  return lines;
}

void ExpectGolden(const std::string& name,
                  const std::function<GraphDef(const GraphDef&)>& transform) {
  const GoldenCase golden = ReadCase(name);
  EXPECT_EQ(Lines(transform(golden.before)), Lines(golden.after)) << name;
}

GraphDef ConvertGolden(const GraphDef& def, const std::vector<std::string>& outputs,
                       const ConvertOptions& options = {}) {
  const Graph graph;
  ImportGraphDef(def, {.prefix = ""}, graph);
  Session session(graph);
  session.Run("init");
  return ConvertVariablesToConstants(session, def, outputs, options);
}

// What `run` writes to std::clog.
std::string LogOf(const std::function<void()>& run) {
  testing::internal::CaptureStderr();
  run();
  return testing::internal::GetCapturedStderr();
}

TEST(GraphUtil, ConvertsAsTensorFlow) {
  ExpectGolden("convert_ref", [](const GraphDef& def) { return ConvertGolden(def, {"add"}); });
  ExpectGolden("convert_whitelist", [](const GraphDef& def) {
    return ConvertGolden(def, {"add"}, {.variable_names_whitelist = {{"v1"}}});
  });
  ExpectGolden("convert_blacklist", [](const GraphDef& def) {
    return ConvertGolden(def, {"add"}, {.variable_names_blacklist = {"v1"}});
  });
  ExpectGolden("convert_resource", [](const GraphDef& def) {
    return ConvertGolden(def, {"y", "g", "gn", "ordered"});
  });
  ExpectGolden("convert_through_control_flow",
               [](const GraphDef& def) { return ConvertGolden(def, {"y"}); });
}

TEST(GraphUtil, ChoosesNodesAsTensorFlow) {
  ExpectGolden("remove_training_nodes",
               [](const GraphDef& def) { return RemoveTrainingNodes(def); });
  ExpectGolden("remove_training_nodes_protected", [](const GraphDef& def) {
    return RemoveTrainingNodes(def, {"kept", "part"});
  });
  ExpectGolden("extract_sub_graph", [](const GraphDef& def) {
    return ExtractSubGraph(def, {"near", "parts"});
  });
  ExpectGolden("strip_unused", [](const GraphDef& def) {
    return StripUnused(def, {"b", "x"}, {"y"}, {kFloat64, kFloat32});
  });
}

TEST(GraphUtil, FoldsBatchNormsAsTensorFlow) {
  ExpectGolden("fold_batch_norms", [](const GraphDef& def) { return FoldBatchNorms(def); });
}

// The program of the tutorial: freeze, write, read, import, run.
TEST(GraphUtil, FrozenGraphThroughAFile) {
  const test::TemporaryFolder folder;
  const std::string path = folder.File("model.pb");
  {
    const Graph graph;
    const GraphScope scope(graph);
    const Variable v1(Constant(Array({1.f})), {.name = "v1"});
    const Variable v2(Constant(Array({2.f})), {.name = "v2"});
    Add(v1, v2, "add");
    const Operation init = GlobalVariablesInitializer();
    Session session;
    session.Run(init);
    const std::string log = LogOf(
        [&] { ConvertVariablesToConstants(session, graph.AsGraphDef(), {"add"}).WriteFile(path); });
    EXPECT_THAT(log, HasSubstr("Converted 2 variables"));
  }
  const Graph graph;
  const GraphScope scope(graph);
  const ImportResult imported =
      ImportGraphDef(GraphDef::FromFile(path), {.return_elements = {"add:0"}});
  Session session;
  EXPECT_EQ(session.Run(imported.tensors[0]), Array({3.f}));
}

// A resource passed into a function: the function that reads it is copied under a new name, and the
// old one goes if nobody calls it any more.
TEST(GraphUtil, ConvertsTheArgumentsOfFunctions) {
  const Graph graph;
  {
    const GraphScope scope(graph);
    const Variable w({1.f, 2.f}, {.name = "w", .use_resource = true});
    GlobalVariablesInitializer();
  }
  GraphDef def = graph.AsGraphDef();
  const GraphDef call = GraphDef::ParseText(R"(
    node { name: "call" op: "PartitionedCall" input: "w"
           attr { key: "Tin" value { list { type: DT_RESOURCE } } }
           attr { key: "Tout" value { list { type: DT_FLOAT } } }
           attr { key: "f" value { func { name: "outer_7" } } } }
    library {
      function { signature { name: "outer_7"
                             input_arg { name: "v" type: DT_RESOURCE }
                             output_arg { name: "y" type: DT_FLOAT } }
                 node_def { name: "inner" op: "PartitionedCall" input: "v"
                            attr { key: "Tin" value { list { type: DT_RESOURCE } } }
                            attr { key: "Tout" value { list { type: DT_FLOAT } } }
                            attr { key: "f" value { func { name: "read" } } } }
                 ret { key: "y" value: "inner:output:0" } }
      function { signature { name: "read"
                             input_arg { name: "h" type: DT_RESOURCE }
                             output_arg { name: "y" type: DT_FLOAT } }
                 node_def { name: "r" op: "ReadVariableOp" input: "h"
                            attr { key: "dtype" value { type: DT_FLOAT } } }
                 node_def { name: "twice" op: "AddV2" input: "r:value:0" input: "r:value:0"
                            attr { key: "T" value { type: DT_FLOAT } } }
                 ret { key: "y" value: "twice:z:0" } } })");
  def.mutable_proto().MergeFrom(call.proto());
  Session session(graph);
  session.Run("init");
  const GraphDef frozen = ConvertVariablesToConstants(session, def, {"call"}, {.log = false});
  const auto& functions = frozen.proto().library().function();
  ASSERT_EQ(functions.size(), 2);
  const auto& nodes = frozen.proto().node();
  ASSERT_THAT(frozen.node_names(), ElementsAre("w", "call"));
  EXPECT_EQ(nodes[1].attr().at("Tin").list().type(0), proto::DT_FLOAT);
  EXPECT_EQ(nodes[1].attr().at("f").func().name(), functions[0].signature().name());
  EXPECT_THAT(functions[0].signature().name(), testing::StartsWith("outer_frozen_"));
  EXPECT_EQ(functions[0].node_def(0).attr().at("f").func().name(), functions[1].signature().name());
  EXPECT_EQ(functions[1].signature().input_arg(0).type(), proto::DT_FLOAT);
  EXPECT_EQ(functions[1].node_def(0).op(), "Identity");
  EXPECT_THAT(functions[1].node_def(1).input(), ElementsAre("r:output:0", "r:output:0"));
}

TEST(GraphUtil, FoldsWhatFollowsFromConstants) {
  const Graph graph;
  {
    const GraphScope scope(graph);
    const Tensor x = Placeholder(kFloat32, {2, 3}, "x");
    const Tensor c =
        MatMul(Constant(Array({{1.f, 2.f}}), "a"), Constant(Array({{3.f}, {4.f}}), "b"));
    const std::vector<Tensor> parts = Split(Constant(Array({1.f, 2.f, 3.f, 4.f}), "d"), 2);
    const Tensor sized = Cast(ShapeOf(x), kFloat32, "sized");
    const Tensor noise = RandomUniform({2}, {.seed = 1});
    Identity(ReduceSum(x) * c + parts[1] * ReduceSum(x) + sized + noise, "y");
  }
  const GraphDef def = graph.AsGraphDef();
  const GraphDef folded = FoldConstants(def, {"y"});
  EXPECT_LT(folded.num_nodes(), def.num_nodes());
  for (const auto& node : folded.proto().node()) {
    EXPECT_THAT((std::vector<std::string>{"MatMul", "Split", "Shape", "Cast"}),
                Not(testing::Contains(node.op())));
  }
  EXPECT_THAT(folded.node_names(), testing::Contains("sized"));
  EXPECT_THAT(folded.node_names(), testing::Contains(HasSubstr("-folded-1")));
  const auto run = [](const GraphDef& d) {
    const Graph g;
    ImportGraphDef(d, {.prefix = ""}, g);
    Session session(g);
    return session.Run("y:0", {{"x:0", Array({{1.f, 2.f, 3.f}, {4.f, 5.f, 6.f}})}});
  };
  EXPECT_EQ(run(folded), run(def));
}

TEST(GraphUtil, LargeValuesAreNotStored) {
  const Graph graph;
  {
    const GraphScope scope(graph);
    Identity(Tile(Constant(Array({1.f}), "a"), {1000}, "tile"), "y");
  }
  const GraphDef def = graph.AsGraphDef();
  EXPECT_THAT(FoldConstants(def, {"y"}, {.max_constant_bytes = 100}).node_names(),
              testing::Contains("tile"));
  EXPECT_THAT(FoldConstants(def, {"y"}).node_names(), ElementsAre("y"));
}

TEST(GraphUtil, NodesOfTheCpu) {
  const Graph graph;
  const GraphScope scope(graph);
  const Variable v({1.f}, {.name = "v"});
  EXPECT_TRUE(MustRunOnCpu(Constant(1).op()));
  EXPECT_TRUE(MustRunOnCpu(Constant("text").op()));
  EXPECT_FALSE(MustRunOnCpu(Constant(1.f).op()));
  EXPECT_TRUE(MustRunOnCpu(Cast(Constant(1), kFloat32).op()));
  EXPECT_FALSE(MustRunOnCpu(v.op()));
  EXPECT_TRUE(MustRunOnCpu(v.op(), true));
}

TEST(GraphUtil, ShapesByInputName) {
  const Graph graph;
  const GraphScope scope(graph);
  Split(Placeholder(kFloat32, {4, 3}, "x"), 2, {.name = "parts"});
  EXPECT_EQ(TensorShapeFromNodeDefName(graph, "x").ToString(), "[4,3]");
  EXPECT_EQ(TensorShapeFromNodeDefName(graph, "parts:1").ToString(), "[2,3]");
}

TEST(GraphUtil, BadArguments) {
  const GraphDef def = GraphDef::ParseText(R"(node { name: "a" op: "NoOp" input: "^b" }
                                              node { name: "c" op: "NoOp" })");
  using Invalid = InvalidArgumentError;
  EXPECT_EQ(test::MessageOf<Invalid>([&] { ExtractSubGraph(def, {"x"}); }), "x is not in graph");
  EXPECT_THAT(test::MessageOf<Invalid>([&] { ExtractSubGraph(def, {"a"}); }), HasSubstr("'b'"));
  EXPECT_EQ(test::MessageOf<Invalid>([&] { StripUnused(def, {"a:0"}, {"c"}); }),
            "Name 'a:0' appears to refer to a Tensor, not an Operation.");
  EXPECT_EQ(test::MessageOf<Invalid>([&] { StripUnused(def, {"q"}, {"c"}); }),
            "The following input nodes were not found: {'q'}.");
  EXPECT_THAT(test::MessageOf<Invalid>([&] { StripUnused(def, {"a"}, {"c"}, {}); }),
              HasSubstr("0 types"));
  const GraphDef twice = GraphDef::ParseText(R"(node { name: "a" op: "NoOp" }
                                                node { name: "a" op: "NoOp" })");
  EXPECT_EQ(test::MessageOf<Invalid>([&] { FoldBatchNorms(twice); }),
            "Duplicate node names detected for a");
  const GraphDef cycle = GraphDef::ParseText(R"(node { name: "a" op: "Identity" input: "b" }
                                                node { name: "b" op: "Identity" input: "a" }
                                                node { name: "c" op: "Neg" input: "a" })");
  EXPECT_THAT(test::MessageOf<Invalid>([&] { RemoveTrainingNodes(cycle); }), HasSubstr("cycle"));
}

TEST(GraphUtil, VariablesWithoutAValue) {
  const Graph graph;
  const GraphScope scope(graph);
  const Variable v({1.f}, {.name = "v"});
  Session session;
  EXPECT_THROW(ConvertVariablesToConstants(session, graph.AsGraphDef(), {"v/read"}),
               FailedPreconditionError);
}

}  // namespace
}  // namespace weft::graph_util
