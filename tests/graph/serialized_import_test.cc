// SPDX-License-Identifier: Apache-2.0
// ImportSerializedGraph is ImportGraphDef of what the parser makes of the bytes: the same graph or
// the same error, however the bytes are written.
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "proto/weft/graph.pb.h"
#include "src/core/strings.h"
#include "src/graph/wire.h"
#include "weft/core/error.h"
#include "weft/graph/attr_value.h"
#include "weft/graph/graph.h"
#include "weft/graph/graph_def.h"
#include "weft/graph/import_serialized.h"

namespace weft {
namespace {

using wire::AppendField;

// What comes of an import: the graph, or the error.
struct Outcome {
  bool ok = false;
  Code code = Code::kOk;
  std::string text;  // the graph's bytes, or the message
};

template <typename Import>
Outcome OutcomeOf(Import import) {
  const Graph graph;
  try {
    import(graph);
  } catch (const Error& e) {
    EXPECT_TRUE(graph.operations().empty()) << "the graph is not as it was after: " << e.what();
    return {false, e.code(), e.what()};
  }
  return {true, Code::kOk, graph.AsGraphDef(/*add_shapes=*/true).Serialize()};
}

// Is the same done with these bytes in both ways? Counts the graphs that are refused.
void ExpectSame(const std::string& bytes, const ImportOptions& options, std::string_view what,
                int* refused = nullptr) {
  const Outcome parsed = OutcomeOf(
      [&](const Graph& graph) { ImportGraphDef(GraphDef::Parse(bytes), options, graph); });
  const Outcome read =
      OutcomeOf([&](const Graph& graph) { ImportSerializedGraph(bytes, options, graph); });
  ASSERT_EQ(read.ok, parsed.ok) << what << ": " << read.text << parsed.text;
  EXPECT_EQ(read.code, parsed.code) << what << ": " << read.text << "\n" << parsed.text;
  EXPECT_TRUE(read.text == parsed.text)
      << what << (read.ok ? ": another graph" : StrCat(":\n", read.text, "\n", parsed.text));
  if (refused) *refused += !read.ok;
}

// A NodeDef that is written field by field, in any order and form.
class NodeWriter {
 public:
  NodeWriter& Text(uint32_t field, std::string_view text) {
    AppendField(field, text, &bytes_);
    return *this;
  }
  NodeWriter& Name(std::string_view text) { return Text(1, text); }
  NodeWriter& Op(std::string_view text) { return Text(2, text); }
  NodeWriter& Input(std::string_view text) { return Text(3, text); }
  NodeWriter& Raw(std::string_view bytes) {
    bytes_.append(bytes);
    return *this;
  }
  // `value` is a serialised AttrValue.
  NodeWriter& Attr(std::string_view key, std::string_view value) {
    std::string entry;
    AppendField(1, key, &entry);
    AppendField(2, value, &entry);
    return Text(5, entry);
  }
  // The field of a GraphDef.
  std::string Field() const {
    std::string field;
    AppendField(1, bytes_, &field);
    return field;
  }

 private:
  std::string bytes_;
};

// Serialised AttrValues.
std::string Value(const char* text) {
  const GraphDef def = GraphDef::ParseText(
      StrCat("node { name: 'n' op: 'o' attr { key: 'k' value { ", text, " } } }"));
  return def.proto().node(0).attr().at("k").SerializeAsString();
}

std::string Placeholder(std::string_view name) {
  return NodeWriter().Name(name).Op("Placeholder").Attr("dtype", Value("type: DT_FLOAT")).Field();
}

NodeWriter IdentityOf(std::string_view name, std::string_view input) {
  NodeWriter node;
  node.Name(name).Op("Identity").Input(input).Attr("T", Value("type: DT_FLOAT"));
  return node;
}

// A graph of many kinds of nodes, in random order.
GraphDef RandomGraph(std::mt19937& random) {
  const auto below = [&](size_t n) { return static_cast<size_t>(random()) % n; };
  GraphDef graph;
  proto::GraphDef& def = graph.mutable_proto();
  std::vector<std::string> floats;  // tensors
  const auto add = [&](std::string_view op) {
    proto::NodeDef* node = def.add_node();
    node->set_name(StrCat(below(3) == 0 ? "scope/" : "", "n", def.node_size()));
    node->set_op(std::string(op));
    if (below(4) == 0) node->set_device(below(2) ? "/device:CPU:0" : "/job:worker");
    if (below(10) == 0) (*node->mutable_attr())["_note"].set_s("\xff\x00 bytes");
    if (below(12) == 0 && def.node_size() > 1) {
      (*node->mutable_attr())["_class"].mutable_list()->add_s(
          StrCat("loc:@", def.node(static_cast<int>(below(def.node_size() - 1))).name()));
    }
    if (below(15) == 0) node->mutable_experimental_debug_info()->add_original_node_names("source");
    if (below(15) == 0) (*node->mutable_attr())["_int"].set_i(below(2) ? -7 : 1 << 20);
    return node;
  };
  const auto type_of = [](proto::NodeDef* node, const char* attr) {
    (*node->mutable_attr())[attr].set_type(proto::DT_FLOAT);
  };
  const int n = 5 + static_cast<int>(below(40));
  for (int i = 0; i < n; ++i) {
    const size_t kind = floats.empty() ? 0 : below(9);
    proto::NodeDef* node = nullptr;
    if (kind <= 1) {
      node = add("Placeholder");
      type_of(node, "dtype");
      auto* shape = (*node->mutable_attr())["shape"].mutable_shape();
      if (below(4) == 0) {
        shape->set_unknown_rank(true);
      } else {
        shape->add_dim()->set_size(4);
        shape->add_dim()->set_size(below(3) == 0 ? -1 : 4);
        if (below(10) == 0) shape->mutable_dim(0)->set_name("rows");
      }
    } else if (kind == 2) {
      node = add("Const");
      type_of(node, "dtype");
      auto* tensor = (*node->mutable_attr())["value"].mutable_tensor();
      tensor->set_dtype(proto::DT_FLOAT);
      tensor->mutable_tensor_shape()->add_dim()->set_size(below(4) == 0 ? 1100 : 4);
      if (below(2)) {
        tensor->add_float_val(.5f);
      } else {
        const int64_t size = tensor->tensor_shape().dim(0).size();
        tensor->set_tensor_content(std::string(static_cast<size_t>(size) * 4, '\1'));
      }
    } else if (kind == 3) {
      node = add("AddN");
      type_of(node, "T");
      (*node->mutable_attr())["N"].set_i(2);
      node->add_input(floats[below(floats.size())]);
      node->add_input(node->input(0));
    } else if (kind == 4) {
      node = add("Shape");
      type_of(node, "T");
      node->add_input(floats[below(floats.size())]);
      def.add_node()->set_name(StrCat("noop", def.node_size()));
      def.mutable_node(def.node_size() - 1)->set_op("NoOp");
      def.mutable_node(def.node_size() - 1)->add_input(StrCat("^", node->name()));
      continue;
    } else {
      node = add(kind < 7 ? "Relu" : "Identity");
      type_of(node, "T");
      node->add_input(floats[below(floats.size())]);
      if (below(6) == 0) node->add_input(StrCat("^", def.node(0).name()));
      if (below(6) == 0) {
        (*node->mutable_attr())["_output_shapes"].mutable_list()->add_shape()->set_unknown_rank(
            true);
      }
    }
    floats.push_back(node->name());
  }
  for (int i = def.node_size() - 1; i > 0; --i) {
    if (below(3) == 0) def.mutable_node()->SwapElements(i, static_cast<int>(below(i + 1)));
  }
  def.mutable_versions()->set_producer(1645);
  return graph;
}

TEST(SerializedImport, RandomGraphs) {
  std::mt19937 random(5);
  int refused = 0;
  for (int i = 0; i < 150; ++i) {
    const std::string bytes = RandomGraph(random).Serialize();
    ExpectSame(bytes, {.prefix = ""}, StrCat("graph ", i), &refused);
    ExpectSame(bytes, {.prefix = "a/b"}, StrCat("graph ", i, " with a prefix"));
  }
  EXPECT_LT(refused, 15);
}

TEST(SerializedImport, DamagedGraphs) {
  std::mt19937 random(6);
  for (int i = 0; i < 12; ++i) {
    const std::string bytes = RandomGraph(random).Serialize();
    int refused = 0;
    for (int k = 0; k < 100; ++k) {
      const size_t end = random() % bytes.size();
      ExpectSame(bytes.substr(0, end), {.prefix = ""}, StrCat("cut at ", end), &refused);
      std::string changed = bytes;
      const size_t at = random() % bytes.size();
      changed[at] = static_cast<char>(changed[at] ^ (1 << (random() % 8)));
      ExpectSame(changed, {.prefix = ""}, StrCat("changed at ", at), &refused);
    }
    EXPECT_GT(refused, 50);
  }
}

// Graphs that TensorFlow wrote.
TEST(SerializedImport, GraphsInFiles) {
  std::mt19937 random(7);
  int graphs = 0;
  const std::filesystem::path folder = "tests/framework/data/training";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream in(entry.path() / "graph.pb", std::ios::binary);
    std::stringstream contents;
    contents << in.rdbuf();
    const std::string bytes = contents.str();
    if (bytes.empty()) continue;
    ++graphs;
    int refused = 0;
    ExpectSame(bytes, {.prefix = ""}, entry.path().string(), &refused);
    ExpectSame(bytes, {.prefix = "import"}, entry.path().string(), &refused);
    EXPECT_EQ(refused, 0);
    for (int k = 0; k < 40; ++k) {
      const size_t at = random() % bytes.size();
      ExpectSame(bytes.substr(0, at), {.prefix = ""}, StrCat(entry.path().string(), ": ", at));
      std::string changed = bytes;
      changed[at] = static_cast<char>(random());
      ExpectSame(changed, {.prefix = ""}, StrCat(entry.path().string(), ": changed at ", at));
    }
  }
  EXPECT_GE(graphs, 8);
}

// The same graph in forms that are legal, but not the usual ones.
TEST(SerializedImport, UnusualForms) {
  const std::string x = Placeholder("x");
  const std::string type = Value("type: DT_FLOAT");
  std::string entry_value_first, entry_key_only, entry_unknown_field;
  AppendField(2, type, &entry_value_first);
  AppendField(1, "T", &entry_value_first);
  AppendField(1, "_note", &entry_key_only);
  AppendField(1, "_note", &entry_unknown_field);
  AppendField(2, Value("i: 3"), &entry_unknown_field);
  AppendField(9, "unknown", &entry_unknown_field);
  const std::pair<const char*, std::string> legal[] = {
      {"two names, the last counts",
       NodeWriter().Name("z").Name("y").Op("Identity").Input("x").Attr("T", type).Field()},
      {"attributes before the name",
       NodeWriter().Attr("T", type).Input("x").Op("Identity").Name("y").Field()},
      {"attributes in two places", NodeWriter()
                                       .Name("y")
                                       .Attr("T", type)
                                       .Op("Identity")
                                       .Attr("_note", Value("b: true"))
                                       .Input("x")
                                       .Field()},
      {"a key twice, the last counts",
       IdentityOf("y", "x").Attr("_note", Value("i: 1")).Attr("_note", Value("i: 2")).Field()},
      {"a value before its key",
       NodeWriter().Name("y").Op("Identity").Input("x").Text(5, entry_value_first).Field()},
      {"an attribute without value", IdentityOf("y", "x").Text(5, entry_key_only).Field()},
      {"an unknown field in an entry", IdentityOf("y", "x").Text(5, entry_unknown_field).Field()},
      {"an unknown field", IdentityOf("y", "x").Text(99, "unknown").Field()},
      {"an unknown group", IdentityOf("y", "x").Raw("\x7b\x08\x01\x7c").Field()},
      {"a name that is no text field", IdentityOf("y", "x").Raw("\x08\x01").Field()},
      {"a length in five bytes", NodeWriter()
                                     .Raw(std::string_view("\x0a\x81\x80\x80\x80\x00y", 7))
                                     .Op("Identity")
                                     .Input("x")
                                     .Attr("T", type)
                                     .Field()},
      {"a tag in two bytes", NodeWriter()
                                 .Raw(std::string_view("\x8a\x00\x01y", 4))
                                 .Op("Identity")
                                 .Input("x")
                                 .Attr("T", type)
                                 .Field()},
      {"a tag with bits above the 32nd",
       IdentityOf("y", "x").Raw("\x98\x8f\x8f\x8f\x70\x70").Field()},
      {"text beyond ASCII in an attribute", IdentityOf("y", "x").Attr("_\xc3\xa9", type).Field()},
      {"a number in more bytes than it needs",
       IdentityOf("y", "x").Attr("_i", std::string_view("\x18\x81\x80\x00", 4)).Field()},
      {"a flag that is not 1", IdentityOf("y", "x").Attr("_b", "\x28\x05").Field()},
      {"a list that is not packed",
       IdentityOf("y", "x").Attr("_l", "\x0a\x04\x18\x01\x18\x02").Field()},
      {"a list in two parts",
       IdentityOf("y", "x").Attr("_l", "\x0a\x06\x1a\x01\x01\x1a\x01\x02").Field()},
      {"two kinds of value, the last counts",
       IdentityOf("y", "x").Attr("_v", StrCat(Value("i: 1"), Value("f: 2.5"))).Field()},
      {"values of all kinds",
       IdentityOf("y", "x")
           .Attr("_s", Value("s: 'a\\377b'"))
           .Attr("_i", Value("i: -1"))
           .Attr("_f", Value("f: -0.0"))
           .Attr("_b", Value("b: false"))
           .Attr("_h", Value("shape { dim { } dim { size: -1 } dim { size: 7 } }"))
           .Attr("_u", Value("shape { unknown_rank: true }"))
           .Attr("_e", Value("list { }"))
           .Attr("_ls", Value("list { s: 'a' s: '' }"))
           .Attr("_lf", Value("list { f: 1 f: 2 }"))
           .Attr("_li", Value("list { i: 1 i: -9223372036854775808 }"))
           .Attr("_lt", Value("list { type: DT_INT8 type: DT_STRING }"))
           .Attr("_lh", Value("list { shape { } shape { dim { size: 1 } } }"))
           .Attr("_fn", Value("func { name: 'f' attr { key: 'k' value { i: 1 } } }"))
           .Field()},
  };
  for (const auto& [what, node] : legal) {
    int refused = 0;
    ExpectSame(StrCat(x, node), {.prefix = ""}, what, &refused);
    EXPECT_EQ(refused, 0) << what;
  }
}

// An old form of messages in messages, which is skipped.
TEST(SerializedImport, Groups) {
  const std::string nodes = StrCat(Placeholder("x"), IdentityOf("y", "x").Field());
  int refused = 0;
  ExpectSame(StrCat("\x7b\x08\x01\x7c", nodes), {.prefix = ""}, "before", &refused);
  ExpectSame(StrCat(nodes, "\x7b\x08\x01\x7c"), {.prefix = ""}, "behind", &refused);
  EXPECT_EQ(refused, 0);
  ExpectSame(StrCat(nodes, "\x7b\x08\x01"), {.prefix = ""}, "without an end", &refused);
  ExpectSame(StrCat(nodes, "\x7c"), {.prefix = ""}, "without a start", &refused);
  EXPECT_EQ(refused, 2);
}

// Maps are written in any order. Only attributes that are the same are shared.
TEST(SerializedImport, OrderOfAttributes) {
  const std::string one = Value("i: 1"), two = Value("i: 2");
  std::string bytes = Placeholder("x");
  auto add = [&, n = 0](std::string_view first, std::string_view a, std::string_view second,
                        std::string_view b) mutable {
    NodeWriter node = IdentityOf(StrCat("y", n++), "x");
    bytes += node.Attr(first, a).Attr(second, b).Field();
  };
  for (int i = 0; i < 2; ++i) {
    add("_a", one, "_b", two);
    add("_b", two, "_a", one);
    add("_a", two, "_b", one);
    add("_b", one, "_a", two);
    add("_a", one, "_a", two);
    add("_a", two, "_a", one);
  }
  int refused = 0;
  ExpectSame(bytes, {.prefix = ""}, "all orders", &refused);
  EXPECT_EQ(refused, 0);
  const Graph graph;
  ImportSerializedGraph(bytes, {.prefix = ""}, graph);
  for (const auto& [name, a] :
       {std::pair("y0", 1), {"y1", 1}, {"y2", 2}, {"y3", 2}, {"y4", 2}, {"y5", 1}})
    EXPECT_EQ(*graph.OperationByName(name).attr("_a").Get<int64_t>(), a) << name;
}

// Sets of very many entries are not compared in all orders, which would take hours.
TEST(SerializedImport, LargeSetsInAnyOrder) {
  constexpr int kEntries = 30000;
  const std::string value = Value("i: 1");
  std::string bytes = Placeholder("x");
  NodeWriter up = IdentityOf("up", "x"), down = IdentityOf("down", "x");
  for (int i = 0; i < kEntries; ++i) {
    up.Attr(StrCat("_a", i), value);
    down.Attr(StrCat("_a", kEntries - 1 - i), value);
  }
  bytes += up.Field() + down.Field();
  int refused = 0;
  ExpectSame(bytes, {.prefix = ""}, "large sets", &refused);
  EXPECT_EQ(refused, 0);
}

TEST(SerializedImport, WrongForms) {
  const std::string x = Placeholder("x");
  std::string deep = "\x18\x01";  // a function's attribute within a function's attribute ...
  for (int i = 0; i < 60; ++i) {
    std::string entry, func;
    AppendField(1, "k", &entry);
    AppendField(2, deep, &entry);
    AppendField(1, "f", &func);
    AppendField(2, entry, &func);
    deep.clear();
    AppendField(10, func, &deep);
  }
  const std::pair<const char*, std::string> wrong[] = {
      {"a name that is not UTF-8", IdentityOf("y\xff", "x").Field()},
      {"a name beyond ASCII", IdentityOf("y\xc3\xa9", "x").Field()},
      {"an input that is not UTF-8", IdentityOf("y", "x\xc0").Field()},
      {"a device that is not UTF-8", IdentityOf("y", "x").Text(4, "\x80").Field()},
      {"a key that is not UTF-8", IdentityOf("y", "x").Attr("_\xff", "").Field()},
      {"a length beyond the end", IdentityOf("y", "x").Raw("\x0a\x05y").Field()},
      {"a tag in six bytes",
       IdentityOf("y", "x").Raw(std::string_view("\x98\x81\x80\x80\x80\x00\x70", 7)).Field()},
      {"a length in six bytes",
       IdentityOf("y", "x").Raw(std::string_view("\x22\x80\x80\x80\x80\x80\x00", 7)).Field()},
      {"a value in an entry beyond its end",
       IdentityOf("y", "x").Text(5, "\x0a\x01k\x12\x09").Field()},
      {"a group that doesn't end", IdentityOf("y", "x").Raw("\x7b\x08\x01").Field()},
      {"a field of number 0", IdentityOf("y", "x").Raw(std::string_view("\x02\x00", 2)).Field()},
      {"nested too deep", IdentityOf("y", "x").Attr("_deep", deep).Field()},
      {"a dtype that there is not", IdentityOf("y", "x").Attr("_t", "\x30\x3f").Field()},
      {"a size below -1",
       IdentityOf("y", "x").Attr("_h", Value("shape { dim { size: -2 } }")).Field()},
      {"an unknown shape with sizes",
       IdentityOf("y", "x")
           .Attr("_h", Value("shape { unknown_rank: true dim { size: 2 } }"))
           .Field()},
      {"a list of two kinds",
       IdentityOf("y", "x").Attr("_l", Value("list { i: 1 s: 'a' }")).Field()},
      {"another dtype than the input's",
       NodeWriter().Name("y").Op("Identity").Input("x").Attr("T", Value("type: DT_INT32")).Field()},
      {"an op that there is not", NodeWriter().Name("y").Op("NoSuchOp").Field()},
      {"no op", NodeWriter().Name("y").Field()},
      {"no name", NodeWriter().Op("NoOp").Field()},
      {"a name twice", IdentityOf("x", "x").Field()},
      {"colocated with nothing",
       IdentityOf("y", "x").Attr("_class", Value("list { s: 'loc:@z' }")).Field()},
      {"shapes for two outputs",
       IdentityOf("y", "x").Attr("_output_shapes", Value("list { shape { } shape { } }")).Field()},
  };
  for (const auto& [what, node] : wrong) {
    int refused = 0;
    ExpectSame(StrCat(x, node), {.prefix = ""}, what, &refused);
    EXPECT_EQ(refused, 1) << what;
  }
}

// Nodes that share attributes don't see one another's changes, and each has its own shapes.
TEST(SerializedImport, SharedAttributes) {
  const std::string any = Value("list { shape { dim { size: -1 } } }");
  std::string bytes = Placeholder("x");
  for (const char* name : {"a", "b", "c"})
    bytes += IdentityOf(name, "x").Attr("_output_shapes", any).Field();
  const Graph graph;
  ImportSerializedGraph(bytes, {.prefix = ""}, graph);
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_EQ(graph.TensorByName(StrCat(name, ":0")).shape(), PartialShape({-1}));
    EXPECT_FALSE(graph.OperationByName(name).has_attr("_output_shapes"));
  }
  graph.TensorByName("b:0").set_shape({5});
  EXPECT_EQ(graph.TensorByName("a:0").shape(), PartialShape({-1}));

  // An import beside it renames nodes: groups follow in those that come, and only there.
  const std::string group = Value("list { s: 'loc:@a' }");
  std::string more = Placeholder("a");
  for (const char* name : {"d", "e"}) more += IdentityOf(name, "a").Attr("_class", group).Field();
  ImportSerializedGraph(more, {.prefix = ""}, graph);
  const std::vector<std::string> renamed = {"loc:@a_1"};
  for (const char* name : {"d", "e"})
    EXPECT_EQ(*graph.OperationByName(name).attr("_class").Get<std::vector<std::string>>(), renamed);
}

// Names of an import are in use for whatever is added later.
TEST(SerializedImport, NamesAreTaken) {
  const Graph graph;
  ImportSerializedGraph(StrCat(Placeholder("X"), Placeholder("scope/y")), {.prefix = ""}, graph);
  EXPECT_EQ(graph.UniqueName("x", /*mark_as_used=*/true), "x_1");
  EXPECT_EQ(graph.UniqueName("scope/y", /*mark_as_used=*/false), "scope/y_1");
  EXPECT_THROW(ImportSerializedGraph("\xff", {.prefix = ""}, graph), DataLossError);
  EXPECT_EQ(graph.operations().size(), 2u);
}

}  // namespace
}  // namespace weft
