// SPDX-License-Identifier: Apache-2.0
// The local file system: files read at any position, mapped, written and appended to; folders,
// patterns, renames. Errors name the path and have the code of errno (see ErrnoStatus in file.h,
// which also reads and atomically writes whole files).
//
// A RandomAccessFile and a MappedFile may be read by many threads; a WritableFile belongs to one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weft::io {

class RandomAccessFile {
 public:
  static absl::StatusOr<std::unique_ptr<RandomAccessFile>> Open(const std::string& path);
  ~RandomAccessFile();
  RandomAccessFile(const RandomAccessFile&) = delete;
  RandomAccessFile& operator=(const RandomAccessFile&) = delete;

  const std::string& path() const { return path_; }
  // When it was opened.
  uint64_t size() const { return size_; }
  // Reads n bytes at `offset`, or those up to the end; the number read.
  absl::StatusOr<size_t> ReadAt(uint64_t offset, void* out, size_t n) const;
  // OutOfRange if the file ends before.
  absl::Status ReadExactlyAt(uint64_t offset, void* out, size_t n) const;

 private:
  RandomAccessFile(std::string path, int fd, uint64_t size)
      : path_(std::move(path)), fd_(fd), size_(size) {}
  std::string path_;
  int fd_;
  uint64_t size_;
};

// A file's bytes as memory. The file must not be made shorter meanwhile.
class MappedFile {
 public:
  static absl::StatusOr<std::unique_ptr<MappedFile>> Open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::string_view bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::string_view bytes) : bytes_(bytes) {}
  std::string_view bytes_;
};

// Written through a buffer of its own; large parts also directly, by several threads (Extend).
// After an error the file is of no use; Close() reports what went wrong, the destructor does not.
class WritableFile {
 public:
  // Empties a file that is there.
  static absl::StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path);
  // Goes on at the end of a file that is there.
  static absl::StatusOr<std::unique_ptr<WritableFile>> OpenForAppend(const std::string& path);
  // Fails with AlreadyExists if there is a file.
  static absl::StatusOr<std::unique_ptr<WritableFile>> CreateNew(const std::string& path);
  ~WritableFile();
  WritableFile(const WritableFile&) = delete;
  WritableFile& operator=(const WritableFile&) = delete;

  const std::string& path() const { return path_; }
  // Bytes of the file, those in the buffer included.
  uint64_t size() const { return size_; }
  absl::Status Append(std::string_view bytes);
  // Makes room for n bytes at the end, where the next Append goes on, and gives their place. Until
  // WriteAt fills it, it has zeros or is not there. Not for a file opened for appending.
  absl::StatusOr<uint64_t> Extend(uint64_t n);
  // Writes into such a place. Thread-safe, beside all but Close.
  absl::Status WriteAt(uint64_t offset, std::string_view bytes) const;
  // Asks the system to begin with bringing such a place to the disk, so that Sync has less to wait
  // for. Thread-safe, beside all but Close.
  void StartWriteback(uint64_t offset, uint64_t n) const;
  // Gives the buffer to the operating system: other processes see it.
  absl::Status Flush();
  // And waits until the disk has it.
  absl::Status Sync();
  absl::Status Close();

 private:
  WritableFile(std::string path, int fd, uint64_t size)
      : path_(std::move(path)), fd_(fd), size_(size) {}
  static absl::StatusOr<std::unique_ptr<WritableFile>> Open(const std::string& path, int flags);
  absl::Status Write(std::string_view bytes);
  std::string path_;
  int fd_;
  uint64_t size_;
  std::string buffer_;
};

struct FileInfo {
  uint64_t size = 0;
  int64_t modified_ns = 0;  // since the epoch
  bool is_folder = false;
};
absl::StatusOr<FileInfo> GetFileInfo(const std::string& path);
bool FileExists(const std::string& path);

// The names in a folder, sorted, without "." and "..".
absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& path);
// Paths that match a pattern, sorted: '*' and '?' stand for characters other than '/', [a-z] for
// one of a set, '\' quotes. A folder that can't be listed has no matches.
absl::StatusOr<std::vector<std::string>> MatchingPaths(const std::string& pattern);

// AlreadyExists if it does.
absl::Status CreateFolder(const std::string& path);
// And those above it; not an error if it is there.
absl::Status CreateFolders(const std::string& path);
absl::Status DeleteFile(const std::string& path);
// Must be empty.
absl::Status DeleteFolder(const std::string& path);
// Replaces a file that is there, in one step for whoever looks.
absl::Status RenameFile(const std::string& from, const std::string& to);
// Waits until the disk has the names in a folder, e.g. after a rename.
absl::Status SyncFolder(const std::string& path);
// A name in the same folder as `path` that no other call gives: "path.tempstate<...>".
std::string TemporaryName(const std::string& path);

// "a/b/c" -> "a/b"; "c" -> ""; "/c" -> "/".
std::string_view Dirname(std::string_view path);
// "a/b/c" -> "c".
std::string_view Basename(std::string_view path);
// As os.path.join: an absolute `b` is the result.
std::string JoinPath(std::string_view a, std::string_view b);
inline bool IsAbsolutePath(std::string_view path) { return path.starts_with('/'); }

}  // namespace weft::io
