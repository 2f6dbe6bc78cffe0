// SPDX-License-Identifier: Apache-2.0
// Gamma and Poisson numbers: a distribution for each element of a parameter, drawn by rejection.
// Each number has its own stretch of the sequence, so that it doesn't matter how many attempts the
// others took.
#include <cmath>
#include <limits>

#include "kernels/common/special_functions.h"
#include "kernels/cpu/random_source.h"
#include "kernels/cpu/rng.h"

namespace weft {
namespace {

// One gamma distribution (Marsaglia and Tsang, "A simple method for generating gamma variables",
// ACM TOMS 26, 2000). NaN unless alpha > -2/3.
class Gamma {
 public:
  explicit Gamma(double alpha)
      : alpha_(alpha), d_(alpha + (alpha < 1 ? 2.0 / 3 : -1.0 / 3)), c_(1.0 / 3 / std::sqrt(d_)) {}

  double operator()(Philox generator) const {
    if (!(d_ > 0)) return std::numeric_limits<double>::quiet_NaN();
    LastFirst<Uniform<double>> uniform;
    if (alpha_ == 1) return -std::log1p(-uniform(&generator));
    LastFirst<Normal<double>> normal;
    while (true) {
      const double x = normal(&generator);
      double v = 1 + c_ * x;
      if (v <= 0) continue;
      v = v * v * v;
      const double u = uniform(&generator);
      // The first bound spares most of the logarithms.
      if (u >= 1 - 0.0331 * (x * x) * (x * x) &&
          std::log(u) >= 0.5 * x * x + d_ * (1 - v + std::log(v)))
        continue;
      const double gamma = d_ * v;
      return alpha_ < 1 ? gamma * std::pow(uniform(&generator), 1 / alpha_) : gamma;
    }
  }

 private:
  double alpha_, d_, c_;
};

// One Poisson distribution: counting exponential waiting times (Knuth) below a rate of 10, else
// transformed rejection (Hoermann, "The transformed rejection method for generating Poisson random
// variables", 1993). NaN for a rate of NaN, 0 for a negative one.
class Poisson {
 public:
  explicit Poisson(double rate)
      : rate_(rate),
        exp_neg_rate_(std::exp(-rate)),
        log_rate_(std::log(rate)),
        b_(0.931 + 2.53 * std::sqrt(rate)),
        a_(-0.059 + 0.02483 * b_),
        inverse_alpha_(1.1239 + 1.1328 / (b_ - 3.4)) {}

  double operator()(const Philox& generator) const {
    if (!std::isfinite(rate_)) return rate_ < 0 ? 0 : rate_;
    return rate_ < 10 ? Count(generator) : Reject(generator);
  }

 private:
  double Count(Philox generator) const {
    LastFirst<Uniform<double>> uniform;
    double product = 1;
    for (double count = 0;; ++count) {
      product *= uniform(&generator);
      if (product <= exp_neg_rate_) return count;
    }
  }
  double Reject(Philox generator) const {
    LastFirst<Uniform<double>> uniform;
    while (true) {
      const double u = uniform(&generator) - 0.5, v = uniform(&generator);
      const double shifted = 0.5 - std::abs(u);
      const double k = std::floor((2 * a_ / shifted + b_) * u + rate_ + 0.43);
      if (shifted >= 0.07 && v <= 0.9277 - 3.6224 / (b_ - 2)) return k;
      if (k < 0 || (shifted < 0.013 && v > shifted)) continue;
      const double s = std::log(v * inverse_alpha_ / (a_ / (shifted * shifted) + b_));
      const double t = -rate_ + k * log_rate_ - special::Lgamma(k + 1);
      if (s <= t) return k;
    }
  }

  double rate_, exp_neg_rate_, log_rate_, b_, a_, inverse_alpha_;
};

// The distributions' parameters (input `parameters`) are the innermost dimensions of the output:
// number s of distribution d is element s * distributions + d, from stretch d * numbers + s.
template <typename D, typename R, typename T>
void Draw(KernelContext& ctx, const Philox& base, const Array& parameters, Array* y) {
  const int64_t distributions = parameters.num_elements(), total = y->num_elements();
  if (total == 0) return;
  const int64_t numbers = total / distributions;
  const R* parameter = parameters.data<R>();
  T* out = y->mutable_data<T>();
  ctx.ParallelFor(total, 100, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end;) {
      const int64_t d = i / numbers;
      const D distribution(static_cast<double>(parameter[d]));
      for (int64_t s = i % numbers; s < numbers && i < end; ++s, ++i) {
        Philox generator = base;
        generator.Skip(static_cast<uint64_t>(i) * kReservedSamplesPerNumber);
        out[s * distributions + d] = NumberAs<T>(distribution(generator));
      }
    }
  });
}

// Input 0: the shape of what is drawn from each of the distributions of input 1.
template <typename D, typename R, typename T>
class StatefulKernel final : public Kernel {
 public:
  explicit StatefulKernel(KernelConstruction& c) : state_(c) {}
  absl::Status Compute(KernelContext& ctx) override {
    const Array& parameters = ctx.input(1);
    WEFT_ASSIGN_OR_RETURN(const Shape numbers, ShapeFromInput(ctx, 0));
    WEFT_ASSIGN_OR_RETURN(const Shape shape, JoinShapes(ctx, numbers, parameters.shape()));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    const Philox base =
        state_.Reserve(static_cast<uint64_t>(shape.num_elements()) * kReservedSamplesPerNumber);
    Draw<D, R, T>(ctx, base, parameters, y);
    return absl::OkStatus();
  }

 private:
  PhiloxState state_;
};

// Input 0: the shape of the output; the distributions are input `kParameters`, after what
// `generator` reads from input 1 on.
template <typename D, typename R, typename T,
          absl::StatusOr<Philox> (*generator)(KernelContext&, int), int kParameters>
absl::Status Stateless(KernelContext& ctx) {
  const Array& parameters = ctx.input(kParameters);
  WEFT_ASSIGN_OR_RETURN(const Philox base, generator(ctx, 1));
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromInput(ctx, 0));
  WEFT_RETURN_IF_ERROR(CheckEndsWith(ctx, shape, parameters.shape()));
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
  Draw<D, R, T>(ctx, base, parameters, y);
  return absl::OkStatus();
}

}  // namespace

void RegisterRejectionKernels(KernelRegistry& k) {
  const KernelOptions seed = {.host_arguments = {"shape", "seed"}},
                      key = {.host_arguments = {"shape", "key", "counter", "alg"}},
                      shape = {.host_arguments = {"shape"}};
  ForTypes<float, double, half>([&]<typename T>() {
    k.Add<StatefulKernel<Gamma, T, T>>("RandomGamma", kCpu, {{"T", dtype_of<T>}}, shape);
    k.Add("StatelessRandomGammaV2", kCpu, {{"dtype", dtype_of<T>}},
          Stateless<Gamma, T, T, PhiloxFromSeeds, 2>, seed);
    k.Add("StatelessRandomGammaV3", kCpu, {{"dtype", dtype_of<T>}},
          Stateless<Gamma, T, T, PhiloxFromKeyCounter, 4>, key);
    k.Add<StatefulKernel<Poisson, T, T>>("RandomPoisson", kCpu, {{"dtype", dtype_of<T>}}, shape);
  });
  ForTypes<float, double, half, int32_t, int64_t>([&]<typename R>() {
    ForTypes<float, double, half, int32_t, int64_t>([&]<typename T>() {
      k.Add<StatefulKernel<Poisson, R, T>>("RandomPoissonV2", kCpu,
                                           {{"R", dtype_of<R>}, {"dtype", dtype_of<T>}}, shape);
      k.Add("StatelessRandomPoisson", kCpu, {{"Rtype", dtype_of<R>}, {"dtype", dtype_of<T>}},
            Stateless<Poisson, R, T, PhiloxFromSeeds, 2>, seed);
    });
  });
}

}  // namespace weft
