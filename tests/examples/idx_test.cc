// SPDX-License-Identifier: Apache-2.0
#include "examples/support/idx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/temporary_folder.h"

namespace weft::examples {
namespace {

using test::TemporaryFolder;
using testing::HasSubstr;
using namespace std::string_literals;

void WriteFile(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Gzip(const std::filesystem::path& path, const std::string& bytes) {
  gzFile file = gzopen(path.c_str(), "wb9");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
  return ReadFile(path);
}

// [2,3] holding 1 .. 6, byte for byte as the format says.
const std::string kSmall = "\0\0\x08\x02\0\0\0\x02\0\0\0\x03\x01\x02\x03\x04\x05\x06"s;

void ExpectFails(const std::filesystem::path& path, int64_t offset, const std::string& problem) {
  try {
    ReadIdx(path);
    ADD_FAILURE() << path << " was read; expected: " << problem;
  } catch (const FileError& error) {
    EXPECT_EQ(error.path(), path);
    EXPECT_EQ(error.offset(), offset) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(path.string()));
    EXPECT_THAT(error.what(), HasSubstr(problem));
  }
}

TEST(Idx, ReadsPlainAndGzipWhateverTheName) {
  TemporaryFolder dir;
  WriteFile(dir / "plain.gz", kSmall);
  Gzip(dir / "packed", kSmall);
  for (const char* name : {"plain.gz", "packed"}) {
    const IdxArray array = ReadIdx(dir / name);
    EXPECT_EQ(array.dims, (std::vector<int64_t>{2, 3})) << name;
    EXPECT_EQ(array.data, (std::vector<uint8_t>{1, 2, 3, 4, 5, 6})) << name;
  }
}

TEST(Idx, WritesTheFormatAndGzipByExtension) {
  TemporaryFolder dir;
  const IdxArray array = {{2, 3}, {1, 2, 3, 4, 5, 6}};
  WriteIdx(dir / "plain", array);
  EXPECT_EQ(ReadFile(dir / "plain"), kSmall);
  WriteIdx(dir / "packed.gz", array);
  EXPECT_EQ(ReadFile(dir / "packed.gz").substr(0, 2), "\x1f\x8b");
  EXPECT_EQ(ReadIdx(dir / "packed.gz").data, array.data);
}

TEST(Idx, RoundTripsManyShapes) {
  TemporaryFolder dir;
  for (const std::vector<int64_t>& dims :
       std::vector<std::vector<int64_t>>{{}, {0}, {7, 0, 4294967295}, {3, 1, 1, 2}, {1 << 20, 5}}) {
    IdxArray array{dims, {}};
    int64_t size = 1;
    for (const int64_t dim : dims) size = dim == 0 ? 0 : size * dim;
    if (std::find(dims.begin(), dims.end(), 0) != dims.end()) size = 0;
    for (int64_t i = 0; i < size; ++i) array.data.push_back(static_cast<uint8_t>(i * 31 % 251));
    for (const char* name : {"a", "a.gz"}) {
      WriteIdx(dir / name, array);
      const IdxArray back = ReadIdx(dir / name);
      EXPECT_EQ(back.dims, dims);
      EXPECT_TRUE(back.data == array.data) << name << " of " << size << " bytes";
    }
  }
}

TEST(Idx, ReplacesAndLeavesNoTemporaryFile) {
  TemporaryFolder dir;
  WriteIdx(dir / "a.gz", {{1}, {1}});
  WriteIdx(dir / "a.gz", {{1}, {2}});
  EXPECT_EQ(ReadIdx(dir / "a.gz").data[0], 2);
  const std::filesystem::directory_iterator entries(dir.path());
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
}

TEST(Idx, WriteRefusesDataThatDoNotFit) {
  TemporaryFolder dir;
  EXPECT_THROW(WriteIdx(dir / "a", {{2, 2}, {1, 2, 3}}), std::invalid_argument);
  EXPECT_THROW(WriteIdx(dir / "a", {{-1}, {}}), std::invalid_argument);
  EXPECT_THROW(WriteIdx(dir / "a", {{0, int64_t{1} << 32}, {}}), std::invalid_argument);
  EXPECT_THROW(WriteIdx(dir / "a", {std::vector<int64_t>(256, 1), {0}}), std::invalid_argument);
  EXPECT_THROW(WriteIdx(dir / "no_such_folder" / "a", {{1}, {1}}), FileError);
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(Idx, MissingFileAndFolder) {
  TemporaryFolder dir;
  ExpectFails(dir / "none", -1, "cannot be opened: No such file");
  ExpectFails(dir.path(), 0, "directory");
}

TEST(Idx, HeaderErrors) {
  TemporaryFolder dir;
  const auto expect = [&](const std::string& bytes, int64_t offset, const std::string& problem) {
    WriteFile(dir / "bad", bytes);
    ExpectFails(dir / "bad", offset, problem);
  };
  expect("", 0, "ends before the 4 bytes of the idx magic number");
  expect("\0\0\x08"s, 3, "ends before the 4 bytes");
  expect("\x01\0\x08\x01"s, 4, "starts with bytes 1 0; an idx file starts with 0 0");
  expect("\0\0\x0d\x01\0\0\0\0"s, 4, "element type 13; only 8 (unsigned byte)");
  expect("\0\0\x08\x03\0\0\0\x01\0\0"s, 10, "ends inside its 3 dimensions");
}

TEST(Idx, DataErrors) {
  TemporaryFolder dir;
  WriteFile(dir / "short", kSmall.substr(0, kSmall.size() - 1));
  ExpectFails(dir / "short", 17, "ends after 5 elements; dimensions [2,3] need 6");
  WriteFile(dir / "long", kSmall + "x");
  ExpectFails(dir / "long", 19, "goes on after the 6 elements of dimensions [2,3]");
}

// Dimensions whose product overflows 64 bits, or is just more than a machine should give for one
// file.
TEST(Idx, HugeClaimsAreRefusedBeforeMemoryIsTaken) {
  TemporaryFolder dir;
  WriteFile(dir / "overflow", "\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"s);
  ExpectFails(dir / "overflow", 16,
              "[4294967295,4294967295,4294967295] ask for more than the 1073741824 bytes allowed");
  WriteFile(dir / "large", "\0\0\x08\x01\x3f\xff\xff\xff"s + "few");
  ExpectFails(dir / "large", 11, "ends after 3 elements; dimensions [1073741823] need 1073741823");
  WriteIdx(dir / "kilobyte", {{1000}, std::vector<uint8_t>(1000)});
  EXPECT_THROW(ReadIdx(dir / "kilobyte", 999), FileError);
  EXPECT_EQ(ReadIdx(dir / "kilobyte", 1000).data.size(), 1000u);
}

// Each cut and each flipped byte of a gzip file gives a FileError or the right data, never anything
// else.
TEST(Idx, DamagedGzip) {
  TemporaryFolder dir;
  IdxArray array = {{40, 10}, {}};
  for (int i = 0; i < 400; ++i) array.data.push_back(static_cast<uint8_t>(i * i % 253));
  WriteIdx(dir / "good.gz", array);
  const std::string good = ReadFile(dir / "good.gz");
  const auto read = [&](const std::string& bytes) {
    WriteFile(dir / "bad.gz", bytes);
    try {
      const IdxArray back = ReadIdx(dir / "bad.gz");
      EXPECT_EQ(back.data, array.data);
      EXPECT_EQ(back.dims, array.dims);
      return true;
    } catch (const FileError&) {
      return false;
    }
  };
  EXPECT_TRUE(read(good));
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(read(good.substr(0, size))) << "cut to " << size;
  int refused = 0;
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] ^= 0x24;
    refused += !read(bad);
  }
  // The time stamp, extra flags and system of the gzip header (6 bytes) carry nothing that matters.
  EXPECT_GE(refused, static_cast<int>(good.size()) - 6);
}

}  // namespace
}  // namespace weft::examples
