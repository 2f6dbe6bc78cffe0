// SPDX-License-Identifier: Apache-2.0
// Layers: values by the ops they are made of, variables, collections, errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/arrays.h"
#include "weft/core/error.h"
#include "weft/nn/layers.h"
#include "weft/weft.h"

namespace weft::layers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Layers : public testing::Test {
 protected:
  Array Run(const Tensor& t, const Feeds& feeds = {}) {
    Session session(graph_);
    session.Run(GlobalVariablesInitializer());
    return session.Run(t, feeds);
  }
  std::vector<std::string> Names(const std::vector<Variable>& variables) {
    std::vector<std::string> names;
    for (const Variable& v : variables) names.push_back(v.op_name());
    return names;
  }
  template <typename E = InvalidArgumentError>
  std::string Message(const std::function<void()>& f) {
    try {
      f();
    } catch (const E& e) {
      return e.what();
    }
    return "not thrown";
  }
  Graph graph_;
  GraphScope use_{graph_};
};

Tensor Ph(const PartialShape& shape) { return Placeholder(kFloat32, shape, "x"); }
Array Counting(const Shape& shape) {
  std::vector<float> v(static_cast<size_t>(shape.num_elements()));
  for (size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>(i % 7) - 3;
  return Array::FromVector(v, shape);
}

TEST_F(Layers, ConvolutionIsItsOps) {
  graph_.set_seed(1);
  const Tensor x = Constant(Counting(Shape({2, 6, 5, 3})));
  const Tensor y = Conv2d(x, 4, {3, 2}, {.stride = {2, 1}, .scope = "c"});
  const Tensor w = graph_.TensorByName("c/weights/read:0");
  const Tensor z = nn::Relu(nn::Conv2D(x, w, {2, 1}, "SAME"));
  Session session(graph_);
  session.Run(GlobalVariablesInitializer());
  const std::vector<Array> both = session.Run({y, z});
  EXPECT_TRUE(ArraysNear(both[0], both[1], DefaultTolerance(kFloat32)));
  EXPECT_EQ(y.shape(), PartialShape({2, 3, 5, 4}));
}

TEST_F(Layers, VariablesOfModels) {
  const Tensor x = Ph({2, 8, 8, 3});
  Conv2d(x, 4, 3,
         {.normalizer = BatchNorm,
          .variables_collections = {.named = {{"weights", "w"}, {"biases", "b"}}},
          .scope = "c"});
  const std::vector<std::string> all = {"c/weights", "c/BatchNorm/beta", "c/BatchNorm/moving_mean",
                                        "c/BatchNorm/moving_variance"};
  EXPECT_EQ(Names(GlobalVariables()), all);
  EXPECT_EQ(Names(ModelVariables()), all);
  EXPECT_THAT(Names(TrainableVariables()), ElementsAre("c/weights", "c/BatchNorm/beta"));
  EXPECT_THAT(Names(VariablesOf("w")), ElementsAre("c/weights"));
  EXPECT_THAT(Names(VariablesOf("b")), IsEmpty());
  EXPECT_EQ(graph_.GetCollection(GraphKeys::kUpdateOps).size(), 2u);
}

TEST_F(Layers, FrozenLayersTrainNothing) {
  const ArgScope frozen({kConv2d, kBatchNorm}, {.trainable = false});
  Conv2d(Ph({2, 8, 8, 3}), 4, 3, {.normalizer = BatchNorm, .scope = "c"});
  EXPECT_THAT(TrainableVariables(), IsEmpty());
  EXPECT_THAT(graph_.GetCollection(GraphKeys::kUpdateOps), IsEmpty());
}

TEST_F(Layers, ReuseSharesVariablesAndPenalties) {
  const Tensor x = Ph({2, 12});
  const LayerOptions options{.weights_regularizer = L2Regularizer(0.5f), .scope = "fc"};
  FullyConnected(x, 5, options);
  LayerOptions again = options;
  again.reuse = Reuse::kTrue;
  FullyConnected(x, 5, again);
  EXPECT_EQ(GlobalVariables().size(), 2u);
  EXPECT_EQ(losses::GetRegularizationLosses().size(), 1u);
  EXPECT_THAT(Message<AlreadyExistsError>([&] { FullyConnected(x, 5, options); }),
              HasSubstr("Variable fc/weights already exists"));
  EXPECT_THAT(Message([&] { FullyConnected(x, 5, {.reuse = Reuse::kTrue}); }),
              HasSubstr("reuse=True cannot be used without a name_or_scope"));
  EXPECT_THAT(Message<NotFoundError>(
                  [&] { FullyConnected(x, 5, {.reuse = Reuse::kTrue, .scope = "new"}); }),
              HasSubstr("Variable new/weights does not exist"));
}

TEST_F(Layers, PenaltyOfWeights) {
  FullyConnected(Ph({2, 2}), 2,
                 {.weights_initializer = ConstantInitializer(F32({{1, -2}, {-3, 4}})),
                  .weights_regularizer = L2Regularizer(0.5f),
                  .scope = "fc"});
  const std::vector<Tensor> penalties = losses::GetRegularizationLosses();
  ASSERT_EQ(penalties.size(), 1u);
  EXPECT_EQ(penalties[0].op().name(), "fc/kernel/Regularizer/l2_regularizer");
  EXPECT_TRUE(ArraysNear(Run(penalties[0]), F32(7.5f), DefaultTolerance(kFloat32)));
}

TEST_F(Layers, TransposedConvolutionSizes) {
  const auto shape = [](const PartialShape& in, const Window& kernel, const LayerOptions& o) {
    return Conv2dTranspose(Ph(in), 5, kernel, o).shape();
  };
  EXPECT_EQ(shape({2, 4, 3, 3}, 3, {.stride = 2}), PartialShape({2, 8, 6, 5}));
  EXPECT_EQ(shape({2, 4, 3, 3}, {5, 2}, {.stride = {2, 3}, .padding = "VALID"}),
            PartialShape({2, 11, 9, 5}));
  EXPECT_EQ(shape({-1, -1, 3, 3}, 3, {.stride = 2}), PartialShape({-1, -1, 6, 5}));
  const Tensor x = Ph({-1, -1, -1, 1});
  const Tensor y = Conv2dTranspose(
      x, 1, 3,
      {.stride = 2, .padding = "VALID", .weights_initializer = OnesInitializer(), .scope = "t"});
  EXPECT_TRUE(ArraysNear(Run(y, {{x, Array::Full(Shape({1, 1, 2, 1}), Array(1.f))}}),
                         F32(Shape({1, 3, 5, 1}), {1, 1, 2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 2, 1, 1}),
                         DefaultTolerance(kFloat32)));
}

TEST_F(Layers, SeparableIsItsOps) {
  graph_.set_seed(1);
  const Tensor x = Constant(Counting(Shape({1, 5, 5, 2})));
  const Tensor y = SeparableConv2d(x, 3, 3, {.depth_multiplier = 2, .scope = "s"});
  const Tensor z =
      nn::Relu(nn::SeparableConv2D(x, graph_.TensorByName("s/depthwise_weights/read:0"),
                                   graph_.TensorByName("s/pointwise_weights/read:0"), {1}, "SAME"));
  Session session(graph_);
  session.Run(GlobalVariablesInitializer());
  const std::vector<Array> both = session.Run({y, z});
  EXPECT_TRUE(ArraysNear(both[0], both[1], DefaultTolerance(kFloat32)));
}

// Rows 1, 3 have mean 2 and variance 1.
class BatchNormValues : public Layers {
 protected:
  void Expect(const LayerOptions& options) {
    const Tensor x = Constant(F32({{1}, {3}}));
    LayerOptions told = options;
    told.decay = 0.75;
    told.epsilon = 0;
    told.scope = "bn";
    const Tensor y = BatchNorm(x, told);
    const std::vector<Tensor> averages = {graph_.TensorByName("bn/moving_mean/read:0"),
                                          graph_.TensorByName("bn/moving_variance/read:0")};
    const Operation all = Group(UpdateOps());
    Session session(graph_);
    session.Run(GlobalVariablesInitializer());
    EXPECT_TRUE(ArraysNear(session.Run(y), F32({{-1}, {1}}), DefaultTolerance(kFloat32)));
    session.Run(all);
    const std::vector<Array> after = session.Run(averages);
    EXPECT_TRUE(ArraysNear(after[0], F32({mean_}), DefaultTolerance(kFloat32)));
    EXPECT_TRUE(ArraysNear(after[1], F32({variance_}), DefaultTolerance(kFloat32)));
  }
  float mean_ = 0.5f, variance_ = 1;
};

TEST_F(BatchNormValues, Fused) {
  // The fused op gives the variance of the population from which the batch is a sample: 2.
  variance_ = 1.25f;
  Expect({});
}
TEST_F(BatchNormValues, NotFused) { Expect({.fused = false}); }
TEST_F(BatchNormValues, Weighted) { Expect({.batch_weights = Constant({5.f, 5.f})}); }
TEST_F(BatchNormValues, InPlace) {
  // The first run of the output has moved the averages; no collection has ops to run.
  variance_ = 1.25f;
  Expect({.updates_collections = nullptr});
  EXPECT_THAT(graph_.GetCollection(GraphKeys::kUpdateOps), IsEmpty());
}

TEST_F(Layers, BatchNormByPlaceholder) {
  const Tensor training = Placeholder(kBool, PartialShape::Scalar(), "training");
  const Tensor x = Constant(F32(Shape({2, 1, 1, 1}), {1, 3}));
  const Tensor y = BatchNorm(x, {.epsilon = 0, .is_training = training, .scope = "bn"});
  const Tensor mean = graph_.TensorByName("bn/moving_mean/read:0");
  const Operation all = Group(UpdateOps());
  Session session(graph_);
  session.Run(GlobalVariablesInitializer());
  const Array yes(true), no(false);
  EXPECT_TRUE(ArraysNear(session.Run(y, {{training, no}}), F32(Shape({2, 1, 1, 1}), {1, 3}),
                         DefaultTolerance(kFloat32)));
  session.Run(all, {{training, no}});
  EXPECT_EQ(session.Run(mean).values<float>()[0], 0);
  EXPECT_TRUE(ArraysNear(session.Run(y, {{training, yes}}), F32(Shape({2, 1, 1, 1}), {-1, 1}),
                         DefaultTolerance(kFloat32)));
  session.Run(all, {{training, yes}});
  EXPECT_NEAR(session.Run(mean).values<float>()[0], 0.002f, 1e-6f);
}

TEST_F(Layers, LayerNormNormalizesEachExample) {
  const Tensor y = LayerNorm(Constant(F32({{1, 3}, {10, 30}})), {.scope = "ln"});
  EXPECT_TRUE(ArraysNear(Run(y), F32({{-1, 1}, {-1, 1}}), DefaultTolerance(kFloat32)));
}

TEST_F(Layers, UnitNormAlongADimension) {
  const Tensor y = UnitNorm(Constant(F32({{3, 1}, {4, 0}})), 0, {.epsilon = 0.0});
  EXPECT_TRUE(ArraysNear(Run(y), F32({{0.6f, 1}, {0.8f, 0}}), DefaultTolerance(kFloat32)));
  EXPECT_THAT(Message([] {
                UnitNorm(Ph({2, 3}), 2);
              }),
              HasSubstr("dim must be positive but smaller than the input rank"));
}

TEST_F(Layers, DropoutInTrainingAlone) {
  graph_.set_seed(4);
  const Tensor x = Constant(Array::Full(Shape({1000}), Array(1.f)));
  const Tensor dropped = Dropout(x, {.keep_prob = 0.75});
  const Tensor whole = Dropout(x, {.keep_prob = 0.75, .is_training = false});
  double sum = 0;
  const Array got = Run(dropped);
  for (float v : got.values<float>()) {
    EXPECT_TRUE(v == 0 || v == 1 / 0.75f) << v;
    sum += v;
  }
  EXPECT_NEAR(sum, 1000, 100);
  EXPECT_EQ(whole.op().type(), "Identity");
  EXPECT_THAT(Message([&] { Dropout(x, {.keep_prob = 1.5, .is_training = false}); }),
              HasSubstr("keep_prob must be between 0 and 1. Received: 1.5"));
}

TEST_F(Layers, FlattenKeepsTheBatch) {
  EXPECT_EQ(Flatten(Ph({-1, 3, 4})).shape(), PartialShape({-1, 12}));
  EXPECT_EQ(Flatten(Ph({2, -1, 4})).shape(), PartialShape({2, -1}));
  EXPECT_EQ(Flatten(Ph({-1, -1, 4})).shape(), PartialShape({-1, -1}));
  EXPECT_EQ(Flatten(Ph({5})).shape(), PartialShape({5, 1}));
}

TEST_F(Layers, EndPoints) {
  const Tensor x = Ph({1, 8, 8, 3});
  const ArgScope scope({kConv2d, kMaxPool2d}, {.outputs_collections = "ends"});
  Tensor pool;
  {
    const VariableScope net("net");
    pool = MaxPool2d(Conv2d(x, 4, 3, {.scope = "conv1"}), 2, {.scope = "pool1"});
  }
  AddToCollection("ends", x);
  const EndPoints ends = ConvertCollectionToDict("ends");
  ASSERT_EQ(ends.size(), 3u);
  EXPECT_EQ(ends.at("net/pool1"), pool);
  EXPECT_EQ(ends.at("net/conv1").op().name(), "net/conv1/Relu");
  EXPECT_EQ(ends.at("x"), x);
}

TEST_F(Layers, VariablesToRestore) {
  const Tensor x = Ph({1, 4});
  FullyConnected(FullyConnected(x, 4, {.scope = "body"}), 2, {.scope = "head"});
  EXPECT_THAT(Names(GetVariablesToRestore({.exclude = {"head"}})),
              ElementsAre("body/weights", "body/biases"));
  EXPECT_THAT(Names(GetVariablesToRestore({.include = {"head", ".*weights"}})),
              ElementsAre("head/weights", "head/biases", "body/weights"));
}

TEST_F(Layers, BadArguments) {
  EXPECT_THAT(Message([] {
                Conv2d(Ph({1, 8, 8, -1}), 4, 3);
              }),
              HasSubstr("conv2d: the channel dimension of the inputs should be defined"));
  EXPECT_THAT(Message([] { Conv2d(Ph({1, 8, 3}), 4, 3); }), HasSubstr("its rank must be 4"));
  EXPECT_THAT(Message([] {
                Conv2d(Ph({1, 8, 8, 3}), 0, 3);
              }),
              HasSubstr("the number of outputs must be positive. Received: 0"));
  EXPECT_THAT(Message([] {
                Conv2d(Ph({1, 8, 8, 3}), 4, {3, 3, 3});
              }),
              HasSubstr("the `kernel_size` argument must be one number"));
  EXPECT_THAT(Message([] {
                Conv2d(Ph({1, 8, 8, 3}), 4, 3, {.stride = 0});
              }),
              HasSubstr("the `stride` argument must be"));
  EXPECT_THAT(Message([] {
                Conv2d(Ph({1, 8, 8, 3}), 4, 3, {.stride = 2, .rate = 2});
              }),
              HasSubstr("`strides > 1` not supported in conjunction with `rate > 1`"));
  EXPECT_THAT(Message([] {
                Conv2d(Ph({1, 8, 8, 3}), 4, 3, {.padding = "FULL"});
              }),
              HasSubstr("must be \"VALID\" or \"SAME\". Received: FULL"));
  EXPECT_THAT(Message([] {
                MaxPool2d(Ph({1, 8, 8, 3}), 2, {.data_format = "CHWN"});
              }),
              HasSubstr("data_format has to be either NCHW or NHWC, not 'CHWN'"));
  EXPECT_THAT(Message([] {
                FullyConnected(Ph({4, -1}), 4);
              }),
              HasSubstr("its last dimension be defined"));
  EXPECT_THAT(Message([] {
                Conv2d(Ph({1, 8, 8, 3}), int64_t{1} << 62, 3);
              }),
              HasSubstr("conv2d: the shape of the weights"));
  EXPECT_THAT(Message([] { BatchNorm(Placeholder(kFloat32)); }), HasSubstr("its rank must be"));
}

}  // namespace
}  // namespace weft::layers
