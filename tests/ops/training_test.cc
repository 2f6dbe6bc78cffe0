// SPDX-License-Identifier: Apache-2.0
// Training ops with dense gradients. Sparse ones: training_sparse_test.cc.
#include <cmath>
#include <cstring>
#include <string>

#include "gmock/gmock.h"
#include "tests/ops/training_cases.h"
#include "weft/core/complex.h"
#include "weft/core/half.h"

namespace weft {
namespace {

// A variable's name, its slots and so on are inputs in this order.
void CheckDense(const std::string& op, const TrainingStep& step) {
  OpCase c(op);
  for (const Array& a : step.inputs) c.In(a);
  for (const auto& [name, value] : step.attrs) c.Attr(name, value);
  for (size_t k = 0; k < step.after.size(); ++k) c.After(static_cast<int>(k), step.after[k]);
  c.RunEverywhere();
}

void CheckBothForms(const TrainingCase& c, const TrainingStep& step) {
  CheckDense("ResourceApply" + c.name, step);
  if (c.by_reference) CheckDense("Apply" + c.name, step);
}

std::vector<bool> OptionsOf(const TrainingCase& c) {
  return c.option.empty() ? std::vector<bool>{false} : std::vector<bool>{false, true};
}

TEST(Training, DenseValues) {
  for (const TrainingCase& c : TrainingCases()) {
    for (const bool option : OptionsOf(c)) {
      SCOPED_TRACE(c.name + (option ? " with " + c.option : ""));
      CheckBothForms(c, MakeStep(c, kFloat32, Shape({5, 7}), option));
      CheckBothForms(c, MakeStep(c, kFloat64, Shape({3, 1, 3}), option));
    }
    SCOPED_TRACE(c.name);
    CheckBothForms(c, MakeStep(c, kFloat32, Shape(), false));
    CheckBothForms(c, MakeStep(c, kFloat32, Shape({0, 3}), false));
  }
}

TEST(Training, PowersOfFtrl) {
  for (const double power : {0.0, -0.5, -1.0, -0.25}) {
    TrainingCase c = TrainingCaseOf("Ftrl");
    c.h[3] = power;
    CheckBothForms(c, MakeStep(c, kFloat64, Shape({9}), false));
    c = TrainingCaseOf("FtrlV2");
    c.h[4] = power;
    CheckBothForms(c, MakeStep(c, kFloat32, Shape({9}), true));
  }
}

TEST(Training, WithoutPenalties) {
  for (const char* name : {"ProximalGradientDescent", "ProximalAdagrad", "AdagradDA"}) {
    TrainingCase c = TrainingCaseOf(name);
    const size_t l1 = 1;
    c.h[l1] = 0;
    CheckBothForms(c, MakeStep(c, kFloat64, Shape({9}), false));
    c.h[l1] = 0.5;  // most of the values are shrunk to zero
    CheckBothForms(c, MakeStep(c, kFloat64, Shape({9}), false));
  }
}

// Every length of the rest beyond whole vectors, and the pieces of narrow types: an element is
// computed from its own values alone, so a long variable gives what its parts give.
TEST(Training, EveryLength) {
  for (const DataType dtype : {kFloat32, kFloat64, kFloat16, kBfloat16}) {
    const TrainingCase& c = TrainingCaseOf("Adam");
    const TrainingStep whole = MakeStep(c, dtype, Shape({1100}), true);
    const TrainingOutcome long_run = RunTrainingOp("ResourceApplyAdam", whole.inputs, whole.attrs);
    ASSERT_TRUE(long_run.status.ok()) << long_run.status;
    for (const int64_t n : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 511, 512, 513, 1030}) {
      TrainingStep part = whole;
      for (Array& a : part.inputs) {
        if (a.rank() == 1) a = a.SliceRows(0, n).Clone();
      }
      const TrainingOutcome run = RunTrainingOp("ResourceApplyAdam", part.inputs, part.attrs);
      ASSERT_TRUE(run.status.ok()) << run.status;
      for (size_t k = 0; k < run.variables.size(); ++k) {
        EXPECT_TRUE(ArraysEqual(run.variables[k], long_run.variables[k].SliceRows(0, n)))
            << n << " elements of " << DTypeName(dtype);
      }
    }
  }
}

TEST(Training, BitsDoNotDependOnThreads) {
  for (const char* name : {"Adam", "Ftrl", "CenteredRMSProp"}) {
    const TrainingStep step = MakeStep(TrainingCaseOf(name), kFloat32, Shape({100003}), false);
    const std::string op = std::string("ResourceApply") + name;
    const TrainingOutcome one = RunTrainingOp(op, step.inputs, step.attrs, 1);
    const TrainingOutcome many = RunTrainingOp(op, step.inputs, step.attrs, 5);
    ASSERT_TRUE(one.status.ok() && many.status.ok());
    for (size_t k = 0; k < one.variables.size(); ++k)
      EXPECT_TRUE(ArraysEqual(one.variables[k], many.variables[k])) << name;
  }
}

// Every operation of a 16-bit float is rounded, as TensorFlow's are; a rounding at the end alone
// would differ in the last place.
template <typename T>
void CheckRoundedMomentum() {
  const TrainingStep step =
      MakeStep(TrainingCaseOf("Momentum"), dtype_of<T>, Shape({1000}), /*option=*/true);
  const TrainingOutcome run = RunTrainingOp("ApplyMomentum", step.inputs, step.attrs);
  ASSERT_TRUE(run.status.ok()) << run.status;
  const T *var = step.inputs[0].data<T>(), *accum = step.inputs[1].data<T>(),
          *g = step.inputs[3].data<T>();
  const T rate = *step.inputs[2].data<T>(), momentum = *step.inputs[4].data<T>();
  const auto times = [](T a, T b) { return T(float(a) * float(b)); };
  const auto plus = [](T a, T b) { return T(float(a) + float(b)); };
  std::vector<T> want_var, want_accum;
  for (int i = 0; i < 1000; ++i) {
    const T a = plus(times(accum[i], momentum), g[i]);
    want_accum.push_back(a);
    const T move = plus(times(g[i], rate), times(times(a, momentum), rate));
    want_var.push_back(T(float(var[i]) - float(move)));
  }
  EXPECT_TRUE(ArraysEqual(run.variables[0], Array::FromVector(want_var)));
  EXPECT_TRUE(ArraysEqual(run.variables[1], Array::FromVector(want_accum)));
}
TEST(Training, NarrowTypesRoundEveryOperation) {
  CheckRoundedMomentum<half>();
  CheckRoundedMomentum<bfloat16>();
}

// Infinity, the largest and the smallest half.
TEST(Training, LimitsOfHalf) {
  OpCase("ResourceApplyGradientDescent")
      .In(F16({65504, 65504, 0, kInf, 0x1p-24f, 0}))
      .In(F16(1))
      .In(F16({-16, -15.9f, 0x1p-24f, 1, 0x1p-24f, kNaN}))
      .After(0, F16({kInf, 65504, -0x1p-24f, kInf, 0, kNaN}))
      .Exact()
      .RunEverywhere();
}

TEST(Training, Complex) {
  const complex64 i(0, 1);
  OpCase("ApplyMomentum")
      .In(C64({1.f + i, 2.f}))
      .In(C64({i, 1.f}))
      .In(C64(complex64(0.5f)))
      .In(C64({2.f, i}))
      .In(C64(i))
      .After(1, C64({1.f, 2.f * i}))
      .After(0, C64({0.5f + i, 2.f - i}))
      .RunEverywhere();
  // Squares, not squared moduli: accum + g^2 = 4 - 3 = 1.
  OpCase("ResourceApplyAdagrad")
      .In(C64({1.f}))
      .In(C64({4.f}))
      .In(C64(complex64(1)))
      .In(C64({std::sqrt(3.f) * i}))
      .After(0, C64({1.f - std::sqrt(3.f) * i}))
      .After(1, C64({1.f}))
      .RunEverywhere();
}

TEST(Training, SignsOfZeroAndNaN) {
  OpCase("ApplyAddSign")
      .In(F32({1, 1, 1}))
      .In(F32({0, -1, kNaN}))
      .In(F32(1))
      .In(F32(2))
      .In(F32(1))
      .In(F32(0.5f))
      .In(F32({0, 1, 1}))
      .After(0, F32({1, -1, kNaN}))  // the second m is 0: its sign is 0
      .RunEverywhere();
  OpCase("ApplyPowerSign")
      .In(F32({1, 1, 1}))
      .In(F32({0, -1, kNaN}))
      .In(F32(1))
      .In(F32(1))
      .In(F32(1))
      .In(F32(0.5f))
      .In(F32({0, 1, 1}))
      .After(0, F32({1, 0, kNaN}))
      .RunEverywhere();
}

// The gradient is the variable itself, and one variable stands for two.
TEST(Training, Aliases) {
  for (const bool by_reference : {true, false}) {
    Graph graph;
    GraphScope scope(graph);
    const AttrMap of = {{"dtype", kFloat32}, {"shape", PartialShape({3})}};
    const Tensor v = AddNode(by_reference ? "VariableV2" : "VarHandleOp", {}, of)->output(0);
    const Operation assign =
        *AddNode(by_reference ? "Assign" : "AssignVariableOp", {v, ConstantOf(F32({2, 4, 6}))});
    const auto read = [&] {
      return by_reference ? AddNode("Identity", {v})->output(0)
                          : AddNode("ReadVariableOp", {v}, {{"dtype", kFloat32}})->output(0);
    };
    const std::string prefix = by_reference ? "" : "Resource";
    const Tensor g = read(), half_rate = ConstantOf(F32(0.5f));
    const Operation descend =
        *AddNode(prefix + "ApplyGradientDescent", {v, half_rate, by_reference ? v : g});
    const Operation rows = *AddNode(
        prefix + "SparseApplyProximalGradientDescent",
        {v, half_rate, ConstantOf(F32(0)), ConstantOf(F32(0)), g, ConstantOf(I32({2, 0, 2}))});
    const Operation twice =
        *AddNode(prefix + "ApplyMomentum", {v, v, half_rate, g, ConstantOf(F32(0))});
    const Tensor after = read();
    Session session(graph);
    session.Run(assign);
    session.Run(descend);
    EXPECT_TRUE(ArraysEqual(session.Run(after), F32({1, 2, 3})));
    session.Run(assign);
    session.Run(rows);  // 6 - 2 / 2 - 6 / 2, 2 - 4 / 2
    EXPECT_TRUE(ArraysEqual(session.Run(after), F32({0, 4, 2})));
    session.Run(assign);
    session.Run(twice);  // what is written last stays: accum = g
    EXPECT_TRUE(ArraysEqual(session.Run(after), F32({2, 4, 6})));
  }
}

// A value that was read keeps its elements when the variable moves on.
TEST(Training, ReadersKeepTheirValue) {
  Graph graph;
  GraphScope scope(graph);
  const AttrMap of = {{"dtype", kFloat32}, {"shape", PartialShape({2})}};
  const Tensor v = AddNode("VarHandleOp", {}, of)->output(0);
  const Operation assign = *AddNode("AssignVariableOp", {v, ConstantOf(F32({1, 2}))});
  const Tensor read = AddNode("ReadVariableOp", {v}, {{"dtype", kFloat32}})->output(0);
  const Operation step =
      *AddNode("ResourceApplyGradientDescent", {v, ConstantOf(F32(1)), ConstantOf(F32({1, 1}))});
  Session session(graph);
  session.Run(assign);
  const Array before = session.Run(read);
  session.Run(step);
  EXPECT_TRUE(ArraysEqual(before, F32({1, 2})));
  EXPECT_TRUE(ArraysEqual(session.Run(read), F32({0, 1})));
}

TEST(Training, Shapes) {
  ExpectShape("ApplyAdam", {"[?,3]", "[2,?]", "?", "[]", "?", "[]", "[]", "[]", "[]", "[?,?]"},
              "[2,3]");
  ExpectShape("ApplyFtrl", {"?", "?", "?", "[4]", "[]", "[]", "[]", "[]"}, "[4]");
  ExpectBuildError("ApplyMomentum", {"[2]", "[3]", "[]", "[2]", "[]"},
                   "must be equal, but are 2 and 3");
  ExpectBuildError("ApplyMomentum", {"[2]", "[2]", "[1]", "[2]", "[]"}, "must be rank 0");
  ExpectBuildError("ApplyMomentum", {"[2]", "[2]", "[]", "[2]", "[1]"}, "must be rank 0");
  ExpectBuildError("ApplyGradientDescent", {"[2]", "[]", "[2,1]"},
                   "must be equal rank, but are 1 and 2");
}

TEST(Training, Errors) {
  for (const TrainingCase& c : TrainingCases()) {
    const TrainingStep good = MakeStep(c, kFloat32, Shape({2, 3}), true);
    for (const std::string& op : {"Apply" + c.name, "ResourceApply" + c.name}) {
      if (!c.by_reference && op[0] == 'A') continue;
      SCOPED_TRACE(op);
      const bool by_reference = op[0] == 'A';
      const size_t gradient = static_cast<size_t>(1 + c.slots + c.before);
      for (size_t i = 0; i < good.inputs.size(); ++i) {
        const bool is_variable = i <= static_cast<size_t>(c.slots);
        const bool is_shaped = is_variable || i == gradient;
        std::vector<Array> bad = good.inputs;
        bad[i] = is_shaped ? F32(Shape({2, 2}), {1}) : CastArray(F32({1, 1}), bad[i].dtype());
        const TrainingOutcome run = RunTrainingOp(op, bad, good.attrs);
        EXPECT_EQ(run.status.code(), absl::StatusCode::kInvalidArgument) << i;
        EXPECT_THAT(run.status.ToString(),
                    testing::HasSubstr(is_shaped ? "do not have the same shape" : "is not a"));
        for (size_t k = 0; k < run.variables.size(); ++k)
          EXPECT_TRUE(ArraysEqual(run.variables[k], bad[k])) << "variable " << k;
        if (!is_variable) continue;
        OpCase missing(op);
        missing.Attr("T", kFloat32);
        for (size_t k = 0; k < good.inputs.size(); ++k)
          missing.In(k == i ? Array() : good.inputs[k]);
        missing.ExpectRunError(by_reference ? Code::kFailedPrecondition : Code::kInternal,
                               by_reference ? "uninitialized" : "Invalid variable reference");
      }
    }
  }
}

TEST(Training, BoundsOfHyperparameters) {
  const TrainingStep step =
      MakeStep(TrainingCaseOf("ProximalAdagrad"), kFloat32, Shape({2}), false);
  const auto run = [&](size_t input, float value) {
    std::vector<Array> inputs = step.inputs;
    inputs[input] = F32(value);
    return RunTrainingOp("ApplyProximalAdagrad", inputs).status;
  };
  EXPECT_TRUE(run(2, 1).ok());
  EXPECT_THAT(run(2, 0).ToString(), testing::HasSubstr("lr is not a positive scalar"));
  EXPECT_THAT(run(2, kNaN).ToString(), testing::HasSubstr("lr is not a positive scalar"));
  EXPECT_TRUE(run(3, 0).ok());
  EXPECT_THAT(run(3, -1).ToString(),
              testing::HasSubstr("l1 regularization strength is not a non-negative scalar"));
  EXPECT_THAT(run(4, -1).ToString(),
              testing::HasSubstr("l2 regularization strength is not a non-negative scalar"));
}

}  // namespace
}  // namespace weft
