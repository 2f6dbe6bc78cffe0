// SPDX-License-Identifier: Apache-2.0
// The features of a batch of examples on their way into outputs: dense, sparse and ragged ones.
//
// In two passes over the examples, each of which may run on several threads: the first finds where
// the bytes of every wanted feature are and counts its values, so that all outputs can be made of
// their final sizes; the second reads the values straight into their places.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "src/io/example_wire.h"
#include "weft/runtime/kernel.h"

namespace weft {

// What is wanted of one feature, and the outputs that it goes to.
struct FeatureSpec {
  enum class Form { kDense, kSparse, kRagged };
  std::string name;
  Form form = Form::kDense;
  DataType dtype = kInvalidType;  // string, float or int64
  // Outputs: dense: values (of a feature list: and lengths); sparse: indices, values, shape;
  // ragged: values, splits (of a feature list: outer and inner ones).
  int outputs[3] = {-1, -1, -1};
  // Of dense features.
  PartialShape shape;            // of one example's values
  bool variable_length = false;  // the first size of `shape` is open
  int64_t block_size = 1;        // elements of `shape`, without an open first size
  Array default_value;           // for fixed lengths: none if it has no elements; else the padding
  DataType split_dtype = kInvalidType;  // of ragged features: int32 or int64
  bool may_be_missing = false;          // a dense feature list: then it has no steps

  // Sets shape, variable_length and block_size. InvalidArgument if a size that must be known isn't.
  absl::Status SetShape(const PartialShape& wanted);
};

// The kind of list that a dtype's values come in; kNone for others than string, float and int64.
io::FeatureKind KindOf(DataType dtype);
DataType DtypeOfKind(io::FeatureKind kind);
// "bytes", "float", "int64": how messages call the values of a dtype.
std::string_view ValuesName(DataType dtype);
// InvalidArgument unless examples can hold such values.
absl::Status CheckFeatureDtype(DataType dtype);

// From names to positions in a list of wanted features.
class FeatureNames {
 public:
  // `specs` must outlive it. InvalidArgument if a name comes twice.
  absl::Status Init(const std::vector<FeatureSpec>& specs);
  // Examples of one data set mostly have their features in one order: a cursor remembers which
  // feature followed which.
  struct Cursor {
    std::vector<int> follower;
    int last = 0;
  };
  Cursor Start() const { return {std::vector<int>(specs_->size() + 1, -1), 0}; }
  // -1 if the feature is not wanted.
  int Find(std::string_view name, Cursor* cursor) const;

 private:
  const std::vector<FeatureSpec>* specs_ = nullptr;
  std::unordered_map<std::string_view, int> index_;
};

// The error of the first example that has one.
class FirstError {
 public:
  void Note(int64_t example, absl::Status status);
  absl::Status status() const { return status_; }

 private:
  std::mutex mu_;
  int64_t example_ = -1;
  absl::Status status_;
};

// How errors say which example they are about.
struct ExampleNames {
  std::span<const std::string> names;  // empty: they have none
  bool batched = true;
  // "Name: <unknown>, Key: k, Index: 3.  message", or "Key: k.  message" for an example by itself.
  absl::Status Error(int64_t example, std::string_view key, std::string_view message) const;
  // "Name: <unknown>, Feature: k (data type: float) is required but could not be found."
  absl::Status Missing(int64_t example, const FeatureSpec& spec) const;
  std::string Name(int64_t example) const;
};

class FeatureTable {
 public:
  // `specs`, `names` and the examples' bytes must outlive it.
  FeatureTable(const std::vector<FeatureSpec>& specs, const ExampleNames& names, int64_t examples);

  // First pass. Example e has this feature (a serialised Feature): the last one said counts.
  void Put(int64_t e, int feature, std::string_view bytes) {
    Cell& cell = At(e, feature);
    cell.bytes = bytes;
    cell.present = true;
  }
  // Reads what was put for example e, counts and checks it.
  absl::Status Count(int64_t e);
  // Between the passes: makes the outputs. For examples in a batch their number is the first size.
  absl::Status Allocate(KernelContext& ctx);
  // Second pass: the values of example e.
  absl::Status Fill(int64_t e);

 private:
  struct Cell {
    std::string_view bytes;  // a Feature; from Count on its list of values
    bool present = false;
    int64_t count = 0;   // of values
    int64_t offset = 0;  // of the first among those of all examples: sparse and ragged
  };
  struct Output {
    Array indices, values;
    int64_t row = 0;  // elements of an example: dense
  };
  Cell& At(int64_t e, int f) { return cells_[static_cast<size_t>(e) * specs_.size() + f]; }
  absl::Status CountOne(int64_t e, int f);
  absl::Status CheckDense(int64_t e, const FeatureSpec& spec, int64_t count) const;
  absl::Status AllocateDense(KernelContext& ctx, int f);
  absl::Status AllocateLists(KernelContext& ctx, int f);
  absl::Status WriteSplits(KernelContext& ctx, int f);
  bool FillOne(int64_t e, int f);

  const std::vector<FeatureSpec>& specs_;
  const ExampleNames& names_;
  const int64_t examples_;
  std::vector<Cell> cells_;
  std::vector<Output> outputs_;
};

// Reads a list of values of the array's dtype to its elements from `at` on. False if the bytes are
// no such list.
bool ReadValues(std::string_view list, Array* out, int64_t at);

// Splits of rows: an int32 or int64 vector of `n` elements as output o, set by value(i).
absl::Status SetSplits(KernelContext& ctx, int o, DataType dtype, int64_t n,
                       absl::FunctionRef<int64_t(int64_t)> value);

}  // namespace weft
