// SPDX-License-Identifier: Apache-2.0
#include "weft/serving/predictor.h"

#include <algorithm>
#include <set>
#include <utility>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/import_source.h"
#include "src/serving/batch.h"
#include "src/serving/model_files.h"
#include "weft/framework/saved_model.h"

namespace weft::serving {

struct Predictor::Model {
  explicit Model(const std::string& model_path, const PredictorOptions& options)
      : path(model_path), session(graph, options.config) {}
  std::string path;
  Graph graph;
  Session session;
  std::map<std::string, saved_model::SignatureDef> signatures;
};

struct Predictor::Signature {
  std::shared_ptr<Model> model;
  std::string label;  // for messages: "signature 'serving_default' of 'export'"
  std::vector<ValueSpec> inputs, outputs;
  std::vector<Array> defaults;  // of inputs; invalid where there is none
  Callable callable;
};

namespace {

[[noreturn]] void Invalid(const std::string& message) {
  ThrowError(Code::kInvalidArgument, message);
}

std::string Names(const std::vector<ValueSpec>& specs) {
  return StrJoin(specs, ", ",
                 [](std::string* s, const auto& spec) { StrAppend(s, "'", spec.name, "'"); });
}

template <typename Map>
std::string Keys(const Map& map) {
  return StrJoin(map, ", ", [](std::string* s, const auto& e) { StrAppend(s, "'", e.first, "'"); });
}

std::string Expected(const ValueSpec& spec) {
  return StrCat(DTypeName(spec.dtype),
                spec.shape.known_rank() ? StrCat(" of shape ", spec.shape.ToString()) : "");
}

// "x" stands for "x:0".
Tensor FindTensor(const Graph& graph, const std::string& name) {
  const bool has_index = name.find(':') != std::string::npos;
  return graph.TensorByName(has_index ? name : name + ":0");
}

ValueSpec SpecOf(const std::string& name, const Tensor& tensor) {
  return {.name = name,
          .tensor = tensor.name(),
          .dtype = RemoveRef(tensor.dtype()),
          .shape = tensor.shape()};
}

// The dense tensors of an entry of a signature: a sparse or composite one has several.
void AddSpecs(const Graph& graph, const std::string& key, const saved_model::TensorInfo& info,
              std::vector<ValueSpec>* specs) {
  if (info.coo_sparse) {
    specs->push_back(SpecOf(key + "/indices", FindTensor(graph, info.coo_sparse->indices)));
    specs->push_back(SpecOf(key + "/values", FindTensor(graph, info.coo_sparse->values)));
    specs->push_back(SpecOf(key + "/dense_shape", FindTensor(graph, info.coo_sparse->dense_shape)));
    return;
  }
  for (size_t i = 0; i < info.components.size(); ++i) {
    AddSpecs(graph, StrCat(key, "/", i), info.components[i], specs);
  }
  if (!info.components.empty()) return;
  ValueSpec spec = SpecOf(key, FindTensor(graph, info.name));
  if (!spec.shape.known_rank()) spec.shape = info.shape;
  specs->push_back(std::move(spec));
}

std::vector<ValueSpec> SpecsOf(const Graph& graph,
                               const std::map<std::string, saved_model::TensorInfo>& infos) {
  std::vector<ValueSpec> specs;
  for (const auto& [key, info] : infos) AddSpecs(graph, key, info, &specs);
  return specs;
}
std::vector<ValueSpec> SpecsOf(const Graph& graph,
                               const std::map<std::string, std::string>& tensors) {
  std::vector<ValueSpec> specs;
  for (const auto& [key, name] : tensors) specs.push_back(SpecOf(key, FindTensor(graph, name)));
  return specs;
}

bool IsPlaceholder(const Operation& op) { return op.type().starts_with("Placeholder"); }

// All ops that `outputs` need.
std::set<const Node*> NeededBy(const Graph& graph, const std::vector<ValueSpec>& outputs) {
  std::set<const Node*> needed;
  std::vector<Operation> todo;
  for (const ValueSpec& output : outputs) todo.push_back(FindTensor(graph, output.tensor).op());
  while (!todo.empty()) {
    const Operation op = todo.back();
    todo.pop_back();
    if (!needed.insert(op.node()).second) continue;
    for (const Tensor& t : op.inputs()) todo.push_back(t.op());
    for (const Operation& c : op.control_inputs()) todo.push_back(c);
  }
  return needed;
}

std::vector<ValueSpec> DefaultOutputs(const Graph& graph) {
  std::set<const Node*> used;
  for (const Operation& op : graph.operations()) {
    for (const Tensor& t : op.inputs()) used.insert(t.node());
    for (const Operation& c : op.control_inputs()) used.insert(c.node());
  }
  std::vector<ValueSpec> outputs;
  for (const Operation& op : graph.operations()) {
    if (used.contains(op.node()) || IsPlaceholder(op) || op.type() == "Const") continue;
    for (const Tensor& t : op.outputs()) {
      if (t.dtype() == kResource || t.dtype() == kVariant || IsRef(t.dtype())) continue;
      outputs.push_back(SpecOf(t.index() == 0 ? op.name() : t.name(), t));
    }
  }
  return outputs;
}

std::vector<ValueSpec> DefaultInputs(const Graph& graph, const std::vector<ValueSpec>& outputs) {
  const std::set<const Node*> needed = NeededBy(graph, outputs);
  std::vector<ValueSpec> inputs;
  for (const Operation& op : graph.operations()) {
    if (IsPlaceholder(op) && needed.contains(op.node())) {
      inputs.push_back(SpecOf(op.name(), op.output(0)));
    }
  }
  return inputs;
}

// Does an array fit an input? The reason if it doesn't.
std::string Objection(const ValueSpec& spec, const Array& value) {
  if (value.dtype() == spec.dtype && spec.shape.IsCompatibleWith(PartialShape(value.shape()))) {
    return {};
  }
  if (!value.valid()) return "an empty array was given";
  return StrCat("expected ", Expected(spec), ", got ", DTypeName(value.dtype()), " of shape ",
                value.shape().ToString());
}

// What a placeholder with a constant default stands for if it isn't fed.
Array DefaultOf(const Tensor& tensor) {
  if (tensor.op().type() != "PlaceholderWithDefault") return Array();
  const Operation source = tensor.op().input(0).op();
  if (source.type() != "Const") return Array();
  return ConstValueOf(source);
}

}  // namespace

// ---- Loading ------------------------------------------------------------------------------------

namespace {

std::vector<std::string> OpsOf(const std::map<std::string, std::string>& tensors) {
  std::vector<std::string> ops;
  for (const auto& [key, name] : tensors) ops.emplace_back(ParseSource(name).node);
  return ops;
}

}  // namespace

Predictor::Predictor(std::shared_ptr<const Signature> signature)
    : signature_(std::move(signature)) {}

Predictor Predictor::Load(const std::string& path, const PredictorOptions& options) {
  const ModelKind kind = KindOfModel(path);
  auto model = std::make_shared<Model>(path, options);
  std::vector<std::string> wanted = OpsOf(options.outputs);
  if (!wanted.empty()) {
    for (std::string& op : OpsOf(options.inputs)) wanted.push_back(std::move(op));
  }
  switch (kind) {
    case ModelKind::kSavedModel:
      model->signatures =
          saved_model::Load(model->session, options.tags, SavedModelFolder(path)).signatures;
      break;
    case ModelKind::kGraph:
      ThrowIfError(ImportGraphFile(path, wanted, model->graph));
      break;
    case ModelKind::kCheckpoint:
      model->signatures = ImportCheckpoint(path, wanted, model->session);
      break;
  }

  auto signature = std::make_shared<Signature>();
  signature->model = model;
  signature->label = StrCat("'", path, "'");
  if (!options.outputs.empty() || model->signatures.empty()) {
    if (options.outputs.empty() && kind != ModelKind::kGraph) {
      Invalid(StrCat("Predictor::Load: ", signature->label,
                     " has no signatures: name its inputs and outputs in the options"));
    }
    signature->outputs = options.outputs.empty() ? DefaultOutputs(model->graph)
                                                 : SpecsOf(model->graph, options.outputs);
    signature->inputs = options.inputs.empty() ? DefaultInputs(model->graph, signature->outputs)
                                               : SpecsOf(model->graph, options.inputs);
    return Predictor(Finish(std::move(signature)));
  }
  const auto& all = model->signatures;
  const bool only_one = all.size() == 1 && options.signature == PredictorOptions().signature;
  return Predictor(Make(model, only_one ? all.begin()->first : options.signature));
}

std::shared_ptr<const Predictor::Signature> Predictor::Make(const std::shared_ptr<Model>& model,
                                                            const std::string& name) {
  auto found = model->signatures.find(name);
  if (found == model->signatures.end()) {
    ThrowError(Code::kNotFound, StrCat("'", model->path, "' has no signature '", name,
                                       "'; there are: ", Keys(model->signatures)));
  }
  auto signature = std::make_shared<Signature>();
  signature->model = model;
  signature->label = StrCat("signature '", name, "' of '", model->path, "'");
  signature->inputs = SpecsOf(model->graph, found->second.inputs);
  signature->outputs = SpecsOf(model->graph, found->second.outputs);
  for (const ValueSpec& spec : signature->inputs) {
    auto value = found->second.defaults.find(spec.name);
    signature->defaults.push_back(value == found->second.defaults.end() ? Array() : value->second);
  }
  return Finish(std::move(signature));
}

std::shared_ptr<const Predictor::Signature> Predictor::Finish(
    std::shared_ptr<Signature> signature) {
  const Graph& graph = signature->model->graph;
  if (signature->outputs.empty()) Invalid(StrCat(signature->label, " has no outputs"));
  signature->defaults.resize(signature->inputs.size());
  std::vector<Tensor> feeds;
  for (size_t i = 0; i < signature->inputs.size(); ++i) {
    ValueSpec& spec = signature->inputs[i];
    feeds.push_back(FindTensor(graph, spec.tensor));
    Array& value = signature->defaults[i];
    if (!value.valid()) value = DefaultOf(feeds.back());
    spec.optional = value.valid();
  }
  std::vector<Fetch> fetches;
  for (const ValueSpec& spec : signature->outputs) {
    fetches.emplace_back(FindTensor(graph, spec.tensor));
  }
  signature->callable = signature->model->session.MakeCallable(fetches, feeds);
  return signature;
}

Predictor Predictor::WithSignature(const std::string& name) const {
  return Predictor(Make(signature_->model, name));
}

const std::vector<ValueSpec>& Predictor::inputs() const { return signature_->inputs; }
const std::vector<ValueSpec>& Predictor::outputs() const { return signature_->outputs; }
Session& Predictor::session() const { return signature_->model->session; }

std::vector<std::string> Predictor::signature_names() const {
  std::vector<std::string> names;
  for (const auto& [name, signature] : signature_->model->signatures) names.push_back(name);
  return names;
}

// ---- Requests -----------------------------------------------------------------------------------

std::vector<Array> Predictor::Run(const std::vector<Array>& inputs) const {
  const Signature& s = *signature_;
  if (inputs.size() != s.inputs.size()) {
    Invalid(StrCat(s.label, " takes ", s.inputs.size(), " inputs (", Names(s.inputs), "); ",
                   inputs.size(), " were given"));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string objection = Objection(s.inputs[i], inputs[i]);
    if (!objection.empty()) {
      Invalid(StrCat("input '", s.inputs[i].name, "' of ", s.label, ": ", objection));
    }
  }
  return s.callable(inputs);
}

Array Predictor::Predict(const Array& input) const {
  const Signature& s = *signature_;
  if (s.inputs.size() != 1 || s.outputs.size() != 1) {
    Invalid(StrCat(s.label, " has the inputs ", Names(s.inputs), " and the outputs ",
                   Names(s.outputs), ": name them"));
  }
  return std::move(Run({input})[0]);
}

NamedArrays Predictor::Predict(const NamedArrays& inputs) const {
  const Signature& s = *signature_;
  std::vector<Array> values;
  size_t used = 0;
  for (size_t i = 0; i < s.inputs.size(); ++i) {
    auto given = inputs.find(s.inputs[i].name);
    if (given != inputs.end()) {
      ++used;
      values.push_back(given->second);
    } else if (s.defaults[i].valid()) {
      values.push_back(s.defaults[i]);
    } else {
      Invalid(StrCat(s.label, " needs the input '", s.inputs[i].name, "' (", Expected(s.inputs[i]),
                     "); given: ", inputs.empty() ? "nothing" : Keys(inputs)));
    }
  }
  if (used < inputs.size()) {
    for (const auto& [name, value] : inputs) {
      const bool known =
          std::any_of(s.inputs.begin(), s.inputs.end(),
                      [&wanted = name](const ValueSpec& spec) { return spec.name == wanted; });
      if (!known) Invalid(StrCat(s.label, " has no input '", name, "'; it has ", Names(s.inputs)));
    }
  }
  std::vector<Array> results = Run(values);
  NamedArrays named;
  for (size_t i = 0; i < results.size(); ++i) named[s.outputs[i].name] = std::move(results[i]);
  return named;
}

std::vector<NamedArrays> Predictor::PredictBatch(const std::vector<NamedArrays>& requests) const {
  if (requests.empty()) return {};
  const Signature& s = *signature_;
  std::vector<int64_t> rows(requests.size(), -1);
  NamedArrays all;
  for (const auto& [name, first] : requests[0]) {
    std::vector<const Array*> parts;
    for (size_t r = 0; r < requests.size(); ++r) {
      auto part = requests[r].find(name);
      if (part == requests[r].end() || requests[r].size() != requests[0].size()) {
        Invalid(StrCat("PredictBatch of ", s.label, ": request ", r, " has the inputs ",
                       Keys(requests[r]), ", request 0 has ", Keys(requests[0])));
      }
      parts.push_back(&part->second);
      if (part->second.rank() == 0) {
        Invalid(StrCat("PredictBatch of ", s.label, ": input '", name, "' of request ", r,
                       " is a scalar: it has no rows"));
      }
      const int64_t n = part->second.dim(0);
      if (rows[r] >= 0 && rows[r] != n) {
        Invalid(StrCat("PredictBatch of ", s.label, ": input '", name, "' of request ", r, " has ",
                       n, " rows, another one has ", rows[r]));
      }
      rows[r] = n;
    }
    absl::StatusOr<Array> stacked = StackRows(parts);
    if (!stacked.ok()) {
      Invalid(StrCat("PredictBatch of ", s.label, ": input '", name,
                     "': ", stacked.status().message()));
    }
    all.emplace(name, *std::move(stacked));
  }
  int64_t total = 0;
  for (const int64_t n : rows) total += std::max<int64_t>(n, 0);
  const NamedArrays results = Predict(all);
  std::vector<NamedArrays> answers(requests.size());
  for (const auto& [name, value] : results) {
    if (value.rank() == 0 || value.dim(0) != total) {
      Invalid(StrCat("PredictBatch of ", s.label, ": output '", name, "' has shape ",
                     value.shape().ToString(), " for ", total, " rows: it can't be divided"));
    }
    int64_t at = 0;
    for (size_t r = 0; r < requests.size(); ++r) {
      answers[r].emplace(name, CopyRows(value, at, at + rows[r]));
      at += rows[r];
    }
  }
  return answers;
}

void Predictor::WarmUp(int64_t rows, int runs) const {
  const Signature& s = *signature_;
  std::vector<Array> inputs;
  for (size_t i = 0; i < s.inputs.size(); ++i) {
    if (s.defaults[i].valid()) {
      inputs.push_back(s.defaults[i]);
      continue;
    }
    std::vector<int64_t> dims = {rows};
    const PartialShape& shape = s.inputs[i].shape;
    if (shape.known_rank()) dims.assign(shape.dims().begin(), shape.dims().end());
    for (int64_t& d : dims) d = d < 0 ? rows : d;
    const DataType dtype = s.inputs[i].dtype;
    inputs.push_back(IsPlain(dtype) ? Array::Zeros(dtype, Shape(dims)) : Array(dtype, Shape(dims)));
  }
  for (int run = 0; run < runs; ++run) Run(inputs);
}

}  // namespace weft::serving
