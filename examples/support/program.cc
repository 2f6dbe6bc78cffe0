// SPDX-License-Identifier: Apache-2.0
#include "examples/support/program.h"

#include <cstdio>
#include <exception>
#include <filesystem>

#include "absl/flags/parse.h"
#include "absl/flags/usage.h"

namespace weft::examples {

int RunProgram(int argc, char** argv, const char* usage, int (*body)()) {
  absl::SetProgramUsageMessage(usage);
  absl::ParseCommandLine(argc, argv);
  try {
    return body();
  } catch (const std::exception& e) {
    const std::filesystem::path program = argv[0];
    std::fprintf(stderr, "%s: %s\n", program.filename().c_str(), e.what());
    return 1;
  }
}

}  // namespace weft::examples
