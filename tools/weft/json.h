// SPDX-License-Identifier: Apache-2.0
// What --json prints.
#pragma once

#include <iostream>
#include <nlohmann/json.hpp>

namespace weft::tool {

using Json = nlohmann::ordered_json;

// To standard output, indented. Bytes that are no UTF-8 become the replacement character, numbers
// that JSON has not (NaN, infinities) null.
inline void PrintJson(const Json& json) {
  std::cout << json.dump(2, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) << "\n";
}

}  // namespace weft::tool
