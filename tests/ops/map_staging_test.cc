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
using Types = std::vector<DataType>;

class MapStaging : public testing::TestWithParam<const char*> {
 protected:
  Operation Node(const std::string& op, const std::vector<Tensor>& inputs, AttrMap attrs = {}) {
    attrs["shared_name"] = std::string("area");
    attrs["capacity"] = capacity_;
    attrs["memory_limit"] = memory_limit_;
    absl::StatusOr<Operation> node = AddNode(GetParam() + op, inputs, attrs);
    if (node.ok()) return *node;
    ADD_FAILURE() << node.status();
    return {};
  }
  // Values are float and int32, by position.
  Operation Stage(int64_t key, const std::vector<int>& indices, const std::vector<Array>& values) {
    std::vector<Tensor> inputs = {ConstantOf(Array(key)), ConstantOf(Positions(indices))};
    Types types;
    for (const Array& v : values) {
      inputs.push_back(ConstantOf(v));
      types.push_back(v.dtype());
    }
    return Node("Stage", inputs, {{"dtypes", Both()}, {"fake_dtypes", types}});
  }
  Operation Read(const char* op, int64_t key, const std::vector<int>& indices, const Types& types) {
    return Node(op, {ConstantOf(Array(key)), ConstantOf(Positions(indices))}, {{"dtypes", types}});
  }
  Array Size(const char* op = "Size") {
    return session_.Run(Node(op, {}, {{"dtypes", Both()}}).output(0));
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
  static Types Both() { return {kFloat32, kInt32}; }
  static Array Positions(const std::vector<int>& indices) {
    return Array::FromVector(std::vector<int32_t>(indices.begin(), indices.end()));
  }

  int64_t capacity_ = 0, memory_limit_ = 0;
  Graph graph_;
  GraphScope scope_{graph_};
  Session session_{graph_};
};

TEST_P(MapStaging, TuplesByKey) {
  session_.Run(Stage(7, {0, 1}, {F32({1, 2}), I32(3)}));
  session_.Run(Stage(5, {1}, {I32(4)}));
  EXPECT_EQ(Size(), I32(1));
  EXPECT_EQ(Size("IncompleteSize"), I32(1));
  session_.Run(Stage(5, {0}, {F32({9})}));
  EXPECT_EQ(Size(), I32(2));
  EXPECT_EQ(Size("IncompleteSize"), I32(0));
  const Operation peek = Read("Peek", 7, {1, 0}, {kInt32, kFloat32});
  const std::vector<Array> seen = session_.Run({peek.output(0), peek.output(1)});
  EXPECT_EQ(seen[0], I32(3));
  EXPECT_EQ(seen[1], F32({1, 2}));
  EXPECT_EQ(Size(), I32(2));
  const Operation take = Read("Unstage", 7, {0, 1}, Both());
  EXPECT_EQ(session_.Run({take.output(0), take.output(1)})[0], F32({1, 2}));
  EXPECT_EQ(Size(), I32(1));
  const Operation any = Node("UnstageNoKey", {ConstantOf(Positions({0, 1}))}, {{"dtypes", Both()}});
  const std::vector<Array> rest = session_.Run({any.output(0), any.output(1), any.output(2)});
  EXPECT_EQ(rest[0], Array(int64_t{5}));
  EXPECT_EQ(rest[1], F32({9}));
  EXPECT_EQ(rest[2], I32(4));
  session_.Run(Stage(1, {0, 1}, {F32({1}), I32(1)}));
  session_.Run(Node("Clear", {}, {{"dtypes", Both()}}));
  EXPECT_EQ(Size(), I32(0));
}

TEST_P(MapStaging, ReadersWaitForTheirKey) {
  const Operation take = Read("Unstage", 3, {0, 1}, Both());
  const Operation put = Stage(3, {0, 1}, {F32({1}), I32(2)});
  std::thread reader([&] { EXPECT_EQ(session_.Run({take.output(0), take.output(1)})[1], I32(2)); });
  session_.Run(put);
  reader.join();
  EXPECT_THAT(RunError(Code::kDeadlineExceeded, Read("Peek", 3, {0}, {kFloat32}).output(0),
                       {.timeout_in_ms = 20}),
              testing::_);
}

TEST_P(MapStaging, WritersWaitForRoom) {
  capacity_ = 1;
  session_.Run(Stage(1, {0, 1}, {F32({1}), I32(1)}));
  const Operation second = Stage(2, {0, 1}, {F32({2}), I32(2)});
  RunError(Code::kDeadlineExceeded, second, {.timeout_in_ms = 20});
  std::thread writer([&] { session_.Run(second); });
  session_.Run(Read("Unstage", 1, {0, 1}, Both()).output(0));
  writer.join();
  EXPECT_EQ(Size(), I32(1));
}

TEST_P(MapStaging, MemoryLimit) {
  memory_limit_ = 8;
  EXPECT_THAT(RunError(Code::kResourceExhausted, Stage(1, {0}, {F32({1, 2, 3})})),
              HasSubstr("combined size of '12' bytes"));
}

TEST_P(MapStaging, BadInput) {
  session_.Run(Stage(1, {0, 1}, {F32({1}), I32(1)}));
  const auto expect = [&](const Fetch& fetch, const char* why) {
    EXPECT_THAT(RunError(Code::kInvalidArgument, fetch), HasSubstr(why));
  };
  session_.Run(Stage(2, {0}, {F32({1})}));
  expect(Stage(2, {0}, {F32({1})}), "was already initialized");
  expect(Stage(2, {2}, {F32({1})}), "there is no position 2");
  expect(Stage(2, {-1}, {F32({1})}), "must not be negative");
  expect(Read("Peek", 1, {5}, {kFloat32}).output(0), "was out of bounds '2'");
  expect(Read("Peek", 1, {1}, {kFloat32}).output(0), "holds int32 at position 1");
  expect(Read("Unstage", 1, {0, 0}, Both()).output(0), "is there twice");
  expect(
      Node("Peek", {ConstantOf(I64({1})), ConstantOf(Positions({0}))}, {{"dtypes", Types{kInt32}}})
          .output(0),
      "key must be an int64 scalar");
  expect(Node("Peek", {ConstantOf(I64(1)), ConstantOf(Positions({}))}, {{"dtypes", Types{kInt32}}})
             .output(0),
         "Indices are empty");
  // What is left of a tuple can still be had.
  session_.Run(Read("Unstage", 1, {0}, {kFloat32}).output(0));
  expect(Read("Peek", 1, {0}, {kFloat32}).output(0), "has already been removed");
  EXPECT_EQ(session_.Run(Read("Unstage", 1, {1}, {kInt32}).output(0)), I32(1));
  EXPECT_EQ(Size(), I32(0));
}

INSTANTIATE_TEST_SUITE_P(Both, MapStaging, testing::Values("Map", "OrderedMap"));

}  // namespace
}  // namespace weft
