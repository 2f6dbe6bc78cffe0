// SPDX-License-Identifier: Apache-2.0
#include "bench/weft_bench/data.h"

#include <cmath>

namespace weft::bench {

float Uniform01(uint64_t stream, uint64_t i) {
  uint64_t z = (stream << 40) + i + 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  z ^= z >> 31;
  return static_cast<float>(z >> 40) * 0x1p-24f;
}

Array Uniform(uint64_t stream, const Shape& shape, float lo, float hi) {
  Array a(kFloat32, shape);
  float* out = a.mutable_data<float>();
  for (int64_t i = 0; i < a.num_elements(); ++i)
    out[i] = Uniform01(stream, static_cast<uint64_t>(i)) * (hi - lo) + lo;
  return a;
}

Array Glorot(uint64_t stream, const Shape& shape) {
  const double fans =
      static_cast<double>(shape.dim(shape.rank() - 2) + shape.dim(shape.rank() - 1));
  const double a = std::sqrt(6.0 / fans);
  return Uniform(stream, shape, static_cast<float>(-a), static_cast<float>(a));
}

}  // namespace weft::bench
