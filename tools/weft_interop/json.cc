// SPDX-License-Identifier: Apache-2.0
#include "tools/weft_interop/json.h"

#include "src/core/strings.h"
#include "tools/golden/container.h"

namespace weft::interop {

Json ReadJson(const std::filesystem::path& file) {
  Json value = Json::parse(golden::ReadBytes(file.string()), nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) throw golden::Mismatch(StrCat(file.string(), " is no JSON"));
  return value;
}

std::string Text(const Json& object, const std::string& name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

}  // namespace weft::interop
