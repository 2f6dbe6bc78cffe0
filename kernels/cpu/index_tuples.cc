// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/index_tuples.h"

#include "kernels/common/copy_plan.h"
#include "src/core/strings.h"

namespace weft {
namespace {

// The tuple that is outside, or -1.
template <typename Index>
int64_t FillOffsets(const Index* indices, int depth, const int64_t* sizes, const int64_t* strides,
                    std::vector<int64_t>* offsets) {
  const int64_t count = static_cast<int64_t>(offsets->size());
  for (int64_t k = 0; k < count; ++k, indices += depth) {
    int64_t offset = 0;
    bool inside = true;
    for (int d = 0; d < depth; ++d) {
      const int64_t i = static_cast<int64_t>(indices[d]);
      inside &= static_cast<uint64_t>(i) < static_cast<uint64_t>(sizes[d]);
      // Unsigned: an index that is outside may make this wrap.
      offset = static_cast<int64_t>(static_cast<uint64_t>(offset) +
                                    static_cast<uint64_t>(i) * static_cast<uint64_t>(strides[d]));
    }
    if (!inside) return k;
    (*offsets)[k] = offset;
  }
  return -1;
}

}  // namespace

std::string PositionText(std::span<const int64_t> sizes, int64_t position) {
  IndexVector index(sizes.size());
  for (size_t k = sizes.size(); k-- > 0;) {
    index[k] = position % sizes[k];
    position /= sizes[k];
  }
  return StrCat("[", StrJoin(index, ","), "]");
}

absl::StatusOr<Array> WidenIndices(KernelContext& ctx, const Array& indices) {
  WEFT_ASSIGN_OR_RETURN(Array wide, ctx.AllocateTemp(kInt32, indices.shape()));
  for (int64_t i = 0; i < indices.num_elements(); ++i) {
    wide.mutable_data<int32_t>()[i] = static_cast<int32_t>(indices.AsInt64(i));
  }
  return wide;
}

absl::StatusOr<std::vector<int64_t>> TupleOffsets(KernelContext& ctx, const Array& indices,
                                                  int depth, int64_t count, const Shape& shape,
                                                  const char* what) {
  std::vector<int64_t> offsets(static_cast<size_t>(count));
  const IndexVector strides = RowMajorStrides(shape.dims());
  Array wide = indices;
  if (indices.dtype() != kInt32 && indices.dtype() != kInt64) {
    WEFT_ASSIGN_OR_RETURN(wide, WidenIndices(ctx, indices));
  }
  const int64_t bad =
      wide.dtype() == kInt32
          ? FillOffsets(wide.data<int32_t>(), depth, shape.dims().data(), strides.data(), &offsets)
          : FillOffsets(wide.data<int64_t>(), depth, shape.dims().data(), strides.data(), &offsets);
  if (bad < 0) return offsets;
  IndexVector tuple;
  for (int d = 0; d < depth; ++d) tuple.push_back(wide.AsInt64(bad * depth + d));
  const std::span<const int64_t> outer =
      indices.shape().dims().first(static_cast<size_t>(std::max(indices.rank() - 1, 1)));
  return ctx.InvalidArgument(StrCat("indices", PositionText(outer, bad), " = [",
                                    StrJoin(tuple, ", "), "] does not index into ", what, " ",
                                    shape.ToString()));
}

}  // namespace weft
