// SPDX-License-Identifier: Apache-2.0
#include "bench/weft_bench/net.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <stdexcept>

#include "bench/weft_bench/data.h"
#include "bench/weft_bench/measure.h"
#include "weft/ops/activation.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/convolution.h"
#include "weft/ops/math_binary.h"
#include "weft/ops/matmul.h"
#include "weft/ops/nn.h"
#include "weft/ops/reduction.h"

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

// The parameters of one layer, in the order of their numbers.
struct Parameter {
  Shape shape;
  double fan_in = 0, fan_out = 0;  // 0: filled with `value`
  float value = 0;
};
std::vector<Parameter> ParametersOf(const std::string& l) {
  const std::string op = Text(l, "op");
  const int64_t kh = Number(l, "kh"), kw = Number(l, "kw"), from = Number(l, "cin"),
                to = Number(l, "cout");
  const double taps = static_cast<double>(kh * kw), in = static_cast<double>(from),
               out = static_cast<double>(to);
  if (op == "conv") return {{Shape({kh, kw, from, to}), taps * in, taps * out}};
  if (op == "dwconv") return {{Shape({kh, kw, from, 1}), taps, taps}};
  if (op == "fc") return {{Shape({from, to}), in, out}, {Shape({to})}};
  if (op == "bn") {
    const Shape channels({Number(l, "c")});
    return {{channels, 0, 0, 1.f}, {channels}, {channels}, {channels, 0, 0, 1.f}};
  }
  return {};
}

// Builds the layers one by one.
class Builder {
 public:
  Builder(const std::vector<Input>& parameters, Net::Training* training)
      : parameters_(parameters), training_(training) {}

  Tensor Layer(const std::string& l, const std::vector<Tensor>& in) {
    const std::string op = Text(l, "op"), padding = Text(l, "pad");
    const auto first = static_cast<size_t>(Number(l, "param"));
    const int64_t stride = Number(l, "stride");
    if (op == "conv") return nn::Conv2D(in[0], parameters_[first], {stride}, padding);
    if (op == "dwconv") return nn::DepthwiseConv2D(in[0], parameters_[first], {stride}, padding);
    if (op == "bn") return BatchNorm(in[0], first, std::stof(Text(l, "eps")));
    if (op == "relu") return nn::Relu(in[0]);
    if (op == "relu6") return nn::Relu6(in[0]);
    if (op == "add") return Add(in[0], in[1]);
    if (op == "concat") return Concat({in.begin(), in.end()}, 3);
    if (op == "maxpool") return nn::MaxPool(in[0], {Number(l, "k")}, {stride}, padding);
    if (op == "avgpool") return nn::AvgPool(in[0], {Number(l, "k")}, {stride}, padding);
    if (op == "gap") return ReduceMean(in[0], {.axis = {1, 2}});
    if (op == "fc") return Add(MatMul(in[0], parameters_[first]), parameters_[first + 1]);
    throw std::runtime_error("unknown layer: " + l);
  }

 private:
  Tensor BatchNorm(const Tensor& x, size_t first, float epsilon) {
    const Input &scale = parameters_[first], &offset = parameters_[first + 1];
    if (!training_) {
      return nn::FusedBatchNorm(x, scale, offset,
                                {.mean = parameters_[first + 2],
                                 .variance = parameters_[first + 3],
                                 .epsilon = epsilon,
                                 .is_training = false})
          .y;
    }
    const auto result = nn::FusedBatchNorm(x, scale, offset, {.epsilon = epsilon});
    training_->statistics.emplace_back(first + 2, result.batch_mean);
    training_->statistics.emplace_back(first + 3, result.batch_variance);
    return result.y;
  }

  const std::vector<Input>& parameters_;
  Net::Training* const training_;
};

Tensor BuildLayers(const std::vector<std::string>& layers, int64_t output, const Tensor& x,
                   const std::vector<Input>& parameters, Net::Training* training) {
  Builder builder(parameters, training);
  std::map<int64_t, Tensor> values = {{0, x}};
  for (size_t i = 1; i < layers.size(); ++i) {
    std::vector<Tensor> in;
    for (int64_t id : Numbers(layers[i], "inputs")) in.push_back(values.at(id));
    values[Number(layers[i], "id")] = builder.Layer(layers[i], in);
  }
  return values.at(output);
}

}  // namespace

Net::Net(const std::string& name) {
  const std::string file = settings().nets_dir + "/" + name + ".json";
  std::ifstream in(file);
  if (!in) throw std::runtime_error("can't read " + file);
  for (std::string line; std::getline(in, line);) {
    if (line.find("\"id\":") != std::string::npos)
      layers_.push_back(line);
    else if (line.find("\"seed\"") != std::string::npos)
      seed_ = static_cast<uint64_t>(Number(line, "seed")), output_ = Number(line, "output");
  }
}

int64_t Net::size() const { return Numbers(layers_[0], "out_shape")[0]; }

std::vector<Array> Net::Parameters() const {
  std::vector<Array> all;
  for (const std::string& l : layers_) {
    for (const Parameter& p : ParametersOf(l)) {
      const uint64_t stream = seed_ + all.size();
      if (p.fan_in > 0) {
        const float a = static_cast<float>(std::sqrt(6 / (p.fan_in + p.fan_out)));
        all.push_back(Uniform(stream, p.shape, -a, a));
      } else {
        all.emplace_back(kFloat32, p.shape);
        std::fill_n(all.back().mutable_data<float>(), p.shape.num_elements(), p.value);
      }
    }
  }
  return all;
}

std::vector<Shape> Net::ParameterShapes() const {
  std::vector<Shape> all;
  for (const std::string& l : layers_) {
    for (const Parameter& p : ParametersOf(l)) all.push_back(p.shape);
  }
  return all;
}

std::vector<size_t> Net::Trainable() const {
  std::vector<size_t> trainable;
  size_t next = 0;
  for (const std::string& l : layers_) {
    const size_t count = ParametersOf(l).size();
    for (size_t i = 0; i < count; ++i, ++next) {
      if (Text(l, "op") != "bn" || i < 2) trainable.push_back(next);
    }
  }
  return trainable;
}

Tensor Net::Infer(const Tensor& x, const std::vector<Input>& parameters) const {
  return BuildLayers(layers_, output_, x, parameters, nullptr);
}

Net::Training Net::Train(const Tensor& x, const std::vector<Input>& parameters) const {
  Training training;
  training.logits = BuildLayers(layers_, output_, x, parameters, &training);
  return training;
}

NetLoss BuildLoss(const Net& net, const std::vector<Input>& parameters) {
  NetLoss b;
  b.images = Placeholder(kFloat32, {kTrainBatch, net.size(), net.size(), 3});
  b.labels = Placeholder(kInt64, {kTrainBatch});
  Net::Training training = net.Train(b.images, parameters);
  b.loss = ReduceMean(nn::SparseSoftmaxCrossEntropyWithLogits(b.labels, training.logits));
  b.statistics = std::move(training.statistics);
  return b;
}

}  // namespace weft::bench
