// SPDX-License-Identifier: Apache-2.0
// Tables from keys to values, as resources: what HashTable, MutableHashTable,
// MutableHashTableOfTensors and MutableDenseHashTable make.
//
// Keys are texts or numbers (of a dense table also small tensors), values texts or tensors of
// numbers of one shape. Thread-safe: look-ups run side by side, changes alone.
#pragma once

#include <cstdint>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/core/array.h"
#include "weft/runtime/resource.h"

namespace weft {

struct LookupTableSpec {
  enum class Kind {
    kStatic,   // filled once
    kMutable,  // changes at any time
    kDense     // as mutable; two keys are reserved
  };
  Kind kind = Kind::kStatic;
  DataType key_dtype = kInvalidType, value_dtype = kInvalidType;
  Shape key_shape, value_shape;  // of one entry
  Array empty_key, deleted_key;  // of a dense table: may not be used

  // InvalidArgument if tables can't hold such keys or values.
  absl::Status Check() const;
};

class LookupTable : public Resource {
 public:
  explicit LookupTable(LookupTableSpec spec);
  const LookupTableSpec& spec() const { return spec_; }
  // InvalidArgument unless a node that asks for a table like `spec` may have this one.
  absl::Status CheckSameAs(const LookupTableSpec& spec, std::string_view name) const;

  int64_t size() const;
  // values[i] = the value of keys[i], else of `otherwise`: one value, or one for each key. `values`
  // has the shape that ValuesShape gives. FailedPrecondition if a static table isn't filled yet.
  absl::Status Find(const Array& keys, const Array& otherwise, Array* values) const;
  // The shape of the values for these keys; InvalidArgument if they don't fit the table.
  absl::StatusOr<Shape> ValuesShape(const Array& keys) const;
  absl::Status CheckDefault(const Array& keys, const Array& otherwise) const;

  // Fills a static table; once it is filled, nothing happens if there are as many entries, and
  // FailedPrecondition if there are others. InvalidArgument if a key comes with two values.
  absl::Status Initialize(const Array& keys, const Array& values);
  // Of a table that may change; a key that is there gets the new value. Unimplemented for a static
  // one.
  absl::Status Insert(const Array& keys, const Array& values);
  absl::Status Remove(const Array& keys);
  // The table then holds these entries alone. A static one: Initialize.
  absl::Status Import(const Array& keys, const Array& values);
  // All entries, in the order in which they came. `allocate` gives the array of the keys (0) and
  // that of the values (1), of these shapes.
  absl::Status Export(absl::FunctionRef<absl::StatusOr<Array*>(int, const Shape&)> allocate) const;

  std::string DebugString() const override { return "lookup table"; }

 private:
  // A number of rows of elements of one dtype.
  class Column {
   public:
    Column(DataType dtype, const Shape& row);
    void Resize(int64_t rows);
    void Set(int64_t row, const Array& from, int64_t from_row);
    void Get(int64_t row, Array* to, int64_t to_row) const;
    bool Equals(int64_t row, const Array& other, int64_t other_row) const;

   private:
    const bool is_text_;
    const size_t elements_, bytes_;  // of a row
    std::vector<std::string> texts_;
    std::vector<char> numbers_;
  };
  static constexpr int64_t kNone = -1;

  absl::Status CheckEntries(const Array& keys, const Array& values) const;
  absl::Status CheckKeys(const Array& keys) const;
  absl::Status CheckReserved(const Array& keys) const;
  int64_t CountKeys(const Array& keys) const;
  // The row of key i, kNone if there is none. The rest needs mu_ held.
  int64_t RowOf(const Array& keys, int64_t i) const;
  void InsertOne(const Array& keys, const Array& values, int64_t i);
  void Clear();
  absl::Status InitializeLocked(const Array& keys, const Array& values);

  const LookupTableSpec spec_;
  const bool by_text_;  // keys are found by texts_, else by numbers_
  mutable std::shared_mutex mu_;
  bool filled_ = false;
  absl::flat_hash_map<std::string, int64_t> texts_;
  absl::flat_hash_map<uint64_t, int64_t> numbers_;
  Column keys_, values_;
  std::vector<bool> used_;     // by row
  std::vector<int64_t> free_;  // rows that are not
};

}  // namespace weft
