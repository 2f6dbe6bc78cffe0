// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/register.h"

namespace weft {

void RegisterNnSoftmaxKernels(KernelRegistry& kernels) { (void)kernels; }

}  // namespace weft
