// SPDX-License-Identifier: Apache-2.0
// Normal numbers between bounds, a mean, a deviation and bounds for each row.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "kernels/common/broadcast.h"
#include "kernels/cpu/random_source.h"
#include "kernels/cpu/rng.h"
#include "src/core/strings.h"

namespace weft {
namespace {

// Attempts for one number. By the choice of the method, each one succeeds with a probability of
// about 1/2 or more.
constexpr int kMaxAttempts = 1000;
// Rows of equal parameters are taken as rows of this length.
constexpr int64_t kRowOfEqualParameters = 100;
// The normal distribution itself is tried when the bounds hold the mean and this many deviations.
constexpr double kDeviationsForNormal = 1.3;

// Arithmetic of halves gives floats; T(...) around each step rounds it, as TensorFlow does.
template <typename T>
T Exp(T x) {
  if constexpr (std::is_same_v<T, half>)
    return half(std::exp(static_cast<float>(x)));
  else
    return std::exp(x);
}
template <typename T>
T Log(T x) {
  if constexpr (std::is_same_v<T, half>)
    return half(std::log(static_cast<float>(x)));
  else
    return std::log(x);
}
template <typename T>
T Sqrt(T x) {
  if constexpr (std::is_same_v<T, half>)
    return half(std::sqrt(static_cast<float>(x)));
  else
    return std::sqrt(x);
}
template <typename T>
bool IsFinite(T x) {
  return std::isfinite(static_cast<double>(x));
}

// Counts what is done for one number at a time.
class Attempts {
 public:
  // False when they are used up.
  bool Failed() { return ++count_ < kMaxAttempts; }
  void Succeeded() { count_ = 0; }

 private:
  int count_ = 0;
};

// Where numbers go that lie this far apart.
template <typename T>
struct Column {
  T* first;
  int64_t step = 1;
  T& operator[](int64_t i) const { return first[i * step]; }
};

// One row of numbers. Which sampler is best depends on where the bounds lie (Robert, "Simulation of
// truncated normal variables", Statistics and Computing 5, 1995).
template <typename T>
class TruncatedRow {
 public:
  TruncatedRow(T mean, T deviation, T low, T high) : mean_(mean), deviation_(deviation) {
    valid_ = deviation > T(0) && low < high && (IsFinite(low) || IsFinite(high));
    // The finite bound, or the one next to the mean, becomes the lower one.
    if ((std::isinf(static_cast<double>(low)) && low < T(0)) || high < mean) {
      std::swap(low, high);
      deviation_ = T(-deviation_);
    }
    low_ = T(T(low - mean_) / deviation_);
    high_ = T(T(high - mean_) / deviation_);
  }

  bool valid() const { return valid_; }

  // n numbers; false if one was not found.
  bool Fill(Philox* generator, Column<T> out, int64_t n) const {
    if (n == 0) return true;
    const T width = T(kDeviationsForNormal);
    if ((low_ < T(-width) && high_ >= T(0)) || (high_ > width && low_ <= T(0)))
      return FromNormal(generator, out, n);
    const T root = Root();
    const T exponent = T(T(0.5) + T(T(low_ * T(low_ - root)) / T(4)));
    const T cutoff = T(T(T(2) * Exp(exponent)) / T(low_ + root));
    if (T(high_ - low_) < cutoff) return FromUniform(generator, out, n);
    return FromExponential(generator, out, n);
  }

 private:
  T Scale(T z) const { return T(T(z * deviation_) + mean_); }
  T Root() const { return Sqrt(T(T(low_ * low_) + T(4))); }

  bool FromNormal(Philox* generator, Column<T> out, int64_t n) const {
    int failures = 0;
    for (int64_t i = 0; i < n;) {
      for (const T z : Normal<T>()((*generator)())) {
        if (z >= low_ && z <= high_) {
          out[i++] = Scale(z);
          if (i == n) break;
          failures = 0;
        } else if (++failures > kMaxAttempts) {
          return false;
        }
      }
    }
    return true;
  }

  // Proposals are even between the bounds.
  bool FromUniform(Philox* generator, Column<T> out, int64_t n) const {
    const T range = T(high_ - low_), shift = low_ < T(0) ? T(0) : T(low_ * low_);
    Attempts attempts;
    for (int64_t i = 0; i < n;) {
      const auto proposals = Uniform<T>()((*generator)()), tests = Uniform<T>()((*generator)());
      for (size_t k = 0; k < proposals.size(); ++k) {
        const T z = T(T(proposals[k] * range) + low_);
        if (tests[k] <= Exp(T(T(shift - T(z * z)) / T(2)))) {
          out[i++] = Scale(z);
          if (i == n) break;
          attempts.Succeeded();
        } else if (!attempts.Failed()) {
          return false;
        }
      }
    }
    return true;
  }

  // Proposals are exponential from the lower bound on, at the rate that is accepted most often.
  bool FromExponential(Philox* generator, Column<T> out, int64_t n) const {
    const T rate = T(T(low_ + Root()) / T(2));
    Attempts attempts;
    for (int64_t i = 0; i < n;) {
      const auto u = Uniform<T>()((*generator)());
      for (size_t k = 0; k + 1 < u.size(); k += 2) {
        const T z = T(T(T(-Log(u[k])) / rate) + low_);
        const T x = low_ < rate ? T(rate - z) : T(low_ - rate);
        if (u[k + 1] <= Exp(T(T(T(-x) * x) / T(2))) && z < high_) {
          out[i++] = Scale(z);
          if (i == n) break;
          attempts.Succeeded();
        } else if (!attempts.Failed()) {
          return false;
        }
      }
    }
    return true;
  }

  T mean_, deviation_, low_{}, high_{};
  bool valid_;
};

absl::Status InvalidParameters(KernelContext& ctx) {
  return ctx.InvalidArgument(
      "Invalid parameters: stddev must be positive, minval less than maxval, and one of them "
      "finite");
}
absl::Status NotFound(KernelContext& ctx) {
  return ctx.Error(absl::StatusCode::kInternal,
                   "TruncatedNormal rejection sampler failed to accept a sample.");
}

constexpr std::array<const char*, 4> kParameterNames = {"means", "stddevs", "minvals", "maxvals"};

// A scalar, or a vector of one element or one for each row.
absl::Status CheckParameter(KernelContext& ctx, int p, int64_t rows, bool equal) {
  const Array& parameter = ctx.input(1 + p);
  const char* name = kParameterNames[static_cast<size_t>(p)];
  if (parameter.rank() > 1)
    return ctx.InvalidArgument(StrCat("Input ", name, " should be a scalar or vector, got shape: ",
                                      parameter.shape().ToString()));
  if (!equal && parameter.rank() == 1 && parameter.dim(0) != 1 && parameter.dim(0) != rows)
    return ctx.InvalidArgument(
        StrCat("Input ", name,
               " should have length 1 or shape[0], got shape: ", parameter.shape().ToString()));
  return absl::OkStatus();
}

template <typename T>
class ParameterizedTruncatedNormalKernel final : public Kernel {
 public:
  explicit ParameterizedTruncatedNormalKernel(KernelConstruction& c) : state_(c) {}
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromInput(ctx, 0));
    if (shape.rank() == 0) return ctx.InvalidArgument("Shape tensor must not be empty, got []");
    const int64_t n = shape.num_elements();
    int64_t rows = shape.dim(0), row_size = rows == 0 ? 0 : n / rows;
    const bool equal = AllEqual(ctx);
    for (int p = 0; p < 4; ++p) WEFT_RETURN_IF_ERROR(CheckParameter(ctx, p, rows, equal));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    if (n == 0) return absl::OkStatus();
    if (equal) {
      row_size = kRowOfEqualParameters;
      rows = (n + row_size - 1) / row_size;
    }
    // The numbers of a row begin where those of the row before ended, so rows are not independent.
    Philox generator = state_.Reserve(static_cast<uint64_t>(rows) * 2 * kMaxAttempts *
                                      static_cast<uint64_t>(row_size + 3) / 4);
    T* out = y->mutable_data<T>();
    for (int64_t r = 0; r < rows; ++r) {
      auto parameter = [&](int p) {
        const Array& a = ctx.input(1 + p);
        return a.data<T>()[a.num_elements() == 1 ? 0 : r];
      };
      const TruncatedRow<T> row(parameter(0), parameter(1), parameter(2), parameter(3));
      if (!row.valid()) return InvalidParameters(ctx);
      const int64_t begin = r * row_size, end = std::min(n, begin + row_size);
      if (!row.Fill(&generator, {out + begin}, end - begin)) return NotFound(ctx);
    }
    return absl::OkStatus();
  }

 private:
  static bool AllEqual(KernelContext& ctx) {
    auto one = [&](int i) { return ctx.input(i).rank() == 0 || ctx.input(i).num_elements() == 1; };
    return one(1) && one(2) && ctx.input(3).rank() == 0 && ctx.input(4).rank() == 0;
  }
  PhiloxState state_;
};

// The element of a parameter that belongs to element i of the shape it is broadcast to.
int64_t BroadcastIndex(const Shape& parameter, const Shape& output, int64_t i) {
  int64_t index = 0, step = 1;
  for (int d = 1; d <= parameter.rank(); ++d) {
    const int64_t size = parameter.dim(parameter.rank() - d), out = output.dim(output.rank() - d);
    if (size != 1) index += i % out * step;
    step *= size;
    i /= out;
  }
  return index;
}

// The shape that the parameters, inputs 2 to 5, are broadcast to. InvalidArgument unless `shape`
// ends with it.
absl::StatusOr<Shape> ParameterShape(KernelContext& ctx, const Shape& shape) {
  std::vector<int64_t> dims;
  for (int p = 2; p < 6; ++p) {
    const Shape& next = ctx.input(p).shape();
    absl::StatusOr<std::vector<int64_t>> both = BroadcastSizes(dims, next.dims());
    if (!both.ok())
      return ctx.InvalidArgument(
          StrCat("means, stddevs, minvals, maxvals must have compatible batch dimensions: ",
                 ctx.input(2).shape().ToString(), " vs. ", ctx.input(3).shape().ToString(), " vs. ",
                 ctx.input(4).shape().ToString(), " vs. ", ctx.input(5).shape().ToString()));
    dims = *std::move(both);
  }
  WEFT_RETURN_IF_ERROR(CheckEndsWith(ctx, shape, Shape(dims)));
  return Shape(dims);
}

// The last dimensions of the output are the distributions; one after the other is drawn from.
template <typename T>
absl::Status StatelessParameterizedTruncatedNormal(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(Philox generator, PhiloxFromSeeds(ctx, 1));
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromInput(ctx, 0));
  WEFT_ASSIGN_OR_RETURN(const Shape parameters, ParameterShape(ctx, shape));
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
  if (shape.num_elements() == 0) return absl::OkStatus();
  const int64_t distributions = parameters.num_elements();
  const int64_t numbers = shape.num_elements() / distributions;
  for (int64_t d = 0; d < distributions; ++d) {
    auto parameter = [&](int p) {
      const Array& a = ctx.input(2 + p);
      return a.data<T>()[BroadcastIndex(a.shape(), parameters, d)];
    };
    const TruncatedRow<T> row(parameter(0), parameter(1), parameter(2), parameter(3));
    if (!row.valid()) return InvalidParameters(ctx);
    const Column<T> out{y->mutable_data<T>() + d, distributions};
    if (!row.Fill(&generator, out, numbers)) return NotFound(ctx);
  }
  return absl::OkStatus();
}

}  // namespace

void RegisterParameterizedTruncatedNormalKernels(KernelRegistry& k) {
  ForTypes<float, double, half>([&]<typename T>() {
    k.Add<ParameterizedTruncatedNormalKernel<T>>("ParameterizedTruncatedNormal", kCpu,
                                                 {{"dtype", dtype_of<T>}},
                                                 {.host_arguments = {"shape"}});
    k.Add("StatelessParameterizedTruncatedNormal", kCpu, {{"dtype", dtype_of<T>}},
          StatelessParameterizedTruncatedNormal<T>, {.host_arguments = {"shape", "seed"}});
  });
}

}  // namespace weft
