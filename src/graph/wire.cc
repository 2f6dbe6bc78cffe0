// SPDX-License-Identifier: Apache-2.0
#include "src/graph/wire.h"

namespace weft::wire {

std::optional<std::string_view> OnlyField(std::string_view message, uint32_t number) {
  std::optional<std::string_view> found;
  FieldReader reader(message);
  for (Field f; reader.Next(&f);) {
    if (f.number != number || f.wire_type != kLengthDelimited) continue;
    if (found) return std::nullopt;
    found = f.payload;
  }
  return reader.ok() ? found : std::nullopt;
}

std::string Replaced(std::string_view message, uint32_t number,
                     std::optional<std::string_view> payload) {
  std::string out;
  FieldReader reader(message);
  for (Field f; reader.Next(&f);) {
    if (f.number != number || f.wire_type != kLengthDelimited) {
      out.append(f.whole);
    } else if (payload) {
      AppendField(number, *payload, &out);
    }
  }
  return out;
}

}  // namespace weft::wire
