// SPDX-License-Identifier: Apache-2.0
// SavedModels written by the library: what is in the folder, and that they load again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "proto/weft/saved_model.pb.h"
#include "src/core/status.h"
#include "src/framework/saved_model/messages.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"
#include "weft/framework/saved_model.h"
#include "weft/framework/saver.h"
#include "weft/serving/predictor.h"
#include "weft/weft.h"

namespace weft::saved_model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

std::vector<std::string> FilesBelow(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(fs::relative(entry.path(), folder).string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string Contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// y = x * w + b with a variable of each form.
class Writing : public testing::Test {
 protected:
  Writing() { session_.Run(GlobalVariablesInitializer()); }
  NamedTensors In() const { return {{"x", x_}}; }
  NamedTensors Out() const { return {{"y", y_}}; }
  AddOptions Predicting() const {
    return {.signatures = {{kDefaultServingSignatureKey, PredictSignatureDef(In(), Out())}}};
  }
  Tensor File(const std::string& name, const std::string& contents) {
    fs::create_directories(fs::path(folder_.File(name)).parent_path());
    std::ofstream(folder_.File(name)) << contents;
    return Constant(Array(folder_.File(name)));
  }
  void Expect(const std::string& folder) {
    const serving::Predictor model = serving::Predictor::Load(folder);
    EXPECT_EQ(model.Predict(Array({1.f, 2.f})), Array({13.f, 46.f}));
  }

  const test::TemporaryFolder folder_;
  const std::string export_ = folder_.File("export");
  Graph graph_;
  GraphScope scope_{graph_};
  const Tensor x_ = Placeholder(kFloat32, {-1}, "x");
  const Variable w_{{3.f, 3.f}, {.name = "w"}};
  const Variable b_{{10.f, 40.f}, {.name = "b", .use_resource = true}};
  const Tensor y_ = Add(x_ * w_, b_, "y");
  Session session_{graph_};
};

TEST_F(Writing, SimpleSave) {
  saved_model::SimpleSave(session_, export_, In(), Out());
  EXPECT_THAT(FilesBelow(export_),
              ElementsAre("saved_model.pb", "variables/variables.data-00000-of-00001",
                          "variables/variables.index"));
  Expect(export_);
  const std::vector<MetaGraph> graphs = ListMetaGraphs(export_);
  ASSERT_EQ(graphs.size(), 1u);
  EXPECT_THAT(graphs[0].tags, ElementsAre("serve"));
  const SignatureDef& signature = graphs[0].signatures.at("serving_default");
  EXPECT_EQ(signature.method_name, kPredictMethodName);
  EXPECT_EQ(signature.inputs.at("x").shape.ToString(), "[?]");
  // What was loaded can be trained on.
  const Graph loaded;
  Session session(loaded);
  Load(session, {kServing}, export_);
  const std::vector<Variable> variables = GlobalVariables({}, loaded);
  ASSERT_EQ(variables.size(), 2u);
  EXPECT_EQ(variables[0].Eval(session), Array({3.f, 3.f}));
  EXPECT_TRUE(variables[1].is_resource());
}

TEST_F(Writing, SeveralMetaGraphsShareVariables) {
  Builder builder(export_);
  builder.AddMetaGraphAndVariables(session_, {"train"}, {});
  builder.AddMetaGraph({"serve"}, Predicting());
  EXPECT_FALSE(MaybeSavedModelDirectory(export_));
  EXPECT_EQ(builder.Save(), export_ + "/saved_model.pb");
  Expect(export_);
  EXPECT_EQ(ListMetaGraphs(export_).size(), 2u);
  const Graph other;
  Session session(other);
  Load(session, {"train"}, export_, {.import_scope = "m"});
  EXPECT_EQ(session.Run("m/w:0"), Array({3.f, 3.f}));
}

TEST_F(Writing, TextForm) {
  Builder builder(export_);
  builder.AddMetaGraphAndVariables(session_, {"serve"}, Predicting());
  EXPECT_EQ(builder.Save(/*as_text=*/true), export_ + "/saved_model.pbtxt");
  EXPECT_THAT(Contents(export_ + "/saved_model.pbtxt"), HasSubstr("saved_model_schema_version: 1"));
  Expect(export_);
}

TEST_F(Writing, AssetsAndMainOp) {
  const Tensor a = File("one/words.txt", "a"), b = File("two/words.txt", "b");
  const Tensor same = File("three/words.txt", "a");
  const Variable path(Constant(""), {.name = "path", .trainable = false});
  const Tensor keep = path.Assign(b);
  session_.Run(GlobalVariablesInitializer());
  AddOptions options = Predicting();
  options.assets = {a, b, same};
  options.main_op = keep.op();
  Builder builder(export_);
  builder.AddMetaGraphAndVariables(session_, {"serve"}, options);
  EXPECT_THAT(test::MessageOf<FailedPreconditionError>(
                  [&] { builder.AddMetaGraph({"again"}, {.main_op = keep.op()}); }),
              HasSubstr("Graph already contains one or more main ops under the collection "
                        "saved_model_main_op."));
  builder.Save();
  EXPECT_EQ(Contents(export_ + "/assets/words.txt"), "a");
  EXPECT_EQ(Contents(export_ + "/assets/words.txt_1"), "b");
  EXPECT_FALSE(fs::exists(export_ + "/assets/words.txt_2"));
  // Wherever the folder is, the op sees its own files.
  const std::string moved = folder_.File("moved");
  fs::rename(export_, moved);
  const Graph other;
  Session session(other);
  const MetaGraph loaded = Load(session, {"serve"}, moved);
  EXPECT_EQ(loaded.assets.size(), 3u);
  EXPECT_EQ(session.Run("path:0"), Array(moved + "/assets/words.txt_1"));
}

TEST_F(Writing, DevicesAndDefaultAttributes) {
  {
    const DeviceScope on_cpu("/device:CPU:0");
    MatMul(Constant(Array({{1.f}})), Constant(Array({{1.f}})), {.name = "product"});
  }
  const auto product = [&](const std::string& folder) {
    const GraphDef def = ReadGraphDef(folder, {"serve"});
    for (const auto& node : def.proto().node()) {
      if (node.name() == "product") return node;
    }
    return proto::NodeDef();
  };
  for (const bool plain : {false, true}) {
    const std::string folder = folder_.File(plain ? "plain" : "stripped");
    Builder builder(folder);
    builder.AddMetaGraphAndVariables(session_, {"serve"},
                                     {.clear_devices = !plain, .strip_default_attrs = !plain});
    builder.Save();
    EXPECT_EQ(product(folder).device(), plain ? "/device:CPU:0" : "");
    EXPECT_EQ(product(folder).attr().contains("transpose_a"), plain);
    EXPECT_TRUE(product(folder).attr().contains("T"));
  }
}

TEST_F(Writing, SomeVariablesOnly) {
  train::Saver saver({w_});
  AddOptions options = Predicting();
  options.saver = &saver;
  Builder builder(export_);
  builder.AddMetaGraphAndVariables(session_, {"serve"}, options);
  builder.Save();
  const Graph other;
  Session session(other);
  Load(session, {"serve"}, export_);
  EXPECT_EQ(session.Run("w:0"), Array({3.f, 3.f}));
  EXPECT_THROW(session.Run("y:0", {{"x:0", Array({1.f, 2.f})}}), FailedPreconditionError);
}

TEST(WritingConstants, AModelWithoutVariables) {
  const test::TemporaryFolder folder;
  const std::string path = folder.File("export");
  const Graph graph;
  const GraphScope scope(graph);
  const Tensor x = Placeholder(kFloat32, {-1}, "x");
  Session session(graph);
  SimpleSave(session, path, {{"x", x}}, {{"y", x * 2.f}});
  EXPECT_EQ(serving::Predictor::Load(path).Predict(Array({2.f})), Array({4.f}));
}

TEST_F(Writing, Mistakes) {
  using Invalid = InvalidArgumentError;
  Builder builder(export_);
  EXPECT_THAT(test::MessageOf<FailedPreconditionError>([&] { builder.AddMetaGraph({"serve"}); }),
              HasSubstr("Graph state including variables and assets has not been saved yet."));
  EXPECT_THAT(test::MessageOf<Invalid>([&] {
                builder.AddMetaGraphAndVariables(
                    session_, {"serve"}, {.signatures = {{kInitOpSignatureKey, SignatureDef()}}});
              }),
              HasSubstr("SignatureDef map key \"__saved_model_init_op\" is reserved for "
                        "initialization."));
  SignatureDef nameless = PredictSignatureDef(In(), Out());
  nameless.inputs["x"].name.clear();
  EXPECT_THAT(
      test::MessageOf<Invalid>([&] {
        builder.AddMetaGraphAndVariables(session_, {"serve"}, {.signatures = {{"s", nameless}}});
      }),
      HasSubstr("Invalid `tensor_info` 'x' of signature 's'"));
  EXPECT_THAT(test::MessageOf<Invalid>(
                  [&] { builder.AddMetaGraphAndVariables(session_, {"serve"}, {.assets = {x_}}); }),
              HasSubstr("Asset path tensor x:0 must be of type constant."));
  builder.AddMetaGraphAndVariables(session_, {"serve"}, Predicting());
  EXPECT_THAT(test::MessageOf<FailedPreconditionError>(
                  [&] { builder.AddMetaGraphAndVariables(session_, {"serve"}); }),
              HasSubstr("has already been saved. Please invoke `AddMetaGraph()` instead."));
  builder.Save();
  EXPECT_THAT(test::MessageOf<Invalid>([&] { Builder again(export_); }),
              HasSubstr("Export directory " + export_ + " already exists, and isn't empty."));
}

// ---- Predictors of what was trained -------------------------------------------------------------

TEST_F(Writing, ACheckpointServes) {
  const std::string prefix = train::Saver().Save(session_, folder_.File("model.ckpt"), 7);
  for (const std::string& path : {prefix, prefix + ".meta"}) {
    const serving::Predictor model = serving::Predictor::Load(path, {.outputs = {{"y", "y"}}});
    EXPECT_EQ(model.Predict(Array({1.f, 2.f})), Array({13.f, 46.f}));
  }
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] { serving::Predictor::Load(prefix); }),
              HasSubstr("has no signatures: name its inputs and outputs"));
}

}  // namespace
}  // namespace weft::saved_model
