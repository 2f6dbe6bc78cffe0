// SPDX-License-Identifier: Apache-2.0
// Record files: what TensorFlow wrote, there and back in all compressions, damaged ones.
#include "src/io/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "src/io/crc32c.h"
#include "src/io/file.h"
#include "tests/support/temporary_folder.h"

namespace weft::io {
namespace {

using testing::HasSubstr;
using namespace std::string_literals;

class Records : public testing::Test {
 protected:
  std::string WithBytes(const std::string& bytes) const {
    EXPECT_TRUE(WriteFileAtomically(path_, bytes).ok());
    return path_;
  }

  // All records up to the end or to the first error.
  std::vector<std::string> ReadAll(const RecordReaderOptions& options = {}) {
    status_ = absl::OkStatus();
    std::vector<std::string> records;
    auto reader = RecordReader::Open(path_, options);
    if (!reader.ok()) {
      status_ = reader.status();
      return records;
    }
    while (true) {
      std::string record;
      const absl::StatusOr<bool> more = (*reader)->Read(&record);
      if (!more.ok()) {
        status_ = more.status();
        EXPECT_EQ((*reader)->Read(&record).status(), status_) << "the same error again";
      }
      if (!more.ok() || !*more) return records;
      records.push_back(record);
    }
  }

  std::string WriteAll(const std::vector<std::string>& records,
                       const RecordWriterOptions& options = {}) {
    auto writer = RecordWriter::Create(path_, options);
    EXPECT_TRUE(writer.ok()) << writer.status();
    for (const std::string& record : records) EXPECT_TRUE((*writer)->Write(record).ok());
    EXPECT_TRUE((*writer)->Close().ok());
    EXPECT_TRUE((*writer)->Close().ok()) << "once more";
    EXPECT_TRUE(absl::IsFailedPrecondition((*writer)->Write("late")));
    return *ReadFile(path_);
  }

  const test::TemporaryFolder folder_;
  const std::string path_ = folder_.File("a.tfrecord");
  absl::Status status_;
};

// tf.io.TFRecordWriter of TensorFlow 2.15.1 wrote b"abc" and b"".
const std::string kTensorFlows =
    "\x03\x00\x00\x00\x00\x00\x00\x00\xb0\x99\x49\x0e\x61\x62\x63\x6e\x57\xf1\x21"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x29\x03\x98\x07\xd8\xea\x82\xa2"s;

TEST_F(Records, TensorFlowsBytes) {
  EXPECT_EQ(WriteAll({"abc", ""}), kTensorFlows);
  WithBytes(kTensorFlows);
  EXPECT_EQ(ReadAll(), (std::vector<std::string>{"abc", ""}));
  EXPECT_TRUE(status_.ok());
}

constexpr Compression kAll[] = {Compression::kNone, Compression::kZlib, Compression::kGzip};

TEST_F(Records, ThereAndBack) {
  std::string large(3 << 20, '\0');  // larger than all buffers, and not one byte again and again
  uint32_t seed = 1;
  for (char& c : large) c = static_cast<char>((seed = seed * 1664525 + 1013904223) >> 28);
  std::vector<std::string> records = {"", "a", large, "\0\xff"s, ""};
  for (int i = 0; i < 1000; ++i) records.push_back(std::to_string(i));
  for (const Compression compression : kAll) {
    for (const int level : {-1, 0, 9}) {
      const std::string bytes = WriteAll(records, {compression, level});
      EXPECT_EQ(ReadAll({.compression = compression}), records);
      EXPECT_TRUE(status_.ok()) << status_;
      if (compression != Compression::kNone && level == 9) {
        EXPECT_LT(bytes.size(), large.size());
      }
    }
  }
  WriteAll({});
  EXPECT_TRUE(ReadAll().empty());
  EXPECT_TRUE(status_.ok());
  EXPECT_TRUE(
      absl::IsInvalidArgument(RecordWriter::Create(path_, {Compression::kGzip, 10}).status()));
}

TEST_F(Records, FlushShowsWhatWasWritten) {
  for (const Compression compression : kAll) {
    auto writer = RecordWriter::Create(path_, {compression});
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE((*writer)->Write("first").ok());
    ASSERT_TRUE((*writer)->Flush().ok());
    EXPECT_EQ(ReadAll({.compression = compression}), std::vector<std::string>{"first"});
    EXPECT_TRUE(status_.ok()) << status_;
  }
}

TEST_F(Records, SeveralGzipMembers) {
  const std::string one = WriteAll({"one"}, {Compression::kGzip});
  const std::string two = WriteAll({"two"}, {Compression::kGzip});
  const std::string none = WriteAll({}, {Compression::kGzip});
  WithBytes(one + none + two);
  EXPECT_EQ(ReadAll({.compression = Compression::kGzip}), (std::vector<std::string>{"one", "two"}));
  EXPECT_TRUE(status_.ok()) << status_;
  WithBytes(one + "garbage");
  EXPECT_EQ(ReadAll({.compression = Compression::kGzip}), std::vector<std::string>{"one"});
  EXPECT_TRUE(absl::IsDataLoss(status_)) << status_;
}

// Cut at each byte: whole records come, then the end (inside the header of a record, as TensorFlow
// has it) or an error.
TEST_F(Records, CutFiles) {
  const std::string bytes = WriteAll({"abc", "defg"});
  for (size_t size = 0; size < bytes.size(); ++size) {
    WithBytes(bytes.substr(0, size));
    EXPECT_EQ(ReadAll().size(), size >= 19 ? 1u : 0u) << size;
    const size_t into_record = size >= 19 ? size - 19 : size;
    EXPECT_EQ(status_.ok(), into_record < 12) << size;
    if (into_record < 12) continue;
    EXPECT_TRUE(absl::IsDataLoss(status_));
    EXPECT_THAT(std::string(status_.message()),
                HasSubstr(size < 19 ? "a.tfrecord: truncated record at 0' failed with Read less"
                                    : "a.tfrecord: truncated record at 19' failed with Read less"));
  }
}

// Each byte wrong once: no wrong record ever comes.
TEST_F(Records, WrongBytes) {
  for (const Compression compression : kAll) {
    const std::string bytes = WriteAll({"abc", "defg"}, {compression});
    for (size_t i = 0; i < bytes.size(); ++i) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ 0x55);
      WithBytes(changed);
      const std::vector<std::string> records = ReadAll({.compression = compression});
      const std::vector<std::string> all = {"abc", "defg"};
      ASSERT_LE(records.size(), 2u);
      EXPECT_TRUE(std::equal(records.begin(), records.end(), all.begin())) << i;
      EXPECT_EQ(absl::IsDataLoss(status_), compression == Compression::kNone || !status_.ok()) << i;
    }
  }
}

std::string Header(uint64_t length) {
  const uint32_t crc = MaskCrc32c(Crc32c(&length, sizeof length));
  return std::string(reinterpret_cast<const char*>(&length), 8) +
         std::string(reinterpret_cast<const char*>(&crc), 4);
}

TEST_F(Records, ClaimsOfLength) {
  WithBytes(Header(uint64_t{1} << 31) + "x");
  EXPECT_TRUE(ReadAll().empty());
  EXPECT_THAT(std::string(status_.message()), HasSubstr("truncated record at 0'"));
  WithBytes(Header(uint64_t{1} << 62) + "x");
  ReadAll();
  EXPECT_TRUE(absl::IsResourceExhausted(status_)) << status_;
  WithBytes(Header(~uint64_t{0}));
  ReadAll();
  EXPECT_THAT(std::string(status_.message()), HasSubstr("record size too large"));
  WriteAll({"abc"});
  EXPECT_TRUE(ReadAll({.max_record_bytes = 2}).empty());
  EXPECT_TRUE(absl::IsResourceExhausted(status_));
}

TEST_F(Records, OtherFiles) {
  WithBytes("no record file at all");
  ReadAll();
  EXPECT_THAT(std::string(status_.message()),
              HasSubstr("corrupted record at 0 (Is this even a TFRecord file?)"));
  ReadAll({.compression = Compression::kGzip});
  EXPECT_THAT(std::string(status_.message()),
              HasSubstr("inflate() failed with error -3: incorrect header check"));
  EXPECT_TRUE(absl::IsNotFound(RecordReader::Open(folder_.File("none")).status()));
  EXPECT_FALSE(RecordReader::Open(folder_.path()).ok());
  EXPECT_EQ(*CompressionFromName("GZIP"), Compression::kGzip);
  EXPECT_TRUE(absl::IsInvalidArgument(CompressionFromName("gzip").status()));
}

}  // namespace
}  // namespace weft::io
