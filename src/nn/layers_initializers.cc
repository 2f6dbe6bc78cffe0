// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "weft/nn/layers.h"

namespace weft::layers {
namespace {

// How many inputs and outputs a unit of a layer with weights [window..., in, out] has; 1 for none.
double UnitsOf(const Shape& shape, Fan mode) {
  double window = 1, in = 1, out = 1;
  const int rank = shape.rank();
  if (rank > 0) {
    out = static_cast<double>(shape.dim(rank - 1));
    in = rank > 1 ? static_cast<double>(shape.dim(rank - 2)) : out;
  }
  for (int i = 0; i < rank - 2; ++i) window *= static_cast<double>(shape.dim(i));
  if (mode == Fan::kIn) return in * window;
  if (mode == Fan::kOut) return out * window;
  return (in * window + out * window) / 2;
}

}  // namespace

Initializer VarianceScalingInitializer(const VarianceScalingInitializerOptions& o) {
  return [o](const Shape& shape, DataType dtype) {
    if (!IsFloating(dtype)) {
      ThrowError(
          Code::kInvalidArgument,
          StrCat("Cannot create initializer for non-floating point type: ", DTypeName(dtype)));
    }
    const double n = std::max(1.0, UnitsOf(shape, o.mode));
    if (o.uniform) {
      const double limit = std::sqrt(3.0 * o.factor / n);
      return RandomUniformInitializer(-limit, limit, {o.seed})(shape, dtype);
    }
    // 1.3 makes up for the two tails that are cut off.
    const double stddev = std::sqrt(1.3 * o.factor / n);
    return TruncatedNormalInitializer(0.0f, stddev, {o.seed})(shape, dtype);
  };
}

Initializer XavierInitializer(const XavierInitializerOptions& o) {
  return VarianceScalingInitializer(
      {.factor = 1, .mode = Fan::kAverage, .uniform = o.uniform, .seed = o.seed});
}

}  // namespace weft::layers
