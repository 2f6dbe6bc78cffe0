// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "weft/runtime/kernel.h"

namespace weft {

// Names of shards, patterns, whole files.
void RegisterFileKernels(KernelRegistry& kernels);
// Matrices of checkpoints by another vocabulary.
void RegisterVocabRemapKernels(KernelRegistry& kernels);
void RegisterImmutableConstKernels(KernelRegistry& kernels);  // immutable_const.cc

}  // namespace weft
