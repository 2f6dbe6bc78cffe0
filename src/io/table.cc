// SPDX-License-Identifier: Apache-2.0
#include "src/io/table.h"

#include <leveldb/env.h>
#include <leveldb/options.h>
#include <leveldb/table_builder.h>
#include <snappy.h>

#include <algorithm>
#include <utility>

#include "src/core/strings.h"
#include "src/io/coding.h"
#include "src/io/crc32c.h"
#include "weft/core/status_macros.h"

namespace weft::io {
namespace {

// Two handles, padded to 40 bytes, and the magic number.
constexpr size_t kFooterBytes = 48;
constexpr uint64_t kMagic = 0xdb4775248b80fb57;
// Kind of compression and checksum after each block.
constexpr size_t kTrailerBytes = 5;
constexpr char kPlainBlock = 0, kSnappyBlock = 1;
// A copy of at most 64 bytes takes two bytes at least, so more can't come of snappy's input.
constexpr size_t kMaxSnappyRatio = 32;

// Entries of a block: how many bytes of the key before are shared, how many follow, how many are
// the value's; these bytes. Every so often a whole key is stored, and a list of the places of these
// "restarts" ends the block.
class BlockEntries {
 public:
  // False if the block is not one.
  bool Init(std::string_view block) {
    if (block.size() < 4) return false;
    num_restarts_ = LoadFixed32(block.data() + block.size() - 4);
    if (num_restarts_ > (block.size() - 4) / 4) return false;
    entries_ = block.substr(0, block.size() - 4 - 4 * size_t{num_restarts_});
    restarts_ = block.data() + entries_.size();
    rest_ = entries_;
    return true;
  }
  const std::string& key() const { return key_; }
  std::string_view value() const { return value_; }
  bool corrupt() const { return corrupt_; }

  // False at the end, and if the entry is broken (corrupt()).
  bool Next() {
    if (rest_.empty() || corrupt_) return false;
    uint32_t shared, own, value;
    if (!TakeVarint32(&rest_, &shared) || !TakeVarint32(&rest_, &own) ||
        !TakeVarint32(&rest_, &value) || shared > key_.size() ||
        uint64_t{own} + value > rest_.size()) {
      corrupt_ = true;
      return false;
    }
    key_.resize(shared);
    key_.append(rest_.substr(0, own));
    value_ = rest_.substr(own, value);
    rest_.remove_prefix(size_t{own} + value);
    return true;
  }

  // Goes to the first entry whose key is not before `key`.
  bool Seek(std::string_view key) {
    uint32_t low = 0, high = num_restarts_;  // the restarts below `low` are before the key
    while (low < high) {
      const uint32_t middle = low + (high - low) / 2;
      if (!GoToRestart(middle) || !Next()) return false;
      if (key_ < key) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    if (!GoToRestart(low == 0 ? 0 : low - 1)) return false;
    while (Next()) {
      if (key_ >= key) return true;
    }
    return false;
  }

 private:
  bool GoToRestart(uint32_t i) {
    uint32_t offset = 0;
    if (i < num_restarts_) offset = LoadFixed32(restarts_ + 4 * size_t{i});
    if (offset > entries_.size()) {
      corrupt_ = true;
      return false;
    }
    rest_ = entries_.substr(offset);
    key_.clear();
    return true;
  }

  std::string_view entries_, rest_, value_;
  const char* restarts_ = nullptr;
  uint32_t num_restarts_ = 0;
  std::string key_;
  bool corrupt_ = false;
};

// What LevelDB writes to: keeps the error that it would make a text of.
class LevelDbFile : public leveldb::WritableFile {
 public:
  explicit LevelDbFile(io::WritableFile* file) : file_(file) {}
  leveldb::Status Append(const leveldb::Slice& data) override {
    return Take(file_->Append({data.data(), data.size()}));
  }
  leveldb::Status Close() override { return Take(file_->Close()); }
  leveldb::Status Flush() override { return Take(file_->Flush()); }
  leveldb::Status Sync() override { return Take(file_->Sync()); }
  const absl::Status& status() const { return status_; }

 private:
  leveldb::Status Take(absl::Status status) {
    if (status.ok()) return leveldb::Status::OK();
    status_ = std::move(status);
    return leveldb::Status::IOError("see status()");
  }
  io::WritableFile* file_;
  absl::Status status_;
};

absl::Status WriteEntries(io::WritableFile* file,
                          const std::map<std::string, std::string>& entries) {
  leveldb::Options options;
  options.block_size = 256 << 10;
  options.block_restart_interval = 16;
  options.compression = leveldb::kNoCompression;
  LevelDbFile out(file);
  leveldb::TableBuilder builder(options, &out);
  for (const auto& [key, value] : entries) builder.Add(key, value);
  if (!builder.Finish().ok())
    return out.status().ok() ? absl::InternalError(StrCat(file->path(), ": could not be built"))
                             : out.status();
  WEFT_RETURN_IF_ERROR(file->Sync());
  return file->Close();
}

}  // namespace

absl::Status TableReader::Corrupt(std::string_view what) const {
  return absl::DataLossError(StrCat(path(), ": ", what));
}

absl::StatusOr<std::unique_ptr<TableReader>> TableReader::Open(const std::string& path,
                                                               Options options) {
  WEFT_ASSIGN_OR_RETURN(std::unique_ptr<RandomAccessFile> file, RandomAccessFile::Open(path));
  std::unique_ptr<TableReader> reader(new TableReader(std::move(file), options));
  WEFT_RETURN_IF_ERROR(reader->ReadIndex());
  return reader;
}

bool TableReader::TakeHandle(std::string_view* s, Handle* handle) {
  return TakeVarint64(s, &handle->offset) && TakeVarint64(s, &handle->size);
}

absl::Status TableReader::ReadIndex() {
  if (file_->size() < kFooterBytes) return Corrupt("file is too short to be an sstable");
  char footer[kFooterBytes];
  WEFT_RETURN_IF_ERROR(file_->ReadExactlyAt(file_->size() - kFooterBytes, footer, kFooterBytes));
  if (LoadFixed64(footer + kFooterBytes - 8) != kMagic)
    return Corrupt("not an sstable (bad magic number)");
  std::string_view handles(footer, kFooterBytes - 8);
  Handle of_metadata, of_index;
  if (!TakeHandle(&handles, &of_metadata) || !TakeHandle(&handles, &of_index))
    return Corrupt("bad block handle in the footer");
  // Nothing is in it that is of use here; but then all of a file's bytes are verified.
  WEFT_RETURN_IF_ERROR(ReadBlock(of_metadata).status());
  WEFT_ASSIGN_OR_RETURN(const BlockPtr block, ReadBlock(of_index));
  BlockEntries entries;
  if (!entries.Init(*block)) return Corrupt("bad contents of the index block");
  while (entries.Next()) {
    std::string_view value = entries.value();
    Handle handle;
    if (!TakeHandle(&value, &handle)) return Corrupt("bad block handle in the index");
    index_.emplace_back(entries.key(), handle);
  }
  if (entries.corrupt()) return Corrupt("bad entry in the index block");
  if (options_.keep_blocks) kept_.resize(index_.size());
  return absl::OkStatus();
}

absl::StatusOr<TableReader::BlockPtr> TableReader::ReadBlock(const Handle& handle) const {
  const uint64_t end = file_->size() - kFooterBytes;
  if (handle.offset > end || end - handle.offset < kTrailerBytes ||
      handle.size > end - handle.offset - kTrailerBytes) {
    return Corrupt(StrCat("truncated block read: ", handle.size, " bytes at ", handle.offset,
                          " of a file of ", file_->size()));
  }
  std::string bytes(handle.size + kTrailerBytes, '\0');
  WEFT_RETURN_IF_ERROR(file_->ReadExactlyAt(handle.offset, bytes.data(), bytes.size()));
  const char* trailer = bytes.data() + handle.size;
  const char kind = *trailer;
  if (UnmaskCrc32c(LoadFixed32(trailer + 1)) != Crc32c(bytes.data(), handle.size + 1))
    return Corrupt("block checksum mismatch");
  bytes.resize(handle.size);
  if (kind == kPlainBlock) return std::make_shared<const std::string>(std::move(bytes));
  if (kind != kSnappyBlock) return Corrupt(StrCat("bad block type ", static_cast<int>(kind)));
  size_t size = 0;
  std::string plain;
  if (!snappy::GetUncompressedLength(bytes.data(), bytes.size(), &size) ||
      size / kMaxSnappyRatio > bytes.size() ||
      !snappy::Uncompress(bytes.data(), bytes.size(), &plain)) {
    return Corrupt("corrupted compressed block contents");
  }
  return std::make_shared<const std::string>(std::move(plain));
}

absl::StatusOr<TableReader::BlockPtr> TableReader::Block(size_t i) const {
  if (!options_.keep_blocks) return ReadBlock(index_[i].second);
  {
    std::lock_guard lock(mu_);
    if (kept_[i]) return kept_[i];
  }
  WEFT_ASSIGN_OR_RETURN(BlockPtr block, ReadBlock(index_[i].second));
  std::lock_guard lock(mu_);
  kept_[i] = block;
  return block;
}

absl::StatusOr<std::optional<std::string>> TableReader::Get(std::string_view key) const {
  const auto found =
      std::lower_bound(index_.begin(), index_.end(), key,
                       [](const auto& entry, std::string_view k) { return entry.first < k; });
  if (found == index_.end()) return std::nullopt;
  WEFT_ASSIGN_OR_RETURN(const BlockPtr block, Block(static_cast<size_t>(found - index_.begin())));
  BlockEntries entries;
  if (!entries.Init(*block)) return Corrupt("bad block contents");
  const bool at_or_after = entries.Seek(key);
  if (entries.corrupt()) return Corrupt("bad entry in block");
  if (!at_or_after || entries.key() != key) return std::nullopt;
  return std::string(entries.value());
}

absl::Status TableReader::ForEach(
    absl::FunctionRef<absl::Status(std::string_view, std::string_view)> visit) const {
  for (size_t i = 0; i < index_.size(); ++i) {
    WEFT_ASSIGN_OR_RETURN(const BlockPtr block, Block(i));
    BlockEntries entries;
    if (!entries.Init(*block)) return Corrupt("bad block contents");
    while (entries.Next()) WEFT_RETURN_IF_ERROR(visit(entries.key(), entries.value()));
    if (entries.corrupt()) return Corrupt("bad entry in block");
  }
  return absl::OkStatus();
}

absl::Status WriteNewTable(const std::string& path,
                           const std::map<std::string, std::string>& entries) {
  WEFT_ASSIGN_OR_RETURN(std::unique_ptr<WritableFile> file, WritableFile::CreateNew(path));
  absl::Status status = WriteEntries(file.get(), entries);
  if (!status.ok()) (void)DeleteFile(path);
  return status;
}

absl::Status WriteTable(const std::string& path,
                        const std::map<std::string, std::string>& entries) {
  const std::string temporary = TemporaryName(path);
  WEFT_RETURN_IF_ERROR(WriteNewTable(temporary, entries));
  const absl::Status status = RenameFile(temporary, path);
  if (status.ok()) return SyncFolder(std::string(Dirname(path)));
  (void)DeleteFile(temporary);
  return status;
}

}  // namespace weft::io
