// SPDX-License-Identifier: Apache-2.0
#include "examples/cnn/features.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <stdexcept>
#include <string>

#include "examples/models/inception_v3.h"
#include "examples/models/mobilenet_v1.h"
#include "examples/models/resnet.h"
#include "weft/framework/graph_util.h"

namespace weft::examples {
namespace {

// Features of any rank, of a net without its last layer.
Tensor FeaturesOf(const std::string& model, const Tensor& images) {
  const NetOptions options{.num_classes = 0, .is_training = false};
  if (model == "inception_v3") {
    const ArgScope scope(InceptionV3ArgScope());
    return InceptionV3(images, options).logits;
  }
  if (model == "mobilenet_v1") {
    const ArgScope scope(MobilenetV1ArgScope({.is_training = false}));
    return ReduceMean(MobilenetV1(images, options).logits, {.axis = {1, 2}});
  }
  const std::string prefix = "resnet_v1_";
  const ArgScope scope(ResnetArgScope());
  for (const int depth : {50, 101, 152}) {
    if (model == prefix + std::to_string(depth)) return ResnetV1(depth, images, options).logits;
  }
  throw std::invalid_argument("no model is called '" + model + "'");
}

}  // namespace

GraphDef FrozenFeatures(const FeatureNetOptions& options) {
  Graph graph;
  const GraphScope scope(graph);
  graph.set_seed(options.seed);
  const Tensor images = Placeholder(kFloat32, {-1, options.side, options.side, 3}, "images");
  const Tensor features = layers::Flatten(FeaturesOf(options.model, images));
  Identity(features, "features");
  Session session(graph);
  session.Run(GlobalVariablesInitializer());
  if (!options.checkpoint.empty()) train::Saver().Restore(session, options.checkpoint);
  return graph_util::ConvertVariablesToConstants(session, graph.AsGraphDef(), {"features"});
}

namespace {

Graph Imported(const GraphDef& frozen) {
  const Graph graph;
  ImportGraphDef(frozen, {.prefix = ""}, graph);
  return graph;
}

}  // namespace

FeatureNet::FeatureNet(const GraphDef& frozen)
    : graph_(Imported(frozen)),
      images_(graph_.TensorByName("images:0")),
      features_(graph_.TensorByName("features:0")),
      session_(graph_) {}

Array FeatureNet::operator()(const Array& pictures, int64_t batch) {
  const int64_t n = pictures.shape().dim(0);
  std::vector<float> all;
  int64_t width = features_.shape().dim(1);
  for (int64_t begin = 0; begin < n; begin += batch) {
    const Array piece =
        session_.Run(features_, {{images_, pictures.SliceRows(begin, std::min(n, begin + batch))}});
    width = piece.shape().dim(1);
    const std::span<const float> values = piece.values<float>();
    all.insert(all.end(), values.begin(), values.end());
  }
  return Array::FromVector(all, Shape({n, width}));
}

Standardizer::Standardizer(const Array& features) {
  const int64_t n = features.shape().dim(0), width = features.shape().dim(1);
  const float* x = features.data<float>();
  for (int64_t j = 0; j < width; ++j) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; ++i) sum += x[i * width + j];
    const double mean = n > 0 ? sum / static_cast<double>(n) : 0;
    for (int64_t i = 0; i < n; ++i)
      squares += (x[i * width + j] - mean) * (x[i * width + j] - mean);
    const double deviation = n > 0 ? std::sqrt(squares / static_cast<double>(n)) : 0;
    mean_.push_back(mean);
    // A feature that never varies tells nothing.
    scale_.push_back(deviation > 0 ? 1 / deviation : 0);
  }
}

Array Standardizer::operator()(const Array& features) const {
  const std::span<const float> given = features.values<float>();
  std::vector<float> x(given.begin(), given.end());
  for (size_t i = 0; i < x.size(); ++i) {
    const size_t j = i % mean_.size();
    x[i] = static_cast<float>((x[i] - mean_[j]) * scale_[j]);
  }
  return Array::FromVector(x, features.shape());
}

}  // namespace weft::examples
