// SPDX-License-Identifier: Apache-2.0
// Random tensors: TensorFlow's numbers bit for bit for the same seeds.
//
//   wf::Variable w(wf::TruncatedNormal({784, 10}, {.stddev = 0.1f, .seed = 1}));
//
// The sequence follows from the graph's seed (Graph::set_seed) and the op's: with neither it is
// another one in each session; with the graph's alone, ops get seeds by the order in which they are
// made. Each run gives new numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "weft/ops/int_list.h"

namespace weft {

struct RandomNormalOptions {
  Input mean = 0.0f;
  Input stddev = 1.0f;
  DataType dtype = kFloat32;
  std::optional<int64_t> seed = {};
  std::string name = {};
};
Tensor RandomNormal(const IntList& shape, const RandomNormalOptions& options = {});
// Numbers beyond two standard deviations are drawn again.
Tensor TruncatedNormal(const IntList& shape, const RandomNormalOptions& options = {});

struct RandomUniformOptions {
  Input minval = 0;
  Input maxval = Tensor();  // 1 for floating dtypes; integers must say
  DataType dtype = kFloat32;
  std::optional<int64_t> seed = {};
  std::string name = {};
};
// In [minval, maxval).
Tensor RandomUniform(const IntList& shape, const RandomUniformOptions& options = {});

}  // namespace weft
