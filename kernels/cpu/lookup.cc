// SPDX-License-Identifier: Apache-2.0
// Lookup tables: kernels/common/lookup_table.h behind ops. Most come in two forms, by reference
// (V1) and by resource handle.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/common/lookup_table.h"
#include "kernels/cpu/named_resource.h"
#include "kernels/cpu/parsing.h"
#include "src/core/strings.h"
#include "src/io/file_system.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

using Kind = LookupTableSpec::Kind;

// All kinds of table share one name space, as in TensorFlow.
constexpr char kResourceType[] = "LookupTable";

absl::StatusOr<std::shared_ptr<LookupTable>> TableOf(KernelContext& ctx) {
  return NamedResourceOf<LookupTable>(ctx, kResourceType);
}

// The ops that make tables: what the attributes and, of dense tables, the inputs say about one.
template <Kind kKind>
class TableMaker : public Kernel {
 public:
  explicit TableMaker(KernelConstruction& c) {
    spec_.kind = kKind;
    spec_.key_dtype = c.Attr<DataType>("key_dtype");
    spec_.value_dtype = c.Attr<DataType>("value_dtype");
    const PartialShape shape = c.AttrOr<PartialShape>("value_shape", PartialShape::Scalar());
    if (!shape.IsFullyKnown()) {
      c.Fail(absl::InvalidArgumentError(
          StrCat("value_shape of a table must be known, not ", shape.ToString())));
    } else {
      spec_.value_shape = shape.ToShape();
    }
    if (absl::Status s = spec_.Check(); !s.ok()) c.Fail(std::move(s));
    if (kKind == Kind::kDense) CheckBuckets(c);
  }

 protected:
  absl::StatusOr<LookupTableSpec> Spec(KernelContext& ctx) const {
    LookupTableSpec spec = spec_;
    if (kKind == Kind::kDense) WEFT_RETURN_IF_ERROR(TakeReserved(ctx, &spec));
    return spec;
  }

 private:
  static void CheckBuckets(KernelConstruction& c) {
    const int64_t buckets = c.Attr<int64_t>("initial_num_buckets");
    if (buckets < 4 || (buckets & (buckets - 1)) != 0) {
      c.Fail(absl::InvalidArgumentError(
          StrCat("Number of buckets must be at least 4 and a power of 2, got: ", buckets)));
    }
    const float load = c.Attr<float>("max_load_factor");
    if (!(load > 0 && load < 1)) {
      c.Fail(absl::InvalidArgumentError(
          StrCat("max_load_factor must be between 0 and 1, got: ", load)));
    }
  }

  static absl::Status TakeReserved(KernelContext& ctx, LookupTableSpec* spec) {
    spec->empty_key = ctx.Persist(ctx.input(0));
    spec->deleted_key = ctx.num_inputs() > 1 ? ctx.Persist(ctx.input(1)) : spec->empty_key;
    spec->key_shape = spec->empty_key.shape();
    if (spec->key_shape.rank() > 1 || spec->key_shape != spec->deleted_key.shape()) {
      return ctx.InvalidArgument(
          StrCat("Empty and deleted keys must be scalars or vectors of one shape, got shapes: ",
                 spec->key_shape.ToString(), " and ", spec->deleted_key.shape().ToString()));
    }
    if (ctx.num_inputs() > 1 && spec->empty_key == spec->deleted_key)
      return ctx.InvalidArgument("Empty and deleted keys cannot be equal");
    return absl::OkStatus();
  }

  LookupTableSpec spec_;
};

// Makes a table in its first run and hands it out.
template <Kind kKind>
class TableHandle final : public TableMaker<kKind> {
 public:
  TableHandle(KernelConstruction& c, bool by_reference)
      : TableMaker<kKind>(c), resource_(c, kResourceType, by_reference) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const LookupTableSpec spec, this->Spec(ctx));
    const auto table = std::dynamic_pointer_cast<LookupTable>(
        resource_.slot().GetOrCreate([&] { return std::make_shared<LookupTable>(spec); }));
    if (!table) return ctx.InvalidArgument(StrCat("'", resource_.name(), "' is no table"));
    WEFT_RETURN_IF_ERROR(WithNodeName(ctx, table->CheckSameAs(spec, resource_.name())));
    resource_.HandOut(ctx);
    return absl::OkStatus();
  }

 private:
  const NamedResource resource_;
};

// Makes a table in each run, which lives as long as its handle.
template <Kind kKind>
class AnonymousTable final : public TableMaker<kKind> {
 public:
  explicit AnonymousTable(KernelConstruction& c)
      : TableMaker<kKind>(c), container_(c.resources().default_container()) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const LookupTableSpec spec, this->Spec(ctx));
    auto slot = std::make_shared<ResourceSlot>();
    slot->Set(std::make_shared<LookupTable>(spec));
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
    *out->mutable_data<ResourceHandle>() = {.device = {},
                                            .container = container_,
                                            .name = "anonymous_table",
                                            .type = kResourceType,
                                            .slot = std::move(slot)};
    return absl::OkStatus();
  }

 private:
  const std::string container_;
};

// ---- Entries ------------------------------------------------------------------------------------

absl::Status Find(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<LookupTable> table, TableOf(ctx));
  const Array &keys = ctx.input(1), &otherwise = ctx.input(2);
  absl::StatusOr<Shape> shape = table->ValuesShape(keys);
  if (!shape.ok()) return WithNodeName(ctx, shape.status());
  WEFT_RETURN_IF_ERROR(WithNodeName(ctx, table->CheckDefault(keys, otherwise)));
  WEFT_ASSIGN_OR_RETURN(Array * values, ctx.AllocateOutput(0, *shape));
  return WithNodeName(ctx, table->Find(keys, otherwise, values));
}

absl::Status Insert(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<LookupTable> table, TableOf(ctx));
  return WithNodeName(ctx, table->Insert(ctx.input(1), ctx.input(2)));
}

absl::Status Remove(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<LookupTable> table, TableOf(ctx));
  return WithNodeName(ctx, table->Remove(ctx.input(1)));
}

absl::Status Import(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<LookupTable> table, TableOf(ctx));
  return WithNodeName(ctx, table->Import(ctx.input(1), ctx.input(2)));
}

absl::Status Initialize(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<LookupTable> table, TableOf(ctx));
  const Array &keys = ctx.input(1), &values = ctx.input(2);
  if (keys.rank() != 1 || keys.shape() != values.shape()) {
    return ctx.InvalidArgument(StrCat("Keys and values must be vectors of the same size, got ",
                                      keys.shape().ToString(), " and ", values.shape().ToString()));
  }
  if (table->spec().kind != Kind::kStatic)
    return ctx.InvalidArgument("only a table that is filled once can be initialized");
  return WithNodeName(ctx, table->Initialize(keys, values));
}

absl::Status Size(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<LookupTable> table, TableOf(ctx));
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
  *out->mutable_data<int64_t>() = table->size();
  return absl::OkStatus();
}

absl::Status Export(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<LookupTable> table, TableOf(ctx));
  const LookupTableSpec& spec = table->spec();
  if (ctx.output_dtype(0) != spec.key_dtype || ctx.output_dtype(1) != spec.value_dtype) {
    return ctx.InvalidArgument(
        StrCat("the table is of ", DTypeOpName(spec.key_dtype), "->", DTypeOpName(spec.value_dtype),
               ", not ", DTypeOpName(ctx.output_dtype(0)), "->", DTypeOpName(ctx.output_dtype(1))));
  }
  return WithNodeName(ctx, table->Export([&ctx](int o, const Shape& shape) {
    return ctx.AllocateOutput(o, shape);
  }));
}

// ---- Text files ---------------------------------------------------------------------------------

constexpr int64_t kLineNumber = -1, kWholeLine = -2;

class TextFile final : public Kernel {
 public:
  explicit TextFile(KernelConstruction& c)
      : key_index_(c.Attr<int64_t>("key_index")),
        value_index_(c.Attr<int64_t>("value_index")),
        vocab_size_(c.Attr<int64_t>("vocab_size")),
        offset_(c.AttrOr<int64_t>("offset", 0)) {
    const std::string delimiter = c.Attr<std::string>("delimiter");
    if (delimiter.size() == 1) {
      delimiter_ = delimiter[0];
    } else {
      c.Fail(absl::InvalidArgumentError("delimiter should be only 1 char"));
    }
  }

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<LookupTable> table, TableOf(ctx));
    if (table->spec().kind != Kind::kStatic)
      return ctx.InvalidArgument("only a table that is filled once can be initialized");
    if (ctx.input(1).num_elements() != 1) {
      return ctx.InvalidArgument(
          StrCat("filename should be a single string, but got ", ctx.input(1).shape().ToString()));
    }
    const std::string& name = *ctx.input(1).data<std::string>();
    if (name.empty()) return ctx.InvalidArgument("filename cannot be empty.");
    const LookupTableSpec& spec = table->spec();
    WEFT_RETURN_IF_ERROR(WithNodeName(ctx, CheckColumn("key", key_index_, spec.key_dtype)));
    WEFT_RETURN_IF_ERROR(WithNodeName(ctx, CheckColumn("value", value_index_, spec.value_dtype)));
    WEFT_ASSIGN_OR_RETURN(const auto file, io::MappedFile::Open(name));
    std::vector<std::string_view> lines = LinesOf(file->bytes());
    const auto n = static_cast<int64_t>(lines.size());
    if (vocab_size_ > n) {
      return ctx.InvalidArgument(
          StrCat("Invalid vocab_size in ", name, ": expected ", vocab_size_, " but got ", n));
    }
    const int64_t used = vocab_size_ == -1 ? n : vocab_size_;
    WEFT_ASSIGN_OR_RETURN(Array keys, ctx.AllocateTemp(spec.key_dtype, Shape({used})));
    WEFT_ASSIGN_OR_RETURN(Array values, ctx.AllocateTemp(spec.value_dtype, Shape({used})));
    for (int64_t i = 0; i < used; ++i) {
      const std::string_view line = lines[static_cast<size_t>(i)];
      WEFT_RETURN_IF_ERROR(WithNodeName(ctx, Take(name, line, i, key_index_, &keys)));
      WEFT_RETURN_IF_ERROR(WithNodeName(ctx, Take(name, line, i, value_index_, &values)));
    }
    return WithNodeName(ctx, table->Initialize(keys, values));
  }

 private:
  static absl::Status CheckColumn(std::string_view what, int64_t index, DataType dtype) {
    if (index == kLineNumber && dtype != kInt64) {
      return absl::InvalidArgumentError(StrCat(what, " index for line number requires ", what,
                                               " type of int64, got ", DTypeOpName(dtype)));
    }
    if (index == kWholeLine && dtype != kString && !IsInteger(dtype)) {
      return absl::InvalidArgumentError(StrCat(what, " index for whole line requires ", what,
                                               " type of string or integer, got ",
                                               DTypeOpName(dtype)));
    }
    return absl::OkStatus();
  }

  // Without their ends ("\n" or "\r\n").
  static std::vector<std::string_view> LinesOf(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
      const size_t end = text.find('\n');
      std::string_view line = text.substr(0, end);
      text.remove_prefix(end == text.npos ? text.size() : end + 1);
      if (line.ends_with('\r')) line.remove_suffix(1);
      lines.push_back(line);
    }
    return lines;
  }

  absl::Status Take(const std::string& file, std::string_view line, int64_t number, int64_t index,
                    Array* to) const {
    if (index == kLineNumber) {
      to->mutable_data<int64_t>()[number] = number + offset_;
      return absl::OkStatus();
    }
    std::string_view field = line;
    if (index != kWholeLine) {
      for (int64_t column = 0; column <= index; ++column) {
        const size_t end = line.find(delimiter_);
        field = line.substr(0, end);
        if (column < index && end == line.npos) {
          return absl::InvalidArgumentError(StrCat("Invalid number of columns in ", file, " line ",
                                                   number, " (", line, "): expected at least ",
                                                   index + 1, ", got ", column + 1));
        }
        line.remove_prefix(end == line.npos ? line.size() : end + 1);
      }
    }
    switch (to->dtype()) {
      case kString:
        to->mutable_data<std::string>()[number] = std::string(field);
        return absl::OkStatus();
      case kInt64:
        return Number<int64_t>(file, field, number, to);
      case kInt32:
        return Number<int32_t>(file, field, number, to);
      case kFloat32:
        return Number<float>(file, field, number, to);
      case kFloat64:
        return Number<double>(file, field, number, to);
      default:
        return absl::InvalidArgumentError(
            StrCat("a column of a text file can't be ", DTypeOpName(to->dtype())));
    }
  }

  template <typename T>
  static absl::Status Number(const std::string& file, std::string_view field, int64_t line,
                             Array* to) {
    if (ParseNumber(field, to->mutable_data<T>() + line)) return absl::OkStatus();
    return absl::InvalidArgumentError(StrCat("Field ", field, " in line ", line, " of ", file,
                                             " is not a valid ", DTypeOpName(dtype_of<T>), "."));
  }

  const int64_t key_index_, value_index_, vocab_size_, offset_;
  char delimiter_ = '\t';
};

template <Kind kKind>
void AddTable(KernelRegistry& kernels, const std::string& op) {
  for (const bool by_reference : {true, false}) {
    kernels.AddFactory(StrCat(op, by_reference ? "" : "V2"), kCpu, {},
                       [by_reference](KernelConstruction& c) -> std::unique_ptr<Kernel> {
                         return std::make_unique<TableHandle<kKind>>(c, by_reference);
                       });
  }
}

}  // namespace

void RegisterLookupKernels(KernelRegistry& kernels) {
  AddTable<Kind::kStatic>(kernels, "HashTable");
  AddTable<Kind::kMutable>(kernels, "MutableHashTable");
  AddTable<Kind::kMutable>(kernels, "MutableHashTableOfTensors");
  AddTable<Kind::kDense>(kernels, "MutableDenseHashTable");
  kernels.Add<AnonymousTable<Kind::kStatic>>("AnonymousHashTable", kCpu, {});
  for (const char* op : {"AnonymousMutableHashTable", "AnonymousMutableHashTableOfTensors"})
    kernels.Add<AnonymousTable<Kind::kMutable>>(op, kCpu, {});
  kernels.Add<AnonymousTable<Kind::kDense>>("AnonymousMutableDenseHashTable", kCpu, {});
  for (const char* version : {"", "V2"}) {
    kernels.Add(StrCat("LookupTableFind", version), kCpu, {}, Find);
    kernels.Add(StrCat("LookupTableInsert", version), kCpu, {}, Insert);
    kernels.Add(StrCat("LookupTableImport", version), kCpu, {}, Import);
    kernels.Add(StrCat("LookupTableSize", version), kCpu, {}, Size);
    kernels.Add(StrCat("LookupTableExport", version), kCpu, {}, Export);
    kernels.Add(StrCat("InitializeTable", version), kCpu, {}, Initialize);
    kernels.Add<TextFile>(StrCat("InitializeTableFromTextFile", version), kCpu, {});
  }
  kernels.Add("LookupTableRemoveV2", kCpu, {}, Remove);
}

}  // namespace weft
