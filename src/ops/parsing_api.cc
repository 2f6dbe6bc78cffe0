// SPDX-License-Identifier: Apache-2.0
#include "weft/ops/parsing.h"

#include <algorithm>
#include <utility>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/ops/op_scope.h"
#include "weft/graph/op_builder.h"

namespace weft::io {
namespace {

[[noreturn]] void Invalid(const std::string& message) {
  ThrowError(Code::kInvalidArgument, message);
}

// What an op of the family is given, in the order of the features' names.
struct Params {
  std::vector<std::string> sparse_keys, dense_keys;
  std::vector<DataType> sparse_types, dense_types;
  std::vector<PartialShape> dense_shapes;
  std::vector<Array> dense_defaults;  // invalid: none
  std::vector<bool> may_be_missing;

  void AddSparse(const std::string& key, DataType dtype) {
    for (size_t i = 0; i < sparse_keys.size(); ++i) {
      if (sparse_keys[i] != key) continue;
      if (sparse_types[i] == dtype) return;
      Invalid(StrCat("Conflicting type ", DTypeName(sparse_types[i]), " vs ", DTypeName(dtype),
                     " for feature ", key, "."));
    }
    sparse_keys.push_back(key);
    sparse_types.push_back(dtype);
  }

  void AddDense(const std::string& key, PartialShape shape, DataType dtype, Array value,
                bool missing) {
    dense_keys.push_back(key);
    dense_shapes.push_back(std::move(shape));
    dense_types.push_back(dtype);
    dense_defaults.push_back(std::move(value));
    may_be_missing.push_back(missing);
  }
};

enum class Place { kExample, kContext, kSequence };

void CheckDtype(const std::string& key, DataType dtype) {
  if (dtype == kString || dtype == kFloat32 || dtype == kInt64) return;
  Invalid(StrCat("Feature '", key, "': dtype ", DTypeName(dtype),
                 " is not one that Examples hold: string, float32, int64"));
}

void AddSequenceFeature(Params& p, const std::string& key, const FixedLenSequenceFeature& f,
                        Place place) {
  if (place == Place::kSequence) {
    if (f.default_value.valid())
      Invalid(StrCat("Feature list '", key, "' can't have a default value"));
    p.AddDense(key, f.shape, f.dtype, {}, f.allow_missing);
    return;
  }
  if (!f.allow_missing) {
    Invalid(StrCat("Feature '", key,
                   "': Unsupported: FixedLenSequenceFeature requires allow_missing to be True."));
  }
  p.AddDense(key, PartialShape::Vector(kUnknownDim).Concatenate(f.shape), f.dtype, f.default_value,
             true);
}

void AddSparseFeature(Params& p, const std::string& key, const SparseFeature& f) {
  if (f.index_key.empty()) Invalid(StrCat("Missing index_key for SparseFeature '", key, "'."));
  if (f.value_key.empty()) Invalid(StrCat("Missing value_key for SparseFeature '", key, "'."));
  if (f.index_key.size() != f.size.size()) {
    Invalid(StrCat("SparseFeature '", key, "' has ", f.index_key.size(), " index keys, but ",
                   f.size.size(), " sizes"));
  }
  std::vector<std::string> index_keys = f.index_key;
  std::sort(index_keys.begin(), index_keys.end());
  for (const std::string& index_key : index_keys) p.AddSparse(index_key, kInt64);
  p.AddSparse(f.value_key, f.dtype);
}

Params ParamsOf(const Features& features, Place place) {
  Params p;
  for (const auto& [key, feature] : features) {
    std::visit([&key = key](const auto& f) { CheckDtype(key, f.dtype); }, feature);
    if (const auto* list = std::get_if<VarLenFeature>(&feature)) {
      p.AddSparse(key, list->dtype);
    } else if (const auto* sparse = std::get_if<SparseFeature>(&feature)) {
      if (place != Place::kExample)
        Invalid(StrCat("Unsupported SparseFeature for key '", key, "'"));
      AddSparseFeature(p, key, *sparse);
    } else if (const auto* fixed = std::get_if<FixedLenFeature>(&feature)) {
      if (place == Place::kSequence) {
        Invalid(StrCat("Unsupported FixedLenFeature for key '", key,
                       "': a feature list is a FixedLenSequenceFeature or a VarLenFeature"));
      }
      p.AddDense(key, fixed->shape, fixed->dtype, fixed->default_value, false);
    } else {
      if (place == Place::kContext)
        Invalid(StrCat("Unsupported FixedLenSequenceFeature for key '", key, "'"));
      AddSequenceFeature(p, key, std::get<FixedLenSequenceFeature>(feature), place);
    }
  }
  return p;
}

// A key as part of a node's name.
std::string NodeName(std::string_view prefix, const std::string& key) {
  std::string name(prefix);
  for (const char c : key) {
    const bool keep = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '_' || c == '.' || c == '-' || c == '/';
    name.push_back(keep ? c : '_');
  }
  return name;
}

Tensor ReshapeTo(const Tensor& value, const PartialShape& shape) {
  std::vector<int32_t> sizes;
  for (const int64_t d : shape.dims()) sizes.push_back(static_cast<int32_t>(d));
  return OpBuilder("Reshape", NameOptions()).In(value).In(Array::FromVector(sizes)).Output();
}

// The defaults as nodes; where there is none, a vector of no elements.
std::vector<Input> Defaults(const Params& p) {
  std::vector<Input> defaults;
  for (size_t i = 0; i < p.dense_keys.size(); ++i) {
    const PartialShape& shape = p.dense_shapes[i];
    const DataType dtype = p.dense_types[i];
    const Array& value = p.dense_defaults[i];
    const bool open = shape.rank() > 0 && shape.dim(0) == kUnknownDim;
    if (!value.valid()) {
      defaults.emplace_back(
          AsTensor(open ? (dtype == kString ? Array(std::string()) : Array::Zeros(dtype, Shape()))
                        : Array(dtype, Shape({0}))));
      continue;
    }
    if (value.dtype() != dtype) {
      Invalid(StrCat("Feature '", p.dense_keys[i], "' is ", DTypeName(dtype),
                     ", but its default value ", DTypeName(value.dtype())));
    }
    if (value.num_elements() != (open ? 1 : shape.num_elements())) {
      Invalid(StrCat("Feature '", p.dense_keys[i], "' has shape ", shape.ToString(),
                     ", which a default value of shape ", value.shape().ToString(),
                     " does not fit"));
    }
    const Tensor constant =
        AsTensor(value, dtype, NodeName(open ? "padding_" : "key_", p.dense_keys[i]));
    defaults.emplace_back(ReshapeTo(constant, open ? PartialShape::Scalar() : shape));
  }
  return defaults;
}

Tensor Concat(const std::vector<Input>& parts, int axis) {
  return OpBuilder("ConcatV2", NameOptions(), "concat").InList(parts).In(Array(axis)).Output();
}

// x[..., :-1]: all but the last element of the last dimension.
Tensor WithoutLast(const Tensor& x, int rank) {
  std::vector<int32_t> begin(static_cast<size_t>(rank), 0), end = begin,
                                                            strides(static_cast<size_t>(rank), 1);
  end.back() = -1;
  return OpBuilder("StridedSlice", NameOptions(), "strided_slice")
      .In(x)
      .In(Array::FromVector(begin))
      .In(Array::FromVector(end))
      .In(Array::FromVector(strides))
      .Attr("begin_mask", (int64_t{1} << rank) - 1)
      .Attr("end_mask", (int64_t{1} << (rank - 1)) - 1)
      .Output();
}

// The values of one feature at the places that others say, as Python's sparse_merge makes it.
SparseTensor Merge(const SparseFeature& f, const ParsedFeatures& parsed) {
  const SparseTensor &first = parsed.at(f.index_key[0]).sparse(),
                     &values = parsed.at(f.value_key).sparse();
  const OpScope scope("", "SparseMerge", first.values.graph());
  std::vector<Input> columns, sizes;
  for (const std::string& key : f.index_key) {
    columns.emplace_back(OpBuilder("ExpandDims", NameOptions())
                             .In(parsed.at(key).sparse().values)
                             .In(Array(1))
                             .Output());
  }
  for (const int64_t size : f.size) sizes.emplace_back(AsTensor(Array(size), kInt64, "Cast"));
  columns.insert(columns.begin(), WithoutLast(first.indices, 2));
  const Tensor indices = Concat(columns, 1);
  const Tensor size = OpBuilder("Pack", NameOptions(), "concat_1/values_1").InList(sizes).Output();
  const Tensor shape = Concat({WithoutLast(first.dense_shape, 1), size}, 0);
  if (f.already_sorted) return {indices, values.values, shape};
  const std::vector<Tensor> sorted =
      OpBuilder("SparseReorder", NameOptions()).In(indices).In(values.values).In(shape).Outputs();
  return {sorted[0], sorted[1], shape};
}

// What was asked for: sparse features put together, and without the parts that nobody named.
ParsedFeatures Composed(const Features& features, const ParsedFeatures& parsed) {
  ParsedFeatures composed;
  for (const auto& [key, feature] : features) {
    const auto* sparse = std::get_if<SparseFeature>(&feature);
    composed[key] = sparse ? ParsedFeature(Merge(*sparse, parsed)) : parsed.at(key);
  }
  return composed;
}

// Takes a node's outputs in order.
class Outputs {
 public:
  explicit Outputs(const Operation& op) : outputs_(op.outputs()) {}
  Tensor Next() { return outputs_[next_++]; }
  void TakeSparse(const std::vector<std::string>& keys, ParsedFeatures* features) {
    const size_t n = keys.size();
    for (size_t i = 0; i < n; ++i) {
      (*features)[keys[i]] = ParsedFeature(
          SparseTensor{outputs_[next_ + i], outputs_[next_ + n + i], outputs_[next_ + 2 * n + i]});
    }
    next_ += 3 * n;
  }
  void TakeDense(const std::vector<std::string>& keys, ParsedFeatures* features) {
    for (const std::string& key : keys) (*features)[key] = ParsedFeature(Next());
  }

 private:
  std::vector<Tensor> outputs_;
  size_t next_ = 0;
};

void CheckScalar(const Input& serialized) {
  const PartialShape shape = serialized.shape();
  if (shape.known_rank() && shape.rank() != 0)
    Invalid(StrCat("Input serialized must be a scalar, but has shape ", shape.ToString()));
}

Array NoTexts() { return Array(kString, Shape({0})); }
Array Texts(const std::vector<std::string>& list) { return Array::FromVector(list); }

int64_t Count(const std::vector<std::string>& keys) { return static_cast<int64_t>(keys.size()); }

}  // namespace

ParsedFeatures ParseExample(const Input& serialized, const Features& features,
                            const NameOptions& options) {
  if (features.empty()) Invalid("ParseExample: Must provide at least one feature key.");
  const Params p = ParamsOf(features, Place::kExample);
  const OpScope scope(options.name, "ParseExample", {&serialized});
  const Tensor bytes = AsTensor(serialized, kString, "serialized");
  Outputs outputs(OpBuilder("ParseExampleV2", NameOptions())
                      .In(bytes)
                      .In(NoTexts())
                      .In(Texts(p.sparse_keys))
                      .In(Texts(p.dense_keys))
                      .In(NoTexts())
                      .InList(Defaults(p))
                      .Attr("Tdense", p.dense_types)
                      .Attr("num_sparse", Count(p.sparse_keys))
                      .Attr("sparse_types", p.sparse_types)
                      .Attr("ragged_value_types", std::vector<DataType>())
                      .Attr("ragged_split_types", std::vector<DataType>())
                      .Attr("dense_shapes", p.dense_shapes)
                      .Build());
  ParsedFeatures parsed;
  outputs.TakeSparse(p.sparse_keys, &parsed);
  outputs.TakeDense(p.dense_keys, &parsed);
  return Composed(features, parsed);
}

ParsedFeatures ParseSingleExample(const Input& serialized, const Features& features,
                                  const NameOptions& options) {
  CheckScalar(serialized);
  const OpScope scope(options.name, "ParseSingleExample", {&serialized});
  return ParseExample(AsTensor(serialized, kString, "serialized"), features);
}

ParsedSequence ParseSequenceExample(const Input& serialized, const Features& context_features,
                                    const Features& sequence_features, const NameOptions& options) {
  if (context_features.empty() && sequence_features.empty())
    Invalid("ParseSequenceExample: Must provide at least one feature key.");
  const Params context = ParamsOf(context_features, Place::kContext),
               lists = ParamsOf(sequence_features, Place::kSequence);
  const OpScope scope(options.name, "ParseSequenceExample", {&serialized});
  const OpScope inner("", "ParseSequenceExample", {&serialized});
  const Tensor bytes = AsTensor(serialized, kString, "serialized");
  Outputs outputs(OpBuilder("ParseSequenceExampleV2", NameOptions(), "ParseSequenceExampleV2")
                      .In(bytes)
                      .In(NoTexts())
                      .In(Texts(context.sparse_keys))
                      .In(Texts(context.dense_keys))
                      .In(NoTexts())
                      .In(Texts(lists.sparse_keys))
                      .In(Texts(lists.dense_keys))
                      .In(NoTexts())
                      .In(Array::FromVector(lists.may_be_missing))
                      .InList(Defaults(context))
                      .Attr("Tcontext_dense", context.dense_types)
                      .Attr("Ncontext_sparse", Count(context.sparse_keys))
                      .Attr("Nfeature_list_sparse", Count(lists.sparse_keys))
                      .Attr("Nfeature_list_dense", Count(lists.dense_keys))
                      .Attr("context_sparse_types", context.sparse_types)
                      .Attr("feature_list_dense_types", lists.dense_types)
                      .Attr("feature_list_sparse_types", lists.sparse_types)
                      .Attr("context_dense_shapes", context.dense_shapes)
                      .Attr("feature_list_dense_shapes", lists.dense_shapes)
                      .Build());
  ParsedSequence parsed;
  outputs.TakeSparse(context.sparse_keys, &parsed.context);
  outputs.TakeDense(context.dense_keys, &parsed.context);
  outputs.TakeSparse(lists.sparse_keys, &parsed.sequence);
  outputs.TakeDense(lists.dense_keys, &parsed.sequence);
  for (const std::string& key : lists.dense_keys) parsed.lengths[key] = outputs.Next();
  return parsed;
}

ParsedSequence ParseSingleSequenceExample(const Input& serialized, const Features& context_features,
                                          const Features& sequence_features,
                                          const NameOptions& options) {
  CheckScalar(serialized);
  const OpScope scope(options.name, "ParseSingleSequenceExample", {&serialized});
  return ParseSequenceExample(AsTensor(serialized, kString, "serialized"), context_features,
                              sequence_features);
}

Tensor DecodeRaw(const Input& input_bytes, DataType out_type, const DecodeRawOptions& options) {
  if (options.fixed_length) {
    return OpBuilder("DecodePaddedRaw", options.name)
        .In(input_bytes)
        .In(Array(*options.fixed_length))
        .Attr("out_type", out_type)
        .Attr("little_endian", options.little_endian)
        .Output();
  }
  return OpBuilder("DecodeRaw", options.name)
      .In(input_bytes)
      .Attr("out_type", out_type)
      .Attr("little_endian", options.little_endian)
      .Output();
}

std::vector<Tensor> DecodeCsv(const Input& records, const std::vector<Input>& record_defaults,
                              const DecodeCsvOptions& options) {
  const std::vector<int64_t>& columns = options.select_cols;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] < 0) Invalid("select_cols contains negative values.");
    if (i > 0 && columns[i] <= columns[i - 1]) Invalid("select_cols is not strictly increasing.");
  }
  if (!columns.empty() && columns.size() != record_defaults.size())
    Invalid("Length of select_cols and record_defaults do not match.");
  return OpBuilder("DecodeCSV", options.name)
      .In(records)
      .InList(record_defaults)
      .Attr("field_delim", options.field_delim)
      .Attr("use_quote_delim", options.use_quote_delim)
      .Attr("na_value", options.na_value)
      .Attr("select_cols", columns)
      .Build()
      .outputs();
}

Tensor DecodeJsonExample(const Input& json_examples, const NameOptions& options) {
  return OpBuilder("DecodeJSONExample", options).In(json_examples).Output();
}

Tensor DecodeCompressed(const Input& bytes, const std::string& compression_type,
                        const NameOptions& options) {
  return OpBuilder("DecodeCompressed", options)
      .In(bytes)
      .Attr("compression_type", compression_type)
      .Output();
}

Tensor ParseTensor(const Input& serialized, DataType out_type, const NameOptions& options) {
  return OpBuilder("ParseTensor", options).In(serialized).Attr("out_type", out_type).Output();
}

Tensor SerializeTensor(const Input& tensor, const NameOptions& options) {
  return OpBuilder("SerializeTensor", options).In(tensor).Output();
}

}  // namespace weft::io

namespace weft::strings {

Tensor ToNumber(const Input& input, DataType out_type, const NameOptions& options) {
  return OpBuilder("StringToNumber", options).In(input).Attr("out_type", out_type).Output();
}

}  // namespace weft::strings
