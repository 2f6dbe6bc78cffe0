// SPDX-License-Identifier: Apache-2.0
// The sine is told from its last ten values: two LSTM layers of 30 units each, and a linear layer
// on their last output.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "weft/nn/rnn.h"
#include "weft/weft.h"

namespace weft::examples {

// Windows of a sampled sine: x [samples, steps, 1] and the value after each, y [samples, 1].
struct SineData {
  Array x, y;
  int64_t size() const { return x.dim(0); }
};
// The sine at `points` places from start to stop, both included.
SineData MakeSineData(double start, double stop, int64_t points, int64_t steps = 10);
SineData SineTrainingData();  // 10000 samples of [0, 100.1]
SineData SineTestData();      // 1000 samples of [100.1, 110.2]
// The rows of these numbers.
SineData Rows(const SineData& data, const std::vector<int64_t>& rows);
// The rows ((batch_size step + j) 7919) mod size, j = 0, 1, ...: a fixed order without a pattern.
SineData TrainingBatch(const SineData& data, int64_t step, int64_t batch_size);

struct SineOptions {
  int64_t units = 30;
  int64_t layers = 2;
  int64_t steps = 10;          // of a window
  float learning_rate = 0.1f;  // of Adagrad
  bool block_cells = false;    // LSTMBlockCell in the place of BasicLSTMCell
};
struct SineModel {
  Tensor x, y, predictions, loss;
  Operation train;
};
// In the default graph.
SineModel BuildSineModel(const SineOptions& options = {});

// The root of the mean squared error over all samples, and what is predicted for each.
struct SineEvaluation {
  double rmse = 0;
  std::vector<float> predictions;
};
SineEvaluation Evaluate(Session& session, const SineModel& model, const SineData& data);

// Both curves: the values in black, what is predicted in red.
void WriteSinePicture(const std::filesystem::path& path, const SineData& data,
                      const std::vector<float>& predictions);

}  // namespace weft::examples
