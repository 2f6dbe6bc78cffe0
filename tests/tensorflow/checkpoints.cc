// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "src/core/strings.h"
#include "tests/tensorflow/expected.h"
#include "weft/framework/checkpoint.h"
#include "weft/framework/meta_graph.h"
#include "weft/framework/partitioned_variable.h"
#include "weft/weft.h"

namespace weft::for_tensorflow {
namespace {

namespace fs = std::filesystem;

constexpr DataType kPlain[] = {kFloat16, kBfloat16, kFloat32, kFloat64,   kInt8,
                               kInt16,   kInt32,    kInt64,   kUint8,     kUint16,
                               kUint32,  kUint64,   kBool,    kComplex64, kComplex128,
                               kQint8,   kQuint8,   kQint16,  kQuint16,   kQint32};

// Different bytes everywhere; of floats, small finite numbers.
Array Pattern(DataType dtype, const Shape& shape) {
  Array a = Array::Zeros(dtype, shape);
  const bool floats = IsFloating(dtype) || IsComplex(dtype);
  auto* bytes = static_cast<unsigned char*>(a.raw_data());
  for (size_t i = 0; i < a.num_bytes(); ++i) {
    bytes[i] = static_cast<unsigned char>(dtype == kBool ? i % 2 : 37 * i + 11);
    if (floats && i % 2 == 1) bytes[i] = static_cast<unsigned char>(0x38 + i % 7);
  }
  return a;
}

// Every dtype as a matrix, a scalar and an empty tensor, without any graph.
void WriteAllDtypes(const fs::path& folder) {
  Expected expected{.rtol = 0, .atol = 0};
  const auto add = [&](const std::string& name, const Array& value) {
    expected.expected.emplace_back(name, value);
  };
  for (const DataType dtype : kPlain) {
    const std::string name = DTypeName(dtype);
    add(name + "/matrix", Pattern(dtype, Shape({3, 5})));
    add(name + "/scalar", Pattern(dtype, Shape({})));
    add(name + "/empty", Array::Zeros(dtype, Shape({2, 0, 3})));
  }
  constexpr float kInf = std::numeric_limits<float>::infinity();
  add("special", Array({0.f, -0.f, kInf, -kInf, std::nanf(""), 1e-45f, 3.4028235e38f}));
  add("rank5", Pattern(kInt32, Shape({2, 1, 3, 1, 2})));
  add("large", Pattern(kFloat32, Shape({512, 600})));
  add("string/matrix", Array({{std::string("a"), std::string()},
                              {std::string("\0\xff", 2), std::string("\xe6\xb1\x89")}}));
  add("string/scalar", Array(std::string(70000, 'x')));
  add("string/empty", Array(kString, Shape({0})));
  for (int i = 0; i < 300; ++i) add(StrCat("layer", i, "/weights/Adam_1"), Array(i));
  train::CheckpointWriter writer((folder / "model.ckpt").string());
  for (const auto& [name, value] : expected.expected) writer.Write(name, value);
  writer.Finish();
  WriteExpected(folder, "checkpoint", "model.ckpt", expected);
}

Array RowsOf(const Array& a, int64_t begin, int64_t count) {
  const int64_t width = a.shape().dim(1);
  const float* first = a.data<float>() + begin * width;
  return Array::FromVector(std::vector<float>(first, first + count * width), Shape({count, width}));
}

// Partitioned variables: TensorFlow reads them whole, in the parts they are stored in, and in
// others.
void WritePartitioned(const fs::path& folder, bool use_resource) {
  const Graph graph;
  const GraphScope scope(graph);
  GetVariable("table", {5, 4},
              {.initializer = RandomUniformInitializer(0, 1, {.seed = 1}),
               .use_resource = use_resource,
               .partitioner = FixedSizePartitioner(3)});
  GetVariable("wide", {3, 6},
              {.initializer = RandomUniformInitializer(0, 1, {.seed = 2}),
               .use_resource = use_resource,
               .partitioner = FixedSizePartitioner(2, /*axis=*/1)});
  Session session;
  session.Run(GlobalVariablesInitializer());
  const std::string prefix = train::Saver().Save(session, (folder / "model.ckpt").string());
  const train::CheckpointReader reader(prefix);
  const Array table = reader.GetTensor("table"), wide = reader.GetTensor("wide");
  Expected expected{.rtol = 0, .atol = 0};
  expected.expected = {{"table", table}, {"wide", wide}};
  expected.slices = {{"table|5 4 0,2:-", RowsOf(table, 0, 2)},  // as it is stored
                     {"table|5 4 0,3:-", RowsOf(table, 0, 3)},
                     {"table|5 4 3,2:-", RowsOf(table, 3, 2)},
                     {"wide|3 6 1,2:-", RowsOf(wide, 1, 2)}};
  WriteExpected(folder, "checkpoint", "model.ckpt", expected);
}

// Parts that a program writes itself.
void WriteSlices(const fs::path& folder) {
  const Array whole = Pattern(kFloat32, Shape({6, 2}));
  train::CheckpointWriter writer((folder / "parts").string());
  writer.WriteSlice("w", whole.shape(), "0,4:-", RowsOf(whole, 0, 4));
  writer.WriteSlice("w", whole.shape(), "4,2:-", RowsOf(whole, 4, 2));
  writer.Write("b", Array({1, 2, 3}));
  writer.Finish();
  WriteExpected(folder, "checkpoint", "parts",
                {.expected = {{"w", whole}, {"b", Array({1, 2, 3})}},
                 .slices = {{"w|6 2 3,2:-", RowsOf(whole, 3, 2)}},
                 .rtol = 0,
                 .atol = 0});
}

std::vector<Array> ValuesOf(Session& session, const std::vector<Variable>& variables) {
  std::vector<Array> values;
  for (const Variable& v : variables) values.push_back(session.Run(v));
  return values;
}

// Variables on several devices, a file for each; restored through the meta graph.
void WriteSharded(const fs::path& folder) {
  const Graph graph;
  const GraphScope scope(graph);
  for (int i = 0; i < 6; ++i) {
    const DeviceScope device(StrCat("/device:CPU:", i % 3));
    Variable(Pattern(kFloat32, Shape({i + 1, 2})),
             {.name = StrCat("v", i), .use_resource = i % 2 == 1});
  }
  Session session(ConfigProto{.device_count = {{"CPU", 3}}});
  session.Run(GlobalVariablesInitializer());
  train::Saver({.sharded = true}).Save(session, (folder / "model.ckpt").string(), 12);
  const std::vector<Variable> variables = GlobalVariables();
  const std::vector<Array> values = ValuesOf(session, variables);
  Expected expected{.rtol = 0, .atol = 0};
  for (size_t i = 0; i < values.size(); ++i)
    expected.expected.emplace_back(variables[i].op_name(), values[i]);
  WriteExpected(folder, "checkpoint", "model.ckpt-12", expected);
}

void WriteVersionOne(const fs::path& folder) {
  const Graph graph;
  const GraphScope scope(graph);
  Expected expected{.rtol = 0, .atol = 0};
  for (const DataType dtype : {kFloat32, kFloat64, kInt32, kInt64, kUint8, kInt16, kInt8}) {
    const Array value = Pattern(dtype, Shape({2, 3}));
    Variable(value, {.name = "of_" + DTypeName(dtype)});
    expected.expected.emplace_back("of_" + DTypeName(dtype), value);
  }
  Session session;
  session.Run(GlobalVariablesInitializer());
  fs::create_directories(folder);
  train::Saver({.write_version = train::CheckpointVersion::kV1})
      .Save(session, (folder / "model.ckpt").string());
  WriteExpected(folder, "checkpoint", "model.ckpt", expected);
}

// The "checkpoint" file after many saves: the names of those that are kept, relative ones.
void WriteStateFile(const fs::path& folder) {
  const Graph graph;
  const GraphScope scope(graph);
  Variable v(0.f, {.name = "v"});
  const Tensor next = v.AssignAdd(1.f);
  const train::Saver saver({.max_to_keep = 3, .save_relative_paths = true});
  Session session;
  session.Run(GlobalVariablesInitializer());
  for (int step = 1; step <= 5; ++step) {
    session.Run(next);
    saver.Save(session, (folder / "m").string(), step);
  }
  WriteExpected(folder, "state", "m-3 m-4 m-5", {.expected = {{"v", Array(5.f)}}});
}

// A training goes on in TensorFlow: the meta graph, with gradients and the optimizer's slots, and
// the checkpoint after five steps. Expected is what the library has after three more.
void WriteTraining(const fs::path& folder, bool use_resource) {
  const Graph graph;
  const GraphScope scope(graph);
  const Tensor x = Placeholder(kFloat32, {-1, 3}, "x"), y = Placeholder(kFloat32, {-1, 2}, "y");
  const auto make = [&](const char* name, const Shape& shape, int64_t seed) {
    return GetVariable(
        name, shape,
        {.initializer = GlorotUniformInitializer({.seed = seed}), .use_resource = use_resource});
  };
  const Variable w1 = make("w1", {3, 4}, 1), b1 = make("b1", {4}, 2), w2 = make("w2", {4, 2}, 3);
  const Tensor out = MatMul(Tanh(MatMul(x, w1) + b1), w2);
  const Tensor loss = ReduceMean(Square(out - y), {.name = "loss"});
  const Variable step = train::GetOrCreateGlobalStep();
  const Tensor rate = train::ExponentialDecay(0.05f, step, 2, 0.9f);
  const Operation descent = train::AdamOptimizer(rate).Minimize(loss, {.global_step = step});
  // The averages are those of the new weights, in every run.
  weft::train::ExponentialMovingAverage ema(0.9f);
  const Operation train_op = [&] {
    const ControlDependencies after({descent});
    return ema.Apply();
  }();
  Graph::Default().AddToCollection(GraphKeys::kTrainOp, {train_op});
  const Array targets({{1.f, 0.f}, {0.f, 1.f}, {1.f, 1.f}, {-1.f, 2.f}});
  const Feeds feeds = {
      {x, Array({{.1f, .2f, .3f}, {-.5f, .4f, 0.f}, {1.f, -1.f, .5f}, {.7f, .7f, -.2f}})},
      {y, targets}};
  Session session;
  session.Run(GlobalVariablesInitializer());
  for (int i = 0; i < 5; ++i) session.Run(train_op, feeds);
  train::Saver().Save(session, (folder / "model.ckpt").string(), step);
  for (int i = 0; i < 3; ++i) session.Run(train_op, feeds);

  Expected expected{.rtol = 1e-4f};
  for (const Feed& feed : feeds) expected.feeds.emplace_back(feed.tensor.name(), feed.value);
  expected.targets = {train_op.name(), train_op.name(), train_op.name()};
  for (const Variable& v : GlobalVariables())
    expected.expected.emplace_back(v.GraphElement().name(), session.Run(v));
  expected.expected.emplace_back(loss.name(), session.Run(loss, feeds));
  WriteExpected(folder, "training", "model.ckpt-5", expected);
}

}  // namespace

void WriteCheckpoints(const fs::path& root) {
  WriteAllDtypes(root / "all_dtypes");
  WritePartitioned(root / "partitioned", false);
  WritePartitioned(root / "partitioned_resource", true);
  WriteSlices(root / "slices");
  WriteSharded(root / "sharded");
  WriteVersionOne(root / "version_1");
  WriteStateFile(root / "state_file");
  WriteTraining(root / "training", false);
  WriteTraining(root / "training_resource", true);
}

}  // namespace weft::for_tensorflow
