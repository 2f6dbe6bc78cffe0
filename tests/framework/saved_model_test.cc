// SPDX-License-Identifier: Apache-2.0
// SavedModels: signatures, the files, loading.
#include "weft/framework/saved_model.h"
#include "tests/support/errors.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "proto/weft/saved_model.pb.h"
#include "src/graph/proto_convert.h"
#include "tests/support/temporary_folder.h"
#include "weft/weft.h"

namespace weft::saved_model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Invalid = InvalidArgumentError;

class Signatures : public testing::Test {
 protected:
  Graph graph_;
  GraphScope scope_{graph_};
  const Tensor x_ = Placeholder(kFloat32, {-1, 3}, "x");
  const Tensor examples_ = Placeholder(kString, {-1}, "examples");
};

TEST_F(Signatures, TensorInfo) {
  const TensorInfo info = BuildTensorInfo(x_);
  EXPECT_EQ(info.name, "x:0");
  EXPECT_EQ(info.dtype, kFloat32);
  EXPECT_EQ(info.shape.ToString(), "[?,3]");
  EXPECT_EQ(GetTensorFromTensorInfo(info), x_);
  EXPECT_THROW(GetTensorFromTensorInfo(info, graph_, "elsewhere"), Error);
  const TensorInfo sparse =
      BuildSparseTensorInfo(Placeholder(kInt64, {-1, 2}, "i"), x_, Placeholder(kInt64, {2}, "s"));
  EXPECT_EQ(sparse.shape.ToString(), "[?,?]");
  ASSERT_TRUE(sparse.coo_sparse);
  EXPECT_EQ(sparse.coo_sparse->indices, "i:0");
  EXPECT_THROW(GetTensorFromTensorInfo(sparse), Invalid);
  EXPECT_EQ(BuildTensorInfoFromOp(x_.op()).name, "x");
}

TEST_F(Signatures, ForServing) {
  const SignatureDef predict = PredictSignatureDef({{"images", x_}}, {{"scores", x_}});
  EXPECT_EQ(predict.method_name, "tensorflow/serving/predict");
  EXPECT_EQ(predict.inputs.at("images").name, "x:0");
  EXPECT_TRUE(IsValidSignature(predict));
  const SignatureDef classify = ClassificationSignatureDef(examples_, examples_, x_);
  EXPECT_EQ(classify.method_name, "tensorflow/serving/classify");
  EXPECT_EQ(classify.outputs.at("classes").dtype, kString);
  EXPECT_EQ(classify.outputs.at("scores").dtype, kFloat32);
  EXPECT_TRUE(IsValidSignature(classify));
  EXPECT_TRUE(IsValidSignature(ClassificationSignatureDef(examples_, Tensor(), x_)));
  const SignatureDef regress = RegressionSignatureDef(examples_, x_);
  EXPECT_EQ(regress.method_name, "tensorflow/serving/regress");
  EXPECT_TRUE(IsValidSignature(regress));
  const SignatureDef train = SupervisedTrainSignatureDef({{"x", x_}}, {{"loss", x_}});
  EXPECT_EQ(train.method_name, "tensorflow/supervised/training");
  EXPECT_FALSE(IsValidSignature(train));
  SignatureDef wrong = regress;
  wrong.outputs.at("outputs").dtype = kFloat64;
  EXPECT_FALSE(IsValidSignature(wrong));
}

TEST_F(Signatures, BadArguments) {
  EXPECT_EQ(test::MessageOf<Invalid>([&] {
              PredictSignatureDef({}, {{"y", x_}});
            }),
            "Prediction `inputs` cannot be None or empty.");
  EXPECT_EQ(
      test::MessageOf<Invalid>([&] { ClassificationSignatureDef(examples_, Tensor(), Tensor()); }),
      "Classification `classes` and `scores` cannot both be None.");
  EXPECT_THAT(test::MessageOf<Invalid>([&] { RegressionSignatureDef(x_, x_); }),
              HasSubstr("Regression `examples` must be of type string. Found tensor 'x:0' with "
                        "type float32."));
}

// ---- Loading ------------------------------------------------------------------------------------

// y = x + 1 and an op that keeps its asset's path in a variable.
constexpr const char* kMetaGraph = R"(
  meta_info_def { tags: "serve" tensorflow_version: "2.15.1" }
  graph_def {
    node { name: "x" op: "Placeholder" device: "/device:CPU:7"
           attr { key: "dtype" value { type: DT_FLOAT } } }
    node { name: "one" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } }
           attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape {} float_val: 1 } } } }
    node { name: "y" op: "AddV2" input: "x" input: "one"
           attr { key: "T" value { type: DT_FLOAT } } }
    node { name: "file" op: "Const" attr { key: "dtype" value { type: DT_STRING } }
           attr { key: "value" value { tensor { dtype: DT_STRING tensor_shape {}
                                                string_val: "/old/words.txt" } } } }
    node { name: "path" op: "VariableV2" attr { key: "dtype" value { type: DT_STRING } }
           attr { key: "shape" value { shape {} } } }
    node { name: "keep" op: "Assign" input: "path" input: "file"
           attr { key: "T" value { type: DT_STRING } } }
    node { name: "init" op: "NoOp" input: "^keep" }
  }
  collection_def { key: "saved_model_main_op" value { node_list { value: "init" } } }
  signature_def { key: "serving_default" value {
    inputs { key: "x" value { name: "x:0" dtype: DT_FLOAT } }
    outputs { key: "y" value { name: "y:0" dtype: DT_FLOAT } }
    method_name: "tensorflow/serving/predict" } }
  asset_file_def { tensor_info { name: "file:0" } filename: "words.txt" })";

proto::SavedModel Model(const std::string& second_tags = "") {
  proto::SavedModel model;
  std::string text = std::string("saved_model_schema_version: 1 meta_graphs {") + kMetaGraph + "}";
  if (!second_tags.empty()) text += "meta_graphs { meta_info_def {" + second_tags + "} }";
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &model));
  return model;
}

class Loading : public testing::Test {
 protected:
  void Write(const proto::SavedModel& model) {
    std::ofstream(folder_.File("saved_model.pb"), std::ios::binary) << SerializeProto(model);
  }
  MetaGraph Load(Session& session, const LoadOptions& options = {.clear_devices = true}) {
    return saved_model::Load(session, {"serve"}, folder_.path(), options);
  }
  const test::TemporaryFolder folder_;
};

TEST_F(Loading, RunsTheInitOpWithItsAssets) {
  Write(Model());
  const Graph graph;
  Session session(graph);
  const MetaGraph model = Load(session);
  EXPECT_THAT(model.tags, ElementsAre("serve"));
  EXPECT_EQ(model.init_op, "init");
  EXPECT_EQ(model.tensorflow_version, "2.15.1");
  EXPECT_EQ(model.num_nodes, 7);
  const SignatureDef& signature = model.signatures.at("serving_default");
  EXPECT_EQ(session.Run(signature.outputs.at("y").name,
                        {{signature.inputs.at("x").name, Array({1.f, 2.f})}}),
            Array({2.f, 3.f}));
  EXPECT_EQ(session.Run("path:0"), Array(folder_.path() + "/assets/words.txt"));
  EXPECT_EQ(graph.OperationByName("x").device(), "");
}

TEST_F(Loading, UnderAScope) {
  Write(Model());
  const Graph graph;
  Session session(graph);
  Load(session, {.import_scope = "m", .clear_devices = true});
  Load(session, {.import_scope = "m", .clear_devices = true});
  EXPECT_EQ(session.Run("m_1/y:0", {{"m_1/x:0", Array(1.f)}}), Array(2.f));
  EXPECT_EQ(session.Run("m_1/path:0"), session.Run("m/path:0"));
}

TEST_F(Loading, TextForm) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(Model(), &text);
  std::ofstream(folder_.File("saved_model.pbtxt")) << text;
  EXPECT_TRUE(MaybeSavedModelDirectory(folder_.path()));
  const Graph graph;
  Session session(graph);
  EXPECT_EQ(Load(session).signatures.size(), 1u);
  std::ofstream(folder_.File("saved_model.pbtxt")) << "meta_graphs { nonsense }";
  EXPECT_THAT(test::MessageOf<DataLossError>([&] { Load(session); }),
              HasSubstr("Cannot parse file " + folder_.File("saved_model.pbtxt") + ": line 1"));
}

TEST_F(Loading, ChoosesByTags) {
  Write(Model("tags: \"serve\" tags: \"gpu\""));
  EXPECT_EQ(ListMetaGraphs(folder_.path()).size(), 2u);
  EXPECT_EQ(ReadGraphDef(folder_.path(), {"gpu", "serve"}).num_nodes(), 0);
  EXPECT_EQ(ReadGraphDef(folder_.path(), {"serve"}).num_nodes(), 7);
  EXPECT_EQ(test::MessageOf<NotFoundError>([&] {
              ReadGraphDef(folder_.path(), {"train", "x"});
            }),
            "MetaGraphDef associated with tags 'train', 'x' could not be found in SavedModel, with "
            "available tags '[{'serve'}, {'serve', 'gpu'}]'. To inspect available tag-sets in the "
            "SavedModel, please use `weft show`.");
}

TEST_F(Loading, AssetsAndInitOpsOfOlderPrograms) {
  proto::SavedModel model = Model();
  auto& meta = *model.mutable_meta_graphs(0);
  auto& any =
      *(*meta.mutable_collection_def())["saved_model_assets"].mutable_any_list()->add_value();
  any.set_type_url("type.googleapis.com/tensorflow.AssetFileDef");
  any.set_value(SerializeProto(meta.asset_file_def(0)));
  meta.clear_asset_file_def();
  (*meta.mutable_collection_def())["legacy_init_op"] =
      meta.collection_def().at("saved_model_main_op");
  meta.mutable_collection_def()->erase("saved_model_main_op");
  Write(model);
  const Graph graph;
  Session session(graph);
  Load(session);
  EXPECT_EQ(session.Run("path:0"), Array(folder_.path() + "/assets/words.txt"));
  any.set_value("\xff\xff");
  Write(model);
  EXPECT_THROW(ListMetaGraphs(folder_.path()), DataLossError);
}

TEST_F(Loading, MissingAndDamagedFiles) {
  EXPECT_FALSE(MaybeSavedModelDirectory(folder_.path()));
  const Graph graph;
  Session session(graph);
  EXPECT_EQ(test::MessageOf<NotFoundError>([&] { Load(session); }),
            "SavedModel file does not exist at: " + folder_.path() +
                "/{saved_model.pbtxt|saved_model.pb}");
  std::ofstream(folder_.File("saved_model.pb")) << "this is no SavedModel";
  EXPECT_THAT(test::MessageOf<DataLossError>([&] { Load(session); }),
              HasSubstr("Cannot parse file"));
  proto::SavedModel model = Model();
  model.mutable_meta_graphs(0)->mutable_saver_def()->set_restore_op_name("init");
  model.mutable_meta_graphs(0)->mutable_saver_def()->set_filename_tensor_name("file:0");
  model.mutable_meta_graphs(0)->mutable_saver_def()->set_save_tensor_name("file:0");
  Write(model);
  EXPECT_EQ(
      test::MessageOf<Invalid>([&] { Load(session); }),
      "The passed save_path is not a valid checkpoint: " + folder_.path() + "/variables/variables");
  auto& names = *(*model.mutable_meta_graphs(0)->mutable_collection_def())["saved_model_main_op"]
                     .mutable_node_list();
  names.add_value("keep");
  Write(model);
  EXPECT_EQ(test::MessageOf<Invalid>([&] { Load(session); }),
            "Expected exactly one SavedModel init op. Found 2: [init, keep].");
}

}  // namespace
}  // namespace weft::saved_model
