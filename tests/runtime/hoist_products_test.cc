// SPDX-License-Identifier: Apache-2.0
// Recurrent nets written out step by step: the products with their inputs are made at once, and
// values and gradients are those of the plain graph.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/optimised_runs.h"
#include "weft/graph/op_builder.h"
#include "weft/weft.h"

namespace weft {
namespace {

using test::CountOps, test::Uniforms;

constexpr int64_t kBatch = 3, kUnits = 140, kInputs = 120;  // a half is no smaller than 2^14
constexpr int kSteps = 5;

Tensor StatefulNode(const char* type, const std::vector<Input>& inputs) {
  OpBuilder builder(type, NameOptions());
  for (const Input& in : inputs) builder.In(in);
  return builder.Output();
}

class HoistProducts : public test::OptimisedRuns {
 protected:
  // h_t = tanh([x_t, h_t-1] w), or of [h_t-1, x_t].
  std::vector<Tensor> Unroll(std::vector<Tensor> xs, const Tensor& w, bool inputs_first) {
    Tensor h = Constant(Array::Zeros(kFloat32, {kBatch, kUnits}));
    std::vector<Tensor> hs;
    for (const Tensor& x : xs) {
      const Tensor both = inputs_first ? Concat({x, h}, 1) : Concat({h, x}, 1);
      h = Tanh(MatMul(both, w));
      hs.push_back(h);
    }
    return hs;
  }

  std::vector<Tensor> FedInputs(int64_t batch, Feeds* feeds) {
    std::vector<Tensor> xs;
    for (int t = 0; t < kSteps; ++t) {
      xs.push_back(Placeholder(kFloat32, {batch, kInputs}));
      feeds->emplace_back(xs.back(), Uniforms({kBatch, kInputs}, static_cast<uint32_t>(t)));
    }
    return xs;
  }
};

std::vector<Tensor> Dense(const std::vector<Grad>& grads) {
  std::vector<Tensor> tensors;
  for (const Grad& g : grads) tensors.push_back(g.tensor());
  return tensors;
}

// [x_t, h_t-1] or [h_t-1, x_t]; the static batch size known or not.
struct Form {
  bool inputs_first;
  int64_t batch;
};
class HoistProductsForms : public HoistProducts, public testing::WithParamInterface<Form> {};

TEST_P(HoistProductsForms, ValuesAndGradientsStay) {
  const Form form = GetParam();
  Feeds feeds;
  const std::vector<Tensor> xs = FedInputs(form.batch, &feeds);
  const Tensor w = Constant(Uniforms({kInputs + kUnits, kUnits}, 77, 0.1f));
  const std::vector<Tensor> hs = Unroll(xs, w, form.inputs_first);
  Tensor loss = ReduceSum(Square(hs.back()));
  for (const Tensor& h : hs) loss = loss + ReduceSum(h);
  std::vector<Tensor> wanted = xs;
  wanted.push_back(w);
  std::vector<Tensor> ys = Dense(Gradients({loss}, wanted));
  ys.push_back(loss);
  const RunMetadata metadata = Check(ys, feeds);
  EXPECT_EQ(CountOps(metadata, "_EarlyProducts"), 1);
  EXPECT_EQ(CountOps(metadata, "_LateProduct"), kSteps);
  // Sizes of slices are constants only if the batch size is known.
  EXPECT_EQ(CountOps(metadata, "_EarlyGradients"), form.batch > 0 ? 1 : 0);
  EXPECT_EQ(CountOps(metadata, "_LateGradient"), form.batch > 0 ? kSteps - 1 : 0);
}

INSTANTIATE_TEST_SUITE_P(Order, HoistProductsForms,
                         testing::Values(Form{true, kBatch}, Form{false, kBatch}, Form{true, -1}));

TEST_F(HoistProducts, LayersOnTopOfEachOther) {
  Feeds feeds;
  const std::vector<Tensor> xs = FedInputs(kBatch, &feeds);
  const Tensor w1 = Constant(Uniforms({kInputs + kUnits, kUnits}, 77, 0.1f)),
               w2 = Constant(Uniforms({2 * kUnits, kUnits}, 78, 0.1f));
  const std::vector<Tensor> hs = Unroll(Unroll(xs, w1, true), w2, true);
  const Tensor loss = ReduceSum(hs[0]) + ReduceSum(Square(hs.back()));
  std::vector<Tensor> ys = Dense(Gradients({loss}, {xs[0], xs[1], xs[3], w1, w2}));
  ys.push_back(loss);
  const RunMetadata metadata = Check(ys, feeds);
  EXPECT_EQ(CountOps(metadata, "_EarlyProducts"), 2);
  EXPECT_EQ(CountOps(metadata, "_EarlyGradients"), 2);
}

TEST_F(HoistProducts, InputsThatAreEarlierOutputsStayInTheSteps) {
  Feeds feeds;
  const Tensor w = Constant(Uniforms({2 * kUnits, kUnits}, 5, 0.1f));
  Tensor x = Placeholder(kFloat32, {kBatch, kUnits}), h = x;
  feeds.emplace_back(x, Uniforms({kBatch, kUnits}, 3));
  for (int t = 0; t < kSteps; ++t) {
    const Tensor next = Tanh(MatMul(Concat({x, h}, 1), w));
    x = Square(h);  // a decoder's input
    h = next;
  }
  const RunMetadata metadata = Check({h}, feeds);
  EXPECT_EQ(CountOps(metadata, "_EarlyProducts"), 0);
}

TEST_F(HoistProducts, AMatrixThatIsWrittenBetweenTheStepsIsReadAtEachStep) {
  Feeds feeds;
  const std::vector<Tensor> xs = FedInputs(kBatch, &feeds);
  const Variable w(Uniforms({kInputs + kUnits, kUnits}, 77, 0.1f));
  Tensor h = Constant(Array::Zeros(kFloat32, {kBatch, kUnits}));
  for (const Tensor& x : xs) {
    const Tensor before = Tanh(MatMul(Concat({x, h}, 1), w.ref()));
    const Tensor written = StatefulNode("Assign", {w.ref(), w.ref() * ReduceMean(Square(before))});
    ControlDependencies after({written.op()});
    h = Identity(before);
  }
  const RunMetadata metadata = Check({h}, feeds, {GlobalVariablesInitializer()});
  EXPECT_EQ(CountOps(metadata, "_EarlyProducts"), 0);
}

// The products of steps that run must not wait for those of a branch that isn't taken. (As graphs
// may be that others wrote: wf::Cond gives a branch a Switch for the matrix too.)
TEST_F(HoistProducts, StepsInABranchStayWhereTheyAre) {
  Feeds feeds;
  const std::vector<Tensor> xs = FedInputs(kBatch, &feeds);
  const Tensor w = Constant(Uniforms({kInputs + kUnits, kUnits}, 77, 0.1f));
  const Tensor more = Placeholder(kBool, {});
  Tensor h = Constant(Array::Zeros(kFloat32, {kBatch, kUnits}));
  for (int t = 0; t < 3; ++t) h = Tanh(MatMul(Concat({xs[static_cast<size_t>(t)], h}, 1), w));
  const auto switched = [&](const Tensor& t) {
    return OpBuilder("Switch", NameOptions()).In(t).In(more).Build();
  };
  const Operation x = switched(xs[3]), before = switched(h);
  const Tensor after = Tanh(MatMul(Concat({x.output(1), before.output(1)}, 1), w));
  const Tensor last =
      OpBuilder("Merge", NameOptions()).InList({before.output(0), after}).Build().output(0);
  for (const bool value : {false, true}) {
    Feeds all = feeds;
    all.emplace_back(more, Array(value));
    Check({last, h}, all);
  }
}

TEST_F(HoistProducts, ATrainingStepReadsItsVariableOnce) {
  Feeds feeds;
  const std::vector<Tensor> xs = FedInputs(kBatch, &feeds);
  const Variable w(Uniforms({kInputs + kUnits, kUnits}, 77, 0.1f));
  const Tensor loss = ReduceSum(Square(Unroll(xs, w.AsTensor(), true).back()));
  const Operation train = train::GradientDescentOptimizer(0.01f).Minimize(loss);
  const Operation init = GlobalVariablesInitializer();
  ConfigProto plain;
  plain.opt_level = OptLevel::kL0;
  std::vector<Array> after;
  for (const bool optimised : {false, true}) {
    Session session(graph_, optimised ? ConfigProto() : plain);
    session.Run(init);
    RunMetadata metadata;
    for (int step = 0; step < 3; ++step) session.Run(train, feeds);
    session.Run(train, feeds, RunOptions{.trace_level = TraceLevel::kFull}, &metadata);
    EXPECT_EQ(CountOps(metadata, "_EarlyProducts"), optimised ? 1 : 0);
    after.push_back(session.Run(w.AsTensor()));
  }
  for (int64_t i = 0; i < after[0].num_elements(); ++i)
    ASSERT_NEAR(after[0].data<float>()[i], after[1].data<float>()[i], 1e-5f);
}

}  // namespace
}  // namespace weft
