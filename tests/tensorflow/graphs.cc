// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include "tests/tensorflow/expected.h"
#include "weft/framework/graph_util.h"
#include "weft/framework/meta_graph.h"
#include "weft/weft.h"

namespace weft::for_tensorflow {
namespace {

namespace fs = std::filesystem;

// A classifier and its trained weights.
struct Classifier {
  explicit Classifier(bool use_resource) {
    const auto make = [&](const char* name, const Shape& shape, int64_t seed) {
      return GetVariable(name, shape,
                         {.initializer = TruncatedNormalInitializer(0, 0.5, {.seed = seed}),
                          .use_resource = use_resource});
    };
    x = Placeholder(kFloat32, {-1, 6}, "x");
    const NameScope scope("net");
    const Tensor hidden = nn::Relu(MatMul(x, make("w1", {6, 8}, 1)) + make("b1", {8}, 2));
    const Tensor logits = MatMul(hidden, make("w2", {8, 3}, 3));
    probabilities = nn::Softmax(logits, {.name = "probabilities"});
    classes = ArgMax(logits, 1, {.name = "classes"});
  }
  // Rows of different numbers.
  static Array Input() {
    std::vector<float> values;
    for (int i = 0; i < 5 * 6; ++i) values.push_back(static_cast<float>(i * 7 % 11) / 4 - 1);
    return Array::FromVector(values, Shape({5, 6}));
  }
  Tensor x, probabilities, classes;
};

Expected ExpectedOf(Session& session, const Tensor& x, const Array& input,
                    const std::vector<Tensor>& outputs) {
  Expected expected{.feeds = {{x.name(), input}}};
  for (const Tensor& t : outputs)
    expected.expected.emplace_back(t.name(), session.Run(t, {{x, input}}));
  return expected;
}

void WriteFrozen(const fs::path& folder, const std::string& file, bool use_resource) {
  const Graph graph;
  const GraphScope scope(graph);
  const Classifier net(use_resource);
  Session session;
  session.Run(GlobalVariablesInitializer());
  fs::create_directories(folder);
  graph_util::ConvertVariablesToConstants(session, graph.AsGraphDef(),
                                          {net.probabilities.op().name(), net.classes.op().name()},
                                          {.log = false})
      .WriteFile((folder / file).string(), file.ends_with(".pbtxt"));
  WriteExpected(folder, "graph", file,
                ExpectedOf(session, net.x, Classifier::Input(), {net.probabilities, net.classes}));
}

// The graph with its variables and their initializers, which TensorFlow runs first.
void WriteWithInitializers(const fs::path& folder) {
  const Graph graph;
  const GraphScope scope(graph);
  const Classifier net(/*use_resource=*/true);
  const Operation init = GlobalVariablesInitializer();
  Session session;
  session.Run(init);
  fs::create_directories(folder);
  graph.AsGraphDef(/*add_shapes=*/true).WriteFile((folder / "graph.pb").string());
  Expected expected =
      ExpectedOf(session, net.x, Classifier::Input(), {net.probabilities, net.classes});
  expected.targets = {init.name()};
  WriteExpected(folder, "graph", "graph.pb", expected);
}

// Strings, shapes, types and attributes of many kinds in one frozen graph.
void WriteManyOps(const fs::path& folder) {
  const Graph graph;
  const GraphScope scope(graph);
  const Tensor x = Placeholder(kFloat32, {-1, 6}, "x");
  const std::vector<Tensor> outputs = {
      Reshape(Transpose(x), {-1, 2}),
      Concat({x, x * 2.f}, 1),
      ReduceSum(Square(x), {.axis = {0}, .keep_dims = true}),
      Split(x, 3, {.axis = 1})[1],
      StridedSlice(x, {0, 1}, {4, 6}, {.strides = IntList({2, 2})}),
      Cast(x * 10.f, kInt32),
      Where(Greater(x, 0.f), x, -x),
      Gather(x, {3, 0, 3}),
      OneHot({1, 5, 0}, 6),
      Cumsum(x, 1),
      Tile(x, {2, 1}),
      Pad(x, {{1, 0}, {0, 2}}),
      Exp(-Abs(x)) + Log1p(Square(x)) - Sigmoid(x),
      RandomUniform({7}, {.seed = 5}),
      TruncatedNormal({7}, {.seed = 5}),
      MatMul(x, x, {.transpose_b = true}),
  };
  Session session;
  Expected expected = ExpectedOf(session, x, Classifier::Input(), outputs);
  // Random numbers differ from run to run of one session: those of its first run are expected, and
  // all fetches are made in one run.
  Session fresh;
  const std::vector<Fetch> fetches(outputs.begin(), outputs.end());
  const std::vector<Array> values = fresh.Run(fetches, {{x, Classifier::Input()}});
  for (size_t i = 0; i < values.size(); ++i) expected.expected[i].second = values[i];
  fs::create_directories(folder);
  graph.AsGraphDef().WriteFile((folder / "graph.pb").string());
  WriteExpected(folder, "graph", "graph.pb", expected);
}

// A meta graph in all its forms: check.py parses the text and the JSON and compares.
void WriteMetaGraphForms(const fs::path& folder) {
  const Graph graph;
  const GraphScope scope(graph);
  const Classifier net(/*use_resource=*/false);
  Graph::Default().AddToCollection("numbers", {int64_t{1} << 40});
  Graph::Default().AddToCollection("rates", {0.1f});
  Graph::Default().AddToCollection("texts", {std::string("\xff\x00", 2)});
  Session session;
  session.Run(GlobalVariablesInitializer());
  train::Saver().Save(session, (folder / "model.ckpt").string());
  const auto meta = train::MetaGraphDef::FromFile((folder / "model.ckpt.meta").string());
  meta.WriteFile((folder / "model.ckpt.pbtxt").string(), /*as_text=*/true);
  std::ofstream(folder / "model.ckpt.json") << meta.ToJson();
  WriteExpected(folder, "meta_graph", "model.ckpt",
                ExpectedOf(session, net.x, Classifier::Input(), {net.probabilities, net.classes}));
}

}  // namespace

void WriteGraphs(const fs::path& root) {
  WriteFrozen(root / "frozen", "model.pb", false);
  WriteFrozen(root / "frozen_resource", "model.pb", true);
  WriteFrozen(root / "frozen_text", "model.pbtxt", false);
  WriteWithInitializers(root / "initializers");
  WriteManyOps(root / "many_ops");
  WriteMetaGraphForms(root / "meta_graph_forms");
}

}  // namespace weft::for_tensorflow
