// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/embedding.h"

#include <algorithm>
#include <string>

#include "src/core/status.h"
#include "src/nn/weights.h"
#include "src/ops/op_scope.h"
#include "src/ops/operators.h"
#include "weft/ops/array.h"
#include "weft/ops/array_misc.h"
#include "weft/ops/basic.h"
#include "weft/ops/logical.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/reduction.h"

namespace weft::nn {
namespace {

using internal::BinaryOperator;
using internal::Minus;
using internal::Plus;
using internal::Times;
using internal::ToDtype;

Tensor Quotient(const Input& a, const Input& b) {
  return BinaryOperator("FloorDiv", "floordiv", a, b);
}
Tensor Remainder(const Input& a, const Input& b) { return BinaryOperator("FloorMod", "mod", a, b); }

// Rows, the dimensions behind those of the ids, of length max_norm at most.
Tensor Shortened(const Tensor& rows, const Tensor& ids, const std::optional<float>& max_norm) {
  if (!max_norm) return rows;
  const PartialShape id_shape = ids.shape(), shape = rows.shape();
  if (!id_shape.known_rank() || !shape.known_rank())
    return ClipByNorm(rows, *max_norm, {.axes = Range(Rank(ids), Rank(rows), 1)});
  std::vector<int> axes;
  for (int d = id_shape.rank(); d < shape.rank(); ++d) axes.push_back(d);
  return ClipByNorm(rows, *max_norm, {.axes = axes});
}

// The part of each id, and its row there.
struct Places {
  Tensor part, row;
};

// The number of rows of all parts.
Tensor CountRows(const std::vector<Input>& params, DataType dtype) {
  int64_t known = 0;
  for (const Input& p : params) {
    const int64_t rows = p.shape().known_rank() && p.shape().rank() > 0 ? p.shape().dim(0) : -1;
    known = rows < 0 || known < 0 ? -1 : known + rows;
  }
  if (known >= 0) return ToDtype(AsTensor(Input(Array(known)), kInt64), dtype);
  std::vector<Input> sizes;
  for (const Input& p : params)
    sizes.push_back(internal::SliceOf(ShapeOf(p), {0}, {1}, "shrink_axis_mask"));
  return ToDtype(AddN(sizes), dtype);
}

Places Place(const std::vector<Input>& params, const Tensor& ids, PartitionStrategy strategy) {
  const int count = static_cast<int>(params.size());
  if (strategy == PartitionStrategy::kMod) return {Remainder(ids, count), Quotient(ids, count)};
  const Tensor total = CountRows(params, ids.dtype());
  const Tensor each = Quotient(total, count), extras = Remainder(total, count);
  // The first `extras` parts have one row more.
  const Tensor part = Maximum(Quotient(ids, Plus(each, 1)), Quotient(Minus(ids, extras), each));
  const Tensor row =
      Where(Less(part, extras), Remainder(ids, Plus(each, 1)), Remainder(Minus(ids, extras), each));
  return {part, row};
}

std::vector<Tensor> Deal(const Tensor& data, const Tensor& part, int count) {
  return OpBuilder("DynamicPartition", NameOptions())
      .In(data)
      .In(part)
      .Attr("num_partitions", count)
      .Outputs();
}

Tensor LookupInParts(const std::vector<Input>& params, const Tensor& ids, const EmbeddingOptions& o,
                     const OpScope& scope) {
  const int count = static_cast<int>(params.size());
  const Tensor flat = Reshape(ids, {-1});
  const Tensor order = Range(Size(flat));
  const Places places = Place(params, flat, o.partition_strategy);
  const Tensor part = ToDtype(places.part, kInt32);
  const std::vector<Tensor> rows = Deal(places.row, part, count), where = Deal(order, part, count);
  std::vector<Input> indices, found;
  for (size_t p = 0; p < params.size(); ++p) {
    indices.push_back(where[p]);
    found.push_back(Gather(params[p], rows[p]));
  }
  const Tensor stitched =
      OpBuilder("ParallelDynamicStitch", scope.self()).InList(indices).InList(found).Output();
  const Tensor width = internal::SliceOf(ShapeOf(params[0]), {1}, {0}, "end_mask");
  const Tensor result = Reshape(stitched, Concat({ShapeOf(ids), width}, 0));
  return Shortened(result, ids, o.max_norm);
}

}  // namespace

Tensor EmbeddingLookup(const std::vector<Input>& params, const Input& ids,
                       const EmbeddingOptions& o) {
  if (params.empty()) ThrowError(Code::kInvalidArgument, "Need at least one param");
  std::vector<Input> operands = params;
  operands.push_back(ids);
  const OpScope scope(o.name, "embedding_lookup", GraphOf(operands));
  const Tensor which = AsTensor(ids, kInvalidType, "ids");
  if (params.size() > 1) return LookupInParts(params, which, o, scope);
  const Tensor rows = Gather(params[0], which, {.name = scope.name()});
  return Identity(Shortened(rows, which, o.max_norm));
}

Tensor EmbeddingLookupSparse(const std::vector<Input>& params, const SparseTensor& ids,
                             const EmbeddingSparseOptions& o) {
  const OpScope scope(o.name, "embedding_lookup_sparse", ids.values.graph());
  const Tensor segments = OpBuilder("StridedSlice", NameOptions("strided_slice"))
                              .In(ids.indices)
                              .In(Array({0, 0}))
                              .In(Array({0, 1}))
                              .In(Array({1, 1}))
                              .Attr("begin_mask", 1)
                              .Attr("end_mask", 1)
                              .Attr("shrink_axis_mask", 2)
                              .Output();
  const UniqueResult distinct = Unique(ids.values);
  const Tensor rows = EmbeddingLookup(
      params, distinct.y, {.partition_strategy = o.partition_strategy, .max_norm = o.max_norm});
  if (!o.weights) {
    const char* const ops[] = {"SparseSegmentSum", "SparseSegmentMean", "SparseSegmentSqrtN"};
    return OpBuilder(ops[static_cast<int>(o.combiner)], scope.self())
        .In(rows)
        .In(distinct.idx)
        .In(segments)
        .Output();
  }
  const Tensor rows_of = ToDtype(segments, kInt32);
  const Tensor each = Gather(rows, distinct.idx);
  // One weight for each row, with dimensions of size 1 behind.
  const Tensor given = ToDtype(o.weights->values, RemoveRef(each.dtype()));
  const Tensor ones = Fill(ExpandDims(Minus(Rank(each), 1), 0), 1);
  const Tensor weights = Reshape(given, Concat({ShapeOf(given), ones}, 0));
  const Tensor weighted = Times(each, weights);
  if (o.combiner == Combiner::kSum) return SegmentSum(weighted, rows_of, scope.self());
  const Tensor sum = SegmentSum(weighted, rows_of);
  const bool is_mean = o.combiner == Combiner::kMean;
  const Tensor norm =
      is_mean ? SegmentSum(weights, rows_of) : Sqrt(SegmentSum(Pow(weights, 2), rows_of));
  return DivideNoNan(sum, norm, scope.self());
}

}  // namespace weft::nn
