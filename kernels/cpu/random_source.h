// SPDX-License-Identifier: Apache-2.0
// What kernels of random numbers share: the generator of a node, and filling arrays from it.
#pragma once

#include <cstdint>
#include <mutex>
#include <random>

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

 private:
  std::mutex mu_;
  Philox generator_;
};

// TensorFlow sets this many samples aside for each number, used or not.
inline constexpr uint64_t kReservedSamplesPerNumber = 256;

// The shape that a vector of int32 or int64 sizes means; InvalidArgument if it is none.
absl::StatusOr<Shape> ShapeFromInput(KernelContext& ctx, int i);

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

}  // namespace weft
