// SPDX-License-Identifier: Apache-2.0
#include "examples/support/idx.h"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>
#include <system_error>

namespace weft::examples {
namespace {

constexpr uint8_t kUnsignedByte = 0x08;
constexpr int64_t kChunk = int64_t{1} << 20;

// A file read or written through zlib, which passes files without the gzip magic through unchanged.
class GzFile {
 public:
  GzFile(const std::filesystem::path& path, const char* mode) : path_(path) {
    errno = 0;
    file_.reset(gzopen(path.c_str(), mode));
    if (!file_)
      throw FileError(path, std::string("cannot be opened: ") +
                                (errno ? std::strerror(errno) : "out of memory"));
    gzbuffer(file_.get(), 1 << 17);
  }

  int64_t offset() const { return offset_; }

  [[noreturn]] void Fail(const std::string& problem) const {
    throw FileError(path_, offset_, problem);
  }

  // Fewer bytes than `size` mean the end of the file.
  int64_t Read(void* to, int64_t size) {
    const int got = gzread(file_.get(), to, static_cast<unsigned>(size));
    if (got < 0) Fail("cannot be read: " + LastError());
    offset_ += got;
    // A gzip stream that stops in the middle gives its bytes first and tells of the error only
    // here.
    if (got < size) {
      int code = Z_OK;
      const char* text = gzerror(file_.get(), &code);
      if (code != Z_OK) Fail(std::string("cannot be read: ") + text);
    }
    return got;
  }

  void Write(const void* from, int64_t size) {
    const uint8_t* bytes = static_cast<const uint8_t*>(from);
    while (size > 0) {
      const int64_t step = std::min(size, kChunk);
      if (gzwrite(file_.get(), bytes, static_cast<unsigned>(step)) != step)
        Fail("cannot be written: " + LastError());
      bytes += step;
      size -= step;
      offset_ += step;
    }
  }

  // Writes what is still buffered; a full disk may show only here.
  void Close() {
    if (gzclose(file_.release()) != Z_OK)
      Fail(std::string("cannot be written: ") + std::strerror(errno));
  }

 private:
  struct Closer {
    void operator()(gzFile file) const { gzclose(file); }
  };

  std::string LastError() const {
    int code = Z_OK;
    const char* text = gzerror(file_.get(), &code);
    return code == Z_ERRNO ? std::strerror(errno) : text;
  }

  std::filesystem::path path_;
  std::unique_ptr<gzFile_s, Closer> file_;
  int64_t offset_ = 0;
};

// -1 where the product is above `limit`.
int64_t Product(const std::vector<int64_t>& dims, int64_t limit) {
  int64_t product = 1;
  for (const int64_t dim : dims) {
    if (dim == 0) return 0;
  }
  for (const int64_t dim : dims) {
    if (product > limit / dim) return -1;
    product *= dim;
  }
  return product;
}

std::string Join(const std::vector<int64_t>& dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i) text += (i ? "," : "") + std::to_string(dims[i]);
  return text + "]";
}

std::vector<int64_t> ReadDims(GzFile& file) {
  std::array<uint8_t, 4> magic;
  if (file.Read(magic.data(), 4) < 4) file.Fail("ends before the 4 bytes of the idx magic number");
  if (magic[0] != 0 || magic[1] != 0) {
    file.Fail("starts with bytes " + std::to_string(magic[0]) + " " + std::to_string(magic[1]) +
              "; an idx file starts with 0 0");
  }
  if (magic[2] != kUnsignedByte) {
    file.Fail("element type " + std::to_string(magic[2]) + "; only 8 (unsigned byte) is taken");
  }
  std::vector<int64_t> dims(magic[3]);
  for (int64_t& dim : dims) {
    std::array<uint8_t, 4> b;
    if (file.Read(b.data(), 4) < 4)
      file.Fail("ends inside its " + std::to_string(magic[3]) + " dimensions");
    dim = int64_t{b[0]} << 24 | int64_t{b[1]} << 16 | int64_t{b[2]} << 8 | int64_t{b[3]};
  }
  return dims;
}

// A name beside `path` that no other writer uses, in this process or another.
std::filesystem::path TemporaryName(const std::filesystem::path& path) {
  static std::atomic<int> count{0};
  std::filesystem::path name = path;
  name += ".tmp-" + std::to_string(getpid()) + "-" + std::to_string(count.fetch_add(1));
  return name;
}

void WriteTo(const std::filesystem::path& path, const IdxArray& array, bool gzip) {
  // Level 1 takes half the time of level 6 for drawn digits and a tenth more room. "T": no gzip.
  GzFile file(path, gzip ? "wb1" : "wbT");
  std::vector<uint8_t> header = {0, 0, kUnsignedByte, static_cast<uint8_t>(array.dims.size())};
  for (const int64_t dim : array.dims) {
    for (int shift = 24; shift >= 0; shift -= 8)
      header.push_back(static_cast<uint8_t>(dim >> shift));
  }
  file.Write(header.data(), static_cast<int64_t>(header.size()));
  file.Write(array.data.data(), static_cast<int64_t>(array.data.size()));
  file.Close();
}

}  // namespace

IdxArray ReadIdx(const std::filesystem::path& path, int64_t max_bytes) {
  GzFile file(path, "rb");
  IdxArray array;
  array.dims = ReadDims(file);
  const int64_t size = Product(array.dims, max_bytes);
  if (size < 0) {
    file.Fail("dimensions " + Join(array.dims) + " ask for more than the " +
              std::to_string(max_bytes) + " bytes allowed");
  }
  for (int64_t done = 0; done < size;) {
    const int64_t step = std::min(kChunk, size - done);
    array.data.resize(done + step);
    const int64_t got = file.Read(array.data.data() + done, step);
    done += got;
    if (got < step) {
      file.Fail("ends after " + std::to_string(done) + " elements; dimensions " + Join(array.dims) +
                " need " + std::to_string(size));
    }
  }
  uint8_t extra;
  // This read also makes zlib compare the checksum at the end of a gzip stream.
  if (file.Read(&extra, 1) != 0) {
    file.Fail("goes on after the " + std::to_string(size) + " elements of dimensions " +
              Join(array.dims));
  }
  return array;
}

void WriteIdx(const std::filesystem::path& path, const IdxArray& array) {
  const bool fits = array.dims.size() <= 255 &&
                    std::all_of(array.dims.begin(), array.dims.end(), [](int64_t dim) {
                      return dim >= 0 && dim <= std::numeric_limits<uint32_t>::max();
                    });
  const int64_t size = static_cast<int64_t>(array.data.size());
  if (!fits || Product(array.dims, size) != size) {
    throw std::invalid_argument("WriteIdx " + path.string() + ": dimensions " + Join(array.dims) +
                                " do not describe " + std::to_string(size) + " bytes");
  }
  const std::filesystem::path temporary = TemporaryName(path);
  std::error_code error;
  try {
    WriteTo(temporary, array, path.extension() == ".gz");
    std::filesystem::rename(temporary, path);
  } catch (const std::filesystem::filesystem_error& rename_error) {
    std::filesystem::remove(temporary, error);
    throw FileError(path, "cannot be renamed to from " + temporary.string() + ": " +
                              rename_error.code().message());
  } catch (...) {
    std::filesystem::remove(temporary, error);
    throw;
  }
}

}  // namespace weft::examples
