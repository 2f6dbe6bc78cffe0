// SPDX-License-Identifier: Apache-2.0
// The gradients of array ops, to the second order.
#include <string>
#include <vector>

#include "tests/support/gradient_case.h"
#include "weft/ops/array.h"

namespace weft {
namespace {

TEST(ArrayGradient, Shapes) {
  CheckGradient("Reshape", {{2, 3}, I32({3, -1})});
  CheckGradient("ExpandDims", {{2, 3}, I32(1)});
  CheckGradient("Squeeze", {{2, 1, 3}});
  CheckGradient("BroadcastTo", {{2, 1}, I32({3, 2, 4})});
  CheckGradient("BroadcastTo", {{2}, I64({3, 2})});
  CheckGradient("IdentityN", {{2, 3}, {2}});
  CheckGradient("Fill", {I32({2, 3}), {}});
}

TEST(ArrayGradient, JoinAndPart) {
  CheckGradient("Pack", {{2, 3}, {2, 3}}, {}, {{"axis", 1}});
  CheckGradient("Unpack", {{2, 3}}, {}, {{"num", 3}, {"axis", 1}});
  CheckGradient("ConcatV2", {{2, 3}, {2, 1}, I32(1)});
  CheckGradient("ConcatV2", {{2, 3}, {1, 3}, I64(-2)});
  CheckGradient("Concat", {I32(0), {2, 3}, {1, 3}, {2, 3}});
  CheckGradient("Split", {I32(1), {2, 4}}, {}, {{"num_split", 2}});
  CheckGradient("SplitV", {{2, 4}, I32({1, -1}), I32(1)}, {}, {{"num_split", 2}});
}

// Beyond 16 values the gradient is one Split.
TEST(ArrayGradient, ConcatOfManyValues) {
  std::vector<GradientInput> inputs;
  for (int64_t i = 0; i < 18; ++i) inputs.push_back({2, 1 + i % 3});
  inputs.push_back(I32(1));
  CheckGradient("ConcatV2", inputs);
}

TEST(ArrayGradient, Slices) {
  CheckGradient("Slice", {{3, 4}, I32({1, 0}), I32({2, -1})});
  CheckGradient("Slice", {{5}, I64({1}), I64({3})});
  CheckGradient("StridedSlice", {{3, 4}, I32({2, 0}), I32({0, 4}), I32({-1, 2})});
  CheckGradient("StridedSlice", {{3, 4}, I64({0, 1}), I64({0, 2}), I64({1, 1})}, {},
                {{"begin_mask", 1}, {"end_mask", 1}, {"shrink_axis_mask", 2}});
  CheckGradient("StridedSlice", {{3, 4}, I16({1}), I16({2}), I16({1})}, {}, {{"new_axis_mask", 0}});
  CheckGradient("StridedSliceGrad", {I32({3, 4}), I32({1}), I32({3}), I32({1}), {2, 4}});
  CheckGradient("TensorStridedSliceUpdate",
                {{3, 4}, I32({1, 0}), I32({3, 4}), I32({1, 2}), {2, 2}});
  CheckGradient("TensorStridedSliceUpdate",
                {{3, 4}, I32({1, 0}), I32({3, 4}), I32({1, 2}), {2, 1}});
  CheckGradient("TensorStridedSliceUpdate", {{3, 4}, I32({1, 0}), I32({3, 4}), I32({1, 2}), {}});
}

TEST(ArrayGradient, Padding) {
  CheckGradient("Pad", {{2, 3}, I32({{1, 0}, {2, 1}})});
  CheckGradient("PadV2", {{2, 3}, I64({{1, 0}, {2, 1}}), GradientInput::Fixed(F64(1))});
  for (const char* mode : {"REFLECT", "SYMMETRIC"}) {
    CheckGradient("MirrorPad", {{3, 4}, I32({{1, 0}, {2, 1}})}, {}, {{"mode", mode}});
    CheckGradient("MirrorPadGrad", {{4, 7}, I32({{1, 0}, {2, 1}})}, {}, {{"mode", mode}});
  }
  CheckGradient("Tile", {{2, 3}, I32({2, 1})});
  CheckGradient("Tile", {{2}, I64({3})});
}

TEST(ArrayGradient, Gathers) {
  CheckGradient("Gather", {{4, 2}, I32({1, 3, 1})});
  CheckGradient("GatherV2", {{4, 2}, I32({{1, 3}, {1, 0}}), I32(0)});
  CheckGradient("GatherV2", {{2, 4}, I64({1, 3, 1}), I32(1)});
  CheckGradient("GatherV2", {{2, 4, 3}, I32({{1, 3}, {1, 0}}), I64(-2)});
  CheckGradient("GatherV2", {{2, 4, 3}, I32({{1, 3}, {1, 0}}), I32(1)}, {}, {{"batch_dims", 1}});
  CheckGradient("GatherV2", {{2, 3, 4}, I64({{1, 3}, {1, 0}}), I32(2)}, {}, {{"batch_dims", 1}});
  CheckGradient("GatherV2", {{2, 2, 4}, I32(Shape({2, 2, 1}), {1, 3, 1, 0}), I32(2)}, {},
                {{"batch_dims", -1}});
  CheckGradient("GatherV2", {{3, 2}, I16({1, 0, 1}), I32(1)});
  CheckGradient("GatherNd", {{3, 4}, I32({{1, 2}, {0, 0}, {1, 2}})});
  CheckGradient("GatherNd", {{3, 4}, I64(Shape({2, 1}), {1, 1})});
}

TEST(ArrayGradient, Scatters) {
  const Array indices = I32(Shape({3, 1}), {1, 0, 1});
  CheckGradient("ScatterNd", {indices, {3, 2}, I32({4, 2})});
  CheckGradient("ScatterNdNonAliasingAdd", {{4, 2}, indices, {3, 2}});
  CheckGradient("TensorScatterAdd", {{4, 2}, indices, {3, 2}});
  CheckGradient("TensorScatterSub", {{4, 2}, indices, {3, 2}});
  // Where indices repeat, only the last update has a gradient in truth; TensorFlow's rule gives it
  // to all.
  CheckGradient("TensorScatterUpdate", {{4, 2}, I32(Shape({2, 1}), {1, 3}), {2, 2}});
  // Values far from each other: no ties within the step of the check.
  const Array x = F64({1, 5, 9}), updates = F64({3, 7, 2});
  CheckGradient("TensorScatterMax", {x, I32(Shape({3, 1}), {0, 2, 0}), updates});
  CheckGradient("TensorScatterMin", {x, I32(Shape({3, 1}), {0, 2, 0}), updates});
}

TEST(ArrayGradient, Order) {
  CheckGradient("Transpose", {{2, 3, 4}, I32({2, 0, 1})});
  CheckGradient("Transpose", {{2, 3}, I32({1, 0})}, GradientCheck().As(kComplex128));
  CheckGradient("ConjugateTranspose", {{2, 3}, I64({1, 0})}, GradientCheck().As(kComplex128));
  CheckGradient("Reverse", {{2, 3}, Bool({false, true})});
  CheckGradient("ReverseV2", {{2, 3}, I32({-1})});
  CheckGradient("ReverseSequence", {{2, 3}, I64({2, 3})}, {}, {{"seq_dim", 1}});
  CheckGradient("Roll", {{2, 3}, I32({1, -1}), I32({0, 1})});
}

TEST(ArrayGradient, Diagonals) {
  CheckGradient("Diag", {{2, 2}});
  CheckGradient("DiagPart", {{2, 3, 2, 3}});
  CheckGradient("MatrixDiag", {{2, 3}});
  CheckGradient("MatrixDiagPart", {{2, 2, 3}});
  CheckGradient("MatrixSetDiag", {{2, 3, 2}, {2, 2}});
  CheckGradient("MatrixBandPart", {{3, 4}, I64(1), I64(0)});
}

TEST(ArrayGradient, Bands) {
  const Array k = I32({-1, 1});
  const GradientInput zero = GradientInput::Fixed(F64(0));
  CheckGradient("MatrixDiagV2", {{2, 3, 3}, k, I32(3), I32(3), zero});
  CheckGradient("MatrixDiagPartV2", {{3, 4}, k, zero});
  CheckGradient("MatrixSetDiagV2", {{3, 4}, {3, 3}, k});
  for (const char* align : {"LEFT_RIGHT", "RIGHT_LEFT", "LEFT_LEFT", "RIGHT_RIGHT"}) {
    CheckGradient("MatrixDiagV3", {{2, 3, 3}, k, I32(3), I32(3), zero}, {}, {{"align", align}});
    CheckGradient("MatrixDiagPartV3", {{3, 4}, k, zero}, {}, {{"align", align}});
    CheckGradient("MatrixSetDiagV3", {{4, 3}, {3, 3}, k}, {}, {{"align", align}});
  }
}

// The gradient of a Gather is slices; a concatenation before it deals the slices out.
TEST(ArrayGradient, ConcatOfSlices) {
  for (int axis : {0, 1, -1}) {
    const Array rows = axis == 0 ? I32({3, 0, 5, 3}) : I32({1, 0, 1});
    CheckGradientOf(
        [&](const std::vector<Tensor>& x) {
          return std::vector<Tensor>{Gather(Concat({x[0], x[1], x[0]}, axis), rows)};
        },
        {{2, 2}, {2, 2}}, FirstOrderOnly());
  }
}

TEST(ArrayGradient, Compositions) {
  CheckGradientOf(
      [](const std::vector<Tensor>& x) {
        return std::vector<Tensor>{BooleanMask(x[0], Bool({true, false, true}))};
      },
      {{3, 2}});
  CheckGradientOf(
      [](const std::vector<Tensor>& x) {
        return std::vector<Tensor>{Repeat(x[0], 2, {.axis = 1})};
      },
      {{3, 2}});
  CheckGradientOf([](const std::vector<Tensor>& x) { return Meshgrid({x[0], x[1]}); }, {{3}, {2}});
  CheckGradientOf(
      [](const std::vector<Tensor>& x) {
        return std::vector<Tensor>{At(x[0], {Ellipsis, NewAxis, Between({}, {}, -1), 1})};
      },
      {{3, 2, 4}});
  CheckGradientOf([](const std::vector<Tensor>& x) { return std::vector<Tensor>{Transpose(x[0])}; },
                  {{3, 2, 4}});
}

}  // namespace
}  // namespace weft
