// SPDX-License-Identifier: Apache-2.0
// Stochastic dual coordinate ascent for linear models.
// kernels: kernels/cpu/sdca.cc   test: tests/ops/sdca_test.cc
#include <string>

#include "weft/graph/op_def.h"

namespace weft {
namespace {

absl::Status SdcaShape(ShapeContext& c) {
  const int sparse = static_cast<int>(c.Attr<int64_t>("num_sparse_features")),
            dense = static_cast<int>(c.Attr<int64_t>("num_dense_features"));
  c.set_output(0, PartialShape::Matrix(kUnknownDim, 4));
  // The deltas are as the weights, the last inputs but the state.
  const int weights = c.num_inputs() - 1 - sparse - dense;
  for (int i = 0; i < sparse + dense; ++i) c.set_output(1 + i, c.input(weights + i));
  return absl::OkStatus();
}

absl::Status FprintShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape in, c.InputWithRank(0, 1));
  c.set_output(0, PartialShape::Matrix(in.dim(0), 2));
  return absl::OkStatus();
}

}  // namespace

void RegisterSdcaOps(OpRegistry& ops) {
  for (const bool v2 : {false, true}) {
    ops.Add(v2 ? "SdcaOptimizerV2" : "SdcaOptimizer")
        .Summary("One pass of dual coordinate ascent: what is to be added to the weights.")
        .Attr(
            "loss_type: {'logistic_loss', 'squared_loss', 'hinge_loss', 'smooth_hinge_loss', "
            "'poisson_loss'}")
        .Attr(v2 ? "adaptive: bool = false" : "adaptative: bool = false")
        .Attr("num_sparse_features: int >= 0")
        .Attr("num_sparse_features_with_values: int >= 0")
        .Attr("num_dense_features: int >= 0")
        .Attr("l1: float")
        .Attr("l2: float")
        .Attr("num_loss_partitions: int >= 1")
        .Attr("num_inner_iterations: int >= 1")
        .Input("sparse_example_indices: num_sparse_features * int64")
        .Input("sparse_feature_indices: num_sparse_features * int64")
        .Input("sparse_feature_values: num_sparse_features_with_values * float")
        .Input("dense_features: num_dense_features * float")
        .Input("example_weights: float")
        .Input("example_labels: float")
        .Input("sparse_indices: num_sparse_features * int64")
        .Input("sparse_weights: num_sparse_features * float")
        .Input("dense_weights: num_dense_features * float")
        .Input("example_state_data: float")
        .Output("out_example_state_data: float")
        .Output("out_delta_sparse_weights: num_sparse_features * float")
        .Output("out_delta_dense_weights: num_dense_features * float")
        .Shape(SdcaShape)
        .NoGradient("it is a step of an optimizer");
  }
  ops.Add("SdcaShrinkL1")
      .Summary("Variables are moved towards 0 by l1 / l2.")
      .Attr("num_features: int >= 0")
      .Attr("l1: float")
      .Attr("l2: float")
      .Input("weights: Ref(num_features * float)")
      .Shape(shape::NoOutputs)
      .NoGradient("there is no output");
  ops.Add("SdcaFprint")
      .Summary("Fingerprints of 128 bits of texts.")
      .Input("input: string")
      .Output("output: int64")
      .Shape(FprintShape)
      .NoGradient("a fingerprint is no smooth function");
}

}  // namespace weft
