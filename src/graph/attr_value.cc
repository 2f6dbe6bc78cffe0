// SPDX-License-Identifier: Apache-2.0
#include "weft/graph/attr_value.h"

#include <bit>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include "src/graph/attr_variant.h"

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

template <typename T>
AttrValue::AttrValue(Construct, T&& value) {
  static_assert(sizeof(AttrVariant) <= kBytes && alignof(AttrVariant) <= 8);
  ::new (static_cast<void*>(storage_)) AttrVariant(std::forward<T>(value));
}
const AttrVariant& AttrValue::variant() const {
  return *std::launder(reinterpret_cast<const AttrVariant*>(storage_));
}
AttrVariant& AttrValue::value() { return *std::launder(reinterpret_cast<AttrVariant*>(storage_)); }

AttrValue::AttrValue() noexcept : AttrValue(Construct(), std::monostate()) {}
AttrValue::AttrValue(const AttrValue& other) : AttrValue(Construct(), other.variant()) {}
AttrValue::AttrValue(AttrValue&& other) noexcept
    : AttrValue(Construct(), std::move(other.value())) {}
AttrValue& AttrValue::operator=(const AttrValue& other) {
  value() = other.variant();
  return *this;
}
AttrValue& AttrValue::operator=(AttrValue&& other) noexcept {
  value() = std::move(other.value());
  return *this;
}
AttrValue::~AttrValue() { value().~AttrVariant(); }

AttrValue::AttrValue(const char* s) : AttrValue(Construct(), std::string(s)) {}
AttrValue::AttrValue(std::string_view s) : AttrValue(Construct(), std::string(s)) {}
AttrValue::AttrValue(std::string s) : AttrValue(Construct(), std::move(s)) {}
AttrValue::AttrValue(int i) : AttrValue(Construct(), static_cast<int64_t>(i)) {}
AttrValue::AttrValue(int64_t i) : AttrValue(Construct(), std::move(i)) {}
AttrValue::AttrValue(float f) : AttrValue(Construct(), std::move(f)) {}
AttrValue::AttrValue(double f) : AttrValue(Construct(), static_cast<float>(f)) {}
AttrValue::AttrValue(bool b) : AttrValue(Construct(), std::move(b)) {}
AttrValue::AttrValue(DataType t) : AttrValue(Construct(), std::move(t)) {}
AttrValue::AttrValue(PartialShape s) : AttrValue(Construct(), std::move(s)) {}
AttrValue::AttrValue(const Shape& s) : AttrValue(Construct(), PartialShape(s)) {}
AttrValue::AttrValue(Array a) : AttrValue(Construct(), std::move(a)) {}
AttrValue::AttrValue(FuncRef f) : AttrValue(Construct(), std::move(f)) {}
AttrValue::AttrValue(AttrPlaceholder p) : AttrValue(Construct(), std::move(p)) {}
AttrValue::AttrValue(EmptyList e) : AttrValue(Construct(), std::move(e)) {}
AttrValue::AttrValue(std::vector<std::string> v) : AttrValue(Construct(), std::move(v)) {}
AttrValue::AttrValue(std::vector<int64_t> v) : AttrValue(Construct(), std::move(v)) {}
AttrValue::AttrValue(const std::vector<int>& v)
    : AttrValue(Construct(), std::vector<int64_t>(v.begin(), v.end())) {}
AttrValue::AttrValue(std::vector<float> v) : AttrValue(Construct(), std::move(v)) {}
AttrValue::AttrValue(std::vector<bool> v) : AttrValue(Construct(), std::move(v)) {}
AttrValue::AttrValue(std::vector<DataType> v) : AttrValue(Construct(), std::move(v)) {}
AttrValue::AttrValue(std::vector<PartialShape> v) : AttrValue(Construct(), std::move(v)) {}
AttrValue::AttrValue(std::vector<Array> v) : AttrValue(Construct(), std::move(v)) {}
AttrValue::AttrValue(std::vector<FuncRef> v) : AttrValue(Construct(), std::move(v)) {}

bool AttrValue::has_value() const { return variant().index() != 0; }

template <typename T>
const T* AttrValue::Get() const {
  if (const T* v = std::get_if<T>(&variant())) return v;
  if constexpr (IsList<T>) {
    static const T* const empty = new T();
    if (std::holds_alternative<EmptyList>(variant())) return empty;
  }
  return nullptr;
}
template const std::string* AttrValue::Get() const;
template const int64_t* AttrValue::Get() const;
template const float* AttrValue::Get() const;
template const bool* AttrValue::Get() const;
template const DataType* AttrValue::Get() const;
template const PartialShape* AttrValue::Get() const;
template const Array* AttrValue::Get() const;
template const FuncRef* AttrValue::Get() const;
template const AttrPlaceholder* AttrValue::Get() const;
template const EmptyList* AttrValue::Get() const;
template const std::vector<std::string>* AttrValue::Get() const;
template const std::vector<int64_t>* AttrValue::Get() const;
template const std::vector<float>* AttrValue::Get() const;
template const std::vector<bool>* AttrValue::Get() const;
template const std::vector<DataType>* AttrValue::Get() const;
template const std::vector<PartialShape>* AttrValue::Get() const;
template const std::vector<Array>* AttrValue::Get() const;
template const std::vector<FuncRef>* AttrValue::Get() const;

bool operator==(const FuncRef& a, const FuncRef& b) {
  return a.name == b.name &&
         (a.attrs ? *a.attrs : EmptyAttrs()) == (b.attrs ? *b.attrs : EmptyAttrs());
}

bool operator==(const AttrValue& a, const AttrValue& b) {
  if (const Array* x = a.Get<Array>()) {
    const Array* y = b.Get<Array>();
    return y && SameArray(*x, *y);
  }
  if (a.variant().index() != b.variant().index()) {
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
          v.variant());
    };
    return empty(a) && empty(b);
  }
  return static_cast<const AttrKinds&>(a.variant()) == b.variant();
}

std::string_view KindText(const AttrVariant& value) {
  static constexpr std::string_view kNames[] = {
      "none",       "string",       "int",          "float",       "bool",
      "type",       "shape",        "tensor",       "func",        "placeholder",
      "list",       "list(string)", "list(int)",    "list(float)", "list(bool)",
      "list(type)", "list(shape)",  "list(tensor)", "list(func)"};
  return kNames[value.index()];
}

std::string AttrValue::KindName() const { return std::string(KindText(variant())); }

std::string AttrValue::ToString() const {
  return std::visit([](const auto& v) { return Text(v); }, variant());
}

uint64_t AttrValue::Hash() const {
  return std::visit([](const auto& v) { return HashOf(v); }, variant());
}

}  // namespace weft
