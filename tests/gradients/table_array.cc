// SPDX-License-Identifier: Apache-2.0
#include "tests/gradients/gradient_table.h"

namespace weft {
namespace {

GradientTable Shapes() {
  return {
      Check("BroadcastTo", {{3, 1}, I32({2, 3, 4})}),
      Check("ConjugateTranspose", {{2, 3}, I32({1, 0})}, AsDtype(kComplex128)),
      Check("EnsureShape", {{2, 3}}, {}, {{"shape", PartialShape({2, -1})}}),
      Check("ExpandDims", {{2, 3}, I32(1)}),
      Check("Fill", {I32({2, 3}), {}}),
      Check("Identity", {{2, 3}}),
      Check("IdentityN", {{2, 3}, {4}}),
      Check("Pack", {{2, 3}, {2, 3}}, {}, {{"axis", 1}}),
      Check("PlaceholderWithDefault", {{2, 3}}, {}, {{"shape", PartialShape({2, 3})}}),
      Check("Reshape", {{2, 3}, I32({3, -1})}),
      Check("Squeeze", {{2, 1, 3, 1}}, {}, {{"squeeze_dims", std::vector<int64_t>{1}}}),
      Check("Transpose", {{2, 3, 2}, I32({2, 0, 1})}),
      Check("Unpack", {{2, 3}}, {}, {{"num", 3}, {"axis", 1}}),
      NotChecked("PreventGradient", "its rule is an error: gradients_test.cc"),
  };
}

GradientTable Layouts() {
  const Array crops = I32({{0, 0}, {0, 1}}), pads = I32({{0, 0}, {1, 0}});
  return {
      Check("BatchToSpace", {{4, 1, 2, 1}, crops}, {}, {{"block_size", 2}}),
      Check("BatchToSpaceND", {{4, 1, 2, 1}, I32({2, 2}), crops}),
      Check("SpaceToBatch", {{1, 2, 3, 1}, pads}, {}, {{"block_size", 2}}),
      Check("SpaceToBatchND", {{1, 2, 3, 1}, I32({2, 2}), pads}),
      Check("DepthToSpace", {{1, 2, 1, 8}}, {}, {{"block_size", 2}}),
      Check("SpaceToDepth", {{1, 2, 4, 2}}, {}, {{"block_size", 2}}),
      Check("ExtractImagePatches", {{1, 4, 4, 2}}, FirstOrderOnly(),
            {{"ksizes", std::vector<int>{1, 2, 2, 1}},
             {"strides", std::vector<int>{1, 1, 2, 1}},
             {"rates", std::vector<int>{1, 1, 1, 1}},
             {"padding", "SAME"}}),
      Check("ExtractVolumePatches", {{1, 3, 2, 3, 1}}, FirstOrderOnly(),
            {{"ksizes", std::vector<int>{1, 2, 2, 2, 1}},
             {"strides", std::vector<int>{1, 1, 1, 1, 1}},
             {"padding", "VALID"}}),
      Check("MirrorPad", {{2, 3}, I32({{1, 0}, {1, 2}})}, {}, {{"mode", "REFLECT"}}),
      Check("MirrorPad", {{2, 3}, I32({{1, 0}, {1, 2}})}, {}, {{"mode", "SYMMETRIC"}}),
      Check("MirrorPadGrad", {{3, 6}, I32({{1, 0}, {1, 2}})}, {}, {{"mode", "REFLECT"}}),
      Check("Pad", {{2, 3}, I32({{1, 0}, {1, 2}})}),
      Check("PadV2", {{2, 3}, I32({{1, 0}, {1, 2}}), GradientInput::Fixed(F64(0.5))}),
      Check("Reverse", {{2, 3}, Bool({false, true})}),
      Check("ReverseV2", {{2, 3}, I32({1})}),
      Check("ReverseSequence", {{3, 4}, I64({2, 4, 0})}, {}, {{"seq_dim", 1}}),
      Check("Roll", {{2, 3}, I32({1}), I32({1})}),
      Check("Tile", {{2, 3}, I32({2, 1})}),
  };
}

GradientTable Joins() {
  return {
      Check("Concat", {I32(1), {2, 1}, {2, 3}}),
      Check("ConcatV2", {{2, 1}, {2, 3}, I32(-1)}),
      Check("ConcatV2", {{2, 1}, {3, 1}, I32(0)}),
      Check("Split", {I32(1), {2, 4}}, {}, {{"num_split", 2}}),
      Check("SplitV", {{2, 4}, I32({1, 3}), I32(1)}, {}, {{"num_split", 2}}),
      Check("Slice", {{3, 4}, I32({1, 0}), I32({2, 3})}),
      Check("StridedSlice", {{3, 4}, I32({2, 0}), I32({0, 4}), I32({-1, 2})}),
      Check("StridedSlice", {{3, 4}, I32({1, 1}), I32({2, 3}), I32({1, 1})}, {},
            {{"shrink_axis_mask", 1}, {"end_mask", 2}}),
      Check("StridedSliceGrad", {I32({3, 4}), I32({0, 0}), I32({2, 4}), I32({1, 2}), {2, 2}}),
      Check("TensorStridedSliceUpdate", {{3, 4}, I32({0, 0}), I32({2, 4}), I32({1, 2}), {2, 2}}),
      Check("DynamicPartition", {{4, 2}, I32({1, 0, 1, 0})}, {}, {{"num_partitions", 2}}),
      Check("DynamicStitch", {I32({0, 2}), I32({1, 3}), {2, 2}, {2, 2}}),
      Check("ParallelDynamicStitch", {I32({0, 2}), I32({1, 3}), {2, 2}, {2, 2}}),
  };
}

GradientTable Gathers() {
  const Array pairs = I32({{0, 1}, {1, 0}});
  return {
      Check("Gather", {{3, 2}, I32({2, 0, 2})}),
      Check("GatherV2", {{3, 2}, I32({{2, 0}, {2, 1}}), I32(0)}),
      Check("GatherV2", {{2, 3}, I32({2, 0, 2}), I32(1)}),
      Check("GatherV2", {{2, 3}, I32({{2, 0}, {1, 1}}), I32(1)}, {}, {{"batch_dims", 1}}),
      Check("GatherNd", {{2, 2}, pairs}),
      Check("GatherNd", {{3, 2}, I32({{2}, {2}})}),
      Check("ScatterNd", {pairs, {2}, I32({2, 2})}),
      Check("ScatterNdNonAliasingAdd", {{2, 2}, pairs, {2}}),
      Check("TensorScatterAdd", {{2, 2}, pairs, {2}}),
      Check("TensorScatterSub", {{2, 2}, pairs, {2}}),
      Check("TensorScatterUpdate", {{2, 2}, pairs, {2}}),
      // Second derivatives would need those of Equal's selection; the rule divides ties.
      Check("TensorScatterMax", {{2, 2}, pairs, {2}}, FirstOrderOnly()),
      Check("TensorScatterMin", {{2, 2}, pairs, {2}}, FirstOrderOnly()),
      Check("SparseToDense", {I64({{0, 1}, {1, 0}}), I64({2, 2}), {2}, {}}),
  };
}

GradientTable Diagonals() {
  // TensorFlow has no derivatives by the value that pads.
  const GradientInput zero = GradientInput::Fixed(F64(0));
  const AttrMap right = {{"align", "RIGHT_LEFT"}}, left = {{"align", "LEFT_RIGHT"}};
  return {
      Check("Diag", {{2, 3}}),
      Check("DiagPart", {{2, 3, 2, 3}}),
      Check("MatrixBandPart", {{3, 4}, I64(1), I64(0)}),
      Check("MatrixDiag", {{2, 3}}),
      Check("MatrixDiagPart", {{2, 3, 4}}),
      Check("MatrixSetDiag", {{2, 3, 4}, {2, 3}}),
      Check("MatrixDiagV2", {{2, 3}, I32({0, 1}), I32(-1), I32(-1), zero}),
      Check("MatrixDiagPartV2", {{3, 4}, I32({-1, 1}), zero}),
      Check("MatrixSetDiagV2", {{3, 4}, {2, 3}, I32({0, 1})}),
      Check("MatrixDiagV3", {{2, 3}, I32({0, 1}), I32(-1), I32(-1), zero}, {}, right),
      Check("MatrixDiagV3", {{2, 3}, I32({0, 1}), I32(-1), I32(-1), zero}, {}, left),
      Check("MatrixDiagPartV3", {{3, 4}, I32({-1, 1}), zero}, {}, right),
      Check("MatrixDiagPartV3", {{3, 4}, I32({-1, 1}), zero}, {}, left),
      Check("MatrixSetDiagV3", {{3, 4}, {2, 3}, I32({0, 1})}, {}, right),
      Check("MatrixSetDiagV3", {{3, 4}, {2, 3}, I32({0, 1})}, {}, left),
  };
}

}  // namespace

GradientTable ArrayGradients() {
  GradientTable table;
  for (GradientTable part : {Shapes(), Layouts(), Joins(), Gathers(), Diagonals()})
    table.insert(table.end(), part.begin(), part.end());
  return table;
}

}  // namespace weft
