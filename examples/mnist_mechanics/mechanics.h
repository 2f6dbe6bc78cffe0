// SPDX-License-Identifier: Apache-2.0
// The mechanics of training a digit classifier, in four functions: build the net, its loss, its
// training step and its evaluation; and a loop that runs them.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "examples/support/mnist_data.h"
#include "weft/weft.h"

namespace weft::examples {

inline constexpr int64_t kNumClasses = 10;
inline constexpr int64_t kImagePixels = 28 * 28;

// Logits [n, 10] of images [n, 784]: two layers of ReLU units, "hidden1" and "hidden2", and a
// linear one, "softmax_linear"; each has its weights and biases under a name scope of its own.
Tensor Inference(const Tensor& images, int64_t hidden1_units, int64_t hidden2_units);

// The mean cross entropy of logits [n, 10] and classes int32 [n].
Tensor Loss(const Tensor& logits, const Tensor& labels);

// One step of gradient descent, with a summary of the loss and a count of the steps.
Operation Training(const Tensor& loss, float learning_rate);

// The number of rows whose highest logit is that of the class: an int32 scalar.
Tensor CountCorrect(const Tensor& logits, const Tensor& labels);

struct MechanicsOptions {
  float learning_rate = 0.01f;
  int64_t steps = 2000;
  int64_t hidden1 = 128, hidden2 = 32;
  int64_t batch_size = 100;
  int64_t seed = 1;
  int64_t eval_each = 1000;       // steps
  std::filesystem::path log_dir;  // of event files and checkpoints; none if empty
};

struct Precision {
  int64_t num_examples = 0, num_correct = 0;
  double value() const {
    return static_cast<double>(num_correct) / static_cast<double>(num_examples);
  }
};

// Trains in a graph of its own and calls `print` with each line: the loss each 100 steps, and the
// precision on all three sets each `eval_each` steps and at the end, when a checkpoint is saved too
// ("model.ckpt-<step>"). Returns the last one on the
// test set.
Precision RunTraining(DataSets& data, const MechanicsOptions& options,
                      const std::function<void(const std::string&)>& print);

}  // namespace weft::examples
