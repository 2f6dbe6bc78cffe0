// SPDX-License-Identifier: Apache-2.0
// The nodes of a Saver.
#pragma once

#include "weft/framework/saver.h"

namespace weft::train::saving {

// Nothing if there is nothing to save and that is allowed.
std::optional<SaverDef> BuildSaver(const SaverVariables& variables, const SaverOptions& options);

// The node that restores a value into a variable.
Operation RestoreInto(const Variable& v, const Tensor& value, bool validate_shape = true);

}  // namespace weft::train::saving
