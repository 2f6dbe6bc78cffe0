// SPDX-License-Identifier: Apache-2.0
#include "tests/support/op_case.h"

namespace weft {
namespace {

TEST(Diag, Values) {
  OpCase("Diag").In(F32({1, 2})).Out(F32({{1, 0}, {0, 2}})).RunEverywhere();
  OpCase("Diag").In(I64({{1, 2}})).Out(I64(Shape({1, 2, 1, 2}), {1, 0, 0, 2})).RunEverywhere();
  OpCase("DiagPart").In(F32({{1, 2}, {3, 4}})).Out(F32({1, 4})).RunEverywhere();
  OpCase("DiagPart")
      .In(F32(Shape({1, 2, 1, 2}), {1, 2, 3, 4}))
      .Out(F32(Shape({1, 2}), {1, 4}))
      .RunEverywhere();
  OpCase("Diag").In(F32(1)).ExpectRunError(Code::kInvalidArgument,
                                           "Input must be at least rank 1, got 0");
  OpCase("DiagPart")
      .In(F32({{1, 2, 3}, {4, 5, 6}}))
      .ExpectRunError(Code::kInvalidArgument, "dimensions 0 and 1 do not match");
  OpCase("DiagPart").In(F32({1})).ExpectRunError(Code::kInvalidArgument, "even and positive");
}

TEST(Diag, Shapes) {
  ExpectShape("Diag", {"[2,?]"}, "[2,?,2,?]");
  ExpectShape("DiagPart", {"[2,?,?,3]"}, "[2,3]");
  ExpectShape("DiagPart", {"?"}, "?");
  ExpectBuildError("DiagPart", {"[2,3]"}, "Dimensions must be equal, but are 2 and 3");
  ExpectBuildError("DiagPart", {"[2,3,2]"}, "even and non-zero rank");
}

TEST(MatrixDiag, MainDiagonal) {
  OpCase("MatrixDiag")
      .In(F32({{1, 2}, {3, 4}}))
      .Out(F32(Shape({2, 2, 2}), {1, 0, 0, 2, 3, 0, 0, 4}))
      .RunEverywhere();
  OpCase("MatrixDiagPart")
      .In(F32(Shape({1, 2, 3}), {1, 2, 3, 4, 5, 6}))
      .Out(F32(Shape({1, 2}), {1, 5}))
      .RunEverywhere();
  OpCase("MatrixSetDiag")
      .In(F32({{1, 2, 3}, {4, 5, 6}}))
      .In(F32({7, 8}))
      .Out(F32({{7, 2, 3}, {4, 8, 6}}))
      .RunEverywhere();
}

OpCase DiagV3(Array diagonal, Array k, int rows, int cols) {
  OpCase c("MatrixDiagV3");
  c.In(std::move(diagonal)).In(std::move(k)).In(I32(rows)).In(I32(cols)).In(F32(9));
  return c;
}

TEST(MatrixDiag, OneDiagonal) {
  DiagV3(F32({1, 2}), I32(1), -1, -1).Out(F32({{9, 1, 9}, {9, 9, 2}, {9, 9, 9}})).RunEverywhere();
  DiagV3(F32({1, 2}), I32(-1), 3, -1).Out(F32({{9, 9}, {1, 9}, {9, 2}})).RunEverywhere();
  DiagV3(F32({1, 2}), I32(0), 2, 4).Out(F32({{1, 9, 9, 9}, {9, 2, 9, 9}})).RunEverywhere();
}

// The bands of a 3 x 3 matrix of 1 2 3 / 4 5 6 / 7 8 9 in all alignments.
struct AlignCase {
  const char* align;
  Array packed;
};
std::vector<AlignCase> AlignCases() {
  return {{"RIGHT_LEFT", F32({{0, 2, 6}, {1, 5, 9}, {4, 8, 0}})},
          {"LEFT_RIGHT", F32({{2, 6, 0}, {1, 5, 9}, {0, 4, 8}})},
          {"LEFT_LEFT", F32({{2, 6, 0}, {1, 5, 9}, {4, 8, 0}})},
          {"RIGHT_RIGHT", F32({{0, 2, 6}, {1, 5, 9}, {0, 4, 8}})}};
}

TEST(MatrixDiag, BandsInAllAlignments) {
  const Array matrix = F32({{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}), k = I32({-1, 1});
  for (const AlignCase& c : AlignCases()) {
    SCOPED_TRACE(c.align);
    OpCase("MatrixDiagPartV3")
        .In(matrix)
        .In(k)
        .In(F32(0))
        .Attr("align", c.align)
        .Out(c.packed)
        .RunEverywhere();
    OpCase("MatrixDiagV3")
        .In(c.packed)
        .In(k)
        .In(I32(3))
        .In(I32(3))
        .In(F32(-1))
        .Attr("align", c.align)
        .Out(F32({{1, 2, -1}, {4, 5, 6}, {-1, 8, 9}}))
        .RunEverywhere();
    OpCase("MatrixSetDiagV3")
        .In(F32(Shape({3, 3}), {-1}))
        .In(c.packed)
        .In(k)
        .Attr("align", c.align)
        .Out(F32({{1, 2, -1}, {4, 5, 6}, {-1, 8, 9}}))
        .RunEverywhere();
  }
  OpCase("MatrixDiagPartV2")
      .In(matrix)
      .In(k)
      .In(F32(0))
      .Out(AlignCases()[2].packed)
      .RunEverywhere();
  OpCase("MatrixSetDiagV2")
      .In(F32(Shape({3, 3}), {-1}))
      .In(AlignCases()[2].packed)
      .In(k)
      .Out(F32({{1, 2, -1}, {4, 5, 6}, {-1, 8, 9}}))
      .RunEverywhere();
}

TEST(MatrixDiag, WideMatrices) {
  const Array matrix = F32({{1, 2, 3, 4}, {5, 6, 7, 8}});
  OpCase("MatrixDiagPartV3")
      .In(matrix)
      .In(I32({1, 3}))
      .In(F32(0))
      .Out(F32({{0, 4}, {3, 8}, {2, 7}}))
      .RunEverywhere();
  OpCase("MatrixDiagPartV3")
      .In(matrix)
      .In(I32({-1, 0}))
      .In(F32(0))
      .Out(F32({{1, 6}, {5, 0}}))
      .RunEverywhere();
}

TEST(MatrixDiag, BadInput) {
  const auto error = [](const OpCase& c, const char* text) {
    c.ExpectRunError(Code::kInvalidArgument, text);
  };
  error(DiagV3(F32({1, 2}), I32(1), 1, 1), "The number of rows is too small");
  error(DiagV3(F32({1, 2}), I32(1), 4, 4), "not consistent");
  error(DiagV3(F32({1, 2}), I32({1, 0}), -1, -1),
        "lower_diag_index must not be larger than upper_diag_index: 1 > 0");
  error(DiagV3(F32({1, 2}), I32({0, 1}), -1, -1),
        "number of diagonals provided in the input does not match");
  error(DiagV3(F32({1, 2}), I32({0, 1, 2}), -1, -1),
        "diag_index must have only one or two elements, received 3 elements");
  const Array x = F32({{1, 2, 3}, {4, 5, 6}});
  OpCase("MatrixDiagPartV3")
      .In(x)
      .In(I32(5))
      .In(F32(0))
      .ExpectRunError(Code::kInvalidArgument,
                      "lower_diag_index is out of bound: 5. It must be between -2 and 3");
  OpCase("MatrixSetDiagV3")
      .In(x)
      .In(F32({1}))
      .In(I32(0))
      .ExpectRunError(Code::kInvalidArgument,
                      "Input shape: [2,3] Diagonal shape: [1] Expected diagonal shape: [2]");
  OpCase("MatrixDiagPart")
      .In(F32({1}))
      .ExpectRunError(Code::kInvalidArgument, "input must be at least 2-dim, received shape: [1]");
}

TEST(MatrixDiag, Shapes) {
  ExpectShape("MatrixDiag", {"[?,3]"}, "[?,3,3]");
  ExpectShape("MatrixDiagV3", {"[?,3]", I32(1), I32(-1), I32(-1), "[]"}, "[?,4,4]");
  ExpectShape("MatrixDiagV3", {"[?,2,3]", I32({0, 1}), I32(3), I32(-1), "[]"}, "[?,3,3]");
  ExpectShape("MatrixDiagV3", {"[?,3]", I32(0), "int32[]", I32(5), "[]"}, "[?,?,5]");
  ExpectShape("MatrixDiagV3", {"[?,3]", kInt32, I32(-1), I32(-1), "[]"}, "?");
  ExpectBuildError("MatrixDiagV3", {"[3,3]", I32({0, 1}), I32(-1), I32(-1), "[]"},
                   "doesn't match the number of diagonals");
  ExpectShape("MatrixDiagPart", {"[?,3,5]"}, "[?,3]");
  ExpectShape("MatrixDiagPart", {"[?,3,?]"}, "[?,?]");
  ExpectShape("MatrixDiagPartV3", {"[?,3,5]", I32({1, 2}), "[]"}, "[?,2,3]");
  ExpectShape("MatrixDiagPartV3", {"[?,3,?]", I32({1, 2}), "[]"}, "[?,2,?]");
  ExpectShape("MatrixDiagPartV3", {"[?,3,5]", kInt32, "[]"}, "?");
  ExpectBuildError("MatrixDiagPartV3", {"[3,5]", I32(-3), "[]"},
                   "lower_diag_index is out of bound: -3");
  ExpectShape("MatrixSetDiagV3", {"[?,3,5]", "[4,3]", I32(0)}, "[4,3,5]");
  ExpectShape("MatrixSetDiagV3", {"?", "[4,3]", I32(0)}, "[4,?,?]");
  ExpectShape("MatrixSetDiagV3", {"[?,3,5]", "?", kInt32}, "[?,3,5]");
  ExpectBuildError("MatrixSetDiag", {"[3,5]", "[4]"},
                   "Dimension 0 in both shapes must be equal, but are 3 and 4");
}

TEST(MatrixBandPart, Values) {
  const Array x = F32({{1, 2, 3}, {4, 5, 6}, {7, 8, 9}});
  const auto band = [&](Array lower, Array upper) {
    OpCase c("MatrixBandPart");
    return c.In(x).In(lower).In(upper);
  };
  band(I64(0), I64(-1)).Out(F32({{1, 2, 3}, {0, 5, 6}, {0, 0, 9}})).RunEverywhere();
  band(I32(1), I32(0)).Out(F32({{1, 0, 0}, {4, 5, 0}, {0, 8, 9}})).RunEverywhere();
  band(I32(-1), I32(-1)).Out(x).RunEverywhere();
  OpCase("MatrixBandPart")
      .In(Bool(Shape({2, 1, 2}), {true}))
      .In(I64(0))
      .In(I64(0))
      .Out(Bool(Shape({2, 1, 2}), {true, false, true, false}))
      .RunEverywhere();
  band(I32(4), I32(0))
      .ExpectRunError(Code::kInvalidArgument,
                      "num_lower must be negative or less or equal to number of rows (3) got: 4");
  band(I32(0), I32({0}))
      .ExpectRunError(Code::kInvalidArgument, "num_upper must be scalar, got shape [1]");
  ExpectShape("MatrixBandPart", {"[?,3]", "int64[]", "int64[]"}, "[?,3]");
}

}  // namespace
}  // namespace weft
