// SPDX-License-Identifier: Apache-2.0
// Inference of the networks that shared/bench/nets describes, one layer a line, with constant
// weights.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/weft_bench/data.h"
#include "bench/weft_bench/measure.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/activation.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/convolution.h"
#include "weft/ops/math_binary.h"
#include "weft/ops/matmul.h"
#include "weft/ops/reduction.h"
#include "weft/runtime/session.h"

namespace weft::bench {
namespace {

// "key": value in a line of JSON; values here are numbers, strings without escapes, and lists of
// numbers.
std::string Text(const std::string& line, const std::string& key) {
  const std::string mark = "\"" + key + "\": ";
  const size_t at = line.find(mark);
  if (at == std::string::npos) return "";
  const size_t from = at + mark.size();
  if (line[from] == '"') return line.substr(from + 1, line.find('"', from + 1) - from - 1);
  if (line[from] == '[') return line.substr(from + 1, line.find(']', from) - from - 1);
  return line.substr(from, line.find_first_of(",}", from) - from);
}
int64_t Number(const std::string& line, const std::string& key) {
  const std::string text = Text(line, key);
  return text.empty() ? 0 : std::stoll(text);
}
std::vector<int64_t> Numbers(const std::string& line, const std::string& key) {
  std::vector<int64_t> list;
  std::string text = Text(line, key);
  for (size_t at = 0; at < text.size();) {
    size_t used = 0;
    list.push_back(std::stoll(text.substr(at), &used));
    at += used;
    while (at < text.size() && (text[at] == ',' || text[at] == ' ')) ++at;
  }
  return list;
}

class Net {
 public:
  explicit Net(const std::string& file) {
    std::ifstream in(file);
    if (!in) throw std::runtime_error("can't read " + file);
    for (std::string line; std::getline(in, line);) {
      if (line.find("\"id\":") != std::string::npos)
        layers_.push_back(line);
      else if (line.find("\"seed\"") != std::string::npos)
        seed_ = static_cast<uint64_t>(Number(line, "seed")), output_ = Number(line, "output");
    }
  }

  int64_t size() const { return Numbers(layers_[0], "out_shape")[0]; }
  uint64_t seed() const { return seed_; }

  Tensor Build(const Tensor& x) {
    values_[0] = x;
    for (size_t i = 1; i < layers_.size(); ++i)
      values_[Number(layers_[i], "id")] = Layer(layers_[i]);
    return values_.at(output_);
  }

 private:
  Array Weights(const std::string& l, const Shape& shape, double fan_in, double fan_out) const {
    const float a = static_cast<float>(std::sqrt(6 / (fan_in + fan_out)));
    return Uniform(seed_ + static_cast<uint64_t>(Number(l, "param")), shape, -a, a);
  }

  Tensor Layer(const std::string& l) {
    std::vector<Tensor> in;
    for (int64_t id : Numbers(l, "inputs")) in.push_back(values_.at(id));
    const std::string op = Text(l, "op"), padding = Text(l, "pad");
    const int64_t kh = Number(l, "kh"), kw = Number(l, "kw"), stride = Number(l, "stride");
    const double taps = static_cast<double>(kh * kw);
    if (op == "conv") {
      const int64_t from = Number(l, "cin"), to = Number(l, "cout");
      return nn::Conv2D(in[0],
                        Weights(l, {kh, kw, from, to}, taps * static_cast<double>(from),
                                taps * static_cast<double>(to)),
                        {stride}, padding);
    }
    if (op == "dwconv") {
      const int64_t c = Number(l, "c") ? Number(l, "c") : Number(l, "cin");
      return nn::DepthwiseConv2D(in[0], Weights(l, {kh, kw, c, 1}, taps, taps), {stride}, padding);
    }
    if (op == "bn") return BatchNorm(in[0], l);
    if (op == "relu") return nn::Relu(in[0]);
    if (op == "relu6") return nn::Relu6(in[0]);
    if (op == "add") return Add(in[0], in[1]);
    if (op == "concat") return Concat({in.begin(), in.end()}, 3);
    if (op == "maxpool") return nn::MaxPool(in[0], {Number(l, "k")}, {stride}, padding);
    if (op == "avgpool") return nn::AvgPool(in[0], {Number(l, "k")}, {stride}, padding);
    if (op == "gap") return ReduceMean(in[0], {.axis = {1, 2}});
    if (op == "fc") {
      const int64_t from = Number(l, "cin"), to = Number(l, "cout");
      return Add(
          MatMul(in[0], Weights(l, {from, to}, static_cast<double>(from), static_cast<double>(to))),
          Array::Zeros(kFloat32, {to}));
    }
    throw std::runtime_error("unknown layer: " + l);
  }

  Tensor BatchNorm(const Tensor& x, const std::string& l) const {
    const int64_t c = Number(l, "c");
    const Array zeros = Array::Zeros(kFloat32, {c});
    Array ones(kFloat32, Shape({c}));
    std::fill_n(ones.mutable_data<float>(), c, 1.f);
    return nn::FusedBatchNorm(x, ones, zeros,
                              {.mean = zeros,
                               .variance = ones,
                               .epsilon = std::stof(Text(l, "eps")),
                               .is_training = false})
        .y;
  }

  std::vector<std::string> layers_;
  uint64_t seed_ = 0;
  int64_t output_ = 0;
  std::map<int64_t, Tensor> values_;
};

void RunNet(const std::string& name, const std::string& workload, int64_t batch) {
  Net net(settings().nets_dir + "/" + name + ".json");
  Graph graph;
  GraphScope scope(graph);
  const Shape shape({batch, net.size(), net.size(), 3});
  const Tensor x = Placeholder(kFloat32, PartialShape(shape));
  const Tensor logits = net.Build(x);
  ConfigProto config;
  config.intra_op_parallelism_threads = settings().threads;
  Session session(graph, config);
  const Array image = Uniform(net.seed() + 1000, shape, -1, 1);
  const Callable infer = session.MakeCallable({logits}, {x}, {});
  const Array out = infer({image})[0];
  const int64_t classes = out.num_elements() / batch;
  double mean = 0;
  for (int64_t i = 0; i < classes; ++i) mean += std::abs(out.data<float>()[i]);
  const std::vector<double> check = {out.data<float>()[0], mean / static_cast<double>(classes)};
  const auto run = [&] { infer({image}); };
  if (batch > 1) {
    EmitRate(workload, "images/s", Measure(run, std::max(1.0, settings().min_time)),
             static_cast<double>(batch), check);
    return;
  }
  const std::vector<double> latencies = Latencies(run);
  const auto at = [&](double part) {
    return latencies[static_cast<size_t>(part * static_cast<double>(latencies.size() - 1))] * 1e3;
  };
  Emit({workload, "latency_p50", "ms", false, {at(0.5)}, check});
  Emit({workload, "latency_p99", "ms", false, {at(0.99)}, check});
}

}  // namespace

void RunResnet50InferB1() { RunNet("resnet50", "resnet50_infer_b1", 1); }
void RunResnet50InferB16() { RunNet("resnet50", "resnet50_infer_b16", 16); }
void RunInceptionV3InferB1() { RunNet("inception_v3", "inception_v3_infer_b1", 1); }
void RunMobilenetV1InferB1() { RunNet("mobilenet_v1", "mobilenet_v1_infer_b1", 1); }

}  // namespace weft::bench
