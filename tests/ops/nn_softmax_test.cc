// SPDX-License-Identifier: Apache-2.0
#include "tests/support/gradient_case.h"
#include "tests/support/op_case.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/nn.h"

namespace weft {
namespace {

TEST(Softmax, Values) {
  OpCase("Softmax")
      .In(F32({{0, 0, 0}, {0, 0.69314718f, 1.0986123f}}))
      .Out(F32({{1.f / 3, 1.f / 3, 1.f / 3}, {1.f / 6, 2.f / 6, 3.f / 6}}))
      .RunEverywhere();
  // The largest logit is taken off first: nothing overflows.
  OpCase("Softmax").In(F32({1000, 1000, -1000})).Out(F32({0.5f, 0.5f, 0})).RunEverywhere();
  OpCase("Softmax").In(F64({-1e300, 0})).Out(F64({0, 1})).RunEverywhere();
  OpCase("Softmax").In(F32({kNaN, 1})).Out(F32({kNaN, kNaN})).RunEverywhere();
  OpCase("Softmax").In(F32({kInf, 1})).Out(F32({kNaN, kNaN})).RunEverywhere();
  OpCase("Softmax").In(F32({-kInf, 1})).Out(F32({0, 1})).RunEverywhere();
  OpCase("Softmax").In(F16({1, 1})).Out(F16({0.5f, 0.5f})).RunEverywhere();
  OpCase("Softmax")
      .In(BF16({{1, 1}, {2, 2}}))
      .Out(BF16({{0.5f, 0.5f}, {0.5f, 0.5f}}))
      .RunEverywhere();
  OpCase("Softmax").In(F32(Shape({2, 0}), {})).Out(F32(Shape({2, 0}), {})).RunEverywhere();
  OpCase("Softmax")
      .In(F32(Shape({1, 2, 1}), {3, 4}))
      .Out(F32(Shape({1, 2, 1}), {1}))
      .RunEverywhere();
}

TEST(LogSoftmax, Values) {
  OpCase("LogSoftmax")
      .In(F64({{0, 0}, {0, 1}}))
      .Out(F64({{-0.6931471805599453, -0.6931471805599453},
                {-1.3132616875182228, -0.31326168751822286}}))
      .RunEverywhere();
  // The logarithm of a probability that is 0 as float32.
  OpCase("LogSoftmax").In(F32({0, 1000})).Out(F32({-1000, 0})).RunEverywhere();
  OpCase("LogSoftmax").In(F16({2, 2})).Out(F16({-0.6931472f, -0.6931472f})).RunEverywhere();
}

TEST(SoftmaxOps, ShapesAndTypes) {
  for (const char* op : {"Softmax", "LogSoftmax"}) {
    ExpectShape(op, {"[?,3]"}, "[?,3]");
    ExpectShape(op, {"[2,?,4]"}, "[2,?,4]");
    ExpectShape(op, {"?"}, "?");
    ExpectBuildError(op, {"[]"}, "Shape must be at least rank 1 but is rank 0");
    ExpectBuildError(op, {kInt32}, "not in the list of allowed values");
    OpCase(op).In(F32(1)).ExpectRunError(Code::kInvalidArgument, "logits must have >= 1 dimension");
  }
}

TEST(SoftmaxOps, Gradients) {
  for (const char* op : {"Softmax", "LogSoftmax"}) {
    CheckGradient(op, {{4}});
    CheckGradient(op, {{2, 3}}, Between(-3, 3));
    CheckGradient(op, {{2, 1, 3}});
  }
}

TEST(SoftmaxCrossEntropy, Values) {
  const double log2 = 0.6931471805599453;
  OpCase("SoftmaxCrossEntropyWithLogits")
      .In(F64({{0, 0}, {5, 5}}))
      .In(F64({{0.25, 0.75}, {1, 0}}))
      .Out(F64({log2, log2}))
      .Out(F64({{0.25, -0.25}, {-0.5, 0.5}}))
      .RunEverywhere();
  // A probability of 0 in both: 0 * log(0) counts as 0 where the logit is finite.
  OpCase("SoftmaxCrossEntropyWithLogits")
      .In(F32({{1000, 0}}))
      .In(F32({{1, 0}}))
      .Out(F32({0}))
      .Out(F32({{0, 0}}))
      .RunEverywhere();
  OpCase("SoftmaxCrossEntropyWithLogits")
      .In(F16({{0, 0}}))
      .In(F16({{1, 0}}))
      .Out(F16({0.6931472f}))
      .Out(F16({{-0.5f, 0.5f}}))
      .RunEverywhere();
}

TEST(SoftmaxCrossEntropy, Broadcasts) {
  const double log2 = 0.6931471805599453;
  OpCase("SoftmaxCrossEntropyWithLogits")
      .In(F64({{0, 0}}))
      .In(F64({{1, 0}, {0.5, 0.5}}))
      .Out(F64({log2, log2}))
      .Out(F64({{-0.5, 0.5}, {0, 0}}))
      .RunEverywhere();
  OpCase("SoftmaxCrossEntropyWithLogits")
      .In(F64({{7}, {9}}))
      .In(F64({{1, 0}, {0.5, 0.5}}))
      .Out(F64({log2, log2}))
      .Out(F64({{-0.5, 0.5}, {0, 0}}))
      .RunEverywhere();
}

TEST(SoftmaxCrossEntropy, Shapes) {
  const std::string op = "SoftmaxCrossEntropyWithLogits";
  ExpectShape(op, {"[?,3]", "[2,?]"}, "[2];[2,3]");
  ExpectShape(op, {"[?,?]", "?"}, "[?];[?,?]");
  ExpectShape(op, {"[1,3]", "[2,3]"}, "[2];[2,3]");
  ExpectShape(op, {"[2,3]", "[3]"}, "[2];[2,3]");
  ExpectBuildError(op, {"[2,3]", "[2,4]"}, "Dimensions must be equal, but are 3 and 4");
  ExpectBuildError(op, {"[3]", "[3]"}, "Shape must be broadcasted with rank 2, but is rank 1");
  OpCase(op)
      .In(F32({{1, 2}}))
      .In(F32({{1, 2, 3}}))
      .ExpectRunError(Code::kInvalidArgument, "broadcastable");
  OpCase(op)
      .In(F32({1, 2}))
      .In(F32({1, 2}))
      .ExpectRunError(Code::kInvalidArgument, "2-dimensional");
}

// The rule for the logits holds where each row of the labels has the sum 1.
TEST(SoftmaxCrossEntropy, GradientForLogits) {
  const auto check = [](std::initializer_list<int64_t> logits, const Array& labels) {
    CheckGradient("SoftmaxCrossEntropyWithLogits",
                  {GradientInput(logits), GradientInput::Fixed(labels)},
                  Between(-3, 3).Outputs({0}));
  };
  check({2, 3}, F64({{0.2, 0.3, 0.5}, {0, 1, 0}}));
  check({2, 3}, F64({{0.2, 0.3, 0.5}}));
  check({1, 3}, F64({{0.2, 0.3, 0.5}, {0, 1, 0}}));
}

TEST(SoftmaxCrossEntropy, GradientForLabels) {
  const auto loss = [](const std::vector<Tensor>& x) -> std::vector<Tensor> {
    return {OpBuilder("SoftmaxCrossEntropyWithLogits", NameOptions())
                .In(x[0])
                .In(nn::Softmax(x[1]))
                .Outputs()[0]};
  };
  CheckGradientOf(loss, {{2, 3}, {2, 3}}, FirstOrderOnly());
  CheckGradientOf(loss, {{2, 3}, {1, 3}}, FirstOrderOnly());
  CheckGradientOf(loss, {{1, 3}, {2, 3}}, FirstOrderOnly());
}

TEST(SparseSoftmaxCrossEntropy, Values) {
  const float log2 = 0.6931472f;
  OpCase("SparseSoftmaxCrossEntropyWithLogits")
      .In(F32({{0, 0}, {3, 3}}))
      .In(I32({0, 1}))
      .Out(F32({log2, log2}))
      .Out(F32({{-0.5f, 0.5f}, {0.5f, -0.5f}}))
      .RunEverywhere();
  OpCase("SparseSoftmaxCrossEntropyWithLogits")
      .In(F64({{-1000, 0, -1000}}))
      .In(I64({0}))
      .Out(F64({1000}))
      .Out(F64({{-1, 1, 0}}))
      .RunEverywhere();
  OpCase("SparseSoftmaxCrossEntropyWithLogits")
      .In(F32(Shape({0, 3}), {}))
      .In(I64(Shape({0}), {}))
      .Out(F32(Shape({0}), {}))
      .Out(F32(Shape({0, 3}), {}))
      .RunEverywhere();
}

TEST(SparseSoftmaxCrossEntropy, ShapesAndErrors) {
  const std::string op = "SparseSoftmaxCrossEntropyWithLogits";
  ExpectShape(op, {"[?,3]", "int64[2]"}, "[2];[2,3]");
  ExpectShape(op, {"?", "int32[?]"}, "[?];[?,?]");
  ExpectBuildError(op, {"[2,3]", "int64[3]"}, "Dimensions must be equal, but are 2 and 3");
  ExpectBuildError(op, {"[2,3]", "int64[2,1]"}, "Shape must be rank 1 but is rank 2");
  OpCase(op)
      .In(F32({{1, 2}}))
      .In(I64({2}))
      .ExpectRunError(Code::kInvalidArgument, "outside the valid range of [0, 2)");
  OpCase(op)
      .In(F32({{1, 2}}))
      .In(I32({-1}))
      .ExpectRunError(Code::kInvalidArgument, "label value of -1");
  OpCase(op)
      .In(F32({{1, 2}}))
      .In(I64({0, 1}))
      .ExpectRunError(Code::kInvalidArgument, "same first dimension");
  OpCase(op)
      .In(F32(Shape({1, 0}), {}))
      .In(I64({0}))
      .ExpectRunError(Code::kInvalidArgument, "at least one class");
}

TEST(SparseSoftmaxCrossEntropy, Gradients) {
  CheckGradient("SparseSoftmaxCrossEntropyWithLogits", {{3, 4}, I64({0, 3, 3})},
                GradientCheck().Outputs({0}));
  CheckGradient("SparseSoftmaxCrossEntropyWithLogits", {{2, 2}, I32({1, 0})},
                Between(-4, 4).Outputs({0}));
}

}  // namespace
}  // namespace weft
