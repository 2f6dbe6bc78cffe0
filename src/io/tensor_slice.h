// SPDX-License-Identifier: Apache-2.0
// Rectangular parts of tensors, as checkpoints of partitioned variables hold them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/core/array.h"
#include "weft/core/shape.h"

namespace weft::proto {
class TensorSliceProto;
}

namespace weft::io {

// Of each dimension the range [start, start + length), or all of it.
class TensorSlice {
 public:
  static constexpr int64_t kFull = -1;
  struct Extent {
    int64_t start = 0;
    int64_t length = kFull;
    bool IsFull() const { return length == kFull; }
    friend bool operator==(const Extent&, const Extent&) = default;
  };

  // The whole of a tensor of this rank.
  explicit TensorSlice(int rank = 0) : extents_(static_cast<size_t>(rank)) {}
  explicit TensorSlice(std::vector<Extent> extents) : extents_(std::move(extents)) {}
  // "-:0,10": all of the first dimension, elements 0 to 9 of the second. InvalidArgument if it is
  // not of that form, a start is negative or a length not positive.
  static absl::StatusOr<TensorSlice> Parse(std::string_view text);
  static absl::StatusOr<TensorSlice> FromProto(const proto::TensorSliceProto& proto);
  void ToProto(proto::TensorSliceProto* proto) const;
  std::string ToString() const;

  int rank() const { return static_cast<int>(extents_.size()); }
  const std::vector<Extent>& extents() const { return extents_; }
  bool IsFull() const;
  // The shape of this part of a tensor of shape `full`. Internal if the ranks differ or it reaches
  // beyond.
  absl::StatusOr<Shape> ShapeOf(const Shape& full) const;
  friend bool operator==(const TensorSlice&, const TensorSlice&) = default;

 private:
  std::vector<Extent> extents_;
};

// "10 4 0,4:-": the shape of a full tensor and a slice of it.
struct ShapeAndSlice {
  Shape full_shape;
  TensorSlice slice;
  Shape slice_shape;
};
absl::StatusOr<ShapeAndSlice> ParseShapeAndSlice(std::string_view text);

// The key of a slice of a tensor in the tables of checkpoints: the ordered code of 0, the name, the
// rank and all starts and lengths.
std::string SliceKey(std::string_view name, const TensorSlice& slice);

// The slices that a full tensor of shape `full` is stored in must not overlap and must fit. Gives
// those that share elements with `wanted`; InvalidArgument if some elements are in none.
absl::StatusOr<std::vector<size_t>> SlicesThatCover(const std::vector<TensorSlice>& stored,
                                                    const TensorSlice& wanted, const Shape& full,
                                                    std::string_view name);
// Copies the elements that both are of: `from` is the part `from_slice`, `to` the part `to_slice`
// of a tensor of shape `full`. dtypes and shapes must be right.
void CopyCommonElements(const Array& from, const TensorSlice& from_slice, Array* to,
                        const TensorSlice& to_slice, const Shape& full);

}  // namespace weft::io
