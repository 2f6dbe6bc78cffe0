// SPDX-License-Identifier: Apache-2.0
// The JSON files that stand beside the artifacts.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace weft::interop {

using Json = nlohmann::json;

// Throws golden::Mismatch if the file is missing or no JSON.
Json ReadJson(const std::filesystem::path& file);
// The string in a field, "" if it is missing or another kind.
std::string Text(const Json& object, const std::string& name);

}  // namespace weft::interop
