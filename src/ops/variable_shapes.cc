// SPDX-License-Identifier: Apache-2.0
#include "src/ops/variable_shapes.h"

#include <algorithm>
#include <string>

#include "src/core/strings.h"
#include "weft/core/status_macros.h"

namespace weft {
namespace {

PartialShape Part(const PartialShape& s, int begin, int end) {
  return PartialShape(
      s.dims().subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin)));
}

std::string RangeText(std::string_view name, const PartialShape& s, int begin) {
  return StrCat("dimensions [", begin, ",", s.rank(), ") of ", name, "[shape=", s.ToString(), "]");
}

}  // namespace

absl::StatusOr<HandleData> VariableBehind(ShapeContext& c, int i, std::string_view dtype_attr) {
  const std::vector<HandleData>* data = c.input_handle_data(i);
  if (data == nullptr || data->empty()) return HandleData();
  const HandleData& variable = data->front();
  const DataType wanted = c.Attr<DataType>(dtype_attr);
  if (variable.dtype != wanted && variable.dtype != kInvalidType) {
    return absl::InvalidArgumentError(StrCat("Trying to read variable with wrong dtype. Expected ",
                                             DTypeOpName(variable.dtype), " got ",
                                             DTypeOpName(wanted)));
  }
  return variable;
}

PartialShape VariableShapeOf(ShapeContext& c, int i) {
  if (c.input_dtype(i) != kResource) return c.input(i);
  const std::vector<HandleData>* data = c.input_handle_data(i);
  return data == nullptr || data->empty() ? PartialShape::Unknown() : data->front().shape;
}

absl::StatusOr<PartialShape> DropDims(const PartialShape& s, int count) {
  if (!s.known_rank()) return s;
  if (s.rank() < count) {
    return absl::InvalidArgumentError(StrCat("Shape must be at least rank ", count, " but is rank ",
                                             s.rank(), ": ", s.ToString()));
  }
  return Part(s, count, s.rank());
}

absl::Status CheckRowUpdates(ShapeContext& c, const PartialShape& variable,
                             const PartialShape& indices, const PartialShape& updates) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape row, DropDims(variable, 1));
  if (updates.rank() == 0) return absl::OkStatus();
  return c.Merge(updates, indices.Concatenate(row)).status();
}

absl::Status CheckSliceUpdates(const PartialShape& input, const PartialShape& indices,
                               const PartialShape& updates) {
  if (input.num_elements() == 0 && (indices.num_elements() > 0 || updates.num_elements() > 0)) {
    return absl::InvalidArgumentError("Indices and updates specified for empty input");
  }
  if (!indices.known_rank() || !updates.known_rank() || updates.rank() == 0)
    return absl::OkStatus();
  const int64_t depth = indices.dim(-1);
  if (depth == kUnknownDim) return absl::OkStatus();
  const int outer = indices.rank() - 1;
  if (updates.rank() < outer) {
    return absl::InvalidArgumentError(StrCat("updates of shape ", updates.ToString(),
                                             " have fewer dimensions than indices of shape ",
                                             indices.ToString(), " name slices in: ", outer));
  }
  PartialShape merged;
  if (!PartialShape::Merge(Part(indices, 0, outer), Part(updates, 0, outer), &merged)) {
    return absl::InvalidArgumentError(StrCat(
        "Dimensions [0,", outer, ") of indices[shape=", indices.ToString(),
        "] = ", Part(indices, 0, outer).ToString(), " must match dimensions [0,", outer,
        ") of updates[shape=", updates.ToString(), "] = ", Part(updates, 0, outer).ToString()));
  }
  if (!input.known_rank()) return absl::OkStatus();
  if (depth > input.rank()) {
    return absl::InvalidArgumentError(StrCat("The last dimension of indices ", indices.ToString(),
                                             " is ", depth, ", more than the rank of the input ",
                                             input.ToString()));
  }
  const int first = static_cast<int>(depth);
  const PartialShape slice = Part(input, first, input.rank()),
                     update = Part(updates, outer, updates.rank());
  if (!PartialShape::Merge(slice, update, &merged)) {
    return absl::InvalidArgumentError(
        StrCat("D", RangeText("input", input, first).substr(1), " = ", slice.ToString(),
               " must match ", RangeText("updates", updates, outer), " = ", update.ToString()));
  }
  return absl::OkStatus();
}

}  // namespace weft
