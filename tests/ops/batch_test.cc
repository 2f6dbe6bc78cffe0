// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/support/arrays.h"
#include "tests/support/op_case.h"
#include "weft/core/error.h"

namespace weft {
namespace {

using testing::HasSubstr;

class BatchTest : public testing::Test {
 protected:
  Operation Node(const std::string& op, const std::vector<Tensor>& inputs, const AttrMap& attrs) {
    absl::StatusOr<Operation> node = AddNode(op, inputs, attrs);
    if (node.ok()) return *node;
    ADD_FAILURE() << node.status();
    return {};
  }
  // Of at most four rows, complete after `micros`.
  Operation Batch(const Tensor& x, int64_t micros, std::vector<int64_t> allowed = {}) {
    return Node("Batch", {x},
                {{"num_batch_threads", 1},
                 {"max_batch_size", 4},
                 {"batch_timeout_micros", micros},
                 {"allowed_batch_sizes", std::move(allowed)},
                 {"grad_timeout_micros", 1000000},
                 {"T", std::vector<DataType>{x.dtype()}}});
  }
  Tensor Unbatch(const Tensor& whole, const Operation& batch, int64_t micros = 5000000) {
    return Node("Unbatch", {whole, batch.output(1), batch.output(2)}, {{"timeout_micros", micros}})
        .output(0);
  }
  std::string RunError(Code code, const Fetch& fetch, const Feeds& feeds = {}) {
    try {
      session_.Run(fetch, feeds);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code) << e.what();
      return e.what();
    }
    ADD_FAILURE() << "no error";
    return "";
  }

  Graph graph_;
  GraphScope scope_{graph_};
  Session session_{graph_};
};

TEST_F(BatchTest, OneRunAloneIsABatchWhenTimeIsUp) {
  const Tensor x = PlaceholderOf(kFloat32, PartialShape({-1, 2}));
  const Operation batch = Batch(x, 1000);
  EXPECT_EQ(ShapeText(batch.output(0).shape()), "[?,2]");
  const std::vector<Array> got = session_.Run({batch.output(0), batch.output(1), batch.output(2)},
                                              {{x, F32({{1, 2}, {3, 4}})}});
  EXPECT_EQ(got[0], F32({{1, 2}, {3, 4}}));
  EXPECT_EQ(got[1], I64({{got[2].AsInt64(), 0, 2}}));
}

TEST_F(BatchTest, FilledUpToAnAllowedSize) {
  const Tensor x = PlaceholderOf(kFloat32);
  const Operation batch = Batch(x, 1000, {1, 3, 4});
  const std::vector<Array> got =
      session_.Run({batch.output(0), batch.output(1)}, {{x, F32({7, 8})}});
  EXPECT_EQ(got[0], F32({7, 8, 7}));
  EXPECT_EQ(got[1].shape(), Shape({1, 3}));
}

// Each run gets its own rows, and the net sees them at once.
TEST_F(BatchTest, RunsShareABatch) {
  const Tensor x = PlaceholderOf(kFloat32);
  const Operation batch = Batch(x, 10000000);
  const Tensor seen = Node("Shape", {batch.output(0)}, {}).output(0);
  const Tensor y = Unbatch(Node("Square", {batch.output(0)}, {}).output(0), batch);
  std::vector<int32_t> rows(2);
  const auto run = [&](size_t i, const Array& in, const Array& out) {
    const std::vector<Array> got = session_.Run({y, seen}, {{x, in}});
    EXPECT_EQ(got[0], out);
    rows[i] = *got[1].data<int32_t>();
  };
  std::thread other([&] { run(0, F32({1, 2, 3}), F32({1, 4, 9})); });
  run(1, F32({5}), F32({25}));
  other.join();
  EXPECT_EQ(rows[0] + rows[1], 4);
  EXPECT_EQ(rows[0] * rows[1], 0);  // one had all, the other none
}

TEST_F(BatchTest, GradientsFindTheirRun) {
  const Tensor x = PlaceholderOf(kFloat32);
  const Operation batch = Batch(x, 10000000);
  const Tensor y = Unbatch(Node("Square", {batch.output(0)}, {}).output(0), batch);
  const Tensor dx = Gradients({y}, {x})[0].tensor();
  std::thread other([&] { EXPECT_EQ(session_.Run(dx, {{x, F32({1, 2, 3})}}), F32({2, 4, 6})); });
  EXPECT_EQ(session_.Run(dx, {{x, F32({5})}}), F32({10}));
  other.join();
}

TEST_F(BatchTest, WhoWaitsTooLongFails) {
  const Tensor rows = ConstantOf(F32({1, 2})), index = ConstantOf(I64({{9, 0, 2}}));
  const auto mine = [&](int64_t id, int64_t micros) {
    return Node("Unbatch", {rows, index, ConstantOf(Array(id))},
                {{"timeout_micros", micros}, {"shared_name", std::string("parts")}})
        .output(0);
  };
  EXPECT_THAT(RunError(Code::kDeadlineExceeded, mine(3, 1000)),
              HasSubstr("did not arrive within timeout window"));
  EXPECT_EQ(session_.Run(mine(9, 1000000)), F32({1, 2}));
}

TEST_F(BatchTest, WaitingRunsCanBeCancelled) {
  const Tensor x = PlaceholderOf(kFloat32);
  const Tensor never = Batch(x, 100000000).output(0);
  const auto expect_cancelled = [&](const Tensor& fetch, const Feeds& feeds) {
    try {
      session_.Run(fetch, feeds, {.timeout_in_ms = 20});
      ADD_FAILURE() << "no error";
    } catch (const DeadlineExceededError&) {
    }
  };
  expect_cancelled(never, {{x, F32({1})}});
  expect_cancelled(never, {{x, F32({2})}});
  // Those that gave up are in no batch.
  EXPECT_EQ(session_.Run(never, {{x, F32({1, 2, 3, 4})}}), F32({1, 2, 3, 4}));
  const Operation gradient = Node(
      "UnbatchGrad",
      {ConstantOf(F32({1, 2})), ConstantOf(I64({{1, 0, 1}, {2, 1, 2}})), x, ConstantOf(I64(1))},
      {});
  expect_cancelled(gradient.output(0), {{x, F32({5})}});
}

TEST_F(BatchTest, BadInput) {
  const Tensor x = PlaceholderOf(kFloat32);
  const Operation batch = Batch(x, 1000);
  EXPECT_THAT(RunError(Code::kInvalidArgument, batch.output(0), {{x, F32({1, 2, 3, 4, 5})}}),
              HasSubstr("can't take 5"));
  EXPECT_THAT(RunError(Code::kInvalidArgument, batch.output(0), {{x, F32(1)}}),
              HasSubstr("at least one dimension"));
  EXPECT_THAT(
      RunError(Code::kInvalidArgument, Batch(x, 1000, {3, 2, 4}).output(0), {{x, F32({1})}}),
      HasSubstr("must be monotonically increasing"));
  EXPECT_THAT(RunError(Code::kInvalidArgument, Batch(x, 1000, {2}).output(0), {{x, F32({1})}}),
              HasSubstr("must equal max_batch_size"));
  const auto unbatch = [](const Array& rows, const Array& index, const Array& id, const char* why) {
    OpCase("Unbatch")
        .In(rows)
        .In(index)
        .In(id)
        .Attr("timeout_micros", 1000)
        .ExpectRunError(Code::kInvalidArgument, why);
  };
  unbatch(F32({1}), I64({{1, 0, 1}}), I64({1}), "Input id should be scalar");
  unbatch(F32({1}), I64({{1, 0}}), I64(1), "Expected 1st dimension size to be 3");
  unbatch(F32({1}), I64({{1, 0, 2}}), I64(1), "there are no rows [0, 2)");
  const auto gradient = [](const Array& index, const Array& id, const char* why) {
    OpCase("UnbatchGrad")
        .In(F32({1}))
        .In(index)
        .In(F32({1}))
        .In(id)
        .ExpectRunError(Code::kInvalidArgument, why);
  };
  gradient(I64({{1, 0, 1}}), I64({1}), "Expected `id` to be scalar");
  gradient(I64(Shape({0, 3}), {}), I64(1), "batch_index is empty");
  gradient(I64({{1, 0, 1}, {1, 1, 2}}), I64(1), "has the key 1 twice");
}

}  // namespace
}  // namespace weft
