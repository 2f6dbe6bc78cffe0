// SPDX-License-Identifier: Apache-2.0
// SparseReorder, SparseReshape, SparseFillEmptyRows.
#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/cpu/sparse.h"
#include "kernels/cpu/sparse_matrix.h"
#include "src/core/strings.h"

namespace weft {
namespace {

// ---- SparseReorder ----

absl::Status Reorder(KernelContext& ctx) {
  WEFT_RETURN_IF_ERROR(CheckSparseInputs(ctx, 0, 1, 2));
  const Array &indices = ctx.input(0), &values = ctx.input(1);
  const int64_t n = indices.dim(0), rank = indices.dim(1);
  const int64_t* from = indices.data<int64_t>();
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return std::lexicographical_compare(from + a * rank, from + (a + 1) * rank, from + b * rank,
                                        from + (b + 1) * rank);
  });
  WEFT_ASSIGN_OR_RETURN(Array * out_indices, ctx.AllocateOutput(0, indices.shape()));
  WEFT_ASSIGN_OR_RETURN(Array * out_values, ctx.AllocateOutput(1, values.shape()));
  int64_t* to = out_indices->mutable_data<int64_t>();
  for (int64_t i = 0; i < n; ++i) {
    to = std::copy_n(from + order[static_cast<size_t>(i)] * rank, rank, to);
    CopyElement(values, order[static_cast<size_t>(i)], out_values, i);
  }
  return absl::OkStatus();
}

// ---- SparseReshape ----

// Sizes that are not negative and whose product fits.
absl::StatusOr<int64_t> Elements(KernelContext& ctx, const std::vector<int64_t>& sizes) {
  Shape shape;
  std::string error;
  if (!Shape::Make(sizes, &shape, &error)) return ctx.InvalidArgument(error);
  return shape.num_elements();
}

// The new shape, with its one size of -1 worked out.
absl::StatusOr<std::vector<int64_t>> NewShape(KernelContext& ctx, int64_t elements) {
  const Array& wanted = ctx.input(2);
  if (wanted.rank() != 1) {
    return ctx.InvalidArgument(
        StrCat("Target shape should be a vector but received shape ", wanted.shape().ToString()));
  }
  const auto values = wanted.values<int64_t>();
  std::vector<int64_t> sizes(values.begin(), values.end());
  int open = -1;
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (sizes[d] != -1) continue;
    if (open >= 0) {
      return ctx.InvalidArgument(
          StrCat("only one output dimension may be -1, not both ", open, " and ", d));
    }
    open = static_cast<int>(d);
    sizes[d] = 1;
  }
  WEFT_ASSIGN_OR_RETURN(const int64_t known, Elements(ctx, sizes));
  if (open >= 0) {
    if (known == 0 || elements % known != 0) {
      return ctx.InvalidArgument(
          StrCat("reshape cannot infer the missing input size for an empty tensor unless all "
                 "specified input sizes are non-zero, and ",
                 elements, " elements must be a multiple of ", known));
    }
    sizes[static_cast<size_t>(open)] = elements / known;
  } else if (known != elements) {
    return ctx.InvalidArgument(StrCat("Input to reshape is a tensor with ", elements,
                                      " dense values, but the requested shape has ", known));
  }
  return sizes;
}

absl::Status Reshape(KernelContext& ctx) {
  WEFT_RETURN_IF_ERROR(CheckSparseInputs(ctx, 0, -1, 1));
  const Array& indices = ctx.input(0);
  const auto given = ctx.input(1).values<int64_t>();
  const std::vector<int64_t> old_shape(given.begin(), given.end());
  WEFT_ASSIGN_OR_RETURN(const int64_t elements, Elements(ctx, old_shape));
  WEFT_ASSIGN_OR_RETURN(const std::vector<int64_t> new_shape, NewShape(ctx, elements));
  const int64_t n = indices.dim(0), rank = indices.dim(1),
                new_rank = static_cast<int64_t>(new_shape.size());
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape({n, new_rank})));
  const int64_t* from = indices.data<int64_t>();
  int64_t* to = out->mutable_data<int64_t>();
  for (int64_t i = 0; i < n; ++i, from += rank, to += new_rank) {
    int64_t at = 0;
    for (int64_t d = 0; d < rank; ++d) {
      if (from[d] < 0 || from[d] >= old_shape[static_cast<size_t>(d)]) {
        return ctx.InvalidArgument(StrCat("indices[", i, ",", d, "] = ", from[d],
                                          " is out of bounds: need 0 <= index < ",
                                          old_shape[static_cast<size_t>(d)]));
      }
      at = at * old_shape[static_cast<size_t>(d)] + from[d];
    }
    for (int64_t d = new_rank; d-- > 0;) {
      to[d] = at % new_shape[static_cast<size_t>(d)];
      at /= new_shape[static_cast<size_t>(d)];
    }
  }
  ctx.set_output(1, Array::FromVector(new_shape));
  return absl::OkStatus();
}

// ---- SparseFillEmptyRows ----

absl::Status FillEmptyRows(KernelContext& ctx) {
  WEFT_RETURN_IF_ERROR(CheckSparseInputs(ctx, 0, 1, 2));
  const Array &indices = ctx.input(0), &values = ctx.input(1), &otherwise = ctx.input(3);
  if (otherwise.rank() != 0) {
    return ctx.InvalidArgument(
        StrCat("default_value must be a scalar, saw: ", otherwise.shape().ToString()));
  }
  const int64_t n = indices.dim(0), rank = indices.dim(1);
  if (rank == 0) return ctx.InvalidArgument("Dense shape cannot be empty.");
  const int64_t rows = ctx.input(2).data<int64_t>()[0];
  if (rows < 0) return ctx.InvalidArgument(StrCat("dense_shape[0] is negative: ", rows));
  WEFT_ASSIGN_OR_RETURN(Array * empty, ctx.AllocateOutput(2, Shape({rows})));
  WEFT_ASSIGN_OR_RETURN(Array * map, ctx.AllocateOutput(3, Shape({n})));
  // The place of each row's first value; rows without one have the default there.
  WEFT_ASSIGN_OR_RETURN(Array starts, ctx.AllocateTemp(kInt64, Shape({rows})));
  int64_t* start = starts.mutable_data<int64_t>();
  std::fill_n(start, rows, int64_t{0});
  const int64_t* from = indices.data<int64_t>();
  for (int64_t i = 0; i < n; ++i) {
    const int64_t row = from[i * rank];
    if (row < 0 || row >= rows) {
      return ctx.InvalidArgument(StrCat("indices(", i, ", 0) is invalid: ", row, " >= ", rows));
    }
    ++start[row];
  }
  int64_t total = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t count = start[r];
    empty->mutable_data<bool>()[r] = count == 0;
    start[r] = total;
    total += std::max<int64_t>(count, 1);
  }
  WEFT_ASSIGN_OR_RETURN(Array * out_indices, ctx.AllocateOutput(0, Shape({total, rank})));
  WEFT_ASSIGN_OR_RETURN(Array * out_values, ctx.AllocateOutput(1, Shape({total})));
  int64_t* to = out_indices->mutable_data<int64_t>();
  for (int64_t r = 0; r < rows; ++r) {
    if (!empty->data<bool>()[r]) continue;
    std::fill_n(to + start[r] * rank, rank, int64_t{0});
    to[start[r] * rank] = r;
    CopyElement(otherwise, 0, out_values, start[r]);
  }
  for (int64_t i = 0; i < n; ++i) {
    const int64_t place = start[from[i * rank]]++;
    std::copy_n(from + i * rank, rank, to + place * rank);
    CopyElement(values, i, out_values, place);
    map->mutable_data<int64_t>()[i] = place;
  }
  return absl::OkStatus();
}

// ---- SparseFillEmptyRowsGrad ----

template <typename T>
absl::Status FillEmptyRowsGrad(KernelContext& ctx) {
  const Array &map = ctx.input(0), &grad = ctx.input(1);
  if (map.rank() != 1) {
    return ctx.InvalidArgument(
        StrCat("reverse_index_map must be a vector, saw: ", map.shape().ToString()));
  }
  if (grad.rank() != 1) {
    return ctx.InvalidArgument(
        StrCat("grad_values must be a vector, saw: ", grad.shape().ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(Array * d_values, ctx.AllocateOutput(0, map.shape()));
  WEFT_ASSIGN_OR_RETURN(Array * d_default, ctx.AllocateOutput(1, Shape()));
  std::vector<bool> taken(static_cast<size_t>(grad.num_elements()));
  for (int64_t i = 0; i < map.num_elements(); ++i) {
    const int64_t place = map.data<int64_t>()[i];
    if (place < 0 || place >= grad.num_elements()) {
      return ctx.InvalidArgument(StrCat("Elements in reverse index must be in [0, ",
                                        grad.num_elements(), ") but got ", place));
    }
    d_values->mutable_data<T>()[i] = grad.data<T>()[place];
    taken[static_cast<size_t>(place)] = true;
  }
  T rest = T();
  for (int64_t i = 0; i < grad.num_elements(); ++i) {
    if (!taken[static_cast<size_t>(i)]) rest = static_cast<T>(rest + grad.data<T>()[i]);
  }
  *d_default->mutable_data<T>() = rest;
  return absl::OkStatus();
}

}  // namespace

void RegisterSparseTensorKernels(KernelRegistry& kernels) {
  kernels.Add("SparseReorder", kCpu, {}, Reorder);
  kernels.Add("SparseReshape", kCpu, {}, Reshape);
  kernels.Add("SparseFillEmptyRows", kCpu, {}, FillEmptyRows);
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           complex64, complex128>([&]<typename T>() {
    kernels.Add("SparseFillEmptyRowsGrad", kCpu, {{"T", dtype_of<T>}}, FillEmptyRowsGrad<T>);
  });
  RegisterSparseMathKernels(kernels);
  RegisterSparseReduceKernels(kernels);
  RegisterSparsePartsKernels(kernels);
  RegisterSparseSerializeKernels(kernels);
  RegisterSparseCrossKernels(kernels);
  RegisterSetKernels(kernels);
  RegisterSparseCountKernels(kernels);
  RegisterRaggedKernels(kernels);
  RegisterSparseTensorsMapKernels(kernels);
  RegisterSparseMatrixKernels(kernels);
}

}  // namespace weft
