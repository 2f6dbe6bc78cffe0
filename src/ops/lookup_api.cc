// SPDX-License-Identifier: Apache-2.0
#include "weft/ops/lookup.h"

#include <array>
#include <random>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/ops/op_scope.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/control.h"

namespace weft {

Operation TablesInitializer(const NameOptions& options) {
  const Graph graph = Graph::Default();
  std::vector<Operation> fill;
  for (const CollectionItem& item : graph.GetCollection(GraphKeys::kTableInitializers)) {
    if (const auto* op = std::get_if<Operation>(&item.value)) fill.push_back(*op);
  }
  const std::string name = options.name.empty() ? "init_all_tables" : options.name;
  return fill.empty() ? NoOp(name) : Group(fill, name);
}

namespace lookup {
namespace {

[[noreturn]] void Invalid(const std::string& message) {
  ThrowError(Code::kInvalidArgument, message);
}

// What nobody else has: tables of different keys and values must not be one.
std::string FreshSharedName() {
  std::random_device random;
  std::string name = "hash_table_";
  for (int i = 0; i < 16; ++i) {
    constexpr char kDigits[] = "0123456789abcdef";
    const unsigned byte = random() & 0xff;
    if (i == 4 || i == 6 || i == 8 || i == 10) name.push_back('-');
    name.push_back(kDigits[byte >> 4]);
    name.push_back(kDigits[byte & 15]);
  }
  return name;
}

// The last part of a node's name.
std::string BaseName(const Tensor& handle) {
  const std::string name = handle.op().name();
  const size_t slash = name.rfind('/');
  return slash == name.npos ? name : name.substr(slash + 1);
}

void CheckKeyDtype(const Input& keys, DataType wanted) {
  const DataType dtype = keys.dtype();
  if (dtype == wanted || keys.weak() || dtype == kInvalidType) return;
  Invalid(StrCat("Dtype of argument `keys` must be ", DTypeName(wanted),
                 ", received: ", DTypeName(dtype)));
}

Operation AddInitializer(const Operation& op) {
  op.graph().AddToCollection(GraphKeys::kTableInitializers, {op});
  return op;
}

std::string FileText(const Input& filename) {
  if (filename.is_tensor()) return filename.source().name();
  const Array& a = filename.array();
  return a.dtype() == kString && a.num_elements() == 1 ? *a.data<std::string>() : std::string();
}

// The name that tables of one file and the same columns share.
std::string SharedNameOf(const Input& filename, int64_t key_index, int64_t value_index,
                         const TextFileOptions& o) {
  std::string name = StrCat("hash_table_", FileText(filename));
  if (o.vocab_size) StrAppend(&name, "_", *o.vocab_size);
  StrAppend(&name, "_", key_index, "_", value_index);
  if (o.value_index_offset != 0) StrAppend(&name, "_", o.value_index_offset);
  return name;
}

void CheckColumn(const char* what, int64_t index, DataType dtype) {
  if (index < kWholeLine)
    Invalid(StrCat("`", what, "_index` should be >= -2, received: ", index, "."));
  if (index == kLineNumber && dtype != kInt64) {
    Invalid(StrCat("`", what, "_dtype` must be int64 if `", what, "_index` is ", index,
                   ", received: ", DTypeName(dtype)));
  }
  if (index == kWholeLine && dtype != kString && !IsInteger(dtype)) {
    Invalid(StrCat("`", what, "_dtype` should be either integer or string for `", what, "_index` ",
                   index, ", received: ", DTypeName(dtype)));
  }
}

Tensor SizeOf(const Tensor& handle, const NameOptions& options) {
  const OpScope scope(options.name, StrCat(BaseName(handle), "_Size"), handle.graph());
  return OpBuilder("LookupTableSizeV2", NameOptions()).In(handle).Output();
}

Entries ExportOf(const Tensor& handle, DataType key_dtype, DataType value_dtype, const char* suffix,
                 const NameOptions& options) {
  const OpScope scope(options.name, StrCat(BaseName(handle), suffix), handle.graph());
  const std::vector<Tensor> outputs = OpBuilder("LookupTableExportV2", NameOptions())
                                          .In(handle)
                                          .Attr("Tkeys", key_dtype)
                                          .Attr("Tvalues", value_dtype)
                                          .Outputs();
  return {outputs[0], outputs[1]};
}

}  // namespace

// ---- Initializers -------------------------------------------------------------------------------

TableInitializer KeyValueTensorInitializer(const Input& keys, const Input& values,
                                           const std::string& name) {
  const Tensor k = AsTensor(keys, kInvalidType, "keys"),
               v = AsTensor(values, kInvalidType, "values");
  return TableInitializer(k.dtype(), v.dtype(), "", [k, v, name](Tensor handle) {
    const OpScope scope(name, "key_value_init", handle.graph());
    return AddInitializer(
        OpBuilder("LookupTableImportV2", NameOptions()).In(handle).In(k).In(v).Build());
  });
}

TableInitializer TextFileInitializer(const Input& filename, DataType key_dtype, int64_t key_index,
                                     DataType value_dtype, int64_t value_index,
                                     const TextFileOptions& options) {
  if (!filename.is_tensor() && FileText(filename).empty())
    Invalid("`filename` argument required for TextFileInitializer");
  CheckColumn("key", key_index, key_dtype);
  CheckColumn("value", value_index, value_dtype);
  if (options.vocab_size && *options.vocab_size <= 0)
    Invalid(StrCat("`vocab_size` should be > 0, received: ", *options.vocab_size));
  return TableInitializer(
      key_dtype, value_dtype, SharedNameOf(filename, key_index, value_index, options),
      [=](Tensor handle) {
        const OpScope scope(options.name, "text_file_init", handle.graph());
        const Tensor path = AsTensor(filename, kString, "asset_filepath");
        const Operation op = OpBuilder("InitializeTableFromTextFileV2", NameOptions())
                                 .In(handle)
                                 .In(path)
                                 .Attr("key_index", key_index)
                                 .Attr("value_index", value_index)
                                 .Attr("vocab_size", options.vocab_size.value_or(-1))
                                 .Attr("delimiter", options.delimiter)
                                 .Attr("offset", options.value_index_offset)
                                 .Build();
        if (path.op().type() == "Const")
          op.graph().AddToCollection(GraphKeys::kAssetFilepaths, {path});
        return AddInitializer(op);
      });
}

// ---- Static tables ------------------------------------------------------------------------------

StaticHashTable::StaticHashTable(const TableInitializer& initializer, const Input& default_value,
                                 const NameOptions& options)
    : key_dtype_(initializer.key_dtype()),
      value_dtype_(initializer.value_dtype()),
      default_value_(AsTensor(default_value, initializer.value_dtype())) {
  const std::string& shared = initializer.shared_name();
  const GraphScope use(default_value_.graph());
  handle_ = OpBuilder("HashTableV2", options, "hash_table")
                .Attr("key_dtype", key_dtype_)
                .Attr("value_dtype", value_dtype_)
                .Attr("shared_name", shared.empty() ? FreshSharedName() : shared)
                .Output();
  initializer_ = initializer.Fill(handle_);
}

std::string StaticHashTable::name() const { return BaseName(handle_); }

Tensor StaticHashTable::Lookup(const Input& keys, const NameOptions& options) const {
  CheckKeyDtype(keys, key_dtype_);
  const OpScope scope(options.name, StrCat(name(), "_Lookup"), handle_.graph());
  const Tensor values = OpBuilder("LookupTableFindV2", NameOptions())
                            .In(handle_)
                            .In(AsTensor(keys, key_dtype_, "keys"))
                            .In(default_value_)
                            .Output();
  values.set_shape(keys.shape());
  return values;
}

Tensor StaticHashTable::Size(const NameOptions& options) const { return SizeOf(handle_, options); }

Entries StaticHashTable::Export(const NameOptions& options) const {
  return ExportOf(handle_, key_dtype_, value_dtype_, "_Export", options);
}

StaticVocabularyTable::StaticVocabularyTable(const TableInitializer& initializer,
                                             int64_t num_oov_buckets, const NameOptions& options)
    : StaticVocabularyTable(StaticHashTable(initializer, int64_t{-1}, options), num_oov_buckets) {
  if (num_oov_buckets <= 0) Invalid("`num_oov_buckets` must be > 0; use StaticHashTable.");
}

StaticVocabularyTable::StaticVocabularyTable(StaticHashTable table, int64_t num_oov_buckets)
    : table_(std::move(table)), num_oov_buckets_(num_oov_buckets) {
  if (num_oov_buckets < 0) {
    Invalid(StrCat("num_oov_buckets must be greater or equal than 0, got ", num_oov_buckets, "."));
  }
  if (table_.value_dtype() != kInt64) {
    Invalid(StrCat("Invalid `value_dtype`: expected int64 but got ",
                   DTypeName(table_.value_dtype()), "."));
  }
}

Tensor StaticVocabularyTable::Lookup(const Input& keys, const NameOptions& options) const {
  Tensor k = AsTensor(keys, table_.key_dtype(), "keys");
  if (table_.key_dtype() == kInt64 && k.dtype() != kInt64 && IsInteger(RemoveRef(k.dtype())))
    k = OpBuilder("Cast", NameOptions()).In(k).Attr("DstT", kInt64).Output();
  if (num_oov_buckets_ == 0) return table_.Lookup(k, options);
  const OpScope scope(options.name, StrCat(table_.name(), "_Lookup"), table_.handle().graph());
  const Tensor text =
      k.dtype() == kString ? k : OpBuilder("AsString", NameOptions()).In(k).Output();
  Tensor bucket = OpBuilder("StringToHashBucketFast", "hash_bucket")
                      .In(text)
                      .Attr("num_buckets", num_oov_buckets_)
                      .Output();
  const Tensor ids = table_.Lookup(k);
  bucket = OpBuilder("AddV2", "Add").In(bucket).In(table_.Size()).Output();
  const Tensor known =
      OpBuilder("NotEqual", NameOptions()).In(ids).In(table_.default_value()).Output();
  return OpBuilder("SelectV2", NameOptions()).In(known).In(ids).In(bucket).Output();
}

Tensor StaticVocabularyTable::Size(const NameOptions& options) const {
  const OpScope scope(options.name, StrCat(table_.name(), "_Size"), table_.handle().graph());
  return OpBuilder("AddV2", "add").In(table_.Size()).In(Array(num_oov_buckets_)).Output();
}

// ---- Index tables -------------------------------------------------------------------------------

StaticVocabularyTable IndexTableFromFile(const Input& vocabulary_file, const IndexTableOptions& o) {
  const OpScope scope(o.name, "string_to_index", {&vocabulary_file});
  const TableInitializer init = TextFileInitializer(
      vocabulary_file, kString, o.key_column_index, kInt64, o.value_column_index,
      {.vocab_size = o.vocab_size, .delimiter = o.delimiter, .name = "table_init"});
  const OpScope inner("", "hash_table", scope.graph());
  return StaticVocabularyTable(StaticHashTable(init, o.default_value), o.num_oov_buckets);
}

namespace {

// 0, 1, ... for the elements of a vector.
Tensor Positions(const Tensor& list) {
  const Tensor size = OpBuilder("Size", NameOptions()).In(list).Output();
  const Tensor range = OpBuilder("Range", "range").In(Array(0)).In(size).In(Array(1)).Output();
  return OpBuilder("Cast", NameOptions()).In(range).Attr("DstT", kInt64).Output();
}

}  // namespace

StaticVocabularyTable IndexTableFromTensor(const Input& vocabulary_list,
                                           const IndexTableOptions& o) {
  const OpScope scope(o.name, "string_to_index", {&vocabulary_list});
  Tensor keys = AsTensor(vocabulary_list);
  const Tensor values = Positions(keys);
  const OpScope inner("", "hash_table", scope.graph());
  if (keys.dtype() != kString && keys.dtype() != kInt64)
    keys = OpBuilder("Cast", NameOptions()).In(keys).Attr("DstT", kInt64).Output();
  return StaticVocabularyTable(
      StaticHashTable(KeyValueTensorInitializer(keys, values, "table_init"), o.default_value),
      o.num_oov_buckets);
}

StaticHashTable IndexToStringTableFromFile(const Input& vocabulary_file,
                                           const std::string& default_value,
                                           std::optional<int64_t> vocab_size,
                                           const NameOptions& options) {
  const OpScope scope(options.name, "index_to_string", {&vocabulary_file});
  return StaticHashTable(
      TextFileInitializer(vocabulary_file, kInt64, kLineNumber, kString, kWholeLine,
                          {.vocab_size = vocab_size, .name = "table_init"}),
      default_value);
}

StaticHashTable IndexToStringTableFromTensor(const Input& vocabulary_list,
                                             const std::string& default_value,
                                             const NameOptions& options) {
  const OpScope scope(options.name, "index_to_string", {&vocabulary_list});
  const Tensor words = AsTensor(vocabulary_list, kString);
  return StaticHashTable(KeyValueTensorInitializer(Positions(words), words, "table_init"),
                         default_value);
}

// ---- Tables that change -------------------------------------------------------------------------

MutableHashTable::MutableHashTable(DataType key_dtype, DataType value_dtype,
                                   const Input& default_value, const NameOptions& options)
    : key_dtype_(key_dtype),
      value_dtype_(value_dtype),
      default_value_(AsTensor(default_value, value_dtype)) {
  const PartialShape shape = default_value_.shape();
  const bool scalars = shape.known_rank() && shape.rank() == 0;
  const GraphScope use(default_value_.graph());
  OpBuilder builder(scalars ? "MutableHashTableV2" : "MutableHashTableOfTensorsV2", options,
                    "MutableHashTable");
  builder.Attr("key_dtype", key_dtype)
      .Attr("value_dtype", value_dtype)
      .Attr("use_node_name_sharing", true);
  if (!scalars) builder.Attr("value_shape", shape);
  handle_ = builder.Output();
}

DenseHashTable::DenseHashTable(DataType key_dtype, DataType value_dtype, const Input& default_value,
                               const Input& empty_key, const Input& deleted_key,
                               const NameOptions& options) {
  key_dtype_ = key_dtype;
  value_dtype_ = value_dtype;
  default_value_ = AsTensor(default_value, value_dtype, "default_value");
  const GraphScope use(default_value_.graph());
  handle_ = OpBuilder("MutableDenseHashTableV2", options, "MutableDenseHashTable")
                .In(AsTensor(empty_key, key_dtype, "empty_key"))
                .In(AsTensor(deleted_key, key_dtype, "deleted_key"))
                .Attr("value_dtype", value_dtype)
                .Attr("value_shape", default_value_.shape())
                .Attr("use_node_name_sharing", true)
                .Output();
}

std::string MutableHashTable::name() const { return BaseName(handle_); }

Tensor MutableHashTable::Lookup(const Input& keys, const NameOptions& options) const {
  CheckKeyDtype(keys, key_dtype_);
  const OpScope scope(options.name, StrCat(name(), "_lookup_table_find"), handle_.graph());
  return OpBuilder("LookupTableFindV2", NameOptions())
      .In(handle_)
      .In(AsTensor(keys, key_dtype_, "keys"))
      .In(default_value_)
      .Output();
}

Operation MutableHashTable::Insert(const Input& keys, const Input& values,
                                   const NameOptions& options) const {
  CheckKeyDtype(keys, key_dtype_);
  const OpScope scope(options.name, StrCat(name(), "_lookup_table_insert"), handle_.graph());
  return OpBuilder("LookupTableInsertV2", NameOptions())
      .In(handle_)
      .In(AsTensor(keys, key_dtype_, "keys"))
      .In(AsTensor(values, value_dtype_, "values"))
      .Build();
}

Operation MutableHashTable::Remove(const Input& keys, const NameOptions& options) const {
  CheckKeyDtype(keys, key_dtype_);
  const OpScope scope(options.name, StrCat(name(), "_lookup_table_remove"), handle_.graph());
  return OpBuilder("LookupTableRemoveV2", NameOptions())
      .In(handle_)
      .In(AsTensor(keys, key_dtype_, "keys"))
      .Build();
}

Tensor MutableHashTable::Size(const NameOptions& options) const { return SizeOf(handle_, options); }

Entries MutableHashTable::Export(const NameOptions& options) const {
  return ExportOf(handle_, key_dtype_, value_dtype_, "_lookup_table_export_values", options);
}

}  // namespace lookup
}  // namespace weft
