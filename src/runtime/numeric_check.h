// SPDX-License-Identifier: Apache-2.0
// Nodes that are marked are looked at each time they ran: NaN and Inf in their outputs end the run
// with an error that names them. weft/framework/debug.h sets the marks.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "src/runtime/exec_state.h"

namespace weft {

// The mark: an int attribute, a sum of these. Other programs pass over attributes that begin with
// an underscore.
inline constexpr char kNumericCheckAttr[] = "_check_numerics";
enum NumericCheck : int64_t { kCheckNaN = 1, kCheckInf = 2 };

// Of a node, 0 if it has no mark.
int64_t NumericCheckOf(const PlanNode& node);

// InvalidArgument if an output of the step, which has run, holds what its mark forbids. Tells what
// is known of the outputs and of the inputs.
absl::Status CheckNumericOutputs(const ExecState& state, size_t step);

}  // namespace weft
