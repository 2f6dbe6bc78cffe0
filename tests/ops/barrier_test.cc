// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/arrays.h"
#include "tests/support/op_case.h"
#include "weft/core/error.h"

namespace weft {
namespace {

using testing::HasSubstr;

class BarrierTest : public testing::Test {
 protected:
  Operation Node(const std::string& op, const std::vector<Tensor>& inputs,
                 const AttrMap& attrs = {}) {
    absl::StatusOr<Operation> node = AddNode(op, inputs, attrs);
    if (node.ok()) return *node;
    ADD_FAILURE() << node.status();
    return {};
  }
  std::string RunError(Code code, const Fetch& fetch, const RunOptions& options = {}) {
    try {
      session_.Run(fetch, {}, options);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code) << e.what();
      return e.what();
    }
    ADD_FAILURE() << "no error";
    return "";
  }
  static Array Words(std::vector<std::string> words) { return Array::FromVector(words); }

  Graph graph_;
  GraphScope scope_{graph_};
  Session session_{graph_};
};

TEST_F(BarrierTest, TuplesBecomeWholeAndComeOutInTheOrderOfTheirKeys) {
  const Tensor barrier =
      Node("Barrier", {},
           {{"component_types", std::vector<DataType>{kFloat32, kInt32}},
            {"shapes", std::vector<PartialShape>{PartialShape({2}), PartialShape::Scalar()}}})
          .output(0);
  const auto insert = [&](std::vector<std::string> keys, const Array& values, int component) {
    return Node("BarrierInsertMany", {barrier, ConstantOf(Words(keys)), ConstantOf(values)},
                {{"component_index", component}});
  };
  const Tensor ready = Node("BarrierReadySize", {barrier}).output(0);
  const Tensor incomplete = Node("BarrierIncompleteSize", {barrier}).output(0);
  const auto take = [&](int n, bool allow_small) {
    return Node("BarrierTakeMany", {barrier, ConstantOf(I32(n))},
                {{"component_types", std::vector<DataType>{kFloat32, kInt32}},
                 {"allow_small_batch", allow_small}});
  };
  session_.Run(insert({"a", "b", "c"}, F32({{1, 2}, {3, 4}, {5, 6}}), 0));
  session_.Run(insert({"c", "a"}, I32({30, 10}), 1));
  EXPECT_EQ(session_.Run(ready), I32(2));
  EXPECT_EQ(session_.Run(incomplete), I32(1));
  EXPECT_THAT(RunError(Code::kInvalidArgument, insert({"b"}, F32({{0, 0}}), 0)),
              HasSubstr("Key b already has a value for component 0"));
  EXPECT_THAT(RunError(Code::kInvalidArgument, insert({"d", "d"}, I32({1, 1}), 1)),
              HasSubstr("Key d already has a value"));
  EXPECT_THAT(RunError(Code::kInvalidArgument, insert({"d"}, F32({1}), 1)), HasSubstr("dtype"));
  EXPECT_THAT(RunError(Code::kInvalidArgument, insert({"d"}, F32({{1, 2, 3}}), 0)),
              HasSubstr("Shape mismatch"));
  EXPECT_THAT(RunError(Code::kInvalidArgument, insert({"d"}, I32({1}), 2)),
              HasSubstr("out of range"));
  EXPECT_EQ(session_.Run(incomplete), I32(1));  // what failed left nothing

  const Operation both = take(2, false);
  const std::vector<Array> got =
      session_.Run(std::vector<Tensor>{both.output(1), both.output(2), both.output(3)});
  EXPECT_EQ(got[0], Words({"a", "c"}));
  EXPECT_EQ(got[1], F32({{1, 2}, {5, 6}}));
  EXPECT_EQ(got[2], I32({10, 30}));

  // After the close no new key comes, but those that have come may become whole.
  session_.Run(Node("BarrierClose", {barrier}));
  EXPECT_THAT(RunError(Code::kCancelled, insert({"d"}, I32({40}), 1)), HasSubstr("is closed"));
  EXPECT_THAT(RunError(Code::kCancelled, Node("BarrierClose", {barrier})),
              HasSubstr("already closed"));
  const Operation last = insert({"b"}, I32({20}), 1);
  std::thread later([&] { session_.Run(last); });
  EXPECT_EQ(session_.Run(take(1, false).output(3)), I32({20}));  // waits for it
  later.join();
  EXPECT_THAT(RunError(Code::kOutOfRange, take(1, false).output(1)), HasSubstr("insufficient"));
}

// What a closed barrier gives is known at once, as in TensorFlow, for which the attribute
// wait_for_incomplete changes nothing.
TEST_F(BarrierTest, AClosedBarrierNeedNotBeWaitedFor) {
  const std::vector<DataType> types = {kFloat32, kFloat32};
  const std::vector<PartialShape> shapes(2, PartialShape::Scalar());
  const Tensor barrier =
      Node("Barrier", {}, {{"component_types", types}, {"shapes", shapes}}).output(0);
  const auto insert = [&](std::vector<std::string> keys, const Array& values, int component) {
    session_.Run(Node("BarrierInsertMany", {barrier, ConstantOf(Words(keys)), ConstantOf(values)},
                      {{"component_index", component}}));
  };
  insert({"a", "b", "c"}, F32({1, 2, 3}), 0);
  insert({"a"}, F32({4}), 1);
  session_.Run(Node("BarrierClose", {barrier}));
  const auto keys = [&](int n, bool allow_small, bool wait_for_incomplete) {
    return Node("BarrierTakeMany", {barrier, ConstantOf(I32(n))},
                {{"component_types", types},
                 {"allow_small_batch", allow_small},
                 {"wait_for_incomplete", wait_for_incomplete}})
        .output(1);
  };
  for (const bool wait : {false, true}) {
    // Three can become whole, one is.
    EXPECT_THAT(RunError(Code::kOutOfRange, keys(5, false, wait)),
                HasSubstr("insufficient elements (requested 5, total size 3)"));
    RunError(Code::kDeadlineExceeded, keys(2, false, wait), {.timeout_in_ms = 20});
  }
  EXPECT_EQ(session_.Run(keys(5, true, false)), Words({"a"}));
  EXPECT_THAT(RunError(Code::kOutOfRange, keys(5, true, false)), HasSubstr("total size 0"));
  insert({"b"}, F32({5}), 1);
  EXPECT_EQ(session_.Run(keys(5, true, true)), Words({"b"}));
  EXPECT_THAT(RunError(Code::kOutOfRange, keys(5, true, true)), HasSubstr("total size 0"));
}

class StageTest : public BarrierTest {
 protected:
  AttrMap Attrs(int capacity = 0, int memory_limit = 0) const {
    return {{"dtypes", std::vector<DataType>{kFloat32, kInt32}},
            {"shared_name", "area"},
            {"capacity", capacity},
            {"memory_limit", memory_limit}};
  }
  Operation Put(const Array& x, const Array& y, const AttrMap& attrs) {
    return Node("Stage", {ConstantOf(x), ConstantOf(y)}, attrs);
  }
};

TEST_F(StageTest, FirstInFirstOut) {
  const AttrMap attrs = Attrs();
  const Operation get = Node("Unstage", {}, attrs);
  const Tensor size = Node("StageSize", {}, attrs).output(0);
  session_.Run(Put(F32({1, 2}), I32(10), attrs));
  session_.Run(Put(F32({3}), I32(20), attrs));
  EXPECT_EQ(session_.Run(size), I32(2));
  const Operation peek = Node("StagePeek", {ConstantOf(I32(1))}, attrs);
  EXPECT_EQ(session_.Run(peek.output(0)), F32({3}));
  const std::vector<Array> got = session_.Run(std::vector<Tensor>{get.output(0), get.output(1)});
  EXPECT_EQ(got[0], F32({1, 2}));
  EXPECT_EQ(got[1], I32(10));
  session_.Run(Node("StageClear", {}, attrs));
  EXPECT_EQ(session_.Run(size), I32(0));
  RunError(Code::kDeadlineExceeded, get.output(0), {.timeout_in_ms = 50});  // there is none
  session_.Run(Put(F32({5}), I32(50), attrs));  // what gave up waiting takes nothing
  EXPECT_EQ(session_.Run(get.output(1)), I32(50));
}

TEST_F(StageTest, WaitsForRoom) {
  const AttrMap attrs = Attrs(1);
  const Operation put = Put(F32({1}), I32(1), attrs);
  session_.Run(put);
  RunError(Code::kDeadlineExceeded, put, {.timeout_in_ms = 50});
  std::thread later([&] { session_.Run(put); });
  const Operation get = Node("Unstage", {}, attrs);
  EXPECT_EQ(session_.Run(get.output(1)), I32(1));
  later.join();
  EXPECT_EQ(session_.Run(Node("StageSize", {}, attrs).output(0)), I32(1));
}

TEST_F(StageTest, MemoryIsLimited) {
  EXPECT_THAT(RunError(Code::kResourceExhausted, Put(F32({1, 2}), I32(1), Attrs(0, 8))),
              HasSubstr("combined size of '12' bytes"));
}

}  // namespace
}  // namespace weft
