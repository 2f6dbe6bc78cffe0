// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/gradient_checker.h"
#include "weft/core/complex.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/op_case.h"
#include "weft/framework/variable.h"
#include "weft/gradients/gradients.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/math_binary.h"
#include "weft/ops/math_unary.h"

namespace weft::test {
namespace {

using ::testing::DoubleNear;
using ::testing::HasSubstr;

// x * x, with a gradient that is `factor` times too large in element 1 of 3.
Tensor WrongGradient(const Tensor& x, double factor) {
  return CustomGradient(
      [&](const std::vector<Tensor>& in) {
        CustomGradientResult r;
        r.outputs = {Multiply(in[0], in[0])};
        r.gradient = [factor, x = in[0]](const std::vector<Tensor>& dy) {
          const Tensor wrong = ConstantOf(F64({2, 2 * factor, 2}));
          return std::vector<Tensor>{Multiply(Multiply(dy[0], x), wrong)};
        };
        return r;
      },
      {x})[0];
}

class GradientChecker : public ::testing::Test {
 protected:
  Graph graph_;
  GraphScope scope_{graph_};
};

TEST_F(GradientChecker, RightGradientPasses) {
  const Tensor x = PlaceholderOf(kFloat64, {2, 3});
  const GradientError e = ComputeGradientError({Exp(x)}, {x});
  EXPECT_LT(e.relative, 1e-8) << e.ToString();
  EXPECT_EQ(e.entries, 36);
}

TEST_F(GradientChecker, WrongGradientFailsAndIsNamed) {
  const Tensor x = PlaceholderOf(kFloat64, {3});
  GradientCheckOptions options;
  options.x_values = {F64({2, 3, -4})};
  const GradientError e = ComputeGradientError({WrongGradient(x, 1.5)}, {x}, options);
  EXPECT_THAT(e.absolute, DoubleNear(3, 1e-6));
  EXPECT_THAT(e.relative, DoubleNear(3.0 / 9, 1e-6));  // the largest derivative is said to be 9
  EXPECT_EQ(e.worst.x_element, 1);
  EXPECT_EQ(e.worst.y_element, 1);
  EXPECT_DOUBLE_EQ(e.worst.analytic, 9);
  EXPECT_THAT(e.worst.numeric, DoubleNear(6, 1e-6));
  EXPECT_THAT(e.ToString(), HasSubstr("dy[0][1]/dx[0][1]: analytic 9, numeric "));
}

TEST_F(GradientChecker, SlightlyWrongGradientFails) {
  const Tensor x = PlaceholderOf(kFloat64, {3});
  EXPECT_GT(ComputeGradientError({WrongGradient(x, 1.0001)}, {x}).relative, 1e-6);
  EXPECT_LT(ComputeGradientError({WrongGradient(x, 1)}, {x}).relative, 1e-8);
}

// A gradient that is wrong in one of several Jacobians counts, whichever it is.
TEST_F(GradientChecker, EveryPairCounts) {
  const Tensor x = PlaceholderOf(kFloat64, {3}), z = PlaceholderOf(kFloat64, {3});
  const Tensor right = Exp(z), wrong = WrongGradient(x, 2);
  for (const auto& ys : {std::vector<Tensor>{right, wrong}, std::vector<Tensor>{wrong, right}}) {
    for (const auto& xs : {std::vector<Tensor>{x, z}, std::vector<Tensor>{z, x}}) {
      const GradientError e = ComputeGradientError(ys, xs);
      EXPECT_GT(e.relative, 0.1);
      EXPECT_EQ(e.entries, 36);
      EXPECT_EQ(ys[static_cast<size_t>(e.worst.y)], wrong);
      EXPECT_EQ(xs[static_cast<size_t>(e.worst.x)], x);
    }
  }
}

// "No gradient" is the claim that the derivative is zero.
TEST_F(GradientChecker, MissingGradientFails) {
  const Tensor x = PlaceholderOf(kFloat64, {3}), unused = PlaceholderOf(kFloat64, {2});
  const GradientError e = ComputeGradientError({StopGradient(Exp(x))}, {x});
  EXPECT_GT(e.relative, 0.9);
  EXPECT_EQ(e.worst.analytic, 0);
  EXPECT_EQ(ComputeGradientError({Exp(x)}, {unused},
                                 {.x_values = {F64({1, 2})}, .feeds = {{x, F64({1, 2, 3})}}})
                .relative,
            0);
}

TEST_F(GradientChecker, JacobianValues) {
  const Tensor x = PlaceholderOf(kFloat64, {2});
  const auto jacobians = ComputeGradient({Multiply(x, F64({3, 5}))}, {x});
  ASSERT_EQ(jacobians.size(), 1u);
  EXPECT_TRUE(ArraysNear(jacobians[0].analytic, F64({{3, 0}, {0, 5}}), {}));
  EXPECT_TRUE(ArraysNear(jacobians[0].numeric, F64({{3, 0}, {0, 5}}), {0, 1e-8}));
}

// Real and imaginary parts are rows and columns of their own: z -> i z turns by a right angle.
TEST_F(GradientChecker, ComplexParts) {
  const Tensor z = PlaceholderOf(kComplex128, {1});
  const auto jacobians = ComputeGradient({Multiply(z, C128({complex128(0, 1)}))}, {z});
  EXPECT_TRUE(ArraysNear(jacobians[0].analytic, F64({{0, 1}, {-1, 0}}), {}));
  EXPECT_TRUE(ArraysNear(jacobians[0].numeric, F64({{0, 1}, {-1, 0}}), {0, 1e-8}));
  EXPECT_LT(ComputeGradientError({Conj(z)}, {z}).relative, 1e-8);
  EXPECT_LT(ComputeGradientError({Real(Multiply(z, z))}, {z}).relative, 1e-8);
}

TEST_F(GradientChecker, SlicesAreRowsThatAddUp) {
  const Tensor x = PlaceholderOf(kFloat64, {3, 2});
  const Tensor y = Gather(x, I32({2, 0, 2}));
  ASSERT_TRUE(Gradients({y}, {x})[0].is_slices());
  EXPECT_LT(ComputeGradientError({y}, {x}).relative, 1e-8);
  EXPECT_LT(ComputeGradientError({Square(y)}, {x}).relative, 1e-8);
}

TEST_F(GradientChecker, VariablesAreAssignedAndRestored) {
  for (const bool use_resource : {false, true}) {
    Variable v(F64({1, 2}), {.use_resource = use_resource});
    const Tensor y = Square(v);
    Session session;
    session.Run(v.initializer());
    GradientCheckOptions options;
    options.session = &session;
    const Tensor handle = use_resource ? v.op().output(0) : v.ref();
    const GradientError e = ComputeGradientError({y}, {handle}, options);
    EXPECT_LT(e.relative, 1e-8) << e.ToString();
    EXPECT_EQ(e.entries, 4);
    EXPECT_TRUE(ArraysEqual(session.Run(v.ReadValue()), F64({1, 2})));
  }
}

TEST_F(GradientChecker, InitRunsFirst) {
  Variable scale(F64({3, 4}));
  const Tensor x = PlaceholderOf(kFloat64, {2});
  GradientCheckOptions options;
  options.init = {scale.initializer()};
  EXPECT_LT(ComputeGradientError({Multiply(x, scale)}, {x}, options).relative, 1e-8);
}

TEST_F(GradientChecker, KinksAreAvoidedOrLeftOut) {
  const Tensor x = PlaceholderOf(kFloat64, {3});
  const Tensor y = Abs(x);
  GradientCheckOptions options;
  options.kinks = {0};
  options.low = -0.02;  // so small a range that draws without care would hit the kink
  options.high = 0.02;
  GradientError e = ComputeGradientError({y}, {x}, options);
  EXPECT_LT(e.relative, 1e-6);
  EXPECT_EQ(e.entries, 9);
  options.x_values = {F64({-1, 0, 1})};
  e = ComputeGradientError({y}, {x}, options);
  EXPECT_LT(e.relative, 1e-6);
  EXPECT_EQ(e.entries, 6);
  options.kinks = {};
  options.x_values = {F64({-1, 1e-6, 1})};
  EXPECT_GT(ComputeGradientError({y}, {x}, options).relative, 0.1);
}

TEST_F(GradientChecker, EntriesCanBeSkipped) {
  const Tensor x = PlaceholderOf(kFloat64, {3});
  GradientCheckOptions options;
  options.skip = [](const JacobianEntry& e) { return e.x_element == 1; };
  const GradientError e = ComputeGradientError({WrongGradient(x, 2)}, {x}, options);
  EXPECT_LT(e.relative, 1e-8);
  EXPECT_EQ(e.entries, 6);
}

TEST_F(GradientChecker, Float32IsLessExact) {
  const Tensor x = PlaceholderOf(kFloat32, {4});
  const GradientError e = ComputeGradientError({Exp(x)}, {x});
  EXPECT_LT(e.relative, 1e-3);
  EXPECT_GT(e.relative, 0);
}

TEST_F(GradientChecker, NoNumberIsAnError) {
  const Tensor x = PlaceholderOf(kFloat64, {1});
  GradientCheckOptions options;
  options.x_values = {F64({-1})};
  EXPECT_TRUE(std::isinf(ComputeGradientError({Log(x)}, {x}, options).relative));
}

TEST_F(GradientChecker, SameSeedSamePoint) {
  const Tensor x = PlaceholderOf(kFloat64, {3});
  const Tensor y = Identity(x);
  const auto point = [&](uint64_t seed) {
    GradientCheckOptions options;
    options.seed = seed;
    return ComputeGradient({y}, {x}, options)[0].x_value;
  };
  EXPECT_TRUE(ArraysEqual(point(1), point(1)));
  EXPECT_FALSE(ArraysEqual(point(1), point(2)));
}

TEST_F(GradientChecker, BadCallsAreRefused) {
  const Tensor x = PlaceholderOf(kFloat64, {3}), open = PlaceholderOf(kFloat64);
  const Tensor ints = PlaceholderOf(kInt32, {3});
  const auto text = [](const std::vector<Tensor>& ys, const std::vector<Tensor>& xs,
                       const GradientCheckOptions& options = {}) -> std::string {
    try {
      ComputeGradientError(ys, xs, options);
    } catch (const InvalidArgumentError& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_THAT(text({}, {x}), HasSubstr("a y and an x at least"));
  EXPECT_THAT(text({x}, {Tensor()}), HasSubstr("empty Tensor"));
  EXPECT_THAT(text({ints}, {x}), HasSubstr("has no derivatives"));
  EXPECT_THAT(text({x}, {ints}), HasSubstr("nothing can be differentiated"));
  EXPECT_THAT(text({open}, {open}), HasSubstr("give a value in x_values"));
  EXPECT_THAT(text({x}, {x}, {.x_values = {F64({1})}}), HasSubstr("x_values[0]"));
  EXPECT_THAT(text({x}, {x}, {.x_values = {F32({1, 2, 3})}}), HasSubstr("x_values[0]"));
  EXPECT_THAT(text({x}, {x}, {.x_values = {F64({1, 2, 3}), F64({1})}}), HasSubstr("2 x_values"));
  EXPECT_THAT(text({x}, {x}, {.low = 1, .high = 1}), HasSubstr("must be less than"));
}

}  // namespace
}  // namespace weft::test
