// SPDX-License-Identifier: Apache-2.0
// Building texts from pieces. (Debian's abseil has a string_view of its own that std::string_view
// does not convert to, so its StrCat can't be used throughout.)
#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

#include "absl/strings/string_view.h"

namespace weft {
namespace internal {

inline void AppendPiece(std::string* s, std::string_view piece) { s->append(piece); }
inline void AppendPiece(std::string* s, const char* piece) { s->append(piece); }
inline void AppendPiece(std::string* s, const std::string& piece) { s->append(piece); }
inline void AppendPiece(std::string* s, absl::string_view piece) {
  s->append(piece.data(), piece.size());
}
inline void AppendPiece(std::string* s, char piece) { s->push_back(piece); }
inline void AppendPiece(std::string* s, bool piece) { s->append(piece ? "true" : "false"); }
template <typename T>
requires(std::is_arithmetic_v<T> && !std::same_as<T, bool> &&
         !std::same_as<T, char>) void AppendPiece(std::string* s, T piece) {
  char text[40];
  s->append(text, std::to_chars(text, text + sizeof text, piece).ptr);
}

}  // namespace internal

template <typename... T>
void StrAppend(std::string* s, const T&... pieces) {
  (internal::AppendPiece(s, pieces), ...);
}
template <typename... T>
std::string StrCat(const T&... pieces) {
  std::string s;
  StrAppend(&s, pieces...);
  return s;
}
template <typename Range, typename Format>
std::string StrJoin(const Range& range, std::string_view separator, Format&& format) {
  std::string s;
  bool first = true;
  for (const auto& e : range) {
    if (!first) s.append(separator);
    first = false;
    format(&s, e);
  }
  return s;
}
template <typename Range>
std::string StrJoin(const Range& range, std::string_view separator) {
  return StrJoin(range, separator, [](std::string* s, const auto& e) { StrAppend(s, e); });
}
inline std::string_view StripSpace(std::string_view s) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const size_t first = s.find_first_not_of(kSpace);
  return first == std::string_view::npos ? std::string_view()
                                         : s.substr(first, s.find_last_not_of(kSpace) - first + 1);
}
inline std::string AsciiLower(std::string_view s) {
  std::string t(s);
  for (char& c : t) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return t;
}

}  // namespace weft
