// SPDX-License-Identifier: Apache-2.0
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/ops/one_node.h"
#include "src/ops/op_scope.h"
#include "src/ops/operators.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/logical.h"
#include "weft/ops/reduction.h"

namespace weft {

using weft::internal::BinaryNode;
namespace {

using internal::Minus;
using internal::Plus;
using internal::Times;
using internal::Unary;

Tensor Quotient(const Input& a, const Input& b) {
  return OpBuilder("RealDiv", NameOptions("truediv")).In(a).In(b).Output();
}
Tensor Select(const Tensor& condition, const Tensor& yes, const Tensor& no) {
  return OpBuilder("Select", NameOptions()).In(condition).In(yes).In(no).Output();
}

Tensor ValuesOf(const Grad& g) { return g.is_slices() ? g.slices().values : g.tensor(); }

// The graph of the first that is not none.
Graph GraphOfGrads(const std::vector<Grad>& list, const char* op) {
  for (const Grad& g : list) {
    if (!g.none()) return ValuesOf(g).graph();
  }
  ThrowError(Code::kInvalidArgument,
             StrCat(op, ": there is no tensor among the ", list.size(), " of the list"));
}

}  // namespace

Tensor ClipByNorm(const Input& t, const Input& clip_norm, const ClipByNormOptions& o) {
  const OpScope scope(o.name, "clip_by_norm", {&t, &clip_norm});
  const Tensor x = AsTensor(t, kInvalidType, "t");
  // The square root is taken of 1 where the sum is 0: its derivative there would be infinite.
  const Tensor sum = ReduceSum(Times(x, x), {.axis = o.axes, .keep_dims = true});
  const Tensor positive = BinaryNode("Greater", sum, 0);
  const Tensor safe = Select(positive, sum, OnesLike(sum));
  const Tensor norm = Select(positive, Unary("Sqrt", safe), sum);
  const Tensor scaled = Times(x, clip_norm);
  const PartialShape both = scaled.shape();
  if (!both.IsCompatibleWith(x.shape())) {
    ThrowError(Code::kInvalidArgument, StrCat("ClipByNorm: clip_norm changes the shape ",
                                              x.shape().ToString(), " of t to ", both.ToString()));
  }
  const Tensor clipped = Quotient(scaled, BinaryNode("Maximum", norm, clip_norm));
  return OpBuilder("Identity", scope.self()).In(clipped).Output();
}

IndexedSlices ClipByNorm(const IndexedSlices& t, const Input& clip_norm,
                         const ClipByNormOptions& o) {
  return {ClipByNorm(t.values, clip_norm, o), t.indices, t.dense_shape};
}

IndexedSlices ClipByValue(const IndexedSlices& t, const Input& low, const Input& high,
                          const NameOptions& options) {
  return {ClipByValue(t.values, low, high, options), t.indices, t.dense_shape};
}

Tensor ClipByAverageNorm(const Input& t, const Input& clip_norm, const NameOptions& options) {
  const OpScope scope(options.name, "clip_by_average_norm", {&t, &clip_norm});
  const Tensor x = AsTensor(t, kInvalidType, "t");
  const DataType dtype = RemoveRef(x.dtype());
  const Tensor count = OpBuilder("Cast", NameOptions()).In(Size(x)).Attr("DstT", dtype).Output();
  const Tensor squares = Times(x, x);
  const Tensor all = Range(Rank(x));
  const Tensor sum = OpBuilder("Sum", NameOptions()).In(squares).In(all).Output();
  const Tensor inverse = Unary("Rsqrt", sum);
  const Tensor scaled = Times(x, clip_norm);
  const Tensor ratio = Times(inverse, count);
  const Tensor most = Quotient(AsTensor(1, dtype), clip_norm);
  const Tensor clipped = Times(scaled, BinaryNode("Minimum", ratio, most));
  return OpBuilder("Identity", scope.self()).In(clipped).Output();
}

Tensor GlobalNorm(const std::vector<Grad>& list, const NameOptions& options) {
  const OpScope scope(options.name, "global_norm", GraphOfGrads(list, "GlobalNorm"));
  std::vector<Input> halves;
  for (const Grad& g : list) {
    if (g.none()) continue;
    const Tensor values = ValuesOf(g);
    const ColocateWith place(values.op());
    halves.push_back(Unary("L2Loss", values));
  }
  const Tensor sum = ReduceSum(Stack(halves));
  const Tensor whole = Times(sum, AsTensor(2, RemoveRef(sum.dtype())));
  return OpBuilder("Sqrt", NameOptions("global_norm")).In(whole).Output();
}

ClipByGlobalNormResult ClipByGlobalNorm(const std::vector<Grad>& list, const Input& clip_norm,
                                        const ClipByGlobalNormOptions& o) {
  const Graph graph = GraphOfGrads(list, "ClipByGlobalNorm");
  const GraphScope use(graph);
  const Tensor norm = o.use_norm.valid() ? o.use_norm : GlobalNorm(list, o.name);
  const OpScope scope(o.name, "clip_by_global_norm", graph);
  const DataType dtype = RemoveRef(norm.dtype());
  const Tensor inverse = Quotient(1, norm);
  const Tensor most = Quotient(AsTensor(1, dtype), clip_norm);
  const Tensor factor = Times(clip_norm, BinaryNode("Minimum", inverse, most));
  // 0 for a finite norm, else NaN, which must not be hidden.
  const Tensor scale = Plus(factor, Minus(norm, norm));
  ClipByGlobalNormResult result{{}, norm};
  const std::string name = scope.name().substr(0, scope.name().size() - 1);
  for (size_t i = 0; i < list.size(); ++i) {
    if (list[i].none()) {
      result.list.emplace_back();
      continue;
    }
    const Tensor values = ValuesOf(list[i]);
    const ColocateWith place(values.op());
    const Tensor scaled = Times(values, scale);
    const Tensor clipped =
        OpBuilder("Identity", NameOptions(StrCat(name, "/_", i))).In(scaled).Output();
    if (list[i].is_slices())
      result.list.emplace_back(
          IndexedSlices{clipped, list[i].slices().indices, list[i].slices().dense_shape});
    else
      result.list.emplace_back(clipped);
  }
  return result;
}

}  // namespace weft
