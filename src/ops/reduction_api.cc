// SPDX-License-Identifier: Apache-2.0
#include "src/ops/op_scope.h"
#include "weft/ops/reduction.h"

namespace weft {
namespace {

// All axes as a constant, or as a Range if the rank is not known. Called in the graph of `x`, as
// Python does before the reduction's own scope.
Input AllAxes(const Tensor& x) {
  if (!x.shape().known_rank()) {
    const Tensor rank = OpBuilder("Rank", NameOptions()).In(x).Output();
    return OpBuilder("Range", NameOptions("range")).In(0).In(rank).In(1).Output();
  }
  std::vector<int32_t> axes;
  for (int32_t i = 0; i < x.shape().rank(); ++i) axes.push_back(i);
  return AsTensor(Array::FromVector(axes), kInvalidType, "Const");
}

Tensor Reduce(const char* op, const Input& input, const ReduceOptions& o) {
  const Graph graph = o.axis ? GraphOf(input, {&*o.axis}) : GraphOf(input);
  GraphScope use(graph);
  const Tensor x = AsTensor(input, kInvalidType, "input");
  const Input axes = o.axis ? o.axis->AsInput("reduction_indices") : AllAxes(x);
  return OpBuilder(op, o.name).In(x).In(axes).Attr("keep_dims", o.keep_dims).Output();
}

Tensor Arg(const char* op, const Input& input, const Input& axis, const ArgOptions& o) {
  return OpBuilder(op, o.name).In(input).In(axis).Attr("output_type", o.output_type).Output();
}

}  // namespace

Tensor ReduceSum(const Input& input, const ReduceOptions& options) {
  return Reduce("Sum", input, options);
}
Tensor ReduceMean(const Input& input, const ReduceOptions& options) {
  return Reduce("Mean", input, options);
}
Tensor ReduceProd(const Input& input, const ReduceOptions& options) {
  return Reduce("Prod", input, options);
}
Tensor ReduceMax(const Input& input, const ReduceOptions& options) {
  return Reduce("Max", input, options);
}
Tensor ReduceMin(const Input& input, const ReduceOptions& options) {
  return Reduce("Min", input, options);
}
Tensor ReduceAll(const Input& input, const ReduceOptions& options) {
  return Reduce("All", input, options);
}
Tensor ReduceAny(const Input& input, const ReduceOptions& options) {
  return Reduce("Any", input, options);
}
Tensor ReduceEuclideanNorm(const Input& input, const ReduceOptions& options) {
  return Reduce("EuclideanNorm", input, options);
}
Tensor ArgMax(const Input& input, const Input& axis, const ArgOptions& options) {
  return Arg("ArgMax", input, axis, options);
}
Tensor ArgMin(const Input& input, const Input& axis, const ArgOptions& options) {
  return Arg("ArgMin", input, axis, options);
}

}  // namespace weft
