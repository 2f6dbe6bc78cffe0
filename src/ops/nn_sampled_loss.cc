// SPDX-License-Identifier: Apache-2.0
// Losses of samples of classes, in TensorFlow's nodes.
#include <utility>
#include <vector>

#include "src/ops/op_scope.h"
#include "src/ops/operators.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/matmul.h"
#include "weft/ops/nn.h"
#include "weft/ops/sampled_loss.h"

namespace weft::nn {
namespace {

using internal::CastUnlessSame;
using internal::Minus;
using internal::Plus;
using internal::Times;
using internal::Unary;

// Rows `ids` of params.
Tensor Lookup(const Input& params, const Tensor& ids) {
  const OpScope scope("", "embedding_lookup", {&params});
  const Tensor table = AsTensor(params);
  std::optional<ColocateWith> beside(table.op());
  const Tensor axis = AsTensor(Array(int32_t{0}), kInt32, "axis");
  const Tensor rows = table.dtype() == kResource
                          ? OpBuilder("ResourceGather", scope.self()).In(table).In(ids).Output()
                          : OpBuilder("GatherV2", scope.self()).In(table).In(ids).In(axis).Output();
  beside.reset();
  return Identity(rows);
}

// Numbers of which some are tensors, named as tf.stack names them.
Tensor Stacked(const IntList& values) { return AsTensor(values.AsInput("stack")); }

// The sum of each row, as a product with ones.
Tensor SumRows(const Tensor& x) {
  const Tensor columns = internal::SliceOf(ShapeOf(x), Array({1}), Array({2}), "shrink_axis_mask");
  const Tensor ones = Ones(Stacked({columns, 1}), RemoveRef(x.dtype()));
  return Reshape(MatMul(x, ones), {-1});
}

struct Logits {
  Tensor logits, labels;
};

// The elements of true classes are the first of each row.
class SampledLogits {
 public:
  SampledLogits(const Input& weights, const Input& biases, const Input& labels, const Input& inputs,
                const SampledLossOptions& o, const char* name, bool remove_hits)
      : weights_(weights), biases_(biases), o_(o), remove_hits_(remove_hits) {
    scope_.emplace(o.name, name,
                   std::initializer_list<const Input*>{&weights, &biases, &inputs, &labels});
    inputs_ = AsTensor(inputs);
    labels_ = CastUnlessSame(AsTensor(labels), kInt64);
  }

  Logits Build() {
    const Tensor flat = Reshape(labels_, {-1});
    const CandidateSamples given = Samples();
    const Tensor sampled = StopGradient(given.sampled_candidates);
    const Tensor true_count = StopGradient(given.true_expected_count);
    const Tensor sampled_count = StopGradient(given.sampled_expected_count);
    const Tensor ids = Concat({flat, sampled}, 0);
    auto [true_logits, sampled_logits] = LogitsOf(flat, ids);
    if (remove_hits_) sampled_logits = WithoutHits(sampled, sampled_logits);
    true_logits = Minus(true_logits, Unary("Log", true_count));
    sampled_logits = Minus(sampled_logits, Unary("Log", sampled_count));
    const Tensor logits = Concat({true_logits, sampled_logits}, 1);
    const Tensor share = internal::BinaryOperator("RealDiv", "truediv", OnesLike(true_logits),
                                                  static_cast<double>(o_.num_true));
    return {logits, Concat({share, ZerosLike(sampled_logits)}, 1)};
  }

 private:
  CandidateSamples Samples() const {
    if (o_.sampled_values) return *o_.sampled_values;
    return LogUniformCandidateSampler(labels_, {.num_true = o_.num_true,
                                                .num_sampled = o_.num_sampled,
                                                .unique = true,
                                                .range_max = o_.num_classes,
                                                .seed = o_.seed});
  }

  std::pair<Tensor, Tensor> LogitsOf(const Tensor& flat, const Tensor& ids) const {
    const DataType dtype = RemoveRef(inputs_.dtype());
    const Tensor all_w = CastUnlessSame(Lookup(weights_, ids), dtype);
    const auto count = [&] {
      return internal::SliceOf(ShapeOf(flat), Array({0}), Array({1}), "shrink_axis_mask");
    };
    const Tensor true_w = Slice(all_w, {0, 0}, Stacked({count(), -1}));
    const Tensor sampled_w = Slice(all_w, Stacked({count(), 0}), {-1, -1});
    Tensor sampled = MatMul(inputs_, sampled_w, {.transpose_b = true});
    const Tensor all_b = CastUnlessSame(Lookup(biases_, ids), dtype);
    const Tensor true_b = Slice(all_b, {0}, IntList(ShapeOf(flat)));
    const Tensor sampled_b = Slice(all_b, IntList(ShapeOf(flat)), {-1});
    const Tensor dim = internal::SliceOf(ShapeOf(true_w), Array({1}), Array({2}), "");
    const Tensor shape = Concat({Array({-1, static_cast<int32_t>(o_.num_true)}), dim}, 0);
    const Tensor dots = internal::BinaryOperator("Mul", "Mul", ExpandDims(inputs_, 1),
                                                 Reshape(true_w, IntList(shape)));
    const Tensor matrix = Reshape(dots, IntList(Concat({Array({-1}), dim}, 0)));
    Tensor truth = Reshape(SumRows(matrix), {-1, o_.num_true});
    truth = Plus(truth, Reshape(true_b, {-1, o_.num_true}));
    sampled = Plus(sampled, sampled_b);
    return {truth, sampled};
  }

  // Adds the lowest float where a true class was sampled.
  Tensor WithoutHits(const Tensor& sampled, const Tensor& logits) const {
    const AccidentalHits hits = ComputeAccidentalHits(labels_, sampled, {.num_true = o_.num_true});
    const Tensor rows = Reshape(hits.indices, {-1, 1});
    const Tensor columns = Reshape(CastUnlessSame(hits.ids, kInt32), {-1, 1});
    const Tensor at = Concat({rows, columns}, 1, NameOptions("sparse_indices"));
    const Tensor batch = internal::SliceOf(ShapeOf(labels_), Array({0}), Array({1}), "begin_mask");
    const Tensor size = ExpandDims(Array(static_cast<int32_t>(o_.num_sampled)), 0);
    const Tensor weights = CastUnlessSame(hits.weights, RemoveRef(logits.dtype()));
    const Tensor dense = OpBuilder("SparseToDense", NameOptions())
                             .In(at)
                             .In(Concat({batch, size}, 0))
                             .In(weights)
                             .In(0.0)
                             .Attr("validate_indices", false)
                             .Output();
    return Plus(logits, dense);
  }

  const Input& weights_;
  const Input& biases_;
  const SampledLossOptions& o_;
  const bool remove_hits_;
  std::optional<OpScope> scope_;
  Tensor inputs_, labels_;
};

}  // namespace

Tensor NceLoss(const Input& weights, const Input& biases, const Input& labels, const Input& inputs,
               const SampledLossOptions& o) {
  const GraphScope use(GraphOf({&weights, &biases, &labels, &inputs}));
  const Logits l = SampledLogits(weights, biases, labels, inputs, o, "nce_loss",
                                 o.remove_accidental_hits.value_or(false))
                       .Build();
  return SumRows(SigmoidCrossEntropyWithLogits(l.labels, l.logits, NameOptions("sampled_losses")));
}

Tensor SampledSoftmaxLoss(const Input& weights, const Input& biases, const Input& labels,
                          const Input& inputs, const SampledLossOptions& o) {
  const GraphScope use(GraphOf({&weights, &biases, &labels, &inputs}));
  const Logits l = SampledLogits(weights, biases, labels, inputs, o, "sampled_softmax_loss",
                                 o.remove_accidental_hits.value_or(true))
                       .Build();
  const Tensor fixed = StopGradient(l.labels, NameOptions("labels_stop_gradient"));
  return SoftmaxCrossEntropyWithLogitsV2(fixed, l.logits);
}

}  // namespace weft::nn
