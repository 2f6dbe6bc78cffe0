// SPDX-License-Identifier: Apache-2.0
#include "tools/weft/zip.h"

#include <zip.h>

#include <algorithm>
#include <memory>

#include "src/core/strings.h"
#include "weft/core/error.h"

namespace weft::tool {
namespace {

[[noreturn]] void Damaged(const std::string& what, const std::string& why) {
  ThrowError(Code::kDataLoss, StrCat(what, ": ", why));
}

// libzip's own: owns what it was made with.
struct ZipError {
  ZipError() { zip_error_init(&error); }
  ~ZipError() { zip_error_fini(&error); }
  std::string text() { return zip_error_strerror(&error); }
  zip_error_t error;
};
struct Discard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
  void operator()(zip_source_t* source) const { zip_source_free(source); }
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, Discard>;
using Source = std::unique_ptr<zip_source_t, Discard>;
using File = std::unique_ptr<zip_file_t, Discard>;

// Reads what is there, not what the archive claims; at the end libzip compares the checksum.
std::string Contents(zip_t* archive, zip_uint64_t index, const std::string& what) {
  const File file(zip_fopen_index(archive, index, 0));
  if (!file) {
    const int code = zip_error_code_zip(zip_get_error(archive));
    const std::string why = zip_strerror(archive);
    if (code == ZIP_ER_COMPNOTSUPP || code == ZIP_ER_ENCRNOTSUPP || code == ZIP_ER_NOPASSWD)
      ThrowError(Code::kUnimplemented, StrCat(what, ": ", why));
    Damaged(what, why);
  }
  std::string contents;
  char piece[1 << 16];
  while (true) {
    const zip_int64_t got = zip_fread(file.get(), piece, sizeof piece);
    if (got < 0) Damaged(what, zip_file_strerror(file.get()));
    if (got == 0) return contents;
    contents.append(piece, static_cast<size_t>(got));
  }
}

// The bytes that were written to a source.
std::string BytesOf(zip_source_t* source) {
  const auto check = [&](bool ok) {
    if (!ok) ThrowError(Code::kInternal, zip_error_strerror(zip_source_error(source)));
  };
  zip_stat_t stat;
  check(zip_source_stat(source, &stat) == 0 && zip_source_open(source) == 0);
  std::string bytes(stat.size, '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const zip_int64_t got = zip_source_read(source, bytes.data() + done, bytes.size() - done);
    check(got > 0);
    done += static_cast<size_t>(got);
  }
  zip_source_close(source);
  return bytes;
}

}  // namespace

std::map<std::string, std::string> ReadZip(std::string_view bytes, const std::string& what) {
  if (bytes.empty()) Damaged(what, "it is no zip archive: the file is empty");
  ZipError error;
  Source source(zip_source_buffer_create(bytes.data(), bytes.size(), /*freep=*/0, &error.error));
  if (!source) Damaged(what, error.text());
  const Archive archive(
      zip_open_from_source(source.get(), ZIP_RDONLY | ZIP_CHECKCONS, &error.error));
  if (!archive) Damaged(what, StrCat("it is no zip archive, or damaged: ", error.text()));
  source.release();  // the archive has it now
  std::map<std::string, std::string> files;
  const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const auto index = static_cast<zip_uint64_t>(i);
    const char* name = zip_get_name(archive.get(), index, ZIP_FL_ENC_RAW);
    if (name == nullptr) Damaged(what, zip_strerror(archive.get()));
    files[name] = Contents(archive.get(), index, StrCat(what, ", ", name));
  }
  return files;
}

std::string ZipBytes(const std::map<std::string, std::string>& files) {
  ZipError error;
  const Source source(zip_source_buffer_create(nullptr, 0, 0, &error.error));
  if (!source) ThrowError(Code::kInternal, error.text());
  Archive archive(zip_open_from_source(source.get(), ZIP_TRUNCATE, &error.error));
  if (!archive) ThrowError(Code::kInternal, error.text());
  zip_source_keep(source.get());  // the archive frees it once
  const auto check = [&](bool ok) {
    if (!ok) ThrowError(Code::kInternal, zip_strerror(archive.get()));
  };
  for (const auto& [name, contents] : files) {
    Source file(zip_source_buffer(archive.get(), contents.data(), contents.size(), 0));
    check(file != nullptr);
    const zip_int64_t index =
        zip_file_add(archive.get(), name.c_str(), file.get(), ZIP_FL_ENC_UTF_8);
    check(index >= 0);
    file.release();  // the archive has it now
    const auto at = static_cast<zip_uint64_t>(index);
    constexpr zip_uint16_t kDate = 0x21;  // 1980-01-01, as numpy has it: equal arrays, equal bytes
    check(zip_set_file_compression(archive.get(), at, ZIP_CM_STORE, 0) == 0);
    check(zip_file_set_dostime(archive.get(), at, /*dtime=*/0, kDate, 0) == 0);
  }
  check(zip_close(archive.get()) == 0);
  (void)archive.release();
  // An archive without files is written as no bytes at all; readers want its end record.
  if (files.empty()) return std::string("PK\x05\x06", 4) + std::string(18, '\0');
  return BytesOf(source.get());
}

}  // namespace weft::tool
