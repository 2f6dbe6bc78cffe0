// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/register.h"

#include "kernels/cpu/thread_pool.h"

namespace weft {

void RegisterAllCpuKernels(KernelRegistry& kernels) {
  RegisterMathUnaryKernels(kernels);
  RegisterMathBinaryKernels(kernels);
  RegisterCompareLogicalKernels(kernels);
  RegisterReductionsKernels(kernels);
  RegisterSegmentKernels(kernels);
  RegisterMatmulKernels(kernels);
  RegisterArrayShapeKernels(kernels);
  RegisterArraySliceKernels(kernels);
  RegisterArrayGatherKernels(kernels);
  RegisterArrayLayoutKernels(kernels);
  RegisterArrayMiscKernels(kernels);
  RegisterQuantizeKernels(kernels);
  RegisterRngKernels(kernels);
  RegisterCandidateSamplingKernels(kernels);
  RegisterStateKernels(kernels);
  RegisterVariableKernels(kernels);
  RegisterScatterKernels(kernels);
  RegisterNnActivationKernels(kernels);
  RegisterNnSoftmaxKernels(kernels);
  RegisterNnMiscKernels(kernels);
  RegisterNnConvKernels(kernels);
  RegisterControlKernels(kernels);
  RegisterLoggingKernels(kernels);
  RegisterLinalgKernels(kernels);
  RegisterTrainingKernels(kernels);
  RegisterIoKernels(kernels);
  RegisterStringsKernels(kernels);
  RegisterQueueKernels(kernels);
  RegisterBarrierKernels(kernels);
  RegisterStagingKernels(kernels);
  RegisterSummaryKernels(kernels);
  RegisterFusedKernels(kernels);
  RegisterProductSumKernels(kernels);
  RegisterPartProductKernels(kernels);
  RegisterRowSumKernels(kernels);
  RegisterSplitProductKernels(kernels);
  RegisterLstmGatesKernels(kernels);
  RegisterAccumulatorKernels(kernels);
  RegisterParsingKernels(kernels);
  RegisterLookupKernels(kernels);
  RegisterStringHashKernels(kernels);
  RegisterSparseTensorKernels(kernels);
  RegisterTensorArrayKernels(kernels);
  RegisterSignalKernels(kernels);
  RegisterRnnKernels(kernels);
  RegisterTensorListKernels(kernels);
  RegisterSdcaKernels(kernels);
  RegisterBatchKernels(kernels);
  RegisterThreadPoolKernels(kernels);
}

}  // namespace weft
