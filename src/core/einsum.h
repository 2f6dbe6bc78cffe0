// SPDX-License-Identifier: Apache-2.0
// The equations of Einsum: "ij,jk->ik", "...ij,...jk->...ik".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "weft/core/shape.h"

namespace weft {

// Stands for "..." in a parsed subscript; no label, as no single '.' is allowed in an equation.
inline constexpr char kEllipsis = '.';

// A parsed equation: one subscript for each operand and one for the result. A subscript is a text
// of one character a dimension, with at most one kEllipsis for any number of dimensions. A label
// that an operand repeats is its diagonal, one that the result repeats spreads on the diagonal; a
// label that the result lacks is summed over.
struct EinsumEquation {
  std::vector<std::string> inputs;
  std::string output;

  // InvalidArgument unless there are one or two operands, exactly one "->", at most one "..." in a
  // subscript and no new label in the result.
  static absl::StatusOr<EinsumEquation> Parse(std::string_view equation);
};

// A parsed subscript as an equation writes it: "ab...c".
std::string WrittenSubscript(std::string_view subscript);

// How many dimensions the "..." of `subscript` stands for in an operand of this rank;
// InvalidArgument if the rank doesn't fit.
absl::StatusOr<int> EllipsisRank(std::string_view subscript, int rank);

// The static shape of the result. Unknown operand shapes are allowed.
absl::StatusOr<PartialShape> EinsumShape(const EinsumEquation& equation,
                                         const std::vector<PartialShape>& inputs);

}  // namespace weft
