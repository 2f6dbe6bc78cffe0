// SPDX-License-Identifier: Apache-2.0
// A trained net as it is, as a function from pictures to features: frozen into a graph of
// constants, imported, and run once over all pictures.
#pragma once

#include <string>
#include <vector>

#include "weft/weft.h"

namespace weft::examples {

struct FeatureNetOptions {
  std::string model =
      "resnet_v1_50";  // or resnet_v1_101, resnet_v1_152, inception_v3, mobilenet_v1
  int64_t side = 64;   // of pictures [n, side, side, 3]
  // Of slim's net; without one the weights are random, and so are the features.
  std::string checkpoint = {};
  int64_t seed = 1;
};
// The net up to its features: nodes "images" and "features". std::invalid_argument for another
// model.
GraphDef FrozenFeatures(const FeatureNetOptions& options);

// Features [n, d] of pictures [n, side, side, 3], in pieces of `batch`, by a frozen graph.
class FeatureNet {
 public:
  explicit FeatureNet(const GraphDef& frozen);
  Array operator()(const Array& pictures, int64_t batch = 32);

 private:
  Graph graph_;
  Tensor images_, features_;
  Session session_;
};

// Shifts and scales features [n, d] so that each has mean 0 and variance 1 over the examples.
class Standardizer {
 public:
  explicit Standardizer(const Array& features);
  Array operator()(const Array& features) const;

 private:
  std::vector<double> mean_, scale_;
};

}  // namespace weft::examples
