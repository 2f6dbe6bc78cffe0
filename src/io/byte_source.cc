// SPDX-License-Identifier: Apache-2.0
#include "src/io/byte_source.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "src/core/strings.h"
#include "src/io/file_system.h"
#include "weft/core/status_macros.h"

namespace weft::io {
namespace {

constexpr size_t kReadBufferBytes = size_t{256} << 10;
// zlib counts in 32 bits.
constexpr size_t kMaxPiece = size_t{1} << 30;

class FileSource : public ByteSource {
 public:
  explicit FileSource(std::unique_ptr<RandomAccessFile> file) : file_(std::move(file)) {}
  absl::StatusOr<size_t> Some(char* out, size_t n) override {
    WEFT_ASSIGN_OR_RETURN(const size_t got, file_->ReadAt(offset_, out, n));
    offset_ += got;
    return got;
  }

 private:
  std::unique_ptr<RandomAccessFile> file_;
  uint64_t offset_ = 0;
};

class InflateSource : public ByteSource {
 public:
  InflateSource(std::unique_ptr<ByteSource> in, Compression compression)
      : in_(std::move(in)), buffer_(new char[kReadBufferBytes]) {
    constexpr int kGzipFraming = 16;
    const int framing = compression == Compression::kGzip ? kGzipFraming : 0;
    started_ = inflateInit2(&stream_, MAX_WBITS + framing) == Z_OK;
  }
  ~InflateSource() override { inflateEnd(&stream_); }
  // zlib keeps the address of stream_.
  InflateSource(const InflateSource&) = delete;
  InflateSource& operator=(const InflateSource&) = delete;

  absl::StatusOr<size_t> Some(char* out, size_t n) override {
    if (!started_) return absl::ResourceExhaustedError("zlib can't be started: no memory");
    const auto wanted = static_cast<uInt>(std::min(n, kMaxPiece));
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = wanted;
    while (true) {
      WEFT_RETURN_IF_ERROR(Fill());
      if (member_ended_) {
        if (stream_.avail_in == 0) return size_t{0};
        inflateReset(&stream_);
        member_ended_ = false;
      }
      const int result = inflate(&stream_, Z_NO_FLUSH);
      member_ended_ = result == Z_STREAM_END;
      if (const size_t made = wanted - stream_.avail_out; made > 0) return made;
      if (result == Z_BUF_ERROR) return size_t{0};  // it needs input, and there is none
      if (result != Z_OK && result != Z_STREAM_END) {
        return absl::DataLossError(StrCat("inflate() failed with error ", result, ": ",
                                          stream_.msg ? stream_.msg : "the stream is damaged"));
      }
    }
  }

 private:
  absl::Status Fill() {
    if (stream_.avail_in > 0 || input_ended_) return absl::OkStatus();
    WEFT_ASSIGN_OR_RETURN(const size_t got, in_->Some(buffer_.get(), kReadBufferBytes));
    input_ended_ = got == 0;
    stream_.next_in = reinterpret_cast<Bytef*>(buffer_.get());
    stream_.avail_in = static_cast<uInt>(got);
    return absl::OkStatus();
  }

  std::unique_ptr<ByteSource> in_;
  std::unique_ptr<char[]> buffer_;
  z_stream stream_ = {};
  bool started_ = false, member_ended_ = false, input_ended_ = false;
};

}  // namespace

absl::StatusOr<Compression> CompressionFromName(std::string_view name) {
  if (name.empty()) return Compression::kNone;
  if (name == "ZLIB") return Compression::kZlib;
  if (name == "GZIP") return Compression::kGzip;
  return absl::InvalidArgumentError(
      StrCat("Unsupported compression_type:", name, ": it is \"\", \"ZLIB\" or \"GZIP\""));
}

std::unique_ptr<ByteSource> Inflate(std::unique_ptr<ByteSource> compressed,
                                    Compression compression) {
  if (compression == Compression::kNone) return compressed;
  return std::make_unique<InflateSource>(std::move(compressed), compression);
}

absl::StatusOr<std::unique_ptr<ByteSource>> OpenByteSource(const std::string& path,
                                                           Compression compression) {
  WEFT_ASSIGN_OR_RETURN(std::unique_ptr<RandomAccessFile> file, RandomAccessFile::Open(path));
  return Inflate(std::make_unique<FileSource>(std::move(file)), compression);
}

BufferedReader::BufferedReader(std::unique_ptr<ByteSource> source)
    : source_(std::move(source)), buffer_(new char[kReadBufferBytes]) {}

absl::StatusOr<size_t> BufferedReader::Read(char* out, size_t n) {
  size_t done = 0;
  while (done < n) {
    if (begin_ < end_) {
      const size_t piece = std::min(n - done, end_ - begin_);
      std::memcpy(out + done, buffer_.get() + begin_, piece);
      begin_ += piece;
      done += piece;
      continue;
    }
    // What doesn't fit the buffer goes past it.
    const bool direct = n - done >= kReadBufferBytes;
    WEFT_ASSIGN_OR_RETURN(const size_t got, direct
                                                ? source_->Some(out + done, n - done)
                                                : source_->Some(buffer_.get(), kReadBufferBytes));
    if (got == 0) break;
    if (direct) {
      done += got;
    } else {
      begin_ = 0;
      end_ = got;
    }
  }
  return done;
}

absl::Status BufferedReader::ReadInto(std::string* out, size_t n) {
  constexpr size_t kFirstPiece = size_t{1} << 20;
  out->clear();
  while (out->size() < n) {
    const size_t have = out->size();
    const size_t piece = std::min(n - have, std::max(have, kFirstPiece));
    out->resize(have + piece);
    WEFT_ASSIGN_OR_RETURN(const size_t got, Read(out->data() + have, piece));
    out->resize(have + got);
    if (got < piece) break;
  }
  return absl::OkStatus();
}

}  // namespace weft::io
