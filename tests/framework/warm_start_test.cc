// SPDX-License-Identifier: Apache-2.0
// InitFromCheckpoint and WarmStart: the nodes that TensorFlow makes (data/warm_start.golden, made
// by tests/support/make_warm_start_golden.py), and values.
#include "weft/framework/warm_start.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "src/core/strings.h"
#include "src/io/file.h"
#include "tests/support/graph_golden.h"
#include "tests/support/temporary_folder.h"
#include "weft/framework/partitioned_variable.h"
#include "weft/weft.h"

namespace weft::train {
namespace {

using ::testing::HasSubstr;

Array Numbers(const Shape& shape, float first) {
  Array a(kFloat32, shape);
  for (float& v : a.mutable_values<float>()) v = first++;
  return a;
}

struct Get {
  bool trainable = true;
  bool use_resource = false;
  Partitioner partitioner = {};
  DataType dtype = kInvalidType;
};
Variable Make(const char* name, const Shape& shape, const Get& o = {}) {
  return GetVariable(name, shape,
                     {.dtype = o.dtype,
                      .initializer = ZerosInitializer(),
                      .trainable = o.trainable,
                      .use_resource = o.use_resource,
                      .partitioner = o.partitioner});
}

// Checkpoint and vocabularies are files of the working folder, as their names are in the nodes.
class WarmStartTest : public ::testing::Test {
 protected:
  WarmStartTest() {
    std::filesystem::current_path(folder_.path());
    CheckpointWriter writer("./old.ckpt");
    writer.Write("old/w", Numbers({2, 3}, 0));
    writer.Write("old/b", Array({10.f, 20.f, 30.f}));
    writer.Write("old/table", Numbers({4, 2}, 100));
    writer.Write("root", Array({7, 8}));
    writer.Finish();
    WriteLines("old_rows", {"mercury", "venus", "mars", "saturn"});
    WriteLines("new_rows", {"venus", "jupiter", "mercury"});
    WriteLines("old_columns", {"good", "better"});
    WriteLines("new_columns", {"better", "fantastic", "good"});
  }
  ~WarmStartTest() override { std::filesystem::current_path(before_); }

  static void WriteLines(const std::string& name, const std::vector<std::string>& lines) {
    ASSERT_TRUE(WriteFileAtomically(name, StrJoin(lines, "\n") + "\n").ok());
  }

  // Builds, compares the nodes, and gives the values of all variables after their initializers ran.
  std::map<std::string, Array> ValuesOf(
      const std::string& section, const std::function<void()>& build,
      std::source_location where = std::source_location::current()) {
    const auto golden = (before_ / "tests/framework/data/warm_start.golden").string();
    GoldenGraphs(golden).Expect(section, build, where);
    return Values(build);
  }
  static std::map<std::string, Array> Values(const std::function<void()>& build) {
    Graph graph;
    const GraphScope scope(graph);
    build();
    Session session(graph, ConfigProto{.device_count = {{"CPU", 2}}});
    session.Run(VariablesInitializer(GlobalVariables()));
    std::map<std::string, Array> values;
    for (const Variable& v : GlobalVariables()) values[v.op_name()] = session.Run(v);
    return values;
  }
  static std::string ErrorOf(const std::function<void()>& build) {
    try {
      Values(build);
    } catch (const InvalidArgumentError& e) {
      return e.what();
    }
    return "no such error";
  }

  const std::filesystem::path before_ = std::filesystem::current_path();
  test::TemporaryFolder folder_;
};

TEST_F(WarmStartTest, ByNamesAndScopes) {
  const auto values = ValuesOf("by_names_and_scopes", [] {
    {
      const VariableScope scope("new");
      Make("w", {2, 3});
      Make("b", {3}, {.use_resource = true});
    }
    Make("root", {2}, {.dtype = kInt32});
    InitFromCheckpoint("./old.ckpt", {{"root", "root"}, {"old/", "new/"}});
  });
  EXPECT_TRUE(values.at("new/w") == Numbers({2, 3}, 0));
  EXPECT_TRUE(values.at("new/b") == Array({10.f, 20.f, 30.f}));
  EXPECT_TRUE(values.at("root") == Array({7, 8}));
}

TEST_F(WarmStartTest, ByVariables) {
  const auto values = ValuesOf("by_variables", [] {
    const Variable w = Make("w", {2, 3}), b = Make("b", {3});
    Variable c;
    {
      const DeviceScope device("/device:CPU:1");
      c = Make("c", {3}, {.use_resource = true});
    }
    InitFromCheckpoint("./old.ckpt", {{"old/b", b}, {"old/w", w}, {"old/b", c}});
  });
  EXPECT_TRUE(values.at("w") == Numbers({2, 3}, 0));
  EXPECT_TRUE(values.at("b") == Array({10.f, 20.f, 30.f}));
  EXPECT_TRUE(values.at("c") == Array({10.f, 20.f, 30.f}));
}

TEST_F(WarmStartTest, ScopesOfAll) {
  auto values = ValuesOf("from_the_root", [] {
    {
      const VariableScope scope("copy");
      Make("old/w", {2, 3});
      Make("root", {2}, {.dtype = kInt32});
    }
    InitFromCheckpoint("./old.ckpt", {{"/", "copy/"}});
  });
  EXPECT_TRUE(values.at("copy/old/w") == Numbers({2, 3}, 0));
  EXPECT_TRUE(values.at("copy/root") == Array({7, 8}));
  values = ValuesOf("to_the_root", [] {
    Make("w", {2, 3});
    Make("b", {3});
    InitFromCheckpoint("./old.ckpt", {{"old/", "/"}});
  });
  EXPECT_TRUE(values.at("w") == Numbers({2, 3}, 0));
  EXPECT_TRUE(values.at("b") == Array({10.f, 20.f, 30.f}));
}

TEST_F(WarmStartTest, IntoParts) {
  const auto build = [](bool by_variable) {
    const Variable table = Make("new/table", {4, 2}, {.partitioner = FixedSizePartitioner(3)});
    const Variable other =
        Make("other", {4, 2}, {.use_resource = true, .partitioner = FixedSizePartitioner(2)});
    if (by_variable) {
      InitFromCheckpoint("./old.ckpt", {{"old/table", table}, {"old/table", other}});
    } else {
      InitFromCheckpoint("./old.ckpt", {{"old/table", "new/table"}});
      InitFromCheckpoint("./old.ckpt", {{"old/table", "other"}});
    }
  };
  for (const bool by_variable : {false, true}) {
    const auto values =
        by_variable ? Values([&] { build(true); }) : ValuesOf("into_parts", [&] { build(false); });
    EXPECT_TRUE(values.at("new/table/part_0") == Numbers({2, 2}, 100));
    EXPECT_TRUE(values.at("new/table/part_1") == Numbers({1, 2}, 104));
    EXPECT_TRUE(values.at("new/table/part_2") == Numbers({1, 2}, 106));
    EXPECT_TRUE(values.at("other/part_1") == Numbers({2, 2}, 104));
  }
}

TEST_F(WarmStartTest, InitialValuesAreTheNewOnes) {
  Graph graph;
  const GraphScope scope(graph);
  const Variable w = Make("w", {2, 3});
  InitFromCheckpoint("./old.ckpt", {{"old/w", w}});
  const Variable twice(Multiply(w.initialized_value(), 2.f), {.name = "twice"});
  Session session;
  session.Run(GlobalVariablesInitializer());
  EXPECT_EQ(session.Run(twice).AsDouble(5), 10);
  w.Load(Numbers({2, 3}, 7), session);
  EXPECT_TRUE(session.Run(w) == Numbers({2, 3}, 7));
}

TEST_F(WarmStartTest, MistakesInMaps) {
  const auto map = [&](const AssignmentMap& entries) {
    return ErrorOf([&] {
      Make("w", {2, 3});
      Make("parts", {4, 2}, {.partitioner = FixedSizePartitioner(2)});
      Make("more", {4, 2}, {.partitioner = FixedSizePartitioner(2)});
      Make("layer/w", {2, 3});
      InitFromCheckpoint("./old.ckpt", entries);
    });
  };
  EXPECT_THAT(map({{"none", "w"}}),
              HasSubstr("Tensor none is not found in ./old.ckpt checkpoint {'old/b': [3], "
                        "'old/table': [4, 2], 'old/w': [2, 3], 'root': [2]}"));
  EXPECT_THAT(map({{"old/b", "w"}}),
              HasSubstr("Shape of variable w:0 ((2, 3)) doesn't match with shape of tensor old/b "
                        "([3]) from checkpoint reader."));
  EXPECT_THAT(map({{"old/w", "no/such"}}),
              HasSubstr("Assignment map with scope only name no should map to scope only old/w. "
                        "Should be 'scope/': 'other_scope/'."));
  EXPECT_THAT(map({{"root/", "layer/"}}),
              HasSubstr("Tensor root/w (w in root/) is not found in ./old.ckpt checkpoint"));
  EXPECT_THAT(map({{"old/w", Variable()}}), HasSubstr("An empty Variable"));
  const auto mixed = ErrorOf([] {
    const PartitionedVariable a(Make("a", {4, 2}, {.partitioner = FixedSizePartitioner(2)}));
    const PartitionedVariable b(Make("b", {4, 2}, {.partitioner = FixedSizePartitioner(2)}));
    InitFromCheckpoint("./old.ckpt", {{"old/table", std::vector<Variable>{a[0], b[1]}}});
  });
  EXPECT_THAT(mixed, HasSubstr("Slices must all be from the same tensor: a != b"));
  // What only a run can tell.
  EXPECT_THAT(ErrorOf([] {
                Make("w", {2, 3}, {.dtype = kInt32});
                InitFromCheckpoint("./old.ckpt", {{"old/w", "w"}});
              }),
              HasSubstr("expected dtype int32 does not equal original dtype float"));
  EXPECT_THROW(InitFromCheckpoint("none", {}), NotFoundError);
  EXPECT_THROW(InitFromCheckpoint(".", {}), NotFoundError);
}

TEST_F(WarmStartTest, FoldersMeanTheNewest) {
  UpdateCheckpointState(".", "./old.ckpt");
  const auto values = Values([] {
    Make("w", {2, 3});
    InitFromCheckpoint(".", {{"old/w", "w"}});
  });
  EXPECT_TRUE(values.at("w") == Numbers({2, 3}, 0));
}

// ---- WarmStart ----------------------------------------------------------------------------------

TEST_F(WarmStartTest, TrainableVariablesUnderOtherNames) {
  const auto values = ValuesOf("warm_started", [] {
    {
      const VariableScope scope("old");
      Make("w", {2, 3});
      Make("b", {3}, {.use_resource = true});
      Make("count", {}, {.trainable = false});
    }
    Make("renamed", {4, 2});
    WarmStart("./old.ckpt", {.var_name_to_prev_var_name = {{"renamed", "old/table"}}});
  });
  EXPECT_TRUE(values.at("old/w") == Numbers({2, 3}, 0));
  EXPECT_TRUE(values.at("old/b") == Array({10.f, 20.f, 30.f}));
  EXPECT_TRUE(values.at("old/count") == Array(0.f));
  EXPECT_TRUE(values.at("renamed") == Numbers({4, 2}, 100));
}

TEST_F(WarmStartTest, ListsOfNamesAndOfVariables) {
  const auto build = [](const std::function<WarmStartVariables()>& choose) {
    {
      const VariableScope scope("old");
      Make("w", {2, 3});
      Make("b", {3}, {.trainable = false});
      Make("table", {4, 2}, {.partitioner = FixedSizePartitioner(2)});
    }
    WarmStart("./old.ckpt", {.variables = choose()});
  };
  auto values = ValuesOf("warm_started_by_list", [&] {
    build([] { return std::vector<std::string>{"old/b", "old/table"}; });
  });
  EXPECT_TRUE(values.at("old/w") == Array::Zeros(kFloat32, Shape({2, 3})));
  EXPECT_TRUE(values.at("old/b") == Array({10.f, 20.f, 30.f}));
  EXPECT_TRUE(values.at("old/table/part_1") == Numbers({2, 2}, 104));
  values = Values([&] { build([] { return std::vector<Variable>{GlobalVariables()[1]}; }); });
  EXPECT_TRUE(values.at("old/b") == Array({10.f, 20.f, 30.f}));
  EXPECT_EQ(values.at("old/table/part_1").AsDouble(0), 0);
}

TEST_F(WarmStartTest, NewRows) {
  const auto values = ValuesOf("new_rows", [] {
    Make("old/table", {5, 2});
    Make("resource", {5, 2}, {.use_resource = true});
    const VocabInfo vocab{.new_vocab = "new_rows",
                          .new_vocab_size = 3,
                          .num_oov_buckets = 2,
                          .old_vocab = "old_rows"};
    WarmStart("./old.ckpt", {.variables = std::nullopt,
                             .var_name_to_vocab_info = {{"old/table", vocab}, {"resource", vocab}},
                             .var_name_to_prev_var_name = {{"resource", "old/table"}}});
  });
  const Array want({{102.f, 103.f}, {0.f, 0.f}, {100.f, 101.f}, {0.f, 0.f}, {0.f, 0.f}});
  EXPECT_TRUE(values.at("old/table") == want);
  EXPECT_TRUE(values.at("resource") == want);
}

TEST_F(WarmStartTest, NewRowsInParts) {
  const auto values = ValuesOf("new_rows_in_parts", [] {
    Make("old/table", {5, 2}, {.partitioner = FixedSizePartitioner(3)});
    WarmStart("./old.ckpt",
              {.var_name_to_vocab_info = {
                   {"old/table",
                    {.new_vocab = "new_rows",
                     .new_vocab_size = 3,
                     .num_oov_buckets = 2,
                     .old_vocab = "old_rows",
                     .old_vocab_size = 3,
                     .backup_initializer = [](const IntList& shape) { return Ones(shape); }}}}});
  });
  EXPECT_TRUE(values.at("old/table/part_0") == Array({{102.f, 103.f}, {1.f, 1.f}}));
  EXPECT_TRUE(values.at("old/table/part_1") == Array({{100.f, 101.f}, {1.f, 1.f}}));
  EXPECT_TRUE(values.at("old/table/part_2") == Array({{1.f, 1.f}}));
}

TEST_F(WarmStartTest, NewColumns) {
  const auto values = ValuesOf("new_columns", [] {
    Make("old/table", {4, 4});
    WarmStart("./old.ckpt",
              {.variables = "old",
               .var_name_to_vocab_info = {
                   {"old/table",
                    {.new_vocab = "new_columns",
                     .new_vocab_size = 3,
                     .num_oov_buckets = 1,
                     .old_vocab = "old_columns",
                     .backup_initializer =
                         [](const IntList& shape) { return RandomNormal(shape, {.seed = 5}); },
                     .axis = 1}}}});
  });
  const Array& table = values.at("old/table");
  const std::vector<double> drawn = {-1.178082823753357, -0.7099413871765137, -1.7481579780578613,
                                     -0.4953722655773163};
  for (int row = 0; row < 4; ++row) {
    EXPECT_EQ(table.AsDouble(4 * row), 101 + 2 * row);
    EXPECT_EQ(table.AsDouble(4 * row + 1), drawn[static_cast<size_t>(row)]);
    EXPECT_EQ(table.AsDouble(4 * row + 2), 100 + 2 * row);
    EXPECT_EQ(table.AsDouble(4 * row + 3), drawn[static_cast<size_t>(row)]);
  }
}

TEST_F(WarmStartTest, MistakesInVocabularies) {
  const auto start = [](const VocabInfo& vocab, const Shape& shape = {5, 2}, const Get& get = {}) {
    return ErrorOf([&] {
      Make("old/table", shape, get);
      WarmStart("./old.ckpt", {.var_name_to_vocab_info = {{"old/table", vocab}}});
    });
  };
  const VocabInfo good{
      .new_vocab = "new_rows", .new_vocab_size = 3, .num_oov_buckets = 2, .old_vocab = "old_rows"};
  EXPECT_EQ(start(good), "no such error");
  VocabInfo bad = good;
  bad.old_vocab.clear();
  EXPECT_THAT(start(bad), HasSubstr("Invalid args: Must provide all of [current_vocab_path"));
  bad = good;
  bad.axis = 2;
  EXPECT_THAT(start(bad), HasSubstr("The only supported values for the axis argument are 0 and 1"));
  bad = good;
  bad.num_oov_buckets = -1;
  EXPECT_THAT(start(bad), HasSubstr("num_oov_buckets is -1"));
  bad = good;
  bad.axis = 1;
  EXPECT_THAT(start(bad), HasSubstr("Expected 2nd dim of shape to be new_col_vocab_size (3) + "
                                    "num_col_oov_buckets (2) = 5, but received shape: [5,2]"));
  EXPECT_THAT(start(good, {6, 2}), HasSubstr("which would exceed expected total row count"));
  EXPECT_THAT(start(good, {5}), HasSubstr("Expected 2-dim shape"));
  EXPECT_THAT(start(good, {5, 2}, {.dtype = kFloat64}), HasSubstr("only float32 is supported"));
  EXPECT_THAT(start(good, {5, 3}), HasSubstr("Tensor old/table has shape [4,2], where the size of "
                                             "its 2nd dimension is 2 instead of being equal to "
                                             "num_cols=3"));
  EXPECT_THAT(ErrorOf([] {
                Make("old/w", {2, 3});
                WarmStart("./old.ckpt", {.var_name_to_prev_var_name = {{"v", "old/w"}}});
              }),
              HasSubstr("You provided the following variables in var_name_to_prev_var_name that "
                        "were not used: v."));
}

}  // namespace
}  // namespace weft::train
