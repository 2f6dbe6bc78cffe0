// SPDX-License-Identifier: Apache-2.0
// TensorLists: lists of tensors as values, in scalars of variants. What functional loops
// (StatelessWhile) use where those of version 1 have TensorArrays.
// kernels: kernels/cpu/tensor_list.cc, tensor_list_join.cc   test: tests/ops/tensor_list_test.cc
#include <string>

#include "src/core/strings.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

// ---- Shapes
// --------------------------------------------------------------------------------------

// A scalar stands for the unknown shape.
absl::StatusOr<PartialShape> ShapeOfInput(ShapeContext& c, int i) {
  if (c.input(i).known_rank() && c.input(i).rank() == 0) return PartialShape::Unknown();
  return c.input_as_shape(i);
}

// What is known of the list at input i; nullptr if nothing.
absl::StatusOr<const HandleData*> ListAt(ShapeContext& c, int i) {
  const std::vector<HandleData>* data = c.input_handle_data(i);
  if (data == nullptr || data->empty()) return static_cast<const HandleData*>(nullptr);
  if (data->size() > 1) {
    return absl::InvalidArgumentError(
        StrCat("Trying to read from list with wrong variant data: input ", i, " is no list"));
  }
  const DataType dtype = c.Attr<DataType>("element_dtype");
  if (c.FindAttr("element_dtype") == nullptr || data->front().dtype == dtype) return &data->front();
  return absl::InvalidArgumentError(StrCat("Expected list with element dtype ", DTypeName(dtype),
                                           " but got list with element dtype ",
                                           DTypeName(data->front().dtype)));
}

void SetList(ShapeContext& c, PartialShape element) {
  c.set_output_handle_data(0, {{c.Attr<DataType>("element_dtype"), std::move(element)}});
}

// A scalar list of elements of the shape that input `i` tells.
ShapeFn NewList(int i) {
  return [i](ShapeContext& c) -> absl::Status {
    c.set_output(0, PartialShape::Scalar());
    WEFT_ASSIGN_OR_RETURN(PartialShape element, ShapeOfInput(c, i));
    SetList(c, std::move(element));
    return absl::OkStatus();
  };
}

PartialShape WithoutFirst(const PartialShape& s) {
  return s.known_rank() ? PartialShape(s.dims().subspan(1)) : PartialShape::Unknown();
}

absl::Status FromTensorShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape tensor, c.WithRankAtLeast(c.input(0), 1));
  WEFT_ASSIGN_OR_RETURN(const PartialShape element, ShapeOfInput(c, 1));
  WEFT_RETURN_IF_ERROR(c.Merge(WithoutFirst(tensor), element).status());
  return NewList(1)(c);
}

absl::Status ListSplitShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape tensor, c.WithRankAtLeast(c.input(0), 1));
  WEFT_RETURN_IF_ERROR(c.InputWithRank(2, 1).status());
  WEFT_ASSIGN_OR_RETURN(const PartialShape element, ShapeOfInput(c, 1));
  if (tensor.known_rank()) {
    PartialShape piece = tensor;
    piece.set_dim(0, kUnknownDim);
    WEFT_RETURN_IF_ERROR(c.Merge(piece, element).status());
  }
  return NewList(1)(c);
}

// The list at input 0, changed.
absl::Status ChangedShape(ShapeContext& c) {
  c.set_output(0, PartialShape::Scalar());
  WEFT_ASSIGN_OR_RETURN(const HandleData* list, ListAt(c, 0));
  SetList(c, list ? list->shape : PartialShape::Unknown());
  return absl::OkStatus();
}

absl::Status PushBatchShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape lists, c.InputWithRank(0, 1));
  WEFT_ASSIGN_OR_RETURN(const PartialShape tensor, c.WithRankAtLeast(c.input(1), 1));
  if (tensor.known_rank()) {
    WEFT_ASSIGN_OR_RETURN(const int64_t n, c.MergeDim(lists.dim(0), tensor.dim(0)));
    lists.set_dim(0, n);
  }
  WEFT_RETURN_IF_ERROR(ChangedShape(c));
  c.set_output(0, lists);
  return absl::OkStatus();
}

absl::Status PopShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const HandleData* list, ListAt(c, 0));
  c.set_output(0, PartialShape::Scalar());
  if (list == nullptr) return absl::OkStatus();
  c.set_output(1, list->shape);
  c.set_output_handle_data(0, {*list});
  return absl::OkStatus();
}

absl::Status SetItemShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const HandleData* list, ListAt(c, 0));
  if (list) WEFT_RETURN_IF_ERROR(c.Merge(c.input(2), list->shape).status());
  return ChangedShape(c);
}

absl::Status ScatterIntoShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.WithRankAtLeast(c.input(1), 1).status());
  WEFT_RETURN_IF_ERROR(c.InputWithRank(2, 1).status());
  return ChangedShape(c);
}

absl::Status ResizeShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 0).status());
  c.set_output(0, PartialShape::Scalar());
  WEFT_ASSIGN_OR_RETURN(const HandleData* list, ListAt(c, 0));
  if (list) c.set_output_handle_data(0, {*list});
  return absl::OkStatus();
}

absl::Status ConcatListsShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape lists, c.Merge(c.input(0), c.input(1)));
  c.set_output(0, std::move(lists));
  WEFT_ASSIGN_OR_RETURN(const HandleData* a, ListAt(c, 0));
  WEFT_ASSIGN_OR_RETURN(const HandleData* b, ListAt(c, 1));
  WEFT_ASSIGN_OR_RETURN(PartialShape element, c.Merge(a ? a->shape : PartialShape::Unknown(),
                                                      b ? b->shape : PartialShape::Unknown()));
  SetList(c, std::move(element));
  return absl::OkStatus();
}

// The elements' shape by the list and by input i.
absl::StatusOr<PartialShape> Elements(ShapeContext& c, int i) {
  WEFT_ASSIGN_OR_RETURN(const HandleData* list, ListAt(c, 0));
  WEFT_ASSIGN_OR_RETURN(const PartialShape also, ShapeOfInput(c, i));
  return c.Merge(list ? list->shape : PartialShape::Unknown(), also);
}

absl::Status GetItemShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape element, Elements(c, 2));
  c.set_output(0, std::move(element));
  return absl::OkStatus();
}

absl::Status StackShape(ShapeContext& c) {
  const int64_t n = c.Attr<int64_t>("num_elements");
  if (n < -1)
    return absl::InvalidArgumentError(StrCat("num_elements is ", n, ", which must be >= -1"));
  WEFT_ASSIGN_OR_RETURN(const PartialShape element, Elements(c, 1));
  c.set_output(0, PartialShape::Vector(n).Concatenate(element));
  return absl::OkStatus();
}

absl::Status ListGatherShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape element, Elements(c, 2));
  c.set_output(0, c.input(1).Concatenate(element));
  return absl::OkStatus();
}

absl::Status SetConcatShape(ShapeContext& c, const PartialShape& element) {
  WEFT_ASSIGN_OR_RETURN(const HandleData* list, ListAt(c, 0));
  WEFT_ASSIGN_OR_RETURN(const PartialShape merged,
                        c.Merge(element, list ? list->shape : PartialShape::Unknown()));
  WEFT_ASSIGN_OR_RETURN(const PartialShape known, c.WithRankAtLeast(merged, 1));
  if (known.known_rank())
    c.set_output(0, PartialShape::Vector(kUnknownDim).Concatenate(WithoutFirst(known)));
  c.set_output(1, PartialShape::Vector(kUnknownDim));
  return absl::OkStatus();
}

absl::Status ElementShapeShape(ShapeContext& c) {
  const std::vector<HandleData>* data = c.input_handle_data(0);
  if (data && data->size() == 1 && data->front().shape.known_rank())
    c.set_output(0, PartialShape::Vector(data->front().shape.rank()));
  return absl::OkStatus();
}

// ---- Gradients: the gradient of a list is the list of the gradients
// -------------------------------

Tensor ElementShapeOf(GradientContext& g, Tensor list) {
  return g.Op("TensorListElementShape", {list}, {{"shape_type", kInt32}});
}

Tensor RowShape(GradientContext& g, Tensor tensor) {
  return g.Op("Slice",
              {g.Shape(tensor), g.ConstInts({1}, "Slice/begin"), g.ConstInts({-1}, "Slice/size")});
}

// The gradient of output o, a list; an empty list if none flows.
Tensor ListGradient(GradientContext& g, int o, DataType dtype) {
  if (!g.dy_raw(o).none()) return g.dy(o);
  return g.Op("EmptyTensorList",
              {ElementShapeOf(g, g.output(o)), g.ConstInt(-1, "EmptyTensorList/max_num_elements")},
              {{"element_dtype", dtype}});
}

Tensor ItemAt(GradientContext& g, Tensor list, Tensor index, Tensor shape, DataType dtype) {
  return g.Op("TensorListGetItem", {list, index, shape}, {{"element_dtype", dtype}});
}

void PushBackGradient(GradientContext& g) {
  const std::vector<Tensor> popped = g.Ops("TensorListPopBack", {g.dy(0), g.Shape(g.input(1))},
                                           {{"element_dtype", g.Attr<DataType>("element_dtype")}});
  if (!g.ok()) return;
  g.SetDx(0, popped[0]);
  g.SetDx(1, popped[1]);
}

void PopBackGradient(GradientContext& g) {
  const Tensor list = ListGradient(g, 0, g.Attr<DataType>("element_dtype"));
  g.SetDx(0, g.Op("TensorListPushBack", {list, g.dy(1)}));
}

// A constant of the sizes of x without the first, -1 where unknown.
Tensor StaticRowShape(GradientContext& g, Tensor x) {
  if (!x.shape().known_rank()) return g.ConstInt(-1, "element_shape");
  std::vector<int32_t> sizes;
  for (int d = 1; d < x.shape().rank(); ++d)
    sizes.push_back(static_cast<int32_t>(x.shape().dim(d)));
  return g.ConstInts(sizes, "element_shape");
}

void StackGradient(GradientContext& g) {
  const Tensor dy = g.dy(0);
  if (!g.ok()) return;
  g.SetDx(0, g.Op("TensorListFromTensor", {dy, StaticRowShape(g, dy)}));
}

void FromTensorGradient(GradientContext& g) {
  const Tensor x = g.input(0);
  const int64_t n = x.shape().known_rank() ? x.shape().dim(0) : -1;
  const Tensor list = ListGradient(g, 0, x.dtype());
  g.SetDx(0, g.Op("TensorListStack", {list, RowShape(g, x)},
                  {{"element_dtype", x.dtype()}, {"num_elements", n}}));
}

void ListConcatGradient(GradientContext& g) {
  g.SetDx(0, g.Op("TensorListSplit", {g.dy(0), ElementShapeOf(g, g.input(0)), g.output(1)}));
}

void ListSplitGradient(GradientContext& g) {
  const Tensor x = g.input(0);
  const Tensor shape =
      g.Op("ConcatV2",
           {g.ConstInts({-1}, "concat/values_0"), RowShape(g, x), g.ConstInt(0, "concat/axis")}, {},
           "concat");
  g.SetDx(0,
          g.Op("TensorListConcatV2", {g.dy(0), shape, g.input(2)}, {{"element_dtype", x.dtype()}}));
}

// A list of zeros as long as input 0.
Tensor ListOfZeros(GradientContext& g, DataType dtype) {
  const Tensor size = g.Op("TensorListLength", {g.input(0)});
  return g.Op("TensorListReserve", {ElementShapeOf(g, g.input(0)), size},
              {{"element_dtype", dtype}});
}

void GetItemGradient(GradientContext& g) {
  const Tensor dy = g.dy(0);
  if (!g.ok()) return;
  g.SetDx(0, g.Op("TensorListSetItem", {ListOfZeros(g, dy.dtype()), g.input(1), dy}));
}

void SetItemGradient(GradientContext& g) {
  const Tensor list = g.dy(0), index = g.input(1), item = g.input(2);
  g.SetDx(0, g.Op("TensorListSetItem", {list, index, g.ZerosLike(item)}));
  g.SetDx(2, ItemAt(g, list, index, g.Shape(item), item.dtype()));
}

void ResizeGradient(GradientContext& g) {
  const Tensor size = g.Op("TensorListLength", {g.input(0)});
  g.SetDx(0, g.Op("TensorListResize", {g.dy(0), size}));
}

void ListGatherGradient(GradientContext& g) {
  const Tensor dy = g.dy(0);
  if (!g.ok()) return;
  g.SetDx(0,
          g.Op("TensorListScatterIntoExistingList", {ListOfZeros(g, dy.dtype()), dy, g.input(1)}));
}

Tensor GatherRows(GradientContext& g, Tensor list, Tensor indices, Tensor rows_of) {
  return g.Op("TensorListGather", {list, indices, RowShape(g, rows_of)},
              {{"element_dtype", rows_of.dtype()}});
}

void ListScatterGradient(GradientContext& g) {
  g.SetDx(0, GatherRows(g, g.dy(0), g.input(1), g.input(0)));
}

void ScatterIntoGradient(GradientContext& g) {
  const Tensor list = g.dy(0), tensor = g.input(1), indices = g.input(2);
  g.SetDx(1, GatherRows(g, list, indices, tensor));
  g.SetDx(0, g.Op("TensorListScatterIntoExistingList", {list, g.ZerosLike(tensor), indices}));
}

// ---- Schemas
// -------------------------------------------------------------------------------------

OpDefBuilder&& OfElements(OpDefBuilder&& op) { return std::move(op).Attr("element_dtype: type"); }
OpDefBuilder&& WithShapeType(OpDefBuilder&& op) {
  return std::move(op).Attr("element_dtype: type").Attr("shape_type: {int32, int64}");
}

void RegisterMakers(OpRegistry& ops) {
  ops.Add("EmptyTensorList")
      .Summary("A list without elements; at most max_num_elements may be pushed (-1: any number).")
      .Input("element_shape: shape_type")
      .Input("max_num_elements: int32")
      .Output("handle: variant")
      .Apply(WithShapeType)
      .Shape(NewList(0))
      .NoGradient("an empty list holds nothing");
  ops.Add("TensorListReserve")
      .Summary("A list of elements that are not set yet, which read as zeros.")
      .Input("element_shape: shape_type")
      .Input("num_elements: int32")
      .Output("handle: variant")
      .Apply(WithShapeType)
      .Shape(NewList(0))
      .NoGradient("a new list holds nothing");
  ops.Add("TensorListFromTensor")
      .Summary("The rows of a tensor as a list.")
      .Input("tensor: element_dtype")
      .Input("element_shape: shape_type")
      .Output("output_handle: variant")
      .Apply(WithShapeType)
      .Shape(FromTensorShape)
      .Gradient(FromTensorGradient);
  ops.Add("TensorListSplit")
      .Summary("Pieces of a tensor, of these lengths in the first dimension, as a list.")
      .Input("tensor: element_dtype")
      .Input("element_shape: shape_type")
      .Input("lengths: int64")
      .Output("output_handle: variant")
      .Apply(WithShapeType)
      .Shape(ListSplitShape)
      .Gradient(ListSplitGradient);
  for (const bool second : {false, true}) {
    const auto size = [second](OpDefBuilder&& op) -> OpDefBuilder&& {
      return second ? std::move(op).Input("num_elements: int32") : std::move(op);
    };
    ops.Add(second ? "TensorListScatterV2" : "TensorListScatter")
        .Summary("A list whose elements at `indices` are the rows of a tensor.")
        .Input("tensor: element_dtype")
        .Input("indices: int32")
        .Input("element_shape: shape_type")
        .Apply(size)
        .Output("output_handle: variant")
        .Apply(WithShapeType)
        .Shape(NewList(2))
        .Gradient(ListScatterGradient);
  }
}

void RegisterChanges(OpRegistry& ops) {
  ops.Add("TensorListPushBack")
      .Summary("The list with one more element at its end.")
      .Input("input_handle: variant")
      .Input("tensor: element_dtype")
      .Output("output_handle: variant")
      .Apply(OfElements)
      .Shape(ChangedShape)
      .Gradient(PushBackGradient);
  ops.Add("TensorListPushBackBatch")
      .Summary("Each list of a vector with one more element: its row of the tensor.")
      .Input("input_handles: variant")
      .Input("tensor: element_dtype")
      .Output("output_handles: variant")
      .Apply(OfElements)
      .Shape(PushBatchShape)
      .NoGradient("the rows of a batch are pushed, not computed");
  ops.Add("TensorListPopBack")
      .Summary("The list without its last element, and that element.")
      .Input("input_handle: variant")
      .Input("element_shape: int32")
      .Output("output_handle: variant")
      .Output("tensor: element_dtype")
      .Apply(OfElements)
      .Shape(PopShape)
      .Gradient(PopBackGradient);
  ops.Add("TensorListSetItem")
      .Summary("The list with another element at `index`.")
      .Input("input_handle: variant")
      .Input("index: int32")
      .Input("item: element_dtype")
      .Output("output_handle: variant")
      .Apply(OfElements)
      .Attr("resize_if_index_out_of_bounds: bool = false")
      .Shape(SetItemShape)
      .Gradient(SetItemGradient);
  ops.Add("TensorListScatterIntoExistingList")
      .Summary("The list with other elements at `indices`: the rows of a tensor.")
      .Input("input_handle: variant")
      .Input("tensor: element_dtype")
      .Input("indices: int32")
      .Output("output_handle: variant")
      .Apply(OfElements)
      .Shape(ScatterIntoShape)
      .Gradient(ScatterIntoGradient);
  ops.Add("TensorListResize")
      .Summary("The list cut to, or filled up with unset elements to, this length.")
      .Input("input_handle: variant")
      .Input("size: int32")
      .Output("output_handle: variant")
      .Shape(ResizeShape)
      .Gradient(ResizeGradient);
  ops.Add("TensorListConcatLists")
      .Summary("The elements of one list after those of another, for each pair of lists.")
      .Input("input_a: variant")
      .Input("input_b: variant")
      .Output("output: variant")
      .Apply(OfElements)
      .Shape(ConcatListsShape)
      .NoGradient("lists are joined to be read");
}

void RegisterReaders(OpRegistry& ops) {
  ops.Add("TensorListLength")
      .Summary("The number of elements.")
      .Input("input_handle: variant")
      .Output("length: int32")
      .Shape(shape::Scalar)
      .NoGradient("the result is a number of elements");
  ops.Add("TensorListElementShape")
      .Summary("The shape that all elements fit: -1 for sizes, or a scalar -1, where unknown.")
      .Input("input_handle: variant")
      .Output("element_shape: shape_type")
      .Attr("shape_type: {int32, int64}")
      .Shape(ElementShapeShape)
      .NoGradient("the result is a shape");
  ops.Add("TensorListGetItem")
      .Summary("An element.")
      .Input("input_handle: variant")
      .Input("index: int32")
      .Input("element_shape: int32")
      .Output("item: element_dtype")
      .Apply(OfElements)
      .Shape(GetItemShape)
      .Gradient(GetItemGradient);
  ops.Add("TensorListStack")
      .Summary("All elements, which have one shape, stacked.")
      .Input("input_handle: variant")
      .Input("element_shape: int32")
      .Output("tensor: element_dtype")
      .Apply(OfElements)
      .Attr("num_elements: int = -1")
      .Shape(StackShape)
      .Gradient(StackGradient);
  ops.Add("TensorListGather")
      .Summary("Elements of one shape, stacked.")
      .Input("input_handle: variant")
      .Input("indices: int32")
      .Input("element_shape: int32")
      .Output("values: element_dtype")
      .Apply(OfElements)
      .Shape(ListGatherShape)
      .Gradient(ListGatherGradient);
  ops.Add("TensorListConcat")
      .Summary("All elements, joined along their first dimension, and their sizes there.")
      .Input("input_handle: variant")
      .Output("tensor: element_dtype")
      .Output("lengths: int64")
      .Apply(OfElements)
      .Attr("element_shape: shape = { unknown_rank: true }")
      .Shape(
          [](ShapeContext& c) { return SetConcatShape(c, c.Attr<PartialShape>("element_shape")); })
      .Gradient(ListConcatGradient);
  ops.Add("TensorListConcatV2")
      .Summary("As TensorListConcat; elements that are not set have leading_dims rows.")
      .Input("input_handle: variant")
      .Input("element_shape: shape_type")
      .Input("leading_dims: int64")
      .Output("tensor: element_dtype")
      .Output("lengths: int64")
      .Apply(WithShapeType)
      .Shape([](ShapeContext& c) -> absl::Status {
        WEFT_ASSIGN_OR_RETURN(const PartialShape element, ShapeOfInput(c, 1));
        return SetConcatShape(c, element);
      })
      .Gradient(ListConcatGradient);
}

}  // namespace

void RegisterTensorListOps(OpRegistry& ops) {
  RegisterMakers(ops);
  RegisterChanges(ops);
  RegisterReaders(ops);
}

}  // namespace weft
