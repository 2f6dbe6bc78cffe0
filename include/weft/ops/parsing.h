// SPDX-License-Identifier: Apache-2.0
// Tensors from serialised Examples, CSV, raw bytes and TensorProtos.
//
//   auto features = wf::io::ParseExample(serialized, {
//       {"image", wf::io::FixedLenFeature{{784}, wf::kFloat32}},
//       {"label", wf::io::FixedLenFeature{{}, wf::kInt64, wf::Array(int64_t{-1})}},
//       {"words", wf::io::VarLenFeature{wf::kString}}});
//   wf::Tensor image = features.at("image");             // [batch, 784]
//   wf::SparseTensor words = features.at("words").sparse();
//
// Each function adds nodes to the graph of its inputs. Mistakes in the arguments throw
// InvalidArgumentError; bytes that are no Example, or lack a feature without a default, fail when
// the graph runs, with InvalidArgumentError. What bytes merely claim is never allocated.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "weft/core/array.h"
#include "weft/graph/input.h"
#include "weft/graph/sparse_tensor.h"

namespace weft::io {

// A feature of as many values as `shape` has elements. Dtypes here and below: string (a BytesList),
// float32 (a FloatList), int64 (an Int64List).
struct FixedLenFeature {
  Shape shape;
  DataType dtype;
  Array default_value = {};  // of an example without the feature; none: that is an error
};

// A feature of any number of blocks of this shape, filled up to the longest of the batch.
struct FixedLenSequenceFeature {
  Shape shape;
  DataType dtype;
  bool allow_missing = false;  // must be true for features of Examples
  Array default_value = {};    // a scalar to fill with; none: zero or an empty text
};

// A feature of any number of values, as a sparse tensor.
struct VarLenFeature {
  DataType dtype;
};

// A sparse tensor of the shape `size` whose indices are features of their own, one a dimension:
// value i of `value_key` stands where the i-th values of the index_keys say. Of Examples only.
struct SparseFeature {
  std::vector<std::string> index_key;
  std::string value_key;
  DataType dtype;
  std::vector<int64_t> size;
  bool already_sorted = false;  // the values come in row-major order
};

using Feature =
    std::variant<FixedLenFeature, VarLenFeature, FixedLenSequenceFeature, SparseFeature>;
using Features = std::map<std::string, Feature>;

// A dense or a sparse tensor.
class ParsedFeature {
 public:
  ParsedFeature() = default;
  explicit ParsedFeature(Tensor dense) : dense_(dense) {}
  explicit ParsedFeature(SparseTensor sparse) : sparse_(sparse) {}
  bool is_sparse() const { return sparse_.values.valid(); }
  // Invalid unless the feature is of this form.
  Tensor dense() const { return dense_; }
  const SparseTensor& sparse() const { return sparse_; }
  operator Tensor() const { return dense_; }  // NOLINT: the usual form

 private:
  Tensor dense_;
  SparseTensor sparse_;
};
using ParsedFeatures = std::map<std::string, ParsedFeature>;

// The features of Examples: `serialized` is a vector of them; or of one, without the batch's
// dimension, if it is a scalar.
ParsedFeatures ParseExample(const Input& serialized, const Features& features,
                            const NameOptions& options = {});
// The same; `serialized` must be a scalar.
ParsedFeatures ParseSingleExample(const Input& serialized, const Features& features,
                                  const NameOptions& options = {});

struct ParsedSequence {
  ParsedFeatures context;
  ParsedFeatures sequence;                // dense ones: [batch, steps, ...]
  std::map<std::string, Tensor> lengths;  // int64: how many steps of the dense ones there are
};
// The context features (FixedLenFeature, VarLenFeature) and feature lists (FixedLenSequenceFeature,
// whose allow_missing stands for a missing list of no steps, and VarLenFeature) of
// SequenceExamples: a vector of them, or one.
ParsedSequence ParseSequenceExample(const Input& serialized, const Features& context_features,
                                    const Features& sequence_features,
                                    const NameOptions& options = {});
// The same; `serialized` must be a scalar.
ParsedSequence ParseSingleSequenceExample(const Input& serialized, const Features& context_features,
                                          const Features& sequence_features,
                                          const NameOptions& options = {});

struct DecodeRawOptions {
  bool little_endian = true;
  // Texts are cut or filled with zeros to so many bytes. Without it all must have one length.
  std::optional<int32_t> fixed_length = {};
  std::string name = {};
};
// Texts' bytes as numbers of a plain dtype: one more dimension.
Tensor DecodeRaw(const Input& input_bytes, DataType out_type, const DecodeRawOptions& options = {});

struct DecodeCsvOptions {
  std::string field_delim = ",";  // one character
  bool use_quote_delim = true;
  std::string na_value = {};              // also means that a field is missing
  std::vector<int64_t> select_cols = {};  // in ascending order; none: all
  std::string name = {};
};
// The columns of lines of comma-separated values. Each element of `record_defaults` gives a
// column's dtype (float32, float64, int32, int64, string) and what a missing field stands for; if
// it has no elements a field must be there.
std::vector<Tensor> DecodeCsv(const Input& records, const std::vector<Input>& record_defaults,
                              const DecodeCsvOptions& options = {});

// Examples in JSON, serialised.
Tensor DecodeJsonExample(const Input& json_examples, const NameOptions& options = {});
// `compression_type`: "ZLIB", "GZIP", or "" for none.
Tensor DecodeCompressed(const Input& bytes, const std::string& compression_type,
                        const NameOptions& options = {});
// A scalar text that holds a TensorProto, and the way back.
Tensor ParseTensor(const Input& serialized, DataType out_type, const NameOptions& options = {});
Tensor SerializeTensor(const Input& tensor, const NameOptions& options = {});

}  // namespace weft::io

namespace weft::strings {

// The number that each text writes: float32, float64, int32, int64. Too large floating numbers are
// infinite, too large integers an error.
Tensor ToNumber(const Input& input, DataType out_type = kFloat32, const NameOptions& options = {});

}  // namespace weft::strings
