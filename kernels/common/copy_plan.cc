// SPDX-License-Identifier: Apache-2.0
#include "kernels/common/copy_plan.h"

namespace weft {

IndexVector RowMajorStrides(std::span<const int64_t> sizes) {
  IndexVector strides(sizes.size());
  int64_t stride = 1;
  for (size_t k = sizes.size(); k-- > 0;) {
    strides[k] = stride;
    stride *= sizes[k];
  }
  return strides;
}

int64_t CopyCount(const CopyDims& dims) {
  int64_t n = 1;
  for (const CopyDim& d : dims) n *= d.size;
  return n;
}

void CollapseCopy(CopyDims* dims) {
  size_t kept = 0;
  for (const CopyDim d : *dims) {
    if (d.size == 1) continue;
    if (kept > 0) {
      CopyDim& outer = (*dims)[kept - 1];
      if (outer.dst_stride == d.size * d.dst_stride && outer.src_stride == d.size * d.src_stride) {
        outer = {outer.size * d.size, d.dst_stride, d.src_stride};
        continue;
      }
    }
    (*dims)[kept++] = d;
  }
  dims->resize(kept);
}

CopyDims TransposeCopy(std::span<const int64_t> sizes, std::span<const int64_t> perm) {
  const IndexVector src = RowMajorStrides(sizes);
  CopyDims dims(perm.size());
  int64_t stride = 1;
  for (size_t k = perm.size(); k-- > 0;) {
    const int64_t from = perm[k];
    dims[k] = {sizes[from], stride, src[from]};
    stride *= sizes[from];
  }
  return dims;
}

void CopyOdometer::Seek(int64_t position) {
  dst_ = src_ = 0;
  for (size_t k = dims_.size(); k-- > 0;) {
    const CopyDim& d = dims_[k];
    index_[k] = position % d.size;
    position /= d.size;
    dst_ += index_[k] * d.dst_stride;
    src_ += index_[k] * d.src_stride;
  }
}

}  // namespace weft
