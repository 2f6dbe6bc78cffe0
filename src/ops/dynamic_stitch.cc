// SPDX-License-Identifier: Apache-2.0
// Rows dealt out to several tensors, and put together again.
// kernels: kernels/cpu/dynamic_stitch.cc   test: tests/ops/segment_test.cc
#include <algorithm>
#include <string>

#include "src/core/strings.h"
#include "src/ops/segment.h"

namespace weft {
namespace {

// The dimensions of `whole` beyond those of `prefix`, which it must begin with; unknown if a rank
// is.
absl::StatusOr<PartialShape> Rest(ShapeContext& c, const PartialShape& whole,
                                  const PartialShape& prefix) {
  if (!whole.known_rank() || !prefix.known_rank()) return PartialShape();
  WEFT_RETURN_IF_ERROR(c.WithRankAtLeast(whole, prefix.rank()).status());
  PartialShape rest = PartialShape::Scalar();
  for (int d = 0; d < whole.rank(); ++d) {
    if (d >= prefix.rank()) {
      rest.AddDim(whole.dim(d));
    } else {
      WEFT_RETURN_IF_ERROR(c.MergeDim(whole.dim(d), prefix.dim(d)).status());
    }
  }
  return rest;
}

// [greatest index + 1, dimensions of the data beyond the indices'...].
absl::Status StitchShape(ShapeContext& c) {
  const int n = c.num_inputs() / 2;
  bool constant = true;
  int64_t greatest = -1;
  PartialShape rest;
  for (int i = 0; i < n; ++i) {
    const Array* indices = c.input_constant(i);
    constant = constant && indices != nullptr;
    for (int64_t k = 0; indices != nullptr && k < indices->num_elements(); ++k) {
      greatest = std::max(greatest, indices->AsInt64(k));
    }
    WEFT_ASSIGN_OR_RETURN(const PartialShape own, Rest(c, c.input(n + i), c.input(i)));
    WEFT_ASSIGN_OR_RETURN(rest, c.Merge(rest, own));
  }
  if (rest.known_rank()) {
    c.set_output(0, PartialShape::Vector(constant ? greatest + 1 : kUnknownDim).Concatenate(rest));
  }
  return absl::OkStatus();
}

absl::Status PartitionShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape rest, Rest(c, c.input(0), c.input(1)));
  if (!rest.known_rank()) return absl::OkStatus();
  const PartialShape out = PartialShape::Vector(kUnknownDim).Concatenate(rest);
  for (int i = 0; i < c.num_outputs(); ++i) c.set_output(i, out);
  return absl::OkStatus();
}

void StitchGradient(GradientContext& g) {
  const int n = g.num_inputs() / 2;
  for (int i = 0; i < n; ++i) {
    if (!g.needs_dx(n + i)) continue;
    const Tensor axis = g.ConstInt(0, "GatherV2/axis");
    g.SetDx(n + i, g.Op("GatherV2", {g.dy(0), g.input(i), axis}));
  }
}

// Row numbers are dealt out as the rows were, and tell where these came from.
void PartitionGradient(GradientContext& g) {
  const Tensor partitions = g.input(1);
  const Tensor shape = g.Shape(partitions);
  const Tensor count = g.Op("Prod", {shape, g.ConstInts({0})});
  const Tensor numbers = g.Op(
      "Range", {g.ConstInt(0, "range/start"), count, g.ConstInt(1, "range/delta")}, {}, "range");
  const int n = g.num_outputs();
  std::vector<Tensor> inputs =
      g.Ops("DynamicPartition", {g.Reshape(numbers, shape), partitions}, {{"num_partitions", n}});
  if (!g.ok()) return;
  for (int i = 0; i < n; ++i) inputs.push_back(g.dy(i));
  const Tensor rows = g.Op("ParallelDynamicStitch", inputs, {{"N", n}});
  g.SetDx(0, g.Reshape(rows, g.Shape(g.input(0))));
}

}  // namespace

void RegisterDynamicStitchOps(OpRegistry& ops) {
  for (const bool parallel : {false, true}) {
    ops.Add(parallel ? "ParallelDynamicStitch" : "DynamicStitch")
        .Summary(parallel ? "As DynamicStitch; of equal indices any row may be taken."
                          : "Row indices[m][i] of the result is data[m][i]; of equal indices the "
                            "last row is taken, rows that none names are 0.")
        .Input("indices: N * int32")
        .Input("data: N * T")
        .Output("merged: T")
        .Attr("N: int >= 1")
        .Attr("T: type")
        .Shape(StitchShape)
        .Gradient(StitchGradient);
  }
  ops.Add("DynamicPartition")
      .Summary("Output k has the rows of data, in order, whose partition is k.")
      .Input("data: T")
      .Input("partitions: int32")
      .Output("outputs: num_partitions * T")
      .Attr("num_partitions: int >= 1")
      .Attr("T: type")
      .Shape(PartitionShape)
      .Gradient(PartitionGradient);
}

}  // namespace weft
