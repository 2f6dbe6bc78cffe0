// SPDX-License-Identifier: Apache-2.0
#include "src/core/strided_slice.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weft {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Spec {
  std::vector<int64_t> begin, end, strides;
  StridedSliceMasks masks;
};

absl::StatusOr<StridedSlicePlan> Plan(const std::vector<int64_t>& input, const Spec& s) {
  StridedSliceSpec spec;
  spec.begin = s.begin;
  spec.end = s.end;
  spec.strides = s.strides;
  spec.masks = s.masks;
  return PlanStridedSlice(input, spec);
}

// The elements that Python's range(n)[begin:end:stride] has, found one by one.
std::vector<int64_t> PythonSlice(int64_t n, int64_t begin, int64_t end, int64_t stride) {
  const auto place = [n](int64_t i) { return i < 0 ? i + n : i; };
  std::vector<int64_t> taken;
  int64_t i = place(begin);
  const int64_t last = place(end);
  if (stride > 0) {
    for (i = i < 0 ? 0 : i; i < last && i < n; i += stride) taken.push_back(i);
  } else {
    for (i = i > n - 1 ? n - 1 : i; i > last && i >= 0; i += stride) taken.push_back(i);
  }
  return taken;
}

TEST(StridedSlice, TakesWhatPythonTakes) {
  for (int64_t n = 0; n <= 5; ++n) {
    for (int64_t begin = -7; begin <= 7; ++begin) {
      for (int64_t end = -7; end <= 7; ++end) {
        for (int64_t stride : {-7, -3, -2, -1, 1, 2, 3, 7}) {
          const auto plan = Plan({n}, {{begin}, {end}, {stride}, {}});
          ASSERT_TRUE(plan.ok()) << plan.status();
          const auto& dim = plan->dims[0];
          std::vector<int64_t> taken;
          for (int64_t k = 0; k < dim.size; ++k) taken.push_back(dim.begin + k * dim.stride);
          EXPECT_EQ(taken, PythonSlice(n, begin, end, stride))
              << n << " [" << begin << ":" << end << ":" << stride << "]";
        }
      }
    }
  }
}

TEST(StridedSlice, MaskedBoundsReachTheEnds) {
  const auto forward = Plan({5}, {{3}, {1}, {2}, {.begin = 1, .end = 1}});
  ASSERT_TRUE(forward.ok());
  EXPECT_EQ(forward->dims[0].begin, 0);
  EXPECT_EQ(forward->dims[0].size, 3);
  const auto backward = Plan({5}, {{3}, {1}, {-1}, {.begin = 1, .end = 1}});
  ASSERT_TRUE(backward.ok());
  EXPECT_EQ(backward->dims[0].begin, 4);
  EXPECT_EQ(backward->dims[0].size, 5);
  EXPECT_FALSE(backward->is_identity);
}

// x[1:3, ..., None, -1] of a [4, 5, 6, 7].
TEST(StridedSlice, EllipsisNewAxisAndIndex) {
  const auto plan = Plan({4, 5, 6, 7}, {{1, 0, 0, -1},
                                        {3, 0, 0, 0},
                                        {1, 1, 1, 1},
                                        {.ellipsis = 2, .new_axis = 4, .shrink_axis = 8}});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT(plan->result, ElementsAre(2, 5, 6, 1));
  EXPECT_THAT(plan->source, ElementsAre(0, 1, 2, -1));
  EXPECT_EQ(plan->dims[3].begin, 6);
  EXPECT_FALSE(plan->is_row_range);
}

TEST(StridedSlice, AnEllipsisAtTheEndIsImplied) {
  const auto plan = Plan({4, 5, 6}, {{2}, {4}, {1}, {}});
  ASSERT_TRUE(plan.ok());
  EXPECT_THAT(plan->result, ElementsAre(2, 5, 6));
  EXPECT_TRUE(plan->is_row_range);
  EXPECT_FALSE(plan->is_identity);
  const auto whole = Plan({4, 5, 6}, {{0}, {9}, {1}, {}});
  ASSERT_TRUE(whole.ok());
  EXPECT_TRUE(whole->is_identity);
}

TEST(StridedSlice, UnknownSizesStayUnknownUnlessIndexed) {
  const auto plan = Plan({-1, 5, -1}, {{0, 1, 3}, {2, 3, 4}, {1, 1, 1}, {.shrink_axis = 4}});
  ASSERT_TRUE(plan.ok());
  EXPECT_THAT(plan->result, ElementsAre(-1, 2));
}

TEST(StridedSlice, MasksTellSizesWithoutBounds) {
  const std::vector<int64_t> input = {4, 5}, ones = {1, 1};
  StridedSliceSpec spec;
  spec.strides = ones;
  spec.masks = {.begin = 1, .end = 1, .shrink_axis = 2};
  auto plan = PlanStridedSlice(input, spec);
  ASSERT_TRUE(plan.ok());
  EXPECT_THAT(plan->result, ElementsAre(4));
  spec.masks = {.begin = 1, .end = 3};
  plan = PlanStridedSlice(input, spec);
  ASSERT_TRUE(plan.ok());
  EXPECT_THAT(plan->result, ElementsAre(4, -1));
}

TEST(StridedSlice, ScalarsTakeNewAxes) {
  const auto plan = Plan({}, {{0, 0}, {0, 0}, {1, 1}, {.new_axis = 3}});
  ASSERT_TRUE(plan.ok());
  EXPECT_THAT(plan->result, ElementsAre(1, 1));
  EXPECT_THAT(plan->dims, IsEmpty());
}

TEST(StridedSlice, BadSpecs) {
  const auto error = [](const std::vector<int64_t>& input, const Spec& spec) {
    return std::string(Plan(input, spec).status().message());
  };
  EXPECT_THAT(error({3}, {{0}, {1}, {0}, {}}), HasSubstr("strides[0] must be non-zero"));
  EXPECT_THAT(error({3}, {{0, 0}, {1, 1}, {1, 1}, {}}),
              HasSubstr("Index out of range using input dim 1; input has only 1 dims"));
  EXPECT_THAT(error({3}, {{0, 0}, {1, 1}, {1, 1}, {.ellipsis = 3}}),
              HasSubstr("Multiple ellipses"));
  EXPECT_THAT(error({3}, {{3}, {4}, {1}, {.shrink_axis = 1}}),
              HasSubstr("slice index 3 of dimension 0 out of bounds"));
  EXPECT_THAT(error({3}, {{-4}, {4}, {1}, {.shrink_axis = 1}}),
              HasSubstr("slice index -4 of dimension 0 out of bounds"));
  EXPECT_THAT(error({3}, {{0}, {1}, {-1}, {.shrink_axis = 1}}), HasSubstr("only stride 1 allowed"));
  EXPECT_THAT(error({3}, {{0, 1}, {1}, {1}, {}}), HasSubstr("1D equal size tensors"));
  const std::vector<int64_t> many(40, 0);
  EXPECT_THAT(error({3}, {many, many, std::vector<int64_t>(40, 1), {}}),
              HasSubstr("at most 31 entries"));
}

TEST(StridedSlice, ExtremeValuesDoNotOverflow) {
  constexpr int64_t kMin = INT64_MIN, kMax = INT64_MAX;
  for (int64_t stride : {kMin, kMin + 1, kMax}) {
    const auto plan =
        Plan({5}, {{stride < 0 ? kMax : kMin}, {stride < 0 ? kMin : kMax}, {stride}, {}});
    ASSERT_TRUE(plan.ok());
    EXPECT_EQ(plan->dims[0].size, 1);
    EXPECT_EQ(plan->dims[0].begin, stride < 0 ? 4 : 0);
  }
}

}  // namespace
}  // namespace weft
