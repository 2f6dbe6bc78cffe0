// SPDX-License-Identifier: Apache-2.0
// Reads of a resource variable become one where nothing writes it in between.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "weft/graph/function.h"
#include "weft/graph/op_builder.h"
#include "weft/weft.h"

namespace weft {
namespace {

class MergeReads : public testing::Test {
 protected:
  Tensor Read() {
    return OpBuilder("ReadVariableOp", NameOptions())
        .In(v_.handle())
        .Attr("dtype", kFloat32)
        .Output();
  }
  Operation Write(const Tensor& x) {
    return OpBuilder("AssignVariableOp", NameOptions()).In(v_.handle()).In(x).Build();
  }
  // What a run gives, and how many reads it has made.
  std::vector<Array> Run(const std::vector<Fetch>& fetches, int* reads) {
    Session session(graph_);
    session.Run(init_);
    std::vector<Array> values;
    for (int run = 0; run < 2; ++run) {  // the second one by the memory plan
      session.Run(init_);
      RunMetadata metadata;
      values = session.Run(fetches, {}, RunOptions{.trace_level = TraceLevel::kFull}, &metadata);
      *reads = static_cast<int>(std::ranges::count_if(
          metadata.step_stats, [](const NodeStats& s) { return s.op_type == "ReadVariableOp"; }));
    }
    return values;
  }

  Graph graph_;
  GraphScope scope_{graph_};
  Variable v_{Array(3.f), {.use_resource = true}};
  Operation init_ = GlobalVariablesInitializer();
};

TEST_F(MergeReads, NothingWrites) {
  const Tensor y = Read() * 2.f, z = Read() + 1.f;
  int reads = 0;
  const std::vector<Array> values = Run({y, z, Read()}, &reads);
  EXPECT_EQ(reads, 1);
  EXPECT_EQ(values[0].AsDouble(), 6);
  EXPECT_EQ(values[1].AsDouble(), 4);
  EXPECT_EQ(values[2].AsDouble(), 3);
}

TEST_F(MergeReads, AWriteInBetweenPartsThem) {
  const Tensor before = Read(), also_before = Read();
  const Operation write = Write(before * 10.f);
  const Tensor after = Read(), also_after = Read();
  int reads = 0;
  const std::vector<Array> values =
      Run({before + 0.5f, also_before + 0.25f, after + 0.5f, also_after + 0.25f, write}, &reads);
  EXPECT_EQ(reads, 2);
  EXPECT_EQ(values[0].AsDouble(), 3.5);
  EXPECT_EQ(values[1].AsDouble(), 3.25);
  EXPECT_EQ(values[2].AsDouble(), 30.5);
  EXPECT_EQ(values[3].AsDouble(), 30.25);
}

TEST_F(MergeReads, ReadsThatWaitAreLeftAlone) {
  const Tensor before = Read();
  const Operation write = Write(before * 10.f);
  Tensor after;
  {
    ControlDependencies order({write});
    after = Read();
  }
  int reads = 0;
  const std::vector<Array> values = Run({before + 0.5f, after + 0.5f}, &reads);
  EXPECT_EQ(reads, 2);
  EXPECT_EQ(values[0].AsDouble(), 3.5);
  EXPECT_EQ(values[1].AsDouble(), 30.5);
}

TEST_F(MergeReads, AHandleThatGoesElsewhereMergesNothing) {
  const Function write("write", {}, [&](const std::vector<Tensor>&) {
    Write(Constant(8.f));
    return std::vector<Tensor>{Constant(1.f)};
  });
  const Tensor before = Read();
  const Tensor called = write({})[0];
  const Tensor after = Read();
  int reads = 0;
  const std::vector<Array> values = Run({before + 0.5f, called, after + 0.5f}, &reads);
  EXPECT_EQ(reads, 2);
  EXPECT_EQ(values[0].AsDouble(), 3.5);
  EXPECT_EQ(values[2].AsDouble(), 8.5);
}

}  // namespace
}  // namespace weft
