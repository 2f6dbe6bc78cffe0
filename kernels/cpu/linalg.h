// SPDX-License-Identifier: Apache-2.0
// The parts of RegisterLinalgKernels.
#pragma once

#include "weft/runtime/kernel.h"

namespace weft {

void RegisterQrKernels(KernelRegistry& kernels);           // linalg_qr.cc
void RegisterSolveKernels(KernelRegistry& kernels);        // linalg_solve.cc
void RegisterDecomposeKernels(KernelRegistry& kernels);    // linalg_decompose.cc
void RegisterEigKernels(KernelRegistry& kernels);          // linalg_eig.cc
void RegisterTridiagonalKernels(KernelRegistry& kernels);  // linalg_tridiagonal.cc

void RegisterLeastSquaresKernels(KernelRegistry& kernels);    // linalg_least_squares.cc
void RegisterMatrixFunctionKernels(KernelRegistry& kernels);  // linalg_functions.cc

}  // namespace weft
