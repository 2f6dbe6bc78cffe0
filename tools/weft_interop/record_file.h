// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "src/io/record.h"

namespace weft::interop {

// The records of a file up to its end (status: OK) or to the first error.
struct RecordFile {
  std::vector<std::string> records;
  absl::Status status;
};
RecordFile ReadRecordFile(const std::string& path, io::Compression compression);

// "none", "", "ZLIB" or "GZIP". Throws golden::Mismatch for others.
io::Compression CompressionOf(const std::string& name);

}  // namespace weft::interop
