// SPDX-License-Identifier: Apache-2.0
// Variables as messages: what collections of a meta graph hold.
#pragma once

#include <string>

#include "weft/framework/variable.h"

namespace weft {

namespace proto {
class VariableDef;
}

namespace internal {

// False if the variable is not in `export_scope` (which is taken off the names; "": all are).
bool VariableToProto(const Variable& v, const std::string& export_scope, proto::VariableDef* def);
// The variable over nodes of `graph`. Throws NotFoundError or InvalidArgumentError that names what
// is missing or wrong. `import_scope` goes before the names.
Variable VariableFromProto(const proto::VariableDef& def, const std::string& import_scope,
                           const Graph& graph);

}  // namespace internal
}  // namespace weft
