// SPDX-License-Identifier: Apache-2.0
// Ops that reorder elements: Transpose, ConjugateTranspose, InvertPermutation, Reverse, ReverseV2,
// ReverseSequence, Roll. kernels: kernels/cpu/array_transpose.cc   test:
// tests/ops/array_transpose_test.cc
#include <string>
#include <vector>

#include "src/core/strings.h"
#include "src/ops/array_nodes.h"
#include "weft/core/complex.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

absl::Status TransposeShape(ShapeContext& c) {
  PartialShape in = c.input(0);
  const Array* perm = c.input_constant(1);
  const int64_t perm_size = perm != nullptr ? perm->num_elements() : c.input(1).num_elements();
  if (!in.known_rank() && perm_size < 0) return absl::OkStatus();
  const int64_t rank = in.known_rank() ? in.rank() : perm_size;
  // A permutation of one element may also stand for a scalar; either way nothing moves.
  if (!in.known_rank() && rank < 2) {
    c.set_output(0, in);
    return absl::OkStatus();
  }
  if (rank > kMaxRank)
    return absl::InvalidArgumentError(
        StrCat("perm has ", rank, " elements; at most ", kMaxRank, " are possible"));
  WEFT_ASSIGN_OR_RETURN(in, c.WithRank(in, static_cast<int>(rank)));
  WEFT_ASSIGN_OR_RETURN(const PartialShape perm_shape, c.InputWithRank(1, 1));
  WEFT_RETURN_IF_ERROR(c.MergeDim(perm_shape.dim(0), rank).status());
  PartialShape out = PartialShape::UnknownOfRank(static_cast<int>(rank));
  for (int i = 0; perm != nullptr && i < out.rank(); ++i) {
    const int64_t from = perm->AsInt64(i);
    if (from < -rank || from >= rank) {
      return absl::InvalidArgumentError(
          StrCat("perm dim ", from, " is out of range of input rank ", rank));
    }
    out.set_dim(i, in.dim(static_cast<int>(from < 0 ? from + rank : from)));
  }
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

void TransposeGradient(GradientContext& g) {
  g.SetDx(0,
          g.Op("Transpose", {g.dy(0), g.Op("InvertPermutation", {g.input(1)})}, {}, "transpose"));
}
void ConjugateTransposeGradient(GradientContext& g) {
  g.SetDx(0, g.Op("ConjugateTranspose", {g.dy(0), g.Op("InvertPermutation", {g.input(1)})}, {},
                  "transpose"));
}

absl::Status InvertPermutationShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape out, c.InputWithRank(0, 1));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

absl::Status CheckReverseRank(const PartialShape& s) {
  constexpr int kMost = 8;
  if (!s.known_rank() || s.rank() <= kMost) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("reverse does not work on tensors with more than ", kMost, " dimensions"));
}

absl::Status ReverseShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape dims, c.InputWithRank(1, 1));
  if (dims.dim(0) > kMaxRank)
    return absl::InvalidArgumentError(
        StrCat("dims has ", dims.dim(0), " elements; at most ", kMaxRank, " are possible"));
  PartialShape in = c.input(0);
  if (dims.dim(0) >= 0) {
    WEFT_ASSIGN_OR_RETURN(in, c.WithRank(in, static_cast<int>(dims.dim(0))));
  }
  WEFT_RETURN_IF_ERROR(CheckReverseRank(in));
  c.set_output(0, std::move(in));
  return absl::OkStatus();
}

absl::Status ReverseV2Shape(ShapeContext& c) {
  const PartialShape& in = c.input(0);
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 1).status());
  WEFT_RETURN_IF_ERROR(CheckReverseRank(in));
  const Array* axes = c.input_constant(1);
  if (axes != nullptr && in.known_rank()) {
    std::vector<bool> reversed(static_cast<size_t>(in.rank()), false);
    for (int64_t i = 0; i < axes->num_elements(); ++i) {
      const int64_t given = axes->AsInt64(i);
      if (given < -in.rank() || given >= in.rank()) {
        return absl::InvalidArgumentError(
            StrCat("'axis'[", i, "] = ", given, " is out of valid range [0, ", in.rank() - 1, "]"));
      }
      const size_t axis = static_cast<size_t>(given < 0 ? given + in.rank() : given);
      if (reversed[axis])
        return absl::InvalidArgumentError(StrCat("axis ", axis, " specified more than once."));
      reversed[axis] = true;
    }
  }
  c.set_output(0, in);
  return absl::OkStatus();
}

void ReverseGradient(GradientContext& g) { g.SetDx(0, g.Op("Reverse", {g.dy(0), g.input(1)})); }
void ReverseV2Gradient(GradientContext& g) { g.SetDx(0, g.Op("ReverseV2", {g.dy(0), g.input(1)})); }

absl::Status ReverseSequenceShape(ShapeContext& c) {
  PartialShape in = c.input(0);
  WEFT_ASSIGN_OR_RETURN(const PartialShape lengths, c.InputWithRank(1, 1));
  if (!in.known_rank()) return absl::OkStatus();
  const int64_t seq_dim = c.Attr<int64_t>("seq_dim"), batch_dim = c.Attr<int64_t>("batch_dim");
  if (batch_dim >= in.rank())
    return absl::InvalidArgumentError(
        StrCat("batch_dim must be < input rank: ", batch_dim, " vs. ", in.rank()));
  if (seq_dim >= in.rank())
    return absl::InvalidArgumentError(
        StrCat("seq_dim must be < input rank: ", seq_dim, " vs. ", in.rank()));
  if (batch_dim < -in.rank())
    return absl::InvalidArgumentError(
        StrCat("batch_dim must be >= -rank: ", batch_dim, " vs. ", in.rank()));
  const int batch = static_cast<int>(batch_dim);
  WEFT_ASSIGN_OR_RETURN(const int64_t size, c.MergeDim(in.dim(batch), lengths.dim(0)));
  in.set_dim(batch, size);
  c.set_output(0, std::move(in));
  return absl::OkStatus();
}

void ReverseSequenceGradient(GradientContext& g) {
  g.SetDx(0, g.Op("ReverseSequence", {g.dy(0), g.input(1)},
                  {{"seq_dim", g.attr("seq_dim")}, {"batch_dim", g.attr("batch_dim")}}));
}

absl::Status RollShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.WithRankAtLeast(c.input(0), 1).status());
  WEFT_RETURN_IF_ERROR(c.WithRankAtMost(c.input(1), 1).status());
  WEFT_RETURN_IF_ERROR(c.WithRankAtMost(c.input(2), 1).status());
  c.set_output(0, c.input(0));
  return absl::OkStatus();
}

void RollGradient(GradientContext& g) {
  g.SetDx(0, g.Op("Roll", {g.dy(0), g.Neg(g.input(1)), g.input(2)}));
}

OpDefBuilder&& Permuted(OpDefBuilder&& op) {
  return std::move(op)
      .Input("x: T")
      .Input("perm: Tperm")
      .Output("y: T")
      .Attr("T: type")
      .Attr("Tperm: {int32, int64} = DT_INT32")
      .Shape(TransposeShape);
}

}  // namespace

void RegisterArrayTransposeOps(OpRegistry& ops) {
  ops.Add("Transpose")
      .Summary("Dimension perm[i] of x becomes dimension i.")
      .Apply(Permuted)
      .Gradient(TransposeGradient);
  ops.Add("ConjugateTranspose")
      .Summary("The complex conjugate with dimension perm[i] of x as dimension i.")
      .Apply(Permuted)
      .Gradient(ConjugateTransposeGradient);
  ops.Add("InvertPermutation")
      .Summary("y[x[i]] = i.")
      .Input("x: T")
      .Output("y: T")
      .Attr("T: {int32, int64} = DT_INT32")
      .Shape(InvertPermutationShape)
      .NoGradient("a permutation of integers");
  ops.Add("Reverse")
      .Summary("The dimensions whose flag in `dims` is set, back to front.")
      .Input("tensor: T")
      .Input("dims: bool")
      .Output("output: T")
      .Attr(
          "T: {uint8, int8, uint16, int16, uint32, int32, uint64, int64, bool, bfloat16, half, "
          "float, double, complex64, complex128, string}")
      .Shape(ReverseShape)
      .Gradient(ReverseGradient);
  ops.Add("ReverseV2")
      .Summary("The dimensions in `axis`, back to front.")
      .Input("tensor: T")
      .Input("axis: Tidx")
      .Output("output: T")
      .Attr("Tidx: {int32, int64} = DT_INT32")
      .Attr(
          "T: {uint8, int8, uint16, int16, int32, uint32, int64, uint64, bool, bfloat16, half, "
          "float, double, complex64, complex128, string}")
      .Shape(ReverseV2Shape)
      .Gradient(ReverseV2Gradient);
  ops.Add("ReverseSequence")
      .Summary(
          "The first seq_lengths[b] steps along seq_dim of each b along batch_dim, back to front.")
      .Input("input: T")
      .Input("seq_lengths: Tlen")
      .Output("output: T")
      .Attr("seq_dim: int")
      .Attr("batch_dim: int = 0")
      .Attr("T: type")
      .Attr("Tlen: {int32, int64} = DT_INT64")
      .Shape(ReverseSequenceShape)
      .Gradient(ReverseSequenceGradient);
  ops.Add("Roll")
      .Summary(
          "Elements moved `shift` places along `axis`; those that leave come in at the other end.")
      .Input("input: T")
      .Input("shift: Tshift")
      .Input("axis: Taxis")
      .Output("output: T")
      .Attr("T: type")
      .Attr("Tshift: {int32, int64}")
      .Attr("Taxis: {int32, int64}")
      .Shape(RollShape)
      .Gradient(RollGradient);
}

}  // namespace weft
