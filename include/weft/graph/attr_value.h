// SPDX-License-Identifier: Apache-2.0
// Attribute values of operations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
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

// The kinds of values, a std::variant: src/graph/attr_variant.h. It is not named here because every
// file that includes this header would compile it.
struct AttrVariant;

class AttrValue {
 public:
  AttrValue() noexcept;  // none
  AttrValue(const AttrValue& other);
  AttrValue(AttrValue&& other) noexcept;
  AttrValue& operator=(const AttrValue& other);
  AttrValue& operator=(AttrValue&& other) noexcept;
  ~AttrValue();

  AttrValue(const char* s);                // NOLINT: conversions are the point
  AttrValue(std::string_view s);           // NOLINT
  AttrValue(std::string s);                // NOLINT
  AttrValue(int i);                        // NOLINT
  AttrValue(int64_t i);                    // NOLINT
  AttrValue(float f);                      // NOLINT
  AttrValue(double f);                     // NOLINT
  AttrValue(bool b);                       // NOLINT
  AttrValue(DataType t);                   // NOLINT
  AttrValue(PartialShape s);               // NOLINT
  AttrValue(const Shape& s);               // NOLINT
  AttrValue(Array a);                      // NOLINT
  AttrValue(FuncRef f);                    // NOLINT
  AttrValue(AttrPlaceholder p);            // NOLINT
  AttrValue(EmptyList e);                  // NOLINT
  AttrValue(std::vector<std::string> v);   // NOLINT
  AttrValue(std::vector<int64_t> v);       // NOLINT
  AttrValue(const std::vector<int>& v);    // NOLINT
  AttrValue(std::vector<float> v);         // NOLINT
  AttrValue(std::vector<bool> v);          // NOLINT
  AttrValue(std::vector<DataType> v);      // NOLINT
  AttrValue(std::vector<PartialShape> v);  // NOLINT
  AttrValue(std::vector<Array> v);         // NOLINT
  AttrValue(std::vector<FuncRef> v);       // NOLINT

  // The value as std::string, int64_t, float, bool, DataType, PartialShape, Array, FuncRef,
  // AttrPlaceholder, EmptyList, or a std::vector of one of the first eight; nullptr if it is of
  // another kind. An EmptyList answers every vector kind with an empty vector.
  template <typename T>
  const T* Get() const;
  bool has_value() const;
  const AttrVariant& variant() const;
  // "string", "int", "float", "bool", "type", "shape", "tensor", "func", "placeholder",
  // "list(int)", ... , "none".
  std::string KindName() const;
  // A short text for messages and listings.
  std::string ToString() const;
  // A 64-bit hash of the value, equal for equal values.
  uint64_t Hash() const;
  friend bool operator==(const AttrValue& a, const AttrValue& b);

 private:
  struct Construct {};
  template <typename T>
  AttrValue(Construct, T&& value);
  AttrVariant& value();

  static constexpr size_t kBytes = 104;
  alignas(8) std::byte storage_[kBytes];  // of the AttrVariant, which lives as long as this
};

}  // namespace weft
