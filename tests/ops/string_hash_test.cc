// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/support/op_case.h"

namespace weft {
namespace {

std::string Letters(int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text.push_back(static_cast<char>('a' + i * 7 % 26));
  return text;
}

// What TensorFlow 2.15.1 gives for texts of these lengths: each of the function's branches.
TEST(StringToHashBucketFast, Values) {
  const std::vector<int> lengths = {0, 1, 3, 4, 7, 8, 16, 17, 32, 33, 64, 65, 128, 129, 200};
  std::vector<std::string> texts;
  for (const int n : lengths) texts.push_back(Letters(n));
  OpCase("StringToHashBucketFast")
      .In(Array::FromVector(texts))
      .Attr("num_buckets", int64_t{1} << 62)
      .Out(I64({1936946117179621455, 3694432073954588131, 3268219959478574187, 4287492572700357266,
                3253435701257059082, 1420088497208371232, 3789395809548765534, 2237273621417572890,
                1600711689105381820, 3433394632666913964, 2314457052903470750, 2768067016444695309,
                1257756605311619469, 1060550032972533880, 1240499323248885300}))
      .RunEverywhere();
}

// The vectors of SipHash's authors: key 00 01 ... 0f, texts of the bytes 00 01 ...
TEST(StringToHashBucketStrong, Values) {
  std::string bytes;
  for (char c = 0; c < 15; ++c) bytes.push_back(c);
  const uint64_t mask = (uint64_t{1} << 62) - 1;
  const auto bucket = [&](uint64_t hash) { return static_cast<int64_t>(hash & mask); };
  OpCase("StringToHashBucketStrong")
      .In(Array::FromVector(std::vector<std::string>{"", bytes}))
      .Attr("num_buckets", int64_t{1} << 62)
      .Attr("key", std::vector<int64_t>{0x0706050403020100, 0x0f0e0d0c0b0a0908})
      .Out(Array::FromVector(
          std::vector<int64_t>{bucket(0x726fdb47dd0e0e31u), bucket(0xa129ca6149be45e5u)}))
      .RunEverywhere();
  OpCase("StringToHashBucketStrong")
      .In(Str({"a"}))
      .Attr("num_buckets", int64_t{5})
      .Attr("key", std::vector<int64_t>{1})
      .ExpectRunError(Code::kInvalidArgument, "Key must have 2 elements");
}

TEST(Fingerprint, RowsOfBytes) {
  // Of no bytes, of whatever dtype.
  OpCase("Fingerprint")
      .In(Str({""}))
      .In(Array(std::string("farmhash64")))
      // 0x9ae16a3b2f90404f.
      .Out(U8(Shape({1, 8}), {0x4f, 0x40, 0x90, 0x2f, 0x3b, 0x6a, 0xe1, 0x9a}))
      .RunEverywhere();
  OpCase("Fingerprint")
      .In(F32(Shape({1, 0}), {}))
      .In(Array(std::string("farmhash64")))
      .Out(U8(Shape({1, 8}), {0x4f, 0x40, 0x90, 0x2f, 0x3b, 0x6a, 0xe1, 0x9a}))
      .RunEverywhere();
  OpCase("Fingerprint")
      .In(Str({"a"}))
      .In(Array(std::string("md5")))
      .ExpectRunError(Code::kInvalidArgument, "Unsupported fingerprint method: md5");
  ExpectShape("Fingerprint", {"float[3,?]", Array(std::string("farmhash64"))}, "[3,8]");
  ExpectShape("Fingerprint", {"float[3,?]", "string[]"}, "[3,?]");
}

TEST(AsString, Values) {
  OpCase("AsString").In(I32({-3, 12})).Out(Str({"-3", "12"})).RunEverywhere();
  OpCase("AsString").In(F32({1.5, -2})).Out(Str({"1.500000", "-2.000000"})).RunEverywhere();
  OpCase("AsString").In(Bool({true, false})).Out(Str({"true", "false"})).RunEverywhere();
  OpCase("AsString")
      .In(F64({1234.5, 0.25}))
      .Attr("shortest", true)
      .Out(Str({"1234.5", "0.25"}))
      .RunEverywhere();
  OpCase("AsString")
      .In(F32({1.5}))
      .Attr("precision", int64_t{2})
      .Attr("width", int64_t{7})
      .Attr("fill", std::string("0"))
      .Out(Str({"0001.50"}))
      .RunEverywhere();
  OpCase("AsString")
      .In(U64({std::numeric_limits<uint64_t>::max()}))
      .Out(Str({"18446744073709551615"}))
      .RunEverywhere();
  OpCase("AsString")
      .In(I32({1}))
      .Attr("precision", int64_t{2})
      .ExpectRunError(Code::kInvalidArgument, "precision not supported for datatype int32");
}

}  // namespace
}  // namespace weft
