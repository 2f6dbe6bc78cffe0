// SPDX-License-Identifier: Apache-2.0
// Kernels that join and part values along a dimension: Pack, Unpack, Concat,
// ConcatV2, ParallelConcat, ConcatOffset, Split, SplitV.
#include <cstdint>
#include <limits>

#include "kernels/cpu/array_util.h"
#include "kernels/cpu/concat_copy.h"
#include "kernels/cpu/element_class.h"
#include "kernels/cpu/rows.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

using ArrayList = absl::InlinedVector<const Array*, 8>;

class Pack : public Kernel {
 public:
  explicit Pack(KernelConstruction& c) : axis_(c.AttrOr<int64_t>("axis", 0)) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Shape& first = ctx.input(0).shape();
    const int rank = first.rank() + 1;
    if (axis_ < -rank || axis_ >= rank) {
      return ctx.InvalidArgument(StrCat("axis = ", axis_, " not in [", -rank, ", ", rank, ")"));
    }
    const int axis = static_cast<int>(axis_ < 0 ? axis_ + rank : axis_);
    ArrayList values;
    for (int i = 0; i < ctx.num_inputs(); ++i) {
      if (!(ctx.input(i).shape() == first)) {
        return ctx.InvalidArgument(
            StrCat("Shapes of all inputs must match: values[0].shape = ", first.ToString(),
                   " != values[", i, "].shape = ", ctx.input(i).shape().ToString()));
      }
      values.push_back(&ctx.input(i));
    }
    IndexVector sizes(first.dims().begin(), first.dims().end());
    sizes.insert(sizes.begin() + axis, ctx.num_inputs());
    WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, sizes));
    if (ctx.num_inputs() == 1) {
      ctx.set_output(0, values[0]->Reshaped(shape));
      return absl::OkStatus();
    }
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    ConcatBlocks(ctx, values, Product(first.dims(), 0, axis), out);
    return absl::OkStatus();
  }

 private:
  int64_t axis_;
};

// Outputs are the parts of `whole` along `axis`, which have these sizes and
// shapes. A part that is a range of whole rows is not copied if it may be
// shared.
absl::Status SplitInto(KernelContext& ctx, const Array& whole, int axis,
                       std::span<const Shape> shapes) {
  const int64_t outer = Product(whole.shape().dims(), 0, axis);
  absl::InlinedVector<Array*, 8> parts;
  if (outer == 1) {
    int64_t first = 0;
    for (int i = 0; i < static_cast<int>(shapes.size()); ++i) {
      if (std::optional<Array> shared = TryShareElements(whole, first, shapes[i])) {
        ctx.set_output(i, *std::move(shared));
      } else {
        WEFT_ASSIGN_OR_RETURN(Array * part, ctx.AllocateOutput(i, shapes[i]));
        WithElementClass(whole.dtype(), [&]<typename U>() {
          CopyRun(MutableElementsOf<U>(*part), ElementsOf<U>(whole) + first, part->num_elements());
        });
      }
      first += shapes[i].num_elements();
    }
    return absl::OkStatus();
  }
  for (int i = 0; i < static_cast<int>(shapes.size()); ++i) {
    WEFT_ASSIGN_OR_RETURN(Array * part, ctx.AllocateOutput(i, shapes[i]));
    parts.push_back(part);
  }
  SplitBlocks(ctx, whole, outer, parts);
  return absl::OkStatus();
}

class Unpack : public Kernel {
 public:
  explicit Unpack(KernelConstruction& c) : axis_(c.AttrOr<int64_t>("axis", 0)) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& value = ctx.input(0);
    const int rank = value.rank();
    if (axis_ < -rank || axis_ >= rank) {
      return ctx.InvalidArgument(StrCat("axis = ", axis_, " not in [", -rank, ", ", rank, ")"));
    }
    const int axis = static_cast<int>(axis_ < 0 ? axis_ + rank : axis_);
    const int num = ctx.num_outputs();
    if (value.dim(axis) != num) {
      return ctx.InvalidArgument(StrCat("Input shape axis ", axis, " must equal ", num,
                                        ", got shape ", value.shape().ToString()));
    }
    Shape shape = value.shape();
    shape.RemoveDim(axis);
    return SplitInto(ctx, value, axis, std::vector<Shape>(num, shape));
  }

 private:
  int64_t axis_;
};

// The axis of a concatenation or split: a scalar, or as old graphs have it a
// vector of one element.
absl::StatusOr<int64_t> ReadAxis(KernelContext& ctx, const Array& axis, const char* name) {
  if (axis.num_elements() != 1 || axis.rank() > 1) {
    return ctx.InvalidArgument(StrCat(name, " tensor should be a scalar integer, but got shape ",
                                      axis.shape().ToString()));
  }
  return axis.AsInt64();
}

// values are inputs [first, last).
absl::Status ConcatInputs(KernelContext& ctx, int first, int last, int64_t axis_value) {
  const Shape& head = ctx.input(first).shape();
  const int rank = head.rank();
  if (rank == 0)
    return ctx.InvalidArgument("ConcatOp : Can't concatenate scalars (use tf.stack instead)");
  if (axis_value < -rank || axis_value >= rank) {
    return ctx.InvalidArgument(StrCat("ConcatOp : Expected concatenating dimensions in the range [",
                                      -rank, ", ", rank, "), but got ", axis_value));
  }
  const int axis = static_cast<int>(axis_value < 0 ? axis_value + rank : axis_value);
  ArrayList values;
  int64_t size = 0;
  const Array* only_nonempty = nullptr;
  for (int i = first; i < last; ++i) {
    const Array& value = ctx.input(i);
    if (value.rank() != rank) {
      return ctx.InvalidArgument(
          StrCat("ConcatOp : Ranks of all input tensors should match: shape[0] = ", head.ToString(),
                 " vs. shape[", i - first, "] = ", value.shape().ToString()));
    }
    for (int d = 0; d < rank; ++d) {
      if (d != axis && value.dim(d) != head.dim(d)) {
        return ctx.InvalidArgument(
            StrCat("ConcatOp : Dimension ", d, " in both shapes must be equal: shape[0] = ",
                   head.ToString(), " vs. shape[", i - first, "] = ", value.shape().ToString()));
      }
    }
    if (__builtin_add_overflow(size, value.dim(axis), &size))
      return ctx.InvalidArgument("ConcatOp : the result is too large");
    if (value.num_elements() == 0) continue;
    values.push_back(&value);
    only_nonempty = &value;
  }
  IndexVector sizes(head.dims().begin(), head.dims().end());
  sizes[axis] = size;
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, sizes));
  if (values.size() == 1) {
    ctx.set_output(0, *only_nonempty);
    return absl::OkStatus();
  }
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
  ConcatBlocks(ctx, values, Product(sizes, 0, axis), out);
  return absl::OkStatus();
}

absl::Status Concat(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const int64_t axis, ReadAxis(ctx, ctx.input(0), "concat_dim"));
  return ConcatInputs(ctx, 1, ctx.num_inputs(), axis);
}

absl::Status ConcatV2(KernelContext& ctx) {
  const int n = ctx.num_inputs() - 1;
  WEFT_ASSIGN_OR_RETURN(const int64_t axis, ReadAxis(ctx, ctx.input(n), "axis"));
  return ConcatInputs(ctx, 0, n, axis);
}

// Rows of the values side by side; not of those under one another.
RowUse ConcatV2Rows(const KernelContext& ctx, int64_t) {
  const int n = ctx.num_inputs() - 1;
  const int64_t axis = ctx.input(n).AsInt64();
  if (axis == 0 || axis == -ctx.input(0).rank()) return {};
  RowUse use{.split = cpu::SplitFirst(ctx, n), .row_ns = 10};
  for (int i = 0; i < n; ++i)
    use.row_ns += 0.1 * static_cast<double>(cpu::RowElements(ctx.input(i)));
  return use;
}

absl::Status ParallelConcat(KernelContext& ctx) {
  for (int i = 0; i < ctx.num_inputs(); ++i) {
    const Shape& shape = ctx.input(i).shape();
    if (shape.rank() == 0 || shape.dim(0) != 1) {
      return ctx.InvalidArgument(StrCat("Size of first dimension must be 1, but values[", i,
                                        "] has shape ", shape.ToString()));
    }
  }
  return ConcatInputs(ctx, 0, ctx.num_inputs(), 0);
}

// Offsets of each value in the result of a concatenation of values with these
// shapes.
template <typename T>
absl::Status ConcatOffset(KernelContext& ctx) {
  const Array& axis_input = ctx.input(0);
  if (!axis_input.shape().IsScalar()) {
    return ctx.InvalidArgument(
        StrCat("Concat dim tensor should be a scalar integer, but got shape ",
               axis_input.shape().ToString()));
  }
  const Array& head = ctx.input(1);
  if (head.rank() != 1) {
    return ctx.InvalidArgument(
        StrCat("input 0 should be a vector, but got shape ", head.shape().ToString()));
  }
  const int64_t rank = head.num_elements();
  const int64_t axis_value = axis_input.AsInt64();
  if (axis_value < -rank || axis_value >= rank) {
    return ctx.InvalidArgument(StrCat("Concat dim is out of range: ", axis_value, " vs. ", rank));
  }
  const int64_t axis = axis_value < 0 ? axis_value + rank : axis_value;
  const auto text = [](const Array& a) { return StrCat("[", StrJoin(ReadInts(a), " "), "]"); };
  T offset = 0;
  for (int i = 0; i < ctx.num_outputs(); ++i) {
    const Array& sizes = ctx.input(i + 1);
    if (sizes.rank() != 1 || sizes.num_elements() != rank) {
      return ctx.InvalidArgument(StrCat("input ", i, " should contain ", rank,
                                        " elements, but got ", sizes.num_elements()));
    }
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(i, sizes.shape()));
    for (int64_t d = 0; d < rank; ++d) {
      if (d != axis && sizes.data<T>()[d] != head.data<T>()[d]) {
        return ctx.InvalidArgument(
            StrCat("All dimensions except ", axis, " must match. Input ", i, " has shape ",
                   text(sizes), " and doesn't match input 0 with shape ", text(head), "."));
      }
      out->mutable_data<T>()[d] = d == axis ? offset : 0;
    }
    if (__builtin_add_overflow(offset, sizes.data<T>()[axis], &offset) &&
        i + 1 < ctx.num_outputs()) {
      return ctx.InvalidArgument("the sum of the sizes is too large");
    }
  }
  return absl::OkStatus();
}

// A scalar axis in [-rank, rank).
absl::StatusOr<int> ReadSplitAxis(KernelContext& ctx, const Array& axis, int rank) {
  if (axis.num_elements() != 1) {
    return ctx.InvalidArgument(
        StrCat("split_dim must be a scalar but has shape ", axis.shape().ToString()));
  }
  const int64_t value = axis.AsInt64();
  if (value < -rank || value >= rank) {
    return ctx.InvalidArgument(
        StrCat("-input rank(-", rank, ") <= split_dim < input rank (", rank, "), but got ", value));
  }
  return static_cast<int>(value < 0 ? value + rank : value);
}

absl::Status Split(KernelContext& ctx) {
  const Array& value = ctx.input(1);
  if (!ctx.input(0).shape().IsScalar()) {
    return ctx.InvalidArgument(
        StrCat("split_dim must be a scalar but has rank ", ctx.input(0).rank()));
  }
  WEFT_ASSIGN_OR_RETURN(const int axis, ReadSplitAxis(ctx, ctx.input(0), value.rank()));
  const int num = ctx.num_outputs();
  if (value.dim(axis) % num != 0) {
    return ctx.InvalidArgument(
        StrCat("Number of ways to split should evenly divide the split dimension, but "
               "got split_dim ",
               axis, " (size = ", value.dim(axis), ") and num_split ", num));
  }
  if (num == 1) {
    ctx.set_output(0, value);
    return absl::OkStatus();
  }
  Shape shape = value.shape();
  shape.set_dim(axis, value.dim(axis) / num);
  return SplitInto(ctx, value, axis, std::vector<Shape>(num, shape));
}

RowUse SplitRows(const KernelContext& ctx, int64_t) {
  const int64_t axis = ctx.input(0).AsInt64();
  if (axis == 0 || axis == -ctx.input(1).rank()) return {};
  return {.split = {false, true},
          .row_ns = 10 + 0.1 * static_cast<double>(cpu::RowElements(ctx.input(1)))};
}

// Replaces a -1 among `sizes` by what is left of `total`; the sizes must then
// add up to it.
absl::Status CompleteSizes(KernelContext& ctx, int64_t total, std::span<int64_t> sizes) {
  int unknown = -1;
  int64_t sum = 0;
  for (int i = 0; i < static_cast<int>(sizes.size()); ++i) {
    if (sizes[i] == -1) {
      if (unknown >= 0) return ctx.InvalidArgument("There can only be one -1 in the input.");
      unknown = i;
    } else if (sizes[i] < 0) {
      return ctx.InvalidArgument(
          StrCat("Split size at index ", i, " must be >= 0. Got: ", sizes[i]));
    } else if (__builtin_add_overflow(sum, sizes[i], &sum)) {
      sum = std::numeric_limits<int64_t>::max();
    }
  }
  if (unknown >= 0 ? sum > total : sum != total) {
    return ctx.InvalidArgument(
        StrCat("Determined shape must either match input shape along split_dim "
               "exactly if fully specified, or be less than "
               "the size of the input along split_dim if not fully specified.  Got: ",
               sum, ", the size is ", total));
  }
  if (unknown >= 0) sizes[unknown] = total - sum;
  return absl::OkStatus();
}

absl::Status SplitV(KernelContext& ctx) {
  const Array& value = ctx.input(0);
  const int num = ctx.num_outputs();
  if (value.rank() == 0) return ctx.InvalidArgument("Can't split scalars");
  WEFT_ASSIGN_OR_RETURN(const int axis, ReadSplitAxis(ctx, ctx.input(2), value.rank()));
  if (ctx.input(1).rank() != 1 || ctx.input(1).num_elements() != num) {
    return ctx.InvalidArgument(
        StrCat("size of the split_tensor must be 1-D and have the same "
               "elements as outputs got ",
               ctx.input(1).rank(), " -D and ", ctx.input(1).num_elements(), " elements"));
  }
  IndexVector sizes = ReadInts(ctx.input(1));
  // As TensorFlow: one part is the input, whatever its size is said to be.
  if (num == 1) {
    ctx.set_output(0, value);
    return absl::OkStatus();
  }
  WEFT_RETURN_IF_ERROR(CompleteSizes(ctx, value.dim(axis), sizes));
  std::vector<Shape> shapes(num, value.shape());
  for (int i = 0; i < num; ++i) shapes[i].set_dim(axis, sizes[i]);
  return SplitInto(ctx, value, axis, shapes);
}

}  // namespace

void RegisterArrayConcatKernels(KernelRegistry& kernels) {
  kernels.Add<Pack>("Pack", kCpu, {});
  kernels.Add<Unpack>("Unpack", kCpu, {});
  kernels.Add("Concat", kCpu, {}, Concat);
  kernels.Add("ConcatV2", kCpu, {}, ConcatV2, {.rows = ConcatV2Rows});
  kernels.Add("ParallelConcat", kCpu, {}, ParallelConcat);
  ForTypes<int32_t, int64_t>([&]<typename T>() {
    kernels.Add("ConcatOffset", kCpu, {{"shape_type", dtype_of<T>}}, ConcatOffset<T>);
  });
  kernels.Add("Split", kCpu, {}, Split, {.rows = SplitRows});
  kernels.Add("SplitV", kCpu, {}, SplitV);
}

}  // namespace weft
