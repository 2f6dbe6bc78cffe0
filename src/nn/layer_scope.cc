// SPDX-License-Identifier: Apache-2.0
#include "src/nn/layer_scope.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <utility>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/variable_data.h"
#include "src/graph/graph_impl.h"
#include "src/graph/node.h"
#include "weft/framework/partitioned_variable.h"
#include "weft/ops/activation.h"
#include "weft/ops/array.h"
#include "weft/ops/control_flow.h"

namespace weft::layers {
namespace internal {
namespace {

void AddOnce(std::vector<std::string>* list, const std::string& name) {
  if (std::find(list->begin(), list->end(), name) == list->end()) list->push_back(name);
}

// Those given, and those of all variables of models.
std::vector<std::string> WithModelCollections(
    const std::optional<std::vector<std::string>>& given) {
  std::vector<std::string> all = given.value_or(std::vector<std::string>());
  AddOnce(&all, GraphKeys::kGlobalVariables);
  AddOnce(&all, GraphKeys::kModelVariables);
  return all;
}

CustomGetter ModelVariableGetter(const Renames& renames) {
  return [renames](const VariableGetter& getter, const VariableRequest& request) {
    VariableRequest r = request;
    const size_t slash = r.name.rfind('/');
    const size_t last = slash == std::string::npos ? 0 : slash + 1;
    const auto renamed = renames.find(r.name.substr(last));
    if (renamed != renames.end()) r.name.replace(last, std::string::npos, renamed->second);
    r.collections = WithModelCollections(r.collections);
    return getter(r);
  };
}

VariableScope Opened(const std::string& scope, std::string_view default_name,
                     const VariableScopeOptions& options) {
  if (scope.empty()) return VariableScope::Unique(default_name, options);
  return VariableScope(scope, options);
}

VariableScopeOptions ScopeOptions(const LayerOptions& options,
                                  const std::optional<Renames>& renames) {
  VariableScopeOptions scope{.reuse = options.reuse};
  if (renames) scope.custom_getter = ModelVariableGetter(*renames);
  return scope;
}

const Collections& CollectionsOf(const VariableCollections& collections, const std::string& name) {
  if (collections.named.empty()) return collections.all;
  static const Collections none = {};
  const auto found = collections.named.find(name);
  return found == collections.named.end() ? none : found->second;
}

std::vector<Variable> PartsOf(const Variable& v) {
  if (!v.is_partitioned()) return {v};
  const PartitionedVariable parts(v);
  return {parts.begin(), parts.end()};
}

void JoinCollections(const Variable& whole, const Collections& collections) {
  for (const std::string& collection : collections.names()) {
    for (const Variable& v : PartsOf(whole)) {
      const std::vector<Variable> there = VariablesOf(collection, {}, v.graph());
      if (std::find(there.begin(), there.end(), v) != there.end()) continue;
      v.graph().AddToCollection(collection, {std::shared_ptr<void>(v.data())});
    }
  }
}

void Penalize(const Variable& whole, const std::string& name, const Regularizer& regularizer) {
  for (const Variable& v : PartsOf(whole)) {
    const NameScope scope(name + "/Regularizer");
    const Tensor penalty = regularizer(v);
    if (penalty.valid()) AddToCollection(GraphKeys::kRegularizationLosses, penalty);
  }
}

}  // namespace

LayerScope::LayerScope(const LayerOptions& options, std::string_view default_name,
                       const Graph& graph, const std::optional<Renames>& renames)
    : use_(graph), scope_(Opened(options.scope, default_name, ScopeOptions(options, renames))) {}

void LayerScope::MakeLayer() const { const VariableScope made(scope_.scope()); }

Variable AddWeight(const Weight& w, DataType dtype, const LayerOptions& options) {
  const std::vector<Variable> before = GlobalVariables();
  const Variable v = GetVariable(w.name, w.shape,
                                 {.dtype = dtype,
                                  .initializer = w.initializer,
                                  .trainable = w.trainable && options.trainable.value_or(true)});
  const Variable first = PartsOf(v)[0];
  if (w.regularizer && *w.regularizer &&
      std::find(before.begin(), before.end(), first) == before.end())
    Penalize(v, w.name, *w.regularizer);
  JoinCollections(v, CollectionsOf(options.variables_collections, w.in_layer));
  return v;
}

Variable AddModelVariable(const Weight& w, DataType dtype, const LayerOptions& options) {
  const Collections& collections = CollectionsOf(options.variables_collections, w.in_layer);
  return ModelVariable(w.name, w.shape,
                       {.dtype = dtype,
                        .initializer = w.initializer,
                        .regularizer = w.regularizer ? *w.regularizer : Regularizer(),
                        .trainable = w.trainable && options.trainable.value_or(true),
                        .collections = collections.names()});
}

bool HasBiases(const LayerOptions& options) {
  return !options.normalizer && (options.biases_initializer || !options.biases_initializer.told());
}
Initializer BiasesInitializer(const LayerOptions& options) {
  return options.biases_initializer ? *options.biases_initializer : ZerosInitializer();
}
Initializer WeightsInitializer(const LayerOptions& options) {
  return options.weights_initializer.valid() ? options.weights_initializer : XavierInitializer();
}

Tensor Activated(const Tensor& outputs, const LayerOptions& options, bool relu_by_default) {
  if (options.activation) return (*options.activation)(outputs);
  return relu_by_default && !options.activation.told() ? nn::Relu(outputs) : outputs;
}
Tensor NormalizedAndActivated(const Tensor& outputs, const LayerOptions& options) {
  const Tensor normalized = options.normalizer ? (*options.normalizer)(outputs) : outputs;
  return Activated(normalized, options, /*relu_by_default=*/true);
}

std::vector<int64_t> Spatial(const Window& window, int64_t otherwise, size_t n, const char* what,
                             const std::string& layer) {
  std::vector<int64_t> sizes = window.empty() ? std::vector<int64_t>{otherwise} : window.sizes();
  if (sizes.size() == 1) sizes.assign(n, sizes[0]);
  const bool positive = std::all_of(sizes.begin(), sizes.end(), [](int64_t s) {
    return s >= 1 && s <= std::numeric_limits<int32_t>::max();
  });
  if (sizes.size() == n && positive) return sizes;
  ThrowError(
      Code::kInvalidArgument,
      StrCat(layer, ": the `", what, "` argument must be one number, or one for each of ", n,
             " spatial dimensions, each at least 1. Received: {", StrJoin(sizes, ", "), "}"));
}

int64_t ChannelsOf(const Tensor& inputs, bool channels_first, std::initializer_list<int> ranks,
                   const std::string& layer) {
  const PartialShape& shape = inputs.shape();
  if (std::find(ranks.begin(), ranks.end(), shape.rank()) == ranks.end()) {
    ThrowError(Code::kInvalidArgument,
               StrCat(layer, ": input '", inputs.name(), "' has shape ", shape.ToPythonString(),
                      "; its rank must be ", StrJoin(ranks, " or "), "."));
  }
  const int64_t channels = shape.dim(channels_first ? 1 : -1);
  if (channels == kUnknownDim) {
    ThrowError(Code::kInvalidArgument,
               StrCat(layer, ": the channel dimension of the inputs should be defined. Input '",
                      inputs.name(), "' has shape ", shape.ToPythonString(), ", where axis ",
                      channels_first ? 1 : -1, " (0-based) is the channel dimension."));
  }
  return channels;
}

bool ChannelsFirst(const std::optional<std::string>& data_format,
                   std::initializer_list<std::string_view> allowed, const std::string& layer) {
  if (!data_format) return false;
  if (std::find(allowed.begin(), allowed.end(), *data_format) == allowed.end()) {
    ThrowError(Code::kInvalidArgument,
               StrCat(layer, ": data_format has to be either ", StrJoin(allowed, " or "), ", not '",
                      *data_format, "'."));
  }
  return data_format->starts_with("NC");
}

std::string PaddingOf(const LayerOptions& options, const char* otherwise,
                      const std::string& layer) {
  std::string padding = options.padding.value_or(otherwise);
  for (char& c : padding) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  if (padding == "SAME" || padding == "VALID") return padding;
  ThrowError(Code::kInvalidArgument,
             StrCat(layer, ": the `padding` argument must be \"VALID\" or \"SAME\". Received: ",
                    *options.padding));
}

Training TrainingOf(const LayerOptions& options) {
  if (!options.is_training) return {.known = true, .pred = {}};
  const Input& told = *options.is_training;
  if (!told.is_tensor()) return {.known = told.array().AsInt64() != 0, .pred = {}};
  const Tensor pred = told.tensor();
  const Array* constant = ConstantValue(pred);
  if (constant && constant->num_elements() == 1)
    return {.known = constant->AsInt64() != 0, .pred = {}};
  return {.known = {}, .pred = pred};
}

std::vector<Tensor> WhenTraining(const Training& training,
                                 const std::function<std::vector<Tensor>()>& yes,
                                 const std::function<std::vector<Tensor>()>& no) {
  if (training.known) return *training.known ? yes() : no();
  return Cond(training.pred, yes, no);
}

}  // namespace internal

Variable ModelVariable(const std::string& name, const Shape& shape,
                       const GetVariableOptions& given) {
  GetVariableOptions options = given;
  options.collections = internal::WithModelCollections(given.collections);
  return GetVariable(name, shape, options);
}

// ---- Outputs by name ----------------------------------------------------------------------------

namespace {

// The names of tensors of a graph, in the order they were given. The graph's lock guards it.
using Aliases = std::map<std::pair<Node*, int>, std::vector<std::string>>;
Aliases& AliasesOf(const Graph& graph) {
  std::shared_ptr<void>& kept = graph.impl().attachments["tensor_aliases"];
  if (!kept) kept = std::make_shared<Aliases>();
  return *static_cast<Aliases*>(kept.get());
}

}  // namespace

Tensor CollectNamedOutputs(const Collections& collections, const std::string& name,
                           const Tensor& tensor) {
  if (collections.empty()) return tensor;
  Graph graph = tensor.graph();
  const std::lock_guard lock(graph.impl().mu());
  const std::string alias = name.ends_with('/') ? name.substr(0, name.size() - 1) : name;
  AliasesOf(graph)[{tensor.node(), tensor.index()}].push_back(alias);
  for (const std::string& collection : collections.names())
    graph.AddToCollection(collection, {tensor});
  return tensor;
}

EndPoints ConvertCollectionToDict(const std::string& collection, const Graph& graph) {
  const std::lock_guard lock(graph.impl().mu());
  const Aliases& aliases = AliasesOf(graph);
  EndPoints points;
  for (const Tensor& t : GetTensorCollection(collection, {}, graph)) {
    const auto named = aliases.find({t.node(), t.index()});
    if (named == aliases.end()) {
      points[t.index() == 0 ? t.op().name() : t.name()] = t;
      continue;
    }
    for (const std::string& alias : named->second) points[alias] = t;
  }
  return points;
}

// ---- Variables by name --------------------------------------------------------------------------

std::vector<Variable> GetVariablesToRestore(const VariablesToRestoreOptions& options,
                                            const Graph& graph) {
  const auto matching = [&](const std::vector<std::string>& patterns) {
    std::vector<Variable> found;
    for (const std::string& pattern : patterns) {
      for (Variable& v : VariablesOf(GraphKeys::kGlobalVariables, pattern, graph)) {
        if (std::find(found.begin(), found.end(), v) == found.end()) found.push_back(std::move(v));
      }
    }
    return found;
  };
  std::vector<Variable> list =
      options.include.empty() ? GlobalVariables({}, graph) : matching(options.include);
  const std::vector<Variable> excluded = matching(options.exclude);
  std::erase_if(list, [&](const Variable& v) {
    return std::find(excluded.begin(), excluded.end(), v) != excluded.end();
  });
  return list;
}

}  // namespace weft::layers
