// SPDX-License-Identifier: Apache-2.0
#include "src/core/einsum.h"

#include <algorithm>
#include <map>

#include "src/core/strings.h"
#include "weft/core/status_macros.h"

namespace weft {
namespace {

std::vector<std::string_view> Split(std::string_view text, std::string_view by) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t at = text.find(by);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + by.size());
  }
}

absl::StatusOr<std::string> ParseSubscript(std::string_view text, std::string_view equation) {
  constexpr std::string_view kDots = "...";
  const auto dots = std::count(text.begin(), text.end(), '.');
  const size_t at = text.find(kDots);
  if (dots != 0 && (dots != 3 || at == std::string_view::npos)) {
    return absl::InvalidArgumentError(StrCat(
        "Einsum equation '", equation, "': expected at most one ellipsis (...), but subscript '",
        text, "' has ", dots, " periods"));
  }
  std::string subscript(text);
  if (at != std::string_view::npos) subscript.replace(at, kDots.size(), 1, kEllipsis);
  return subscript;
}

absl::StatusOr<int64_t> MergeSize(int64_t a, int64_t b, char label) {
  if (a == kUnknownDim) return b;
  if (b == kUnknownDim || a == b) return a;
  return absl::InvalidArgumentError(StrCat("Dimensions must be equal, but are ", a, " and ", b,
                                           " for Einsum label '", label, "'"));
}

// numpy's rule for one dimension of which either size may be unknown.
absl::StatusOr<int64_t> BroadcastSize(int64_t a, int64_t b) {
  if (a == b || b == 1) return a;
  if (a == 1) return b;
  if (a == kUnknownDim) return b;
  if (b == kUnknownDim) return a;
  return absl::InvalidArgumentError(StrCat("Dimensions must be equal, but are ", a, " and ", b,
                                           " where the ellipses of Einsum are broadcast"));
}

// What the ellipses stand for: the broadcast of all operands' parts. Not known if an operand with
// an ellipsis has unknown rank.
class EllipsisShape {
 public:
  absl::Status Add(std::span<const int64_t> dims) {
    if (dims.size() > dims_.size()) dims_.insert(dims_.begin(), dims.size() - dims_.size(), 1);
    for (size_t i = 1; i <= dims.size(); ++i) {
      int64_t& mine = dims_[dims_.size() - i];
      WEFT_ASSIGN_OR_RETURN(mine, BroadcastSize(mine, dims[dims.size() - i]));
    }
    return absl::OkStatus();
  }
  void SetUnknown() { known_ = false; }
  bool known() const { return known_; }
  const std::vector<int64_t>& dims() const { return dims_; }

 private:
  bool known_ = true;
  std::vector<int64_t> dims_;
};

absl::Status AddOperand(std::string_view subscript, const PartialShape& shape,
                        std::map<char, int64_t>* sizes, EllipsisShape* ellipsis) {
  if (!shape.known_rank()) {
    for (char label : subscript) {
      if (label == kEllipsis) {
        ellipsis->SetUnknown();
      } else {
        sizes->try_emplace(label, kUnknownDim);
      }
    }
    return absl::OkStatus();
  }
  WEFT_ASSIGN_OR_RETURN(const int covered, EllipsisRank(subscript, shape.rank()));
  int axis = 0;
  for (char label : subscript) {
    if (label == kEllipsis) {
      WEFT_RETURN_IF_ERROR(ellipsis->Add(shape.dims().subspan(axis, covered)));
      axis += covered;
      continue;
    }
    auto [it, is_new] = sizes->try_emplace(label, shape.dim(axis));
    if (!is_new) {
      WEFT_ASSIGN_OR_RETURN(it->second, MergeSize(it->second, shape.dim(axis), label));
    }
    ++axis;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<EinsumEquation> EinsumEquation::Parse(std::string_view equation) {
  const std::vector<std::string_view> sides = Split(equation, "->");
  if (sides.size() != 2) {
    return absl::InvalidArgumentError(
        StrCat("Expecting exactly one '->' in einsum equation: ", equation));
  }
  EinsumEquation parsed;
  for (std::string_view text : Split(sides[0], ",")) {
    WEFT_ASSIGN_OR_RETURN(std::string subscript, ParseSubscript(text, equation));
    parsed.inputs.push_back(std::move(subscript));
  }
  if (parsed.inputs.size() > 2) {
    return absl::InvalidArgumentError(StrCat("Expecting 1 or 2 input subscripts in equation '",
                                             equation, "' but got: ", parsed.inputs.size()));
  }
  WEFT_ASSIGN_OR_RETURN(parsed.output, ParseSubscript(sides[1], equation));
  for (char label : parsed.output) {
    const auto has_label = [label](const std::string& s) {
      return s.find(label) != std::string::npos;
    };
    if (label != kEllipsis && std::none_of(parsed.inputs.begin(), parsed.inputs.end(), has_label)) {
      return absl::InvalidArgumentError(StrCat("Einsum output subscripts for equation '", equation,
                                               "' has label '", label,
                                               "' which is not present in the input subscripts"));
    }
  }
  return parsed;
}

std::string WrittenSubscript(std::string_view subscript) {
  std::string text;
  for (const char label : subscript)
    text += label == kEllipsis ? std::string("...") : std::string(1, label);
  return text;
}

absl::StatusOr<int> EllipsisRank(std::string_view subscript, int rank) {
  const bool has_ellipsis = subscript.find(kEllipsis) != std::string_view::npos;
  const int labels = static_cast<int>(subscript.size()) - (has_ellipsis ? 1 : 0);
  if (rank < labels || (rank > labels && !has_ellipsis)) {
    return absl::InvalidArgumentError(StrCat("Shape must be rank ", has_ellipsis ? "at least " : "",
                                             labels, " but is rank ", rank,
                                             " for an Einsum operand with ", labels, " labels"));
  }
  return rank - labels;
}

absl::StatusOr<PartialShape> EinsumShape(const EinsumEquation& equation,
                                         const std::vector<PartialShape>& inputs) {
  if (inputs.size() != equation.inputs.size()) {
    return absl::InvalidArgumentError(StrCat("Expected ", equation.inputs.size(),
                                             " inputs for the equation but got: ", inputs.size()));
  }
  std::map<char, int64_t> sizes;
  EllipsisShape ellipsis;
  for (size_t i = 0; i < inputs.size(); ++i) {
    WEFT_RETURN_IF_ERROR(AddOperand(equation.inputs[i], inputs[i], &sizes, &ellipsis));
  }
  const bool output_has_ellipsis = equation.output.find(kEllipsis) != std::string::npos;
  if (!output_has_ellipsis && !ellipsis.dims().empty()) {
    return absl::InvalidArgumentError(
        StrCat("Shape must be at most rank 0 but is rank ", ellipsis.dims().size(),
               ": an Einsum equation without ellipsis (...) in the output subscripts has input(s) "
               "with non-empty broadcasting shape"));
  }
  if (output_has_ellipsis && !ellipsis.known()) return PartialShape::Unknown();
  std::vector<int64_t> dims;
  for (char label : equation.output) {
    if (label == kEllipsis) {
      dims.insert(dims.end(), ellipsis.dims().begin(), ellipsis.dims().end());
    } else {
      dims.push_back(sizes.at(label));
    }
  }
  return PartialShape(dims);
}

}  // namespace weft
