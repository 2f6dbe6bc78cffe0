// SPDX-License-Identifier: Apache-2.0
// Batch and local response normalisation: values, odd sizes, errors. Gradients:
// tests/gradients/table_nn.cc; golden values: tests/conformance.
#include <vector>

#include "tests/support/op_case.h"

namespace weft {
namespace {

Array Numbers(const Shape& shape) {
  Array a(kFloat32, shape);
  for (int64_t i = 0; i < a.num_elements(); ++i) a.mutable_data<float>()[i] = static_cast<float>(i);
  return a;
}
const Array& None() {
  static const auto* const none = new Array(F32(Shape({0}), {}));
  return *none;
}
OpCase Norm(const Array& x, const Array& scale, const Array& offset, const Array& mean,
            const Array& variance) {
  OpCase c("FusedBatchNormV3");
  c.In(x).In(scale).In(offset).In(mean).In(variance);
  return c;
}

// Of TensorFlow 2.15.1.
TEST(FusedBatchNorm, RunningAverages) {
  Norm(Numbers(Shape({1, 2, 2, 2})), F32({1, 2}), F32({3, 4}), F32({5, 6}), F32({7, 8}))
      .Attr("exponential_avg_factor", 0.25f)
      .Out(F32(Shape({1, 2, 2, 2}), {1.6583726f, 1.3167453f, 2.5527909f, 3.1055818f, 3.4472091f,
                                     4.8944182f, 4.3416271f, 6.6832548f}))
      .Out(F32({4.5f, 5.5f}))
      .Out(F32({6.916667f, 7.666667f}))
      .Out(F32({3, 4}))
      .Out(F32({5, 5}))
      .AnyOut()
      .RunEverywhere();
}

TEST(FusedBatchNorm, GivenStatistics) {
  for (const char* format : {"NHWC", "NCHW"}) {
    const bool first = format[1] == 'C';
    Norm(first ? F32(Shape({1, 2, 1, 2}), {1, 3, 2, 4}) : F32(Shape({1, 1, 2, 2}), {1, 2, 3, 4}),
         F32({2, 1}), F32({0.5f, 0}), F32({1, 2}), F32({4, 1}))
        .Attr("epsilon", 0.f)
        .Attr("is_training", false)
        .Attr("data_format", format)
        .Out(first ? F32(Shape({1, 2, 1, 2}), {0.5f, 2.5f, 0, 2})
                   : F32(Shape({1, 1, 2, 2}), {0.5f, 0, 2.5f, 2}))
        .Out(F32({1, 2}))
        .Out(F32({4, 1}))
        .Out(F32({1, 2}))
        .Out(F32({4, 1}))
        .AnyOut()
        .RunEverywhere();
  }
}

// A mean that is large beside the deviation.
TEST(FusedBatchNorm, FarFromZero) {
  Array x(kFloat32, Shape({4, 16, 16, 1}));
  for (int64_t i = 0; i < x.num_elements(); ++i)
    x.mutable_data<float>()[i] = 10000.f + static_cast<float>(i % 2);
  Norm(x, F32({1}), F32({0}), None(), None())
      .AnyOut()
      .Out(F32({10000.5f}))
      .Out(F32({0.25f * 1024 / 1023}))
      .Out(F32({10000.5f}))
      .Out(F32({0.25f}))
      .AnyOut()
      .RunEverywhere();
}

TEST(FusedBatchNorm, OddSizes) {
  const float nan = kNaN;
  Norm(F32(Shape({0, 2, 2, 2}), {}), F32({1, 2}), F32({3, 4}), None(), None())
      .Out(F32(Shape({0, 2, 2, 2}), {}))
      .Out(F32({nan, nan}))
      .Out(F32({nan, nan}))
      .AnyOut()
      .AnyOut()
      .AnyOut()
      .RunEverywhere();
  // One pixel: no deviation.
  Norm(F32(Shape({1, 1, 1, 2}), {0, 1}), F32({1, 2}), F32({3, 4}), None(), None())
      .Out(F32(Shape({1, 1, 1, 2}), {3, 4}))
      .Out(F32({0, 1}))
      .Out(F32({0, 0}))
      .Out(F32({0, 1}))
      .Out(F32({0, 0}))
      .AnyOut()
      .RunEverywhere();
  OpCase("FusedBatchNormGradV3")
      .In(F32(Shape({0, 2, 2, 2}), {}))
      .In(F32(Shape({0, 2, 2, 2}), {}))
      .In(F32({1, 2}))
      .In(F32({1, 1}))
      .In(F32({1, 1}))
      .In(None())
      .Out(F32(Shape({0, 2, 2, 2}), {}))
      .Out(F32({0, 0}))
      .Out(F32({0, 0}))
      .Out(None())
      .Out(None())
      .RunEverywhere();
}

TEST(FusedBatchNorm, GradientOfGivenStatistics) {
  OpCase("FusedBatchNormGradV3")
      .Attr("is_training", false)
      .In(F32(Shape({1, 2, 2, 2}), {1}))
      .In(Numbers(Shape({1, 2, 2, 2})))
      .In(F32({1, 2}))
      .In(F32({1, 1}))
      .In(F32({1, 1}))
      .In(None())
      .Out(F32(Shape({1, 2, 2, 2}),
               {0.99995f, 1.9999f, 0.99995f, 1.9999f, 0.99995f, 1.9999f, 0.99995f, 1.9999f}))
      .Out(F32({7.9996004f, 11.999401f}))
      .Out(F32({4, 4}))
      .Out(None())
      .Out(None())
      .RunEverywhere();
}

TEST(FusedBatchNorm, Shapes) {
  ExpectShape("FusedBatchNorm", {"[?,4,4,?]", "[3]", "?", "?", "?"}, "[?,4,4,3];[3];[3];[3];[3]");
  ExpectShape("FusedBatchNormV3", {"[2,?,4,4]", "?", "?", "?", "?"}, "[2,?,4,4];[?];[?];[?];[?];?",
              {{"data_format", "NCHW"}});
  ExpectShape("FusedBatchNormGradV3", {"[?,4,4,?]", "[2,?,?,3]", "?", "?", "?", "?"},
              "[?,4,4,3];[3];[3];[0];[0]");
}

TEST(FusedBatchNorm, Errors) {
  const Array x = F32(Shape({2, 2, 2, 2}), {0}), two = F32({0, 0}), three = F32({0, 0, 0});
  Norm(F32({{0, 0}}), two, two, None(), None())
      .ExpectRunError(Code::kInvalidArgument, "input must be 4 or 5-dimensional[1,2]");
  Norm(x, F32(Shape({2, 1}), {0}), two, None(), None())
      .ExpectRunError(Code::kInvalidArgument, "scale must be 1-dimensional[2,1]");
  Norm(x, three, two, None(), None())
      .ExpectRunError(
          Code::kInvalidArgument,
          "scale must have the same number of elements as the channels of x, got 3 and 2");
  Norm(x, two, three, None(), None())
      .ExpectRunError(
          Code::kInvalidArgument,
          "offset must have the same number of elements as the channels of x, got 3 and 2");
  Norm(x, two, two, None(), None())
      .Attr("is_training", false)
      .ExpectRunError(Code::kInvalidArgument,
                      "When is_training=false, mean must have the same number of elements as the "
                      "channels of x, got 0 and 2");
  const auto grad = [&](const Array& dy, const Array& scale, const Array& first) {
    OpCase c("FusedBatchNormGradV3");
    c.In(dy).In(x).In(scale).In(first).In(two).In(two);
    return c;
  };
  grad(F32(Shape({2, 2, 2, 1}), {0}), two, two)
      .ExpectRunError(Code::kInvalidArgument,
                      "x and y_backprop must have same shape, but x has shape [2,2,2,2] and "
                      "y_backprop has shape [2,2,2,1]");
  grad(x, three, two)
      .ExpectRunError(Code::kInvalidArgument, "scale must have the same number of elements");
  grad(x, two, three)
      .ExpectRunError(Code::kInvalidArgument,
                      "reserve_space_1 must have the same number of elements");
}

// Of TensorFlow 2.15.1.
TEST(Lrn, Values) {
  const Array x = Numbers(Shape({1, 1, 1, 10}));
  const Array y =
      F32(Shape({1, 1, 1, 10}), {0, 0.2581989f, 0.3592106f, 0.4008918f, 0.4193139f, 0.4287464f,
                                 0.4341447f, 0.4374999f, 0.5263613f, 0.6445034f});
  OpCase("LRN").Attr("depth_radius", 2).In(x).Out(y).Within(1e-5, 1e-6).RunEverywhere();
  OpCase("LRNGrad")
      .Attr("depth_radius", 2)
      .In(F32(Shape({1, 1, 1, 10}), {1}))
      .In(x)
      .In(y)
      .Out(F32(Shape({1, 1, 1, 10}),
               {0.4082483f, 0.2222394f, 0.0984707f, 0.002471f, -0.01029f, -0.0087566f, -0.0117686f,
                -0.0265281f, -0.0107309f, 0.0059767f}))
      .Within(1e-4, 1e-6)
      .RunEverywhere();
  OpCase("LRN").In(F32(Shape({0, 2, 2, 2}), {})).Out(F32(Shape({0, 2, 2, 2}), {})).RunEverywhere();
}

TEST(Lrn, Errors) {
  OpCase("LRN")
      .In(F32({{0, 0}}))
      .ExpectRunError(Code::kInvalidArgument, "in must be 4-dimensional");
  for (int64_t radius : {int64_t{-1}, int64_t{1} << 32}) {
    OpCase("LRN")
        .Attr("depth_radius", radius)
        .In(F32(Shape({1, 1, 1, 2}), {0}))
        .ExpectRunError(Code::kInvalidArgument, "larger than int max");
  }
  OpCase("LRNGrad")
      .In(F32(Shape({1, 2, 2, 2}), {0}))
      .In(F32(Shape({1, 2, 2, 3}), {0}))
      .In(F32(Shape({1, 2, 2, 2}), {0}))
      .ExpectRunError(Code::kInvalidArgument, "should have the same shape");
}

}  // namespace
}  // namespace weft
