// SPDX-License-Identifier: Apache-2.0
// Seeded random functions give TensorFlow 2.15.1's numbers.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <limits>

#include "tools/weft_interop/programs.h"
#include "weft/weft.h"

namespace wf = weft;

namespace {

// How many floats lie between the two.
int64_t UlpsBetween(float a, float b) {
  const auto ordered = [](float x) {
    int32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return int64_t{bits < 0 ? std::numeric_limits<int32_t>::min() - bits : bits};
  };
  return std::abs(ordered(a) - ordered(b));
}

// All seeds, shapes and kinds of the reference file beside the project.
TEST(RandomValues, Reference) {
  const std::filesystem::path path = "../shared/interop/programs/e_random_values.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const wf::interop::RandomValues values =
      wf::interop::CheckRandomValues(wf::interop::ReadJson(path));
  EXPECT_GT(values.entries, 220);
  EXPECT_EQ(values.exact.differing, 0);
  std::cout << values.entries << " entries: " << values.exact.numbers
            << " uniform numbers, integers and choices; " << values.normal.numbers
            << " normal numbers, " << values.normal.differing << " of them off by up to "
            << values.normal.greatest_ulps << " ulp\n";
}

void ExpectHex(const wf::Tensor& t, const std::vector<const char*>& want, int64_t ulps) {
  wf::Session session(t.graph());
  const wf::Array got = session.Run(t);
  ASSERT_GE(got.num_elements(), static_cast<int64_t>(want.size()));
  for (size_t i = 0; i < want.size(); ++i) {
    const auto value = static_cast<float>(got.AsDouble(static_cast<int64_t>(i)));
    EXPECT_LE(UlpsBetween(value, std::strtof(want[i], nullptr)), ulps)
        << "element " << i << " is " << value << ", not " << want[i];
  }
}

TEST(RandomValues, Initializers) {
  wf::Graph graph;
  wf::GraphScope scope(graph);
  const auto make = [](const wf::Initializer& f, const wf::Shape& shape) {
    return f(shape, wf::kFloat32);
  };
  const wf::Shape shape({2, 3});
  ExpectHex(make(wf::GlorotUniformInitializer({.seed = 1}), shape),
            {"-0x1.24bb2ap-1", "0x1.d793c8p-1", "-0x1.f834d0p-1", "-0x1.318200p-7", "0x1.785e0cp-1",
             "-0x1.09966ap+0"},
            0);
  ExpectHex(make(wf::RandomUniformInitializer(-1, 1, {.seed = 1}), shape),
            {"-0x1.0b39c8p-1", "0x1.ae7d38p-1", "-0x1.cc4678p-1", "-0x1.16e400p-7", "0x1.579328p-1",
             "-0x1.e4e4f0p-1"},
            0);
  ExpectHex(make(wf::GlorotNormalInitializer({.seed = 1}), shape),
            {"-0x1.2aabd2p-1", "0x1.114362p+0", "0x1.80cbc6p-5", "0x1.244a86p-4", "0x1.d6fbfcp-2",
             "0x1.288170p+0"},
            2);
  ExpectHex(make(wf::TruncatedNormalInitializer(0, 0.1, {.seed = 1}), shape),
            {"-0x1.4c50e2p-4", "0x1.300bbcp-3", "0x1.ac2480p-8", "0x1.453798p-7", "0x1.06051ap-4",
             "0x1.49e80cp-3"},
            2);
  ExpectHex(make(wf::VarianceScalingInitializer({.seed = 1}), wf::Shape({3, 3, 2, 4})),
            {"-0x1.bd3b90p-3", "0x1.975b52p-2", "0x1.1ecf5cp-6", "0x1.b3b8c8p-6"}, 2);
  ExpectHex(make(wf::VarianceScalingInitializer({.scale = 2, .seed = 1}), wf::Shape({4, 4})),
            {"-0x1.4decaep-1", "0x1.31847ep+0", "0x1.ae370ap-5", "0x1.46ca98p-4"}, 2);
}

TEST(RandomValues, Dropout) {
  wf::Graph graph;
  wf::GraphScope scope(graph);
  const wf::Tensor y = wf::nn::Dropout(wf::Ones({12}, wf::kFloat32), 0.5f, {.seed = 1});
  EXPECT_EQ(wf::Session().Run(y).ToString(), "[0. 2. 0. 0. 2. 0. 0. 0. 2. 2. 2. 0.]");
}

}  // namespace
