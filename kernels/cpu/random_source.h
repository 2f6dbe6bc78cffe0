// SPDX-License-Identifier: Apache-2.0
// What kernels of random numbers share: the generator of a node, and filling arrays from it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <mutex>
#include <random>
#include <type_traits>

#include "kernels/cpu/random_distributions.h"
#include "src/core/philox.h"
#include "weft/runtime/kernel.h"

namespace weft {

// The state of one random op in one Session. Thread-safe.
class PhiloxState {
 public:
  // Both 0: seeds from the system's entropy, another sequence each time.
  void Init(int64_t seed, int64_t seed2) {
    if (seed == 0 && seed2 == 0) {
      std::random_device entropy;
      auto word = [&] { return static_cast<int64_t>(uint64_t{entropy()} << 32 | entropy()); };
      seed = word();
      seed2 = word();
    }
    std::lock_guard lock(mu_);
    generator_ = Philox(static_cast<uint64_t>(seed), static_cast<uint64_t>(seed2));
  }
  explicit PhiloxState(KernelConstruction& c) {
    Init(c.Attr<int64_t>("seed"), c.Attr<int64_t>("seed2"));
  }

  // A generator for `samples` samples, which nobody else gets.
  Philox Reserve(uint64_t samples) {
    std::lock_guard lock(mu_);
    const Philox mine = generator_;
    generator_.Skip(samples);
    return mine;
  }
  // For at least so many 32-bit words.
  Philox ReserveWords(uint64_t words) { return Reserve((words + 3) / 4); }

 private:
  std::mutex mu_;
  Philox generator_;
};

// TensorFlow sets this many samples aside for each number, used or not.
inline constexpr uint64_t kReservedSamplesPerNumber = 256;

// The shape that a vector of int32 or int64 sizes means; InvalidArgument if it is none.
absl::StatusOr<Shape> ShapeFromInput(KernelContext& ctx, int i);
// `outer` followed by `inner`; InvalidArgument if it has too many elements.
absl::StatusOr<Shape> JoinShapes(KernelContext& ctx, const Shape& outer, const Shape& inner);

// InvalidArgument unless the last dimensions of `shape` are `end`.
absl::Status CheckEndsWith(KernelContext& ctx, const Shape& shape, const Shape& end);

// Integers take the nearest value that they have; NaN becomes 0.
template <typename T>
T NumberAs(double x) {
  if constexpr (std::is_integral_v<T>) {
    if (std::isnan(x)) return 0;
    if (x >= static_cast<double>(std::numeric_limits<T>::max()))
      return std::numeric_limits<T>::max();
  }
  if constexpr (std::is_same_v<T, half> || std::is_same_v<T, bfloat16>)
    return T(static_cast<float>(x));
  else
    return static_cast<T>(x);
}

// The generator that a stateless op's input i, two seeds, stands for. The seeds are mixed so that
// it doesn't matter which of their bits differ.
absl::StatusOr<Philox> PhiloxFromSeeds(KernelContext& ctx, int i);
// The generator of a V2 op: key, counter and algorithm are inputs i, i + 1 and i + 2.
absl::StatusOr<Philox> PhiloxFromKeyCounter(KernelContext& ctx, int i);

// Inputs `first` and `first + 1` as the bounds of a UniformInt: scalars with minval < maxval.
template <typename T>
absl::StatusOr<UniformInt<T>> UniformIntFromInputs(KernelContext& ctx, int first);

// D::kGroup numbers come of one sample; group g of sample g.
template <typename D, typename T>
void FillFromSamples(KernelContext& ctx, const Philox& base, const D& distribution, T* out,
                     int64_t n) {
  constexpr int64_t kGroup = D::kGroup;
  ctx.ParallelFor((n + kGroup - 1) / kGroup, 12, [&, out, n](int64_t begin, int64_t end) {
    Philox generator = base;
    generator.Skip(static_cast<uint64_t>(begin));
    for (int64_t g = begin; g < end; ++g) {
      const auto numbers = distribution(generator());
      const int64_t first = g * kGroup;
      for (int64_t i = 0; i < kGroup && first + i < n; ++i)
        out[first + i] = numbers[static_cast<size_t>(i)];
    }
  });
}

// Standard normal numbers; those beyond 2 standard deviations are drawn again. How many words a
// group of numbers needs is not known before; so each group has its own stretch of the sequence.
template <typename T>
void FillTruncatedNormal(KernelContext& ctx, const Philox& base, T* out, int64_t n) {
  constexpr bool kDouble = std::is_same_v<T, double>;
  constexpr int64_t kGroup = kDouble ? 2 : 4;
  constexpr uint64_t kSamplesOfGroup = kGroup * kReservedSamplesPerNumber / 4;
  auto pair = [](Words& words) {
    const uint32_t x0 = words(), x1 = words();
    if constexpr (kDouble) {
      const uint32_t x2 = words(), x3 = words();
      return random::BoxMuller(x0, x1, x2, x3);
    } else {
      return random::BoxMuller(x0, x1);
    }
  };
  ctx.ParallelFor((n + kGroup - 1) / kGroup, 80, [&, out, n](int64_t begin, int64_t end) {
    for (int64_t g = begin; g < end; ++g) {
      Philox generator = base;
      generator.Skip(static_cast<uint64_t>(g) * kSamplesOfGroup);
      Words words(generator);
      const int64_t last = std::min((g + 1) * kGroup, n);
      for (int64_t i = g * kGroup; i < last;) {
        for (const auto x : pair(words)) {
          if (std::abs(x) < 2 && i < last) out[i++] = T(x);
        }
      }
    }
  });
}

}  // namespace weft
