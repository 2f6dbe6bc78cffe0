// SPDX-License-Identifier: Apache-2.0
// Lookup tables. Most ops come in two forms: with a reference to the table's name (V1), and with a
// resource handle (V2).
// kernels: kernels/cpu/lookup.cc   test: tests/ops/lookup_test.cc
#include "src/core/strings.h"
#include "src/graph/node.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

constexpr const char* kNoNumbers = "a table is no function of numbers";

struct TableVersion {
  const char* suffix;
  const char* handle;  // type of the handle
};
constexpr TableVersion kTableVersions[] = {{"", "Ref(string)"}, {"V2", "resource"}};

bool ByReference(ShapeContext& c) { return c.input_dtype(0) != kResource; }

// The handle is a pair of texts or a scalar resource.
absl::Status CheckHandle(ShapeContext& c) {
  if (!ByReference(c)) return c.InputWithRank(0, 0).status();
  WEFT_ASSIGN_OR_RETURN(const PartialShape pair, c.InputWithRank(0, 1));
  if (!pair.known_rank() || pair.dim(0) == kUnknownDim || pair.dim(0) == 2) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("Shape must be [2] for input 0, the handle of a table, but is ", pair.ToString()));
}

absl::Status HandleOnly(ShapeContext& c) { return CheckHandle(c); }

// What the op that makes a table knows of its entries goes with the handle.
absl::Status TableShape(ShapeContext& c, PartialShape key_shape, PartialShape value_shape) {
  const bool by_reference = IsRef(c.node().output_types[0]);
  c.set_output(0, by_reference ? PartialShape::Vector(2) : PartialShape::Scalar());
  if (by_reference) return absl::OkStatus();
  const DataType key = c.FindAttr("key_dtype") ? c.Attr<DataType>("key_dtype") : kInvalidType;
  c.set_output_handle_data(
      0, {{key, std::move(key_shape)}, {c.Attr<DataType>("value_dtype"), std::move(value_shape)}});
  return absl::OkStatus();
}

absl::Status StaticTableShape(ShapeContext& c) {
  const bool by_reference = IsRef(c.node().output_types[0]);
  c.set_output(0, by_reference ? PartialShape::Vector(2) : PartialShape::Scalar());
  return absl::OkStatus();
}
absl::Status ScalarsTableShape(ShapeContext& c) {
  return TableShape(c, PartialShape::Scalar(), PartialShape::Scalar());
}
absl::Status TensorsTableShape(ShapeContext& c) {
  return TableShape(c, PartialShape::Scalar(), c.Attr<PartialShape>("value_shape"));
}
absl::Status DenseTableShape(ShapeContext& c) {
  return TableShape(c, c.input(0), c.Attr<PartialShape>("value_shape"));
}

absl::Status CheckDtype(std::string_view what, DataType table, DataType node) {
  if (table == kInvalidType || table == node) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("Trying to use a table of ", what, "s of type ",
                                           DTypeOpName(table), " with ", what, "s of type ",
                                           DTypeOpName(node)));
}

// The keys' shape without its end, that of one key, and the shape of a value.
PartialShape ValuesShape(const PartialShape& keys, const PartialShape& key,
                         const PartialShape& value) {
  if (!keys.known_rank() || !key.known_rank() || !value.known_rank() || keys.rank() < key.rank())
    return PartialShape();
  const auto batch = keys.dims().first(static_cast<size_t>(keys.rank() - key.rank()));
  return PartialShape(batch).Concatenate(value);
}

absl::Status FindShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(CheckHandle(c));
  c.set_output(0, PartialShape());
  const std::vector<HandleData>* data = c.input_handle_data(0);
  if (ByReference(c) || !data || data->size() != 2) return absl::OkStatus();
  WEFT_RETURN_IF_ERROR(CheckDtype("key", (*data)[0].dtype, c.Attr<DataType>("Tin")));
  WEFT_RETURN_IF_ERROR(CheckDtype("value", (*data)[1].dtype, c.Attr<DataType>("Tout")));
  c.set_output(0, ValuesShape(c.input(1), (*data)[0].shape, (*data)[1].shape));
  return absl::OkStatus();
}

absl::Status SizeShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(CheckHandle(c));
  return shape::Scalar(c);
}

absl::Status ExportShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(CheckHandle(c));
  PartialShape keys = PartialShape::Vector(kUnknownDim), values;
  const std::vector<HandleData>* data = c.input_handle_data(0);
  if (!ByReference(c)) {
    keys = PartialShape();
    if (data && data->size() == 2) {
      keys = PartialShape::Vector(kUnknownDim).Concatenate((*data)[0].shape);
      values = PartialShape::Vector(kUnknownDim).Concatenate((*data)[1].shape);
    }
  }
  c.set_output(0, std::move(keys));
  c.set_output(1, std::move(values));
  return absl::OkStatus();
}

absl::Status InitializeShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(CheckHandle(c));
  WEFT_ASSIGN_OR_RETURN(const PartialShape keys, c.InputWithRank(1, 1));
  return c.Merge(keys, c.input(2)).status();
}

absl::Status TextFileShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(CheckHandle(c));
  return c.InputWithRank(1, 0).status();
}

OpDefBuilder&& Table(OpDefBuilder&& op, const TableVersion& v) {
  return std::move(op)
      .Output(StrCat("table_handle: ", v.handle))
      .Attr("container: string = ''")
      .Attr("shared_name: string = ''")
      .Attr("use_node_name_sharing: bool = false")
      .Stateful()
      .NoGradient(kNoNumbers);
}

void RegisterTables(OpRegistry& ops, const TableVersion& v) {
  const auto table = [&v](OpDefBuilder&& op) -> OpDefBuilder&& { return Table(std::move(op), v); };
  ops.Add(StrCat("HashTable", v.suffix))
      .Summary("A table that is filled once.")
      .Apply(table)
      .Attr("key_dtype: type")
      .Attr("value_dtype: type")
      .Shape(StaticTableShape);
  ops.Add(StrCat("MutableHashTable", v.suffix))
      .Summary("A table that may change.")
      .Apply(table)
      .Attr("key_dtype: type")
      .Attr("value_dtype: type")
      .Shape(ScalarsTableShape);
  ops.Add(StrCat("MutableHashTableOfTensors", v.suffix))
      .Summary("A table that may change and whose values are tensors of one shape.")
      .Apply(table)
      .Attr("key_dtype: type")
      .Attr("value_dtype: type")
      .Attr("value_shape: shape = {}")
      .Shape(TensorsTableShape);
  ops.Add(StrCat("MutableDenseHashTable", v.suffix))
      .Summary("A table that may change, of keys that may be tensors; two keys are reserved.")
      .Input("empty_key: key_dtype")
      .Apply([&v](OpDefBuilder&& op) -> OpDefBuilder&& {
        return *v.suffix ? std::move(op).Input("deleted_key: key_dtype") : std::move(op);
      })
      .Apply(table)
      .Attr("key_dtype: type")
      .Attr("value_dtype: type")
      .Attr("value_shape: shape = {}")
      .Attr("initial_num_buckets: int = 131072")
      .Attr("max_load_factor: float = 0.8")
      .Shape(DenseTableShape);
}

// The reference forms are not marked in TensorFlow's schema; references keep them apart.
OpDefBuilder&& Access(OpDefBuilder&& op, const TableVersion& v) {
  auto&& done = std::move(op).NoGradient(kNoNumbers);
  return *v.suffix ? std::move(done).Stateful() : std::move(done);
}

void RegisterAccess(OpRegistry& ops, const TableVersion& v) {
  const auto access = [&v](OpDefBuilder&& op) -> OpDefBuilder&& {
    return Access(std::move(op), v);
  };
  const std::string handle = StrCat("table_handle: ", v.handle);
  ops.Add(StrCat("LookupTableFind", v.suffix))
      .Summary("The values of keys; of those that the table hasn't, the default.")
      .Input(handle)
      .Input("keys: Tin")
      .Input("default_value: Tout")
      .Output("values: Tout")
      .Attr("Tin: type")
      .Attr("Tout: type")
      .Shape(FindShape)
      .Apply(access);
  const char* const puts[][2] = {{"LookupTableInsert", "Gives keys new values."},
                                 {"LookupTableImport", "Replaces all that a table holds."}};
  for (const auto& [name, summary] : puts) {
    ops.Add(StrCat(name, v.suffix))
        .Summary(summary)
        .Input(handle)
        .Input("keys: Tin")
        .Input("values: Tout")
        .Attr("Tin: type")
        .Attr("Tout: type")
        .Shape(HandleOnly)
        .Apply(access);
  }
  ops.Add(StrCat("LookupTableSize", v.suffix))
      .Summary("The number of entries of a table.")
      .Input(handle)
      .Output("size: int64")
      .Shape(SizeShape)
      .Apply(access);
  ops.Add(StrCat("LookupTableExport", v.suffix))
      .Summary("All keys and values of a table.")
      .Input(handle)
      .Output("keys: Tkeys")
      .Output("values: Tvalues")
      .Attr("Tkeys: type")
      .Attr("Tvalues: type")
      .Shape(ExportShape)
      .Apply(access);
  ops.Add(StrCat("InitializeTable", v.suffix))
      .Summary("Fills a table that is filled once.")
      .Input(handle)
      .Input("keys: Tkey")
      .Input("values: Tval")
      .Attr("Tkey: type")
      .Attr("Tval: type")
      .Shape(InitializeShape)
      .Apply(access);
  ops.Add(StrCat("InitializeTableFromTextFile", v.suffix))
      .Summary("Fills a table with the columns of a text file.")
      .Input(handle)
      .Input("filename: string")
      .Attr("key_index: int >= -2")
      .Attr("value_index: int >= -2")
      .Attr("vocab_size: int >= -1 = -1")
      .Attr("delimiter: string = '\t'")
      .Attr("offset: int = 0")
      .Shape(TextFileShape)
      .Apply(access);
}

// Of key_dtype and value_dtype; a new table in each run, which lives as long as its handle.
OpDefBuilder&& AnonymousTable(OpDefBuilder&& op) {
  return std::move(op)
      .Output("table_handle: resource")
      .Attr("key_dtype: type")
      .Attr("value_dtype: type")
      .Stateful()
      .NoGradient(kNoNumbers);
}

void RegisterAnonymousTables(OpRegistry& ops) {
  ops.Add("AnonymousHashTable")
      .Summary("A new table that is filled once.")
      .Apply(AnonymousTable)
      .Shape(StaticTableShape);
  ops.Add("AnonymousMutableHashTable")
      .Summary("A new table that may change.")
      .Apply(AnonymousTable)
      .Shape(ScalarsTableShape);
  ops.Add("AnonymousMutableHashTableOfTensors")
      .Summary("A new table that may change and whose values are tensors of one shape.")
      .Apply(AnonymousTable)
      .Attr("value_shape: shape = {}")
      .Shape(TensorsTableShape);
  ops.Add("AnonymousMutableDenseHashTable")
      .Summary("A new table that may change, of keys that may be tensors; two keys are reserved.")
      .Input("empty_key: key_dtype")
      .Input("deleted_key: key_dtype")
      .Apply(AnonymousTable)
      .Attr("value_shape: shape = {}")
      .Attr("initial_num_buckets: int = 131072")
      .Attr("max_load_factor: float = 0.8")
      .Shape(DenseTableShape);
}

}  // namespace

void RegisterLookupOps(OpRegistry& ops) {
  RegisterAnonymousTables(ops);
  for (const TableVersion& v : kTableVersions) {
    RegisterTables(ops, v);
    RegisterAccess(ops, v);
  }
  ops.Add("LookupTableRemoveV2")
      .Summary("Takes keys out of a table.")
      .Input("table_handle: resource")
      .Input("keys: Tin")
      .Attr("Tin: type")
      .Shape(HandleOnly)
      .Stateful()
      .NoGradient(kNoNumbers);
}

}  // namespace weft
