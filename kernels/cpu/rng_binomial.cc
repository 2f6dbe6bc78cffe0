// SPDX-License-Identifier: Apache-2.0
// Binomial numbers.
#include <array>
#include <cmath>
#include <limits>
#include <type_traits>

#include "kernels/common/broadcast_index.h"
#include "kernels/cpu/random_source.h"
#include "kernels/cpu/rng.h"
#include "src/core/strings.h"

namespace weft {
namespace {

// log(k!) less its approximation by Stirling's formula.
double StirlingTail(double k) {
  static constexpr std::array<double, 10> kFirst = {
      0.0810614667953272,  0.0413406959554092, 0.0276779256849983, 0.02079067210376509,
      0.0166446911898211,  0.0138761288230707, 0.0118967099458917, 0.0104112652619720,
      0.00925546218271273, 0.00833056343336287};
  if (k <= 9) return kFirst[static_cast<size_t>(k)];
  const double square = (k + 1) * (k + 1);
  return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1);
}

// Samples set aside for a number, by method.
constexpr uint64_t kCountingSamples = 42;

// Counts how many geometric numbers fit into `count`; for p <= 1/2 and a mean below 10.
double CountSuccesses(double count, double p, Philox generator) {
  LastFirst<Uniform<double>> uniform;
  double sum = 0;
  for (double successes = 0;; ++successes) {
    sum += std::ceil(std::log(uniform(&generator)) / std::log1p(-p));
    if (sum > count) return successes;
  }
}

// Transformed rejection (Hoermann, "The generation of binomial random variates", 1993); for
// p <= 1/2 and a mean from 10 on.
double Reject(double count, double p, Philox generator) {
  const double deviation = std::sqrt(count * p * (1 - p));
  const double b = 1.15 + 2.53 * deviation;
  const double a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double c = count * p + 0.5;
  const double v_r = 0.92 - 4.2 / b;
  const double r = p / (1 - p);
  const double alpha = (2.83 + 5.1 / b) * deviation;
  const double m = std::floor((count + 1) * p);
  LastFirst<Uniform<double>> uniform;
  while (true) {
    const double u = uniform(&generator) - 0.5;
    double v = uniform(&generator);
    const double us = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / us + b) * u + c);
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0 || k > count) continue;
    v = std::log(v * alpha / (a / (us * us) + b));
    const double bound = (m + 0.5) * std::log((m + 1) / (r * (count - m + 1))) +
                         (count + 1) * std::log((count - m + 1) / (count - k + 1)) +
                         (k + 0.5) * std::log(r * (count - k + 1) / (k + 1)) + StirlingTail(m) +
                         StirlingTail(count - m) - StirlingTail(k) - StirlingTail(count - k);
    if (v <= bound) return k;
  }
}

// One distribution. Which method is taken is decided in T's arithmetic, as in TensorFlow.
template <typename T>
class Binomial {
 public:
  Binomial(T count, T p)
      : count_(static_cast<double>(count)), flipped_(p > T(0.5)), p_(flipped_ ? T(T(1) - p) : p) {
    if (std::isnan(count_) || std::isnan(static_cast<double>(p)))
      fixed_ = std::numeric_limits<double>::quiet_NaN();
    else if (count_ <= 0 || p <= T(0))
      fixed_ = 0;
    else if (p >= T(1) || std::isinf(count_))
      fixed_ = count_;
    else
      is_fixed_ = false;
    counts_ = !(T(count * p_) >= T(10));
  }

  // Number i of the sequence.
  double operator()(Philox generator, uint64_t i) const {
    if (is_fixed_) return fixed_;
    generator.Skip(i * (counts_ ? kCountingSamples : kReservedSamplesPerNumber));
    const double p = static_cast<double>(p_);
    const double k = counts_ ? CountSuccesses(count_, p, generator) : Reject(count_, p, generator);
    return flipped_ ? count_ - k : k;
  }

 private:
  double count_;
  bool flipped_;
  T p_;  // the smaller of the probabilities of success and failure
  bool counts_ = true, is_fixed_ = true;
  double fixed_ = 0;
};

// The last dimensions of the output are the distributions.
template <typename T, typename Out>
absl::Status StatelessRandomBinomial(KernelContext& ctx) {
  const Array &counts = ctx.input(2), &probs = ctx.input(3);
  WEFT_ASSIGN_OR_RETURN(const Philox base, PhiloxFromSeeds(ctx, 1));
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromInput(ctx, 0));
  const Shape* const shapes[] = {&counts.shape(), &probs.shape()};
  const absl::StatusOr<BroadcastPlan> plan = PlanBroadcast(shapes);
  if (!plan.ok())
    return ctx.InvalidArgument(StrCat(
        "counts and probs must have compatible batch dimensions: ", counts.shape().ToString(),
        " vs. ", probs.shape().ToString()));
  WEFT_RETURN_IF_ERROR(CheckEndsWith(ctx, shape, plan->output));
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
  if (shape.num_elements() == 0) return absl::OkStatus();
  const int64_t distributions = plan->output.num_elements();
  const int64_t numbers = shape.num_elements() / distributions;
  Out* out = y->mutable_data<Out>();
  ctx.ParallelFor(shape.num_elements(), 150, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end;) {
      const int64_t d = i / numbers;
      const Binomial<T> distribution(counts.data<T>()[OperandIndex(*plan, 0, d)],
                                     probs.data<T>()[OperandIndex(*plan, 1, d)]);
      for (int64_t s = i % numbers; s < numbers && i < end; ++s, ++i)
        out[s * distributions + d] = NumberAs<Out>(distribution(base, static_cast<uint64_t>(i)));
    }
  });
  return absl::OkStatus();
}

}  // namespace

void RegisterBinomialKernels(KernelRegistry& k) {
  ForTypes<float, double, half>([&]<typename T>() {
    ForTypes<float, double, half, int32_t, int64_t>([&]<typename Out>() {
      k.Add("StatelessRandomBinomial", kCpu, {{"T", dtype_of<T>}, {"dtype", dtype_of<Out>}},
            StatelessRandomBinomial<T, Out>, {.host_arguments = {"shape", "seed"}});
    });
  });
}

}  // namespace weft
