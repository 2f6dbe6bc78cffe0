// SPDX-License-Identifier: Apache-2.0
// Record files (TFRecord): byte strings one after another, each with checksums; event files are
// such files, too. README.md has the format.
//
//   WEFT_ASSIGN_OR_RETURN(auto reader, RecordReader::Open("train.tfrecord"));
//   std::string record;
//   while (true) {
//     WEFT_ASSIGN_OR_RETURN(const bool more, reader->Read(&record));
//     if (!more) break;
//     ...
//   }
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/io/byte_source.h"
#include "src/io/file_system.h"

namespace weft::io {

struct RecordReaderOptions {
  Compression compression = Compression::kNone;
  // A longer record is ResourceExhausted: in a compressed file few bytes stand for many.
  uint64_t max_record_bytes = uint64_t{4} << 30;
};

// For one thread at a time.
class RecordReader {
 public:
  static absl::StatusOr<std::unique_ptr<RecordReader>> Open(
      const std::string& path, const RecordReaderOptions& options = {});

  // The next record; false at the end. A file that ends inside the 12 bytes before a record's data
  // has ended (as TensorFlow sees it: a writer was killed); one that ends inside the data or has a
  // wrong checksum is DataLoss, with TensorFlow's text. After an error the same error again.
  absl::StatusOr<bool> Read(std::string* record);
  // Of the next record in the decompressed file.
  uint64_t offset() const { return offset_; }

 private:
  RecordReader(std::string path, const RecordReaderOptions& options,
               std::unique_ptr<ByteSource> source)
      : path_(std::move(path)), options_(options), in_(std::move(source)) {}
  absl::StatusOr<bool> ReadNext(std::string* record);
  absl::Status Corrupted(uint64_t offset) const;

  const std::string path_;
  const RecordReaderOptions options_;
  BufferedReader in_;
  uint64_t offset_ = 0;
  absl::Status failed_;
};

struct RecordWriterOptions {
  Compression compression = Compression::kNone;
  int level = -1;  // 0 (stored) to 9 (smallest); -1: zlib's default
};

// For one thread at a time. Not for several writers of one file.
class RecordWriter {
 public:
  // Empties a file that is there. InvalidArgument for a level that zlib hasn't.
  static absl::StatusOr<std::unique_ptr<RecordWriter>> Create(
      const std::string& path, const RecordWriterOptions& options = {});
  // Writes to a file that is open.
  static absl::StatusOr<std::unique_ptr<RecordWriter>> Over(
      std::unique_ptr<WritableFile> file, const RecordWriterOptions& options = {});
  ~RecordWriter();  // closes; an error is not reported

  const std::string& path() const { return file_->path(); }
  // FailedPrecondition after Close.
  absl::Status Write(std::string_view record);
  // Other processes can read what was written so far.
  absl::Status Flush();
  // Closing again is harmless.
  absl::Status Close();

 private:
  class Deflater;
  explicit RecordWriter(std::unique_ptr<WritableFile> file);
  absl::Status Append(std::string_view bytes);

  std::unique_ptr<WritableFile> file_;
  std::unique_ptr<Deflater> deflater_;  // null if not compressed
  bool closed_ = false;
};

}  // namespace weft::io
