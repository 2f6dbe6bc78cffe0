// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/saver.h"
#include "tests/support/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/io/file.h"
#include "src/io/file_system.h"
#include "tests/support/temporary_folder.h"
#include "weft/framework/meta_graph.h"
#include "weft/framework/partitioned_variable.h"
#include "weft/weft.h"

namespace weft::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

class SaverTest : public ::testing::Test {
 protected:
  std::string File(std::string_view name) const { return folder_.File(name); }
  std::vector<std::string> Files() const { return *io::ListFolder(folder_.path()); }
  std::string StateText() const { return *ReadFile(File("checkpoint")); }

  test::TemporaryFolder folder_;
  Graph graph_;
  GraphScope scope_{graph_};
};

TEST_F(SaverTest, SavesAndRestoresBothForms) {
  const Variable w({{1.f, 2.f}, {3.f, 4.f}}, {.name = "w"});
  const Variable r({5, 6}, {.name = "r", .use_resource = true});
  const Variable s(Array(std::string("text")), {.name = "s"});
  const Saver saver;
  Session session;
  session.Run(GlobalVariablesInitializer());
  EXPECT_EQ(saver.Save(session, File("m")), File("m"));
  EXPECT_THAT(Files(), ElementsAre("checkpoint", "m.data-00000-of-00001", "m.index", "m.meta"));

  Session other;
  saver.Restore(other, File("m"));
  EXPECT_TRUE(other.Run(w) == Array({{1.f, 2.f}, {3.f, 4.f}}));
  EXPECT_TRUE(other.Run(r) == Array({5, 6}));
  EXPECT_TRUE(other.Run(s) == Array(std::string("text")));
}

TEST_F(SaverTest, NamesOfSteps) {
  const Variable step = CreateGlobalStep();
  Session session;
  session.Run(GlobalVariablesInitializer());
  session.Run(step.Assign(7));
  EXPECT_EQ(Saver().Save(session, File("m"), step), File("m-7"));
  EXPECT_EQ(Saver().Save(session, File("m"), 12), File("m-12"));
  EXPECT_EQ(Saver({.pad_step_number = true}).Save(session, File("m"), step), File("m-00000007"));
  EXPECT_THAT(
      test::MessageOf(Code::kInvalidArgument, [&] { Saver().Save(session, File("checkpoint")); }),
      HasSubstr("'latest_filename' collides with 'save_path'"));
  test::MessageOf(Code::kInvalidArgument,
                  [&] { Saver().Save(session, File("m"), 1, {.latest_filename = "a/b"}); });
  test::MessageOf(Code::kInvalidArgument, [&] { Saver().Save(session, ""); });
}

TEST_F(SaverTest, ListsAreChecked) {
  EXPECT_THAT(test::MessageOf(Code::kInvalidArgument, [] { Saver(); }),
              HasSubstr("No variables to save"));
  Session session;
  EXPECT_EQ(Saver({.allow_empty = true}).Save(session, File("m")), "");
  Saver({.allow_empty = true}).Restore(session, File("nothing"));
  const Variable w(1.f, {.name = "w"});
  EXPECT_THAT(test::MessageOf(Code::kInvalidArgument,
                              [&] {
                                Saver({w, w});
                              }),
              HasSubstr("At least two variables have the same name: w"));
  EXPECT_THAT(test::MessageOf(Code::kInvalidArgument,
                              [&] {
                                Saver({{"a", w}, {"b", w}});
                              }),
              HasSubstr("The same saveable will be restored with two names: b"));
  test::MessageOf(Code::kInvalidArgument, [&] { Saver({Variable()}); });
}

TEST_F(SaverTest, WhatDoesNotFitIsTold) {
  Session session;
  Variable w(1.f, {.name = "w"});
  session.Run(GlobalVariablesInitializer());
  Saver({w}).Save(session, File("m"));
  const Variable v(1.f, {.name = "v"}), i({1, 2}, {.name = "i"}), f({1.f, 2.f}, {.name = "f"});
  std::string text =
      test::MessageOf(Code::kNotFound, [&] { Saver({v}).Restore(session, File("m")); });
  EXPECT_THAT(text, HasSubstr("Restoring from checkpoint failed. This is most likely due to a "
                              "Variable name or other graph key that is missing"));
  EXPECT_THAT(text, HasSubstr("Key v not found in checkpoint"));
  text = test::MessageOf(Code::kInvalidArgument, [&] {
    Saver({{"w", i}}).Restore(session, File("m"));
  });
  EXPECT_THAT(text, HasSubstr("a mismatch between the current graph and the graph"));
  EXPECT_THAT(text, HasSubstr("tensor_name = w; expected dtype int32 does not equal original "
                              "dtype float"));
  text = test::MessageOf(Code::kInvalidArgument, [&] {
    Saver({{"w", f}}).Restore(session, File("m"));
  });
  EXPECT_THAT(text, HasSubstr("a mismatch between the current graph and the graph"));
  EXPECT_THAT(
      test::MessageOf(Code::kInvalidArgument, [&] { Saver().Restore(session, File("none")); }),
      HasSubstr("The passed save_path is not a valid checkpoint: "));
}

TEST_F(SaverTest, Reshapes) {
  const Variable w({{1.f, 2.f}, {3.f, 4.f}}, {.name = "w"});
  const Variable flat({0.f, 0.f, 0.f, 0.f}, {.name = "flat"});
  Session session;
  session.Run(GlobalVariablesInitializer());
  Saver({w}).Save(session, File("m"));
  Saver({{"w", flat}}, {.reshape = true}).Restore(session, File("m"));
  EXPECT_TRUE(session.Run(flat) == Array({1.f, 2.f, 3.f, 4.f}));
}

TEST_F(SaverTest, PartsAreRestoredInOtherParts) {
  Array values;
  {
    Graph graph;
    GraphScope use(graph);
    const Variable table = GetVariable("table", {5, 2},
                                       {.initializer = RandomUniformInitializer(0, 1, {.seed = 3}),
                                        .partitioner = FixedSizePartitioner(3)});
    Session session(graph);
    session.Run(GlobalVariablesInitializer());
    values = session.Run(table.AsTensor());
    Saver().Save(session, File("m"));
  }
  EXPECT_EQ(CheckpointReader(File("m")).GetSlices("table").size(), 3u);
  for (const auto& [parts, axis] :
       std::vector<std::pair<int, int>>{{1, 0}, {2, 0}, {5, 0}, {2, 1}}) {
    Graph graph;
    GraphScope use(graph);
    const Variable table = GetVariable(
        "table", {5, 2},
        {.initializer = ZerosInitializer(), .partitioner = FixedSizePartitioner(parts, axis)});
    Session session(graph);
    Saver(std::vector<Variable>{table}).Restore(session, File("m"));
    EXPECT_TRUE(session.Run(table.AsTensor()) == values) << parts << " along " << axis;
  }
  Graph graph;
  GraphScope use(graph);
  const Variable whole(Array::Zeros(kFloat32, Shape({5, 2})), {.name = "table"});
  Session session(graph);
  Saver().Restore(session, File("m"));
  EXPECT_TRUE(session.Run(whole) == values);
}

TEST_F(SaverTest, ShardsAreMerged) {
  const ConfigProto two_cpus{.device_count = {{"CPU", 2}}};
  Variable a, b;
  {
    DeviceScope device("/device:CPU:0");
    a = Variable({1.f, 2.f}, {.name = "a"});
  }
  {
    DeviceScope device("/device:CPU:1");
    b = Variable({3, 4}, {.name = "b", .use_resource = true});
  }
  const Saver saver({.sharded = true});
  Session session(two_cpus);
  session.Run(GlobalVariablesInitializer());
  EXPECT_EQ(saver.Save(session, File("m"), 3), File("m-3"));
  EXPECT_THAT(Files(), ElementsAre("checkpoint", "m-3.data-00000-of-00002",
                                   "m-3.data-00001-of-00002", "m-3.index", "m-3.meta"));
  Session other(two_cpus);
  saver.Restore(other, File("m-3"));
  EXPECT_TRUE(other.Run(a) == Array({1.f, 2.f}));
  EXPECT_TRUE(other.Run(b) == Array({3, 4}));
  EXPECT_TRUE(saver.AsSaverDef().sharded);
}

TEST_F(SaverTest, VersionOneFiles) {
  const Variable w({1.f, 2.f}, {.name = "w"});
  const Saver saver({.write_version = CheckpointVersion::kV1});
  Session session;
  session.Run(GlobalVariablesInitializer());
  EXPECT_EQ(saver.Save(session, File("m"), 1), File("m-1"));
  EXPECT_THAT(Files(), ElementsAre("checkpoint", "m-1", "m-1.meta"));
  EXPECT_EQ(LatestCheckpoint(folder_.path()), File("m-1"));
  Session other;
  saver.Restore(other, File("m-1"));
  EXPECT_TRUE(other.Run(w) == Array({1.f, 2.f}));
}

TEST_F(SaverTest, KeepsTheNewest) {
  const Variable w(1.f, {.name = "w"});
  const Saver saver({.max_to_keep = 2, .save_relative_paths = true});
  Session session;
  session.Run(GlobalVariablesInitializer());
  for (int step = 1; step <= 4; ++step) saver.Save(session, File("m"), step);
  EXPECT_THAT(Files(), ElementsAre("checkpoint", "m-3.data-00000-of-00001", "m-3.index", "m-3.meta",
                                   "m-4.data-00000-of-00001", "m-4.index", "m-4.meta"));
  EXPECT_EQ(StateText(),
            "model_checkpoint_path: \"m-4\"\n"
            "all_model_checkpoint_paths: \"m-3\"\n"
            "all_model_checkpoint_paths: \"m-4\"\n");
  EXPECT_THAT(saver.last_checkpoints(), ElementsAre(File("m-3"), File("m-4")));
  // The same name again is the newest again.
  saver.Save(session, File("m"), 3);
  EXPECT_THAT(saver.last_checkpoints(), ElementsAre(File("m-4"), File("m-3")));
  // Another Saver goes on where this one ended.
  const Saver next({.max_to_keep = 2});
  next.RecoverLastCheckpoints({File("m-1"), File("m-4"), File("m-3")});
  EXPECT_THAT(next.last_checkpoints(), ElementsAre(File("m-4"), File("m-3")));
  next.Save(session, File("m"), 5);
  EXPECT_THAT(Files(), Not(testing::Contains("m-4.index")));
  EXPECT_THAT(next.last_checkpoints(), ElementsAre(File("m-3"), File("m-5")));

  const Saver all({.max_to_keep = 0});
  all.Save(session, File("m"), 6);
  EXPECT_THAT(all.last_checkpoints(), IsEmpty());
}

TEST_F(SaverTest, KeepsSomeForEver) {
  const Variable w(1.f, {.name = "w"});
  const Saver saver({.max_to_keep = 1, .keep_checkpoint_every_n_hours = 1e-9});
  Session session;
  session.Run(GlobalVariablesInitializer());
  for (int step = 1; step <= 3; ++step) saver.Save(session, File("m"), step);
  EXPECT_THAT(Files(), IsSupersetOf({"m-1.index", "m-2.index", "m-3.index"}));
}

TEST_F(SaverTest, OptionsOfASave) {
  const Variable w(1.f, {.name = "w"});
  const Saver saver;
  Session session;
  session.Run(GlobalVariablesInitializer());
  saver.Save(session, File("a"), {}, {.write_meta_graph = false, .write_state = false});
  EXPECT_THAT(Files(), ElementsAre("a.data-00000-of-00001", "a.index"));
  saver.Save(session, File("b"), {}, {.latest_filename = "newest", .meta_graph_suffix = "graph"});
  EXPECT_THAT(Files(), IsSupersetOf({"b.graph", "newest"}));
  EXPECT_EQ(LatestCheckpoint(folder_.path(), "newest"), File("b"));
  EXPECT_EQ(LatestCheckpoint(folder_.path()), "");
}

}  // namespace
}  // namespace weft::train
