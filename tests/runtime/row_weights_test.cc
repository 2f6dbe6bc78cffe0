// SPDX-License-Identifier: Apache-2.0
// Products with constant matrices, one row at a time: the copies that plans keep of the matrices
// change no bit.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "weft/weft.h"

namespace weft {
namespace {

Array Numbers(Shape shape, int64_t seed) {
  Array a(kFloat32, shape);
  float* x = a.mutable_data<float>();
  for (int64_t i = 0; i < a.num_elements(); ++i)
    x[i] = static_cast<float>((i * 7919 + seed * 104729) % 2003) / 1001.5f - 1;
  return a;
}

Tensor Product(const Tensor& x, const Input& w) {
  return OpBuilder("MatMul", {}).In(x).In(w).Output();
}

class RowWeights : public testing::Test {
 protected:
  // x times two matrices: constants, or fed.
  void Build(int64_t inputs, int64_t hidden, int64_t outputs) {
    w1_ = Numbers({inputs, hidden}, 1);
    w2_ = Numbers({hidden, outputs}, 2);
    x_ = Placeholder(kFloat32, {-1, inputs});
    v1_ = Placeholder(kFloat32, {inputs, hidden});
    v2_ = Placeholder(kFloat32, {hidden, outputs});
    constant_ = Product(Product(x_, w1_), w2_);
    fed_ = Product(Product(x_, v1_), v2_);
  }
  Array Want(Session& session, const Array& x) {
    return session.Run(fed_, {{x_, x}, {v1_, w1_}, {v2_, w2_}});
  }

  Graph graph_;
  GraphScope scope_{graph_};
  Array w1_, w2_;
  Tensor x_, v1_, v2_, constant_, fed_;
};

TEST_F(RowWeights, AnyNumberOfRowsGivesTheSameBits) {
  Build(70, 300, 10);
  Session session;
  const int64_t inputs = 70;
  for (const int64_t rows : {1, 1, 1, 5, 1, 0, 2, 1}) {
    const Array x = Numbers({rows, inputs}, rows + 3);
    const Array want = Want(session, x), got = session.Run(constant_, {{x_, x}});
    ASSERT_EQ(got.shape(), want.shape());
    for (int64_t i = 0; i < want.num_elements(); ++i)
      ASSERT_EQ(got.data<float>()[i], want.data<float>()[i]) << rows << " rows, element " << i;
  }
}

TEST_F(RowWeights, AMatrixThatIsFedInPlaceOfTheConstantCounts) {
  Build(70, 300, 10);
  Session session;
  const Array x = Numbers(Shape({1, 70}), 4);
  for (int run = 0; run < 3; ++run) session.Run(constant_, {{x_, x}});
  const Tensor weights = constant_.op().input(0).op().input(1);
  const Array other = Numbers(Shape({70, 300}), 9);
  const Array want = session.Run(fed_, {{x_, x}, {v1_, other}, {v2_, w2_}});
  const Array got = session.Run(constant_, {{x_, x}, {weights, other}});
  for (int64_t i = 0; i < 10; ++i) ASSERT_EQ(got.data<float>()[i], want.data<float>()[i]);
}

TEST_F(RowWeights, MatricesBeyondTheLimitStayAsTheyAre) {
  Build(1000, 1100, 3);
  Session session;
  const Array x = Numbers({1, 1000}, 5);
  const Array want = Want(session, x);
  for (int run = 0; run < 3; ++run) {
    const Array got = session.Run(constant_, {{x_, x}});
    for (int64_t i = 0; i < 3; ++i) ASSERT_EQ(got.data<float>()[i], want.data<float>()[i]);
  }
}

TEST_F(RowWeights, ConcurrentRuns) {
  Build(70, 300, 10);
  Session session;
  const Array x = Numbers({1, 70}, 4), want = Want(session, x);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int run = 0; run < 20; ++run) {
        const Array got = session.Run(constant_, {{x_, x}});
        for (int64_t i = 0; i < 10; ++i) EXPECT_EQ(got.data<float>()[i], want.data<float>()[i]);
      }
    });
  }
  for (std::thread& t : threads) t.join();
}

}  // namespace
}  // namespace weft
