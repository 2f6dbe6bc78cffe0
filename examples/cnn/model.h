// SPDX-License-Identifier: Apache-2.0
// A digit classifier by convolution: conv 5x5x32, pool, conv 5x5x64, pool, 512 units with dropout,
// 10 classes; or LeNet-5. Trained by gradient descent with a decaying rate, L2 regularisation of
// the full connections, and moving averages of the weights.
#pragma once

#include <map>
#include <string>

#include "weft/weft.h"

namespace weft::examples {

struct CnnOptions {
  std::string net = "cnn";  // or "lenet5"; any other is a std::invalid_argument
  float learning_rate = 0.01f;
  float decay = 0.99f;  // of the rate, an epoch
  float regularization = 1e-4f;
  float average_decay = 0.99f;
  int64_t batch_size = 100;
  int64_t train_examples = 55000;
};

struct CnnModel {
  Tensor images;  // float [n, 784]
  Tensor labels;  // int64 [n]
  Tensor loss;
  Tensor accuracy;  // of the averaged weights, without dropout
  Operation train;  // one step
  Variable step;
};
// Adds the model, with training, to the default graph.
CnnModel BuildCnn(const CnnOptions& options);

// The net alone, for a program that evaluates checkpoints.
struct CnnEvaluation {
  Tensor images, labels, accuracy;
  // For a Saver: variables under the names of their moving averages.
  std::map<std::string, Variable> restore;
};
CnnEvaluation BuildCnnEvaluation(const CnnOptions& options);

}  // namespace weft::examples
