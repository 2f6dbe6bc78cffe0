// SPDX-License-Identifier: Apache-2.0
#include "examples/models/mobilenet_v1.h"

#include <array>
#include <stdexcept>

namespace weft::examples {

namespace L = layers;

ScopeArguments MobilenetV1ArgScope(const MobilenetScopeOptions& o) {
  const L::Regularizer l2 = L::L2Regularizer(o.weight_decay);
  const ArgScope both({L::kConv2d, L::kSeparableConv2d},
                      {.activation = nn::Relu6,
                       .normalizer = L::BatchNorm,
                       .weights_initializer = TruncatedNormalInitializer(0.0f, o.stddev)});
  const ArgScope norm({L::kBatchNorm}, {.decay = 0.9997,
                                        .center = true,
                                        .scale = true,
                                        .epsilon = 0.001,
                                        .is_training = o.is_training});
  const ArgScope conv({L::kConv2d}, {.weights_regularizer = l2});
  L::LayerOptions depthwise;
  depthwise.weights_regularizer = nullptr;
  if (o.regularize_depthwise) depthwise.weights_regularizer = l2;
  const ArgScope separable({L::kSeparableConv2d}, depthwise);
  return ArgScope::Current();
}

namespace {

struct Block {
  int64_t stride, depth;
};
// Of the 13 pairs of depthwise and pointwise convolutions.
constexpr std::array<Block, 13> kBlocks = {{{1, 64},
                                            {2, 128},
                                            {1, 128},
                                            {2, 256},
                                            {1, 256},
                                            {2, 512},
                                            {1, 512},
                                            {1, 512},
                                            {1, 512},
                                            {1, 512},
                                            {1, 512},
                                            {2, 1024},
                                            {1, 1024}}};

Tensor Features(const Tensor& images, double multiplier, L::EndPoints* ends) {
  const auto thinned = [&](int64_t depth) {
    return std::max<int64_t>(static_cast<int64_t>(static_cast<double>(depth) * multiplier), 8);
  };
  const ArgScope padded({L::kConv2d, L::kSeparableConv2d}, {.padding = "SAME"});
  Tensor x = (*ends)["Conv2d_0"] = L::Conv2d(
      images, thinned(32), 3, {.stride = 2, .normalizer = L::BatchNorm, .scope = "Conv2d_0"});
  for (size_t i = 0; i < kBlocks.size(); ++i) {
    const std::string name = "Conv2d_" + std::to_string(i + 1);
    const std::string deep = name + "_depthwise", point = name + "_pointwise";
    x = (*ends)[deep] = L::SeparableConv2d(x, 0, 3,
                                           {.stride = kBlocks[i].stride,
                                            .depth_multiplier = 1,
                                            .normalizer = L::BatchNorm,
                                            .scope = deep});
    x = (*ends)[point] = L::Conv2d(x, thinned(kBlocks[i].depth), 1,
                                   {.stride = 1, .normalizer = L::BatchNorm, .scope = point});
  }
  return x;
}

}  // namespace

Net MobilenetV1(const Tensor& images, const NetOptions& o, double depth_multiplier) {
  if (!(depth_multiplier > 0))
    throw std::invalid_argument("depth_multiplier is not greater than zero.");
  Net net;
  const VariableScope scope(o.scope.empty() ? "MobilenetV1" : o.scope, {.reuse = o.reuse});
  const ArgScope training({L::kBatchNorm, L::kDropout}, {.is_training = o.is_training});
  {
    // The body enters the scope again: its nodes are in MobilenetV1/MobilenetV1.
    const VariableScope body(scope.scope());
    net.logits = Features(images, depth_multiplier, &net.end_points);
  }
  if (o.num_classes == 0) return net;
  Tensor x = net.logits;
  {
    const VariableScope logits("Logits");
    x = net.end_points["AvgPool_1a"] =
        L::AvgPool2d(x, WithinImage(x, 7, 7), {.padding = "VALID", .scope = "AvgPool_1a"});
    x = L::Dropout(x, {.keep_prob = o.keep_prob.value_or(0.999), .scope = "Dropout_1b"});
    x = L::Conv2d(x, o.num_classes, 1,
                  {.activation = nullptr, .normalizer = nullptr, .scope = "Conv2d_1c_1x1"});
    if (o.spatial_squeeze) x = Squeeze(x, {1, 2}, "SpatialSqueeze");
  }
  net.logits = net.end_points["Logits"] = x;
  net.end_points["Predictions"] = L::Softmax(x, {.scope = "Predictions"});
  return net;
}

}  // namespace weft::examples
