// SPDX-License-Identifier: Apache-2.0
// Many threads use one Session at once. WEFT_STRESS_SECONDS makes the training test last longer,
// for a thread sanitizer to look at.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <thread>
#include <vector>

#include "weft/weft.h"

namespace weft {
namespace {

constexpr int kThreads = 8;

void InThreads(const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back(work, t);
  for (std::thread& t : threads) t.join();
}

Array Filled(const Shape& shape, float value) {
  Array a(kFloat32, shape);
  for (int64_t i = 0; i < a.num_elements(); ++i) a.mutable_data<float>()[i] = value;
  return a;
}

TEST(Threads, RunsOfOnePlanDoNotMix) {
  Graph graph;
  GraphScope scope(graph);
  Tensor x = Placeholder(kFloat32, PartialShape({-1, 50}));
  Tensor y = ReduceSum(nn::Relu(Square(x) + x) * 2.0f, {1});
  Session session;
  const Callable call = session.MakeCallable({y}, {x});
  std::atomic<int> wrong = 0;
  InThreads([&](int t) {
    for (int i = 0; i < 200; ++i) {
      const auto v = static_cast<float>(t + 1);
      const Array in = Filled(Shape({1 + i % 3, 50}), v);
      const Array out = i % 2 ? call({in})[0] : session.Run(y, {{x, in}});
      for (int64_t k = 0; k < out.num_elements(); ++k)
        wrong += out.data<float>()[k] != 100 * (v * v + v);
    }
  });
  EXPECT_EQ(wrong, 0);
}

TEST(Threads, NoUpdateIsLost) {
  for (bool resource : {false, true}) {
    Graph graph;
    GraphScope scope(graph);
    Variable v(Array::Zeros(kFloat32, Shape({3000})), {.use_resource = resource});
    Operation add = v.AssignAdd(Filled(Shape({3000}), 1.0f)).op();
    Session session;
    session.Run(GlobalVariablesInitializer());
    constexpr int kRuns = 100;
    InThreads([&](int) {
      for (int i = 0; i < kRuns; ++i) session.Run(add);
    });
    const Array out = session.Run(v);
    for (int64_t k = 0; k < 3000; ++k) ASSERT_EQ(out.data<float>()[k], kThreads * kRuns);
  }
}

// A small classifier with all that a training step has: products, activations, a loss with a
// penalty, decaying rate, gradient descent, moving averages.
TEST(Threads, OneTrainingGraph) {
  Graph graph;
  GraphScope scope(graph);
  Tensor x = Placeholder(kFloat32, {-1, 30}), labels = Placeholder(kInt64, PartialShape({-1}));
  graph.set_seed(7);
  Variable w1(TruncatedNormal({30, 40}, {.stddev = 0.1f})), b1(Zeros({40}));
  Variable w2(TruncatedNormal({40, 4}, {.stddev = 0.1f})), b2(Zeros({4}));
  Tensor logits = MatMul(nn::Relu(MatMul(x, w1) + b1), w2) + b2;
  Tensor loss = ReduceMean(nn::SparseSoftmaxCrossEntropyWithLogits(labels, logits)) +
                1e-4f * (nn::L2Loss(w1) + nn::L2Loss(w2));
  Variable step = train::GetOrCreateGlobalStep();
  Tensor rate = train::ExponentialDecay(0.05f, step, 100, 0.99f);
  Operation descent = train::GradientDescentOptimizer(rate).Minimize(loss, {.global_step = step});
  train::ExponentialMovingAverage average(0.99f, {.num_updates = step});
  Operation train;
  {
    ControlDependencies after({descent});
    train = Group({average.Apply(TrainableVariables())});
  }
  Operation init = GlobalVariablesInitializer();
  Session session;
  session.Run(init);

  const char* seconds = std::getenv("WEFT_STRESS_SECONDS");
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::milliseconds(seconds ? 1000 * std::atoi(seconds) : 0);
  std::atomic<int64_t> runs = 0;
  std::atomic<int> bad = 0;
  const auto batch = [](int seed, Array* images, Array* classes) {
    *images = Array(kFloat32, Shape({16, 30}));
    *classes = Array(kInt64, Shape({16}));
    for (int i = 0; i < 16; ++i) {
      const int c = (i + seed) % 4;
      classes->mutable_data<int64_t>()[i] = c;
      for (int k = 0; k < 30; ++k)
        images->mutable_data<float>()[i * 30 + k] = k % 4 == c ? 1.0f : 0.1f * float(seed % 5);
    }
  };
  InThreads([&](int t) {
    Array images, classes;
    for (int i = 0; i < 60 || std::chrono::steady_clock::now() < end; ++i) {
      batch(t + i, &images, &classes);
      const Feeds feeds = {{x, images}, {labels, classes}};
      if (t % 4 == 3) {
        bad += !std::isfinite(session.Run(loss, feeds).scalar<float>());
      } else {
        bad += !std::isfinite(session.Run({loss, train}, feeds)[0].scalar<float>());
        ++runs;
      }
      if (i % 50 == 49 && t == 0) session.Run(w1);
    }
  });
  EXPECT_EQ(bad, 0);
  EXPECT_EQ(session.Run(step).AsInt64(), runs);
  Array images, classes;
  batch(0, &images, &classes);
  EXPECT_LT(session.Run(loss, {{x, images}, {labels, classes}}).scalar<float>(), 1.0f);
}

}  // namespace
}  // namespace weft
