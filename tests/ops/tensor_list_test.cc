// SPDX-License-Identifier: Apache-2.0
// Gradients: tests/gradients/table_state.cc.
#include "gtest/gtest.h"
#include "tests/support/op_case.h"
#include "weft/core/error.h"

namespace weft {
namespace {

Tensor Node(const std::string& op, const std::vector<Tensor>& inputs, const AttrMap& attrs = {},
            int output = 0) {
  absl::StatusOr<Operation> node = AddNode(op, inputs, attrs);
  if (node.ok()) return node->output(output);
  ADD_FAILURE() << node.status();
  return {};
}
const AttrMap& Floats() {
  static const auto& attrs = *new AttrMap{{"element_dtype", kFloat32}};
  return attrs;
}
Tensor C(const Array& a) { return ConstantOf(a); }

Tensor Reserve(int n, const Array& shape) {
  return Node("TensorListReserve", {C(shape), C(I32(n))}, Floats());
}
Tensor Stack(Tensor list, const Array& shape) {
  return Node("TensorListStack", {list, C(shape)}, Floats());
}
void ExpectFails(Tensor t, std::string_view text) {
  Session session;
  try {
    session.Run(t);
    ADD_FAILURE() << "no error; expected: " << text;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::kInvalidArgument);
    EXPECT_NE(std::string(e.what()).find(text), std::string::npos) << e.what();
  }
}

class TensorListTest : public ::testing::Test {
 protected:
  Graph graph_;
  GraphScope scope_{graph_};
};

TEST_F(TensorListTest, SetItemsLeaveTheListBeforeAsItWas) {
  const Tensor before = Reserve(70, I32({1}));
  const Tensor one = Node("TensorListSetItem", {before, C(I32(40)), C(F32({1}))});
  const Tensor two = Node("TensorListSetItem", {one, C(I32(40)), C(F32({2}))});
  const auto at40 = [](Tensor list) {
    return Node("TensorListGetItem", {list, C(I32(40)), C(I32({1}))}, Floats());
  };
  Session session;
  EXPECT_EQ(session.Run(at40(two)), F32({2}));
  EXPECT_EQ(session.Run(at40(one)), F32({1}));
  EXPECT_EQ(session.Run(at40(before)), F32({0}));
  const Array all = session.Run(Stack(two, I32({-1})));
  EXPECT_EQ(all.shape(), Shape({70, 1}));
  EXPECT_EQ(all.AsDouble(40), 2);
  EXPECT_EQ(all.AsDouble(39), 0);
}

TEST_F(TensorListTest, PushAndPop) {
  Tensor list = Node("EmptyTensorList", {C(I32({2})), C(I32(2))}, Floats());
  for (float v : {1.f, 2.f}) list = Node("TensorListPushBack", {list, C(F32({v, v}))});
  const Tensor full = Node("TensorListPushBack", {list, C(F32({3, 3}))});
  const Tensor popped = Node("TensorListPopBack", {list, C(I32({2}))}, Floats(), 1);
  const Tensor rest = Node("TensorListPopBack", {list, C(I32({2}))}, Floats(), 0);
  Session session;
  EXPECT_EQ(session.Run(popped), F32({2, 2}));
  EXPECT_EQ(session.Run(Stack(rest, I32({2}))), F32({{1, 1}}));
  EXPECT_EQ(session.Run(Node("TensorListLength", {rest})), I32(1));
  ExpectFails(Node("TensorListLength", {full}), "full list");
}

TEST_F(TensorListTest, ResizeForgetsWhatIsCut) {
  const Tensor rows = Node("TensorListFromTensor", {C(F32({1, 2, 3})), C(I32(Shape({0}), {}))});
  const Tensor cut = Node("TensorListResize", {rows, C(I32(1))});
  const Tensor longer = Node("TensorListResize", {cut, C(I32(3))});
  Session session;
  EXPECT_EQ(session.Run(Stack(longer, I32(Shape({0}), {}))), F32({1, 0, 0}));
}

TEST_F(TensorListTest, ConcatJoinsUnevenAndUnsetElements) {
  Tensor list = Reserve(3, I32({-1, 2}));
  list = Node("TensorListSetItem", {list, C(I32(2)), C(F32({{1, 2}, {3, 4}}))});
  const std::vector<Tensor> inputs = {list, C(I32({-1, 2})), C(I64({1, 0}))};
  Session session;
  EXPECT_EQ(session.Run(Node("TensorListConcatV2", inputs, Floats())),
            F32({{0, 0}, {1, 2}, {3, 4}}));
  EXPECT_EQ(session.Run(Node("TensorListConcatV2", inputs, Floats(), 1)), I64({1, 0, 2}));
}

TEST_F(TensorListTest, SumsOfListsTakeUnsetElementsAsZeros) {
  const Tensor a = Node("TensorListSetItem", {Reserve(3, I32({1})), C(I32(0)), C(F32({1}))});
  const Tensor b = Node("TensorListSetItem", {Reserve(3, I32({1})), C(I32(0)), C(F32({5}))});
  const Tensor c = Node("TensorListSetItem", {b, C(I32(2)), C(F32({7}))});
  Session session;
  EXPECT_EQ(session.Run(Stack(Node("AddN", {a, c}), I32({1}))), F32({{6}, {0}, {7}}));
  EXPECT_EQ(session.Run(Stack(Node("ZerosLike", {c}), I32({1}))), F32({{0}, {0}, {0}}));
  ExpectFails(Node("TensorListLength", {Node("AddN", {a, Reserve(2, I32({1}))})}),
              "different lengths");
}

TEST_F(TensorListTest, Errors) {
  const Tensor list = Reserve(2, I32({2}));
  const auto get = [&](int i) {
    return Node("TensorListGetItem", {list, C(I32(i)), C(I32({2}))}, Floats());
  };
  ExpectFails(get(2), "Trying to access element 2 in a list with 2 elements.");
  ExpectFails(get(-1), "Trying to access element -1");
  ExpectFails(Stack(Reserve(2, I32(-1)), I32(-1)), "non-fully-defined element_shape");
  ExpectFails(Node("TensorListLength", {Reserve(-1, I32({2}))}), "must be a non negative number");
  const Tensor any = Reserve(1, I32(-1));
  ExpectFails(
      Node("TensorListLength", {Node("TensorListSetItem", {any, C(I32(1)), C(F32({1, 2}))})}),
      "Trying to modify element 1 in a list with 1 elements.");
  const Tensor uneven =
      Node("TensorListSetItem",
           {Node("TensorListSetItem", {Reserve(2, I32(-1)), C(I32(0)), C(F32({1}))}), C(I32(1)),
            C(F32({1, 2}))});
  ExpectFails(Stack(uneven, I32(-1)), "Incompatible shapes during merge: [1] vs. [2]");
  // So many elements take memory only when they are stacked.
  Session session;
  const Tensor huge = Reserve(2000000000, I32({1 << 20}));
  EXPECT_EQ(session.Run(Node("TensorListLength", {huge})), I32(2000000000));
  EXPECT_THROW(session.Run(Stack(huge, I32({1 << 20}))), Error);
}

TEST_F(TensorListTest, Shapes) {
  EXPECT_EQ(ShapeText(Stack(Reserve(2, I32({-1, 3})), I32({4, -1})).shape()), "[?,4,3]");
  EXPECT_EQ(
      ShapeText(Node("TensorListElementShape", {Reserve(2, I32({-1, 3}))}, {{"shape_type", kInt32}})
                    .shape()),
      "[2]");
  absl::StatusOr<Operation> wrong =
      AddNode("TensorListSetItem", {Reserve(2, I32({3})), C(I32(0)), C(F32({1, 2}))});
  EXPECT_FALSE(wrong.ok());
}

}  // namespace
}  // namespace weft
