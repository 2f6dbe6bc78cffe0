// SPDX-License-Identifier: Apache-2.0
// JSON texts as protobuf's Struct.
#pragma once

#include <google/protobuf/struct.pb.h>

#include <filesystem>
#include <string>

namespace weft::interop {

using Json = google::protobuf::Value;

// Throws golden::Mismatch if the file is missing or no JSON.
Json ReadJson(const std::filesystem::path& file);
// The field of an object; a null value if there is none.
const Json& Field(const Json& object, const std::string& name);
// The string in a field, "" if it is missing or another kind.
const std::string& Text(const Json& object, const std::string& name);

}  // namespace weft::interop
