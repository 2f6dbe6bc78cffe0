// SPDX-License-Identifier: Apache-2.0
#include "examples/models/inception_v3.h"

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace weft::examples {

namespace L = layers;

ScopeArguments InceptionV3ArgScope(const InceptionScopeOptions& o) {
  const ArgScope dense({L::kConv2d, L::kFullyConnected},
                       {.weights_regularizer = L::L2Regularizer(o.weight_decay)});
  L::LayerOptions conv{.activation = nn::Relu,
                       .normalizer = nullptr,
                       .weights_initializer = L::VarianceScalingInitializer()};
  if (o.use_batch_norm) {
    const L::LayerOptions norm{.decay = o.batch_norm_decay, .epsilon = o.batch_norm_epsilon};
    conv.normalizer = [norm](const Tensor& x) { return L::BatchNorm(x, norm); };
  }
  const ArgScope convolutions({L::kConv2d}, conv);
  return ArgScope::Current();
}

namespace {

using Build = std::function<Tensor(const Tensor& x)>;

// One convolution of a branch.
struct Conv {
  const char* scope;
  int64_t depth;
  L::Window kernel;
  int64_t stride = 1;  // more: without a border
};

class Inception {
 public:
  explicit Inception(const InceptionV3BaseOptions& options) : options_(options) {}

  int64_t Depth(int64_t depth) const {
    const double thinned = static_cast<double>(depth) * options_.depth_multiplier;
    return std::max(static_cast<int64_t>(thinned), options_.min_depth);
  }

  // Convolutions one after the other.
  Build Chain(std::vector<Conv> steps) const {
    return [this, steps = std::move(steps)](const Tensor& in) {
      Tensor x = in;
      for (const Conv& c : steps) {
        L::LayerOptions o{.stride = c.stride};
        if (c.stride > 1) o.padding = "VALID";
        o.scope = c.scope;
        x = L::Conv2d(x, Depth(c.depth), c.kernel, o);
      }
      return x;
    };
  }
  // The mean of the neighbourhood, then a convolution 1x1.
  Build AverageAndConv(int64_t depth) const {
    return [this, depth](const Tensor& in) {
      const Tensor x = L::AvgPool2d(in, 3, {.scope = "AvgPool_0a_3x3"});
      return L::Conv2d(x, Depth(depth), 1, {.scope = "Conv2d_0b_1x1"});
    };
  }
  static Tensor MaxPoolByTwo(const Tensor& x) {
    return L::MaxPool2d(x, 3, {.stride = 2, .padding = "VALID", .scope = "MaxPool_1a_3x3"});
  }
  // A chain that ends in two convolutions side by side, 1x3 and 3x1.
  Build Fork(std::vector<Conv> steps, const char* flat, const char* upright) const {
    return [=, this, chain = Chain(std::move(steps))](const Tensor& in) {
      const Tensor x = chain(in);
      const Tensor a = L::Conv2d(x, Depth(384), {1, 3}, {.scope = flat});
      const Tensor b = L::Conv2d(x, Depth(384), {3, 1}, {.scope = upright});
      return Concat({a, b}, 3);
    };
  }

  // The branches side by side, joined along the channels.
  static Build Mixed(std::string scope, std::vector<Build> branches) {
    return [scope = std::move(scope), branches = std::move(branches)](const Tensor& x) {
      const VariableScope mixed(scope);
      std::vector<Input> outputs;
      for (size_t i = 0; i < branches.size(); ++i) {
        const VariableScope branch("Branch_" + std::to_string(i));
        outputs.push_back(branches[i](x));
      }
      return Concat(outputs, 3);
    };
  }

  Build Stem(const char* name, int64_t depth, int64_t kernel, int64_t stride = 1,
             const char* padding = "VALID") const {
    return [=, this](const Tensor& x) {
      return L::Conv2d(x, Depth(depth), kernel,
                       {.stride = stride, .padding = padding, .scope = name});
    };
  }
  static Build StemPool(const char* name) {
    return [=](const Tensor& x) { return L::MaxPool2d(x, 3, {.stride = 2, .scope = name}); };
  }

  using Stages = std::vector<std::pair<std::string, Build>>;
  // Without borders: 299 x 299 x 3 becomes 35 x 35 x 192.
  Stages Stems() const {
    return {{"Conv2d_1a_3x3", Stem("Conv2d_1a_3x3", 32, 3, 2)},
            {"Conv2d_2a_3x3", Stem("Conv2d_2a_3x3", 32, 3)},
            {"Conv2d_2b_3x3", Stem("Conv2d_2b_3x3", 64, 3, 1, "SAME")},
            {"MaxPool_3a_3x3", StemPool("MaxPool_3a_3x3")},
            {"Conv2d_3b_1x1", Stem("Conv2d_3b_1x1", 80, 1)},
            {"Conv2d_4a_3x3", Stem("Conv2d_4a_3x3", 192, 3)},
            {"MaxPool_5a_3x3", StemPool("MaxPool_5a_3x3")}};
  }

  // 35 x 35: a branch of one 5x5, one of two 3x3. Checkpoints have odd names in Mixed_5c.
  Build Mixed5(const char* scope, const char* narrow, const char* wide, int64_t pooled) const {
    return Mixed(
        scope,
        {Chain({{"Conv2d_0a_1x1", 64, 1}}), Chain({{narrow, 48, 1}, {wide, 64, 5}}),
         Chain({{"Conv2d_0a_1x1", 64, 1}, {"Conv2d_0b_3x3", 96, 3}, {"Conv2d_0c_3x3", 96, 3}}),
         AverageAndConv(pooled)});
  }
  Build Mixed6a() const {
    return Mixed(
        "Mixed_6a",
        {Chain({{"Conv2d_1a_1x1", 384, 3, 2}}),
         Chain({{"Conv2d_0a_1x1", 64, 1}, {"Conv2d_0b_3x3", 96, 3}, {"Conv2d_1a_1x1", 96, 3, 2}}),
         MaxPoolByTwo});
  }
  // 17 x 17: convolutions 7x7 as 1x7 and 7x1.
  Build Mixed6(const char* scope, int64_t depth) const {
    return Mixed(scope, {Chain({{"Conv2d_0a_1x1", 192, 1}}),
                         Chain({{"Conv2d_0a_1x1", depth, 1},
                                {"Conv2d_0b_1x7", depth, {1, 7}},
                                {"Conv2d_0c_7x1", 192, {7, 1}}}),
                         Chain({{"Conv2d_0a_1x1", depth, 1},
                                {"Conv2d_0b_7x1", depth, {7, 1}},
                                {"Conv2d_0c_1x7", depth, {1, 7}},
                                {"Conv2d_0d_7x1", depth, {7, 1}},
                                {"Conv2d_0e_1x7", 192, {1, 7}}}),
                         AverageAndConv(192)});
  }
  Build Mixed7a() const {
    return Mixed("Mixed_7a", {Chain({{"Conv2d_0a_1x1", 192, 1}, {"Conv2d_1a_3x3", 320, 3, 2}}),
                              Chain({{"Conv2d_0a_1x1", 192, 1},
                                     {"Conv2d_0b_1x7", 192, {1, 7}},
                                     {"Conv2d_0c_7x1", 192, {7, 1}},
                                     {"Conv2d_1a_3x3", 192, 3, 2}}),
                              MaxPoolByTwo});
  }
  // 8 x 8.
  Build Mixed7(const char* scope, const char* upright) const {
    return Mixed(scope, {Chain({{"Conv2d_0a_1x1", 320, 1}}),
                         Fork({{"Conv2d_0a_1x1", 384, 1}}, "Conv2d_0b_1x3", upright),
                         Fork({{"Conv2d_0a_1x1", 448, 1}, {"Conv2d_0b_3x3", 384, 3}},
                              "Conv2d_0c_1x3", "Conv2d_0d_3x1"),
                         AverageAndConv(192)});
  }
  Stages Modules() const {
    return {{"Mixed_5b", Mixed5("Mixed_5b", "Conv2d_0a_1x1", "Conv2d_0b_5x5", 32)},
            {"Mixed_5c", Mixed5("Mixed_5c", "Conv2d_0b_1x1", "Conv_1_0c_5x5", 64)},
            {"Mixed_5d", Mixed5("Mixed_5d", "Conv2d_0a_1x1", "Conv2d_0b_5x5", 64)},
            {"Mixed_6a", Mixed6a()},
            {"Mixed_6b", Mixed6("Mixed_6b", 128)},
            {"Mixed_6c", Mixed6("Mixed_6c", 160)},
            {"Mixed_6d", Mixed6("Mixed_6d", 160)},
            {"Mixed_6e", Mixed6("Mixed_6e", 192)},
            {"Mixed_7a", Mixed7a()},
            {"Mixed_7b", Mixed7("Mixed_7b", "Conv2d_0b_3x1")},
            {"Mixed_7c", Mixed7("Mixed_7c", "Conv2d_0c_3x1")}};
  }

  // Adds stages with one padding until the final end point; whether it was among them.
  bool Add(const Stages& stages, const char* padding, Net* net) const {
    const ArgScope scope({L::kConv2d, L::kMaxPool2d, L::kAvgPool2d},
                         {.stride = 1, .padding = padding});
    for (const auto& [name, build] : stages) {
      net->logits = net->end_points[name] = build(net->logits);
      if (name == options_.final_endpoint) return true;
    }
    return false;
  }

 private:
  InceptionV3BaseOptions options_;
};

// A classifier beside the net, at the end of the 17 x 17 modules.
Tensor AuxiliaryLogits(const Inception& inception, const Tensor& features, const NetOptions& o) {
  const ArgScope padded({L::kConv2d, L::kMaxPool2d, L::kAvgPool2d},
                        {.stride = 1, .padding = "SAME"});
  const VariableScope scope("AuxLogits");
  Tensor x =
      L::AvgPool2d(features, 5, {.stride = 3, .padding = "VALID", .scope = "AvgPool_1a_5x5"});
  x = L::Conv2d(x, inception.Depth(128), 1, {.scope = "Conv2d_1b_1x1"});
  const L::Window kernel = WithinImage(x, 5, 5);
  const std::string size =
      std::to_string(kernel.sizes()[0]) + "x" + std::to_string(kernel.sizes()[1]);
  x = L::Conv2d(x, inception.Depth(768), kernel,
                {.padding = "VALID",
                 .weights_initializer = TruncatedNormalInitializer(0.0f, 0.01f),
                 .scope = "Conv2d_2a_" + size});
  x = L::Conv2d(x, o.num_classes, 1,
                {.activation = nullptr,
                 .normalizer = nullptr,
                 .weights_initializer = TruncatedNormalInitializer(0.0f, 0.001f),
                 .scope = "Conv2d_2b_1x1"});
  return o.spatial_squeeze ? Squeeze(x, {1, 2}, "SpatialSqueeze") : x;
}

// From the last module to the logits.
Tensor Logits(const Tensor& features, const NetOptions& o, L::EndPoints* ends) {
  const VariableScope scope("Logits");
  const L::Window kernel = WithinImage(features, 8, 8);
  const std::string size =
      std::to_string(kernel.sizes()[0]) + "x" + std::to_string(kernel.sizes()[1]);
  Tensor x = L::AvgPool2d(features, kernel, {.padding = "VALID", .scope = "AvgPool_1a_" + size});
  x = (*ends)["PreLogits"] =
      L::Dropout(x, {.keep_prob = o.keep_prob.value_or(0.8), .scope = "Dropout_1b"});
  if (o.num_classes == 0) return x;
  x = L::Conv2d(x, o.num_classes, 1,
                {.activation = nullptr, .normalizer = nullptr, .scope = "Conv2d_1c_1x1"});
  return o.spatial_squeeze ? Squeeze(x, {1, 2}, "SpatialSqueeze") : x;
}

}  // namespace

Net InceptionV3Base(const Tensor& images, const InceptionV3BaseOptions& options) {
  if (!(options.depth_multiplier > 0))
    throw std::invalid_argument("depth_multiplier is not greater than zero.");
  const Inception inception(options);
  const Inception::Stages stems = inception.Stems(), modules = inception.Modules();
  const auto is_final = [&](const auto& stage) { return stage.first == options.final_endpoint; };
  if (std::none_of(stems.begin(), stems.end(), is_final) &&
      std::none_of(modules.begin(), modules.end(), is_final))
    throw std::invalid_argument("Unknown final endpoint " + options.final_endpoint);
  Net net;
  net.logits = images;
  if (!inception.Add(stems, "VALID", &net)) inception.Add(modules, "SAME", &net);
  return net;
}

Net InceptionV3(const Tensor& images, const NetOptions& o, const InceptionV3BaseOptions& given) {
  const VariableScope scope(o.scope.empty() ? "InceptionV3" : o.scope, {.reuse = o.reuse});
  const ArgScope training({L::kBatchNorm, L::kDropout}, {.is_training = o.is_training});
  InceptionV3BaseOptions base = given;
  base.final_endpoint = "Mixed_7c";
  Net net;
  {
    // The body enters the scope again: its nodes are in InceptionV3/InceptionV3.
    const VariableScope body(scope.scope());
    net = InceptionV3Base(images, base);
  }
  if (o.num_classes != 0) {
    const Inception inception(base);
    net.end_points["AuxLogits"] = AuxiliaryLogits(inception, net.end_points["Mixed_6e"], o);
  }
  net.logits = Logits(net.logits, o, &net.end_points);
  if (o.num_classes == 0) return net;
  net.end_points["Logits"] = net.logits;
  net.end_points["Predictions"] = L::Softmax(net.logits, {.scope = "Predictions"});
  return net;
}

}  // namespace weft::examples
