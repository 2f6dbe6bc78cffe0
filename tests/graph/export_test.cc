// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/weft/graph.pb.h"
#include "src/core/strings.h"
#include "src/graph/graph_impl.h"
#include "src/graph/proto_convert.h"
#include "weft/core/error.h"
#include "weft/graph/graph.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const OpRegistry& OpsToExport() {
  static const OpRegistry* const ops = [] {
    auto* r = new OpRegistry;
    r->Add("Const")
        .Attr("value: tensor")
        .Attr("dtype: type")
        .Output("output: dtype")
        .Shape([](ShapeContext& c) {
          c.set_output(0, PartialShape(c.Attr<Array>("value").shape()));
          return absl::OkStatus();
        });
    r->Add("Pair").Attr("T: type").Input("x: T").Output("a: T").Output("b: T").Shape(
        shape::Unknown);
    r->Add("Join")
        .Attr("T: type")
        .Attr("by: float = 2.0")
        .Input("x: T")
        .Input("y: T")
        .Output("z: T")
        .Shape(shape::SameAsInput);
    return r;
  }();
  return *ops;
}

NodeSpec ConstSpec(const std::string& name, const Array& value) {
  NodeSpec spec;
  spec.op = "Const";
  spec.name = name;
  spec.attrs = {{"value", value}, {"dtype", value.dtype()}};
  return spec;
}

// c -> pair -> join, with control inputs and a device.
Graph SmallGraph() {
  Graph g(&OpsToExport());
  GraphImpl& impl = g.impl();
  Node* c = *impl.AddNode(ConstSpec("c", Array({1.f, 2.f})));
  Node* d = *impl.AddNode(ConstSpec("d", Array(7)));
  NodeSpec pair;
  pair.op = "Pair";
  pair.name = "pair";
  pair.inputs = {Tensor(c, 0)};
  Node* p = *impl.AddNode(pair);
  NodeSpec join;
  join.op = "Join";
  join.name = "join";
  join.inputs = {Tensor(p, 1), Tensor(p, 0)};
  join.control_inputs = {d, c};
  join.device = "/device:CPU:0";
  join.attrs = {{"_note", "kept"}};
  EXPECT_TRUE(impl.AddNode(join).ok());
  return g;
}

TEST(ExportTest, WritesWhatTensorFlowWrites) {
  EXPECT_EQ(SmallGraph().AsGraphDef().ToText(), R"(node {
  name: "c"
  op: "Const"
  attr {
    key: "dtype"
    value {
      type: DT_FLOAT
    }
  }
  attr {
    key: "value"
    value {
      tensor {
        dtype: DT_FLOAT
        tensor_shape {
          dim {
            size: 2
          }
        }
        tensor_content: "\000\000\200?\000\000\000@"
      }
    }
  }
}
node {
  name: "d"
  op: "Const"
  attr {
    key: "dtype"
    value {
      type: DT_INT32
    }
  }
  attr {
    key: "value"
    value {
      tensor {
        dtype: DT_INT32
        tensor_shape {
        }
        int_val: 7
      }
    }
  }
}
node {
  name: "pair"
  op: "Pair"
  input: "c"
  attr {
    key: "T"
    value {
      type: DT_FLOAT
    }
  }
}
node {
  name: "join"
  op: "Join"
  input: "pair:1"
  input: "pair"
  input: "^c"
  input: "^d"
  device: "/device:CPU:0"
  attr {
    key: "T"
    value {
      type: DT_FLOAT
    }
  }
  attr {
    key: "_note"
    value {
      s: "kept"
    }
  }
  attr {
    key: "by"
    value {
      f: 2
    }
  }
}
versions {
  producer: 1645
}
)");
}

TEST(ExportTest, ShapesIfAskedFor) {
  const GraphDef def = SmallGraph().AsGraphDef(/*add_shapes=*/true);
  EXPECT_EQ(def.proto().node(0).attr().at("_output_shapes").ShortDebugString(),
            "list { shape { dim { size: 2 } } }");
  EXPECT_EQ(def.proto().node(2).attr().at("_output_shapes").ShortDebugString(),
            "list { shape { unknown_rank: true } shape { unknown_rank: true } }");
}

TEST(ExportTest, NothingIsLostThereAndBack) {
  GraphDef def = SmallGraph().AsGraphDef();
  def.mutable_proto().MergeFrom(GraphDef::ParseText(R"pb(
                                  library {
                                    function {
                                      signature { name: "f" }
                                      node_def {
                                        name: "n"
                                        op: "Unknown"
                                        attr {
                                          key: "a"
                                          value { placeholder: "T" }
                                        }
                                      }
                                    }
                                  }
                                  node {
                                    name: "extra"
                                    op: "Pair"
                                    input: "c"
                                    attr {
                                      key: "T"
                                      value { type: DT_FLOAT }
                                    }
                                    attr {
                                      key: "newer"
                                      value {
                                        func {
                                          name: "f"
                                          attr {
                                            key: "x"
                                            value { i: 1 }
                                          }
                                        }
                                      }
                                    }
                                    attr {
                                      key: "_empty"
                                      value { list {} }
                                    }
                                    experimental_debug_info { original_node_names: "was" }
                                    experimental_type { type_id: TFT_PRODUCT }
                                  }
                                  versions { min_consumer: 12 bad_consumers: 13 })pb")
                                    .proto());
  Graph g(&OpsToExport());
  ImportGraphDef(def, {.prefix = ""}, g);
  EXPECT_EQ(g.AsGraphDef().ToText(), def.ToText());
}

TEST(ExportTest, AnUnfinishedLoopIsAnError) {
  Graph g(&OpsToExport());
  Node* c = *g.impl().AddNode(ConstSpec("c", Array(1.f)));
  NodeSpec join;
  join.op = "Join";
  join.name = "join";
  join.inputs = {Tensor(c, 0), Tensor()};
  join.missing_input_types = {kFloat32, kFloat32};
  ASSERT_TRUE(g.impl().AddNode(join).ok());
  EXPECT_THROW(g.AsGraphDef(), FailedPreconditionError);
}

TEST(GraphDefTest, ParsesItsOwnForms) {
  const GraphDef def = SmallGraph().AsGraphDef();
  EXPECT_EQ(GraphDef::Parse(def.Serialize()).ToText(), def.ToText());
  EXPECT_EQ(GraphDef::ParseText(def.ToText()).Serialize(), def.Serialize());
  EXPECT_EQ(GraphDef::ParseJson(def.ToJson()).Serialize(), def.Serialize());
  EXPECT_EQ(def.num_nodes(), 4);
  EXPECT_THAT(def.node_names(), ElementsAre("c", "d", "pair", "join"));
  GraphDef moved = def;
  GraphDef target = std::move(moved);
  EXPECT_EQ(target.num_nodes(), 4);
  EXPECT_EQ(moved.num_nodes(), 0);  // NOLINT: what is moved from is an empty GraphDef
}

TEST(GraphDefTest, RefusesWhatIsNoGraphDef) {
  EXPECT_THROW(GraphDef::Parse("\x0a\xff"), DataLossError);
  EXPECT_THROW(GraphDef::Parse(std::string(100000, '\x0b')), DataLossError);  // nested groups
  EXPECT_THROW(GraphDef::ParseText("node {"), InvalidArgumentError);
  EXPECT_THROW(GraphDef::ParseText("node { nome: 'x' }"), InvalidArgumentError);
  EXPECT_THROW(GraphDef::ParseText("node { attr { value { i: 99999999999999999999999 } } }"),
               InvalidArgumentError);
  EXPECT_THROW(GraphDef::ParseJson("{\"node\": 3}"), InvalidArgumentError);
  std::string nested = "node { attr { key: 'a' value ";
  for (int i = 0; i < 5000; ++i) nested += "{ func { attr { key: 'a' value ";
  EXPECT_THROW(GraphDef::ParseText(nested), InvalidArgumentError);
  try {
    GraphDef::ParseText("node {\n  nome: 'x'\n}");
    FAIL();
  } catch (const InvalidArgumentError& e) {
    EXPECT_THAT(e.what(), HasSubstr("line 2"));
  }
}

class GraphFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / StrCat("weft_graph_file_", ::getpid());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  std::filesystem::path folder_;
};

TEST_F(GraphFileTest, WritesAndReads) {
  const GraphDef def = SmallGraph().AsGraphDef();
  def.WriteFile(Path("g.pb"));
  def.WriteFile(Path("g.pbtxt"), /*as_text=*/true);
  def.WriteFile(Path("g.pb"));  // over the old one
  EXPECT_EQ(GraphDef::FromFile(Path("g.pb")).Serialize(), def.Serialize());
  EXPECT_EQ(GraphDef::FromFile(Path("g.pbtxt")).Serialize(), def.Serialize());
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder_))
    names.insert(entry.path().filename().string());
  EXPECT_THAT(names, ElementsAre("g.pb", "g.pbtxt")) << "no temporary file is left";
}

TEST_F(GraphFileTest, ErrorsNameTheFile) {
  EXPECT_THROW(GraphDef::FromFile(Path("absent.pb")), NotFoundError);
  EXPECT_THROW(SmallGraph().AsGraphDef().WriteFile(Path("no/such/folder.pb")), NotFoundError);
  std::ofstream(Path("bad.pbtxt")) << "what is this";
  try {
    GraphDef::FromFile(Path("bad.pbtxt"));
    FAIL();
  } catch (const InvalidArgumentError& e) {
    EXPECT_THAT(e.what(), HasSubstr("bad.pbtxt"));
  }
}

// Values of attributes as Weft understands them: tensors may be written in several ways.
std::map<std::string, std::string> Canonical(const proto::GraphDef& def) {
  std::map<std::string, std::string> nodes;
  for (const proto::NodeDef& node : def.node()) {
    proto::NodeDef copy = node;
    for (auto& [key, value] : *copy.mutable_attr()) {
      FillBudget budget;
      const absl::StatusOr<AttrValue> v = AttrFromProto(value, &budget);
      EXPECT_TRUE(v.ok()) << node.name() << " " << key << v.status();
      if (v.ok()) AttrToProto(*v, &value);
    }
    nodes[node.name()] = SerializeProto(copy);
  }
  return nodes;
}

// Real files, present where the shared material lies beside the project.
TEST(InteropTest, RealGraphsThereAndBack) {
  const std::filesystem::path root = "../shared/interop/graphs";
  if (!std::filesystem::is_directory(root)) GTEST_SKIP() << "no " << root;
  int compared = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".pb" && extension != ".pbtxt") continue;
    if (entry.path().filename() == "expected.pb") continue;
    const GraphDef def = GraphDef::FromFile(entry.path().string());
    Graph g;
    try {
      ImportGraphDef(def, {.prefix = ""}, g);
    } catch (const NotFoundError& e) {
      ASSERT_THAT(e.what(), HasSubstr("not registered")) << entry.path();
      continue;  // uses an op that Weft doesn't have yet
    }
    const GraphDef back = g.AsGraphDef();
    const auto before = Canonical(def.proto()), after = Canonical(back.proto());
    for (const auto& [name, bytes] : before) {
      ASSERT_TRUE(after.contains(name)) << entry.path() << " " << name;
      proto::NodeDef a, b;
      ASSERT_TRUE(ParseProto(bytes, &a) && ParseProto(after.at(name), &b));
      for (const auto& [key, value] : a.attr()) {
        if (key == "_output_shapes") continue;
        ASSERT_TRUE(b.attr().contains(key)) << entry.path() << " " << name << " " << key;
        EXPECT_EQ(SerializeProto(value), SerializeProto(b.attr().at(key)))
            << entry.path() << " " << name << " " << key;
      }
      a.clear_attr();
      b.clear_attr();
      EXPECT_EQ(a.input_size(), b.input_size()) << name;
      a.clear_input();
      b.clear_input();
      EXPECT_EQ(a.DebugString(), b.DebugString()) << entry.path();
    }
    EXPECT_EQ(before.size(), after.size());
    EXPECT_EQ(SerializeProto(def.proto().library()), SerializeProto(back.proto().library()))
        << entry.path();
    ++compared;
  }
  std::printf("%d graphs compared\n", compared);
}

}  // namespace
}  // namespace weft
