// SPDX-License-Identifier: Apache-2.0
// MakeTemplate: a function whose calls share their variables (tf.make_template).
//
//   auto scale = wf::MakeTemplate("scale", [](const wf::Tensor& x) {
//     return x * wf::GetVariable("factor", {}, {.initializer = wf::OnesInitializer()});
//   });
//   auto a = scale(x), b = scale(y);          // one variable, scale/factor
//
// The first call makes the variables, in a variable scope of the template's own; later ones reuse
// them: GetVariable of a name that the first did not make is a NotFoundError, and a new trainable
// variable an InvalidArgumentError. Copies of a template share its scope. Ops of each call are in a
// name scope of their own. Calls are not thread-safe.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "weft/framework/variable_scope.h"

namespace weft {

struct TemplateOptions {
  // Take the scope's name now, and not when the function is called first.
  bool create_scope_now = false;
  // The scope's name as it is, where `name` is made unique.
  std::string unique_name = {};
  CustomGetter custom_getter = {};
};

namespace internal {

// What of a template does not depend on its function.
class TemplateScope {
 public:
  TemplateScope(std::string name, TemplateOptions options);
  // "scale/"; "" before there is a scope.
  std::string variable_scope_name() const;
  const std::optional<VarScope>& scope() const { return scope_; }
  bool called() const { return called_; }

  // One call: the scope it runs in, and what it must not do.
  class Call {
   public:
    explicit Call(TemplateScope* owner);
    // Throws InvalidArgumentError if a later call made a trainable variable.
    void Finish();

   private:
    TemplateScope* owner_;
    std::unique_ptr<VariableScope> scope_;
    size_t trainable_at_start_;
  };

 private:
  std::unique_ptr<VariableScope> Enter(bool auxiliary_name_scope) const;
  std::string name_;
  TemplateOptions options_;
  std::optional<VarScope> scope_;
  bool called_ = false;
};

}  // namespace internal

template <typename F>
class Template {
 public:
  Template(std::string name, F function, TemplateOptions options = {})
      : name_(name),
        scope_(std::make_shared<internal::TemplateScope>(std::move(name), std::move(options))),
        function_(std::move(function)) {}

  template <typename... Args>
  requires std::invocable<F&, Args...>
  auto operator()(Args&&... args) {
    internal::TemplateScope::Call call(scope_.get());
    if constexpr (std::is_void_v<std::invoke_result_t<F&, Args...>>) {
      function_(std::forward<Args>(args)...);
      call.Finish();
    } else {
      auto result = function_(std::forward<Args>(args)...);
      call.Finish();
      return result;
    }
  }

  const std::string& name() const { return name_; }
  // None before the first call, unless create_scope_now.
  const std::optional<VarScope>& variable_scope() const { return scope_->scope(); }
  std::string variable_scope_name() const { return scope_->variable_scope_name(); }
  // The variables made so far, by collection.
  std::vector<Variable> trainable_variables() const { return Of(&VarScope::TrainableVariables); }
  std::vector<Variable> global_variables() const { return Of(&VarScope::GlobalVariables); }
  std::vector<Variable> local_variables() const { return Of(&VarScope::LocalVariables); }

 private:
  std::vector<Variable> Of(std::vector<Variable> (VarScope::*list)(const Graph&) const) const {
    if (!scope_->called()) return {};
    return (*scope_->scope().*list)(Graph::Default());
  }
  std::string name_;
  std::shared_ptr<internal::TemplateScope> scope_;
  F function_;
};

template <typename F>
Template<F> MakeTemplate(std::string name, F function, TemplateOptions options = {}) {
  return Template<F>(std::move(name), std::move(function), std::move(options));
}

}  // namespace weft
