// SPDX-License-Identifier: Apache-2.0
// numpy's files: what numpy wrote, there and back, damaged ones.
#include "tools/weft/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

#include "tests/support/temporary_folder.h"
#include "tools/weft/zip.h"
#include "weft/core/complex.h"
#include "weft/core/error.h"
#include "weft/core/half.h"

namespace weft::tool {
namespace {

std::string Contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Npy, WhatNumpyWrote) {
  const std::map<std::string, Array> a = ReadNpz("tests/tools/data/numpy.npz");
  ASSERT_EQ(a.size(), 11u);
  EXPECT_EQ(a.at("x"), Array({{1.f, 2.f, 3.f}, {4.f, 5.f, 6.f}}));
  EXPECT_EQ(a.at("half"), Array({half(0.5f), half(-2.f)}));
  EXPECT_EQ(a.at("double"), Array(0.1));
  EXPECT_EQ(a.at("big_endian"), Array({{0, 1, 2}, {3, 4, 5}}));
  EXPECT_EQ(a.at("column_major"),
            Array({{int64_t{0}, int64_t{1}, int64_t{2}}, {int64_t{3}, int64_t{4}, int64_t{5}}}));
  std::vector<int16_t> count(24);
  std::iota(count.begin(), count.end(), int16_t{0});
  EXPECT_EQ(a.at("column_major_3"), Array::FromVector(count, Shape({2, 3, 4})));
  EXPECT_EQ(a.at("complex"), Array({complex64(1, 2)}));
  EXPECT_EQ(a.at("bools"), Array({true, false}));
  EXPECT_EQ(a.at("bytes"), Array({std::string("ab"), std::string(), std::string("a\0c", 3)}));
  EXPECT_EQ(a.at("texts"), Array({std::string("h\xc3\xa9llo"), std::string("\xf0\x9f\x98\x80")}));
  EXPECT_EQ(a.at("empty"), Array(kUint8, Shape({0, 3})));
}

// Byte for byte what numpy writes for the same array.
TEST(Npy, WrittenAsNumpyWrites) {
  const std::string numpys = ReadZip(Contents("tests/tools/data/x.npz"), "x.npz").at("x.npy");
  EXPECT_EQ(NpyBytes(Array({{1.f, 2.f, 3.f}, {4.f, 5.f, 6.f}})), numpys);
}

TEST(Npy, ThereAndBack) {
  const test::TemporaryFolder folder;
  const std::map<std::string, Array> arrays = {
      {"scalar", Array(1.5f)},
      {"row", Array({int64_t{1}, int64_t{-1}})},
      {"words", Array({std::string("a"), std::string("long one")})},
      {"none", Array(kFloat64, Shape({2, 0}))},
      {"complex", Array({complex128(1, -1)})}};
  WriteNpz(folder.File("a.npz"), arrays);
  EXPECT_EQ(ReadNpz(folder.File("a.npz")), arrays);
  WriteNpy(folder.File("row.npy"), arrays.at("row"));
  EXPECT_EQ(ReadNpy(folder.File("row.npy")), arrays.at("row"));
  EXPECT_THROW(NpyBytes(Array::Zeros(kBfloat16, Shape({1}))), UnimplementedError);
  EXPECT_THROW(ReadNpy(folder.File("none.npy")), NotFoundError);
}

TEST(Npy, DamagedFiles) {
  const std::string bytes = NpyBytes(Array({1.f, 2.f, 3.f}));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(ParseNpy(std::string_view(bytes).substr(0, size), "cut"), DataLossError) << size;
  }
  const auto with_header = [](std::string header) {
    return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header;
  };
  for (const char* header :
       {"", "{", "{'descr': '<f4'}", "{'descr': '<f4', 'shape': (1", "{'shape': (1,), }",
        "{'descr': '<f4', 'shape': (-1,), }",
        "{'descr': '<f4', 'shape': (9223372036854775807, 9), }",
        "{'descr': '|S0', 'shape': (9223372036854775807,), }", "{'what': 1}"}) {
    EXPECT_THROW(ParseNpy(with_header(header), header), DataLossError) << header;
  }
  EXPECT_THROW(ParseNpy(with_header("{'descr': '<M8', 'shape': (), }"), "dates"),
               UnimplementedError);
  EXPECT_THROW(ParseNpy(with_header("{'descr': [('a', '<f4')], 'shape': (), }"), "fields"),
               UnimplementedError);
}

// Every byte wrong once, and every cut: an error or the same kind of result, never a crash.
TEST(Npz, DamagedArchives) {
  for (const char* file : {"tests/tools/data/numpy.npz", "tests/tools/data/x.npz"}) {
    const std::string bytes = Contents(file);
    ASSERT_GT(bytes.size(), 100u);
    int refused = 0;
    for (size_t i = 0; i < bytes.size(); ++i) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ 0xff);
      try {
        for (const auto& [name, contents] : ReadZip(changed, "changed")) ParseNpy(contents, name);
      } catch (const Error&) {
        ++refused;
      }
      EXPECT_THROW(ReadZip(std::string_view(bytes).substr(0, i), "cut"), Error) << i;
    }
    EXPECT_GT(refused, static_cast<int>(bytes.size() / 3));
  }
}

}  // namespace
}  // namespace weft::tool
