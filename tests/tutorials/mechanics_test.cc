// SPDX-License-Identifier: Apache-2.0
// C4: the example program mnist_mechanics, on some thousand drawn digits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "examples/mnist_mechanics/mechanics.h"
#include "examples/support/draw_digits.h"
#include "tests/support/temporary_folder.h"
#include "weft/framework/checkpoint.h"

namespace weft::examples {
namespace {

namespace fs = std::filesystem;

TEST(Mechanics, NamesOfTheNet) {
  Graph graph;
  GraphScope use(graph);
  const Tensor images = Placeholder(kFloat32, PartialShape({100, kImagePixels}));
  const Tensor labels = Placeholder(kInt32, PartialShape({100}));
  const Tensor logits = Inference(images, 128, 32);
  EXPECT_EQ(logits.ToString(), "Tensor(\"softmax_linear/add:0\", shape=(100, 10), dtype=float32)");
  EXPECT_EQ(Loss(logits, labels).name(), "xentropy_mean:0");
  std::vector<std::string> names;
  for (const Variable& v : GlobalVariables()) names.push_back(v.name());
  EXPECT_THAT(names, testing::ElementsAre("hidden1/weights:0", "hidden1/biases:0",
                                          "hidden2/weights:0", "hidden2/biases:0",
                                          "softmax_linear/weights:0", "softmax_linear/biases:0"));
}

TEST(Mechanics, TrainsAndPrints) {
  const fs::path dir =
      fs::path(testing::TempDir()) / ("weft_mechanics_" + std::to_string(getpid()));
  WriteDefaultDigits(dir, {.num_train = 6000, .num_test = 1000});
  DataSets data = ReadDataSets(dir, {.validation_size = 1000, .seed = 1});
  std::vector<std::string> lines;
  const Precision test = RunTraining(
      data, {.learning_rate = 0.1f, .steps = 400, .eval_each = 200, .log_dir = dir / "log"},
      [&](const std::string& line) { lines.push_back(line); });
  const std::vector<std::string> want = {
      R"(Step 0: loss = 2\.\d\d \(\d+\.\d{3} sec\))",
      R"(Step 100: loss = \d\.\d\d \(\d+\.\d{3} sec\))",
      "Training Data Eval:",
      R"(  Num examples: 5000  Num correct: \d+  Precision @ 1: \d\.\d{4})",
      "Validation Data Eval:",
      R"(  Num examples: 1000  Num correct: \d+  Precision @ 1: \d\.\d{4})",
      "Test Data Eval:",
      R"(  Num examples: 1000  Num correct: \d+  Precision @ 1: \d\.\d{4})"};
  ASSERT_EQ(lines.size(), 2 * want.size());
  for (size_t i = 0; i < want.size(); ++i)
    EXPECT_TRUE(std::regex_match(lines[i], std::regex(want[i]))) << lines[i];
  EXPECT_EQ(test.num_examples, 1000);
  EXPECT_GT(test.value(), 0.8);
  size_t event_files = 0;
  for (const auto& entry : fs::directory_iterator(dir / "log"))
    event_files += entry.path().filename().string().starts_with("events.out.tfevents.");
  EXPECT_EQ(event_files, 1u);
  EXPECT_EQ(train::LatestCheckpoint((dir / "log").string()), (dir / "log/model.ckpt-399").string());
  fs::remove_all(dir);
}

}  // namespace
}  // namespace weft::examples
