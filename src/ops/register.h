// SPDX-License-Identifier: Apache-2.0
// The op families of the library, in one table. Only register.cc includes it, so that a new family
// compiles no other anew.
#pragma once

#include "weft/graph/op_def.h"

namespace weft {

void RegisterMathUnaryOps(OpRegistry& ops);
void RegisterMathBinaryOps(OpRegistry& ops);
void RegisterCompareLogicalOps(OpRegistry& ops);
void RegisterReductionsOps(OpRegistry& ops);
void RegisterSegmentOps(OpRegistry& ops);
void RegisterMatmulOps(OpRegistry& ops);
void RegisterArrayShapeOps(OpRegistry& ops);
void RegisterArraySliceOps(OpRegistry& ops);
void RegisterArrayGatherOps(OpRegistry& ops);
void RegisterArrayLayoutOps(OpRegistry& ops);
void RegisterArrayMiscOps(OpRegistry& ops);
void RegisterQuantizeOps(OpRegistry& ops);
void RegisterRngOps(OpRegistry& ops);
void RegisterCandidateSamplingOps(OpRegistry& ops);
void RegisterStateOps(OpRegistry& ops);
void RegisterVariableOps(OpRegistry& ops);
void RegisterScatterOps(OpRegistry& ops);
void RegisterNnActivationOps(OpRegistry& ops);
void RegisterNnSoftmaxOps(OpRegistry& ops);
void RegisterNnMiscOps(OpRegistry& ops);
void RegisterNnConvOps(OpRegistry& ops);
void RegisterControlOps(OpRegistry& ops);
void RegisterLoggingOps(OpRegistry& ops);
void RegisterLinalgOps(OpRegistry& ops);
void RegisterTrainingOps(OpRegistry& ops);
void RegisterIoOps(OpRegistry& ops);
void RegisterStringsOps(OpRegistry& ops);
void RegisterQueueOps(OpRegistry& ops);
void RegisterBarrierOps(OpRegistry& ops);
void RegisterSummaryOps(OpRegistry& ops);
void RegisterAccumulatorOps(OpRegistry& ops);
void RegisterParsingOps(OpRegistry& ops);
void RegisterLookupOps(OpRegistry& ops);
void RegisterStringHashOps(OpRegistry& ops);
void RegisterSparseTensorOps(OpRegistry& ops);
void RegisterTensorArrayOps(OpRegistry& ops);
void RegisterFunctionalOps(OpRegistry& ops);
void RegisterSignalOps(OpRegistry& ops);
void RegisterRnnOps(OpRegistry& ops);
void RegisterTensorListOps(OpRegistry& ops);
void RegisterSdcaOps(OpRegistry& ops);
void RegisterBatchOps(OpRegistry& ops);

}  // namespace weft
