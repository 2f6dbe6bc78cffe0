// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "weft/graph/op_builder.h"
#include "weft/ops/sets.h"

namespace weft::sets {
namespace {

void AddSparse(OpBuilder& node, const SparseTensor& s) {
  node.In(s.indices).In(s.values).In(s.dense_shape);
}

// `flipped`: what the operation is called if a and b change places, as they must where only a is
// sparse: there is no such op.
SparseTensor Combine(const Rows& a, const Rows& b, const char* operation, const char* flipped,
                     const SetOptions& o) {
  if (a.is_sparse() && !b.is_sparse()) return Combine(b, a, flipped, operation, o);
  const char* op = !b.is_sparse()  ? "DenseToDenseSetOperation"
                   : a.is_sparse() ? "SparseToSparseSetOperation"
                                   : "DenseToSparseSetOperation";
  OpBuilder node(op, o.name);
  if (a.is_sparse()) {
    AddSparse(node, a.sparse());
  } else {
    node.In(a.dense());
  }
  if (b.is_sparse()) {
    AddSparse(node, b.sparse());
  } else {
    node.In(b.dense());
  }
  const std::vector<Tensor> out =
      node.Attr("set_operation", operation).Attr("validate_indices", o.validate_indices).Outputs();
  return {out[0], out[1], out[2]};
}

}  // namespace

Tensor Size(const SparseTensor& a, const SetOptions& o) {
  OpBuilder node("SetSize", o.name);
  AddSparse(node, a);
  return node.Attr("validate_indices", o.validate_indices).Output();
}

SparseTensor Intersection(const Rows& a, const Rows& b, const SetOptions& o) {
  return Combine(a, b, "intersection", "intersection", o);
}
SparseTensor Union(const Rows& a, const Rows& b, const SetOptions& o) {
  return Combine(a, b, "union", "union", o);
}
SparseTensor Difference(const Rows& a, const Rows& b, const SetOptions& o) {
  return Combine(a, b, "a-b", "b-a", o);
}

}  // namespace weft::sets
