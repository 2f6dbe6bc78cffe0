// SPDX-License-Identifier: Apache-2.0
// Convolutions against the definition, at odd sizes, and their errors. Gradients:
// tests/gradients/table_nn.cc; golden values: tests/conformance.
#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "tests/support/op_case.h"

namespace weft {
namespace {

using Ints = std::vector<int64_t>;

// ---- the definition -----------------------------------------------------------------------------

struct Case {
  const char* what;
  Ints image;      // batch, rows, columns, channels
  Ints filter;     // rows, columns, channels of a group, output channels
  Ints strides;    // rows, columns
  Ints dilations;  // rows, columns
  const char* padding;
};

struct Along {
  int64_t out, before;
};
Along Place(int64_t in, int64_t size, int64_t stride, int64_t dilation, bool same) {
  const int64_t extent = (size - 1) * dilation + 1;
  if (!same) return {in < extent ? 0 : (in - extent) / stride + 1, 0};
  const int64_t out = (in + stride - 1) / stride;
  return {out, std::max<int64_t>(0, (out - 1) * stride + extent - in) / 2};
}

Array Random(const Ints& dims, uint32_t seed) {
  std::mt19937 bits(seed);
  std::uniform_real_distribution<float> values(-1, 1);
  Array a(kFloat32, Shape(std::span<const int64_t>(dims)));
  for (int64_t i = 0; i < a.num_elements(); ++i) a.mutable_data<float>()[i] = values(bits);
  return a;
}

// Calls visit(offset in the image, offset in the filter, offset in the result) for each product.
template <typename Visit>
void ForProducts(const Case& c, const Along& down, const Along& across, Visit visit) {
  const int64_t groups = c.image[3] / c.filter[2], group_out = c.filter[3] / groups;
  for (int64_t b = 0; b < c.image[0]; ++b)
    for (int64_t y = 0; y < down.out; ++y)
      for (int64_t x = 0; x < across.out; ++x)
        for (int64_t o = 0; o < c.filter[3]; ++o)
          for (int64_t ky = 0; ky < c.filter[0]; ++ky)
            for (int64_t kx = 0; kx < c.filter[1]; ++kx)
              for (int64_t i = 0; i < c.filter[2]; ++i) {
                const int64_t row = y * c.strides[0] - down.before + ky * c.dilations[0];
                const int64_t column = x * c.strides[1] - across.before + kx * c.dilations[1];
                if (row < 0 || row >= c.image[1] || column < 0 || column >= c.image[2]) continue;
                const int64_t channel = o / group_out * c.filter[2] + i;
                visit(((b * c.image[1] + row) * c.image[2] + column) * c.image[3] + channel,
                      ((ky * c.filter[1] + kx) * c.filter[2] + i) * c.filter[3] + o,
                      ((b * down.out + y) * across.out + x) * c.filter[3] + o);
              }
}

AttrMap AttrsOf(const Case& c, bool first = false) {
  const auto four = [&](const Ints& v) {
    return first ? Ints{1, 1, v[0], v[1]} : Ints{1, v[0], v[1], 1};
  };
  return {{"strides", four(c.strides)},
          {"dilations", four(c.dilations)},
          {"padding", c.padding},
          {"data_format", first ? "NCHW" : "NHWC"}};
}

OpCase With(OpCase op, const AttrMap& attrs) {
  for (const auto& [name, value] : attrs) op.Attr(name, value);
  return op;
}

Array Transposed(const Array& a) {  // channels first
  Array t(kFloat32, Shape({a.dim(0), a.dim(3), a.dim(1), a.dim(2)}));
  for (int64_t b = 0; b < a.dim(0); ++b)
    for (int64_t p = 0; p < a.dim(1) * a.dim(2); ++p)
      for (int64_t c = 0; c < a.dim(3); ++c)
        t.mutable_data<float>()[(b * a.dim(3) + c) * a.dim(1) * a.dim(2) + p] =
            a.data<float>()[(b * a.dim(1) * a.dim(2) + p) * a.dim(3) + c];
  return t;
}

class Conv2D : public testing::TestWithParam<Case> {};

TEST_P(Conv2D, AsDefined) {
  const Case& c = GetParam();
  const bool same = std::string(c.padding) == "SAME";
  const Along down = Place(c.image[1], c.filter[0], c.strides[0], c.dilations[0], same),
              across = Place(c.image[2], c.filter[1], c.strides[1], c.dilations[1], same);
  const Array x = Random(c.image, 1), filter = Random(c.filter, 2),
              dy = Random({c.image[0], down.out, across.out, c.filter[3]}, 3);
  Array y(kFloat32, dy.shape()), dx(kFloat32, x.shape()), df(kFloat32, filter.shape());
  for (Array* a : {&y, &dx, &df}) std::fill_n(a->mutable_data<float>(), a->num_elements(), 0.f);
  const float *px = x.data<float>(), *pf = filter.data<float>(), *pd = dy.data<float>();
  float *py = y.mutable_data<float>(), *pdx = dx.mutable_data<float>(),
        *pdf = df.mutable_data<float>();
  ForProducts(c, down, across, [&](int64_t i, int64_t f, int64_t o) {
    py[o] += px[i] * pf[f];
    pdx[i] += pd[o] * pf[f];
    pdf[f] += pd[o] * px[i];
  });
  const auto sizes = [](const Array& a) {
    return I32({static_cast<int>(a.dim(0)), static_cast<int>(a.dim(1)), static_cast<int>(a.dim(2)),
                static_cast<int>(a.dim(3))});
  };
  const AttrMap attrs = AttrsOf(c), first = AttrsOf(c, true);
  With(OpCase("Conv2D"), attrs).In(x).In(filter).Out(y).Within(1e-4, 1e-4).RunEverywhere();
  With(OpCase("Conv2D"), first)
      .In(Transposed(x))
      .In(filter)
      .Out(Transposed(y))
      .Within(1e-4, 1e-4)
      .RunEverywhere();
  With(OpCase("Conv2DBackpropInput"), attrs)
      .Const(sizes(x))
      .In(filter)
      .In(dy)
      .Out(dx)
      .Within(1e-4, 1e-4)
      .RunEverywhere();
  With(OpCase("Conv2DBackpropFilter"), attrs)
      .In(x)
      .Const(sizes(filter))
      .In(dy)
      .Out(df)
      .Within(1e-4, 1e-4)
      .RunEverywhere();
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, Conv2D,
    testing::Values(
        Case{"blocks", {2, 9, 8, 16}, {3, 3, 16, 32}, {1, 1}, {1, 1}, "SAME"},
        Case{"pointwise", {2, 5, 4, 8}, {1, 1, 8, 5}, {1, 1}, {1, 1}, "VALID"},
        Case{"one pixel", {3, 1, 1, 4}, {1, 1, 4, 3}, {1, 1}, {1, 1}, "SAME"},
        Case{"one pixel, large filter", {2, 1, 1, 3}, {5, 5, 3, 2}, {1, 1}, {1, 1}, "SAME"},
        Case{"one channel", {2, 7, 6, 1}, {3, 2, 1, 1}, {1, 1}, {1, 1}, "SAME"},
        Case{"stride above the filter", {1, 9, 10, 2}, {1, 2, 2, 3}, {3, 4}, {1, 1}, "VALID"},
        Case{"stride above the image", {2, 3, 3, 2}, {2, 2, 2, 2}, {5, 5}, {1, 1}, "SAME"},
        Case{"dilated", {1, 9, 9, 3}, {3, 3, 3, 4}, {1, 1}, {2, 3}, "SAME"},
        Case{"dilated, strided", {1, 12, 11, 3}, {3, 2, 3, 4}, {2, 3}, {2, 1}, "VALID"},
        Case{"groups", {2, 6, 5, 6}, {3, 3, 2, 9}, {1, 2}, {1, 1}, "SAME"},
        Case{"as many groups as channels", {1, 5, 5, 4}, {3, 3, 1, 8}, {1, 1}, {1, 1}, "SAME"},
        Case{"rows that fit exactly", {1, 3, 3, 2}, {3, 3, 2, 2}, {1, 1}, {1, 1}, "VALID"}),
    [](const auto& info) {
      std::string name = info.param.what;
      std::replace_if(
          name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
      return name;
    });

// ---- odd cases ----------------------------------------------------------------------------------

const AttrMap& Unit() {
  static const auto* const attrs = new AttrMap{{"strides", Ints{1, 1, 1, 1}}, {"padding", "SAME"}};
  return *attrs;
}
const AttrMap& Unit3D() {
  static const auto* const attrs =
      new AttrMap{{"strides", Ints{1, 1, 1, 1, 1}}, {"padding", "SAME"}};
  return *attrs;
}
Array Zeros(const Ints& dims) {
  Array a(kFloat32, Shape(std::span<const int64_t>(dims)));
  std::fill_n(a.mutable_data<float>(), a.num_elements(), 0.f);
  return a;
}

TEST(Convolutions, EmptyBatch) {
  With(OpCase("Conv2D"), Unit())
      .In(Zeros({0, 4, 4, 2}))
      .In(Zeros({3, 3, 2, 5}))
      .Out(Zeros({0, 4, 4, 5}))
      .RunEverywhere();
  With(OpCase("Conv2DBackpropFilter"), Unit())
      .In(Zeros({0, 4, 4, 2}))
      .Const(I32({3, 3, 2, 5}))
      .In(Zeros({0, 4, 4, 5}))
      .Out(Zeros({3, 3, 2, 5}))
      .RunEverywhere();
  With(OpCase("Conv2DBackpropInput"), Unit())
      .Const(I32({0, 4, 4, 2}))
      .In(Zeros({3, 3, 2, 5}))
      .In(Zeros({0, 4, 4, 5}))
      .Out(Zeros({0, 4, 4, 2}))
      .RunEverywhere();
  With(OpCase("DepthwiseConv2dNative"), Unit())
      .In(Zeros({0, 4, 4, 2}))
      .In(Zeros({2, 2, 2, 3}))
      .Out(Zeros({0, 4, 4, 6}))
      .RunEverywhere();
  With(OpCase("DepthwiseConv2dNativeBackpropFilter"), Unit())
      .In(Zeros({0, 4, 4, 2}))
      .Const(I32({2, 2, 2, 1}))
      .In(Zeros({0, 4, 4, 2}))
      .Out(Zeros({2, 2, 2, 1}))
      .RunEverywhere();
  With(OpCase("Conv3D"), Unit3D())
      .In(Zeros({0, 4, 4, 4, 3}))
      .In(Zeros({2, 2, 2, 3, 1}))
      .Out(Zeros({0, 4, 4, 4, 1}))
      .RunEverywhere();
}

TEST(Convolutions, NoOutput) {
  With(OpCase("Conv2D"), {{"strides", Ints{1, 2, 2, 1}}, {"padding", "SAME"}})
      .In(Zeros({2, 0, 4, 2}))
      .In(Zeros({3, 3, 2, 5}))
      .Out(Zeros({2, 0, 2, 5}))
      .RunEverywhere();
  // The gradient of pixels that no window touches is 0.
  With(OpCase("Conv2DBackpropInput"), {{"strides", Ints{1, 3, 3, 1}}, {"padding", "VALID"}})
      .Const(I32({1, 3, 3, 1}))
      .In(F32(Shape({1, 1, 1, 1}), {2}))
      .In(F32(Shape({1, 1, 1, 1}), {5}))
      .Out(F32(Shape({1, 3, 3, 1}), {10, 0, 0, 0, 0, 0, 0, 0, 0}))
      .RunEverywhere();
}

// The one output of a node whose inputs have unknown shapes when it is built.
Array RunOfUnknownShapes(const std::string& op, const std::vector<Array>& inputs,
                         const AttrMap& attrs) {
  const Graph graph;
  const GraphScope scope(graph);
  std::vector<Tensor> fed;
  for (const Array& a : inputs) fed.push_back(PlaceholderOf(a.dtype()));
  const absl::StatusOr<Operation> node = AddNode(op, fed, attrs);
  if (!node.ok()) throw std::runtime_error(std::string(node.status().message()));
  Feeds feeds;
  for (size_t i = 0; i < fed.size(); ++i) feeds.emplace_back(fed[i], inputs[i]);
  Session session(graph);
  return session.Run(node->output(0), feeds);
}

// A window that is one larger than the image has no place, and that is no error in a run.
TEST(Convolutions, WindowAboveImage) {
  const AttrMap valid = {{"strides", Ints{1, 1, 1, 1}}, {"padding", "VALID"}};
  const AttrMap valid3d = {{"strides", Ints{1, 1, 1, 1, 1}}, {"padding", "VALID"}};
  const Array x = Zeros({1, 2, 2, 1});
  EXPECT_EQ(RunOfUnknownShapes("Conv2D", {x, Zeros({3, 3, 1, 1})}, valid).shape(),
            Shape({1, 0, 0, 1}));
  EXPECT_EQ(RunOfUnknownShapes("DepthwiseConv2dNative", {x, Zeros({3, 3, 1, 2})}, valid).shape(),
            Shape({1, 0, 0, 2}));
  EXPECT_EQ(RunOfUnknownShapes("Conv3D", {Zeros({1, 1, 2, 2, 1}), Zeros({1, 3, 3, 1, 1})}, valid3d)
                .shape(),
            Shape({1, 1, 0, 0, 1}));
  // With padding there are places.
  With(OpCase("Conv2D"), Unit())
      .In(F32(Shape({1, 2, 2, 1}), {1, 2, 3, 4}))
      .In(F32(Shape({3, 3, 1, 1}), {1, 2, 3, 4, 5, 6, 7, 8, 9}))
      .Out(F32(Shape({1, 2, 2, 1}), {77, 67, 47, 37}))
      .RunEverywhere();
  With(OpCase("DepthwiseConv2dNative"), Unit())
      .In(F32(Shape({1, 2, 2, 1}), {1, 2, 3, 4}))
      .In(F32(Shape({3, 3, 1, 2}), {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}))
      .Out(F32(Shape({1, 2, 2, 2}), {144, 154, 124, 134, 84, 94, 64, 74}))
      .RunEverywhere();
}

TEST(Convolutions, NoPixels) {
  for (const Ints& image : {Ints{2, 0, 5, 2}, Ints{2, 5, 0, 2}}) {
    const Ints out = {2, image[1], image[2], 4};
    With(OpCase("Conv2D"), Unit())
        .In(Zeros(image))
        .In(Zeros({3, 3, 2, 4}))
        .Out(Zeros(out))
        .RunEverywhere();
    With(OpCase("Conv2DBackpropInput"), Unit())
        .Const(I32({2, static_cast<int>(image[1]), static_cast<int>(image[2]), 2}))
        .In(Zeros({3, 3, 2, 4}))
        .In(Zeros(out))
        .Out(Zeros(image))
        .RunEverywhere();
    With(OpCase("Conv2DBackpropFilter"), Unit())
        .In(Zeros(image))
        .Const(I32({3, 3, 2, 4}))
        .In(Zeros(out))
        .Out(Zeros({3, 3, 2, 4}))
        .RunEverywhere();
    With(OpCase("DepthwiseConv2dNative"), Unit())
        .In(Zeros(image))
        .In(Zeros({3, 3, 2, 2}))
        .Out(Zeros(out))
        .RunEverywhere();
  }
  With(OpCase("Conv2D"), Unit())
      .In(Zeros({1, 7, 5, 1}))
      .In(Zeros({2, 2, 1, 0}))
      .Out(Zeros({1, 7, 5, 0}))
      .RunEverywhere();
  With(OpCase("DepthwiseConv2dNative"), Unit())
      .In(Zeros({1, 3, 3, 0}))
      .In(Zeros({2, 2, 0, 2}))
      .Out(Zeros({1, 3, 3, 0}))
      .RunEverywhere();
}

TEST(Convolutions, NoPlaceForTheWindow) {
  constexpr Code kInvalid = Code::kInvalidArgument;
  const AttrMap valid = {{"strides", Ints{1, 1, 1, 1}}, {"padding", "VALID"}};
  const char* const text =
      "Computed output size would be negative: -2 [input_size: 0, effective_filter_size: 3, "
      "stride: 1]";
  const Array none = Zeros({2, 0, 5, 2}), filter = Zeros({3, 3, 2, 4}), dy = Zeros({2, 0, 3, 4});
  With(OpCase("Conv2D"), valid).In(none).In(filter).ExpectRunError(kInvalid, text);
  With(OpCase("DepthwiseConv2dNative"), valid)
      .In(none)
      .In(Zeros({3, 3, 2, 2}))
      .ExpectRunError(kInvalid, text);
  With(OpCase("Conv2DBackpropInput"), valid)
      .In(I32({2, 0, 5, 2}))
      .In(filter)
      .In(dy)
      .ExpectRunError(kInvalid, text);
  With(OpCase("Conv2DBackpropFilter"), valid)
      .In(none)
      .In(I32({3, 3, 2, 4}))
      .In(dy)
      .ExpectRunError(kInvalid, text);
  With(OpCase("Conv2D"), Unit())
      .In(Zeros({1, 3, 3, 0}))
      .In(Zeros({2, 2, 0, 2}))
      .ExpectRunError(kInvalid, "filter depth must be stricly positive, got 0");
  With(OpCase("Conv2D"), Unit())
      .In(Zeros({1, 3, 3, 1}))
      .In(Zeros({0, 2, 1, 2}))
      .ExpectRunError(kInvalid,
                      "filter must not have zero elements (i.e. all dimensions must be non-zero)");
}

TEST(Convolutions, DepthwiseStrideAboveFilter) {
  Array x(kFloat32, Shape({1, 7, 5, 1}));
  for (int i = 0; i < 35; ++i) x.mutable_data<float>()[i] = static_cast<float>(i + 1);
  const Array filter = F32(Shape({2, 1, 1, 2}), {1, 2, 3, 4});
  With(OpCase("DepthwiseConv2dNative"), {{"strides", Ints{1, 3, 3, 1}}, {"padding", "SAME"}})
      .In(x)
      .In(filter)
      .Out(F32(Shape({1, 3, 2, 2}), {19, 26, 31, 44, 79, 116, 91, 134, 31, 62, 34, 68}))
      .RunEverywhere();
  With(OpCase("DepthwiseConv2dNative"), {{"strides", Ints{1, 3, 3, 1}}, {"padding", "VALID"}})
      .In(x)
      .In(filter)
      .Out(F32(Shape({1, 2, 2, 2}), {19, 26, 31, 44, 79, 116, 91, 134}))
      .RunEverywhere();
}

TEST(Convolutions, Depthwise) {
  // Channel c makes channels 2c and 2c + 1.
  With(OpCase("DepthwiseConv2dNative"), {{"strides", Ints{1, 1, 1, 1}}, {"padding", "VALID"}})
      .In(F32(Shape({1, 1, 2, 2}), {1, 2, 3, 4}))
      .In(F32(Shape({1, 2, 2, 2}), {1, 2, 3, 4, 5, 6, 7, 8}))
      .Out(F32(Shape({1, 1, 1, 4}), {16, 20, 34, 40}))
      .RunEverywhere();
  With(OpCase("DepthwiseConv2dNative"), {{"strides", Ints{1, 1, 1, 1}}, {"padding", "VALID"}})
      .In(F64(Shape({1, 1, 2, 2}), {1, 2, 3, 4}))
      .In(F64(Shape({1, 2, 2, 2}), {1, 2, 3, 4, 5, 6, 7, 8}))
      .Out(F64(Shape({1, 1, 1, 4}), {16, 20, 34, 40}))
      .RunEverywhere();
}

TEST(Convolutions, Volumes) {
  // 1 x 2 x 2 windows that move along planes.
  const AttrMap attrs = {{"strides", Ints{1, 1, 1, 1, 1}}, {"padding", "VALID"}};
  With(OpCase("Conv3D"), attrs)
      .In(F32(Shape({1, 2, 2, 2, 1}), {1, 2, 3, 4, 5, 6, 7, 8}))
      .In(F32(Shape({1, 2, 2, 1, 1}), {1, 10, 100, 1000}))
      .Out(F32(Shape({1, 2, 1, 1, 1}), {4321, 8765}))
      .RunEverywhere();
  With(OpCase("Conv3DBackpropInput"), attrs)
      .In(Zeros({1, 2, 2, 2, 1}))
      .In(F32(Shape({1, 2, 2, 1, 1}), {1, 10, 100, 1000}))
      .In(F32(Shape({1, 2, 1, 1, 1}), {1, 2}))
      .Out(F32(Shape({1, 2, 2, 2, 1}), {1, 10, 100, 1000, 2, 20, 200, 2000}))
      .RunEverywhere();
  With(OpCase("Conv3DBackpropFilter"), attrs)
      .In(F32(Shape({1, 2, 2, 2, 1}), {1, 2, 3, 4, 5, 6, 7, 8}))
      .In(Zeros({1, 2, 2, 1, 1}))
      .In(F32(Shape({1, 2, 1, 1, 1}), {1, 10}))
      .Out(F32(Shape({1, 2, 2, 1, 1}), {51, 62, 73, 84}))
      .RunEverywhere();
}

// ---- static shapes and errors -------------------------------------------------------------------

TEST(Convolutions, Shapes) {
  const AttrMap two = {{"strides", Ints{1, 2, 2, 1}}, {"padding", "SAME"}};
  ExpectShape("Conv2D", {"[?,5,?,3]", "[3,3,3,8]"}, "[?,3,?,8]", two);
  ExpectShape("DepthwiseConv2dNative", {"[?,5,?,3]", "[3,3,3,2]"}, "[?,3,?,6]", two);
  ExpectShape("Conv3D", {"[2,4,4,?,3]", "[2,2,2,3,7]"}, "[2,3,3,?,7]",
              {{"strides", Ints{1, 1, 1, 1, 1}}, {"padding", "VALID"}});
  ExpectShape("Conv3D", {"[2,3,4,4,4]", "[2,2,2,3,7]"}, "[2,7,2,2,2]",
              {{"strides", Ints{1, 1, 2, 2, 2}}, {"padding", "SAME"}, {"data_format", "NCDHW"}});
  ExpectShape("Conv3DBackpropInputV2", {I32({2, 4, 5, 6, 3}), "?", "?"}, "[2,4,5,6,3]", Unit3D());
  ExpectShape("Dilation2D", {"[?,5,4,3]", "[2,2,3]"}, "[?,4,3,3]",
              {{"strides", Ints{1, 1, 1, 1}}, {"rates", Ints{1, 1, 1, 1}}, {"padding", "VALID"}});
}

TEST(Convolutions, BuildErrors) {
  const AttrMap valid = {{"strides", Ints{1, 1, 1, 1}}, {"padding", "VALID"}};
  ExpectBuildError("Conv2D", {"[1,2,2,1]", "[3,3,1,1]"}, "Negative dimension size", valid);
  ExpectBuildError("DepthwiseConv2dNative", {"[1,4,4,2]", "[2,2,3,1]"},
                   "Dimensions must be equal, but are 2 and 3", Unit());
  ExpectBuildError("DepthwiseConv2dNative", {"[1,4,4,2]", "[2,2,2,1]"},
                   "DepthwiseConv2D requires the stride attribute to contain 4 values, but got: 3",
                   {{"strides", Ints{1, 1, 1}}, {"padding", "SAME"}});
  ExpectBuildError(
      "Dilation2D", {"[1,4,4,2]", "[2,2,2]"},
      "Dilation2D requires the stride attribute to contain 4 values, but got: 5",
      {{"strides", Ints{1, 1, 1, 1, 1}}, {"rates", Ints{1, 1, 1, 1}}, {"padding", "SAME"}});
}

TEST(Convolutions, RunErrors) {
  constexpr Code kInvalid = Code::kInvalidArgument;
  const Array x = Zeros({1, 4, 4, 2});
  With(OpCase("DepthwiseConv2dNative"), Unit())
      .In(x)
      .In(Zeros({2, 2, 3, 1}))
      .ExpectRunError(kInvalid, "input and filter must have the same depth: 2 vs 3");
  With(OpCase("DepthwiseConv2dNative"), Unit())
      .In(Zeros({1, 4, 2}))
      .In(Zeros({2, 2, 2, 1}))
      .ExpectRunError(kInvalid, "input must be 4-dimensional");
  With(OpCase("DepthwiseConv2dNative"), {{"strides", Ints{2, 1, 1, 1}}, {"padding", "SAME"}})
      .In(x)
      .In(Zeros({2, 2, 2, 1}))
      .ExpectRunError(kInvalid, "does not yet support strides in the batch and depth dimensions");
  With(OpCase("Conv2D"), {{"strides", Ints{2, 1, 1, 1}}, {"padding", "SAME"}})
      .In(x)
      .In(Zeros({2, 2, 2, 1}))
      .ExpectRunError(Code::kUnimplemented, "strides in the batch and depth dimensions");
  With(OpCase("Conv2D"), Unit())
      .In(x)
      .In(Zeros({2, 2, 0, 1}))
      .ExpectRunError(kInvalid, "filter depth must be stricly positive, got 0");
  With(OpCase("Conv3D"), Unit3D())
      .In(x)
      .In(Zeros({2, 2, 2, 2, 1}))
      .ExpectRunError(kInvalid, "input must be 5-dimensional");
  With(OpCase("Conv3D"), {{"strides", Ints{2, 1, 1, 1, 1}}, {"padding", "SAME"}})
      .In(Zeros({1, 4, 4, 4, 3}))
      .In(Zeros({2, 2, 2, 3, 1}))
      .ExpectRunError(kInvalid, "does not yet support strides in the batch and depth dimensions");
  With(OpCase("Conv3DBackpropInputV2"), Unit3D())
      .In(I32({1, 4, 4, 4, 3}))
      .In(Zeros({2, 2, 2, 3, 1}))
      .In(Zeros({1, 4, 4, 3, 1}))
      .ExpectRunError(kInvalid, "Size of out_backprop doesn't match computed");
  With(OpCase("DepthwiseConv2dNativeBackpropInput"), Unit())
      .In(I32({1, -4, 4, 2}))
      .In(Zeros({2, 2, 2, 1}))
      .In(x)
      .ExpectRunError(kInvalid, "Dimension 1 of input_sizes must be >= 0");
  With(OpCase("Conv2DBackpropInput"), Unit())
      .In(I32({1, 2000000000, 2000000000, 2000000000}))
      .In(Zeros({2, 2, 2, 1}))
      .In(x)
      .ExpectRunError(kInvalid, "");
}

TEST(Dilation, ValuesAndErrors) {
  const AttrMap unit = {
      {"strides", Ints{1, 1, 1, 1}}, {"rates", Ints{1, 1, 1, 1}}, {"padding", "VALID"}};
  With(OpCase("Dilation2D"), unit)
      .In(F32(Shape({1, 2, 2, 1}), {1, 2, 3, 4}))
      .In(F32(Shape({2, 2, 1}), {0.4f, 0.3f, 0.1f, 0}))
      .Out(F32(Shape({1, 1, 1, 1}), {4}))
      .RunEverywhere();
  With(OpCase("Dilation2DBackpropFilter"), unit)
      .In(F32(Shape({1, 2, 2, 1}), {1, 2, 3, 4}))
      .In(F32(Shape({2, 2, 1}), {0.4f, 0.3f, 1.1f, 0}))
      .In(F32(Shape({1, 1, 1, 1}), {5}))
      .Out(F32(Shape({2, 2, 1}), {0, 0, 5, 0}))
      .RunEverywhere();
  With(OpCase("Dilation2D"), unit)
      .In(Zeros({1, 4, 4, 2}))
      .In(Zeros({2, 2, 3}))
      .ExpectRunError(Code::kInvalidArgument, "input and filter must have the same depth: 2 vs 3");
  With(OpCase("Dilation2D"),
       {{"strides", Ints{2, 1, 1, 1}}, {"rates", Ints{1, 1, 1, 1}}, {"padding", "SAME"}})
      .In(Zeros({1, 4, 4, 2}))
      .In(Zeros({2, 2, 2}))
      .ExpectRunError(Code::kUnimplemented, "Stride is only supported across spatial dimensions.");
  With(OpCase("Dilation2D"), unit)
      .In(Zeros({1, 1, 1, 2}))
      .In(Zeros({3, 3, 2}))
      .ExpectRunError(Code::kInvalidArgument, "Computed output size would be negative");
}

}  // namespace
}  // namespace weft
