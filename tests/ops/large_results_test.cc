// SPDX-License-Identifier: Apache-2.0
// Results that are too large for the caches are written past them; the values are the same.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "weft/graph/op_builder.h"
#include "weft/weft.h"

namespace weft {
namespace {

// About 26 MiB of floats, in rows of an odd length.
constexpr int64_t kLargeRows = 677, kLargeColumns = 10007;

Array LargeValues(int64_t rows, int64_t columns) {
  Array a(kFloat32, Shape({rows, columns}));
  float* x = a.mutable_data<float>();
  uint32_t bits = 1;
  for (int64_t i = 0; i < a.num_elements(); ++i) {
    bits = bits * 1664525u + 1013904223u;
    x[i] = static_cast<float>(bits >> 8) * 0x1p-22f - 2.f;
  }
  return a;
}

Array RowsOfArray(const Array& a, int64_t first, int64_t count) {
  const int64_t n = a.dim(1);
  Array rows(kFloat32, Shape({count, n}));
  std::memcpy(rows.raw_data(), a.data<float>() + first * n, rows.num_bytes());
  return rows;
}

TEST(LargeResults, SoftmaxIsThatOfEachRow) {
  Graph graph;
  const GraphScope scope(graph);
  const Tensor x = Placeholder(kFloat32), y = nn::Softmax(x);
  Session session(graph);
  const Array values = LargeValues(kLargeRows, kLargeColumns);
  const Array all = session.Run(y, {{x, values}});
  for (int64_t first : {int64_t{0}, int64_t{300}, int64_t{338}, kLargeRows - 3}) {
    const Array some = session.Run(y, {{x, RowsOfArray(values, first, 3)}});
    EXPECT_EQ(
        std::memcmp(some.raw_data(), all.data<float>() + first * kLargeColumns, some.num_bytes()),
        0)
        << "rows from " << first;
  }
}

TEST(LargeResults, TransposeMovesEachElement) {
  Graph graph;
  const GraphScope scope(graph);
  const Tensor x = Placeholder(kFloat32), y = Transpose(x, IntList{1, 0});
  Session session(graph);
  // Rows at a distance of whole cache lines take another way than others.
  for (const auto& [rows, columns] :
       {std::pair(kLargeRows, kLargeColumns), std::pair(int64_t{2050}, int64_t{4096})}) {
    const Array values = LargeValues(rows, columns);
    const Array moved = session.Run(y, {{x, values}});
    ASSERT_TRUE(moved.shape() == Shape({columns, rows}));
    int64_t wrong = 0;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < columns; ++c)
        wrong += moved.data<float>()[c * rows + r] != values.data<float>()[r * columns + c];
    }
    EXPECT_EQ(wrong, 0);
  }
}

// [images, pixels, channels] with the last two swapped, of numbers that differ nearby.
template <typename T>
void CheckImages(int64_t images, int64_t pixels, int64_t channels) {
  Graph graph;
  const GraphScope scope(graph);
  const Tensor x = Placeholder(dtype_of<T>), y = Transpose(x, IntList{0, 2, 1});
  Session session(graph);
  Array values(dtype_of<T>, Shape({images, pixels, channels}));
  T* const from = values.mutable_data<T>();
  for (int64_t i = 0; i < values.num_elements(); ++i)
    from[i] = static_cast<T>(static_cast<uint64_t>(i) * 0x9e3779b97f4a7c15u >> 40);
  const Array moved = session.Run(y, {{x, values}});
  ASSERT_TRUE(moved.shape() == Shape({images, channels, pixels}));
  const T* to = moved.data<T>();
  int64_t wrong = 0;
  for (int64_t i = 0; i < images; ++i) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t p = 0; p < pixels; ++p) wrong += *to++ != from[(i * pixels + p) * channels + c];
    }
  }
  EXPECT_EQ(wrong, 0) << images << " x " << pixels << " x " << channels << " elements of "
                      << sizeof(T) << " bytes";
}

TEST(LargeResults, TransposeOfImagesMovesEachElement) {
  // Whole blocks; rows that end within one or take up two parts of lines; rows that meet in the
  // cache; lines of the result that begin anywhere; a block or less of channels.
  CheckImages<int32_t>(33, 3136, 64);
  CheckImages<int32_t>(31, 3152, 70);
  CheckImages<int32_t>(100, 80, 1024);
  CheckImages<int32_t>(37, 3025, 64);
  CheckImages<int32_t>(128, 3136, 16);
  CheckImages<int32_t>(130, 3136, 17);
  CheckImages<int32_t>(9000, 32, 27);
  CheckImages<int64_t>(67, 1616, 30);
  CheckImages<int64_t>(3, 2064, 520);
  CheckImages<uint16_t>(65, 3200, 96);
  CheckImages<uint16_t>(3, 2096, 2048);
  CheckImages<uint8_t>(30, 3136, 320);
  CheckImages<uint8_t>(3, 2240, 4097);
}

// Fused element-wise chains, with and without sums over rows, against the single ops.
TEST(LargeResults, ChainsAreTheSingleOps) {
  Graph graph;
  const GraphScope scope(graph);
  const auto node = [](const char* type, const std::vector<Input>& inputs) {
    OpBuilder builder(type, NameOptions());
    for (const Input& in : inputs) builder.In(in);
    return builder.Output();
  };
  const Array values = LargeValues(kLargeRows, kLargeColumns);
  const Tensor x = Placeholder(kFloat32, PartialShape(values.shape()));
  const Tensor row = Placeholder(kFloat32, {kLargeColumns});
  const Tensor chain =
      node("AddV2", {node("Sqrt", {node("Abs", {node("Sub", {node("Mul", {x, x}), 0.25f})})}),
                     node("Maximum", {row, x})});
  const Tensor mean =
      OpBuilder("Mean", NameOptions()).In(x).In({1}).Attr("keep_dims", true).Output();
  const Tensor centred = node("Mul", {node("Sub", {x, mean}), row});
  ConfigProto plain;
  plain.opt_level = OptLevel::kL0;
  Session single(graph, plain), fused(graph);
  const Feeds feeds = {{x, values}, {row, RowsOfArray(values, 5, 1).Reshaped({kLargeColumns})}};
  for (const Tensor& y : {chain, centred}) {
    const Array want = single.Run(y, feeds);
    for (int run = 0; run < 2; ++run) {
      const Array got = fused.Run(y, feeds);
      ASSERT_TRUE(got.shape() == want.shape());
      EXPECT_EQ(std::memcmp(got.raw_data(), want.raw_data(), want.num_bytes()), 0);
    }
  }
}

}  // namespace
}  // namespace weft
