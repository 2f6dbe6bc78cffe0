// SPDX-License-Identifier: Apache-2.0
// What an AttrValue holds, for code that looks at all kinds of values (std::visit).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "weft/graph/attr_value.h"

namespace weft {

using AttrKinds =
    std::variant<std::monostate, std::string, int64_t, float, bool, DataType, PartialShape, Array,
                 FuncRef, AttrPlaceholder, EmptyList, std::vector<std::string>,
                 std::vector<int64_t>, std::vector<float>, std::vector<bool>, std::vector<DataType>,
                 std::vector<PartialShape>, std::vector<Array>, std::vector<FuncRef>>;

struct AttrVariant : AttrKinds {
  using AttrKinds::AttrKinds;
  using AttrKinds::operator=;
};

// "string", "list(int)", ...: AttrValue::KindName().
std::string_view KindText(const AttrVariant& value);

}  // namespace weft
