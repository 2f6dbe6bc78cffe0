// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/template.h"

#include "src/core/status.h"
#include "src/core/strings.h"

namespace weft::internal {

TemplateScope::TemplateScope(std::string name, TemplateOptions options)
    : name_(std::move(name)), options_(std::move(options)) {
  if (name_.empty()) ThrowError(Code::kInvalidArgument, "MakeTemplate: a template has a name");
  if (options_.create_scope_now) scope_ = Enter(/*auxiliary_name_scope=*/false)->scope();
}

// The scope's first opening, which names it.
std::unique_ptr<VariableScope> TemplateScope::Enter(bool auxiliary_name_scope) const {
  const VariableScopeOptions options{.auxiliary_name_scope = auxiliary_name_scope,
                                     .custom_getter = options_.custom_getter};
  if (!options_.unique_name.empty())
    return std::make_unique<VariableScope>(options_.unique_name, options);
  return std::unique_ptr<VariableScope>(new VariableScope(VariableScope::Unique(name_, options)));
}

std::string TemplateScope::variable_scope_name() const {
  return scope_ ? scope_->name() + "/" : "";
}

TemplateScope::Call::Call(TemplateScope* owner) : owner_(owner) {
  if (owner->scope_) {
    VariableScopeOptions options;
    if (owner->called_) options.reuse = Reuse::kTrue;
    scope_ = std::make_unique<VariableScope>(*owner->scope_, options);
  } else {
    scope_ = owner->Enter(/*auxiliary_name_scope=*/true);
    owner->scope_ = scope_->scope();
  }
  trainable_at_start_ = TrainableVariables().size();
}

void TemplateScope::Call::Finish() {
  const std::vector<Variable> trainable = TrainableVariables();
  if (owner_->called_ && trainable.size() > trainable_at_start_) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Trainable variable created when calling template '", owner_->name_,
                      "' after the first time, perhaps you used Variable when you meant "
                      "GetVariable: ",
                      trainable[trainable_at_start_].ToString()));
  }
  owner_->called_ = true;
}

}  // namespace weft::internal
