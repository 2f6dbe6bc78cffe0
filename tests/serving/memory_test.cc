// SPDX-License-Identifier: Apache-2.0
// What a large frozen graph costs: its size, and little more.
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "src/core/strings.h"
#include "tests/support/temporary_folder.h"
#include "weft/graph/graph_def.h"
#include "weft/serving/predictor.h"
#include "weft/weft.h"

extern char** environ;

namespace weft {
namespace {

constexpr const char* kModelVariable = "WEFT_MEMORY_TEST_MODEL";
constexpr int kLayers = 6;
constexpr int64_t kSide = 3600;
constexpr double kWeightBytes = 4.0 * kLayers * kSide * kSide;  // 311 MB
// The program, its libraries and threads.
constexpr double kProgramBytes = 48e6;

// A chain of products with matrices: one after the other, so that this process holds only one.
// Serialised GraphDefs in one file are one GraphDef.
void WriteModel(const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  std::string nodes =
      "node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } }"
      " attr { key: 'shape' value { shape { dim { size: -1 } dim { size: 3600 } } } } }";
  std::string last = "x";
  for (int i = 0; i < kLayers; ++i) {
    Graph graph;
    GraphScope scope(graph);
    // Every column's sum is one.
    Array weights(kFloat32, Shape({kSide, kSide}));
    for (int64_t e = 0; e < weights.num_elements(); ++e) {
      const float share = (e / kSide) % 2 == 0 ? 0.75f : 1.25f;
      weights.mutable_data<float>()[e] = share / static_cast<float>(kSide);
    }
    Constant(weights, StrCat("w", i));
    file << graph.AsGraphDef().Serialize();
    StrAppend(&nodes, "node { name: 'y", i, "' op: 'MatMul' input: '", last, "' input: 'w", i,
              "' attr { key: 'T' value { type: DT_FLOAT } } }");
    last = StrCat("y", i);
  }
  file << GraphDef::ParseText(nodes).Serialize();
}

// Bytes, from the line of this name in /proc/self/status.
double MemoryOf(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kilobytes = 0;
    if (word == name && status >> kilobytes) return kilobytes * 1024;
  }
  return -1;
}

// In the fresh process: its exit status is the answer.
TEST(LargeModel, InAProcessOfItsOwn) {
  const char* path = std::getenv(kModelVariable);
  if (!path) return;  // the test below starts this one
  const auto model = serving::Predictor::Load(path);
  for (int run = 0; run < 2; ++run) {
    const Array y = model.Predict(Array::Full(Shape({1, kSide}), Array(2.0f)));
    ASSERT_EQ(y.shape(), Shape({1, kSide}));
    EXPECT_NEAR(y.data<float>()[kSide - 1], 2.0f, 1e-3f);
  }
  const double peak = MemoryOf("VmHWM:");
  std::printf("peak %.1f MB for %.1f MB of weights\n", peak / 1e6, kWeightBytes / 1e6);
  ASSERT_GT(peak, kWeightBytes);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they keep what is freed
  EXPECT_LE(peak, 1.2 * kWeightBytes + kProgramBytes);
#endif
}

TEST(LargeModel, TakesLittleMoreThanItsSize) {
  const test::TemporaryFolder folder;
  const std::string path = folder.File("model.pb");
  WriteModel(path);
  setenv(kModelVariable, path.c_str(), 1);
  std::string program = "/proc/self/exe", filter = "--gtest_filter=LargeModel.InAProcessOfItsOwn";
  std::array<char*, 3> arguments = {program.data(), filter.data(), nullptr};
  pid_t child = 0;
  ASSERT_EQ(posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments.data(), environ), 0);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  unsetenv(kModelVariable);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace weft
