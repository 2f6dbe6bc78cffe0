// SPDX-License-Identifier: Apache-2.0
// Transfer learning: the features of a net that stays as it is, and a new last layer trained on
// them, to tell drawn flowers apart.
//
//   transfer                                                    # a ResNet-50 with random weights
//   transfer --model=inception_v3 --side=299 --checkpoint=inception_v3.ckpt
//   transfer --frozen=features.pb                               # keeps the frozen net
#include <cstdio>
#include <string>

#include "absl/flags/flag.h"
#include "examples/cnn/features.h"
#include "examples/cnn/flowers.h"
#include "examples/support/program.h"
#include "weft/nn/layers.h"

ABSL_FLAG(std::string, model, "resnet_v1_50", "the net; see examples/cnn/features.h");
ABSL_FLAG(std::string, checkpoint, "", "of slim's net; random weights if empty");
ABSL_FLAG(std::string, frozen, "", "where the frozen net is written; nowhere if empty");
ABSL_FLAG(int64_t, side, 64, "of the pictures, in pixels");
ABSL_FLAG(int64_t, train, 1000, "pictures to train on");
ABSL_FLAG(int64_t, test, 200, "pictures to test with");
ABSL_FLAG(int64_t, steps, 500, "training steps, each on all pictures");
ABSL_FLAG(double, learning_rate, 0.001, "of Adam");

namespace {

using namespace weft::examples;  // NOLINT: a program
namespace wf = weft;

struct LastLayer {
  wf::Tensor features, labels, loss, accuracy;
  wf::Operation train;
};

LastLayer BuildLastLayer(int64_t width) {
  LastLayer m;
  m.features = wf::Placeholder(wf::kFloat32, {-1, width}, "features");
  m.labels = wf::Placeholder(wf::kInt64, {-1}, "labels");
  const wf::Tensor logits = wf::layers::FullyConnected(
      m.features, kFlowerKinds,
      {.activation = nullptr,
       .weights_initializer = wf::TruncatedNormalInitializer(0.0f, 0.001f),
       .weights_regularizer = wf::layers::L2Regularizer(1e-3f),
       .scope = "flowers"});
  m.loss = wf::ReduceMean(wf::nn::SparseSoftmaxCrossEntropyWithLogits(m.labels, logits)) +
           wf::losses::GetRegularizationLoss();
  m.accuracy = wf::ReduceMean(wf::Cast(wf::Equal(wf::ArgMax(logits, 1), m.labels), wf::kFloat32));
  m.train = wf::train::AdamOptimizer(static_cast<float>(absl::GetFlag(FLAGS_learning_rate)))
                .Minimize(m.loss);
  return m;
}

wf::Array PicturesOf(const Flowers& f) {
  return wf::Array::FromVector(
      f.pixels, wf::Shape({static_cast<int64_t>(f.classes.size()), f.side, f.side, int64_t{3}}));
}

int Main() {
  const int64_t side = absl::GetFlag(FLAGS_side);
  const wf::GraphDef frozen = FrozenFeatures({.model = absl::GetFlag(FLAGS_model),
                                              .side = side,
                                              .checkpoint = absl::GetFlag(FLAGS_checkpoint)});
  if (!absl::GetFlag(FLAGS_frozen).empty()) frozen.WriteFile(absl::GetFlag(FLAGS_frozen));
  const Flowers train = DrawFlowers(absl::GetFlag(FLAGS_train), side, 1);
  const Flowers test = DrawFlowers(absl::GetFlag(FLAGS_test), side, 2);
  FeatureNet net(frozen);
  const wf::Array raw = net(PicturesOf(train));
  const Standardizer standardized(raw);
  const wf::Array features = standardized(raw), test_features = standardized(net(PicturesOf(test)));
  std::printf("%lld features of %lld pictures\n", static_cast<long long>(features.shape().dim(1)),
              static_cast<long long>(features.shape().dim(0)));

  wf::Graph graph;
  const wf::GraphScope scope(graph);
  graph.set_seed(1);
  const LastLayer m = BuildLastLayer(features.shape().dim(1));
  const wf::Feeds known = {{m.features, features},
                           {m.labels, wf::Array::FromVector(train.classes)}};
  const wf::Feeds unknown = {{m.features, test_features},
                             {m.labels, wf::Array::FromVector(test.classes)}};
  wf::Session session(graph);
  session.Run(wf::GlobalVariablesInitializer());
  const int64_t steps = absl::GetFlag(FLAGS_steps);
  for (int64_t s = 1; s <= steps; ++s) {
    session.Run(m.train, known);
    if (s % 100 != 0 && s != steps) continue;
    std::printf("step %4lld  loss %.4f  accuracy %.4f  on new pictures %.4f\n",
                static_cast<long long>(s), session.Run(m.loss, known).scalar<float>(),
                session.Run(m.accuracy, known).scalar<float>(),
                session.Run(m.accuracy, unknown).scalar<float>());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return RunProgram(argc, argv, "trains a new last layer on the features of a frozen net", Main);
}
