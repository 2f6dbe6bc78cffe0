// SPDX-License-Identifier: Apache-2.0
// IDX files, the format of the MNIST digits: arrays of unsigned bytes, plain or inside gzip.
//
// Layout: two zero bytes, the element type (8 = unsigned byte, the only one taken here), the number
// of dimensions, each dimension as a big-endian uint32, then the elements in row-major order.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace weft::examples {

// A file that is missing, damaged or not what it should be; the text names the file and the place
// in it.
class FileError : public std::runtime_error {
 public:
  // Trouble with the file as a whole.
  FileError(const std::filesystem::path& path, const std::string& problem)
      : std::runtime_error(path.string() + ": " + problem), path_(path), offset_(-1) {}
  // `offset`: the byte, counted after decompression, at which the trouble was met.
  FileError(const std::filesystem::path& path, int64_t offset, const std::string& problem)
      : std::runtime_error(path.string() + ", byte " + std::to_string(offset) + ": " + problem),
        path_(path),
        offset_(offset) {}

  const std::filesystem::path& path() const { return path_; }
  int64_t offset() const { return offset_; }  // -1: the whole file

 private:
  std::filesystem::path path_;
  int64_t offset_;
};

struct IdxArray {
  std::vector<int64_t> dims;
  std::vector<uint8_t> data;
};

// Reads all of a file; whether it is gzip is seen from its first bytes, not from its name. Memory
// grows with the bytes that arrive, never with what a header claims, and not beyond `max_bytes`.
// Throws FileError for a file that cannot be read, is damaged, too short or too long for its
// dimensions, or holds another element type.
IdxArray ReadIdx(const std::filesystem::path& path, int64_t max_bytes = int64_t{1} << 30);

// Writes `array`, as gzip where the name ends in ".gz". The file appears under its name only when
// it is complete: it is written beside it and renamed, which replaces a file of that name. Throws
// FileError where that fails, and std::invalid_argument where the data do not fill the dimensions.
void WriteIdx(const std::filesystem::path& path, const IdxArray& array);

}  // namespace weft::examples
