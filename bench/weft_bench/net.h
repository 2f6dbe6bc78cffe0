// SPDX-License-Identifier: Apache-2.0
// The image networks that nets/*.json describe, one layer a line.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "weft/core/array.h"
#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft::bench {

class Net {
 public:
  // Of the folder of settings(). Throws std::runtime_error if there is none.
  explicit Net(const std::string& name);

  int64_t size() const;  // of an image's side
  uint64_t seed() const { return seed_; }
  // By number: filters, matrices and biases, and of each normalisation scale, offset, moving mean
  // and moving variance.
  std::vector<Array> Parameters() const;
  std::vector<Shape> ParameterShapes() const;
  // Those that are not moving averages.
  std::vector<size_t> Trainable() const;

  // The logits. Normalisation is by the moving averages.
  Tensor Infer(const Tensor& x, const std::vector<Input>& parameters) const;
  // By the batch's statistics, which it returns with the number of their moving average.
  struct Training {
    Tensor logits;
    std::vector<std::pair<size_t, Tensor>> statistics;
  };
  Training Train(const Tensor& x, const std::vector<Input>& parameters) const;

 private:
  std::vector<std::string> layers_;
  uint64_t seed_ = 0;
  int64_t output_ = 0;
};

// resnet50_train_b8 up to its loss.
struct NetLoss {
  Tensor images, labels, loss;
  std::vector<std::pair<size_t, Tensor>> statistics;
};
constexpr int64_t kTrainBatch = 8;
NetLoss BuildLoss(const Net& net, const std::vector<Input>& parameters);

}  // namespace weft::bench
