// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "weft/core/array.h"
#include "weft/core/complex.h"
#include "weft/core/handle.h"

namespace weft {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Parses the first line of a case of array_print.golden.
Array ParseCase(const std::string& line) {
  const std::vector<std::string> fields = absl::StrSplit(line, ' ');
  DataType dtype = kInvalidType;
  EXPECT_TRUE(ParseDType(fields.at(0), &dtype)) << line;
  std::vector<int64_t> dims;
  if (fields.at(1) != "-") {
    for (const auto& text : absl::StrSplit(fields[1], ',')) {
      int64_t size = 0;
      EXPECT_TRUE(absl::SimpleAtoi(text, &size)) << line;
      dims.push_back(size);
    }
  }
  Array a(dtype, Shape(dims));
  const std::string hex = fields.at(2) == "-" ? "" : fields[2];
  if (dtype == kString) {
    const std::vector<std::string> elements = absl::StrSplit(hex, ',');
    for (int64_t i = 0; i < a.num_elements(); ++i) {
      a.mutable_data<std::string>()[i] =
          absl::HexStringToBytes(elements.at(static_cast<size_t>(i)));
    }
    return a;
  }
  const std::string bytes = absl::HexStringToBytes(hex);
  EXPECT_EQ(bytes.size(), a.num_bytes()) << line;
  std::copy(bytes.begin(), bytes.end(), static_cast<char*>(a.raw_data()));
  return a;
}

TEST(ArrayPrintTest, GoldenTableOfNumpy) {
  std::ifstream file("tests/core/data/array_print.golden");
  ASSERT_TRUE(file.is_open());
  std::string line, header, expected;
  int cases = 0;
  const auto check = [&] {
    if (header.empty()) return;
    ++cases;
    EXPECT_EQ(ParseCase(header).ToString(), expected) << header.substr(0, 200);
  };
  while (std::getline(file, line)) {
    if (line.starts_with('|')) {
      expected += (expected.empty() ? "" : "\n") + line.substr(1);
      continue;
    }
    check();
    header = line;
    expected.clear();
  }
  check();
  EXPECT_EQ(cases, 492);
}

TEST(ArrayPrintTest, Scalars) {
  EXPECT_EQ(Array(3.f).ToString(), "3.0");
  EXPECT_EQ(Array(0.099999905f).ToString(), "0.099999905");
  EXPECT_EQ(Array(1e-4f).ToString(), "1e-04");
  EXPECT_EQ(Array(1e-4).ToString(), "0.0001");
  EXPECT_EQ(Array(1e16).ToString(), "1e+16");
  EXPECT_EQ(Array(123456789012345.0).ToString(), "123456789012345.0");
  EXPECT_EQ(Array(-0.0).ToString(), "-0.0");
  EXPECT_EQ(Array(kNan).ToString(), "nan");
  EXPECT_EQ(Array(-kInf).ToString(), "-inf");
  EXPECT_EQ(Array(half(33888.f)).ToString(), "33900.0");
  EXPECT_EQ(Array(true).ToString(), "True");
  EXPECT_EQ(Array(int64_t{-7}).ToString(), "-7");
  EXPECT_EQ(Array(std::numeric_limits<uint64_t>::max()).ToString(), "18446744073709551615");
  EXPECT_EQ(Array(complex64(1, 2)).ToString(), "(1+2j)");
  EXPECT_EQ(Array(complex64(0, -2.5f)).ToString(), "-2.5j");
  EXPECT_EQ(Array(complex64(-kInf, kNan)).ToString(), "(-inf+nanj)");
  EXPECT_EQ(Array("it's \x01").ToString(), "b\"it's \\x01\"");
  EXPECT_EQ(Array().ToString(), "<no value>");
}

TEST(ArrayPrintTest, TypesThatNumpyLacks) {
  EXPECT_EQ(Array({bfloat16(1.5f), bfloat16(0.1f), bfloat16(3e38f)}).ToString(),
            "[1.5 0.100098 3.00406e+38]");
  Array e5m2(kFloat8E5M2, {3});
  Array e4m3(kFloat8E4M3fn, {4});
  const uint8_t e5m2_bits[] = {0x3c, 0xfc, 0x01}, e4m3_bits[] = {0x38, 0x7e, 0xff, 0x01};
  std::copy_n(e5m2_bits, 3, static_cast<uint8_t*>(e5m2.raw_data()));
  std::copy_n(e4m3_bits, 4, static_cast<uint8_t*>(e4m3.raw_data()));
  EXPECT_EQ(e5m2.ToString(), "[1 -inf 1.52588e-05]");
  EXPECT_EQ(e4m3.ToString(), "[1 448 nan 0.00195312]");
  Array int4(kInt4, {2}), uint4(kUint4, {2});
  static_cast<uint8_t*>(int4.raw_data())[0] = 0x0f;
  static_cast<uint8_t*>(int4.raw_data())[1] = 0x07;
  static_cast<uint8_t*>(uint4.raw_data())[0] = 0x0f;
  static_cast<uint8_t*>(uint4.raw_data())[1] = 0x07;
  EXPECT_EQ(int4.ToString(), "[-1  7]");
  EXPECT_EQ(uint4.ToString(), "[15  7]");
  EXPECT_EQ(Array({qint8(-3), qint8(100)}).ToString(), "[ -3 100]");
  Array handle(kResource, {});
  handle.mutable_data<ResourceHandle>()->name = "w";
  handle.mutable_data<ResourceHandle>()->type = "Variable";
  EXPECT_EQ(handle.ToString(), "<Variable 'w'>");
}

TEST(ArrayPrintTest, Stream) {
  std::ostringstream out;
  out << Array({{1.f, 2.5f}, {-3.f, 4.f}});
  EXPECT_EQ(out.str(), "[[ 1.   2.5]\n [-3.   4. ]]");
}

// What TensorFlow's Assert prints of its data.
TEST(ArrayPrintTest, Summarize) {
  EXPECT_EQ(Array({0.123456789f, 0.1f, 1e10f, 1234567.f, 1e-7f}).Summarize(3),
            "0.123456791 0.1 1e+10...");
  EXPECT_EQ(Array({0.123456789f, 0.1f, 1e10f, 1234567.f, 1e-7f}).Summarize(100),
            "0.123456791 0.1 1e+10 1234567 1e-07");
  EXPECT_EQ(Array({0.1, 1 / 3., 1e300}).Summarize(3), "0.1 0.33333333333333331 1e+300");
  EXPECT_EQ(Array({half(0.1f), half(65504.f)}).Summarize(3), "0.0999755859 65504");
  EXPECT_EQ(Array({kNan, kInf, -kInf}).Summarize(3), "nan inf -inf");
  EXPECT_EQ(Array({true, false}).Summarize(3), "1 0");
  EXPECT_EQ(Array(3.5).Summarize(3), "3.5");
  EXPECT_EQ(Array(3.5).Summarize(0), "...");
  EXPECT_EQ(Array({std::string("a\"b\n"), std::string("q")}).Summarize(3), "a\\\"b\\n q");
  EXPECT_EQ(Array::Zeros(kFloat32, {2, 0}).Summarize(3), "");
  const Array m = Array::FromVector<int32_t>({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  const Array matrix = m.Reshaped({3, 4});
  EXPECT_EQ(matrix.Summarize(-1), "[0 1 2 3][4 5 6 7][8 9 10 11]");
  EXPECT_EQ(matrix.Summarize(3), "[0 1 2...]...");
  EXPECT_EQ(matrix.Summarize(4), "[0 1 2 3]...");
  EXPECT_EQ(matrix.Summarize(6), "[0 1 2 3][4 5...]...");
  EXPECT_EQ(matrix.Summarize(0), "...");
  EXPECT_EQ(m.Reshaped({3, 2, 2}).Summarize(3), "[[0 1][2...]]...");
}

}  // namespace
}  // namespace weft
