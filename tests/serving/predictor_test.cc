// SPDX-License-Identifier: Apache-2.0
// Predictors of graphs and SavedModels: inputs and outputs, checks, batches, threads, memory.
#include "weft/serving/predictor.h"
#include "tests/support/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <thread>

#include "proto/weft/saved_model.pb.h"
#include "src/graph/proto_convert.h"
#include "tests/support/temporary_folder.h"
#include "weft/framework/saved_model.h"
#include "weft/weft.h"

namespace weft::serving {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// y = x * 2 + bias, z = sum of x over each row; bias is 1 if it isn't given.
GraphDef SmallModel() {
  const Graph graph;
  const GraphScope scope(graph);
  const Tensor x = Placeholder(kFloat32, {-1, 3}, "x");
  const Tensor bias =
      PlaceholderWithDefault(Array(1.f), PartialShape(std::vector<int64_t>{}), "bias");
  Add(x * 2.f, bias, "y");
  ReduceSum(x, {.axis = {1}, .name = "z"});
  return graph.AsGraphDef();
}

class PredictorTest : public testing::Test {
 protected:
  std::string WriteModel(const char* name = "model.pb") {
    const std::string path = folder_.File(name);
    SmallModel().WriteFile(path, path.ends_with(".pbtxt"));
    return path;
  }
  const test::TemporaryFolder folder_;
  const Array x_ = Array({{1.f, 2.f, 3.f}, {4.f, 5.f, 6.f}});
  const Array y_ = Array({{3.f, 5.f, 7.f}, {9.f, 11.f, 13.f}});
  const Array z_ = Array({6.f, 15.f});
};

TEST_F(PredictorTest, ServesAGraph) {
  for (const char* name : {"model.pb", "model.pbtxt"}) {
    const Predictor model = Predictor::Load(WriteModel(name));
    ASSERT_EQ(model.inputs().size(), 2u);
    ASSERT_EQ(model.outputs().size(), 2u);
    const ValueSpec& x = model.inputs()[0].name == "x" ? model.inputs()[0] : model.inputs()[1];
    EXPECT_EQ(x.tensor, "x:0");
    EXPECT_EQ(x.dtype, kFloat32);
    EXPECT_EQ(x.shape.ToString(), "[?,3]");
    EXPECT_FALSE(x.optional);
    const NamedArrays out = model.Predict({{"x", x_}});
    EXPECT_EQ(out, (NamedArrays{{"y", y_}, {"z", z_}}));
    EXPECT_EQ(model.Predict({{"x", x_}, {"bias", Array(0.f)}}).at("y"),
              Array({{2.f, 4.f, 6.f}, {8.f, 10.f, 12.f}}));
  }
}

TEST_F(PredictorTest, NamesOfTheProgramsChoice) {
  const Predictor model =
      Predictor::Load(WriteModel(), {.inputs = {{"image", "x"}}, .outputs = {{"sum", "z:0"}}});
  EXPECT_EQ(model.Predict(x_), z_);
  EXPECT_EQ(model.Predict({{"image", x_}}), (NamedArrays{{"sum", z_}}));
  // What the outputs don't need was not imported.
  EXPECT_FALSE(model.session().graph().FindOperation("y"));
}

TEST_F(PredictorTest, ErrorsNameTheInput) {
  const std::string path = WriteModel();
  const Predictor model = Predictor::Load(path);
  using Invalid = InvalidArgumentError;
  EXPECT_THAT(test::MessageOf<Invalid>([&] { model.Predict(NamedArrays{}); }),
              HasSubstr("needs the input 'x' (float32 of shape [?,3]); given: nothing"));
  EXPECT_THAT(test::MessageOf<Invalid>([&] {
                model.Predict({{"x", x_}, {"q", x_}});
              }),
              HasSubstr("has no input 'q'; it has "));
  EXPECT_THAT(test::MessageOf<Invalid>([&] {
                model.Predict({{"x", Array({1.f})}});
              }),
              HasSubstr("input 'x' of '" + path +
                        "': expected float32 of shape [?,3], got float32 of shape [1]"));
  EXPECT_THAT(test::MessageOf<Invalid>([&] {
                model.Predict({{"x", Array({{1, 2, 3}})}});
              }),
              HasSubstr("got int32 of shape [1,3]"));
  EXPECT_THAT(test::MessageOf<Invalid>([&] {
                model.Predict({{"x", Array()}});
              }),
              HasSubstr("empty"));
  EXPECT_THAT(test::MessageOf<Invalid>([&] { model.Predict(x_); }), HasSubstr("name them"));
  EXPECT_THAT(test::MessageOf<Invalid>([&] { model.Run({x_}); }), HasSubstr("takes 2 inputs"));
  EXPECT_THAT(test::MessageOf<NotFoundError>([&] { Predictor::Load(folder_.File("nothing")); }),
              HasSubstr("There is no model at"));
  EXPECT_THAT(test::MessageOf<NotFoundError>([&] { model.WithSignature("s"); }), HasSubstr("'s'"));
  EXPECT_THAT(test::MessageOf<Invalid>([&] {
                Predictor::Load(path, {.outputs = {{"o", "none"}}});
              }),
              HasSubstr("none"));
}

TEST_F(PredictorTest, SeveralRequestsInOneRun) {
  const Predictor model = Predictor::Load(WriteModel());
  const std::vector<NamedArrays> answers =
      model.PredictBatch({{{"x", Array({{1.f, 2.f, 3.f}})}},
                          {{"x", Array(kFloat32, Shape({0, 3}))}},
                          {{"x", Array({{4.f, 5.f, 6.f}, {0.f, 0.f, 1.f}})}}});
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[0].at("y"), Array({{3.f, 5.f, 7.f}}));
  EXPECT_EQ(answers[1].at("z").num_elements(), 0);
  EXPECT_EQ(answers[2].at("z"), Array({15.f, 1.f}));
  EXPECT_TRUE(model.PredictBatch({}).empty());
  using Invalid = InvalidArgumentError;
  EXPECT_THAT(test::MessageOf<Invalid>([&] {
                model.PredictBatch({{{"x", x_}}, {{"x", Array({{1.f}})}}});
              }),
              HasSubstr("input 'x': the requests have"));
  EXPECT_THAT(test::MessageOf<Invalid>([&] {
                model.PredictBatch({{{"x", x_}}, {{"y", x_}}});
              }),
              HasSubstr("request 1 has the inputs 'y'"));
  EXPECT_THAT(test::MessageOf<Invalid>([&] {
                model.PredictBatch({{{"x", x_}, {"bias", Array(1.f)}}});
              }),
              HasSubstr("is a scalar"));
}

TEST_F(PredictorTest, WarmUpRunsTheModel) {
  const Predictor model = Predictor::Load(WriteModel());
  model.WarmUp();
  model.WarmUp(7);
  EXPECT_EQ(model.Predict({{"x", x_}}).at("z"), z_);
}

TEST_F(PredictorTest, ManyThreadsAtOnce) {
  const Predictor model =
      Predictor::Load(WriteModel(), {.inputs = {{"x", "x"}}, .outputs = {{"z", "z"}}});
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const auto value = static_cast<float>(t * 1000 + i);
        wrong += model.Predict(Array({{value, 0.f, 1.f}})) != Array({value + 1.f});
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
}

int64_t PeakMemoryKb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6));
  }
  return -1;
}

// The weights are in memory once, also while they are loaded.
TEST_F(PredictorTest, WeightsAreInMemoryOnce) {
  constexpr int64_t kRows = 16 << 20;  // 64 MiB
  const std::string path = folder_.File("large.pb");
  {
    const GraphDef small = GraphDef::ParseText(R"(
      node { name: "rows" op: "Placeholder" attr { key: "dtype" value { type: DT_INT32 } } }
      node { name: "axis" op: "Const" attr { key: "dtype" value { type: DT_INT32 } }
             attr { key: "value" value { tensor { dtype: DT_INT32 tensor_shape {} int_val: 0 } } } }
      node { name: "y" op: "GatherV2" input: "weights" input: "rows" input: "axis"
             attr { key: "Tparams" value { type: DT_FLOAT } }
             attr { key: "Tindices" value { type: DT_INT32 } }
             attr { key: "Taxis" value { type: DT_INT32 } } })");
    // The node with the weights, byte by byte, so that the test itself has no copy of them.
    std::ofstream out(path, std::ios::binary);
    out << small.Serialize();
    const auto varint = [](uint64_t v) {
      std::string s;
      for (; v >= 0x80; v >>= 7) s.push_back(static_cast<char>(v | 0x80));
      s.push_back(static_cast<char>(v));
      return s;
    };
    const uint64_t bytes = kRows * 4;
    std::string tensor =
        std::string("\x08\x01\x12\x06\x12\x04\x08", 7) + varint(kRows) + "\x22" + varint(bytes);
    tensor[3] = static_cast<char>(2 + 1 + varint(kRows).size());
    tensor[5] = static_cast<char>(1 + varint(kRows).size());
    const std::string value = "\x42" + varint(tensor.size() + bytes) + tensor;
    const std::string entry =
        std::string("\x0a\x05value\x12") + varint(value.size() + bytes) + value;
    const std::string node = std::string("\x0a\x07weights\x12\x05") + "Const" +
                             std::string(
                                 "\x2a\x0b\x0a\x05"
                                 "dtype\x12\x02\x30\x01") +
                             "\x2a" + varint(entry.size() + bytes) + entry;
    out << "\x0a" << varint(node.size() + bytes) << node;
    std::vector<float> block(1 << 16);
    for (int64_t at = 0; at < kRows; at += static_cast<int64_t>(block.size())) {
      for (size_t i = 0; i < block.size(); ++i) {
        block[i] = static_cast<float>((at + static_cast<int64_t>(i)) % 1000);
      }
      out.write(reinterpret_cast<const char*>(block.data()),
                static_cast<std::streamsize>(block.size() * sizeof(float)));
    }
  }
  const int64_t before = PeakMemoryKb();
  const Predictor model = Predictor::Load(path);
  EXPECT_EQ(model.Predict(Array({1, 2003, static_cast<int32_t>(kRows) - 1})),
            Array({1.f, 3.f, static_cast<float>((kRows - 1) % 1000)}));
  const int64_t grown = PeakMemoryKb() - before;
  EXPECT_LT(grown, (kRows * 4 / 1024) * 6 / 5) << "KiB, for weights of " << kRows * 4 / 1024;
}

// ---- SavedModels --------------------------------------------------------------------------------

// Constants instead of variables; the asset's path is one output.
void WriteSavedModel(const std::string& folder) {
  proto::SavedModel model;
  model.set_saved_model_schema_version(1);
  proto::MetaGraphDef* meta = model.add_meta_graphs();
  meta->mutable_meta_info_def()->add_tags("serve");
  *meta->mutable_graph_def() = SmallModel().proto();
  const GraphDef more = GraphDef::ParseText(R"(
    node { name: "file" op: "Const" attr { key: "dtype" value { type: DT_STRING } }
           attr { key: "value" value { tensor { dtype: DT_STRING tensor_shape {}
                                                string_val: "/old/words.txt" } } } })");
  meta->mutable_graph_def()->mutable_node()->MergeFrom(more.proto().node());
  auto* asset = meta->add_asset_file_def();
  asset->mutable_tensor_info()->set_name("file:0");
  asset->set_filename("words.txt");
  for (const char* key : {"serving_default", "sums"}) {
    auto& signature = (*meta->mutable_signature_def())[key];
    signature.set_method_name(saved_model::kPredictMethodName);
    auto& in = (*signature.mutable_inputs())["images"];
    in.set_name("x:0");
    in.set_dtype(proto::DT_FLOAT);
    auto& out = (*signature.mutable_outputs())["result"];
    out.set_name(std::string(key) == "sums" ? "z:0" : "y:0");
    out.set_dtype(proto::DT_FLOAT);
  }
  std::ofstream(folder + "/saved_model.pb", std::ios::binary) << SerializeProto(model);
}

TEST_F(PredictorTest, ServesASavedModel) {
  WriteSavedModel(folder_.path());
  const Predictor model = Predictor::Load(folder_.path());
  EXPECT_THAT(model.signature_names(), ElementsAre("serving_default", "sums"));
  EXPECT_EQ(model.Predict({{"images", x_}}), (NamedArrays{{"result", y_}}));
  EXPECT_EQ(model.WithSignature("sums").Predict(x_), z_);
  EXPECT_EQ(Predictor::Load(folder_.File("saved_model.pb"), {.signature = "sums"}).Predict(x_), z_);
  EXPECT_THAT(test::MessageOf<NotFoundError>(
                  [&] { Predictor::Load(folder_.path(), {.signature = "other"}); }),
              HasSubstr("has no signature 'other'; there are: 'serving_default', 'sums'"));
  EXPECT_THAT(
      test::MessageOf<NotFoundError>([&] { Predictor::Load(folder_.path(), {.tags = {"t"}}); }),
      HasSubstr("MetaGraphDef associated with tags 't' could not be found in SavedModel, "
                "with available tags '[{'serve'}]'"));
}

}  // namespace
}  // namespace weft::serving
