// SPDX-License-Identifier: Apache-2.0
// The nodes that the public functions of random numbers add: names, operands and seeds are
// TensorFlow's.
#include <functional>

#include "gmock/gmock.h"
#include "tests/support/first_run.h"
#include "weft/graph/attr_value.h"
#include "weft/ops/array.h"
#include "weft/ops/random.h"

namespace weft {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

// The nodes that f adds to an empty graph of seed 7.
std::vector<std::string> NodesOf(const std::function<void()>& f) {
  Graph graph;
  const GraphScope use(graph);
  graph.set_seed(7);
  f();
  return NodeLines(graph);
}

// An int attribute of the last node of that type.
int64_t AttrOf(const Graph& graph, std::string_view type, std::string_view attr) {
  int64_t value = -1;
  for (const Operation& op : graph.operations()) {
    if (op.type() == type) value = *op.attr(attr).Get<int64_t>();
  }
  return value;
}

TEST(RandomUniform, Nodes) {
  EXPECT_THAT(NodesOf([] {
                RandomUniform({2, 3});
              }),
              ElementsAre("Const random_uniform/shape()",
                          "RandomUniform random_uniform/RandomUniform(random_uniform/shape)"));
  EXPECT_THAT(
      NodesOf([] {
        RandomUniform({2, 3}, {.maxval = 5});
      }),
      ElementsAre("Const random_uniform/shape()", "Const random_uniform/min()",
                  "Const random_uniform/max()",
                  "RandomUniform random_uniform/RandomUniform(random_uniform/shape)",
                  "Mul random_uniform/Mul(random_uniform/RandomUniform, random_uniform/max)"));
  const std::vector<std::string> general = {
      "Const random_uniform/shape()",
      "Const random_uniform/min()",
      "Const random_uniform/max()",
      "RandomUniform random_uniform/RandomUniform(random_uniform/shape)",
      "Sub random_uniform/sub(random_uniform/max, random_uniform/min)",
      "Mul random_uniform/mul(random_uniform/RandomUniform, random_uniform/sub)",
      "AddV2 random_uniform(random_uniform/mul, random_uniform/min)"};
  EXPECT_THAT(NodesOf([] {
                RandomUniform({2, 3}, {.minval = -1, .maxval = 1});
              }),
              ElementsAreArray(general));
  EXPECT_THAT(NodesOf([] {
                RandomUniform({2, 3}, {.minval = 0.0f, .maxval = 1.0f});
              }),
              ElementsAreArray(general));
  EXPECT_THAT(
      NodesOf([] { RandomUniform({2}, {.maxval = 5, .dtype = kInt32}); }),
      ElementsAre("Const random_uniform/shape()", "Const random_uniform/min()",
                  "Const random_uniform/max()",
                  "RandomUniformInt random_uniform(random_uniform/shape, random_uniform/min, "
                  "random_uniform/max)"));
  EXPECT_THROW(RandomUniform({2}, {.dtype = kInt32}), InvalidArgumentError);
}

TEST(RandomNormal, Nodes) {
  EXPECT_THAT(
      NodesOf([] {
        RandomNormal({2, 3});
      }),
      ElementsAre("Const random_normal/shape()", "Const random_normal/mean()",
                  "Const random_normal/stddev()",
                  "RandomStandardNormal random_normal/RandomStandardNormal(random_normal/shape)",
                  "Mul random_normal/mul(random_normal/RandomStandardNormal, random_normal/stddev)",
                  "AddV2 random_normal(random_normal/mul, random_normal/mean)"));
  EXPECT_EQ(NodesOf([] {
              TruncatedNormal({2, 3}, {.name = "w"});
            }).back(),
            "AddV2 w(w/mul, w/mean)");
}

TEST(RandomShuffle, Nodes) {
  EXPECT_THAT(NodesOf([] {
                RandomShuffle(F32({1, 2}));
              }),
              ElementsAre("Const RandomShuffle/value()",
                          "RandomShuffle RandomShuffle(RandomShuffle/value)"));
}

TEST(Multinomial, Nodes) {
  const auto nodes = [](const char* scope) {
    const std::string s(scope);
    return std::vector<std::string>{
        "Placeholder Placeholder()", "Const " + s + "/Multinomial/num_samples()",
        "Multinomial " + s + "/Multinomial(Placeholder, " + s + "/Multinomial/num_samples)"};
  };
  EXPECT_THAT(NodesOf([] { Multinomial(PlaceholderOf(kFloat32), 4); }),
              ElementsAreArray(nodes("multinomial")));
  EXPECT_THAT(NodesOf([] { random::Categorical(PlaceholderOf(kFloat32), 4, {.name = "c"}); }),
              ElementsAreArray(nodes("c")));
}

TEST(RandomGamma, Nodes) {
  EXPECT_THAT(
      NodesOf([] {
        RandomGamma({2}, {1.0f, 2.0f});
      }),
      ElementsAre("Const random_gamma/shape()", "Const random_gamma/alpha()",
                  "Const random_gamma/beta()", "Const random_gamma/Shape_1()",
                  "Const random_gamma/Shape_2()",
                  "BroadcastArgs random_gamma/BroadcastArgs(random_gamma/Shape_1, "
                  "random_gamma/Shape_2)",
                  "BroadcastTo random_gamma/BroadcastTo(random_gamma/alpha, "
                  "random_gamma/BroadcastArgs)",
                  "RandomGamma random_gamma/RandomGamma(random_gamma/shape, "
                  "random_gamma/BroadcastTo)",
                  "RealDiv random_gamma/truediv(random_gamma/RandomGamma, random_gamma/beta)",
                  "Const random_gamma/Maximum/x()",
                  "Maximum random_gamma/Maximum(random_gamma/Maximum/x, random_gamma/truediv)"));
}

TEST(RandomPoisson, Nodes) {
  EXPECT_THAT(
      NodesOf([] {
        RandomPoisson({1, 2}, {3});
      }),
      ElementsAre("Const random_poisson/shape()", "Const random_poisson/RandomPoissonV2/rate()",
                  "RandomPoissonV2 random_poisson/RandomPoissonV2(random_poisson/shape, "
                  "random_poisson/RandomPoissonV2/rate)"));
  const Graph graph;
  const GraphScope use(graph);
  EXPECT_EQ(RandomPoisson({1, 2}, {3}).op().input(1).dtype(), kInt32);
  EXPECT_EQ(RandomPoisson({1.0f, 2.0f}, {3}).dtype(), kFloat32);
}

TEST(RandomCrop, Nodes) {
  EXPECT_THAT(
      NodesOf([] {
        RandomCrop(PlaceholderOf(kFloat32, PartialShape({4, 5})), {2, 2});
      }),
      ElementsAre(
          "Placeholder Placeholder()", "Const random_crop/size()", "Const random_crop/Shape()",
          "GreaterEqual random_crop/GreaterEqual(random_crop/Shape, random_crop/size)",
          "Const random_crop/Const()",
          "All random_crop/All(random_crop/GreaterEqual, random_crop/Const)",
          "Const random_crop/Assert/Assert/data_0()",
          "Assert random_crop/Assert/Assert(random_crop/All, random_crop/Assert/Assert/data_0, "
          "random_crop/Shape, random_crop/size)",
          "Identity random_crop/control_dependency(random_crop/Shape, "
          "^random_crop/Assert/Assert)",
          "Sub random_crop/sub(random_crop/control_dependency, random_crop/size)",
          "Const random_crop/add/y()", "AddV2 random_crop/add(random_crop/sub, random_crop/add/y)",
          "Const random_crop/Shape_1()", "Const random_crop/random_uniform/min()",
          "Const random_crop/random_uniform/max()",
          "RandomUniformInt random_crop/random_uniform(random_crop/Shape_1, "
          "random_crop/random_uniform/min, random_crop/random_uniform/max)",
          "FloorMod random_crop/mod(random_crop/random_uniform, random_crop/add)",
          "Slice random_crop(Placeholder, random_crop/mod, random_crop/size)"));
}

TEST(RandomCrop, CutsABlock) {
  Graph graph;
  const GraphScope use(graph);
  const Tensor x = PlaceholderOf(kInt32);
  const Tensor crop = RandomCrop(x, {2, 1}, {.seed = 1});
  EXPECT_EQ(crop.shape(), PartialShape({2, 1}));
  Session session(graph);
  const Array values = I32({{0, 1, 2}, {3, 4, 5}, {6, 7, 8}});
  for (int run = 0; run < 20; ++run) {
    const Array block = session.Run(crop, {{x, values}});
    EXPECT_EQ(block.AsInt64(1), block.AsInt64(0) + 3);
    EXPECT_LE(block.AsInt64(1), 8);
  }
  EXPECT_THROW(session.Run(crop, {{x, I32({{0, 1}})}}), InvalidArgumentError);
}

TEST(Stateless, Nodes) {
  const std::string key =
      "StatelessRandomGetKeyCounter s/StatelessRandomGetKeyCounter("
      "s/StatelessRandomGetKeyCounter/seed)";
  const std::string keys = "s/StatelessRandomGetKeyCounter, s/StatelessRandomGetKeyCounter:1, ";
  EXPECT_THAT(NodesOf([] {
                random::StatelessUniform({2, 3}, {1, 2}, {.name = "s"});
              }),
              ElementsAre("Const s/shape()", "Const s/min()", "Const s/max()",
                          "Const s/StatelessRandomGetKeyCounter/seed()", key,
                          "Const s/StatelessRandomUniformV2/alg()",
                          "StatelessRandomUniformV2 s/StatelessRandomUniformV2(s/shape, " + keys +
                              "s/StatelessRandomUniformV2/alg)",
                          "Sub s/sub(s/max, s/min)", "Mul s/mul(s/StatelessRandomUniformV2, s/sub)",
                          "AddV2 s(s/mul, s/min)"));
  EXPECT_THAT(
      NodesOf([] {
        random::StatelessUniform({2}, {1, 2}, {.maxval = 9, .dtype = kInt32, .name = "s"});
      }),
      ElementsAre("Const s/shape()", "Const s/min()", "Const s/max()",
                  "Const s/StatelessRandomGetKeyCounter/seed()", key, "Const s/alg()",
                  "StatelessRandomUniformIntV2 s(s/shape, " + keys + "s/alg, s/min, s/max)"));
  EXPECT_THAT(NodesOf([] {
                random::StatelessFullInt({2}, {1, 2}, kInt64, "s");
              }),
              ElementsAre("Const s/shape()", "Const s/StatelessRandomGetKeyCounter/seed()", key,
                          "Const s/alg()",
                          "StatelessRandomUniformFullIntV2 s(s/shape, " + keys + "s/alg)"));
  EXPECT_EQ(NodesOf([] {
              random::StatelessNormal({2}, {1, 2});
            }).back(),
            "AddV2 stateless_random_normal(stateless_random_normal/mul, "
            "stateless_random_normal/mean)");
  EXPECT_EQ(NodesOf([] {
              random::StatelessTruncatedNormal({2}, {1, 2}, {.name = "s"});
            }).back(),
            "AddV2 s(s/mul, s/mean)");
  EXPECT_EQ(
      NodesOf([] {
        random::StatelessMultinomial(F32({{1, 2}}), 3, {1, 2}, {.name = "s"});
      }).back(),
      "StatelessMultinomial s/StatelessMultinomial(s/logits, s/StatelessMultinomial/num_samples, "
      "s/StatelessMultinomial/seed)");
  EXPECT_EQ(NodesOf([] {
              random::StatelessGamma({4, 2}, {1, 2}, {1.0f, 2.0f}, {.name = "s"});
            }).back(),
            "Maximum s/Maximum(s/Maximum/x, s/truediv)");
  EXPECT_EQ(
      NodesOf([] {
        random::StatelessPoisson({4, 2}, {1, 2}, {1, 2}, {.name = "s"});
      }).back(),
      "StatelessRandomPoisson s/StatelessRandomPoisson(s/shape, s/StatelessRandomPoisson/seed, "
      "s/StatelessRandomPoisson/lam)");
  EXPECT_THAT(NodesOf([] {
                random::StatelessBinomial({2}, {1, 2}, 5.0f, {.5f, .6f}, {.name = "s"});
              }),
              ElementsAre("Const s/shape()", "Const s/probs()", "Const s/counts()",
                          "Const s/StatelessRandomBinomial/seed()",
                          "StatelessRandomBinomial s/StatelessRandomBinomial(s/shape, "
                          "s/StatelessRandomBinomial/seed, s/counts, s/probs)"));
  EXPECT_EQ(
      NodesOf([] {
        random::StatelessParameterizedTruncatedNormal({4}, {1, 2}, {.name = "s"});
      }).back(),
      "StatelessParameterizedTruncatedNormal s/StatelessParameterizedTruncatedNormal(s/shape, "
      "s/StatelessParameterizedTruncatedNormal/seed, s/means, s/stddevs, s/minvals, s/maxvals)");
  EXPECT_EQ(NodesOf([] {
              random::StatelessShuffle({1.0f, 2.0f}, {1, 2}, "s");
            }).back(),
            "StatelessShuffle s/StatelessShuffle(s/StatelessShuffle/value, " + keys +
                "s/StatelessShuffle/alg)");
  EXPECT_THROW(random::StatelessUniform({2}, {1, 2}, {.dtype = kInt64}), InvalidArgumentError);
}

// A seed that is written as {1, 2} is int32, as in Python.
TEST(Stateless, SeedsKeepTheirWidth) {
  const Graph graph;
  const GraphScope use(graph);
  const Tensor numbers = random::StatelessFullInt({3}, {1, 2}, kUint32);
  const Tensor wide = random::StatelessFullInt({3}, {int64_t{1}, int64_t{2}}, kUint32);
  EXPECT_EQ(numbers.op().input(1).op().input(0).dtype(), kInt32);
  EXPECT_EQ(wide.op().input(1).op().input(0).dtype(), kInt64);
  Session session(graph);
  const Array want = U32({1105988140, 1738052849, 3959391294});
  EXPECT_TRUE(ArraysNear(session.Run(numbers), want, {}));
  EXPECT_TRUE(ArraysNear(session.Run(wide), want, {}));
}

// With the graph's seed alone, ops are numbered; with the op's alone, the graph's is a constant.
TEST(Seeds, FollowTheGraphAndTheOp) {
  const auto seeds = [](std::optional<int64_t> graph_seed, std::optional<int64_t> op_seed) {
    Graph graph;
    const GraphScope use(graph);
    if (graph_seed) graph.set_seed(*graph_seed);
    RandomUniform({2}, {.seed = op_seed});
    return std::pair(AttrOf(graph, "RandomUniform", "seed"),
                     AttrOf(graph, "RandomUniform", "seed2"));
  };
  EXPECT_EQ(seeds(7, 3), std::pair(int64_t{7}, int64_t{3}));
  EXPECT_EQ(seeds(7, {}), std::pair(int64_t{7}, int64_t{0}));
  EXPECT_EQ(seeds({}, 3), std::pair(int64_t{87654321}, int64_t{3}));
  EXPECT_EQ(seeds({}, {}), std::pair(int64_t{0}, int64_t{0}));
  EXPECT_EQ(seeds(0, 0), std::pair(int64_t{0}, int64_t{2147483647}));
}

}  // namespace
}  // namespace weft
