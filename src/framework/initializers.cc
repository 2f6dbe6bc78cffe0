// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/variable_scope.h"

#include <algorithm>
#include <cmath>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/literal.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/random.h"

namespace weft {
namespace {

void CheckFloating(const char* what, DataType dtype) {
  if (!IsFloating(dtype))
    ThrowError(Code::kInvalidArgument,
               StrCat(what, ": expected a floating dtype, not ", DTypeName(dtype)));
}

// The numbers of inputs and outputs of one unit.
std::pair<double, double> Fans(const Shape& shape) {
  if (shape.rank() == 0) return {1, 1};
  if (shape.rank() == 1) {
    const auto n = static_cast<double>(shape.dim(0));
    return {n, n};
  }
  double window = 1;
  for (int i = 0; i < shape.rank() - 2; ++i) window *= static_cast<double>(shape.dim(i));
  return {window * static_cast<double>(shape.dim(shape.rank() - 2)),
          window * static_cast<double>(shape.dim(shape.rank() - 1))};
}

}  // namespace

Initializer ZerosInitializer() {
  return [](const Shape& shape, DataType dtype) { return Zeros(shape, dtype); };
}
Initializer OnesInitializer() {
  return [](const Shape& shape, DataType dtype) { return Ones(shape, dtype); };
}

Initializer ConstantInitializer(const Array& value) {
  return [value](const Shape& shape, DataType dtype) {
    const Array all = ConvertLiteral(value, dtype, "ConstantInitializer", "value");
    return Constant(all.num_elements() == 1 ? all.Reshaped(Shape()) : all, shape);
  };
}

Initializer RandomUniformInitializer(double minval, double maxval,
                                     const RandomInitializerOptions& o) {
  return [=](const Shape& shape, DataType dtype) {
    return RandomUniform(shape,
                         {.minval = minval, .maxval = maxval, .dtype = dtype, .seed = o.seed});
  };
}
Initializer RandomNormalInitializer(double mean, double stddev, const RandomInitializerOptions& o) {
  return [=](const Shape& shape, DataType dtype) {
    return RandomNormal(shape, {.mean = mean, .stddev = stddev, .dtype = dtype, .seed = o.seed});
  };
}
Initializer TruncatedNormalInitializer(double mean, double stddev,
                                       const RandomInitializerOptions& o) {
  return [=](const Shape& shape, DataType dtype) {
    return TruncatedNormal(shape, {.mean = mean, .stddev = stddev, .dtype = dtype, .seed = o.seed});
  };
}

Initializer VarianceScalingInitializer(const VarianceScalingOptions& o) {
  if (!(o.scale > 0))
    ThrowError(Code::kInvalidArgument, StrCat("`scale` must be positive float, not ", o.scale));
  return [o](const Shape& shape, DataType dtype) {
    CheckFloating("VarianceScalingInitializer", dtype);
    const auto [in, out] = Fans(shape);
    const double n = o.mode == FanMode::kFanIn    ? in
                     : o.mode == FanMode::kFanOut ? out
                                                  : (in + out) / 2;
    const double variance = o.scale / std::max(1.0, n);
    switch (o.distribution) {
      case ScalingDistribution::kUniform: {
        const double limit = std::sqrt(3 * variance);
        return RandomUniformInitializer(-limit, limit, {o.seed})(shape, dtype);
      }
      case ScalingDistribution::kTruncatedNormal:
        // The standard deviation of a standard normal cut off at two is 0.8796...
        return TruncatedNormalInitializer(0, std::sqrt(variance) / .87962566103423978, {o.seed})(
            shape, dtype);
      case ScalingDistribution::kUntruncatedNormal:
        break;
    }
    return RandomNormalInitializer(0, std::sqrt(variance), {o.seed})(shape, dtype);
  };
}
Initializer GlorotUniformInitializer(const RandomInitializerOptions& o) {
  return VarianceScalingInitializer(
      {.mode = FanMode::kFanAvg, .distribution = ScalingDistribution::kUniform, .seed = o.seed});
}
Initializer GlorotNormalInitializer(const RandomInitializerOptions& o) {
  return VarianceScalingInitializer({.mode = FanMode::kFanAvg, .seed = o.seed});
}

}  // namespace weft
