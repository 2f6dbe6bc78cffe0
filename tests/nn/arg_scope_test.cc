// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "weft/core/error.h"
#include "weft/nn/layers.h"
#include "weft/weft.h"

namespace weft::layers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string Message(const std::function<void()>& f) {
  try {
    f();
  } catch (const InvalidArgumentError& e) {
    return e.what();
  }
  return "no InvalidArgumentError";
}

TEST(ArgScope, InnermostTellsFirst) {
  const ArgScope outer({kConv2d, kMaxPool2d}, {.stride = 3, .padding = "VALID"});
  {
    const ArgScope inner({kConv2d}, {.stride = 2});
    const LayerOptions o = ArgScope::Arguments(kConv2d, {});
    EXPECT_THAT(o.stride.sizes(), ElementsAre(2));
    EXPECT_EQ(o.padding, "VALID");
    EXPECT_THAT(ArgScope::Arguments(kConv2d, {.stride = {4, 5}}).stride.sizes(), ElementsAre(4, 5));
    EXPECT_THAT(ArgScope::Arguments(kMaxPool2d, {}).stride.sizes(), ElementsAre(3));
    EXPECT_TRUE(ArgScope::Arguments(kAvgPool2d, {}).stride.empty());
  }
  EXPECT_THAT(ArgScope::Arguments(kConv2d, {}).stride.sizes(), ElementsAre(3));
}

TEST(ArgScope, NoneIsTold) {
  const ArgScope outer(
      {kConv2d},
      {.activation = nn::Tanh, .normalizer = BatchNorm, .biases_initializer = ZerosInitializer()});
  const LayerOptions o = ArgScope::Arguments(
      kConv2d, {.activation = nullptr, .normalizer = nullptr, .biases_initializer = nullptr});
  EXPECT_TRUE(o.activation.told() && !o.activation);
  EXPECT_TRUE(o.normalizer.told() && !o.normalizer);
  EXPECT_TRUE(o.biases_initializer.told() && !o.biases_initializer);
  EXPECT_TRUE(ArgScope::Arguments(kConv2d, {}).activation);
}

TEST(ArgScope, KeptAndEnteredAgain) {
  ScopeArguments kept;
  {
    const ArgScope a({kConv2d}, {.padding = "VALID"});
    const ArgScope b({kBatchNorm}, {.decay = 0.5});
    kept = ArgScope::Current();
  }
  EXPECT_TRUE(ArgScope::Current().empty());
  const ArgScope other({kDropout}, {.keep_prob = 0.25});
  {
    const ArgScope again(kept);
    EXPECT_EQ(ArgScope::Arguments(kConv2d, {}).padding, "VALID");
    EXPECT_EQ(ArgScope::Arguments(kBatchNorm, {}).decay, 0.5);
    // It stands in the place of what was outside.
    EXPECT_FALSE(ArgScope::Arguments(kDropout, {}).keep_prob.has_value());
  }
  EXPECT_TRUE(ArgScope::Arguments(kDropout, {}).keep_prob.has_value());
}

TEST(ArgScope, OfOneThread) {
  const ArgScope scope({kConv2d}, {.stride = 2});
  bool empty = false;
  std::thread([&] { empty = ArgScope::Current().empty(); }).join();
  EXPECT_TRUE(empty);
}

TEST(ArgScope, FunctionsOfTheUser) {
  const ArgScope scope({"bottleneck", kConv2d}, {.outputs_collections = "ends"});
  EXPECT_THAT(ArgScope::Arguments("bottleneck", {}).outputs_collections.names(),
              ElementsAre("ends"));
}

TEST(ArgScope, ScopeNamesAreNotInherited) {
  const ArgScope scope({kConv2d}, {.stride = 2, .scope = "here"});
  EXPECT_EQ(ArgScope::Arguments(kConv2d, {}).scope, "");
}

TEST(ArgScope, ArgumentsThatALayerDoesNotTake) {
  EXPECT_THAT(Message([] {
                ArgScope scope({kConv2d, kDropout}, {.stride = 2});
              }),
              HasSubstr("dropout takes no argument 'stride'. It takes: is_training, keep_prob,"));
  Graph graph;
  const GraphScope use(graph);
  EXPECT_THAT(Message([] {
                Flatten(Placeholder(kFloat32, {2, 3}), {.decay = 0.5});
              }),
              HasSubstr("flatten takes no argument 'decay'"));
  EXPECT_EQ(ArgScope::Current().size(), 0u);
}

TEST(ArgScope, LayersObey) {
  Graph graph;
  const GraphScope use(graph);
  const ArgScope scope({kConv2d}, {.padding = "VALID",
                                   .activation = nn::Relu6,
                                   .normalizer = [](const Tensor& x) { return BatchNorm(x); }});
  const Tensor y = Conv2d(Placeholder(kFloat32, {1, 8, 8, 3}), 4, 3, {.scope = "c"});
  EXPECT_EQ(y.op().type(), "Relu6");
  EXPECT_EQ(y.shape(), PartialShape({1, 6, 6, 4}));
  EXPECT_TRUE(graph.FindOperation("c/BatchNorm/FusedBatchNormV3"));
  EXPECT_FALSE(graph.FindOperation("c/biases"));
}

}  // namespace
}  // namespace weft::layers
