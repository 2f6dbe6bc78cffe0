// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/tensor_list.h"

#include <any>
#include <limits>

#include "kernels/cpu/array_util.h"
#include "kernels/cpu/concat_copy.h"
#include "kernels/cpu/ragged.h"
#include "kernels/cpu/register.h"
#include "kernels/cpu/sparse_matrix.h"
#include "kernels/cpu/tensor_array.h"
#include "src/core/strings.h"
#include "weft/core/handle.h"
#include "weft/runtime/kernel.h"

namespace weft {

void RegisterTensorListJoinKernels(KernelRegistry& kernels);

namespace {

absl::Status CheckDtype(KernelContext& ctx, const TensorListValue& list, DataType dtype) {
  if (list.dtype == dtype) return absl::OkStatus();
  return ctx.InvalidArgument(StrCat("Invalid data types; op elements ", DTypeOpName(dtype),
                                    " but list elements ", DTypeOpName(list.dtype)));
}

absl::Status CheckFits(KernelContext& ctx, const TensorListValue& list, const Shape& shape,
                       std::string_view tried) {
  if (list.element_shape.IsCompatibleWith(PartialShape(shape))) return absl::OkStatus();
  return ctx.InvalidArgument(StrCat("Tried to ", tried, ". Item element shape: ", shape.ToString(),
                                    " list shape: ", list.element_shape.ToString()));
}

absl::StatusOr<int32_t> Scalar(KernelContext& ctx, int i, std::string_view what) {
  const Array& a = ctx.input(i);
  if (a.rank() == 0) return *a.data<int32_t>();
  return ctx.InvalidArgument(
      StrCat(what, " expected to be a scalar but got shape: ", a.shape().ToString()));
}

absl::StatusOr<const Array*> Indices(KernelContext& ctx, int i) {
  const Array& a = ctx.input(i);
  if (a.rank() == 1) return &a;
  return ctx.InvalidArgument(
      StrCat("Expected indices to be a vector, but received shape: ", a.shape().ToString()));
}

// ---- Lists made anew
// -----------------------------------------------------------------------------

class MakeList final : public Kernel {
 public:
  explicit MakeList(KernelConstruction& c)
      : dtype_(c.Attr<DataType>("element_dtype")), empty_(c.op() == "EmptyTensorList") {}

  absl::Status Compute(KernelContext& ctx) override {
    TensorListValue list;
    list.dtype = dtype_;
    WEFT_ASSIGN_OR_RETURN(list.element_shape, ElementShapeInput(ctx, 0));
    WEFT_ASSIGN_OR_RETURN(const int32_t n,
                          Scalar(ctx, 1, empty_ ? "max_num_elements" : "num_elements"));
    if (empty_) {
      list.max_num_elements = n;
    } else if (n < 0) {
      return ctx.InvalidArgument(
          StrCat("The num_elements to reserve must be a non negative number, but got ", n));
    } else {
      list.Resize(n);
    }
    PutList(ctx, 0, std::move(list));
    return absl::OkStatus();
  }

 private:
  DataType dtype_;
  bool empty_;
};

// A copy of row i of a tensor.
absl::StatusOr<Array> CopyOfRow(KernelContext& ctx, const Array& tensor, int64_t i,
                                const Shape& row) {
  return CopyOfPiece(ctx, tensor, i * row.num_elements(), row);
}

absl::Status FromTensor(KernelContext& ctx) {
  const Array& tensor = ctx.input(0);
  if (tensor.rank() == 0) {
    return ctx.InvalidArgument("Tensor must be at least a vector, but saw shape: " +
                               tensor.shape().ToString());
  }
  TensorListValue list;
  list.dtype = tensor.dtype();
  WEFT_ASSIGN_OR_RETURN(list.element_shape, ElementShapeInput(ctx, 1));
  const Shape row = ShapeOfRows(tensor.shape());
  if (!list.element_shape.IsCompatibleWith(PartialShape(row))) {
    return ctx.InvalidArgument(StrCat("Specified a list with shape ", list.element_shape.ToString(),
                                      " from a tensor with shape ", row.ToString()));
  }
  for (int64_t i = 0; i < tensor.dim(0); ++i) {
    WEFT_ASSIGN_OR_RETURN(Array copy, CopyOfRow(ctx, tensor, i, row));
    list.PushBack(std::move(copy));
  }
  PutList(ctx, 0, std::move(list));
  return absl::OkStatus();
}

// Rows of `tensor` become elements indices[i] of the list, which grows if need be.
absl::Status ScatterRows(KernelContext& ctx, const Array& tensor, const Array& indices,
                         TensorListValue* list) {
  if (tensor.rank() == 0) {
    return ctx.InvalidArgument("Tensor must be at least a vector, but saw shape: " +
                               tensor.shape().ToString());
  }
  if (indices.num_elements() != tensor.dim(0)) {
    return ctx.InvalidArgument(StrCat("Expected len(indices) == tensor.shape[0], but saw: ",
                                      indices.num_elements(), " vs. ", tensor.dim(0)));
  }
  const Shape row = ShapeOfRows(tensor.shape());
  if (!list->element_shape.IsCompatibleWith(PartialShape(row))) {
    return ctx.InvalidArgument(StrCat("Specified a list with shape ",
                                      list->element_shape.ToString(), " from a tensor with shape ",
                                      row.ToString()));
  }
  for (int64_t i = 0; i < indices.num_elements(); ++i) {
    const int32_t index = indices.data<int32_t>()[i];
    if (index < 0) {
      return ctx.InvalidArgument(
          StrCat("Indices in TensorListScatter must all be non-negative: saw ", index));
    }
    if (index >= list->size()) list->Resize(int64_t{index} + 1);
    WEFT_ASSIGN_OR_RETURN(Array copy, CopyOfRow(ctx, tensor, i, row));
    list->Set(index, std::move(copy));
  }
  return absl::OkStatus();
}

absl::Status ScatterNew(KernelContext& ctx) {
  const Array& tensor = ctx.input(0);
  WEFT_ASSIGN_OR_RETURN(const Array* indices, Indices(ctx, 1));
  TensorListValue list;
  list.dtype = tensor.dtype();
  WEFT_ASSIGN_OR_RETURN(list.element_shape, ElementShapeInput(ctx, 2));
  int32_t size = -1;
  if (ctx.num_inputs() > 3) {
    WEFT_ASSIGN_OR_RETURN(size, Scalar(ctx, 3, "num_elements"));
    if (size < -1) {
      return ctx.InvalidArgument(
          StrCat("TensorListScatter expects num_elements >= -1, found: ", size));
    }
  }
  for (int64_t i = 0; size >= 0 && i < indices->num_elements(); ++i) {
    const int32_t index = indices->data<int32_t>()[i];
    if (index < size) continue;
    return ctx.InvalidArgument(StrCat("TensorListScatter: Trying to scatter at index ", index,
                                      " in list with size ", size));
  }
  if (size >= 0) list.Resize(size);
  WEFT_RETURN_IF_ERROR(ScatterRows(ctx, tensor, *indices, &list));
  PutList(ctx, 0, std::move(list));
  return absl::OkStatus();
}

absl::Status ScatterInto(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const TensorListValue* from, ListInput(ctx, 0));
  const Array& tensor = ctx.input(1);
  WEFT_RETURN_IF_ERROR(CheckDtype(ctx, *from, tensor.dtype()));
  WEFT_ASSIGN_OR_RETURN(const Array* indices, Indices(ctx, 2));
  TensorListValue list = *from;
  WEFT_RETURN_IF_ERROR(ScatterRows(ctx, tensor, *indices, &list));
  PutList(ctx, 0, std::move(list));
  return absl::OkStatus();
}

// ---- Lists changed
// -------------------------------------------------------------------------------

absl::Status Append(KernelContext& ctx, TensorListValue* list, const Array& item) {
  WEFT_RETURN_IF_ERROR(CheckDtype(ctx, *list, item.dtype()));
  WEFT_RETURN_IF_ERROR(
      CheckFits(ctx, *list, item.shape(), "append a tensor with incompatible shape to a list"));
  if (list->max_num_elements != -1 && list->size() >= list->max_num_elements) {
    return ctx.InvalidArgument(StrCat("Tried to push item into a full list list size: ",
                                      list->size(), " max_num_elements: ", list->max_num_elements));
  }
  list->PushBack(ctx.Persist(item));
  return absl::OkStatus();
}

absl::Status PushBack(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const TensorListValue* from, ListInput(ctx, 0));
  TensorListValue list = *from;
  WEFT_RETURN_IF_ERROR(Append(ctx, &list, ctx.input(1)));
  PutList(ctx, 0, std::move(list));
  return absl::OkStatus();
}

// Row i of the tensor goes to list i.
absl::Status PushBackBatch(KernelContext& ctx) {
  const Array &lists = ctx.input(0), &tensor = ctx.input(1);
  if (lists.rank() != 1 || tensor.rank() < 1 || tensor.dim(0) != lists.dim(0)) {
    return ctx.InvalidArgument(
        StrCat("input_handles must be a vector of as many lists as tensor has rows; they are ",
               lists.shape().ToString(), " and ", tensor.shape().ToString()));
  }
  const Shape row = ShapeOfRows(tensor.shape());
  Array out(kVariant, lists.shape());
  for (int64_t i = 0; i < lists.dim(0); ++i) {
    WEFT_ASSIGN_OR_RETURN(const TensorListValue* from, ListOf(ctx, lists.data<Variant>()[i]));
    TensorListValue list = *from;
    WEFT_ASSIGN_OR_RETURN(Array copy, CopyOfRow(ctx, tensor, i, row));
    WEFT_RETURN_IF_ERROR(Append(ctx, &list, copy));
    out.mutable_data<Variant>()[i] = VariantOf(std::move(list));
  }
  ctx.set_output(0, std::move(out));
  return absl::OkStatus();
}

absl::Status PopBack(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const TensorListValue* from, ListInput(ctx, 0));
  WEFT_RETURN_IF_ERROR(CheckDtype(ctx, *from, ctx.output_dtype(1)));
  if (from->size() == 0) return ctx.InvalidArgument("Trying to pop from an empty list.");
  WEFT_ASSIGN_OR_RETURN(Array item, ItemOrZeros(ctx, *from, from->size() - 1, 1));
  TensorListValue list = *from;
  list.Resize(list.size() - 1);
  ctx.set_output(1, std::move(item));
  PutList(ctx, 0, std::move(list));
  return absl::OkStatus();
}

class SetItem final : public Kernel {
 public:
  explicit SetItem(KernelConstruction& c)
      : resize_(c.AttrOr<bool>("resize_if_index_out_of_bounds", false)) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const TensorListValue* from, ListInput(ctx, 0));
    const Array& item = ctx.input(2);
    WEFT_RETURN_IF_ERROR(CheckDtype(ctx, *from, item.dtype()));
    WEFT_ASSIGN_OR_RETURN(const int32_t index, Scalar(ctx, 1, "index"));
    if (index < 0 || (index >= from->size() && !resize_)) {
      return ctx.InvalidArgument(StrCat("Trying to modify element ", index, " in a list with ",
                                        from->size(), " elements."));
    }
    WEFT_RETURN_IF_ERROR(CheckFits(ctx, *from, item.shape(),
                                   "set a tensor with incompatible shape at a list index"));
    TensorListValue list = *from;
    if (index >= list.size()) list.Resize(int64_t{index} + 1);
    list.Set(index, ctx.Persist(item));
    PutList(ctx, 0, std::move(list));
    return absl::OkStatus();
  }

 private:
  bool resize_;
};

absl::Status ResizeList(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const TensorListValue* from, ListInput(ctx, 0));
  WEFT_ASSIGN_OR_RETURN(const int32_t size, Scalar(ctx, 1, "size"));
  if (size < 0) {
    return ctx.InvalidArgument(
        StrCat("TensorListSlice expects size to be non-negative. Got: ", size));
  }
  TensorListValue list = *from;
  list.Resize(size);
  PutList(ctx, 0, std::move(list));
  return absl::OkStatus();
}

absl::StatusOr<TensorListValue> JoinLists(KernelContext& ctx, const TensorListValue& a,
                                          const TensorListValue& b) {
  WEFT_RETURN_IF_ERROR(CheckDtype(ctx, b, a.dtype));
  TensorListValue list = a;
  if (!PartialShape::Merge(a.element_shape, b.element_shape, &list.element_shape)) {
    return ctx.InvalidArgument(
        StrCat("input list element shapes are not compatible. Got: ", a.element_shape.ToString(),
               " vs. ", b.element_shape.ToString()));
  }
  if (b.size() > std::numeric_limits<int32_t>::max() - a.size())
    return ctx.InvalidArgument(StrCat("a list of ", a.size() + b.size(), " elements is too long"));
  list.Resize(a.size() + b.size());
  for (int64_t i = 0; i < b.size(); ++i) {
    if (b.at(i).valid()) list.Set(a.size() + i, b.at(i));
  }
  return list;
}

absl::Status ConcatLists(KernelContext& ctx) {
  const Array &a = ctx.input(0), &b = ctx.input(1);
  if (!(a.shape() == b.shape())) {
    return ctx.InvalidArgument(StrCat("input_a and input_b must be of one shape; they are ",
                                      a.shape().ToString(), " and ", b.shape().ToString()));
  }
  Array out(kVariant, a.shape());
  for (int64_t i = 0; i < a.num_elements(); ++i) {
    WEFT_ASSIGN_OR_RETURN(const TensorListValue* first, ListOf(ctx, a.data<Variant>()[i]));
    WEFT_ASSIGN_OR_RETURN(const TensorListValue* second, ListOf(ctx, b.data<Variant>()[i]));
    WEFT_ASSIGN_OR_RETURN(TensorListValue list, JoinLists(ctx, *first, *second));
    out.mutable_data<Variant>()[i] = VariantOf(std::move(list));
  }
  ctx.set_output(0, std::move(out));
  return absl::OkStatus();
}

// ---- Lists read
// ----------------------------------------------------------------------------------

absl::Status GetItem(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const TensorListValue* list, ListInput(ctx, 0));
  WEFT_RETURN_IF_ERROR(CheckDtype(ctx, *list, ctx.output_dtype(0)));
  WEFT_ASSIGN_OR_RETURN(const int32_t index, Scalar(ctx, 1, "index"));
  if (index < 0 || index >= list->size()) {
    return ctx.InvalidArgument(
        StrCat("Trying to access element ", index, " in a list with ", list->size(), " elements."));
  }
  WEFT_ASSIGN_OR_RETURN(Array item, ItemOrZeros(ctx, *list, index, 2));
  ctx.set_output(0, std::move(item));
  return absl::OkStatus();
}

absl::Status Length(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const TensorListValue* list, ListInput(ctx, 0));
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
  *out->mutable_data<int32_t>() = static_cast<int32_t>(list->size());
  return absl::OkStatus();
}

// The sizes, -1 where unknown; the scalar -1 if not even the rank is known.
absl::Status ElementShape(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const TensorListValue* list, ListInput(ctx, 0));
  const PartialShape& s = list->element_shape;
  const bool wide = ctx.output_dtype(0) == kInt64;
  WEFT_ASSIGN_OR_RETURN(
      Array * out, ctx.AllocateOutput(0, s.known_rank() ? Shape({int64_t{s.rank()}}) : Shape()));
  for (int64_t i = 0; i < out->num_elements(); ++i) {
    const int64_t size = s.known_rank() ? s.dim(static_cast<int>(i)) : -1;
    if (wide)
      out->mutable_data<int64_t>()[i] = size;
    else
      out->mutable_data<int32_t>()[i] = static_cast<int32_t>(size);
  }
  return absl::OkStatus();
}

// ---- Of all variants: zeros, and sums of gradients ----

// As many elements, not set: they read as zeros.
absl::Status ZerosLikeVariants(KernelContext& ctx) {
  const Array& x = ctx.input(0);
  Array out(kVariant, x.shape());
  for (int64_t i = 0; i < x.num_elements(); ++i) {
    if (const RaggedValue* ragged = RaggedOf(x.data<Variant>()[i])) {
      WEFT_ASSIGN_OR_RETURN(out.mutable_data<Variant>()[i], ZerosLikeRagged(ctx, *ragged));
      continue;
    }
    if (const SparseMatrixValue* matrix = SparseMatrixOf(x.data<Variant>()[i])) {
      WEFT_ASSIGN_OR_RETURN(out.mutable_data<Variant>()[i], ZerosLikeSparseMatrix(ctx, *matrix));
      continue;
    }
    WEFT_ASSIGN_OR_RETURN(const TensorListValue* from, ListOf(ctx, x.data<Variant>()[i]));
    TensorListValue zeros;
    zeros.dtype = from->dtype;
    zeros.element_shape = from->element_shape;
    zeros.Resize(from->size());
    for (int64_t j = 0; j < from->size(); ++j) {
      if (!from->at(j).valid()) continue;
      WEFT_ASSIGN_OR_RETURN(Array zero, ctx.AllocateTemp(from->at(j).dtype(), from->at(j).shape()));
      FillWithZero(ctx, &zero);
      zeros.Set(j, std::move(zero));
    }
    out.mutable_data<Variant>()[i] = VariantOf(std::move(zeros));
  }
  ctx.set_output(0, std::move(out));
  return absl::OkStatus();
}

absl::Status AddList(KernelContext& ctx, const TensorListValue& more, TensorListValue* sum) {
  WEFT_RETURN_IF_ERROR(CheckDtype(ctx, more, sum->dtype));
  if (more.size() != sum->size()) {
    return ctx.InvalidArgument(
        StrCat("Trying to add two lists of tensors of different lengths. "
               "One is ",
               sum->size(), " and the other is ", more.size()));
  }
  PartialShape merged;
  if (!PartialShape::Merge(sum->element_shape, more.element_shape, &merged)) {
    return ctx.InvalidArgument(
        StrCat("Trying to add two lists of tensors with incompatible element shapes. One is ",
               sum->element_shape.ToString(), " and the other is ", more.element_shape.ToString()));
  }
  sum->element_shape = merged;
  for (int64_t i = 0; i < more.size(); ++i) {
    const Array &a = sum->at(i), &b = more.at(i);
    if (!b.valid()) continue;
    if (!a.valid()) {
      sum->Set(i, b);
      continue;
    }
    if (!(a.shape() == b.shape())) {
      return ctx.InvalidArgument(StrCat("elements ", i, " of lists that are added have shapes ",
                                        a.shape().ToString(), " and ", b.shape().ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(Array total, ctx.AllocateTemp(a.dtype(), a.shape()));
    if (!AddArrays(ctx, a, b, &total))
      return ctx.InvalidArgument(StrCat("lists of ", DTypeName(sum->dtype), " can't be added up"));
    sum->Set(i, std::move(total));
  }
  return absl::OkStatus();
}

absl::Status AddVariants(KernelContext& ctx) {
  const Array& first = ctx.input(0);
  Array out = first.Clone();
  for (int i = 1; i < ctx.num_inputs(); ++i) {
    const Array& more = ctx.input(i);
    if (!(more.shape() == first.shape())) {
      return ctx.InvalidArgument(StrCat("inputs are of shapes ", first.shape().ToString(), " and ",
                                        more.shape().ToString()));
    }
    for (int64_t j = 0; j < out.num_elements(); ++j) {
      const RaggedValue *sum_so_far = RaggedOf(out.data<Variant>()[j]),
                        *term = RaggedOf(more.data<Variant>()[j]);
      if (sum_so_far != nullptr && term != nullptr) {
        WEFT_ASSIGN_OR_RETURN(out.mutable_data<Variant>()[j], AddRagged(ctx, *sum_so_far, *term));
        continue;
      }
      const SparseMatrixValue *matrix = SparseMatrixOf(out.data<Variant>()[j]),
                              *more_of_it = SparseMatrixOf(more.data<Variant>()[j]);
      if (matrix != nullptr && more_of_it != nullptr) {
        WEFT_ASSIGN_OR_RETURN(out.mutable_data<Variant>()[j],
                              AddSparseMatrices(ctx, *matrix, *more_of_it));
        continue;
      }
      WEFT_ASSIGN_OR_RETURN(const TensorListValue* a, ListOf(ctx, out.data<Variant>()[j]));
      WEFT_ASSIGN_OR_RETURN(const TensorListValue* b, ListOf(ctx, more.data<Variant>()[j]));
      TensorListValue sum = *a;
      WEFT_RETURN_IF_ERROR(AddList(ctx, *b, &sum));
      out.mutable_data<Variant>()[j] = VariantOf(std::move(sum));
    }
  }
  ctx.set_output(0, std::move(out));
  return absl::OkStatus();
}

}  // namespace

// ---- Shared with tensor_list_join.cc
// -------------------------------------------------------------

absl::StatusOr<const TensorListValue*> ListOf(KernelContext& ctx, const Variant& v) {
  if (const auto* list = std::any_cast<TensorListValue>(&v.value)) return list;
  return ctx.InvalidArgument(StrCat("Input handle is not a list. Saw: '", v.type_name, "'"));
}

absl::StatusOr<const TensorListValue*> ListInput(KernelContext& ctx, int i) {
  const Array& handle = ctx.input(i);
  if (handle.rank() != 0) {
    return ctx.InvalidArgument(
        StrCat("Input list must be a scalar. Received: ", handle.shape().ToString()));
  }
  return ListOf(ctx, *handle.data<Variant>());
}

Variant VariantOf(TensorListValue list) {
  Variant v;
  v.type_name = TensorListValue::kTypeName;
  v.value = std::move(list);
  return v;
}

void PutList(KernelContext& ctx, int o, TensorListValue list) {
  ctx.set_output(o, Array(VariantOf(std::move(list))));
}

absl::StatusOr<PartialShape> ElementShapeInput(KernelContext& ctx, int i) {
  const Array& sizes = ctx.input(i);
  if (sizes.rank() == 0) {
    if (sizes.AsInt64() == -1) return PartialShape::Unknown();
    return ctx.InvalidArgument(
        "The only valid scalar shape tensor is the fully unknown shape specified as -1.");
  }
  if (sizes.rank() != 1) {
    return ctx.InvalidArgument(
        StrCat("element_shape must be a vector or -1, but has shape ", sizes.shape().ToString()));
  }
  PartialShape shape = PartialShape::Scalar();
  for (int64_t d = 0; d < sizes.num_elements(); ++d) {
    const int64_t size = sizes.AsInt64(d);
    if (size < -1) {
      return ctx.InvalidArgument(StrCat("element_shape has the size ", size, " for dimension ", d));
    }
    shape.AddDim(size);
  }
  return shape;
}

absl::StatusOr<PartialShape> KnownElementShape(KernelContext& ctx, const TensorListValue& list,
                                               const PartialShape& also) {
  PartialShape known;
  if (!PartialShape::Merge(also, list.element_shape, &known)) {
    return ctx.InvalidArgument(StrCat("Incompatible shapes: elements of the list are of shape ",
                                      list.element_shape.ToString(), ", asked for is ",
                                      also.ToString()));
  }
  if (known.IsFullyKnown()) return known;
  for (int64_t i = 0; i < list.size(); ++i) {
    if (!list.at(i).valid()) continue;
    const PartialShape before = known, item(list.at(i).shape());
    if (PartialShape::Merge(before, item, &known)) continue;
    return ctx.InvalidArgument(
        StrCat("Incompatible shapes during merge: ", before.ToString(), " vs. ", item.ToString()));
  }
  return known;
}

absl::StatusOr<Array> ItemOrZeros(KernelContext& ctx, const TensorListValue& list, int64_t i,
                                  int shape_input) {
  if (list.at(i).valid()) return list.at(i);
  WEFT_ASSIGN_OR_RETURN(const PartialShape also, ElementShapeInput(ctx, shape_input));
  WEFT_ASSIGN_OR_RETURN(const PartialShape known, KnownElementShape(ctx, list, also));
  if (!known.IsFullyKnown()) {
    return ctx.InvalidArgument(
        StrCat("Trying to read an uninitialized tensor but element_shape is not fully defined: ",
               known.ToString(), " and no list element is set."));
  }
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, known.dims()));
  WEFT_ASSIGN_OR_RETURN(Array zeros, ctx.AllocateTemp(list.dtype, shape));
  FillWithZero(ctx, &zeros);
  return zeros;
}

absl::StatusOr<Array> CopyOfPiece(KernelContext& ctx, const Array& tensor, int64_t first,
                                  const Shape& shape) {
  WEFT_ASSIGN_OR_RETURN(Array copy, ctx.AllocateTemp(tensor.dtype(), shape));
  if (shape.num_elements() > 0)
    CopyElements(ctx, ViewElements(tensor, first, tensor.dtype(), shape), &copy);
  return copy;
}

Shape ShapeOfRows(const Shape& shape) { return Shape(shape.dims().subspan(1)); }

void RegisterTensorListKernels(KernelRegistry& k) {
  for (std::string_view op : {"EmptyTensorList", "TensorListReserve"})
    k.Add<MakeList>(op, kCpu, {}, {.host_arguments = {"element_shape"}});
  k.Add("TensorListFromTensor", kCpu, {}, FromTensor);
  for (std::string_view op : {"TensorListScatter", "TensorListScatterV2"})
    k.Add(op, kCpu, {}, ScatterNew);
  k.Add("TensorListScatterIntoExistingList", kCpu, {}, ScatterInto);
  k.Add("TensorListPushBack", kCpu, {}, PushBack);
  k.Add("TensorListPushBackBatch", kCpu, {}, PushBackBatch);
  k.Add("TensorListPopBack", kCpu, {}, PopBack);
  k.Add<SetItem>("TensorListSetItem", kCpu, {});
  k.Add("TensorListResize", kCpu, {}, ResizeList);
  k.Add("TensorListConcatLists", kCpu, {}, ConcatLists);
  k.Add("TensorListGetItem", kCpu, {}, GetItem);
  k.Add("TensorListLength", kCpu, {}, Length);
  k.Add("TensorListElementShape", kCpu, {}, ElementShape);
  k.Add("ZerosLike", kCpu, {{"T", kVariant}}, ZerosLikeVariants);
  k.Add("AddN", kCpu, {{"T", kVariant}}, AddVariants);
  RegisterTensorListJoinKernels(k);
}

}  // namespace weft
