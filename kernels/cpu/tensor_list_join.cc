// SPDX-License-Identifier: Apache-2.0
// TensorLists to tensors and back: Stack, Gather, Concat, Split.
#include <deque>

#include "kernels/cpu/array_util.h"
#include "kernels/cpu/concat_copy.h"
#include "kernels/cpu/tensor_list.h"
#include "src/core/strings.h"

namespace weft {
namespace {

absl::StatusOr<const TensorListValue*> ListOfDtype(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const TensorListValue* list, ListInput(ctx, 0));
  if (list->dtype == ctx.output_dtype(0)) return list;
  return ctx.InvalidArgument(StrCat("Invalid data types; op elements ",
                                    DTypeOpName(ctx.output_dtype(0)), " but list elements ",
                                    DTypeOpName(list->dtype)));
}

absl::StatusOr<Shape> WithRows(KernelContext& ctx, int64_t rows, const Shape& row) {
  std::vector<int64_t> sizes{rows};
  sizes.insert(sizes.end(), row.dims().begin(), row.dims().end());
  return ShapeFromSizes(ctx, sizes);
}

// Elements one after the other; those that were never set are zeros. What is added must live until
// all is written.
class Joined {
 public:
  explicit Joined(KernelContext& ctx) : ctx_(ctx) {}
  void Add(const Array& item) { items_.push_back(&item); }
  absl::Status AddZeros(DataType dtype, const Shape& shape) {
    if (zeros_.empty() || !(zeros_.back().shape() == shape)) {
      WEFT_ASSIGN_OR_RETURN(Array zeros, ctx_.AllocateTemp(dtype, shape));
      FillWithZero(ctx_, &zeros);
      zeros_.push_back(std::move(zeros));
    }
    items_.push_back(&zeros_.back());
    return absl::OkStatus();
  }
  void Write(Array* out) const {
    if (out->num_elements() > 0) ConcatBlocks(ctx_, items_, 1, out);
  }

 private:
  KernelContext& ctx_;
  std::vector<const Array*> items_;
  std::deque<Array> zeros_;
};

// All elements are of one shape: what the list and the op say, or else the elements.
absl::StatusOr<Shape> OneShape(KernelContext& ctx, const TensorListValue& list, int shape_input,
                               std::string_view done) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape also, ElementShapeInput(ctx, shape_input));
  WEFT_ASSIGN_OR_RETURN(const PartialShape known, KnownElementShape(ctx, list, also));
  if (known.IsFullyKnown()) return ShapeFromSizes(ctx, known.dims());
  return ctx.InvalidArgument(StrCat(
      "Tried to ", done,
      " which only contains uninitialized tensors and has a non-fully-defined element_shape: ",
      known.ToString()));
}

absl::Status JoinItems(KernelContext& ctx, const TensorListValue& list, const Shape& item,
                       int64_t n, absl::FunctionRef<int64_t(int64_t)> index) {
  WEFT_ASSIGN_OR_RETURN(const Shape shape, WithRows(ctx, n, item));
  // First of all: a list of very many elements that are not set takes no memory, the output does.
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
  Joined joined(ctx);
  for (int64_t i = 0; i < n && shape.num_elements() > 0; ++i) {
    const Array& value = list.at(index(i));
    if (!value.valid()) {
      WEFT_RETURN_IF_ERROR(joined.AddZeros(list.dtype, item));
      continue;
    }
    if (!(value.shape() == item)) {
      return ctx.InvalidArgument(StrCat("elements must be of shape ", item.ToString(),
                                        ", but element ", index(i), " is of shape ",
                                        value.shape().ToString()));
    }
    joined.Add(value);
  }
  joined.Write(out);
  return absl::OkStatus();
}

class Stack final : public Kernel {
 public:
  explicit Stack(KernelConstruction& c) : num_elements_(c.Attr<int64_t>("num_elements")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const TensorListValue* list, ListOfDtype(ctx));
    if (num_elements_ != -1 && list->size() != num_elements_) {
      return ctx.InvalidArgument(StrCat("Operation expected a list with ", num_elements_,
                                        " elements but got a list with ", list->size(),
                                        " elements."));
    }
    WEFT_ASSIGN_OR_RETURN(const Shape item, OneShape(ctx, *list, 1, "stack list"));
    return JoinItems(ctx, *list, item, list->size(), [](int64_t i) { return i; });
  }

 private:
  int64_t num_elements_;
};

absl::Status Gather(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const TensorListValue* list, ListOfDtype(ctx));
  const Array& indices = ctx.input(1);
  if (indices.rank() != 1) {
    return ctx.InvalidArgument("Expected indices to be a vector, but received shape: " +
                               indices.shape().ToString());
  }
  for (int64_t i = 0; i < indices.num_elements(); ++i) {
    const int32_t index = indices.data<int32_t>()[i];
    if (index >= 0 && index < list->size()) continue;
    return ctx.InvalidArgument(
        StrCat("Trying to gather element ", index, " in a list with ", list->size(), " elements."));
  }
  WEFT_ASSIGN_OR_RETURN(const Shape item, OneShape(ctx, *list, 2, "gather from a list"));
  return JoinItems(ctx, *list, item, indices.num_elements(),
                   [&](int64_t i) { return int64_t{indices.data<int32_t>()[i]}; });
}

// Elements that may differ in their first dimension, joined along it. Those that were never set
// have as many rows as leading_dims says (ConcatV2), or as all others have.
class Concat final : public Kernel {
 public:
  explicit Concat(KernelConstruction& c)
      : element_shape_(c.AttrOr<PartialShape>("element_shape", PartialShape::Unknown())) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const TensorListValue* list, ListOfDtype(ctx));
    PartialShape element = element_shape_;
    if (ctx.num_inputs() > 1) {
      WEFT_ASSIGN_OR_RETURN(element, ElementShapeInput(ctx, 1));
    }
    PartialShape merged;
    if (!PartialShape::Merge(element, list->element_shape, &merged)) {
      return ctx.InvalidArgument(StrCat("element_shape is ", element.ToString(),
                                        ", but the list's elements are of shape ",
                                        list->element_shape.ToString()));
    }
    if (merged.known_rank() && merged.rank() == 0) {
      return ctx.InvalidArgument(
          "Concat requires elements to be at least vectors, found scalars instead.");
    }
    WEFT_ASSIGN_OR_RETURN(const PartialShape known, Elements(ctx, *list, merged));
    if (!known.known_rank() || !Rows(known).IsFullyKnown()) {
      return ctx.InvalidArgument(
          StrCat("All except the first dimension must be fully defined when concating a list "
                 "without set elements. element_shape: ",
                 known.ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(const Shape row, ShapeFromSizes(ctx, Rows(known).dims()));
    return Join(ctx, *list, known.dim(0), row);
  }

 private:
  static PartialShape Rows(const PartialShape& shape) {
    return PartialShape(shape.dims().subspan(1));
  }

  // The elements' shape; the first size is unknown if they differ in it.
  static absl::StatusOr<PartialShape> Elements(KernelContext& ctx, const TensorListValue& list,
                                               PartialShape known) {
    const bool rows_given = known.known_rank() && known.dim(0) >= 0;
    bool first = true;
    for (int64_t i = 0; i < list.size(); ++i) {
      const Array& value = list.at(i);
      if (!value.valid()) continue;
      if (value.rank() == 0) {
        return ctx.InvalidArgument(
            StrCat("Concat saw a scalar shape at index ", i, " but requires at least vectors."));
      }
      PartialShape shape(value.shape()), merged;
      if (!first && !rows_given && known.dim(0) != shape.dim(0)) {
        known.set_dim(0, kUnknownDim);
        shape.set_dim(0, kUnknownDim);
      }
      if (!PartialShape::Merge(known, shape, &merged)) {
        return ctx.InvalidArgument(StrCat("element ", i, " of the list has shape ",
                                          value.shape().ToString(), ", which must fit with ",
                                          known.ToString()));
      }
      known = merged;
      first = false;
    }
    return known;
  }

  static absl::Status Join(KernelContext& ctx, const TensorListValue& list, int64_t all_rows,
                           const Shape& row) {
    const Array* leading = ctx.num_inputs() > 2 ? &ctx.input(2) : nullptr;
    if (leading && leading->rank() != 1)
      return ctx.InvalidArgument("leading_dims must be a vector, but has shape " +
                                 leading->shape().ToString());
    WEFT_ASSIGN_OR_RETURN(Array * lengths, ctx.AllocateOutput(1, Shape({list.size()})));
    Joined joined(ctx);
    int64_t total = 0;
    for (int64_t i = 0; i < list.size(); ++i) {
      const Array& value = list.at(i);
      int64_t rows = value.valid() ? value.dim(0) : all_rows;
      if (value.valid()) {
        joined.Add(value);
      } else {
        if (leading && i < leading->num_elements()) rows = leading->data<int64_t>()[i];
        if (rows < 0) {
          return ctx.InvalidArgument(
              StrCat("Concating lists with uninitialized tensors needs their number of rows: "
                     "element ",
                     i, " is not set, and neither element_shape nor leading_dims tell it"));
        }
        WEFT_ASSIGN_OR_RETURN(const Shape zeros, WithRows(ctx, rows, row));
        WEFT_RETURN_IF_ERROR(joined.AddZeros(list.dtype, zeros));
      }
      lengths->mutable_data<int64_t>()[i] = rows;
      if (__builtin_add_overflow(total, rows, &total))
        return ctx.InvalidArgument("the elements have too many rows");
    }
    WEFT_ASSIGN_OR_RETURN(const Shape shape, WithRows(ctx, total, row));
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    joined.Write(out);
    return absl::OkStatus();
  }

  PartialShape element_shape_;
};

// Pieces of `lengths` rows become elements.
absl::Status Split(KernelContext& ctx) {
  const Array &tensor = ctx.input(0), &lengths = ctx.input(2);
  if (lengths.rank() != 1) {
    return ctx.InvalidArgument("Expected lengths to be a vector, received shape: " +
                               lengths.shape().ToString());
  }
  if (tensor.rank() == 0) {
    return ctx.InvalidArgument("Tensor must be at least a vector, but saw shape: " +
                               tensor.shape().ToString());
  }
  TensorListValue list;
  list.dtype = tensor.dtype();
  WEFT_ASSIGN_OR_RETURN(list.element_shape, ElementShapeInput(ctx, 1));
  const Shape row = ShapeOfRows(tensor.shape());
  int64_t at = 0;
  for (int64_t i = 0; i < lengths.num_elements(); ++i) {
    const int64_t rows = lengths.data<int64_t>()[i];
    if (rows < 0 || rows > tensor.dim(0) - at) {
      return ctx.InvalidArgument(StrCat("Invalid value in lengths: ", rows, " at index ", i,
                                        ", where ", tensor.dim(0) - at, " rows are left"));
    }
    WEFT_ASSIGN_OR_RETURN(const Shape shape, WithRows(ctx, rows, row));
    if (!list.element_shape.IsCompatibleWith(PartialShape(shape))) {
      return ctx.InvalidArgument(StrCat("tensor shape ", shape.ToString(),
                                        " is not compatible with the element_shape ",
                                        list.element_shape.ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(Array piece, CopyOfPiece(ctx, tensor, at * row.num_elements(), shape));
    list.PushBack(std::move(piece));
    at += rows;
  }
  if (at != tensor.dim(0)) {
    return ctx.InvalidArgument(
        StrCat("Unused values in tensor. Length of tensor: ", tensor.dim(0), " Values used: ", at));
  }
  PutList(ctx, 0, std::move(list));
  return absl::OkStatus();
}

}  // namespace

void RegisterTensorListJoinKernels(KernelRegistry& k) {
  k.Add<Stack>("TensorListStack", kCpu, {});
  k.Add("TensorListGather", kCpu, {}, Gather);
  for (std::string_view op : {"TensorListConcat", "TensorListConcatV2"})
    k.Add<Concat>(op, kCpu, {});
  k.Add("TensorListSplit", kCpu, {}, Split);
}

}  // namespace weft
