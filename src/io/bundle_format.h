// SPDX-License-Identifier: Apache-2.0
// What the reader, the writer and the merging of bundles share.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/weft/tensor_bundle.pb.h"
#include "src/io/table.h"
#include "weft/core/array.h"

namespace weft::io {

// Version of the format that is written, and the least that a reader must have.
inline constexpr int kBundleVersion = 1;
inline constexpr int kBundleMinConsumer = 0;
// The header's key, the first of the table.
inline constexpr std::string_view kHeaderKey = "";

// Whether code of version `current` may read what says this of itself; InvalidArgument if not.
absl::Status CheckVersion(const proto::VersionDef& version, int current);
// The header of an index, checked; errors name the file.
absl::StatusOr<proto::BundleHeaderProto> ReadBundleHeader(const TableReader& table);
// DataLoss "Entry for key v not parseable."
absl::StatusOr<proto::BundleEntryProto> ParseBundleEntry(std::string_view key,
                                                         std::string_view value);
std::string HeaderBytes(int num_shards);

// Full sizes only. DataLoss naming the key if it is no shape of an Array.
absl::StatusOr<Shape> StoredShape(std::string_view key, const proto::TensorShapeProto& proto);
void ShapeToStored(const Shape& shape, proto::TensorShapeProto* proto);
// The element types that an Array may have; DataLoss for others.
absl::StatusOr<DataType> StoredDType(std::string_view key, int dtype);

}  // namespace weft::io
