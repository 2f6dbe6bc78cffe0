// SPDX-License-Identifier: Apache-2.0
// The programs of chapter 5's persistence, D5 to D9 and D11 to D13 of the tutorials' list.
#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "proto/weft/meta_graph.pb.h"
#include "src/io/file.h"
#include "src/io/file_system.h"
#include "tests/support/temporary_folder.h"
#include "weft/framework/meta_graph.h"
#include "weft/framework/saver.h"
#include "weft/weft.h"

namespace wf = weft;

namespace weft {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Printed(const wf::Array& a) { return a.ToString(); }

class TutorialsD : public ::testing::Test {
 protected:
  std::string File(const std::string& name) const { return folder_.File(name); }

  // D5: v1 = 1, v2 = 2, result = v1 + v2; saved.
  void SaveModel() const {
    wf::Graph graph;
    wf::GraphScope scope(graph);
    wf::Variable v1(wf::Constant(wf::Array({1.0f}), "Const"), {.name = "v1"});
    wf::Variable v2(wf::Constant(wf::Array({2.0f}), "Const_1"), {.name = "v2"});
    auto result = wf::Add(v1, v2, "add");
    ASSERT_EQ(result.op().name(), "add");
    wf::train::Saver saver;
    wf::Session session;
    session.Run(wf::GlobalVariablesInitializer());
    EXPECT_EQ(saver.Save(session, File("model.ckpt")), File("model.ckpt"));
  }

  test::TemporaryFolder folder_;
};

TEST_F(TutorialsD, D5SaveMakesFourKindsOfFile) {
  SaveModel();
  EXPECT_THAT(*io::ListFolder(folder_.path()),
              ElementsAre("checkpoint", "model.ckpt.data-00000-of-00001", "model.ckpt.index",
                          "model.ckpt.meta"));
}

TEST_F(TutorialsD, D6RestoreInAnotherProcess) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    SaveModel();
    _exit(HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);

  wf::Graph graph;
  wf::GraphScope scope(graph);
  wf::Variable v1(wf::Constant(wf::Array({1.0f})), {.name = "v1"});
  wf::Variable v2(wf::Constant(wf::Array({2.0f})), {.name = "v2"});
  auto result = v1 + v2;
  wf::train::Saver saver;
  wf::Session session;
  testing::internal::CaptureStderr();
  saver.Restore(session, File("model.ckpt"));
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("Restoring parameters from " + File("model.ckpt") + "\n"));
  EXPECT_EQ(Printed(session.Run(result)), "[3.]");
}

TEST_F(TutorialsD, D7MetaGraphAlone) {
  SaveModel();
  wf::Graph graph;
  wf::GraphScope scope(graph);
  auto saver = wf::train::ImportMetaGraph(File("model.ckpt.meta"));
  wf::Session session;
  saver->Restore(session, File("model.ckpt"));
  EXPECT_EQ(Printed(session.Run(wf::Graph::Default().TensorByName("add:0"))), "[3.]");
}

TEST_F(TutorialsD, D8SubsetsAndNewNames) {
  SaveModel();
  {
    wf::Graph graph;
    wf::GraphScope scope(graph);
    wf::Variable v1(wf::Constant(wf::Array({5.0f})), {.name = "v1"});
    wf::Variable v2(wf::Constant(wf::Array({7.0f})), {.name = "v2"});
    wf::train::Saver saver({v1});
    wf::Session session;
    saver.Restore(session, File("model.ckpt"));
    EXPECT_EQ(Printed(session.Run(v1)), "[1.]");
    EXPECT_THROW(session.Run(v2), wf::FailedPreconditionError);
  }
  wf::Graph graph;
  wf::GraphScope scope(graph);
  wf::Variable v1(wf::Constant(wf::Array({1.0f})), {.name = "other-v1"});
  wf::Variable v2(wf::Constant(wf::Array({2.0f})), {.name = "other-v2"});
  auto result = v1 + v2;
  wf::train::Saver saver({{"v1", v1}, {"v2", v2}});
  wf::Session session;
  saver.Restore(session, File("model.ckpt"));
  EXPECT_EQ(Printed(session.Run(result)), "[3.]");
}

TEST_F(TutorialsD, D9MovingAverages) {
  {
    wf::Graph graph;
    wf::GraphScope scope(graph);
    wf::Variable v(0.0f, {.name = "v"});
    wf::train::ExponentialMovingAverage ema(0.99f);
    auto apply = ema.Apply(wf::GlobalVariables());
    wf::train::Saver saver;
    wf::Session session;
    session.Run(wf::GlobalVariablesInitializer());
    session.Run(wf::Assign(v, 10.0f));
    session.Run(apply);
    saver.Save(session, File("ema.ckpt"));
    EXPECT_EQ(Printed(session.Run(v)), "10.0");
    EXPECT_EQ(Printed(session.Run(ema.Average(v))), "0.099999905");
  }
  {
    wf::Graph graph;
    wf::GraphScope scope(graph);
    wf::Variable v(0.0f, {.name = "v"});
    wf::train::Saver saver({{"v/ExponentialMovingAverage", v}});
    wf::Session session;
    saver.Restore(session, File("ema.ckpt"));
    EXPECT_EQ(Printed(session.Run(v)), "0.099999905");
  }
  wf::Graph graph;
  wf::GraphScope scope(graph);
  wf::Variable v(0.0f, {.name = "v"});
  wf::train::ExponentialMovingAverage ema(0.99f);
  const auto to_restore = ema.VariablesToRestore();
  ASSERT_EQ(to_restore.size(), 1u);
  EXPECT_EQ(to_restore.begin()->first, "v/ExponentialMovingAverage");
  wf::train::Saver saver(to_restore);
  wf::Session session;
  saver.Restore(session, File("ema.ckpt"));
  EXPECT_EQ(Printed(session.Run(v)), "0.099999905");
}

TEST_F(TutorialsD, D11MetaGraphAsJson) {
  SaveModel();
  const auto meta = wf::train::MetaGraphDef::FromFile(File("model.ckpt.meta"));
  const std::string json = meta.ToJson();
  EXPECT_THAT(json, HasSubstr("\"metaInfoDef\""));
  proto::MetaGraphDef parsed;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &parsed).ok());
  EXPECT_EQ(wf::train::MetaGraphDef(parsed).Serialize(), meta.Serialize());
}

TEST_F(TutorialsD, D12CheckpointReader) {
  SaveModel();
  wf::train::CheckpointReader reader(File("model.ckpt"));
  std::string lines;
  for (const auto& [name, shape] : reader.GetVariableToShapeMap())
    lines += name + " " + shape.ToString() + "\n";
  EXPECT_EQ(lines, "v1 [1]\nv2 [1]\n");
  EXPECT_EQ(Printed(reader.GetTensor("v1")), "[1.]");
}

TEST_F(TutorialsD, D13StateFile) {
  wf::Graph graph;
  wf::GraphScope scope(graph);
  wf::Variable v(1.0f, {.name = "v"});
  wf::train::Saver saver;
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  std::string expected = "model_checkpoint_path: \"" + File("m-7") + "\"\n";
  for (int step = 1; step <= 7; ++step) {
    saver.Save(session, File("m"), step);
    if (step > 2)
      expected += "all_model_checkpoint_paths: \"" + File("m-" + std::to_string(step)) + "\"\n";
  }
  EXPECT_EQ(*ReadFile(File("checkpoint")), expected);
  EXPECT_FALSE(io::FileExists(File("m-2.index")));
  EXPECT_TRUE(io::FileExists(File("m-3.index")));
  const auto state = wf::train::GetCheckpointState(folder_.path());
  EXPECT_EQ(state->model_checkpoint_path, File("m-7"));
  EXPECT_EQ(state->all_model_checkpoint_paths.size(), 5u);
}

}  // namespace
}  // namespace weft
