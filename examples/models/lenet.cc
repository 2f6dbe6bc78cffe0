// SPDX-License-Identifier: Apache-2.0
#include "examples/models/lenet.h"

namespace weft::examples {

namespace L = layers;

ScopeArguments LenetArgScope(float weight_decay) {
  const ArgScope scope({L::kConv2d, L::kFullyConnected},
                       {.activation = nn::Relu,
                        .weights_initializer = TruncatedNormalInitializer(0.0f, 0.1f),
                        .weights_regularizer = L::L2Regularizer(weight_decay)});
  return ArgScope::Current();
}

Net Lenet(const Tensor& images, const NetOptions& o) {
  Net net;
  L::EndPoints& ends = net.end_points;
  {
    const VariableScope scope(o.scope.empty() ? "LeNet" : o.scope, {.reuse = o.reuse});
    Tensor x = ends["conv1"] = L::Conv2d(images, 32, 5, {.scope = "conv1"});
    x = ends["pool1"] = L::MaxPool2d(x, 2, {.stride = 2, .scope = "pool1"});
    x = ends["conv2"] = L::Conv2d(x, 64, 5, {.scope = "conv2"});
    x = ends["pool2"] = L::MaxPool2d(x, 2, {.stride = 2, .scope = "pool2"});
    x = ends["Flatten"] = L::Flatten(x);
    x = ends["fc3"] = L::FullyConnected(x, 1024, {.scope = "fc3"});
    net.logits = x;
    if (o.num_classes == 0) return net;
    x = ends["dropout3"] = L::Dropout(x, {.keep_prob = o.keep_prob.value_or(0.5),
                                          .is_training = o.is_training,
                                          .scope = "dropout3"});
    net.logits = ends["Logits"] =
        L::FullyConnected(x, o.num_classes, {.activation = nullptr, .scope = "fc4"});
  }
  ends["Predictions"] = L::Softmax(net.logits, {.scope = "Predictions"});
  return net;
}

Net Lenet5(const Tensor& images, const NetOptions& o) {
  Net net;
  L::EndPoints& ends = net.end_points;
  const VariableScope scope(o.scope.empty() ? "LeNet5" : o.scope, {.reuse = o.reuse});
  const ArgScope unpadded({L::kConv2d}, {.padding = "VALID"});
  Tensor x = ends["conv1"] = L::Conv2d(images, 6, 5, {.scope = "conv1"});
  x = ends["pool1"] = L::MaxPool2d(x, 2, {.scope = "pool1"});
  x = ends["conv2"] = L::Conv2d(x, 16, 5, {.scope = "conv2"});
  x = ends["pool2"] = L::MaxPool2d(x, 2, {.scope = "pool2"});
  x = L::Flatten(x);
  x = ends["fc3"] = L::FullyConnected(x, 120, {.scope = "fc3"});
  x = ends["fc4"] = L::FullyConnected(x, 84, {.scope = "fc4"});
  net.logits = x;
  if (o.num_classes == 0) return net;
  net.logits = L::FullyConnected(x, o.num_classes, {.activation = nullptr, .scope = "fc5"});
  return net;
}

}  // namespace weft::examples
