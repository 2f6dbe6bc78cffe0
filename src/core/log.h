// SPDX-License-Identifier: Apache-2.0
// Lines for the person at the terminal, on stderr: "INFO:weft:Restoring parameters from m.ckpt".
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace weft {

// One write a line, so that lines of several threads don't mix.
inline void LogLine(std::string_view level, std::string_view text) {
  std::string line(level);
  line.append(":weft:").append(text).push_back('\n');
  std::fwrite(line.data(), 1, line.size(), stderr);
}
inline void LogInfo(std::string_view text) { LogLine("INFO", text); }
inline void LogWarning(std::string_view text) { LogLine("WARNING", text); }

}  // namespace weft
