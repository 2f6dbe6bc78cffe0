// SPDX-License-Identifier: Apache-2.0
// Sorted tables of LevelDB's format, in which checkpoints keep their index (V2) or all (V1).
//
// Writing is LevelDB's TableBuilder, with TensorFlow's parameters: the bytes are those that
// TensorFlow writes. Reading is done here: LevelDB's Table takes the sizes that a file claims as
// they are, and a checkpoint may come from anywhere. Byte by byte: README.md.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/io/file_system.h"

namespace weft::io {

// Thread-safe. Every block that is read is verified against its checksum.
class TableReader {
 public:
  struct Options {
    // Keeps the blocks that were read: for tables that hold no more than an index.
    bool keep_blocks = true;
  };
  // DataLoss if it is no table.
  static absl::StatusOr<std::unique_ptr<TableReader>> Open(const std::string& path,
                                                           Options options);

  const std::string& path() const { return file_->path(); }
  // The value of this key; nothing if it is not there.
  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) const;
  // Calls visit(key, value) for all, in the order of the file, until it returns an error.
  absl::Status ForEach(
      absl::FunctionRef<absl::Status(std::string_view, std::string_view)> visit) const;

 private:
  struct Handle {
    uint64_t offset = 0;
    uint64_t size = 0;
  };
  using BlockPtr = std::shared_ptr<const std::string>;
  TableReader(std::unique_ptr<RandomAccessFile> file, Options options)
      : file_(std::move(file)), options_(options) {}
  absl::Status ReadIndex();
  static bool TakeHandle(std::string_view* s, Handle* handle);
  absl::StatusOr<BlockPtr> ReadBlock(const Handle& handle) const;
  absl::StatusOr<BlockPtr> Block(size_t i) const;
  absl::Status Corrupt(std::string_view what) const;

  std::unique_ptr<RandomAccessFile> file_;
  Options options_;
  // Of each block a key that is not before its last one.
  std::vector<std::pair<std::string, Handle>> index_;
  mutable std::mutex mu_;
  mutable std::vector<BlockPtr> kept_;
};

// Writes a table: either it is under `path` afterwards, on the disk, or what was there before still
// is.
absl::Status WriteTable(const std::string& path, const std::map<std::string, std::string>& entries);
// Writes a new file, which is on the disk then; AlreadyExists if there is one. After an error there
// is none.
absl::Status WriteNewTable(const std::string& path,
                           const std::map<std::string, std::string>& entries);

}  // namespace weft::io
