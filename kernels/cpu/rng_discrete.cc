// SPDX-License-Identifier: Apache-2.0
// Choices among given things: shuffling, classes by their probabilities.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "kernels/cpu/element_class.h"
#include "kernels/cpu/random_source.h"
#include "kernels/cpu/rng.h"
#include "src/core/strings.h"

namespace weft {
namespace {

// Output 0 is input 0 with its rows in another order (Fisher and Yates' shuffle), a word a row.
// `generator()` gives the generator, for rows - 1 words; it isn't asked if there is nothing to do.
template <typename G>
absl::Status ShuffleRows(KernelContext& ctx, const G& generator) {
  const Array& x = ctx.input(0);
  if (x.num_elements() <= 1 || x.dim(0) <= 1) {
    ctx.set_output(0, x);
    return absl::OkStatus();
  }
  const int64_t rows = x.dim(0);
  if (rows > std::numeric_limits<int32_t>::max())
    return ctx.InvalidArgument(StrCat("can't shuffle ", rows, " rows; at most 2^31 - 1"));
  Words words(generator());
  std::vector<uint32_t> order(static_cast<size_t>(rows));
  std::iota(order.begin(), order.end(), 0u);
  for (size_t i = 0; i + 1 < order.size(); ++i)
    std::swap(order[i], order[i + words() % static_cast<uint32_t>(order.size() - i)]);
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, x.shape()));
  const int64_t width = x.num_elements() / rows;
  WithElementClass(x.dtype(), [&]<typename U>() {
    const U* from = ElementsOf<U>(x);
    U* to = MutableElementsOf<U>(*y);
    ctx.ParallelFor(rows, 2 + static_cast<double>(width) * 0.3, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        std::copy_n(from + int64_t{order[static_cast<size_t>(i)]} * width, width, to + i * width);
    });
  });
  return absl::OkStatus();
}

class RandomShuffleKernel final : public Kernel {
 public:
  explicit RandomShuffleKernel(KernelConstruction& c) : state_(c) {}
  absl::Status Compute(KernelContext& ctx) override {
    return ShuffleRows(
        ctx, [&] { return state_.ReserveWords(static_cast<uint64_t>(ctx.input(0).dim(0) - 1)); });
  }

 private:
  PhiloxState state_;
};

absl::Status StatelessShuffle(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const Philox generator, PhiloxFromKeyCounter(ctx, 1));
  return ShuffleRows(ctx, [&] { return generator; });
}

// What is drawn from each row of logits, input 0; num_samples is input 1.
absl::StatusOr<Array*> AllocateClasses(KernelContext& ctx) {
  const Array &logits = ctx.input(0), &count = ctx.input(1);
  if (logits.rank() != 2)
    return ctx.InvalidArgument(
        StrCat("logits should be a matrix, got shape ", logits.shape().ToString()));
  if (count.rank() != 0)
    return ctx.InvalidArgument(
        StrCat("num_samples should be a scalar, got shape ", count.shape().ToString()));
  const int32_t num_samples = count.scalar<int32_t>();
  if (num_samples < 0)
    return ctx.InvalidArgument(StrCat("num_samples should be non-negative, got ", num_samples));
  constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
  if (logits.dim(0) > kMax) return ctx.InvalidArgument("batch_size cannot exceed max int");
  if (logits.dim(1) > kMax) return ctx.InvalidArgument("num_classes cannot exceed max int");
  if (logits.dim(1) <= 0)
    return ctx.InvalidArgument(StrCat("num_classes should be positive, got ", logits.dim(1)));
  return ctx.AllocateOutput(0, Shape({logits.dim(0), num_samples}));
}

// The running totals of exp(logit); those that are not finite have no weight.
template <typename T>
void Accumulate(const T* logits, std::vector<double>* totals) {
  double max = std::numeric_limits<double>::lowest();
  for (size_t j = 0; j < totals->size(); ++j) {
    const double x = static_cast<double>(logits[j]);
    if (std::isfinite(x)) max = std::max(max, x);
  }
  double total = 0;
  for (size_t j = 0; j < totals->size(); ++j) {
    const double x = static_cast<double>(logits[j]);
    if (std::isfinite(x)) total += std::exp(x - max);
    (*totals)[j] = total;
  }
}

// A number takes two words; the rows follow each other without a gap.
template <typename T, typename Out>
void DrawClasses(KernelContext& ctx, const Philox& base, Array* y) {
  const Array& logits = ctx.input(0);
  const int64_t classes = logits.dim(1), samples = y->dim(1);
  const T* in = logits.data<T>();
  Out* out = y->mutable_data<Out>();
  const double cost = 8.0 * static_cast<double>(classes) +
                      static_cast<double>(samples) * (10 + 5 * std::log2(classes));
  ctx.ParallelFor(logits.dim(0), cost, [&](int64_t begin, int64_t end) {
    Words words(base, 2 * static_cast<uint64_t>(begin) * static_cast<uint64_t>(samples));
    std::vector<double> totals(static_cast<size_t>(classes));
    for (int64_t row = begin; row < end; ++row) {
      Accumulate(in + row * classes, &totals);
      for (int64_t j = 0; j < samples; ++j) {
        const double wanted = words.Double() * totals.back();
        out[row * samples + j] = static_cast<Out>(
            std::upper_bound(totals.begin(), totals.end(), wanted) - totals.begin());
      }
    }
  });
}

template <typename T, typename Out>
class MultinomialKernel final : public Kernel {
 public:
  explicit MultinomialKernel(KernelConstruction& c) : state_(c) {}
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(Array * y, AllocateClasses(ctx));
    if (y->num_elements() == 0) return absl::OkStatus();
    const uint64_t words = static_cast<uint64_t>((y->dim(1) + 3) / 4 * 4) * 2;
    DrawClasses<T, Out>(
        ctx, state_.Reserve(static_cast<uint64_t>(y->dim(0)) * words * kReservedSamplesPerNumber),
        y);
    return absl::OkStatus();
  }

 private:
  PhiloxState state_;
};

template <typename T, typename Out>
absl::Status StatelessMultinomial(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const Philox base, PhiloxFromSeeds(ctx, 2));
  WEFT_ASSIGN_OR_RETURN(Array * y, AllocateClasses(ctx));
  if (y->num_elements() != 0) DrawClasses<T, Out>(ctx, base, y);
  return absl::OkStatus();
}

}  // namespace

void RegisterDiscreteKernels(KernelRegistry& k) {
  k.Add<RandomShuffleKernel>("RandomShuffle", kCpu, {});
  k.Add("StatelessShuffle", kCpu, {}, StatelessShuffle,
        {.host_arguments = {"key", "counter", "alg"}});
  ForTypes<float, double, half, bfloat16>([&]<typename T>() {
    ForTypes<int32_t, int64_t>([&]<typename Out>() {
      const KernelConstraints types = {{"T", dtype_of<T>}, {"output_dtype", dtype_of<Out>}};
      k.Add<MultinomialKernel<T, Out>>("Multinomial", kCpu, types,
                                       {.host_arguments = {"num_samples"}});
      k.Add("StatelessMultinomial", kCpu, types, StatelessMultinomial<T, Out>,
            {.host_arguments = {"num_samples", "seed"}});
    });
  });
}

}  // namespace weft
