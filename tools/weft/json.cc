// SPDX-License-Identifier: Apache-2.0
#include "tools/weft/json.h"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace weft::tool {
namespace {

// Bytes of the UTF-8 character at the front; 0 if there is none.
size_t CharacterSize(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t size = lead < 0x80                   ? 1
                      : lead >= 0xc2 && lead < 0xe0 ? 2
                      : lead >= 0xe0 && lead < 0xf0 ? 3
                      : lead >= 0xf0 && lead < 0xf5 ? 4
                                                    : 0;
  if (size == 0 || size > text.size()) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  }
  return size;
}

}  // namespace

std::string JsonQuoted(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const size_t size = CharacterSize(text);
    const char c = text[0];
    if (size == 0) {
      out += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", c);
      out += code;
    } else {
      out.append(text.substr(0, size));
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out + '"';
}

JsonWriter& JsonWriter::Begin(char open, char close) {
  Separate();
  out_ << open;
  levels_.push_back({close});
  return *this;
}

JsonWriter& JsonWriter::End() {
  const Level level = levels_.back();
  levels_.pop_back();
  if (!level.empty) NewLine();
  out_ << level.close;
  if (levels_.empty()) out_ << '\n';
  return *this;
}

JsonWriter& JsonWriter::Key(std::string_view name) {
  Separate();
  out_ << JsonQuoted(name) << ": ";
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::Value(std::string_view text) { return Raw(JsonQuoted(text)); }

JsonWriter& JsonWriter::Value(double value) {
  if (!std::isfinite(value)) return Raw("null");
  char text[40];
  return Raw({text, std::to_chars(text, text + sizeof text, value).ptr});
}

JsonWriter& JsonWriter::Raw(std::string_view text) {
  Separate();
  out_ << text;
  return *this;
}

void JsonWriter::Separate() {
  if (after_key_ || levels_.empty()) {
    after_key_ = false;
    return;
  }
  if (!levels_.back().empty) out_ << ',';
  levels_.back().empty = false;
  NewLine();
}

void JsonWriter::NewLine() { out_ << '\n' << std::string(2 * levels_.size(), ' '); }

}  // namespace weft::tool
