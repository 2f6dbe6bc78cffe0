// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "src/core/strings.h"
#include "src/io/crc32c.h"
#include "src/io/record.h"
#include "weft/core/status_macros.h"

namespace weft::io {
namespace {

constexpr size_t kLengthBytes = 8, kCrcBytes = 4, kHeaderBytes = kLengthBytes + kCrcBytes;

template <typename T>
T NumberAt(const char* bytes) {
  static_assert(std::endian::native == std::endian::little);
  T number;
  std::memcpy(&number, bytes, sizeof number);
  return number;
}

// Whether the checksum behind n bytes is theirs.
bool IsIntact(const char* bytes, size_t n) {
  return UnmaskCrc32c(NumberAt<uint32_t>(bytes + n)) == Crc32c(bytes, n);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RecordReader>> RecordReader::Open(
    const std::string& path, const RecordReaderOptions& options) {
  WEFT_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source,
                        OpenByteSource(path, options.compression));
  return std::unique_ptr<RecordReader>(new RecordReader(path, options, std::move(source)));
}

absl::Status RecordReader::Corrupted(uint64_t offset) const {
  return absl::DataLossError(StrCat(path_, ": corrupted record at ", offset,
                                    offset == 0 ? " (Is this even a TFRecord file?)" : ""));
}

absl::StatusOr<bool> RecordReader::Read(std::string* record) {
  if (!failed_.ok()) return failed_;
  absl::StatusOr<bool> more = ReadNext(record);
  if (!more.ok()) failed_ = more.status();
  return more;
}

absl::StatusOr<bool> RecordReader::ReadNext(std::string* record) {
  const auto with_path = [this](const absl::Status& status) {
    return absl::Status(status.code(), StrCat(path_, ": ", status.message()));
  };
  char header[kHeaderBytes];
  const absl::StatusOr<size_t> got = in_.Read(header, kHeaderBytes);
  if (!got.ok()) return with_path(got.status());
  if (*got < kHeaderBytes) return false;
  if (!IsIntact(header, kLengthBytes)) return Corrupted(offset_);
  const auto length = NumberAt<uint64_t>(header);
  if (length >= std::numeric_limits<uint64_t>::max() - kCrcBytes)
    return absl::DataLossError(StrCat(path_, ": record size too large"));
  if (length > options_.max_record_bytes) {
    return absl::ResourceExhaustedError(StrCat(path_, ": the record at ", offset_, " has ", length,
                                               " bytes; the limit is ", options_.max_record_bytes));
  }
  if (absl::Status s = in_.ReadInto(record, length + kCrcBytes); !s.ok()) return with_path(s);
  if (record->size() < length + kCrcBytes) {
    return absl::DataLossError(StrCat(path_, ": truncated record at ", offset_, "' failed with ",
                                      options_.compression == Compression::kNone
                                          ? "Read less bytes than requested"
                                          : "EOF reached"));
  }
  if (!IsIntact(record->data(), length)) return Corrupted(offset_ + kHeaderBytes);
  record->resize(length);
  offset_ += kHeaderBytes + length + kCrcBytes;
  return true;
}

}  // namespace weft::io
