// SPDX-License-Identifier: Apache-2.0
// Numbers are those of TensorFlow 2.15.1 on one thread for the same seeds.
#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "tests/support/first_run.h"
#include "tests/support/gradient_case.h"
#include "weft/gradients/gradients.h"
#include "weft/ops/random.h"

namespace weft {
namespace {

using ::testing::ElementsAre;

constexpr double kNanD = std::numeric_limits<double>::quiet_NaN();

AttrMap Seeds(int64_t seed, int64_t seed2, AttrMap attrs = {}) {
  attrs["seed"] = seed;
  attrs["seed2"] = seed2;
  return attrs;
}

testing::AssertionResult Same(const Array& got, const Array& want) {
  return ArraysNear(got, want, Tolerance());
}

TEST(RandomShuffle, Values) {
  EXPECT_TRUE(Same(FirstRun("RandomShuffle", {I64({0, 1, 2, 3, 4, 5, 6, 7, 8, 9})}, Seeds(1, 2)),
                   I64({9, 0, 8, 6, 1, 3, 7, 2, 4, 5})));
  EXPECT_TRUE(
      Same(FirstRun("RandomShuffle", {Str({{"a", "b"}, {"c", "d"}, {"e", "f"}})}, Seeds(1, 2)),
           Str({{"e", "f"}, {"a", "b"}, {"c", "d"}})));
  for (const Array& x : {F32(3), F32({7}), F32(Shape({0, 2}), {}), F32(Shape({3, 0}), {})})
    EXPECT_TRUE(Same(FirstRun("RandomShuffle", {x}, Seeds(1, 2)), x));
}

TEST(RandomShuffle, Shapes) {
  ExpectShape("RandomShuffle", {"[?,3]"}, "[?,3]");
  ExpectShape("RandomShuffle", {"?"}, "?");
}

// Every row is there once, and each run has an order of its own.
TEST(RandomShuffle, EachRunIsAnotherPermutation) {
  std::vector<int64_t> rows(1000);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int64_t>(i);
  const auto runs = FirstRuns("RandomShuffle", {Array::FromVector(rows)}, Seeds(3, 4), 2);
  EXPECT_FALSE(Same(runs[0][0], runs[1][0]));
  for (const auto& run : runs) {
    const auto values = run[0].values<int64_t>();
    std::vector<int64_t> sorted(values.begin(), values.end());
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(sorted, rows);
  }
}

TEST(Multinomial, Values) {
  const Array logits = F32({{0, 1, 2, -kInf}, {kNaN, 3, 3, kInf}});
  EXPECT_TRUE(Same(FirstRun("Multinomial", {logits, I32(7)}, Seeds(1, 2)),
                   I64({{1, 2, 1, 1, 2, 2, 2}, {2, 2, 1, 1, 2, 2, 1}})));
  EXPECT_TRUE(Same(
      FirstRun("Multinomial", {F16({{0, 1, 2}}), I32(5)}, Seeds(1, 2, {{"output_dtype", kInt32}})),
      I32({{1, 2, 1, 1, 2}})));
  // No class is possible: one past the last.
  EXPECT_TRUE(
      Same(FirstRun("Multinomial", {F32({{-kInf, -kInf}}), I32(2)}, Seeds(1, 2)), I64({{2, 2}})));
  EXPECT_TRUE(
      Same(FirstRun("Multinomial", {F32({{1, 2}}), I32(0)}, Seeds(1, 2)), I64(Shape({1, 0}), {})));
  OpCase("StatelessMultinomial")
      .In(F32({{0, 1, 2}}))
      .In(I32(7))
      .In(I32({5, 6}))
      .Out(I64({{1, 1, 1, 2, 1, 1, 0}}))
      .RunEverywhere();
}

TEST(Multinomial, BadInput) {
  const auto error = [](Array logits, Array count, const char* text) {
    OpCase("Multinomial").In(logits).In(count).ExpectRunError(Code::kInvalidArgument, text);
  };
  error(F32({1, 2}), I32(3), "logits should be a matrix, got shape [2]");
  error(F32({{1, 2}}), I32({3}), "num_samples should be a scalar, got shape [1]");
  error(F32({{1, 2}}), I32(-3), "num_samples should be non-negative, got -3");
  error(F32(Shape({2, 0}), {}), I32(3), "num_classes should be positive, got 0");
}

TEST(Multinomial, Shapes) {
  ExpectShape("Multinomial", {"[?,4]", I32(3)}, "[?,3]");
  ExpectShape("Multinomial", {"?", "int32[]"}, "[?,?]");
  ExpectShape("StatelessMultinomial", {"[2,4]", I32(3), "int64[2]"}, "[2,3]");
  ExpectBuildError("Multinomial", {"[3]", I32(3)}, "Shape must be rank 2 but is rank 1");
  ExpectBuildError("Multinomial", {"[3,2]", I32(-1)}, "must be non-negative but is -1");
  ExpectBuildError("StatelessMultinomial", {"[2,4]", I32(3), "int64[3]"}, "3 and 2");
}

TEST(RandomGamma, Values) {
  EXPECT_TRUE(Same(FirstRun("RandomGamma", {I32({2}), F32({.5f, 1, 3})}, Seeds(3, 5)),
                   F32({{0.7825867533683777f, 0.04239852726459503f, 2.4143106937408447f},
                        {0.4133295714855194f, 2.502685546875f, 5.474733352661133f}})));
  EXPECT_TRUE(Same(FirstRun("RandomGamma", {I64({2}), F16({.5f, 1, 2})}, Seeds(3, 5)),
                   F16({{0.78271484375f, 0.042388916015625f, 1.46875f},
                        {0.413330078125f, 2.501953125f, 4.03515625f}})));
  EXPECT_TRUE(
      ArraysNear(FirstRun("RandomGamma", {I32({2}), F32({0, -.5f, kInf, kNaN, -1})}, Seeds(3, 5)),
                 F32({{0, 2.8550858f, kInf, kNaN, kNaN}, {0, 133.9394f, kInf, kNaN, kNaN}}),
                 DefaultTolerance(kFloat32)));
  EXPECT_EQ(FirstRun("RandomGamma", {I32({2}), F32(Shape({0}), {})}, Seeds(3, 5)).shape(),
            Shape({2, 0}));
}

TEST(RandomPoisson, Values) {
  EXPECT_TRUE(Same(FirstRun("RandomPoissonV2", {I32({2}), F32({.5f, 9, 10, 1000})},
                            Seeds(3, 5, {{"dtype", kInt64}})),
                   I64({{0, 7, 8, 1055}, {0, 6, 6, 1000}})));
  EXPECT_TRUE(Same(FirstRun("RandomPoissonV2", {I32({2}), F32({.5f, 9, 10, 1e9f})},
                            Seeds(3, 5, {{"dtype", kFloat32}})),
                   F32({{0, 7, 8, 1000055040.f}, {0, 6, 6, 999999744.f}})));
  EXPECT_TRUE(Same(
      FirstRun("RandomPoissonV2", {I32({2}), I64({3, 30})}, Seeds(3, 5, {{"dtype", kFloat16}})),
      F16({{0, 36}, {5, 39}})));
}

// TensorFlow doesn't come back from some of these.
TEST(RandomPoisson, RatesThatAreNone) {
  const Array rates = F32({0, -20, kInf, kNaN, 1e30f});
  EXPECT_TRUE(
      Same(FirstRun("RandomPoissonV2", {I32({1}), rates}, Seeds(3, 5, {{"dtype", kFloat32}})),
           F32({{0, 0, kInf, kNaN, 1e30f}})));
  EXPECT_TRUE(Same(FirstRun("RandomPoissonV2", {I32({1}), rates}, Seeds(3, 5, {{"dtype", kInt32}})),
                   I32({{0, 0, INT32_MAX, 0, INT32_MAX}})));
}

TEST(GammaAndPoisson, Shapes) {
  for (const char* op : {"RandomGamma", "RandomPoissonV2"}) {
    ExpectShape(op, {I32({2, 3}), "[?,4]"}, "[2,3,?,4]");
    ExpectShape(op, {"int32[2]", "[?,4]"}, "[?,?,?,4]");
    ExpectShape(op, {I32({2}), "?"}, "?");
    ExpectShape(op, {"int64[?]", "[3]"}, "?");
    ExpectBuildError(op, {"int32[1,1]", "[]"}, "Shape must be rank 1 but is rank 2");
  }
  ExpectShape("RandomGammaGrad", {"[3,1]", "[2]"}, "[3,2]");
  OpCase("RandomGamma").In(I32({2, -1})).In(F32(1)).ExpectRunError(Code::kInvalidArgument, "-1");
}

TEST(ParameterizedTruncatedNormal, Values) {
  const auto run = [](Array shape, Array mean, Array stddev, Array low, Array high) {
    return FirstRun("ParameterizedTruncatedNormal", {shape, mean, stddev, low, high}, Seeds(1, 2));
  };
  // Three ways of drawing: the normal distribution, an exponential and a uniform one.
  EXPECT_TRUE(Same(run(I64({2, 3}), F32({0, 5}), F32(1), F32(-1), F32({1, 9})),
                   F32({{-0.18720650672912598f, 0.7151992321014404f, -0.8892083168029785f},
                        {5.138906478881836f, 5.511197566986084f, 6.437770366668701f}})));
  EXPECT_TRUE(Same(
      run(I32({4}), F32(0), F32(1), F32(3), F32(kInf)),
      F32({3.2726268768310547f, 3.8760058879852295f, 3.2683680057525635f, 3.127089023590088f})));
  EXPECT_TRUE(Same(
      run(I32({4}), F64(0), F64(1), F64(-2), F64(-1)),
      F64({-1.8538803137099569, -1.7498299080682744, -1.0299352195067901, -1.3731922860247712})));
  EXPECT_TRUE(Same(
      run(I32({4}), F64(0), F64(1), F64(-kInf), F64(-3)),
      F64({-3.418317052518856, -3.3673426263579964, -3.0146653021383965, -3.1828273759285706})));
  EXPECT_TRUE(Same(run(I32({5}), F16(0), F16(1), F16(2), F16(60)),
                   F16({2.662109375f, 2.091796875f, 2.419921875f, 2.046875f, 2.22265625f})));
  EXPECT_TRUE(Same(run(I32({5}), F16(0), F16(1), F16(2), F16(2.2f)),
                   F16({2.041015625f, 2.091796875f, 2.09375f, 2.013671875f, 2.19140625f})));
  EXPECT_TRUE(Same(run(I32({3}), F32(0), F32(2), F32(.1f), F32(.2f)),
                   F32({0.14063967764377594f, 0.18575996160507202f, 0.10553958266973495f})));
  EXPECT_TRUE(Same(run(I32({5}), F16(0), F16(1), F16(-1), F16(1)),
                   F16({-0.595703125f, -0.087890625f, -0.068359375f, 0.166015625f, -0.86328125f})));
  EXPECT_EQ(run(I32({0, 3}), F32(0), F32(1), F32(-1), F32(1)).shape(), Shape({0, 3}));
}

TEST(ParameterizedTruncatedNormal, BadInput) {
  const auto error = [](Array shape, Array mean, Array stddev, Array low, Array high,
                        const char* text) {
    OpCase("ParameterizedTruncatedNormal")
        .In(shape)
        .In(mean)
        .In(stddev)
        .In(low)
        .In(high)
        .ExpectRunError(Code::kInvalidArgument, text);
  };
  const Array shape = I32({2, 3}), one = F32(1);
  error(I32(Shape({0}), {}), one, one, one, one, "Shape tensor must not be empty");
  error(shape, F32(0), one, F32(1), F32(-1), "Invalid parameters");
  error(shape, F32(0), F32(-1), F32(-1), one, "Invalid parameters");
  error(shape, F32(0), one, F32(kNaN), one, "Invalid parameters");
  error(shape, F32(0), one, F32(-kInf), F32(kInf), "Invalid parameters");
  error(shape, F32({0, 0, 0}), one, F32(-1), one,
        "Input means should have length 1 or shape[0], got shape: [3]");
  error(shape, F32(0), one, F32({{-1}}), one, "Input minvals should be a scalar or vector");
  ExpectShape("ParameterizedTruncatedNormal", {I32({3, 4}), "?", "?", "?", "?"}, "[3,4]");
  ExpectBuildError("ParameterizedTruncatedNormal", {I32({3, 4}), "[1,1]", "?", "?", "?"},
                   "Shape must be at most rank 1 but is rank 2");
}

TEST(Stateless, Values) {
  OpCase("StatelessRandomUniformFullInt")
      .In(I32({3}))
      .In(I32({1, 2}))
      .Attr("dtype", kUint32)
      .Out(U32({1105988140, 1738052849, 3959391294}))
      .RunEverywhere();
  OpCase("StatelessRandomUniformFullInt")
      .In(I32({3}))
      .In(I64({1, 2}))
      .Attr("dtype", kInt64)
      .Out(I64({7464880146280614444, 1591045637757961278, -1057468755545501549}))
      .RunEverywhere();
  OpCase("StatelessTruncatedNormal")
      .In(I32({3}))
      .In(I32({1, 2}))
      .Attr("dtype", kFloat64)
      .Out(F64({-0.1423118100189212, 0.7406072461585091, -0.552387756244845}))
      .RunEverywhere();
  OpCase("StatelessRandomUniform")
      .In(I64({3}))
      .In(I32({1, 2}))
      .Attr("dtype", kBfloat16)
      .Out(BF16({0.34375f, 0.8828125f, 0.484375f}))
      .Exact()
      .RunEverywhere();
  OpCase("StatelessRandomGammaV2")
      .In(I32({2, 2}))
      .In(I32({1, 2}))
      .In(F32({.5f, 3}))
      .Out(F32(
          {{0.0669536143541336f, 4.67457914352417f}, {0.6282354593276978f, 3.3503754138946533f}}))
      .RunEverywhere();
  OpCase("StatelessRandomPoisson")
      .In(I32({3, 2}))
      .In(I32({1, 2}))
      .In(F32({3, 30}))
      .Attr("dtype", kInt64)
      .Out(I64({{5, 45}, {5, 25}, {4, 35}}))
      .RunEverywhere();
}

const Array kKey = U64({10413732777507651514u}), kCounter = U64({0, 17830669156045600267u});

TEST(Stateless, KeyAndCounter) {
  OpCase("StatelessRandomGetKeyCounter").In(I64({1, 2})).Out(kKey).Out(kCounter).RunEverywhere();
  OpCase("StatelessRandomGetKeyCounterAlg")
      .In(I32({1, 2}))
      .Out(kKey)
      .Out(kCounter)
      .Out(I32(1))
      .RunEverywhere();
  EXPECT_TRUE(Same(FirstRun("StatelessRandomGetAlg", {}, {}), I32(1)));
  for (int algorithm : {1, 3}) {
    OpCase("StatelessRandomGammaV3")
        .In(I32({2, 2}))
        .In(kKey)
        .In(kCounter)
        .In(I32(algorithm))
        .In(F32({.5f, 3}))
        .Out(F32(
            {{0.0669536143541336f, 4.67457914352417f}, {0.6282354593276978f, 3.3503754138946533f}}))
        .RunEverywhere();
  }
}

TEST(Stateless, BadInput) {
  const auto error = [](Array key, Array counter, Array algorithm, const char* text) {
    OpCase("StatelessRandomUniformV2")
        .In(I32({3}))
        .In(key)
        .In(counter)
        .In(algorithm)
        .ExpectRunError(Code::kInvalidArgument, text);
  };
  error(U64({1, 2}), kCounter, I32(1), "key must have shape [1], not [2]");
  error(kKey, U64({1}), I32(1), "counter must be a vector with length at least 2; got shape: [1]");
  error(kKey, kCounter, I32({1}), "input 3 (0-based) must have shape [], not [1]");
  error(kKey, kCounter, I32(2), "Unsupported algorithm id: 2");
  OpCase("StatelessRandomNormal")
      .In(I32({3}))
      .In(I32({1, 2, 3}))
      .ExpectRunError(Code::kInvalidArgument, "seed must have shape [2], not [3]");
  OpCase("StatelessRandomUniformInt")
      .In(I32({3}))
      .In(I32({1, 2}))
      .In(I32(5))
      .In(I32(5))
      .ExpectRunError(Code::kInvalidArgument, "Need minval < maxval, got 5 >= 5");
  for (const Array& rate : {F32({3, 30, 300}), F32({{3, 30}})}) {
    OpCase("StatelessRandomPoisson")
        .In(I32({3, 2}))
        .In(I32({1, 2}))
        .In(rate)
        .Attr("dtype", kInt64)
        .ExpectRunError(Code::kInvalidArgument, "Shape passed in must end with broadcasted shape");
  }
}

TEST(Stateless, Shapes) {
  for (const char* op :
       {"StatelessRandomUniform", "StatelessRandomNormal", "StatelessTruncatedNormal"}) {
    ExpectShape(op, {I32({3, 4}), "int64[2]"}, "[3,4]");
    ExpectShape(op, {"int32[2]", "int64[?]"}, "[?,?]");
    ExpectShape(op, {"int32[?]", "int64[2]"}, "?");
    ExpectBuildError(op, {I32({3}), "int64[3]"}, "3 and 2");
    ExpectBuildError(op, {I32({3}), "int64[]"}, "Shape must be rank 1 but is rank 0");
    const std::string v2 = std::string(op) + "V2";
    ExpectShape(v2, {I32({3, 4}), "?", "[1]", "?"}, "[3,4]");
    ExpectBuildError(v2, {I32({3}), "[2]", "[2]", "[]"}, "2 and 1");
    ExpectBuildError(v2, {I32({3}), "[1]", "[2]", "[1]"}, "Shape must be rank 0 but is rank 1");
  }
  ExpectBuildError("StatelessRandomUniformInt", {I32({3}), "int64[2]", "int32[1]", "int32[]"},
                   "minval must be a scalar; got a tensor of shape [1]");
  ExpectBuildError("StatelessRandomUniformIntV2",
                   {I32({3}), "[1]", "[2]", "[]", "int32[]", "int32[2]"},
                   "maxval must be a scalar; got a tensor of shape [2]");
  ExpectShape("StatelessRandomGetKeyCounterAlg", {"int64[?]"}, "[1];[2];[]");
  ExpectBuildError("StatelessRandomGetKeyCounter", {"int64[3]"}, "3 and 2");
}

TEST(StatelessBinomial, Values) {
  OpCase("StatelessRandomBinomial")
      .In(I32({3, 4}))
      .In(I32({1, 2}))
      .In(F32({5, 100, 100, 1000}))
      .In(F32({.3f, .02f, .4f, .95f}))
      .Attr("dtype", kInt32)
      .Out(I32(Shape({3, 4}), {3, 2, 40, 947, 2, 4, 39, 950, 2, 2, 34, 953}))
      .RunEverywhere();
  OpCase("StatelessRandomBinomial")
      .In(I64({2, 2, 3}))
      .In(I32({1, 2}))
      .In(F64({{20}, {50}}))
      .In(F64({.1, .5, .9}))
      .Attr("dtype", kFloat64)
      .Out(F64(Shape({2, 2, 3}), {3, 13, 16, 8, 21, 44, 2, 15, 18, 2, 27, 45}))
      .RunEverywhere();
  OpCase("StatelessRandomBinomial")
      .In(I32({3}))
      .In(I32({1, 2}))
      .In(F16(30))
      .In(F16(.6f))
      .Attr("dtype", kFloat16)
      .Out(F16({15, 16, 14}))
      .RunEverywhere();
  // Impossible, certain, and no numbers at all.
  OpCase("StatelessRandomBinomial")
      .In(I32({7}))
      .In(I32({1, 2}))
      .In(F32({0, -3, 7, 7, 7, kNaN, 7}))
      .In(F32({.3f, .3f, 0, 1, 2, .5f, kNaN}))
      .Attr("dtype", kFloat32)
      .Out(F32({0, 0, 0, 7, 7, kNaN, kNaN}))
      .RunEverywhere();
  OpCase("StatelessRandomBinomial")
      .In(I32({3}))
      .In(I32({1, 2}))
      .In(F32({1, 2}))
      .In(F32({1, 2, 3}))
      .ExpectRunError(Code::kInvalidArgument, "must have compatible batch dimensions");
  OpCase("StatelessRandomBinomial")
      .In(I32({3}))
      .In(I32({1, 2}))
      .In(F32({1, 2}))
      .In(F32(.5f))
      .ExpectRunError(Code::kInvalidArgument, "Shape passed in must end with broadcasted shape");
  ExpectShape("StatelessRandomBinomial", {I32({2, 3}), "int64[2]", "?", "?"}, "[2,3]");
}

const Array kMeans = F32({{0}, {5}}), kDeviations = F32({1, 2, .5f}), kLows = F32(-1),
            kHighs = F32({1, 9, 7});

TEST(StatelessParameterizedTruncatedNormal, Values) {
  OpCase("StatelessParameterizedTruncatedNormal")
      .In(I32({2, 2, 3}))
      .In(I32({1, 2}))
      .In(kMeans)
      .In(kDeviations)
      .In(kLows)
      .In(kHighs)
      .Out(F32(Shape({2, 2, 3}),
               {0.6881208419799805f, 1.3025155067443848f, 0.5410656929016113f, 0.8813571929931641f,
                3.5390191078186035f, 5.101590156555176f, -0.6159093379974365f, 2.209773302078247f,
                0.2755246162414551f, 0.7539472579956055f, 3.558492422103882f, 4.5488386154174805f}))
      .RunEverywhere();
  const auto error = [](Array shape, Array mean, Array stddev, const char* text) {
    OpCase("StatelessParameterizedTruncatedNormal")
        .In(shape)
        .In(I32({1, 2}))
        .In(mean)
        .In(stddev)
        .In(F32(-1))
        .In(F32(1))
        .ExpectRunError(Code::kInvalidArgument, text);
  };
  error(I32({3}), F32({1, 2}), F32({1, 2, 3}), "must have compatible batch dimensions");
  error(I32({3}), F32({1, 2}), F32(1), "Shape passed in must end with broadcasted shape");
  error(I32({3}), F32(1), F32(-1), "Invalid parameters");
}

// As TensorFlow 2.15.1 has it, for the sum of n times number n.
TEST(StatelessParameterizedTruncatedNormal, Gradient) {
  const Graph graph;
  const GraphScope use(graph);
  const std::vector<Tensor> parameters = {ConstantOf(kMeans), ConstantOf(kDeviations),
                                          ConstantOf(kLows), ConstantOf(kHighs)};
  const Tensor numbers = random::StatelessParameterizedTruncatedNormal({2, 2, 3}, {1, 2},
                                                                       {.means = parameters[0],
                                                                        .stddevs = parameters[1],
                                                                        .minvals = parameters[2],
                                                                        .maxvals = parameters[3]});
  const Array weights = F32(Shape({2, 2, 3}), {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  const auto weighted = AddNode("Mul", {numbers, ConstantOf(weights)});
  ASSERT_TRUE(weighted.ok());
  const auto gradients = Gradients({weighted->output(0)}, parameters);
  Session session(graph);
  const std::vector<Array> want = {
      F32({{30}, {48}}), F32({-62.55834197998047f, -1.4391345977783203f, -1.4029541015625f}),
      F32(8.446425437927246f),
      F32({14.867926597595215f, 0.6730507016181946f, 0.0023023555986583233f})};
  for (size_t i = 0; i < want.size(); ++i)
    EXPECT_TRUE(ArraysNear(session.Run(gradients[i].tensor()), want[i], {1e-4, 1e-6})) << i;
}

TEST(StatelessShuffle, Values) {
  OpCase("StatelessShuffle")
      .In(I64({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}))
      .In(kKey)
      .In(kCounter)
      .In(I32(3))
      .Out(I64({0, 3, 8, 1, 5, 4, 9, 7, 6, 2}))
      .RunEverywhere();
  OpCase("StatelessShuffle")
      .In(I64({0, 1}))
      .In(kKey)
      .In(kCounter)
      .In(I32(2))
      .ExpectRunError(Code::kInvalidArgument, "Unsupported algorithm id: 2");
  ExpectShape("StatelessShuffle", {"[?,3]", "?", "?", "?"}, "[?,3]");
}

// The n-th number depends on the seeds and on n alone.
TEST(Rng, AnyNumberOfThreads) {
  struct Case {
    const char* op;
    std::vector<Array> inputs;
    AttrMap attrs;
  };
  const Array size = I32({50021}), seed = I64({3, 4});
  const std::vector<Case> cases = {
      {"RandomUniform", {size}, Seeds(1, 2, {{"dtype", kFloat32}})},
      {"RandomStandardNormal", {size}, Seeds(1, 2, {{"dtype", kFloat64}})},
      {"TruncatedNormal", {size}, Seeds(1, 2, {{"dtype", kFloat32}})},
      {"RandomUniformInt", {size, I64(0), I64(999)}, Seeds(1, 2)},
      {"RandomGamma", {size, F32({.2f, 4})}, Seeds(1, 2)},
      {"RandomPoissonV2", {size, F32({.2f, 40})}, Seeds(1, 2)},
      {"Multinomial", {F32(Shape({301, 3}), {0.5f}), I32(77)}, Seeds(1, 2)},
      {"RandomShuffle", {F32(Shape({5003, 7}), {0.5f})}, Seeds(1, 2)},
      {"ParameterizedTruncatedNormal", {size, F32(0), F32(1), F32(-1), F32(2)}, Seeds(1, 2)},
      {"StatelessTruncatedNormal", {size, seed}, {}},
      {"StatelessRandomPoisson", {I32({5003, 2}), seed, F32({.2f, 40})}, {{"dtype", kInt32}}},
  };
  for (const Case& c : cases) {
    ConfigProto one, four;
    one.intra_op_parallelism_threads = 1;
    four.intra_op_parallelism_threads = 4;
    const auto alone = FirstRuns(c.op, c.inputs, c.attrs, 2, one),
               together = FirstRuns(c.op, c.inputs, c.attrs, 2, four);
    for (size_t run : {0u, 1u}) EXPECT_TRUE(Same(alone[run][0], together[run][0])) << c.op;
  }
}

// Seeds of 0 are drawn by the system.
TEST(Rng, WithoutSeedsSessionsDiffer) {
  const AttrMap attrs = {{"dtype", kFloat32}};
  EXPECT_FALSE(Same(FirstRun("RandomUniform", {I32({8})}, attrs),
                    FirstRun("RandomUniform", {I32({8})}, attrs)));
}

// Of many numbers: mean and variance as the distribution has them, to 5 standard errors.
void ExpectMoments(const Array& numbers, double mean, double variance) {
  double sum = 0, squares = 0;
  const int64_t n = numbers.num_elements();
  for (int64_t i = 0; i < n; ++i) {
    const double x = numbers.AsDouble(i);
    sum += x;
    squares += (x - mean) * (x - mean);
  }
  EXPECT_NEAR(sum / n, mean, 5 * std::sqrt(variance / n));
  EXPECT_NEAR(squares / n, variance, 0.1 * variance);
}
TEST(Rng, Moments) {
  const Array n = I32({40000});
  for (float alpha : {.4f, 1.f, 7.f})
    ExpectMoments(FirstRun("RandomGamma", {n, F32(alpha)}, Seeds(5, 6)), alpha, alpha);
  for (float rate : {.4f, 7.f, 70.f}) {
    ExpectMoments(FirstRun("RandomPoissonV2", {n, F32(rate)}, Seeds(5, 6, {{"dtype", kFloat64}})),
                  rate, rate);
  }
  // Half a normal distribution.
  ExpectMoments(
      FirstRun("ParameterizedTruncatedNormal", {n, F32(0), F32(1), F32(0), F32(kInf)}, Seeds(5, 6)),
      std::sqrt(2 / M_PI), 1 - 2 / M_PI);
}

TEST(RandomGammaGrad, Values) {
  OpCase("RandomGammaGrad")
      .In(F64({.01, .3, 1, 2.5, 10, 100, 1000, .5, 2, 50}))
      .In(F64({1e-8, .2, .7, 2, 12, 90, 1010, 30, 60, 200}))
      .Out(F64({1.785979547271631e-05, 1.2120372612897217, 0.973218740992388, 0.9534627029186169,
                1.112329443018088, 0.9498259498011444, 1.0051509296764916, 5.310732160958596,
                3.7496928594708283, 1.8542019758044557}))
      .Within(1e-9, 0)
      .RunEverywhere();
  OpCase("RandomGammaGrad")
      .In(F64({1, -1, kNanD, 2}))
      .In(F64({0, 1, 1, -1}))
      .Out(F64({0, kNanD, kNanD, kNanD}))
      .RunEverywhere();
  // No underflow where the density has one.
  OpCase("RandomGammaGrad").In(F32(2)).In(F32(900)).AnyOut().RunEverywhere();
}

// P(alpha, x) stays as alpha and x move together.
TEST(RandomGammaGrad, KeepsTheProbability) {
  const double step = 1e-5;
  for (double alpha : {.2, 1., 5., 40.}) {
    for (double x : {.1 * alpha, alpha, 1.5 * alpha + 1}) {
      const double slope = FirstRun("RandomGammaGrad", {F64(alpha), F64(x)}, {}).scalar<double>();
      auto p = [&](double sign) {
        return FirstRun("Igamma", {F64(alpha + sign * step), F64(x + sign * step * slope)}, {})
            .scalar<double>();
      };
      EXPECT_NEAR(p(1), p(-1), 1e-9) << alpha << " " << x;
    }
  }
}

TEST(RandomGamma, Gradient) {
  const Graph graph;
  const GraphScope use(graph);
  const Tensor alpha = ConstantOf(F32({.5f, 1, 3}));
  const absl::StatusOr<Operation> gamma =
      AddNode("RandomGamma", {ConstantOf(I32({2})), alpha}, Seeds(3, 5));
  ASSERT_TRUE(gamma.ok()) << gamma.status();
  EXPECT_TRUE(ArraysNear(Session(graph).Run(Gradients({gamma->output(0)}, {alpha})[0].tensor()),
                         F32({2.882978916168213f, 1.9535067081451416f, 2.3525681495666504f}),
                         {1e-5, 0}));
}

TEST(StatelessGamma, Gradient) {
  const auto gradient = [](const Tensor& shape, const Tensor& alpha) {
    const Tensor gamma = random::StatelessGamma(shape, {1, 2}, alpha);
    return Gradients({gamma}, {alpha})[0].tensor();
  };
  const Graph graph;
  const GraphScope use(graph);
  const Tensor shape = ConstantOf(I32({3, 2})), alpha = ConstantOf(F32({.5f, 3}));
  const Tensor loose_shape = PlaceholderOf(kInt32), loose_alpha = PlaceholderOf(kFloat32);
  const Tensor expected = gradient(shape, alpha), loose = gradient(loose_shape, loose_alpha);
  Session session(graph);
  const Array want = session.Run(expected);
  EXPECT_EQ(want.shape(), Shape({2}));
  EXPECT_GT(want.AsDouble(0), 0);
  EXPECT_TRUE(
      ArraysNear(session.Run(loose, {{loose_shape, I32({3, 2})}, {loose_alpha, F32({.5f, 3})}}),
                 want, {1e-6, 0}));
}

}  // namespace
}  // namespace weft
