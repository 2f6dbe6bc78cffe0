// SPDX-License-Identifier: Apache-2.0
// The nodes and variables of layers are slim's: tests/support/make_layers_golden.py.
#include <gtest/gtest.h>

#include "tests/support/graph_golden.h"
#include "weft/nn/layers.h"
#include "weft/weft.h"

namespace weft::layers {
namespace {

class LayerNodes : public testing::Test {
 protected:
  void Expect(const std::string& section, const std::function<void()>& build,
              std::source_location where = std::source_location::current()) {
    golden_.Expect(section, build, where);
  }
  GoldenGraphs golden_{"tests/nn/data/layers.golden"};
};

Tensor FedAs(const PartialShape& shape, const char* name = "x") {
  return Placeholder(kFloat32, shape, name);
}
Regularizer L2() { return L2Regularizer(0.5f); }

TEST_F(LayerNodes, Conv2d) {
  Expect("conv2d", [] { Conv2d(FedAs({2, 8, 8, 3}), 4, {3, 3}, {.scope = "conv1"}); });
  Expect("conv2d_without_scope", [] {
    const Tensor x = FedAs({-1, 8, 8, 3});
    Conv2d(Conv2d(x, 4, 3), 4, 1);
  });
  Expect("conv2d_arguments", [] {
    Conv2d(FedAs({-1, -1, -1, 3}), 4, {3, 1},
           {.stride = {2, 1},
            .padding = "VALID",
            .activation = nn::Tanh,
            .weights_initializer = TruncatedNormalInitializer(0.0f, 0.1f),
            .weights_regularizer = L2(),
            .biases_initializer = ConstantInitializer(Array(0.1f)),
            .biases_regularizer = L1Regularizer(0.25f),
            .trainable = false,
            .scope = "c"});
  });
  Expect("conv2d_linear", [] {
    Conv2d(FedAs({2, 8, 8, 3}), 4, 3,
           {.activation = nullptr, .biases_initializer = nullptr, .scope = "c"});
  });
}

TEST_F(LayerNodes, Conv2dReused) {
  Expect("conv2d_reused", [] {
    const Tensor x = FedAs({2, 8, 8, 3});
    Conv2d(x, 4, 3, {.weights_regularizer = L2(), .scope = "c"});
    Conv2d(x, 4, 3, {.weights_regularizer = L2(), .reuse = Reuse::kTrue, .scope = "c"});
  });
}

TEST_F(LayerNodes, Conv2dForms) {
  Expect("conv2d_channels_first", [] {
    Conv2d(FedAs({2, 3, 8, 8}), 4, 3, {.data_format = "NCHW", .scope = "c"});
  });
  Expect("conv2d_of_resources", [] {
    const VariableScope scope("r", {.use_resource = true});
    Conv2d(FedAs({2, 8, 8, 3}), 4, 3, {.weights_regularizer = L2(), .scope = "c"});
  });
  Expect("conv1d_and_3d", [] {
    Conv1d(FedAs({2, 8, 3}), 4, 3, {.stride = 2, .scope = "c1"});
    Conv3d(FedAs({2, 8, 8, 8, 3}), 4, {3, 3, 2}, {.scope = "c3"});
  });
  Expect("conv2d_in_plane", [] { Conv2dInPlane(FedAs({2, 8, 8, 3}), {3, 1}, {.scope = "c"}); });
}

TEST_F(LayerNodes, Conv2dTranspose) {
  Expect("conv2d_transpose", [] {
    Conv2dTranspose(FedAs({2, 4, 4, 3}), 5, {3, 3}, {.stride = 2, .scope = "same"});
    Conv2dTranspose(FedAs({-1, -1, 4, 3}), 5, 4,
                    {.stride = {2, 3}, .padding = "VALID", .scope = "valid"});
  });
}

TEST_F(LayerNodes, SeparableConv2d) {
  Expect("separable_conv2d", [] {
    SeparableConv2d(FedAs({2, 8, 8, 3}), 6, 3,
                    {.depth_multiplier = 2, .weights_regularizer = L2(), .scope = "both"});
  });
  Expect("separable_conv2d_depthwise", [] {
    SeparableConv2d(FedAs({2, 8, 8, 3}), 0, 3,
                    {.stride = 2, .weights_regularizer = L2(), .scope = "alone"});
  });
}

TEST_F(LayerNodes, Pools) {
  Expect("pools", [] {
    const Tensor x = FedAs({-1, 8, 8, 3});
    MaxPool2d(x, 2, {.scope = "pool1"});
    AvgPool2d(x, {3, 2}, {.stride = 1, .padding = "SAME", .scope = "pool2"});
    MaxPool2d(x, 3);
    MaxPool2d(x, 3);
    {
      const VariableScope net("net");
      AvgPool2d(x, 2);
    }
    const Tensor v = FedAs({2, 4, 4, 4, 3});
    MaxPool3d(v, 2);
    AvgPool3d(v, 2);
  });
}

TEST_F(LayerNodes, FullyConnected) {
  Expect("fully_connected", [] { FullyConnected(FedAs({-1, 12}), 5, {.scope = "fc"}); });
  Expect("fully_connected_of_rank_3", [] {
    FullyConnected(FedAs({-1, 4, 12}), 5,
                   {.activation = nullptr, .weights_regularizer = L2(), .scope = "fc"});
  });
  Expect("bias_add", [] {
    BiasAdd(FedAs({2, 4}), {.scope = "b"});
    BiasAdd(
        FedAs({2, 4, 3, 3}),
        {.data_format = "NCHW", .activation = nn::Relu, .biases_regularizer = L2(), .scope = "c"});
  });
}

TEST_F(LayerNodes, BatchNorm) {
  Expect("conv2d_with_batch_norm", [] {
    Conv2d(FedAs({-1, 8, 8, 3}), 4, 3, {.normalizer = BatchNorm, .scope = "c"});
  });
  Expect("batch_norm_at_inference", [] {
    BatchNorm(FedAs({-1, 8, 8, 3}), {.scale = true, .is_training = false, .scope = "bn"});
  });
  Expect("batch_norm_arguments", [] {
    BatchNorm(FedAs({-1, 8, 8, 3}),
              {.activation = nn::Relu,
               .decay = 0.9,
               .center = false,
               .scale = true,
               .epsilon = 0.01,
               .param_initializers = {{"gamma", ConstantInitializer(Array(0.5f))}},
               .param_regularizers = {{"gamma", L2()}},
               .scope = "bn"});
  });
  Expect("batch_norm_told_in_each_run", [] {
    const Tensor training = Placeholder(kBool, PartialShape::Scalar(), "training");
    BatchNorm(FedAs({-1, 8, 8, 3}), {.is_training = training, .scope = "bn"});
  });
}

TEST_F(LayerNodes, BatchNormOfSlim) {
  Expect("batch_norm_of_rank_2", [] {
    BatchNorm(FedAs({-1, 6}), {.scope = "bn"});
    BatchNorm(FedAs({-1, 6}, "y"), {.is_training = false, .scope = "inference"});
  });
  Expect("batch_norm_updates_in_place", [] {
    BatchNorm(FedAs({-1, 8, 8, 3}), {.updates_collections = nullptr, .scope = "bn"});
  });
  Expect("batch_norm_debiased", [] {
    BatchNorm(FedAs({-1, 8, 8, 3}), {.zero_debias_moving_mean = true, .scope = "bn"});
  });
  Expect("batch_norm_weighted", [] {
    const Tensor x = FedAs({4, 6});
    BatchNorm(x, {.batch_weights = Constant({1.f, 2.f, 0.f, 1.f}), .scope = "bn"});
  });
}

TEST_F(LayerNodes, BatchNormNotFused) {
  Expect("batch_norm_not_fused", [] {
    BatchNorm(FedAs({-1, 8, 8, 3}), {.scale = true, .fused = false, .scope = "bn"});
    BatchNorm(FedAs({-1, 8, 3}, "y"), {.scope = "three"});
    BatchNorm(FedAs({2, 3, 8, 8}, "z"),
              {.data_format = "NCHW", .scale = true, .fused = false, .scope = "first"});
    BatchNorm(FedAs({-1, 8, 8, 3}, "w"),
              {.fused = false, .is_training = false, .scope = "inference"});
  });
}

TEST_F(LayerNodes, OtherNorms) {
  Expect("layer_norm", [] {
    LayerNorm(FedAs({-1, 4, 6}), {.scope = "ln"});
    LayerNorm(FedAs({2, 4, 6}, "y"), {.activation = nn::Relu,
                                      .center = false,
                                      .begin_norm_axis = -1,
                                      .begin_params_axis = 1,
                                      .scope = "two"});
  });
  Expect("unit_norm", [] { UnitNorm(FedAs({2, 4, 3}), 1, {.scope = "un"}); });
}

TEST_F(LayerNodes, Dropout) {
  Expect("dropout", [] {
    Graph::Default().set_seed(3);
    const Tensor x = FedAs({-1, 6});
    Dropout(x, {.keep_prob = 0.75, .scope = "d1"});
    Dropout(x, {.is_training = false});
    Dropout(x, {.keep_prob = 1.0});
    Dropout(x, {.seed = 7});
  });
  Expect("dropout_told_in_each_run", [] {
    const Tensor x = FedAs({2, 6});
    Dropout(x, {.seed = 1, .is_training = Placeholder(kBool, PartialShape::Scalar(), "training")});
  });
}

TEST_F(LayerNodes, ShapesAndLabels) {
  Expect("flatten", [] {
    Flatten(FedAs({-1, 3, 4}));
    Flatten(FedAs({2, -1, 4}, "y"));
    Flatten(FedAs({-1, -1, 4}, "z"), {.scope = "f"});
  });
  Expect("one_hot_encoding", [] {
    OneHotEncoding(Placeholder(kInt32, {-1}, "x"), 10);
    OneHotEncoding(Placeholder(kInt64, {-1}, "y"), 10,
                   {.on_value = 2.0f, .off_value = -1.0f, .scope = "oh"});
  });
  Expect("softmax", [] { Softmax(FedAs({-1, 3, 4}), {.scope = "Predictions"}); });
}

TEST_F(LayerNodes, RepeatAndStack) {
  Expect("repeat_and_stack", [] {
    Repeat(
        FedAs({2, 8, 8, 3}), 2,
        [](const Tensor& x, const std::string& scope) {
          return Conv2d(x, 4, {3, 3}, {.scope = scope});
        },
        "conv1");
    Stack(
        FedAs({2, 6}, "y"), {5, 4},
        [](const Tensor& x, int64_t units, const std::string& scope) {
          return FullyConnected(x, units, {.scope = scope});
        },
        "fc");
  });
}

TEST_F(LayerNodes, Initializers) {
  Expect("initializers", [] {
    const Shape shape({3, 3, 4, 5});
    GetVariable("w0", shape, {.initializer = XavierInitializer({.seed = 1})});
    GetVariable("w1", shape, {.initializer = XavierInitializer({.uniform = false, .seed = 1})});
    GetVariable("w2", shape, {.initializer = VarianceScalingInitializer({.seed = 1})});
    GetVariable("w3", shape,
                {.initializer = VarianceScalingInitializer(
                     {.factor = 1, .mode = Fan::kOut, .uniform = true, .seed = 1})});
  });
}

}  // namespace
}  // namespace weft::layers
