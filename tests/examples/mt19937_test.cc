// SPDX-License-Identifier: Apache-2.0
// Golden numbers were printed by numpy 2.4.6, those of Uniform and below it by 1.26.4:
// numpy.random.RandomState(seed) and the call that the test names.
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

TEST(RandomState, Uniform) {
  EXPECT_EQ(RandomState(1).Uniform(-2, 3, 4),
            (std::vector<double>{0x1.5c9c53f8cb080p-4, 0x1.9a03ee15358cap+0, -0x1.ffda858b8005dp+0,
                                 -0x1.f40ea6809d33cp-2}));
}

TEST(RandomState, NormalNumbersComeInPairs) {
  RandomState random(1);
  random.Uniform(-2, 3, 4);
  const std::vector<double> want = {-0x1.0e6c872548fd2p-1, -0x1.12ae1255cb80cp+0,
                                    0x1.bb16b5735117dp-1, -0x1.2698d1ecca259p+1,
                                    0x1.beabfbd8fc605p+0};
  const std::vector<double> got = random.Randn(5);
  for (size_t i = 0; i < want.size(); ++i) EXPECT_DOUBLE_EQ(got[i], want[i]);
  EXPECT_EQ(random.RandomSample(), 0.20445224973151743);
  const std::vector<double> more = random.Normal(1.5, 0.5, 3);
  EXPECT_DOUBLE_EQ(more[0], 0x1.1e90c5b395402p+0);  // the one that was kept
  EXPECT_DOUBLE_EQ(more[1], 0x1.11ee948f3b408p+0);
  EXPECT_DOUBLE_EQ(more[2], 0x1.3172674530ef4p+1);
  EXPECT_THROW(random.Normal(0, -1, 1), std::invalid_argument);
}

TEST(RandomState, RandIntOfSizes) {
  RandomState random(7);
  EXPECT_EQ(random.RandInt(0, 10, 12), (Ints{4, 9, 6, 3, 3, 7, 7, 9, 7, 8, 9, 8}));
  EXPECT_EQ(random.RandInt(5, 13, 10), (Ints{12, 11, 9, 5, 12, 12, 9, 5, 8, 12}));
  EXPECT_EQ(random.RandInt(0, int64_t{1} << 40, 3),
            (Ints{1076629404678, 84585221564, 190464503487}));
  EXPECT_EQ(random.RandInt(0, 1000, 5), (Ints{325, 824, 152, 183, 949}));
  EXPECT_EQ(random.RandInt(0, 1, 3), (Ints{0, 0, 0}));
  EXPECT_EQ(random.RandInt(0, int64_t{1} << 32, 3), (Ints{3224501360, 2579337979, 1094761661}));
  EXPECT_EQ(random.Choice(5, 8), (Ints{0, 2, 0, 1, 4, 1, 3, 3}));
  EXPECT_EQ(random.Choice(10, 4, false), (Ints{9, 4, 6, 2}));
  EXPECT_EQ(random.Choice(4, 6, true, {.1, .2, .3, .4}), (Ints{2, 2, 2, 3, 3, 2}));
  EXPECT_EQ(random.Permutation(6), (Ints{5, 2, 1, 3, 4, 0}));
  EXPECT_EQ(random.RandomSample(), 0.31020924193709687);
  EXPECT_EQ(random.Choice(6, 4, false, {.1, .1, .2, .2, .3, .1}), (Ints{2, 5, 3, 4}));
  EXPECT_EQ(random.RandomSample(), 0.7935699982974799);
}

TEST(RandomState, ChoiceRefusesWhatCannotBeDrawn) {
  RandomState random(1);
  EXPECT_THROW(random.Choice(0, 1), std::invalid_argument);
  EXPECT_THROW(random.Choice(3, 4, false), std::invalid_argument);
  EXPECT_THROW(random.Choice(3, 2, false, {1, 0, 0}), std::invalid_argument);
  EXPECT_THROW(random.Choice(3, 2, true, {.5, .5}), std::invalid_argument);
  EXPECT_THROW(random.Choice(2, 2, true, {1.5, -.5}), std::invalid_argument);
}

TEST(RandomState, RandIntRefusesAnEmptyRange) {
  RandomState random(1);
  EXPECT_THROW(random.RandInt(5, 5), std::invalid_argument);
  EXPECT_THROW(random.RandInt(6, 5), std::invalid_argument);
}

}  // namespace
}  // namespace weft::examples
