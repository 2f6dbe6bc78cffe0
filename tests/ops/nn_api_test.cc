// SPDX-License-Identifier: Apache-2.0
// The public functions of convolution, pooling, CTC and sampled losses add TensorFlow's nodes.
#include "tests/support/arrays.h"
#include "tests/support/graph_golden.h"
#include "weft/core/error.h"
#include "weft/ops/basic.h"
#include "weft/ops/convolution.h"
#include "weft/ops/ctc.h"
#include "weft/ops/sampled_loss.h"
#include "weft/runtime/session.h"

namespace weft {
namespace {

Tensor Fed(const PartialShape& shape, DataType dtype = kFloat32) {
  return Placeholder(dtype, shape, "x");
}

class NnApi : public testing::Test {
 protected:
  void Expect(const std::string& section, const std::function<void()>& build,
              std::source_location where = std::source_location::current()) {
    golden_.Expect(section, build, where);
  }
  GoldenGraphs golden_{"tests/ops/data/images.golden"};
};

TEST_F(NnApi, Convolutions) {
  Expect("conv2d", [] {
    const Tensor x = Fed({1, 4, 4, 2}), w = Fed({2, 2, 2, 3});
    nn::Conv2D(x, w, {1, 2, 2, 1}, "SAME");
    const Tensor y = Fed({1, 2, 4, 4}), v = Fed({2, 2, 2, 3});
    nn::Conv2D(y, v, {1}, "EXPLICIT",
               {.dilations = {1, 1, 1, 2},
                .explicit_paddings = {0, 0, 0, 0, 1, 0, 0, 1},
                .data_format = "NCHW",
                .name = "c"});
  });
  Expect("conv1d", [] {
    const Tensor x = Fed({1, 4, 2}), w = Fed({2, 2, 3});
    nn::Conv1D(x, w, 2, "VALID");
    const Tensor y = Fed({1, 2, 4}), v = Fed({2, 2, 3});
    nn::Conv1D(y, v, 1, "SAME", {.data_format = "NCW", .name = "c"});
  });
  Expect("conv3d", [] {
    const Tensor x = Fed({1, 4, 4, 4, 2}), w = Fed({2, 2, 2, 2, 3});
    nn::Conv3D(x, w, {1, 1, 1, 2, 1}, "SAME");
  });
  Expect("conv2d_transpose", [] {
    const Tensor x = Fed({1, 2, 2, 3}), w = Fed({2, 2, 2, 3});
    nn::Conv2DTranspose(x, w, {1, 4, 4, 2}, {2});
    const Tensor y = Fed({1, 2, 2, 3}), v = Fed({2, 2, 2, 3}), sizes = Fed({4}, kInt32);
    nn::Conv2DTranspose(y, v, sizes, {1, 2, 2, 1}, "SAME", {.name = "up"});
  });
  Expect("conv3d_transpose", [] {
    const Tensor x = Fed({1, 2, 2, 2, 3}), w = Fed({2, 2, 2, 2, 3});
    nn::Conv3DTranspose(x, w, {1, 4, 4, 4, 2}, {2});
  });
}

TEST_F(NnApi, ByChannel) {
  Expect("separable_conv2d", [] {
    const Tensor x = Fed({1, 4, 4, 2}), w = Fed({2, 2, 2, 3}), p = Fed({1, 1, 6, 5});
    nn::SeparableConv2D(x, w, p, {1, 1, 1, 1}, "SAME");
  });
  Expect("depthwise_conv2d", [] {
    const Tensor x = Fed({1, 4, 4, 2}), w = Fed({2, 2, 2, 3});
    nn::DepthwiseConv2D(x, w, {1, 1, 1, 1}, "SAME");
    const Tensor y = Fed({1, 4, 4, 2}), v = Fed({2, 2, 2, 3});
    nn::DepthwiseConv2D(y, v, {1, 2, 2, 1}, "VALID", {.name = "d"});
  });
}

TEST_F(NnApi, Pools) {
  Expect("pools", [] {
    nn::MaxPool(Fed({1, 4, 4, 2}), {2}, {2}, "SAME");
    nn::AvgPool(Fed({1, 4, 4, 2}), {2, 3}, {1}, "VALID");
    nn::MaxPool(Fed({1, 2, 4, 4}), {1, 1, 2, 2}, {2}, "SAME", {.data_format = "NCHW", .name = "p"});
    nn::MaxPool3D(Fed({1, 4, 4, 4, 2}), {2}, {2}, "SAME");
    nn::AvgPool3D(Fed({1, 4, 4, 4, 2}), {2}, {2}, "SAME", {.name = "a"});
  });
  Expect("pool", [] {
    nn::Pool(Fed({1, 4, 2}), {2}, "MAX", "SAME", {.strides = {2}});
    nn::Pool(Fed({1, 4, 4, 2}), {2, 3}, "AVG", "VALID");
    nn::Pool(Fed({1, 4, 4, 4, 2}), {2, 2, 2}, "MAX", "VALID", {.name = "p"});
  });
  Expect("max_pool_with_argmax", [] {
    nn::MaxPoolWithArgmax(Fed({1, 4, 4, 2}), {1, 2, 2, 1}, {1, 2, 2, 1}, "SAME");
  });
  Expect("fractional_max_pool", [] {
    nn::FractionalMaxPool(Fed({1, 4, 4, 2}), {1, 1.5f, 1.5f, 1},
                          {.deterministic = true, .seed = 1, .seed2 = 2});
  });
}

TEST_F(NnApi, Normalisations) {
  Expect("local_response_normalization", [] {
    nn::LocalResponseNormalization(Fed({1, 4, 4, 2}), {.depth_radius = 3, .bias = 2});
  });
  Expect("fused_batch_norm", [] {
    const Tensor x = Fed({1, 4, 4, 2}), scale = Fed({2}), offset = Fed({2});
    nn::FusedBatchNorm(x, scale, offset);
    const Tensor y = Fed({1, 4, 4, 2}), mean = Fed({2}), variance = Fed({2});
    nn::FusedBatchNorm(y, Array({1.f, 2.f}), Array({3.f, 4.f}),
                       {.mean = mean, .variance = variance, .is_training = false, .name = "bn"});
  });
  Expect("dilation2d", [] {
    const Tensor x = Fed({1, 4, 4, 2}), w = Fed({2, 2, 2});
    nn::Dilation2D(x, w, {1, 1, 1, 1}, {1, 2, 2, 1}, "SAME");
  });
  const Graph graph;
  const GraphScope scope(graph);
  EXPECT_THROW(nn::FusedBatchNorm(Fed({1, 4, 4, 2}), Array({1.f, 2.f}), Array({3.f, 4.f}),
                                  {.is_training = false}),
               InvalidArgumentError);
  EXPECT_THROW(nn::MaxPool(Fed({1, 4, 4, 2}), {2, 2, 2}, {1}, "SAME"), InvalidArgumentError);
  EXPECT_THROW(nn::Pool(Fed({1, 4, 4, 2}), {2, 2}, "MIN", "SAME"), InvalidArgumentError);
  EXPECT_THROW(nn::Pool(Fed({1, 4, 4, 2}), {2, 2}, "MAX", "SAME", {.strides = {3, 1}}),
               InvalidArgumentError);
}

TEST_F(NnApi, Ctc) {
  Expect("ctc_loss", [] {
    const Tensor indices = Fed({3, 2}, kInt64), values = Fed({3}, kInt32), shape = Fed({2}, kInt64);
    const Tensor x = Fed({2, 5, 4}), lengths = Fed({2}, kInt32);
    nn::CtcLoss({indices, values, shape}, x, lengths, {.time_major = false});
  });
  Expect("ctc_decoders", [] {
    const Tensor x = Fed({5, 2, 4}), lengths = Fed({2}, kInt32);
    nn::CtcGreedyDecoder(x, lengths);
    const Tensor y = Fed({5, 2, 4}), more = Fed({2}, kInt32);
    nn::CtcBeamSearchDecoder(y, more, {.beam_width = 7, .top_paths = 2});
  });
}

TEST_F(NnApi, SampledLosses) {
  Expect("nce_loss", [] {
    const Tensor w = Fed({9, 3}), b = Fed({9}), labels = Fed({2, 1}, kInt64), x = Fed({2, 3});
    nn::NceLoss(w, b, labels, x, {.num_sampled = 4, .num_classes = 9});
  });
  Expect("sampled_softmax_loss", [] {
    const Tensor w = Fed({9, 3}), b = Fed({9}), labels = Fed({2, 2}, kInt32), x = Fed({2, 3});
    nn::SampledSoftmaxLoss(
        w, b, labels, x,
        {.num_sampled = 4, .num_classes = 9, .num_true = 2, .seed = 1, .name = "s"});
  });
}

// One dilated node computes what TensorFlow's space-to-batch does.
TEST(AtrousConv2D, Values) {
  const Graph graph;
  const GraphScope scope(graph);
  const Tensor y = nn::AtrousConv2D(F32(Shape({1, 1, 5, 1}), {1, 2, 3, 4, 5}),
                                    F32(Shape({1, 2, 1, 1}), {1, 10}), 3, "VALID");
  EXPECT_EQ(y.name(), "convolution:0");
  EXPECT_TRUE(ArraysEqual(Session(graph).Run(y), F32(Shape({1, 1, 2, 1}), {41, 52})));
}

}  // namespace
}  // namespace weft
