// SPDX-License-Identifier: Apache-2.0
// The parts of RegisterSparseTensorKernels, and what they share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "kernels/cpu/element_class.h"
#include "src/core/strings.h"
#include "weft/core/complex.h"
#include "weft/runtime/kernel.h"

namespace weft {

void RegisterSparseMathKernels(KernelRegistry& kernels);        // sparse_math.cc
void RegisterSparseReduceKernels(KernelRegistry& kernels);      // sparse_reduce.cc
void RegisterSparsePartsKernels(KernelRegistry& kernels);       // sparse_parts.cc
void RegisterSparseSerializeKernels(KernelRegistry& kernels);   // sparse_serialize.cc
void RegisterSparseCrossKernels(KernelRegistry& kernels);       // sparse_cross.cc
void RegisterSetKernels(KernelRegistry& kernels);               // sets.cc
void RegisterSparseCountKernels(KernelRegistry& kernels);       // sparse_count.cc
void RegisterRaggedKernels(KernelRegistry& kernels);            // ragged.cc
void RegisterSparseTensorsMapKernels(KernelRegistry& kernels);  // sparse_tensors_map.cc

// A sparse tensor.
struct SparseParts {
  Array indices, values, shape;
};
// The shape of the sparse tensor in inputs 0 .. 2, if its parts fit each other and it has rows of
// rank 1 at least.
absl::StatusOr<Shape> SparseRowsShape(KernelContext& ctx);
// Calls take(row number, row) for all its rows, of which there are as many as the shape claims.
absl::Status ForEachSparseRow(KernelContext& ctx, const Shape& shape,
                              absl::FunctionRef<void(int64_t, SparseParts)> take);
// Outputs 0 .. 2 are one sparse tensor of all these, at least one, in this leading shape; it is as
// large as the largest.
absl::Status StackSparse(KernelContext& ctx, const std::vector<SparseParts>& all,
                         std::span<const int64_t> lead);

// Inputs: indices [n, rank], values [n] (none if `values` is negative), shape [rank].
inline absl::Status CheckSparseInputs(KernelContext& ctx, int indices, int values, int shape) {
  const Array &i = ctx.input(indices), &s = ctx.input(shape);
  if (i.rank() != 2) {
    return ctx.InvalidArgument(
        StrCat("indices must be a matrix, but are of shape ", i.shape().ToString()));
  }
  if (s.rank() != 1 || s.dim(0) != i.dim(1)) {
    return ctx.InvalidArgument(StrCat("the dense shape must be a vector of ", i.dim(1),
                                      " sizes, as many as indices have columns, but is of shape ",
                                      s.shape().ToString()));
  }
  if (values < 0) return absl::OkStatus();
  const Array& v = ctx.input(values);
  if (v.rank() == 1 && v.dim(0) == i.dim(0)) return absl::OkStatus();
  return ctx.InvalidArgument(StrCat("values must be a vector of ", i.dim(0),
                                    " elements, as many as indices have rows, but are of shape ",
                                    v.shape().ToString()));
}

// The sizes in a vector of int32 or int64. InvalidArgument if one is negative or their product is
// too large.
inline absl::StatusOr<Shape> ReadShape(KernelContext& ctx, const Array& sizes) {
  const IndexVector values = ReadInts(sizes);
  Shape shape;
  std::string why;
  if (!Shape::Make(std::span<const int64_t>(values.data(), values.size()), &shape, &why))
    return ctx.InvalidArgument(why);
  return shape;
}

// Each index [n, rank], int64, lies within the shape.
inline absl::Status CheckIndices(KernelContext& ctx, const Array& indices, const Shape& shape) {
  const int64_t* at = indices.data<int64_t>();
  for (int64_t i = 0; i < indices.dim(0); ++i) {
    for (int d = 0; d < shape.rank(); ++d, ++at) {
      if (*at >= 0 && *at < shape.dim(d)) continue;
      return ctx.InvalidArgument(StrCat("indices[", i, ",", d, "] = ", *at,
                                        " is out of bounds: need 0 <= index < ", shape.dim(d)));
    }
  }
  return absl::OkStatus();
}

// Negative, 0 or positive as index a comes before b, is b, or comes behind it, row-major.
inline int CompareIndices(const int64_t* a, const int64_t* b, int64_t rank) {
  for (int64_t d = 0; d < rank; ++d) {
    if (a[d] != b[d]) return a[d] < b[d] ? -1 : 1;
  }
  return 0;
}

inline void CopyElement(const Array& from, int64_t i, Array* to, int64_t j) {
  WithElementClass(from.dtype(),
                   [&]<typename U>() { MutableElementsOf<U>(*to)[j] = ElementsOf<U>(from)[i]; });
}

// to[k] = from[places[k]].
inline void CopyElements(const Array& from, const std::vector<int64_t>& places, Array* to) {
  WithElementClass(from.dtype(), [&]<typename U>() {
    const U* source = ElementsOf<U>(from);
    U* target = MutableElementsOf<U>(*to);
    for (size_t k = 0; k < places.size(); ++k) target[k] = source[places[k]];
  });
}

}  // namespace weft
