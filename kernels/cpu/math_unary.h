// SPDX-License-Identifier: Apache-2.0
// The parts of the math_unary family of kernels.
#pragma once

#include "weft/runtime/kernel.h"

namespace weft {

void RegisterBasicKernels(KernelRegistry& kernels);
void RegisterMathSpecialKernels(KernelRegistry& kernels);
void RegisterComplexKernels(KernelRegistry& kernels);
void RegisterCastKernels(KernelRegistry& kernels);
void RegisterBitwiseKernels(KernelRegistry& kernels);

}  // namespace weft
