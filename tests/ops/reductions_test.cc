// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstring>

#include "tests/support/gradient_case.h"
#include "tests/support/op_case.h"
#include "weft/core/complex.h"
#include "weft/gradients/gradients.h"
#include "weft/ops/array.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/reduction.h"
#include "weft/runtime/session.h"

namespace weft {
namespace {

const AttrMap kKeep = {{"keep_dims", true}};
Array Matrix() { return F32({{1, 2, 3}, {4, 5, 6}}); }

TEST(Sum, Values) {
  const auto sum = [](Array axes) { return OpCase("Sum").In(Matrix()).In(std::move(axes)); };
  sum(I32(0)).Out(F32({5, 7, 9})).RunEverywhere();
  sum(I32({1})).Out(F32({6, 15})).RunEverywhere();
  sum(I32({-1})).Out(F32({6, 15})).RunEverywhere();
  sum(I64({0, 1})).Out(F32(21)).RunEverywhere();
  sum(I32(Shape({0}), {})).Out(Matrix()).RunEverywhere();
  sum(I32({1})).Attr("keep_dims", true).Out(F32({{6}, {15}})).RunEverywhere();
  OpCase("Sum").In(F32(Shape({0, 2}), {})).In(I32(0)).Out(F32({0, 0})).RunEverywhere();
  OpCase("Sum").In(F32(Shape({2, 0}), {})).In(I32(0)).Out(F32(Shape({0}), {})).RunEverywhere();
  OpCase("Sum").In(F32({kInf, -kInf})).In(I32(0)).Out(F32(kNaN)).RunEverywhere();
  OpCase("Sum").In(F32(7)).In(I32(Shape({0}), {})).Out(F32(7)).RunEverywhere();
}

// Of matrices by their columns, with as many threads: whole numbers, so that sums are exact, or
// others.
Array ColumnSums(int64_t rows, int64_t columns, bool whole, int threads) {
  Graph graph;
  const GraphScope scope(graph);
  const Tensor x = Placeholder(kFloat32), y = ReduceSum(x, {.axis = {0}});
  ConfigProto config;
  config.intra_op_parallelism_threads = threads;
  Session session(graph, config);
  Array values(kFloat32, Shape({rows, columns}));
  float* const v = values.mutable_data<float>();
  for (int64_t i = 0; i < values.num_elements(); ++i)
    v[i] = static_cast<float>(i * 7919 % 1009 - 500) / (whole ? 1.0f : 3.0f);
  return session.Run(y, {{x, values}});
}

// How columns are shared out depends on the threads, what they add up to does not.
TEST(Sum, Columns) {
  for (int64_t rows : {2, 3, 4, 5, 9, 256, 257, 770}) {
    for (int64_t columns : {64, 67, 1025, 4096, 9001}) {
      const Array sums = ColumnSums(rows, columns, true, 1);
      int64_t wrong = 0;
      for (int64_t c = 0; c < columns; ++c) {
        int64_t want = 0;
        for (int64_t r = 0; r < rows; ++r) want += (r * columns + c) * 7919 % 1009 - 500;
        wrong += sums.data<float>()[c] != static_cast<float>(want);
      }
      EXPECT_EQ(wrong, 0) << rows << " x " << columns;
      const Array one = ColumnSums(rows, columns, false, 1),
                  four = ColumnSums(rows, columns, false, 4);
      EXPECT_EQ(std::memcmp(one.raw_data(), four.raw_data(), one.num_bytes()), 0)
          << rows << " x " << columns;
    }
  }
}

TEST(Sum, Types) {
  OpCase("Sum").In(I8({100, 100})).In(I32(0)).Out(I8(-56)).RunEverywhere();
  OpCase("Sum").In(U64({5, 6})).In(I32(0)).Out(U64(11)).RunEverywhere();
  OpCase("Sum")
      .In(C64({complex64(1, 2), complex64(3, -1)}))
      .In(I32(0))
      .Out(C64(complex64(4, 1)))
      .RunEverywhere();
  // 16-bit sums are kept in more bits: one by one, 2048 + 1 would stay 2048.
  OpCase("Sum").In(F16({2048, 1, 1, 1, 1})).In(I32(0)).Out(F16(2052)).RunEverywhere();
  OpCase("Sum").In(BF16({256, 1, 1, 1, 1})).In(I32(0)).Out(BF16(260)).RunEverywhere();
}

TEST(Mean, Values) {
  OpCase("Mean").In(Matrix()).In(I32(0)).Out(F32({2.5f, 3.5f, 4.5f})).RunEverywhere();
  OpCase("Mean")
      .In(Matrix())
      .In(I32({0, 1}))
      .Attr("keep_dims", true)
      .Out(F32({{3.5f}}))
      .RunEverywhere();
  OpCase("Mean").In(F32(Shape({0, 2}), {})).In(I32(0)).Out(F32({kNaN, kNaN})).RunEverywhere();
  // Integers are divided towards zero.
  OpCase("Mean").In(I32({1, 2, 2})).In(I32(0)).Out(I32(1)).RunEverywhere();
  OpCase("Mean").In(I64({-1, -2})).In(I32(0)).Out(I64(-1)).RunEverywhere();
}

TEST(Prod, Values) {
  OpCase("Prod").In(Matrix()).In(I32(1)).Out(F32({6, 120})).RunEverywhere();
  OpCase("Prod").In(F32(Shape({0}), {})).In(I32(0)).Out(F32(1)).RunEverywhere();
  OpCase("Prod").In(I32({65536, 65536})).In(I32(0)).Out(I32(0)).RunEverywhere();
}

TEST(Extremes, Values) {
  OpCase("Max").In(Matrix()).In(I32(1)).Out(F32({3, 6})).RunEverywhere();
  OpCase("Min").In(Matrix()).In(I32(0)).Out(F32({1, 2, 3})).RunEverywhere();
  OpCase("Max").In(F32(Shape({0}), {})).In(I32(0)).Out(F32(-kInf)).RunEverywhere();
  OpCase("Min").In(I8(Shape({0}), {})).In(I32(0)).Out(I8(127)).RunEverywhere();
  OpCase("Max").In(U8({3, 200})).In(I32(0)).Out(U8(200)).RunEverywhere();
  OpCase("Max").In(F32({1, kNaN, 2})).In(I32(0)).Out(F32(kNaN)).RunEverywhere();
}

TEST(EuclideanNorm, Values) {
  OpCase("EuclideanNorm").In(F32({{3, 4}, {5, 12}})).In(I32(1)).Out(F32({5, 13})).RunEverywhere();
  OpCase("EuclideanNorm")
      .In(C128({complex128(3, 4)}))
      .In(I32(0))
      .Out(C128(complex128(5, 0)))
      .RunEverywhere();
}

TEST(Truth, Values) {
  const Array b = Bool({{true, false}, {true, true}});
  OpCase("All").In(b).In(I32(1)).Out(Bool({false, true})).RunEverywhere();
  OpCase("Any").In(b).In(I32(0)).Out(Bool({true, true})).RunEverywhere();
  OpCase("All").In(Bool(Shape({0}), {})).In(I32(0)).Out(Bool(true)).RunEverywhere();
  OpCase("Any").In(Bool(Shape({0}), {})).In(I32(0)).Out(Bool(false)).RunEverywhere();
}

TEST(Reductions, Shapes) {
  for (const char* op : {"Sum", "Mean", "Prod", "Max", "Min", "EuclideanNorm"}) {
    ExpectShape(op, {"[?,3]", I32(0)}, "[3]");
    ExpectShape(op, {"[?,3]", I32({1})}, "[?,1]", kKeep);
    ExpectShape(op, {"[2,?,4]", I32({-1, 0})}, "[?]");
    ExpectShape(op, {"[2,3]", "int32[?]"}, "?");
    ExpectShape(op, {"[2,3]", "int32[1]"}, "[?,?]", kKeep);
    ExpectShape(op, {"?", I32(0)}, "?");
    ExpectBuildError(op, {"[2,3]", I32(2)}, "Invalid reduction dimension 2 for input with 2");
    ExpectBuildError(op, {"[2,3]", I32(-3)}, "Invalid reduction dimension -3");
    OpCase(op).In(Matrix()).In(I32({2})).ExpectRunError(Code::kInvalidArgument, "reduction");
    OpCase(op).In(Matrix()).In(I32({0, 0})).ExpectRunError(Code::kInvalidArgument, "");
  }
  ExpectBuildError("Sum", {kBool, I32(0)}, "not in the list of allowed values");
  ExpectBuildError("All", {kFloat32, I32(0)}, "");
}

TEST(Reductions, Gradients) {
  for (const char* op : {"Sum", "Mean", "Max", "Min", "EuclideanNorm"}) {
    CheckGradient(op, {{2, 3}, I32({1})});
    CheckGradient(op, {{2, 3}, I32({0, 1})});
    CheckGradient(op, {{2, 3, 2}, I32({-2})}, {}, kKeep);
  }
}

TEST(Prod, Gradients) {
  CheckGradient("Prod", {{2, 3}, I32({1})});
  CheckGradient("Prod", {{2, 3}, I32({0, 1})});
  CheckGradient("Prod", {{2, 3, 2}, I32({-2})}, {}, kKeep);
  // No division by a factor: one may be 0.
  CheckGradient("Prod", {F64({{0, 2, 3}, {4, 0, 0}}), I32({1})}, FirstOrderOnly());
}

// Equal extremes share the gradient.
TEST(Max, GradientOfTies) {
  Graph g;
  GraphScope use(g);
  const Tensor x = ConstantOf(F32({{1, 3, 3}, {2, 2, 2}}));
  const Tensor dx = DenseGradient(Gradients({ReduceMax(x, {.axis = 1})}, {x})[0]);
  EXPECT_TRUE(ArraysNear(Session().Run(dx), F32({{0, 0.5f, 0.5f}, {1.f / 3, 1.f / 3, 1.f / 3}}),
                         {1e-6, 0}));
}

TEST(ArgExtremes, Values) {
  OpCase("ArgMax").In(Matrix()).In(I32(1)).Out(I64({2, 2})).RunEverywhere();
  OpCase("ArgMin").In(Matrix()).In(I32(0)).Out(I64({0, 0, 0})).RunEverywhere();
  OpCase("ArgMax")
      .In(Matrix())
      .In(I64(-1))
      .Attr("output_type", kInt32)
      .Out(I32({2, 2}))
      .RunEverywhere();
  // Of equal ones the first.
  OpCase("ArgMax").In(F32({1, 5, 5})).In(I32(0)).Out(I64(1)).RunEverywhere();
  OpCase("ArgMin").In(I8({3, -4, -4})).In(I32(0)).Out(I64(1)).RunEverywhere();
  OpCase("ArgMax").In(Bool({false, true})).In(I32(0)).Out(I64(1)).RunEverywhere();
}

TEST(ArgExtremes, ShapesAndErrors) {
  for (const char* op : {"ArgMax", "ArgMin"}) {
    ExpectShape(op, {"[?,3]", I32(0)}, "[3]");
    ExpectShape(op, {"[?,3]", "int32[]"}, "[?]");
    ExpectShape(op, {"?", I32(0)}, "?");
    ExpectBuildError(op, {"[2,3]", I32(2)}, "must be in the range [-2, 2)");
    OpCase(op).In(Matrix()).In(I32(2)).ExpectRunError(Code::kInvalidArgument, "[-2, 2)");
    OpCase(op)
        .In(F32(Shape({2, 0}), {}))
        .In(I32(1))
        .ExpectRunError(Code::kInvalidArgument, "empty");
  }
}

TEST(Scans, Values) {
  const Array x = F32({1, 2, 3});
  OpCase("Cumsum").In(x).In(I32(0)).Out(F32({1, 3, 6})).RunEverywhere();
  OpCase("Cumsum").In(x).In(I32(0)).Attr("exclusive", true).Out(F32({0, 1, 3})).RunEverywhere();
  OpCase("Cumsum").In(x).In(I32(0)).Attr("reverse", true).Out(F32({6, 5, 3})).RunEverywhere();
  OpCase("Cumprod").In(x).In(I64(-1)).Out(F32({1, 2, 6})).RunEverywhere();
  OpCase("Cumprod")
      .In(x)
      .In(I32(0))
      .Attr("exclusive", true)
      .Attr("reverse", true)
      .Out(F32({6, 3, 1}))
      .RunEverywhere();
  OpCase("Cumsum").In(I32({{1, 2}, {3, 4}})).In(I32(1)).Out(I32({{1, 3}, {3, 7}})).RunEverywhere();
  OpCase("CumulativeLogsumexp")
      .In(F64({0, 0, 1000}))
      .In(I32(0))
      .Out(F64({0, 0.6931471805599453, 1000}))
      .RunEverywhere();
  OpCase("CumulativeLogsumexp")
      .In(F32({0, 0}))
      .In(I32(0))
      .Attr("exclusive", true)
      .Out(F32({-kInf, 0}))
      .RunEverywhere();
}

TEST(Scans, ShapesAndErrors) {
  for (const char* op : {"Cumsum", "Cumprod", "CumulativeLogsumexp"}) {
    ExpectShape(op, {"[?,3]", "int32[]"}, "[?,3]");
    OpCase(op).In(F32({1, 2})).In(I32(1)).ExpectRunError(Code::kInvalidArgument, "[-1, 1)");
    OpCase(op).In(F32({1, 2})).In(I32({0})).ExpectRunError(Code::kInvalidArgument, "scalar");
  }
}

TEST(Scans, Gradients) {
  for (const bool exclusive : {false, true}) {
    for (const bool reverse : {false, true}) {
      const AttrMap attrs = {{"exclusive", exclusive}, {"reverse", reverse}};
      CheckGradient("Cumsum", {{2, 3}, I32(1)}, {}, attrs);
      CheckGradient("Cumprod", {{3, 2}, I32(0)}, Between(0.5, 2), attrs);
      // e^y is finite where y is -infinity.
      CheckGradientOf(
          [&](const std::vector<Tensor>& x) -> std::vector<Tensor> {
            return {
                Exp(CumulativeLogsumexp(x[0], 0, {.exclusive = exclusive, .reverse = reverse}))};
          },
          {{4}}, exclusive ? FirstOrderOnly() : GradientCheck());
    }
  }
}

TEST(Counting, Values) {
  OpCase("Bincount")
      .In(I32({1, 3, 1}))
      .In(I32(4))
      .In(I32(Shape({0}), {}))
      .Out(I32({0, 2, 0, 1}))
      .RunEverywhere();
  // Numbers beyond the size are left out.
  OpCase("Bincount")
      .In(I32({1, 3, 1}))
      .In(I32(2))
      .In(F32({0.5f, 1, 2}))
      .Out(F32({0, 2.5f}))
      .RunEverywhere();
  OpCase("DenseBincount")
      .In(I64({{1, 1}, {0, 5}}))
      .In(I64(3))
      .In(I64(Shape({0}), {}))
      .Out(I64({{0, 2, 0}, {1, 0, 0}}))
      .RunEverywhere();
  OpCase("DenseBincount")
      .In(I32({2, 2}))
      .In(I32(3))
      .In(F32(Shape({0}), {}))
      .Attr("binary_output", true)
      .Out(F32({0, 0, 1}))
      .RunEverywhere();
  OpCase("HistogramFixedWidth")
      .In(F32({-1, 0, 1.5f, 2, 5, 15}))
      .In(F32({0, 5}))
      .In(I32(5))
      .Out(I32({2, 1, 1, 0, 2}))
      .RunEverywhere();
}

TEST(Counting, Errors) {
  const Array none = I32(Shape({0}), {});
  OpCase("Bincount")
      .In(I32({-1}))
      .In(I32(3))
      .In(none)
      .ExpectRunError(Code::kInvalidArgument, "non-negative");
  OpCase("Bincount")
      .In(I32({1}))
      .In(I32(-3))
      .In(none)
      .ExpectRunError(Code::kInvalidArgument, "non-negative");
  OpCase("Bincount")
      .In(I32({1, 2}))
      .In(I32(3))
      .In(I32({1}))
      .ExpectRunError(Code::kInvalidArgument, "weights");
  OpCase("HistogramFixedWidth")
      .In(F32({1}))
      .In(F32({5, 5}))
      .In(I32(5))
      .ExpectRunError(Code::kInvalidArgument, "value_range");
  OpCase("HistogramFixedWidth")
      .In(F32({1}))
      .In(F32({0, 5}))
      .In(I32(0))
      .ExpectRunError(Code::kInvalidArgument, "nbins");
}

TEST(ReductionFunctions, ValuesAndNames) {
  Graph g;
  GraphScope use(g);
  Session session;
  const Tensor x = ConstantOf(Matrix());
  EXPECT_EQ(ReduceSum(x).name(), "Sum:0");
  EXPECT_EQ(ReduceMean(x, {.axis = 1, .keep_dims = true}).shape(), PartialShape({2, 1}));
  EXPECT_TRUE(ArraysEqual(session.Run(ReduceSum(x, {.axis = {0, 1}})), F32(21)));
  EXPECT_TRUE(ArraysNear(session.Run(ReduceLogsumexp(ConstantOf(F32({1000, 1000})))),
                         F32(1000.6931f), {1e-6, 0}));
  EXPECT_TRUE(
      ArraysNear(session.Run(ReduceVariance(x, {.axis = 1})), F32({2.f / 3, 2.f / 3}), {1e-6, 0}));
  EXPECT_TRUE(ArraysNear(session.Run(ReduceStd(ConstantOf(F32({1, 3})))), F32(1), {1e-6, 0}));
  EXPECT_TRUE(ArraysEqual(session.Run(CountNonzero(ConstantOf(F32({0, 2, -1})))), I64(2)));
  EXPECT_TRUE(ArraysEqual(session.Run(ArgMax(x, 1)), I64({2, 2})));
}

TEST(ReductionFunctions, Gradients) {
  using Fn = Tensor (*)(const Input&, const ReduceOptions&);
  for (const Fn f : {Fn(ReduceLogsumexp), Fn(ReduceVariance), Fn(ReduceStd)}) {
    CheckGradientOf(
        [f](const std::vector<Tensor>& x) -> std::vector<Tensor> { return {f(x[0], {.axis = 1})}; },
        {{2, 3}});
  }
}

}  // namespace
}  // namespace weft
