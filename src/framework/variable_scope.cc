// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/variable_scope.h"

#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/graph_impl.h"

namespace weft {
namespace {

// What GetVariable keeps with a graph; the graph's lock guards it.
struct VariableStore {
  struct PerThread {
    VarScope scope;
    // How often a scope of a name was opened since its outer scope was.
    std::map<std::string, int> counts;
  };
  std::map<std::string, Variable, std::less<>> variables;
  std::map<std::thread::id, PerThread> threads;

  PerThread& here() { return threads[std::this_thread::get_id()]; }
};

VariableStore& StoreOf(const Graph& graph) {
  std::lock_guard lock(graph.impl().mu());
  std::shared_ptr<void>& kept = graph.impl().attachments["variable_store"];
  if (!kept) kept = std::make_shared<VariableStore>();
  return *static_cast<VariableStore*>(kept.get());
}

std::string Joined(const std::string& scope, std::string_view name) {
  return scope.empty() ? std::string(name) : StrCat(scope, "/", name);
}

// default_name, or the first default_name_i that is not open here.
std::string UniqueScopeName(const VariableStore::PerThread& here, std::string_view default_name) {
  const std::string full = Joined(here.scope.name(), default_name);
  const auto taken = [&](const std::string& name) {
    auto it = here.counts.find(name);
    return it != here.counts.end() && it->second > 0;
  };
  if (!taken(full)) return std::string(default_name);
  int i = 1;
  while (taken(StrCat(full, "_", i))) ++i;
  return StrCat(default_name, "_", i);
}

std::string_view LastPart(std::string_view name) {
  const size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? name : name.substr(slash + 1);
}

}  // namespace

VarScope VariableScope::Current(const Graph& graph) {
  std::lock_guard lock(graph.impl().mu());
  return StoreOf(graph).here().scope;
}

VariableScope::VariableScope(std::string_view name, const VariableScopeOptions& options,
                             const Graph& graph)
    : VariableScope(Kind::kByName, name, nullptr, options, graph) {}
VariableScope::VariableScope(const VarScope& scope, const VariableScopeOptions& options,
                             const Graph& graph)
    : VariableScope(Kind::kEntered, scope.name(), &scope, options, graph) {}
VariableScope VariableScope::Unique(std::string_view default_name,
                                    const VariableScopeOptions& options, const Graph& graph) {
  return VariableScope(Kind::kUnique, default_name, nullptr, options, graph);
}

VariableScope::VariableScope(Kind kind, std::string_view name, const VarScope* entered,
                             const VariableScopeOptions& options, const Graph& graph)
    : graph_(graph), kind_(kind) {
  std::lock_guard lock(graph_.impl().mu());
  VariableStore::PerThread& here = StoreOf(graph_).here();
  outer_ = here.scope;
  scope_ = entered ? *entered : here.scope;
  if (kind == Kind::kUnique)
    scope_.name_ = Joined(outer_.name(), UniqueScopeName(here, name));
  else if (kind == Kind::kByName && !name.empty())
    scope_.name_ = Joined(outer_.name(), name);
  // In a scope that reuses, all inner ones do.
  const Reuse inherited = entered ? entered->reuse() : outer_.reuse();
  const bool asked = options.reuse && *options.reuse != Reuse::kFalse;
  scope_.reuse_ = asked ? *options.reuse : inherited;
  if (options.initializer.valid()) scope_.defaults_.initializer = options.initializer;
  if (options.regularizer) scope_.defaults_.regularizer = options.regularizer;
  if (options.dtype != kInvalidType) scope_.defaults_.dtype = options.dtype;
  if (options.use_resource) scope_.defaults_.use_resource = *options.use_resource;
  OpenNameScope(kind == Kind::kEntered ? LastPart(name) : name, options);
  outer_counts_.assign(here.counts.begin(), here.counts.end());
  ++here.counts[scope_.name()];
  here.scope = scope_;
}

void VariableScope::OpenNameScope(std::string_view name, const VariableScopeOptions& options) {
  if (options.auxiliary_name_scope && !name.empty()) {
    name_scope_.emplace(name, graph_);
    if (kind_ != Kind::kEntered) scope_.original_name_scope_ = name_scope_->name();
  } else if (kind_ != Kind::kEntered) {
    const std::string current = graph_.current_name_scope();
    scope_.original_name_scope_ = current.empty() ? "" : current + "/";
  }
}

VariableScope::~VariableScope() {
  std::lock_guard lock(graph_.impl().mu());
  VariableStore::PerThread& here = StoreOf(graph_).here();
  if (kind_ == Kind::kEntered) {
    here.counts = {outer_counts_.begin(), outer_counts_.end()};
  } else {
    // Names inside may be taken anew when the scope is opened again.
    const std::string inner = scope_.name().empty() ? "" : scope_.name() + "/";
    for (auto& [name, count] : here.counts) {
      if (name.starts_with(inner)) count = 0;
    }
  }
  here.scope = outer_;
}

void VariableScope::ReuseVariables() {
  std::lock_guard lock(graph_.impl().mu());
  scope_.reuse_ = Reuse::kTrue;
  StoreOf(graph_).here().scope.reuse_ = Reuse::kTrue;
}

namespace {

class VariableGetter {
 public:
  VariableGetter(std::string_view name, std::optional<Shape> shape, GetVariableOptions options)
      : graph_(Graph::Default()),
        scope_(VariableScope::Current(graph_)),
        name_(Joined(scope_.name(), name)),
        shape_(std::move(shape)),
        options_(std::move(options)) {
    const VariableDefaults& defaults = scope_.defaults();
    if (!options_.initializer.valid()) options_.initializer = defaults.initializer;
    if (!options_.regularizer) options_.regularizer = defaults.regularizer;
    if (!options_.use_resource) options_.use_resource = defaults.use_resource;
    dtype_ = options_.dtype != kInvalidType ? options_.dtype : defaults.dtype;
    if (options_.initializer.is_value() && options_.dtype == kInvalidType)
      dtype_ = options_.initializer.value().dtype();
  }

  Variable Get() {
    std::lock_guard lock(graph_.impl().mu());
    VariableStore& store = StoreOf(graph_);
    if (auto it = store.variables.find(name_); it != store.variables.end())
      return Existing(it->second);
    if (scope_.reuse() == Reuse::kTrue) {
      ThrowError(Code::kNotFound, StrCat("Variable ", name_,
                                         " does not exist, or was not created with GetVariable. "
                                         "Did you mean to set reuse=kAuto in VarScope?"));
    }
    const Variable made = Make();
    store.variables.emplace(name_, made);
    Regularize(made);
    return made;
  }

 private:
  Variable Existing(const Variable& v) const {
    if (scope_.reuse() == Reuse::kFalse) {
      ThrowError(Code::kAlreadyExists, StrCat("Variable ", name_,
                                              " already exists, disallowed. Did you mean to set "
                                              "reuse=True in VarScope?"));
    }
    if (shape_ && !v.shape().IsCompatibleWith(PartialShape(*shape_))) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("Trying to share variable ", name_, ", but specified shape ",
                        PartialShape(*shape_).ToPythonString(), " and found shape ",
                        v.shape().ToPythonString(), "."));
    }
    if (dtype_ != v.dtype()) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("Trying to share variable ", name_, ", but specified dtype ",
                        DTypeName(dtype_), " and found dtype ",
                        DTypeName(v.is_resource() ? v.dtype() : MakeRef(v.dtype())), "."));
    }
    return v;
  }

  Initializer Chosen() const {
    if (options_.initializer.valid()) return options_.initializer;
    if (IsFloating(dtype_)) return GlorotUniformInitializer();
    if (dtype_ == kString || IsNumeric(dtype_) || dtype_ == kBool) return ZerosInitializer();
    ThrowError(Code::kInvalidArgument, StrCat("An initializer for variable ", name_, " of ",
                                              DTypeName(dtype_), " is required"));
  }

  Variable Make() const {
    const GraphScope use(graph_);
    const NameScope root("", graph_);
    const VariableOptions options{.name = name_,
                                  .trainable = options_.trainable,
                                  .collections = options_.collections,
                                  .dtype = options_.dtype,
                                  .validate_shape = options_.validate_shape,
                                  .use_resource = *options_.use_resource};
    const Initializer initializer = Chosen();
    if (initializer.is_value()) {
      if (shape_) {
        ThrowError(
            Code::kInvalidArgument,
            StrCat("If initializer is a constant, do not specify shape (variable ", name_, ")."));
      }
      return Variable(initializer.value(), options);
    }
    if (!shape_) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("Variable ", name_,
                        " did not get an initializer, so its `shape` argument must be specified."));
    }
    return Variable([&] { return initializer(*shape_, dtype_); }, options);
  }

  // TensorFlow 2.15 asks the regularizer twice: first whether there is a penalty at all, outside
  // of all scopes. Its nodes take names there, so they are made here too.
  void Regularize(const Variable& v) const {
    if (!options_.regularizer) return;
    const GraphScope use(graph_);
    const NameScope root("", graph_);
    if (!options_.regularizer(v).valid()) return;
    const ColocateWith colocate(v.op());
    const NameScope scope(name_ + "/Regularizer/", graph_);
    AddToCollection(GraphKeys::kRegularizationLosses, options_.regularizer(v));
  }

  Graph graph_;
  VarScope scope_;
  std::string name_;
  std::optional<Shape> shape_;
  GetVariableOptions options_;
  DataType dtype_;
};

}  // namespace

Variable GetVariable(std::string_view name, const Shape& shape, const GetVariableOptions& options) {
  return VariableGetter(name, shape, options).Get();
}
Variable GetVariable(std::string_view name, const GetVariableOptions& options) {
  return VariableGetter(name, std::nullopt, options).Get();
}

}  // namespace weft
