// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "weft/core/array.h"

namespace weft {

// Converts a literal to the dtype an op wants; integers to floating types and between widths, if
// the values fit. Throws InvalidArgumentError that names the op and its argument.
Array ConvertLiteral(const Array& literal, DataType dtype, std::string_view op,
                     std::string_view arg);

}  // namespace weft
