// SPDX-License-Identifier: Apache-2.0
// The ops of variables of both forms. The classes on top of them: tests/framework.
#include "tests/support/gradient_case.h"
#include "tests/support/op_case.h"
#include "weft/core/complex.h"
#include "weft/gradients/gradients.h"
#include "weft/ops/basic.h"
#include "weft/ops/control.h"
#include "weft/ops/math_binary.h"

namespace weft {
namespace {

TEST(Assign, Values) {
  for (const char* op : {"Assign", "AssignVariableOp"}) {
    const bool by_ref = op == std::string("Assign");
    OpCase c(op);
    c.In(F32({1, 2})).In(F32({3, 4})).After(0, F32({3, 4}));
    if (by_ref) c.Out(F32({3, 4}));
    c.RunEverywhere();
  }
  OpCase("Assign").In(Str({"b"})).In(Str({"a"})).Out(Str({"a"})).RunEverywhere();
  // To a variable without a value; as here, a scalar.
  OpCase("Assign").In(Array()).In(F32(1)).Out(F32(1)).RunEverywhere();
  OpCase("Assign").In(Array()).In(F32({1})).ExpectRunError(Code::kInvalidArgument,
                                                           "shapes of both tensors to match");
}

TEST(AssignUpdates, Values) {
  const Array v = F32({{1, 2}, {3, 4}}), u = F32({{10, 20}, {30, 40}});
  const Array sum = F32({{11, 22}, {33, 44}}), difference = F32({{-9, -18}, {-27, -36}});
  OpCase("AssignAdd").In(v).In(u).Out(sum).After(0, sum).RunEverywhere();
  OpCase("AssignSub").In(v).In(u).Out(difference).After(0, difference).RunEverywhere();
  OpCase("AssignAddVariableOp").In(v).In(u).After(0, sum).RunEverywhere();
  OpCase("AssignSubVariableOp").In(v).In(u).After(0, difference).RunEverywhere();
  OpCase("AssignAdd").In(I8({127})).In(I8({1})).Out(I8({-128})).RunEverywhere();
  OpCase("AssignAddVariableOp")
      .In(C64({complex64(1, 1)}))
      .In(C64({complex64(0, 2)}))
      .After(0, C64({complex64(1, 3)}))
      .RunEverywhere();
}

TEST(AssignUpdates, Errors) {
  for (const char* op : {"AssignAdd", "AssignSub", "AssignAddVariableOp", "AssignSubVariableOp"}) {
    const bool by_handle = std::string_view(op).ends_with("Op");
    OpCase(op).In(Array()).In(F32({1})).ExpectRunError(
        by_handle ? Code::kNotFound : Code::kFailedPrecondition,
        by_handle ? "does not exist" : "uninitialized");
    OpCase(op).In(F32({1, 2})).In(F32({1, 2, 3})).ExpectRunError(Code::kInvalidArgument, "shape");
  }
  ExpectBuildError("AssignAdd", {"[2]", "[3]"}, "must be equal, but are 2 and 3");
  ExpectBuildError("Assign", {"[2]", "[3]"}, "must be equal, but are 2 and 3",
                   {{"validate_shape", true}});
  ExpectShape("Assign", {"[2]", "[?,3]"}, "[?,3]", {{"validate_shape", false}});
}

TEST(CountUpTo, CountsAndStops) {
  OpCase("CountUpTo")
      .In(I32(4))
      .Attr("limit", int64_t{10})
      .Out(I32(4))
      .After(0, I32(5))
      .RunEverywhere();
  OpCase("ResourceCountUpTo")
      .In(I64(9))
      .Attr("limit", int64_t{10})
      .Attr("T", kInt64)
      .Out(I64(9))
      .After(0, I64(10))
      .RunEverywhere();
  for (const char* op : {"CountUpTo", "ResourceCountUpTo"}) {
    OpCase(op)
        .In(I32(10))
        .Attr("limit", int64_t{10})
        .Attr("T", kInt32)
        .ExpectRunError(Code::kOutOfRange, "Reached limit of 10");
  }
}

TEST(Initialized, Asks) {
  for (const char* op : {"IsVariableInitialized", "VarIsInitializedOp"}) {
    OpCase(op).In(F32({1})).Out(Bool(true)).RunEverywhere();
    OpCase(op).In(Array()).Out(Bool(false)).RunEverywhere();
  }
}

TEST(ReadVariable, ValuesAndShape) {
  OpCase("ReadVariableOp").In(F64({1, 2})).Attr("dtype", kFloat64).Out(F64({1, 2})).RunEverywhere();
  OpCase("ReadVariableOp")
      .In(Array())
      .Attr("dtype", kFloat32)
      .ExpectRunError(Code::kFailedPrecondition, "Could not find variable");
  OpCase("VariableShape").In(F32({{1, 2}})).Out(I32({1, 2})).RunEverywhere();
  OpCase("VariableShape")
      .In(F32({{1, 2}}))
      .Attr("out_type", kInt64)
      .Out(I64({1, 2}))
      .RunEverywhere();
}

TEST(ResourceGather, Values) {
  const auto gather = [](const char* op, Array indices) {
    return OpCase(op)
        .In(F32({{1, 2}, {3, 4}, {5, 6}}))
        .In(std::move(indices))
        .Attr("dtype", kFloat32);
  };
  gather("ResourceGather", I32({2, 0})).Out(F32({{5, 6}, {1, 2}})).RunEverywhere();
  gather("ResourceGather", I64(1)).Out(F32({3, 4})).RunEverywhere();
  gather("ResourceGather", I32({{1}, {0}, {1}}))
      .Attr("batch_dims", int64_t{1})
      .Out(F32({{2}, {3}, {6}}))
      .RunEverywhere();
  gather("ResourceGatherNd", I32({{2, 1}, {0, 0}})).Out(F32({6, 1})).RunEverywhere();
  gather("ResourceGather", I32({3}))
      .ExpectRunError(Code::kInvalidArgument, "indices[0] = 3 is not in [0, 3)");
  gather("ResourceGatherNd", I32({{0, 2}}))
      .ExpectRunError(Code::kInvalidArgument, "does not index into");
}

class VariableOps : public testing::Test {
 protected:
  // The variable's output, and the op that makes it `value`.
  std::pair<Tensor, Operation> NewVariable(bool by_handle, const Array& value,
                                           const std::string& name) {
    const AttrMap attrs = {{"dtype", value.dtype()}, {"shape", PartialShape(value.shape())}};
    const Tensor v = AddNode(
                         by_handle ? "VarHandleOp" : "VariableV2", {},
                         [&] {
                           AttrMap all = attrs;
                           all.insert_or_assign("shared_name", name);
                           return all;
                         }(),
                         name)
                         ->output(0);
    return {v, *AddNode(by_handle ? "AssignVariableOp" : "Assign", {v, ConstantOf(value)})};
  }
  Tensor Value(Tensor v, DataType dtype) {
    if (v.dtype() != kResource) return AddNode("Identity", {v})->output(0);
    return AddNode("ReadVariableOp", {v}, {{"dtype", dtype}})->output(0);
  }

  Graph g_;
  GraphScope use_{g_};
  Session session_{g_};
};

TEST_F(VariableOps, LastFromRunToRun) {
  for (const bool by_handle : {false, true}) {
    const auto [v, init] = NewVariable(by_handle, F32({1, 2}), by_handle ? "h" : "r");
    const Tensor value = Value(v, kFloat32);
    EXPECT_THROW(session_.Run(value), FailedPreconditionError);
    session_.Run(init);
    const Operation add =
        *AddNode(by_handle ? "AssignAddVariableOp" : "AssignAdd", {v, ConstantOf(F32({1, 1}))});
    session_.Run(add);
    session_.Run(add);
    EXPECT_TRUE(ArraysEqual(session_.Run(value), F32({3, 4})));
    // Another session has variables of its own.
    EXPECT_THROW(Session(g_).Run(value), FailedPreconditionError);
  }
}

TEST_F(VariableOps, WhatWasFetchedStays) {
  for (const bool by_handle : {false, true}) {
    const auto [v, init] = NewVariable(by_handle, F32({1, 2}), by_handle ? "h" : "r");
    session_.Run(init);
    const Array before = session_.Run(Value(v, kFloat32));
    session_.Run(
        *AddNode(by_handle ? "AssignAddVariableOp" : "AssignAdd", {v, ConstantOf(F32({5, 5}))}));
    EXPECT_TRUE(ArraysEqual(before, F32({1, 2})));
  }
}

TEST_F(VariableOps, ReadsSeeTheWritesBeforeThem) {
  const auto [v, init] = NewVariable(true, F32(1), "v");
  session_.Run(init);
  const Tensor early = Value(v, kFloat32);
  Tensor late;
  {
    const ControlDependencies after_read({early.op()});
    const Operation write = *AddNode("AssignAddVariableOp", {v, ConstantOf(F32(10))});
    const ControlDependencies after_write({write});
    late = Value(v, kFloat32);
  }
  const std::vector<Array> got = session_.Run(std::vector<Fetch>{early, late});
  EXPECT_TRUE(ArraysEqual(got[0], F32(1)));
  EXPECT_TRUE(ArraysEqual(got[1], F32(11)));
}

TEST_F(VariableOps, HandlesOfOneNameShare) {
  const auto [v, init] = NewVariable(true, F32(1), "shared");
  const Tensor same =
      AddNode("VarHandleOp", {},
              {{"dtype", kFloat32}, {"shape", PartialShape(Shape())}, {"shared_name", "shared"}},
              "other")
          ->output(0);
  session_.Run(init);
  EXPECT_TRUE(ArraysEqual(session_.Run(Value(same, kFloat32)), F32(1)));
  // As another type it can't be read.
  const Tensor wrong =
      AddNode("VarHandleOp", {},
              {{"dtype", kInt32}, {"shape", PartialShape(Shape())}, {"shared_name", "shared"}},
              "wrong")
          ->output(0);
  EXPECT_THROW(session_.Run(Value(wrong, kInt32)), InvalidArgumentError);
}

TEST_F(VariableOps, DestroyedOnesAreGone) {
  const auto [v, init] = NewVariable(true, F32(1), "v");
  session_.Run(init);
  session_.Run(*AddNode("DestroyResourceOp", {v}));
  EXPECT_THROW(session_.Run(Value(v, kFloat32)), FailedPreconditionError);
  const Operation strict = *AddNode("DestroyResourceOp", {v}, {{"ignore_lookup_error", false}});
  EXPECT_THROW(session_.Run(strict), NotFoundError);
}

TEST_F(VariableOps, TemporaryVariable) {
  const Tensor t = AddNode("TemporaryVariable", {},
                           {{"dtype", kFloat32}, {"shape", PartialShape({2})}, {"var_name", "t"}})
                       ->output(0);
  const Tensor set = AddNode("Assign", {t, ConstantOf(F32({1, 2}))})->output(0);
  const Tensor sum = AddNode("AssignAdd", {set, ConstantOf(F32({1, 1}))})->output(0);
  const Tensor last = AddNode("DestroyTemporaryVariable", {sum}, {{"var_name", "t"}})->output(0);
  for (int run = 0; run < 2; ++run) EXPECT_TRUE(ArraysEqual(session_.Run(last), F32({2, 3})));
}

TEST_F(VariableOps, GradientsReachVariables) {
  for (const bool by_handle : {false, true}) {
    const auto [v, init] = NewVariable(by_handle, F32({1, 2, 3}), by_handle ? "h" : "r");
    session_.Run(init);
    const Tensor value = Value(v, kFloat32);
    const Tensor dv = DenseGradient(Gradients({Multiply(value, value)}, {v})[0]);
    EXPECT_TRUE(ArraysEqual(session_.Run(dv), F32({2, 4, 6})));
  }
  const auto [v, init] = NewVariable(true, F32({{1, 2}, {3, 4}}), "rows");
  session_.Run(init);
  const Tensor rows =
      AddNode("ResourceGather", {v, ConstantOf(I32({1, 1}))}, {{"dtype", kFloat32}})->output(0);
  const Grad dv = Gradients({rows}, {v})[0];
  EXPECT_TRUE(dv.is_slices());
  EXPECT_TRUE(ArraysEqual(session_.Run(DenseGradient(dv)), F32({{0, 0}, {2, 2}})));
}

}  // namespace
}  // namespace weft
