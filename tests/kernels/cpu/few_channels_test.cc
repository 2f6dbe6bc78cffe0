// SPDX-License-Identifier: Apache-2.0
// Convolutions of images with few channels by constant filters, against sums in double.
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

Array Ripples(const Ints& dims, float seed) {
  Array a(kFloat32, Shape(std::span<const int64_t>(dims)));
  for (int64_t i = 0; i < a.num_elements(); ++i)
    a.mutable_data<float>()[i] = std::sin(static_cast<float>(i % 9973) * 0.7f + seed);
  return a;
}

struct FirstLayer {
  const char* what;
  Ints image;   // batch, rows, columns, channels
  Ints filter;  // rows, columns, channels, output channels
  int64_t stride = 1;
  const char* padding = "SAME";
  const char* activation = "Relu6";
};

void PrintTo(const FirstLayer& l, std::ostream* out) { *out << l.what; }

class FewChannels : public testing::TestWithParam<FirstLayer> {
 protected:
  Tensor Layer(const Tensor& x, DataType dtype) const {
    const FirstLayer& l = GetParam();
    const auto constant = [&](const Ints& dims, float seed) {
      const Tensor c = Constant(Ripples(dims, seed));
      return dtype == kFloat32 ? c : Cast(c, dtype);
    };
    OpBuilder conv("Conv2D", NameOptions());
    conv.In(x).In(constant(l.filter, 1)).Attr("strides", Ints{1, l.stride, l.stride, 1});
    conv.Attr("padding", l.padding);
    if (std::string(l.padding) == "EXPLICIT")
      conv.Attr("explicit_paddings", Ints{0, 0, 2, 1, 1, 3, 0, 0});
    Tensor y = OpBuilder("BiasAdd", NameOptions())
                   .In(conv.Output())
                   .In(constant({l.filter[3]}, 2))
                   .Output();
    if (*l.activation) y = OpBuilder(l.activation, NameOptions()).In(y).Output();
    return y;
  }
};

TEST_P(FewChannels, AsSumsInDouble) {
  Graph graph;
  GraphScope scope(graph);
  const Tensor x = Placeholder(kFloat32, PartialShape({-1, -1, -1, GetParam().image[3]}));
  const Tensor y = Layer(x, kFloat32), exact = Cast(Layer(Cast(x, kFloat64), kFloat64), kFloat32);
  const Feeds feeds = {{x, Ripples(GetParam().image, 0)}};
  Array first;
  for (const int threads : {1, 2, 3, 4}) {
    ConfigProto config;
    config.intra_op_parallelism_threads = threads;
    Session session(graph, config);
    session.Run(y, feeds);  // recorded, then planned
    const Array got = session.Run(y, feeds);
    if (threads == 1) {
      first = got;
      EXPECT_TRUE(ArraysNear(got, session.Run(exact, feeds), {1e-5, 2e-5}));
    } else {
      EXPECT_TRUE(ArraysEqual(got, first));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Layers, FewChannels,
    testing::Values(FirstLayer{"mobilenet", {1, 64, 64, 3}, {3, 3, 3, 32}, 2},
                    FirstLayer{"resnet", {2, 57, 61, 3}, {7, 7, 3, 64}, 2, "SAME", "Relu"},
                    FirstLayer{"inception", {1, 75, 75, 3}, {3, 3, 3, 32}, 2, "VALID", "Relu"},
                    FirstLayer{"stride_one", {2, 19, 23, 3}, {3, 3, 3, 32}, 1, "SAME", ""},
                    FirstLayer{"large_stride", {1, 40, 45, 3}, {5, 11, 3, 96}, 4},
                    FirstLayer{"one_channel", {3, 28, 28, 1}, {5, 9, 1, 32}},
                    FirstLayer{"two_channels", {1, 17, 15, 2}, {4, 4, 2, 64}, 3, "VALID"},
                    FirstLayer{"four_channels", {1, 31, 16, 4}, {2, 3, 4, 32}, 2},
                    FirstLayer{"explicit", {2, 21, 22, 3}, {3, 5, 3, 32}, 2, "EXPLICIT"},
                    FirstLayer{"smaller_than_the_filter", {2, 2, 3, 3}, {7, 7, 3, 32}},
                    FirstLayer{"one_pixel", {1, 1, 1, 3}, {3, 3, 3, 32}, 2},
                    FirstLayer{"one_row", {1, 1, 50, 3}, {3, 3, 3, 64}},
                    FirstLayer{"gaps", {1, 20, 20, 3}, {3, 3, 3, 32}, 4, "VALID"},
                    FirstLayer{"other_outputs", {1, 20, 20, 3}, {3, 3, 3, 24}, 2},
                    FirstLayer{"no_images", {0, 20, 20, 3}, {3, 3, 3, 32}, 2}),
    [](const auto& info) { return std::string(info.param.what); });

}  // namespace
}  // namespace weft
