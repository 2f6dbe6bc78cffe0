// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/queues.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "tests/support/arrays.h"
#include "tests/support/op_case.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/math_binary.h"

namespace weft {
namespace {

using testing::HasSubstr;

class QueueTest : public testing::Test {
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
  std::vector<int> TakeInts(Tensor dequeued, int n) {
    std::vector<int> got;
    for (int i = 0; i < n; ++i) got.push_back(session_.Run(dequeued).scalar<int32_t>());
    return got;
  }

  Graph graph_;
  GraphScope scope_{graph_};
  Session session_{graph_};
};

TEST_F(QueueTest, NamesAndStaticShapesAreTensorFlows) {
  FIFOQueue q(2, {kInt32}, {.name = "fifo"});
  EXPECT_EQ(q.queue_ref().ToString(),
            "Tensor(\"fifo:0\", shape=(), dtype=resource, device=/device:CPU:*)");
  EXPECT_EQ(q.EnqueueMany({{0, 10}}).name(), "fifo_EnqueueMany");
  EXPECT_TRUE(graph_.FindOperation("fifo_EnqueueMany/component_0").has_value());
  EXPECT_EQ(q.Dequeue().ToString(), "Tensor(\"fifo_Dequeue:0\", dtype=int32)");
  EXPECT_EQ(q.Close().name(), "fifo_Close");
  EXPECT_EQ(q.IsClosed().name(), "fifo_Is_Closed:0");
  EXPECT_EQ(q.Size().name(), "fifo_Size:0");

  FIFOQueue shaped(2, {kInt32, kFloat32}, {.shapes = {{}, {2}}});
  EXPECT_EQ(shaped.name(), "fifo_queue");
  EXPECT_EQ(shaped.DequeueManyAll(3)[1].ToString(),
            "Tensor(\"fifo_queue_DequeueMany:1\", shape=(3, 2), dtype=float32)");
  EXPECT_EQ(shaped.DequeueUpToAll(3)[1].shape().ToPythonString(), "(?, 2)");
  EXPECT_EQ(shaped.DequeueAll()[0].shape().ToPythonString(), "()");
  PriorityQueue priority(5, {kString}, {.shapes = {{}}});
  EXPECT_EQ(priority.dtypes(), (std::vector<DataType>{kInt64, kString}));
  EXPECT_EQ(priority.DequeueManyAll(2)[0].shape().ToPythonString(), "(2,)");
}

TEST_F(QueueTest, ComponentsByName) {
  FIFOQueue q(5, {kInt32, kString}, {.names = {"n", "text"}});
  session_.Run(q.EnqueueByName({{"text", "one"}, {"n", 1}}));
  const auto taken = q.ByName(q.DequeueAll());
  EXPECT_EQ(session_.Run(taken.at("text")).scalar<std::string>(), "one");
  EXPECT_THROW(q.EnqueueByName({{"text", "one"}, {"m", 1}}), InvalidArgumentError);
  EXPECT_THROW(q.Dequeue(), InvalidArgumentError);
}

TEST_F(QueueTest, BadElementsAreRefusedWhenTheGraphIsBuilt) {
  FIFOQueue q(2, {kInt32, kFloat32}, {.shapes = {{}, {2}}});
  EXPECT_THROW(q.Enqueue({1}), InvalidArgumentError);
  EXPECT_THROW(q.Enqueue({1, {1.f, 2.f, 3.f}}), InvalidArgumentError);
  EXPECT_THROW(q.Enqueue({Constant({1.f}), {1.f, 2.f}}), InvalidArgumentError);
  EXPECT_THROW(q.EnqueueMany({1, {1.f, 2.f}}), InvalidArgumentError);
  EXPECT_THROW(q.DequeueManyAll(-1), InvalidArgumentError);
  EXPECT_THROW(FIFOQueue(2, {kInt32}, {.shapes = {{}, {}}}), InvalidArgumentError);
  EXPECT_THROW(PaddingFIFOQueue(2, {kInt32}, {}), InvalidArgumentError);
}

TEST_F(QueueTest, BadElementsAreRefusedInTheRun) {
  FIFOQueue q(2, {kInt32, kFloat32}, {.shapes = {{}, {2}}, .name = "q"});
  const Tensor x = Placeholder(kFloat32, PartialShape::Unknown());
  const Operation put = q.Enqueue({1, x});
  EXPECT_THAT(RunError(Code::kInvalidArgument, put, {{x, F32({1, 2, 3})}}),
              HasSubstr("QueueEnqueueV2 'q_enqueue': Shape mismatch in tuple component 1. "
                        "Expected [2], got [3]"));
  const Operation rows = q.EnqueueMany({{1}, x});
  EXPECT_THAT(RunError(Code::kInvalidArgument, rows, {{x, F32({{1, 2}, {3, 4}})}}),
              HasSubstr("Shape mismatch in tuple component 1. Expected [1,2], got [2,2]"));
  EXPECT_THAT(RunError(Code::kInvalidArgument, rows, {{x, F32(1)}}), HasSubstr("first dimension"));
  const Tensor n = Placeholder(kInt32, Shape());
  EXPECT_THAT(RunError(Code::kInvalidArgument, q.DequeueManyAll(n)[0], {{n, I32(-2)}}),
              HasSubstr("DequeueManyOp requested -2 < 0 elements"));
  EXPECT_EQ(session_.Run(q.DequeueManyAll(n)[1], {{n, I32(0)}}).shape(), Shape({0, 2}));
  const Tensor wrong = OpBuilder("QueueDequeueV2", {})
                           .In(q.queue_ref())
                           .Attr("component_types", std::vector<DataType>{kFloat32})
                           .Output();
  EXPECT_THAT(RunError(Code::kInvalidArgument, wrong),
              HasSubstr("Signature mismatch, have: resource->float expected: resource->int32, "
                        "float"));
  FIFOQueue any(2, {kInt32}, {.name = "any"});
  EXPECT_THAT(RunError(Code::kInvalidArgument, any.DequeueMany(1)),
              HasSubstr("FIFOQueue's DequeueMany and DequeueUpTo require the components to have "
                        "specified shapes."));
}

TEST_F(QueueTest, SharedQueuesMustAgree) {
  FIFOQueue a(2, {kInt32}, {.shapes = {{}}, .shared_name = "s"});
  session_.Run(a.Enqueue({7}));
  FIFOQueue same(2, {kInt32}, {.shapes = {{}}, .shared_name = "s"});
  EXPECT_EQ(session_.Run(same.Dequeue()).scalar<int32_t>(), 7);
  const auto refused = [&](const QueueBase& q) {
    return RunError(Code::kInvalidArgument, q.Size());
  };
  EXPECT_THAT(refused(FIFOQueue(3, {kInt32}, {.shapes = {{}}, .shared_name = "s"})),
              HasSubstr("Shared queue 's' has capacity 2 but requested capacity was 3"));
  EXPECT_THAT(refused(FIFOQueue(2, {kFloat32}, {.shapes = {{}}, .shared_name = "s"})),
              HasSubstr("has component types int32 but requested component types were float"));
  EXPECT_THAT(refused(FIFOQueue(2, {kInt32}, {.shapes = {{3}}, .shared_name = "s"})),
              HasSubstr("has component shapes [[]] but requested component shapes were [[3]]"));
  EXPECT_THAT(refused(RandomShuffleQueue(2, 0, {kInt32}, {.shapes = {{}}, .shared_name = "s"})),
              HasSubstr("Expected FIFOQueue, found RandomShuffleQueueV2"));
  EXPECT_THAT(refused(RandomShuffleQueue(2, 5, {kInt32})),
              HasSubstr("min_after_dequeue 5 must be < capacity 2"));
}

TEST_F(QueueTest, AClosedQueueGivesOutWhatIsLeft) {
  FIFOQueue q(10, {kInt32}, {.shapes = {{}}, .name = "fifo"});
  const Operation close = q.Close();
  session_.Run(q.EnqueueMany({{1, 2, 3}}));
  EXPECT_FALSE(session_.Run(q.IsClosed()).scalar<bool>());
  session_.Run(close);
  EXPECT_TRUE(session_.Run(q.IsClosed()).scalar<bool>());
  EXPECT_THAT(RunError(Code::kCancelled, close), HasSubstr("Queue '_0_fifo' is already closed."));
  session_.Run(q.Close({.cancel_pending_enqueues = true}));  // harmless
  EXPECT_THAT(RunError(Code::kCancelled, q.Enqueue({1})),
              HasSubstr("FIFOQueue '_0_fifo' is closed."));
  EXPECT_THAT(RunError(Code::kOutOfRange, q.DequeueMany(4)),
              HasSubstr("FIFOQueue '_0_fifo' is closed and has insufficient elements (requested 4, "
                        "current size 3)"));
  EXPECT_TRUE(ArraysEqual(session_.Run(q.DequeueUpTo(4)), I32({1, 2, 3})));
  EXPECT_THAT(RunError(Code::kOutOfRange, q.Dequeue()),
              HasSubstr("insufficient elements (requested 1, current size 0)"));
  EXPECT_THAT(RunError(Code::kOutOfRange, q.DequeueUpTo(2)), HasSubstr("(requested 2"));
}

// The order that TensorFlow 2.15.1 gives for this seed.
TEST_F(QueueTest, RandomOrderOfASeedIsTensorFlows) {
  RandomShuffleQueue q(100, 0, {kInt32}, {.shapes = {{}}}, 3);
  session_.Run(q.EnqueueMany({{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}));
  EXPECT_THAT(TakeInts(q.Dequeue(), 10), testing::ElementsAre(7, 1, 4, 5, 6, 8, 0, 9, 2, 3));
}

TEST_F(QueueTest, MinAfterDequeueHoldsWhileOpen) {
  RandomShuffleQueue q(100, 2, {kInt32}, {.shapes = {{}}}, 3);
  session_.Run(q.EnqueueMany({{0, 1, 2}}));
  TakeInts(q.Dequeue(), 1);
  RunError(Code::kDeadlineExceeded, q.Dequeue(), {}, {.timeout_in_ms = 30});
  session_.Run(q.Close());
  EXPECT_EQ(session_.Run(q.DequeueMany(2)).num_elements(), 2);
}

TEST_F(QueueTest, PriorityOrder) {
  PriorityQueue q(100, {kString}, {.shapes = {{}}});
  session_.Run(q.EnqueueMany(
      {Array::FromVector<int64_t>({3, 1, 2, 1, 3, 1}), Str({"a", "b", "c", "d", "e", "f"})}));
  const std::vector<Array> got = session_.Run(q.DequeueManyAll(6));
  EXPECT_TRUE(ArraysEqual(got[0], Array::FromVector<int64_t>({1, 1, 1, 2, 3, 3})));
  EXPECT_TRUE(ArraysEqual(got[1], Str({"b", "f", "d", "c", "a", "e"})));
}

TEST_F(QueueTest, PaddingFillsWithZeros) {
  PaddingFIFOQueue q(10, {kInt32, kString}, {.shapes = {{-1, -1}, {-1}}});
  session_.Run(q.Enqueue({{{1, 2}, {3, 4}, {5, 6}}, Str({"x"})}));
  session_.Run(q.Enqueue({{{7, 8, 9}}, Str({"y", "z"})}));
  const std::vector<Array> got = session_.Run(q.DequeueManyAll(2));
  EXPECT_TRUE(ArraysEqual(
      got[0], Array({{{1, 2, 0}, {3, 4, 0}, {5, 6, 0}}, {{7, 8, 9}, {0, 0, 0}, {0, 0, 0}}})));
  EXPECT_TRUE(ArraysEqual(got[1], Str({{"x", ""}, {"y", "z"}})));
}

TEST_F(QueueTest, FromListTakesTheQueueOfAnIndex) {
  FIFOQueue a(2, {kInt32}, {.shapes = {{}}}), b(2, {kInt32}, {.shapes = {{}}});
  session_.Run(a.Enqueue({1}));
  session_.Run(b.Enqueue({2}));
  const Tensor i = Placeholder(kInt32, Shape());
  const Tensor x = QueueBase::FromList(i, {a, b}).Dequeue();
  EXPECT_EQ(session_.Run(x, {{i, I32(1)}}).scalar<int32_t>(), 2);
  EXPECT_EQ(session_.Run(x, {{i, I32(0)}}).scalar<int32_t>(), 1);
}

// ---- waiting ------------------------------------------------------------------------------------

// The dequeue stands first and waits for what the same run enqueues.
TEST_F(QueueTest, OneRunMayFillWhatItEmpties) {
  FIFOQueue q(1, {kInt32}, {.shapes = {{}}});
  const Tensor x = q.Dequeue(), doubled = x * 2;
  const Operation put = q.Enqueue({21});
  RunMetadata trace;
  const auto got = session_.Run({x, doubled, put}, {}, {.trace_level = TraceLevel::kFull}, &trace);
  EXPECT_EQ(got[0].scalar<int32_t>(), 21);
  EXPECT_EQ(got[1].scalar<int32_t>(), 42);
  EXPECT_GE(trace.step_stats.size(), 4u);
  // More than the queue holds: three enqueues wait for three dequeues of the same run.
  std::vector<Fetch> all = {q.Enqueue({1}), q.Enqueue({2}), q.Enqueue({3})};
  for (int i = 0; i < 3; ++i) all.emplace_back(q.Dequeue());
  std::multiset<int> numbers;
  for (const Array& a : session_.Run(all)) {
    if (a.valid()) numbers.insert(a.scalar<int32_t>());
  }
  EXPECT_EQ(numbers, (std::multiset<int>{1, 2, 3}));
}

TEST_F(QueueTest, AnErrorEndsWhatWaitsBesideIt) {
  FIFOQueue q(1, {kInt32}, {.shapes = {{}}}), closed(1, {kInt32}, {.shapes = {{}}});
  session_.Run(closed.Close());
  const Tensor never = q.Dequeue();
  try {
    session_.Run({never, closed.Dequeue()});
    FAIL() << "no error";
  } catch (const OutOfRangeError& e) {
    EXPECT_THAT(e.what(), HasSubstr("is closed"));
  }
}

TEST_F(QueueTest, TimeoutEndsAWaitAndTheElementsStay) {
  FIFOQueue q(5, {kInt32}, {.shapes = {{}}});
  session_.Run(q.EnqueueMany({{1, 2}}));
  RunError(Code::kDeadlineExceeded, q.DequeueMany(3), {}, {.timeout_in_ms = 30});
  EXPECT_EQ(session_.Run(q.Size()).scalar<int32_t>(), 2);
  EXPECT_THAT(TakeInts(q.Dequeue(), 2), testing::ElementsAre(1, 2));
  const Operation fill = q.EnqueueMany({{1, 2, 3, 4, 5, 6}});
  RunError(Code::kDeadlineExceeded, fill, {}, {.timeout_in_ms = 30});
  EXPECT_EQ(session_.Run(q.Size()).scalar<int32_t>(), 5);
}

TEST_F(QueueTest, ClosingTheSessionEndsAWait) {
  FIFOQueue q(5, {kInt32}, {.shapes = {{}}});
  const Tensor x = q.Dequeue();
  std::atomic<bool> cancelled = false;
  std::thread waiting([&] {
    try {
      session_.Run(x);
    } catch (const CancelledError&) {
      cancelled = true;
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  session_.Close();
  waiting.join();
  EXPECT_TRUE(cancelled);
}

TEST_F(QueueTest, CloseMayCancelThoseWhoWaitToEnqueue) {
  FIFOQueue q(1, {kInt32}, {.shapes = {{}}});
  const Operation put = q.Enqueue({1});
  const Operation close = q.Close({.cancel_pending_enqueues = true});
  session_.Run(put);
  std::atomic<int> cancelled = 0;
  std::vector<std::thread> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.emplace_back([&] {
      try {
        session_.Run(put);
      } catch (const CancelledError&) {
        ++cancelled;
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  session_.Run(close);
  for (std::thread& t : waiting) t.join();
  EXPECT_EQ(cancelled, 3);
  EXPECT_EQ(session_.Run(q.Size()).scalar<int32_t>(), 1);
}

TEST_F(QueueTest, CloseLetsThoseWhoWaitToEnqueuePassFirst) {
  FIFOQueue q(1, {kInt32}, {.shapes = {{}}});
  const Operation put = q.EnqueueMany({{1, 2, 3}}), close = q.Close();
  const Tensor x = q.Dequeue();
  std::thread producer([&] { session_.Run(put); });
  while (session_.Run(q.Size()).scalar<int32_t>() == 0) std::this_thread::yield();
  std::thread closer([&] { session_.Run(close); });
  EXPECT_THAT(TakeInts(x, 3), testing::ElementsAre(1, 2, 3));
  producer.join();
  closer.join();
  RunError(Code::kOutOfRange, x);
}

// Producers and consumers of both sizes; every element comes out once.
TEST_F(QueueTest, ManyThreads) {
  constexpr int kProducers = 4, kConsumers = 4, kRuns = 60;
  for (const bool shuffled : {false, true}) {
    const QueueOptions options = {.shapes = {{}}};
    const QueueBase q = shuffled ? QueueBase(RandomShuffleQueue(16, 3, {kInt32}, options, 1))
                                 : QueueBase(FIFOQueue(7, {kInt32}, options));
    const Tensor x = Placeholder(kInt32, Shape()), xs = Placeholder(kInt32, PartialShape({-1}));
    const Operation put = q.Enqueue({x}), put_many = q.EnqueueMany({xs});
    const Tensor one = q.Dequeue(), several = q.DequeueUpTo(3);
    std::mutex mu;
    std::vector<int> got;
    std::vector<std::thread> producers, consumers;
    for (int p = 0; p < kProducers; ++p) {
      producers.emplace_back([&, p] {
        for (int i = 0; i < kRuns; ++i) {
          const int first = (p * kRuns + i) * 6;
          session_.Run(put, {{x, I32(first)}});
          session_.Run(put_many,
                       {{xs, I32({first + 1, first + 2, first + 3, first + 4, first + 5})}});
        }
      });
    }
    for (int c = 0; c < kConsumers; ++c) {
      consumers.emplace_back([&, c] {
        try {
          while (true) {
            const Array a = session_.Run(c % 2 ? one : several);
            std::lock_guard lock(mu);
            for (int32_t v : a.values<int32_t>()) got.push_back(v);
          }
        } catch (const OutOfRangeError&) {
        }
      });
    }
    for (std::thread& t : producers) t.join();
    session_.Run(q.Close());
    for (std::thread& t : consumers) t.join();
    ASSERT_EQ(got.size(), static_cast<size_t>(kProducers * kRuns * 6));
    std::sort(got.begin(), got.end());
    for (int i = 0; i < static_cast<int>(got.size()); ++i)
      ASSERT_EQ(got[static_cast<size_t>(i)], i);
  }
}

}  // namespace
}  // namespace weft
