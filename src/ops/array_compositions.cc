// SPDX-License-Identifier: Apache-2.0
// The public functions of include/weft/ops/array.h that take several nodes, or choose among ops.
#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/ops/op_scope.h"
#include "weft/core/complex.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"

namespace weft {
namespace {

Array OneOf(DataType dtype) {
  if (dtype == kBool) return Array(true);
  if (dtype == kComplex64) return Array(complex64(1));
  if (dtype == kComplex128) return Array(complex128(1));
  // The integer 1 as any other type: the conversion of literals.
  Array one(dtype, Shape());
  switch (dtype) {
    case kFloat32:
      *one.mutable_data<float>() = 1;
      break;
    case kFloat64:
      *one.mutable_data<double>() = 1;
      break;
    case kFloat16:
      *one.mutable_data<half>() = half(1.f);
      break;
    case kBfloat16:
      *one.mutable_data<bfloat16>() = bfloat16(1.f);
      break;
    case kInt8:
      *one.mutable_data<int8_t>() = 1;
      break;
    case kInt16:
      *one.mutable_data<int16_t>() = 1;
      break;
    case kInt32:
      *one.mutable_data<int32_t>() = 1;
      break;
    case kInt64:
      *one.mutable_data<int64_t>() = 1;
      break;
    case kUint8:
      *one.mutable_data<uint8_t>() = 1;
      break;
    case kUint16:
      *one.mutable_data<uint16_t>() = 1;
      break;
    case kUint32:
      *one.mutable_data<uint32_t>() = 1;
      break;
    case kUint64:
      *one.mutable_data<uint64_t>() = 1;
      break;
    default:
      ThrowError(Code::kInvalidArgument, StrCat("Ones: ", DTypeName(dtype), " has no 1"));
  }
  return one;
}

// All elements `value`: a constant if the shape is known and small, else a Fill.
Tensor Filled(const IntList& shape, const Array& value, const std::string& name,
              const char* default_name) {
  constexpr int64_t kMostInConstant = 1000;
  OpScope scope(name, default_name, GraphOf(value, {&shape}));
  if (const std::optional<std::vector<int64_t>> sizes = shape.Known()) {
    Shape known;
    std::string error;
    if (!Shape::Make(*sizes, &known, &error))
      ThrowError(Code::kInvalidArgument, StrCat(default_name, ": ", error));
    if (known.num_elements() < kMostInConstant)
      return AsTensor(Array::Full(known, value), kInvalidType, scope.self().name);
    const Tensor dims = AsTensor(shape.AsInput("shape_as_tensor"), kInvalidType, "shape_as_tensor");
    return OpBuilder("Fill", scope.self()).In(dims).In(AsTensor(value)).Output();
  }
  const Tensor dims = AsTensor(shape.AsInput("packed"));
  return OpBuilder("Fill", scope.self()).In(dims).In(AsTensor(value)).Output();
}

// The dtype of an arithmetic of these operands: a tensor's, else the widest literal's.
DataType CommonDtype(std::initializer_list<const Input*> inputs) {
  DataType widest = kInvalidType;
  const auto width = [](DataType t) {
    return t == kInvalidType ? 0 : (IsFloating(t) ? 100 : 0) + static_cast<int>(DTypeSize(t));
  };
  for (const Input* in : inputs) {
    if (in->is_tensor()) return in->dtype();
    if (width(in->array().dtype()) > width(widest)) widest = in->array().dtype();
  }
  return widest;
}

Tensor Cast(Tensor x, DataType to, const std::string& name = {}) {
  if (RemoveRef(x.dtype()) == to) return x;
  return OpBuilder("Cast", name).In(x).Attr("DstT", to).Output();
}

Tensor Reduce(const char* type, const Input& x, const IntList& axes, const char* name) {
  OpScope scope("", name, GraphOf(x));
  return OpBuilder(type, scope.self()).In(x).In(axes.AsInput("reduction_indices")).Output();
}

}  // namespace

Tensor Zeros(const IntList& shape, DataType dtype, const NameOptions& options) {
  return Filled(shape, Array::Zeros(dtype, Shape()), options.name, "zeros");
}

Tensor Ones(const IntList& shape, DataType dtype, const NameOptions& options) {
  return Filled(shape, OneOf(dtype), options.name, "ones");
}

Tensor Range(const Input& limit, const RangeOptions& options) {
  return Range(0, limit, 1, options);
}

Tensor Range(const Input& start, const Input& limit, const Input& delta,
             const RangeOptions& options) {
  const DataType dtype =
      options.dtype != kInvalidType ? options.dtype : CommonDtype({&start, &limit, &delta});
  OpScope scope(options.name, "range", GraphOf({&start, &limit, &delta}));
  const auto operand = [&](const Input& in, const char* name) {
    return in.is_tensor() ? Cast(in.tensor(), dtype) : AsTensor(in, dtype, name);
  };
  const Tensor first = operand(start, "start"), last = operand(limit, "limit"),
               step = operand(delta, "delta");
  return OpBuilder("Range", scope.self()).In(first).In(last).In(step).Output();
}

Tensor OneHot(const Input& indices, const Input& depth, const OneHotOptions& options) {
  DataType dtype = options.dtype;
  for (const Input* value : {&options.on_value, &options.off_value}) {
    if (dtype == kInvalidType && value->is_tensor()) dtype = value->dtype();
    if (dtype == kInvalidType && !value->weak()) dtype = value->array().dtype();
  }
  if (dtype == kInvalidType) dtype = kFloat32;
  OpScope scope(options.name, "one_hot",
                GraphOf({&indices, &depth, &options.on_value, &options.off_value}));
  const Tensor on = AsTensor(options.on_value, dtype, "on_value"),
               off = AsTensor(options.off_value, dtype, "off_value");
  // Literal indices are int32, as in Python.
  const Input places =
      indices.is_tensor() ? indices : Input(AsTensor(indices, kInvalidType, "indices"));
  return OpBuilder("OneHot", scope.self())
      .In(places)
      .In(depth)
      .In(on)
      .In(off)
      .Attr("axis", options.axis)
      .Output();
}

Tensor Eye(int64_t num_rows, const EyeOptions& options) {
  const int64_t num_columns = options.num_columns.value_or(num_rows);
  if (num_rows < 0 || num_columns < 0) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Eye: sizes must not be negative, got ", num_rows, " x ", num_columns));
  }
  OpScope scope(options.name, "eye", GraphOf(Input(0), {&options.batch_shape}));
  const std::optional<std::vector<int64_t>> batch = options.batch_shape.Known();
  Tensor batch_shape;
  if (!batch) batch_shape = AsTensor(options.batch_shape.AsInput("shape"));
  // The batch's sizes, and these.
  const auto with = [&](const std::vector<int64_t>& sizes) -> IntList {
    if (!batch) return Concat({batch_shape, Input(sizes)}, 0);
    std::vector<int64_t> all = *batch;
    all.insert(all.end(), sizes.begin(), sizes.end());
    return all;
  };
  const IntList length = with({std::min(num_rows, num_columns)});
  if (num_rows == num_columns) return MatrixDiag(Ones(length, options.dtype));
  const IntList shape = with({num_rows, num_columns});
  const Tensor ones = Ones(length, options.dtype);
  return MatrixSetDiag(Zeros(shape, options.dtype), ones);
}

Tensor SequenceMask(const Input& lengths, const SequenceMaskOptions& options) {
  OpScope scope(options.name, "SequenceMask", GraphOf(lengths));
  const Tensor given = AsTensor(lengths);
  Tensor limit;
  if (options.maxlen) {
    limit = AsTensor(*options.maxlen, given.dtype());
  } else {
    // The greatest length, 0 if there are none.
    const Tensor axes = Range(Rank(given));
    const Tensor greatest = OpBuilder("Max", "", "Max").In(given).In(axes).Output();
    limit = OpBuilder("Maximum", "").In(Input(0)).In(greatest).Output();
  }
  const Tensor positions = Range(Input(0), limit, Input(1), {.dtype = limit.dtype()});
  const Tensor column = Cast(ExpandDims(given, -1), limit.dtype());
  const Tensor mask = OpBuilder("Less", "").In(positions).In(column).Output();
  return Cast(mask, options.dtype);
}

std::vector<Tensor> Meshgrid(const std::vector<Input>& vectors, const std::string& indexing,
                             const NameOptions& options) {
  if (indexing != "xy" && indexing != "ij") {
    ThrowError(Code::kInvalidArgument,
               StrCat("Meshgrid: indexing must be 'xy' or 'ij', not '", indexing, "'"));
  }
  OpScope scope(options.name, "meshgrid", GraphOf(vectors));
  const size_t n = vectors.size();
  std::vector<Tensor> grids;
  std::vector<IntList::Element> sizes;
  for (size_t i = 0; i < n; ++i) {
    const Tensor v = AsTensor(vectors[i]);
    // Vector i lies along dimension i, or along the other of the first two.
    const size_t place = indexing == "xy" && n > 1 && i < 2 ? 1 - i : i;
    std::vector<int64_t> shape(n, 1);
    shape[place] = -1;
    grids.push_back(Reshape(v, shape));
    sizes.push_back(Size(v));
  }
  if (indexing == "xy" && n > 1) std::swap(sizes[0], sizes[1]);
  std::vector<Input> packed;
  for (const IntList::Element& e : sizes) packed.push_back(e.tensor);
  if (n == 0) return {};
  const Tensor shape = Stack(packed);
  for (Tensor& grid : grids) grid = BroadcastTo(grid, shape);
  return grids;
}

Tensor Concat(const std::vector<Input>& values, const Input& axis, const NameOptions& options) {
  if (values.empty())
    ThrowError(Code::kInvalidArgument, "Concat: a list of at least one tensor is needed");
  if (values.size() > 1)
    return OpBuilder("ConcatV2", options, "concat").InList(values).In(axis).Output();
  OpScope scope(options.name, "concat", GraphOf(values));
  const Tensor dim = AsTensor(axis, kInt32, "concat_dim");
  if (dim.shape().known_rank() && dim.shape().rank() != 0) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Concat: axis must be a scalar, but has shape ", dim.shape().ToString()));
  }
  return OpBuilder("Identity", "concat").In(values[0]).Output();
}

Tensor ParallelStack(const std::vector<Input>& values, const NameOptions& options) {
  if (values.empty())
    ThrowError(Code::kInvalidArgument, "ParallelStack: a list of at least one tensor is needed");
  OpScope scope(options.name, "parallel_stack", GraphOf(values));
  const PartialShape row = AsTensor(values[0]).shape();
  if (!row.IsFullyKnown()) {
    ThrowError(Code::kInvalidArgument,
               StrCat("ParallelStack: all shapes must be known, the first is ", row.ToString()));
  }
  std::vector<Input> rows;
  for (const Input& value : values) rows.push_back(ExpandDims(value, 0));
  const PartialShape shape = PartialShape({static_cast<int64_t>(values.size())}).Concatenate(row);
  return OpBuilder("ParallelConcat", "").InList(rows).Attr("shape", shape).Output();
}

Tensor BooleanMask(const Input& tensor, const Input& mask, const BooleanMaskOptions& options) {
  OpScope scope(options.name, "boolean_mask", GraphOf({&tensor, &mask}));
  const Tensor x = AsTensor(tensor, kInvalidType, "tensor"),
               chosen = AsTensor(mask, kInvalidType, "mask");
  const PartialShape& mask_shape = chosen.shape();
  if (!mask_shape.known_rank() || mask_shape.rank() == 0) {
    ThrowError(Code::kInvalidArgument, StrCat("BooleanMask: the number of dimensions of the mask "
                                              "must be known and not 0; its shape is ",
                                              mask_shape.ToString()));
  }
  const int dims = mask_shape.rank();
  int axis = options.axis;
  if (axis < 0) {
    if (!x.shape().known_rank())
      ThrowError(Code::kInvalidArgument,
                 "BooleanMask: a negative axis needs a tensor of known rank");
    axis += x.shape().rank();
  }
  if (axis < 0)
    ThrowError(Code::kInvalidArgument,
               StrCat("BooleanMask: axis ", options.axis, " is out of range"));
  PartialShape merged;
  PartialShape masked = PartialShape::Scalar();
  for (int i = 0; x.shape().known_rank() && i < dims; ++i) masked.AddDim(x.shape().dim(axis + i));
  if (x.shape().known_rank() &&
      (axis + dims > x.shape().rank() || !PartialShape::Merge(masked, mask_shape, &merged))) {
    ThrowError(Code::kInvalidArgument,
               StrCat("BooleanMask: the mask of shape ", mask_shape.ToString(),
                      " does not fit dimensions ", axis, "... of a tensor of shape ",
                      x.shape().ToString()));
  }
  // The masked dimensions become one, of which the places where the mask is true are gathered.
  const Tensor count = Reduce("Prod", At(ShapeOf(x), {Between(axis, axis + dims)}), {0}, "Prod");
  const Tensor before = At(ShapeOf(x), {Between({}, axis)});
  const Tensor after = At(ShapeOf(x), {Between(axis + dims, {})});
  Tensor sizes;
  {
    const OpScope concat("", "concat", x.graph());
    const Tensor middle = OpBuilder("Pack", "values_1").InList({count}).Output();
    sizes = OpBuilder("ConcatV2", concat.self()).InList({before, middle, after}).In(0).Output();
  }
  const Tensor flat = Reshape(x, sizes);
  const Tensor places = Squeeze(OpBuilder("Where", "").In(Reshape(chosen, {-1})).Output(), {1});
  return Gather(flat, places, {.axis = Input(axis)});
}

Tensor Repeat(const Input& input, int64_t repeats, const RepeatOptions& options) {
  if (repeats < 0)
    ThrowError(Code::kInvalidArgument,
               StrCat("Repeat: repeats must not be negative, got ", repeats));
  OpScope scope(options.name, "Repeat", GraphOf(input));
  Tensor x = AsTensor(input, kInvalidType, "input");
  if (!options.axis) x = Reshape(x, {-1});
  if (!x.shape().known_rank())
    ThrowError(Code::kInvalidArgument,
               "Repeat: the number of dimensions of the input must be known");
  const int rank = x.shape().rank();
  const int axis = options.axis.value_or(0) < 0 ? *options.axis + rank : options.axis.value_or(0);
  if (axis < 0 || axis >= rank) {
    ThrowError(Code::kInvalidArgument, StrCat("Repeat: axis ", options.axis.value_or(0),
                                              " is not in [", -rank, ", ", rank, ")"));
  }
  std::vector<int64_t> multiples(static_cast<size_t>(rank) + 1, 1);
  multiples[static_cast<size_t>(axis) + 1] = repeats;
  const Tensor tiled = Tile(ExpandDims(x, axis + 1), multiples);
  // Two dimensions become one.
  const Tensor sizes = ShapeOf(x);
  const Tensor size = OpBuilder("Mul", "mul").In(At(sizes, {axis})).In(Input(repeats)).Output();
  const Tensor shape = Concat(
      {At(sizes, {Between({}, axis)}), Stack({size}), At(sizes, {Between(axis + 1, {})})}, 0);
  return Reshape(tiled, shape);
}

Tensor Transpose(const Input& a, const TransposeOptions& options) {
  OpScope scope(options.name, "transpose", GraphOf(a));
  const Tensor x = AsTensor(a, kInvalidType, "a");
  const char* type = options.conjugate ? "ConjugateTranspose" : "Transpose";
  if (x.shape().known_rank()) {
    std::vector<int32_t> perm(static_cast<size_t>(x.shape().rank()));
    std::iota(perm.rbegin(), perm.rend(), 0);
    return OpBuilder(type, scope.self()).In(x).In(perm).Output();
  }
  const Tensor last = OpBuilder("Sub", "sub").In(Rank(x)).In(1).Output();
  const Tensor perm = OpBuilder("Range", "Range").In(last).In(-1).In(-1).Output();
  return OpBuilder(type, scope.self()).In(x).In(perm).Output();
}

namespace {

// begin, end and strides of a slice as operands of one dtype: that of a tensor among them.
struct SliceOperands {
  Tensor begin, end, strides;
};
SliceOperands MakeSliceOperands(const IntList& begin, const IntList& end, const IntList& strides,
                                const char* begin_name, const char* end_name,
                                const char* strides_name) {
  DataType dtype = kInvalidType;
  for (const IntList* list : {&begin, &end, &strides}) {
    if (const Tensor t = list->AnyTensor(); t.valid() && dtype == kInvalidType)
      dtype = RemoveRef(t.dtype());
  }
  const auto operand = [&](const IntList& list, const char* name) {
    return AsTensor(list.AsInput(name), dtype, name);
  };
  return {operand(begin, begin_name), operand(end, end_name), operand(strides, strides_name)};
}

OpBuilder& AddMasks(OpBuilder& node, const StridedSliceOptions& o) {
  return node.Attr("begin_mask", o.begin_mask)
      .Attr("end_mask", o.end_mask)
      .Attr("ellipsis_mask", o.ellipsis_mask)
      .Attr("new_axis_mask", o.new_axis_mask)
      .Attr("shrink_axis_mask", o.shrink_axis_mask);
}

IntList StridesOrOnes(const IntList& begin, const StridedSliceOptions& o) {
  if (o.strides) return *o.strides;
  if (const std::optional<std::vector<int64_t>> known = begin.Known())
    return std::vector<int64_t>(known->size(), 1);
  const PartialShape& s = begin.AnyTensor().shape();
  if (s.known_rank() && s.rank() == 1 && s.dim(0) >= 0)
    return std::vector<int64_t>(static_cast<size_t>(s.dim(0)), 1);
  return Ones(ShapeOf(begin.AsInput("begin")), RemoveRef(begin.AnyTensor().dtype()), "ones_like");
}

}  // namespace

Tensor StridedSlice(const Input& input, const IntList& begin, const IntList& end,
                    const StridedSliceOptions& options) {
  OpScope scope(options.name, "StridedSlice", GraphOf(input, {&begin, &end}));
  const SliceOperands s =
      MakeSliceOperands(begin, end, StridesOrOnes(begin, options), "begin", "end", "strides");
  OpBuilder node("StridedSlice", scope.self());
  node.In(input).In(s.begin).In(s.end).In(s.strides);
  return AddMasks(node, options).Output();
}

Tensor TensorStridedSliceUpdate(const Input& input, const IntList& begin, const IntList& end,
                                const Input& value, const StridedSliceOptions& options) {
  OpScope scope(options.name, "TensorStridedSliceUpdate", GraphOf(input, {&begin, &end}));
  const SliceOperands s =
      MakeSliceOperands(begin, end, StridesOrOnes(begin, options), "begin", "end", "strides");
  OpBuilder node("TensorStridedSliceUpdate", scope.self());
  node.In(input).In(s.begin).In(s.end).In(s.strides).In(value);
  return AddMasks(node, options).Output();
}

Tensor At(const Input& x, const std::vector<SliceItem>& items, const NameOptions& options) {
  constexpr size_t kMostItems = 31;
  if (items.size() > kMostItems)
    ThrowError(Code::kInvalidArgument,
               StrCat("At: at most ", kMostItems, " items, got ", items.size()));
  std::vector<IntList::Element> begin, end, strides;
  StridedSliceOptions masks;
  unsigned bit = 1;
  for (const SliceItem& item : items) {
    IntList::Element first = 0, last = 0, step = 1;
    switch (item.kind()) {
      case SliceItem::Kind::kEllipsis:
        masks.ellipsis_mask |= bit;
        break;
      case SliceItem::Kind::kNewAxis:
        masks.new_axis_mask |= bit;
        break;
      case SliceItem::Kind::kIndex:
        first = *item.begin();
        // The end of an index is ignored.
        if (!first.tensor.valid()) last = first.value + 1;
        masks.shrink_axis_mask |= bit;
        break;
      case SliceItem::Kind::kRange:
        first = item.begin().value_or(0);
        last = item.end().value_or(0);
        step = item.step().value_or(1);
        if (!item.begin()) masks.begin_mask |= bit;
        if (!item.end()) masks.end_mask |= bit;
        break;
    }
    begin.push_back(first);
    end.push_back(last);
    strides.push_back(step);
    bit <<= 1;
  }
  OpScope scope(options.name, "strided_slice", GraphOf(x, {}));
  const SliceOperands s =
      MakeSliceOperands(IntList(std::move(begin)), IntList(std::move(end)),
                        IntList(std::move(strides)), "stack", "stack_1", "stack_2");
  OpBuilder node("StridedSlice", scope.self());
  node.In(x).In(s.begin).In(s.end).In(s.strides);
  return AddMasks(node, masks).Output();
}

}  // namespace weft
