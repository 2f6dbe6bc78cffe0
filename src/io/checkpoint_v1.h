// SPDX-License-Identifier: Apache-2.0
// Checkpoints of version 1: tables whose first value lists the tensors and whose others are slices
// of them, as SavedTensorSlices messages. One checkpoint may be several such files ("shards").
// Byte by byte: README.md.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "src/io/checkpoint.h"

namespace weft::proto {
class SavedTensorSliceMeta;
}

namespace weft::io {

// `pattern`: as of MatchingPaths. NotFound if no file matches, DataLoss if one is no checkpoint.
absl::StatusOr<std::unique_ptr<CheckpointFile>> OpenCheckpointV1(const std::string& pattern);

// Writes one file, under a temporary name until Finish. Not thread-safe.
class CheckpointV1Writer {
 public:
  explicit CheckpointV1Writer(std::string path);
  ~CheckpointV1Writer();
  // InvalidArgument if the slice is there already or doesn't fit those added before, and for uint32
  // and uint64; Unimplemented for bfloat16 and dtypes that the format has no field for. TensorFlow
  // reads the first three but writes none of them.
  absl::Status Add(std::string_view name, const Shape& full_shape, const TensorSlice& slice,
                   const Array& value);
  absl::Status Finish();

 private:
  std::string path_;
  std::map<std::string, int> index_;  // of tensors, in meta_
  std::unique_ptr<proto::SavedTensorSliceMeta> meta_;
  std::map<std::string, std::string> data_;
};

}  // namespace weft::io
