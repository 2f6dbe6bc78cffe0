// SPDX-License-Identifier: Apache-2.0
#include "src/nn/weights.h"

#include <string>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/ops/op_scope.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/control.h"
#include "weft/ops/logging.h"
#include "weft/ops/logical.h"
#include "weft/ops/math_binary.h"
#include "weft/ops/reduction.h"

namespace weft::internal {
namespace {

struct Described {
  Tensor value, shape, rank;
};

// The tensor, its shape and its rank, under a scope of this name.
Described Describe(const Input& x, const char* name) {
  const OpScope scope("", name, {&x});
  Described d;
  d.value = AsTensor(x, kInvalidType, scope.name());
  d.shape = ShapeOf(d.value, {.name = "shape"});
  d.rank = Rank(d.value, "rank");
  return d;
}

[[noreturn]] void Refuse(const std::string& why, const PartialShape& weights,
                         const PartialShape& values) {
  ThrowError(Code::kInvalidArgument, StrCat("weights can not be broadcast to values. ", why,
                                            " values.shape=", values.ToPythonString(),
                                            ". weights.shape=", weights.ToPythonString(), "."));
}

// Whether the known shapes fit; false if too little is known.
bool FitsForSure(const PartialShape& weights, const PartialShape& values) {
  if (!weights.known_rank() || !values.known_rank()) return false;
  if (weights.rank() != values.rank()) {
    Refuse(StrCat("values.rank=", values.rank(), ". weights.rank=", weights.rank(), "."), weights,
           values);
  }
  if (!weights.IsFullyKnown() || !values.IsFullyKnown()) return false;
  for (int d = 0; d < weights.rank(); ++d) {
    if (weights.dim(d) != 1 && weights.dim(d) != values.dim(d))
      Refuse(StrCat("Mismatch at dim ", d, "."), weights, values);
  }
  return true;
}

}  // namespace

Operation AssertBroadcastable(const Input& weights, const Tensor& values) {
  const Input operand(values);
  const OpScope scope("", "assert_broadcastable", {&weights, &operand});
  const Described w = Describe(weights, "weights"), v = Describe(values, "values");
  const PartialShape w_shape = w.value.shape(), v_shape = values.shape();
  if (w_shape.known_rank() && v_shape.known_rank() && w_shape.rank() == 0)
    return NoOp("static_scalar_check_success");
  if (FitsForSure(w_shape, v_shape)) return NoOp("static_dims_check_success");
  const Tensor is_scalar = Equal(0, w.rank, "is_scalar");
  const Tensor same_rank = Equal(v.rank, w.rank, "is_same_rank");
  const Tensor together =
      OpBuilder("BroadcastArgs", NameOptions()).In(w.shape).In(v.shape).Output();
  const Tensor fits = LogicalAnd(LogicalOr(is_scalar, same_rank),
                                 ReduceAll(Equal(together, v.shape)), "is_valid_shape");
  return Assert(fits, {"weights can not be broadcast to values.", "weights.shape=", w.shape,
                       "values.shape=", v.shape});
}

Tensor BroadcastWeights(const Input& weights, const Tensor& values) {
  const Input operand(values);
  const OpScope scope("", "broadcast_weights", {&weights, &operand});
  const Tensor w = weights.is_tensor() ? ToDtype(weights, RemoveRef(values.dtype()))
                                       : AsTensor(weights, RemoveRef(values.dtype()), "weights");
  const PartialShape w_shape = w.shape(), v_shape = values.shape();
  if (w_shape.IsFullyKnown() && v_shape.IsFullyKnown() && w_shape == v_shape) return w;
  const ControlDependencies after({AssertBroadcastable(w, values)}, scope.graph());
  return OpBuilder("Mul", scope.self()).In(w).In(OnesLike(values)).Output();
}

Tensor ToDtype(const Input& x, DataType dtype) {
  if (x.is_tensor()) {
    const Tensor t = x.tensor();
    if (RemoveRef(t.dtype()) == dtype) return t;
    return OpBuilder("Cast", NameOptions()).In(t).Attr("DstT", dtype).Output();
  }
  const OpScope scope("", "Cast", {&x});
  const Tensor literal = AsTensor(x, x.weak() ? dtype : kInvalidType, "x");
  if (literal.dtype() == dtype) return literal;
  return OpBuilder("Cast", scope.self()).In(literal).Attr("DstT", dtype).Output();
}

void CheckCompatible(const Tensor& a, const Tensor& b) {
  if (a.shape().IsCompatibleWith(b.shape())) return;
  ThrowError(Code::kInvalidArgument,
             StrCat("Shapes ", a.shape().ToPythonString(), " and ", b.shape().ToPythonString(),
                    " are incompatible: ", a.name(), " and ", b.name()));
}

}  // namespace weft::internal
