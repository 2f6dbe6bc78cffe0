// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/initializers.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/initializer_checks.h"
#include "src/graph/literal.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/math_binary.h"
#include "weft/ops/random.h"

namespace weft {

void internal::CheckFloating(const char* what, DataType dtype) {
  if (!IsFloating(dtype))
    ThrowError(Code::kInvalidArgument,
               StrCat(what, ": argument `dtype` is expected to be floating point. Received: ",
                      DTypeName(dtype), "."));
}

namespace {

using internal::CheckFloating;

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

// `values` first, then its last element as often as it takes.
Array Filled(const Array& values, const Shape& shape) {
  const int64_t n = values.num_elements(), wanted = shape.num_elements();
  if (n > wanted) {
    ThrowError(Code::kInvalidArgument,
               StrCat("ConstantInitializer: too many elements provided. Needed at most ", wanted,
                      ", but received ", n));
  }
  if (n == wanted) return values.Reshaped(shape);
  if (n == 0)
    ThrowError(Code::kInvalidArgument,
               StrCat("ConstantInitializer: an empty value has no element to fill ",
                      PartialShape(shape).ToString(), " with"));
  const Array flat = values.Reshaped(Shape({n}));
  Array all = Array::Full(shape, flat.SliceRows(n - 1, n).Reshaped(Shape()));
  if (values.dtype() == kString) {
    std::copy_n(flat.data<std::string>(), n, all.mutable_data<std::string>());
  } else {
    std::memcpy(all.raw_data(), flat.raw_data(), flat.num_bytes());
  }
  return all;
}

Initializer Scaled(double scale, FanMode mode, ScalingDistribution distribution,
                   const RandomInitializerOptions& o) {
  return VarianceScalingInitializer(
      {.scale = scale, .mode = mode, .distribution = distribution, .seed = o.seed});
}

}  // namespace

Initializer ZerosInitializer() {
  return [](const Shape& shape, DataType dtype) { return Zeros(shape, dtype); };
}
Initializer OnesInitializer() {
  return [](const Shape& shape, DataType dtype) { return Ones(shape, dtype); };
}

Initializer ConstantInitializer(const Array& value, const ConstantInitializerOptions& o) {
  return [value, o](const Shape& shape, DataType dtype) {
    if (o.verify_shape && !(value.shape() == shape)) {
      ThrowError(Code::kInvalidArgument, StrCat("ConstantInitializer: expected Tensor's shape: ",
                                                PartialShape(shape).ToPythonString(), ", got ",
                                                PartialShape(value.shape()).ToPythonString(), "."));
    }
    return Constant(Filled(ConvertLiteral(value, dtype, "ConstantInitializer", "value"), shape));
  };
}

Initializer RandomUniformInitializer(const Input& minval, const Input& maxval,
                                     const RandomInitializerOptions& o) {
  return [=](const Shape& shape, DataType dtype) {
    return RandomUniform(shape,
                         {.minval = minval, .maxval = maxval, .dtype = dtype, .seed = o.seed});
  };
}
Initializer RandomNormalInitializer(const Input& mean, const Input& stddev,
                                    const RandomInitializerOptions& o) {
  return [=](const Shape& shape, DataType dtype) {
    CheckFloating("RandomNormalInitializer", dtype);
    return RandomNormal(shape, {.mean = mean, .stddev = stddev, .dtype = dtype, .seed = o.seed});
  };
}
Initializer TruncatedNormalInitializer(const Input& mean, const Input& stddev,
                                       const RandomInitializerOptions& o) {
  return [=](const Shape& shape, DataType dtype) {
    CheckFloating("TruncatedNormalInitializer", dtype);
    return TruncatedNormal(shape, {.mean = mean, .stddev = stddev, .dtype = dtype, .seed = o.seed});
  };
}

Initializer UniformUnitScalingInitializer(double factor, const RandomInitializerOptions& o) {
  return [=](const Shape& shape, DataType dtype, const PartitionInfo* partition) {
    CheckFloating("UniformUnitScalingInitializer", dtype);
    const Shape& full = partition ? partition->full_shape : shape;
    double inputs = 1;
    for (int i = 0; i + 1 < full.rank(); ++i) inputs *= static_cast<double>(full.dim(i));
    const double limit = std::sqrt(3 / std::max(1.0, inputs)) * factor;
    return RandomUniformInitializer(-limit, limit, o)(shape, dtype);
  };
}

Initializer VarianceScalingInitializer(const VarianceScalingOptions& o) {
  if (!(o.scale > 0))
    ThrowError(Code::kInvalidArgument,
               StrCat("Argument `scale` must be a positive float. Received: ", o.scale));
  return [o](const Shape& shape, DataType dtype, const PartitionInfo* partition) {
    CheckFloating("VarianceScalingInitializer", dtype);
    const auto [in, out] = Fans(partition ? partition->full_shape : shape);
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
  return Scaled(1, FanMode::kFanAvg, ScalingDistribution::kUniform, o);
}
Initializer GlorotNormalInitializer(const RandomInitializerOptions& o) {
  return Scaled(1, FanMode::kFanAvg, ScalingDistribution::kTruncatedNormal, o);
}
Initializer LecunUniformInitializer(const RandomInitializerOptions& o) {
  return Scaled(1, FanMode::kFanIn, ScalingDistribution::kUniform, o);
}
Initializer LecunNormalInitializer(const RandomInitializerOptions& o) {
  return Scaled(1, FanMode::kFanIn, ScalingDistribution::kTruncatedNormal, o);
}
Initializer HeUniformInitializer(const RandomInitializerOptions& o) {
  return Scaled(2, FanMode::kFanIn, ScalingDistribution::kUniform, o);
}
Initializer HeNormalInitializer(const RandomInitializerOptions& o) {
  return Scaled(2, FanMode::kFanIn, ScalingDistribution::kTruncatedNormal, o);
}

Initializer IdentityInitializer(double gain) {
  return [gain](const Shape& shape, DataType dtype, const PartitionInfo* partition) {
    CheckFloating("IdentityInitializer", dtype);
    const Shape& full = partition ? partition->full_shape : shape;
    if (full.rank() != 2) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("The tensor to initialize, specified by argument `shape` must be at least "
                        "two-dimensional. Received shape=",
                        PartialShape(shape).ToString()));
    }
    Tensor identity = Eye(full.dim(0), {.num_columns = full.dim(1), .dtype = dtype});
    if (partition) identity = Slice(identity, partition->var_offset, shape);
    return gain * identity;
  };
}

// ---- PartitionInfo ------------------------------------------------------------------------------

int PartitionInfo::SingleSliceDim(const Shape& part) const {
  if (part.rank() != full_shape.rank()) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Expected equal rank, but received shape=", PartialShape(part).ToString(),
                      " of length ", part.rank(),
                      " while full_shape=", PartialShape(full_shape).ToString(), " is of length ",
                      full_shape.rank(), "."));
  }
  int cut = -1;
  for (int i = 0; i < part.rank(); ++i) {
    if (var_offset[static_cast<size_t>(i)] + part.dim(i) > full_shape.dim(i)) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("With partition var_offset={", StrJoin(var_offset, ","), "} a shape of ",
                        PartialShape(part).ToString(), " would exceed full_shape=",
                        PartialShape(full_shape).ToString(), " in dimension ", i, "."));
    }
    if (part.dim(i) == full_shape.dim(i)) continue;
    if (cut >= 0) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("Cannot use single_slice_dim() with shape=", PartialShape(part).ToString(),
                        " and full_shape=", PartialShape(full_shape).ToString(),
                        " since slice dim could be either dimension ", cut, " or ", i, "."));
    }
    cut = i;
  }
  return std::max(cut, 0);
}

int64_t PartitionInfo::SingleOffset(const Shape& part) const {
  return part.rank() == 0 ? 0 : var_offset[static_cast<size_t>(SingleSliceDim(part))];
}

}  // namespace weft
