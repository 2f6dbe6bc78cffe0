// SPDX-License-Identifier: Apache-2.0
// Nodes that call functions: each function is a plan of its own, run as a part of the caller's.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "src/runtime/exec_state.h"
#include "src/runtime/plan.h"
#include "weft/runtime/kernel.h"

namespace weft {

// Is it an op whose kernel is made with the plan?
bool CallsFunctions(std::string_view op);

// The kernel of such a node, with the plans of its functions.
absl::StatusOr<std::shared_ptr<Kernel>> MakeCallKernel(SessionImpl* session, const PlanNode& node);

// TensorFlow's truth of a value: a scalar's that is not zero or empty, another tensor's with
// elements.
bool IsTrue(const Array& value);

}  // namespace weft
