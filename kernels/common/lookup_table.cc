// SPDX-License-Identifier: Apache-2.0
#include "kernels/common/lookup_table.h"

#include <cstring>
#include <mutex>
#include <utility>

#include "src/core/strings.h"
#include "weft/core/status_macros.h"

namespace weft {
namespace {

bool IsHeld(DataType t) { return t == kString || IsPlain(t); }

// The bits of a number, of which 0.0 and -0.0 have the same.
uint64_t BitsOf(const Array& keys, int64_t i) {
  const size_t size = DTypeSize(keys.dtype());
  uint64_t bits = 0;
  std::memcpy(&bits, static_cast<const char*>(keys.raw_data()) + static_cast<size_t>(i) * size,
              size);
  const bool is_negative_zero = (keys.dtype() == kFloat32 && bits == 0x80000000u) ||
                                (keys.dtype() == kFloat64 && bits == uint64_t{1} << 63);
  return is_negative_zero ? 0 : bits;
}

// A key of several elements, or of one text, as one text. Texts of several are kept apart by their
// sizes.
std::string TextOf(const Array& keys, int64_t i, int64_t elements) {
  if (keys.dtype() != kString) {
    const size_t row = static_cast<size_t>(elements) * DTypeSize(keys.dtype());
    return std::string(static_cast<const char*>(keys.raw_data()) + static_cast<size_t>(i) * row,
                       row);
  }
  const std::string* text = keys.data<std::string>() + i * elements;
  if (elements == 1) return *text;
  std::string joined;
  for (int64_t e = 0; e < elements; ++e) StrAppend(&joined, text[e].size(), ":", text[e]);
  return joined;
}

// Whether `shape` ends with `end`.
bool EndsWith(const Shape& shape, const Shape& end) {
  const int first = shape.rank() - end.rank();
  if (first < 0) return false;
  for (int d = 0; d < end.rank(); ++d) {
    if (shape.dim(first + d) != end.dim(d)) return false;
  }
  return true;
}

std::string Types(const LookupTableSpec& s) {
  return StrCat(DTypeOpName(s.key_dtype), "->", DTypeOpName(s.value_dtype));
}

}  // namespace

absl::Status LookupTableSpec::Check() const {
  if (!IsHeld(key_dtype) || DTypeSize(key_dtype) > 8 * (key_dtype == kString ? 64 : 1))
    return absl::InvalidArgumentError(StrCat("keys of a table can't be ", DTypeName(key_dtype)));
  if (!IsHeld(value_dtype)) {
    return absl::InvalidArgumentError(
        StrCat("values of a table can't be ", DTypeName(value_dtype)));
  }
  return absl::OkStatus();
}

// ---- Rows ---------------------------------------------------------------------------------------

LookupTable::Column::Column(DataType dtype, const Shape& row)
    : is_text_(dtype == kString),
      elements_(static_cast<size_t>(row.num_elements())),
      bytes_(is_text_ ? 0 : elements_ * DTypeSize(dtype)) {}

void LookupTable::Column::Resize(int64_t rows) {
  const auto n = static_cast<size_t>(rows);
  if (is_text_) {
    texts_.resize(n * elements_);
  } else {
    numbers_.resize(n * bytes_);
  }
}

void LookupTable::Column::Set(int64_t row, const Array& from, int64_t from_row) {
  const auto to = static_cast<size_t>(row), at = static_cast<size_t>(from_row);
  if (is_text_) {
    const std::string* source = from.data<std::string>() + at * elements_;
    for (size_t e = 0; e < elements_; ++e) texts_[to * elements_ + e] = source[e];
  } else if (bytes_ > 0) {
    std::memcpy(numbers_.data() + to * bytes_,
                static_cast<const char*>(from.raw_data()) + at * bytes_, bytes_);
  }
}

void LookupTable::Column::Get(int64_t row, Array* to, int64_t to_row) const {
  const auto from = static_cast<size_t>(row), at = static_cast<size_t>(to_row);
  if (is_text_) {
    std::string* target = to->mutable_data<std::string>() + at * elements_;
    for (size_t e = 0; e < elements_; ++e) target[e] = texts_[from * elements_ + e];
  } else if (bytes_ > 0) {
    std::memcpy(static_cast<char*>(to->raw_data()) + at * bytes_, numbers_.data() + from * bytes_,
                bytes_);
  }
}

bool LookupTable::Column::Equals(int64_t row, const Array& other, int64_t other_row) const {
  const auto mine = static_cast<size_t>(row), at = static_cast<size_t>(other_row);
  if (is_text_) {
    const std::string* theirs = other.data<std::string>() + at * elements_;
    for (size_t e = 0; e < elements_; ++e) {
      if (theirs[e] != texts_[mine * elements_ + e]) return false;
    }
    return true;
  }
  return bytes_ == 0 ||
         std::memcmp(numbers_.data() + mine * bytes_,
                     static_cast<const char*>(other.raw_data()) + at * bytes_, bytes_) == 0;
}

// ---- Checks -------------------------------------------------------------------------------------

LookupTable::LookupTable(LookupTableSpec spec)
    : spec_(std::move(spec)),
      by_text_(spec_.key_dtype == kString || spec_.key_shape.rank() > 0),
      keys_(spec_.key_dtype, spec_.key_shape),
      values_(spec_.value_dtype, spec_.value_shape) {}

absl::Status LookupTable::CheckSameAs(const LookupTableSpec& other, std::string_view name) const {
  if (other.kind == spec_.kind && other.key_dtype == spec_.key_dtype &&
      other.value_dtype == spec_.value_dtype) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(StrCat("Conflicting key/value dtypes ", Types(other), " with ",
                                           Types(spec_), " for table ", name));
}

absl::Status LookupTable::CheckKeys(const Array& keys) const {
  if (keys.dtype() != spec_.key_dtype) {
    return absl::InvalidArgumentError(StrCat("Key must be type ", DTypeOpName(spec_.key_dtype),
                                             " but got ", DTypeOpName(keys.dtype())));
  }
  if (EndsWith(keys.shape(), spec_.key_shape)) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("Input key shape ", keys.shape().ToString(),
                                           " must end with the table's key shape ",
                                           spec_.key_shape.ToString()));
}

int64_t LookupTable::CountKeys(const Array& keys) const {
  int64_t n = 1;
  for (int d = 0; d < keys.rank() - spec_.key_shape.rank(); ++d) n *= keys.dim(d);
  return n;
}

absl::StatusOr<Shape> LookupTable::ValuesShape(const Array& keys) const {
  WEFT_RETURN_IF_ERROR(CheckKeys(keys));
  std::vector<int64_t> sizes = keys.shape().ToVector();
  sizes.resize(sizes.size() - static_cast<size_t>(spec_.key_shape.rank()));
  for (const int64_t d : spec_.value_shape.dims()) sizes.push_back(d);
  Shape shape;
  std::string error;
  if (!Shape::Make(sizes, &shape, &error)) return absl::InvalidArgumentError(error);
  return shape;
}

absl::Status LookupTable::CheckEntries(const Array& keys, const Array& values) const {
  WEFT_ASSIGN_OR_RETURN(const Shape expected, ValuesShape(keys));
  if (values.dtype() != spec_.value_dtype) {
    return absl::InvalidArgumentError(StrCat("Value must be type ", DTypeOpName(spec_.value_dtype),
                                             " but got ", DTypeOpName(values.dtype())));
  }
  if (values.shape() == expected) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("Expected shape ", expected.ToString(),
                                           " for value, got ", values.shape().ToString()));
}

absl::Status LookupTable::CheckDefault(const Array& keys, const Array& otherwise) const {
  if (otherwise.dtype() != spec_.value_dtype) {
    return absl::InvalidArgumentError(StrCat("Default value must be type ",
                                             DTypeOpName(spec_.value_dtype), " but got ",
                                             DTypeOpName(otherwise.dtype())));
  }
  if (otherwise.shape() == spec_.value_shape) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(const Shape full, ValuesShape(keys));
  if (spec_.kind == LookupTableSpec::Kind::kMutable && otherwise.shape() == full)
    return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("Expected shape ", spec_.value_shape.ToString(), " or ",
                                           full.ToString(), " for default value, got ",
                                           otherwise.shape().ToString()));
}

absl::Status LookupTable::CheckReserved(const Array& keys) const {
  if (spec_.kind != LookupTableSpec::Kind::kDense) return absl::OkStatus();
  const int64_t elements = spec_.key_shape.num_elements(), n = CountKeys(keys);
  const std::string empty = TextOf(spec_.empty_key, 0, elements),
                    deleted = TextOf(spec_.deleted_key, 0, elements);
  for (int64_t i = 0; i < n; ++i) {
    const std::string key = TextOf(keys, i, elements);
    if (key == empty)
      return absl::InvalidArgumentError("Using the empty_key as a table key is not allowed");
    if (key == deleted)
      return absl::InvalidArgumentError("Using the deleted_key as a table key is not allowed");
  }
  return absl::OkStatus();
}

// ---- Look-ups -----------------------------------------------------------------------------------

int64_t LookupTable::RowOf(const Array& keys, int64_t i) const {
  if (!by_text_) {
    const auto found = numbers_.find(BitsOf(keys, i));
    return found == numbers_.end() ? kNone : found->second;
  }
  const int64_t elements = spec_.key_shape.num_elements();
  const auto found = elements == 1 && spec_.key_dtype == kString
                         ? texts_.find(keys.data<std::string>()[i])
                         : texts_.find(TextOf(keys, i, elements));
  return found == texts_.end() ? kNone : found->second;
}

int64_t LookupTable::size() const {
  std::shared_lock lock(mu_);
  return static_cast<int64_t>(used_.size() - free_.size());
}

absl::Status LookupTable::Find(const Array& keys, const Array& otherwise, Array* values) const {
  WEFT_RETURN_IF_ERROR(CheckReserved(keys));
  std::shared_lock lock(mu_);
  if (spec_.kind == LookupTableSpec::Kind::kStatic && !filled_)
    return absl::FailedPreconditionError("Table not initialized.");
  const bool one_default = otherwise.shape() == spec_.value_shape;
  Column defaults(spec_.value_dtype, spec_.value_shape);
  if (one_default) {
    defaults.Resize(1);
    defaults.Set(0, otherwise, 0);
  }
  Column other(spec_.value_dtype, spec_.value_shape);
  other.Resize(1);
  const int64_t n = CountKeys(keys);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t row = RowOf(keys, i);
    if (row != kNone) {
      values_.Get(row, values, i);
    } else if (one_default) {
      defaults.Get(0, values, i);
    } else {
      other.Set(0, otherwise, i);
      other.Get(0, values, i);
    }
  }
  return absl::OkStatus();
}

absl::Status LookupTable::Export(
    absl::FunctionRef<absl::StatusOr<Array*>(int, const Shape&)> allocate) const {
  std::shared_lock lock(mu_);
  const auto n = static_cast<int64_t>(used_.size() - free_.size());
  const auto shape = [n](const Shape& row, Shape* all) {
    std::vector<int64_t> sizes = row.ToVector();
    sizes.insert(sizes.begin(), n);
    return Shape::Make(sizes, all);
  };
  Shape key_shape, value_shape;
  if (!shape(spec_.key_shape, &key_shape) || !shape(spec_.value_shape, &value_shape))
    return absl::ResourceExhaustedError("the entries of the table are too many for a tensor");
  WEFT_ASSIGN_OR_RETURN(Array * keys, allocate(0, key_shape));
  WEFT_ASSIGN_OR_RETURN(Array * values, allocate(1, value_shape));
  int64_t to = 0;
  for (size_t row = 0; row < used_.size(); ++row) {
    if (!used_[row]) continue;
    keys_.Get(static_cast<int64_t>(row), keys, to);
    values_.Get(static_cast<int64_t>(row), values, to++);
  }
  return absl::OkStatus();
}

// ---- Changes ------------------------------------------------------------------------------------

void LookupTable::InsertOne(const Array& keys, const Array& values, int64_t i) {
  int64_t row = RowOf(keys, i);
  if (row == kNone) {
    if (free_.empty()) {
      row = static_cast<int64_t>(used_.size());
      used_.push_back(true);
      keys_.Resize(row + 1);
      values_.Resize(row + 1);
    } else {
      row = free_.back();
      free_.pop_back();
      used_[static_cast<size_t>(row)] = true;
    }
    keys_.Set(row, keys, i);
    if (by_text_) {
      texts_.emplace(TextOf(keys, i, spec_.key_shape.num_elements()), row);
    } else {
      numbers_.emplace(BitsOf(keys, i), row);
    }
  }
  values_.Set(row, values, i);
}

void LookupTable::Clear() {
  texts_.clear();
  numbers_.clear();
  used_.clear();
  free_.clear();
  keys_.Resize(0);
  values_.Resize(0);
}

absl::Status LookupTable::Initialize(const Array& keys, const Array& values) {
  WEFT_RETURN_IF_ERROR(CheckEntries(keys, values));
  std::unique_lock lock(mu_);
  if (!filled_) return InitializeLocked(keys, values);
  if (CountKeys(keys) == static_cast<int64_t>(used_.size() - free_.size())) return absl::OkStatus();
  return absl::FailedPreconditionError("Table was already initialized with different data.");
}

absl::Status LookupTable::InitializeLocked(const Array& keys, const Array& values) {
  const int64_t n = CountKeys(keys);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t row = RowOf(keys, i);
    if (row == kNone || values_.Equals(row, values, i)) {
      InsertOne(keys, values, i);
      continue;
    }
    Array first(spec_.value_dtype, Shape({1}));
    values_.Get(row, &first, 0);
    Clear();
    const auto show = [](const Array& a, int64_t at) {
      return a.dtype() == kString
                 ? a.data<std::string>()[at]
                 : a.Reshaped(Shape({a.num_elements()})).SliceRows(at, at + 1).Summarize(1);
    };
    return absl::FailedPreconditionError(StrCat("HashTable has different value for same key. Key ",
                                                show(keys, i), " has ", show(first, 0),
                                                " and trying to add value ", show(values, i)));
  }
  filled_ = true;
  return absl::OkStatus();
}

absl::Status LookupTable::Insert(const Array& keys, const Array& values) {
  if (spec_.kind == LookupTableSpec::Kind::kStatic) {
    return absl::UnimplementedError(
        "Insert not supported by InitializableLookupTable implementations");
  }
  WEFT_RETURN_IF_ERROR(CheckEntries(keys, values));
  WEFT_RETURN_IF_ERROR(CheckReserved(keys));
  std::unique_lock lock(mu_);
  for (int64_t i = 0, n = CountKeys(keys); i < n; ++i) InsertOne(keys, values, i);
  return absl::OkStatus();
}

absl::Status LookupTable::Remove(const Array& keys) {
  if (spec_.kind == LookupTableSpec::Kind::kStatic) {
    return absl::UnimplementedError(
        "Remove not supported by InitializableLookupTable implementations");
  }
  WEFT_RETURN_IF_ERROR(CheckKeys(keys));
  WEFT_RETURN_IF_ERROR(CheckReserved(keys));
  std::unique_lock lock(mu_);
  for (int64_t i = 0, n = CountKeys(keys); i < n; ++i) {
    const int64_t row = RowOf(keys, i);
    if (row == kNone) continue;
    if (by_text_) {
      texts_.erase(TextOf(keys, i, spec_.key_shape.num_elements()));
    } else {
      numbers_.erase(BitsOf(keys, i));
    }
    used_[static_cast<size_t>(row)] = false;
    free_.push_back(row);
  }
  return absl::OkStatus();
}

absl::Status LookupTable::Import(const Array& keys, const Array& values) {
  if (spec_.kind == LookupTableSpec::Kind::kStatic) return Initialize(keys, values);
  WEFT_RETURN_IF_ERROR(CheckEntries(keys, values));
  WEFT_RETURN_IF_ERROR(CheckReserved(keys));
  std::unique_lock lock(mu_);
  Clear();
  for (int64_t i = 0, n = CountKeys(keys); i < n; ++i) InsertOne(keys, values, i);
  return absl::OkStatus();
}

}  // namespace weft
