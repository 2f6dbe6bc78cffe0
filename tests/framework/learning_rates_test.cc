// SPDX-License-Identifier: Apache-2.0
// Learning rates: their nodes against TensorFlow's, their values against the formulas.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "tests/support/graph_golden.h"
#include "weft/weft.h"

namespace weft::train {
namespace {

using testing::HasSubstr;

void ExpectGraph(const char* section, const std::function<void(const Variable& step)>& build,
                 bool resource = false,
                 std::source_location where = std::source_location::current()) {
  GoldenGraphs golden("tests/framework/data/learning_rates.golden");
  golden.Expect(
      section,
      [&] { build(Variable(0, {.name = "g", .trainable = false, .use_resource = resource})); },
      where);
}

TEST(LearningRateGraphs, Polynomial) {
  ExpectGraph("polynomial", [](const Variable& g) {
    PolynomialDecay(.1, g, 100, {.end_learning_rate = .01, .power = .5});
  });
  ExpectGraph("polynomial_cycle",
              [](const Variable& g) { PolynomialDecay(.1, g, 100, {.cycle = true, .name = "p"}); });
  ExpectGraph(
      "polynomial_resource",
      [](const Variable& g) { PolynomialDecay(.1, g, 100, {.cycle = true}); }, true);
}

TEST(LearningRateGraphs, ExponentialAndInverse) {
  ExpectGraph("natural_exp", [](const Variable& g) { NaturalExpDecay(.1, g, 100, .5); });
  ExpectGraph("natural_exp_staircase", [](const Variable& g) {
    NaturalExpDecay(.1, g, 100, .5, {.staircase = true, .name = "n"});
  });
  ExpectGraph("inverse_time", [](const Variable& g) { InverseTimeDecay(.1, g, 100, .5); });
  ExpectGraph("inverse_time_staircase", [](const Variable& g) {
    InverseTimeDecay(.1, g, 100, .5, {.staircase = true, .name = "i"});
  });
}

TEST(LearningRateGraphs, Piecewise) {
  ExpectGraph("piecewise", [](const Variable& g) { PiecewiseConstant(g, {10, 20}, {1., .5, .1}); });
  ExpectGraph("piecewise_one", [](const Variable& g) {
    PiecewiseConstant(g, {10}, {1., .5}, "p");
  });
  ExpectGraph("piecewise_four", [](const Variable& g) {
    PiecewiseConstant(g, {10, 20, 30}, {1., .5, .1, .05});
  });
  ExpectGraph(
      "piecewise_resource",
      [](const Variable& g) {
        PiecewiseConstant(g, {10, 20}, {1., .5, .1});
      },
      true);
  GoldenGraphs golden("tests/framework/data/learning_rates.golden");
  golden.Expect("piecewise_long", [] {
    PiecewiseConstant(GetOrCreateGlobalStep(), {10, 20}, {1., .5, .1});
  });
  golden.Expect("piecewise_floats", [] {
    PiecewiseConstant(Placeholder(kFloat32, Shape(), "x"), {10., 20.}, {1., .5, .1});
  });
}

TEST(LearningRateGraphs, Cosines) {
  ExpectGraph("cosine", [](const Variable& g) { CosineDecay(.1, g, 100); });
  ExpectGraph("cosine_alpha",
              [](const Variable& g) { CosineDecay(.1, g, 100, {.alpha = .2, .name = "c"}); });
  ExpectGraph("restarts", [](const Variable& g) { CosineDecayRestarts(.1, g, 100); });
  ExpectGraph("restarts_named", [](const Variable& g) {
    CosineDecayRestarts(.1, g, 100, {.t_mul = 1., .m_mul = .5, .alpha = .1, .name = "r"});
  });
  ExpectGraph(
      "restarts_resource", [](const Variable& g) { CosineDecayRestarts(.1, g, 100); }, true);
  ExpectGraph("linear_cosine", [](const Variable& g) { LinearCosineDecay(.1, g, 100); });
  ExpectGraph("linear_cosine_named", [](const Variable& g) {
    LinearCosineDecay(.1, g, 100, {.num_periods = 2, .alpha = .1, .beta = .2, .name = "l"});
  });
  ExpectGraph("noisy_linear_cosine", [](const Variable& g) { NoisyLinearCosineDecay(.1, g, 100); });
}

TEST(LearningRateGraphs, OfDoubles) {
  GoldenGraphs golden("tests/framework/data/learning_rates.golden");
  golden.Expect("of_doubles", [] {
    const Tensor rate = Constant(.1, kFloat64), steps = Constant(10);
    const Variable g = GetOrCreateGlobalStep();
    PolynomialDecay(rate, g, steps);
    NaturalExpDecay(rate, g, steps, Constant(.5f));
    InverseTimeDecay(rate, g, steps, Constant(.5f));
  });
}

// ---- values -------------------------------------------------------------------------------------

class LearningRates : public testing::Test {
 protected:
  // `rate` at these steps, fed for `step_`.
  void ExpectNear(const Tensor& rate, const std::function<double(double)>& want,
                  std::source_location where = std::source_location::current()) {
    const testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), "");
    Session session;
    for (int t : {0, 1, 3, 9, 10, 11, 17, 30, 55, 70, 1000}) {
      const double got = session.Run(rate, {{step_, Array(t)}}).AsDouble(0);
      EXPECT_NEAR(got, want(t), 2e-6 * (1 + std::abs(want(t)))) << "step " << t;
    }
  }

  Graph graph_;
  GraphScope scope_{graph_};
  Tensor step_ = Placeholder(kInt32, Shape());
};

double Cosine(double fraction) { return (1 + std::cos(std::numbers::pi * fraction)) / 2; }

TEST_F(LearningRates, Formulas) {
  ExpectNear(PolynomialDecay(2., step_, 10, {.end_learning_rate = .5, .power = 2.}),
             [](double t) { return 1.5 * std::pow(1 - std::min(t, 10.) / 10, 2) + .5; });
  ExpectNear(PolynomialDecay(2., step_, 10, {.end_learning_rate = .5, .cycle = true}),
             [](double t) {
               const double steps = 10 * (t == 0 ? 1 : std::ceil(t / 10));
               return 1.5 * (1 - t / steps) + .5;
             });
  ExpectNear(NaturalExpDecay(2., step_, 10, .5),
             [](double t) { return 2 * std::exp(-.5 * t / 10); });
  ExpectNear(InverseTimeDecay(2., step_, 10, .5, {.staircase = true}),
             [](double t) { return 2 / (1 + .5 * std::floor(t / 10)); });
  ExpectNear(CosineDecay(2., step_, 50, {.alpha = .1}),
             [](double t) { return 2 * (.9 * Cosine(std::min(t, 50.) / 50) + .1); });
  ExpectNear(LinearCosineDecay(2., step_, 50, {.num_periods = 2., .alpha = .1, .beta = .2}),
             [](double t) {
               const double f = std::min(t, 50.) / 50;
               return 2 * ((.1 + 1 - f) * Cosine(4 * f) + .2);
             });
}

TEST_F(LearningRates, Pieces) {
  ExpectNear(PiecewiseConstant(step_, {10, 30, 60}, {4., 3., 2., 1.}), [](double t) {
    return t <= 10 ? 4 : t <= 30 ? 3 : t <= 60 ? 2 : 1;
  });
  ExpectNear(PiecewiseConstant(step_, {10}, {4., 3.}), [](double t) { return t <= 10 ? 4 : 3; });
  // NaN is in no piece: the first value stands for it.
  const Tensor x = Placeholder(kFloat32, Shape());
  const Tensor rate = PiecewiseConstant(x, {1., 2.}, {5., 6., 7.});
  Session session;
  EXPECT_EQ(session.Run(rate, {{x, Array(1.5f)}}).scalar<float>(), 6);
  EXPECT_EQ(
      session.Run(rate, {{x, Array(std::numeric_limits<float>::quiet_NaN())}}).scalar<float>(), 5);
  // Boundaries out of order put a step into two pieces.
  const Tensor wrong = PiecewiseConstant(x, {2., 1.}, {5., 6., 7.});
  try {
    session.Run(wrong, {{x, Array(1.5f)}});
    ADD_FAILURE() << "no error";
  } catch (const InvalidArgumentError& e) {
    EXPECT_THAT(e.what(), HasSubstr("more than 1 conditions"));
  }
}

TEST_F(LearningRates, Restarts) {
  ExpectNear(CosineDecayRestarts(2., step_, 10, {.t_mul = 1., .m_mul = .5, .alpha = .1}),
             [](double t) {
               const double i = std::floor(t / 10);
               return 2 * (.9 * std::pow(.5, i) * Cosine(t / 10 - i) + .1);
             });
  // Periods of 10, 20, 40, ... steps. (At their ends a rounding error decides.)
  const Tensor rate = CosineDecayRestarts(2., step_, 10);
  Session session;
  double begin = 0, period = 10;
  for (int i = 0; i < 5; ++i, begin += period, period *= 2) {
    for (double f : {.1, .4, .8}) {
      const auto t = static_cast<int>(begin + f * period);
      EXPECT_NEAR(session.Run(rate, {{step_, Array(t)}}).AsDouble(0),
                  2 * Cosine((t - begin) / period), 1e-4)
          << "step " << t;
    }
  }
}

TEST_F(LearningRates, Noise) {
  graph_.set_seed(5);
  NoisyLinearCosineDecayOptions options{.initial_variance = 4., .num_periods = 0., .beta = 0.};
  const Tensor rate = NoisyLinearCosineDecay(1., step_, 1000000, options);
  // Without a cosine it is 1 - f + noise of variance 4 / (1 + t)^.55.
  for (int t : {0, 100}) {
    Session session;
    double sum = 0, squares = 0;
    constexpr int kRuns = 2000;
    for (int i = 0; i < kRuns; ++i) {
      const double x = session.Run(rate, {{step_, Array(t)}}).AsDouble(0) - 1;
      sum += x / kRuns;
      squares += x * x / kRuns;
    }
    const double variance = 4 / std::pow(1 + t, .55);
    EXPECT_NEAR(sum, 0, .1 * std::sqrt(variance));
    EXPECT_NEAR(squares, variance, .15 * variance);
  }
}

TEST_F(LearningRates, Errors) {
  const auto error = [](const std::function<void()>& run) -> std::string {
    try {
      run();
    } catch (const InvalidArgumentError& e) {
      return e.what();
    }
    return "no error";
  };
  EXPECT_THAT(error([&] {
                PiecewiseConstant(step_, {1, 2}, {1., 2.});
              }),
              HasSubstr("length of boundaries should be 1 less"));
  EXPECT_THAT(error([&] {
                PiecewiseConstant(step_, {1.5}, {1., 2.});
              }),
              HasSubstr("Boundaries (float32) must have the same dtype as x (int32)."));
  EXPECT_THAT(error([&] {
                PiecewiseConstant(step_, {1}, {1., 2});
              }),
              HasSubstr("Values must have elements all with the same dtype (float32 vs int32)."));
}

}  // namespace
}  // namespace weft::train
