// SPDX-License-Identifier: Apache-2.0
// The `weft` command, run as a program: what it prints and writes, and how it ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "examples/support/png.h"
#include "tests/support/temporary_folder.h"
#include "weft/framework/saved_model.h"
#include "weft/framework/saver.h"
#include "weft/weft.h"

namespace weft {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct Outcome {
  int code = -1;
  std::string text;  // standard output and error
};

// bin/weft lies beside the test.
Outcome Weft(const std::string& arguments) {
  const auto program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "weft";
  Outcome outcome;
  FILE* const pipe = popen((program.string() + " " + arguments + " 2>&1").c_str(), "r");
  if (!pipe) return outcome;
  std::array<char, 4096> block;
  for (size_t n; (n = fread(block.data(), 1, block.size(), pipe)) > 0;) {
    outcome.text.append(block.data(), n);
  }
  const int status = pclose(pipe);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return outcome;
}

std::string Contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class WeftCommand : public testing::Test {
 protected:
  // y = x * 2 + 1.
  WeftCommand() {
    const Graph graph;
    const GraphScope scope(graph);
    const Tensor x = Placeholder(kFloat32, {-1, 3}, "x");
    Add(x * 2.f, 1.f, "y");
    graph.AsGraphDef().WriteFile(model_);
  }
  const test::TemporaryFolder folder_;
  const std::string model_ = folder_.File("model.pb");
};

TEST_F(WeftCommand, ExplainsItself) {
  const Outcome help = Weft("--help");
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.text, AllOf(HasSubstr("show"), HasSubstr("run"), HasSubstr("bench"),
                               HasSubstr("freeze"), HasSubstr("convert"), HasSubstr("op")));
  const Outcome run = Weft("run --help");
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.text, AllOf(HasSubstr("--input"), HasSubstr("--npz"), HasSubstr("--out")));
  EXPECT_EQ(Weft("").code, 2);
  EXPECT_EQ(Weft("dance").code, 2);
  EXPECT_EQ(Weft("op").code, 2);
  EXPECT_EQ(Weft("convert a b --type soup").code, 2);
}

TEST_F(WeftCommand, Op) {
  const Outcome relu = Weft("op Relu");
  EXPECT_EQ(relu.code, 0);
  EXPECT_THAT(relu.text, AllOf(HasSubstr("input   features: T"), HasSubstr("src/ops/"),
                               HasSubstr("kernels/cpu/"), HasSubstr("T=float32"),
                               HasSubstr("tests/ops/nn_activation_test.cc")));
  EXPECT_THAT(Weft("op Relu --json").text, HasSubstr("\"name\": \"Relu\""));
  const Outcome wrong = Weft("op relu");
  EXPECT_EQ(wrong.code, 1);
  EXPECT_THAT(wrong.text, AllOf(HasSubstr("weft: NOT_FOUND: there is no op 'relu'; did you mean "),
                                HasSubstr("Relu6")));
}

TEST_F(WeftCommand, Show) {
  const Outcome shown = Weft("show " + model_);
  EXPECT_EQ(shown.code, 0) << shown.text;
  EXPECT_THAT(shown.text,
              AllOf(HasSubstr("5 nodes, 2 constants"), HasSubstr("input   x  float32 [?,3]"),
                    HasSubstr("output  y  (Add")));
  EXPECT_THAT(shown.text, Not(HasSubstr("y = AddV2")));
  EXPECT_THAT(Weft("show --nodes " + model_).text, HasSubstr("y = AddV2(mul, y/y)"));
  EXPECT_THAT(Weft("show --json " + model_).text,
              AllOf(HasSubstr("\"num_nodes\": 5"), HasSubstr("\"shape\": \"[?,3]\"")));
  const Outcome missing = Weft("show " + folder_.File("none.pb"));
  EXPECT_EQ(missing.code, 1);
  EXPECT_THAT(missing.text, HasSubstr("NOT_FOUND"));
}

TEST_F(WeftCommand, RunsOnArraysOfNumpy) {
  const Outcome printed = Weft("run " + model_ + " --inputs x --npz tests/tools/data/x.npz");
  EXPECT_EQ(printed.code, 0) << printed.text;
  EXPECT_THAT(printed.text, HasSubstr("y: float32 [2,3]\n[[ 3.  5.  7.]\n [ 9. 11. 13.]]"));
  const std::string y = folder_.File("y.npy"), z = folder_.File("z.npz");
  EXPECT_EQ(Weft("run " + model_ + " --npz tests/tools/data/x.npz -o " + y).code, 0);
  // The output of one run is the input of the next.
  const Outcome again = Weft("run --json " + model_ + " --feed x=" + y + " -o " + z);
  EXPECT_EQ(again.code, 0) << again.text;
  EXPECT_THAT(again.text, HasSubstr("27"));
  EXPECT_THAT(Contents(z), HasSubstr("y.npy"));
  const Outcome wrong = Weft("run " + model_);
  EXPECT_EQ(wrong.code, 1);
  EXPECT_THAT(wrong.text, HasSubstr("needs the input 'x' (float32 of shape [?,3])"));
}

TEST_F(WeftCommand, RunsOnPictures) {
  // The mean brightness of each channel, and the number of bytes of a file.
  const std::string model = folder_.File("pictures.pb");
  {
    Graph graph;
    GraphScope scope(graph);
    const Tensor x = Placeholder(kFloat32, {-1, -1, -1, 3}, "x");
    Identity(ReduceMean(x, {.axis = {1, 2}}), "y");
    graph.AsGraphDef().WriteFile(model);
  }
  const std::string red = folder_.File("red.png"), wide = folder_.File("wide.PNG");
  std::vector<uint8_t> pixels;
  for (int i = 0; i < 4; ++i) pixels.insert(pixels.end(), {255, 51, 0});
  examples::WritePng(red, 2, 2, 3, pixels);
  examples::WritePng(wide, 8, 1, 3, std::vector<uint8_t>(24, 255));
  const Outcome one = Weft("run " + model + " --input x=" + red);
  EXPECT_EQ(one.code, 0) << one.text;
  EXPECT_THAT(one.text, HasSubstr("[[1.  0.2 0. ]]"));
  const Outcome two = Weft("run " + model + " --input " + red + "," + wide);
  EXPECT_EQ(two.code, 0) << two.text;
  EXPECT_THAT(two.text, HasSubstr("[[1.  0.2 0. ]\n [1.  1.  1. ]]"));
  for (const std::string& wrong : {folder_.File("none.png"), model_ + ".png"}) {
    const Outcome outcome = Weft("run " + model + " --input x=" + wrong);
    EXPECT_EQ(outcome.code, 1) << wrong;
    EXPECT_THAT(outcome.text, testing::StartsWith("weft: INVALID_ARGUMENT: ")) << wrong;
  }
  const Outcome unfit = Weft("run " + model_ + " --input x=" + red);
  EXPECT_EQ(unfit.code, 0) << unfit.text;  // a row of three numbers is one pixel
  EXPECT_THAT(unfit.text, HasSubstr("y"));
}

// Numbers on the command line, and values made up.
TEST_F(WeftCommand, RunsOnLiteralsAndRandomValues) {
  const Outcome literal = Weft("run " + model_ + " --input 'x=[[1, 2.5, 3]]'");
  EXPECT_EQ(literal.code, 0) << literal.text;
  EXPECT_THAT(literal.text, HasSubstr("[[3. 6. 7.]]"));
  EXPECT_THAT(Weft("run " + model_ + " -i '[[0, 0, 1]]'").text, HasSubstr("[[1. 1. 3.]]"));
  EXPECT_THAT(Weft("run " + model_ + " --input x=zeros --rows 2").text,
              HasSubstr("[[1. 1. 1.]\n [1. 1. 1.]]"));
  const Outcome random = Weft("run " + model_ + " --input random --json --rows 2");
  EXPECT_EQ(random.code, 0) << random.text;
  EXPECT_EQ(Weft("run " + model_ + " --input random --json --rows 2").text, random.text);
  for (const char* wrong : {"'x=[[1, 2], [3]]'", "'x=[[\"a\"]]'", "z=zeros", "x=none.npy"}) {
    const Outcome outcome = Weft("run " + model_ + " --input " + wrong);
    EXPECT_EQ(outcome.code, 1) << wrong;
    EXPECT_THAT(outcome.text, testing::StartsWith("weft: ")) << wrong;
  }
  EXPECT_EQ(Weft("run " + model_ + " --input x=zeros --rows 0").code, 2);
}

TEST_F(WeftCommand, ShowsWhatIsNotSupported) {
  std::string text = "node { name: 'a' op: 'NoSuchOp' }";
  std::ofstream(folder_.File("odd.pbtxt")) << text;
  EXPECT_THAT(Weft("show " + folder_.File("odd.pbtxt")).text,
              HasSubstr("not supported  NoSuchOp (unknown)"));
  EXPECT_THAT(Weft("show --json " + folder_.File("odd.pbtxt")).text,
              HasSubstr("\"NoSuchOp\": \"unknown\""));
  const Outcome folder = Weft("show " + folder_.path());
  EXPECT_EQ(folder.code, 1);
  EXPECT_THAT(folder.text, HasSubstr("has no saved_model.pb"));
}

TEST_F(WeftCommand, ConvertsGraphsAndSavedModels) {
  const std::string model = folder_.File("as_saved_model"), graph = folder_.File("again.pb");
  const Outcome saved = Weft("convert " + model_ + " " + model);
  EXPECT_EQ(saved.code, 0) << saved.text;
  EXPECT_THAT(Weft("run " + model + " --input 'x=[[1, 2, 3]]'").text, HasSubstr("[[3. 5. 7.]]"));
  const Outcome frozen = Weft("convert " + model + " " + graph);
  EXPECT_EQ(frozen.code, 0) << frozen.text;
  EXPECT_EQ(Contents(graph), Contents(model_));
}

TEST_F(WeftCommand, ConvertsAndComparesCheckpoints) {
  const Graph graph;
  const GraphScope scope(graph);
  const Variable w({3.f, 4.f}, {.name = "w"}), b(1, {.name = "b"});
  const Tensor more = w.AssignAdd({0.f, 0.5f});
  Session session(graph);
  session.Run(GlobalVariablesInitializer());
  const std::string old = folder_.File("old.ckpt"), changed = folder_.File("changed.ckpt");
  train::Saver({.write_version = train::CheckpointVersion::kV1}).Save(session, old);
  session.Run(more);
  train::Saver({{"w", w}}).Save(session, changed);

  const std::string now = folder_.File("new.ckpt");
  const Outcome converted = Weft("convert " + old + " " + now);
  EXPECT_EQ(converted.code, 0) << converted.text;
  EXPECT_THAT(converted.text, HasSubstr("2 tensors"));
  EXPECT_TRUE(std::filesystem::exists(now + ".index"));
  const Outcome same = Weft("checkpoint " + old + " --diff " + now);
  EXPECT_EQ(same.code, 0) << same.text;
  EXPECT_THAT(same.text, HasSubstr("2 tensors are the same, 0 differ"));
  const Outcome differ = Weft("checkpoint " + now + " --diff " + changed);
  EXPECT_EQ(differ.code, 1);
  EXPECT_THAT(differ.text,
              AllOf(HasSubstr("- b\n"), HasSubstr("! w  1 of 2 elements differ, by up to 0.5\n")));
  EXPECT_THAT(Weft("checkpoint --json " + changed + " --diff " + now).text,
              AllOf(HasSubstr("\"only_in_second\": [\n    \"b\"\n  ]"), HasSubstr("\"same\": 0")));
}

TEST_F(WeftCommand, ConvertsThereAndBack) {
  const std::string text = folder_.File("model.pbtxt"), json = folder_.File("model.json");
  const std::string back = folder_.File("back.pb");
  EXPECT_EQ(Weft("convert " + model_ + " " + text).code, 0);
  EXPECT_THAT(Contents(text), HasSubstr("name: \"y\""));
  EXPECT_EQ(Weft("convert " + text + " " + json).code, 0);
  EXPECT_THAT(Contents(json), HasSubstr("\"name\": \"y\""));
  EXPECT_EQ(Weft("convert " + json + " " + back).code, 0);
  EXPECT_EQ(Contents(back), Contents(model_));
  const Outcome wrong = Weft("convert tests/tools/data/x.npz " + folder_.File("x.json"));
  EXPECT_EQ(wrong.code, 1);
  EXPECT_THAT(wrong.text, HasSubstr("holds no GraphDef"));
}

TEST_F(WeftCommand, Freeze) {
  const std::string out = folder_.File("part.pb");
  const Outcome frozen = Weft("freeze --optimize --outputs mul " + model_ + " -o " + out);
  EXPECT_EQ(frozen.code, 0) << frozen.text;
  EXPECT_THAT(frozen.text, HasSubstr("3 nodes"));
  EXPECT_THAT(GraphDef::FromFile(out).node_names(), testing::ElementsAre("x", "mul/y", "mul"));
}

// A model with variables: its checkpoint, its SavedModel, and what freezing makes of it.
TEST_F(WeftCommand, Variables) {
  const Graph graph;
  const GraphScope scope(graph);
  const Tensor x = Placeholder(kFloat32, {2}, "x");
  const Variable w({3.f, 4.f}, {.name = "w"});
  const Tensor y = Multiply(x, w, "y");
  const Operation init = GlobalVariablesInitializer();
  Session session(graph);
  session.Run(init);
  const std::string checkpoint = train::Saver().Save(session, folder_.File("ckpt/model"), 5);
  saved_model::SimpleSave(session, folder_.File("export"), {{"x", x}}, {{"y", y}});

  const Outcome listed = Weft("checkpoint " + folder_.File("ckpt"));
  EXPECT_EQ(listed.code, 0) << listed.text;
  EXPECT_THAT(listed.text, AllOf(HasSubstr("w  float32 [2]"), HasSubstr("1 tensor, 2 elements")));
  EXPECT_THAT(Weft("checkpoint --json " + checkpoint).text, HasSubstr("\"name\": \"w\""));
  EXPECT_THAT(Weft("checkpoint --tensor w " + checkpoint + ".index").text, HasSubstr("[3. 4.]"));
  EXPECT_EQ(Weft("checkpoint --tensor none " + checkpoint).code, 1);
  EXPECT_THAT(Weft("show " + checkpoint).text, HasSubstr("restored by save/restore_all"));

  const Outcome shown = Weft("show " + folder_.File("export"));
  EXPECT_EQ(shown.code, 0) << shown.text;
  EXPECT_THAT(shown.text, AllOf(HasSubstr("tags serve"), HasSubstr("signature serving_default"),
                                HasSubstr("x  float32 [2]  x:0")));
  const std::string out = folder_.File("frozen.pb");
  const Outcome frozen = Weft("freeze " + folder_.File("export") + " -o " + out);
  EXPECT_EQ(frozen.code, 0) << frozen.text;
  EXPECT_THAT(frozen.text, HasSubstr("Converted 1 variables"));
  EXPECT_THAT(GraphDef::FromFile(out).node_names(), testing::ElementsAre("x", "w", "w/read", "y"));
}

TEST_F(WeftCommand, Bench) {
  const Outcome table = Weft("bench --runs 20 --rows 4 --threads 2 " + model_);
  EXPECT_EQ(table.code, 0) << table.text;
  EXPECT_THAT(table.text, AllOf(HasSubstr("40 runs"), HasSubstr("p99"), HasSubstr("share")));
  const Outcome json = Weft("bench --runs 3 --no-ops --json " + model_);
  EXPECT_EQ(json.code, 0) << json.text;
  EXPECT_THAT(json.text,
              AllOf(HasSubstr("\"runs\": 3"), HasSubstr("\"p50_ms\": "), HasSubstr("\"ops\": []")));
  EXPECT_EQ(Weft("bench --runs 0 " + model_).code, 2);
}

}  // namespace
}  // namespace weft
