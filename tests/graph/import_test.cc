// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/weft/graph.pb.h"
#include "src/core/strings.h"
#include "src/graph/graph_impl.h"
#include "weft/core/error.h"
#include "weft/graph/graph.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A few ops of the tests' own: import is about the GraphDef, whatever the ops are.
const OpRegistry& OpsToImport() {
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
    r->Add("Placeholder")
        .Attr("dtype: type")
        .Attr("shape: shape = {unknown_rank: true}")
        .Output("output: dtype")
        .Shape(shape::FromAttr);
    r->Add("Identity")
        .Attr("T: type")
        .Input("input: T")
        .Output("output: T")
        .Shape(shape::SameAsInput);
    r->Add("Add")
        .Attr("T: {float, int32}")
        .Input("x: T")
        .Input("y: T")
        .Output("z: T")
        .Shape(shape::MergeOfInputs);
    r->Add("Split")
        .Attr("num: int >= 1")
        .Attr("T: type")
        .Input("x: T")
        .Output("y: num * T")
        .Shape(shape::Unknown);
    r->Add("Sum")
        .Attr("N: int >= 1")
        .Attr("T: type")
        .Input("x: N * T")
        .Output("y: T")
        .Shape(shape::SameAsInput);
    r->Add("NoOp").Shape(shape::NoOutputs);
    r->Add("Scale")
        .Attr("T: type")
        .Attr("by: float = 2.0")
        .Attr("mode: {'A', 'B'} = 'A'")
        .Input("x: T")
        .Output("y: T")
        .Shape(shape::SameAsInput);
    r->Add("Old").Shape(shape::NoOutputs).Deprecated(10, "Use New");
    r->Add("Variable").Attr("dtype: type").Output("ref: Ref(dtype)").Shape(shape::Unknown);
    r->Add("Assign")
        .Attr("T: type")
        .Input("ref: Ref(T)")
        .Input("value: T")
        .Output("out: Ref(T)")
        .Shape(shape::SameAsInput);
    r->Add("Enter").Attr("T: type").Input("data: T").Output("output: T").Shape(shape::Unknown);
    r->Add("Merge")
        .Attr("T: type")
        .Attr("N: int >= 1")
        .Input("inputs: N * T")
        .Output("output: T")
        .Output("value_index: int32")
        .Shape(shape::Unknown);
    r->Add("NextIteration")
        .Attr("T: type")
        .Input("data: T")
        .Output("output: T")
        .Shape(shape::SameAsInput);
    return r;
  }();
  return *ops;
}

std::string ConstText(const std::string& name, const std::string& more = "") {
  return StrCat(
      "node { name: '", name, "' op: 'Const' ", more,
      " attr { key: 'dtype' value { type: DT_FLOAT } } attr { key: 'value' value { tensor { dtype: "
      "DT_FLOAT tensor_shape { dim { size: 2 } } float_val: [1, 2] } } } }\n");
}

// A node with attribute T: float.
std::string NodeText(const std::string& name, const std::string& op,
                     const std::vector<std::string>& inputs,
                     const std::string& more = "attr { key: 'T' value { type: DT_FLOAT } }") {
  std::string s = StrCat("node { name: '", name, "' op: '", op, "' ");
  for (const std::string& input : inputs) StrAppend(&s, "input: '", input, "' ");
  return s + more + " }\n";
}

std::string AttrText(const std::string& key, const std::string& value) {
  return StrCat(" attr { key: '", key, "' value { ", value, " } }");
}
const char kT[] = " attr { key: 'T' value { type: DT_FLOAT } }";

class ImportTest : public ::testing::Test {
 protected:
  ImportResult Import(const std::string& text, ImportOptions options = {.prefix = ""}) {
    GraphScope scope(graph_);
    return ImportGraphDef(GraphDef::ParseText(text), options, graph_);
  }

  // The error of an import, which must leave the graph as it was.
  std::string ImportError(const std::string& text, Code code = Code::kInvalidArgument,
                          ImportOptions options = {.prefix = ""}) {
    const std::string before = graph_.AsGraphDef().Serialize();
    std::string message = "no error";
    try {
      Import(text, options);
    } catch (const Error& e) {
      message = e.what();
      EXPECT_EQ(CodeName(e.code()), CodeName(code)) << message;
      last_op_name_ = e.op_name();
    }
    EXPECT_EQ(graph_.AsGraphDef().Serialize(), before);
    return message;
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const Operation& op : graph_.operations()) names.push_back(op.name());
    return names;
  }

  Graph graph_{&OpsToImport()};
  std::string last_op_name_;
};

TEST_F(ImportTest, NodesComeInTopologicalOrderFirstInTheFileFirst) {
  Import(NodeText("sum", "Add", {"b", "a"}) + NodeText("b", "Identity", {"c:0"}) + ConstText("a") +
         ConstText("c") + NodeText("last", "NoOp", {"^sum"}, ""));
  EXPECT_THAT(Names(), ElementsAre("a", "c", "b", "sum", "last"));
  const Operation sum = graph_.OperationByName("sum");
  EXPECT_EQ(sum.input(0).name(), "b:0");
  EXPECT_EQ(sum.input(1).name(), "a:0");
  EXPECT_EQ(sum.output(0).shape(), PartialShape({2}));
  EXPECT_EQ(graph_.OperationByName("last").control_inputs().at(0), sum);
}

TEST_F(ImportTest, DefaultsAreFilledInAndUnknownAttributesKept) {
  Import(ConstText("c") + NodeText("s", "Scale", {"c"},
                                   kT + AttrText("_mine", "s: 'x'") + AttrText("newer", "i: 3")));
  const Operation s = graph_.OperationByName("s");
  EXPECT_EQ(s.attr("by"), AttrValue(2.f));
  EXPECT_EQ(s.attr("mode"), AttrValue("A"));
  EXPECT_EQ(s.attr("_mine"), AttrValue("x"));
  EXPECT_EQ(s.attr("newer"), AttrValue(3));
}

TEST_F(ImportTest, PrefixIsAScopeOfItsOwn) {
  const std::string text =
      ConstText("c") + NodeText("x/y", "Identity", {"c"},
                                kT + AttrText("_class", "list { s: 'loc:@c' s: 'other' }"));
  Import(text, {});
  Import(text, {});
  Import(text, {.prefix = "deep/er"});
  EXPECT_THAT(Names(), ElementsAre("import/c", "import/x/y", "import_1/c", "import_1/x/y",
                                   "deep/er/c", "deep/er/x/y"));
  EXPECT_EQ(graph_.OperationByName("import_1/x/y").input(0).name(), "import_1/c:0");
  EXPECT_EQ(graph_.OperationByName("import_1/x/y").attr("_class"),
            AttrValue(std::vector<std::string>{"loc:@import_1/c", "other"}));
  GraphScope scope(graph_);
  NameScope outer("outer", graph_);
  Import(text, {.prefix = "p"});
  EXPECT_TRUE(graph_.FindOperation("outer/p/c"));
  Import(ConstText("again"), {.prefix = "outer/p/"});  // a slash at the end: taken as it is
  EXPECT_TRUE(graph_.FindOperation("outer/p/again"));
}

TEST_F(ImportTest, NamesThatAreTakenGetANumber) {
  Import(ConstText("c") + ConstText("s/c"));
  Import(ConstText("c") + ConstText("c_1") + ConstText("s") +
         NodeText("d", "Identity", {"c"}, kT + AttrText("_class", "list { s: 'loc:@c' }")));
  EXPECT_THAT(Names(), ElementsAre("c", "s/c", "c_2", "c_1", "s_1", "d"));
  EXPECT_EQ(graph_.OperationByName("d").input(0).name(), "c_2:0");
  EXPECT_EQ(graph_.OperationByName("d").attr("_class"),
            AttrValue(std::vector<std::string>{"loc:@c_2"}));
  // Names of imported nodes are in use for what is built afterwards.
  EXPECT_EQ(graph_.UniqueName("d", false), "d_1");
}

TEST_F(ImportTest, InputMapReplacesInputs) {
  const ImportResult base = Import(ConstText("real") + ConstText("gate"),
                                   {.prefix = "", .return_elements = {"real:0", "gate"}});
  const Tensor real = base.tensors.at(0);
  const Operation gate = base.operations.at(1);
  EXPECT_FALSE(base.tensors.at(1).valid());
  const std::string text = ConstText("c") + NodeText("y", "Add", {"c", "absent:1", "^g1", "^g2"}) +
                           NodeText("g1", "NoOp", {}, "") + NodeText("g2", "NoOp", {}, "");
  const ImportResult result = Import(text, {.prefix = "p",
                                            .input_map = {{"c:0", real},
                                                          {"absent:1", real},
                                                          {"^g1", gate.output(0)},
                                                          {"^g2", gate.output(0)}},
                                            .return_elements = {"y:0", "c:0", "c"}});
  const Operation y = result.operations.at(0);
  EXPECT_EQ(y.name(), "p/y");
  EXPECT_EQ(y.input(0), real);
  EXPECT_EQ(y.input(1), real);
  ASSERT_EQ(y.control_inputs().size(), 1u);
  EXPECT_EQ(y.control_inputs()[0], gate);
  EXPECT_EQ(result.tensors.at(1), real) << "a mapped tensor returns what it is mapped to";
  EXPECT_EQ(result.operations.at(2).name(), "p/c");
}

TEST_F(ImportTest, InputMapMustBeUsed) {
  const Tensor t = Import(ConstText("t"), {.prefix = "", .return_elements = {"t:0"}}).tensors[0];
  EXPECT_THAT(ImportError(ConstText("c"), Code::kInvalidArgument,
                          {.prefix = "p", .input_map = {{"nowhere:0", t}}}),
              HasSubstr("[nowhere]"));
  EXPECT_THAT(ImportError(ConstText("c"), Code::kInvalidArgument,
                          {.prefix = "p", .input_map = {{"c:5", t}}}),
              HasSubstr("[c:5]"));
  EXPECT_THAT(ImportError(ConstText("c"), Code::kInvalidArgument,
                          {.prefix = "p", .input_map = {{"c", Tensor()}}}),
              HasSubstr("'c' is empty"));
  // A tensor that is there but that nothing reads is fine.
  Import(ConstText("c"), {.prefix = "p", .input_map = {{"c:0", t}}});
}

TEST_F(ImportTest, ControlDependenciesOfNodesWithoutInputs) {
  const Operation gate =
      Import(ConstText("gate"), {.prefix = "", .return_elements = {"gate"}}).operations[0];
  Import(ConstText("c") + NodeText("y", "Identity", {"c"}),
         {.prefix = "p", .control_dependencies = {gate}});
  EXPECT_THAT(graph_.OperationByName("p/c").control_inputs(), ElementsAre(gate));
  EXPECT_TRUE(graph_.OperationByName("p/y").control_inputs().empty());
}

TEST_F(ImportTest, ReturnElementsMustExist) {
  EXPECT_THAT(ImportError(ConstText("c"), Code::kInvalidArgument,
                          {.prefix = "", .return_elements = {"nobody:0"}}),
              HasSubstr("'nobody:0' not found"));
  EXPECT_THAT(ImportError(ConstText("c"), Code::kInvalidArgument,
                          {.prefix = "", .return_elements = {"c:1"}}),
              HasSubstr("Invalid return output 1"));
}

std::string LoopText() {
  return NodeText("merge", "Merge", {"enter", "next"}, kT + AttrText("N", "i: 2")) +
         ConstText("c") + NodeText("enter", "Enter", {"c"}) +
         NodeText("body", "Identity", {"merge"}) + NodeText("next", "NextIteration", {"body"});
}

TEST_F(ImportTest, LoopsCloseThroughNextIteration) {
  Import(LoopText());
  const Operation merge = graph_.OperationByName("merge");
  EXPECT_EQ(merge.input(0).name(), "enter:0");
  EXPECT_EQ(merge.input(1).name(), "next:0");
  EXPECT_THAT(graph_.TensorByName("next:0").consumers(), ElementsAre(merge));
  EXPECT_THAT(Names(), ElementsAre("c", "enter", "merge", "body", "next"));
}

TEST_F(ImportTest, ABackEdgeIsCheckedToo) {
  const std::string text =
      ConstText("c") + NodeText("enter", "Enter", {"c"}) +
      NodeText("merge", "Merge", {"enter", "next:3"}, kT + AttrText("N", "i: 2")) +
      NodeText("next", "NextIteration", {"merge"});
  EXPECT_THAT(ImportError(text), HasSubstr("invalid output 3 of source node next"));
  const std::string types =
      ConstText("c") + NodeText("enter", "Enter", {"c"}) +
      NodeText("merge", "Merge", {"enter", "next"}, kT + AttrText("N", "i: 2")) +
      NodeText("next", "NextIteration", {"merge:1"}, AttrText("T", "type: DT_INT32"));
  EXPECT_THAT(ImportError(types),
              HasSubstr("was passed int32 from next:0 incompatible with expected float"));
}

TEST_F(ImportTest, OtherCyclesAreErrors) {
  EXPECT_THAT(ImportError(NodeText("a", "Identity", {"a"})), HasSubstr("1 nodes in a cycle: 'a'"));
  EXPECT_THAT(
      ImportError(ConstText("c") + NodeText("m", "Merge", {"m", "c"}, kT + AttrText("N", "i: 2"))),
      HasSubstr("in a cycle"));
  EXPECT_THAT(ImportError(NodeText("a", "NoOp", {"^b"}, "") + NodeText("b", "NoOp", {"^a"}, "")),
              HasSubstr("2 nodes in a cycle: 'a', 'b'"));
}

TEST_F(ImportTest, DeepChainsNeedNoStack) {
  std::string text = ConstText("n0");
  for (int i = 1; i < 20000; ++i)
    text += NodeText(StrCat("n", i), "Identity", {StrCat("n", i - 1)});
  Import(text);
  EXPECT_EQ(graph_.TensorByName("n19999:0").shape(), PartialShape({2}));
}

TEST_F(ImportTest, NodesAreChecked) {
  EXPECT_THAT(ImportError(NodeText("y", "NoSuchOp", {}), Code::kNotFound),
              HasSubstr("Op type not registered 'NoSuchOp' (node 'y')"));
  EXPECT_EQ(last_op_name_, "y");
  EXPECT_THAT(ImportError(NodeText("y", "", {})),
              HasSubstr("Node 'y' does not specify an operation"));
  EXPECT_THAT(ImportError(ConstText("a b")),
              HasSubstr("Node 'a b': Node name contains invalid characters"));
  EXPECT_THAT(ImportError(ConstText("")), HasSubstr("invalid characters"));
  EXPECT_THAT(ImportError(ConstText("_a")), HasSubstr("invalid characters"));
  EXPECT_THAT(ImportError(ConstText("twin") + ConstText("twin")),
              HasSubstr("Node 'twin' is not unique"));
  EXPECT_THAT(ImportError(NodeText("y", "Identity", {"ghost"})),
              HasSubstr("Node 'y': Unknown input node 'ghost'"));
  EXPECT_THAT(ImportError(NodeText("y", "NoOp", {"^ghost"}, "")),
              HasSubstr("Unknown input node '^ghost'"));
  EXPECT_THAT(ImportError(ConstText("c") + NodeText("y", "Identity", {"^c", "c"})),
              HasSubstr("Node 'y': Control dependencies must come after regular dependencies"));
  EXPECT_THAT(
      ImportError(ConstText("c") + NodeText("y", "Identity", {"c:7"})),
      HasSubstr("Node 'y': Connecting to invalid output 7 of source node c which has 1 outputs."));
  EXPECT_THAT(ImportError(ConstText("c") + NodeText("y", "Identity", {"c:99999999999999999999"})),
              HasSubstr("Connecting to invalid output"));
  EXPECT_THAT(ImportError(ConstText("c") + NodeText("y", "Identity", {"c:x"})),
              HasSubstr("Unknown input node 'c:x'"));
}

TEST_F(ImportTest, AttributesAreChecked) {
  const std::string c = ConstText("c");
  EXPECT_THAT(ImportError(c + NodeText("y", "Identity", {"c"}, "")),
              HasSubstr("missing attr 'T' from Op<name=Identity>; NodeDef: {{node y}}"));
  EXPECT_THAT(ImportError(c + NodeText("y", "Identity", {"c"}, AttrText("T", "i: 1"))),
              HasSubstr("'T'"));
  EXPECT_THAT(ImportError(c + NodeText("y", "Scale", {"c"}, kT + AttrText("mode", "s: 'C'"))),
              HasSubstr("attr 'mode' of \"C\""));
  EXPECT_THAT(ImportError(c + NodeText("y", "Sum", {"c"}, kT + AttrText("N", "i: -1"))),
              HasSubstr("N"));
  EXPECT_THAT(ImportError(c + NodeText("y", "Sum", {"c"}, kT + AttrText("N", "i: 2147483647"))),
              HasSubstr("1 inputs"));
  EXPECT_THAT(
      ImportError(c + NodeText("y", "Split", {"c"}, kT + AttrText("num", "i: 1099511627776"))),
      HasSubstr("num"));
  EXPECT_THAT(ImportError(c + NodeText("y", "Add", {"c"})), HasSubstr("1 inputs"));
  EXPECT_THAT(
      ImportError(c + NodeText("y", "Identity", {"c"}, AttrText("T", "type: DT_INT32"))),
      HasSubstr("Input 0 of node y was passed float from c:0 incompatible with expected int32."));
  EXPECT_THAT(ImportError(c + NodeText("y", "Assign", {"c", "c"})),
              HasSubstr("incompatible with expected float_ref"));
  EXPECT_THAT(
      ImportError(
          "node { name: 'c' op: 'Const' attr { key: 'dtype' value { type: DT_FLOAT } } attr { key: "
          "'value' value { tensor { "
          "dtype: DT_FLOAT tensor_shape { dim { size: 5 } } tensor_content: 'abcd' } } } }"),
      HasSubstr("Node 'c' (op type Const): attr 'value': Cannot parse tensor"));
}

TEST_F(ImportTest, FillsOfManyConstantsHaveOneLimit) {
  std::string text;
  for (int i = 0; i < 3; ++i) {
    text += StrCat("node { name: 'c", i,
                   "' op: 'Const' attr { key: 'dtype' value { type: DT_FLOAT } } attr { key: "
                   "'value' value { tensor { dtype: DT_FLOAT "
                   "tensor_shape { dim { size: 134217728 } } float_val: 1 } } } }");
  }
  EXPECT_THAT(ImportError(text, Code::kResourceExhausted), HasSubstr("refused"));
}

TEST_F(ImportTest, Versions) {
  EXPECT_THAT(ImportError("versions { min_consumer: 999999 }"),
              HasSubstr("min consumer version 999999 above current version 1645"));
  EXPECT_THAT(ImportError("versions { producer: -5 }"), HasSubstr("producer version -5 below"));
  EXPECT_THAT(ImportError("versions { bad_consumers: [7, 1645] }"),
              HasSubstr("disallows consumer version 1645"));
  Import(ConstText("c") + "versions { producer: 21 min_consumer: 3 bad_consumers: [9, 7] }");
  EXPECT_EQ(graph_.versions(), (std::pair<int, int>{21, 3}));
  EXPECT_EQ(graph_.AsGraphDef().proto().versions().ShortDebugString(),
            "producer: 21 min_consumer: 3 bad_consumers: 7 bad_consumers: 9");
  Import(ConstText("d") + "versions { producer: 1645 }");
  EXPECT_EQ(graph_.versions(), (std::pair<int, int>{21, 3}));
}

TEST_F(ImportTest, DeprecatedOps) {
  EXPECT_THAT(
      ImportError(NodeText("y", "Old", {}, "") + "versions { producer: 10 }", Code::kUnimplemented),
      HasSubstr("Op Old is not available in GraphDef version 10. Use New"));
  Import(NodeText("y", "Old", {}, "") + "versions { producer: 9 }");
}

TEST_F(ImportTest, Colocation) {
  const std::string text = ConstText("c", AttrText("_class", "list { s: 'loc:@nobody' }"));
  EXPECT_THAT(ImportError(text),
              HasSubstr("Node 'c' expects to be colocated with unknown node 'nobody'"));
  Import(text, {.prefix = "", .validate_colocation = false});
}

TEST_F(ImportTest, DeviceScopesCompleteDevices) {
  GraphScope scope(graph_);
  DeviceScope device("/job:worker", graph_);
  Import(ConstText("a", "device: '/device:CPU:1'") + ConstText("b"));
  EXPECT_EQ(graph_.OperationByName("a").device(), "/job:worker/device:CPU:1");
  EXPECT_EQ(graph_.OperationByName("b").device(), "/job:worker");
}

TEST_F(ImportTest, OutputShapesRefineTheInferredOnes) {
  const auto placeholder = [](const std::string& shapes) {
    return "node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } attr "
           "{ key: 'shape' value { shape { dim { size: -1 } dim "
           "{ size: 3 } } } }" +
           AttrText("_output_shapes", "list { " + shapes + " }") + " }";
  };
  EXPECT_THAT(ImportError(placeholder("shape { dim { size: 2 } }")),
              HasSubstr("inconsistent with the GraphDef for output #0"));
  EXPECT_THAT(ImportError(placeholder("shape { unknown_rank: true } shape { unknown_rank: true }")),
              HasSubstr("has 1 outputs but"));
  Import(placeholder("shape { dim { size: 2 } dim { size: -1 } }"));
  EXPECT_EQ(graph_.TensorByName("x:0").shape(), PartialShape({2, 3}));
  EXPECT_FALSE(graph_.OperationByName("x").has_attr("_output_shapes"));
}

TEST_F(ImportTest, FunctionLibraries) {
  const auto library = [](const std::string& op) {
    return "library { function { signature { name: 'f' input_arg { name: 'x' type: DT_FLOAT } "
           "output_arg { name: 'y' type: DT_FLOAT } } node_def { name: 'n' "
           "op: '" +
           op +
           "' input: 'x' } ret { key: 'y' value: 'n:y:0' } } gradient { function_name: 'f' "
           "gradient_func: 'g' } }";
  };
  Import(library("Identity"));
  Import(library("Identity"));  // the same again is fine
  EXPECT_EQ(graph_.AsGraphDef().proto().library().function_size(), 1);
  EXPECT_THAT(ImportError(library("Scale")),
              HasSubstr("Cannot add function 'f' because a different function"));
  EXPECT_THAT(ImportError("library { function { signature { name: 'Add' } } }"),
              HasSubstr("Cannot add function 'Add' because an op with the same name"));
  EXPECT_THAT(ImportError("library { gradient { function_name: 'f' gradient_func: 'h' } }"),
              HasSubstr("already has gradient function 'g'"));
  // A library goes with the rest if the import fails.
  EXPECT_THAT(
      ImportError("library { function { signature { name: 'h' } } } " + NodeText("y", "Nope", {}),
                  Code::kNotFound),
      HasSubstr("Nope"));
}

TEST_F(ImportTest, FinalizedGraphsStayAsTheyAre) {
  graph_.Finalize();
  EXPECT_THAT(ImportError(ConstText("c"), Code::kFailedPrecondition), HasSubstr("finalized"));
}

TEST_F(ImportTest, AFailureInTheMiddleLeavesNoTrace) {
  Import(ConstText("a"));
  const Operation a = graph_.OperationByName("a");
  EXPECT_THAT(
      ImportError(ConstText("b") + NodeText("c", "Add", {"b", "m"}) + NodeText("z", "Nope", {"c"}),
                  Code::kNotFound, {.prefix = "p", .input_map = {{"m", a.output(0)}}}),
      HasSubstr("Nope"));
  EXPECT_TRUE(a.output(0).consumers().empty());
  EXPECT_EQ(graph_.UniqueName("p", false), "p");
  Import(ConstText("b"), {.prefix = "p"});
  EXPECT_TRUE(graph_.FindOperation("p/b"));
}

}  // namespace
}  // namespace weft
