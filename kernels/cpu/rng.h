// SPDX-License-Identifier: Apache-2.0
// The parts of RegisterRngKernels.
#pragma once

#include "weft/runtime/kernel.h"

namespace weft {

void RegisterStatelessKernels(KernelRegistry& kernels);  // rng_stateless.cc
void RegisterRejectionKernels(KernelRegistry& kernels);  // rng_rejection.cc: gamma, Poisson
void RegisterParameterizedTruncatedNormalKernels(KernelRegistry& kernels);  // rng_truncated.cc
void RegisterBinomialKernels(KernelRegistry& kernels);                      // rng_binomial.cc
void RegisterDiscreteKernels(KernelRegistry& kernels);  // rng_discrete.cc: shuffle, multinomial

}  // namespace weft
