// SPDX-License-Identifier: Apache-2.0
// The parts of RegisterLinalgKernels.
#pragma once

#include "weft/runtime/kernel.h"

namespace weft {

void RegisterQrKernels(KernelRegistry& kernels);     // linalg_qr.cc
void RegisterSolveKernels(KernelRegistry& kernels);  // linalg_solve.cc

}  // namespace weft
