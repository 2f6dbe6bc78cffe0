// SPDX-License-Identifier: Apache-2.0
// The CPU kernel families of the library, in one table. Only register.cc includes it, so that a new
// family compiles no other anew.
#pragma once

#include "weft/runtime/kernel.h"

namespace weft {

void RegisterMathUnaryKernels(KernelRegistry& kernels);
void RegisterMathBinaryKernels(KernelRegistry& kernels);
void RegisterCompareLogicalKernels(KernelRegistry& kernels);
void RegisterReductionsKernels(KernelRegistry& kernels);
void RegisterSegmentKernels(KernelRegistry& kernels);
void RegisterMatmulKernels(KernelRegistry& kernels);
void RegisterArrayShapeKernels(KernelRegistry& kernels);
void RegisterArraySliceKernels(KernelRegistry& kernels);
void RegisterArrayGatherKernels(KernelRegistry& kernels);
void RegisterArrayLayoutKernels(KernelRegistry& kernels);
void RegisterArrayMiscKernels(KernelRegistry& kernels);
void RegisterQuantizeKernels(KernelRegistry& kernels);
void RegisterRngKernels(KernelRegistry& kernels);
void RegisterCandidateSamplingKernels(KernelRegistry& kernels);
void RegisterStateKernels(KernelRegistry& kernels);
void RegisterVariableKernels(KernelRegistry& kernels);
void RegisterScatterKernels(KernelRegistry& kernels);
void RegisterNnActivationKernels(KernelRegistry& kernels);
void RegisterNnSoftmaxKernels(KernelRegistry& kernels);
void RegisterNnMiscKernels(KernelRegistry& kernels);
void RegisterNnConvKernels(KernelRegistry& kernels);
void RegisterControlKernels(KernelRegistry& kernels);
void RegisterLoggingKernels(KernelRegistry& kernels);
void RegisterLinalgKernels(KernelRegistry& kernels);
void RegisterTrainingKernels(KernelRegistry& kernels);
void RegisterIoKernels(KernelRegistry& kernels);
void RegisterStringsKernels(KernelRegistry& kernels);
void RegisterQueueKernels(KernelRegistry& kernels);
void RegisterBarrierKernels(KernelRegistry& kernels);
void RegisterStagingKernels(KernelRegistry& kernels);
void RegisterSummaryKernels(KernelRegistry& kernels);
void RegisterFusedKernels(KernelRegistry& kernels);
void RegisterProductSumKernels(KernelRegistry& kernels);
void RegisterPartProductKernels(KernelRegistry& kernels);
void RegisterRowSumKernels(KernelRegistry& kernels);
void RegisterSplitProductKernels(KernelRegistry& kernels);
void RegisterLstmGatesKernels(KernelRegistry& kernels);
void RegisterAccumulatorKernels(KernelRegistry& kernels);
void RegisterParsingKernels(KernelRegistry& kernels);
void RegisterLookupKernels(KernelRegistry& kernels);
void RegisterStringHashKernels(KernelRegistry& kernels);
void RegisterSparseTensorKernels(KernelRegistry& kernels);
void RegisterTensorArrayKernels(KernelRegistry& kernels);
void RegisterSignalKernels(KernelRegistry& kernels);
void RegisterStackKernels(KernelRegistry& kernels);
void RegisterRnnKernels(KernelRegistry& kernels);
void RegisterTensorListKernels(KernelRegistry& kernels);
void RegisterSdcaKernels(KernelRegistry& kernels);
void RegisterBatchKernels(KernelRegistry& kernels);

}  // namespace weft
