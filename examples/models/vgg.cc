// SPDX-License-Identifier: Apache-2.0
#include "examples/models/vgg.h"

#include <array>
#include <stdexcept>

namespace weft::examples {

namespace L = layers;

ScopeArguments VggArgScope(float weight_decay) {
  const ArgScope dense({L::kConv2d, L::kFullyConnected},
                       {.activation = nn::Relu,
                        .weights_regularizer = L::L2Regularizer(weight_decay),
                        .biases_initializer = ZerosInitializer()});
  const ArgScope conv({L::kConv2d}, {.padding = "SAME"});
  return ArgScope::Current();
}

namespace {

// How many convolutions each block has.
std::array<int, 5> FiltersOfBlocks(int depth) {
  switch (depth) {
    case 11:
      return {1, 1, 2, 2, 2};
    case 16:
      return {2, 2, 3, 3, 3};
    case 19:
      return {2, 2, 4, 4, 4};
    default:
      throw std::invalid_argument("VGG has 11, 16 or 19 layers, not " + std::to_string(depth));
  }
}

Tensor Features(Tensor x, const std::array<int, 5>& blocks) {
  constexpr std::array<int64_t, 5> kFilters = {64, 128, 256, 512, 512};
  for (size_t i = 0; i < blocks.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    const auto conv = [&](const Tensor& in, const std::string& name) {
      return L::Conv2d(in, kFilters[i], 3, {.scope = name});
    };
    x = L::Repeat(x, blocks[i], conv, "conv" + number);
    x = L::MaxPool2d(x, 2, {.scope = "pool" + number});
  }
  return x;
}

}  // namespace

Net Vgg(int depth, const Tensor& images, const NetOptions& o) {
  const std::array<int, 5> blocks = FiltersOfBlocks(depth);
  const std::string name = depth == 11 ? "vgg_a" : "vgg_" + std::to_string(depth);
  const VariableScope scope(o.scope.empty() ? name : o.scope, {.reuse = o.reuse});
  const std::string collection = scope.scope().original_name_scope() + "_end_points";
  const ArgScope outputs({L::kConv2d, L::kFullyConnected, L::kMaxPool2d},
                         {.outputs_collections = collection});
  const ArgScope dropout({L::kDropout},
                         {.keep_prob = o.keep_prob.value_or(0.5), .is_training = o.is_training});
  Net net;
  Tensor x = Features(images, blocks);
  // Full connections as convolutions.
  x = L::Conv2d(x, 4096, 7, {.padding = "VALID", .scope = "fc6"});
  x = L::Dropout(x, {.scope = "dropout6"});
  net.logits = L::Conv2d(x, 4096, 1, {.scope = "fc7"});
  net.end_points = L::ConvertCollectionToDict(collection);
  if (o.num_classes == 0) return net;
  x = L::Dropout(net.logits, {.scope = "dropout7"});
  x = L::Conv2d(x, o.num_classes, 1,
                {.activation = nullptr, .normalizer = nullptr, .scope = "fc8"});
  net.logits = o.spatial_squeeze ? Squeeze(x, {1, 2}, "fc8/squeezed") : x;
  net.end_points[scope.scope().name() + "/fc8"] = net.logits;
  return net;
}

}  // namespace weft::examples
