// SPDX-License-Identifier: Apache-2.0
// SparseConcat, SparseSplit, SparseSlice, SparseSliceGrad.
#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "kernels/cpu/sparse.h"

namespace weft {
namespace {

// ---- SparseConcat ----

class SparseConcat final : public Kernel {
 public:
  explicit SparseConcat(KernelConstruction& c) : axis_(c.Attr<int64_t>("concat_dim")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const int n = ctx.num_inputs() / 3;
    int64_t axis = 0;
    WEFT_ASSIGN_OR_RETURN(const Shape shape, OutputShape(ctx, n, &axis));
    const int64_t rank = shape.rank();
    // The indices in the result, and of which operand each value is.
    std::vector<int64_t> indices;
    std::vector<std::pair<int, int64_t>> sources;
    int64_t start = 0;
    for (int i = 0; i < n; ++i) {
      const Array& part = ctx.input(i);
      const int64_t* at = part.data<int64_t>();
      for (int64_t k = 0; k < part.dim(0); ++k, at += rank) {
        indices.insert(indices.end(), at, at + rank);
        indices[indices.size() - static_cast<size_t>(rank - axis)] += start;
        sources.emplace_back(i, k);
      }
      start += ctx.input(i + 2 * n).data<int64_t>()[axis];
    }
    std::vector<int64_t> order(sources.size());
    std::iota(order.begin(), order.end(), int64_t{0});
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return CompareIndices(&indices[static_cast<size_t>(a * rank)],
                            &indices[static_cast<size_t>(b * rank)], rank) < 0;
    });
    const int64_t total = static_cast<int64_t>(order.size());
    WEFT_ASSIGN_OR_RETURN(Array * out_indices, ctx.AllocateOutput(0, Shape({total, rank})));
    WEFT_ASSIGN_OR_RETURN(Array * out_values, ctx.AllocateOutput(1, Shape({total})));
    int64_t* to = out_indices->mutable_data<int64_t>();
    for (int64_t k = 0; k < total; ++k) {
      const int64_t at = order[static_cast<size_t>(k)];
      to = std::copy_n(&indices[static_cast<size_t>(at * rank)], rank, to);
      const auto& [input, place] = sources[static_cast<size_t>(at)];
      CopyElement(ctx.input(n + input), place, out_values, k);
    }
    ctx.set_output(2, Array::FromVector(shape.ToVector()));
    return absl::OkStatus();
  }

 private:
  // Internal if the sizes of a dense shape multiply to more than an int64 holds.
  static absl::Status CheckProduct(KernelContext& ctx, const Array& shape) {
    int64_t product = 1;
    for (const int64_t size : shape.values<int64_t>()) {
      if (size < 0 || !__builtin_mul_overflow(product, size, &product)) continue;
      return ctx.Error(absl::StatusCode::kInternal, "Encountered overflow from large input shape.");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Shape> OutputShape(KernelContext& ctx, int n, int64_t* axis) const {
    std::vector<int64_t> sizes;
    for (int i = 0; i < n; ++i) WEFT_RETURN_IF_ERROR(CheckProduct(ctx, ctx.input(2 * n + i)));
    for (int i = 0; i < n; ++i) {
      WEFT_RETURN_IF_ERROR(CheckSparseInputs(ctx, i, n + i, 2 * n + i));
      WEFT_ASSIGN_OR_RETURN(const Shape shape, ReadShape(ctx, ctx.input(2 * n + i)));
      WEFT_RETURN_IF_ERROR(CheckIndices(ctx, ctx.input(i), shape));
      if (i == 0) {
        sizes = shape.ToVector();
        *axis = axis_ < 0 ? axis_ + shape.rank() : axis_;
        if (*axis < 0 || *axis >= shape.rank()) {
          return ctx.InvalidArgument(StrCat("Concat dimension must be in range [", -shape.rank(),
                                            ", ", shape.rank(), "), got ", axis_));
        }
        continue;
      }
      if (shape.rank() != static_cast<int>(sizes.size())) {
        return ctx.InvalidArgument(StrCat("Ranks of all input tensors must match: expected ",
                                          sizes.size(), " but got ", shape.rank(), " at position ",
                                          i));
      }
      for (int d = 0; d < shape.rank(); ++d) {
        int64_t& size = sizes[static_cast<size_t>(d)];
        if (d == *axis) {
          if (__builtin_add_overflow(size, shape.dim(d), &size))
            return ctx.InvalidArgument("the sizes along the concat dimension add up to too many");
        } else if (size != shape.dim(d)) {
          return ctx.InvalidArgument(StrCat("Input shapes must match: expected ", size, " but got ",
                                            shape.dim(d), " at position ", i));
        }
      }
    }
    Shape shape;
    std::string why;
    if (!Shape::Make(sizes, &shape, &why)) return ctx.InvalidArgument(why);
    return shape;
  }

  const int64_t axis_;
};

// ---- SparseSplit, SparseSlice ----

// Outputs number o, o + stride and o + 2 * stride: the values within [start, start + sizes), their
// indices counted from `start`. Inputs: indices at `first`, values behind them.
absl::Status OutputBox(KernelContext& ctx, int first, const std::vector<int64_t>& start,
                       const std::vector<int64_t>& sizes, int o, int stride) {
  const Array &indices = ctx.input(first), &values = ctx.input(first + 1);
  const size_t rank = start.size();
  const int64_t* at = indices.data<int64_t>();
  std::vector<int64_t> places;
  for (int64_t i = 0; i < indices.dim(0); ++i) {
    const int64_t* index = at + i * static_cast<int64_t>(rank);
    bool is_inside = true;
    for (size_t d = 0; is_inside && d < rank; ++d)
      is_inside = index[d] >= start[d] && index[d] - start[d] < sizes[d];
    if (is_inside) places.push_back(i);
  }
  const int64_t n = static_cast<int64_t>(places.size()), columns = static_cast<int64_t>(rank);
  WEFT_ASSIGN_OR_RETURN(Array * out_indices, ctx.AllocateOutput(o, Shape({n, columns})));
  WEFT_ASSIGN_OR_RETURN(Array * out_values, ctx.AllocateOutput(o + stride, Shape({n})));
  int64_t* to = out_indices->mutable_data<int64_t>();
  for (const int64_t place : places) {
    for (size_t d = 0; d < rank; ++d)
      *to++ = at[place * columns + static_cast<int64_t>(d)] - start[d];
  }
  CopyElements(values, places, out_values);
  ctx.set_output(o + 2 * stride, Array::FromVector(sizes));
  return absl::OkStatus();
}

absl::Status SparseSplit(KernelContext& ctx) {
  WEFT_RETURN_IF_ERROR(CheckSparseInputs(ctx, 1, 2, 3));
  if (ctx.input(0).num_elements() != 1) {
    return ctx.InvalidArgument(
        StrCat("split_dim must be a scalar, but is of shape ", ctx.input(0).shape().ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ReadShape(ctx, ctx.input(3)));
  WEFT_RETURN_IF_ERROR(CheckIndices(ctx, ctx.input(1), shape));
  const int64_t given = ctx.input(0).AsInt64(), axis = given < 0 ? given + shape.rank() : given;
  if (axis < 0 || axis >= shape.rank()) {
    return ctx.InvalidArgument(
        StrCat("Input split_dim should be between 0 and rank (", shape.rank(), "), got ", given));
  }
  const int n = ctx.num_outputs() / 3;
  const int64_t size = shape.dim(static_cast<int>(axis));
  if (n > size) {
    return ctx.InvalidArgument(
        StrCat("Input num_split should be between 1 and the splitting "
               "dimension size (",
               size, "), got ", n));
  }
  std::vector<int64_t> start(static_cast<size_t>(shape.rank()), 0), sizes = shape.ToVector();
  for (int i = 0; i < n; ++i) {
    // The first parts have one more if the size is no multiple.
    int64_t& part = sizes[static_cast<size_t>(axis)];
    part = size / n + (i < size % n ? 1 : 0);
    WEFT_RETURN_IF_ERROR(OutputBox(ctx, 1, start, sizes, i, n));
    start[static_cast<size_t>(axis)] += part;
  }
  return absl::OkStatus();
}

absl::Status SparseSlice(KernelContext& ctx) {
  WEFT_RETURN_IF_ERROR(CheckSparseInputs(ctx, 0, 1, 2));
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ReadShape(ctx, ctx.input(2)));
  for (const int i : {3, 4}) {
    if (ctx.input(i).rank() == 1 && ctx.input(i).dim(0) == shape.rank()) continue;
    return ctx.InvalidArgument(
        StrCat("Input ", i == 3 ? "start" : "size", " should be a vector of ", shape.rank(),
               " elements but received shape ", ctx.input(i).shape().ToString()));
  }
  std::vector<int64_t> start, sizes;
  for (int d = 0; d < shape.rank(); ++d) {
    const int64_t from = ctx.input(3).data<int64_t>()[d], size = ctx.input(4).data<int64_t>()[d];
    if (from < 0 || size < 0) {
      return ctx.InvalidArgument(StrCat("start and size must not be negative: start[", d, "] is ",
                                        from, ", size[", d, "] ", size));
    }
    start.push_back(from);
    sizes.push_back(std::min(size, std::max<int64_t>(shape.dim(d) - from, 0)));
  }
  return OutputBox(ctx, 0, start, sizes, 0, 1);
}

// The gradient where the slice has a value, else 0. Both are in one order.
absl::Status SparseSliceGrad(KernelContext& ctx) {
  const Array &dy = ctx.input(0), &indices = ctx.input(1), &start = ctx.input(2),
              &taken = ctx.input(3);
  if (indices.rank() != 2 || taken.rank() != 2 || indices.dim(1) != taken.dim(1)) {
    return ctx.InvalidArgument(StrCat(
        "Input and output indices should be matrices of one number of columns but received shapes ",
        indices.shape().ToString(), " and ", taken.shape().ToString()));
  }
  const int64_t rank = indices.dim(1);
  if (dy.rank() != 1 || dy.dim(0) != taken.dim(0)) {
    return ctx.InvalidArgument(
        StrCat("# elements of backprop_val_grad and # rows of output_indices should match, got ",
               dy.shape().ToString(), " and ", taken.dim(0)));
  }
  if (start.rank() != 1 || start.dim(0) != rank) {
    return ctx.InvalidArgument(StrCat("The input_start should be a vector of ", rank,
                                      " elements but received shape ", start.shape().ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape({indices.dim(0)})));
  std::fill_n(static_cast<char*>(out->raw_data()), out->num_bytes(), '\0');
  const int64_t *at = indices.data<int64_t>(), *from = start.data<int64_t>(),
                *place = taken.data<int64_t>();
  int64_t next = 0;
  for (int64_t i = 0; i < indices.dim(0) && next < taken.dim(0); ++i, at += rank) {
    bool is_it = true;
    for (int64_t d = 0; is_it && d < rank; ++d) is_it = at[d] == place[next * rank + d] + from[d];
    if (is_it) CopyElement(dy, next++, out, i);
  }
  if (next == taken.dim(0)) return absl::OkStatus();
  return ctx.InvalidArgument("Elements of output_indices are not among those of input_indices");
}

}  // namespace

void RegisterSparsePartsKernels(KernelRegistry& kernels) {
  kernels.Add<SparseConcat>("SparseConcat", kCpu, {});
  kernels.Add("SparseSplit", kCpu, {}, SparseSplit);
  kernels.Add("SparseSlice", kCpu, {}, SparseSlice);
  kernels.Add("SparseSliceGrad", kCpu, {}, SparseSliceGrad);
}

}  // namespace weft
