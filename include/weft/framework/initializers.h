// SPDX-License-Identifier: Apache-2.0
// Initial values of variables: functions that add the nodes of a value of a shape and dtype
// (tf.glorot_uniform_initializer, tf.orthogonal_initializer, ...).
//
//   auto w = wf::GetVariable("w", {784, 10}, {.initializer = wf::TruncatedNormalInitializer(0,
//   .1)}); wf::Tensor value = wf::OrthogonalInitializer({.seed = 1})({3, 3}, wf::kFloat32);
//
// Seeds are as in weft/ops/random.h: the values are TensorFlow's. Initializers may be used many
// times, from many threads. A wrong shape or dtype is an InvalidArgumentError when the value is
// made.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "weft/graph/input.h"

namespace weft {

// How many parts a variable is made in, in each dimension; at most one number is more than 1.
// weft/framework/partitioned_variable.h has the usual ones.
using Partitioner = std::function<std::vector<int64_t>(const Shape& shape, DataType dtype)>;

// Which part of a larger variable an initializer is asked for.
struct PartitionInfo {
  Shape full_shape;
  std::vector<int64_t> var_offset;

  // The one dimension along which a part of this shape is cut: 0 if none is. InvalidArgumentError
  // if the rank is another, the part is larger than the whole, or several dimensions are cut.
  int SingleSliceDim(const Shape& part) const;
  // The offset along that dimension; 0 if none is cut.
  int64_t SingleOffset(const Shape& part) const;
};

// A value, or a function that makes one.
class Initializer {
 public:
  // `partition` is null unless the variable is a part of a larger one, `shape` then the part's.
  using Function =
      std::function<Tensor(const Shape& shape, DataType dtype, const PartitionInfo* partition)>;
  Initializer() = default;  // none
  template <typename F>
  requires std::is_invocable_r_v<Tensor, const F&, const Shape&, DataType, const PartitionInfo*>
  Initializer(F function) : function_(std::move(function)) {}  // NOLINT: conversions are the point
  template <typename F>
  requires std::is_invocable_r_v<Tensor, const F&, const Shape&, DataType> Initializer(
      F function)  // NOLINT
      : function_([f = std::move(function)](const Shape& shape, DataType dtype,
                                            const PartitionInfo*) { return f(shape, dtype); }) {}
  // A function that knows the shape and dtype itself: for GetVariable without a shape.
  template <typename F>
  requires(std::is_invocable_r_v<Tensor, const F&> && !std::convertible_to<F, Input>)
      Initializer(F function)  // NOLINT
      : value_function_(std::move(function)) {}
  template <typename V>
  requires(std::convertible_to<V, Input> && !std::same_as<std::remove_cvref_t<V>, Initializer>)
      Initializer(V&& value)
      : value_(Input(std::forward<V>(value))) {}  // NOLINT
  template <typename T>
  requires std::constructible_from<Input, std::initializer_list<T>> Initializer(
      std::initializer_list<T> value)
      : value_(Input(value)) {}  // NOLINT

  bool valid() const { return function_ || value_function_ || value_; }
  bool is_value() const { return value_.has_value(); }
  const Input& value() const { return *value_; }
  // Whether it is a function without arguments.
  bool needs_no_shape() const { return static_cast<bool>(value_function_); }
  Tensor operator()() const { return value_function_(); }
  Tensor operator()(const Shape& shape, DataType dtype,
                    const PartitionInfo* partition = nullptr) const {
    return function_(shape, dtype, partition);
  }

 private:
  Function function_;
  std::function<Tensor()> value_function_;
  std::optional<Input> value_;
};

Initializer ZerosInitializer();
Initializer OnesInitializer();
struct ConstantInitializerOptions {
  // True: InvalidArgumentError unless the value has the variable's shape.
  bool verify_shape = false;
};
// Elements in row-major order; the last of them fills what is left. InvalidArgumentError if there
// are more than the variable has.
Initializer ConstantInitializer(const Array& value = Array(0.0f),
                                const ConstantInitializerOptions& options = {});

struct RandomInitializerOptions {
  std::optional<int64_t> seed = {};
};
// In [minval, maxval); maxval is 1 if not given, which only floating dtypes may leave out.
Initializer RandomUniformInitializer(const Input& minval = 0.0f, const Input& maxval = Tensor(),
                                     const RandomInitializerOptions& options = {});
Initializer RandomNormalInitializer(const Input& mean = 0.0f, const Input& stddev = 1.0f,
                                    const RandomInitializerOptions& options = {});
// Without numbers beyond two standard deviations.
Initializer TruncatedNormalInitializer(const Input& mean = 0.0f, const Input& stddev = 1.0f,
                                       const RandomInitializerOptions& options = {});

// Uniform in +-factor sqrt(3 / n), n the product of all sizes but the last: keeps the variance of
// a linear layer's outputs that of its inputs (Sussillo and Abbott, arXiv:1412.6558).
Initializer UniformUnitScalingInitializer(double factor = 1,
                                          const RandomInitializerOptions& options = {});

enum class FanMode { kFanIn, kFanOut, kFanAvg };
enum class ScalingDistribution { kUniform, kTruncatedNormal, kUntruncatedNormal };
struct VarianceScalingOptions {
  double scale = 1;
  FanMode mode = FanMode::kFanIn;
  ScalingDistribution distribution = ScalingDistribution::kTruncatedNormal;
  std::optional<int64_t> seed = {};
};
// Random numbers of variance scale / n, where n is the number of inputs or outputs of a unit of a
// layer with weights of this shape ([..., in, out]), or their mean; of the full shape for a part of
// a variable. Floating dtypes. InvalidArgumentError unless scale > 0.
Initializer VarianceScalingInitializer(const VarianceScalingOptions& options = {});
// Variance 1 / mean(in, out): what GetVariable takes for floating dtypes if none is given (Glorot
// and Bengio, 2010).
Initializer GlorotUniformInitializer(const RandomInitializerOptions& options = {});
Initializer GlorotNormalInitializer(const RandomInitializerOptions& options = {});
// Variance 1 / in.
Initializer LecunUniformInitializer(const RandomInitializerOptions& options = {});
Initializer LecunNormalInitializer(const RandomInitializerOptions& options = {});
// Variance 2 / in (He et al., arXiv:1502.01852).
Initializer HeUniformInitializer(const RandomInitializerOptions& options = {});
Initializer HeNormalInitializer(const RandomInitializerOptions& options = {});

// The identity matrix times gain, also of matrices that are not square; a part gets its part.
// Floating dtypes, two dimensions.
Initializer IdentityInitializer(double gain = 1);

struct OrthogonalInitializerOptions {
  double gain = 1;  // a factor of all elements
  std::optional<int64_t> seed = {};
};
// Of shape [..., n]: the factor q of a random normal matrix of all leading sizes by n, so that
// columns (or rows, where there are fewer) are orthonormal; signs by the diagonal of r make it
// uniform among such matrices (Saxe et al., arXiv:1312.6120).
Initializer OrthogonalInitializer(const OrthogonalInitializerOptions& options = {});
// Kernels of convolutions that keep norms: orthogonal at the centre, 0 elsewhere (algorithm 2 of
// Xiao et al., 2018). Three to five dimensions [..., in, out], in <= out.
Initializer ConvolutionalDeltaOrthogonal(const OrthogonalInitializerOptions& options = {});
// Orthogonal kernels of all window elements (algorithms of the same paper): shapes [k, in, out],
// [k, k, in, out], [k, k, k, in, out], in <= out. With a seed, the random matrices inside take
// seed, seed + 1, ...; it goes on where the last use of the initializer ended.
Initializer ConvolutionalOrthogonal1d(const OrthogonalInitializerOptions& options = {});
Initializer ConvolutionalOrthogonal2d(const OrthogonalInitializerOptions& options = {});
Initializer ConvolutionalOrthogonal3d(const OrthogonalInitializerOptions& options = {});

}  // namespace weft
