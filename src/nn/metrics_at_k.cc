// SPDX-License-Identifier: Apache-2.0
// Measures of the k best guesses of each row.
#include <string>
#include <vector>

#include "src/core/status.h"
#include "src/nn/metric_parts.h"
#include "weft/graph/op_builder.h"
#include "weft/nn/metrics.h"
#include "weft/ops/array.h"
#include "weft/ops/array_misc.h"
#include "weft/ops/nn.h"
#include "weft/ops/sets.h"

namespace weft::metrics {
namespace {

using internal::AssertBroadcastable;
using internal::BroadcastWeights;
using internal::Plus;
using internal::Times;
using internal::ToDtype;
using sets::Rows;

std::string AtK(const char* name, int k, const AtKOptions& at = {}) {
  const std::string at_k = StrCat(name, "_at_", k);
  return at.class_id ? StrCat(at_k, "_class", *at.class_id) : at_k;
}

void CheckK(int k) {
  if (k < 1) ThrowError(Code::kInvalidArgument, StrCat("k must be 1 at least, not ", k));
}

SparseTensor SparseReshape(const SparseTensor& s, const Input& shape) {
  const std::vector<Tensor> out =
      OpBuilder("SparseReshape", NameOptions()).In(s.indices).In(s.dense_shape).In(shape).Outputs();
  return {out[0], s.values, out[1]};
}

Tensor BestOf(const Input& predictions, int k) {
  return nn::TopK(predictions, Input(Array(static_cast<int32_t>(k)))).indices;
}

// Labels of the rank of the guesses: where each row has one label only, a last dimension is added.
Rows OfRank(const Rows& labels, const Tensor& guesses) {
  if (labels.is_sparse()) {
    const SparseTensor& s = labels.sparse();
    const Tensor missing = Subtract(Rank(guesses), Size(s.dense_shape));
    const Tensor ones = Fill(Reshape(missing, {1}), Array(int64_t{1}));
    return SparseReshape(s, Concat({s.dense_shape, ones}, 0));
  }
  const Tensor dense = ToDtype(labels.dense(), kInt64);
  if (dense.shape().known_rank() && guesses.shape().known_rank()) {
    const int missing = guesses.shape().rank() - dense.shape().rank();
    if (missing == 0) return dense;
    if (missing == 1) return ExpandDims(dense, -1);
    ThrowError(Code::kInvalidArgument,
               StrCat("Unexpected labels shape ", dense.shape().ToPythonString(),
                      " for predictions shape ", guesses.shape().ToPythonString(),
                      ": the rank of the labels must be the same, or one less"));
  }
  const Tensor ones = Fill(Reshape(Subtract(Rank(guesses), Rank(dense)), {1}), Array(1));
  return Reshape(dense, Concat({ShapeOf(dense), ones}, 0));
}

// Only the values that are this class.
Rows OfClass(const Rows& rows, int64_t class_id) {
  const Input wanted = Array(class_id);
  if (rows.is_sparse()) {
    const SparseTensor& s = rows.sparse();
    const Tensor kept = Reshape(WhereIndices(Equal(s.values, wanted)), {-1});
    return SparseTensor{Gather(s.indices, kept), Gather(s.values, kept), s.dense_shape};
  }
  const Tensor dense = AsTensor(rows.dense());
  const Tensor shape = ShapeOf(dense, {.out_type = kInt64});
  const Tensor one = Fill(Reshape(AsTensor(Input(Array(int64_t{1}))), {1}), Array(int64_t{1}));
  const Tensor rows_shape = Concat({Slice(shape, {0}, {Subtract(Size(shape), 1)}), one}, 0);
  const SparseTensor found = sets::Intersection(Fill(rows_shape, wanted), dense);
  return SparseTensor{found.indices, found.values, shape};
}

// ---- counts ----

// Labels and guesses, as rows of class numbers.
struct Guesses {
  Guesses(const Rows& labels_in, const Input& guesses_in, const AtKOptions& at)
      : labels(OfRank(labels_in, AsTensor(guesses_in))), guesses(ToDtype(guesses_in, kInt64)) {
    if (!at.class_id) return;
    labels = OfClass(labels, *at.class_id);
    guesses = OfClass(guesses, *at.class_id);
  }
  Rows labels, guesses;
};

// The sizes of the sets, each by its row's weight.
Tensor Weighted(const SparseTensor& sets, const std::optional<Input>& weights) {
  const Tensor sizes = ToDtype(sets::Size(sets), kFloat64);
  if (!weights) return sizes;
  const Tensor each = ToDtype(*weights, kFloat64);
  const ControlDependencies after({AssertBroadcastable(each, sizes)}, sizes.graph());
  return OpBuilder("Mul", NameOptions()).In(sizes).In(each).Output();
}

// Their sum over batches.
Metric Summed(const std::string& name, const SparseTensor& sets,
              const std::optional<Input>& weights) {
  const Variable sum = LocalZeros(name, {}, kFloat64);
  return {sum.AsTensor(), sum.AssignAdd(ReduceSum(Weighted(sets, weights)))};
}

// right / (right + wrong).
Metric Share(const OpScope& scope, const Metric& right, const Metric& wrong,
             const MetricOptions& o) {
  const Tensor value = RealDiv(right.value, Plus(right.value, wrong.value), scope.name());
  return Joined({value, RealDiv(right.update_op, Plus(right.update_op, wrong.update_op), "update")},
                o);
}

const Input& AnyOf(const Rows& labels, const Input& predictions) {
  return predictions.is_tensor() || labels.is_sparse() ? predictions : labels.dense();
}

// ---- average precision ----

// The labels once more for each guess: [..., k, labels].
Rows ForEachGuess(const Rows& labels, int64_t k) {
  if (!labels.is_sparse()) {
    const Tensor dense = AsTensor(labels.dense());
    const Tensor rest = Fill(Reshape(Subtract(Rank(dense), 1), {1}), Array(1));
    const Tensor copies =
        Constant(Array::FromVector(std::vector<int32_t>{static_cast<int32_t>(k), 1}, Shape({2})));
    return Tile(ExpandDims(dense, -2), Concat({rest, copies}, 0));
  }
  const SparseTensor& s = labels.sparse();
  const Tensor before = Reshape(Subtract(Size(s.dense_shape), 1), {1});
  const Tensor one = Fill(Reshape(AsTensor(Input(Array(1))), {1}), Array(int64_t{1}));
  const Tensor shape =
      Concat({Slice(s.dense_shape, {0}, before), one, Slice(s.dense_shape, before, {-1})}, 0);
  const SparseTensor row = SparseReshape(s, shape);
  if (k == 1) return row;
  OpBuilder concat("SparseConcat", NameOptions());
  const auto copies = [k](const Tensor& t) {
    return std::vector<Input>(static_cast<size_t>(k), Input(t));
  };
  concat.InList(copies(row.indices)).InList(copies(row.values)).InList(copies(row.dense_shape));
  const std::vector<Tensor> out = concat.Attr("concat_dim", -2).Outputs();
  return SparseTensor{out[0], out[1], out[2]};
}

// Labels that are no class as -1, which no guess is.
Rows InRange(const Rows& labels, const Tensor& classes) {
  const auto clean = [&](const Tensor& x) {
    return Where(GreaterEqual(x, classes), Negative(OnesLike(x)), x);
  };
  if (!labels.is_sparse()) return clean(ToDtype(labels.dense(), kInt64));
  const SparseTensor& s = labels.sparse();
  return SparseTensor{s.indices, clean(s.values), s.dense_shape};
}

// How many there are to be found in each row, at most k.
Tensor NumRelevant(const Rows& labels, int k) {
  if (labels.is_sparse()) return ToDtype(Minimum(sets::Size(labels.sparse()), k), kFloat64);
  const Tensor is_label = GreaterEqual(AsTensor(labels.dense()), Array(int64_t{0}));
  return ToDtype(Minimum(ReduceSum(ToDtype(is_label, kInt32), {.axis = {-1}}), k), kFloat64);
}

// The average precision of each row.
Tensor AveragePrecision(const Rows& labels_in, const Tensor& best, int k) {
  const Tensor guesses = ToDtype(best, kInt64);
  const Rows labels = OfRank(labels_in, guesses);
  const SparseTensor hits = sets::Intersection(ExpandDims(guesses, -1), ForEachGuess(labels, k));
  const Tensor is_right = ToDtype(sets::Size(hits), kFloat64);  // [..., k]
  const Tensor found = Cumsum(is_right, -1), tried = Cumsum(OnesLike(is_right), -1);
  const Tensor sum = ReduceSum(Multiply(RealDiv(found, tried), is_right), {.axis = {-1}});
  return RealDiv(sum, NumRelevant(labels, k));
}

}  // namespace

Metric PrecisionAtTopK(const Rows& labels, const Input& predictions, int k, const AtKOptions& at,
                       const MetricOptions& o) {
  CheckK(k);
  const OpScope scope(o.name, AtK("precision", k, at), {&AnyOf(labels, predictions)});
  const Guesses in(labels, predictions, at);
  const Metric right =
      Summed(AtK("true_positive", k, at), sets::Intersection(in.guesses, in.labels), o.weights);
  const Metric wrong =
      Summed(AtK("false_positive", k, at), sets::Difference(in.guesses, in.labels), o.weights);
  return Share(scope, right, wrong, o);
}

Metric PrecisionAtK(const Rows& labels, const Input& predictions, int k, const AtKOptions& at,
                    const MetricOptions& o) {
  CheckK(k);
  const OpScope scope(o.name, AtK("precision", k, at), {&AnyOf(labels, predictions)});
  MetricOptions inside = o;
  inside.name = scope.name();
  return PrecisionAtTopK(labels, BestOf(predictions, k), k, at, inside);
}

Metric RecallAtTopK(const Rows& labels, const Input& predictions, int k, const AtKOptions& at,
                    const MetricOptions& o) {
  CheckK(k);
  const OpScope scope(o.name, AtK("recall", k, at), {&AnyOf(labels, predictions)});
  const Guesses in(labels, predictions, at);
  const Metric right =
      Summed(AtK("true_positive", k, at), sets::Intersection(in.guesses, in.labels), o.weights);
  const Metric missed =
      Summed(AtK("false_negative", k, at), sets::Difference(in.labels, in.guesses), o.weights);
  return Share(scope, right, missed, o);
}

Metric RecallAtK(const Rows& labels, const Input& predictions, int k, const AtKOptions& at,
                 const MetricOptions& o) {
  CheckK(k);
  const OpScope scope(o.name, AtK("recall", k, at), {&AnyOf(labels, predictions)});
  MetricOptions inside = o;
  inside.name = scope.name();
  return RecallAtTopK(labels, BestOf(predictions, k), k, at, inside);
}

Metric AveragePrecisionAtK(const Rows& labels, const Input& predictions, int k,
                           const MetricOptions& o) {
  CheckK(k);
  const OpScope scope(o.name, AtK("average_precision", k), {&AnyOf(labels, predictions)});
  const Tensor scores = AsTensor(predictions);
  const Tensor shape = ShapeOf(scores, {.out_type = kInt64});
  const Tensor classes = internal::SliceOf(shape, {-1}, {0}, "shrink_axis_mask");
  Tensor each = AveragePrecision(InRange(labels, classes), BestOf(scores, k), k);
  Tensor batch_max;
  if (o.weights) {
    const Tensor weights = BroadcastWeights(ToDtype(*o.weights, kFloat64), each);
    each = Times(each, weights);
    batch_max = ReduceSum(weights, {.name = "batch_max"});
  } else {
    batch_max = ToDtype(Size(each), kFloat64);
  }
  const Variable max = LocalZeros("max", {}, kFloat64), total = LocalZeros("total", {}, kFloat64);
  const Tensor new_max = max.AssignAdd(batch_max), new_total = total.AssignAdd(ReduceSum(each));
  return Joined({DivideNoNan(total, max, "mean"), DivideNoNan(new_total, new_max, scope.name())},
                o);
}

}  // namespace weft::metrics
