// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/linalg.h"
#include "weft/runtime/kernel.h"

namespace weft {

void RegisterLinalgKernels(KernelRegistry& kernels) {
  RegisterQrKernels(kernels);
  RegisterSolveKernels(kernels);
  RegisterDecomposeKernels(kernels);
  RegisterEigKernels(kernels);
  RegisterTridiagonalKernels(kernels);
  RegisterLeastSquaresKernels(kernels);
  RegisterMatrixFunctionKernels(kernels);
}

}  // namespace weft
