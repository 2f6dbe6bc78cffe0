// SPDX-License-Identifier: Apache-2.0
#include "tools/weft/zip.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "src/core/strings.h"
#include "weft/core/error.h"

namespace weft::tool {
namespace {

constexpr uint32_t kLocalHeader = 0x04034b50, kEntry = 0x02014b50, kEnd = 0x06054b50;
constexpr uint16_t kZip64Extra = 1, kStored = 0, kDeflated = 8;
constexpr uint32_t kIn64Bits = 0xffffffff;
// A deflated byte stands for at most 1032 bytes.
constexpr uint64_t kMaxExpansion = 1032;

// Little-endian numbers out of an archive.
class Reader {
 public:
  Reader(std::string_view bytes, const std::string& what) : bytes_(bytes), what_(what) {}

  std::string_view Bytes(uint64_t offset, uint64_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset) Damaged("it is cut off");
    return bytes_.substr(offset, size);
  }
  uint64_t Number(uint64_t offset, int size) const {
    const std::string_view bytes = Bytes(offset, static_cast<uint64_t>(size));
    uint64_t value = 0;
    for (int i = 0; i < size; ++i) {
      value |= uint64_t{static_cast<unsigned char>(bytes[static_cast<size_t>(i)])} << (8 * i);
    }
    return value;
  }
  [[noreturn]] void Damaged(std::string_view why) const {
    ThrowError(Code::kDataLoss, StrCat(what_, ": ", why));
  }
  uint64_t size() const { return bytes_.size(); }

 private:
  std::string_view bytes_;
  const std::string& what_;
};

struct Entry {
  std::string name;
  uint64_t method, crc, compressed_size, size, local_header;
  uint64_t next;  // offset of the next entry
};

// Sizes that are too large for 32 bits stand in an extra field, in this order.
void ReadZip64(const Reader& in, uint64_t extra, uint64_t extra_end, Entry* e) {
  while (extra + 4 <= extra_end) {
    const uint64_t id = in.Number(extra, 2), length = in.Number(extra + 2, 2);
    uint64_t at = extra + 4;
    if (id == kZip64Extra) {
      for (uint64_t* value : {&e->size, &e->compressed_size, &e->local_header}) {
        if (*value != kIn64Bits) continue;
        *value = in.Number(at, 8);
        at += 8;
      }
    }
    extra += 4 + length;
  }
}

Entry ReadEntry(const Reader& in, uint64_t at) {
  if (in.Number(at, 4) != kEntry) in.Damaged("its directory is damaged");
  if (in.Number(at + 8, 2) & 1) {
    ThrowError(Code::kUnimplemented, "encrypted archives can't be read");
  }
  Entry e;
  e.method = in.Number(at + 10, 2);
  e.crc = in.Number(at + 16, 4);
  e.compressed_size = in.Number(at + 20, 4);
  e.size = in.Number(at + 24, 4);
  e.local_header = in.Number(at + 42, 4);
  const uint64_t name_size = in.Number(at + 28, 2), extra_size = in.Number(at + 30, 2);
  e.name = in.Bytes(at + 46, name_size);
  const uint64_t extra = at + 46 + name_size;
  ReadZip64(in, extra, extra + extra_size, &e);
  e.next = extra + extra_size + in.Number(at + 32, 2);
  return e;
}

std::string Inflate(std::string_view compressed, uint64_t size, const Reader& in) {
  if (size / kMaxExpansion > compressed.size()) in.Damaged("a file in it claims too large a size");
  std::string out(size, '\0');
  z_stream stream = {};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) in.Damaged("zlib can't be started");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  // zlib counts in 32 bits.
  const auto piece = [](uint64_t left) {
    return static_cast<uInt>(std::min<uint64_t>(left, uint64_t{1} << 30));
  };
  uint64_t in_left = compressed.size(), out_left = size;
  int result = Z_OK;
  while (result == Z_OK) {
    const uInt in_piece = piece(in_left), out_piece = piece(out_left);
    stream.avail_in = in_piece;
    stream.avail_out = out_piece;
    result = inflate(&stream, Z_NO_FLUSH);
    in_left -= in_piece - stream.avail_in;
    out_left -= out_piece - stream.avail_out;
    if (in_piece == stream.avail_in && out_piece == stream.avail_out) break;  // stuck
  }
  inflateEnd(&stream);
  if (result != Z_STREAM_END || out_left != 0) in.Damaged("a compressed file in it is damaged");
  return out;
}

uint32_t Checksum(std::string_view bytes) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::string Contents(const Reader& in, const Entry& e) {
  if (in.Number(e.local_header, 4) != kLocalHeader) in.Damaged("a header in it is damaged");
  const uint64_t data =
      e.local_header + 30 + in.Number(e.local_header + 26, 2) + in.Number(e.local_header + 28, 2);
  const std::string_view bytes = in.Bytes(data, e.compressed_size);
  std::string contents;
  if (e.method == kStored) {
    contents = bytes;
  } else if (e.method == kDeflated) {
    contents = Inflate(bytes, e.size, in);
  } else {
    ThrowError(Code::kUnimplemented, StrCat("compression ", e.method, " of zip can't be read"));
  }
  if (Checksum(contents) != e.crc) in.Damaged(StrCat("the checksum of ", e.name, " is wrong"));
  return contents;
}

void Append(std::string* out, uint64_t value, int size) {
  for (int i = 0; i < size; ++i) out->push_back(static_cast<char>(value >> (8 * i)));
}

// What a local header and an entry of the directory share, from "version needed" to the lengths.
void AppendCommon(std::string* out, const std::string& name, const std::string& contents) {
  Append(out, 20, 2);       // version
  Append(out, 0, 2);        // flags
  Append(out, kStored, 2);  // method
  Append(out, 0, 2);        // time
  Append(out, 0x21, 2);     // date: 1980-01-01
  Append(out, Checksum(contents), 4);
  Append(out, contents.size(), 4);
  Append(out, contents.size(), 4);
  Append(out, name.size(), 2);
  Append(out, 0, 2);  // extra
}

}  // namespace

std::map<std::string, std::string> ReadZip(std::string_view archive, const std::string& what) {
  const Reader in(archive, what);
  // The end record is the last; a comment of up to 64 KiB may follow it.
  constexpr uint64_t kEndSize = 22;
  if (archive.size() < kEndSize) in.Damaged("it is no zip archive");
  uint64_t end = archive.size() - kEndSize;
  const uint64_t first = end > 0xffff ? end - 0xffff : 0;
  while (in.Number(end, 4) != kEnd) {
    if (end-- == first) in.Damaged("it is no zip archive");
  }
  const uint64_t count = in.Number(end + 10, 2);
  uint64_t at = in.Number(end + 16, 4);
  if (count == 0xffff || at == kIn64Bits) {
    ThrowError(Code::kUnimplemented, StrCat(what, ": the directory is too large"));
  }
  std::map<std::string, std::string> files;
  for (uint64_t i = 0; i < count; ++i) {
    const Entry e = ReadEntry(in, at);
    files[e.name] = Contents(in, e);
    at = e.next;
  }
  return files;
}

std::string ZipBytes(const std::map<std::string, std::string>& files) {
  std::string out, directory;
  for (const auto& [name, contents] : files) {
    const uint64_t offset = out.size();
    if (offset + contents.size() + name.size() > std::numeric_limits<uint32_t>::max() - (1 << 20) ||
        name.size() > 0xffff || files.size() >= 0xffff) {
      ThrowError(Code::kInvalidArgument, "the arrays are too large for one .npz file: write .npy");
    }
    Append(&out, kLocalHeader, 4);
    AppendCommon(&out, name, contents);
    out += name;
    out += contents;
    Append(&directory, kEntry, 4);
    Append(&directory, 20, 2);  // made by
    AppendCommon(&directory, name, contents);
    Append(&directory, 0, 2);                     // comment
    Append(&directory, 0, 2);                     // disk
    Append(&directory, 0, 2);                     // internal attributes
    Append(&directory, uint32_t{0600} << 16, 4);  // external attributes
    Append(&directory, offset, 4);
    directory += name;
  }
  const uint64_t start = out.size();
  out += directory;
  Append(&out, kEnd, 4);
  Append(&out, 0, 4);  // disks
  Append(&out, files.size(), 2);
  Append(&out, files.size(), 2);
  Append(&out, directory.size(), 4);
  Append(&out, start, 4);
  Append(&out, 0, 2);  // comment
  return out;
}

}  // namespace weft::tool
