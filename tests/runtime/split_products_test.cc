// SPDX-License-Identifier: Apache-2.0
// Products that take and give parts: values and gradients are those of the plain graph, and what
// others need of the whole stays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/optimised_runs.h"
#include "weft/graph/op_builder.h"
#include "weft/weft.h"

namespace weft {
namespace {

using test::CountOps, test::Uniforms;
using ::testing::HasSubstr;

constexpr int64_t kRows = 9, kLeft = 5, kRight = 6, kColumns = 11;

class SplitProducts : public test::OptimisedRuns {
 protected:
  // Three steps of a recurrent net.
  void MakeNet(int64_t rows) {
    w_ = Variable(Constant(Uniforms({kLeft + kRight, kRight}, 7, 0.5f)), {.use_resource = true});
    h_ = Constant(Array::Full(Shape({kRows, kRight}), 0.25f));
    for (uint32_t t = 0; t < 3; ++t) {
      xs_.push_back(Placeholder(kFloat32, {rows, kLeft}));
      feeds_.emplace_back(xs_.back(), Uniforms({kRows, kLeft}, t));
      h_ = Tanh(MatMul(Concat({xs_.back(), h_}, 1), *w_));
    }
  }
  std::vector<Tensor> Gradients() {
    std::vector<Tensor> list;
    for (const Grad& g : weft::Gradients({ReduceSum(Square(h_))}, {w_->handle(), xs_[0], xs_[2]}))
      list.push_back(DenseGradient(g));
    list.push_back(h_);
    return list;
  }

  std::optional<Variable> w_;
  Tensor h_;
  std::vector<Tensor> xs_;
  Feeds feeds_;
};

TEST_F(SplitProducts, StepsOfANet) {
  MakeNet(kRows);
  const RunMetadata m = Check(Gradients(), feeds_, {w_->initializer()});
  EXPECT_EQ(CountOps(m, "_ProductOfParts"), 3);
  EXPECT_EQ(CountOps(m, "_PartsOfProduct"), 3);
  EXPECT_EQ(CountOps(m, "_SumOfProducts"), 1);
  EXPECT_EQ(CountOps(m, "ConcatV2") + CountOps(m, "Slice") + CountOps(m, "MatMul"), 0);
}

TEST_F(SplitProducts, WithoutAKnownNumberOfRowsTheResultsStayWhole) {
  MakeNet(-1);
  const RunMetadata m = Check(Gradients(), feeds_, {w_->initializer()});
  EXPECT_EQ(CountOps(m, "_PartsOfProduct"), 0);
}

TEST_F(SplitProducts, AConcatThatIsFetchedStaysAndSoDoWeightsOfAllSteps) {
  MakeNet(kRows);
  std::vector<Tensor> ys = Gradients();
  // The operand of the second step's product.
  ys.push_back(h_.op().input(0).op().input(0).op().input(1).op().input(0).op().input(0));
  ASSERT_EQ(ys.back().op().type(), "ConcatV2");
  const RunMetadata m = Check(ys, feeds_, {w_->initializer()});
  EXPECT_EQ(CountOps(m, "ConcatV2"), 3);
  EXPECT_EQ(CountOps(m, "_ProductOfParts"), 0);
}

TEST_F(SplitProducts, ASliceThatIsFetchedIsThere) {
  const Tensor dz = Placeholder(kFloat32, {kRows, kColumns});
  const Tensor w = Placeholder(kFloat32, {kLeft + kRight, kColumns});
  const Tensor d = MatMul(dz, w, {.transpose_b = true});
  const Tensor left = Slice(d, {0, 0}, {-1, static_cast<int>(kLeft)});
  const Tensor right = Slice(d, {0, static_cast<int>(kLeft)}, {static_cast<int>(kRows), -1});
  const Tensor middle = Slice(d, {0, 2}, {-1, 4});
  const Feeds feeds{{dz, Uniforms({kRows, kColumns}, 1)},
                    {w, Uniforms({kLeft + kRight, kColumns}, 2)}};
  EXPECT_EQ(CountOps(Check({left, Tanh(right), middle}, feeds), "_PartsOfProduct"), 1);
  // Not if the whole is needed, or rows are left out.
  EXPECT_EQ(CountOps(Check({left, d}, feeds), "_PartsOfProduct"), 0);
  EXPECT_EQ(CountOps(Check({Slice(d, {1, 0}, {-1, 4})}, feeds), "_PartsOfProduct"), 0);
}

TEST_F(SplitProducts, AReferenceVariableIsReadAtItsTurn) {
  const Variable w(Constant(Uniforms({kLeft + kRight, kColumns}, 3)), {.use_resource = false});
  const Tensor x = Placeholder(kFloat32, {kRows, kLeft}),
               h = Placeholder(kFloat32, {kRows, kRight});
  const Tensor v = Placeholder(kFloat32, {kLeft + kRight, kColumns});
  const Tensor before = MatMul(Concat({x, h}, 1), w), fed = MatMul(Concat({x, h}, 1), v);
  const Tensor add = w.AssignAdd(Constant(Array::Full(Shape({kLeft + kRight, kColumns}), 1.0f)));
  const Feeds feeds{{x, Uniforms({kRows, kLeft}, 4)}, {h, Uniforms({kRows, kRight}, 5)}};
  Session session(graph_);
  session.Run(w.initializer());
  for (int run = 0; run < 3; ++run) {
    const Array value = session.Run(w);
    const Array got = session.Run({before, add}, feeds)[0];
    const Array want = session.Run(fed, {feeds[0], feeds[1], {v, value}});
    EXPECT_TRUE(got == want) << run;
  }
}

// As many columns as the plan could not know of.
TEST_F(SplitProducts, SizesThatDoNotFitAreNamed) {
  const Tensor x = Placeholder(kFloat32, {-1, -1}), h = Placeholder(kFloat32, {-1, -1}),
               w = Placeholder(kFloat32, {-1, -1});
  const Tensor z = MatMul(Concat({x, h}, 1), w);
  Session session(graph_);
  const auto run = [&](std::vector<int64_t> a, std::vector<int64_t> b, std::vector<int64_t> c) {
    session.Run(z, {{x, Uniforms(a, 1)}, {h, Uniforms(b, 2)}, {w, Uniforms(c, 3)}});
  };
  const auto message = [&](std::vector<int64_t> a, std::vector<int64_t> b, std::vector<int64_t> c) {
    try {
      run(a, b, c);
    } catch (const InvalidArgumentError& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  run({2, 3}, {2, 4}, {7, 5});
  EXPECT_THAT(message({2, 3}, {3, 4}, {7, 5}), HasSubstr("Dimensions of inputs should match"));
  EXPECT_THAT(message({2, 3}, {2, 4}, {8, 5}), HasSubstr("Matrix size-incompatible"));
  // Nothing to multiply.
  EXPECT_EQ(
      session.Run(z, {{x, Uniforms({0, 3}, 1)}, {h, Uniforms({0, 4}, 2)}, {w, Uniforms({7, 5}, 3)}})
          .shape(),
      Shape({0, 5}));
  const Array zeros = session.Run(
      z, {{x, Uniforms({2, 0}, 1)}, {h, Uniforms({2, 0}, 2)}, {w, Uniforms({0, 5}, 3)}});
  for (int64_t i = 0; i < 10; ++i) EXPECT_EQ(zeros.data<float>()[i], 0.0f);
}

}  // namespace
}  // namespace weft
