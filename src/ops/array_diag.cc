// SPDX-License-Identifier: Apache-2.0
// Ops of diagonals: Diag, DiagPart, MatrixDiag*, MatrixDiagPart*, MatrixSetDiag*, MatrixBandPart.
// kernels: kernels/cpu/array_diag.cc   test: tests/ops/array_diag_test.cc
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "src/core/matrix_diag.h"
#include "src/core/strings.h"
#include "src/ops/array_nodes.h"
#include "weft/core/complex.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

absl::Status DiagShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape in, c.WithRankAtLeast(c.input(0), 1));
  if (in.known_rank()) c.set_output(0, in.Concatenate(in));
  return absl::OkStatus();
}

absl::Status DiagPartShape(ShapeContext& c) {
  const PartialShape& in = c.input(0);
  if (!in.known_rank()) return absl::OkStatus();
  if (in.rank() == 0 || in.rank() % 2 != 0) {
    return absl::InvalidArgumentError(
        StrCat("Input must have even and non-zero rank, input rank is ", in.rank()));
  }
  PartialShape out = PartialShape::Scalar();
  for (int i = 0; i < in.rank() / 2; ++i) {
    WEFT_ASSIGN_OR_RETURN(const int64_t size, c.MergeDim(in.dim(i), in.dim(i + in.rank() / 2)));
    out.AddDim(size);
  }
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

// The diagonals that input k names, in a matrix of rows x cols (-1: unknown); nullopt if k is not
// constant.
absl::StatusOr<std::optional<DiagBand>> ConstantBand(ShapeContext& c, int input, int64_t rows,
                                                     int64_t cols) {
  WEFT_RETURN_IF_ERROR(c.WithRankAtMost(c.input(input), 1).status());
  const Array* k = c.input_constant(input);
  if (k == nullptr) return std::nullopt;
  const int64_t n = k->num_elements();
  if (n < 1 || n > 2) {
    return absl::InvalidArgumentError(
        StrCat("diag_index must have only one or two elements, received ", n, " elements."));
  }
  const DiagBand band = {
      .lower = k->AsInt64(0), .upper = k->AsInt64(n - 1), .rows = rows, .cols = cols};
  if (band.lower > band.upper) {
    return absl::InvalidArgumentError(
        StrCat("lower_diag_index must not be larger than upper_diag_index: ", band.lower, " > ",
               band.upper));
  }
  return band;
}

PartialShape BatchOf(const PartialShape& s, int trailing) {
  return PartialShape(s.dims().first(static_cast<size_t>(s.rank() - trailing)));
}

absl::Status MatrixDiagShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape out, c.WithRankAtLeast(c.input(0), 1));
  if (!out.known_rank()) return absl::OkStatus();
  out.AddDim(out.dim(-1));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

// The value of a scalar input; nullopt if it is not constant.
std::optional<int64_t> ConstantInt(ShapeContext& c, int input) {
  const Array* value = c.input_constant(input);
  if (value == nullptr || value->num_elements() != 1) return std::nullopt;
  return value->AsInt64();
}

absl::Status MatrixDiagV2Shape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape in, c.WithRankAtLeast(c.input(0), 1));
  for (int i = 2; i < 5; ++i) WEFT_RETURN_IF_ERROR(c.InputWithRank(i, 0).status());
  WEFT_ASSIGN_OR_RETURN(const std::optional<DiagBand> band, ConstantBand(c, 1, -1, -1));
  if (!in.known_rank() || !band) return absl::OkStatus();
  int trailing = 1;
  if (band->count() > 1) {
    WEFT_RETURN_IF_ERROR(c.WithRankAtLeast(in, 2).status());
    if (in.dim(-2) >= 0 && in.dim(-2) != band->count()) {
      return absl::InvalidArgumentError(
          StrCat("The number of rows of `diagonal` doesn't match the number of diagonals implied "
                 "from `d_lower` and `d_upper`: ",
                 in.dim(-2), " rows, d_lower = ", band->lower, ", d_upper = ", band->upper));
    }
    trailing = 2;
  }
  const std::optional<int64_t> rows_given = ConstantInt(c, 2), cols_given = ConstantInt(c, 3);
  int64_t rows = rows_given.value_or(-1), cols = cols_given.value_or(-1);
  if (in.dim(-1) >= 0 && rows_given && cols_given) {
    WEFT_RETURN_IF_ERROR(CompleteMatrixSize(band->lower, band->upper, in.dim(-1), &rows, &cols));
  }
  PartialShape out = BatchOf(in, trailing);
  out.AddDim(std::max<int64_t>(rows, -1));
  out.AddDim(std::max<int64_t>(cols, -1));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

absl::Status MatrixDiagPartShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape in, c.WithRankAtLeast(c.input(0), 2));
  if (!in.known_rank()) return absl::OkStatus();
  PartialShape out = BatchOf(in, 2);
  const int64_t rows = in.dim(-2), cols = in.dim(-1);
  out.AddDim(rows == 0 || cols == 0 ? 0
             : rows < 0 || cols < 0 ? kUnknownDim
                                    : std::min(rows, cols));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

// The shape of the packed diagonals of a matrix.
absl::StatusOr<PartialShape> PackedShape(const PartialShape& matrix, const DiagBand& band) {
  PartialShape out = BatchOf(matrix, 2);
  if (band.count() > 1) out.AddDim(band.count());
  if (band.rows >= 0 && band.cols >= 0) {
    WEFT_RETURN_IF_ERROR(CheckBand(band));
    out.AddDim(band.MaxLength());
  } else {
    out.AddDim(kUnknownDim);
  }
  return out;
}

absl::Status MatrixDiagPartV2Shape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape in, c.WithRankAtLeast(c.input(0), 2));
  WEFT_RETURN_IF_ERROR(c.InputWithRank(2, 0).status());
  WEFT_ASSIGN_OR_RETURN(const std::optional<DiagBand> band,
                        ConstantBand(c, 1, in.dim(-2), in.dim(-1)));
  if (!in.known_rank() || !band) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(PartialShape out, PackedShape(in, *band));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

// For all versions of MatrixSetDiag: the shape of the matrices, of which the diagonals may tell
// more.
absl::Status MatrixSetDiagShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape in, c.WithRankAtLeast(c.input(0), 2));
  WEFT_ASSIGN_OR_RETURN(const PartialShape diagonal, c.WithRankAtLeast(c.input(1), 1));
  std::optional<DiagBand> band = DiagBand{.rows = in.dim(-2), .cols = in.dim(-1)};
  if (c.num_inputs() > 2) {
    WEFT_ASSIGN_OR_RETURN(band, ConstantBand(c, 2, in.dim(-2), in.dim(-1)));
  }
  if (in.known_rank() && band) {
    WEFT_ASSIGN_OR_RETURN(const PartialShape packed, PackedShape(in, *band));
    WEFT_RETURN_IF_ERROR(c.Merge(packed, diagonal).status());
  }
  if (diagonal.known_rank() && band) {
    const int trailing = band->count() > 1 ? 2 : 1;
    WEFT_RETURN_IF_ERROR(c.WithRankAtLeast(diagonal, trailing).status());
    WEFT_ASSIGN_OR_RETURN(
        in, c.Merge(in, BatchOf(diagonal, trailing).Concatenate(PartialShape::UnknownOfRank(2))));
  }
  c.set_output(0, std::move(in));
  return absl::OkStatus();
}

Tensor Zero(NodeAdder& g, Tensor like, std::string_view name) { return g.ConstLike(0, like, name); }

// Version 3 does all that the others do: version 1 is k = 0, version 2 aligns to the left.
Tensor PartOf(GradientContext& g, Tensor matrix, Tensor k, const AttrValue& align) {
  return g.Op("MatrixDiagPartV3", {matrix, k, Zero(g, matrix, "diag_part/padding_value")},
              {{"align", align}}, "diag_part");
}
Tensor MatrixOfDiagonals(GradientContext& g, Tensor diagonal, Tensor k, int64_t rows, int64_t cols,
                         const AttrValue& align) {
  return g.Op("MatrixDiagV3",
              {diagonal, k, g.ConstInt(static_cast<int32_t>(rows), "diag/num_rows"),
               g.ConstInt(static_cast<int32_t>(cols), "diag/num_cols"),
               Zero(g, diagonal, "diag/padding_value")},
              {{"align", align}}, "diag");
}
Tensor WithDiagonal(GradientContext& g, Tensor matrix, Tensor diagonal, Tensor k,
                    const AttrValue& align) {
  return g.Op("MatrixSetDiagV3", {matrix, diagonal, k}, {{"align", align}}, "set_diag");
}

// Input k of the forward op, or the main diagonal.
Tensor Band(GradientContext& g, int input) {
  return g.num_inputs() > input ? g.input(input) : g.ConstInt(0, "k");
}
AttrValue Align(GradientContext& g) {
  return g.op().has_attr("align") ? g.attr("align") : AttrValue("LEFT_LEFT");
}

void MatrixDiagGradient(GradientContext& g) {
  g.SetDx(0, PartOf(g, g.dy(0), Band(g, 1), Align(g)));
}

void MatrixDiagPartGradient(GradientContext& g) {
  const Tensor x = g.input(0), k = Band(g, 1);
  const PartialShape& s = x.shape();
  if (s.dim(-2) >= 0 && s.dim(-1) >= 0) {
    g.SetDx(0, MatrixOfDiagonals(g, g.dy(0), k, s.dim(-2), s.dim(-1), Align(g)));
  } else {
    g.SetDx(0, WithDiagonal(g, g.ZerosLike(x), g.dy(0), k, Align(g)));
  }
}

void MatrixSetDiagGradient(GradientContext& g) {
  const Tensor dy = g.dy(0), k = Band(g, 2);
  const Tensor d_diagonal = PartOf(g, dy, k, Align(g));
  g.SetDx(0, WithDiagonal(g, dy, g.ZerosLike(d_diagonal), k, Align(g)));
  g.SetDx(1, d_diagonal);
}

void MatrixBandPartGradient(GradientContext& g) {
  g.SetDx(0, g.Op("MatrixBandPart", {g.dy(0), g.input(1), g.input(2)}));
}

OpDefBuilder&& AlignAttr(OpDefBuilder&& op) {
  return std::move(op).Attr(
      "align: {'LEFT_RIGHT', 'RIGHT_LEFT', 'LEFT_LEFT', 'RIGHT_RIGHT'} = 'RIGHT_LEFT'");
}

// Inputs of versions 1; 2 and 3.
OpDefBuilder&& MakesMatrix(OpDefBuilder&& op) {
  return std::move(op)
      .Input("diagonal: T")
      .Output("output: T")
      .Attr("T: type")
      .Shape(MatrixDiagShape);
}
OpDefBuilder&& MakesBandedMatrix(OpDefBuilder&& op) {
  return std::move(op)
      .Input("diagonal: T")
      .Input("k: int32")
      .Input("num_rows: int32")
      .Input("num_cols: int32")
      .Input("padding_value: T")
      .Output("output: T")
      .Attr("T: type")
      .Shape(MatrixDiagV2Shape);
}
OpDefBuilder&& TakesDiagonal(OpDefBuilder&& op) {
  return std::move(op)
      .Input("input: T")
      .Output("diagonal: T")
      .Attr("T: type")
      .Shape(MatrixDiagPartShape);
}
OpDefBuilder&& TakesBand(OpDefBuilder&& op) {
  return std::move(op)
      .Input("input: T")
      .Input("k: int32")
      .Input("padding_value: T")
      .Output("diagonal: T")
      .Attr("T: type")
      .Shape(MatrixDiagPartV2Shape);
}
OpDefBuilder&& SetsDiagonal(OpDefBuilder&& op) {
  return std::move(op)
      .Input("input: T")
      .Input("diagonal: T")
      .Output("output: T")
      .Attr("T: type")
      .Shape(MatrixSetDiagShape);
}
OpDefBuilder&& SetsBand(OpDefBuilder&& op) {
  return std::move(op)
      .Input("input: T")
      .Input("diagonal: T")
      .Input("k: int32")
      .Output("output: T")
      .Attr("T: type")
      .Shape(MatrixSetDiagShape);
}

constexpr const char* kDiagTypes =
    "T: {bfloat16, half, float, double, int32, int64, complex64, complex128}";

void RegisterMatrixDiagOps(OpRegistry& ops) {
  ops.Add("MatrixDiag")
      .Summary("Square matrices with the given main diagonals, zero elsewhere.")
      .Apply(MakesMatrix)
      .Gradient(MatrixDiagGradient);
  ops.Add("MatrixDiagV2")
      .Summary(
          "Matrices with the given diagonals k, aligned to the left of their rows, padding_value "
          "elsewhere.")
      .Apply(MakesBandedMatrix)
      .Gradient(MatrixDiagGradient);
  ops.Add("MatrixDiagV3")
      .Summary("Matrices with the given diagonals k, padding_value elsewhere.")
      .Apply(MakesBandedMatrix)
      .Apply(AlignAttr)
      .Gradient(MatrixDiagGradient);
  ops.Add("MatrixDiagPart")
      .Summary("The main diagonals of matrices.")
      .Apply(TakesDiagonal)
      .Gradient(MatrixDiagPartGradient);
  ops.Add("MatrixDiagPartV2")
      .Summary("Diagonals k of matrices, aligned to the left of their rows.")
      .Apply(TakesBand)
      .Gradient(MatrixDiagPartGradient);
  ops.Add("MatrixDiagPartV3")
      .Summary("Diagonals k of matrices.")
      .Apply(TakesBand)
      .Apply(AlignAttr)
      .Gradient(MatrixDiagPartGradient);
  ops.Add("MatrixSetDiag")
      .Summary("Matrices with their main diagonals replaced.")
      .Apply(SetsDiagonal)
      .Gradient(MatrixSetDiagGradient);
  ops.Add("MatrixSetDiagV2")
      .Summary("Matrices with diagonals k replaced by rows aligned to the left.")
      .Apply(SetsBand)
      .Gradient(MatrixSetDiagGradient);
  ops.Add("MatrixSetDiagV3")
      .Summary("Matrices with diagonals k replaced.")
      .Apply(SetsBand)
      .Apply(AlignAttr)
      .Gradient(MatrixSetDiagGradient);
  ops.Add("MatrixBandPart")
      .Summary(
          "Matrices with all zeroed but num_lower diagonals below the main one and num_upper above "
          "it; a negative number keeps all.")
      .Input("input: T")
      .Input("num_lower: Tindex")
      .Input("num_upper: Tindex")
      .Output("band: T")
      .Attr("T: type")
      .Attr("Tindex: {int32, int64} = DT_INT64")
      .Shape(shape::SameAsInput)
      .Gradient(MatrixBandPartGradient);
}

}  // namespace

void RegisterArrayDiagOps(OpRegistry& ops) {
  ops.Add("Diag")
      .Summary("Zeros but for out[i, i] = diagonal[i], over all indices i of the input.")
      .Input("diagonal: T")
      .Output("output: T")
      .Attr(kDiagTypes)
      .Shape(DiagShape)
      .Gradient([](GradientContext& g) { g.SetDx(0, g.Op("DiagPart", {g.dy(0)})); });
  ops.Add("DiagPart")
      .Summary(
          "diagonal[i] = input[i, i], over all indices i of the first half of the input's "
          "dimensions.")
      .Input("input: T")
      .Output("diagonal: T")
      .Attr(kDiagTypes)
      .Shape(DiagPartShape)
      .Gradient([](GradientContext& g) { g.SetDx(0, g.Op("Diag", {g.dy(0)})); });
  RegisterMatrixDiagOps(ops);
  constexpr int kSince = 14;
  ops.Add("BatchMatrixDiag")
      .Summary("MatrixDiag under its old name.")
      .Apply(MakesMatrix)
      .Deprecated(kSince, "Use MatrixDiag");
  ops.Add("BatchMatrixDiagPart")
      .Summary("MatrixDiagPart under its old name.")
      .Apply(TakesDiagonal)
      .Deprecated(kSince, "Use MatrixDiagPart");
  ops.Add("BatchMatrixSetDiag")
      .Summary("MatrixSetDiag under its old name.")
      .Apply(SetsDiagonal)
      .Deprecated(kSince, "Use MatrixSetDiag");
  ops.Add("BatchMatrixBandPart")
      .Summary("MatrixBandPart under its old name.")
      .Input("input: T")
      .Input("num_lower: int64")
      .Input("num_upper: int64")
      .Output("band: T")
      .Attr("T: type")
      .Deprecated(kSince, "Use MatrixBandPart")
      .Shape(shape::SameAsInput);
}

}  // namespace weft
