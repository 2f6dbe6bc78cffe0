// SPDX-License-Identifier: Apache-2.0
// Digits with full connection: the data sets, and the example program's model with its parts taken
// out one by one.
#include <gtest/gtest.h>

#include "examples/mnist/model.h"
#include "examples/support/draw_digits.h"
#include "examples/support/mnist_data.h"
#include "tests/support/temporary_folder.h"

namespace weft::examples {
namespace {

// Some thousand drawn digits, made once.
class TutorialC : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = std::filesystem::path(testing::TempDir()) /
           ("weft_tutorial_digits_" + std::to_string(getpid()));
    WriteDefaultDigits(dir_, {.num_train = 6000, .num_test = 1000});
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(dir_); }
  static inline std::filesystem::path dir_;
};

TEST_F(TutorialC, C1_ReadDataSets) {
  DataSets mnist = ReadDataSets(dir_, {.one_hot = true, .validation_size = 1000, .seed = 3});
  EXPECT_EQ(mnist.train.num_examples(), 5000);
  EXPECT_EQ(mnist.validation.num_examples(), 1000);
  EXPECT_EQ(mnist.test.num_examples(), 1000);
  const Values images = mnist.train.images(), labels = mnist.train.labels();
  EXPECT_EQ(images.shape, (std::vector<int64_t>{5000, 784}));
  EXPECT_EQ(labels.shape, (std::vector<int64_t>{5000, 10}));
  for (float pixel : images.floats()) ASSERT_TRUE(pixel >= 0 && pixel <= 1);
  for (size_t i = 0; i < 5000; ++i) {
    float sum = 0;
    for (size_t c = 0; c < 10; ++c) sum += labels.floats()[i * 10 + c];
    ASSERT_EQ(sum, 1);
  }
  // An epoch gives each example once; the next one has another order.
  double first = 0, second = 0, all = 0;
  std::vector<float> begin;
  for (int i = 0; i < 50; ++i) {
    const Batch batch = mnist.train.NextBatch(100);
    EXPECT_EQ(batch.images.shape, (std::vector<int64_t>{100, 784}));
    if (i == 0) begin = batch.images.floats();
    for (float v : batch.images.floats()) first += v;
  }
  EXPECT_EQ(mnist.train.epochs_completed(), 0);
  const Batch next = mnist.train.NextBatch(100);
  EXPECT_EQ(mnist.train.epochs_completed(), 1);
  EXPECT_NE(next.images.floats(), begin);
  for (float v : next.images.floats()) second += v;
  for (int i = 1; i < 50; ++i) {
    const Batch batch = mnist.train.NextBatch(100);
    for (float v : batch.images.floats()) second += v;
  }
  for (float v : images.floats()) all += v;
  EXPECT_NEAR(first, all, 1e-6 * all);
  EXPECT_NEAR(second, all, 1e-6 * all);
  EXPECT_NO_THROW(
      ReadDataSets(dir_, {.dtype = PixelType::kUint8, .validation_size = 0}).test.images().bytes());
}

// The test accuracy after a short training.
float Trained(const std::filesystem::path& dir, ModelOptions options, int steps) {
  DataSets data = ReadDataSets(dir, {.validation_size = 0, .seed = 1});
  Graph graph;
  GraphScope scope(graph);
  graph.set_seed(1);
  options.train_examples = data.train.num_examples();
  const Model m = BuildModel(options);
  Session session;
  session.Run(GlobalVariablesInitializer());
  const auto arrays = [](const Values& images, const Values& labels) {
    return std::pair(
        Array::FromVector(images.floats(), Shape(images.shape)),
        Array::FromVector(std::vector<int64_t>(labels.bytes().begin(), labels.bytes().end())));
  };
  for (int s = 0; s < steps; ++s) {
    const Batch batch = data.train.NextBatch(options.batch_size);
    const auto [images, labels] = arrays(batch.images, batch.labels);
    session.Run(m.train, {{m.images, images}, {m.labels, labels}});
  }
  EXPECT_EQ(session.Run(m.step).scalar<int64_t>(), steps);
  const auto [images, labels] = arrays(data.test.images(), data.test.labels());
  return session.Run(m.accuracy, {{m.images, images}, {m.labels, labels}}).scalar<float>();
}

// The book's figure in small: without the hidden layer or its activation the net is a linear one
// and worse; without regularisation, averages or decay it is about as good.
TEST_F(TutorialC, C5_Ablations) {
  const int steps = 400;
  const float whole = Trained(dir_, {.hidden = 100}, steps);
  EXPECT_GT(whole, 0.9f);
  const float no_hidden = Trained(dir_, {.hidden = 0}, steps);
  // Two linear layers diverge at the rate of the whole net.
  const float no_activation =
      Trained(dir_, {.hidden = 100, .activation = false, .learning_rate = 0.1f}, steps);
  for (float linear : {no_hidden, no_activation}) {
    EXPECT_GT(linear, 0.75f);
    EXPECT_LT(linear, whole - 0.02f);
  }
  EXPECT_NEAR(Trained(dir_, {.hidden = 100, .regularization = 0}, steps), whole, 0.02);
  EXPECT_NEAR(Trained(dir_, {.hidden = 100, .decay = 1}, steps), whole, 0.02);
  EXPECT_NEAR(Trained(dir_, {.hidden = 100, .average_decay = 0}, steps), whole, 0.03);
}

}  // namespace
}  // namespace weft::examples
