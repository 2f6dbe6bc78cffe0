// SPDX-License-Identifier: Apache-2.0
// startup_mlp, mlp_infer_b1: a process from its creation to the first answer, and an answer of a
// frozen 784-500-10 network. graph_import_resnet50(_frozen): a serialised graph in memory becomes a
// graph.
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "bench/weft_bench/data.h"
#include "bench/weft_bench/measure.h"
#include "weft/graph/graph_def.h"
#include "weft/graph/import_serialized.h"
#include "weft/graph/op_builder.h"
#include "weft/serving/predictor.h"

extern char** environ;

namespace weft::bench {
namespace {

namespace fs = std::filesystem;

Tensor NewNode(const char* type, const std::vector<Input>& inputs, const NameOptions& name = {}) {
  OpBuilder builder(type, name);
  for (const Input& in : inputs) builder.In(in);
  return builder.Output();
}

// A folder with the frozen network, gone at the end.
class MlpFile {
 public:
  MlpFile() : folder_(fs::temp_directory_path() / ("weft_bench_" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
    Graph graph;
    GraphScope scope(graph);
    const Tensor x = OpBuilder("Placeholder", "x")
                         .Attr("dtype", kFloat32)
                         .Attr("shape", PartialShape({-1, 784}))
                         .Output();
    const Tensor hidden =
        NewNode("Relu", {NewNode("AddV2", {NewNode("MatMul", {x, Glorot(2000, {784, 500})}),
                                           Array::Zeros(kFloat32, {500})})});
    const Tensor logits = NewNode("AddV2", {NewNode("MatMul", {hidden, Glorot(2002, {500, 10})}),
                                            Array::Zeros(kFloat32, {10})});
    NewNode("Identity", {logits}, "y");
    graph.AsGraphDef().WriteFile(path());
  }
  ~MlpFile() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  std::string path() const { return (folder_ / "mlp.pb").string(); }

 private:
  fs::path folder_;
};

// The program beside this one.
std::string Sibling(const char* name) {
  std::error_code error;
  return (fs::read_symlink("/proc/self/exe", error).parent_path() / name).string();
}

double EpochSeconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

struct Start {
  double seconds = 0, peak_rss_mb = 0;
};

// Runs the program that prints the time of its first answer.
Start StartOnce(std::string program, std::string model) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("no pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  std::array<char*, 3> arguments = {program.data(), model.data(), nullptr};
  pid_t child = 0;
  const double begin = EpochSeconds();
  const int error =
      posix_spawn(&child, program.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::string text;
  char buffer[256];
  for (ssize_t n; error == 0 && (n = read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(n));
  close(ends[0]);
  int status = 0;
  rusage usage{};
  if (error != 0 || wait4(child, &status, 0, &usage) != child || status != 0 || text.empty())
    throw std::runtime_error(program + " failed");
  return {std::strtod(text.c_str(), nullptr) - begin, static_cast<double>(usage.ru_maxrss) / 1024};
}

// ---- ResNet-50 ----------------------------------------------------------------------------------

// The network of nets/resnet50.json. Its weights are constants, or placeholders.
class ResNet50 {
 public:
  explicit ResNet50(bool frozen) : frozen_(frozen) {
    Tensor x = OpBuilder("Placeholder", "x")
                   .Attr("dtype", kFloat32)
                   .Attr("shape", PartialShape({1, 224, 224, 3}))
                   .Output();
    x = Relu(Conv(x, 3, 64, 7, 2));
    x = OpBuilder("MaxPool", NameOptions())
            .In(x)
            .Attr("ksize", std::vector<int64_t>{1, 3, 3, 1})
            .Attr("strides", std::vector<int64_t>{1, 2, 2, 1})
            .Attr("padding", "SAME")
            .Output();
    int64_t channels = 64;
    const int blocks[] = {3, 4, 6, 3};
    for (int stage = 0; stage < 4; ++stage) {
      for (int b = 0; b < blocks[stage]; ++b) {
        const int64_t stride = b == 0 && stage > 0 ? 2 : 1, width = int64_t{64} << stage;
        x = Block(x, channels, width, stride);
        channels = 4 * width;
      }
    }
    x = NewNode("Mean", {x, Input({1, 2})});
    x = NewNode("BiasAdd", {NewNode("MatMul", {x, Weight({2048, 1000})}), Weight({1000})});
    NewNode("Identity", {x}, "y");
  }

 private:
  Tensor Weight(const Shape& shape) {
    if (!frozen_) {
      return OpBuilder("Placeholder", NameOptions())
          .Attr("dtype", kFloat32)
          .Attr("shape", PartialShape(shape))
          .Output();
    }
    return AsTensor(Uniform(50000 + weights_++, shape, -0.1f, 0.1f));
  }
  Tensor Relu(const Tensor& x) { return NewNode("Relu", {x}); }
  // A convolution and its batch normalisation.
  Tensor Conv(const Tensor& x, int64_t in, int64_t out, int64_t size, int64_t stride) {
    const Tensor y = OpBuilder("Conv2D", NameOptions())
                         .In(x)
                         .In(Weight({size, size, in, out}))
                         .Attr("strides", std::vector<int64_t>{1, stride, stride, 1})
                         .Attr("padding", "SAME")
                         .Output();
    return OpBuilder("FusedBatchNormV3", NameOptions())
        .In(y)
        .In(Weight({out}))
        .In(Weight({out}))
        .In(Weight({out}))
        .In(Weight({out}))
        .Attr("is_training", false)
        .Outputs()[0];
  }
  Tensor Block(const Tensor& x, int64_t in, int64_t width, int64_t stride) {
    Tensor y = Relu(Conv(x, in, width, 1, 1));
    y = Relu(Conv(y, width, width, 3, stride));
    y = Conv(y, width, 4 * width, 1, 1);
    const Tensor shortcut = in == 4 * width && stride == 1 ? x : Conv(x, in, 4 * width, 1, stride);
    return Relu(NewNode("AddV2", {y, shortcut}));
  }
  const bool frozen_;
  uint64_t weights_ = 0;
};

void MeasureImport(const std::string& workload, bool frozen) {
  std::string bytes;
  double nodes = 0;
  {
    Graph graph;
    GraphScope scope(graph);
    ResNet50 net(frozen);
    const GraphDef def = graph.AsGraphDef();
    nodes = def.num_nodes();
    bytes = def.Serialize();
  }
  const auto import = [&bytes] {
    const Graph graph;
    ImportSerializedGraph(bytes, {.prefix = ""}, graph);
  };
  Result r{workload, "time", "ms", false, {}, {nodes, static_cast<double>(bytes.size())}};
  for (const double s : Measure(import)) r.reps.push_back(s * 1e3);
  Emit(r);
}

}  // namespace

void RunStartup() {
  const MlpFile file;
  Result time{"startup_mlp", "time", "ms", false, {}, {}},
      rss{"startup_mlp", "peak_rss", "MB", false, {}, {}};
  // The first one brings libraries into the page cache.
  for (int i = 0; i <= 4 * settings().reps; ++i) {
    const Start start = StartOnce(Sibling("weft_startup"), file.path());
    if (i == 0) continue;
    time.reps.push_back(start.seconds * 1e3);
    rss.reps.push_back(start.peak_rss_mb);
  }
  Emit(time);
  Emit(rss);
}

void RunMlpInfer() {
  const MlpFile file;
  serving::PredictorOptions options;
  options.config.intra_op_parallelism_threads = settings().threads;
  const auto model = serving::Predictor::Load(file.path(), options);
  Array x(kFloat32, {1, 784});
  for (int i = 0; i < 784; ++i) x.mutable_data<float>()[i] = static_cast<float>(i % 255) / 255.0f;
  EmitTime("mlp_infer_b1", "time", "us", Measure([&] { model.Run({x}); }), 1e6);
}

void RunGraphImport() {
  MeasureImport("graph_import_resnet50", false);
  MeasureImport("graph_import_resnet50_frozen", true);
}

}  // namespace weft::bench
