// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <mutex>
#include <optional>
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

class BundleReader : public CheckpointFile {
 public:
  BundleReader(std::string prefix, VariantCodec variants, std::unique_ptr<TableReader> index,
               int num_shards)
      : prefix_(std::move(prefix)),
        variants_(std::move(variants)),
        index_(std::move(index)),
        shards_(static_cast<size_t>(num_shards)) {}

  std::string_view format() const override { return "V2"; }
  absl::StatusOr<std::map<std::string, StoredTensor>> List() const override;
  absl::StatusOr<StoredTensor> Find(std::string_view name) const override;
  absl::StatusOr<Array> Read(std::string_view name) const override;
  absl::StatusOr<std::vector<Array>> ReadAll(
      const std::vector<std::string_view>& names) const override;
  absl::StatusOr<Array> ReadSlice(std::string_view name, const TensorSlice& slice) const override;
  absl::StatusOr<std::string> DebugString() const override;

 private:
  absl::StatusOr<BundleEntryProto> FindEntry(std::string_view key) const;
  absl::StatusOr<const RandomAccessFile*> Shard(int i) const;
  absl::StatusOr<const RandomAccessFile*> FileOf(const BundleEntryProto& entry) const;
  absl::Status CheckSize(std::string_view key, const BundleEntryProto& entry, DataType dtype,
                         const Shape& shape) const;
  absl::StatusOr<Array> ReadEntry(std::string_view key, const BundleEntryProto& entry) const;
  absl::StatusOr<Array> ReadSlices(std::string_view name, const BundleEntryProto& entry,
                                   const TensorSlice& wanted) const;
  // A value whose elements are the file's bytes, and where they are.
  struct Plain {
    BundleEntryProto entry;
    const RandomAccessFile* file;
    Array value;
  };
  absl::StatusOr<Plain> PlainOf(std::string_view key, BundleEntryProto entry) const;
  absl::Status ReadPlain(std::vector<Plain>& all) const;
  absl::Status DecodeStrings(std::string_view bytes, Array* out, uint32_t* crc) const;
  absl::Status DecodeVariants(std::string_view bytes, Array* out, uint32_t* crc) const;
  absl::Status Corrupt(const BundleEntryProto& entry, std::string_view what) const;
  absl::Status CheckSum(const BundleEntryProto& entry, uint32_t crc) const;

  std::string prefix_;
  VariantCodec variants_;
  std::unique_ptr<TableReader> index_;
  mutable std::mutex mu_;
  mutable std::vector<std::unique_ptr<RandomAccessFile>> shards_;  // opened when needed
};

absl::StatusOr<StoredTensor> StoredOf(std::string_view key, const BundleEntryProto& entry) {
  StoredTensor tensor;
  WEFT_ASSIGN_OR_RETURN(tensor.dtype, StoredDType(key, entry.dtype()));
  WEFT_ASSIGN_OR_RETURN(tensor.shape, StoredShape(key, entry.shape()));
  for (const auto& slice : entry.slices()) {
    WEFT_ASSIGN_OR_RETURN(TensorSlice parsed, TensorSlice::FromProto(slice));
    tensor.slices.push_back(std::move(parsed));
  }
  return tensor;
}

// Keys of slices begin with the ordered code of 0.
bool IsSliceKey(std::string_view key) { return !key.empty() && key[0] == '\0'; }

absl::StatusOr<std::map<std::string, StoredTensor>> BundleReader::List() const {
  std::map<std::string, StoredTensor> all;
  WEFT_RETURN_IF_ERROR(
      index_->ForEach([&](std::string_view key, std::string_view value) -> absl::Status {
        if (key == kHeaderKey || IsSliceKey(key)) return absl::OkStatus();
        WEFT_ASSIGN_OR_RETURN(const BundleEntryProto entry, ParseBundleEntry(key, value));
        WEFT_ASSIGN_OR_RETURN(StoredTensor tensor, StoredOf(key, entry));
        all.insert_or_assign(std::string(key), std::move(tensor));
        return absl::OkStatus();
      }));
  return all;
}

absl::StatusOr<std::string> BundleReader::DebugString() const {
  WEFT_ASSIGN_OR_RETURN(const auto all, List());
  std::string text;
  for (const auto& [name, tensor] : all) {
    StrAppend(&text, name, " (", proto::DataType_Name(static_cast<proto::DataType>(tensor.dtype)),
              ") ", tensor.shape.ToString(), "\n");
  }
  return text;
}

absl::StatusOr<BundleEntryProto> BundleReader::FindEntry(std::string_view key) const {
  WEFT_ASSIGN_OR_RETURN(const std::optional<std::string> value, index_->Get(key));
  if (!value || key == kHeaderKey)
    return absl::NotFoundError(StrCat("Key ", key, " not found in checkpoint"));
  return ParseBundleEntry(key, *value);
}

absl::StatusOr<StoredTensor> BundleReader::Find(std::string_view name) const {
  WEFT_ASSIGN_OR_RETURN(const BundleEntryProto entry, FindEntry(name));
  return StoredOf(name, entry);
}

absl::StatusOr<Array> BundleReader::Read(std::string_view name) const {
  WEFT_ASSIGN_OR_RETURN(const BundleEntryProto entry, FindEntry(name));
  if (entry.slices().empty()) return ReadEntry(name, entry);
  WEFT_ASSIGN_OR_RETURN(const Shape shape, StoredShape(name, entry.shape()));
  return ReadSlices(name, entry, TensorSlice(shape.rank()));
}

absl::StatusOr<Array> BundleReader::ReadSlice(std::string_view name,
                                              const TensorSlice& slice) const {
  WEFT_ASSIGN_OR_RETURN(const BundleEntryProto entry, FindEntry(name));
  if (!entry.slices().empty()) return ReadSlices(name, entry, slice);
  WEFT_ASSIGN_OR_RETURN(const StoredTensor stored, StoredOf(name, entry));
  WEFT_ASSIGN_OR_RETURN(const Shape shape, slice.ShapeOf(stored.shape));
  WEFT_ASSIGN_OR_RETURN(const Array whole, ReadEntry(name, entry));
  if (shape == stored.shape) return whole;
  WEFT_ASSIGN_OR_RETURN(Array part, NewArray(stored.dtype, shape));
  CopyCommonElements(whole, TensorSlice(stored.shape.rank()), &part, slice, stored.shape);
  return part;
}

absl::StatusOr<Array> BundleReader::ReadSlices(std::string_view name, const BundleEntryProto& entry,
                                               const TensorSlice& wanted) const {
  WEFT_ASSIGN_OR_RETURN(const StoredTensor stored, StoredOf(name, entry));
  WEFT_ASSIGN_OR_RETURN(const Shape shape, wanted.ShapeOf(stored.shape));
  WEFT_ASSIGN_OR_RETURN(const std::vector<size_t> needed,
                        SlicesThatCover(stored.slices, wanted, stored.shape, name));
  // All entries are checked before memory is taken for the result: the files have its bytes.
  std::vector<std::pair<std::string, BundleEntryProto>> parts;
  for (const size_t i : needed) {
    std::string key = SliceKey(name, stored.slices[i]);
    WEFT_ASSIGN_OR_RETURN(BundleEntryProto part, FindEntry(key));
    WEFT_ASSIGN_OR_RETURN(const StoredTensor part_stored, StoredOf(key, part));
    WEFT_ASSIGN_OR_RETURN(const Shape part_shape, stored.slices[i].ShapeOf(stored.shape));
    if (part_stored.dtype != stored.dtype || part_stored.shape != part_shape ||
        !part.slices().empty()) {
      return absl::DataLossError(StrCat("Slice ", stored.slices[i].ToString(), " of ", name,
                                        " is stored as ", DTypeName(part_stored.dtype),
                                        part_stored.shape.ToString(), ", not as ",
                                        DTypeName(stored.dtype), part_shape.ToString()));
    }
    WEFT_RETURN_IF_ERROR(CheckSize(name, part, part_stored.dtype, part_shape));
    parts.emplace_back(std::move(key), std::move(part));
  }
  if (needed.size() == 1 && stored.slices[needed[0]] == wanted)
    return ReadEntry(parts[0].first, parts[0].second);
  WEFT_ASSIGN_OR_RETURN(Array out, NewArray(stored.dtype, shape));
  for (size_t i = 0; i < parts.size(); ++i) {
    WEFT_ASSIGN_OR_RETURN(const Array part, ReadEntry(parts[i].first, parts[i].second));
    CopyCommonElements(part, stored.slices[needed[i]], &out, wanted, stored.shape);
  }
  return out;
}

absl::StatusOr<const RandomAccessFile*> BundleReader::Shard(int i) const {
  if (i < 0 || static_cast<size_t>(i) >= shards_.size()) {
    return absl::DataLossError(
        StrCat("TensorBundle at ", prefix_, ": an entry is in shard ", i, " of ", shards_.size()));
  }
  std::lock_guard lock(mu_);
  std::unique_ptr<RandomAccessFile>& shard = shards_[static_cast<size_t>(i)];
  if (!shard) {
    WEFT_ASSIGN_OR_RETURN(shard, RandomAccessFile::Open(
                                     BundleDataName(prefix_, i, static_cast<int>(shards_.size()))));
  }
  return shard.get();
}

// The file, which has all bytes of the entry.
absl::StatusOr<const RandomAccessFile*> BundleReader::FileOf(const BundleEntryProto& entry) const {
  WEFT_ASSIGN_OR_RETURN(const RandomAccessFile* file, Shard(entry.shard_id()));
  if (entry.offset() < 0 || entry.size() < 0) {
    return absl::DataLossError(StrCat("Invalid place in bundle entry: ", entry.size(), " bytes at ",
                                      entry.offset(), " of ", file->path()));
  }
  const auto offset = static_cast<uint64_t>(entry.offset());
  const auto size = static_cast<uint64_t>(entry.size());
  if (offset > file->size() || size > file->size() - offset) {
    return absl::OutOfRangeError(StrCat(file->path(), ": Read less bytes than requested: ", size,
                                        " at ", offset, " of a file of ", file->size()));
  }
  return file;
}

// So that what is allocated is in proportion to bytes that are there.
absl::Status BundleReader::CheckSize(std::string_view key, const BundleEntryProto& entry,
                                     DataType dtype, const Shape& shape) const {
  WEFT_RETURN_IF_ERROR(FileOf(entry).status());
  const int64_t n = shape.num_elements();
  if (!IsPlain(dtype)) {
    // A length has a byte at least.
    if (entry.size() >= n) return absl::OkStatus();
    return absl::DataLossError(StrCat("Invalid size in bundle entry: key ", key, "; stored size ",
                                      entry.size(), "; expected size is at least ", n));
  }
  const auto element = static_cast<int64_t>(DTypeSize(dtype));
  if (n <= std::numeric_limits<int64_t>::max() / element && entry.size() == n * element)
    return absl::OkStatus();
  return absl::DataLossError(StrCat("Invalid size in bundle entry: key ", key, "; stored size ",
                                    entry.size(), "; expected size ", n, " x ", element));
}

absl::Status BundleReader::Corrupt(const BundleEntryProto& entry, std::string_view what) const {
  return absl::DataLossError(StrCat("TensorBundle at ", prefix_, " shard ", entry.shard_id(), " (",
                                    entry.size(), " bytes): ", what));
}

absl::Status BundleReader::CheckSum(const BundleEntryProto& entry, uint32_t crc) const {
  if (UnmaskCrc32c(entry.crc32c()) == crc) return absl::OkStatus();
  return Corrupt(entry, StrCat("Checksum does not match: stored ", UnmaskCrc32c(entry.crc32c()),
                               " vs. calculated on the restored bytes ", crc));
}

absl::StatusOr<Array> BundleReader::ReadEntry(std::string_view key,
                                              const BundleEntryProto& entry) const {
  WEFT_ASSIGN_OR_RETURN(const StoredTensor stored, StoredOf(key, entry));
  if (IsPlain(stored.dtype)) {
    WEFT_ASSIGN_OR_RETURN(Plain plain, PlainOf(key, entry));
    std::vector<Plain> all;
    all.push_back(std::move(plain));
    WEFT_RETURN_IF_ERROR(ReadPlain(all));
    return std::move(all[0].value);
  }
  WEFT_RETURN_IF_ERROR(CheckSize(key, entry, stored.dtype, stored.shape));
  WEFT_ASSIGN_OR_RETURN(const RandomAccessFile* file, FileOf(entry));
  WEFT_ASSIGN_OR_RETURN(Array out, NewArray(stored.dtype, stored.shape));
  uint32_t crc = 0;
  std::string bytes(static_cast<size_t>(entry.size()), '\0');
  WEFT_RETURN_IF_ERROR(
      file->ReadExactlyAt(static_cast<uint64_t>(entry.offset()), bytes.data(), bytes.size()));
  if (stored.dtype == kString) {
    WEFT_RETURN_IF_ERROR(DecodeStrings(bytes, &out, &crc));
  } else {
    WEFT_RETURN_IF_ERROR(DecodeVariants(bytes, &out, &crc));
  }
  WEFT_RETURN_IF_ERROR(CheckSum(entry, crc));
  return out;
}

absl::StatusOr<std::vector<Array>> BundleReader::ReadAll(
    const std::vector<std::string_view>& names) const {
  std::vector<Array> values(names.size());
  std::vector<Plain> all;
  std::vector<size_t> places;  // of these, in `values`
  for (size_t i = 0; i < names.size(); ++i) {
    WEFT_ASSIGN_OR_RETURN(BundleEntryProto entry, FindEntry(names[i]));
    WEFT_ASSIGN_OR_RETURN(const DataType dtype, StoredDType(names[i], entry.dtype()));
    if (!entry.slices().empty() || !IsPlain(dtype)) {
      WEFT_ASSIGN_OR_RETURN(values[i], Read(names[i]));
      continue;
    }
    WEFT_ASSIGN_OR_RETURN(Plain plain, PlainOf(names[i], std::move(entry)));
    all.push_back(std::move(plain));
    places.push_back(i);
  }
  WEFT_RETURN_IF_ERROR(ReadPlain(all));
  for (size_t i = 0; i < all.size(); ++i) values[places[i]] = std::move(all[i].value);
  return values;
}

absl::StatusOr<BundleReader::Plain> BundleReader::PlainOf(std::string_view key,
                                                          BundleEntryProto entry) const {
  WEFT_ASSIGN_OR_RETURN(const StoredTensor stored, StoredOf(key, entry));
  WEFT_RETURN_IF_ERROR(CheckSize(key, entry, stored.dtype, stored.shape));
  WEFT_ASSIGN_OR_RETURN(const RandomAccessFile* file, FileOf(entry));
  WEFT_ASSIGN_OR_RETURN(Array value, NewArray(stored.dtype, stored.shape));
  return Plain{std::move(entry), file, std::move(value)};
}

// Straight into the values, summed while the bytes are in the cache.
absl::Status BundleReader::ReadPlain(std::vector<Plain>& all) const {
  struct Piece {
    Plain* of;
    size_t begin, size;
    uint32_t crc = 0;
  };
  std::vector<Piece> pieces;
  for (Plain& plain : all) {
    const auto size = static_cast<size_t>(plain.entry.size());
    for (size_t begin = 0; begin < size; begin += kPieceBytes)
      pieces.push_back({&plain, begin, std::min(kPieceBytes, size - begin)});
  }
  std::mutex mu;
  absl::Status status;
  ForEachPiece(pieces.size(), [&](size_t i) {
    Piece& piece = pieces[i];
    char* to = static_cast<char*>(piece.of->value.raw_data()) + piece.begin;
    const uint64_t offset = static_cast<uint64_t>(piece.of->entry.offset()) + piece.begin;
    const absl::Status read = piece.of->file->ReadExactlyAt(offset, to, piece.size);
    if (read.ok()) {
      piece.crc = Crc32c(to, piece.size);
      return;
    }
    std::lock_guard lock(mu);
    status = read;
  });
  WEFT_RETURN_IF_ERROR(status);
  size_t next = 0;
  for (const Plain& plain : all) {
    uint32_t crc = 0;
    for (; next < pieces.size() && pieces[next].of == &plain; ++next)
      crc = Crc32cConcat(crc, pieces[next].crc, pieces[next].size);
    WEFT_RETURN_IF_ERROR(CheckSum(plain.entry, crc));
  }
  return absl::OkStatus();
}

// All lengths as varints, a masked checksum of these (as words of 4 bytes, of 8 if they are that
// big), the texts.
absl::Status BundleReader::DecodeStrings(std::string_view bytes, Array* out, uint32_t* crc) const {
  if (bytes.empty()) return absl::OkStatus();
  std::vector<uint64_t> lengths(static_cast<size_t>(out->num_elements()));
  for (uint64_t& length : lengths) {
    if (!TakeVarint64(&bytes, &length))
      return absl::DataLossError("String lengths longer than the bundle entry");
    const bool is_short = length <= std::numeric_limits<uint32_t>::max();
    *crc = Crc32cExtend(*crc, &length, is_short ? 4 : 8);
  }
  if (bytes.size() < 4) return absl::DataLossError("The length checksum is missing");
  const uint32_t expected = UnmaskCrc32c(LoadFixed32(bytes.data()));
  if (expected != *crc) {
    return absl::DataLossError(
        StrCat("The length checksum does not match: expected ", expected, " but actual is ", *crc));
  }
  *crc = Crc32cExtend(*crc, bytes.data(), 4);
  bytes.remove_prefix(4);
  *crc = Crc32cExtend(*crc, bytes.data(), bytes.size());
  std::string* text = out->mutable_data<std::string>();
  for (const uint64_t length : lengths) {
    if (length > bytes.size())
      return absl::DataLossError("A string is longer than the bundle entry");
    (text++)->assign(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  return bytes.empty() ? absl::OkStatus()
                       : absl::DataLossError("The bundle entry is longer than its strings");
}

// Of each: the length as a varint, a VariantTensorDataProto, the masked checksum of all so far, in
// which the length counts as a word of 8 bytes.
absl::Status BundleReader::DecodeVariants(std::string_view bytes, Array* out, uint32_t* crc) const {
  if (out->num_elements() > 0 && !variants_.decode)
    return absl::UnimplementedError("Variants can't be read here");
  for (Variant& v : out->mutable_values<Variant>()) {
    uint64_t length;
    if (!TakeVarint64(&bytes, &length) || bytes.size() < 4 || length > bytes.size() - 4)
      return absl::DataLossError("A variant is longer than the bundle entry");
    *crc = Crc32cExtend(*crc, &length, sizeof length);
    *crc = Crc32cExtend(*crc, bytes.data(), length);
    const char* stored = bytes.data() + length;
    if (UnmaskCrc32c(LoadFixed32(stored)) != *crc)
      return absl::DataLossError("The checksum after a variant does not match");
    *crc = Crc32cExtend(*crc, stored, 4);
    WEFT_ASSIGN_OR_RETURN(v, variants_.decode(bytes.substr(0, length)));
    bytes.remove_prefix(length + 4);
  }
  return bytes.empty() ? absl::OkStatus()
                       : absl::DataLossError("The bundle entry is longer than its variants");
}

}  // namespace

absl::StatusOr<std::unique_ptr<CheckpointFile>> OpenBundle(const std::string& prefix,
                                                           const VariantCodec& variants) {
  WEFT_ASSIGN_OR_RETURN(std::unique_ptr<TableReader> index,
                        TableReader::Open(BundleIndexName(prefix), {.keep_blocks = true}));
  WEFT_ASSIGN_OR_RETURN(const proto::BundleHeaderProto header, ReadBundleHeader(*index));
  return std::unique_ptr<CheckpointFile>(
      std::make_unique<BundleReader>(prefix, variants, std::move(index), header.num_shards()));
}

}  // namespace weft::io
