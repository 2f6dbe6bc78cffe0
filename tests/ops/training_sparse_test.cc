// SPDX-License-Identifier: Apache-2.0
// Training ops whose gradient is rows of one.
#include <bit>
#include <cstring>
#include <string>

#include "gmock/gmock.h"
#include "tests/ops/training_cases.h"

namespace weft {
namespace {

using testing::HasSubstr;

std::vector<std::string> SparseOpsOf(const TrainingCase& c) {
  if (!c.has_sparse) return {};
  if (!c.by_reference) return {"ResourceSparseApply" + c.name};
  return {"SparseApply" + c.name, "ResourceSparseApply" + c.name};
}

void CheckSparse(const TrainingCase& c, const TrainingStep& step) {
  for (const std::string& op : SparseOpsOf(c)) {
    OpCase check(op);
    for (const Array& a : step.inputs) check.In(a);
    for (const auto& [name, value] : step.attrs) check.Attr(name, value);
    for (size_t k = 0; k < step.after.size(); ++k) check.After(static_cast<int>(k), step.after[k]);
    check.RunEverywhere();
  }
}

TEST(SparseTraining, Values) {
  const Array indices = I32({3, 0, 3, 5, 3});
  for (const TrainingCase& c : TrainingCases()) {
    SCOPED_TRACE(c.name);
    CheckSparse(c, MakeSparseStep(c, kFloat32, Shape({6, 5}), indices, false));
    CheckSparse(c, MakeSparseStep(c, kFloat64, Shape({6, 2, 2}), indices, true));
    CheckSparse(c, MakeSparseStep(c, kFloat64, Shape({6}), I64({1, 4, 1}), false));
    CheckSparse(c, MakeSparseStep(c, kFloat32, Shape({6, 3}), I64(Shape({0}), {}), true));
  }
}

TEST(SparseTraining, NarrowAndComplex) {
  const Array indices = I32({1, 0, 1});
  const TrainingCase& c = TrainingCaseOf("Adagrad");
  CheckSparse(c, MakeSparseStep(c, kFloat16, Shape({2, 3}), indices, true));
  CheckSparse(c, MakeSparseStep(c, kBfloat16, Shape({2, 3}), indices, true));
  OpCase("ResourceSparseApplyMomentum")
      .In(C64({1.f, 2.f}))
      .In(C64({0.f, 1.f}))
      .In(C64(complex64(0.5f)))
      .In(C64({complex64(0, 2), complex64(0, 4)}))
      .In(I32({1, 1}))
      .In(C64(complex64(0)))
      .After(0, C64({1.f, complex64(2, -3)}))
      .After(1, C64({0.f, complex64(0, 4)}))
      .RunEverywhere();
}

// Of rows that come many times the updates are applied in their order, however many threads share
// the work.
TEST(SparseTraining, BitsDoNotDependOnThreads) {
  std::vector<int64_t> numbers;
  uint64_t state = 1;
  for (int i = 0; i < 5000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    numbers.push_back(static_cast<int64_t>(state >> 33) % 97);
  }
  for (const char* name : {"Adagrad", "Momentum", "Ftrl"}) {
    const TrainingStep step = MakeSparseStep(TrainingCaseOf(name), kFloat32, Shape({97, 33}),
                                             Array::FromVector(numbers), true);
    const std::string op = std::string("ResourceSparseApply") + name;
    const TrainingOutcome one = RunTrainingOp(op, step.inputs, step.attrs, 1);
    ASSERT_TRUE(one.status.ok()) << one.status;
    for (const int threads : {2, 3, 8}) {
      const TrainingOutcome many = RunTrainingOp(op, step.inputs, step.attrs, threads);
      ASSERT_TRUE(many.status.ok()) << many.status;
      for (size_t k = 0; k < one.variables.size(); ++k)
        EXPECT_TRUE(ArraysEqual(one.variables[k], many.variables[k])) << name << ' ' << threads;
    }
  }
}

// No pass is made over the table: its memory stays where it is, and rows that are not named keep
// their very bits, even those of a NaN that no arithmetic would give.
TEST(SparseTraining, OtherRowsAreNotTouched) {
  constexpr int64_t kRows = 4096, kColumns = 16;
  constexpr uint32_t kOddNaN = 0x7f812345;  // signalling: arithmetic would make it quiet
  Graph graph;
  GraphScope scope(graph);
  Array initial(kFloat32, Shape({kRows, kColumns}));
  for (float& x : initial.mutable_values<float>()) x = std::bit_cast<float>(kOddNaN);
  for (int64_t j = 0; j < kColumns; ++j) initial.mutable_data<float>()[7 * kColumns + j] = 1;
  const Tensor fed = PlaceholderOf(kFloat32);
  std::vector<Tensor> variables, reads;
  std::vector<Operation> assignments;
  for (int k = 0; k < 2; ++k) {
    const AttrMap of = {{"dtype", kFloat32},
                        {"shape", PartialShape({kRows, kColumns})},
                        {"shared_name", std::to_string(k)}};
    const Tensor v = AddNode("VarHandleOp", {}, of)->output(0);
    variables.push_back(v);
    assignments.push_back(*AddNode("AssignVariableOp", {v, fed}));
    reads.push_back(AddNode("ReadVariableOp", {v}, {{"dtype", kFloat32}})->output(0));
  }
  const Operation step =
      *AddNode("ResourceSparseApplyMomentum", {variables[0], variables[1], ConstantOf(F32(1)),
                                               ConstantOf(F32(Shape({1, kColumns}), {2})),
                                               ConstantOf(I32({7})), ConstantOf(F32(1))});
  Session session(graph);
  for (const Operation& assign : assignments) session.Run(assign, {{fed, initial}});
  session.Run(step);  // copies: `initial` still has the assigned memory
  const void* const at = session.Run(reads[0]).raw_data();
  session.Run(step);
  const Array after = session.Run(reads[0]), accum = session.Run(reads[1]);
  EXPECT_EQ(after.raw_data(), at);
  for (int64_t i = 0; i < after.num_elements(); ++i) {
    if (i / kColumns == 7) {
      EXPECT_EQ(after.data<float>()[i], 1 - 3 - 5);
      EXPECT_EQ(accum.data<float>()[i], 1 + 2 + 2);
    } else {
      ASSERT_EQ(std::bit_cast<uint32_t>(after.data<float>()[i]), kOddNaN) << i;
      ASSERT_EQ(std::bit_cast<uint32_t>(accum.data<float>()[i]), kOddNaN) << i;
    }
  }
}

TEST(SparseTraining, Shapes) {
  ExpectShape("SparseApplyAdagrad", {"[?,3]", "?", "[]", "[2,?]", "int32[?]"}, "[?,3]");
  ExpectShape("SparseApplyAdagrad", {"?", "?", "[]", "[2,3]", "int64[2]"}, "[?,3]");
  ExpectBuildError("SparseApplyAdagrad", {"[4,3]", "[4,3]", "[]", "[2,3]", "int32[3]"},
                   "must be equal, but are 3 and 2");
  ExpectBuildError("SparseApplyAdagrad", {"[4,3]", "[4,3]", "[]", "[2,4]", "int32[2]"},
                   "must be equal, but are 3 and 4");
  ExpectBuildError("SparseApplyAdagrad", {"[4,3]", "[4,3]", "[]", "[2,3]", "int32[2,1]"},
                   "must be rank 1");
  ExpectBuildError("SparseApplyAdagrad", {"?", "?", "[]", "[]", "int32[2]"},
                   "grad must not be a scalar");
}

// Input `i` is replaced; nothing may have changed afterwards.
void ExpectRefused(const std::string& op, const TrainingStep& step, size_t i, const Array& value,
                   std::string_view text) {
  TrainingStep bad = step;
  bad.inputs[i] = value;
  const TrainingOutcome run = RunTrainingOp(op, bad.inputs, bad.attrs);
  EXPECT_EQ(run.status.code(), absl::StatusCode::kInvalidArgument) << run.status;
  EXPECT_THAT(run.status.ToString(), HasSubstr(std::string(text)));
  for (size_t k = 0; k < run.variables.size(); ++k)
    EXPECT_TRUE(ArraysEqual(run.variables[k], bad.inputs[k])) << "variable " << k;
}

TEST(SparseTraining, Errors) {
  const auto ones = [](std::initializer_list<int64_t> dims) { return F32(Shape(dims), {1}); };
  for (const TrainingCase& c : TrainingCases()) {
    for (const std::string& op : SparseOpsOf(c)) {
      SCOPED_TRACE(op);
      const TrainingStep step = MakeSparseStep(c, kFloat32, Shape({4, 3}), I32({1, 2}), false);
      const size_t g = static_cast<size_t>(1 + c.slots + c.before);
      ExpectRefused(op, step, g + 1, I32({1, 4}), "Index 4 at offset 1 in indices is out of range");
      ExpectRefused(op, step, g + 1, I64({-1, 0}), "Index -1 at offset 0 in indices is out of");
      ExpectRefused(op, step, g + 1, I32(1), "indices must be one-dimensional");
      ExpectRefused(op, step, g + 1, I32({{1}, {2}}), "indices must be one-dimensional");
      ExpectRefused(op, step, g, ones({2, 2}), "var and grad must match in dimension 1");
      ExpectRefused(op, step, g, ones({2}), "var and grad must match in dimension 1");
      ExpectRefused(op, step, g, ones({2, 3, 2}), "var and grad must match in dimension 2");
      ExpectRefused(op, step, g, ones({3, 3}), "same size as indices in the first dimension");
      if (c.slots > 0) ExpectRefused(op, step, 1, ones({4, 2}), "do not have the same shape");
      TrainingStep scalars = step;
      for (int k = 0; k <= c.slots; ++k) scalars.inputs[static_cast<size_t>(k)] = F32(1);
      ExpectRefused(op, scalars, g, ones({2}), "var must be at least 1 dimensional");
    }
  }
}

TEST(SparseTraining, RowsWithoutElements) {
  const auto run = [](const char* name) {
    TrainingStep step =
        MakeSparseStep(TrainingCaseOf(name), kFloat32, Shape({4, 0}), I32({1}), false);
    return RunTrainingOp(std::string("SparseApply") + name, step.inputs, step.attrs).status;
  };
  EXPECT_TRUE(run("Momentum").ok());
  EXPECT_TRUE(run("Adadelta").ok());
  EXPECT_THAT(run("Adagrad").ToString(), HasSubstr("Inner dimension should be greater than zero"));
  EXPECT_THAT(run("Ftrl").ToString(), HasSubstr("Inner dimension should be greater than zero"));
}

TEST(SparseTraining, BoundsOfFtrl) {
  const auto run = [](size_t input, float value, bool by_rate) {
    TrainingStep step =
        MakeSparseStep(TrainingCaseOf("FtrlV2"), kFloat32, Shape({2, 2}), I32({1}), by_rate);
    step.inputs[input] = F32(value);
    return RunTrainingOp("SparseApplyFtrlV2", step.inputs, step.attrs).status.ToString();
  };
  constexpr size_t kRate = 5;
  EXPECT_THAT(run(kRate, 0, false), HasSubstr("lr is not a positive scalar"));
  EXPECT_EQ(run(kRate, 0, true), "OK");
  EXPECT_THAT(run(kRate + 1, -1, false), HasSubstr("l1 regularization strength is not a non-neg"));
  EXPECT_THAT(run(kRate + 2, -1, false), HasSubstr("l2 regularization strength is not a non-neg"));
  EXPECT_THAT(run(kRate + 3, -1, false), HasSubstr("l2 shrinkage regularization strength is not"));
  EXPECT_THAT(run(kRate + 4, 1, false), HasSubstr("lr_power is not a non-positive scalar"));
}

}  // namespace
}  // namespace weft
