// SPDX-License-Identifier: Apache-2.0
#include "examples/models/alexnet.h"

namespace weft::examples {

namespace L = layers;

ScopeArguments AlexnetArgScope(float weight_decay) {
  const ArgScope dense({L::kConv2d, L::kFullyConnected},
                       {.activation = nn::Relu,
                        .weights_regularizer = L::L2Regularizer(weight_decay),
                        .biases_initializer = ConstantInitializer(Array(0.1f))});
  const ArgScope conv({L::kConv2d}, {.padding = "SAME"});
  const ArgScope pool({L::kMaxPool2d}, {.padding = "VALID"});
  return ArgScope::Current();
}

namespace {

Tensor Features(const Tensor& images) {
  Tensor x = L::Conv2d(images, 64, 11, {.stride = 4, .padding = "VALID", .scope = "conv1"});
  x = L::MaxPool2d(x, 3, {.stride = 2, .scope = "pool1"});
  x = L::Conv2d(x, 192, 5, {.scope = "conv2"});
  x = L::MaxPool2d(x, 3, {.stride = 2, .scope = "pool2"});
  x = L::Conv2d(x, 384, 3, {.scope = "conv3"});
  x = L::Conv2d(x, 384, 3, {.scope = "conv4"});
  x = L::Conv2d(x, 256, 3, {.scope = "conv5"});
  return L::MaxPool2d(x, 3, {.stride = 2, .scope = "pool5"});
}

// Full connections as convolutions.
Tensor Classes(const Tensor& features, const NetOptions& o) {
  const ArgScope scope({L::kConv2d},
                       {.weights_initializer = TruncatedNormalInitializer(0.0f, 0.005f),
                        .biases_initializer = ConstantInitializer(Array(0.1f))});
  const L::LayerOptions dropout{.keep_prob = o.keep_prob.value_or(0.5),
                                .is_training = o.is_training};
  const auto dropped = [&](const Tensor& x, const char* name) {
    L::LayerOptions named = dropout;
    named.scope = name;
    return L::Dropout(x, named);
  };
  Tensor x = L::Conv2d(features, 4096, 5, {.padding = "VALID", .scope = "fc6"});
  x = L::Conv2d(dropped(x, "dropout6"), 4096, 1, {.scope = "fc7"});
  if (o.num_classes == 0) return x;
  return L::Conv2d(dropped(x, "dropout7"), o.num_classes, 1,
                   {.activation = nullptr,
                    .normalizer = nullptr,
                    .biases_initializer = ZerosInitializer(),
                    .scope = "fc8"});
}

}  // namespace

Net Alexnet(const Tensor& images, const NetOptions& o) {
  const VariableScope scope(o.scope.empty() ? "alexnet_v2" : o.scope, {.reuse = o.reuse});
  const std::string collection = scope.scope().original_name_scope() + "_end_points";
  const ArgScope outputs({L::kConv2d, L::kFullyConnected, L::kMaxPool2d},
                         {.outputs_collections = collection});
  Net net;
  net.logits = Classes(Features(images), o);
  net.end_points = L::ConvertCollectionToDict(collection);
  if (o.num_classes != 0 && o.spatial_squeeze) {
    net.logits = Squeeze(net.logits, {1, 2}, "fc8/squeezed");
    net.end_points[scope.scope().name() + "/fc8"] = net.logits;
  }
  return net;
}

}  // namespace weft::examples
