// SPDX-License-Identifier: Apache-2.0
// Every op has a gradient rule or says that it has none, but for those on which TensorFlow 2.15.1
// is silent as well: asking for the gradient of these is an error in both.
#include <algorithm>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

const std::set<std::string>& SilentOps() {
  static const auto* const ops = new std::set<std::string>{
      "ApplyAdaMax",
      "ApplyAdadelta",
      "ApplyAdagrad",
      "ApplyAdagradDA",
      "ApplyAdagradV2",
      "ApplyAdam",
      "ApplyAddSign",
      "ApplyCenteredRMSProp",
      "ApplyFtrl",
      "ApplyFtrlV2",
      "ApplyGradientDescent",
      "ApplyMomentum",
      "ApplyPowerSign",
      "ApplyProximalAdagrad",
      "ApplyProximalGradientDescent",
      "ApplyRMSProp",
      "AudioSpectrogram",
      "BatchCholesky",
      "BatchCholeskyGrad",
      "BatchMatrixBandPart",
      "BatchMatrixDeterminant",
      "BatchMatrixDiag",
      "BatchMatrixDiagPart",
      "BatchMatrixInverse",
      "BatchMatrixSetDiag",
      "BatchMatrixSolve",
      "BatchMatrixSolveLs",
      "BatchMatrixTriangularSolve",
      "BatchNormWithGlobalNormalizationGrad",
      "BatchSelfAdjointEig",
      "BatchSelfAdjointEigV2",
      "BatchSvd",
      "Bincount",
      "Bitcast",
      "BlockLSTMGrad",
      "BlockLSTMGradV2",
      "CSRSparseMatrixComponents",
      "CholeskyGrad",
      "Conv3DBackpropFilter",
      "Conv3DBackpropInput",
      "DeepCopy",
      "DenseBincount",
      "Dequantize",
      "DestroyTemporaryVariable",
      "Dilation2DBackpropFilter",
      "Dilation2DBackpropInput",
      "FakeQuantWithMinMaxArgsGradient",
      "FakeQuantWithMinMaxVarsGradient",
      "FakeQuantWithMinMaxVarsPerChannelGradient",
      "FractionalAvgPoolGrad",
      "FractionalMaxPoolGrad",
      "FusedPadConv2D",
      "FusedResizeAndPadConv2D",
      "GRUBlockCellGrad",
      "GuaranteeConst",
      "IgammaGradA",
      "InplaceAdd",
      "InplaceSub",
      "InplaceUpdate",
      "LRNGrad",
      "LSTMBlockCellGrad",
      "ListDiff",
      "MatrixExponential",
      "MatrixLogarithm",
      "MaxPoolGradGradWithArgmax",
      "MaxPoolGradWithArgmax",
      "Mfcc",
      "Mod",
      "ParallelConcat",
      "QuantizeDownAndShrinkRange",
      "QuantizeV2",
      "QuantizedAdd",
      "QuantizedAvgPool",
      "QuantizedBatchNormWithGlobalNormalization",
      "QuantizedBiasAdd",
      "QuantizedConcat",
      "QuantizedConv2D",
      "QuantizedInstanceNorm",
      "QuantizedMatMul",
      "QuantizedMatMulWithBiasAndDequantize",
      "QuantizedMaxPool",
      "QuantizedMul",
      "QuantizedRelu",
      "QuantizedRelu6",
      "QuantizedReshape",
      "RaggedBincount",
      "RaggedTensorToVariantGradient",
      "RandomGammaGrad",
      "RandomPoisson",
      "RandomPoissonV2",
      "RefSelect",
      "RequantizationRange",
      "RequantizationRangePerChannel",
      "Requantize",
      "RequantizePerChannel",
      "ScatterMax",
      "ScatterMin",
      "ScatterNdMax",
      "ScatterNdMin",
      "ScatterUpdate",
      "SegmentMaxV2",
      "SegmentMinV2",
      "SegmentProdV2",
      "SegmentSumV2",
      "SelfAdjointEig",
      "Snapshot",
      "SparseApplyAdadelta",
      "SparseApplyAdagrad",
      "SparseApplyAdagradDA",
      "SparseApplyAdagradV2",
      "SparseApplyCenteredRMSProp",
      "SparseApplyFtrl",
      "SparseApplyFtrlV2",
      "SparseApplyMomentum",
      "SparseApplyProximalAdagrad",
      "SparseApplyProximalGradientDescent",
      "SparseApplyRMSProp",
      "SparseBincount",
      "SparseFillEmptyRowsGrad",
      "SparseMatrixSoftmaxGrad",
      "SparseMatrixSparseCholesky",
      "SparseReduceMax",
      "SparseReduceMaxSparse",
      "SparseReduceSumSparse",
      "SparseSegmentMeanGrad",
      "SparseSegmentMeanGradV2",
      "SparseSegmentSqrtNGrad",
      "SparseSegmentSqrtNGradV2",
      "SparseSegmentSumGrad",
      "SparseSegmentSumGradV2",
      "SparseSliceGrad",
      "SparseSplit",
      "StatelessShuffle",
      "StridedSliceAssign",
      "TileGrad",
      "TruncateMod",
      "UnbatchGrad",
      "Unique",
      "UniqueV2",
      "UniqueWithCounts",
      "UniqueWithCountsV2",
      "_SwitchN",
  };
  return *ops;
}

bool CanBeDifferentiated(const OpDef& op, const ArgDef& arg) {
  if (arg.type != kInvalidType) return IsDifferentiable(arg.type);
  const std::string& name = arg.type_attr.empty() ? arg.type_list_attr : arg.type_attr;
  const std::vector<DataType>& allowed = op.FindAttr(name)->allowed_types;
  return allowed.empty() || std::any_of(allowed.begin(), allowed.end(), IsDifferentiable);
}

// Gradients come by an output and leave by an input.
bool CanBeAsked(const OpDef& op) {
  const auto any = [&](const std::vector<ArgDef>& args) {
    return std::any_of(args.begin(), args.end(),
                       [&](const ArgDef& arg) { return CanBeDifferentiated(op, arg); });
  };
  return any(op.inputs()) && any(op.outputs());
}

TEST(SilentOps, AreThoseOfTensorFlow) {
  for (const OpDef* op : OpRegistry::Global().List()) {
    const std::string where = std::string(op->where().file_name());
    if (!where.starts_with("src/")) continue;  // another test's
    const bool is_silent = !op->gradient() && op->no_gradient().empty() && CanBeAsked(*op);
    EXPECT_EQ(is_silent, SilentOps().contains(op->name()))
        << where << ":" << op->where().line() << ": " << op->name()
        << (is_silent ? " needs a gradient rule, or NoGradient with the reason"
                      : " is not silent and should leave the list of this test");
  }
}

TEST(SilentOps, AreRegistered) {
  for (const std::string& name : SilentOps())
    EXPECT_NE(OpRegistry::Global().Find(name), nullptr) << name;
}

}  // namespace
}  // namespace weft
