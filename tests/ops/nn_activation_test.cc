// SPDX-License-Identifier: Apache-2.0
#include "tests/support/gradient_case.h"
#include "tests/support/op_case.h"
#include "weft/ops/activation.h"

namespace weft {
namespace {

TEST(Relu, Values) {
  OpCase("Relu")
      .In(F32({-1, 0, 2, kNaN, -kInf, kInf}))
      .Out(F32({0, 0, 2, kNaN, 0, kInf}))
      .RunEverywhere();
  OpCase("Relu").In(I8({-5, 5})).Out(I8({0, 5})).RunEverywhere();
  OpCase("Relu").In(BF16({-1.5f, 1.5f})).Out(BF16({0, 1.5f})).RunEverywhere();
  OpCase("Relu6").In(F32({-1, 3, 7, kNaN})).Out(F32({0, 3, 6, kNaN})).RunEverywhere();
  OpCase("Relu6").In(U32({3, 9})).Out(U32({3, 6})).RunEverywhere();
}

TEST(LeakyRelu, Values) {
  OpCase("LeakyRelu").In(F32({-2, 0, 3})).Attr("alpha", 0.5f).Out(F32({-1, 0, 3})).RunEverywhere();
  OpCase("LeakyRelu").In(F64({-2, 3})).Attr("alpha", 2.0f).Out(F64({-4, 3})).RunEverywhere();
  OpCase("LeakyRelu").In(F16({-2, 3})).Attr("alpha", -1.0f).Out(F16({2, 3})).RunEverywhere();
}

TEST(ExponentialUnits, Values) {
  OpCase("Elu").In(F32({-1, 0, 2, -200})).Out(F32({-0.63212056f, 0, 2, -1})).RunEverywhere();
  OpCase("Selu")
      .In(F64({-1, 2}))
      .Out(F64({-1.1113307378125625, 2.1014019747096909}))
      .RunEverywhere();
}

TEST(SoftUnits, Values) {
  OpCase("Softplus")
      .In(F32({0, 100, -100}))
      .Out(F32({0.69314718f, 100, 3.7835059e-44f}))
      .RunEverywhere();
  OpCase("Softplus").In(F16({0})).Out(F16({0.69314718f})).RunEverywhere();
  OpCase("Softsign").In(F32({-3, 0, 1})).Out(F32({-0.75f, 0, 0.5f})).RunEverywhere();
}

TEST(ActivationGradients, Values) {
  OpCase("ReluGrad").In(F32({1, 2, 3})).In(F32({-1, 0, 1})).Out(F32({0, 0, 3})).RunEverywhere();
  OpCase("ReluGrad").In(I32({1, 2})).In(I32({-1, 1})).Out(I32({0, 2})).RunEverywhere();
  OpCase("Relu6Grad").In(F16({1, 2, 3})).In(F16({-1, 3, 6})).Out(F16({0, 2, 0})).RunEverywhere();
  OpCase("LeakyReluGrad")
      .In(F32({1, 2}))
      .In(F32({-1, 1}))
      .Attr("alpha", 0.25f)
      .Out(F32({0.25f, 2}))
      .RunEverywhere();
  OpCase("EluGrad").In(F32({2, 3})).In(F32({-0.5f, 4})).Out(F32({1, 3})).RunEverywhere();
  OpCase("SoftplusGrad").In(F64({2})).In(F64({0})).Out(F64({1})).RunEverywhere();
  OpCase("SoftsignGrad").In(F32({4})).In(F32({-1})).Out(F32({1})).RunEverywhere();
}

TEST(ActivationGradients, ShapesMustBeEqual) {
  for (const char* op : {"ReluGrad", "EluGrad", "LeakyReluGrad", "SoftplusGrad"}) {
    ExpectShape(op, {"[?,3]", "[2,?]"}, "[2,3]");
    ExpectBuildError(op, {"[2]", "[3]"}, "");
    OpCase(op)
        .In(F32({{1, 2}}))
        .In(F32({{1}, {2}}))
        .ExpectRunError(Code::kInvalidArgument, "must have the same size and shape");
  }
}

TEST(Activations, ShapesAndTypes) {
  for (const char* op : {"Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Softplus", "Softsign"}) {
    ExpectShape(op, {"[?,3]"}, "[?,3]");
    ExpectShape(op, {"?"}, "?");
    ExpectBuildError(op, {kString}, "not in the list of allowed values");
  }
}

TEST(Activations, Gradients) {
  CheckGradient("Relu", {{3, 4}}, KinkAt(0));
  CheckGradient("Relu6", {{3, 4}}, Between(-2, 8).KinkAt(0).KinkAt(6));
  CheckGradient("LeakyRelu", {{3, 4}}, KinkAt(0), {{"alpha", 0.3f}});
  CheckGradient("Elu", {{3, 4}}, KinkAt(0));
  CheckGradient("Selu", {{3, 4}}, KinkAt(0));
  CheckGradient("Softplus", {{3, 4}});
  CheckGradient("Softsign", {{3, 4}}, KinkAt(0));
}

TEST(ActivationGradients, Gradients) {
  for (const char* op :
       {"ReluGrad", "Relu6Grad", "LeakyReluGrad", "EluGrad", "SeluGrad", "SoftsignGrad"}) {
    CheckGradient(op, {{2, 3}, {2, 3}}, KinkAt(0));
  }
  CheckGradient("SoftplusGrad", {{2, 3}, {2, 3}});
}

TEST(ActivationFunctions, ValuesAndNames) {
  Graph g;
  GraphScope use(g);
  Session session;
  const Tensor x = ConstantOf(F32({-1, 2}));
  EXPECT_EQ(nn::Relu(x).name(), "Relu:0");
  EXPECT_EQ(nn::LeakyRelu(x, {.alpha = 0.5f}).name(), "LeakyRelu:0");
  EXPECT_TRUE(ArraysEqual(session.Run(nn::LeakyRelu(ConstantOf(I32({-10, 2})))), F32({-2, 2})));
  EXPECT_EQ(nn::Crelu(x).name(), "CRelu/Relu:0");
  EXPECT_TRUE(ArraysEqual(session.Run(nn::Crelu(x)), F32({0, 2, 1, 0})));
  EXPECT_TRUE(ArraysNear(session.Run(nn::Gelu(x)), F32({-0.15865526f, 1.9544997f}), {1e-6, 0}));
  EXPECT_TRUE(ArraysNear(session.Run(nn::Gelu(x, {.approximate = true})),
                         F32({-0.158808f, 1.9545977f}), {1e-5, 0}));
  EXPECT_TRUE(ArraysNear(session.Run(nn::Swish(x)), F32({-0.26894143f, 1.7615942f}), {1e-6, 0}));
}

}  // namespace
}  // namespace weft
