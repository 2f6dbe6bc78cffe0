// SPDX-License-Identifier: Apache-2.0
// Writes JSON, piece by piece, with indentation.
//
//   JsonWriter json(std::cout);
//   json.BeginObject();
//   json.Key("name").Value("x");
//   json.Key("dims").BeginArray().Value(2).Value(3).End();
//   json.End();
#pragma once

#include <concepts>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace weft::tool {

class JsonWriter {
 public:
  explicit JsonWriter(std::ostream& out) : out_(out) {}
  JsonWriter& BeginObject() { return Begin('{', '}'); }
  JsonWriter& BeginArray() { return Begin('[', ']'); }
  // Of the innermost object or array; after the outermost one a newline.
  JsonWriter& End();
  JsonWriter& Key(std::string_view name);
  JsonWriter& Value(std::string_view text);
  JsonWriter& Value(const char* text) { return Value(std::string_view(text)); }
  JsonWriter& Value(bool value) { return Raw(value ? "true" : "false"); }
  JsonWriter& Value(double value);  // null unless finite
  template <std::integral T>
  JsonWriter& Value(T value) {
    return Raw(std::to_string(value));
  }

 private:
  struct Level {
    char close;
    bool empty = true;
  };
  JsonWriter& Begin(char open, char close);
  JsonWriter& Raw(std::string_view text);
  void Separate();
  void NewLine();
  std::ostream& out_;
  std::vector<Level> levels_;
  bool after_key_ = false;
};

// With quotes. Bytes that are no UTF-8 become the replacement character.
std::string JsonQuoted(std::string_view text);

}  // namespace weft::tool
