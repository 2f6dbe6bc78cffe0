// SPDX-License-Identifier: Apache-2.0
// Merging and splitting of rows by indices.
// kernels: kernels/cpu/data_flow.cc   test: tests/ops/data_flow_test.cc
#include <algorithm>

#include "src/ops/register.h"

namespace weft {
namespace {

// Every data input is its indices' shape followed by one shape that all have.
absl::Status StitchShape(ShapeContext& c) {
  const int n = c.num_inputs() / 2;
  PartialShape row;
  int64_t rows = 0;
  for (int i = 0; i < n; ++i) {
    const PartialShape &indices = c.input(i), &data = c.input(n + i);
    if (!indices.known_rank() || !data.known_rank()) {
      rows = kUnknownDim;
      continue;
    }
    if (data.rank() < indices.rank()) {
      return absl::InvalidArgumentError(
          "data[" + std::to_string(i) + "].shape = " + data.ToString() +
          " does not start with indices[" + std::to_string(i) + "].shape = " + indices.ToString());
    }
    const size_t split = static_cast<size_t>(indices.rank());
    WEFT_RETURN_IF_ERROR(c.Merge(indices, PartialShape(data.dims().subspan(0, split))).status());
    WEFT_ASSIGN_OR_RETURN(row, c.Merge(row, PartialShape(data.dims().subspan(split))));
    const Array* known = c.input_constant(i);
    if (!known)
      rows = kUnknownDim;
    else if (rows >= 0) {
      for (int64_t k = 0; k < known->num_elements(); ++k)
        rows = std::max(rows, known->AsInt64(k) + 1);
    }
  }
  c.set_output(0, PartialShape::Vector(rows).Concatenate(row));
  return absl::OkStatus();
}

void StitchGradient(GradientContext& g) {
  const int n = g.num_inputs() / 2;
  for (int i = 0; i < n; ++i)
    g.SetDx(n + i, g.Op("GatherV2", {g.dy(0), g.input(i), g.ConstInt(0, "GatherV2/axis")}));
}

}  // namespace

void RegisterDataFlowOps(OpRegistry& ops) {
  for (const char* name : {"DynamicStitch", "ParallelDynamicStitch"}) {
    ops.Add(name)
        .Summary(
            "merged[indices[m][i, ...], ...] = data[m][i, ..., ...]; of equal indices the last one "
            "counts.")
        .Input("indices: N * int32")
        .Input("data: N * T")
        .Output("merged: T")
        .Attr("N: int >= 1")
        .Attr("T: type")
        .Shape(StitchShape)
        .Gradient(StitchGradient);
  }
}

}  // namespace weft
