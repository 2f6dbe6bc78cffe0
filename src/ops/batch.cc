// SPDX-License-Identifier: Apache-2.0
// Batches across runs, for servers: the requests of many clients go through a net as one.
// kernels: kernels/cpu/batch.cc   test: tests/ops/batch_test.cc
//
// They are stateful here, as they are not in TensorFlow's registry, because what a run gets depends
// on others.
#include <string>
#include <utility>

#include "src/core/strings.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

// Input `i` with an unknown number of rows.
absl::StatusOr<PartialShape> SomeRowsOf(ShapeContext& c, int i) {
  WEFT_ASSIGN_OR_RETURN(PartialShape s, c.WithRankAtLeast(c.input(i), 1));
  if (s.known_rank()) s.set_dim(0, kUnknownDim);
  return s;
}

absl::Status BatchShape(ShapeContext& c) {
  for (int i = 0; i < c.num_inputs(); ++i) {
    WEFT_ASSIGN_OR_RETURN(PartialShape s, SomeRowsOf(c, i));
    c.set_output(i, std::move(s));
  }
  c.set_output(c.num_inputs(), PartialShape::Matrix(kUnknownDim, 3));
  c.set_output(c.num_inputs() + 1, PartialShape::Scalar());
  return absl::OkStatus();
}

absl::Status RowsShape(ShapeContext& c, int like) {
  WEFT_ASSIGN_OR_RETURN(PartialShape s, SomeRowsOf(c, like));
  c.set_output(0, std::move(s));
  return absl::OkStatus();
}

void BatchGradient(GradientContext& g) {
  const int n = g.num_inputs();
  for (int i = 0; i < n; ++i) {
    g.SetDx(i, g.Op("Unbatch", {g.dy(i), g.output(n), g.output(n + 1)},
                    {{"timeout_micros", g.attr("grad_timeout_micros")},
                     {"shared_name", StrCat("batch_gradient_", g.op().name(), "_", i)}}));
  }
}
void UnbatchGradient(GradientContext& g) {
  g.SetDx(0, g.Op("UnbatchGrad", {g.input(0), g.input(1), g.dy(0), g.input(2)},
                  {{"shared_name", StrCat("unbatch_gradient_", g.op().name())}}));
}

OpDefBuilder&& OfSharedBatch(OpDefBuilder&& op) {
  return std::move(op).Attr("container: string = ''").Attr("shared_name: string = ''").Stateful();
}

}  // namespace

void RegisterBatchOps(OpRegistry& ops) {
  ops.Add("Batch")
      .Summary("The rows of several runs as one tensor, in one of the runs.")
      .Input("in_tensors: T")
      .Output("batched_tensors: T")
      .Output("batch_index: int64")
      .Output("id: int64")
      .Attr("num_batch_threads: int")
      .Attr("max_batch_size: int")
      .Attr("max_enqueued_batches: int = 10")
      .Attr("batch_timeout_micros: int")
      .Attr("allowed_batch_sizes: list(int) = []")
      .Attr("grad_timeout_micros: int")
      .Apply(OfSharedBatch)
      .Attr("batching_queue: string = ''")
      .Attr("T: list(type)")
      .Shape(BatchShape)
      .Gradient(BatchGradient);
  ops.Add("Unbatch")
      .Summary("A run's rows of what was computed of a batch; waits for them.")
      .Input("batched_tensor: T")
      .Input("batch_index: int64")
      .Input("id: int64")
      .Output("unbatched_tensor: T")
      .Attr("timeout_micros: int")
      .Apply(OfSharedBatch)
      .Attr("T: type")
      .Shape([](ShapeContext& c) { return RowsShape(c, 0); })
      .Gradient(UnbatchGradient);
  ops.Add("UnbatchGrad")
      .Summary("The gradients of all runs' rows as one, in the run that had the batch.")
      .Input("original_input: T")
      .Input("batch_index: int64")
      .Input("grad: T")
      .Input("id: int64")
      .Output("batched_grad: T")
      .Apply(OfSharedBatch)
      .Attr("T: type")
      .Shape([](ShapeContext& c) { return RowsShape(c, 2); });
}

}  // namespace weft
