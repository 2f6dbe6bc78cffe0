// SPDX-License-Identifier: Apache-2.0
// Predictor: a model that answers requests.
//
//   auto model = wf::serving::Predictor::Load("export");    // a SavedModel, or "frozen.pb"
//   auto out = model.Predict({{"images", batch}});          // {"probabilities": ..., ...}
//   wf::Array y = model.Predict(batch);                      // one input, one output
//
// What may be loaded:
//   a folder with a SavedModel        its signature `serving_default`, or another one
//   a frozen graph: .pb, .pbtxt       placeholders are the inputs, nodes that nobody uses the
//   outputs a checkpoint with its .meta       "model.ckpt" or "model.ckpt.meta"; `outputs` must be
//   named
// A frozen .pb is not read as a whole first: its weights go from the file to where kernels read
// them.
//
// A Predictor is a handle; copies share model and session. Many threads may call one at once; each
// call sees its own inputs only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weft/core/array.h"
#include "weft/core/dtype.h"
#include "weft/core/shape.h"
#include "weft/runtime/session.h"

namespace weft::serving {

struct PredictorOptions {
  // Which MetaGraph of a SavedModel.
  std::vector<std::string> tags = {"serve"};
  // Which of its signatures. If there is only one, it need not be named.
  std::string signature = "serving_default";
  // Of a graph: the names that requests use, and the tensors ("x", "x:0") that they stand for.
  // Empty: the placeholders that the outputs need, and the nodes whose output nobody uses, under
  // the names of their nodes. For a SavedModel they take the place of the signature's.
  std::map<std::string, std::string> inputs = {};
  std::map<std::string, std::string> outputs = {};
  ConfigProto config = {};
};

// An input or output.
struct ValueSpec {
  std::string name;    // in requests
  std::string tensor;  // in the graph: "x:0"
  DataType dtype = kInvalidType;
  PartialShape shape = {};
  bool optional = false;  // an input with a default value
};

using NamedArrays = std::map<std::string, Array>;

class Predictor {
 public:
  // Throws NotFoundError if there is no such file, signature, MetaGraph or op; DataLossError if a
  // file is damaged; InvalidArgumentError if an input or output is not in the graph.
  static Predictor Load(const std::string& path, const PredictorOptions& options = {});

  // Of the signature, sorted by name; of a graph, in the graph's order.
  const std::vector<ValueSpec>& inputs() const;
  const std::vector<ValueSpec>& outputs() const;
  // Of the MetaGraph; empty for a graph.
  std::vector<std::string> signature_names() const;
  // Another signature of the same model: shares the weights. NotFoundError if there is none.
  Predictor WithSignature(const std::string& name) const;

  // Throw InvalidArgumentError, naming the input, if one is missing, unknown, or has a dtype or
  // shape that the model doesn't take; and what Session::Run throws.
  NamedArrays Predict(const NamedArrays& inputs) const;
  // In the orders of inputs() and outputs(): the cheapest call.
  std::vector<Array> Run(const std::vector<Array>& inputs) const;
  // For a model of one input and one output.
  Array Predict(const Array& input) const;

  // One run for several requests: their inputs are put together along the first dimension, and the
  // outputs divided again. InvalidArgumentError if inputs of two requests differ in another
  // dimension, if those of one have different numbers of rows, or if an output has not as many rows
  // as the inputs together.
  std::vector<NamedArrays> PredictBatch(const std::vector<NamedArrays>& requests) const;

  // Runs the model on zeros (empty strings) so that the first request finds everything compiled and
  // allocated. `rows` stands for dimensions that are not known.
  void WarmUp(int64_t rows = 1, int runs = 2) const;

  // The session that runs the model, e.g. to trace it.
  Session& session() const;

 private:
  struct Model;
  struct Signature;
  explicit Predictor(std::shared_ptr<const Signature> signature);
  static std::shared_ptr<const Signature> Make(const std::shared_ptr<Model>& model,
                                               const std::string& name);
  static std::shared_ptr<const Signature> Finish(std::shared_ptr<Signature> signature);
  std::shared_ptr<const Signature> signature_;
};

}  // namespace weft::serving
