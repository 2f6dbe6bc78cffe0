// SPDX-License-Identifier: Apache-2.0
#include "tools/weft_interop/json.h"

#include <google/protobuf/util/json_util.h>

#include "src/core/strings.h"
#include "tools/golden/container.h"

namespace weft::interop {

Json ReadJson(const std::filesystem::path& file) {
  Json value;
  const auto status =
      google::protobuf::util::JsonStringToMessage(golden::ReadBytes(file.string()), &value);
  if (!status.ok())
    throw golden::Mismatch(StrCat(file.string(), " is no JSON: ", status.ToString()));
  return value;
}

const Json& Field(const Json& object, const std::string& name) {
  const auto& fields = object.struct_value().fields();
  const auto it = fields.find(name);
  return it == fields.end() ? Json::default_instance() : it->second;
}

const std::string& Text(const Json& object, const std::string& name) {
  return Field(object, name).string_value();
}

}  // namespace weft::interop
