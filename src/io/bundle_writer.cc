// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <mutex>
#include <utility>

#include "src/core/strings.h"
#include "src/io/bundle.h"
#include "src/io/bundle_format.h"
#include "src/io/coding.h"
#include "src/io/crc32c.h"
#include "src/io/pieces.h"
#include "weft/core/handle.h"
#include "weft/core/status_macros.h"

namespace weft::io {
namespace {

using proto::BundleEntryProto;

absl::Status MakeFolderOf(const std::string& prefix) {
  const std::string folder(Dirname(prefix));
  return folder.empty() ? absl::OkStatus() : CreateFolders(folder);
}

// The index of these entries, with the header.
std::map<std::string, std::string> IndexOf(int num_shards,
                                           const std::map<std::string, BundleEntryProto>& entries) {
  std::map<std::string, std::string> table;
  table.emplace(kHeaderKey, HeaderBytes(num_shards));
  for (const auto& [key, entry] : entries) table.emplace(key, entry.SerializeAsString());
  return table;
}

}  // namespace

struct BundleWriter::Entries {
  std::map<std::string, BundleEntryProto> by_key;
  // Values whose place in the file is known but which are not there yet.
  struct Deferred {
    BundleEntryProto* entry;
    Array value;
  };
  std::vector<Deferred> deferred;
};

BundleWriter::BundleWriter(std::string prefix, Options options, std::unique_ptr<WritableFile> data)
    : prefix_(std::move(prefix)),
      options_(std::move(options)),
      data_(std::move(data)),
      entries_(std::make_unique<Entries>()) {}

BundleWriter::~BundleWriter() {
  if (!data_) return;
  (void)data_->Close();
  (void)DeleteFile(data_->path());
}

absl::StatusOr<std::unique_ptr<BundleWriter>> BundleWriter::Create(const std::string& prefix,
                                                                   Options options) {
  WEFT_RETURN_IF_ERROR(MakeFolderOf(prefix));
  WEFT_ASSIGN_OR_RETURN(std::unique_ptr<WritableFile> data,
                        WritableFile::CreateNew(TemporaryName(BundleDataName(prefix, 0, 1))));
  return std::unique_ptr<BundleWriter>(
      new BundleWriter(prefix, std::move(options), std::move(data)));
}

absl::Status BundleWriter::Append(std::string_view bytes, uint32_t* crc) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(kPieceBytes, bytes.size()))) {
    const std::string_view piece = bytes.substr(0, kPieceBytes);
    *crc = Crc32cExtend(*crc, piece.data(), piece.size());
    WEFT_RETURN_IF_ERROR(data_->Append(piece));
  }
  return absl::OkStatus();
}

absl::Status BundleWriter::WriteDeferred() {
  struct Piece {
    std::string_view bytes;
    uint64_t offset;
    uint32_t crc = 0;
  };
  std::vector<Piece> pieces;
  for (const auto& [entry, value] : entries_->deferred) {
    const std::string_view all(static_cast<const char*>(value.raw_data()), value.num_bytes());
    for (size_t begin = 0; begin < all.size(); begin += kPieceBytes)
      pieces.push_back(
          {all.substr(begin, kPieceBytes), static_cast<uint64_t>(entry->offset()) + begin});
  }
  std::mutex mu;
  absl::Status status;
  ForEachPiece(pieces.size(), [&](size_t i) {
    Piece& piece = pieces[i];
    piece.crc = Crc32c(piece.bytes);
    const absl::Status written = data_->WriteAt(piece.offset, piece.bytes);
    // Early, so that Sync has less to wait for.
    data_->StartWriteback(piece.offset, piece.bytes.size());
    if (written.ok()) return;
    std::lock_guard lock(mu);
    status = written;
  });
  WEFT_RETURN_IF_ERROR(status);
  size_t next = 0;
  for (const auto& [entry, value] : entries_->deferred) {
    uint32_t crc = 0;
    for (size_t done = 0; done < value.num_bytes(); done += pieces[next++].bytes.size())
      crc = Crc32cConcat(crc, pieces[next].crc, pieces[next].bytes.size());
    entry->set_crc32c(MaskCrc32c(crc));
  }
  entries_->deferred.clear();
  return absl::OkStatus();
}

// The layouts are told at the functions of the reader.
absl::Status BundleWriter::WriteValue(const Array& value, uint32_t* crc) {
  if (value.dtype() == kString) {
    std::string lengths;
    for (const std::string& text : value.values<std::string>()) {
      const uint64_t length = text.size();
      AppendVarint64(&lengths, length);
      const bool is_short = length <= std::numeric_limits<uint32_t>::max();
      *crc = Crc32cExtend(*crc, &length, is_short ? 4 : 8);
    }
    WEFT_RETURN_IF_ERROR(data_->Append(lengths));
    const uint32_t sum = MaskCrc32c(*crc);
    WEFT_RETURN_IF_ERROR(Append(Fixed32Bytes(sum), crc));
    for (const std::string& text : value.values<std::string>())
      WEFT_RETURN_IF_ERROR(Append(text, crc));
    return absl::OkStatus();
  }
  if (value.dtype() == kVariant) {
    if (!options_.variants.encode)
      return absl::UnimplementedError("Variants can't be written here");
    for (const Variant& v : value.values<Variant>()) {
      WEFT_ASSIGN_OR_RETURN(const std::string bytes, options_.variants.encode(v));
      const uint64_t length = bytes.size();
      std::string varint;
      AppendVarint64(&varint, length);
      WEFT_RETURN_IF_ERROR(data_->Append(varint));
      *crc = Crc32cExtend(*crc, &length, sizeof length);
      WEFT_RETURN_IF_ERROR(Append(bytes, crc));
      const uint32_t sum = MaskCrc32c(*crc);
      WEFT_RETURN_IF_ERROR(Append(Fixed32Bytes(sum), crc));
    }
    return absl::OkStatus();
  }
  return Append({static_cast<const char*>(value.raw_data()), value.num_bytes()}, crc);
}

absl::Status BundleWriter::Pad() {
  const auto alignment = static_cast<uint64_t>(std::max(options_.data_alignment, 1));
  const uint64_t over = data_->size() % alignment;
  return over == 0 ? absl::OkStatus() : data_->Append(std::string(alignment - over, '\0'));
}

absl::Status BundleWriter::Add(std::string_view key, const Array& value) {
  if (!data_) return absl::FailedPreconditionError("BundleWriter is closed");
  if (key.empty()) return absl::InvalidArgumentError("A tensor's key must not be empty");
  if (!value.valid() || !StoredDType(key, value.dtype()).ok()) {
    return absl::UnimplementedError(
        StrCat("Key ", key, ": values of dtype ", DTypeName(value.dtype()), " can't be saved"));
  }
  const auto [found, added] = entries_->by_key.try_emplace(std::string(key));
  if (!added) return absl::InvalidArgumentError(StrCat("Adding duplicate key: ", key));
  BundleEntryProto& entry = found->second;
  entry.set_dtype(static_cast<proto::DataType>(value.dtype()));
  ShapeToStored(value.shape(), entry.mutable_shape());
  if (options_.values_stay && IsPlain(value.dtype()) && value.num_bytes() > kPieceBytes / 8) {
    WEFT_ASSIGN_OR_RETURN(const uint64_t place, data_->Extend(value.num_bytes()));
    entry.set_offset(static_cast<int64_t>(place));
    entry.set_size(static_cast<int64_t>(value.num_bytes()));
    entries_->deferred.push_back({&entry, value});
    return Pad();
  }
  const uint64_t offset = data_->size();
  uint32_t crc = 0;
  WEFT_RETURN_IF_ERROR(WriteValue(value, &crc));
  entry.set_offset(static_cast<int64_t>(offset));
  entry.set_size(static_cast<int64_t>(data_->size() - offset));
  entry.set_crc32c(MaskCrc32c(crc));
  return Pad();
}

absl::Status BundleWriter::AddSlice(std::string_view key, const Shape& full_shape,
                                    const TensorSlice& slice, const Array& value) {
  WEFT_ASSIGN_OR_RETURN(const Shape shape, slice.ShapeOf(full_shape));
  if (shape != value.shape()) {
    return absl::InvalidArgumentError(StrCat("Key ", key, ": slice ", slice.ToString(), " of ",
                                             full_shape.ToString(), " is not of shape ",
                                             value.shape().ToString()));
  }
  if (shape == full_shape) return Add(key, value);
  BundleEntryProto& entry = entries_->by_key[std::string(key)];
  if (entry.dtype() != proto::DT_INVALID) {
    WEFT_ASSIGN_OR_RETURN(const Shape before, StoredShape(key, entry.shape()));
    if (entry.slices().empty() || before != full_shape ||
        entry.dtype() != static_cast<proto::DataType>(value.dtype())) {
      return absl::InvalidArgumentError(
          StrCat("Key ", key,
                 ": its slices are of several dtypes or full shapes, or it was added as a whole"));
    }
  }
  entry.set_dtype(static_cast<proto::DataType>(value.dtype()));
  ShapeToStored(full_shape, entry.mutable_shape());
  slice.ToProto(entry.add_slices());
  return Add(SliceKey(key, slice), value);
}

absl::Status BundleWriter::Finish() {
  if (!data_) return absl::FailedPreconditionError("BundleWriter is closed");
  WEFT_RETURN_IF_ERROR(WriteDeferred());
  WEFT_RETURN_IF_ERROR(data_->Sync());
  WEFT_RETURN_IF_ERROR(data_->Close());
  // All that may fail for want of space is done before a file gets its name.
  const std::string index = BundleIndexName(prefix_);
  const std::string temporary = TemporaryName(index);
  WEFT_RETURN_IF_ERROR(WriteNewTable(temporary, IndexOf(1, entries_->by_key)));
  absl::Status status = RenameFile(data_->path(), BundleDataName(prefix_, 0, 1));
  if (status.ok()) {
    data_.reset();
    status = RenameFile(temporary, index);
  }
  if (status.ok()) return SyncFolder(std::string(Dirname(prefix_)));
  (void)DeleteFile(temporary);
  return status;
}

// ---- Merging ------------------------------------------------------------------------------------

namespace {

class Merger {
 public:
  absl::Status Add(const std::string& prefix) {
    WEFT_ASSIGN_OR_RETURN(std::unique_ptr<TableReader> index,
                          TableReader::Open(BundleIndexName(prefix), {.keep_blocks = false}));
    WEFT_ASSIGN_OR_RETURN(const proto::BundleHeaderProto header, ReadBundleHeader(*index));
    return index->ForEach([&](std::string_view key, std::string_view value) -> absl::Status {
      if (key == kHeaderKey) return absl::OkStatus();
      WEFT_ASSIGN_OR_RETURN(BundleEntryProto entry, ParseBundleEntry(key, value));
      return AddEntry(prefix, header.num_shards(), std::string(key), std::move(entry));
    });
  }

  absl::Status Write(const std::string& merged_prefix) const {
    const int n = static_cast<int>(shards_.size());
    for (const auto& [path, shard] : shards_)
      WEFT_RETURN_IF_ERROR(RenameFile(path, BundleDataName(merged_prefix, shard, n)));
    return WriteTable(BundleIndexName(merged_prefix), IndexOf(std::max(n, 1), entries_));
  }

 private:
  absl::Status AddEntry(const std::string& prefix, int num_shards, std::string key,
                        BundleEntryProto entry) {
    if (entry.shard_id() < 0 || entry.shard_id() >= num_shards)
      return absl::DataLossError(StrCat(prefix, ": key ", key, " is in no shard of the bundle"));
    const auto found = entries_.find(key);
    if (found != entries_.end()) return MergeSlices(prefix, key, entry, &found->second);
    // The entry of a partitioned tensor has no bytes of its own.
    const int next = static_cast<int>(shards_.size());
    const auto [shard, added] =
        shards_.try_emplace(BundleDataName(prefix, entry.shard_id(), num_shards), next);
    entry.set_shard_id(shard->second);
    entries_.emplace(std::move(key), std::move(entry));
    return absl::OkStatus();
  }

  static absl::Status MergeSlices(const std::string& prefix, const std::string& key,
                                  const BundleEntryProto& entry, BundleEntryProto* existing) {
    if (existing->slices().empty() || entry.slices().empty()) {
      return absl::InvalidArgumentError(
          StrCat("Duplicate tensor keyed by ", key, " encountered, when merging prefix: ", prefix));
    }
    if (existing->dtype() != entry.dtype() ||
        existing->shape().SerializeAsString() != entry.shape().SerializeAsString()) {
      return absl::InvalidArgumentError(
          StrCat("Slices of ", key,
                 " are of several dtypes or full shapes, when merging prefix: ", prefix));
    }
    existing->mutable_slices()->MergeFrom(entry.slices());
    return absl::OkStatus();
  }

  std::map<std::string, BundleEntryProto> entries_;
  std::map<std::string, int> shards_;  // path -> number in the merged bundle
};

}  // namespace

absl::Status MergeBundles(const std::vector<std::string>& prefixes,
                          const std::string& merged_prefix, const MergeOptions& options) {
  WEFT_RETURN_IF_ERROR(MakeFolderOf(merged_prefix));
  Merger merger;
  std::vector<std::string> merged;
  for (const std::string& prefix : prefixes) {
    if (options.allow_missing_files && !FileExists(BundleIndexName(prefix))) continue;
    WEFT_RETURN_IF_ERROR(merger.Add(prefix));
    merged.push_back(prefix);
  }
  if (merged.empty() && options.allow_missing_files) {
    return absl::InvalidArgumentError(
        "At least one prefix checkpoint file must exist, but none existed.");
  }
  WEFT_RETURN_IF_ERROR(merger.Write(merged_prefix));
  // What is left is of no use; if it can't be deleted, the checkpoint is good all the same.
  for (const std::string& prefix : merged) {
    if (prefix != merged_prefix) (void)DeleteFile(BundleIndexName(prefix));
  }
  if (!options.delete_old_dirs) return absl::OkStatus();
  for (const std::string& prefix : prefixes) {
    const std::string folder(Dirname(prefix));
    if (folder != Dirname(merged_prefix)) (void)DeleteFolder(folder);
  }
  return absl::OkStatus();
}

}  // namespace weft::io
