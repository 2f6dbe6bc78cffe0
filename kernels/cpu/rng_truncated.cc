// SPDX-License-Identifier: Apache-2.0
// Normal numbers between bounds, a mean, a deviation and bounds for each row.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

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

  // False if no number was found.
  bool Fill(Philox* generator, T* out, int64_t n) const {
    if (n == 0) return true;
    const T width = T(kDeviationsForNormal);
    if ((low_ < T(-width) && high_ >= T(0)) || (high_ > width && low_ <= T(0)))
      return FromNormal(generator, out, out + n);
    const T root = Root();
    const T exponent = T(T(0.5) + T(T(low_ * T(low_ - root)) / T(4)));
    const T cutoff = T(T(T(2) * Exp(exponent)) / T(low_ + root));
    if (T(high_ - low_) < cutoff) return FromUniform(generator, out, out + n);
    return FromExponential(generator, out, out + n);
  }

 private:
  T Scale(T z) const { return T(T(z * deviation_) + mean_); }
  T Root() const { return Sqrt(T(T(low_ * low_) + T(4))); }

  bool FromNormal(Philox* generator, T* out, T* end) const {
    int failures = 0;
    while (out < end) {
      for (const T z : Normal<T>()((*generator)())) {
        if (z >= low_ && z <= high_) {
          *out++ = Scale(z);
          if (out == end) break;
          failures = 0;
        } else if (++failures > kMaxAttempts) {
          return false;
        }
      }
    }
    return true;
  }

  // Proposals are even between the bounds.
  bool FromUniform(Philox* generator, T* out, T* end) const {
    const T range = T(high_ - low_), shift = low_ < T(0) ? T(0) : T(low_ * low_);
    Attempts attempts;
    while (out < end) {
      const auto proposals = Uniform<T>()((*generator)()), tests = Uniform<T>()((*generator)());
      for (size_t i = 0; i < proposals.size(); ++i) {
        const T z = T(T(proposals[i] * range) + low_);
        if (tests[i] <= Exp(T(T(shift - T(z * z)) / T(2)))) {
          *out++ = Scale(z);
          if (out == end) break;
          attempts.Succeeded();
        } else if (!attempts.Failed()) {
          return false;
        }
      }
    }
    return true;
  }

  // Proposals are exponential from the lower bound on, at the rate that is accepted most often.
  bool FromExponential(Philox* generator, T* out, T* end) const {
    const T rate = T(T(low_ + Root()) / T(2));
    Attempts attempts;
    while (out < end) {
      const auto u = Uniform<T>()((*generator)());
      for (size_t i = 0; i + 1 < u.size(); i += 2) {
        const T z = T(T(T(-Log(u[i])) / rate) + low_);
        const T x = low_ < rate ? T(rate - z) : T(low_ - rate);
        if (u[i + 1] <= Exp(T(T(T(-x) * x) / T(2))) && z < high_) {
          *out++ = Scale(z);
          if (out == end) break;
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
      if (!row.valid()) return ctx.InvalidArgument("Invalid parameters");
      const int64_t begin = r * row_size, end = std::min(n, begin + row_size);
      if (!row.Fill(&generator, out + begin, end - begin))
        return ctx.Error(absl::StatusCode::kInternal,
                         "TruncatedNormal rejection sampler failed to accept a sample.");
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

}  // namespace

void RegisterParameterizedTruncatedNormalKernels(KernelRegistry& k) {
  ForTypes<float, double, half>([&]<typename T>() {
    k.Add<ParameterizedTruncatedNormalKernel<T>>("ParameterizedTruncatedNormal", kCpu,
                                                 {{"dtype", dtype_of<T>}},
                                                 {.host_arguments = {"shape"}});
  });
}

}  // namespace weft
