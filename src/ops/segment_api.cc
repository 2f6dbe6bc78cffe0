// SPDX-License-Identifier: Apache-2.0
// The public functions of segment reductions.
#include "src/core/strings.h"
#include "src/ops/op_scope.h"
#include "src/ops/operators.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"
#include "weft/ops/reduction.h"

namespace weft {
namespace {

using internal::Minus;
using internal::Unary;

Tensor Sorted(const char* op, const Input& data, const Input& ids, const NameOptions& options) {
  return OpBuilder(op, options).In(data).In(ids).Output();
}
Tensor Unsorted(const char* op, const Input& data, const Input& ids, const Input& num_segments,
                const NameOptions& options) {
  return OpBuilder(op, options).In(data).In(ids).In(num_segments).Output();
}

// How many rows each segment has, at least 1, in a shape that the sums of data can be divided by.
Tensor RowsOfSegments(const Tensor& data, const Tensor& ids, const Tensor& num_segments) {
  const DataType dtype = RemoveRef(data.dtype());
  const PartialShape shape = ids.shape();
  const Tensor sizes_of_ids = shape.IsFullyKnown()
                                  ? AsTensor(IntList(shape.ToShape()).AsInput("shape_as_tensor"),
                                             kInt32, "Shape/shape_as_tensor")
                                  : ShapeOf(ids);
  const Tensor ones = OpBuilder("Fill", NameOptions("ones"))
                          .In(sizes_of_ids)
                          .In(AsTensor(1, dtype, "ones/Const"))
                          .Output();
  const Tensor rows = Unsorted("UnsortedSegmentSum", ones, ids, num_segments, {});
  const Tensor first = internal::SliceOf(num_segments, Array({0}), Array({0}), "new_axis_mask");
  const Tensor rank = Rank(data), rank_of_ids = Rank(ids);
  const Tensor more = Minus(rank, rank_of_ids);
  Tensor trailing;
  {
    const OpScope scope("", "ones", data.graph());
    const Tensor count = OpBuilder("Pack", "packed").InList({more}).Attr("axis", 0).Output();
    const Tensor one = AsTensor(Array(int32_t{1}), kInt32, "Const");
    trailing = OpBuilder("Fill", scope.self()).In(count).In(one).Output();
  }
  const Tensor sizes = Concat({first, trailing}, 0);
  const Tensor shaped = OpBuilder("Reshape", NameOptions()).In(rows).In(sizes).Output();
  return OpBuilder("Maximum", NameOptions()).In(shaped).In(1).Output();
}

Tensor UnsortedRatio(const char* name, const Input& data, const Input& segment_ids,
                     const Input& num_segments, bool root, const NameOptions& options) {
  const OpScope scope(options.name, name, {&data, &segment_ids, &num_segments});
  const Tensor x = AsTensor(data, kInvalidType, "data");
  const Tensor ids = AsTensor(segment_ids), count = AsTensor(num_segments);
  const Tensor rows = RowsOfSegments(x, ids, count);
  const Tensor sum = Unsorted("UnsortedSegmentSum", x, ids, num_segments, {});
  const Tensor by = root ? Unary("Sqrt", rows) : rows;
  return OpBuilder("RealDiv", NameOptions("truediv")).In(sum).In(by).Output();
}

Tensor Sparse(const char* op, const Input& data, const Input& indices, const Input& ids,
              const SparseSegmentOptions& o) {
  const bool counted = o.num_segments.is_tensor() || o.num_segments.array().valid();
  OpBuilder node(counted ? StrCat(op, "WithNumSegments") : op, o.name);
  node.In(data).In(indices).In(ids);
  if (counted) node.In(o.num_segments);
  return node.Output();
}

}  // namespace

Tensor SegmentSum(const Input& data, const Input& segment_ids, const NameOptions& options) {
  return Sorted("SegmentSum", data, segment_ids, options);
}
Tensor SegmentMean(const Input& data, const Input& segment_ids, const NameOptions& options) {
  return Sorted("SegmentMean", data, segment_ids, options);
}
Tensor SegmentProd(const Input& data, const Input& segment_ids, const NameOptions& options) {
  return Sorted("SegmentProd", data, segment_ids, options);
}
Tensor SegmentMin(const Input& data, const Input& segment_ids, const NameOptions& options) {
  return Sorted("SegmentMin", data, segment_ids, options);
}
Tensor SegmentMax(const Input& data, const Input& segment_ids, const NameOptions& options) {
  return Sorted("SegmentMax", data, segment_ids, options);
}

Tensor UnsortedSegmentSum(const Input& data, const Input& segment_ids, const Input& num_segments,
                          const NameOptions& options) {
  return Unsorted("UnsortedSegmentSum", data, segment_ids, num_segments, options);
}
Tensor UnsortedSegmentProd(const Input& data, const Input& segment_ids, const Input& num_segments,
                           const NameOptions& options) {
  return Unsorted("UnsortedSegmentProd", data, segment_ids, num_segments, options);
}
Tensor UnsortedSegmentMin(const Input& data, const Input& segment_ids, const Input& num_segments,
                          const NameOptions& options) {
  return Unsorted("UnsortedSegmentMin", data, segment_ids, num_segments, options);
}
Tensor UnsortedSegmentMax(const Input& data, const Input& segment_ids, const Input& num_segments,
                          const NameOptions& options) {
  return Unsorted("UnsortedSegmentMax", data, segment_ids, num_segments, options);
}
Tensor UnsortedSegmentMean(const Input& data, const Input& segment_ids, const Input& num_segments,
                           const NameOptions& options) {
  return UnsortedRatio("UnsortedSegmentMean", data, segment_ids, num_segments, /*root=*/false,
                       options);
}
Tensor UnsortedSegmentSqrtN(const Input& data, const Input& segment_ids, const Input& num_segments,
                            const NameOptions& options) {
  return UnsortedRatio("UnsortedSegmentSqrtN", data, segment_ids, num_segments, /*root=*/true,
                       options);
}

Tensor SparseSegmentSum(const Input& data, const Input& indices, const Input& segment_ids,
                        const SparseSegmentOptions& options) {
  return Sparse("SparseSegmentSum", data, indices, segment_ids, options);
}
Tensor SparseSegmentMean(const Input& data, const Input& indices, const Input& segment_ids,
                         const SparseSegmentOptions& options) {
  return Sparse("SparseSegmentMean", data, indices, segment_ids, options);
}
Tensor SparseSegmentSqrtN(const Input& data, const Input& indices, const Input& segment_ids,
                          const SparseSegmentOptions& options) {
  return Sparse("SparseSegmentSqrtN", data, indices, segment_ids, options);
}

}  // namespace weft
