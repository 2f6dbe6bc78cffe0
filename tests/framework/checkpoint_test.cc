// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "src/io/file.h"
#include "src/io/file_system.h"
#include "tests/support/temporary_folder.h"
#include "weft/core/error.h"
#include "weft/core/handle.h"

namespace weft::train {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr const char* kCheckpointCopies = "tests/io/data/checkpoints";

TEST(CheckpointReader, ReadsFilesOfTensorFlow) {
  const CheckpointReader reader(std::string(kCheckpointCopies) + "/partitioned/model.ckpt");
  EXPECT_TRUE(reader.HasTensor("part/emb"));
  EXPECT_FALSE(reader.HasTensor("part/emb/part_0"));
  EXPECT_EQ(reader.GetVariableToShapeMap().at("part/emb"), Shape({10, 4}));
  EXPECT_EQ(reader.GetVariableToDtypeMap().at("part/emb"), kFloat32);
  EXPECT_THAT(reader.GetSlices("part/emb"), ElementsAre("0,4:0,4", "4,3:0,4", "7,3:0,4"));
  const Array whole = reader.GetTensor("part/emb");
  EXPECT_TRUE(reader.GetSlice("part/emb", "2,5:-") == whole.SliceRows(2, 7).Clone());
  EXPECT_THROW(reader.GetTensor("v"), NotFoundError);
  EXPECT_THROW(reader.GetSlice("part/emb", "x"), InvalidArgumentError);
  EXPECT_THROW(reader.GetSlices("v"), NotFoundError);
  EXPECT_THROW(CheckpointReader("none"), NotFoundError);
}

TEST(CheckpointReader, DebugString) {
  const test::TemporaryFolder folder;
  CheckpointWriter writer(folder.File("m"));
  writer.Write("b", Array({1.f, 2.f}));
  writer.Write("a", Array(std::string("x")));
  writer.Finish();
  EXPECT_EQ(CheckpointReader(folder.File("m")).DebugString(),
            "a (DT_STRING) []\nb (DT_FLOAT) [2]\n");
}

TEST(CheckpointWriter, WritesWholesSlicesAndVariants) {
  const test::TemporaryFolder folder;
  Array variants(kVariant, Shape({2}));
  variants.mutable_data<Variant>()[0].type_name = "first";
  variants.mutable_data<Variant>()[1].metadata = std::string("\0\xff", 2);
  {
    CheckpointWriter writer(folder.File("m"));
    writer.Write("w", Array({1, 2}));
    writer.WriteSlice("s", Shape({2, 2}), "0,1:-", Array({{1.f, 2.f}}));
    writer.WriteSlice("s", Shape({2, 2}), "1,1:-", Array({{3.f, 4.f}}));
    writer.Write("v", variants);
    EXPECT_THROW(writer.Write("w", Array(1)), InvalidArgumentError);
    EXPECT_THROW(writer.WriteSlice("t", Shape({2}), "0,3", Array(1)), InternalError);
    writer.Finish();
    EXPECT_THROW(writer.Finish(), FailedPreconditionError);
  }
  const CheckpointReader reader(folder.File("m"));
  EXPECT_TRUE(reader.GetTensor("w") == Array({1, 2}));
  EXPECT_TRUE(reader.GetTensor("s") == Array({{1.f, 2.f}, {3.f, 4.f}}));
  const Array read = reader.GetTensor("v");
  EXPECT_EQ(read.data<Variant>()[0].type_name, "first");
  EXPECT_EQ(read.data<Variant>()[1].metadata, std::string("\0\xff", 2));
}

TEST(Checkpoints, ListAndLoadByFolder) {
  const test::TemporaryFolder folder;
  EXPECT_THROW(LoadCheckpoint(folder.path()), NotFoundError);
  CheckpointWriter writer(folder.File("m"));
  writer.Write("w", Array({1, 2}));
  writer.Finish();
  UpdateCheckpointState(folder.path(), folder.File("m"));
  EXPECT_THAT(ListVariables(folder.path()), ElementsAre(Pair("w", Shape({2}))));
  EXPECT_TRUE(LoadVariable(folder.path(), "w:0") == Array({1, 2}));
  EXPECT_TRUE(LoadVariable(folder.File("m"), "w") == Array({1, 2}));
}

TEST(Checkpoints, ExistAndAreRemoved) {
  const test::TemporaryFolder folder;
  const std::string odd = folder.File("m[1x]");  // no pattern
  for (const std::string& prefix : {odd, folder.File("mx")}) {
    CheckpointWriter writer(prefix);
    writer.Write("w", Array(1));
    writer.Finish();
    ASSERT_TRUE(WriteFileAtomically(prefix + ".meta", "x").ok());
  }
  EXPECT_TRUE(CheckpointExists(odd));
  EXPECT_FALSE(CheckpointExists(folder.File("m")));
  EXPECT_FALSE(CheckpointExists(folder.path()));
  EXPECT_EQ(GetCheckpointMtimes({odd, folder.File("none"), folder.File("mx")}).size(), 2u);
  RemoveCheckpoint(odd);
  EXPECT_FALSE(CheckpointExists(odd));
  EXPECT_THAT(*io::ListFolder(folder.path()),
              ElementsAre("mx.data-00000-of-00001", "mx.index", "mx.meta"));
  RemoveCheckpoint(odd);
}

// ---- The state file -----------------------------------------------------------------------------

void WriteState(const test::TemporaryFolder& folder, std::string_view text) {
  ASSERT_TRUE(WriteFileAtomically(folder.File("checkpoint"), text).ok());
}

TEST(CheckpointState, TextsThatTensorFlowReads) {
  const test::TemporaryFolder folder;
  WriteState(folder,
             "model_checkpoint_path: \"dir with space/m\\303\\251l-\\\"q\\\"-1\" # a comment\n"
             "all_model_checkpoint_paths: '/models/a-1'\n"
             "all_model_checkpoint_timestamps: 1546300800.25\n"
             "last_preserved_timestamp: 1546300000.125\n");
  const auto state = GetCheckpointState(folder.path());
  ASSERT_TRUE(state);
  EXPECT_EQ(state->model_checkpoint_path, folder.File("dir with space/m\303\251l-\"q\"-1"));
  EXPECT_THAT(state->all_model_checkpoint_paths, ElementsAre("/models/a-1"));
  EXPECT_THAT(state->all_model_checkpoint_timestamps, ElementsAre(1546300800.25));
  EXPECT_EQ(state->last_preserved_timestamp, 1546300000.125);
  EXPECT_EQ(LatestCheckpoint(folder.path()), "");  // its files are not there
}

TEST(CheckpointState, BadTextsAreIgnored) {
  const test::TemporaryFolder folder;
  EXPECT_FALSE(GetCheckpointState(folder.path()));
  EXPECT_FALSE(GetCheckpointState(folder.File("none")));
  for (const char* text : {"model_checkpoint_path", "\x01\xff\xfe", "unknown: 1"}) {
    WriteState(folder, text);
    EXPECT_FALSE(GetCheckpointState(folder.path())) << text;
  }
  WriteState(folder, "");
  EXPECT_THROW(GetCheckpointState(folder.path()), InvalidArgumentError);
}

TEST(CheckpointState, IsWrittenAsTensorFlowWritesIt) {
  const test::TemporaryFolder folder;
  const auto text = [&] { return *ReadFile(folder.File("checkpoint")); };
  UpdateCheckpointState(folder.path(), folder.File("m-2"),
                        {.all_model_checkpoint_paths = {folder.File("m-1"), "/else/m"},
                         .all_model_checkpoint_timestamps = {1.5, 2, 1546300800.25},
                         .last_preserved_timestamp = 1.25,
                         .save_relative_paths = true});
  EXPECT_EQ(text(),
            "model_checkpoint_path: \"m-2\"\n"
            "all_model_checkpoint_paths: \"m-1\"\n"
            "all_model_checkpoint_paths: \"" +
                std::filesystem::path("/else/m").lexically_relative(folder.path()).string() +
                "\"\n"
                "all_model_checkpoint_paths: \"m-2\"\n"
                "all_model_checkpoint_timestamps: 1.5\n"
                "all_model_checkpoint_timestamps: 2\n"
                "all_model_checkpoint_timestamps: 1546300800.25\n"
                "last_preserved_timestamp: 1.25\n");
  EXPECT_EQ(GetCheckpointState(folder.path())->model_checkpoint_path, folder.File("m-2"));
  UpdateCheckpointState(folder.path(), folder.File("m-2"));
  EXPECT_EQ(text(), "model_checkpoint_path: \"" + folder.File("m-2") +
                        "\"\nall_model_checkpoint_paths: \"" + folder.File("m-2") + "\"\n");
  EXPECT_THROW(UpdateCheckpointState(folder.path(), folder.File("checkpoint")),
               InvalidArgumentError);
  EXPECT_THROW(UpdateCheckpointState(folder.path(), folder.File("m"),
                                     {.all_model_checkpoint_timestamps = {1, 2}}),
               InvalidArgumentError);
}

TEST(CheckpointState, RelativeFoldersAndPaths) {
  const test::TemporaryFolder folder;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  std::filesystem::create_directory("run");
  UpdateCheckpointState("run", "run/m-1");
  EXPECT_EQ(*ReadFile("run/checkpoint"),
            "model_checkpoint_path: \"m-1\"\nall_model_checkpoint_paths: \"m-1\"\n");
  EXPECT_EQ(GetCheckpointState("run")->model_checkpoint_path, "run/m-1");
  UpdateCheckpointState("", "m-1");
  EXPECT_EQ(GetCheckpointState("")->model_checkpoint_path, "m-1");
  std::filesystem::current_path(before);
}

TEST(CheckpointState, HostileFiles) {
  const std::string root = "tests/io/data/hostile_checkpoints/";
  EXPECT_EQ(LatestCheckpoint(root + "state_garbage"), "");
  const std::string latest = LatestCheckpoint(root + "state_traversal");
  if (!latest.empty()) {
    EXPECT_THROW(CheckpointReader{latest}, Error);
  }
}

}  // namespace
}  // namespace weft::train
