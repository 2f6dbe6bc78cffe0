// SPDX-License-Identifier: Apache-2.0
// The bytes of a file from the first to the last, decompressed on the way if they are compressed.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weft::io {

// zlib's two framings of deflate; a gzip file may have several members one after another.
enum class Compression { kNone, kZlib, kGzip };

// TensorFlow's names: "", "ZLIB", "GZIP". InvalidArgument for others.
absl::StatusOr<Compression> CompressionFromName(std::string_view name);

// For one thread at a time.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Gives 1 to n bytes (n > 0), whatever is at hand; 0 at the end.
  virtual absl::StatusOr<size_t> Some(char* out, size_t n) = 0;
};

absl::StatusOr<std::unique_ptr<ByteSource>> OpenByteSource(const std::string& path,
                                                           Compression compression);

// What `compressed` gives, decompressed. A stream that is damaged is DataLoss; one that is cut off
// just ends: zlib can't tell what is missing.
std::unique_ptr<ByteSource> Inflate(std::unique_ptr<ByteSource> compressed,
                                    Compression compression);

// Reads through a buffer, as many bytes as are asked for.
class BufferedReader {
 public:
  explicit BufferedReader(std::unique_ptr<ByteSource> source);
  // n bytes, or fewer if it ends before; the number.
  absl::StatusOr<size_t> Read(char* out, size_t n);
  // The same into a string that grows with what is there, so that a file that claims a great n
  // takes no more memory than it has bytes.
  absl::Status ReadInto(std::string* out, size_t n);

 private:
  std::unique_ptr<ByteSource> source_;
  std::unique_ptr<char[]> buffer_;
  size_t begin_ = 0, end_ = 0;  // of what the buffer holds
};

}  // namespace weft::io
