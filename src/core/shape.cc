// SPDX-License-Identifier: Apache-2.0
#include "weft/core/shape.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace weft {

void internal::Dims::Assign(std::span<const int64_t> d) {
  Store store{};
  if (d.size() > static_cast<size_t>(kInline)) store.heap = new int64_t[d.size()];
  std::copy(d.begin(), d.end(), d.size() > static_cast<size_t>(kInline) ? store.heap : store.sizes);
  FreeHeap();
  size_ = static_cast<int>(d.size());
  store_ = store;
}

namespace {

// Product of sizes; false on a negative size or overflow. A zero size does not hide an overflow of
// the others, as in TensorFlow.
bool CountElements(std::span<const int64_t> dims, int64_t* count) {
  int64_t n = 1;
  bool zero = false;
  for (int64_t d : dims) {
    if (d < 0) return false;
    if (d == 0) {
      zero = true;
    } else if (__builtin_mul_overflow(n, d, &n)) {
      return false;
    }
  }
  *count = zero ? 0 : n;
  return true;
}

std::string DimsToString(std::span<const int64_t> dims) {
  std::string s = "[";
  for (size_t i = 0; i < dims.size(); ++i) {
    if (i) s += ",";
    s += dims[i] < 0 ? "?" : std::to_string(dims[i]);
  }
  return s + "]";
}

}  // namespace

Shape::Shape(std::initializer_list<int64_t> dims)
    : Shape(std::span<const int64_t>(dims.begin(), dims.size())) {}

Shape::Shape(std::span<const int64_t> dims) : dims_(dims) { Recount(); }

bool Shape::Make(std::span<const int64_t> dims, Shape* out, std::string* error) {
  if (dims.size() > static_cast<size_t>(kMaxRank)) {
    if (error)
      *error = "shape has rank " + std::to_string(dims.size()) + ", more than " +
               std::to_string(kMaxRank);
    return false;
  }
  int64_t count = 0;
  if (!CountElements(dims, &count)) {
    if (error) {
      std::string list;
      for (int64_t d : dims) list += (list.empty() ? "" : ",") + std::to_string(d);
      const bool negative = std::any_of(dims.begin(), dims.end(), [](int64_t d) { return d < 0; });
      *error = "shape [" + list +
               (negative ? "] has a negative size"
                         : "] has too many elements: their number overflows int64");
    }
    return false;
  }
  *out = Shape(dims);
  return true;
}

void Shape::Recount() {
  if (!CountElements(dims(), &num_elements_)) {
    std::fprintf(stderr, "weft: invalid Shape %s: a negative size, or too many elements\n",
                 DimsToString(dims()).c_str());
    std::abort();
  }
}

void Shape::set_dim(int i, int64_t size) {
  dims_.data()[i] = size;
  Recount();
}

void Shape::AddDim(int64_t size) { InsertDim(rank(), size); }

void Shape::InsertDim(int i, int64_t size) {
  std::vector<int64_t> d = ToVector();
  d.insert(d.begin() + i, size);
  *this = Shape(d);
}

void Shape::RemoveDim(int i) {
  std::vector<int64_t> d = ToVector();
  d.erase(d.begin() + i);
  *this = Shape(d);
}

std::string Shape::ToString() const { return DimsToString(dims()); }

PartialShape::PartialShape(std::initializer_list<int64_t> dims) : known_rank_(true), dims_(dims) {}
PartialShape::PartialShape(std::span<const int64_t> dims)
    : known_rank_(true), dims_(dims.begin(), dims.end()) {}
PartialShape::PartialShape(const Shape& shape) : known_rank_(true), dims_(shape.ToVector()) {}

PartialShape PartialShape::UnknownOfRank(int rank) {
  return PartialShape(std::vector<int64_t>(rank, kUnknownDim));
}

int64_t PartialShape::dim(int i) const {
  if (!known_rank_) return kUnknownDim;
  if (i < 0) i += static_cast<int>(dims_.size());
  return i >= 0 && i < static_cast<int>(dims_.size()) ? dims_[i] : kUnknownDim;
}

bool PartialShape::IsFullyKnown() const {
  return known_rank_ && std::all_of(dims_.begin(), dims_.end(), [](int64_t d) { return d >= 0; });
}

int64_t PartialShape::num_elements() const {
  int64_t n = 0;
  return IsFullyKnown() && CountElements(dims_, &n) ? n : -1;
}

Shape PartialShape::ToShape() const { return Shape(dims_); }

bool PartialShape::IsCompatibleWith(const PartialShape& other) const {
  PartialShape merged;
  return Merge(*this, other, &merged);
}

bool PartialShape::IsAtLeastAsPreciseAs(const PartialShape& other) const {
  if (!other.known_rank_) return true;
  if (!known_rank_ || dims_.size() != other.dims_.size()) return false;
  for (size_t i = 0; i < dims_.size(); ++i) {
    if (other.dims_[i] >= 0 && dims_[i] != other.dims_[i]) return false;
  }
  return true;
}

bool PartialShape::Merge(const PartialShape& a, const PartialShape& b, PartialShape* out) {
  if (!a.known_rank_) {
    *out = b;
    return true;
  }
  if (!b.known_rank_) {
    *out = a;
    return true;
  }
  if (a.dims_.size() != b.dims_.size()) return false;
  PartialShape merged = a;
  for (size_t i = 0; i < a.dims_.size(); ++i) {
    if (a.dims_[i] < 0) {
      merged.dims_[i] = b.dims_[i];
    } else if (b.dims_[i] >= 0 && b.dims_[i] != a.dims_[i]) {
      return false;
    }
  }
  *out = std::move(merged);
  return true;
}

PartialShape PartialShape::Concatenate(const PartialShape& other) const {
  if (!known_rank_ || !other.known_rank_) return Unknown();
  PartialShape s = *this;
  s.dims_.insert(s.dims_.end(), other.dims_.begin(), other.dims_.end());
  return s;
}

std::string PartialShape::ToString() const {
  return known_rank_ ? DimsToString(dims_) : "<unknown>";
}

std::string PartialShape::ToPythonString() const {
  if (!known_rank_) return "<unknown>";
  std::string s = "(";
  for (size_t i = 0; i < dims_.size(); ++i) {
    if (i) s += ", ";
    s += dims_[i] < 0 ? "?" : std::to_string(dims_[i]);
  }
  return s + (dims_.size() == 1 ? ",)" : ")");
}

}  // namespace weft
