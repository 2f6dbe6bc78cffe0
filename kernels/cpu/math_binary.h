// SPDX-License-Identifier: Apache-2.0
// The parts of the math_binary family.
#pragma once

#include "weft/runtime/kernel.h"

namespace weft {

void RegisterMathPowerKernels(KernelRegistry& kernels);
void RegisterMathBinarySpecialKernels(KernelRegistry& kernels);
void RegisterManyOperandKernels(KernelRegistry& kernels);

}  // namespace weft
