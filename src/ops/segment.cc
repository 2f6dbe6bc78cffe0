// SPDX-License-Identifier: Apache-2.0
// Reductions of rows that belong together: by sorted ids, by ids in any order, and of gathered
// rows. kernels: kernels/cpu/segment.cc, segment_sparse.cc   test: tests/ops/segment_test.cc
#include <string>

#include "src/core/strings.h"
#include "src/ops/array_nodes.h"
#include "src/ops/segment.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

Tensor Gather(GradientContext& g, Tensor rows, Tensor ids) {
  return g.Op("GatherV2", {rows, ids, g.ConstInt(0, "GatherV2/axis")});
}
Tensor Where(GradientContext& g, Tensor condition, Tensor a, Tensor b) {
  return g.Op("SelectV2", {condition, a, b});
}
Tensor One(GradientContext& g) { return g.ConstInt(1, "one"); }

// Reductions by g.input(1) under the rules that sorted and unsorted ids share.
class Segments {
 public:
  explicit Segments(GradientContext& g)
      : g_(g), ids_(g.input(1)), unsorted_(g.op().type().starts_with("Unsorted")) {}

  // "Sum", "Prod" of rows.
  Tensor Reduce(const std::string& what, Tensor rows) {
    if (unsorted_) return g_.Op("UnsortedSegment" + what, {rows, ids_, g_.input(2)});
    return g_.Op("Segment" + what, {rows, ids_});
  }
  // The row of each element's segment; 0 where an unsorted id is negative: such rows are in none.
  Tensor RowOfSegment(Tensor segments) {
    if (!unsorted_) return Gather(g_, segments, ids_);
    const Tensor rows = Gather(g_, segments, ClippedIds());
    return Where(g_, BelongsTo(rows), rows, g_.ZerosLike(rows));
  }
  // As RowOfSegment; any row where an id is negative.
  Tensor AnyRowOfSegment(Tensor segments) {
    return Gather(g_, segments, unsorted_ ? ClippedIds() : ids_);
  }
  // `chosen` where a row is in a segment at all.
  Tensor InSegment(Tensor chosen, Tensor rows) {
    return unsorted_ ? g_.Op("LogicalAnd", {chosen, BelongsTo(rows)}) : chosen;
  }

 private:
  Tensor ClippedIds() {
    if (!clipped_.valid()) clipped_ = g_.Op("Maximum", {ids_, g_.ZerosLike(ids_)});
    return clipped_;
  }
  // Whether the id is not negative, for each element of `rows`.
  Tensor BelongsTo(Tensor rows) {
    if (belongs_.valid()) return belongs_;
    const Tensor positive = g_.Op("GreaterEqual", {ids_, g_.ConstLike(0, ids_, "zero")});
    const Tensor inner = g_.Sub(g_.Rank(rows), g_.Rank(positive));
    const Tensor ones = g_.Op("Fill", {ExpandDims(g_, inner, 0), One(g_)});
    const Tensor shape = ConcatVectors(g_, {g_.Shape(positive), ones});
    belongs_ = g_.Op("BroadcastTo", {g_.Reshape(positive, shape), g_.Shape(rows)});
    return belongs_;
  }

  GradientContext& g_;
  const Tensor ids_;
  const bool unsorted_;
  Tensor clipped_, belongs_;
};

void SumGradient(GradientContext& g) { g.SetDx(0, Segments(g).RowOfSegment(g.dy(0))); }

void MeanGradient(GradientContext& g) {
  const Tensor ids = g.input(1);
  const Tensor inner = g.Sub(g.Rank(g.input(0)), One(g));
  const Tensor tail = g.Op("Fill", {ExpandDims(g, inner, 0), One(g)});
  const Tensor ones =
      g.Op("Fill", {ConcatVectors(g, {g.Shape(ids), tail}), g.ConstLike(1, g.dy(0), "one")});
  const Tensor counts = g.Op("SegmentSum", {ones, ids});
  g.SetDx(0, Gather(g, g.Div(g.dy(0), counts), ids));
}

// dy goes in equal parts to the rows' elements that are the extremum of their segment.
void SegmentExtremumGradient(GradientContext& g) {
  Segments segments(g);
  const Tensor x = g.input(0);
  const Tensor extrema = segments.RowOfSegment(g.output(0));
  const Tensor chosen = segments.InSegment(g.Op("Equal", {x, extrema}), extrema);
  const Tensor counts = segments.Reduce("Sum", g.Cast(chosen, RemoveRef(g.dy(0).dtype())));
  const Tensor share = segments.RowOfSegment(g.Div(g.dy(0), counts));
  g.SetDx(0, Where(g, chosen, share, g.ZerosLike(share)));
}

// The product of the others. Division by the element will not do where it is 0: of a segment with
// one 0 only that element has a gradient, of one with more none has.
void ProdGradient(GradientContext& g) {
  Segments segments(g);
  const Tensor x = g.input(0);
  const Tensor is_zero = g.Op("Equal", {x, g.ConstLike(0, x, "zero")});
  const Tensor zeros = segments.Reduce("Sum", g.Cast(is_zero, kInt32));
  const Tensor several = g.Op("Greater", {zeros, One(g)});
  const Tensor dy = Where(g, several, g.ZerosLike(g.dy(0)), g.dy(0));
  const Tensor divisor = Where(g, is_zero, g.OnesLike(x), x);
  const Tensor without_zeros = segments.AnyRowOfSegment(segments.Reduce("Prod", divisor));
  const Tensor of_others = g.Div(segments.AnyRowOfSegment(g.output(0)), divisor);
  const Tensor slope = Where(g, is_zero, without_zeros, of_others);
  g.SetDx(0, g.Mul(segments.RowOfSegment(dy), slope));
}

// [segments, inner...] of sorted ids.
absl::Status SortedShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape data, c.WithRankAtLeast(c.input(0), 1));
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 1).status());
  if (!data.known_rank()) return absl::OkStatus();
  PartialShape out = data;
  out.set_dim(0, kUnknownDim);
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

// The number that scalar input i holds.
absl::StatusOr<int64_t> CountOf(ShapeContext& c, int i) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(i, 0).status());
  const Array* value = c.input_constant(i);
  if (value == nullptr) return kUnknownDim;
  const int64_t n = value->AsInt64();
  if (n >= 0) return n;
  return absl::InvalidArgumentError(
      StrCat("Dimension size, given by scalar input ", i, ", must be non-negative but is ", n));
}

// [num_segments, data dimensions beyond those of the ids...].
absl::Status UnsortedShape(ShapeContext& c) {
  const PartialShape &data = c.input(0), &ids = c.input(1);
  WEFT_RETURN_IF_ERROR(c.InputWithRank(2, 0).status());
  if (!data.known_rank() || !ids.known_rank()) return absl::OkStatus();
  if (ids.rank() > data.rank()) {
    return absl::InvalidArgumentError(StrCat("Shape must be at least rank ", ids.rank(),
                                             " but is rank ", data.rank(), ": data has shape ",
                                             data.ToString(), ", segment_ids ", ids.ToString()));
  }
  for (int d = 0; d < ids.rank(); ++d) {
    WEFT_RETURN_IF_ERROR(c.MergeDim(data.dim(d), ids.dim(d)).status());
  }
  WEFT_ASSIGN_OR_RETURN(const int64_t segments, CountOf(c, 2));
  PartialShape out = PartialShape::Vector(segments);
  for (int d = ids.rank(); d < data.rank(); ++d) out.AddDim(data.dim(d));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

absl::Status SortedAndCountedShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape out, c.WithRankAtLeast(c.input(0), 1));
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 1).status());
  WEFT_ASSIGN_OR_RETURN(const int64_t segments, CountOf(c, 2));
  if (!out.known_rank()) return absl::OkStatus();
  out.set_dim(0, segments);
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

OpDefBuilder&& SortedIds(OpDefBuilder&& op) {
  return std::move(op).Input("data: T").Input("segment_ids: Tindices").Output("output: T");
}
OpDefBuilder&& CountedIds(OpDefBuilder&& op) {
  return std::move(op)
      .Input("data: T")
      .Input("segment_ids: Tindices")
      .Input("num_segments: Tnumsegments")
      .Output("output: T");
}

struct Kind {
  const char* name;
  const char* what;
  const char* types;
  GradientFn gradient;
};

void RegisterSorted(OpRegistry& ops, const Kind& kind) {
  ops.Add(std::string("Segment") + kind.name)
      .Summary(std::string(kind.what) + " of the rows of each segment; ids are sorted.")
      .Apply(SortedIds)
      .Attr(kind.types)
      .Attr("Tindices: {int32, int64}")
      .Shape(SortedShape)
      .Gradient(kind.gradient);
}

// Without a gradient rule for sorted ids, as in TensorFlow.
void RegisterSortedAndCounted(OpRegistry& ops, const Kind& kind) {
  ops.Add(StrCat("Segment", kind.name, "V2"))
      .Summary(std::string(kind.what) +
               " of the rows of each of num_segments segments; ids are sorted.")
      .Apply(CountedIds)
      .Attr(kind.types)
      .Attr("Tindices: {int32, int64}")
      .Attr("Tnumsegments: {int32, int64} = DT_INT32")
      .Shape(SortedAndCountedShape);
}

void RegisterUnsorted(OpRegistry& ops, const Kind& kind, const char* ids) {
  ops.Add(StrCat("UnsortedSegment", kind.name))
      .Summary(std::string(kind.what) +
               " of the rows of each segment; rows of negative ids are in none.")
      .Apply(CountedIds)
      .Attr(kind.types)
      .Attr(ids)
      .Attr("Tnumsegments: {int32, int64} = DT_INT32")
      .Shape(UnsortedShape)
      .Gradient(kind.gradient);
}

}  // namespace

void RegisterSegmentOps(OpRegistry& ops) {
  const char* kNumber = "T: numbertype";
  const char* kReal = "T: realnumbertype";
  const char* kIds = "Tindices: {int32, int64}";
  const Kind kinds[] = {
      {"Sum", "The sum", kNumber, SumGradient},
      {"Prod", "The product", kNumber, ProdGradient},
      {"Min", "The least element", kReal, SegmentExtremumGradient},
      {"Max", "The greatest element", kReal, SegmentExtremumGradient},
  };
  for (const Kind& kind : kinds) {
    RegisterSorted(ops, kind);
    RegisterSortedAndCounted(ops, kind);
    const bool sum = std::string_view(kind.name) == "Sum";
    RegisterUnsorted(ops, kind, sum ? "Tindices: {int16, int32, int64}" : kIds);
  }
  RegisterSorted(ops, {"Mean", "The mean", kNumber, MeanGradient});
  RegisterSparseSegmentOps(ops);
  RegisterDynamicStitchOps(ops);
}

}  // namespace weft
