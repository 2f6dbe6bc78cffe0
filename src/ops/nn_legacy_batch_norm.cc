// SPDX-License-Identifier: Apache-2.0
// Batch normalisation of the first GraphDefs: with statistics that are given.
#include "weft/graph/op_def.h"

// kernels: kernels/cpu/nn_legacy_batch_norm.cc   test: tests/ops/nn_conv_test.cc

namespace weft {
namespace {

// The statistics and parameters, inputs first..last, are vectors as long as the images are deep.
absl::StatusOr<int64_t> CommonDepth(ShapeContext& c, int64_t depth, int first, int last) {
  for (int i = first; i <= last; ++i) {
    WEFT_ASSIGN_OR_RETURN(const PartialShape s, c.InputWithRank(i, 1));
    WEFT_ASSIGN_OR_RETURN(depth, c.MergeDim(depth, s.dim(0)));
  }
  return depth;
}

absl::Status NormalizeShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape out, c.InputWithRank(0, 4));
  WEFT_ASSIGN_OR_RETURN(const int64_t depth, CommonDepth(c, out.dim(3), 1, 4));
  out.set_dim(3, depth);
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

absl::Status NormalizeGradShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape out, c.InputWithRank(0, 4));
  WEFT_ASSIGN_OR_RETURN(out, c.Merge(out, c.input(4)));
  WEFT_ASSIGN_OR_RETURN(const int64_t depth, CommonDepth(c, out.dim(3), 1, 3));
  out.set_dim(3, depth);
  c.set_output(0, std::move(out));
  for (int o = 1; o < 5; ++o) c.set_output(o, PartialShape::Vector(depth));
  return absl::OkStatus();
}

void NormalizeGradient(GradientContext& g) {
  const std::vector<Tensor> d =
      g.Ops("BatchNormWithGlobalNormalizationGrad",
            {g.input(0), g.input(1), g.input(2), g.input(4), g.dy(0)},
            {{"variance_epsilon", g.attr("variance_epsilon")},
             {"scale_after_normalization", g.attr("scale_after_normalization")}});
  if (!g.ok()) return;
  for (int i = 0; i < 5; ++i) g.SetDx(i, d[static_cast<size_t>(i)]);
}

OpDefBuilder&& NormAttrs(OpDefBuilder&& op) {
  return std::move(op)
      .Attr("T: numbertype")
      .Attr("variance_epsilon: float")
      .Attr("scale_after_normalization: bool")
      .Deprecated(9, "Use tf.nn.batch_normalization()");
}

}  // namespace

void RegisterLegacyBatchNormOps(OpRegistry& ops) {
  ops.Add("BatchNormWithGlobalNormalization")
      .Summary(
          "(t - m) / sqrt(v + variance_epsilon) + beta, times gamma before the sum if "
          "scale_after_normalization.")
      .Input("t: T")
      .Input("m: T")
      .Input("v: T")
      .Input("beta: T")
      .Input("gamma: T")
      .Output("result: T")
      .Apply(NormAttrs)
      .Shape(NormalizeShape)
      .Gradient(NormalizeGradient);
  ops.Add("BatchNormWithGlobalNormalizationGrad")
      .Summary("The gradients of BatchNormWithGlobalNormalization.")
      .Input("t: T")
      .Input("m: T")
      .Input("v: T")
      .Input("gamma: T")
      .Input("backprop: T")
      .Output("dx: T")
      .Output("dm: T")
      .Output("dv: T")
      .Output("db: T")
      .Output("dg: T")
      .Apply(NormAttrs)
      .Shape(NormalizeGradShape);
}

}  // namespace weft
