// SPDX-License-Identifier: Apache-2.0
#include "tests/gradients/gradient_table.h"

namespace weft {
namespace {

// Along one axis, along several with their dimensions kept, over all, and a scalar.
void AddReduction(GradientTable* table, const char* op, const GradientCheck& check = {},
                  std::source_location where = std::source_location::current()) {
  table->push_back(Check(op, {{2, 3}, I32(1)}, check, {}, where));
  table->push_back(Check(op, {{2, 3, 2}, I32({0, -1})}, check, {{"keep_dims", true}}, where));
  table->push_back(Check(op, {{2, 3}, I32({0, 1})}, check, {}, where));
  table->push_back(Check(op, {{}, I32(Shape({0}), {})}, check, {}, where));
}

void AddScan(GradientTable* table, const char* op, const GradientCheck& check = {},
             std::source_location where = std::source_location::current()) {
  for (const bool exclusive : {false, true}) {
    for (const bool reverse : {false, true}) {
      const AttrMap attrs = {{"exclusive", exclusive}, {"reverse", reverse}};
      table->push_back(Check(op, {{2, 3}, I32(1)}, check, attrs, where));
    }
  }
}

// Its rule takes the logarithm of gradients of either sign apart, so it is not smooth in them.
void AddCumulativeLogsumexp(GradientTable* table) {
  AddScan(table, "CumulativeLogsumexp", FirstOrderOnly());
  // The logarithm of the empty sum is -inf, which has no differences.
  for (GradientEntry& entry : *table) {
    if (entry.op != "CumulativeLogsumexp" || !*entry.attrs["exclusive"].Get<bool>()) continue;
    const int64_t empty = *entry.attrs["reverse"].Get<bool>() ? 2 : 0;
    entry.check.skip = [empty](const test::JacobianEntry& e) { return e.y_element % 3 == empty; };
  }
}

GradientTable Segments() {
  // The second with an empty segment: its mean and its extreme have first derivatives only, since
  // the rules divide by the number of elements that take part.
  const Array full = I32({0, 0, 1, 2}), sorted = I32({0, 0, 2, 2}), ids = I32({2, 0, 2, -1});
  const Array rows = I32({3, 0, 0, 1}), to = I32({0, 0, 1, 2});
  return {
      Check("SegmentSum", {{4, 2}, sorted}),
      Check("SegmentMean", {{4, 2}, full}),
      Check("SegmentMean", {{4, 2}, sorted}, FirstOrderOnly()),
      Check("SegmentProd", {{4, 2}, sorted}, Between(0.5, 2).FirstOrderOnly()),
      Check("SegmentMin", {{4, 2}, full}),
      Check("SegmentMin", {{4, 2}, sorted}, FirstOrderOnly()),
      Check("SegmentMax", {{4, 2}, full}),
      Check("SegmentMax", {{4, 2}, sorted}, FirstOrderOnly()),
      Check("UnsortedSegmentSum", {{4, 2}, ids, I32(3)}),
      Check("UnsortedSegmentProd", {{4, 2}, ids, I32(3)}, Between(0.5, 2).FirstOrderOnly()),
      Check("UnsortedSegmentMin", {{4, 2}, I32({2, 0, 2, 1}), I32(3)}),
      Check("UnsortedSegmentMax", {{4, 2}, I32({2, 0, 2, 1}), I32(3)}),
      Check("SparseSegmentSum", {{4, 2}, rows, to}, FirstOrderOnly()),
      Check("SparseSegmentMean", {{4, 2}, rows, to}, FirstOrderOnly()),
      Check("SparseSegmentSqrtN", {{4, 2}, rows, to}, FirstOrderOnly()),
      Check("SparseSegmentSumWithNumSegments", {{4, 2}, rows, to, I32(4)}, FirstOrderOnly()),
      Check("SparseSegmentMeanWithNumSegments", {{4, 2}, rows, to, I32(4)}, FirstOrderOnly()),
      Check("SparseSegmentSqrtNWithNumSegments", {{4, 2}, rows, to, I32(4)}, FirstOrderOnly()),
  };
}

}  // namespace

GradientTable ReductionGradients() {
  GradientTable table = Segments();
  AddReduction(&table, "Sum");
  AddReduction(&table, "Sum", AsDtype(kComplex128));
  AddReduction(&table, "Mean");
  AddReduction(&table, "Max");
  AddReduction(&table, "Min");
  AddReduction(&table, "Prod", Between(0.5, 2));
  AddReduction(&table, "EuclideanNorm", Between(0.2, 2));
  AddScan(&table, "Cumsum");
  AddScan(&table, "Cumprod", Between(0.5, 2));
  AddCumulativeLogsumexp(&table);
  table.push_back(NotChecked("ArgMax", "the output is an index"));
  table.push_back(NotChecked("ArgMin", "the output is an index"));
  table.push_back(Check("L2Loss", {{2, 3}}));
  table.push_back(Check("TopK", {{2, 5}}, {}, {{"k", 2}}));
  table.push_back(Check("IsotonicRegression", {F64({{3, 1, 2, 2.4, 5, 0}, {1, 2, 4, 3, 2, 7}})},
                        FirstOrderOnly(), {{"output_dtype", kFloat64}}));
  table.push_back(Check("TopKV2", {{2, 5}, I32(2)}));
  table.push_back(Check("NthElement", {{2, 5}, I32(1)}));
  table.push_back(Check("NthElement", {{2, 5}, I32(1)}, {}, {{"reverse", true}}));
  return table;
}

}  // namespace weft
