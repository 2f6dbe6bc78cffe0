// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/saved_model.h"

#include <fstream>

#include "tests/tensorflow/expected.h"
#include "weft/framework/saver.h"
#include "weft/raw/io.h"
#include "weft/weft.h"

namespace weft::for_tensorflow {
namespace {

namespace fs = std::filesystem;
namespace sm = saved_model;

const Array& Input() {
  static const Array& input = *new Array({{1.f, 2.f}, {-3.f, 0.5f}, {0.f, 4.f}});
  return input;
}

Expected Run(Session& session, const Tensor& x, const std::vector<Tensor>& outputs,
             const std::string& tag, const std::string& signature) {
  Expected expected{.feeds = {{x.name(), Input()}}, .tags = {tag}, .signature = {signature}};
  for (const Tensor& t : outputs)
    expected.expected.emplace_back(t.name(), session.Run(t, {{x, Input()}}));
  return expected;
}

void WriteSimple(const fs::path& folder, bool use_resource) {
  const Graph graph;
  const GraphScope scope(graph);
  const Tensor x = Placeholder(kFloat32, {-1, 2}, "x");
  const Variable w({{1.f, 2.f}, {3.f, 4.f}}, {.name = "w", .use_resource = use_resource});
  const Tensor y = MatMul(x, w, {.name = "y"});
  Session session;
  session.Run(GlobalVariablesInitializer());
  fs::create_directories(folder);
  sm::SimpleSave(session, (folder / "model").string(), {{"x", x}}, {{"y", y}});
  WriteExpected(folder, "saved_model", "model",
                Run(session, x, {y}, sm::kServing, sm::kDefaultServingSignatureKey));
}

// Two MetaGraphs with several signatures, an asset that the main op reads, the text form.
void WriteFull(const fs::path& folder, bool as_text) {
  const Graph graph;
  const GraphScope scope(graph);
  fs::create_directories(folder);
  const fs::path source = folder / "words.txt";
  std::ofstream(source) << "bright";
  const Tensor asset = Constant(Array(source.string()));
  const Variable word(Constant(""),
                      {.name = "word",
                       .trainable = false,
                       .collections = std::vector<std::string>{GraphKeys::kLocalVariables}});
  const Tensor read = word.Assign(raw::ReadFile(asset));
  const Tensor x = Placeholder(kFloat32, {-1, 2}, "x");
  const Tensor serialized = Placeholder(kString, {-1}, "serialized");
  const Variable w({{1.f}, {3.f}}, {.name = "w"});
  const Tensor y = MatMul(x, w, {.name = "y"});
  const Tensor scores = Sigmoid(y, "scores");
  const Tensor labels = Identity(word, "labels");
  const Tensor known = Cast(Equal(serialized, "bright"), kFloat32);
  Session session;
  session.Run(GlobalVariablesInitializer());
  session.Run(LocalVariablesInitializer());
  session.Run(read);
  sm::AddOptions serve;
  serve.signatures = {{sm::kDefaultServingSignatureKey,
                       sm::PredictSignatureDef({{"x", x}}, {{"y", y}, {"scores", scores}})},
                      {"label", sm::PredictSignatureDef({{"x", x}}, {{"label", labels}})},
                      {"regress", sm::RegressionSignatureDef(serialized, known)}};
  serve.assets = {asset};
  serve.main_op = read.op();
  sm::Builder builder((folder / "model").string());
  builder.AddMetaGraphAndVariables(session, {sm::kServing}, serve);
  builder.AddMetaGraph({sm::kTraining}, {});
  builder.Save(as_text);
  WriteExpected(
      folder, "saved_model", "model",
      Run(session, x, {y, scores, labels}, sm::kServing, sm::kDefaultServingSignatureKey));
  fs::remove(source);  // the copy in assets/ is what counts
}

}  // namespace

void WriteSavedModels(const fs::path& root) {
  WriteSimple(root / "saved_model", false);
  WriteSimple(root / "saved_model_resource", true);
  WriteFull(root / "saved_model_full", false);
  WriteFull(root / "saved_model_text", true);
}

}  // namespace weft::for_tensorflow
