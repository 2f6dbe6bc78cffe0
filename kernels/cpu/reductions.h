// SPDX-License-Identifier: Apache-2.0
// The parts of the reductions family.
#pragma once

#include "weft/runtime/kernel.h"

namespace weft {

void RegisterArgExtremeKernels(KernelRegistry& kernels);  // ArgMax, ArgMin
void RegisterScanKernels(KernelRegistry& kernels);        // running sums and products
void RegisterCountKernels(KernelRegistry& kernels);       // histograms

}  // namespace weft
