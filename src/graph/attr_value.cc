// SPDX-License-Identifier: Apache-2.0
#include "weft/graph/attr_value.h"

#include <cstring>
#include <type_traits>

namespace weft {
namespace {

template <typename T>
inline constexpr bool IsList = false;
template <typename E>
inline constexpr bool IsList<std::vector<E>> = true;

const AttrMap& EmptyAttrs() {
  static const AttrMap* const empty = new AttrMap();
  return *empty;
}

// Arrays of attributes: equal bytes (so that NaN equals itself), strings by value.
bool SameArray(const Array& a, const Array& b) {
  if (a.dtype() != b.dtype() || !(a.shape() == b.shape())) return false;
  if (!IsPlain(a.dtype())) return a == b;
  return a.num_bytes() == 0 || std::memcmp(a.raw_data(), b.raw_data(), a.num_bytes()) == 0;
}

uint64_t Mix(uint64_t h, uint64_t v) {
  h ^= v + 0x9e3779b97f4a7c15ull + (h << 6) + (h >> 2);
  return h * 0xff51afd7ed558ccdull;
}
uint64_t HashBytes(std::string_view s) { return std::hash<std::string_view>()(s); }

uint64_t HashOf(std::monostate) { return 1; }
uint64_t HashOf(const std::string& s) { return HashBytes(s); }
uint64_t HashOf(int64_t i) { return static_cast<uint64_t>(i); }
uint64_t HashOf(float f) { return std::bit_cast<uint32_t>(f); }
uint64_t HashOf(bool b) { return b; }
uint64_t HashOf(DataType t) { return static_cast<uint64_t>(t); }
uint64_t HashOf(const PartialShape& s) { return HashBytes(s.ToString()); }
uint64_t HashOf(const Array& a) {
  uint64_t h = Mix(a.dtype(), HashBytes(a.shape().ToString()));
  if (IsPlain(a.dtype()))
    return Mix(h, HashBytes({static_cast<const char*>(a.raw_data()), a.num_bytes()}));
  if (a.dtype() == kString) {
    for (const std::string& s : a.values<std::string>()) h = Mix(h, HashBytes(s));
  }
  return h;
}
uint64_t HashOf(const FuncRef& f) {
  uint64_t h = HashBytes(f.name);
  if (f.attrs) {
    for (const auto& [name, value] : *f.attrs) h = Mix(Mix(h, HashBytes(name)), value.Hash());
  }
  return h;
}
uint64_t HashOf(const AttrPlaceholder& p) { return HashBytes(p.name); }
uint64_t HashOf(EmptyList) { return 2; }
template <typename T>
uint64_t HashOf(const std::vector<T>& v) {
  uint64_t h = v.size();
  for (const auto& e : v) h = Mix(h, HashOf(static_cast<T>(e)));
  return h;
}

std::string Text(std::monostate) { return "<none>"; }
std::string Text(const std::string& s) { return "\"" + s + "\""; }
std::string Text(int64_t i) { return std::to_string(i); }
std::string Text(float f) { return std::to_string(f); }
std::string Text(bool b) { return b ? "true" : "false"; }
std::string Text(DataType t) { return DTypeOpName(t); }
std::string Text(const PartialShape& s) { return s.ToString(); }
std::string Text(const Array& a) {
  return "Array<" + DTypeName(a.dtype()) + " " + a.shape().ToString() + ">";
}
std::string Text(const FuncRef& f) { return f.name; }
std::string Text(const AttrPlaceholder& p) { return "$" + p.name; }
std::string Text(EmptyList) { return "[]"; }
template <typename T>
std::string Text(const std::vector<T>& v) {
  std::string s = "[";
  for (size_t i = 0; i < v.size(); ++i) s += (i ? ", " : "") + Text(static_cast<T>(v[i]));
  return s + "]";
}

}  // namespace

bool operator==(const FuncRef& a, const FuncRef& b) {
  return a.name == b.name &&
         (a.attrs ? *a.attrs : EmptyAttrs()) == (b.attrs ? *b.attrs : EmptyAttrs());
}

bool operator==(const AttrValue& a, const AttrValue& b) {
  if (const Array* x = a.Get<Array>()) {
    const Array* y = b.Get<Array>();
    return y && SameArray(*x, *y);
  }
  if (a.value_.index() != b.value_.index()) {
    // An empty list is equal to an empty list of a known type.
    auto empty = [](const AttrValue& v) {
      return std::visit(
          [](const auto& x) {
            using T = std::decay_t<decltype(x)>;
            if constexpr (IsList<T>)
              return x.empty();
            else
              return std::is_same_v<T, EmptyList>;
          },
          v.value_);
    };
    return empty(a) && empty(b);
  }
  return a.value_ == b.value_;
}

std::string AttrValue::KindName() const {
  static constexpr const char* kNames[] = {
      "none",       "string",       "int",          "float",       "bool",
      "type",       "shape",        "tensor",       "func",        "placeholder",
      "list",       "list(string)", "list(int)",    "list(float)", "list(bool)",
      "list(type)", "list(shape)",  "list(tensor)", "list(func)"};
  return kNames[value_.index()];
}

std::string AttrValue::ToString() const {
  return std::visit([](const auto& v) { return Text(v); }, value_);
}

uint64_t AttrValue::Hash() const {
  return std::visit([](const auto& v) { return HashOf(v); }, value_);
}

}  // namespace weft
