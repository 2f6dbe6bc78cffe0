// SPDX-License-Identifier: Apache-2.0
// The parts of the parsing family, and numbers in texts.
#pragma once

#include <cstdint>
#include <string_view>

#include "weft/runtime/kernel.h"

namespace weft {

// The number that a text writes, with white space around it or without; false if it writes none, or
// an integer that does not fit. What is too large for a floating type is infinite.
bool ParseNumber(std::string_view text, float* value);
bool ParseNumber(std::string_view text, double* value);
bool ParseNumber(std::string_view text, int32_t* value);
bool ParseNumber(std::string_view text, int64_t* value);

void RegisterParsingExampleKernels(KernelRegistry& kernels);
void RegisterDecodeCsvKernels(KernelRegistry& kernels);
void RegisterWavKernels(KernelRegistry& kernels);

}  // namespace weft
