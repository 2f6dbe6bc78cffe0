// SPDX-License-Identifier: Apache-2.0
// Zip archives, as far as numpy's .npz files use them: files stored or deflated, one disk, sizes of
// 64 bits where they are needed.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace weft::tool {

// Contents by name. DataLossError if the archive is damaged (checksums are compared),
// UnimplementedError for other compressions and for encryption. `what` names it in messages.
std::map<std::string, std::string> ReadZip(std::string_view archive, const std::string& what);

// Stored, not compressed. InvalidArgumentError above 4 GiB.
std::string ZipBytes(const std::map<std::string, std::string>& files);

}  // namespace weft::tool
