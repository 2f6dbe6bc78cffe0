// SPDX-License-Identifier: Apache-2.0
// Variables in parts: partitioners, values, assignment, sharing, slices, messages.
#include "weft/framework/partitioned_variable.h"
#include "tests/support/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/weft/variable.pb.h"
#include "src/framework/slot_creator.h"
#include "tests/support/arrays.h"
#include "weft/weft.h"

namespace weft {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Parts : public testing::Test {
 protected:
  Graph graph_;
  GraphScope scope_{graph_};
};

TEST(Partitioners, FixedSize) {
  EXPECT_THAT(FixedSizePartitioner(3)(Shape({10, 4}), kFloat32), ElementsAre(3, 1));
  EXPECT_THAT(FixedSizePartitioner(3, 1)(Shape({10, 2}), kFloat32), ElementsAre(1, 2));
  EXPECT_THAT(FixedSizePartitioner(3, -1)(Shape({10, 4}), kFloat32), ElementsAre(1, 3));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([] {
                FixedSizePartitioner(3, 2)(Shape({1, 2}), kFloat32);
              }),
              HasSubstr("Cannot partition variable along axis 2 when shape is only (1, 2)"));
}

// The figures are TensorFlow's for the same arguments.
TEST(Partitioners, VariableAxisSize) {
  const Shape shape({4, 8, 16});  // 2048 bytes of float32, 512 a row
  const auto parts = [&](int64_t bytes, int axis, int64_t max_shards, DataType dtype) {
    return VariableAxisSizePartitioner(bytes, {.axis = axis, .max_shards = max_shards})(shape,
                                                                                        dtype);
  };
  EXPECT_THAT(parts(2048, 0, 0, kFloat32), ElementsAre(1, 1, 1));
  EXPECT_THAT(parts(1024, 0, 0, kFloat32), ElementsAre(2, 1, 1));
  EXPECT_THAT(parts(1023, 0, 0, kFloat32), ElementsAre(4, 1, 1));
  EXPECT_THAT(parts(1, 0, 0, kFloat32), ElementsAre(4, 1, 1));
  EXPECT_THAT(parts(1, 0, 3, kFloat32), ElementsAre(3, 1, 1));
  EXPECT_THAT(parts(1024, 1, 0, kFloat32), ElementsAre(1, 2, 1));
  EXPECT_THAT(parts(1024, 2, 0, kString), ElementsAre(1, 1, 8));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([] { VariableAxisSizePartitioner(0); }),
              HasSubstr("max_shard_bytes is 0"));
}

TEST(Partitioners, MinMax) {
  const auto parts = [](int64_t max, int axis, int64_t min_size, const Shape& shape) {
    return MinMaxVariablePartitioner(
        {.max_partitions = max, .axis = axis, .min_slice_size = min_size})(shape, kFloat32);
  };
  EXPECT_THAT(parts(100, 0, 256 << 10, Shape({1024, 1024})), ElementsAre(16, 1));
  EXPECT_THAT(parts(8, 0, 256 << 10, Shape({1024, 1024})), ElementsAre(8, 1));
  EXPECT_THAT(parts(100, 1, 100, Shape({4, 8})), ElementsAre(1, 2));
  EXPECT_THAT(parts(100, 0, 1, Shape({4, 8})), ElementsAre(4, 1));
  EXPECT_THAT(parts(100, 0, 1 << 20, Shape({4, 8})), ElementsAre(1, 1));
}

TEST_F(Parts, ValuesAndAssignment) {
  for (bool resource : {false, true}) {
    SCOPED_TRACE(resource);
    const VariableScope scope(resource ? "resource" : "reference", {.use_resource = resource});
    const Array rows({{1.f, 2.f}, {3.f, 4.f}, {5.f, 6.f}, {7.f, 8.f}, {9.f, 10.f}});
    const Variable v =
        GetVariable("v", {.initializer = Constant(rows), .partitioner = FixedSizePartitioner(3)});
    EXPECT_TRUE(v.is_partitioned());
    EXPECT_EQ(v.shape(), PartialShape({5, 2}));
    EXPECT_EQ(v.dtype(), kFloat32);
    const PartitionedVariable parts(v);
    ASSERT_EQ(parts.size(), 3u);
    EXPECT_THAT(parts.partitions(), ElementsAre(3, 1));
    EXPECT_EQ(parts[1].name(), scope.scope().name() + "/v/part_1:0");
    EXPECT_EQ(parts[2].shape(), PartialShape({1, 2}));
    const std::vector<Tensor> doubled = parts.Assign(v * 2);
    const std::vector<Tensor> more = parts.AssignAdd(Ones({5, 2}, kFloat32));
    const std::vector<Tensor> zero = parts.AssignSub({parts[0], parts[1], parts[2]});
    Session session;
    session.Run(GlobalVariablesInitializer());
    EXPECT_TRUE(ArraysEqual(session.Run(v.AsTensor()), rows));
    EXPECT_TRUE(ArraysEqual(session.Run(parts[1]), F32({{5, 6}, {7, 8}})));
    EXPECT_TRUE(ArraysEqual(session.Run(doubled)[2], F32({{18, 20}})));
    EXPECT_TRUE(ArraysEqual(session.Run(more)[0], F32({{3, 5}, {7, 9}})));
    session.Run(zero);
    EXPECT_TRUE(ArraysEqual(session.Run(v.AsTensor()), Array::Zeros(kFloat32, Shape({5, 2}))));
  }
}

// Each part is made for its place in the whole: limits by the full shape, the identity's own rows.
TEST_F(Parts, InitializersSeeTheWhole) {
  const PartitionedVariable identity(
      GetVariable("i", {4, 3},
                  {.initializer = IdentityInitializer(2), .partitioner = FixedSizePartitioner(2)}));
  std::vector<int64_t> offsets;
  const Initializer asking = [&](const Shape& shape, DataType dtype, const PartitionInfo* part) {
    EXPECT_NE(part, nullptr);
    EXPECT_EQ(part->full_shape, Shape({3, 7}));
    EXPECT_EQ(part->SingleSliceDim(shape), 1);
    offsets.push_back(part->SingleOffset(shape));
    return Zeros(shape, dtype);
  };
  GetVariable("asked", {3, 7}, {.initializer = asking, .partitioner = FixedSizePartitioner(3, 1)});
  EXPECT_THAT(offsets, ElementsAre(0, 3, 5));
  Session session;
  session.Run(GlobalVariablesInitializer());
  EXPECT_TRUE(ArraysEqual(session.Run(identity[1]), F32({{0, 0, 2}, {0, 0, 0}})));
  EXPECT_TRUE(ArraysEqual(session.Run(identity.AsTensor()),
                          F32({{2, 0, 0}, {0, 2, 0}, {0, 0, 2}, {0, 0, 0}})));
}

TEST_F(Parts, PartitionInfoErrors) {
  const PartitionInfo info{Shape({4, 6}), {2, 0}};
  EXPECT_EQ(info.SingleSliceDim(Shape({2, 6})), 0);
  EXPECT_EQ(info.SingleOffset(Shape({2, 6})), 2);
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] { info.SingleSliceDim(Shape({2})); }),
              HasSubstr("Expected equal rank"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] {
                info.SingleSliceDim(Shape({3, 6}));
              }),
              HasSubstr("would exceed full_shape=[4,6] in dimension 0"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] {
                info.SingleSliceDim(Shape({2, 3}));
              }),
              HasSubstr("either dimension 0 or 1"));
}

TEST_F(Parts, GradientsReachTheParts) {
  const PartitionedVariable w(GetVariable(
      "w", {3, 2}, {.initializer = OnesInitializer(), .partitioner = FixedSizePartitioner(2)}));
  const Tensor loss = ReduceSum(w * Constant({{1.f, 2.f}, {3.f, 4.f}, {5.f, 6.f}}));
  const Operation train = train::GradientDescentOptimizer(.5f).Minimize(loss);
  Session session;
  session.Run(GlobalVariablesInitializer());
  session.Run(train);
  EXPECT_TRUE(ArraysEqual(session.Run(w.AsTensor()), F32({{.5f, 0}, {-.5f, -1}, {-1.5f, -2}})));
}

TEST_F(Parts, Sharing) {
  const Partitioner two = FixedSizePartitioner(2);
  const Variable v = GetVariable("v", {4}, {.partitioner = two});
  EXPECT_THAT(
      test::MessageOf<AlreadyExistsError>([&] { GetVariable("v", {4}, {.partitioner = two}); }),
      HasSubstr("Partitioned variable with name v already exists. Did you mean to set "
                "reuse=True or reuse=tf.AUTO_REUSE in VarScope?"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([] { GetVariable("v", {4}); }),
              HasSubstr("No partitioner was provided, but a partitioned version of the variable "
                        "was found: v/part_0."));
  const Variable whole = GetVariable("whole", {4});
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>(
                  [&] { GetVariable("whole", {4}, {.partitioner = two}); }),
              HasSubstr("A partitioner was provided, but an unpartitioned version of the variable "
                        "was found: whole."));
  const VariableScope reuse("", {.reuse = Reuse::kTrue});
  EXPECT_EQ(GetVariable("v", {4}), v);
  EXPECT_EQ(GetVariable("v"), v);
  EXPECT_EQ(GetVariable("v", {4}, {.partitioner = two}), v);
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>(
                  [&] { GetVariable("v", {4}, {.partitioner = FixedSizePartitioner(4)}); }),
              HasSubstr("specified partitions [4] and found partitions [2]."));
  EXPECT_THAT(
      test::MessageOf<InvalidArgumentError>([&] { GetVariable("v", {5}, {.partitioner = two}); }),
      HasSubstr("specified shape (5,) and found shape (4,)."));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>(
                  [&] { GetVariable("v", {4}, {.dtype = kFloat64, .partitioner = two}); }),
              HasSubstr("specified dtype float64 and found dtype float32."));
  EXPECT_THAT(
      test::MessageOf<NotFoundError>([&] { GetVariable("none", {5}, {.partitioner = two}); }),
      HasSubstr("PartitionedVariable none does not exist"));
}

TEST_F(Parts, OnePartIsReachedByItsName) {
  const PartitionedVariable v(GetVariable("v", {4}, {.partitioner = FixedSizePartitioner(2)}));
  const VariableScope reuse("", {.reuse = Reuse::kTrue});
  EXPECT_EQ(GetVariable("v/part_1", {2}), v[1]);
}

TEST_F(Parts, BadPartitionings) {
  const auto with = [](std::vector<int64_t> partitions) {
    return [partitions] {
      GetVariable("v", {4, 4}, {.partitioner = [=](const Shape&, DataType) { return partitions; }});
    };
  };
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>(with({2})),
              HasSubstr("does not match the Variable's rank: [2] vs. (4, 4)"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>(with({0, 1})),
              HasSubstr("zero partitions for some axes: [0, 1]"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>(with({2, 2})),
              HasSubstr("Can only slice a variable along one dimension"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>(
                  [] { GetVariable("v", {.partitioner = FixedSizePartitioner(2)}); }),
              HasSubstr("Shape of a new partitioned variable must be fully defined"));
  EXPECT_TRUE(GlobalVariables().empty());
}

TEST_F(Parts, NoSingleNode) {
  const Variable v = GetVariable("v", {4}, {.partitioner = FixedSizePartitioner(2)});
  EXPECT_EQ(v.ToString(), "<PartitionedVariable 'v' shape=(4,) dtype=float32 partitions=[2]>");
  for (const std::function<void()>& use :
       std::vector<std::function<void()>>{[&] { v.op(); }, [&] { v.ref(); },
                                          [&] {
                                            v.Assign({1.f, 2.f, 3.f, 4.f});
                                          },
                                          [&] { v.initializer(); }, [&] { v.initialized_value(); }})
    EXPECT_THAT(test::MessageOf<InvalidArgumentError>(use),
                HasSubstr("Variable 'v' is in 2 parts"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([] { PartitionedVariable(Variable(1.f)); }),
              HasSubstr("has no parts"));
}

TEST_F(Parts, SlicesOfPartsAndOfTheirSlots) {
  const PartitionedVariable v(GetVariable("v", {5, 2}, {.partitioner = FixedSizePartitioner(2)}));
  ASSERT_TRUE(v[1].save_slice_info());
  EXPECT_EQ(*v[1].save_slice_info(), (SaveSliceInfo{"v", {5, 2}, {3, 0}, {2, 2}}));
  EXPECT_EQ(v[1].save_slice_info()->Spec(), "5 2 3,2:0,2");
  const Variable slot = internal::CreateZerosSlot(v[1], "Momentum");
  EXPECT_EQ(slot.op_name(), "v/part_1/Momentum");
  EXPECT_EQ(*slot.save_slice_info(), (SaveSliceInfo{"v/Momentum", {5, 2}, {3, 0}, {2, 2}}));
  const Variable count =
      internal::CreateSlotWithInitializer(v[1], ZerosInitializer(), Shape(), kInt64, "Count");
  EXPECT_FALSE(count.save_slice_info());
}

TEST_F(Parts, OfGivenVariables) {
  const auto part = [](const char* name, int64_t offset) {
    const Variable v({1.f, 2.f}, {.name = name});
    v.set_save_slice_info(SaveSliceInfo{"whole", {4}, {offset}, {2}});
    return v;
  };
  const Variable b = part("b", 2), a = part("a", 0);
  const PartitionedVariable whole("whole", Shape({4}), kFloat32, {b, a}, {2});
  EXPECT_EQ(whole[0], a);
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] {
                PartitionedVariable("whole", Shape({5}), kFloat32, {b, a}, {2});
              }),
              HasSubstr("All parts' full shapes must match shape: (5,)"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] {
                PartitionedVariable("whole", Shape({4}), kFloat32, {Variable({1.f, 2.f})}, {1});
              }),
              HasSubstr("must have a save_slice_info"));
}

// ---- VariableDef --------------------------------------------------------------------------------

proto::VariableDef Parsed(const std::string& bytes) {
  proto::VariableDef def;
  EXPECT_TRUE(def.ParseFromString(bytes));
  return def;
}

// The texts are TensorFlow's to_proto() of the same variables.
TEST_F(Parts, MessagesOfVariables) {
  const Variable w({1.f, 2.f}, {.name = "w"});
  const Variable u({1.f, 2.f}, {.name = "u", .trainable = false, .use_resource = true});
  const Variable c({1.f, 2.f}, {.name = "c", .use_resource = true, .caching_device = "/cpu:0"});
  const VariableScope s("s", {.partitioner = FixedSizePartitioner(2)});
  const PartitionedVariable p(GetVariable("p", {3, 2}));
  EXPECT_EQ(Parsed(w.ToVariableDef()).ShortDebugString(),
            "variable_name: \"w:0\" initializer_name: \"w/Assign\" snapshot_name: \"w/read:0\" "
            "initial_value_name: \"w/initial_value:0\" trainable: true");
  EXPECT_EQ(Parsed(u.ToVariableDef()).ShortDebugString(),
            "variable_name: \"u:0\" initializer_name: \"u/Assign\" snapshot_name: "
            "\"u/Read/ReadVariableOp:0\" is_resource: true initial_value_name: "
            "\"u/Initializer/initial_value:0\"");
  EXPECT_EQ(Parsed(c.ToVariableDef()).snapshot_name(), "c/Read/Identity:0");
  EXPECT_EQ(Parsed(p[1].ToVariableDef("s")).ShortDebugString(),
            "variable_name: \"p/part_1:0\" initializer_name: \"p/part_1/Assign\" snapshot_name: "
            "\"p/part_1/read:0\" save_slice_info_def { full_name: \"p\" full_shape: 3 full_shape: "
            "2 var_offset: 2 var_offset: 0 var_shape: 1 var_shape: 2 } initial_value_name: "
            "\"p/part_1/Initializer/random_uniform:0\" trainable: true");
  EXPECT_EQ(w.ToVariableDef("s"), "");
  for (const Variable& v : {w, u, c, p[1]}) {
    const Variable again = Variable::FromVariableDef(v.ToVariableDef());
    EXPECT_EQ(again.ToVariableDef(), v.ToVariableDef());
    EXPECT_EQ(again.op(), v.op());
    EXPECT_EQ(again.dtype(), v.dtype());
    EXPECT_EQ(again.shape(), v.shape());
    EXPECT_EQ(again.trainable(), v.trainable());
    EXPECT_EQ(again.save_slice_info(), v.save_slice_info());
  }
  EXPECT_EQ(Variable::FromVariableDef(p[1].ToVariableDef("s"), "s").op(), p[1].op());
}

TEST_F(Parts, BadMessages) {
  const Variable w({1.f, 2.f}, {.name = "w"});
  EXPECT_THROW(Variable::FromVariableDef("\xff\xff"), DataLossError);
  proto::VariableDef def = Parsed(w.ToVariableDef());
  const auto error = [&](auto change) {
    proto::VariableDef bad = def;
    change(&bad);
    return test::MessageOf<Error>([&] { Variable::FromVariableDef(bad.SerializeAsString()); });
  };
  EXPECT_THAT(error([](auto* d) { d->set_variable_name("nope:0"); }), HasSubstr("nope"));
  EXPECT_THAT(error([](auto* d) { d->set_variable_name("w/read:0"); }),
              HasSubstr("not a reference"));
  EXPECT_THAT(error([](auto* d) { d->set_is_resource(true); }), HasSubstr("not a resource"));
  EXPECT_THAT(error([](auto* d) { d->set_initializer_name("w/Nope"); }), HasSubstr("w/Nope"));
  EXPECT_THAT(error([](auto* d) {
                auto* slice = d->mutable_save_slice_info_def();
                slice->add_full_shape(2);
                slice->add_var_offset(INT64_MAX);
                slice->add_var_shape(2);
              }),
              HasSubstr("does not lie in its full shape"));
}

}  // namespace
}  // namespace weft
