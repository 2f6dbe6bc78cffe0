// SPDX-License-Identifier: Apache-2.0
// Gradients for the input and the filter of convolutions with few channels, against plain sums in
// double.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "tests/support/arrays.h"
#include "weft/graph/op_builder.h"
#include "weft/weft.h"

namespace weft {
namespace {

using Ints = std::vector<int64_t>;

struct NarrowLayer {
  Ints image;   // batch, rows, columns, channels
  Ints filter;  // rows, columns, output channels
  Ints strides = {1, 1};
  std::string padding = "SAME";
  Ints around = {};  // above, below, left, right, if EXPLICIT
  Ints dilations = {1, 1};

  // Where windows begin, and how many there are.
  struct Slide {
    int64_t before, out;
  };
  Slide Along(size_t d) const {
    const int64_t in = image[d + 1], stride = strides[d],
                  reach = (filter[d] - 1) * dilations[d] + 1;
    if (padding == "SAME") {
      const int64_t out = (in + stride - 1) / stride;
      return {std::max<int64_t>(0, (out - 1) * stride + reach - in) / 2, out};
    }
    const int64_t before = around.empty() ? 0 : around[2 * d],
                  after = around.empty() ? 0 : around[2 * d + 1];
    return {before, std::max<int64_t>(0, (in + before + after - reach + stride) / stride)};
  }
  Ints FilterShape() const { return {filter[0], filter[1], image[3], filter[2]}; }
  std::string Text() const {
    std::string text = padding;
    for (const Ints* list : {&image, &filter, &strides, &around, &dilations}) {
      text += " [";
      for (const int64_t i : *list) text += " " + std::to_string(i);
      text += " ]";
    }
    return text;
  }
};

Array RandomFloats(const Ints& dims, uint32_t seed) {
  std::mt19937 bits(seed);
  std::uniform_real_distribution<float> values(-1, 1);
  Array a(kFloat32, Shape(std::span<const int64_t>(dims)));
  for (int64_t i = 0; i < a.num_elements(); ++i) a.mutable_data<float>()[i] = values(bits);
  return a;
}

// Of the image (Conv2DBackpropInput) or the filter (Conv2DBackpropFilter), from the other and dy.
Array Gradient(const NarrowLayer& l, bool of_image, const Array& other, const Array& dy,
               int threads) {
  Graph graph;
  GraphScope scope(graph);
  const Ints wanted = of_image ? l.image : l.FilterShape();
  const Array sizes =
      Array::FromVector(std::vector<int32_t>(wanted.begin(), wanted.end()), Shape({4}));
  const Tensor a = Placeholder(kFloat32, PartialShape(other.shape())),
               d = Placeholder(kFloat32, PartialShape(dy.shape()));
  OpBuilder builder(of_image ? "Conv2DBackpropInput" : "Conv2DBackpropFilter", NameOptions());
  if (of_image) {
    builder.In(sizes).In(a);
  } else {
    builder.In(a).In(sizes);
  }
  builder.In(d)
      .Attr("strides", Ints{1, l.strides[0], l.strides[1], 1})
      .Attr("dilations", Ints{1, l.dilations[0], l.dilations[1], 1})
      .Attr("padding", l.padding);
  if (!l.around.empty()) {
    builder.Attr("explicit_paddings",
                 Ints{0, 0, l.around[0], l.around[1], l.around[2], l.around[3], 0, 0});
  }
  const Tensor gradient = builder.Output();
  ConfigProto config;
  config.intra_op_parallelism_threads = threads;
  Session session(graph, config);
  const Feeds feeds = {{a, other}, {d, dy}};
  session.Run(gradient, feeds);  // recorded, then planned
  return session.Run(gradient, feeds);
}

// Sums of products in double, and of their magnitudes.
struct PlainSums {
  explicit PlainSums(int64_t n) : sums(static_cast<size_t>(n)), magnitudes(sums) {}
  void Add(int64_t i, float a, float b) {
    const double product = static_cast<double>(a) * static_cast<double>(b);
    sums[static_cast<size_t>(i)] += product;
    magnitudes[static_cast<size_t>(i)] += std::abs(product);
  }
  void ExpectNear(const Array& got) const {
    for (size_t i = 0; i < sums.size(); ++i) {
      ASSERT_NEAR(static_cast<double>(got.data<float>()[i]), sums[i], 1e-6 * magnitudes[i]) << i;
    }
  }
  std::vector<double> sums, magnitudes;
};

// Calls visit(element of the image, element of the filter, element of dy) for each product.
template <typename Visit>
void ForProducts(const NarrowLayer& l, Visit visit) {
  const NarrowLayer::Slide rows = l.Along(0), columns = l.Along(1);
  const int64_t in_rows = l.image[1], in_columns = l.image[2], channels = l.image[3],
                out = l.filter[2], taps = l.filter[0] * l.filter[1];
  for (int64_t pixel = 0; pixel < l.image[0] * rows.out * columns.out; ++pixel) {
    const int64_t b = pixel / (rows.out * columns.out), y = pixel / columns.out % rows.out,
                  x = pixel % columns.out;
    for (int64_t tap = 0; tap < taps; ++tap) {
      const int64_t i = y * l.strides[0] - rows.before + tap / l.filter[1] * l.dilations[0];
      const int64_t j = x * l.strides[1] - columns.before + tap % l.filter[1] * l.dilations[1];
      if (i < 0 || i >= in_rows || j < 0 || j >= in_columns) continue;
      for (int64_t c = 0; c < channels; ++c) {
        const int64_t at = ((b * in_rows + i) * in_columns + j) * channels + c;
        for (int64_t o = 0; o < out; ++o)
          visit(at, (tap * channels + c) * out + o, pixel * out + o);
      }
    }
  }
}

void CheckNarrow(const NarrowLayer& l, bool of_image = true) {
  SCOPED_TRACE(l.Text());
  const Array dy = RandomFloats({l.image[0], l.Along(0).out, l.Along(1).out, l.filter[2]}, 2);
  const Array other = RandomFloats(of_image ? l.FilterShape() : l.image, 1);
  const Ints wanted = of_image ? l.image : l.FilterShape();
  const Array got = Gradient(l, of_image, other, dy, 1);
  ASSERT_EQ(got.shape(), Shape(std::span<const int64_t>(wanted)));
  // Without vectors it is done by products of libraries, whose bits depend on them.
  const char* const simd = std::getenv("WEFT_MAX_SIMD");
  const bool own = !simd || std::string(simd) != "baseline";
  for (const int threads : {2, 3}) {
    if (own) {
      EXPECT_TRUE(ArraysEqual(Gradient(l, of_image, other, dy, threads), got));
    }
  }
  PlainSums want(got.num_elements());
  const float *const from = other.data<float>(), *const gradient = dy.data<float>();
  ForProducts(l, [&](int64_t x, int64_t weight, int64_t y) {
    want.Add(of_image ? x : weight, from[of_image ? weight : x], gradient[y]);
  });
  want.ExpectNear(got);
}
void CheckNarrowFilter(const NarrowLayer& l) { CheckNarrow(l, /*of_image=*/false); }

TEST(NarrowConvolve, FirstLayers) {
  CheckNarrow({{2, 56, 56, 3}, {7, 7, 64}, {2, 2}});
  CheckNarrow({{1, 28, 28, 1}, {5, 5, 32}});
  CheckNarrow({{3, 32, 32, 3}, {3, 3, 16}});
  CheckNarrow({{1, 57, 59, 3}, {11, 11, 20}, {4, 4}, "VALID"});
}

TEST(NarrowConvolve, ChannelsAndWidths) {
  for (const int64_t channels : {1, 2, 3, 4, 5, 6, 7, 8, 10, 11}) {
    for (const int64_t columns : {1, 7, 10, 15, 16, 17, 32, 47, 65, 120, 129})
      CheckNarrow({{1, 3, columns, channels}, {3, 3, 5}});
    CheckNarrow({{2, 5, 143, channels}, {3, 4, 8}, {2, 2}});
  }
}

TEST(NarrowConvolve, StridesPaddingsAndSizes) {
  for (const int64_t stride : {1, 2, 3}) {
    for (const int64_t size : {2, 3, 7, 11}) {
      for (const int64_t in : {1, 4, 9, 22}) {
        const int64_t channels = 1 + (stride + size + in) % 4, columns = in + 10 * stride;
        CheckNarrow({{2, in, columns, channels}, {size, size, 6}, {stride, stride}});
        CheckNarrow({{1, in, columns, channels},
                     {size, size, 3},
                     {stride, stride},
                     "EXPLICIT",
                     {size - 1, 2, 1 + size / 2, size}});
        if (in < size) continue;
        CheckNarrow({{3, in, columns, channels}, {size, size, 9}, {stride, stride}, "VALID"});
      }
    }
  }
}

TEST(NarrowConvolve, OddOnes) {
  // Filters larger than the image.
  CheckNarrow({{2, 3, 14, 3}, {9, 31, 4}});
  CheckNarrow({{2, 1, 12, 3}, {7, 57, 4}, {1, 1}, "EXPLICIT", {3, 3, 40, 50}});
  // Strides that differ, or are longer than the filter or the image.
  CheckNarrow({{1, 9, 40, 2}, {2, 5, 7}, {3, 1}});
  CheckNarrow({{1, 40, 59, 2}, {5, 1, 7}, {1, 5}});
  CheckNarrow({{1, 5, 96, 3}, {2, 2, 4}, {9, 9}});
  // Taps with gaps; some of them always beside the image.
  CheckNarrow({{1, 20, 23, 3}, {3, 3, 4}, {1, 1}, "SAME", {}, {2, 3}});
  CheckNarrow({{2, 20, 35, 1}, {3, 2, 4}, {2, 3}, "SAME", {}, {3, 2}});
  CheckNarrow({{1, 12, 11, 4}, {3, 3, 2}, {1, 1}, "SAME", {}, {30, 40}});
  CheckNarrow({{1, 12, 31, 4}, {4, 4, 1}, {2, 2}, "EXPLICIT", {5, 0, 0, 7}});
  // Nothing to do, and only zeros.
  CheckNarrow({{0, 18, 18, 3}, {3, 3, 4}});
  CheckNarrow({{2, 2, 18, 3}, {3, 3, 4}, {1, 1}, "VALID"});
}

TEST(NarrowConvolve, GradientsOfFilters) {
  CheckNarrowFilter({{2, 9, 224, 3}, {7, 7, 64}, {2, 2}});
  for (const int64_t channels : {1, 2, 3, 4, 5, 8}) {
    for (const int64_t size : {1, 2, 3, 7}) {
      CheckNarrowFilter({{2, 3, 101 + channels, channels}, {3, size, 32}});
      CheckNarrowFilter({{1, 20, 303, channels}, {size, 5, 32}, {2, 3}, "VALID"});
    }
  }
  // Filters larger than the image, one row, strides longer than the filter, gaps between rows.
  CheckNarrowFilter({{2, 3, 104, 3}, {9, 131, 32}, {1, 1}, "EXPLICIT", {4, 4, 70, 65}});
  CheckNarrowFilter({{1, 1, 120, 3}, {3, 3, 32}});
  CheckNarrowFilter({{2, 17, 404, 2}, {2, 2, 64}, {5, 4}});
  CheckNarrowFilter({{2, 17, 130, 3}, {3, 2, 96}, {1, 1}, "SAME", {}, {4, 1}});
  CheckNarrowFilter({{1, 12, 111, 3}, {4, 4, 32}, {1, 1}, "EXPLICIT", {5, 0, 0, 7}});
  CheckNarrowFilter({{0, 18, 118, 3}, {3, 3, 32}});
  CheckNarrowFilter({{2, 2, 118, 3}, {3, 3, 32}, {1, 1}, "VALID"});
}

}  // namespace
}  // namespace weft
