// SPDX-License-Identifier: Apache-2.0
// Steps that several threads share by rows: the results are, bit by bit, those of one thread that
// runs the same steps.
#include "src/runtime/row_lanes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <ostream>
#include <string>
#include <vector>

#include "src/core/parallel.h"
#include "tests/support/optimised_runs.h"
#include "weft/graph/op_builder.h"
#include "weft/weft.h"

namespace weft {
namespace {

using test::Uniforms;

constexpr int64_t kFeatures = 5, kCells = 20;
constexpr int kTimes = 4;

class Forced {
 public:
  explicit Forced(TeamChoice::Forced choice) { TeamChoice::Force(choice); }
  ~Forced() { TeamChoice::Force(TeamChoice::kFree); }
};

struct State {
  Tensor c, h;
};

// An LSTM's step written with single ops.
State Next(const Tensor& x, const State& s, const Variable& w, const Variable& b) {
  const std::vector<Tensor> gates = Split(MatMul(Concat({x, s.h}, 1), w) + b, 4, {.axis = 1});
  const Tensor c = s.c * Sigmoid(gates[2] + 1.0f) + Sigmoid(gates[0]) * Tanh(gates[1]);
  return {c, Tanh(c) * Sigmoid(gates[3])};
}

// Two layers, trained by gradient descent.
class Net {
 public:
  Net(int64_t batch, bool loop) : batch_(batch) {
    for (int layer = 0; layer < 2; ++layer) {
      const int64_t inputs = layer == 0 ? kFeatures : kCells;
      w_.emplace_back(Uniforms({inputs + kCells, 4 * kCells}, static_cast<uint32_t>(layer), 0.5f),
                      VariableOptions{.use_resource = true});
      b_.emplace_back(Uniforms({4 * kCells}, static_cast<uint32_t>(layer + 5), 0.5f),
                      VariableOptions{.use_resource = true});
    }
    x = Placeholder(kFloat32, {kTimes, batch, kFeatures});
    last = loop ? Looped() : Unrolled();
    loss = ReduceMean(Square(last));
    const std::vector<Tensor> handles = {w_[0].handle(), b_[0].handle(), w_[1].handle(),
                                         b_[1].handle()};
    const std::vector<Grad> gradients = Gradients({loss}, handles);
    for (size_t i = 0; i < handles.size(); ++i) {
      updates.push_back(OpBuilder("ResourceApplyGradientDescent", NameOptions())
                            .In(handles[i])
                            .In(0.7f)
                            .In(DenseGradient(gradients[i]))
                            .Build());
    }
  }

  std::vector<Tensor> weights() const {
    return {w_[0].ReadValue(), b_[0].ReadValue(), w_[1].ReadValue(), b_[1].ReadValue()};
  }

  Tensor x, last, loss;
  std::vector<Tensor> middle;  // states in between
  std::vector<Operation> updates;

 private:
  Tensor Unrolled() {
    const Tensor zero = Zeros({batch_, kCells});
    std::vector<State> states(2, State{zero, zero});
    for (Tensor in : Unstack(x)) {
      for (size_t k = 0; k < 2; ++k) {
        states[k] = Next(in, states[k], w_[k], b_[k]);
        in = states[k].h;
      }
      middle.push_back(states[0].c);
    }
    return states[1].h;
  }

  Tensor Looped() {
    const TensorArray inputs = TensorArray(kFloat32, kTimes).Unstack(x);
    const Tensor zero = Zeros({batch_, kCells});
    const std::vector<Tensor> finals =
        WhileLoop([&](const std::vector<Tensor>& v) { return Less(v[0], kTimes); },
                  [&](const std::vector<Tensor>& v) {
                    const State first = Next(inputs.Read(v[0]), {v[1], v[2]}, w_[0], b_[0]);
                    const State second = Next(first.h, {v[3], v[4]}, w_[1], b_[1]);
                    return std::vector<Tensor>{v[0] + 1, first.c, first.h, second.c, second.h};
                  },
                  {int32_t{0}, zero, zero, zero, zero});
    middle = {finals[1]};
    return finals[4];
  }

  int64_t batch_;
  std::vector<Variable> w_, b_;
};

// All that a few steps of training give.
std::vector<Array> Train(int64_t batch, bool loop, int threads, TeamChoice::Forced choice,
                         int64_t* team_runs) {
  Graph graph;
  GraphScope scope(graph);
  const Net net(batch, loop);
  ConfigProto config;
  config.intra_op_parallelism_threads = threads;
  config.unroll_loops = false;
  Session session(graph, config);
  session.Run(GlobalVariablesInitializer());
  std::vector<Tensor> fetches = net.middle;
  fetches.push_back(net.loss);
  fetches.push_back(net.last);
  const Callable step =
      session.MakeCallable({fetches.begin(), fetches.end()}, {net.x}, net.updates);
  const Forced forced(choice);
  std::vector<Array> all;
  for (uint32_t i = 0; i < 5; ++i) {
    const std::vector<Array> results = step({Uniforms({kTimes, batch, kFeatures}, 20 + i)});
    all.insert(all.end(), results.begin(), results.end());
  }
  *team_runs = TeamChoice::forced_team_runs();
  for (const Tensor& w : net.weights()) all.push_back(session.Run(w));
  return all;
}

void ExpectSame(const std::vector<Array>& a, const std::vector<Array>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i] == b[i]) << i << ": " << a[i] << b[i];
}

struct Case {
  int64_t batch;
  bool loop;
  int threads;
  bool divided;
  friend std::ostream& operator<<(std::ostream& out, const Case& c) {
    return out << "batch " << c.batch << (c.loop ? ", looped, " : ", unrolled, ") << c.threads
               << " threads";
  }
};

class RowLanesOfNets : public testing::TestWithParam<Case> {};

TEST_P(RowLanesOfNets, GiveTheBitsOfOneThread) {
  const Case c = GetParam();
  int64_t alone_runs = 0, team_runs = 0, plain_runs = 0;
  const std::vector<Array> alone =
      Train(c.batch, c.loop, c.threads, TeamChoice::kAlone, &alone_runs);
  const std::vector<Array> team = Train(c.batch, c.loop, c.threads, TeamChoice::kTeam, &team_runs);
  ExpectSame(alone, team);
  EXPECT_EQ(alone_runs, 0);
  // Values that one thread has made, in one piece, are read by several, and the other way around.
  int64_t runs_in_turn = 0;
  ExpectSame(alone, Train(c.batch, c.loop, c.threads, TeamChoice::kInTurn, &runs_in_turn));
  EXPECT_EQ(runs_in_turn > 0, c.divided);
  if (c.divided)
    EXPECT_GE(team_runs, 4);
  else
    EXPECT_EQ(team_runs, 0);
  // Those of a session with one thread but for the order of sums.
  const std::vector<Array> one = Train(c.batch, c.loop, 1, TeamChoice::kTeam, &plain_runs);
  EXPECT_EQ(plain_runs, 0);
  ASSERT_EQ(one.size(), team.size());
  for (size_t i = 0; i < one.size(); ++i) {
    for (int64_t k = 0; k < one[i].num_elements(); ++k)
      ASSERT_NEAR(one[i].data<float>()[k], team[i].data<float>()[k], 2e-5) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, RowLanesOfNets,
                         testing::Values(Case{32, false, 2, true}, Case{32, true, 2, true},
                                         Case{40, false, 3, true}, Case{40, true, 3, true},
                                         Case{37, false, 2, true}, Case{37, true, 2, true},
                                         Case{67, true, 4, true}, Case{15, false, 2, false},
                                         Case{15, true, 2, false}),
                         [](const auto& info) {
                           return std::to_string(info.param.batch) +
                                  (info.param.loop ? "Looped" : "Unrolled") +
                                  std::to_string(info.param.threads);
                         });

class RowLanesOfRuns : public test::OptimisedRuns {
 protected:
  // Values are those of the graph as it stands. Some steps are run by several threads.
  void CheckInLanes(const std::vector<Tensor>& ys, const Feeds& feeds,
                    const std::vector<Operation>& first = {}) {
    ConfigProto plain, lanes;
    plain.opt_level = OptLevel::kL0;
    plain.intra_op_parallelism_threads = 1;
    lanes.intra_op_parallelism_threads = 2;
    lanes.unroll_loops = false;
    Session as_it_is(graph_, plain), divided(graph_, lanes);
    for (Session* s : {&as_it_is, &divided}) {
      for (const Operation& op : first) s->Run(op);
    }
    const std::vector<Fetch> fetches(ys.begin(), ys.end());
    const Forced forced(TeamChoice::kTeam);
    for (int run = 0; run < 4; ++run) {
      const std::vector<Array> want = as_it_is.Run(fetches, feeds),
                               got = divided.Run(fetches, feeds);
      for (size_t i = 0; i < want.size(); ++i) {
        ASSERT_EQ(got[i].shape(), want[i].shape());
        for (int64_t k = 0; k < want[i].num_elements(); ++k) {
          const float w = want[i].data<float>()[k];
          ASSERT_NEAR(got[i].data<float>()[k], w, 2e-5f * (1 + std::abs(w))) << i << " at " << k;
        }
      }
    }
    EXPECT_GE(TeamChoice::forced_team_runs(), 1);
  }
};

// Which rows there are is known when the run is there: not as many as in the run that was recorded.
TEST_F(RowLanesOfRuns, RowsThatDependOnValues) {
  const Tensor x = Placeholder(kFloat32, {64, 24}), keep = Placeholder(kBool, {64});
  const Variable w(Uniforms({24, 64}, 1, 0.3f), {.use_resource = true});
  Tensor y = BooleanMask(x, keep);
  for (int i = 0; i < 6; ++i) {
    y = MatMul(y, w) + 0.5f;
    y = MatMul(y, w, {.transpose_b = true}) - 0.25f;
  }
  ConfigProto config;
  config.intra_op_parallelism_threads = 2;
  Session session(graph_, config);
  session.Run(GlobalVariablesInitializer());
  const Array all = Uniforms({64, 24}, 3, 0.1f);
  const auto run = [&](int rows) {
    Array mask(kBool, {64});
    for (int r = 0; r < 64; ++r) mask.mutable_data<bool>()[r] = r < rows;
    return session.Run(y, {{x, all}, {keep, mask}});
  };
  const Forced forced(TeamChoice::kTeam);
  const Array most = run(64);
  ASSERT_TRUE(run(64) == most);
  EXPECT_GE(TeamChoice::forced_team_runs(), 1);
  for (const int rows : {40, 64, 3, 0, 1, 63, 64}) {
    const Array some = run(rows);
    ASSERT_EQ(some.shape(), Shape({rows, 24}));
    for (int64_t k = 0; k < some.num_elements(); ++k) {
      const float expected = most.data<float>()[k];
      ASSERT_NEAR(some.data<float>()[k], expected, 1e-4f * std::max(1.0f, std::abs(expected)));
    }
  }
}

// A value that is read whole after some rows of it were made: the steps in between are no lanes.
TEST_F(RowLanesOfRuns, AMatrixOfAllRowsIsWaitedFor) {
  const Tensor x = Placeholder(kFloat32, {48, 48});
  Tensor a = x;
  for (int i = 0; i < 4; ++i) a = Tanh(MatMul(a, x) * 0.5f + x);
  Tensor b = a;
  for (int i = 0; i < 4; ++i) b = Tanh(MatMul(b, a) * 0.5f + x);
  // Taken over in place by a later step, whole for an earlier one.
  const Tensor c = MatMul(x, b) + b;
  CheckInLanes({c, b}, {{x, Uniforms({48, 48}, 9, 0.5f)}});
}

// What a loop pushes for its gradient in parts is asked for by rows, as a whole, and by kernels
// that don't work by rows.
TEST_F(RowLanesOfRuns, PushedValuesThatAreReadAsAWhole) {
  const int64_t batch = 48;
  const Tensor x = Placeholder(kFloat32, {batch, kFeatures});
  const Variable w(Uniforms({kFeatures + kCells, 4 * kCells}, 1, 0.5f), {.use_resource = true});
  const Variable b(Uniforms({4 * kCells}, 2, 0.5f), {.use_resource = true});
  const Tensor zero = Zeros({batch, kCells});
  const std::vector<Tensor> finals = WhileLoop(
      [&](const std::vector<Tensor>& v) { return Less(v[0], 5); },
      [&](const std::vector<Tensor>& v) {
        const State next = Next(x, {v[1], v[2]}, w, b);
        // Its gradient multiplies by the mean and by the cells, as a whole.
        const Tensor c = next.c * ReduceMean(Sigmoid(next.c), {.axis = 0, .keep_dims = true});
        const Tensor h = next.h + Cumsum(Tanh(next.h)) * 0.01f;
        return std::vector<Tensor>{v[0] + 1, c, h};
      },
      {int32_t{0}, zero, zero});
  const Tensor loss = ReduceSum(Square(finals[2])) + ReduceSum(finals[1]);
  const std::vector<Grad> gradients = Gradients({loss}, {w.handle(), b.handle(), x});
  std::vector<Tensor> fetches = {finals[1], finals[2]};
  for (const Grad& g : gradients) fetches.push_back(DenseGradient(g));
  CheckInLanes(fetches, {{x, Uniforms({batch, kFeatures}, 4)}}, {w.initializer(), b.initializer()});
}

// The order in which kernels that work by rows stand together leaves reads and updates of a
// variable where they were.
TEST_F(RowLanesOfRuns, UpdatesBetweenStepsKeepTheirPlace) {
  const int64_t batch = 128;
  const Tensor x = Placeholder(kFloat32, {batch, kFeatures});
  const Variable w(Uniforms({kFeatures + kCells, 4 * kCells}, 1, 0.5f), {.use_resource = true});
  const Variable b(Uniforms({4 * kCells}, 2, 0.5f), {.use_resource = true});
  const Tensor zero = Zeros({batch, kCells});
  const State first = Next(x, {zero, zero}, w, b);
  const Operation update = w.AssignSub(Uniforms({kFeatures + kCells, 4 * kCells}, 3, 0.1f)).op();
  State second;
  {
    ControlDependencies after({update});
    const Tensor gates = MatMul(Concat({x, first.h}, 1), w.ReadValue()) + b;
    const std::vector<Tensor> parts = Split(gates, 4, {.axis = 1});
    const Tensor c = first.c * Sigmoid(parts[2] + 1.0f) + Sigmoid(parts[0]) * Tanh(parts[1]);
    second = {c, Tanh(c) * Sigmoid(parts[3])};
  }
  CheckInLanes({first.h, second.c, second.h}, {{x, Uniforms({batch, kFeatures}, 4)}},
               {w.initializer(), b.initializer()});
}

}  // namespace
}  // namespace weft
