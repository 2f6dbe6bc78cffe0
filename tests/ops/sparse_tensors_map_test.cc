// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/arrays.h"
#include "tests/support/op_case.h"
#include "weft/core/error.h"
#include "weft/core/handle.h"

namespace weft {
namespace {

using testing::HasSubstr;

class KeptTensors : public testing::Test {
 protected:
  Operation Node(const std::string& op, const std::vector<Tensor>& inputs,
                 const AttrMap& attrs = {}) {
    absl::StatusOr<Operation> node = AddNode(op, inputs, attrs);
    if (node.ok()) return *node;
    ADD_FAILURE() << node.status();
    return {};
  }
  Operation OnMap(const std::string& op, const std::vector<Tensor>& inputs, AttrMap attrs = {}) {
    attrs["shared_name"] = std::string("map");
    return Node(op, inputs, attrs);
  }
  std::string RunError(const std::vector<Fetch>& fetches, const Feeds& feeds = {}) {
    try {
      session_.Run(fetches, feeds);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::kInvalidArgument) << e.what();
      return e.what();
    }
    ADD_FAILURE() << "no error";
    return "";
  }

  Graph graph_;
  GraphScope scope_{graph_};
  Session session_{graph_};
};

TEST_F(KeptTensors, SparseOnesComeBackStacked) {
  const Tensor one = OnMap("AddSparseToTensorsMap", {ConstantOf(I64({{0}, {4}})),
                                                     ConstantOf(F32({1, 2})), ConstantOf(I64({5}))})
                         .output(0);
  const Tensor many =
      OnMap("AddManySparseToTensorsMap", {ConstantOf(I64({{0, 1}, {2, 0}, {2, 2}})),
                                          ConstantOf(F32({3, 4, 5})), ConstantOf(I64({3, 3}))})
          .output(0);
  EXPECT_EQ(ShapeText(many.shape()), "[?]");
  const Array first = session_.Run(one), rest = session_.Run(many);
  EXPECT_EQ(first.AsInt64(), 0);
  EXPECT_EQ(rest, I64({1, 2, 3}));
  const Tensor handles = PlaceholderOf(kInt64);
  const Operation take = OnMap("TakeManySparseFromTensorsMap", {handles}, {{"dtype", kFloat32}});
  const std::vector<Fetch> parts = {take.output(0), take.output(1), take.output(2)};
  EXPECT_THAT(RunError(parts, {{handles, I64({3, 9})}}),
              HasSubstr("Unable to find SparseTensor: 9"));
  const std::vector<Array> got = session_.Run(parts, {{handles, I64({3, 0, 2})}});
  EXPECT_EQ(got[0], I64({{0, 0}, {0, 2}, {1, 0}, {1, 4}}));
  EXPECT_EQ(got[1], F32({4, 5, 1, 2}));
  EXPECT_EQ(got[2], I64({3, 5}));
  EXPECT_THAT(RunError(parts, {{handles, I64({3})}}), HasSubstr("Unable to find SparseTensor: 3"));
  EXPECT_THAT(RunError(parts, {{handles, Array::Zeros(kInt64, Shape({0}))}}),
              HasSubstr("at least 1 serialized"));
}

TEST_F(KeptTensors, BadSparseTensors) {
  const auto expect = [](const char* op, const Array& indices, const Array& values,
                         const Array& shape, const char* why) {
    OpCase(op).In(indices).In(values).In(shape).ExpectRunError(Code::kInvalidArgument, why);
  };
  expect("AddSparseToTensorsMap", I64({{0, 0}}), F32({1}),
         I64({int64_t{1} << 32, int64_t{1} << 32}), "");
  expect("AddManySparseToTensorsMap", I64({{0}}), F32({1}), I64({3}), "should be > 1");
  expect("AddManySparseToTensorsMap", I64({{1, 0}, {0, 0}}), F32({1, 2}), I64({2, 2}),
         "in the order of their rows");
  expect("AddManySparseToTensorsMap", I64({{0, 5}}), F32({1}), I64({2, 2}), "out of bounds");
}

TEST_F(KeptTensors, ValuesOfASession) {
  const Tensor x = PlaceholderOf(kFloat32);
  const Tensor handle = Node("GetSessionHandle", {x}).output(0);
  const Tensor asked = PlaceholderOf(kString);
  const Tensor value = Node("GetSessionTensor", {asked}, {{"dtype", kFloat32}}).output(0);
  const Operation forget = Node("DeleteSessionTensor", {asked});
  const Array first = session_.Run(handle, {{x, F32({1, 2})}}),
              second = session_.Run(handle, {{x, F32(7)}});
  EXPECT_NE(first, second);
  EXPECT_THAT(first.scalar<std::string>(), HasSubstr("GetSessionHandle;"));
  EXPECT_EQ(session_.Run(value, {{asked, first}}), F32({1, 2}));
  EXPECT_EQ(session_.Run(value, {{asked, second}}), F32(7));
  session_.Run(forget, {{asked, first}});
  EXPECT_THAT(RunError({value}, {{asked, first}}), HasSubstr("is not in the session store"));
  EXPECT_THAT(RunError({forget}, {{asked, first}}), HasSubstr("is not in the session store"));
  const Tensor whole = Node("GetSessionTensor", {asked}, {{"dtype", kInt32}}).output(0);
  EXPECT_THAT(RunError({whole}, {{asked, second}}), HasSubstr("is of type float32, not int32"));
  // A session of its own has values of its own.
  EXPECT_THROW(Session(graph_).Run(value, {{asked, second}}), InvalidArgumentError);
  const Tensor resource = Node("GetSessionHandleV2", {x}).output(0);
  EXPECT_EQ(session_.Run(resource, {{x, F32(7)}}).scalar<ResourceHandle>().type, "TensorHandle");
}

}  // namespace
}  // namespace weft
