// SPDX-License-Identifier: Apache-2.0
// Chains in registers give the bits of the single ops' loops.
#include "kernels/cpu/register_run.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/tile_loops.h"

namespace weft {
namespace {

// Numbers of all sizes, and among them those that ops treat in ways of their own.
std::vector<float> OddNumbers(int64_t n, uint32_t seed) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float odd[] = {0.0f, -0.0f, kInfinity, -kInfinity, std::nanf(""), 6.0f, 1e-42f, -3e38f};
  std::mt19937 bits(seed);
  std::normal_distribution<float> normal(0, 4);
  std::vector<float> values(static_cast<size_t>(n));
  for (float& v : values) v = bits() % 4 == 0 ? odd[bits() % std::size(odd)] : normal(bits);
  return values;
}

bool SameFloat(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (a != a && b != b);
}

struct Part {
  std::string type;
  ValueIs value = ValueIs::kFirst;
  bool uniform = false;
};

// The chain `parts` from the first operand on, compared with op after op.
void CheckChain(const std::vector<Part>& parts, int64_t n, bool uniform_start, bool in_place) {
  std::vector<float> start = OddNumbers(n + 1, 1);
  start.resize(static_cast<size_t>(n));
  std::vector<float> want = uniform_start ? std::vector<float>(start.size(), start[0]) : start;
  std::vector<std::vector<float>> operands;
  std::vector<RegisterStep> steps;
  for (const Part& part : parts) {
    const std::vector<float>& b =
        operands.emplace_back(OddNumbers(n, 7 + static_cast<uint32_t>(operands.size())));
    RegisterStep& step = steps.emplace_back();
    step.op = RegisterOpOf(part.type, part.value);
    ASSERT_NE(step.op, RegisterOp::kNone) << part.type;
    const TileOp* op = FindTileOp(part.type);
    ASSERT_NE(op, nullptr) << part.type;
    const float* const other = part.value == ValueIs::kBoth ? want.data() : b.data();
    ElementRun run{};
    run.n = n;
    const bool second = part.value == ValueIs::kSecond;
    run.in[0] = second ? other : want.data();
    run.in[1] = second ? want.data() : other;
    run.uniform[second ? 0 : 1] = part.uniform && part.value != ValueIs::kBoth;
    std::vector<float> result(want.size());
    run.out = result.data();
    op->loop(run);
    want = result;
  }
  for (size_t i = 0; i < steps.size(); ++i) {
    if (parts[i].uniform)
      steps[i].number = operands[i][0];
    else
      steps[i].operand = operands[i].data();
  }
  std::vector<float> out(start.size() + 1, 77.0f);
  float* to = in_place ? start.data() : out.data();
  RunInRegisters(start.data(), uniform_start, steps, to, n, false);
  for (int64_t i = 0; i < n; ++i) {
    ASSERT_TRUE(SameFloat(to[i], want[static_cast<size_t>(i)]))
        << parts[0].type << " element " << i << " of " << n << ": " << to[i] << " instead of "
        << want[static_cast<size_t>(i)];
  }
  EXPECT_EQ(out.back(), 77.0f);
}

constexpr int64_t kLengths[] = {1, 3, 8, 17, 64, 127, 128, 129, 1000};

TEST(RegisterRun, EachOpAlone) {
  for (const char* type : {"Abs", "Neg", "Relu", "Relu6", "Sqrt", "Square", "Reciprocal", "Inv"}) {
    for (const int64_t n : kLengths) CheckChain({{type}}, n, false, false);
  }
  for (const char* type : {"Add", "AddV2", "Sub", "Mul", "Div", "RealDiv", "Maximum", "Minimum",
                           "SquaredDifference"}) {
    for (const ValueIs value : {ValueIs::kFirst, ValueIs::kSecond}) {
      for (const bool uniform : {false, true}) {
        for (const int64_t n : kLengths) CheckChain({{type, value, uniform}}, n, false, false);
      }
    }
  }
  for (const char* type : {"Add", "Mul"}) CheckChain({{type, ValueIs::kBoth}}, 129, false, false);
}

TEST(RegisterRun, LongChains) {
  const std::vector<Part> parts = {{"Mul", ValueIs::kFirst, true},
                                   {"AddV2", ValueIs::kFirst},
                                   {"Maximum", ValueIs::kSecond},
                                   {"Mul", ValueIs::kBoth},
                                   {"Sub", ValueIs::kSecond, true},
                                   {"Abs"},
                                   {"Sqrt"},
                                   {"RealDiv", ValueIs::kSecond},
                                   {"Minimum", ValueIs::kFirst, true},
                                   {"Neg"},
                                   {"AddN", ValueIs::kSecond},
                                   {"Relu6"}};
  for (const int64_t n : kLengths) {
    for (const bool uniform : {false, true}) {
      CheckChain(parts, n, uniform, false);
      if (!uniform) CheckChain(parts, n, false, true);
    }
  }
}

// Stores past the caches are those that begin at a cache line; others are plain ones.
TEST(RegisterRun, PastTheCaches) {
  const std::vector<float> x = OddNumbers(777, 3);
  const RegisterStep steps[] = {{.number = 2.0f, .op = RegisterOp::kMultiply},
                                {.op = RegisterOp::kAbs}};
  std::vector<float> memory(1000);
  for (int shift = 0; shift < 17; ++shift) {
    std::fill(memory.begin(), memory.end(), -5.0f);
    float* const out = memory.data() + shift;
    RunInRegisters(x.data(), false, steps, out, 777, true);
    for (size_t i = 0; i < x.size(); ++i) EXPECT_TRUE(SameFloat(out[i], std::fabs(x[i] * 2)));
    EXPECT_EQ(out[777], -5.0f);
  }
}

TEST(RegisterRun, OtherOpsAreRefused) {
  EXPECT_EQ(RegisterOpOf("Exp", ValueIs::kFirst), RegisterOp::kNone);
  EXPECT_EQ(RegisterOpOf("BiasAdd", ValueIs::kSecond), RegisterOp::kNone);
  EXPECT_EQ(RegisterOpOf("Sub", ValueIs::kBoth), RegisterOp::kNone);
}

}  // namespace
}  // namespace weft
