// SPDX-License-Identifier: Apache-2.0
// Fused convolutions compute what the single nodes do, and fuse what they should.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/arrays.h"
#include "weft/graph/op_builder.h"
#include "weft/weft.h"

namespace weft {
namespace {

using Ints = std::vector<int64_t>;

Array Random(const Ints& dims, uint32_t seed, float low = -1, float high = 1) {
  std::mt19937 bits(seed);
  std::uniform_real_distribution<float> values(low, high);
  Array a(kFloat32, Shape(std::span<const int64_t>(dims)));
  for (int64_t i = 0; i < a.num_elements(); ++i) a.mutable_data<float>()[i] = values(bits);
  return a;
}

Tensor Conv(const Tensor& x, const Input& filter, const char* op = "Conv2D", int stride = 1) {
  return OpBuilder(op, NameOptions())
      .In(x)
      .In(filter)
      .Attr("strides", Ints{1, stride, stride, 1})
      .Attr("padding", "SAME")
      .Output();
}
Tensor Op(const char* type, const std::vector<Input>& inputs) {
  OpBuilder builder(type, NameOptions());
  for (const Input& in : inputs) builder.In(in);
  return builder.Output();
}
Tensor BatchNorm(const Tensor& x, int64_t channels, bool training = false) {
  return OpBuilder("FusedBatchNormV3", NameOptions())
      .In(x)
      .In(Random({channels}, 11, 0.5f, 1.5f))
      .In(Random({channels}, 12))
      .In(training ? Array(kFloat32, Shape({0})) : Random({channels}, 13))
      .In(training ? Array(kFloat32, Shape({0})) : Random({channels}, 14, 0.5f, 2))
      .Attr("is_training", training)
      .Outputs()[0];
}

constexpr RunOptions kTraceAll{.trace_level = TraceLevel::kFull};

class FuseConv : public testing::Test {
 protected:
  Tensor Fed(const Array& value, PartialShape shape = PartialShape({-1, -1, -1, -1})) {
    Tensor p = Placeholder(kFloat32, std::move(shape));
    feeds_.emplace_back(p, value);
    return p;
  }

  // Runs `y` optimised (three times: recorded, planned, planned again) and as it is; the optimised
  // plan has the ops `want`, in any order.
  void ExpectFused(const Tensor& y, std::vector<std::string> want) {
    ConfigProto plain;
    plain.opt_level = OptLevel::kL0;
    Session as_it_is(graph_, plain), session(graph_);
    const Array expected = as_it_is.Run(y, feeds_);
    std::sort(want.begin(), want.end());
    for (int run = 0; run < 3; ++run) {
      RunMetadata metadata;
      const Array got = session.Run(y, feeds_, kTraceAll, &metadata);
      EXPECT_TRUE(ArraysNear(got, expected, {1e-4, 1e-4}));
      std::vector<std::string> ops;
      for (const NodeStats& s : metadata.step_stats) ops.push_back(s.op_type);
      std::sort(ops.begin(), ops.end());
      EXPECT_EQ(ops, want);
    }
  }

  Graph graph_;
  GraphScope scope_{graph_};
  Feeds feeds_;
};

TEST_F(FuseConv, BiasAndActivation) {
  const Tensor x = Fed(Random({2, 9, 8, 3}, 1));
  const Tensor sum = Op("BiasAdd", {Conv(x, Random({3, 3, 3, 16}, 2)), Random({16}, 3)});
  ExpectFused(Op("Relu", {sum}), {"_FusedConv2D"});
  ExpectFused(Op("Relu6", {Op("Mul", {sum, 4.f})}), {"_FusedConv2D"});
}

TEST_F(FuseConv, BatchNormalisation) {
  const Tensor x = Fed(Random({2, 9, 8, 3}, 1));
  ExpectFused(Op("Relu", {BatchNorm(Conv(x, Random({3, 3, 3, 20}, 2), "Conv2D", 2), 20)}),
              {"_FusedConv2D"});
  // From single ops, with a bias before.
  const Tensor sum = Op("BiasAdd", {Conv(x, Random({1, 1, 3, 5}, 2)), Random({5}, 3)});
  ExpectFused(Op("AddV2", {Op("Mul", {sum, Random({5}, 4)}), Random({5}, 5)}), {"_FusedConv2D"});
}

TEST_F(FuseConv, StatisticsOfTheBatchStay) {
  const Tensor x = Fed(Random({2, 9, 8, 3}, 1));
  ExpectFused(BatchNorm(Conv(x, Random({3, 3, 3, 4}, 2)), 4, /*training=*/true),
              {"_FusedConv2D", "FusedBatchNormV3"});
}

TEST_F(FuseConv, Depthwise) {
  const Tensor x = Fed(Random({2, 9, 8, 16}, 1));
  const auto depthwise = [&](int64_t multiplier) {
    const Tensor y = Conv(x, Random({3, 3, 16, multiplier}, 2), "DepthwiseConv2dNative");
    return Op("Relu6", {BatchNorm(y, 16 * multiplier)});
  };
  ExpectFused(depthwise(1), {"_FusedConv2D"});
  ExpectFused(depthwise(3), {"_FusedConv2D"});
}

// A depthwise convolution and a 1 x 1 convolution that alone reads it are one node.
TEST_F(FuseConv, Separable) {
  const Tensor x = Fed(Random({2, 9, 8, 16}, 1));
  const auto depthwise = [&](int stride) {
    return Conv(x, Random({3, 3, 16, 1}, 2), "DepthwiseConv2dNative", stride);
  };
  const auto pointwise = [](const Tensor& y) { return Conv(y, Random({1, 1, 16, 24}, 3)); };
  for (const int stride : {1, 2}) {
    ExpectFused(pointwise(depthwise(stride)), {"_SeparableConv2D"});
    const Tensor inner = Op("Relu6", {BatchNorm(depthwise(stride), 16)});
    ExpectFused(Op("Relu6", {BatchNorm(pointwise(inner), 24)}), {"_SeparableConv2D"});
    // A bias that is no constant, and one on one side only.
    const Tensor bias = Fed(Random({16}, 4), PartialShape({16}));
    ExpectFused(pointwise(Op("Relu", {Op("BiasAdd", {depthwise(stride), bias})})),
                {"_SeparableConv2D"});
    const Tensor last = Fed(Random({24}, 5), PartialShape({24}));
    ExpectFused(Op("BiasAdd", {pointwise(depthwise(stride)), last}), {"_SeparableConv2D"});
  }
}

TEST_F(FuseConv, SeparableAmongOthers) {
  const Tensor x = Fed(Random({2, 9, 8, 16}, 1));
  const auto depthwise = [&](const Tensor& y) {
    return Op("Relu6", {Conv(y, Random({3, 3, 16, 1}, 2), "DepthwiseConv2dNative")});
  };
  const auto pointwise = [](const Tensor& y) {
    return Op("Relu6", {Conv(y, Random({1, 1, 16, 16}, 3))});
  };
  ExpectFused(pointwise(depthwise(pointwise(depthwise(x)))),
              {"_SeparableConv2D", "_SeparableConv2D"});
  // A sum with another image stays with the later convolution.
  ExpectFused(Op("AddV2", {Conv(depthwise(x), Random({1, 1, 16, 16}, 4)), x}),
              {"_FusedConv2D", "_FusedConv2D"});
}

TEST_F(FuseConv, SeparableExplicitPadding) {
  const Tensor x = Fed(Random({2, 9, 8, 16}, 1));
  const Tensor y = OpBuilder("DepthwiseConv2dNative", NameOptions())
                       .In(x)
                       .In(Random({3, 3, 16, 1}, 2))
                       .Attr("strides", Ints{1, 1, 1, 1})
                       .Attr("padding", "EXPLICIT")
                       .Attr("explicit_paddings", Ints{0, 0, 2, 1, 3, 0, 0, 0})
                       .Output();
  ExpectFused(Conv(y, Random({1, 1, 16, 24}, 3)), {"_SeparableConv2D"});
}

// What it is not for stays two nodes.
TEST_F(FuseConv, NotSeparable) {
  const std::vector<std::string> two = {"_FusedConv2D", "_FusedConv2D"};
  const Tensor x = Fed(Random({2, 9, 8, 16}, 1));
  const auto depthwise = [&](const Ints& filter, int stride = 1) {
    return Conv(x, Random(filter, 2), "DepthwiseConv2dNative", stride);
  };
  const Array ones = Random({1, 1, 16, 8}, 3);
  ExpectFused(Conv(depthwise({5, 5, 16, 1}), ones), two);
  ExpectFused(Conv(depthwise({3, 3, 16, 2}), Random({1, 1, 32, 8}, 3)), two);
  ExpectFused(Conv(depthwise({3, 3, 16, 1}, 3), ones), two);
  ExpectFused(Conv(depthwise({3, 3, 16, 1}), ones, "Conv2D", 2), two);
  ExpectFused(Conv(depthwise({3, 3, 16, 1}), Random({3, 3, 16, 8}, 3)), two);
  ExpectFused(Conv(depthwise({3, 3, 16, 1}), Random({1, 1, 4, 8}, 3)), two);  // groups
  const Tensor dilated = OpBuilder("DepthwiseConv2dNative", NameOptions())
                             .In(x)
                             .In(Random({3, 3, 16, 1}, 2))
                             .Attr("strides", Ints{1, 1, 1, 1})
                             .Attr("dilations", Ints{1, 2, 2, 1})
                             .Attr("padding", "SAME")
                             .Output();
  ExpectFused(Conv(dilated, ones), two);
  // Filters that may change.
  const Tensor filter = Fed(ones);
  ExpectFused(Conv(depthwise({3, 3, 16, 1}), filter), {"_FusedConv2D", "Conv2D"});
  const Tensor taps = Fed(Random({3, 3, 16, 1}, 2));
  ExpectFused(Conv(Conv(x, taps, "DepthwiseConv2dNative"), ones),
              {"DepthwiseConv2dNative", "_FusedConv2D"});
}

TEST_F(FuseConv, WhatLiesBetweenIsNeeded) {
  const Tensor x = Fed(Random({2, 9, 8, 16}, 1));
  const Tensor between = Op("Relu6", {Conv(x, Random({3, 3, 16, 1}, 2), "DepthwiseConv2dNative")});
  const Tensor y = Conv(between, Random({1, 1, 16, 16}, 3));
  ExpectFused(Op("Sub", {y, between}), {"_FusedConv2D", "_FusedConv2D", "Sub"});
  // By a fetch.
  ConfigProto plain;
  plain.opt_level = OptLevel::kL0;
  Session as_it_is(graph_, plain), session(graph_);
  for (int run = 0; run < 2; ++run) {
    const std::vector<Array> got = session.Run({y, between}, feeds_),
                             want = as_it_is.Run({y, between}, feeds_);
    EXPECT_TRUE(ArraysNear(got[0], want[0], {1e-4, 1e-4}));
    EXPECT_TRUE(ArraysNear(got[1], want[1], {1e-4, 1e-4}));
  }
}

TEST_F(FuseConv, SeparableOfOtherShapesInOneSession) {
  const Tensor x = Placeholder(kFloat32, PartialShape({-1, -1, -1, 16}));
  const Tensor inner = Op("Relu", {Conv(x, Random({3, 3, 16, 1}, 2), "DepthwiseConv2dNative")});
  const Tensor y = Op("Relu", {Conv(inner, Random({1, 1, 16, 8}, 3))});
  ConfigProto plain;
  plain.opt_level = OptLevel::kL0;
  Session as_it_is(graph_, plain), session(graph_);
  for (const Ints& dims :
       {Ints{1, 5, 5, 16}, Ints{2, 70, 40, 16}, Ints{0, 5, 5, 16}, Ints{1, 5, 5, 16}}) {
    const Array in = Random(dims, 4);
    EXPECT_TRUE(ArraysNear(session.Run(y, {{x, in}}), as_it_is.Run(y, {{x, in}}), {1e-4, 1e-4}));
  }
}

// A residual block: the sum goes into the later convolution.
TEST_F(FuseConv, SumOfTwo) {
  const Tensor x = Fed(Random({2, 8, 8, 16}, 1));
  const Tensor shortcut = BatchNorm(Conv(x, Random({1, 1, 16, 32}, 2)), 32);
  const Tensor a = Op("Relu", {BatchNorm(Conv(x, Random({3, 3, 16, 16}, 3)), 16)});
  const Tensor b = BatchNorm(Conv(a, Random({1, 1, 16, 32}, 4)), 32);
  const Tensor y = Op("Relu", {Op("AddV2", {b, shortcut})});
  ExpectFused(y, {"_FusedConv2D", "_FusedConv2D", "_FusedConv2D"});
  // The addend is needed elsewhere too, so its memory stays.
  ExpectFused(Op("Sub", {y, shortcut}), {"_FusedConv2D", "_FusedConv2D", "_FusedConv2D", "Sub"});
}

TEST_F(FuseConv, AddendOfAnotherShape) {
  const Tensor x = Fed(Random({2, 5, 4, 3}, 1)), one = Fed(Random({1, 5, 1, 8}, 2));
  ExpectFused(Op("Relu", {Op("AddV2", {Conv(x, Random({3, 3, 3, 8}, 3)), one})}), {"_FusedConv2D"});
  // The convolution is the smaller one.
  const Tensor small = Fed(Random({1, 5, 4, 3}, 4)), large = Fed(Random({3, 5, 4, 8}, 5));
  ExpectFused(Op("AddV2", {large, Conv(small, Random({3, 3, 3, 8}, 3))}), {"_FusedConv2D"});
}

// What else is needed stays; what may change is no constant.
TEST_F(FuseConv, LeavesTheRest) {
  const Tensor x = Fed(Random({2, 9, 8, 3}, 1));
  const Tensor y = Conv(x, Random({3, 3, 3, 4}, 2));
  ExpectFused(Op("AddV2", {Op("Relu", {y}), Op("Tanh", {y})}), {"_FusedConv2D", "_FusedChain"});
  const Tensor filter = Fed(Random({3, 3, 3, 4}, 3));
  ExpectFused(Op("Relu", {Conv(x, filter)}), {"Conv2D", "Relu"});
}

TEST_F(FuseConv, OtherShapesInOneSession) {
  const Tensor x = Placeholder(kFloat32, PartialShape({-1, -1, -1, 3}));
  const Tensor y = Op("Relu", {Conv(x, Random({3, 3, 3, 8}, 2))});
  ConfigProto plain;
  plain.opt_level = OptLevel::kL0;
  Session as_it_is(graph_, plain), session(graph_);
  for (const Ints& dims :
       {Ints{1, 5, 5, 3}, Ints{2, 7, 4, 3}, Ints{0, 5, 5, 3}, Ints{1, 5, 5, 3}}) {
    const Array in = Random(dims, 4);
    EXPECT_TRUE(ArraysNear(session.Run(y, {{x, in}}), as_it_is.Run(y, {{x, in}}), {1e-4, 1e-4}));
  }
}

TEST_F(FuseConv, ManyThreads) {
  const Tensor x = Placeholder(kFloat32, PartialShape({-1, -1, -1, 3}));
  const Tensor y = Op("Relu", {Conv(x, Random({3, 3, 3, 8}, 2))});
  Session session(graph_);
  std::vector<Array> in, want;
  for (uint32_t i = 0; i < 4; ++i) {
    in.push_back(Random({1 + i % 2, 6, 5, 3}, i));
    want.push_back(session.Run(y, {{x, in.back()}}));
  }
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < 40; ++i) {
        const size_t k = (t + i) % 4;
        wrong[t] += !ArraysEqual(session.Run(y, {{x, in[k]}}), want[k]);
      }
    });
  }
  for (std::thread& t : threads) t.join();
  for (int w : wrong) EXPECT_EQ(w, 0);
}

}  // namespace
}  // namespace weft
