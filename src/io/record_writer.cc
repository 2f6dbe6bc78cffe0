// SPDX-License-Identifier: Apache-2.0
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "src/core/strings.h"
#include "src/io/crc32c.h"
#include "src/io/record.h"
#include "weft/core/status_macros.h"

namespace weft::io {
namespace {

constexpr size_t kDeflatedBytes = size_t{256} << 10;

template <typename T>
std::string_view BytesOf(const T& number) {
  static_assert(std::endian::native == std::endian::little);
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

}  // namespace

// Compresses what is written and hands it to the file.
class RecordWriter::Deflater {
 public:
  Deflater(WritableFile* file, const RecordWriterOptions& options)
      : file_(file), piece_(new char[kDeflatedBytes]) {
    constexpr int kGzipFraming = 16, kMemoryLevel = 9;  // TensorFlow's memory level, too
    const int framing = options.compression == Compression::kGzip ? kGzipFraming : 0;
    started_ = deflateInit2(&stream_, options.level, Z_DEFLATED, MAX_WBITS + framing, kMemoryLevel,
                            Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~Deflater() { deflateEnd(&stream_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  absl::Status Append(std::string_view bytes) {
    constexpr size_t kMaxPiece = size_t{1} << 30;  // zlib counts in 32 bits
    while (!bytes.empty()) {
      const std::string_view part = bytes.substr(0, kMaxPiece);
      WEFT_RETURN_IF_ERROR(Run(part, Z_NO_FLUSH));
      bytes.remove_prefix(part.size());
    }
    return absl::OkStatus();
  }
  absl::Status Flush() { return Run({}, Z_SYNC_FLUSH); }
  absl::Status Finish() { return Run({}, Z_FINISH); }

 private:
  absl::Status Run(std::string_view bytes, int flush) {
    if (!started_) return absl::ResourceExhaustedError("zlib can't be started: no memory");
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(piece_.get());
      stream_.avail_out = kDeflatedBytes;
      if (deflate(&stream_, flush) == Z_STREAM_ERROR)
        return absl::InternalError(StrCat(file_->path(), ": deflate() failed"));
      WEFT_RETURN_IF_ERROR(file_->Append({piece_.get(), kDeflatedBytes - stream_.avail_out}));
    } while (stream_.avail_out == 0);
    return absl::OkStatus();
  }

  WritableFile* const file_;
  std::unique_ptr<char[]> piece_;
  z_stream stream_ = {};
  bool started_ = false;
};

RecordWriter::RecordWriter(std::unique_ptr<WritableFile> file) : file_(std::move(file)) {}
RecordWriter::~RecordWriter() { (void)Close(); }

absl::StatusOr<std::unique_ptr<RecordWriter>> RecordWriter::Create(
    const std::string& path, const RecordWriterOptions& options) {
  WEFT_ASSIGN_OR_RETURN(std::unique_ptr<WritableFile> file, WritableFile::Create(path));
  return Over(std::move(file), options);
}

absl::StatusOr<std::unique_ptr<RecordWriter>> RecordWriter::Over(
    std::unique_ptr<WritableFile> file, const RecordWriterOptions& options) {
  if (options.level < -1 || options.level > 9) {
    return absl::InvalidArgumentError(StrCat(file->path(), ": there is no compression level ",
                                             options.level,
                                             "; the levels are 0 to 9, and -1 for the default"));
  }
  std::unique_ptr<RecordWriter> writer(new RecordWriter(std::move(file)));
  if (options.compression != Compression::kNone)
    writer->deflater_ = std::make_unique<Deflater>(writer->file_.get(), options);
  return writer;
}

absl::Status RecordWriter::Append(std::string_view bytes) {
  return deflater_ ? deflater_->Append(bytes) : file_->Append(bytes);
}

absl::Status RecordWriter::Write(std::string_view record) {
  if (closed_) return absl::FailedPreconditionError(StrCat(path(), " is closed"));
  const uint64_t length = record.size();
  const uint32_t length_crc = MaskCrc32c(Crc32c(&length, sizeof length));
  const uint32_t crc = MaskCrc32c(Crc32c(record));
  WEFT_RETURN_IF_ERROR(Append(StrCat(BytesOf(length), BytesOf(length_crc))));
  WEFT_RETURN_IF_ERROR(Append(record));
  return Append(BytesOf(crc));
}

absl::Status RecordWriter::Flush() {
  if (closed_) return absl::OkStatus();
  if (deflater_) {
    WEFT_RETURN_IF_ERROR(deflater_->Flush());
  }
  return file_->Flush();
}

absl::Status RecordWriter::Close() {
  if (std::exchange(closed_, true)) return absl::OkStatus();
  absl::Status status = deflater_ ? deflater_->Finish() : absl::OkStatus();
  status.Update(file_->Close());
  return status;
}

}  // namespace weft::io
