// SPDX-License-Identifier: Apache-2.0
// Attribute values of operations.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "weft/core/array.h"
#include "weft/core/dtype.h"
#include "weft/core/shape.h"

namespace weft {

class AttrValue;
using AttrMap = std::map<std::string, AttrValue, std::less<>>;

// A function by name, with the values of its attributes (NameAttrList).
struct FuncRef {
  std::string name;
  std::shared_ptr<const AttrMap> attrs;  // may be null: none
  friend bool operator==(const FuncRef& a, const FuncRef& b);
};

// Stands for another attribute inside a function body ("$T").
struct AttrPlaceholder {
  std::string name;
  friend bool operator==(const AttrPlaceholder&, const AttrPlaceholder&) = default;
};

// An empty list whose element type is not known yet (a NodeDef doesn't tell); fits every list
// attribute.
struct EmptyList {
  friend bool operator==(const EmptyList&, const EmptyList&) = default;
};

class AttrValue {
 public:
  using Variant = std::variant<std::monostate, std::string, int64_t, float, bool, DataType,
                               PartialShape, Array, FuncRef, AttrPlaceholder, EmptyList,
                               std::vector<std::string>, std::vector<int64_t>, std::vector<float>,
                               std::vector<bool>, std::vector<DataType>, std::vector<PartialShape>,
                               std::vector<Array>, std::vector<FuncRef>>;
  AttrValue() = default;
  AttrValue(const char* s) : value_(std::string(s)) {}       // NOLINT: conversions are the point
  AttrValue(std::string_view s) : value_(std::string(s)) {}  // NOLINT
  AttrValue(std::string s) : value_(std::move(s)) {}         // NOLINT
  AttrValue(int i) : value_(static_cast<int64_t>(i)) {}      // NOLINT
  AttrValue(int64_t i) : value_(i) {}                        // NOLINT
  AttrValue(float f) : value_(f) {}                          // NOLINT
  AttrValue(double f) : value_(static_cast<float>(f)) {}     // NOLINT
  AttrValue(bool b) : value_(b) {}                           // NOLINT
  AttrValue(DataType t) : value_(t) {}                       // NOLINT
  AttrValue(PartialShape s) : value_(std::move(s)) {}        // NOLINT
  AttrValue(const Shape& s) : value_(PartialShape(s)) {}     // NOLINT
  AttrValue(Array a) : value_(std::move(a)) {}               // NOLINT
  AttrValue(FuncRef f) : value_(std::move(f)) {}             // NOLINT
  AttrValue(AttrPlaceholder p) : value_(std::move(p)) {}     // NOLINT
  AttrValue(EmptyList e) : value_(e) {}                      // NOLINT
  AttrValue(std::vector<std::string> v) : value_(std::move(v)) {}                      // NOLINT
  AttrValue(std::vector<int64_t> v) : value_(std::move(v)) {}                          // NOLINT
  AttrValue(std::vector<int> v) : value_(std::vector<int64_t>(v.begin(), v.end())) {}  // NOLINT
  AttrValue(std::vector<float> v) : value_(std::move(v)) {}                            // NOLINT
  AttrValue(std::vector<bool> v) : value_(std::move(v)) {}                             // NOLINT
  AttrValue(std::vector<DataType> v) : value_(std::move(v)) {}                         // NOLINT
  AttrValue(std::vector<PartialShape> v) : value_(std::move(v)) {}                     // NOLINT
  AttrValue(std::vector<Array> v) : value_(std::move(v)) {}                            // NOLINT
  AttrValue(std::vector<FuncRef> v) : value_(std::move(v)) {}                          // NOLINT

  // nullptr if the value is of another kind. An EmptyList answers every vector kind with an empty
  // vector.
  template <typename T>
  const T* Get() const {
    if (const T* v = std::get_if<T>(&value_)) return v;
    if constexpr (IsVector<T>::value) {
      static const T* const empty = new T();
      if (std::holds_alternative<EmptyList>(value_)) return empty;
    }
    return nullptr;
  }
  bool has_value() const { return value_.index() != 0; }
  const Variant& variant() const { return value_; }
  // "string", "int", "float", "bool", "type", "shape", "tensor", "func", "placeholder",
  // "list(int)", ... , "none".
  std::string KindName() const;
  // A short text for messages and listings.
  std::string ToString() const;
  // A 64-bit hash of the value, equal for equal values.
  uint64_t Hash() const;
  friend bool operator==(const AttrValue& a, const AttrValue& b);

 private:
  template <typename T>
  struct IsVector : std::false_type {};
  template <typename E>
  struct IsVector<std::vector<E>> : std::true_type {};
  Variant value_;
};

}  // namespace weft
