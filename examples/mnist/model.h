// SPDX-License-Identifier: Apache-2.0
// A digit classifier with one hidden layer: 784-500-10, trained by gradient descent with a decaying
// rate, L2 regularisation and moving averages of the weights.
#pragma once

#include <map>
#include <string>

#include "weft/weft.h"

namespace weft::examples {

struct ModelOptions {
  int64_t hidden = 500;    // 0: no hidden layer
  bool activation = true;  // false: the hidden layer is linear
  float learning_rate = 0.8f;
  float decay = 0.99f;           // of the rate, an epoch; 1: none
  float regularization = 1e-4f;  // 0: none
  float average_decay = 0.99f;   // 0: no moving averages
  int64_t batch_size = 100;
  int64_t train_examples = 55000;
};

struct Model {
  Tensor images;  // float [n, 784]
  Tensor labels;  // int64 [n]
  Tensor loss;
  Tensor accuracy;       // of the averaged weights, if there are any
  Tensor probabilities;  // likewise; [n, 10]
  Operation train;       // one step
  Variable step;
};

// Adds the model to the default graph. Its probabilities are the node "probabilities".
Model BuildModel(const ModelOptions& options);

// What evaluates a trained model: the net alone, without loss and training.
struct Evaluation {
  Tensor images, labels, accuracy, probabilities;
  // For a Saver: the variables under the names of what they are to hold, their moving averages if
  // there are any.
  std::map<std::string, Variable> restore;
};
Evaluation BuildEvaluation(const ModelOptions& options);

}  // namespace weft::examples
