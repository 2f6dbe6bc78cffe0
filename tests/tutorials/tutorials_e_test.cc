// SPDX-License-Identifier: Apache-2.0
// Convolution: the programs of examples/cnn, on drawn digits and flowers.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <stdexcept>

#include "examples/cnn/data.h"
#include "examples/cnn/features.h"
#include "examples/cnn/flowers.h"
#include "examples/cnn/model.h"
#include "examples/support/draw_digits.h"
#include "weft/nn/layers.h"

namespace weft::examples {
namespace {

class TutorialE : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ =
        std::filesystem::path(testing::TempDir()) / ("weft_tutorial_e_" + std::to_string(getpid()));
    WriteDefaultDigits(dir_ / "digits", {.num_train = 3000, .num_test = 300});
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(dir_); }
  static inline std::filesystem::path dir_;
};

// A short training; then another program's graph evaluates the checkpoint, with the averages.
TEST_F(TutorialE, E3_TrainAndEvaluate) {
  DataSets data = ReadDataSets(dir_ / "digits", {.validation_size = 300, .seed = 1});
  const std::string checkpoint = (dir_ / "model.ckpt").string();
  double trained = 0;
  {
    Graph graph;
    const GraphScope scope(graph);
    graph.set_seed(1);
    const CnnModel m = BuildCnn({.train_examples = data.train.num_examples()});
    EXPECT_EQ(TrainableVariables().size(), 8u);
    EXPECT_EQ(losses::GetRegularizationLosses().size(), 2u);
    const train::Saver saver;
    Session session(graph);
    session.Run(GlobalVariablesInitializer());
    float first = 0, last = 0;
    for (int s = 0; s < 60; ++s) {
      const Batch batch = data.train.NextBatch(100);
      last = session
                 .Run({m.loss, m.train},
                      {{m.images, ImagesOf(batch.images)}, {m.labels, LabelsOf(batch.labels)}})[0]
                 .scalar<float>();
      if (s == 0) first = last;
    }
    EXPECT_LT(last, 0.6f * first);
    EXPECT_EQ(session.Run(m.step.AsTensor()).AsInt64(), 60);
    trained = MeanAccuracy(session, m.accuracy, m.images, m.labels, data.test);
    saver.Save(session, checkpoint);
  }
  EXPECT_GT(trained, 0.5);
  Graph graph;
  const GraphScope scope(graph);
  const CnnEvaluation e = BuildCnnEvaluation({});
  Session session(graph);
  train::Saver(e.restore).Restore(session, checkpoint);
  EXPECT_EQ(MeanAccuracy(session, e.accuracy, e.images, e.labels, data.test), trained);
}

TEST_F(TutorialE, E2_Lenet5Trains) {
  DataSets data = ReadDataSets(dir_ / "digits", {.validation_size = 300, .seed = 1});
  Graph graph;
  const GraphScope scope(graph);
  graph.set_seed(1);
  const CnnModel m = BuildCnn({.net = "lenet5", .learning_rate = 0.1f});
  EXPECT_EQ(TrainableVariables().size(), 10u);
  EXPECT_EQ(losses::GetRegularizationLosses().size(), 3u);
  Session session(graph);
  session.Run(GlobalVariablesInitializer());
  for (int s = 0; s < 100; ++s) {
    const Batch batch = data.train.NextBatch(50);
    session.Run(m.train, {{m.images, ImagesOf(batch.images)}, {m.labels, LabelsOf(batch.labels)}});
  }
  EXPECT_GT(MeanAccuracy(session, m.accuracy, m.images, m.labels, data.test), 0.5);
  EXPECT_THROW(BuildCnn({.net = "lenet6"}), std::invalid_argument);
}

TEST_F(TutorialE, E5_FlowersAreAFunctionOfTheSeed) {
  const Flowers a = DrawFlowers(20, 16, 3), b = DrawFlowers(20, 16, 3), c = DrawFlowers(20, 16, 4);
  EXPECT_EQ(a.pixels, b.pixels);
  EXPECT_EQ(a.classes, b.classes);
  EXPECT_NE(a.pixels, c.pixels);
  EXPECT_EQ(a.pixels.size(), 20u * 16 * 16 * 3);
  for (float v : a.pixels) ASSERT_TRUE(v >= -1 && v <= 1);
  for (int64_t k : a.classes) ASSERT_TRUE(k >= 0 && k < kFlowerKinds);
  EXPECT_THROW(DrawFlowers(1, 4, 1), std::invalid_argument);
}

Array PicturesOf(const Flowers& f) {
  return Array::FromVector(
      f.pixels, Shape({static_cast<int64_t>(f.classes.size()), f.side, f.side, int64_t{3}}));
}

TEST_F(TutorialE, E5_FrozenFeatures) {
  const GraphDef frozen = FrozenFeatures({.model = "resnet_v1_50", .side = 32});
  {
    Graph graph;
    ImportGraphDef(frozen, {.prefix = ""}, graph);
    for (const Operation& op : graph.operations()) EXPECT_NE(op.type(), "VariableV2") << op.name();
  }
  FeatureNet net(frozen);
  const Array pictures = PicturesOf(DrawFlowers(5, 32, 1));
  const Array whole = net(pictures, 5), pieces = net(pictures, 2);
  ASSERT_EQ(whole.shape(), Shape({5, 2048}));
  for (int64_t i = 0; i < whole.num_elements(); ++i) {
    ASSERT_TRUE(std::isfinite(whole.AsDouble(i)));
    ASSERT_NEAR(whole.AsDouble(i), pieces.AsDouble(i), 1e-4 * (1 + std::abs(whole.AsDouble(i))));
  }
  const Array standardized = Standardizer(whole)(whole);
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < 5; ++i) {
    sum += standardized.AsDouble(i * 2048);
    squares += standardized.AsDouble(i * 2048) * standardized.AsDouble(i * 2048);
  }
  EXPECT_NEAR(sum, 0, 1e-4);
  EXPECT_TRUE(std::abs(squares - 5) < 1e-3 || squares == 0) << squares;
  EXPECT_THROW(FrozenFeatures({.model = "resnet_v1_18"}), std::invalid_argument);
}

// A new last layer learns the pictures by the features of a net that nobody trained.
TEST_F(TutorialE, E5_NewLastLayer) {
  FeatureNet net(FrozenFeatures({.model = "resnet_v1_50", .side = 32}));
  const Flowers known = DrawFlowers(200, 32, 1);
  const Array raw = net(PicturesOf(known));
  const Array features = Standardizer(raw)(raw);
  Graph graph;
  const GraphScope scope(graph);
  graph.set_seed(1);
  const Tensor x = Placeholder(kFloat32, {-1, 2048});
  const Tensor labels = Placeholder(kInt64, {-1});
  const Tensor logits =
      layers::FullyConnected(x, kFlowerKinds, {.activation = nullptr, .scope = "flowers"});
  const Tensor loss = ReduceMean(nn::SparseSoftmaxCrossEntropyWithLogits(labels, logits));
  const Operation step = train::AdamOptimizer(0.001f).Minimize(loss);
  const Feeds feeds = {{x, features}, {labels, Array::FromVector(known.classes)}};
  Session session(graph);
  session.Run(GlobalVariablesInitializer());
  const float before = session.Run(loss, feeds).scalar<float>();
  for (int s = 0; s < 100; ++s) session.Run(step, feeds);
  EXPECT_LT(session.Run(loss, feeds).scalar<float>(), 0.5f * before);
}

}  // namespace
}  // namespace weft::examples
