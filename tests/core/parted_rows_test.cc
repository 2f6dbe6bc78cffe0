// SPDX-License-Identifier: Apache-2.0
#include "src/core/parted_rows.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>

namespace weft {
namespace {

TEST(PartedRows, AreBroughtTogether) {
  constexpr int64_t kColumns = 3;
  const auto division =
      std::make_shared<const RowDivision>(RowDivision{.rows = 10, .parts = {0, 4, 7}});
  EXPECT_EQ(division->most_rows(), 4);
  // Two values, the second one behind the first in each part.
  const size_t bytes = sizeof(float) * 4 * kColumns;
  const BufferPtr memory = PartedRows::Allocate(division, 2 * bytes);
  for (const size_t offset : {size_t{0}, bytes}) {
    const Array parted = Array::FromBuffer(kFloat32, Shape({10, kColumns}), memory, offset);
    const PartedRows* const parts = PartsOf(parted);
    ASSERT_NE(parts, nullptr);
    EXPECT_EQ(parts->division(), *division);
    EXPECT_GE(parts->step(), 2 * bytes + kBetweenParts);
    for (size_t p = 0; p < division->size(); ++p) {
      char* const begin = static_cast<char*>(memory->data()) + offset + p * parts->step();
      for (int64_t i = 0; i < division->rows_of(p) * kColumns; ++i) {
        const auto value =
            static_cast<float>(division->parts[p] * kColumns + i) + static_cast<float>(offset);
        std::memcpy(begin + static_cast<size_t>(i) * sizeof(float), &value, sizeof(float));
      }
    }
  }
  for (const size_t offset : {size_t{0}, bytes}) {
    const absl::StatusOr<Array> whole =
        WithRowsTogether(Array::FromBuffer(kFloat32, Shape({10, kColumns}), memory, offset));
    ASSERT_TRUE(whole.ok());
    EXPECT_EQ(PartsOf(*whole), nullptr);
    ASSERT_EQ(whole->shape(), Shape({10, kColumns}));
    for (int64_t i = 0; i < 10 * kColumns; ++i)
      EXPECT_EQ(whole->data<float>()[i], static_cast<float>(i) + static_cast<float>(offset)) << i;
  }
}

TEST(PartedRows, OtherValuesStayAsTheyAre) {
  const Array a = Array::FromVector(std::vector<float>{1, 2, 3});
  EXPECT_EQ(PartsOf(a), nullptr);
  const absl::StatusOr<Array> same = WithRowsTogether(a);
  ASSERT_TRUE(same.ok());
  EXPECT_TRUE(same->SharesBufferWith(a));
  EXPECT_EQ(PartsOf(Array()), nullptr);
}

}  // namespace
}  // namespace weft
