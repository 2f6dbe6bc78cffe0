// SPDX-License-Identifier: Apache-2.0
// Whole files of the local file system, with errors that name the file.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weft {

// NotFound, PermissionDenied, ... by errno; "path; No such file or directory".
absl::Status ErrnoStatus(int error, std::string_view path);

absl::StatusOr<std::string> ReadFile(const std::string& path);
// Either the whole new contents are under `path` afterwards or the file is as it was: writes to a
// temporary name in the same folder, syncs and renames.
absl::Status WriteFileAtomically(const std::string& path, std::string_view contents);

}  // namespace weft
