// SPDX-License-Identifier: Apache-2.0
// Expected values: TensorFlow 2.15.1's, on a CPU.
#include <string>
#include <vector>

#include "tests/support/op_case.h"

namespace weft {
namespace {

using Sizes = std::vector<int64_t>;

Array Image() { return F32(Shape({1, 4, 3, 1}), {2, -4, 0, -3, 1, -3, 4, 4, 3, -4, -4, -3}); }
Array Filter() { return F32(Shape({2, 2, 1, 2}), {2, -2, 1, 2, 0, -2, -2, 2}); }

TEST(FusedPadConv2D, Values) {
  const auto expect = [](const char* mode, const Array& paddings, const Array& y) {
    OpCase("FusedPadConv2D")
        .In(Image())
        .In(paddings)
        .In(Filter())
        .Attr("mode", std::string(mode))
        .Attr("strides", Sizes{1, 1, 1, 1})
        .Attr("padding", std::string("VALID"))
        .Out(y)
        .RunEverywhere();
  };
  expect("REFLECT", I32({{0, 0}, {1, 2}, {2, 0}, {0, 0}}),
         F32(Shape({1, 6, 4, 2}),
             {3,   0,  -5,  4,  3,   -4, -1,  0,   -6, 0,  0,  4,  -2, -4, -2, 0,
              -13, 10, -9,  -8, -13, 8,  -7,  -10, 18, 0,  20, 0,  20, 0,  17, 0,
              -18, 0,  -20, 0,  -20, 0,  -17, 0,   8,  10, 18, -8, 10, 8,  17, -10}));
  expect("SYMMETRIC", I32({{0, 0}, {2, 1}, {1, 3}, {0, 0}}),
         F32(Shape({1, 6, 6, 2}),
             {-13, 0, 3,   -4,  -1,  0,   -9,  0, 3,   0,  -5, 4,  2,  0, 8,  -24, -8, 16,
              0,   0, 4,   -16, -10, 24,  12,  0, -2,  -4, -2, 0,  6,  0, -6, 0,   0,  4,
              -17, 0, -13, 8,   -7,  -10, -15, 0, -13, 10, -9, -8, 20, 0, 20, 0,   17, 0,
              15,  0, 18,  0,   20,  0,   -4,  0, -4,  0,  -5, 4,  -3, 0, -2, -4,  -4, 0}));
}

TEST(FusedPadConv2D, BadPaddings) {
  const auto expect = [](const Array& paddings, const char* why) {
    OpCase("FusedPadConv2D")
        .In(Image())
        .In(paddings)
        .In(Filter())
        .Attr("mode", std::string("REFLECT"))
        .Attr("strides", Sizes{1, 1, 1, 1})
        .Attr("padding", std::string("VALID"))
        .ExpectRunError(Code::kInvalidArgument, why);
  };
  expect(I32({{0, 0}, {4, 0}, {0, 0}, {0, 0}}), "paddings must be less than the dimension size");
  expect(I32({{0, 0}, {0, -1}, {0, 0}, {0, 0}}), "paddings must be non-negative");
  expect(I32({{0, 0}, {0, 0}}), "paddings must be a matrix of 4 rows");
  expect(I32({{1, 0}, {0, 0}, {0, 0}, {0, 0}}), "only supports spatial padding");
}

TEST(FusedResizeAndPadConv2D, Values) {
  const auto expect = [](bool align_corners, const Array& y) {
    OpCase("FusedResizeAndPadConv2D")
        .In(Image())
        .Const(I32({3, 5}))
        .Const(I32({{0, 0}, {1, 0}, {0, 1}, {0, 0}}))
        .In(Filter())
        .Attr("resize_align_corners", align_corners)
        .Attr("mode", std::string("REFLECT"))
        .Attr("strides", Sizes{1, 2, 2, 1})
        .Attr("padding", std::string("SAME"))
        .Out(y)
        .Within(1e-5, 1e-5)
        .RunEverywhere();
  };
  expect(false, F32(Shape({1, 2, 3, 2}), {2.80000091f, -4, 3.99999928f, 1.20000005f, -0.800000191f,
                                          -0.400000095f, 2.26666856f, 3.20000029f, 4.53333378f,
                                          -3.20000005f, -0.266665459f, 1.06666613f}));
  expect(true, F32(Shape({1, 2, 3, 2}),
                   {4.5f, -4, 10.25f, 1.5f, 5.25f, -1.5f, 10.5f, 2, 13.25f, -1.5f, 8.25f, 1.5f}));
  ExpectShape("FusedResizeAndPadConv2D",
              {"[7,?,?,1]", I32({3, 5}), I32({{0, 0}, {1, 0}, {0, 1}, {0, 0}}), "[2,2,1,4]"},
              "[7,2,3,4]",
              {{"mode", std::string("REFLECT")},
               {"strides", Sizes{1, 2, 2, 1}},
               {"padding", std::string("SAME")}});
}

}  // namespace
}  // namespace weft
