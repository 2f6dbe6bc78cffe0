// SPDX-License-Identifier: Apache-2.0
// What shape functions of ops on variables share.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/graph/op_def.h"

namespace weft {

// Why ops that change variables have no gradient.
inline constexpr const char* kChangesVariable =
    "it changes a variable; what it returns counts as a constant";

// What is known of the variable behind handle input i; an unknown shape and kInvalidType if nothing
// is. InvalidArgument if it is known to hold another dtype than the type attribute `dtype_attr`
// says.
absl::StatusOr<HandleData> VariableBehind(ShapeContext& c, int i, std::string_view dtype_attr);

// The shape of the variable that input i stands for, whether it is a reference or a handle.
PartialShape VariableShapeOf(ShapeContext& c, int i);

// s without its first `count` dimensions; InvalidArgument if it has fewer.
absl::StatusOr<PartialShape> DropDims(const PartialShape& s, int count);

// Rows of a variable are changed: updates are a scalar or have the shape indices.shape +
// variable.shape[1:].
absl::Status CheckRowUpdates(ShapeContext& c, const PartialShape& variable,
                             const PartialShape& indices, const PartialShape& updates);

// Slices of `input` are changed: indices [..., depth] name slices input[i0, ..., i(depth-1)], and
// updates have the shape indices.shape[:-1] + input.shape[depth:].
absl::Status CheckSliceUpdates(const PartialShape& input, const PartialShape& indices,
                               const PartialShape& updates);

}  // namespace weft
