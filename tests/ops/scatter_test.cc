// SPDX-License-Identifier: Apache-2.0
#include "tests/support/op_case.h"

namespace weft {
namespace {

// Both forms of an op: by reference, and by handle ("Resource" in front; no output).
void CheckBoth(const std::string& op, const Array& before, const Array& indices,
               const Array& updates, const Array& after) {
  OpCase(op).In(before).In(indices).In(updates).Out(after).After(0, after).RunEverywhere();
  OpCase("Resource" + op).In(before).In(indices).In(updates).After(0, after).RunEverywhere();
}

void ExpectBothFail(const std::string& op, const Array& before, const Array& indices,
                    const Array& updates, std::string_view text) {
  for (const std::string& name : {op, "Resource" + op}) {
    OpCase(name).In(before).In(indices).In(updates).ExpectRunError(Code::kInvalidArgument, text);
  }
}

TEST(ScatterRows, Values) {
  const Array v = F32({{1, 2}, {3, 4}, {5, 6}});
  const Array rows = I32({2, 0});
  const Array u = F32({{10, 20}, {30, 40}});
  CheckBoth("ScatterUpdate", v, rows, u, F32({{30, 40}, {3, 4}, {10, 20}}));
  CheckBoth("ScatterAdd", v, rows, u, F32({{31, 42}, {3, 4}, {15, 26}}));
  CheckBoth("ScatterSub", v, rows, u, F32({{-29, -38}, {3, 4}, {-5, -14}}));
  CheckBoth("ScatterMul", v, rows, u, F32({{30, 80}, {3, 4}, {50, 120}}));
  CheckBoth("ScatterDiv", v, rows, F32({{5, 2}, {0.5f, 1}}), F32({{2, 2}, {3, 4}, {1, 3}}));
  CheckBoth("ScatterMin", v, rows, F32({{0, 9}, {9, 0}}), F32({{1, 0}, {3, 4}, {0, 6}}));
  CheckBoth("ScatterMax", v, rows, F32({{0, 9}, {9, 0}}), F32({{9, 2}, {3, 4}, {5, 9}}));
}

TEST(ScatterRows, RepeatedAndScalar) {
  const Array v = I32({1, 2, 3});
  // Equal indices: one after the other; of assignments the last one stays.
  CheckBoth("ScatterAdd", v, I64({1, 1, 1}), I32({10, 20, 30}), I32({1, 62, 3}));
  CheckBoth("ScatterMul", v, I32({2, 2}), I32({2, 5}), I32({1, 2, 30}));
  CheckBoth("ScatterUpdate", v, I32({0, 0}), I32({7, 8}), I32({8, 2, 3}));
  // One update for all.
  CheckBoth("ScatterAdd", v, I32({0, 2}), I32(5), I32({6, 2, 8}));
  CheckBoth("ScatterUpdate", v, I32({0, 2}), I32(5), I32({5, 2, 5}));
  // Indices of another rank; none at all.
  CheckBoth("ScatterUpdate", v, I32(1), I32(9), I32({1, 9, 3}));
  CheckBoth("ScatterAdd", v, I32({{0, 1}, {2, 2}}), I32({{1, 1}, {1, 1}}), I32({2, 3, 5}));
  CheckBoth("ScatterAdd", v, I32(Shape({0}), {}), I32(Shape({0}), {}), v);
}

TEST(ScatterRows, Types) {
  CheckBoth("ScatterAdd", F16({1, 2}), I32({1}), F16({0.5f}), F16({1, 2.5f}));
  CheckBoth("ScatterSub", F64({1, 2}), I32({1}), F64({0.5}), F64({1, 1.5}));
  CheckBoth("ScatterAdd", I8({1, 127}), I32({1}), I8({1}), I8({1, -128}));
  CheckBoth("ScatterUpdate", Str({"a", "b"}), I32({1}), Str({"c"}), Str({"a", "c"}));
  CheckBoth("ScatterUpdate", Bool({true, true}), I32({0}), Bool({false}), Bool({false, true}));
}

TEST(ScatterRows, Errors) {
  const Array v = F32({1, 2, 3});
  for (const char* op : {"ScatterUpdate", "ScatterAdd", "ScatterMul", "ScatterMin"}) {
    ExpectBothFail(op, v, I32({0, 3}), F32({1, 1}), "indices[1] = 3 is not in [0, 3)");
    ExpectBothFail(op, v, I64({-1}), F32({1}), "indices[0] = -1 is not in [0, 3)");
    ExpectBothFail(op, v, I32({0, 1}), F32({1, 2, 3}), "updates.shape");
    OpCase(op).In(F32(1)).In(I32({0})).In(F32({1})).ExpectBuildError(Code::kInvalidArgument,
                                                                     "at least rank 1");
  }
  ExpectBothFail("ScatterDiv", I32({1, 2}), I32({0}), I32({0}), "Integer division by zero");
  OpCase("ScatterAdd")
      .In(Array())
      .In(I32({0}))
      .In(F32({1}))
      .ExpectRunError(Code::kFailedPrecondition, "uninitialized value");
}

TEST(ScatterNd, Values) {
  const Array v = F32({{1, 2}, {3, 4}, {5, 6}});
  const Array elements = I32({{0, 1}, {2, 0}});
  CheckBoth("ScatterNdUpdate", v, elements, F32({10, 20}), F32({{1, 10}, {3, 4}, {20, 6}}));
  CheckBoth("ScatterNdAdd", v, elements, F32({10, 20}), F32({{1, 12}, {3, 4}, {25, 6}}));
  CheckBoth("ScatterNdSub", v, elements, F32({10, 20}), F32({{1, -8}, {3, 4}, {-15, 6}}));
  CheckBoth("ScatterNdMin", v, elements, F32({0, 20}), F32({{1, 0}, {3, 4}, {5, 6}}));
  CheckBoth("ScatterNdMax", v, elements, F32({0, 20}), F32({{1, 2}, {3, 4}, {20, 6}}));
  // Whole rows; the same one twice.
  CheckBoth("ScatterNdAdd", v, I64({{1}, {1}}), F32({{1, 1}, {2, 3}}),
            F32({{1, 2}, {6, 8}, {5, 6}}));
}

TEST(ScatterNd, Errors) {
  const Array v = F32({{1, 2}, {3, 4}});
  for (const char* op : {"ScatterNdUpdate", "ScatterNdAdd", "ScatterNdMax"}) {
    ExpectBothFail(op, v, I32({{0, 2}}), F32({1}), "indices[0] = [0, 2] does not index");
    ExpectBothFail(op, v, I32({{-1, 0}}), F32({1}), "does not index");
    ExpectBothFail(op, v, I32({{0, 0, 0}}), F32({1}), "");
    ExpectBothFail(op, v, I32({{0}}), F32({{1, 2, 3}}), "");
  }
}

TEST(StridedSliceAssign, Values) {
  const auto check = [](const Array& before, const Array& begin, const Array& end,
                        const Array& strides, const Array& value, const Array& after) {
    OpCase("StridedSliceAssign")
        .In(before)
        .In(begin)
        .In(end)
        .In(strides)
        .In(value)
        .Out(after)
        .After(0, after)
        .RunEverywhere();
    OpCase("ResourceStridedSliceAssign")
        .In(before)
        .In(begin)
        .In(end)
        .In(strides)
        .In(value)
        .After(0, after)
        .RunEverywhere();
  };
  check(F32({1, 2, 3, 4}), I32({1}), I32({3}), I32({1}), F32({8, 9}), F32({1, 8, 9, 4}));
  check(F32({1, 2, 3, 4}), I32({3}), I32({0}), I32({-2}), F32({8, 9}), F32({1, 9, 3, 8}));
  check(I32({{1, 2}, {3, 4}}), I64({0, 1}), I64({2, 2}), I64({1, 1}), I32({{7}, {8}}),
        I32({{1, 7}, {3, 8}}));
}

TEST(StridedSliceAssign, Errors) {
  for (const char* op : {"StridedSliceAssign", "ResourceStridedSliceAssign"}) {
    OpCase(op)
        .In(F32({1, 2, 3}))
        .In(I32({0}))
        .In(I32({2}))
        .In(I32({1}))
        .In(F32({1, 2, 3}))
        .ExpectRunError(Code::kInvalidArgument, "");
    OpCase(op)
        .In(F32({1, 2, 3}))
        .In(I32({0}))
        .In(I32({2}))
        .In(I32({0}))
        .In(F32({1}))
        .ExpectRunError(Code::kInvalidArgument, "strides[0] must be non-zero");
  }
}

TEST(Scatter, Shapes) {
  ExpectShape("ScatterAdd", {"[?,3]", "int32[2]", "[2,3]"}, "[?,3]", {{"Tindices", kInt32}});
  ExpectBuildError("ScatterAdd", {"[5,3]", "int32[2]", "[2,4]"}, "must be equal, but are");
  ExpectBuildError("ScatterAdd", {"[5,3]", "int32[2]", "[3,3]"}, "must be equal, but are");
  ExpectBuildError("ScatterAdd", {kString, kInt32, kString}, "not in the list of allowed values");
}

}  // namespace
}  // namespace weft
