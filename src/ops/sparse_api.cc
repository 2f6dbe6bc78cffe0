// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/ops/op_scope.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"
#include "weft/ops/array_misc.h"
#include "weft/ops/basic.h"
#include "weft/ops/logical.h"
#include "weft/ops/math_binary.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/sparse.h"

namespace weft::sparse {
namespace {

OpBuilder SparseNode(const char* op, const std::string& name, const SparseTensor& s) {
  OpBuilder node(op, name);
  node.In(s.indices).In(s.values).In(s.dense_shape);
  return node;
}

SparseTensor Whole(const std::vector<Tensor>& out) { return {out[0], out[1], out[2]}; }

// Two operands of one shape, which the result has too.
SparseTensor Elementwise(const char* op, const SparseTensor& a, const SparseTensor& b,
                         const NameOptions& o) {
  OpBuilder node = SparseNode(op, o.name, a);
  const std::vector<Tensor> out = node.In(b.indices).In(b.values).In(b.dense_shape).Outputs();
  return {out[0], out[1], a.dense_shape};
}

SparseTensor WithDense(const char* op, const SparseTensor& a, const Input& dense,
                       const NameOptions& o) {
  return {a.indices, SparseNode(op, o.name, a).In(dense).Output(), a.dense_shape};
}

Tensor Reduced(const char* op, const SparseTensor& s, const SparseReduceOptions& o) {
  const OpScope scope(o.name, op, s.values.graph());
  const Tensor axes = o.axis ? AsTensor(o.axis->AsInput("reduction_axes"), kInt32)
                             : Range(0, Size(s.dense_shape), 1);
  OpBuilder node(op, scope.self());
  node.In(s.indices).In(s.values).In(s.dense_shape).In(axes);
  return node.Attr("keep_dims", o.keep_dims).Output();
}

Input AsLongs(const IntList& list, const char* name) {
  const Input sizes = list.AsInput(name);
  return sizes.is_tensor() && RemoveRef(sizes.tensor().dtype()) == kInt64
             ? sizes
             : Input(Cast(sizes, kInt64));
}

}  // namespace

SparseTensor Placeholder(DataType dtype, const PartialShape& shape, const NameOptions& o) {
  const std::string name = o.name.empty() ? "Placeholder" : o.name;
  const int64_t rank = shape.known_rank() ? shape.rank() : kUnknownDim;
  SparseTensor s;
  s.values = weft::Placeholder(dtype, PartialShape::Vector(kUnknownDim), StrCat(name, "/values"));
  s.indices =
      weft::Placeholder(kInt64, PartialShape::Matrix(kUnknownDim, rank), StrCat(name, "/indices"));
  if (shape.IsFullyKnown()) {
    s.dense_shape = Constant(Array::FromVector(shape.ToShape().ToVector()), StrCat(name, "/shape"));
  } else {
    s.dense_shape = weft::Placeholder(kInt64, PartialShape::Vector(rank), StrCat(name, "/shape"));
  }
  return s;
}

SparseTensor FromDense(const Input& tensor, const NameOptions& o) {
  const OpScope scope(o.name, "dense_to_sparse", {&tensor});
  const Tensor dense = AsTensor(tensor);
  const Tensor indices = WhereIndices(NotEqual(dense, ZerosLike(dense)));
  return {indices, GatherNd(dense, indices), ShapeOf(dense, {.out_type = kInt64})};
}

Tensor ToDense(const SparseTensor& s, const ToDenseOptions& o) {
  Input fill = o.default_value;
  if (RemoveRef(s.values.dtype()) == kString && !fill.is_tensor() &&
      fill.array().dtype() != kString) {
    fill = Array("");
  }
  return OpBuilder("SparseToDense", NameOptions(o.name), "SparseToDense")
      .In(s.indices)
      .In(s.dense_shape)
      .In(s.values)
      .In(fill)
      .Attr("validate_indices", o.validate_indices)
      .Output();
}

Tensor ToIndicator(const SparseTensor& ids, int64_t vocab_size, const NameOptions& o) {
  const OpScope scope(o.name, "SparseToIndicator", ids.values.graph());
  // The values replace the last column of the indices.
  const Tensor columns = Subtract(Size(ids.dense_shape), 1);
  const Tensor column = ExpandDims(columns, 0);
  const Tensor first = weft::Slice(ids.indices, {0, 0}, {-1, columns});
  const Tensor places = weft::Concat({first, ExpandDims(Cast(ids.values, kInt64), -1)}, 1);
  const Tensor size = Constant(Array::FromVector(std::vector<int64_t>{vocab_size}));
  const Tensor begin = Constant(Array::FromVector(std::vector<int32_t>{0}));
  const Tensor shape = weft::Concat({weft::Slice(ids.dense_shape, begin, column), size}, 0);
  const SparseTensor hits = Reorder({places, weft::Fill(ShapeOf(ids.values), true), shape});
  return ToDense(hits, {.default_value = false, .validate_indices = false});
}

SparseTensor Reorder(const SparseTensor& s, const NameOptions& o) {
  const std::vector<Tensor> out = SparseNode("SparseReorder", o.name, s).Outputs();
  return {out[0], out[1], s.dense_shape};
}

SparseTensor Reshape(const SparseTensor& s, const IntList& shape, const NameOptions& o) {
  const OpScope scope(o.name, "SparseReshape", s.values.graph());
  const Input sizes = AsLongs(shape, "shape");
  const std::vector<Tensor> out =
      OpBuilder("SparseReshape", scope.self()).In(s.indices).In(s.dense_shape).In(sizes).Outputs();
  return {out[0], s.values, out[1]};
}

SparseTensor Transpose(const SparseTensor& s, const std::vector<int64_t>& perm,
                       const NameOptions& o) {
  const OpScope scope(o.name, "SparseTranspose", s.values.graph());
  std::vector<bool> seen(perm.size());
  for (const int64_t p : perm) {
    if (p < 0 || p >= static_cast<int64_t>(perm.size()) || seen[static_cast<size_t>(p)])
      ThrowError(Code::kInvalidArgument, StrCat("perm must be a permutation, but has ", p));
    seen[static_cast<size_t>(p)] = true;
  }
  const Tensor order = Constant(Array::FromVector(perm), "perm");
  return Reorder({Gather(s.indices, order, {.axis = 1}), s.values, Gather(s.dense_shape, order)});
}

SparseTensor Concat(int64_t axis, const std::vector<SparseTensor>& parts, const NameOptions& o) {
  if (parts.empty()) ThrowError(Code::kInvalidArgument, "Concat needs a sparse tensor");
  if (parts.size() == 1) return parts[0];
  std::vector<Input> indices, values, shapes;
  for (const SparseTensor& s : parts) {
    indices.push_back(s.indices);
    values.push_back(s.values);
    shapes.push_back(s.dense_shape);
  }
  return Whole(OpBuilder("SparseConcat", o)
                   .InList(indices)
                   .InList(values)
                   .InList(shapes)
                   .Attr("concat_dim", axis)
                   .Outputs());
}

std::vector<SparseTensor> Split(const SparseTensor& s, int num_split, const Input& axis,
                                const NameOptions& o) {
  const OpScope scope(o.name, "SparseSplit", s.values.graph());
  const std::vector<Tensor> out = OpBuilder("SparseSplit", scope.self())
                                      .In(AsTensor(axis, kInt64, "split_dim"))
                                      .In(s.indices)
                                      .In(s.values)
                                      .In(s.dense_shape)
                                      .Attr("num_split", num_split)
                                      .Outputs();
  std::vector<SparseTensor> parts;
  const size_t n = static_cast<size_t>(num_split);
  for (size_t i = 0; i < n; ++i) parts.push_back({out[i], out[n + i], out[2 * n + i]});
  return parts;
}

SparseTensor Slice(const SparseTensor& s, const IntList& start, const IntList& size,
                   const NameOptions& o) {
  const OpScope scope(o.name, "SparseSlice", s.values.graph());
  const Input from = AsLongs(start, "start"), sizes = AsLongs(size, "size");
  OpBuilder node("SparseSlice", scope.self());
  node.In(s.indices).In(s.values).In(s.dense_shape).In(from).In(sizes);
  return Whole(node.Outputs());
}

SparseTensor Retain(const SparseTensor& s, const Input& keep, const NameOptions& o) {
  const OpScope scope(o.name, "SparseRetain", s.values.graph());
  const Tensor places = weft::Reshape(WhereIndices(keep), {-1});
  return {Gather(s.indices, places), Gather(s.values, places), Identity(s.dense_shape)};
}

FilledRows FillEmptyRows(const SparseTensor& s, const Input& default_value, const NameOptions& o) {
  const std::vector<Tensor> out =
      SparseNode("SparseFillEmptyRows", o.name, s).In(default_value).Outputs();
  return {{out[0], out[1], s.dense_shape}, out[2]};
}

SparseTensor Add(const SparseTensor& a, const SparseTensor& b, const Input& threshold,
                 const NameOptions& o) {
  const OpScope scope(o.name, "SparseAdd", a.values.graph());
  // Compared with absolute values, so it is real.
  DataType dtype = RemoveRef(a.values.dtype());
  if (dtype == kComplex64) dtype = kFloat32;
  if (dtype == kComplex128) dtype = kFloat64;
  OpBuilder node("SparseAdd", scope.self());
  node.In(a.indices).In(a.values).In(a.dense_shape);
  node.In(b.indices).In(b.values).In(b.dense_shape);
  return Whole(node.In(AsTensor(threshold, dtype, "thresh")).Outputs());
}

Tensor Add(const SparseTensor& a, const Input& dense, const NameOptions& o) {
  return SparseNode("SparseTensorDenseAdd", o.name, a).In(dense).Output();
}

SparseTensor Maximum(const SparseTensor& a, const SparseTensor& b, const NameOptions& o) {
  return Elementwise("SparseSparseMaximum", a, b, o);
}
SparseTensor Minimum(const SparseTensor& a, const SparseTensor& b, const NameOptions& o) {
  return Elementwise("SparseSparseMinimum", a, b, o);
}

SparseTensor Multiply(const SparseTensor& a, const Input& dense, const NameOptions& o) {
  return WithDense("SparseDenseCwiseMul", a, dense, o);
}
SparseTensor Divide(const SparseTensor& a, const Input& dense, const NameOptions& o) {
  return WithDense("SparseDenseCwiseDiv", a, dense, o);
}

Tensor DenseMatMul(const SparseTensor& a, const Input& b, const MatMulOptions& o) {
  const OpScope scope(o.name, "SparseTensorDenseMatMul", a.values.graph());
  return SparseNode("SparseTensorDenseMatMul", scope.name(), a)
      .In(b)
      .Attr("adjoint_a", o.adjoint_a)
      .Attr("adjoint_b", o.adjoint_b)
      .Output();
}

SparseTensor Softmax(const SparseTensor& logits, const NameOptions& o) {
  return {logits.indices, SparseNode("SparseSoftmax", o.name, logits).Output(), logits.dense_shape};
}

Tensor ReduceSum(const SparseTensor& s, const SparseReduceOptions& o) {
  return Reduced("SparseReduceSum", s, o);
}
Tensor ReduceMax(const SparseTensor& s, const SparseReduceOptions& o) {
  return Reduced("SparseReduceMax", s, o);
}

}  // namespace weft::sparse
