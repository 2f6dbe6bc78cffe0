// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/feature_table.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "src/core/strings.h"

namespace weft {

using io::FeatureKind;
using Form = FeatureSpec::Form;

absl::Status FeatureSpec::SetShape(const PartialShape& wanted) {
  shape = wanted;
  if (!wanted.known_rank())
    return absl::InvalidArgumentError(StrCat("dense_shape of feature '", name, "' has no rank"));
  variable_length = wanted.rank() > 0 && wanted.dim(0) == kUnknownDim;
  const auto rest = wanted.dims().subspan(variable_length ? 1 : 0);
  Shape block;
  std::string error;
  if (!Shape::Make(rest, &block, &error)) {
    return absl::InvalidArgumentError(StrCat("dense_shape of feature '", name, "' is ",
                                             wanted.ToString(),
                                             ": only its first size may be unknown"));
  }
  block_size = block.num_elements();
  return absl::OkStatus();
}

FeatureKind KindOf(DataType dtype) {
  if (dtype == kString) return FeatureKind::kBytes;
  if (dtype == kFloat32) return FeatureKind::kFloat;
  return dtype == kInt64 ? FeatureKind::kInt64 : FeatureKind::kNone;
}

DataType DtypeOfKind(FeatureKind kind) {
  switch (kind) {
    case FeatureKind::kBytes:
      return kString;
    case FeatureKind::kFloat:
      return kFloat32;
    case FeatureKind::kInt64:
      return kInt64;
    default:
      return kInvalidType;
  }
}

std::string_view ValuesName(DataType dtype) {
  if (dtype == kString) return "bytes";
  return dtype == kFloat32 ? "float" : "int64";
}

absl::Status CheckFeatureDtype(DataType dtype) {
  if (KindOf(dtype) != FeatureKind::kNone) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("Unsupported type: ", DTypeOpName(dtype)));
}

// ---- Names --------------------------------------------------------------------------------------

absl::Status FeatureNames::Init(const std::vector<FeatureSpec>& specs) {
  specs_ = &specs;
  index_.clear();
  index_.reserve(specs.size());
  for (size_t i = 0; i < specs.size(); ++i) {
    if (!index_.emplace(specs[i].name, static_cast<int>(i)).second)
      return absl::InvalidArgumentError(StrCat("Feature '", specs[i].name, "' is named twice"));
  }
  return absl::OkStatus();
}

int FeatureNames::Find(std::string_view name, Cursor* cursor) const {
  int& next = cursor->follower[static_cast<size_t>(cursor->last)];
  if (next < 0 || (*specs_)[static_cast<size_t>(next)].name != name) {
    const auto found = index_.find(name);
    if (found == index_.end()) return -1;
    next = found->second;
  }
  cursor->last = next + 1;
  return next;
}

void FirstError::Note(int64_t example, absl::Status status) {
  std::lock_guard lock(mu_);
  if (!status_.ok() && example_ <= example) return;
  example_ = example;
  status_ = std::move(status);
}

std::string ExampleNames::Name(int64_t example) const {
  return names.empty() ? "<unknown>" : names[static_cast<size_t>(example)];
}

absl::Status ExampleNames::Error(int64_t example, std::string_view key,
                                 std::string_view message) const {
  if (!batched) return absl::InvalidArgumentError(StrCat("Key: ", key, ".  ", message));
  return absl::InvalidArgumentError(
      StrCat("Name: ", Name(example), ", Key: ", key, ", Index: ", example, ".  ", message));
}

absl::Status ExampleNames::Missing(int64_t example, const FeatureSpec& spec) const {
  return absl::InvalidArgumentError(
      StrCat(batched ? StrCat("Name: ", Name(example), ", ") : "", "Feature: ", spec.name,
             " (data type: ", DTypeOpName(spec.dtype), ") is required but could not be found."));
}

// ---- First pass ---------------------------------------------------------------------------------

FeatureTable::FeatureTable(const std::vector<FeatureSpec>& specs, const ExampleNames& names,
                           int64_t examples)
    : specs_(specs),
      names_(names),
      examples_(examples),
      cells_(static_cast<size_t>(examples) * specs.size()),
      outputs_(specs.size()) {}

absl::Status FeatureTable::Count(int64_t e) {
  for (size_t f = 0; f < specs_.size(); ++f) WEFT_RETURN_IF_ERROR(CountOne(e, static_cast<int>(f)));
  return absl::OkStatus();
}

absl::Status FeatureTable::CountOne(int64_t e, int f) {
  const FeatureSpec& spec = specs_[static_cast<size_t>(f)];
  Cell& cell = At(e, f);
  io::FeatureView view;
  if (cell.present && !io::ReadFeature(cell.bytes, &view))
    return absl::InvalidArgumentError("Unsupported datatype.");
  cell.present = view.kind != FeatureKind::kNone;
  if (!cell.present) {
    const bool required = spec.form == Form::kDense && spec.default_value.num_elements() == 0 &&
                          (spec.variable_length || spec.block_size > 0);
    return required ? names_.Missing(e, spec) : absl::OkStatus();
  }
  if (view.kind != KindOf(spec.dtype)) {
    const std::string actual = DTypeOpName(DtypeOfKind(view.kind)),
                      expected = DTypeOpName(spec.dtype);
    return names_.Error(
        e, spec.name,
        StrCat("Data types don't match. ",
               spec.form == Form::kDense
                   ? StrCat("Data type: ", actual, " but expected type: ", expected)
                   : StrCat("Expected type: ", expected, ", Actual type: ", actual)));
  }
  cell.bytes = view.list;
  cell.count = io::CountValues(view);
  if (cell.count < 0) return names_.Error(e, spec.name, "Can't parse serialized Example.");
  return spec.form == Form::kDense ? CheckDense(e, spec, cell.count) : absl::OkStatus();
}

absl::Status FeatureTable::CheckDense(int64_t e, const FeatureSpec& spec, int64_t count) const {
  if (!spec.variable_length) {
    if (count == spec.block_size) return absl::OkStatus();
    return names_.Error(
        e, spec.name,
        StrCat("Number of ", ValuesName(spec.dtype), " values != expected.  Values size: ", count,
               " but output shape: ", spec.shape.ToString()));
  }
  if (spec.block_size > 0 ? count % spec.block_size == 0 : count == 0) return absl::OkStatus();
  return names_.Error(e, spec.name,
                      StrCat("Number of ", ValuesName(spec.dtype),
                             " values is not a multiple of stride length. Saw ", count,
                             " values but output shape is: ", spec.shape.ToString()));
}

// ---- Between the passes -------------------------------------------------------------------------

absl::Status FeatureTable::Allocate(KernelContext& ctx) {
  for (size_t i = 0; i < specs_.size(); ++i) {
    const int f = static_cast<int>(i);
    WEFT_RETURN_IF_ERROR(specs_[i].form == Form::kDense ? AllocateDense(ctx, f)
                                                        : AllocateLists(ctx, f));
  }
  return absl::OkStatus();
}

absl::Status FeatureTable::AllocateDense(KernelContext& ctx, int f) {
  const FeatureSpec& spec = specs_[static_cast<size_t>(f)];
  std::vector<int64_t> sizes;
  if (names_.batched) sizes.push_back(examples_);
  int64_t blocks = 0;
  if (spec.variable_length && spec.block_size > 0) {
    for (int64_t e = 0; e < examples_; ++e)
      blocks = std::max(blocks, At(e, f).count / spec.block_size);
  }
  for (int d = 0; d < spec.shape.rank(); ++d)
    sizes.push_back(d == 0 && spec.variable_length ? blocks : spec.shape.dim(d));
  Shape shape;
  std::string error;
  if (!Shape::Make(sizes, &shape, &error)) return ctx.InvalidArgument(error);
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(spec.outputs[0], shape));
  Output& output = outputs_[static_cast<size_t>(f)];
  output.values = *out;
  output.row = spec.variable_length ? blocks * spec.block_size : spec.block_size;
  return absl::OkStatus();
}

absl::Status FeatureTable::AllocateLists(KernelContext& ctx, int f) {
  const FeatureSpec& spec = specs_[static_cast<size_t>(f)];
  int64_t total = 0, longest = 0;
  for (int64_t e = 0; e < examples_; ++e) {
    Cell& cell = At(e, f);
    cell.offset = total;
    total += cell.count;
    longest = std::max(longest, cell.count);
  }
  Output& output = outputs_[static_cast<size_t>(f)];
  const bool sparse = spec.form == Form::kSparse;
  WEFT_ASSIGN_OR_RETURN(Array * values,
                        ctx.AllocateOutput(spec.outputs[sparse ? 1 : 0], Shape({total})));
  output.values = *values;
  if (!sparse) return WriteSplits(ctx, f);
  const int64_t rank = names_.batched ? 2 : 1;
  WEFT_ASSIGN_OR_RETURN(Array * indices, ctx.AllocateOutput(spec.outputs[0], Shape({total, rank})));
  output.indices = *indices;
  WEFT_ASSIGN_OR_RETURN(Array * shape, ctx.AllocateOutput(spec.outputs[2], Shape({rank})));
  if (names_.batched) shape->mutable_data<int64_t>()[0] = examples_;
  shape->mutable_data<int64_t>()[rank - 1] = longest;
  return absl::OkStatus();
}

absl::Status SetSplits(KernelContext& ctx, int o, DataType dtype, int64_t n,
                       absl::FunctionRef<int64_t(int64_t)> value) {
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(o, Shape({n})));
  if (dtype == kInt64) {
    for (int64_t i = 0; i < n; ++i) out->mutable_data<int64_t>()[i] = value(i);
    return absl::OkStatus();
  }
  if (n > 0 && value(n - 1) > std::numeric_limits<int32_t>::max())
    return ctx.InvalidArgument(StrCat(value(n - 1), " values are too many for splits of int32"));
  for (int64_t i = 0; i < n; ++i) out->mutable_data<int32_t>()[i] = static_cast<int32_t>(value(i));
  return absl::OkStatus();
}

// An example by itself is one row: it has no splits.
absl::Status FeatureTable::WriteSplits(KernelContext& ctx, int f) {
  const FeatureSpec& spec = specs_[static_cast<size_t>(f)];
  const int64_t total = outputs_[static_cast<size_t>(f)].values.num_elements();
  return SetSplits(ctx, spec.outputs[1], spec.split_dtype, names_.batched ? examples_ + 1 : 0,
                   [&](int64_t e) { return e < examples_ ? At(e, f).offset : total; });
}

// ---- Second pass --------------------------------------------------------------------------------

bool ReadValues(std::string_view list, Array* out, int64_t at) {
  switch (out->dtype()) {
    case kFloat32:
      return io::ReadFloats(list, out->mutable_data<float>() + at);
    case kInt64:
      return io::ReadInt64s(list, out->mutable_data<int64_t>() + at);
    default:
      return io::ReadStrings(list, out->mutable_data<std::string>() + at);
  }
}

namespace {

template <typename T>
void CopyDefault(const Array& from, int64_t n, Array* to, int64_t at) {
  if (from.num_elements() == 1) {
    std::fill_n(to->mutable_data<T>() + at, n, *from.data<T>());
  } else {
    std::copy_n(from.data<T>(), n, to->mutable_data<T>() + at);
  }
}

// The default value, or as many copies of it as there is room for.
void Default(const Array& from, int64_t n, Array* to, int64_t at) {
  if (n == 0) return;
  if (to->dtype() == kFloat32) return CopyDefault<float>(from, n, to, at);
  if (to->dtype() == kInt64) return CopyDefault<int64_t>(from, n, to, at);
  CopyDefault<std::string>(from, n, to, at);
}

}  // namespace

absl::Status FeatureTable::Fill(int64_t e) {
  for (size_t f = 0; f < specs_.size(); ++f) {
    if (!FillOne(e, static_cast<int>(f)))
      return names_.Error(e, specs_[f].name, "Can't parse serialized Example.");
  }
  return absl::OkStatus();
}

bool FeatureTable::FillOne(int64_t e, int f) {
  const FeatureSpec& spec = specs_[static_cast<size_t>(f)];
  Output& out = outputs_[static_cast<size_t>(f)];
  const Cell& cell = At(e, f);
  if (spec.form == Form::kDense) {
    const int64_t begin = e * out.row;
    if (cell.present && !ReadValues(cell.bytes, &out.values, begin)) return false;
    Default(spec.default_value, out.row - cell.count, &out.values, begin + cell.count);
    return true;
  }
  if (cell.count == 0) return true;
  if (spec.form == Form::kSparse) {
    int64_t* index = out.indices.mutable_data<int64_t>();
    const int rank = names_.batched ? 2 : 1;
    index += cell.offset * rank;
    for (int64_t i = 0; i < cell.count; ++i) {
      if (names_.batched) *index++ = e;
      *index++ = i;
    }
  }
  return ReadValues(cell.bytes, &out.values, cell.offset);
}

}  // namespace weft
