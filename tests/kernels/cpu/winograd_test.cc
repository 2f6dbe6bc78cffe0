// SPDX-License-Identifier: Apache-2.0
// Convolutions large enough for Winograd's form, against sums of products in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "weft/graph/op_builder.h"
#include "weft/weft.h"

namespace weft {
namespace {

using Ints = std::vector<int64_t>;

Array Noise(const Ints& dims, uint32_t seed) {
  std::mt19937 bits(seed);
  std::uniform_real_distribution<float> values(-1, 1);
  Array a(kFloat32, Shape(std::span<const int64_t>(dims)));
  for (int64_t i = 0; i < a.num_elements(); ++i) a.mutable_data<float>()[i] = values(bits);
  return a;
}

struct Layer {
  const char* what;
  Ints image;   // batch, rows, columns, channels
  Ints filter;  // rows, columns, channels, output channels
  const char* padding = "SAME";
};

void PrintTo(const Layer& l, std::ostream* out) { *out << l.what; }

class Winograd : public testing::TestWithParam<Layer> {
 protected:
  Array Image() const { return Noise(GetParam().image, 1); }
  Array Filter() const { return Noise(GetParam().filter, 2); }
  // Of the size of the result.
  Array Result() const {
    const Layer& l = GetParam();
    const bool same = std::string(l.padding) == "SAME";
    return Noise({l.image[0], same ? l.image[1] : l.image[1] - l.filter[0] + 1,
                  same ? l.image[2] : l.image[2] - l.filter[1] + 1, l.filter[3]},
                 3);
  }

  static Tensor Op(const char* type, const std::vector<Input>& inputs) {
    OpBuilder builder(type, NameOptions());
    for (const Input& in : inputs) builder.In(in);
    return builder.Output();
  }
  Tensor Conv(const char* type, const std::vector<Input>& inputs) const {
    OpBuilder builder(type, NameOptions());
    for (const Input& in : inputs) builder.In(in);
    return builder.Attr("strides", Ints{1, 1, 1, 1}).Attr("padding", GetParam().padding).Output();
  }
  Tensor Fed(const Array& value) {
    const Tensor p = Placeholder(kFloat32, PartialShape(value.shape()));
    feeds_.emplace_back(p, value);
    return p;
  }
  static Tensor Double(const Tensor& x) { return Cast(x, kFloat64); }

  // The difference may be a few millionths of the largest sum; twice, as the second run is planned.
  void ExpectNear(const Tensor& got, const Tensor& exact) { ExpectNear(got, exact, exact); }
  void ExpectNear(const Tensor& got, const Tensor& exact, const Tensor& sums) {
    Session session(graph_);
    const Array want = session.Run(exact, feeds_), all = session.Run(sums, feeds_);
    double most = 0;
    for (int64_t i = 0; i < all.num_elements(); ++i)
      most = std::max(most, std::abs(all.data<double>()[i]));
    for (int run = 0; run < 2; ++run) {
      const Array result = session.Run(got, feeds_);
      ASSERT_EQ(result.shape(), want.shape());
      double off = 0;
      for (int64_t i = 0; i < want.num_elements(); ++i) {
        off = std::max(
            off, std::abs(static_cast<double>(result.data<float>()[i]) - want.data<double>()[i]));
      }
      EXPECT_LT(off, 5e-6 * most);
    }
  }

  Graph graph_;
  GraphScope scope_{graph_};
  Feeds feeds_;
};

TEST_P(Winograd, Forward) {
  const Tensor x = Fed(Image()), filter = Fed(Filter());
  const Tensor exact = Conv("Conv2D", {Double(x), Double(filter)});
  ExpectNear(Conv("Conv2D", {x, filter}), exact);
  ExpectNear(Conv("Conv2D", {x, Filter()}), exact);
}

TEST_P(Winograd, GradientOfTheImage) {
  const Tensor filter = Fed(Filter()), dy = Fed(Result());
  const Array sizes = Array::FromVector(
      std::vector<int32_t>(GetParam().image.begin(), GetParam().image.end()), Shape({4}));
  ExpectNear(Conv("Conv2DBackpropInput", {sizes, filter, dy}),
             Conv("Conv2DBackpropInput", {sizes, Double(filter), Double(dy)}));
}

TEST_P(Winograd, GradientOfTheFilter) {
  const Tensor x = Fed(Image()), dy = Fed(Result());
  const Array sizes = Array::FromVector(
      std::vector<int32_t>(GetParam().filter.begin(), GetParam().filter.end()), Shape({4}));
  ExpectNear(Conv("Conv2DBackpropFilter", {x, sizes, dy}),
             Conv("Conv2DBackpropFilter", {Double(x), sizes, Double(dy)}));
}

// What is done to the sums before they are stored.
TEST_P(Winograd, BiasAddendActivation) {
  const Tensor x = Fed(Image()), addend = Fed(Result());
  const Array bias = Noise({GetParam().filter[3]}, 4);
  for (const bool constant : {true, false}) {
    const Tensor filter = Fed(Filter());
    const Tensor exact =
        Op("BiasAdd", {Conv("Conv2D", {Double(x), Double(filter)}), Double(Constant(bias))});
    const Tensor y = Op(
        "BiasAdd", {constant ? Conv("Conv2D", {x, Filter()}) : Conv("Conv2D", {x, filter}), bias});
    ExpectNear(Op("Relu", {y}), Op("Relu", {exact}), exact);
    ExpectNear(Op("Relu6", {y}), Op("Relu6", {exact}), exact);
    ExpectNear(Op("Relu", {Op("AddV2", {y, addend})}),
               Op("Relu", {Op("AddV2", {exact, Double(addend)})}), exact);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Layers, Winograd,
    testing::Values(Layer{"many_tiles", {1, 56, 56, 64}, {3, 3, 64, 64}},
                    Layer{"few_tiles", {1, 14, 14, 256}, {3, 3, 256, 256}},
                    Layer{"batch", {8, 14, 14, 96}, {3, 3, 96, 64}},
                    Layer{"without_padding", {2, 31, 30, 64}, {3, 3, 64, 80}, "VALID"},
                    Layer{"odd_sizes", {5, 17, 23, 48}, {3, 3, 48, 64}},
                    Layer{"odd_channels", {3, 33, 29, 37}, {3, 3, 37, 51}},
                    Layer{"five_by_five", {4, 14, 14, 32}, {5, 5, 32, 64}},
                    Layer{"five_odd", {3, 17, 23, 19}, {5, 5, 19, 67}},
                    Layer{"five_without_padding", {2, 21, 24, 48}, {5, 5, 48, 32}, "VALID"}),
    [](const auto& test) { return std::string(test.param.what); });

}  // namespace
}  // namespace weft
