// SPDX-License-Identifier: Apache-2.0
// Segment reductions of rows that are gathered on the way: the core of embedding look-ups.
// kernels: kernels/cpu/segment_sparse.cc   test: tests/ops/segment_test.cc
#include <string>

#include "src/core/strings.h"
#include "src/ops/array_nodes.h"
#include "src/ops/segment.h"

namespace weft {
namespace {

// indices and segment_ids are vectors of one length.
absl::Status CheckIds(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape indices, c.InputWithRank(1, 1));
  WEFT_ASSIGN_OR_RETURN(const PartialShape ids, c.InputWithRank(2, 1));
  return c.Merge(indices, ids).status();
}

// data's shape with another first dimension.
absl::Status RowsShape(ShapeContext& c, int64_t rows) {
  WEFT_ASSIGN_OR_RETURN(PartialShape out, c.WithRankAtLeast(c.input(0), 1));
  WEFT_RETURN_IF_ERROR(CheckIds(c));
  if (!out.known_rank()) return absl::OkStatus();
  out.set_dim(0, rows);
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

absl::Status ForwardShape(ShapeContext& c) { return RowsShape(c, kUnknownDim); }

// The number of rows is scalar input 3.
absl::Status CountedShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(3, 0).status());
  int64_t rows = kUnknownDim;
  if (const Array* value = c.input_constant(3)) {
    rows = value->AsInt64();
    if (rows < 0) {
      return absl::InvalidArgumentError(
          StrCat("Cannot specify a negative value for num_segments: ", rows));
    }
  }
  return RowsShape(c, rows);
}

// Rows of those indices that occur, and these.
absl::Status UniqueRowsShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(3, 0).status());
  WEFT_RETURN_IF_ERROR(RowsShape(c, kUnknownDim));
  c.set_output(1, PartialShape::Vector(kUnknownDim));
  return absl::OkStatus();
}

// `what`: "Sum", "Mean" or "SqrtN".
void SparseGradient(GradientContext& g, const std::string& what) {
  const Tensor data = g.input(0), indices = g.input(1), ids = g.input(2);
  const Tensor shape = g.Shape(data);
  const Tensor rows = ElementOfVector(g, shape, 0);
  const std::string op = "SparseSegment" + what + "Grad";
  const std::vector<Tensor> inputs = {g.dy(0), indices, ids, rows};
  if (g.op().has_attr("sparse_gradient") && g.Attr<bool>("sparse_gradient")) {
    const std::vector<Tensor> out = g.Ops(op + "V2", inputs);
    if (g.ok()) g.SetDx(0, IndexedSlices{out[0], out[1], shape});
    return;
  }
  g.SetDx(0, g.Op(op, inputs));
}

OpDefBuilder&& IdTypes(OpDefBuilder&& op, bool counted) {
  OpDefBuilder&& with_indices = std::move(op).Attr("Tidx: {int32, int64} = DT_INT32");
  if (counted) std::move(with_indices).Attr("Tnumsegments: {int32, int64} = DT_INT32");
  return std::move(with_indices).Attr("Tsegmentids: {int32, int64} = DT_INT32");
}
OpDefBuilder&& Ids(OpDefBuilder&& op) {
  return std::move(op).Input("indices: Tidx").Input("segment_ids: Tsegmentids");
}

void RegisterForward(OpRegistry& ops, const std::string& what, const std::string& summary,
                     const char* types) {
  const GradientFn gradient = [what](GradientContext& g) { SparseGradient(g, what); };
  ops.Add("SparseSegment" + what)
      .Summary(summary)
      .Input("data: T")
      .Apply(Ids)
      .Output("output: T")
      .Attr(types)
      .Apply([](OpDefBuilder&& op) -> OpDefBuilder&& { return IdTypes(std::move(op), false); })
      .Attr("sparse_gradient: bool = false")
      .Shape(ForwardShape)
      .Gradient(gradient);
  ops.Add("SparseSegment" + what + "WithNumSegments")
      .Summary(summary + " Segments without a row are 0.")
      .Input("data: T")
      .Apply(Ids)
      .Input("num_segments: Tnumsegments")
      .Output("output: T")
      .Attr(types)
      .Apply([](OpDefBuilder&& op) -> OpDefBuilder&& { return IdTypes(std::move(op), true); })
      .Attr("sparse_gradient: bool = false")
      .Shape(CountedShape)
      .Gradient(gradient);
}

void RegisterBackward(OpRegistry& ops, const std::string& what) {
  const auto id_types = [](OpDefBuilder&& op) -> OpDefBuilder&& {
    return IdTypes(std::move(op), false);
  };
  ops.Add("SparseSegment" + what + "Grad")
      .Summary("The gradient of SparseSegment" + what + " with respect to data.")
      .Input("grad: T")
      .Apply(Ids)
      .Input("output_dim0: int32")
      .Output("output: T")
      .Attr("T: {bfloat16, half, float, double}")
      .Apply(id_types)
      .Shape(CountedShape);
  ops.Add("SparseSegment" + what + "GradV2")
      .Summary("The gradient of SparseSegment" + what +
               " with respect to the rows of data that were gathered, and their sorted numbers.")
      .Input("grad: T")
      .Apply(Ids)
      .Input("dense_output_dim0: int32")
      .Output("output: T")
      .Output("sorted_unique_indices: Tidx")
      .Attr("T: {bfloat16, half, float, double}")
      .Apply(id_types)
      .Shape(UniqueRowsShape);
}

}  // namespace

void RegisterSparseSegmentOps(OpRegistry& ops) {
  const char* kFloating = "T: {bfloat16, half, float, double}";
  RegisterForward(ops, "Sum", "The sum of the rows data[indices] of each segment; ids are sorted.",
                  "T: realnumbertype");
  RegisterForward(ops, "Mean",
                  "The mean of the rows data[indices] of each segment; ids are sorted.", kFloating);
  RegisterForward(ops, "SqrtN",
                  "The sum of the rows data[indices] of each segment, over the square root of "
                  "their number; ids are sorted.",
                  kFloating);
  for (const char* what : {"Sum", "Mean", "SqrtN"}) RegisterBackward(ops, what);
}

}  // namespace weft
