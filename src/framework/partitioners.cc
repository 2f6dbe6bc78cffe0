// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "weft/framework/partitioned_variable.h"

namespace weft {
namespace {

// The place of `axis` in a list of the shape's rank.
size_t Place(int axis, const Shape& shape) {
  const int place = axis < 0 ? axis + shape.rank() : axis;
  if (place < 0 || place >= shape.rank()) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Cannot partition variable along axis ", axis, " when shape is only ",
                      PartialShape(shape).ToPythonString()));
  }
  return static_cast<size_t>(place);
}

double ElementSize(DataType dtype, int64_t bytes_per_string) {
  return static_cast<double>(dtype == kString ? bytes_per_string
                                              : static_cast<int64_t>(DTypeSize(dtype)));
}

std::vector<int64_t> Along(const Shape& shape, size_t place, int64_t parts) {
  std::vector<int64_t> partitions(static_cast<size_t>(shape.rank()), 1);
  partitions[place] = parts;
  return partitions;
}

}  // namespace

Partitioner FixedSizePartitioner(int64_t num_shards, int axis) {
  return [=](const Shape& shape, DataType) {
    const size_t place = Place(axis, shape);
    return Along(shape, place, std::min(num_shards, shape.dim(static_cast<int>(place))));
  };
}

Partitioner VariableAxisSizePartitioner(int64_t max_shard_bytes,
                                        const VariableAxisSizePartitionerOptions& o) {
  if (max_shard_bytes < 1 || o.bytes_per_string_element < 1) {
    ThrowError(
        Code::kInvalidArgument,
        StrCat("Both max_shard_bytes and bytes_per_string_element must be positive. "
               "Currently, max_shard_bytes is ",
               max_shard_bytes, " and bytes_per_string_element is ", o.bytes_per_string_element));
  }
  if (o.max_shards < 0) ThrowError(Code::kInvalidArgument, "max_shards must be positive.");
  return [=](const Shape& shape, DataType dtype) {
    const size_t place = Place(o.axis, shape);
    const auto length = static_cast<double>(shape.dim(static_cast<int>(place)));
    if (length == 0 || shape.num_elements() == 0) return Along(shape, place, 1);
    const double slice_bytes = static_cast<double>(shape.num_elements()) / length *
                               ElementSize(dtype, o.bytes_per_string_element);
    const double slices =
        std::max(1.0, std::floor(static_cast<double>(max_shard_bytes) / slice_bytes));
    auto shards = static_cast<int64_t>(std::ceil(length / slices));
    if (o.max_shards > 0) shards = std::min(shards, o.max_shards);
    return Along(shape, place, shards);
  };
}

Partitioner MinMaxVariablePartitioner(const MinMaxVariablePartitionerOptions& o) {
  if (o.min_slice_size < 1) {
    ThrowError(Code::kInvalidArgument,
               StrCat("min_slice_size must be positive, not ", o.min_slice_size));
  }
  return [=](const Shape& shape, DataType dtype) {
    const size_t place = Place(o.axis, shape);
    const double bytes =
        static_cast<double>(shape.num_elements()) * ElementSize(dtype, o.bytes_per_string_element);
    const auto wanted =
        static_cast<int64_t>(std::ceil(bytes / static_cast<double>(o.min_slice_size)));
    return Along(shape, place,
                 std::max<int64_t>(
                     1, std::min({shape.dim(static_cast<int>(place)), o.max_partitions, wanted})));
  };
}

}  // namespace weft
