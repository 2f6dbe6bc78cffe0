// SPDX-License-Identifier: Apache-2.0
// Values and messages are those of TensorFlow 2.15.1.
#include "weft/framework/accumulators.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/support/arrays.h"
#include "tests/support/op_case.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/basic.h"

namespace weft {
namespace {

using testing::HasSubstr;

class AccumulatorTest : public testing::Test {
 protected:
  // Runs and gives the error's text, "" if there was none; the code must be this one.
  std::string RunError(Code code, const Fetch& fetch, const Feeds& feeds = {},
                       const RunOptions& options = {}) {
    try {
      session_.Run(fetch, feeds, options);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code) << e.what();
      return e.what();
    }
    ADD_FAILURE() << "no error";
    return "";
  }
  int Count(const ConditionalAccumulatorBase& acc) {
    return session_.Run(acc.NumAccumulated()).scalar<int32_t>();
  }
  // An accumulator of the old form, as imported graphs have it.
  static ConditionalAccumulator ByReference(const PartialShape& shape) {
    const Tensor handle = OpBuilder("ConditionalAccumulator", {})
                              .Attr("dtype", kFloat32)
                              .Attr("shape", shape)
                              .Output();
    return ConditionalAccumulator(handle, kFloat32, shape);
  }

  Graph graph_;
  GraphScope scope_{graph_};
  Session session_{graph_};
};

// ---- building -----------------------------------------------------------------------------------

TEST_F(AccumulatorTest, DenseNodesAreTensorFlows) {
  ConditionalAccumulator acc(kFloat32, {.shape = {2}});
  EXPECT_EQ(acc.accumulator_ref().ToString(),
            "Tensor(\"conditional_accumulator:0\", shape=(2,), dtype=resource)");
  const Operation apply = acc.ApplyGrad({1.f, 2.f});
  EXPECT_EQ(apply.name(), "ResourceAccumulatorApplyGradient");
  EXPECT_EQ(apply.input(1).name(), "Cast:0");
  EXPECT_EQ(apply.input(2).name(), "Const:0");
  EXPECT_TRUE(graph_.FindOperation("Const_1").has_value());  // the step before its cast
  EXPECT_EQ(acc.TakeGrad(1).ToString(),
            "Tensor(\"ResourceAccumulatorTakeGradient:0\", shape=(2,), dtype=float32)");
  EXPECT_TRUE(graph_.FindOperation("ResourceAccumulatorTakeGradient/num_required").has_value());
  EXPECT_EQ(acc.NumAccumulated().ToString(),
            "Tensor(\"conditional_accumulator_NumAccumulated:0\", shape=(), dtype=int32)");
  EXPECT_EQ(acc.SetGlobalStep(3).name(), "ResourceAccumulatorSetGlobalStep");
  // A step that is int64 already needs no cast.
  const Operation cast_free = acc.ApplyGrad({1.f, 2.f}, Array(int64_t{3}), "apply");
  EXPECT_EQ(cast_free.name(), "apply");
  EXPECT_EQ(cast_free.input(1).op().type(), "Const");
}

TEST_F(AccumulatorTest, SparseNodesAreTensorFlows) {
  SparseConditionalAccumulator acc;
  {
    const NameScope s("s");
    acc = SparseConditionalAccumulator(kFloat32, {.shape = {4, 2}});
  }
  EXPECT_EQ(acc.accumulator_ref().ToString(),
            "Tensor(\"s/sparse_conditional_accumulator:0\", shape=(2,), dtype=string_ref)");
  const Operation apply = acc.ApplyGrad({1}, {{1.f, 2.f}}, {4, 2});
  EXPECT_EQ(apply.name(), "SparseAccumulatorApplyGradient");
  EXPECT_EQ(apply.input(1).name(), "Cast:0");
  EXPECT_EQ(apply.input(2).name(), "Cast_1:0");
  EXPECT_EQ(apply.input(3).name(), "SparseAccumulatorApplyGradient/gradient_values:0");
  EXPECT_EQ(apply.input(4).name(), "Cast_2:0");
  const IndexedSlices slices{Constant({{1.f, 2.f}}), Constant({1}), Tensor()};
  EXPECT_EQ(acc.ApplyIndexedSlicesGrad(slices, 4).input(3).name(), slices.values.name());
  EXPECT_EQ(acc.NumAccumulated().name(), "sparse_conditional_accumulator_NumAccumulated:0");
  EXPECT_EQ(acc.SetGlobalStep(1).name(), "AccumulatorSetGlobalStep");
  const auto taken = acc.TakeGrad(1);
  EXPECT_EQ(taken.values.ToString(), "Tensor(\"SparseAccumulatorTakeGradient:1\", dtype=float32)");
  EXPECT_EQ(taken.shape.ToString(), "Tensor(\"SparseAccumulatorTakeGradient:2\", dtype=int64)");
  EXPECT_EQ(acc.TakeIndexedSlicesGrad(1).indices.name(), "SparseAccumulatorTakeGradient_1:0");
}

TEST_F(AccumulatorTest, BadGradientsAreRefusedWhenTheGraphIsBuilt) {
  EXPECT_THROW(ConditionalAccumulator(kFloat32, {.reduction_type = "MAX"}), InvalidArgumentError);
  EXPECT_THROW((void)ConditionalAccumulator(kString), InvalidArgumentError);
  ConditionalAccumulator acc(kFloat32, {.shape = {2}});
  EXPECT_THROW(acc.ApplyGrad({1.f, 2.f, 3.f}), InvalidArgumentError);
  EXPECT_THROW(acc.ApplyGrad(Constant({1, 2})), InvalidArgumentError);
  EXPECT_THROW(acc.ApplyGrad({1.f, 2.f}, {1}), InvalidArgumentError);
  EXPECT_THROW(acc.TakeGrad({1}), InvalidArgumentError);
  EXPECT_THROW(acc.SetGlobalStep({1}), InvalidArgumentError);
  SparseConditionalAccumulator sparse(kFloat32);
  EXPECT_THROW(sparse.ApplyGrad({1}, {1.f}, Tensor(), {1}), InvalidArgumentError);
  EXPECT_THROW(sparse.ApplyGrad({1}, Constant({1})), InvalidArgumentError);
  EXPECT_THROW(sparse.TakeGrad({1}), InvalidArgumentError);
  EXPECT_THROW(sparse.SetGlobalStep({1}), InvalidArgumentError);
}

// ---- dense --------------------------------------------------------------------------------------

TEST_F(AccumulatorTest, MeanOfAllThatCame) {
  for (const auto& acc :
       {ConditionalAccumulator(kFloat32, {.shape = {2}}), ByReference(PartialShape({2}))}) {
    const Tensor taken = acc.TakeGrad(2);
    session_.Run(acc.ApplyGrad({1.f, 2.f}));
    session_.Run(acc.ApplyGrad({3.f, 7.f}));
    session_.Run(acc.ApplyGrad({5.f, 0.f}));
    EXPECT_EQ(Count(acc), 3);
    EXPECT_TRUE(ArraysEqual(session_.Run(taken), F32({3, 3})));
    EXPECT_EQ(Count(acc), 0);
    // The next step begins anew.
    session_.Run(acc.ApplyGrad({1.f, 1.f}, 1));
    EXPECT_TRUE(ArraysEqual(session_.Run(acc.TakeGrad(1)), F32({1, 1})));
  }
}

TEST_F(AccumulatorTest, SumAndDoubles) {
  ConditionalAccumulator acc(kFloat64, {.reduction_type = "SUM"});
  session_.Run(acc.ApplyGrad({1.1, 2049., 0.3}));
  session_.Run(acc.ApplyGrad({2.7, 1., 0.3}));
  session_.Run(acc.ApplyGrad({3.3, 1., 0.3}));
  EXPECT_TRUE(
      ArraysEqual(session_.Run(acc.TakeGrad(2)), F64({1.1 + 2.7 + 3.3, 2051, 0.3 + 0.3 + 0.3})));
}

TEST_F(AccumulatorTest, HalvesAreRoundedAtEachStep) {
  ConditionalAccumulator acc(kFloat16);
  session_.Run(acc.ApplyGrad(F16({1.1f, 2049, 0.3f})));
  session_.Run(acc.ApplyGrad(F16({2.7f, 1, 0.3f})));
  session_.Run(acc.ApplyGrad(F16({3.3f, 1, 0.3f})));
  EXPECT_TRUE(ArraysEqual(session_.Run(acc.TakeGrad(3)), F16({2.367f, 682.5f, 0.3f})));
}

TEST_F(AccumulatorTest, LateGradientsAreDropped) {
  ConditionalAccumulator acc(kFloat32, {.shape = {-1}});
  const Tensor x = Placeholder(kFloat32, PartialShape()), step = Placeholder(kInt64, Shape());
  const Operation apply = acc.ApplyGrad(x, step);
  const auto give = [&](Array gradient, int64_t at) {
    session_.Run(apply, {{x, std::move(gradient)}, {step, Array(at)}});
  };
  give(F32({1, 2}), 0);
  session_.Run(acc.TakeGrad(1));  // now it is at step 1
  give(F32({1, 2}), 0);
  EXPECT_EQ(Count(acc), 0);
  give(F32({{1, 2}}), 0);  // nobody looks at the shape
  give(F32({5, 5}), 1);
  give(F32({6, 6}), 7);
  EXPECT_EQ(Count(acc), 2);
  EXPECT_TRUE(ArraysEqual(session_.Run(acc.TakeGrad(1)), F32({5.5, 5.5})));
  session_.Run(acc.SetGlobalStep(5));
  give(F32({1, 1}), 4);
  EXPECT_EQ(Count(acc), 0);
  give(F32({1, 1}), 5);
  EXPECT_EQ(Count(acc), 1);
}

TEST_F(AccumulatorTest, AStepThatGoesBackIsTakenWithAWarning) {
  ConditionalAccumulator acc(kFloat32, {.name = "acc"});
  session_.Run(acc.SetGlobalStep(5));
  testing::internal::CaptureStderr();
  session_.Run(acc.SetGlobalStep(2));
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("Attempt to set current_global_step_ to smaller value: "
                        "current_global_step_ = 5 >= 2 = new_global_step."));
  session_.Run(acc.ApplyGrad({1.f}, 2));
  EXPECT_EQ(Count(acc), 1);
}

TEST_F(AccumulatorTest, BadDenseInputIsRefusedInTheRun) {
  ConditionalAccumulator acc(kFloat32, {.shape = {-1}, .name = "acc"});
  const Tensor x = Placeholder(kFloat32, PartialShape());
  const Operation apply = acc.ApplyGrad(x);
  EXPECT_THAT(RunError(Code::kInvalidArgument, apply, {{x, F32({{1}})}}),
              HasSubstr("ResourceAccumulatorApplyGradient 'ResourceAccumulatorApplyGradient': "
                        "Shape mismatch: expected [?], got [1,1]"));
  session_.Run(apply, {{x, F32({1, 2})}});
  EXPECT_THAT(RunError(Code::kInvalidArgument, apply, {{x, F32({1, 2, 3})}}),
              HasSubstr("Shape mismatch: expected [2], got [3]"));
  EXPECT_EQ(Count(acc), 1);

  const Tensor n = Placeholder(kInt32, PartialShape());
  const Tensor taken = acc.TakeGrad(n);
  EXPECT_THAT(RunError(Code::kInvalidArgument, taken, {{n, I32(0)}}),
              HasSubstr("Argument num_required must be positive, but was 0"));
  EXPECT_THAT(RunError(Code::kInvalidArgument, taken, {{n, I32(-3)}}),
              HasSubstr("Argument num_required must be positive, but was -3"));
  EXPECT_THAT(RunError(Code::kInvalidArgument, taken, {{n, I32({1})}}),
              HasSubstr("Argument num_required must be scalar, but had bad shape [1]"));
  const Tensor step = Placeholder(kInt64, PartialShape());
  EXPECT_THAT(RunError(Code::kInvalidArgument, acc.ApplyGrad({1.f, 2.f}, step), {{step, I64({0})}}),
              HasSubstr("Argument local_step must be scalar, but had bad shape [1]"));
  EXPECT_THAT(RunError(Code::kInvalidArgument, acc.SetGlobalStep(step), {{step, I64({0})}}),
              HasSubstr("Argument num_required must be scalar, but had bad shape [1]"));
  EXPECT_EQ(Count(acc), 1);
}

TEST_F(AccumulatorTest, DtypesAreThoseOfTheAccumulator) {
  ConditionalAccumulator acc(kFloat32);
  const ConditionalAccumulator wrong(acc.accumulator_ref(), kFloat64);
  EXPECT_THAT(RunError(Code::kInvalidArgument, wrong.ApplyGrad({1.0})),
              HasSubstr("Signature mismatch, have: resource, int64, double-> expected: resource, "
                        "int64, float->"));
  EXPECT_THAT(RunError(Code::kInvalidArgument, wrong.TakeGrad(1)),
              HasSubstr("Signature mismatch, have: resource, int32->double expected: resource, "
                        "int32->float"));
  // TensorFlow has no kernel for integers either.
  const ConditionalAccumulator integers(kInt32);
  EXPECT_THROW(session_.Run(integers.NumAccumulated()), Error);
}

TEST_F(AccumulatorTest, AccumulatorsOfOneNameAreOne) {
  ConditionalAccumulator a(kFloat32, {.shared_name = "s"}), b(kFloat32, {.shared_name = "s"});
  ConditionalAccumulator other(kFloat32);
  session_.Run(a.ApplyGrad({4.f}));
  EXPECT_EQ(Count(b), 1);
  EXPECT_EQ(Count(other), 0);
  EXPECT_TRUE(ArraysEqual(session_.Run(b.TakeGrad(1)), F32({4})));
  Session second(graph_);
  EXPECT_EQ(second.Run(a.NumAccumulated()).scalar<int32_t>(), 0);
}

// ---- sparse -------------------------------------------------------------------------------------

TEST_F(AccumulatorTest, SparseMeanIsOfTheGradientsThatHaveTheRow) {
  SparseConditionalAccumulator acc(kFloat32, {.shape = {4, 2}});
  session_.Run(acc.ApplyGrad({0, 2}, {{1.f, 2.f}, {3.f, 4.f}}, {4, 2}));
  session_.Run(acc.ApplyGrad({2, 3}, {{10.f, 20.f}, {30.f, 40.f}}));
  session_.Run(acc.ApplyGrad({2}, {{10.f, 20.f}}));
  EXPECT_EQ(Count(acc), 3);
  const IndexedSlices taken = acc.TakeIndexedSlicesGrad(3);
  const std::vector<Array> got = session_.Run({taken.indices, taken.values, taken.dense_shape});
  EXPECT_TRUE(ArraysEqual(got[0], I64({0, 2, 3})));
  EXPECT_TRUE(ArraysEqual(got[1], F32({{1, 2}, {23.f / 3, 44.f / 3}, {30, 40}})));
  EXPECT_TRUE(ArraysEqual(got[2], I64({4, 2})));
  EXPECT_EQ(Count(acc), 0);
  session_.Run(acc.ApplyGrad({2}, {{10.f, 20.f}}));  // late
  EXPECT_EQ(Count(acc), 0);
}

// Rows in any order are merged as if they were in ascending order, as TensorFlow does.
TEST_F(AccumulatorTest, SparseSumOfUnsortedRows) {
  SparseConditionalAccumulator acc(kFloat32, {.reduction_type = "SUM"});
  session_.Run(acc.ApplyGrad({3, 1, 1}, {{1.f, 2.f}, {3.f, 4.f}, {5.f, 6.f}}));
  session_.Run(acc.ApplyGrad({1, 3}, {{10.f, 20.f}, {30.f, 40.f}}));
  const auto taken = acc.TakeGrad(2);
  const std::vector<Array> got = session_.Run({taken.indices, taken.values, taken.shape});
  EXPECT_TRUE(ArraysEqual(got[0], I64({1, 3, 1, 1})));
  EXPECT_TRUE(ArraysEqual(got[1], F32({{10, 20}, {31, 42}, {3, 4}, {5, 6}})));
  EXPECT_TRUE(ArraysEqual(got[2], I64({-1, 2})));
}

TEST_F(AccumulatorTest, SparseGradientsMayBeEmpty) {
  SparseConditionalAccumulator acc(kFloat64);
  const Array none = Array::Zeros(kInt64, Shape({0}));
  const Operation empty = acc.ApplyGrad(none, Array::Zeros(kFloat64, Shape({0, 2})), Tensor(), 9);
  const auto taken = acc.TakeGrad(1);
  session_.Run(empty);
  std::vector<Array> got = session_.Run({taken.indices, taken.values, taken.shape});
  EXPECT_EQ(got[0].shape(), Shape({0}));
  EXPECT_EQ(got[1].shape(), Shape({0, 2}));
  EXPECT_TRUE(ArraysEqual(got[2], I64({-1, 2})));
  session_.Run(empty);
  session_.Run(acc.ApplyGrad({5}, {{1.0, 2.0}}, Tensor(), 9));
  got = session_.Run({taken.indices, taken.values, taken.shape});
  EXPECT_TRUE(ArraysEqual(got[0], I64({5})));
  EXPECT_TRUE(ArraysEqual(got[1], F64({{1, 2}})));
}

TEST_F(AccumulatorTest, BadSparseInputIsRefusedInTheRun) {
  SparseConditionalAccumulator acc(kFloat32, {.shape = {4, 2}}), any(kFloat32);
  const Tensor i = Placeholder(kInt64, PartialShape()), v = Placeholder(kFloat32, PartialShape()),
               s = Placeholder(kInt64, PartialShape());
  const Operation apply = acc.ApplyGrad(i, v), with_shape = acc.ApplyGrad(i, v, s);
  const auto refused = [&](Array indices, Array values) {
    return RunError(Code::kInvalidArgument, apply,
                    {{i, std::move(indices)}, {v, std::move(values)}});
  };
  const auto shape_refused = [&](Array shape) {
    return RunError(Code::kInvalidArgument, with_shape,
                    {{i, I64({1})}, {v, F32({{1, 2}})}, {s, std::move(shape)}});
  };
  EXPECT_THAT(refused(I64({{1}}), F32({{1, 2}})),
              HasSubstr("Input indices should be vector but received shape: [1,1]"));
  EXPECT_THAT(refused(I64({1}), F32(3)), HasSubstr("Values cannot be 0-dimensional."));
  EXPECT_THAT(refused(I64({1}), F32({{1, 2}, {1, 2}})),
              HasSubstr("Expected 1 non-empty input values, got 2"));
  EXPECT_THAT(shape_refused(I64({4})),
              HasSubstr("Shape mismatch: expected shape rank at least 2, got 1"));
  EXPECT_THAT(shape_refused(I64({4, 3})),
              HasSubstr("Shape mismatch: expected shape dim 1 to be 2, got 3"));
  EXPECT_THAT(refused(I64({4}), F32({{1, 2}})),
              HasSubstr("Shape mismatch: index of slice 0 exceeded limits of shape; index is 4 "
                        "exceeded 4"));
  EXPECT_THAT(refused(I64({1}), F32({1})),
              HasSubstr("Shape mismatch: expected values rank at least 2, got 1"));
  EXPECT_THAT(refused(I64({1}), F32({{1, 2, 3}})),
              HasSubstr("Shape mismatch: expected values dim 1 to be 2, got 3"));
  EXPECT_EQ(Count(acc), 0);

  // Later gradients must fit the first one.
  const Operation apply_any = any.ApplyGrad(i, v);
  session_.Run(apply_any, {{i, I64({1})}, {v, F32({{1, 2}})}});
  EXPECT_THAT(
      RunError(Code::kInvalidArgument, apply_any, {{i, I64({1})}, {v, Array({{{1.f, 2.f}}})}}),
      HasSubstr("Shape mismatch: expected values rank 2, got 3"));
  EXPECT_THAT(RunError(Code::kInvalidArgument, apply_any, {{i, I64({1})}, {v, F32({{1, 2, 3}})}}),
              HasSubstr("Shape mismatch: expected values dim 1 to be 2, got 3"));
  EXPECT_EQ(Count(any), 1);
}

TEST_F(AccumulatorTest, DenseAndSparseDontMix) {
  const ConditionalAccumulator dense = ByReference(PartialShape());
  const SparseConditionalAccumulator sparse(kFloat32);
  const ConditionalAccumulator as_dense(sparse.accumulator_ref(), kFloat32);
  const SparseConditionalAccumulator as_sparse(dense.accumulator_ref(), kFloat32);
  EXPECT_THAT(RunError(Code::kNotFound, as_dense.ApplyGrad({1.f})),
              HasSubstr("No attr named 'has_known_shape' in NodeDef:"));
  EXPECT_THAT(RunError(Code::kInvalidArgument, as_sparse.ApplyGrad({1}, {1.f})),
              HasSubstr("Unknown input name: gradient"));
  EXPECT_THAT(RunError(Code::kInvalidArgument, as_dense.TakeGrad(1)),
              HasSubstr("expected: string_ref, int32->int64, float, int64"));
  EXPECT_THAT(RunError(Code::kInvalidArgument, as_sparse.TakeGrad(1).values),
              HasSubstr("expected: string_ref, int32->float"));
}

// ---- waiting ------------------------------------------------------------------------------------

// The take stands first and waits for what the same run gives.
TEST_F(AccumulatorTest, OneRunMayGiveWhatItTakes) {
  ConditionalAccumulator acc(kFloat32);
  const Tensor taken = acc.TakeGrad(2);
  const std::vector<Array> got =
      session_.Run({taken, acc.ApplyGrad({1.f, 2.f}), acc.ApplyGrad({3.f, 4.f})});
  EXPECT_TRUE(ArraysEqual(got[0], F32({2, 3})));
  SparseConditionalAccumulator sparse(kFloat32);
  const Tensor rows = sparse.TakeGrad(1).values;
  EXPECT_TRUE(
      ArraysEqual(session_.Run({rows, sparse.ApplyGrad({1}, {{1.f, 2.f}})})[0], F32({{1, 2}})));
}

TEST_F(AccumulatorTest, ATakeWaitsForOtherRuns) {
  ConditionalAccumulator acc(kFloat32);
  const Tensor taken = acc.TakeGrad(3);
  const Operation apply = acc.ApplyGrad({1.f, 2.f});
  Array got;
  std::thread chief([&] { got = session_.Run(taken); });
  for (int i = 0; i < 3; ++i) session_.Run(apply);
  chief.join();
  EXPECT_TRUE(ArraysEqual(got, F32({1, 2})));
}

TEST_F(AccumulatorTest, TimeoutEndsAWaitAndTheGradientsStay) {
  ConditionalAccumulator acc(kFloat32);
  session_.Run(acc.ApplyGrad({1.f}));
  RunError(Code::kDeadlineExceeded, acc.TakeGrad(2), {}, {.timeout_in_ms = 30});
  EXPECT_EQ(Count(acc), 1);
  EXPECT_TRUE(ArraysEqual(session_.Run(acc.TakeGrad(1)), F32({1})));
}

TEST_F(AccumulatorTest, TheNextInLineGetsItWhenTheFirstGivesUp) {
  ConditionalAccumulator acc(kFloat32);
  const Tensor two = acc.TakeGrad(2), one = acc.TakeGrad(1);
  const Operation apply = acc.ApplyGrad({1.f});
  Array got;
  std::thread first([&] { RunError(Code::kDeadlineExceeded, two, {}, {.timeout_in_ms = 200}); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  std::thread second([&] { got = session_.Run(one); });
  session_.Run(apply);
  first.join();
  second.join();
  EXPECT_TRUE(ArraysEqual(got, F32({1})));
}

TEST_F(AccumulatorTest, ClosingTheSessionEndsAWait) {
  ConditionalAccumulator acc(kFloat32);
  const Tensor taken = acc.TakeGrad(1);
  std::atomic<bool> cancelled = false;
  std::thread waiting([&] {
    try {
      session_.Run(taken);
    } catch (const CancelledError&) {
      cancelled = true;
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  session_.Close();
  waiting.join();
  EXPECT_TRUE(cancelled);
}

// Every gradient is taken once.
TEST_F(AccumulatorTest, ManyThreads) {
  constexpr int kWorkers = 4, kRuns = 100;
  ConditionalAccumulator acc(kFloat64, {.shape = {3}, .reduction_type = "SUM"});
  const Tensor x = Placeholder(kFloat64, Shape({3}));
  const Operation apply = acc.ApplyGrad(x, Array(int64_t{1} << 40));
  const Tensor taken = acc.TakeGrad(2);
  std::vector<std::thread> workers;
  for (int w = 0; w < kWorkers; ++w) {
    workers.emplace_back([&, w] {
      for (int i = 0; i < kRuns; ++i)
        session_.Run(apply, {{x, F64({1, static_cast<double>(w), static_cast<double>(i)})}});
    });
  }
  double count = 0, ids = 0, runs = 0;
  while (count + 1 < kWorkers * kRuns) {  // one may be left over
    const Array got = session_.Run(taken);
    EXPECT_GE(got.data<double>()[0], 2);
    count += got.data<double>()[0];
    ids += got.data<double>()[1];
    runs += got.data<double>()[2];
  }
  for (std::thread& t : workers) t.join();
  if (Count(acc) == 1) {
    const Array rest = session_.Run(acc.TakeGrad(1));
    count += rest.data<double>()[0];
    ids += rest.data<double>()[1];
    runs += rest.data<double>()[2];
  }
  EXPECT_EQ(count, kWorkers * kRuns);
  EXPECT_EQ(ids, kRuns * (kWorkers * (kWorkers - 1) / 2));
  EXPECT_EQ(runs, kWorkers * (kRuns * (kRuns - 1) / 2));
}

}  // namespace
}  // namespace weft
