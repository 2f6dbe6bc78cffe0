// SPDX-License-Identifier: Apache-2.0
// The parts of RegisterSignalKernels.
#pragma once

#include "weft/runtime/kernel.h"

namespace weft {

void RegisterAudioKernels(KernelRegistry& kernels);  // signal_audio.cc

}  // namespace weft
