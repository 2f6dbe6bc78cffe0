// SPDX-License-Identifier: Apache-2.0
#include "src/graph/import_source.h"

#include <charconv>
#include <climits>
#include <system_error>

#include "src/core/strings.h"

namespace weft {

std::string Source::ToString() const {
  if (index == kControlIndex) return StrCat("^", node);
  return index == 0 ? std::string(node) : StrCat(node, ":", index);
}

Source ParseSource(std::string_view text) {
  if (text.starts_with('^')) return {text.substr(1), kControlIndex};
  const size_t colon = text.rfind(':');
  if (colon == text.npos || colon == 0 || colon + 1 == text.size()) return {text, 0};
  const std::string_view digits = text.substr(colon + 1);
  if (digits.find_first_not_of("0123456789") != digits.npos) return {text, 0};
  int index = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  return {text.substr(0, colon), result.ec == std::errc() ? index : INT_MAX};
}

}  // namespace weft
