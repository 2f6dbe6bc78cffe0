// SPDX-License-Identifier: Apache-2.0
// The first few lanes of a vector of floats in memory, for files that are compiled once an
// instruction set (Highway): nothing beyond them is read or written. (Highway's own masked loads
// read whole aligned vectors where the instruction set has no masks.)
#if defined(WEFT_KERNELS_CPU_VECTOR_PART_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WEFT_KERNELS_CPU_VECTOR_PART_INL_H_
#undef WEFT_KERNELS_CPU_VECTOR_PART_INL_H_
#else
#define WEFT_KERNELS_CPU_VECTOR_PART_INL_H_
#endif

#include <cstddef>
#include <cstring>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace weft {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Lanes [0, count) of vectors of type D.
template <class D>
class VectorPart {
 public:
  HWY_INLINE VectorPart(D d, size_t count) : d_(d), count_(count), mask_(hn::FirstN(d, count)) {}

  // The other lanes are 0.
  HWY_INLINE hn::Vec<D> Load(const float* p) const {
#if HWY_TARGET <= HWY_AVX2
    return hn::MaskedLoad(mask_, d_, p);
#else
    HWY_ALIGN float part[hn::MaxLanes(D())] = {};
    std::memcpy(part, p, count_ * sizeof(float));
    return hn::Load(d_, part);
#endif
  }
  HWY_INLINE void Store(hn::Vec<D> v, float* p) const {
#if HWY_TARGET <= HWY_AVX2
    hn::BlendedStore(v, mask_, d_, p);
#else
    HWY_ALIGN float part[hn::MaxLanes(D())];
    hn::Store(v, d_, part);
    std::memcpy(p, part, count_ * sizeof(float));
#endif
  }

 private:
  D d_;
  size_t count_;
  hn::Mask<D> mask_;
};

}  // namespace HWY_NAMESPACE
}  // namespace weft
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
