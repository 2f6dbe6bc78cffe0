// SPDX-License-Identifier: Apache-2.0
// Pooling at odd sizes and values, and its errors. Values were computed by TensorFlow where they
// are not obvious. Gradients: tests/gradients/table_nn.cc; golden values: tests/conformance.
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/op_case.h"
#include "weft/runtime/session.h"

namespace weft {
namespace {

using Ints = std::vector<int64_t>;

OpCase Pool(const char* op, const Ints& ksize, const Ints& strides, const char* padding) {
  OpCase c(op);
  c.Attr("ksize", ksize).Attr("strides", strides).Attr("padding", padding);
  return c;
}
Array NoPixels(const Ints& dims) {
  Array a(kFloat32, Shape(std::span<const int64_t>(dims)));
  std::fill_n(a.mutable_data<float>(), a.num_elements(), 0.f);
  return a;
}
const Ints kUnit = {1, 1, 1, 1}, kTwo = {1, 2, 2, 1};
TEST(AvgPool, PaddingIsNotCounted) {
  const Array x = F32(Shape({1, 2, 3, 1}), {1, 2, 3, 4, 5, 6});
  Pool("AvgPool", kTwo, kTwo, "SAME")
      .In(x)
      .Out(F32(Shape({1, 1, 2, 1}), {3, 4.5f}))
      .RunEverywhere();
  Pool("AvgPool", {1, 1, 2, 2}, {1, 1, 2, 2}, "SAME")
      .Attr("data_format", "NCHW")
      .In(F32(Shape({1, 1, 2, 3}), {1, 2, 3, 4, 5, 6}))
      .Out(F32(Shape({1, 1, 1, 2}), {3, 4.5f}))
      .RunEverywhere();
  Pool("AvgPoolGrad", kTwo, kTwo, "SAME")
      .Const(I32({1, 2, 3, 1}))
      .In(F32(Shape({1, 1, 2, 1}), {4, 6}))
      .Out(F32(Shape({1, 2, 3, 1}), {1, 1, 3, 1, 1, 3}))
      .RunEverywhere();
  Pool("AvgPool", kTwo, kTwo, "SAME")
      .In(F16(Shape({1, 2, 3, 1}), {1, 2, 3, 4, 5, 6}))
      .Out(F16(Shape({1, 1, 2, 1}), {3, 4.5f}))
      .RunEverywhere();
}

TEST(AvgPool, OddSizes) {
  Pool("AvgPool", kTwo, kUnit, "SAME")
      .In(NoPixels({0, 4, 4, 2}))
      .Out(NoPixels({0, 4, 4, 2}))
      .RunEverywhere();
  Pool("AvgPoolGrad", kTwo, kUnit, "SAME")
      .Const(I32({0, 4, 4, 2}))
      .In(NoPixels({0, 4, 4, 2}))
      .Out(NoPixels({0, 4, 4, 2}))
      .RunEverywhere();
  // A stride above the window.
  Pool("AvgPool", {1, 1, 1, 1}, {1, 1, 3, 1}, "VALID")
      .In(F32(Shape({1, 1, 5, 1}), {1, 2, 3, 4, 5}))
      .Out(F32(Shape({1, 1, 2, 1}), {1, 4}))
      .RunEverywhere();
  Pool("AvgPool3D", {1, 2, 2, 2, 1}, {1, 1, 1, 1, 1}, "SAME")
      .In(NoPixels({0, 4, 4, 4, 2}))
      .Out(NoPixels({0, 4, 4, 4, 2}))
      .RunEverywhere();
}

TEST(AvgPool, Errors) {
  ExpectBuildError("AvgPool", {"[1,1,1,1]"},
                   "Negative dimension size caused by subtracting 2 from 1",
                   {{"ksize", kTwo}, {"strides", kUnit}, {"padding", "VALID"}});
  ExpectBuildError("AvgPool", {"?"}, "AvgPool requires the ksize attribute to contain 4 values",
                   {{"ksize", Ints{1, 1, 1, 1, 1}}, {"strides", kUnit}, {"padding", "SAME"}});
  Pool("AvgPool", {2, 1, 1, 1}, kUnit, "SAME")
      .In(NoPixels({1, 4, 4, 2}))
      .ExpectRunError(Code::kUnimplemented, "not yet supported on the batch dimension");
  Pool("AvgPool", {1, 1, 1, 2}, {1, 1, 1, 2}, "SAME")
      .In(NoPixels({1, 4, 4, 2}))
      .ExpectRunError(Code::kUnimplemented, "not yet supported on the depth dimension");
  Pool("AvgPool", kTwo, kUnit, "SAME")
      .In(NoPixels({2, 2}))
      .ExpectRunError(Code::kInvalidArgument, "4-dimensional");
  Pool("AvgPoolGrad", kTwo, kUnit, "SAME")
      .In(I32({1, 4, 4}))
      .In(NoPixels({1, 4, 4, 2}))
      .ExpectRunError(Code::kInvalidArgument, "must be 1-dimensional and 4 elements");
  Pool("AvgPool3D", {1, 2, 2, 2, 2}, {1, 1, 1, 1, 1}, "SAME")
      .In(NoPixels({1, 4, 4, 4, 2}))
      .ExpectRunError(Code::kUnimplemented, "not yet supported on the depth dimension");
}

// The one output of a pool of an image whose shape is not known when it is built.
Array PooledOfUnknownShape(const char* op, const Array& image, const Ints& ksize,
                           const Ints& strides, const char* padding) {
  const Graph graph;
  const GraphScope scope(graph);
  const Tensor x = PlaceholderOf(kFloat32);
  const absl::StatusOr<Operation> pool =
      AddNode(op, {x}, {{"ksize", ksize}, {"strides", strides}, {"padding", padding}});
  if (!pool.ok()) throw std::runtime_error(std::string(pool.status().message()));
  Session session(graph);
  return session.Run(pool->output(0), {{x, image}});
}

// Expected values: TensorFlow's.
TEST(Pools, NoPixels) {
  for (const Ints& image : {Ints{0, 5, 5, 2}, Ints{2, 0, 5, 2}, Ints{2, 5, 0, 2}}) {
    const std::vector<int> sizes(image.begin(), image.end());
    for (const char* padding : {"SAME", "VALID"}) {
      const bool same = std::string(padding) == "SAME";
      const auto out = [&](int64_t n) { return same ? (n + 1) / 2 : n / 2; };
      const Ints pooled = {image[0], out(image[1]), out(image[2]), 2};
      for (const char* op : {"MaxPool", "AvgPool"}) {
        EXPECT_EQ(PooledOfUnknownShape(op, NoPixels(image), kTwo, kTwo, padding).shape(),
                  Shape(std::span<const int64_t>(pooled)));
        if (same || image[0] == 0) {
          Pool(op, kTwo, kTwo, padding).In(NoPixels(image)).Out(NoPixels(pooled)).RunEverywhere();
        } else {  // A static shape that is smaller than the window is refused.
          ExpectBuildError(op, {ShapeInput(NoPixels(image))}, "Negative dimension size",
                           {{"ksize", kTwo}, {"strides", kTwo}, {"padding", padding}});
        }
      }
      Pool("MaxPoolGrad", kTwo, kTwo, padding)
          .In(NoPixels(image))
          .In(NoPixels(pooled))
          .In(NoPixels(pooled))
          .Out(NoPixels(image))
          .RunEverywhere();
      Pool("AvgPoolGrad", kTwo, kTwo, padding)
          .Const(Array::FromVector(sizes))
          .In(NoPixels(pooled))
          .Out(NoPixels(image))
          .RunEverywhere();
    }
    Pool("MaxPoolWithArgmax", kTwo, kTwo, "SAME")
        .In(NoPixels(image))
        .ExpectRunError(Code::kInvalidArgument, "tensor_in must not be empty");
  }
  Pool("MaxPool", kTwo, kUnit, "SAME")
      .In(NoPixels({1, 3, 3, 0}))
      .Out(NoPixels({1, 3, 3, 0}))
      .RunEverywhere();
}

TEST(Pools, OnePixelAndLargeWindows) {
  const Array one = F32(Shape({2, 1, 1, 1}), {3, 4});
  for (const char* op : {"MaxPool", "AvgPool"}) {
    for (const char* padding : {"SAME", "VALID"})
      Pool(op, kUnit, {1, 3, 3, 1}, padding).In(one).Out(one).RunEverywhere();
    Pool(op, {1, 5, 5, 1}, kUnit, "SAME").In(one).Out(one).RunEverywhere();
  }
  const Array x = F32(Shape({1, 2, 2, 1}), {1, 2, 3, 4});
  Pool("MaxPool", {1, 3, 3, 1}, kUnit, "SAME")
      .In(x)
      .Out(F32(Shape({1, 2, 2, 1}), {4, 4, 4, 4}))
      .RunEverywhere();
  Pool("AvgPool", {1, 3, 3, 1}, kUnit, "SAME")
      .In(x)
      .Out(F32(Shape({1, 2, 2, 1}), {2.5f, 2.5f, 2.5f, 2.5f}))
      .RunEverywhere();
  for (const char* op : {"MaxPool", "AvgPool"}) {
    Pool(op, {1, 5, 5, 1}, kUnit, "VALID")
        .In(x)
        .ExpectRunError(Code::kInvalidArgument,
                        "Computed output size would be negative: -2 [input_size: 2, "
                        "effective_filter_size: 5, stride: 1]");
  }
}

// A window that is one larger than the image has no place, and that is no error in a run.
TEST(Pools, WindowAboveImage) {
  for (const char* op : {"MaxPool", "AvgPool"}) {
    const Array none =
        PooledOfUnknownShape(op, NoPixels({1, 2, 2, 1}), {1, 3, 3, 1}, kUnit, "VALID");
    EXPECT_EQ(none.shape(), Shape({1, 0, 0, 1}));
  }
}

TEST(Pools, StrideAboveWindow) {
  const Ints window = {1, 2, 1, 1}, strides = {1, 3, 2, 1};
  std::vector<float> numbers(35);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i + 1);
  const Array x = Array::FromVector(numbers, Shape({1, 7, 5, 1}));
  const Array highest = F32(Shape({1, 3, 3, 1}), {6, 8, 10, 21, 23, 25, 31, 33, 35});
  Pool("MaxPool", window, strides, "SAME").In(x).Out(highest).RunEverywhere();
  Pool("AvgPool", window, strides, "SAME")
      .In(x)
      .Out(F32(Shape({1, 3, 3, 1}), {3.5f, 5.5f, 7.5f, 18.5f, 20.5f, 22.5f, 31, 33, 35}))
      .RunEverywhere();
  Pool("MaxPool", window, strides, "VALID")
      .In(x)
      .Out(F32(Shape({1, 2, 3, 1}), {6, 8, 10, 21, 23, 25}))
      .RunEverywhere();
  const Array dy = F32(Shape({1, 3, 3, 1}), {1, 2, 3, 4, 5, 6, 7, 8, 9});
  Pool("MaxPoolGrad", window, strides, "SAME")
      .In(x)
      .In(highest)
      .In(dy)
      .Out(F32(Shape({1, 7, 5, 1}), {0, 0, 0, 0, 0, 1, 0, 2, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0,
                                     0, 0, 4, 0, 5, 0, 6, 0, 0, 0, 0, 0, 7, 0, 8, 0, 9}))
      .RunEverywhere();
  Pool("AvgPoolGrad", window, strides, "SAME")
      .Const(I32({1, 7, 5, 1}))
      .In(dy)
      .Out(F32(Shape({1, 7, 5, 1}),
               {0.5f, 0, 1, 0, 1.5f, 0.5f, 0, 1, 0, 1.5f, 0, 0, 0, 0, 0, 2, 0, 2.5f,
                0,    3, 2, 0, 2.5f, 0,    3, 0, 0, 0,    0, 0, 7, 0, 8, 0, 9}))
      .RunEverywhere();
}

// NaN and infinities, in windows of four.
TEST(MaxPool, SpecialValues) {
  const float n = std::numeric_limits<float>::quiet_NaN(),
              low = std::numeric_limits<float>::lowest(),
              inf = std::numeric_limits<float>::infinity();
  const Ints four = {1, 1, 4, 1};
  const Array x =
      F32(Shape({1, 1, 24, 1}), {n,    1,    2,    3,    n,   n,   n,   n,    1,    n, 3,   2,
                                 -inf, -inf, -inf, -inf, low, low, low, -inf, -inf, n, low, -inf});
  const Array y = F32(Shape({1, 1, 6, 1}), {3, low, 3, low, low, low});
  Pool("MaxPool", four, four, "VALID").In(x).Out(y).RunEverywhere();
  Pool("MaxPoolGrad", four, four, "VALID")
      .In(x)
      .In(y)
      .In(F32(Shape({1, 1, 6, 1}), {1, 2, 3, 4, 5, 6}))
      .Out(F32(Shape({1, 1, 24, 1}),
               {1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 5, 0, 0, 0, 0, 0, 6, 0}))
      .RunEverywhere();
  Array numbers(kFloat32, Shape({1, 1, 24, 1}));
  for (int i = 0; i < 24; ++i) numbers.mutable_data<float>()[i] = static_cast<float>(i);
  Pool("MaxPoolGradGrad", four, four, "VALID")
      .In(x)
      .In(y)
      .In(numbers)
      .Out(F32(Shape({1, 1, 6, 1}), {3, 0, 10, 0, 16, 22}))
      .RunEverywhere();
  Pool("MaxPoolWithArgmax", four, four, "VALID")
      .In(x)
      .Out(F32(Shape({1, 1, 6, 1}), {n, n, 3, -inf, low, low}))
      .Out(I64(Shape({1, 1, 6, 1}), {0, 4, 10, 12, 16, 22}))
      .RunEverywhere();
}

// In volumes all elements that are equal to the maximum get its gradient.
TEST(MaxPool3D, Ties) {
  const Ints window = {1, 2, 2, 1, 1};
  const Array x = F32(Shape({1, 2, 5, 1, 1}), {1});
  const Array y = F32(Shape({1, 1, 3, 1, 1}), {1, 1, 1});
  Pool("MaxPool3D", window, window, "SAME").In(x).Out(y).RunEverywhere();
  Pool("MaxPool3DGrad", window, window, "SAME")
      .In(x)
      .In(y)
      .In(F32(Shape({1, 1, 3, 1, 1}), {1, 2, 3}))
      .Out(F32(Shape({1, 2, 5, 1, 1}), {1, 1, 2, 2, 3, 1, 1, 2, 2, 3}))
      .RunEverywhere();
  Pool("MaxPool3DGradGrad", window, window, "SAME")
      .In(x)
      .In(y)
      .In(F32(Shape({1, 2, 5, 1, 1}), {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}))
      .Out(F32(Shape({1, 1, 3, 1, 1}), {0, 2, 4}))
      .RunEverywhere();
}

TEST(MaxPool3D, Errors) {
  const Ints window = {1, 2, 2, 2, 1}, unit = {1, 1, 1, 1, 1};
  const Array x = NoPixels({1, 2, 2, 2, 1});
  Pool("MaxPool3DGrad", window, unit, "SAME")
      .In(x)
      .In(x)
      .In(NoPixels({1, 1, 1, 1, 1}))
      .ExpectRunError(Code::kInvalidArgument,
                      "Expected grad shape to be [1,2,2,2,1], but got [1,1,1,1,1]");
  Pool("MaxPool3DGrad", window, unit, "SAME")
      .In(x)
      .In(NoPixels({1, 2, 1, 2, 1}))
      .In(x)
      .ExpectRunError(Code::kInvalidArgument, "Expected orig_output shape to be [1,2,2,2,1]");
  ExpectShape("MaxPool3D", {"[?,4,?,6,3]"}, "[?,2,?,3,3]",
              {{"ksize", window}, {"strides", Ints{1, 2, 2, 2, 1}}, {"padding", "SAME"}});
}

TEST(MaxPoolWithArgmax, Places) {
  const Array x = F32(Shape({2, 1, 2, 2}), {1, 9, 3, 4, 5, 6, 8, 2});
  const Ints window = {1, 1, 2, 1};
  Pool("MaxPoolWithArgmax", window, window, "VALID")
      .In(x)
      .Out(F32(Shape({2, 1, 1, 2}), {3, 9, 8, 6}))
      .Out(I64(Shape({2, 1, 1, 2}), {2, 1, 2, 1}))
      .RunEverywhere();
  Pool("MaxPoolWithArgmax", window, window, "VALID")
      .Attr("include_batch_in_index", true)
      .Attr("Targmax", kInt32)
      .In(x)
      .Out(F32(Shape({2, 1, 1, 2}), {3, 9, 8, 6}))
      .Out(I32(Shape({2, 1, 1, 2}), {2, 1, 6, 5}))
      .RunEverywhere();
  Pool("MaxPoolGradGradWithArgmax", window, window, "VALID")
      .In(x)
      .In(x)
      .In(I64(Shape({2, 1, 1, 2}), {2, 1, 2, 1}))
      .Out(F32(Shape({2, 1, 1, 2}), {3, 9, 8, 6}))
      .RunEverywhere();
  Pool("MaxPoolWithArgmax", window, window, "VALID")
      .In(NoPixels({0, 1, 2, 2}))
      .ExpectRunError(Code::kInvalidArgument, "tensor_in must not be empty");
  for (int64_t bad : {int64_t{9}, int64_t{-1}, std::numeric_limits<int64_t>::max()}) {
    Pool("MaxPoolGradWithArgmax", window, window, "VALID")
        .In(NoPixels({1, 1, 2, 2}))
        .In(NoPixels({1, 1, 1, 2}))
        .In(I64(Shape({1, 1, 1, 2}), {bad, 0}))
        .ExpectRunError(Code::kInvalidArgument, "argmax has an invalid index");
  }
}

// Bits of the random windows are TensorFlow's; so are the static shapes of the sequences, which are
// one element short (so OpCase would not take them).
TEST(FractionalPool, Windows) {
  Array x(kFloat32, Shape({1, 5, 5, 1}));
  for (int i = 0; i < 25; ++i) x.mutable_data<float>()[i] = static_cast<float>(i);
  const auto run = [&](bool other_kind) {
    const Graph graph;
    const GraphScope scope(graph);
    const absl::StatusOr<Operation> pool =
        AddNode("FractionalAvgPool", {ConstantOf(x)},
                {{"pooling_ratio", std::vector<float>{1, 1.5f, 1.7f, 1}},
                 {"deterministic", true},
                 {"pseudo_random", other_kind},
                 {"overlapping", other_kind},
                 {"seed", 3},
                 {"seed2", 5}});
    EXPECT_TRUE(pool.ok()) << pool.status();
    EXPECT_EQ(ShapeText(pool->output(1).shape()), "[3]");
    return Session(graph).Run({pool->output(0), pool->output(1), pool->output(2)});
  };
  const std::vector<Array> random = run(false);
  EXPECT_TRUE(ArraysEqual(random[0], F32(Shape({1, 3, 2, 1}), {3.5f, 6, 13.5f, 16, 21, 23.5f})));
  EXPECT_TRUE(ArraysEqual(random[1], I64({0, 2, 4, 5})));
  EXPECT_TRUE(ArraysEqual(random[2], I64({0, 3, 5})));
  const std::vector<Array> pseudo = run(true);
  EXPECT_TRUE(ArraysEqual(pseudo[0], F32(Shape({1, 3, 2, 1}), {4, 6, 11.5f, 13.5f, 19, 21})));
  EXPECT_TRUE(ArraysEqual(pseudo[1], I64({0, 1, 3, 5})));
  EXPECT_TRUE(ArraysEqual(pseudo[2], I64({0, 3, 5})));
  // Windows of 2 + 1, 3, 2 rows and 4, 2 columns: the last row and column of each is the next
  // one's first.
  OpCase("FractionalAvgPoolGrad")
      .Attr("overlapping", true)
      .In(I64({1, 5, 5, 1}))
      .In(F32(Shape({1, 3, 2, 1}), {1}))
      .In(I64({0, 1, 3, 5}))
      .In(I64({0, 3, 5}))
      .Out(F32(Shape({1, 5, 5, 1}), {0.125f,      0.125f,      0.125f,      0.375f, 0.25f,
                                     0.20833333f, 0.20833333f, 0.20833333f, 0.625f, 0.41666666f,
                                     0.08333334f, 0.08333334f, 0.08333334f, 0.25f,  0.16666667f,
                                     0.20833333f, 0.20833333f, 0.20833333f, 0.625f, 0.41666666f,
                                     0.125f,      0.125f,      0.125f,      0.375f, 0.25f}))
      .RunEverywhere();
}

TEST(FractionalPool, Errors) {
  const Array x = NoPixels({1, 4, 4, 2}), y = NoPixels({1, 2, 2, 1}),
              image = NoPixels({1, 4, 4, 1});
  const auto pool = [&](const std::vector<float>& ratio) {
    OpCase c("FractionalMaxPool");
    c.Attr("pooling_ratio", ratio).In(x);
    return c;
  };
  ExpectBuildError("FractionalMaxPool", {"?"}, "pooling_ratio cannot be smaller than 1, got: 0.5",
                   {{"pooling_ratio", std::vector<float>{1, .5f, 1.5f, 1}}});
  ExpectBuildError("FractionalMaxPool", {"?"}, "pooling_ratio field must specify 4 dimensions",
                   {{"pooling_ratio", std::vector<float>{1, 1, 1, 1, 1}}});
  pool({2, 1.5f, 1.5f, 1})
      .ExpectRunError(Code::kUnimplemented, "not yet supported on the batch nor channel dimension");
  pool({1, 5, 1.5f, 1})
      .ExpectRunError(Code::kInvalidArgument,
                      "Pooling ratio is higher than input dimension size for dimension 1. "
                      "Input dim size: 4 pooling ratio: 5");
  pool({1, 2, 2, 1})
      .Attr("seed", 1)
      .ExpectRunError(Code::kInvalidArgument,
                      "Both seed and seed2 should be 0 if deterministic is false.");
  const auto grad = [&](const Array& rows) {
    OpCase c("FractionalMaxPoolGrad");
    c.In(image).In(y).In(y).In(rows).In(I64({0, 2, 4}));
    return c;
  };
  grad(I64(Shape({1, 2}), {0, 2}))
      .ExpectRunError(Code::kInvalidArgument, "row_pooling_sequence must be a vector");
  grad(I64({0, -2, 4})).ExpectRunError(Code::kInvalidArgument, "row_pooling_sequence must ascend");
  grad(I64({0, 2, 9})).ExpectRunError(Code::kInvalidArgument, "row_pooling_sequence must ascend");
  OpCase("FractionalAvgPoolGrad")
      .In(I64({1, 4, 4}))
      .In(y)
      .In(I64({0, 2, 4}))
      .In(I64({0, 2, 4}))
      .ExpectRunError(Code::kInvalidArgument, "must be 1-dimensional and 4 elements");
}

}  // namespace
}  // namespace weft
