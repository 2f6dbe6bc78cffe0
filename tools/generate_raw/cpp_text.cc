// SPDX-License-Identifier: Apache-2.0
#include "tools/generate_raw/cpp_text.h"
#include "src/graph/attr_variant.h"

#include <cmath>
#include <cstdio>
#include <map>
#include <set>
#include <sstream>

namespace weft::raw {
namespace {

constexpr size_t kColumns = 100;

const std::map<std::string_view, std::string_view>& AttrTypes() {
  static const std::map<std::string_view, std::string_view> types = {
      {"string", "std::string"}, {"int", "int64_t"},   {"float", "float"},
      {"bool", "bool"},          {"type", "DataType"}, {"shape", "PartialShape"},
      {"tensor", "Array"},       {"func", "FuncRef"}};
  return types;
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const unsigned char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c >= 0x20 && c < 0x7f) {
      out += static_cast<char>(c);
    } else {
      // Three octal digits end by themselves; a hexadecimal escape would go on.
      char escape[5];
      std::snprintf(escape, sizeof(escape), "\\%03o", c);
      out += escape;
    }
  }
  return out + "\"";
}

std::string LiteralOf(std::monostate) { return "{}"; }
std::string LiteralOf(const std::string& v) { return Quoted(v); }
std::string LiteralOf(int64_t v) {
  // The most negative number has no literal of its own.
  return v == INT64_MIN ? "INT64_MIN" : std::to_string(v);
}
std::string LiteralOf(float v) {
  if (std::isnan(v)) return "std::numeric_limits<float>::quiet_NaN()";
  if (std::isinf(v))
    return std::string(v < 0 ? "-" : "") + "std::numeric_limits<float>::infinity()";
  char text[32];
  std::snprintf(text, sizeof(text), "%.9g", static_cast<double>(v));
  for (const char* digits = "6789"; *digits; ++digits) {
    char shorter[32];
    const char format[] = {'%', '.', *digits, 'g', '\0'};
    std::snprintf(shorter, sizeof(shorter), format, static_cast<double>(v));
    if (std::strtof(shorter, nullptr) == v) {
      std::snprintf(text, sizeof(text), "%s", shorter);
      break;
    }
  }
  const std::string number = text;
  return number + (number.find_first_of(".e") == std::string::npos ? ".0f" : "f");
}
std::string LiteralOf(bool v) { return v ? "true" : "false"; }
std::string LiteralOf(DataType v) { return DTypeConstant(v); }
std::string LiteralOf(const PartialShape& v) {
  if (!v.known_rank()) return "PartialShape()";
  if (v.rank() == 0) return "PartialShape::Scalar()";
  std::string dims;
  for (int i = 0; i < v.rank(); ++i) dims += (i > 0 ? ", " : "") + std::to_string(v.dim(i));
  return "PartialShape({" + dims + "})";
}
std::string LiteralOf(const Array&) { return "{}"; }
std::string LiteralOf(const FuncRef& v) { return "{" + Quoted(v.name) + ", nullptr}"; }
std::string LiteralOf(const AttrPlaceholder&) { return "{}"; }
std::string LiteralOf(const EmptyList&) { return "{}"; }
template <typename T>
std::string LiteralOf(const std::vector<T>& v) {
  std::string items;
  for (size_t i = 0; i < v.size(); ++i) items += (i > 0 ? ", " : "") + LiteralOf(T(v[i]));
  return "{" + items + "}";
}

}  // namespace

std::string Identifier(std::string_view name) {
  static const std::set<std::string_view> reserved = {
      "alignas",  "and",       "asm",      "auto",     "bool",     "break",    "case",    "catch",
      "char",     "class",     "concept",  "const",    "continue", "default",  "delete",  "do",
      "double",   "else",      "enum",     "explicit", "export",   "extern",   "false",   "float",
      "for",      "friend",    "goto",     "if",       "inline",   "int",      "long",    "mutable",
      "name",     "namespace", "new",      "node",     "not",      "operator", "options", "or",
      "private",  "protected", "public",   "register", "requires", "return",   "short",   "signed",
      "sizeof",   "static",    "struct",   "switch",   "template", "this",     "throw",   "true",
      "try",      "typedef",   "typename", "union",    "unsigned", "using",    "virtual", "void",
      "volatile", "while",     "xor"};
  return std::string(name) + (reserved.contains(name) ? "_" : "");
}

std::string TypeOf(const AttrDef& attr) {
  std::string_view type = attr.type;
  if (attr.is_list()) type = type.substr(5, type.size() - 6);
  const auto found = AttrTypes().find(type);
  if (found == AttrTypes().end()) return "";
  const std::string element(found->second);
  return attr.is_list() ? "std::vector<" + element + ">" : element;
}

std::string ParameterTypeOf(const AttrDef& attr) {
  const std::string type = TypeOf(attr);
  const bool is_small =
      type == "int64_t" || type == "float" || type == "bool" || type == "DataType";
  return is_small ? type : "const " + type + "&";
}

std::string Literal(const AttrValue& value) {
  return std::visit([](const auto& v) { return LiteralOf(v); }, value.variant());
}

std::string DTypeConstant(DataType dtype) {
  // The constants are named after DTypeName, but for these.
  static const std::map<std::string_view, std::string_view> others = {
      {"invalid", "InvalidType"}, {"float8_e5m2", "Float8E5M2"}, {"float8_e4m3fn", "Float8E4M3fn"}};
  if (IsRef(dtype)) return "MakeRef(" + DTypeConstant(RemoveRef(dtype)) + ")";
  std::string name(DTypeName(dtype));
  if (const auto found = others.find(name); found != others.end())
    name = found->second;
  else
    name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
  return "k" + name;
}

std::string Comment(std::string_view text, std::string_view first, std::string_view others) {
  std::istringstream words{std::string(text)};
  std::string out, line = "//" + std::string(first);
  bool is_begun = false;  // the line holds a word
  for (std::string word; words >> word; is_begun = true) {
    if (is_begun && line.size() + 1 + word.size() > kColumns) {
      out += line + "\n";
      line = "//" + std::string(others);
    }
    line += " " + word;
  }
  return is_begun ? out + line + "\n" : out;
}

std::string Wrapped(std::string_view code) {
  std::string out;
  size_t room = kColumns;
  while (code.size() > room) {
    // After the last comma that still fits, or after the bracket that opens the arguments.
    size_t end = code.rfind(", ", room - 1);
    end = end == std::string_view::npos ? code.find('(') : end;
    if (end == std::string_view::npos) break;
    out += std::string(code.substr(0, end + 1)) + "\n    ";
    code.remove_prefix(code[end] == ',' ? end + 2 : end + 1);
    room = kColumns - 4;
  }
  return out + std::string(code);
}

}  // namespace weft::raw
