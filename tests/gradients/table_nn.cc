// SPDX-License-Identifier: Apache-2.0
#include "tests/gradients/gradient_table.h"

namespace weft {
namespace {

using Ints = std::vector<int>;

GradientTable Activations() {
  return {
      Check("BiasAdd", {{2, 3}, {3}}),
      Check("BiasAdd", {{2, 3, 2, 2}, {3}}, {}, {{"data_format", "NCHW"}}),
      Check("BiasAddGrad", {{2, 2, 3}}),
      Check("BiasAddGrad", {{2, 3, 2, 2}}, {}, {{"data_format", "NCHW"}}),
      Check("BiasAddV1", {{2, 3}, {3}}),
      Check("Elu", {{2, 3}}, KinkAt(0)),
      Check("EluGrad", {{2, 3}, {2, 3}}, KinkAt(0)),
      Check("LeakyRelu", {{2, 3}}, KinkAt(0), {{"alpha", 0.3f}}),
      Check("LeakyReluGrad", {{2, 3}, {2, 3}}, KinkAt(0), {{"alpha", 0.3f}}),
      Check("LogSoftmax", {{2, 3}}),
      Check("Relu", {{2, 3}}, KinkAt(0)),
      Check("ReluGrad", {{2, 3}, {2, 3}}, KinkAt(0)),
      Check("Relu6", {{2, 3}}, KinkAt(0).KinkAt(6).Between(-3, 9)),
      Check("Relu6Grad", {{2, 3}, {2, 3}}, KinkAt(0).KinkAt(6).Between(-3, 9)),
      Check("Selu", {{2, 3}}, KinkAt(0)),
      Check("SeluGrad", {{2, 3}, {2, 3}}, KinkAt(0)),
      Check("Softmax", {{2, 3}}),
      Check("Softplus", {{2, 3}}),
      Check("SoftplusGrad", {{2, 3}, {2, 3}}),
      Check("Softsign", {{2, 3}}, KinkAt(0)),
      Check("SoftsignGrad", {{2, 3}, {2, 3}}, KinkAt(0)),
  };
}

GradientTable Losses() {
  // By the labels there are first derivatives of the loss alone, as in TensorFlow.
  const Array labels = F64({{0.2, 0.3, 0.5}, {1, 0, 0}});
  return {
      Check("SoftmaxCrossEntropyWithLogits", {{2, 3}, GradientInput::Fixed(labels)}),
      Check("SoftmaxCrossEntropyWithLogits", {{2, 3}, labels},
            GradientCheck().Outputs({0}).FirstOrderOnly()),
      Check("SparseSoftmaxCrossEntropyWithLogits", {{2, 3}, I32({2, 0})},
            GradientCheck().Outputs({0})),
      Check("CTCLoss", {Drawn(-1, 1, {4, 1, 3}), I64({{0, 0}, {0, 1}}), I32({0, 1}), I32({4})},
            GradientCheck().Outputs({0}).FirstOrderOnly()),
      Check("CTCLossV2", {Drawn(-1, 1, {4, 1, 3}), I64({{0, 0}, {0, 1}}), I32({1, 2}), I32({4})},
            AsDtype(kFloat32).Outputs({0}).FirstOrderOnly()),
  };
}

GradientTable Convolutions() {
  const AttrMap same = {{"strides", Ints{1, 2, 1, 1}}, {"padding", "SAME"}};
  const AttrMap valid = {
      {"strides", Ints{1, 1, 1, 1}}, {"padding", "VALID"}, {"dilations", Ints{1, 1, 2, 1}}};
  const AttrMap framed = {{"strides", Ints{1, 1, 1, 1}},
                          {"padding", "EXPLICIT"},
                          {"explicit_paddings", Ints{0, 0, 1, 0, 0, 2, 0, 0}}};
  const AttrMap unit = {{"strides", Ints{1, 1, 1, 1}}, {"padding", "SAME"}};
  const AttrMap cube = {{"strides", Ints{1, 1, 2, 1, 1}}, {"padding", "SAME"}};
  return {
      Check("Conv2D", {{1, 4, 4, 2}, {2, 2, 2, 3}}, {}, same),
      Check("Conv2D", {{1, 4, 4, 2}, {2, 2, 2, 3}}, {}, valid),
      Check("Conv2D", {{1, 3, 3, 2}, {2, 2, 2, 3}}, {}, framed),
      Check("Conv2DBackpropInput", {I32({1, 4, 4, 2}), {2, 2, 2, 3}, {1, 2, 4, 3}}, {}, same),
      Check("Conv2DBackpropFilter", {{1, 4, 4, 2}, I32({2, 2, 2, 3}), {1, 2, 4, 3}}, {}, same),
      Check("Conv3D", {{1, 3, 4, 2, 2}, {2, 2, 1, 2, 2}}, {}, cube),
      Check("Conv3DBackpropInputV2", {I32({1, 3, 4, 2, 2}), {2, 2, 1, 2, 2}, {1, 3, 2, 2, 2}}, {},
            cube),
      Check("Conv3DBackpropFilterV2", {{1, 3, 4, 2, 2}, I32({2, 2, 1, 2, 2}), {1, 3, 2, 2, 2}}, {},
            cube),
      Check("DepthwiseConv2dNative", {{1, 3, 4, 2}, {2, 2, 2, 2}}, {}, unit),
      Check("DepthwiseConv2dNativeBackpropInput", {I32({1, 3, 4, 2}), {2, 2, 2, 2}, {1, 3, 4, 4}},
            {}, unit),
      Check("DepthwiseConv2dNativeBackpropFilter", {{1, 3, 4, 2}, I32({2, 2, 2, 2}), {1, 3, 4, 4}},
            {}, unit),
      Check("Dilation2D", {{1, 4, 4, 2}, {2, 2, 2}}, FirstOrderOnly(),
            {{"strides", Ints{1, 1, 1, 1}}, {"rates", Ints{1, 1, 1, 1}}, {"padding", "SAME"}}),
  };
}

GradientTable Pools() {
  const AttrMap flat = {
      {"ksize", Ints{1, 2, 2, 1}}, {"strides", Ints{1, 2, 1, 1}}, {"padding", "SAME"}};
  const AttrMap deep = {
      {"ksize", Ints{1, 2, 2, 2, 1}}, {"strides", Ints{1, 1, 2, 1, 1}}, {"padding", "VALID"}};
  const AttrMap padding_only = {{"padding", "SAME"}};
  // What was pooled, whose order decides where gradients go. Its own gradient is zero.
  const Array x = F64(Shape({1, 2, 3, 1}), {0.1, 0.9, -0.3, 0.4, 0.2, 0.7});
  const Array y = F64(Shape({1, 1, 3, 1}), {0.9, 0.9, 0.7});
  const Array x3 = F64(Shape({1, 2, 2, 3, 1}),
                       {0.1, 0.9, -0.3, 0.4, 0.2, 0.7, -0.8, 0.35, 0.6, 0.5, -0.1, 0.05});
  const Array y3 = F64(Shape({1, 1, 1, 2, 1}), {0.9, 0.9});
  const auto fixed = [](const Array& a) { return GradientInput::Fixed(a); };
  AttrMap with_argmax = flat;
  with_argmax["Targmax"] = kInt64;
  const AttrMap fractional = {{"pooling_ratio", std::vector<float>{1, 1.5f, 1.5f, 1}},
                              {"deterministic", true},
                              {"seed", 3},
                              {"seed2", 5}};
  const GradientCheck first = GradientCheck().Outputs({0}).FirstOrderOnly();
  // The gradient of the gradient is only known for 2-d pooling.
  return {
      Check("AvgPool", {{1, 4, 3, 2}}, {}, flat),
      Check("AvgPoolGrad", {I32({1, 4, 3, 2}), {1, 2, 3, 2}}, {}, flat),
      Check("AvgPool3D", {{1, 3, 4, 2, 2}}, {}, deep),
      Check("AvgPool3DGrad", {I32({1, 3, 4, 2, 2}), {1, 2, 2, 1, 2}}, {}, deep),
      Check("MaxPool", {{1, 4, 3, 2}}, {}, flat),
      Check("MaxPoolGrad", {fixed(x), fixed(y), {1, 1, 3, 1}}, {}, flat),
      Check("MaxPoolGradGrad", {fixed(x), fixed(y), {1, 2, 3, 1}}, FirstOrderOnly(), flat),
      Check("MaxPoolV2", {{1, 4, 3, 2}, I32({1, 2, 2, 1}), I32({1, 2, 1, 1})}, {}, padding_only),
      Check("MaxPoolGradV2",
            {fixed(x), fixed(y), {1, 1, 3, 1}, I32({1, 2, 2, 1}), I32({1, 2, 1, 1})}, {},
            padding_only),
      Check("MaxPoolGradGradV2",
            {fixed(x), fixed(y), {1, 2, 3, 1}, I32({1, 2, 2, 1}), I32({1, 2, 1, 1})},
            FirstOrderOnly(), padding_only),
      Check("MaxPoolWithArgmax", {{1, 4, 3, 2}}, first, with_argmax),
      Check("MaxPool3D", {{1, 2, 2, 3, 1}}, AsDtype(kFloat32).FirstOrderOnly(), deep),
      Check("MaxPool3DGrad",
            {fixed(CastArray(x3, kFloat32)), fixed(CastArray(y3, kFloat32)), {1, 1, 1, 2, 1}},
            AsDtype(kFloat32).FirstOrderOnly(), deep),
      Check("MaxPool3DGradGrad",
            {fixed(CastArray(x3, kFloat32)), fixed(CastArray(y3, kFloat32)), {1, 2, 2, 3, 1}},
            AsDtype(kFloat32).FirstOrderOnly(), deep),
      Check("FractionalAvgPool", {{1, 4, 4, 2}}, first, fractional),
      Check("FractionalMaxPool", {{1, 4, 4, 2}}, first, fractional),
  };
}

// Only float32 kernels. The outputs beside y are statistics, through which no gradient flows.
GradientTable Normalisations() {
  const GradientCheck both = AsDtype(kFloat32).Outputs({0}).Within(3e-2);
  const GradientInput x = Drawn(-1, 1, {2, 2, 2, 2});
  const GradientInput scale = F32({0.5f, 1.5f}), offset = F32({0.1f, -0.2f});
  const GradientInput none = GradientInput::Fixed(F32(Shape({0}), {}));
  const GradientInput mean = F32({0.2f, -0.3f}), variance = F32({0.8f, 1.3f});
  GradientTable table = {
      Check("LRN", {{1, 2, 2, 5}}, AsDtype(kFloat32).FirstOrderOnly(),
            {{"depth_radius", 2}, {"bias", 1.2f}, {"alpha", 0.5f}, {"beta", 0.6f}}),
      Check("BatchNormWithGlobalNormalization", {x, mean, variance, offset, scale},
            AsDtype(kFloat32).FirstOrderOnly(),
            {{"variance_epsilon", 0.01f}, {"scale_after_normalization", true}}),
  };
  for (const char* op : {"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"}) {
    table.push_back(Check(op, {x, scale, offset, none, none}, both, {{"epsilon", 0.01f}}));
    // The mean and variance that are given count as constants.
    table.push_back(Check(op,
                          {x, scale, offset, GradientInput::Fixed(F32({0.2f, -0.3f})),
                           GradientInput::Fixed(F32({0.8f, 1.3f}))},
                          both, {{"epsilon", 0.01f}, {"is_training", false}}));
  }
  for (const char* op : {"FusedBatchNormGrad", "FusedBatchNormGradV2", "FusedBatchNormGradV3"})
    table.push_back(NotChecked(op, "checked as the second order of the forward op"));
  return table;
}

// Cells of a batch of 2, input 2, state 2. Only float32 kernels; gradients flow into state and
// output alone, the other outputs hold what the rules need. Forget bias and clipping: the clipping
// must not bite, since its rule is the identity.
GradientTable RecurrentCells() {
  const GradientCheck lstm = AsDtype(kFloat32).Outputs({1, 6}).FirstOrderOnly();
  const GradientInput state = Drawn(-1, 1, {2, 2}), peephole = Drawn(-1, 1, {2});
  const GradientInput x = Drawn(-1, 1, {2, 2}), xs = Drawn(-1, 1, {3, 2, 2});
  const GradientInput w = Drawn(-1, 1, {4, 8}), b = Drawn(-1, 1, {8});
  const AttrMap plain = {{"cell_clip", 0.0f}}, peepholes = {{"use_peephole", true}};
  GradientTable table = {
      Check("LSTMBlockCell", {x, state, state, w, peephole, peephole, peephole, b}, lstm, plain),
      Check("LSTMBlockCell", {x, state, state, w, peephole, peephole, peephole, b}, lstm,
            peepholes),
      Check("GRUBlockCell",
            {x, state, Drawn(-1, 1, {4, 4}), Drawn(-1, 1, {4, 2}), Drawn(-1, 1, {4}), peephole},
            AsDtype(kFloat32).Outputs({3}).FirstOrderOnly()),
  };
  for (const char* op : {"BlockLSTM", "BlockLSTMV2"}) {
    for (const int64_t steps : {3, 2}) {
      for (const AttrMap& attrs : {plain, peepholes}) {
        table.push_back(Check(
            op, {I64(steps), xs, state, state, w, peephole, peephole, peephole, b}, lstm, attrs));
      }
    }
  }
  return table;
}

// Their gradients are estimates by definition: what is rounded has the derivative zero nearly
// everywhere, and the rule passes the gradient on.
GradientTable Quantizations() {
  GradientTable table;
  for (const char* op :
       {"FakeQuantWithMinMaxArgs", "FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxVarsPerChannel",
        "QuantizeAndDequantize", "QuantizeAndDequantizeV2", "QuantizeAndDequantizeV3",
        "QuantizeAndDequantizeV4", "QuantizeAndDequantizeV4Grad"})
    table.push_back(
        NotChecked(op, "an estimate, which differences do not give: estimates_test.cc"));
  return table;
}

}  // namespace

GradientTable NnGradients() {
  GradientTable table;
  for (GradientTable part : {Activations(), Losses(), Convolutions(), Pools(), Normalisations(),
                             RecurrentCells(), Quantizations()})
    table.insert(table.end(), part.begin(), part.end());
  return table;
}

}  // namespace weft
