// SPDX-License-Identifier: Apache-2.0
// Zip archives in memory, by libzip.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace weft::tool {

// Contents by name. DataLossError if the archive is damaged (checksums are compared),
// UnimplementedError for compressions that libzip has not and for encryption. `what` names it in
// messages.
std::map<std::string, std::string> ReadZip(std::string_view archive, const std::string& what);

// Stored, not compressed, and the same bytes for the same files.
std::string ZipBytes(const std::map<std::string, std::string>& files);

}  // namespace weft::tool
