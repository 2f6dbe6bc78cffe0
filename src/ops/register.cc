// SPDX-License-Identifier: Apache-2.0
#include "src/ops/register.h"

#include "src/ops/thread_pool.h"

namespace weft {

void RegisterAllOps(OpRegistry& ops) {
  RegisterMathUnaryOps(ops);
  RegisterMathBinaryOps(ops);
  RegisterCompareLogicalOps(ops);
  RegisterReductionsOps(ops);
  RegisterSegmentOps(ops);
  RegisterMatmulOps(ops);
  RegisterArrayShapeOps(ops);
  RegisterArraySliceOps(ops);
  RegisterArrayGatherOps(ops);
  RegisterArrayLayoutOps(ops);
  RegisterArrayMiscOps(ops);
  RegisterQuantizeOps(ops);
  RegisterRngOps(ops);
  RegisterCandidateSamplingOps(ops);
  RegisterStateOps(ops);
  RegisterVariableOps(ops);
  RegisterScatterOps(ops);
  RegisterNnActivationOps(ops);
  RegisterNnSoftmaxOps(ops);
  RegisterNnMiscOps(ops);
  RegisterNnConvOps(ops);
  RegisterControlOps(ops);
  RegisterLoggingOps(ops);
  RegisterLinalgOps(ops);
  RegisterTrainingOps(ops);
  RegisterIoOps(ops);
  RegisterStringsOps(ops);
  RegisterQueueOps(ops);
  RegisterBarrierOps(ops);
  RegisterSummaryOps(ops);
  RegisterAccumulatorOps(ops);
  RegisterParsingOps(ops);
  RegisterLookupOps(ops);
  RegisterStringHashOps(ops);
  RegisterSparseTensorOps(ops);
  RegisterTensorArrayOps(ops);
  RegisterFunctionalOps(ops);
  RegisterSignalOps(ops);
  RegisterRnnOps(ops);
  RegisterTensorListOps(ops);
  RegisterSdcaOps(ops);
  RegisterBatchOps(ops);
  RegisterThreadPoolOps(ops);
}

}  // namespace weft
