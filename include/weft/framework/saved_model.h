// SPDX-License-Identifier: Apache-2.0
// SavedModel: graphs with variables, assets and signatures in a folder (tf.saved_model of
// TensorFlow 1).
//
//   wf::saved_model::SimpleSave(session, "export", {{"x", x}}, {{"y", y}});
//
//   wf::Graph graph;
//   wf::Session session(graph);
//   auto model = wf::saved_model::Load(session, {wf::saved_model::kServing}, "export");
//   const auto& signature = model.signatures.at(wf::saved_model::kDefaultServingSignatureKey);
//   session.Run(signature.outputs.at("y").name, {{signature.inputs.at("x").name, image}});
//
// A folder holds saved_model.pb (or .pbtxt), variables/variables.* (a checkpoint) and assets/. One
// file may have several MetaGraphs, told apart by their tags; they share variables and assets.
// To serve a model, see weft/serving/predictor.h, which does all of this.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weft/core/array.h"
#include "weft/core/dtype.h"
#include "weft/core/shape.h"
#include "weft/graph/graph.h"

namespace weft {
class Session;
namespace train {
class Saver;
}
}  // namespace weft

namespace weft::saved_model {

// Tags.
inline constexpr const char* kServing = "serve";
inline constexpr const char* kTraining = "train";
inline constexpr const char* kEval = "eval";
inline constexpr const char* kGpu = "gpu";
inline constexpr const char* kTpu = "tpu";

// Keys of signatures, and their methods.
inline constexpr const char* kDefaultServingSignatureKey = "serving_default";
inline constexpr const char* kPredictMethodName = "tensorflow/serving/predict";
inline constexpr const char* kClassifyMethodName = "tensorflow/serving/classify";
inline constexpr const char* kRegressMethodName = "tensorflow/serving/regress";
inline constexpr const char* kSupervisedTrainMethodName = "tensorflow/supervised/training";
inline constexpr const char* kSupervisedEvalMethodName = "tensorflow/supervised/eval";
inline constexpr const char* kInputs = "inputs";
inline constexpr const char* kOutputs = "outputs";
inline constexpr const char* kClassifyOutputClasses = "classes";
inline constexpr const char* kClassifyOutputScores = "scores";

// Names in the folder, and of collections.
inline constexpr const char* kSavedModelFilenamePb = "saved_model.pb";
inline constexpr const char* kSavedModelFilenamePbtxt = "saved_model.pbtxt";
inline constexpr const char* kVariablesDirectory = "variables";
inline constexpr const char* kVariablesFilename = "variables";
inline constexpr const char* kAssetsDirectory = "assets";
inline constexpr const char* kAssetsKey = "saved_model_assets";
inline constexpr const char* kMainOpKey = "saved_model_main_op";
inline constexpr const char* kLegacyInitOpKey = "legacy_init_op";
inline constexpr const char* kInitOpSignatureKey = "__saved_model_init_op";
inline constexpr const char* kTrainOpSignatureKey = "__saved_model_train_op";
inline constexpr int kSchemaVersion = 1;

// ---- Signatures ---------------------------------------------------------------------------------

// How a signature finds a value in the graph.
struct TensorInfo {
  std::string name = {};  // "x:0"; empty for a sparse or composite tensor
  DataType dtype = kInvalidType;
  PartialShape shape = {};  // of the dense form if sparse
  struct CooSparse {
    std::string indices, values, dense_shape;  // names of tensors
  };
  std::optional<CooSparse> coo_sparse = {};
  // Of a composite tensor (as TensorFlow 2 writes them), and its serialised type.
  std::vector<TensorInfo> components = {};
  std::string type_spec = {};
};

// Named inputs and outputs of one use of a graph.
struct SignatureDef {
  std::map<std::string, TensorInfo> inputs = {};
  std::map<std::string, TensorInfo> outputs = {};
  std::string method_name = {};
  std::map<std::string, Array> defaults = {};  // of inputs that a caller may leave out
};

using NamedTensors = std::map<std::string, Tensor>;

TensorInfo BuildTensorInfo(const Tensor& tensor);
TensorInfo BuildSparseTensorInfo(const Tensor& indices, const Tensor& values,
                                 const Tensor& dense_shape);
// Names an op instead of a tensor.
TensorInfo BuildTensorInfoFromOp(const Operation& op);
// Throws InvalidArgumentError if the info does not name a dense tensor, NotFoundError if the graph
// has none of this name.
Tensor GetTensorFromTensorInfo(const TensorInfo& info, const Graph& graph = Graph::Default(),
                               std::string_view import_scope = {});

SignatureDef BuildSignatureDef(std::map<std::string, TensorInfo> inputs,
                               std::map<std::string, TensorInfo> outputs, std::string method_name,
                               std::map<std::string, Array> defaults = {});
// Throw InvalidArgumentError if there are no inputs or outputs, or if TensorFlow Serving doesn't
// allow their dtypes: examples and classes are strings, scores and predictions float32.
SignatureDef PredictSignatureDef(const NamedTensors& inputs, const NamedTensors& outputs);
SignatureDef ClassificationSignatureDef(const Tensor& examples, const Tensor& classes,
                                        const Tensor& scores);  // either of the two may be empty
SignatureDef RegressionSignatureDef(const Tensor& examples, const Tensor& predictions);
SignatureDef SupervisedTrainSignatureDef(const NamedTensors& inputs, const NamedTensors& loss,
                                         const NamedTensors& predictions = {},
                                         const NamedTensors& metrics = {});
SignatureDef SupervisedEvalSignatureDef(const NamedTensors& inputs, const NamedTensors& loss,
                                        const NamedTensors& predictions = {},
                                        const NamedTensors& metrics = {});
// Whether TensorFlow Serving can serve it: predict, classify or regress.
bool IsValidSignature(const SignatureDef& signature);

// ---- Loading ------------------------------------------------------------------------------------

// One MetaGraph of a SavedModel, without its nodes.
struct MetaGraph {
  std::vector<std::string> tags = {};
  std::map<std::string, SignatureDef> signatures = {};  // without those of the init and train ops
  std::map<std::string, std::string> assets = {};       // "file_path:0" -> path of the file
  std::string init_op = {};                             // run after loading; empty if none
  std::string train_op = {};
  std::string tensorflow_version = {};
  int num_nodes = 0;
};

// Whether a folder has a file of a SavedModel. It may still be impossible to load.
bool MaybeSavedModelDirectory(const std::string& export_dir);

// What a SavedModel has, without loading it.
std::vector<MetaGraph> ListMetaGraphs(const std::string& export_dir);
// The graph of the MetaGraph with exactly these tags.
GraphDef ReadGraphDef(const std::string& export_dir, const std::vector<std::string>& tags);

struct LoadOptions {
  // Goes, with a slash, before the names of all nodes; made unique. Names in the result are as in
  // the file.
  std::string import_scope = {};
  bool clear_devices = false;
};
// Imports the MetaGraph with exactly these tags into the session's graph, restores its variables
// and runs its init op, fed with the paths of the assets. NotFoundError if there is no SavedModel,
// or no such MetaGraph, or an op that this library lacks; DataLossError if the file is damaged;
// InvalidArgumentError if the variables' files are missing.
MetaGraph Load(Session& session, const std::vector<std::string>& tags,
               const std::string& export_dir, const LoadOptions& options = {});

// ---- Writing ------------------------------------------------------------------------------------

struct AddOptions {
  std::map<std::string, SignatureDef> signatures = {};
  // String constants whose value is the path of a file: the files are copied to assets/.
  std::vector<Tensor> assets = {};
  bool clear_devices = false;
  // Runs after the variables are restored. In the collection saved_model_main_op.
  Operation main_op = {};
  // Attributes that have their op's default value are left out, so that older programs can read
  // the graph.
  bool strip_default_attrs = false;
  train::Saver* saver = nullptr;  // of all variables, sharded, if null
};

// Writes a SavedModel into a new or empty folder; InvalidArgumentError if there is something in it.
// The first MetaGraph brings the variables, the others share them. Nothing is a SavedModel before
// Save, which writes saved_model.pb last.
class Builder {
 public:
  explicit Builder(const std::string& export_dir);
  ~Builder();
  Builder(Builder&&) noexcept;
  Builder& operator=(Builder&&) noexcept;

  // FailedPreconditionError the second time.
  void AddMetaGraphAndVariables(Session& session, const std::vector<std::string>& tags,
                                const AddOptions& options = {});
  // Of the default graph. FailedPreconditionError before the variables were saved.
  void AddMetaGraph(const std::vector<std::string>& tags, const AddOptions& options = {});
  // The path of the file that was written.
  std::string Save(bool as_text = false);

 private:
  struct State;
  void Add(const Graph& graph, Session* session, const std::vector<std::string>& tags,
           const AddOptions& options);
  std::unique_ptr<State> state_;
};

// A SavedModel with one MetaGraph, tag "serve", and one signature, "serving_default", for predict.
// Assets are those of the collection asset_filepaths.
void SimpleSave(Session& session, const std::string& export_dir, const NamedTensors& inputs,
                const NamedTensors& outputs, const Operation& main_op = {});

}  // namespace weft::saved_model
