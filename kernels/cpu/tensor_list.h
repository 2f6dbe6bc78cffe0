// SPDX-License-Identifier: Apache-2.0
// The value of a TensorList: what a scalar of variants holds.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "weft/core/array.h"
#include "weft/core/handle.h"
#include "weft/runtime/kernel.h"

namespace weft {

// A list of tensors of one dtype. Copies share elements in chunks, so that an op that changes one
// element of a long list copies a few of them and not all: loops that fill a list take time in
// proportion to its length. Elements that were never set are invalid Arrays and take no memory.
// A copy may be changed while others are read.
class TensorListValue {
 public:
  static constexpr const char* kTypeName = "tensorflow::TensorList";

  DataType dtype = kInvalidType;
  PartialShape element_shape;
  int64_t max_num_elements = -1;  // -1: no limit

  int64_t size() const { return size_; }
  const Array& at(int64_t i) const {
    static const Array& unset = *new Array();
    const size_t chunk = static_cast<size_t>(i) / kChunk;
    if (chunk >= chunks_.size() || !chunks_[chunk]) return unset;
    return (*chunks_[chunk])[static_cast<size_t>(i) % kChunk];
  }
  void Set(int64_t i, Array value) {
    const size_t chunk = static_cast<size_t>(i) / kChunk;
    if (chunk >= chunks_.size()) chunks_.resize(chunk + 1);
    std::shared_ptr<Chunk>& c = chunks_[chunk];
    if (!c) {
      c = std::make_shared<Chunk>();
    } else if (c.use_count() > 1) {
      c = std::make_shared<Chunk>(*c);
    }
    (*c)[static_cast<size_t>(i) % kChunk] = std::move(value);
  }
  void PushBack(Array value) { Set(size_++, std::move(value)); }
  // New elements are not set.
  void Resize(int64_t size) {
    const size_t kept = (static_cast<size_t>(size) + kChunk - 1) / kChunk;
    if (kept < chunks_.size()) chunks_.resize(kept);
    for (int64_t i = size; i < std::min<int64_t>(size_, static_cast<int64_t>(kept * kChunk)); ++i) {
      if (at(i).valid()) Set(i, Array());
    }
    size_ = size;
  }

 private:
  static constexpr size_t kChunk = 32;
  using Chunk = std::array<Array, kChunk>;
  int64_t size_ = 0;
  std::vector<std::shared_ptr<Chunk>> chunks_;
};

// ---- For the kernels
// -----------------------------------------------------------------------------

// The list of a variant / of scalar input i; InvalidArgument if it is none.
absl::StatusOr<const TensorListValue*> ListOf(KernelContext& ctx, const Variant& v);
absl::StatusOr<const TensorListValue*> ListInput(KernelContext& ctx, int i);
Variant VariantOf(TensorListValue list);
// Output o is a scalar of this list.
void PutList(KernelContext& ctx, int o, TensorListValue list);

// Input i as the shape of elements: a vector of sizes, -1 where unknown, or the scalar -1.
absl::StatusOr<PartialShape> ElementShapeInput(KernelContext& ctx, int i);
// What is known of the elements' shape by the list, by `also` and, if those don't tell all, by the
// elements that are set.
absl::StatusOr<PartialShape> KnownElementShape(KernelContext& ctx, const TensorListValue& list,
                                               const PartialShape& also);
// Element i, or zeros if it was never set, of the shape that input `shape_input` helps to tell.
absl::StatusOr<Array> ItemOrZeros(KernelContext& ctx, const TensorListValue& list, int64_t i,
                                  int shape_input);

// A copy of the elements of a tensor from `first` on, as an array of this shape.
absl::StatusOr<Array> CopyOfPiece(KernelContext& ctx, const Array& tensor, int64_t first,
                                  const Shape& shape);
// Without the first dimension.
Shape ShapeOfRows(const Shape& shape);

}  // namespace weft
