// SPDX-License-Identifier: Apache-2.0
// Sums of matrices' rows that are added up become one pass, with the same values.
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/optimised_runs.h"
#include "weft/weft.h"

namespace weft {
namespace {

using test::CountOps, test::Uniforms;

class RowSums : public test::OptimisedRuns {
 protected:
  Tensor Fed(std::vector<int64_t> dims) {
    const Tensor t = Placeholder(kFloat32, PartialShape(dims));
    feeds_.emplace_back(t, Uniforms(dims, static_cast<uint32_t>(feeds_.size())));
    return t;
  }
  static Tensor Rows(const Tensor& m) { return ReduceSum(m, {.axis = {0}}); }
  int Fused(const Tensor& y) { return CountOps(Check({y}, feeds_), "_SumOfRows"); }
  Feeds feeds_;
};

TEST_F(RowSums, OfSeveralMatricesAndVectors) {
  const Tensor a = Fed({4, 7}), b = Fed({3, 7}), v = Fed({7});
  EXPECT_EQ(Fused(AddN({Rows(a), v, Rows(b)})), 1);
  EXPECT_EQ(Fused(Rows(a) + v), 1);
  EXPECT_EQ(Fused(v + Rows(Fed({0, 7}))), 1);
}

TEST_F(RowSums, TheGradientOfABiasOfSeveralSteps) {
  const Tensor b = Fed({6}), x = Fed({5, 6}), y = Fed({2, 6});
  const Tensor loss = ReduceSum(Square(x + b)) + ReduceSum(Tanh(y + b));
  EXPECT_EQ(Fused(DenseGradient(Gradients({loss}, {b})[0])), 1);
}

TEST_F(RowSums, WithWhatIsRepeated) {
  const Tensor sum = Rows(Fed({5, 3})), one = Rows(Fed({5, 1}));
  for (const std::vector<int64_t>& dims :
       {std::vector<int64_t>{}, {1}, {3}, {2, 3}, {2, 1}, {4, 2, 3}, {0, 3}}) {
    EXPECT_EQ(Fused(Fed(dims) + sum), 1);
    EXPECT_EQ(Fused(one + Fed(dims)), 1);
  }
  Session session(graph_);
  const Tensor x = Placeholder(kFloat32), y = x + sum;
  feeds_.emplace_back(x, Uniforms({2}, 9));
  EXPECT_THROW(session.Run(y, feeds_), InvalidArgumentError);
}

// A value that is fed in place of an output has that output's shape, not the first one's.
TEST_F(RowSums, WithAVectorThatIsFedInPlaceOfASecondOutput) {
  const std::vector<Tensor> parts = SplitV(Constant(Uniforms({8}, 5)), {1, 7});
  const Tensor a = Fed({4, 7});
  feeds_.emplace_back(parts[1], Uniforms({7}, 6));
  EXPECT_EQ(Fused(Rows(a) + parts[1]), 1);
}

TEST_F(RowSums, OtherSumsStay) {
  const Tensor a = Fed({4, 4}), v = Fed({4});
  EXPECT_EQ(Fused(ReduceSum(a, {.axis = {1}}) + v), 0);
  // Large, or of a size that isn't known.
  EXPECT_EQ(Fused(Rows(Fed({70000, 4})) + v), 0);
  const Tensor some = Placeholder(kFloat32, {-1, 4});
  feeds_.emplace_back(some, Uniforms({3, 4}, 11));
  EXPECT_EQ(Fused(Rows(some) + v), 0);
  const Tensor used = Rows(a);
  EXPECT_EQ(CountOps(Check({used + v, used * v}, feeds_), "_SumOfRows"), 0);
  EXPECT_EQ(CountOps(Check({used + v, used}, feeds_), "_SumOfRows"), 0);
}

}  // namespace
}  // namespace weft
