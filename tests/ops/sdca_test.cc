// SPDX-License-Identifier: Apache-2.0
// Expected values: TensorFlow 2.15.1's, on a CPU.
#include <string>

#include "tests/support/op_case.h"

namespace weft {
namespace {

OpCase OneExample(const char* op, const char* loss, float label, float dual) {
  OpCase c(op);
  c.In(I64({0, 0})).In(I64({7, 3})).In(F32({0.5f, 2})).In(F32({{1, -1.5f}}));
  c.In(F32({2})).In(F32({label}));
  c.In(I64({3, 5, 7})).In(F32({0.3f, 0.1f, -0.2f})).In(F32({0.2f, 0.4f}));
  c.In(F32({{dual, 0, 0, 0}}));
  c.Attr("loss_type", std::string(loss)).Attr("num_sparse_features", 1);
  c.Attr("num_sparse_features_with_values", 1).Attr("num_dense_features", 1);
  c.Attr("l1", 0.05f).Attr("l2", 0.5f);
  c.Attr("num_loss_partitions", 2).Attr("num_inner_iterations", 1);
  return c;
}

TEST(SdcaOptimizer, OneStepOfEachLoss) {
  const auto expect = [](const char* loss, float label, float dual, const Array& state,
                         const Array& sparse, const Array& dense) {
    for (const char* op : {"SdcaOptimizer", "SdcaOptimizerV2"})
      OneExample(op, loss, label, dual).Out(state).Out(sparse).Out(dense).RunEverywhere();
  };
  expect("logistic_loss", 0, -0.1f, F32({{-0.13146743f, 1.3862944f, -0.650166f, 2}}),
         F32({-0.25173944f, 0, -0.06293486f}), F32({-0.12586972f, 0.18880458f}));
  expect("squared_loss", 2.5f, 0.1f, F32({{0.13934426f, 6.25f, -0.49f, 2}}),
         F32({0.3147541f, 0, 0.078688525f}), F32({0.15737705f, -0.23606557f}));
  expect("hinge_loss", 1, 0.1f, F32({{0.11666667f, 2, -0.2f, 2}}),
         F32({0.13333334f, 0, 0.033333335f}), F32({0.06666667f, -0.10000001f}));
  expect("smooth_hinge_loss", 0, 0.1f, F32({{0, 1, kInf, 2}}), F32({-0.8f, 0, -0.2f}),
         F32({-0.4f, 0.6f}));
  expect("poisson_loss", 3, 0.1f, F32({{0.11764347f, 2, 0.37532228f, 2}}),
         F32({0.14114776f, 0, 0.03528694f}), F32({0.07057388f, -0.10586082f}));
}

// The dual objective of squared loss is maximal where the residual is the dual variable.
TEST(SdcaOptimizer, Converges) {
  for (const bool adaptive : {false, true}) {
    Graph graph;
    GraphScope scope(graph);
    const Array x = F32({{1, 0}, {0, 1}, {1, 1}, {2, -1}}), y = F32({1, 2, 3, 0.5f});
    const Tensor weights = PlaceholderOf(kFloat32), state = PlaceholderOf(kFloat32);
    const absl::StatusOr<Operation> step =
        AddNode("SdcaOptimizerV2",
                {ConstantOf(x), ConstantOf(F32({1, 1, 1, 1})), ConstantOf(y), weights, state},
                {{"loss_type", std::string("squared_loss")},
                 {"adaptive", adaptive},
                 {"num_sparse_features", 0},
                 {"num_sparse_features_with_values", 0},
                 {"num_dense_features", 1},
                 {"l1", 0.f},
                 {"l2", 1.f},
                 {"num_loss_partitions", 1},
                 {"num_inner_iterations", 1}});
    ASSERT_TRUE(step.ok()) << step.status();
    Session session(graph);
    Array w = F32({0, 0}), s = Array::Zeros(kFloat32, Shape({4, 4}));
    for (int i = 0; i < 200; ++i) {
      const std::vector<Array> got =
          session.Run({step->output(0), step->output(1)}, {{weights, w}, {state, s}});
      s = got[0];
      for (int k = 0; k < 2; ++k) w.mutable_data<float>()[k] += got[1].data<float>()[k];
    }
    // Ridge regression: (x^T x + 1)^-1 x^T y.
    EXPECT_NEAR(w.data<float>()[0], 0.90740741f, 1e-4) << adaptive;
    EXPECT_NEAR(w.data<float>()[1], 1.35185185f, 1e-4) << adaptive;
  }
}

TEST(SdcaOptimizer, BadInput) {
  OneExample("SdcaOptimizer", "hinge_loss", 0.5f, 0)
      .ExpectRunError(Code::kInvalidArgument, "Only labels of 0.0 or 1.0 are supported");
  OneExample("SdcaOptimizer", "poisson_loss", -1, 0)
      .ExpectRunError(Code::kInvalidArgument, "Only non-negative labels");
}

TEST(SdcaShrinkL1, TowardsZero) {
  OpCase("SdcaShrinkL1")
      .In(F32({1, -1, 0.25f, -0.25f, 0}))
      .Attr("num_features", 1)
      .Attr("l1", 0.25f)
      .Attr("l2", 0.5f)
      .After(0, F32({0.5f, -0.5f, 0, 0, 0}))
      .RunEverywhere();
}

std::string Bytes(int first, int count, int modulus) {
  std::string text;
  for (int i = 0; i < count; ++i) text.push_back(static_cast<char>(first + i % modulus));
  return text;
}

TEST(SdcaFprint, TextsOfAllLengths) {
  const std::string sentence = "hello world, this is a test";
  OpCase("SdcaFprint")
      .In(Array::FromVector(
          std::vector<std::string>{"", "abc", "abcdefghijklmnop", std::string(17, 'x'),
                                   sentence + sentence, Bytes(100, 150, 30), Bytes(0, 127, 251),
                                   Bytes(0, 143, 251), Bytes(0, 144, 251), Bytes(0, 300, 251)}))
      .Out(I64({{4463240938071824939, 4374473821787594281},
                {4143508125394299908, -6879828354153669051},
                {4884664341716474623, -6002782382142941965},
                {6750864138911643067, 4963244384729455311},
                {-6348916641024949291, 5674245710471316808},
                {6417200798368410908, -8407880885642464146},
                {4796251113509161169, 7054556971948026925},
                {6168517493151701505, -1843675920898764084},
                {1271118513972450126, -3628247658984307914},
                {3606345253447266792, -4287701861311000704}}))
      .RunEverywhere();
  OpCase("SdcaFprint")
      .In(Array("text"))
      .ExpectRunError(Code::kInvalidArgument, "Input must be a vector");
}

}  // namespace
}  // namespace weft
