// SPDX-License-Identifier: Apache-2.0
// Devices of nodes: what is asked for, what has a kernel, colocation, copies between memories.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>

#include "tests/support/errors.h"
#include "weft/graph/graph_def.h"
#include "weft/graph/op_builder.h"
#include "weft/graph/op_def.h"
#include "weft/runtime/kernel.h"
#include "weft/weft.h"

namespace weft {
namespace {

std::atomic<int> kernel_calls = 0;
std::atomic<bool> saw_host_memory = false;

// y = x + size, on the test device; `size` is read on the host.
absl::Status AddThere(KernelContext& ctx) {
  ++kernel_calls;
  const Array &x = ctx.input(0), &size = ctx.input(1);
  if (!x.buffer() || !x.buffer()->allocator() || x.buffer()->allocator()->host_accessible())
    saw_host_memory = true;
  if (size.buffer() && size.buffer()->allocator() && !size.buffer()->allocator()->host_accessible())
    return ctx.InvalidArgument("'size' is not in host memory");
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, x.shape()));
  for (int64_t i = 0; i < x.num_elements(); ++i)
    y->mutable_data<float>()[i] = x.data<float>()[i] + static_cast<float>(size.data<int32_t>()[0]);
  return absl::OkStatus();
}

void RegisterOps() {
  [[maybe_unused]] static const bool once = [] {
    OpRegistry::Global()
        .Add("PlacementTestAdd")
        .Input("x: float")
        .Input("size: int32")
        .Output("y: float");
    KernelRegistry::Global().Add("PlacementTestAdd", kTestDevice, {}, AddThere,
                                 {.host_arguments = {"size"}});
    return true;
  }();
}

ConfigProto Devices(int cpus, int tests) {
  ConfigProto config;
  config.device_count = {{"CPU", cpus}, {"TEST", tests}};
  return config;
}

std::string DeviceOf(Session& session, Tensor t) {
  RunMetadata metadata;
  session.Run(t, {}, {.trace_level = TraceLevel::kFull}, &metadata);
  for (const NodeStats& s : metadata.step_stats) {
    if (s.node_name == t.op().name()) return s.device;
  }
  return "not run";
}

class Placement : public testing::Test {
 protected:
  Placement() {
    RegisterOps();
    kernel_calls = 0;
    saw_host_memory = false;
  }
  Graph graph_;
  GraphScope scope_{graph_};
};

TEST_F(Placement, SeveralCpus) {
  Session session(Devices(3, 0));
  EXPECT_EQ(session.ListDevices().size(), 3u);
  Variable v(Array(2.0f));
  Tensor a, b, c;
  {
    DeviceScope device("/cpu:1");
    a = Square(v);
  }
  {
    DeviceScope device("/job:localhost/replica:0/task:0/device:CPU:2");
    b = Exp(a);
  }
  c = Negative(b);
  session.Run(GlobalVariablesInitializer());
  EXPECT_TRUE(DeviceOf(session, a).ends_with("/device:CPU:1"));
  EXPECT_TRUE(DeviceOf(session, b).ends_with("/device:CPU:2"));
  EXPECT_TRUE(DeviceOf(session, c).ends_with("/device:CPU:0"));
}

TEST_F(Placement, ValuesAreCopiedToAndFromADeviceWithMemoryOfItsOwn) {
  Session session(Devices(1, 1));
  Tensor x = Placeholder(kFloat32, {3});
  Tensor size = Placeholder(kInt32, PartialShape::Scalar());
  Tensor there, twice;
  {
    DeviceScope device("/device:TEST:0");
    there = OpBuilder("PlacementTestAdd", "there").In(Negative(x)).In(size).Output();
    twice = OpBuilder("PlacementTestAdd", "twice").In(there).In(size).Output();
  }
  Tensor back = Square(twice);
  // Neg has no kernel there.
  const Feeds feeds = {{x, Array({1.0f, 2.0f, 3.0f})}, {size, Array(10)}};
  EXPECT_NE(test::MessageOf<InvalidArgumentError>([&] { session.Run(back, feeds); }).find("TEST"),
            std::string::npos);
  ConfigProto soft = Devices(1, 1);
  soft.allow_soft_placement = true;
  Session lenient(soft);
  for (int run = 0; run < 3; ++run) {
    EXPECT_EQ(lenient.Run(back, feeds).ToString(), "[361. 324. 289.]");
    EXPECT_EQ(lenient.Run(there, feeds).ToString(), "[9. 8. 7.]");
  }
  EXPECT_EQ(kernel_calls, 9);
  EXPECT_FALSE(saw_host_memory);
}

TEST_F(Placement, ADeviceThatIsNotThere) {
  Tensor y;
  {
    DeviceScope device("/gpu:7");
    y = OpBuilder("Neg", "on_gpu").In(Array(1.0f)).Output();
  }
  EXPECT_EQ(y.op().device(), "/device:GPU:7");
  Session session;
  const std::string error = test::MessageOf<InvalidArgumentError>([&] { session.Run(y); });
  EXPECT_NE(error.find("Cannot assign a device for operation on_gpu"), std::string::npos) << error;
  EXPECT_NE(error.find("/device:GPU:7"), std::string::npos) << error;
  EXPECT_NE(error.find("CPU:0"), std::string::npos) << error;
  ConfigProto soft;
  soft.allow_soft_placement = true;
  Session lenient(soft);
  EXPECT_EQ(lenient.Run(y).scalar<float>(), -1.0f);
}

TEST_F(Placement, AMalformedDevice) {
  Tensor y = Constant(1.0f);
  EXPECT_NE(test::MessageOf<InvalidArgumentError>([&] {
              DeviceScope device("/job:a/nonsense");
              y = Negative(y);
              Session().Run(y);
            }),
            "no error");
}

TEST_F(Placement, ColocatedNodesGoTogether) {
  Session session(Devices(2, 0));
  Tensor a, b;
  {
    DeviceScope device("/cpu:1");
    a = Negative(Placeholder(kFloat32, PartialShape::Scalar()));
  }
  {
    ColocateWith with(a.op());
    b = Square(a);
  }
  RunMetadata metadata;
  session.Run(b, {{a.op().input(0), Array(1.0f)}}, {.trace_level = TraceLevel::kFull}, &metadata);
  for (const NodeStats& s : metadata.step_stats) EXPECT_TRUE(s.device.ends_with("CPU:1"));
}

// An op that takes a reference is made on the variable's device, whatever scope it is in.
TEST_F(Placement, UpdatesFollowTheirVariable) {
  Session session(Devices(2, 0));
  Variable v;
  Tensor update;
  {
    DeviceScope device("/cpu:1");
    v = Variable(Array(1.0f), {.name = "v"});
  }
  {
    DeviceScope device("/cpu:0");
    update = v.AssignAdd(1.0f);
  }
  session.Run(v.initializer());
  EXPECT_TRUE(DeviceOf(session, update).ends_with("/device:CPU:1"));
}

TEST_F(Placement, ColocationOfNodesThatAskForDifferentDevicesFails) {
  // As a GraphDef may have it: "b" is bound to "a", and each asks for a device of its own.
  GraphDef def = GraphDef::ParseText(R"(
    node { name: "a" op: "Const" device: "/device:CPU:0"
           attr { key: "dtype" value { type: DT_FLOAT } }
           attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape { } float_val: 1 } } } }
    node { name: "b" op: "Neg" input: "a" device: "/device:CPU:1"
           attr { key: "T" value { type: DT_FLOAT } }
           attr { key: "_class" value { list { s: "loc:@a" } } } }
    versions { producer: 1087 })");
  ImportGraphDef(def, {.prefix = ""});
  Session session(Devices(2, 0));
  const std::string error = test::MessageOf<InvalidArgumentError>([&] { session.Run("b:0"); });
  EXPECT_NE(error.find("Cannot colocate nodes"), std::string::npos) << error;
  EXPECT_NE(error.find("'a'"), std::string::npos) << error;
  EXPECT_NE(error.find("'b'"), std::string::npos) << error;
  ConfigProto soft = Devices(2, 0);
  soft.allow_soft_placement = true;
  EXPECT_EQ(Session(soft).Run("b:0").scalar<float>(), -1.0f);
}

TEST_F(Placement, PlacementIsLogged) {
  ConfigProto config;
  config.log_device_placement = true;
  Session session(config);
  Tensor x = Placeholder(kFloat32, PartialShape::Scalar(), "x");
  Tensor y = OpBuilder("Neg", "minus").In(x).Output();
  testing::internal::CaptureStderr();
  session.Run(y, {{x, Array(1.0f)}});
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("minus: (Neg): /job:localhost/replica:0/task:0/device:CPU:0"),
            std::string::npos)
      << log;
}

}  // namespace
}  // namespace weft
