// SPDX-License-Identifier: Apache-2.0
// Public special functions of several arguments.
#include "src/ops/one_node.h"
#include "src/ops/op_scope.h"
#include "src/ops/operators.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/math_special.h"
#include "weft/ops/reduction.h"

namespace weft {

using weft::internal::BinaryNode;
namespace {}  // namespace

Tensor Igamma(const Input& a, const Input& x, const NameOptions& options) {
  return BinaryNode("Igamma", a, x, options);
}
Tensor Igammac(const Input& a, const Input& x, const NameOptions& options) {
  return BinaryNode("Igammac", a, x, options);
}
Tensor Betainc(const Input& a, const Input& b, const Input& x, const NameOptions& options) {
  return OpBuilder("Betainc", options).In(a).In(b).In(x).Output();
}
Tensor Zeta(const Input& x, const Input& q, const NameOptions& options) {
  return BinaryNode("Zeta", x, q, options);
}
Tensor Polygamma(const Input& a, const Input& x, const NameOptions& options) {
  return BinaryNode("Polygamma", a, x, options);
}

Tensor Lbeta(const Input& x, const NameOptions& options) {
  const OpScope scope(options.name, "lbeta", {&x});
  const Tensor t = AsTensor(x, kInvalidType, "x");
  const Tensor logs = ReduceSum(Lgamma(t), {.axis = {-1}});
  const Tensor whole = Lgamma(ReduceSum(t, {.axis = {-1}}));
  return internal::Minus(logs, whole);
}

}  // namespace weft
