// SPDX-License-Identifier: Apache-2.0
// A depthwise convolution and the 1 x 1 convolution behind it, run as one, against the two.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "tests/support/arrays.h"
#include "weft/graph/op_builder.h"
#include "weft/weft.h"

namespace weft {
namespace {

using Ints = std::vector<int64_t>;

Array Waves(const Ints& dims, float seed) {
  Array a(kFloat32, Shape(std::span<const int64_t>(dims)));
  for (int64_t i = 0; i < a.num_elements(); ++i)
    a.mutable_data<float>()[i] = std::sin(static_cast<float>(i % 9973) * 0.7f + seed);
  return a;
}

Tensor Unary(const char* op, const Tensor& x) {
  return OpBuilder(op, NameOptions()).In(x).Output();
}

struct Pair {
  const char* what;
  Ints image;        // batch, rows, columns, channels
  int64_t channels;  // of the result
  int64_t stride = 1;
  const char* padding = "SAME";
  const char* first = "Relu6";  // activations
  const char* second = "Relu6";
};

void PrintTo(const Pair& p, std::ostream* out) { *out << p.what; }

class SeparableConv : public testing::TestWithParam<Pair> {
 protected:
  // Weights are small enough that activations have something on both sides.
  Tensor Result(const Tensor& x) const {
    const Pair& p = GetParam();
    const int64_t in = p.image[3];
    const Tensor taps = Constant(Waves({3, 3, in, 1}, 1));
    OpBuilder depthwise("DepthwiseConv2dNative", NameOptions());
    depthwise.In(x).In(taps).Attr("strides", Ints{1, p.stride, p.stride, 1});
    Tensor y = depthwise.Attr("padding", p.padding).Output();
    y = Activated(Biased(y, in, 2), p.first);
    y = OpBuilder("Conv2D", NameOptions())
            .In(y)
            .In(Waves({1, 1, in, p.channels}, 3))
            .Attr("strides", Ints{1, 1, 1, 1})
            .Attr("padding", "SAME")
            .Output();
    return Activated(Biased(y, p.channels, 4), p.second);
  }
  static Tensor Biased(const Tensor& x, int64_t channels, float seed) {
    return OpBuilder("BiasAdd", NameOptions()).In(x).In(Waves({channels}, seed)).Output();
  }
  static Tensor Activated(const Tensor& x, const std::string& op) {
    return op.empty() ? x : Unary(op.c_str(), x);
  }
  static Array Run(const Graph& graph, const Tensor& y, const Feeds& feeds, OptLevel level,
                   int threads) {
    ConfigProto config;
    config.opt_level = level;
    config.intra_op_parallelism_threads = threads;
    Session session(graph, config);
    // Recorded, then planned.
    session.Run(y, feeds);
    return session.Run(y, feeds);
  }
};

TEST_P(SeparableConv, AsTheTwo) {
  Graph graph;
  GraphScope scope(graph);
  const Array image = Waves(GetParam().image, 0);
  const Tensor x = Placeholder(kFloat32, PartialShape({-1, -1, -1, GetParam().image[3]}));
  const Tensor y = Result(x);
  const Feeds feeds = {{x, image}};
  const Array want = Run(graph, y, feeds, OptLevel::kL0, 2);
  const Array got = Run(graph, y, feeds, ConfigProto().opt_level, 1);
  EXPECT_TRUE(ArraysNear(got, want, {1e-4, 1e-4}));
  for (const int threads : {2, 3, 4})
    EXPECT_TRUE(ArraysEqual(Run(graph, y, feeds, ConfigProto().opt_level, threads), got));
}

INSTANTIATE_TEST_SUITE_P(
    Pairs, SeparableConv,
    testing::Values(
        Pair{"many_pixels", {1, 56, 56, 64}, 96}, Pair{"two_strides", {1, 57, 56, 32}, 64, 2},
        Pair{"large_matrix", {1, 14, 14, 384}, 400}, Pair{"few_pixels", {1, 7, 7, 512}, 320},
        Pair{"strassen", {1, 28, 28, 128}, 256}, Pair{"strassen_large", {1, 14, 14, 512}, 512},
        Pair{"strassen_few_pixels", {1, 14, 14, 512}, 1024, 2},
        Pair{"strassen_odd_pixels", {3, 9, 11, 160}, 256, 1, "VALID", "Relu", ""},
        Pair{"odd_channels", {2, 19, 23, 37}, 51}, Pair{"one_channel", {1, 30, 31, 1}, 3},
        Pair{"without_padding", {3, 17, 16, 24}, 40, 1, "VALID", "Relu", ""},
        Pair{"valid_strides", {2, 33, 31, 20}, 33, 2, "VALID", "", "Relu"},
        Pair{"one_pixel", {1, 1, 1, 48}, 16, 1, "SAME", "", ""}, Pair{"wide", {1, 2, 600, 16}, 16},
        Pair{"tall", {1, 600, 2, 16}, 16, 2}, Pair{"no_images", {0, 8, 8, 16}, 8},
        Pair{"no_rows", {2, 2, 8, 16}, 8, 1, "VALID"}),
    [](const auto& info) { return std::string(info.param.what); });

}  // namespace
}  // namespace weft
