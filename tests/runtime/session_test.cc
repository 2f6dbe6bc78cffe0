// SPDX-License-Identifier: Apache-2.0
// Session: feeds, fetches, targets, errors, timeouts, cancellation, growth of the graph.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "src/runtime/cancellation.h"
#include "src/runtime/place_blocks.h"
#include "tests/support/errors.h"
#include "weft/graph/op_builder.h"
#include "weft/graph/op_def.h"
#include "weft/runtime/kernel.h"
#include "weft/weft.h"

namespace weft {
namespace {

// Runs until its run is cancelled.
std::atomic<int> waiting = 0;
absl::Status WaitForCancellation(KernelContext& ctx) {
  ++waiting;
  while (!ctx.cancellation()->cancelled())
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  --waiting;
  return absl::CancelledError("the wait was cancelled");
}

void RegisterSessionOps() {
  [[maybe_unused]] static const bool once = [] {
    OpRegistry::Global().Add("SessionTestWait").Output("y: float").Stateful();
    KernelRegistry::Global().Add("SessionTestWait", kCpu, {}, WaitForCancellation);
    return true;
  }();
}

class SessionTest : public testing::Test {
 protected:
  Graph graph_;
  GraphScope scope_{graph_};
};

TEST_F(SessionTest, FetchesOfAllKinds) {
  Tensor a = Constant(Array({1, 2}), {"a"}), b = Constant(Array(3), {"b"});
  Tensor sum = Add(a, b, {"sum"});
  Session session;
  EXPECT_EQ(session.Run(sum).ToString(), "[4 5]");
  EXPECT_EQ(session.Run("sum:0").ToString(), "[4 5]");
  EXPECT_FALSE(session.Run(sum.op()).valid());
  EXPECT_FALSE(session.Run("sum").valid());
  const std::vector<Array> list = session.Run({sum, b, sum});
  EXPECT_EQ(list[0].ToString(), "[4 5]");
  EXPECT_EQ(list[1].ToString(), "3");
  EXPECT_EQ(list[2].ToString(), "[4 5]");
  auto [x, y] = session.Run(std::tuple(b, sum));
  EXPECT_EQ(x.ToString(), "3");
  EXPECT_EQ(y.ToString(), "[4 5]");
  const auto named = session.Run(std::map<std::string, Fetch>{{"one", a}, {"two", sum}});
  EXPECT_EQ(named.at("one").ToString(), "[1 2]");
  EXPECT_EQ(named.at("two").ToString(), "[4 5]");
}

TEST_F(SessionTest, AnyTensorMayBeFed) {
  Tensor a = Constant(2.0f), b = a * 3.0f, c = b + 1.0f;
  Session session;
  EXPECT_EQ(session.Run(c).scalar<float>(), 7.0f);
  EXPECT_EQ(session.Run(c, {{b, Array(10.0f)}}).scalar<float>(), 11.0f);
  EXPECT_EQ(session.Run(b, {{b, Array(10.0f)}}).scalar<float>(), 10.0f);
  EXPECT_EQ(session.Run(c, {{a.name(), Array(1.0f)}}).scalar<float>(), 4.0f);
  // A feed that nothing needs is no error.
  EXPECT_EQ(session.Run(a, {{b, Array(10.0f)}}).scalar<float>(), 2.0f);
}

TEST_F(SessionTest, FedMemoryIsNotWrittenTo) {
  Tensor x = Placeholder(kFloat32, {4000});
  Tensor y = nn::Relu(Negative(x));
  Array mine = Array::Zeros(kFloat32, Shape({4000}));
  for (int i = 0; i < 4000; ++i) mine.mutable_data<float>()[i] = static_cast<float>(i);
  Session session;
  for (int i = 0; i < 3; ++i) session.Run(y, {{x, mine}});
  for (int i = 0; i < 4000; ++i) ASSERT_EQ(mine.data<float>()[i], static_cast<float>(i));
}

TEST_F(SessionTest, FetchedValuesStay) {
  Tensor x = Placeholder(kFloat32, {3000});
  Tensor y = Square(x), z = Exp(y);
  Session session;
  std::vector<Array> kept;
  for (int i = 0; i < 5; ++i) {
    Array in = Array::Zeros(kFloat32, Shape({3000}));
    in.mutable_data<float>()[7] = static_cast<float>(i);
    auto out = session.Run({y, z}, {{x, in}});
    kept.push_back(out[0]);
  }
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(kept[static_cast<size_t>(i)].data<float>()[7], float(i * i));
}

TEST_F(SessionTest, FeedsAreChecked) {
  Tensor x = Placeholder(kFloat32, {-1, 3}, "images");
  Tensor y = Negative(x);
  Session session;
  EXPECT_NE(test::MessageOf<InvalidArgumentError>([&] {
              session.Run(y);
            }).find("You must feed a value for placeholder tensor 'images'"),
            std::string::npos);
  EXPECT_NE(test::MessageOf<InvalidArgumentError>([&] {
              session.Run(y, {{x, Array::Zeros(kFloat32, Shape({2, 4}))}});
            }).find("images:0"),
            std::string::npos);
  EXPECT_NE(test::MessageOf<InvalidArgumentError>([&] {
              session.Run(y, {{x, Array::Zeros(kInt32, Shape({2, 3}))}});
            }).find("int32"),
            std::string::npos);
  EXPECT_NE(test::MessageOf<InvalidArgumentError>([&] {
              session.Run(y, {{x, Array()}});
            }).find("images"),
            std::string::npos);
  const Array good = Array::Zeros(kFloat32, Shape({1, 3}));
  EXPECT_NE(test::MessageOf<InvalidArgumentError>([&] {
              session.Run(y, {{x, good}, {x, good}});
            }).find("fed twice"),
            std::string::npos);
  EXPECT_NE(test::MessageOf<NotFoundError>([&] { session.Run("nothing:0"); }).find("nothing"),
            std::string::npos);
  EXPECT_NE(
      test::MessageOf<InvalidArgumentError>([&] { session.Run("images:1"); }).find("images:1"),
      std::string::npos);
  EXPECT_NE(test::MessageOf<NotFoundError>([&] {
              session.Run(y, {{"nothing:0", good}});
            }).find("nothing"),
            std::string::npos);
  Graph other;
  Tensor elsewhere;
  {
    GraphScope scope(other);
    elsewhere = Constant(1);
  }
  EXPECT_NE(test::MessageOf<InvalidArgumentError>([&] {
              session.Run(elsewhere);
            }).find("is not an element of this"),
            std::string::npos);
  EXPECT_NE(test::MessageOf<InvalidArgumentError>([&] {
              session.Run(y, {{elsewhere, good}});
            }).find("is not an element of this"),
            std::string::npos);
}

TEST_F(SessionTest, TheGraphMayGrow) {
  Tensor x = Placeholder(kFloat32, PartialShape::Scalar());
  Tensor y = x * 2.0f;
  Session session;
  const Callable call = session.MakeCallable({y}, {x});
  EXPECT_EQ(session.Run(y, {{x, Array(3.0f)}}).scalar<float>(), 6.0f);
  Tensor z = y + 1.0f;
  EXPECT_EQ(session.Run(z, {{x, Array(3.0f)}}).scalar<float>(), 7.0f);
  EXPECT_EQ(session.Run(y, {{x, Array(4.0f)}}).scalar<float>(), 8.0f);
  EXPECT_EQ(call.Call(Array(5.0f)).scalar<float>(), 10.0f);
}

TEST_F(SessionTest, ShapesMayChangeFromRunToRun) {
  Tensor x = Placeholder(kFloat32, PartialShape({-1, -1}));
  Tensor y = ReduceSum(nn::Relu(MatMul(x, Transpose(x)) - 1.0f));
  Session session;
  for (int round = 0; round < 3; ++round) {
    for (int64_t n : {1, 7, 0, 64, 7}) {
      Array in = Array::Zeros(kFloat32, Shape({n, 5}));
      for (int64_t i = 0; i < n * 5; ++i) in.mutable_data<float>()[i] = 1.0f;
      EXPECT_EQ(session.Run(y, {{x, in}}).scalar<float>(), static_cast<float>(4 * n * n));
    }
  }
}

// More values than are placed by size (place_blocks.h): the first run allocates each, later ones
// find them in their places.
TEST_F(SessionTest, RunsOfALargeGraphAgree) {
  std::mt19937 random(5);
  const Tensor x = Placeholder(kInt32, {1}), y = Placeholder(kInt32, {40}),
               z = Placeholder(kInt32, {3000});
  std::vector<Tensor> last[] = {{x, x}, {y, y}, {z, z}};
  for (size_t n = 0; n < kMostBlocksBySize + 1000; ++n) {
    std::vector<Tensor>& same = last[random() % 3];
    const Tensor a = same[random() % same.size()];
    const std::vector<Tensor>& other = random() % 4 == 0 ? last[0] : same;
    const Tensor b = other[random() % other.size()];
    const Tensor made = random() % 2 == 0 ? Add(a, b) : Subtract(a, b);
    if (same.size() < 20)
      same.push_back(made);
    else
      same[random() % same.size()] = made;
  }
  std::vector<Tensor> sums;
  for (const std::vector<Tensor>& some : last) sums.push_back(AddN({some.begin(), some.end()}));
  ConfigProto config;
  config.opt_level = OptLevel::kL0;
  const auto run = [&](Session& session, int32_t one) {
    return session.Run(sums, {{x, Array({one})},
                              {y, Array::Full({40}, Array(one + 1))},
                              {z, Array::Full({3000}, Array(one + 2))}});
  };
  Session session(graph_, config), other(graph_, config);
  const std::vector<Array> first = run(session, 3), first_of_others = run(other, 4);
  EXPECT_EQ(run(session, 3), first);
  EXPECT_EQ(run(session, 4), first_of_others);
  EXPECT_EQ(run(session, 3), first);
}

TEST_F(SessionTest, TargetsRunTheirDependencies) {
  Variable v(Array(1.0f));
  Operation add = v.AssignAdd(2.0f).op();
  Operation group;
  {
    ControlDependencies after({add});
    group = Group({v.AssignAdd(10.0f).op()});
  }
  Session session;
  session.Run(GlobalVariablesInitializer());
  session.Run(group);
  EXPECT_EQ(session.Run(v).scalar<float>(), 13.0f);
  const Callable call = session.MakeCallable({}, {}, {add});
  call();
  call();
  EXPECT_EQ(session.Run(v).scalar<float>(), 17.0f);
}

TEST_F(SessionTest, VariablesBelongToTheSession) {
  Variable v(Array(1.0f), {.name = "mine"});
  Operation init = GlobalVariablesInitializer();
  Session one, two;
  one.Run(init);
  one.Run(v.AssignAdd(5.0f));
  EXPECT_EQ(one.Run(v).scalar<float>(), 6.0f);
  EXPECT_NE(test::MessageOf<FailedPreconditionError>([&] { two.Run(v); }).find("mine"),
            std::string::npos);
  one.ResetContainers();
  EXPECT_NE(test::MessageOf<FailedPreconditionError>([&] { one.Run(v); }).find("mine"),
            std::string::npos);
}

TEST_F(SessionTest, ATimeoutEndsTheRun) {
  RegisterSessionOps();
  Tensor wait = OpBuilder("SessionTestWait", "wait").Output();
  Session session;
  EXPECT_NE(test::MessageOf<DeadlineExceededError>([&] {
              session.Run(wait, {}, RunOptions{.timeout_in_ms = 20});
            }).find("20 ms"),
            std::string::npos);
  // The session is as good as before.
  EXPECT_EQ(session.Run(Constant(1)).ToString(), "1");
  ConfigProto config;
  config.operation_timeout_in_ms = 20;
  Session impatient(config);
  EXPECT_NE(test::MessageOf<DeadlineExceededError>([&] { impatient.Run(wait); }).find("20 ms"),
            std::string::npos);
}

TEST_F(SessionTest, CloseCancelsWhatRuns) {
  RegisterSessionOps();
  Tensor wait = OpBuilder("SessionTestWait", "wait").Output();
  Session session;
  std::string error;
  std::thread runner([&] { error = test::MessageOf<CancelledError>([&] { session.Run(wait); }); });
  while (waiting == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  session.Close();
  runner.join();
  EXPECT_NE(error.find("ancelled"), std::string::npos) << error;
  EXPECT_EQ(error.find("another error"), std::string::npos) << error;
  EXPECT_TRUE(session.closed());
  session.Close();
  EXPECT_NE(test::MessageOf<CancelledError>([&] { session.Run(Constant(1)); }).find("closed"),
            std::string::npos);
}

TEST_F(SessionTest, ARunAfterAnErrorStartsAfresh) {
  Tensor x = Placeholder(kInt32, PartialShape::Unknown());
  Tensor y = FloorDiv(Constant({10, 20}), x);
  Session session;
  for (int i = 0; i < 3; ++i) {
    EXPECT_NE(test::MessageOf<InvalidArgumentError>([&] {
                session.Run(y, {{x, Array(0)}});
              }).find("division by zero"),
              std::string::npos);
    EXPECT_EQ(session.Run(y, {{x, Array(3)}}).ToString(), "[3 6]");
  }
}

TEST_F(SessionTest, BadConfigurations) {
  ConfigProto config;
  config.intra_op_parallelism_threads = -1;
  EXPECT_NE(test::MessageOf<InvalidArgumentError>([&] {
              Session s(config);
            }).find("intra_op_parallelism_threads"),
            std::string::npos);
  config = {};
  config.device_count = {{"CPU", 0}};
  EXPECT_NE(test::MessageOf<InvalidArgumentError>([&] { Session s(config); }).find("CPU"),
            std::string::npos);
}

TEST_F(SessionTest, StepStatsNameEachNode) {
  Tensor x = Placeholder(kFloat32, {100, 100}, "x");
  Tensor y = MatMul(x, x, {.name = "product"});
  Session session;
  RunMetadata metadata;
  session.Run(y, {{x, Array::Zeros(kFloat32, Shape({100, 100}))}},
              {.trace_level = TraceLevel::kFull}, &metadata);
  ASSERT_EQ(metadata.step_stats.size(), 1u);
  const NodeStats& s = metadata.step_stats[0];
  EXPECT_EQ(s.node_name, "product");
  EXPECT_EQ(s.op_type, "MatMul");
  EXPECT_NE(s.device.find("CPU:0"), std::string::npos);
  EXPECT_EQ(s.output_bytes, 40000);
  EXPECT_GT(s.start_us, 0);
  EXPECT_GE(s.duration_us, 0);
  RunMetadata none;
  session.Run(y, {{x, Array::Zeros(kFloat32, Shape({100, 100}))}}, {}, &none);
  EXPECT_TRUE(none.step_stats.empty());
}

}  // namespace
}  // namespace weft
