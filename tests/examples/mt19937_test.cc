// SPDX-License-Identifier: Apache-2.0
// All golden numbers were printed by numpy 2.4.6: numpy.random.RandomState(seed) and the call that
// the test names.
#include "examples/support/mt19937.h"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace weft::examples {
namespace {

using Ints = std::vector<int64_t>;

TEST(RandomState, RawBitsOfSeveralSeeds) {
  const auto first3 = [](uint32_t seed) {
    RandomState random(seed);
    Ints values;
    for (int i = 0; i < 3; ++i) values.push_back(random.Next32());
    return values;
  };
  EXPECT_EQ(first3(0), (Ints{2357136044, 2546248239, 3071714933}));
  EXPECT_EQ(first3(1), (Ints{1791095845, 4282876139, 3093770124}));
  EXPECT_EQ(first3(12345), (Ints{3992670690, 3823185381, 1358822685}));
  EXPECT_EQ(first3(std::numeric_limits<uint32_t>::max()), (Ints{419326371, 479346978, 3918654476}));
}

TEST(RandomState, Rand) {
  EXPECT_EQ(RandomState(1).Rand(4),
            (std::vector<double>{0.417022004702574, 0.7203244934421581, 0.00011437481734488664,
                                 0.30233257263183977}));
}

// rand(128, 2), then 128 times rand(): the data of the linear model with unequal costs.
TEST(RandomState, RandContinuesTheStream) {
  RandomState random(1);
  const std::vector<double> x = random.Rand(128 * 2);
  EXPECT_EQ(x[254], 0.604716100974053);
  EXPECT_EQ(x[255], 0.828845807980693);
  EXPECT_NEAR(std::accumulate(x.begin(), x.end(), 0.0), 128.2986165744127, 1e-10);
  EXPECT_EQ(random.RandomSample(), 0.5747115047081023);
  for (int i = 0; i < 126; ++i) random.RandomSample();
  EXPECT_EQ(random.RandomSample(), 0.20390622523312185);
}

TEST(RandomState, Permutation) {
  RandomState random(42);
  EXPECT_EQ(random.Permutation(10), (Ints{8, 1, 5, 0, 7, 2, 9, 4, 3, 6}));
  EXPECT_EQ(random.Permutation(10), (Ints{0, 1, 8, 5, 3, 4, 7, 9, 6, 2}));
  EXPECT_EQ(random.RandomSample(), 0.056411579027100256);
}

TEST(RandomState, PermutationOfTheTrainingSet) {
  const Ints order = RandomState(3).Permutation(55000);
  EXPECT_EQ(Ints(order.begin(), order.begin() + 5), (Ints{35806, 24728, 22773, 652, 47017}));
  EXPECT_EQ(Ints(order.end() - 5, order.end()), (Ints{25544, 48056, 11513, 1688, 5994}));
  int64_t sum = 0;
  for (int64_t i = 0; i < 55000; ++i) sum += order[i] * i % 1000003;
  EXPECT_EQ(sum, 27419830519);
}

TEST(RandomState, PermutationOfOneOrNoneDrawsNothing) {
  RandomState random(5);
  EXPECT_EQ(random.Permutation(1), Ints{0});
  EXPECT_EQ(random.Permutation(0), Ints{});
  EXPECT_EQ(random.RandomSample(), 0.22199317108973948);
}

TEST(RandomState, Shuffle) {
  Ints values(17);
  for (int i = 0; i < 17; ++i) values[i] = 3 * i;
  RandomState(7).Shuffle(std::span<int64_t>(values));
  EXPECT_EQ(values, (Ints{39, 33, 48, 24, 15, 6, 3, 0, 42, 30, 21, 36, 9, 18, 27, 12, 45}));
}

TEST(RandomState, RandInt) {
  RandomState random(9);
  const auto draw = [&](int count, int64_t low, int64_t high) {
    Ints values;
    for (int i = 0; i < count; ++i) values.push_back(random.RandInt(low, high));
    return values;
  };
  EXPECT_EQ(draw(8, 0, 10), (Ints{5, 6, 8, 6, 1, 6, 4, 8}));
  EXPECT_EQ(draw(5, -5, 1000), (Ints{757, 236, 755, 624, 342}));
  EXPECT_EQ(draw(4, 0, int64_t{1} << 40),
            (Ints{692206033629, 948666187648, 811538211054, 803325307352}));
  const int64_t lowest = std::numeric_limits<int64_t>::min(),
                highest = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(random.RandInt(lowest, highest), 8631306786604364728);
  EXPECT_EQ(random.RandInt(4, 5), 4);  // draws nothing
  EXPECT_EQ(random.RandInt(0, int64_t{1} << 32), 3013127645);
  EXPECT_EQ(random.RandInt(0, 100), 62);
}

TEST(RandomState, RandIntRefusesAnEmptyRange) {
  RandomState random(1);
  EXPECT_THROW(random.RandInt(5, 5), std::invalid_argument);
  EXPECT_THROW(random.RandInt(6, 5), std::invalid_argument);
}

}  // namespace
}  // namespace weft::examples
