// SPDX-License-Identifier: Apache-2.0
#include "src/io/checkpoint.h"

#include <limits>
#include <utility>

#include "src/core/strings.h"
#include "src/io/bundle.h"
#include "src/io/checkpoint_v1.h"
#include "weft/core/status_macros.h"

namespace weft::io {

absl::StatusOr<std::unique_ptr<CheckpointFile>> OpenCheckpoint(const std::string& prefix,
                                                               const VariantCodec& variants) {
  if (FileExists(BundleIndexName(prefix))) return OpenBundle(prefix, variants);
  return OpenCheckpointV1(prefix);
}

absl::StatusOr<std::vector<Array>> CheckpointFile::ReadAll(
    const std::vector<std::string_view>& names) const {
  std::vector<Array> values;
  for (const std::string_view name : names) {
    WEFT_ASSIGN_OR_RETURN(Array value, Read(name));
    values.push_back(std::move(value));
  }
  return values;
}

absl::StatusOr<Array> NewArray(DataType dtype, const Shape& shape) {
  const int64_t n = shape.num_elements();
  BufferPtr buffer;
  if (n <= std::numeric_limits<int64_t>::max() / static_cast<int64_t>(DTypeSize(dtype)))
    buffer = AllocateBuffer(HostAllocator(), dtype, n);
  if (buffer) return Array::FromBuffer(dtype, shape, std::move(buffer));
  return absl::ResourceExhaustedError(StrCat("OOM when allocating tensor with shape",
                                             shape.ToString(), " and type ", DTypeName(dtype)));
}

}  // namespace weft::io
