// SPDX-License-Identifier: Apache-2.0
#include "weft/core/eigen.h"  // before Eigen itself: it needs nothing of it

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <Eigen/Core>

#include "tests/support/errors.h"

namespace weft {
namespace {

using testing::HasSubstr;

TEST(EigenMaps, MatricesAreTheArraysRows) {
  const Array a = {{1.f, 2.f, 3.f}, {4.f, 5.f, 6.f}};
  const auto m = eigen::Matrix<float>(a);
  EXPECT_EQ(m.rows(), 2);
  EXPECT_EQ(m.cols(), 3);
  EXPECT_EQ(m(0, 2), 3.f);
  EXPECT_EQ(m.data(), a.data<float>());
  const Eigen::MatrixXf product = m * m.transpose();
  EXPECT_EQ(product(0, 1), 32.f);
  EXPECT_EQ(eigen::Vector<float>(a).sum(), 21.f);
}

TEST(EigenMaps, OuterDimensionsAreJoined) {
  const Array a = Array::Zeros(kFloat64, Shape({2, 3, 4}));
  EXPECT_EQ(eigen::Matrix<double>(a).rows(), 6);
  EXPECT_EQ(eigen::Matrix<double>(a).cols(), 4);
  EXPECT_EQ(eigen::Matrix<double>(Array::Zeros(kFloat64, Shape({5}))).rows(), 1);
  EXPECT_EQ(eigen::Matrix<double>(Array::Zeros(kFloat64, Shape({5, 0}))).size(), 0);
}

TEST(EigenMaps, MutableOnesWriteTheArray) {
  Array a = Array::Zeros(kInt32, Shape({2, 2}));
  eigen::MutableMatrix<int32_t>(a) << 1, 2, 3, 4;
  EXPECT_EQ(a, Array({{1, 2}, {3, 4}}));
  eigen::MutableVector<int32_t>(a).array() *= 10;
  EXPECT_EQ(a, Array({{10, 20}, {30, 40}}));
}

TEST(EigenMaps, ATypeOrRankThatDoesNotFitIsRefused) {
  const Array a = {1.f, 2.f};
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] { eigen::Vector<double>(a); }),
              HasSubstr("float32"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([] { eigen::Matrix<float>(Array(1.f)); }),
              HasSubstr("no dimension"));
}

}  // namespace
}  // namespace weft
