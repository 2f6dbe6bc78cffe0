// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/meta_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "proto/weft/meta_graph.pb.h"
#include "proto/weft/named_tensor.pb.h"
#include "src/graph/proto_convert.h"
#include "src/io/file.h"
#include "src/io/file_system.h"
#include "tests/support/temporary_folder.h"
#include "weft/framework/partitioned_variable.h"
#include "weft/weft.h"

namespace weft::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

// Copies of some of the interop corpus; see tests/io/checkpoint_golden_test.cc.
constexpr const char* kCopies = "tests/io/data/checkpoints";

TEST(MetaGraph, CollectionsComeBack) {
  MetaGraphDef meta;
  {
    Graph graph;
    GraphScope scope(graph);
    const Variable w({1.f, 2.f}, {.name = "w"});
    const Variable r(3, {.name = "r", .trainable = false, .use_resource = true});
    CreateGlobalStep();
    GetVariable("p", {4},
                {.initializer = ZerosInitializer(), .partitioner = FixedSizePartitioner(2)});
    const Tensor loss = ReduceSum(w);
    graph.AddToCollection("losses", {loss});
    graph.AddToCollection("train_op", {w.Assign({3.f, 4.f}).op()});
    graph.AddToCollection("numbers", {int64_t{5}});
    graph.AddToCollection("rates", {0.5f});
    graph.AddToCollection("texts", {std::string("a\xff")});
    graph.AddToCollection("mixed", {int64_t{5}});
    graph.AddToCollection("mixed", {std::string("a")});
    Saver saver;
    graph.AddToCollection(GraphKeys::kSavers, {std::shared_ptr<void>(saver.state())});
    meta = saver.ExportMetaGraph();
  }
  EXPECT_THAT(meta.collection_names(),
              IsSupersetOf({"global_step", "losses", "numbers", "rates", "savers", "texts",
                            "train_op", "trainable_variables", "variables"}));
  EXPECT_THAT(meta.collection_names(), Not(testing::Contains("mixed")));
  ASSERT_TRUE(meta.saver_def());
  EXPECT_EQ(meta.saver_def()->filename_tensor_name, "save/Const:0");
  EXPECT_EQ(meta.saver_def()->save_tensor_name, "save/control_dependency:0");
  EXPECT_EQ(meta.saver_def()->restore_op_name, "save/restore_all");
  EXPECT_EQ(meta.saver_def()->max_to_keep, 5);
  std::vector<std::string> ops;
  for (const auto& op : meta.proto().meta_info_def().stripped_op_list().op())
    ops.push_back(op.name());
  EXPECT_TRUE(std::is_sorted(ops.begin(), ops.end()));
  EXPECT_THAT(ops, IsSupersetOf({"Assign", "RestoreV2", "VarHandleOp", "VariableV2"}));
  EXPECT_THAT(ops, Not(testing::Contains("MatMul")));

  for (const char* scope_name : {"", "copy"}) {
    Graph graph;
    GraphScope scope(graph);
    const std::string prefix = *scope_name ? "copy/" : "";
    const auto saver = ImportMetaGraph(meta, {.import_scope = scope_name});
    ASSERT_TRUE(saver);
    EXPECT_EQ(saver->AsSaverDef().restore_op_name, prefix + "save/restore_all");
    std::vector<std::string> names;
    for (const Variable& v : GlobalVariables()) names.push_back(v.name());
    EXPECT_THAT(names, ElementsAre(prefix + "w:0", prefix + "r:0", prefix + "global_step:0",
                                   prefix + "p/part_0:0", prefix + "p/part_1:0"));
    EXPECT_TRUE(GlobalVariables()[0] == TrainableVariables()[0]) << "one object";
    EXPECT_FALSE(GlobalVariables()[1].trainable());
    EXPECT_TRUE(GlobalVariables()[1].is_resource());
    EXPECT_EQ(GlobalVariables()[4].save_slice_info()->var_offset, std::vector<int64_t>{2});
    EXPECT_TRUE(GetGlobalStep().valid());
    EXPECT_EQ(std::get<Tensor>(graph.GetCollection("losses")[0].value).name(), prefix + "Sum:0");
    EXPECT_EQ(std::get<Operation>(graph.GetCollection("train_op")[0].value).name(),
              prefix + "Assign");
    EXPECT_EQ(std::get<int64_t>(graph.GetCollection("numbers")[0].value), 5);
    EXPECT_EQ(std::get<float>(graph.GetCollection("rates")[0].value), 0.5f);
    EXPECT_EQ(std::get<std::string>(graph.GetCollection("texts")[0].value), "a\xff");
    EXPECT_EQ(graph.GetCollection(GraphKeys::kSavers).size(), 1u);
    Session session;
    session.Run(GlobalVariablesInitializer());
    EXPECT_EQ(session.Run(prefix + "Sum:0").AsDouble(), 3);
    // And out again: the same collections.
    if (prefix.empty()) {
      const MetaGraphDef again = saver->ExportMetaGraph();
      for (const auto& [name, def] : meta.proto().collection_def()) {
        ASSERT_TRUE(again.proto().collection_def().count(name)) << name;
        EXPECT_EQ(SerializeProto(again.proto().collection_def().at(name)), SerializeProto(def));
      }
    }
  }
}

TEST(MetaGraph, FilesOfBothForms) {
  const test::TemporaryFolder folder;
  Graph graph;
  GraphScope scope(graph);
  {
    DeviceScope device("/device:GPU:7");
    Variable(1.f, {.name = "w"});
  }
  const MetaGraphDef meta = ExportMetaGraph({.filename = folder.File("a.meta")});
  ExportMetaGraph({.filename = folder.File("a.pbtxt"), .as_text = true});
  EXPECT_EQ(MetaGraphDef::FromFile(folder.File("a.meta")).Serialize(), meta.Serialize());
  EXPECT_EQ(MetaGraphDef::FromFile(folder.File("a.pbtxt")).Serialize(), meta.Serialize());
  EXPECT_FALSE(meta.saver_def());
  EXPECT_THAT(meta.ToText(), HasSubstr("GPU:7"));
  const MetaGraphDef bare = ExportMetaGraph({.collection_list = std::vector<std::string>{},
                                             .clear_devices = true,
                                             .strip_default_attrs = true});
  EXPECT_THAT(bare.ToText(), Not(HasSubstr("GPU:7")));
  EXPECT_THAT(bare.collection_names(), testing::IsEmpty());
  EXPECT_EQ(bare.proto().graph_def().node(1).attr().count("shared_name"), 0u);
  EXPECT_EQ(meta.proto().graph_def().node(1).attr().count("shared_name"), 1u);

  Graph other;
  GraphScope use(other);
  const auto saver = ImportMetaGraph(folder.File("a.meta"), {.clear_devices = true});
  ASSERT_TRUE(saver) << "there are variables";
  EXPECT_EQ(other.OperationByName("w").device(), "");
  Graph empty;
  GraphScope use_empty(empty);
  EXPECT_FALSE(ImportMetaGraph(MetaGraphDef()));
  EXPECT_THROW(ImportMetaGraph(folder.File("none")), NotFoundError);
}

// A layer is exported by itself and used in another graph, on another input.
TEST(MetaGraph, ScopesAreExportedAndBound) {
  MetaGraphDef meta;
  {
    Graph graph;
    GraphScope scope(graph);
    const Tensor x = Placeholder(kFloat32, {1, 2}, "x");
    const NameScope layer("layer");
    const Variable w({{3.f}, {4.f}}, {.name = "w"});
    const Tensor y = MatMul(x, w);
    graph.AddToCollection("outputs", {y});
    graph.AddToCollection("outputs", {x});
    meta = ExportMetaGraph({.export_scope = "layer"});
  }
  for (const std::string& name : meta.graph_def().node_names())
    EXPECT_FALSE(name.starts_with("layer/")) << name;
  const auto& unbound = meta.proto().collection_def().at("unbound_inputs").bytes_list();
  ASSERT_EQ(unbound.value_size(), 1);
  EXPECT_EQ(unbound.value(0), "$unbound_inputs_x");

  Graph graph;
  GraphScope scope(graph);
  EXPECT_THROW(ImportMetaGraph(meta), InvalidArgumentError);
  const Tensor input = Constant({{1.f, 10.f}});
  ImportMetaGraph(meta, {.import_scope = "again", .input_map = {{"$unbound_inputs_x", input}}});
  ASSERT_EQ(graph.GetCollection("outputs").size(), 1u);
  EXPECT_EQ(GlobalVariables()[0].name(), "again/w:0");
  Session session;
  session.Run(GlobalVariablesInitializer());
  EXPECT_TRUE(session.Run(std::get<Tensor>(graph.GetCollection("outputs")[0].value)) ==
              Array({{43.f}}));
}

TEST(MetaGraph, HostileFiles) {
  const std::filesystem::path root = "tests/framework/data/hostile_meta_graphs";
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    Graph graph;
    GraphScope scope(graph);
    const std::string name = entry.path().filename().string();
    bool imported = true;
    try {
      ImportMetaGraph(entry.path().string());
    } catch (const Error&) {
      imported = false;
    }
    if (name.starts_with("good")) {
      EXPECT_TRUE(imported) << name;
    } else if (name != "stripped_ops_odd.meta") {
      EXPECT_FALSE(imported) << name;
    }
  }
}

// ---- Checkpoints of TensorFlow with their meta graphs -------------------------------------------

std::string Prefix(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string path = entry.path().string();
    if (path.ends_with(".index")) return path.substr(0, path.size() - 6);
  }
  return (folder / "model.ckpt").string();
}

void ExpectNear(const Array& got, const Array& want, double rtol, double atol) {
  ASSERT_EQ(got.dtype(), want.dtype());
  ASSERT_EQ(got.shape(), want.shape());
  if (!IsFloating(want.dtype())) {
    EXPECT_TRUE(got == want);
    return;
  }
  for (int64_t i = 0; i < want.num_elements(); ++i)
    EXPECT_LE(std::abs(got.AsDouble(i) - want.AsDouble(i)),
              atol + rtol * std::abs(want.AsDouble(i)));
}

// Runs what an expected.pb tells: each target by itself, then all fetches at once.
void RunExpected(Session& session, const std::string& path) {
  proto::MetaGraphDef expected;
  ASSERT_TRUE(expected.ParseFromString(*ReadFile(path)));
  const auto bytes = [&](const char* name) {
    return expected.collection_def().count(name) ? expected.collection_def().at(name).bytes_list()
                                                 : proto::CollectionDef::BytesList();
  };
  const auto tensor = [](const std::string& bytes) {
    proto::NamedTensorProto named;
    EXPECT_TRUE(named.ParseFromString(bytes));
    return std::pair(named.name(), *ArrayFromProto(named.tensor()));
  };
  if (expected.collection_def().count("targets")) {
    for (const std::string& target : expected.collection_def().at("targets").node_list().value())
      session.Run(target);
  }
  Feeds feeds;
  const auto to_feed = bytes("feeds"), to_fetch = bytes("expected");
  for (const std::string& feed : to_feed.value()) {
    auto [name, value] = tensor(feed);
    feeds.emplace_back(name, value);
  }
  std::vector<Fetch> fetches;
  std::vector<Array> want;
  for (const std::string& fetch : to_fetch.value()) {
    auto [name, value] = tensor(fetch);
    fetches.emplace_back(name);
    want.push_back(value);
  }
  const auto& tolerance = expected.collection_def().at("tolerance").float_list();
  const std::vector<Array> got = session.Run(fetches, feeds);
  for (size_t i = 0; i < want.size(); ++i) {
    SCOPED_TRACE(std::get<std::string>(fetches[i].value()));
    ExpectNear(got[i], want[i], static_cast<double>(tolerance.value(0)),
               static_cast<double>(tolerance.value(1)));
  }
}

// Every variable has the value that the checkpoint has.
void ExpectRestored(Session& session, const std::string& prefix) {
  const CheckpointReader reader(prefix);
  for (const Variable& v : GlobalVariables()) {
    SCOPED_TRACE(v.name());
    const auto& slice = v.save_slice_info();
    const std::string spec = slice ? slice->Spec() : "";
    const Array want = slice ? reader.GetSlice(slice->full_name, spec.substr(spec.rfind(' ') + 1))
                             : reader.GetTensor(v.op_name());
    const Array got = session.Run(v);
    EXPECT_EQ(got.shape(), want.shape());
    if (IsPlain(want.dtype())) {
      EXPECT_EQ(std::memcmp(got.raw_data(), want.raw_data(), want.num_bytes()), 0);
    } else {
      EXPECT_TRUE(got == want);
    }
  }
}

class Interop : public ::testing::TestWithParam<const char*> {};

TEST_P(Interop, ImportsAndRestores) {
  const std::filesystem::path folder = std::filesystem::path(kCopies) / GetParam();
  const std::string prefix = Prefix(folder);
  Graph graph;
  GraphScope scope(graph);
  const auto saver = ImportMetaGraph(prefix + ".meta");
  ASSERT_TRUE(saver);
  ASSERT_FALSE(GlobalVariables().empty());
  Session session(ConfigProto{.device_count = {{"CPU", 3}}});
  saver->Restore(session, prefix);
  ExpectRestored(session, prefix);
  // And saved by Weft from TensorFlow's own nodes.
  const test::TemporaryFolder out;
  const std::string saved = saver->Save(session, out.File("again"));
  Session again(ConfigProto{.device_count = {{"CPU", 3}}});
  saver->Restore(again, saved);
  ExpectRestored(again, prefix);
  const std::string expected = (folder / "expected.pb").string();
  if (io::FileExists(expected) && std::string_view(GetParam()) != "ema_shadow")
    RunExpected(session, expected);
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, Interop,
                         ::testing::Values("all_dtypes", "partitioned", "sharded", "v1_format",
                                           "v1_format_partitioned", "ema_shadow",
                                           "resume_training/adam_ref_vars",
                                           "resume_training/adam_resource_vars"),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name) c = c == '/' ? '_' : c;
                           return name;
                         });

TEST(MetaGraph, ShadowsAreRestoredByTheirMetaGraph) {
  const std::filesystem::path folder = std::filesystem::path(kCopies) / "ema_shadow";
  Graph graph;
  GraphScope scope(graph);
  const auto saver = ImportMetaGraph((folder / "restore_shadow.meta").string());
  Session session;
  saver->Restore(session, (folder / "model.ckpt").string());
  RunExpected(session, (folder / "expected.pb").string());
}

TEST(Saver, RestoresObjectsOfTensorFlow2ByTheirNames) {
  const std::string prefix = std::string(kCopies) + "/object_graph/ckpt-1";
  const CheckpointReader reader(prefix);
  Graph graph;
  GraphScope scope(graph);
  const Variable unknown(1.f, {.name = "no/such/name"});
  Session session;
  try {
    Saver().Restore(session, prefix);
    ADD_FAILURE() << "no error";
  } catch (const NotFoundError& e) {
    EXPECT_THAT(e.what(), HasSubstr("no/such/name"));
  }
}

}  // namespace
}  // namespace weft::train
