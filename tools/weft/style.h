// SPDX-License-Identifier: Apache-2.0
// Colours, where a person sees them: on a terminal, unless NO_COLOR is set (https://no-color.org).
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>

namespace weft::tool {

inline bool HasColors(int descriptor = STDOUT_FILENO) {
  const char* no_color = std::getenv("NO_COLOR");
  return isatty(descriptor) && (no_color == nullptr || *no_color == '\0');
}

inline std::string Styled(const char* code, std::string_view text, int descriptor) {
  if (!HasColors(descriptor)) return std::string(text);
  return std::string("\x1b[").append(code).append("m").append(text).append("\x1b[0m");
}

inline std::string Bold(std::string_view text, int descriptor = STDOUT_FILENO) {
  return Styled("1", text, descriptor);
}
inline std::string Red(std::string_view text, int descriptor = STDOUT_FILENO) {
  return Styled("31", text, descriptor);
}
inline std::string Dim(std::string_view text, int descriptor = STDOUT_FILENO) {
  return Styled("2", text, descriptor);
}

}  // namespace weft::tool
