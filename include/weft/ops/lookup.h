// SPDX-License-Identifier: Apache-2.0
// Tables from keys to values: vocabularies above all.
//
//   auto table = wf::lookup::HashTable(
//       wf::lookup::KeyValueTensorInitializer({"cat", "dog"}, wf::Array{int64_t{0}, int64_t{1}}),
//       int64_t{-1});
//   auto ids = table.Lookup(words);                       // -1 for words that the table hasn't
//   session.Run(wf::TablesInitializer());                 // before the first look-up
//
//   auto ids = wf::lookup::IndexTableFromFile("vocab.txt", {.num_oov_buckets = 5}).Lookup(words);
//
// A table lives in its session; tables of one shared name are one. Objects here are handles of
// nodes: copies mean the same table. Mistakes throw InvalidArgumentError; a look-up in a table that
// isn't filled fails with FailedPreconditionError when it runs. Runs may use a table from many
// threads at once.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft {

// Fills all tables of the graph (its collection "table_initializer").
Operation TablesInitializer(const NameOptions& options = {});

namespace lookup {

// How a table is filled.
class TableInitializer {
 public:
  TableInitializer(DataType key_dtype, DataType value_dtype, std::string shared_name,
                   std::function<Operation(Tensor)> fill)
      : key_dtype_(key_dtype),
        value_dtype_(value_dtype),
        shared_name_(std::move(shared_name)),
        fill_(std::move(fill)) {}
  DataType key_dtype() const { return key_dtype_; }
  DataType value_dtype() const { return value_dtype_; }
  // Tables that are filled alike share their entries; empty: they don't.
  const std::string& shared_name() const { return shared_name_; }
  // Adds the op that fills the table of this handle.
  Operation Fill(Tensor handle) const { return fill_(handle); }

 private:
  DataType key_dtype_, value_dtype_;
  std::string shared_name_;
  std::function<Operation(Tensor)> fill_;
};

// keys[i] -> values[i]: two vectors of one length. A key may not come with two values.
TableInitializer KeyValueTensorInitializer(const Input& keys, const Input& values,
                                           const std::string& name = "key_value_init");

// Columns of a text file: 0, 1, ... between delimiters, or
inline constexpr int64_t kLineNumber = -1;  // the number of the line, from 0; int64
inline constexpr int64_t kWholeLine = -2;   // the line; string or an integer dtype

struct TextFileOptions {
  std::optional<int64_t> vocab_size = {};  // only so many lines; without it all
  std::string delimiter = "\t";            // one character
  int64_t value_index_offset = 0;          // is added to line numbers
  std::string name = "text_file_init";
};
TableInitializer TextFileInitializer(const Input& filename, DataType key_dtype, int64_t key_index,
                                     DataType value_dtype, int64_t value_index,
                                     const TextFileOptions& options = {});

// Keys and values of a whole table, in no order that may be relied on.
struct Entries {
  Tensor keys, values;
};

// A table that is filled once, by `initializer()` or TablesInitializer(). Values are scalars.
class StaticHashTable {
 public:
  StaticHashTable(const TableInitializer& initializer, const Input& default_value,
                  const NameOptions& options = {});
  // For each key its value, or the default value.
  Tensor Lookup(const Input& keys, const NameOptions& options = {}) const;
  Tensor Size(const NameOptions& options = {}) const;  // int64
  Entries Export(const NameOptions& options = {}) const;
  Operation initializer() const { return initializer_; }
  Tensor handle() const { return handle_; }
  Tensor default_value() const { return default_value_; }
  DataType key_dtype() const { return key_dtype_; }
  DataType value_dtype() const { return value_dtype_; }
  std::string name() const;

 private:
  DataType key_dtype_, value_dtype_;
  Tensor default_value_, handle_;
  Operation initializer_;
};
using HashTable = StaticHashTable;

// A vocabulary: ids of words, and for other words one of `num_oov_buckets` ids after them, by the
// word's hash (that of StringToHashBucketFast).
class StaticVocabularyTable {
 public:
  // `initializer` must give int64 values; keys are string or int64.
  StaticVocabularyTable(const TableInitializer& initializer, int64_t num_oov_buckets,
                        const NameOptions& options = {});
  StaticVocabularyTable(StaticHashTable table, int64_t num_oov_buckets);
  // `keys`: strings, or integers of any dtype for a table of int64.
  Tensor Lookup(const Input& keys, const NameOptions& options = {}) const;
  Tensor Size(const NameOptions& options = {}) const;  // the buckets included
  Operation initializer() const { return table_.initializer(); }
  const StaticHashTable& table() const { return table_; }

 private:
  StaticHashTable table_;
  int64_t num_oov_buckets_;
};

struct IndexTableOptions {
  int64_t num_oov_buckets = 0;             // 0: other words are default_value
  std::optional<int64_t> vocab_size = {};  // of a file: only so many lines
  int64_t default_value = -1;
  int64_t key_column_index = kWholeLine, value_column_index = kLineNumber;  // of a file
  std::string delimiter = "\t";                                             // of a file
  std::string name = {};
};
// Ids of words that are the lines of a file, or elements of a vector.
StaticVocabularyTable IndexTableFromFile(const Input& vocabulary_file,
                                         const IndexTableOptions& options = {});
StaticVocabularyTable IndexTableFromTensor(const Input& vocabulary_list,
                                           const IndexTableOptions& options = {});
// Words of ids.
StaticHashTable IndexToStringTableFromFile(const Input& vocabulary_file,
                                           const std::string& default_value = "UNK",
                                           std::optional<int64_t> vocab_size = {},
                                           const NameOptions& options = {});
StaticHashTable IndexToStringTableFromTensor(const Input& vocabulary_list,
                                             const std::string& default_value = "UNK",
                                             const NameOptions& options = {});

// A table that may change. Its values have the shape of the default value.
class MutableHashTable {
 public:
  MutableHashTable(DataType key_dtype, DataType value_dtype, const Input& default_value,
                   const NameOptions& options = {});
  Tensor Lookup(const Input& keys, const NameOptions& options = {}) const;
  // Keys that are there get the new values.
  Operation Insert(const Input& keys, const Input& values, const NameOptions& options = {}) const;
  Operation Remove(const Input& keys, const NameOptions& options = {}) const;
  Tensor Size(const NameOptions& options = {}) const;  // int64
  Entries Export(const NameOptions& options = {}) const;
  Tensor handle() const { return handle_; }
  std::string name() const;

 protected:
  MutableHashTable() = default;
  DataType key_dtype_ = kInvalidType, value_dtype_ = kInvalidType;
  Tensor default_value_, handle_;
};

// As MutableHashTable, of keys that may be vectors too; two keys are reserved.
class DenseHashTable : public MutableHashTable {
 public:
  DenseHashTable(DataType key_dtype, DataType value_dtype, const Input& default_value,
                 const Input& empty_key, const Input& deleted_key, const NameOptions& options = {});
};

}  // namespace lookup
}  // namespace weft
