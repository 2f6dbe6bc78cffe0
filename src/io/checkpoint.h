// SPDX-License-Identifier: Apache-2.0
// Checkpoints as they are read: named tensors, each whole or in slices, from files of either
// version.
//
// Files may come from anywhere: whatever they claim, reading them ends with a value or with an
// error, and takes no more memory than a small multiple of their size.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/io/tensor_slice.h"
#include "weft/core/array.h"

namespace weft {
class Variant;
}

namespace weft::io {

// A VariantTensorDataProto of a variant and back: the layer of graphs knows how.
struct VariantCodec {
  std::function<absl::StatusOr<std::string>(const Variant&)> encode = {};
  std::function<absl::StatusOr<Variant>(std::string_view)> decode = {};
};

// What a checkpoint says of a tensor.
struct StoredTensor {
  DataType dtype = kInvalidType;
  Shape shape;
  // The parts that it is stored in; none if it is whole.
  std::vector<TensorSlice> slices;
};

// Thread-safe.
class CheckpointFile {
 public:
  virtual ~CheckpointFile() = default;
  // All tensors by name. Slices are no tensors of their own.
  virtual absl::StatusOr<std::map<std::string, StoredTensor>> List() const = 0;
  // NotFound "Key v not found in checkpoint".
  virtual absl::StatusOr<StoredTensor> Find(std::string_view name) const = 0;
  // The whole value, put together if it is stored in slices. Verified against its checksum.
  virtual absl::StatusOr<Array> Read(std::string_view name) const = 0;
  // The values of several tensors, read at once by all threads.
  virtual absl::StatusOr<std::vector<Array>> ReadAll(
      const std::vector<std::string_view>& names) const;
  // The part of the tensor that `slice` is.
  virtual absl::StatusOr<Array> ReadSlice(std::string_view name,
                                          const TensorSlice& slice) const = 0;
  // A line a tensor, as TensorFlow's readers write them: "w (DT_FLOAT) [2,3]".
  virtual absl::StatusOr<std::string> DebugString() const = 0;
  // "V2" or "V1".
  virtual std::string_view format() const = 0;
};

// Opens "<prefix>.index" or, if there is none, the V1 files that match the pattern `prefix`.
// NotFound if there are none, DataLoss if they are no checkpoint.
absl::StatusOr<std::unique_ptr<CheckpointFile>> OpenCheckpoint(const std::string& prefix,
                                                               const VariantCodec& variants = {});

// An Array; ResourceExhausted if the memory can't be had.
absl::StatusOr<Array> NewArray(DataType dtype, const Shape& shape);

}  // namespace weft::io
