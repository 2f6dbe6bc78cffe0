// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "kernels/cpu/sparse_matrix.h"

namespace weft {
namespace {

// How many elements the factor has, by the smallest limit that it keeps.
int64_t FactorSize(const std::vector<std::vector<int32_t>>& rows_of_columns) {
  std::vector<int32_t> pointers = {0}, rows;
  for (const std::vector<int32_t>& column : rows_of_columns) {
    rows.insert(rows.end(), column.begin(), column.end());
    pointers.push_back(static_cast<int32_t>(rows.size()));
  }
  const auto n = static_cast<int64_t>(rows_of_columns.size());
  int64_t most = 0;
  while (!CholeskyFitsIn(n, pointers.data(), rows.data(), most)) ++most;
  return most;
}

TEST(CholeskyFitsIn, CountsTheFactor) {
  EXPECT_EQ(FactorSize({}), 0);
  EXPECT_EQ(FactorSize({{0}, {1}, {2}}), 3);
  // A chain stays one; what is below the diagonal does not count.
  EXPECT_EQ(FactorSize({{0, 1, 2}, {0, 1}, {1, 2}, {2, 3}}), 7);
  // A hub at the end stays a star, one at the beginning joins all others.
  EXPECT_EQ(FactorSize({{0}, {1}, {2}, {0, 1, 2, 3}}), 7);
  EXPECT_EQ(FactorSize({{0}, {0, 1}, {0, 2}, {0, 3}}), 10);
  // [[x, ., x, .], [., x, ., x], [x, ., x, x], [., x, x, x]] gets no new element.
  EXPECT_EQ(FactorSize({{0}, {1}, {0, 2}, {1, 2, 3}}), 7);
  // A ring of five: each row but the last two joins its neighbours.
  EXPECT_EQ(FactorSize({{0}, {0, 1}, {1, 2}, {2, 3}, {0, 3, 4}}), 12);
}

}  // namespace
}  // namespace weft
