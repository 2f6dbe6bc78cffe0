// SPDX-License-Identifier: Apache-2.0
// Contexts of conditionals and loops as meta graphs keep them: CondContextDef, WhileContextDef.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "src/graph/control_flow.h"

namespace weft {

// The contexts that a serialised message describes, over nodes of the graph whose names begin with
// `import_scope` ("a/b", no slash at the end); inner ones included. NotFound if a node is missing.
absl::StatusOr<std::shared_ptr<CondContext>> CondContextFromBytes(std::string_view bytes,
                                                                  std::string_view import_scope,
                                                                  GraphImpl& graph);
absl::StatusOr<std::shared_ptr<WhileContext>> WhileContextFromBytes(std::string_view bytes,
                                                                    std::string_view import_scope,
                                                                    GraphImpl& graph);

// The message; nothing if the context is not within `export_scope` ("a/", or empty).
std::optional<std::string> ContextToBytes(const CondContext& context,
                                          std::string_view export_scope);
std::optional<std::string> ContextToBytes(const WhileContext& context,
                                          std::string_view export_scope);

}  // namespace weft
