// SPDX-License-Identifier: Apache-2.0
// The arithmetic of diagonals of matrices packed into rows (MatrixDiag, MatrixDiagPart,
// MatrixSetDiag): which elements a diagonal has and where they lie in its row. Shape functions and
// kernels share it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/core/strings.h"

namespace weft {

// On which side of its row a diagonal shorter than the longest one lies: those above the main one,
// and those below.
struct DiagAlign {
  bool super_left = true;
  bool sub_left = true;
};

// "RIGHT_LEFT": above to the right, below to the left.
inline absl::StatusOr<DiagAlign> ParseDiagAlign(std::string_view text) {
  if (text == "LEFT_RIGHT") return DiagAlign{true, false};
  if (text == "RIGHT_LEFT") return DiagAlign{false, true};
  if (text == "LEFT_LEFT") return DiagAlign{true, true};
  if (text == "RIGHT_RIGHT") return DiagAlign{false, false};
  return absl::InvalidArgumentError(
      StrCat("align must be LEFT_RIGHT, RIGHT_LEFT, LEFT_LEFT or RIGHT_RIGHT, not '", text, "'"));
}

// Diagonals lower..upper (0: the main one, > 0 above it) of a rows x cols matrix.
struct DiagBand {
  int64_t lower = 0;
  int64_t upper = 0;
  int64_t rows = 0;
  int64_t cols = 0;

  int64_t count() const { return upper - lower + 1; }
  int64_t Length(int64_t d) const {
    return std::min(rows + std::min<int64_t>(d, 0), cols - std::max<int64_t>(d, 0));
  }
  int64_t MaxLength() const {
    return std::min(rows + std::min<int64_t>(upper, 0), cols - std::max<int64_t>(lower, 0));
  }
  // Where diagonal d begins in its row of MaxLength() elements.
  int64_t Offset(int64_t d, const DiagAlign& align) const {
    const bool left = (d >= 0 && align.super_left) || (d <= 0 && align.sub_left);
    return left ? 0 : MaxLength() - Length(d);
  }
};

// lower <= upper, and both inside the matrix.
inline absl::Status CheckBand(const DiagBand& b) {
  const auto inside = [&](int64_t d) { return (-b.rows < d && d < b.cols) || d == 0; };
  const auto outside = [&](const char* name, int64_t d) {
    return absl::InvalidArgumentError(
        StrCat(name, " is out of bound: ", d, ". It must be between ", -b.rows, " and ", b.cols));
  };
  if (!inside(b.lower)) return outside("lower_diag_index", b.lower);
  if (!inside(b.upper)) return outside("upper_diag_index", b.upper);
  if (b.lower > b.upper) {
    return absl::InvalidArgumentError(StrCat(
        "lower_diag_index must not be larger than upper_diag_index: ", b.lower, " > ", b.upper));
  }
  return absl::OkStatus();
}

// The sizes of the smallest matrix with diagonals lower..upper whose longest one has max_length
// elements, where rows and cols may be given or -1. Fills in what is -1.
inline absl::Status CompleteMatrixSize(int64_t lower, int64_t upper, int64_t max_length,
                                       int64_t* rows, int64_t* cols) {
  const int64_t least_rows = max_length - std::min<int64_t>(upper, 0);
  const int64_t least_cols = max_length + std::max<int64_t>(lower, 0);
  if (*rows == -1 && *cols == -1) {
    *rows = *cols = std::max(least_rows, least_cols);
    return absl::OkStatus();
  }
  if (*rows == -1) *rows = least_rows;
  if (*cols == -1) *cols = least_cols;
  if (*rows < least_rows) {
    return absl::InvalidArgumentError(
        StrCat("The number of rows is too small: ", *rows, ", the diagonals need ", least_rows));
  }
  if (*cols < least_cols) {
    return absl::InvalidArgumentError(
        StrCat("The number of columns is too small: ", *cols, ", the diagonals need ", least_cols));
  }
  if (*rows != least_rows && *cols != least_cols) {
    return absl::InvalidArgumentError(
        StrCat("The number of rows or columns is not consistent with the specified d_lower, "
               "d_upper, and diagonal: ",
               *rows, " x ", *cols, ", the diagonals fill ", least_rows, " x ", least_cols));
  }
  return absl::OkStatus();
}

}  // namespace weft
