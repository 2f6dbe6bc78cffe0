// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/register.h"

namespace weft {

void RegisterSegmentKernels(KernelRegistry& kernels) { (void)kernels; }

}  // namespace weft
