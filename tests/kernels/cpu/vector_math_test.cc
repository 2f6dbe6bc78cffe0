// SPDX-License-Identifier: Apache-2.0
// The functions on vectors against the C library in double, over a sample of all floats.
#include "kernels/cpu/vector_math.h"

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace weft {
namespace {

// Every kStride-th bit pattern: zeros, subnormals, normal numbers, infinities and NaN of both
// signs.
constexpr uint64_t kStride = 4999;

std::vector<float> SampleOfFloats() {
  std::vector<float> x = {0.0f, -0.0f, 1.0f, -1.0f};
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += kStride) {
    x.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  }
  const float inf = std::numeric_limits<float>::infinity();
  x.insert(x.end(), {inf, -inf, std::numeric_limits<float>::quiet_NaN()});
  return x;
}

// Units in the last place between y and the exact value; 0 where both are the same infinity or NaN.
double Ulps(float y, double exact) {
  const float rounded = static_cast<float>(exact);
  if (std::isnan(rounded) || std::isnan(y)) return std::isnan(rounded) && std::isnan(y) ? 0 : 1e30;
  if (y == rounded) return 0;
  // Next to the largest float, infinity is as good a neighbour as any.
  if (std::isinf(y) || std::isinf(rounded)) {
    const float most = std::numeric_limits<float>::max() * 0.999999f;
    return std::abs(y) > most && std::abs(rounded) > most &&
                   std::signbit(y) == std::signbit(rounded)
               ? 1
               : 1e30;
  }
  int exponent;
  std::frexp(rounded, &exponent);
  return std::abs(y - exact) / std::ldexp(1.0, std::max(exponent, -125) - 24);
}

struct Function {
  const char* name;
  VectorMath::Unary VectorMath::*fn;
  double (*exact)(double);
  double ulps;
};

double ExactSigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double ExactSoftplus(double x) { return (x > 0 ? x : 0) + std::log1p(std::exp(-std::abs(x))); }
double ExactElu(double x) { return x < 0 ? std::expm1(x) : x; }
double ExactSelu(double x) {
  return x < 0 ? 1.7580993408473768599 * std::expm1(x) : 1.05070098735548049342 * x;
}
double ExactSign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }

class VectorMathFunctions : public testing::TestWithParam<Function> {};

TEST_P(VectorMathFunctions, IsAccurateOverAllFloats) {
  const Function& f = GetParam();
  const std::vector<float> x = SampleOfFloats();
  std::vector<float> y(x.size());
  (Vec().*f.fn)(x.data(), y.data(), static_cast<int64_t>(x.size()));
  double worst = 0;
  size_t where = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double ulps = Ulps(y[i], f.exact(x[i]));
    if (ulps > worst) worst = ulps, where = i;
  }
  EXPECT_LE(worst, f.ulps) << f.name << "(" << x[where] << ") = " << y[where] << ", exact "
                           << f.exact(x[where]);
}

// Any length, any alignment, in place: the same bits for each element.
TEST_P(VectorMathFunctions, ElementsDoNotDependOnTheirPlace) {
  const Function& f = GetParam();
  std::vector<float> x;
  for (int i = 0; i < 67; ++i) x.push_back(0.37f * static_cast<float>(i) - 9);
  std::vector<float> whole(x.size());
  (Vec().*f.fn)(x.data(), whole.data(), static_cast<int64_t>(x.size()));
  for (size_t begin : {size_t{0}, size_t{1}, size_t{13}}) {
    for (size_t size : {size_t{0}, size_t{1}, size_t{5}, size_t{31}, x.size() - begin}) {
      std::vector<float> part = x;
      (Vec().*f.fn)(part.data() + begin, part.data() + begin, static_cast<int64_t>(size));
      for (size_t i = 0; i < x.size(); ++i) {
        const float want = i >= begin && i < begin + size ? whole[i] : x[i];
        ASSERT_EQ(std::bit_cast<uint32_t>(part[i]), std::bit_cast<uint32_t>(want))
            << f.name << " at " << i << " of [" << begin << ", +" << size << ")";
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, VectorMathFunctions,
    testing::Values(
        Function{"exp", &VectorMath::exp, std::exp, 1},
        Function{"expm1", &VectorMath::expm1, std::expm1, 2},
        Function{"log", &VectorMath::log, std::log, 1},
        Function{"log1p", &VectorMath::log1p, std::log1p, 1},
        Function{"sin", &VectorMath::sin, std::sin, 3},
        Function{"cos", &VectorMath::cos, std::cos, 3},
        Function{"sinh", &VectorMath::sinh, std::sinh, 3},
        Function{"cosh", &VectorMath::cosh, std::cosh, 3},
        Function{"tanh", &VectorMath::tanh, std::tanh, 2},
        Function{"erf", &VectorMath::erf, std::erf, 3},
        Function{"sigmoid", &VectorMath::sigmoid, ExactSigmoid, 3},
        Function{"softplus", &VectorMath::softplus, ExactSoftplus, 2},
        Function{"elu", &VectorMath::elu, ExactElu, 2},
        Function{"selu", &VectorMath::selu, ExactSelu, 3},
        Function{"rsqrt", &VectorMath::rsqrt, [](double x) { return 1 / std::sqrt(x); }, 2},
        Function{"sqrt", &VectorMath::sqrt, std::sqrt, 0.5},
        Function{"reciprocal", &VectorMath::reciprocal, [](double x) { return 1 / x; }, 0.5},
        Function{"softsign", &VectorMath::softsign, [](double x) { return x / (1 + std::abs(x)); },
                 2},
        Function{"round", &VectorMath::round, std::nearbyint, 0},
        Function{"floor", &VectorMath::floor, std::floor, 0},
        Function{"ceil", &VectorMath::ceil, std::ceil, 0},
        Function{"abs", &VectorMath::abs, std::abs, 0},
        Function{"neg", &VectorMath::neg, [](double x) { return -x; }, 0},
        Function{"sign", &VectorMath::sign, ExactSign, 0},
        Function{"relu", &VectorMath::relu, [](double x) { return x < 0 ? 0 : x; }, 0},
        Function{"relu6", &VectorMath::relu6, [](double x) { return x < 0   ? 0
                                                                    : x > 6 ? 6
                                                                            : x; },
                 0}),
    [](const testing::TestParamInfo<Function>& info) { return info.param.name; });

TEST(VectorMath, EveryHalfBecomesItsFloat) {
  std::vector<half> x(1 << 16);
  for (size_t i = 0; i < x.size(); ++i) x[i] = half::FromBits(static_cast<uint16_t>(i));
  std::vector<float> y(x.size());
  Vec().half_to_float(x.data(), y.data(), static_cast<int64_t>(x.size()));
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(y[i])) {
      EXPECT_TRUE(std::isnan(static_cast<float>(x[i]))) << i;
    } else {
      EXPECT_EQ(std::bit_cast<uint32_t>(y[i]), std::bit_cast<uint32_t>(static_cast<float>(x[i])))
          << i;
    }
  }
}

TEST(VectorMath, EveryBfloat16BecomesItsFloat) {
  std::vector<bfloat16> x(1 << 16);
  for (size_t i = 0; i < x.size(); ++i) x[i] = bfloat16::FromBits(static_cast<uint16_t>(i));
  std::vector<float> y(x.size());
  Vec().bfloat16_to_float(x.data(), y.data(), static_cast<int64_t>(x.size()));
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(std::bit_cast<uint32_t>(y[i]), static_cast<uint32_t>(i) << 16);
  }
}

TEST(VectorMath, FloatsRoundAsTheScalarConversionsDo) {
  const std::vector<float> x = SampleOfFloats();
  std::vector<half> h(x.size());
  std::vector<bfloat16> b(x.size());
  Vec().float_to_half(x.data(), h.data(), static_cast<int64_t>(x.size()));
  Vec().float_to_bfloat16(x.data(), b.data(), static_cast<int64_t>(x.size()));
  for (size_t i = 0; i < x.size(); ++i) {
    ASSERT_EQ(h[i].bits, half(x[i]).bits) << x[i];
    ASSERT_EQ(b[i].bits, bfloat16(x[i]).bits) << x[i];
  }
}

TEST(VectorMath, GradientsDoNotHideWhatIsNotFinite) {
  const float inf = std::numeric_limits<float>::infinity();
  const float dy[] = {inf, 2, 3, inf}, x[] = {-1, 0, 5, 5};
  float dx[4];
  Vec().relu_grad(dy, x, dx, 4);
  EXPECT_TRUE(std::isnan(dx[0]));  // inf times 0
  EXPECT_EQ(dx[1], 0);
  EXPECT_EQ(dx[2], 3);
  EXPECT_EQ(dx[3], inf);
}

// The exponentials of a row with its largest element, and their sums by position.
TEST(VectorMath, ExpMinusSum) {
  for (const int64_t n : {1, 15, 16, 17, 100, 1000}) {
    std::vector<float> x(static_cast<size_t>(n)), y(x.size() + 1, 7.0f);
    for (size_t i = 0; i < x.size(); ++i) x[i] = 3.0f * std::sin(static_cast<float>(i)) * 10.0f;
    x[0] = 31.0f;
    float sums[VectorMath::kSumLanes] = {};
    sums[0] = 2.0f;
    Vec().exp_minus_sum(x.data(), 31.0f, y.data(), n, sums);
    double want[VectorMath::kSumLanes] = {2.0};
    for (size_t i = 0; i < x.size(); ++i) {
      const double e = std::exp(static_cast<double>(x[i] - 31.0f));
      EXPECT_LE(Ulps(y[i], e), 2.0) << x[i];
      want[i % VectorMath::kSumLanes] += e;
    }
    EXPECT_EQ(y.back(), 7.0f);
    for (int j = 0; j < VectorMath::kSumLanes; ++j) EXPECT_NEAR(sums[j], want[j], 1e-5 * want[j]);
  }
  const float inf = std::numeric_limits<float>::infinity();
  const float odd[] = {-inf, -1e30f, inf, std::numeric_limits<float>::quiet_NaN()};
  float y[4], sums[VectorMath::kSumLanes] = {};
  Vec().exp_minus_sum(odd, 5.0f, y, 4, sums);
  EXPECT_EQ(y[0], 0.0f);
  EXPECT_EQ(y[1], 0.0f);
  EXPECT_EQ(y[2], inf);
  EXPECT_TRUE(std::isnan(y[3]));
}

}  // namespace
}  // namespace weft
