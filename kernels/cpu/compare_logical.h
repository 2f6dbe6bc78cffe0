// SPDX-License-Identifier: Apache-2.0
// The parts of the compare_logical family of kernels.
#pragma once

#include "weft/runtime/kernel.h"

namespace weft {

void RegisterSelectKernels(KernelRegistry& kernels);

}  // namespace weft
