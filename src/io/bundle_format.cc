// SPDX-License-Identifier: Apache-2.0
#include "src/io/bundle_format.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <vector>

#include "src/core/strings.h"
#include "src/io/bundle.h"
#include "weft/core/status_macros.h"

namespace weft::io {
namespace {

// More than any save has had; the number is in file names.
constexpr int kMaxShards = 99999;

absl::Status BadIndex(const std::string& path, std::string_view detail, const absl::Status& cause) {
  const std::string text = StrCat(
      "Unable to read file (", path,
      "). Perhaps the file is corrupt or was produced by a newer version with format changes (",
      detail, ")");
  if (cause.ok()) return absl::DataLossError(text);
  return absl::Status(cause.code(), StrCat(text, ": ", cause.message()));
}

}  // namespace

std::string BundleIndexName(std::string_view prefix) { return StrCat(prefix, ".index"); }

std::string BundleDataName(std::string_view prefix, int shard, int num_shards) {
  char suffix[48];
  std::snprintf(suffix, sizeof suffix, ".data-%05d-of-%05d", shard, num_shards);
  return StrCat(prefix, suffix);
}

absl::Status CheckVersion(const proto::VersionDef& version, int current) {
  if (version.producer() < 0) {
    return absl::InvalidArgumentError(
        StrCat("Checkpoint producer version ", version.producer(), " below min producer 0"));
  }
  if (version.min_consumer() > current) {
    return absl::InvalidArgumentError(StrCat("Checkpoint min consumer version ",
                                             version.min_consumer(), " above current version ",
                                             current, " of Weft. Please upgrade it."));
  }
  const auto& bad = version.bad_consumers();
  if (std::find(bad.begin(), bad.end(), current) == bad.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("Checkpoint disallows consumer version ", current,
             ": it was written for readers without a bug of this version. Please upgrade Weft."));
}

absl::StatusOr<proto::BundleHeaderProto> ReadBundleHeader(const TableReader& table) {
  absl::StatusOr<std::optional<std::string>> value = table.Get(kHeaderKey);
  if (!value.ok() || !*value)
    return BadIndex(table.path(), "failed to seek to header entry", value.status());
  proto::BundleHeaderProto header;
  if (!header.ParseFromString(**value))
    return BadIndex(table.path(), "unable to parse header", absl::OkStatus());
  WEFT_RETURN_IF_ERROR(CheckVersion(header.version(), kBundleVersion));
  if (header.num_shards() < 1 || header.num_shards() > kMaxShards) {
    return BadIndex(table.path(), StrCat("the header tells of ", header.num_shards(), " shards"),
                    absl::OkStatus());
  }
  if (header.endianness() != proto::BundleHeaderProto::LITTLE) {
    return absl::UnimplementedError(StrCat(
        table.path(), ": written by a big-endian machine; only little-endian files can be read"));
  }
  return header;
}

absl::StatusOr<proto::BundleEntryProto> ParseBundleEntry(std::string_view key,
                                                         std::string_view value) {
  proto::BundleEntryProto entry;
  if (entry.ParseFromArray(value.data(), static_cast<int>(value.size()))) return entry;
  return absl::DataLossError(StrCat("Entry for key ", key, " not parseable."));
}

std::string HeaderBytes(int num_shards) {
  proto::BundleHeaderProto header;
  header.set_num_shards(num_shards);
  header.set_endianness(proto::BundleHeaderProto::LITTLE);
  header.mutable_version()->set_producer(kBundleVersion);
  header.mutable_version()->set_min_consumer(kBundleMinConsumer);
  return header.SerializeAsString();
}

absl::StatusOr<Shape> StoredShape(std::string_view key, const proto::TensorShapeProto& proto) {
  std::vector<int64_t> dims;
  for (const auto& dim : proto.dim()) dims.push_back(dim.size());
  Shape shape;
  std::string error;
  if (!proto.unknown_rank() && Shape::Make(dims, &shape, &error)) return shape;
  return absl::DataLossError(StrCat("Invalid tensor shape: ", key, " [", StrJoin(dims, ","), "] ",
                                    proto.unknown_rank() ? "of unknown rank" : error));
}

void ShapeToStored(const Shape& shape, proto::TensorShapeProto* proto) {
  proto->Clear();
  for (const int64_t d : shape.dims()) proto->add_dim()->set_size(d);
}

absl::StatusOr<DataType> StoredDType(std::string_view key, int dtype) {
  const auto type = static_cast<DataType>(dtype);
  if (!IsRef(type) &&
      (type == kString || type == kVariant || (IsPlain(type) && DTypeSize(type) > 0)))
    return type;
  return absl::DataLossError(StrCat("Invalid dtype ", dtype, " of key ", key));
}

}  // namespace weft::io
