// SPDX-License-Identifier: Apache-2.0
// What initializers promise of their values, and their errors. Nodes: variable_nodes_test.cc;
// numbers: tests/tutorials/random_values_test.cc.
#include "weft/framework/initializers.h"
#include "tests/support/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/arrays.h"
#include "weft/weft.h"

namespace weft {
namespace {

using testing::HasSubstr;

class Initializers : public testing::Test {
 protected:
  static Array Run(const Initializer& f, const Shape& shape, DataType dtype = kFloat64) {
    return Session().Run(f(shape, dtype));
  }
  Graph graph_;
  GraphScope scope_{graph_};
};

// a a^T, or a^T a, is gain^2 times the identity.
void ExpectOrthogonal(const Array& a, int64_t rows, int64_t columns, double gain) {
  const bool by_rows = rows <= columns;
  const int64_t n = by_rows ? rows : columns, m = by_rows ? columns : rows;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double dot = 0;
      for (int64_t k = 0; k < m; ++k)
        dot += by_rows ? a.AsDouble(i * columns + k) * a.AsDouble(j * columns + k)
                       : a.AsDouble(k * columns + i) * a.AsDouble(k * columns + j);
      EXPECT_NEAR(dot, i == j ? gain * gain : 0, 1e-12) << i << ", " << j;
    }
  }
}

TEST_F(Initializers, OrthogonalMatrices) {
  ExpectOrthogonal(Run(OrthogonalInitializer({.seed = 1}), {5, 5}), 5, 5, 1);
  ExpectOrthogonal(Run(OrthogonalInitializer({.gain = 2, .seed = 1}), {7, 3}), 7, 3, 2);
  ExpectOrthogonal(Run(OrthogonalInitializer({.seed = 1}), {2, 2, 6}), 4, 6, 1);
}

// A kernel that keeps norms: convolved with a periodic signal, the output's norm is the input's.
// `at(x, ...)` is the offset of the kernel's matrix; checked by sum_k W_k^T W_{k+d} = [d == 0] I.
void ExpectIsometry1d(const Array& kernel, int64_t window, int64_t in, int64_t out, double gain) {
  const auto w = [&](int64_t k, int64_t i, int64_t o) {
    return kernel.AsDouble((k * in + i) * out + o);
  };
  for (int64_t shift = 0; shift < window; ++shift) {
    for (int64_t i = 0; i < in; ++i) {
      for (int64_t j = 0; j < in; ++j) {
        double dot = 0;
        for (int64_t k = 0; k + shift < window; ++k) {
          for (int64_t o = 0; o < out; ++o) dot += w(k, i, o) * w(k + shift, j, o);
        }
        EXPECT_NEAR(dot, shift == 0 && i == j ? gain * gain : 0, 1e-12)
            << "shift " << shift << ", channels " << i << ", " << j;
      }
    }
  }
}

TEST_F(Initializers, OrthogonalConvolutions1d) {
  ExpectIsometry1d(Run(ConvolutionalOrthogonal1d({.seed = 1}), {1, 2, 3}), 1, 2, 3, 1);
  ExpectIsometry1d(Run(ConvolutionalOrthogonal1d({.seed = 1}), {2, 3, 3}), 2, 3, 3, 1);
  ExpectIsometry1d(Run(ConvolutionalOrthogonal1d({.gain = 3, .seed = 1}), {5, 2, 4}), 5, 2, 4, 3);
  ExpectIsometry1d(Run(ConvolutionalDeltaOrthogonal({.seed = 1}), {3, 2, 3}), 3, 2, 3, 1);
}

// The norm of a circular convolution in two and three dimensions, against that of its input.
double NormOf(const Array& a) {
  double sum = 0;
  for (int64_t i = 0; i < a.num_elements(); ++i) sum += a.AsDouble(i) * a.AsDouble(i);
  return std::sqrt(sum);
}

// `kernel` [k..., in, out] over a signal [s..., in] with periodic borders.
double ConvolvedNorm(const Array& kernel, const Array& signal) {
  const int dims = signal.rank() - 1;
  const int64_t in = kernel.dim(dims), out = kernel.dim(dims + 1);
  int64_t places = 1, window = 1;
  for (int d = 0; d < dims; ++d) {
    places *= signal.dim(d);
    window *= kernel.dim(d);
  }
  double sum = 0;
  for (int64_t place = 0; place < places; ++place) {
    std::vector<double> y(static_cast<size_t>(out), 0);
    for (int64_t w = 0; w < window; ++w) {
      int64_t source = 0, p = place, k = w, stride = 1;
      for (int d = dims - 1; d >= 0; --d) {
        source += (p % signal.dim(d) + k % kernel.dim(d)) % signal.dim(d) * stride;
        stride *= signal.dim(d);
        p /= signal.dim(d);
        k /= kernel.dim(d);
      }
      for (int64_t i = 0; i < in; ++i) {
        for (int64_t o = 0; o < out; ++o)
          y[static_cast<size_t>(o)] +=
              signal.AsDouble(source * in + i) * kernel.AsDouble((w * in + i) * out + o);
      }
    }
    for (double v : y) sum += v * v;
  }
  return std::sqrt(sum);
}

TEST_F(Initializers, OrthogonalConvolutionsKeepNorms) {
  const auto signal = [](const IntList& shape) {
    return Session().Run(RandomNormal(shape, {.dtype = kFloat64, .seed = 7}));
  };
  const Array flat = signal({5, 6, 2}), solid = signal({4, 5, 4, 2});
  for (const Shape& shape : {Shape({1, 1, 2, 3}), Shape({3, 3, 2, 2}), Shape({2, 2, 2, 4})}) {
    const Array kernel = Run(ConvolutionalOrthogonal2d({.gain = 2, .seed = 5}), shape);
    EXPECT_NEAR(ConvolvedNorm(kernel, flat) / NormOf(flat), 2, 1e-12);
  }
  const Array kernel = Run(ConvolutionalOrthogonal3d({.seed = 5}), {3, 3, 3, 2, 3});
  EXPECT_NEAR(ConvolvedNorm(kernel, solid) / NormOf(solid), 1, 1e-12);
  const Array delta = Run(ConvolutionalDeltaOrthogonal({.seed = 5}), {3, 3, 3, 2, 2});
  EXPECT_NEAR(ConvolvedNorm(delta, solid) / NormOf(solid), 1, 1e-12);
}

TEST_F(Initializers, IdentityAndUnitScaling) {
  EXPECT_TRUE(ArraysEqual(Run(IdentityInitializer(2), {2, 3}), F64({{2, 0, 0}, {0, 2, 0}})));
  const Array u = Run(UniformUnitScalingInitializer(2, {.seed = 1}), {25, 4, 30});
  double greatest = 0;
  for (int64_t i = 0; i < u.num_elements(); ++i)
    greatest = std::max(greatest, std::abs(u.AsDouble(i)));
  const double limit = 2 * std::sqrt(3.0 / 100);
  EXPECT_LE(greatest, limit);
  EXPECT_GT(greatest, .99 * limit);
}

TEST_F(Initializers, ConstantsFill) {
  EXPECT_TRUE(
      ArraysEqual(Run(ConstantInitializer({1, 2, 3}), {2, 3}), F64({{1, 2, 3}, {3, 3, 3}})));
  EXPECT_TRUE(ArraysEqual(Run(ConstantInitializer(), {2}), F64({0, 0})));
  EXPECT_TRUE(ArraysEqual(
      Run(ConstantInitializer(Array::FromVector<std::string>({"a", "b"})), {3}, kString),
      Str({"a", "b", "b"})));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([] {
                ConstantInitializer({1, 2, 3})({2}, kFloat32);
              }),
              HasSubstr("Needed at most 2, but received 3"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([] {
                ConstantInitializer({1, 2, 3, 4}, {.verify_shape = true})({2, 2}, kFloat32);
              }),
              HasSubstr("expected Tensor's shape: (2, 2), got (4,)."));
}

TEST_F(Initializers, BadShapesAndDtypes) {
  const auto error = [](const Initializer& f, const Shape& shape, DataType dtype = kFloat32) {
    return test::MessageOf<InvalidArgumentError>([&] { f(shape, dtype); });
  };
  EXPECT_THAT(error(OrthogonalInitializer(), {3}), HasSubstr("at least two-dimensional"));
  EXPECT_THAT(error(OrthogonalInitializer(), {3, 3}, kInt32), HasSubstr("int32"));
  EXPECT_THAT(error(ConvolutionalDeltaOrthogonal(), {3, 3}),
              HasSubstr("at least three-dimensional and at most five-dimensional. Received "
                        "shape=[3, 3]"));
  EXPECT_THAT(error(ConvolutionalOrthogonal1d(), {3, 3}), HasSubstr("three-dimensional"));
  EXPECT_THAT(error(ConvolutionalOrthogonal2d(), {3, 3, 3, 2}),
              HasSubstr("In_filters, specified by shape[-2]=3 cannot be greater than out_filters, "
                        "specified by shape[-1]=2."));
  EXPECT_THAT(error(ConvolutionalOrthogonal3d(), {3, 2, 3, 1, 1}),
              HasSubstr("shape[0]=3 and shape[1]=2 must be equal"));
  EXPECT_THAT(error(IdentityInitializer(), {3, 3, 3}), HasSubstr("two-dimensional"));
  EXPECT_THAT(error(VarianceScalingInitializer(), {3}, kInt64), HasSubstr("int64"));
  EXPECT_THAT(error(RandomUniformInitializer(0), {3}, kInt64), HasSubstr("maxval"));
  EXPECT_THAT(
      test::MessageOf<InvalidArgumentError>([] { VarianceScalingInitializer({.scale = 0}); }),
      HasSubstr("must be a positive float"));
}

}  // namespace
}  // namespace weft
