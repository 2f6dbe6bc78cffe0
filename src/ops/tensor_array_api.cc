// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/node.h"
#include "src/ops/op_scope.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/tensor_array.h"

namespace weft {

struct TensorArray::List {
  DataType dtype = kInvalidType;
  Tensor handle;
  Input size = 0;
  bool dynamic_size = false;
  bool infer_shape = true;
  PartialShape element_shape;
  // The first tensor written: all writes go to its device.
  Tensor first_written;
};

namespace {

Tensor Of(const Input& value, DataType dtype, std::string_view name) {
  const Tensor t = AsTensor(value, dtype, name);
  if (RemoveRef(t.dtype()) == dtype) return t;
  ThrowError(Code::kInvalidArgument,
             StrCat("TensorArray: '", t.name(), "' is of dtype ", DTypeName(t.dtype()),
                    ", the list of ", DTypeName(dtype)));
}

PartialShape WithRows(int64_t rows, const PartialShape& row) {
  return PartialShape::Vector(rows).Concatenate(row);
}

PartialShape WithoutRows(const PartialShape& shape) {
  if (!shape.known_rank() || shape.rank() == 0) return PartialShape::Unknown();
  PartialShape rest = PartialShape::Scalar();
  for (int d = 1; d < shape.rank(); ++d) rest.AddDim(shape.dim(d));
  return rest;
}

}  // namespace

TensorArray::TensorArray(DataType dtype, const Input& size, const TensorArrayOptions& options)
    : list_(std::make_shared<List>()) {
  list_->dtype = dtype;
  list_->dynamic_size = options.dynamic_size;
  list_->infer_shape = options.infer_shape;
  list_->element_shape = options.element_shape;
  const OpScope scope(options.name, "TensorArray", GraphOf(size));
  // The list is where its first element comes from.
  const ColocateWith nowhere(nullptr, scope.graph());
  list_->size = size;
  const Operation op = OpBuilder("TensorArrayV3", scope.self())
                           .In(size)
                           .Attr("dtype", dtype)
                           .Attr("element_shape", options.element_shape)
                           .Attr("identical_element_shapes", options.infer_shape)
                           .Attr("dynamic_size", options.dynamic_size)
                           .Attr("clear_after_read", options.clear_after_read)
                           .Attr("tensor_array_name", options.tensor_array_name)
                           .Build();
  list_->size = op.input(0);
  list_->handle = op.output(0);
  flow_ = op.output(1);
}

DataType TensorArray::dtype() const { return list_->dtype; }
const Tensor& TensorArray::handle() const { return list_->handle; }
PartialShape TensorArray::element_shape() const { return list_->element_shape; }

TensorArray TensorArray::WithFlow(const Tensor& flow) const {
  TensorArray at = *this;
  at.flow_ = flow;
  return at;
}

void TensorArray::CheckElement(const PartialShape& shape) const {
  PartialShape merged;
  if (!PartialShape::Merge(list_->element_shape, shape, &merged)) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Inconsistent shapes: saw ", shape.ToPythonString(), " but expected ",
                      list_->element_shape.ToPythonString()));
  }
  if (list_->infer_shape) list_->element_shape = merged;
}

TensorArray TensorArray::Write(const Input& index, const Input& value,
                               const NameOptions& name) const {
  const OpScope scope(name.name, "TensorArrayWrite", list_->handle.graph());
  const Tensor v = Of(value, list_->dtype, "value");
  CheckElement(v.shape());
  if (!list_->first_written.valid()) list_->first_written = v;
  const ColocateWith colocate(list_->first_written.op());
  return WithFlow(OpBuilder("TensorArrayWriteV3", name.name.empty() ? NameOptions() : scope.self())
                      .In(list_->handle)
                      .In(index)
                      .In(v)
                      .In(flow_)
                      .Output());
}

Tensor TensorArray::Read(const Input& index, const NameOptions& name) const {
  const Tensor value = OpBuilder("TensorArrayReadV3", name)
                           .In(list_->handle)
                           .In(index)
                           .In(flow_)
                           .Attr("dtype", list_->dtype)
                           .Output();
  value.set_shape(list_->element_shape);
  return value;
}

Tensor TensorArray::Gather(const Input& indices, const NameOptions& name) const {
  const Tensor value = OpBuilder("TensorArrayGatherV3", name)
                           .In(list_->handle)
                           .In(indices)
                           .In(flow_)
                           .Attr("dtype", list_->dtype)
                           .Attr("element_shape", list_->element_shape)
                           .Output();
  if (list_->element_shape.known_rank())
    value.set_shape(WithRows(kUnknownDim, list_->element_shape));
  return value;
}

Tensor TensorArray::Stack(const NameOptions& name) const {
  const ColocateWith colocate(list_->handle.op());
  const OpScope scope(name.name, "TensorArrayStack", list_->handle.graph());
  const Tensor indices = Range(0, Size(), 1);
  const Tensor value = Gather(indices, name.name.empty() ? NameOptions() : scope.self());
  if (list_->element_shape.known_rank() && !list_->dynamic_size) {
    const Array* n = ConstantValue(list_->size.tensor());
    value.set_shape(WithRows(n ? n->AsInt64() : kUnknownDim, list_->element_shape));
  }
  return value;
}

TensorArray TensorArray::Scatter(const Input& indices, const Input& value,
                                 const NameOptions& name) const {
  const OpScope scope(name.name, "TensorArrayScatter", list_->handle.graph());
  const Tensor v = Of(value, list_->dtype, "value");
  CheckElement(WithoutRows(v.shape()));
  if (!list_->first_written.valid()) list_->first_written = v;
  const ColocateWith colocate(list_->first_written.op());
  return WithFlow(
      OpBuilder("TensorArrayScatterV3", name.name.empty() ? NameOptions() : scope.self())
          .In(list_->handle)
          .In(indices)
          .In(v)
          .In(flow_)
          .Output());
}

TensorArray TensorArray::Unstack(const Input& value, const NameOptions& name) const {
  const OpScope scope(name.name, "TensorArrayUnstack", list_->handle.graph());
  const Tensor v = Of(value, list_->dtype, "value");
  const Tensor rows = At(ShapeOf(v), {0});
  return Scatter(Range(0, rows, 1), v, name.name.empty() ? NameOptions() : scope.self());
}

Tensor TensorArray::Concat(const NameOptions& name) const {
  const PartialShape rest = WithoutRows(list_->element_shape);
  const Tensor value = OpBuilder("TensorArrayConcatV3", name)
                           .In(list_->handle)
                           .In(flow_)
                           .Attr("dtype", list_->dtype)
                           .Attr("element_shape_except0", rest)
                           .Outputs()[0];
  if (!list_->element_shape.known_rank()) return value;
  const Array* n =
      list_->infer_shape && !list_->dynamic_size ? ConstantValue(list_->size.tensor()) : nullptr;
  const int64_t rows = list_->element_shape.rank() > 0 ? list_->element_shape.dim(0) : kUnknownDim;
  value.set_shape(WithRows(n && rows >= 0 ? n->AsInt64() * rows : kUnknownDim, rest));
  return value;
}

TensorArray TensorArray::Split(const Input& value, const Input& lengths,
                               const NameOptions& name) const {
  const OpScope scope(name.name, "TensorArraySplit", list_->handle.graph());
  const Tensor v = Of(value, list_->dtype, "value");
  if (!list_->first_written.valid()) list_->first_written = v;
  const ColocateWith colocate(list_->first_written.op());
  const Tensor lengths64 = Cast(lengths, kInt64);
  if (const Array* known = ConstantValue(lengths64); known && known->num_elements() > 0) {
    bool equal = true;
    for (int64_t i = 1; i < known->num_elements(); ++i)
      equal &= known->AsInt64(i) == known->AsInt64(0);
    const PartialShape rest = WithoutRows(v.shape());
    if (equal && rest.known_rank()) CheckElement(WithRows(known->AsInt64(0), rest));
  }
  return WithFlow(OpBuilder("TensorArraySplitV3", name.name.empty() ? NameOptions() : scope.self())
                      .In(list_->handle)
                      .In(v)
                      .In(lengths64)
                      .In(flow_)
                      .Output());
}

Tensor TensorArray::Size(const NameOptions& name) const {
  if (!list_->dynamic_size) return list_->size.tensor();
  return OpBuilder("TensorArraySizeV3", name).In(list_->handle).In(flow_).Output();
}

Operation TensorArray::Close(const NameOptions& name) const {
  return OpBuilder("TensorArrayCloseV3", name).In(list_->handle).Build();
}

}  // namespace weft
