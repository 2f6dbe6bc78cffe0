// SPDX-License-Identifier: Apache-2.0
// Loops of training graphs run as sub-plans, give the gradients of the unrolled net, and keep no
// memory.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "weft/nn/rnn.h"
#include "weft/weft.h"

namespace weft {
namespace {

namespace rnn = nn::rnn_cell;

Array LoopValues(const Shape& shape, uint32_t seed, float scale = 1.0f) {
  std::mt19937 bits(seed);
  std::uniform_real_distribution<float> values(-scale, scale);
  Array a(kFloat32, shape);
  for (float& x : a.mutable_values<float>()) x = values(bits);
  return a;
}

int CountNodes(const RunMetadata& metadata, const std::string& op) {
  int n = 0;
  for (const NodeStats& s : metadata.step_stats) n += s.op_type == op;
  return n;
}

// Runs once, and expects that the plan has `loops` loops, all of them as sub-plans.
std::vector<Array> RunStructured(Session& session, const std::vector<Tensor>& fetches,
                                 const Feeds& feeds, int loops) {
  RunMetadata metadata;
  const std::vector<Array> results =
      session.Run(fetches, feeds, {.trace_level = TraceLevel::kFull}, &metadata);
  EXPECT_EQ(CountNodes(metadata, "_Loop"), loops);
  for (const char* op : {"Enter", "RefEnter", "NextIteration", "Exit", "LoopCond"})
    EXPECT_EQ(CountNodes(metadata, op), 0) << op;
  return results;
}

void ExpectClose(const Array& got, const Array& want, float tolerance) {
  ASSERT_TRUE(got.shape() == want.shape())
      << got.shape().ToString() << " instead of " << want.shape().ToString();
  for (int64_t i = 0; i < got.num_elements(); ++i) {
    ASSERT_NEAR(got.data<float>()[i], want.data<float>()[i],
                tolerance * (1 + std::abs(want.data<float>()[i])))
        << "element " << i;
  }
}

std::vector<Tensor> DenseGradients(const Tensor& y, const std::vector<Tensor>& xs) {
  std::vector<Tensor> dense;
  for (const Grad& g : Gradients({y}, xs)) dense.push_back(DenseGradient(g));
  return dense;
}

class Loops : public testing::Test {
 protected:
  static constexpr int64_t kBatch = 3, kSteps = 6, kInputs = 4, kUnits = 5;

  // Two layers, over `x` [batch, time, input].
  rnn::RNNCell Cells() {
    return rnn::MultiRNNCell({rnn::BasicLSTMCell(kUnits), rnn::BasicLSTMCell(kUnits)});
  }
  std::vector<Tensor> WeightsOf() const {
    std::vector<Tensor> weights;
    for (const Variable& v : TrainableVariables()) weights.push_back(v.RefOrHandle());
    return weights;
  }

  Graph graph_;
  GraphScope scope_{graph_};
  const ConfigProto looped_{.unroll_loops = false};
};

class LoopsOfTraining : public Loops, public testing::WithParamInterface<int64_t> {};

// The batch size is known, or not: then gradients must find out what was broadcast.
TEST_P(LoopsOfTraining, GradientsAreThoseOfTheUnrolledNet) {
  const Tensor x = Placeholder(kFloat32, {GetParam(), kSteps, kInputs});
  const Array weight = LoopValues({kBatch, kUnits}, 5);
  Tensor looped, unrolled;
  {
    const VariableScope scope("net");
    looped = nn::DynamicRnn(Cells(), x, {.dtype = kFloat32}).outputs;
  }
  const std::vector<Tensor> weights = WeightsOf();
  {
    const VariableScope scope("net", {.reuse = Reuse::kTrue});
    const std::vector<Tensor> steps = Unstack(Transpose(x, {1, 0, 2}));
    const std::vector<Tensor> outputs =
        nn::StaticRnn(Cells(), {steps.begin(), steps.end()}, {.dtype = kFloat32}).outputs;
    unrolled = Stack({outputs.begin(), outputs.end()}, {.axis = 1});
  }
  ASSERT_EQ(WeightsOf().size(), weights.size());
  const auto loss = [&](const Tensor& y) { return ReduceSum(Tanh(y) * y); };
  std::vector<Tensor> of_loop = DenseGradients(loss(looped), weights),
                      of_net = DenseGradients(loss(unrolled), weights);
  of_loop.push_back(looped);
  of_net.push_back(unrolled);
  Session session(graph_, looped_);
  session.Run(GlobalVariablesInitializer());
  for (uint32_t run = 0; run < 3; ++run) {
    const Feeds feeds{{x, LoopValues({kBatch, kSteps, kInputs}, run)}};
    const std::vector<Array> got = RunStructured(session, of_loop, feeds, 2);
    const std::vector<Array> want = session.Run(of_net, feeds);
    for (size_t i = 0; i < want.size(); ++i) ExpectClose(got[i], want[i], 1e-5f);
  }
}

INSTANTIATE_TEST_SUITE_P(BatchSizes, LoopsOfTraining, testing::Values(int64_t{3}, int64_t{-1}),
                         [](const auto& p) { return p.param < 0 ? "unknown" : "known"; });

TEST_F(Loops, SequencesThatEndEarly) {
  const Tensor x = Placeholder(kFloat32, {-1, kSteps, kInputs});
  const Tensor lengths = Placeholder(kInt32, {-1});
  const Tensor y =
      nn::DynamicRnn(rnn::GRUCell(kUnits), x, {.sequence_length = lengths, .dtype = kFloat32})
          .outputs;
  std::vector<Tensor> results = DenseGradients(ReduceSum(Square(y)), WeightsOf());
  results.push_back(y);
  Session session(graph_, looped_);
  session.Run(GlobalVariablesInitializer());
  const std::vector<Array> got = RunStructured(
      session, results, {{x, LoopValues({3, kSteps, kInputs}, 1)}, {lengths, Array({2, 6, 4})}}, 2);
  const Array& out = got.back();
  EXPECT_NE(out.data<float>()[(0 * kSteps + 1) * kUnits], 0);
  EXPECT_EQ(out.data<float>()[(0 * kSteps + 2) * kUnits], 0);
}

TEST_F(Loops, ConditionalsInside) {
  const Tensor x = Placeholder(kFloat32, {2, 2});
  const Tensor y = WhileLoop([](const std::vector<Tensor>& v) { return Less(v[0], 5); },
                             [&](const std::vector<Tensor>& v) {
                               const Tensor next = Cond(
                                   Less(v[0], 2), [&]() -> Input { return MatMul(v[1], x); },
                                   [&]() -> Input { return v[1] * x; });
                               return std::vector<Tensor>{v[0] + 1, next};
                             },
                             {0, x})[1];
  const Array at = {{1.0f, 0.5f}, {-0.5f, 2.0f}};
  Session session(graph_, looped_);
  const std::vector<Array> got =
      RunStructured(session, {y, DenseGradients(ReduceSum(y), {x})[0]}, {{x, at}}, 2);
  // y = (x x x) o x o x o x, element by element from the third iteration on.
  const auto f = [](const std::vector<double>& a) {
    const auto product = [](const std::vector<double>& p, const std::vector<double>& q) {
      return std::vector<double>{p[0] * q[0] + p[1] * q[2], p[0] * q[1] + p[1] * q[3],
                                 p[2] * q[0] + p[3] * q[2], p[2] * q[1] + p[3] * q[3]};
    };
    std::vector<double> z = product(product(a, a), a);
    for (size_t i = 0; i < 4; ++i) z[i] *= a[i] * a[i] * a[i];
    return z;
  };
  const std::vector<double> a = {1.0, 0.5, -0.5, 2.0}, want = f(a);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(got[0].data<float>()[i], want[i], 1e-5);
    std::vector<double> more = a, less = a;
    more[i] += 1e-6;
    less[i] -= 1e-6;
    double slope = 0;
    const std::vector<double> up = f(more), down = f(less);
    for (size_t j = 0; j < 4; ++j) slope += (up[j] - down[j]) / 2e-6;
    EXPECT_NEAR(got[1].data<float>()[i], slope, 1e-3);
  }
}

TEST_F(Loops, LoopsInLoops) {
  const Tensor x = Placeholder(kFloat32, Shape());
  const auto power = [](const Tensor& base, int n) {
    return WhileLoop([n](const std::vector<Tensor>& v) { return Less(v[0], n); },
                     [&](const std::vector<Tensor>& v) {
                       return std::vector<Tensor>{v[0] + 1, v[1] * base};
                     },
                     {0, Constant(1.0f)})[1];
  };
  // x^8: three times the square.
  const Tensor y = WhileLoop([](const std::vector<Tensor>& v) { return Less(v[0], 3); },
                             [&](const std::vector<Tensor>& v) {
                               return std::vector<Tensor>{v[0] + 1, power(v[1], 2)};
                             },
                             {0, x})[1];
  Session session(graph_, looped_);
  const std::vector<Array> got = session.Run({y, DenseGradients(y, {x})[0]}, {{x, 1.5f}});
  EXPECT_NEAR(got[0].scalar<float>(), std::pow(1.5, 8), 1e-4);
  EXPECT_NEAR(got[1].scalar<float>(), 8 * std::pow(1.5, 7), 1e-3);
}

// The gradient of a matrix that the body multiplies with: made of all iterations' rows at once,
// with the same result as without that.
TEST_F(Loops, ProductsThatAddUp) {
  const Tensor w = Placeholder(kFloat32, {7, 7}), x = Placeholder(kFloat32, {-1, 7});
  const Tensor n = Placeholder(kInt32, Shape());
  const Tensor y = WhileLoop([&](const std::vector<Tensor>& v) { return Less(v[0], n); },
                             [&](const std::vector<Tensor>& v) {
                               return std::vector<Tensor>{v[0] + 1, Tanh(MatMul(v[1], w))};
                             },
                             {0, x})[1];
  const Tensor dw = DenseGradients(ReduceSum(Square(y)), {w})[0];
  ConfigProto plain;
  plain.opt_level = OptLevel::kL0;
  Session session(graph_, looped_), as_it_is(graph_, plain);
  // Rows: some for one product; so many that several are needed; a product for each iteration.
  for (const int64_t rows : {2, 100, 300}) {
    for (const int32_t iterations : {0, 1, 30}) {
      const Feeds feeds{
          {w, LoopValues({7, 7}, 3, 0.6f)}, {x, LoopValues({rows, 7}, 4)}, {n, Array(iterations)}};
      RunMetadata metadata;
      const Array got = session.Run(dw, feeds, {.trace_level = TraceLevel::kFull}, &metadata);
      EXPECT_EQ(CountNodes(metadata, "_CollectProduct"), iterations);
      EXPECT_EQ(CountNodes(metadata, "_EndProducts"), 1);
      ExpectClose(got, as_it_is.Run(dw, feeds), 2e-5f);
    }
  }
}

// The gates of unrolled cells, and their gradients, are one node each. What a forward pass gives
// has the bits of the single ops.
TEST_F(Loops, GatesAreOneNode) {
  const Tensor x = Placeholder(kFloat32, {kBatch, kSteps, kInputs});
  const std::vector<Tensor> steps = Unstack(Transpose(x, {1, 0, 2}));
  const std::vector<Tensor> outputs =
      nn::StaticRnn(Cells(), {steps.begin(), steps.end()}, {.dtype = kFloat32}).outputs;
  const Tensor y = Stack({outputs.begin(), outputs.end()});
  std::vector<Tensor> sources = WeightsOf();
  sources.push_back(x);
  std::vector<Tensor> results = DenseGradients(ReduceSum(Square(y)), sources);
  results.push_back(y);
  results.push_back(outputs[2]);
  ConfigProto plain;
  plain.opt_level = OptLevel::kL0;
  Session session(graph_, looped_), as_it_is(graph_, plain);
  session.Run(GlobalVariablesInitializer());
  for (const Variable& v : TrainableVariables()) v.Load(session.Run(v.ReadValue()), as_it_is);
  const Feeds feeds{{x, LoopValues({kBatch, kSteps, kInputs}, 1)}};
  for (int run = 0; run < 3; ++run) {
    RunMetadata metadata;
    const std::vector<Array> got =
        session.Run(results, feeds, {.trace_level = TraceLevel::kFull}, &metadata);
    EXPECT_EQ(CountNodes(metadata, "_LstmGates"), 2 * kSteps);
    EXPECT_EQ(CountNodes(metadata, "_LstmGatesGrad"), 2 * kSteps);
    EXPECT_EQ(CountNodes(metadata, "Tanh") + CountNodes(metadata, "SigmoidGrad"), 0);
    const std::vector<Array> want = as_it_is.Run(results, feeds);
    for (size_t i = 0; i < want.size(); ++i) ExpectClose(got[i], want[i], 1e-5f);
    EXPECT_TRUE(got[want.size() - 2] == want[want.size() - 2]);
    EXPECT_TRUE(got.back() == want.back());
  }
}

// A state of one row counts for all rows of the batch.
TEST_F(Loops, GatesRepeatTheState) {
  const Tensor z = Placeholder(kFloat32, {-1, 12}), c0 = Placeholder(kFloat32, {-1, 3});
  const std::vector<Tensor> gates = Split(z, 4, {.axis = 1});
  const Tensor c = c0 * Sigmoid(gates[2] + 0.5f) + Sigmoid(gates[0]) * Tanh(gates[1]);
  const Tensor h = Tanh(c) * Sigmoid(gates[3]);
  ConfigProto plain;
  plain.opt_level = OptLevel::kL0;
  Session session(graph_, looped_), as_it_is(graph_, plain);
  for (const auto& [rows, state_rows] :
       {std::pair{5, 5}, std::pair{5, 1}, std::pair{1, 5}, std::pair{1, 0}}) {
    const Feeds feeds{{z, LoopValues({rows, 12}, 1)}, {c0, LoopValues({state_rows, 3}, 2)}};
    RunMetadata metadata;
    const std::vector<Array> got =
        session.Run({h, c}, feeds, {.trace_level = TraceLevel::kFull}, &metadata);
    EXPECT_EQ(CountNodes(metadata, "_LstmGates"), 1);
    const std::vector<Array> want = as_it_is.Run({h, c}, feeds);
    EXPECT_TRUE(got[0] == want[0] && got[1] == want[1]);
  }
}

// ---- Memory ----

int64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

// Sanitizers keep what is freed.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMemoryCanBeMeasured = false;
#else
constexpr bool kMemoryCanBeMeasured = true;
#endif

struct TrainedNet {
  Tensor x;
  Operation train;
};
TrainedNet SmallNet(int64_t units) {
  TrainedNet net;
  net.x = Placeholder(kFloat32, {-1, -1, 4});
  const Tensor y = nn::DynamicRnn(rnn::BasicLSTMCell(units), net.x, {.dtype = kFloat32}).outputs;
  net.train = train::GradientDescentOptimizer(0.01f).Minimize(ReduceMean(Square(y)));
  return net;
}

TEST_F(Loops, ManyRunsKeepNoMemory) {
  if (!kMemoryCanBeMeasured) GTEST_SKIP();
  const TrainedNet net = SmallNet(4);
  Session session(graph_, looped_);
  session.Run(GlobalVariablesInitializer());
  const Feeds feeds{{net.x, LoopValues({2, 3, 4}, 1)}};
  const auto run = [&](int times) {
    for (int i = 0; i < times; ++i) session.Run(net.train, feeds);
  };
  run(1000);
  const int64_t before = ResidentBytes();
  run(10000);
  // 10,000 runs that lost a hundred bytes each would show.
  EXPECT_LT(ResidentBytes() - before, 1000000);
}

// What the gradient needs of each step is kept once: so many bytes for a step, and no more.
TEST_F(Loops, LongSequencesNeedMemoryInProportion) {
  if (!kMemoryCanBeMeasured) GTEST_SKIP();
  constexpr int64_t kRows = 16, kCells = 32;
  const TrainedNet net = SmallNet(kCells);
  Session session(graph_, looped_);
  session.Run(GlobalVariablesInitializer());
  const auto run = [&](int64_t steps) {
    session.Run(net.train, {{net.x, LoopValues({kRows, steps, 4}, 1)}});
    return ResidentBytes();
  };
  const int64_t few = run(10);
  const int64_t some = run(1000);
  const int64_t many = run(2000);
  // A cell keeps its input (36 columns) and ten matrices of its gates and states, at the most.
  const int64_t a_step = kRows * (kCells + 4 + 10 * kCells) * 4 + 4096;
  EXPECT_LT(some - few, 2 * 1000 * a_step);
  EXPECT_LT(many - some, 2 * 1000 * a_step);
}

}  // namespace
}  // namespace weft
