// SPDX-License-Identifier: Apache-2.0
// Shapes of tensors: Shape (all sizes known, of an Array) and PartialShape (some or all unknown, of
// a graph's Tensor).
//
// Both are value types; a Shape of rank <= 6 needs no allocation. A Shape always has sizes >= 0 and
// a product that fits in int64: use Shape::Make for sizes that come from outside.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace weft {

// TensorFlow's limit of dimensions.
inline constexpr int kMaxRank = 254;

namespace internal {
// Dimension sizes with room for six inside the object.
class Dims {
 public:
  Dims() = default;
  explicit Dims(std::span<const int64_t> d) { Assign(d); }
  Dims(const Dims& o) { *this = o; }
  Dims(Dims&& o) noexcept : size_(std::exchange(o.size_, 0)), store_(o.store_) {}
  Dims& operator=(const Dims& o) {
    if (is_inline() && o.is_inline()) {
      size_ = o.size_;
      store_ = o.store_;
    } else if (this != &o) {
      Assign(o.view());
    }
    return *this;
  }
  Dims& operator=(Dims&& o) noexcept {
    if (this != &o) {
      FreeHeap();
      size_ = std::exchange(o.size_, 0);
      store_ = o.store_;
    }
    return *this;
  }
  ~Dims() { FreeHeap(); }
  int size() const { return size_; }
  const int64_t* data() const { return is_inline() ? store_.sizes : store_.heap; }
  int64_t* data() { return is_inline() ? store_.sizes : store_.heap; }
  std::span<const int64_t> view() const { return {data(), static_cast<size_t>(size_)}; }
  void Assign(std::span<const int64_t> d);

 private:
  static constexpr int kInline = 6;
  bool is_inline() const { return size_ <= kInline; }
  void FreeHeap() {
    if (!is_inline()) delete[] store_.heap;
  }
  // In one place: the executor has an Array for each output of a graph.
  union Store {
    int64_t sizes[kInline];
    int64_t* heap;
  };
  int size_ = 0;
  Store store_{};
};
}  // namespace internal

class Shape {
 public:
  Shape() = default;  // scalar
  // Sizes must be >= 0 and their product must fit in int64 (checked: a violation is a programming
  // error and aborts).
  Shape(std::initializer_list<int64_t> dims);
  explicit Shape(std::span<const int64_t> dims);
  explicit Shape(const std::vector<int64_t>& dims) : Shape(std::span<const int64_t>(dims)) {}

  // For sizes from outside. False, with a reason in *error if given, when a size is negative, the
  // rank is over kMaxRank or the number of elements overflows int64.
  static bool Make(std::span<const int64_t> dims, Shape* out, std::string* error = nullptr);

  int rank() const { return dims_.size(); }
  int64_t dim(int i) const { return dims_.data()[i]; }
  int64_t operator[](int i) const { return dims_.data()[i]; }
  int64_t num_elements() const { return num_elements_; }
  std::span<const int64_t> dims() const { return dims_.view(); }
  std::vector<int64_t> ToVector() const { return {dims().begin(), dims().end()}; }
  bool IsScalar() const { return dims_.size() == 0; }

  // Edits; the result must be a valid Shape (see Make).
  void set_dim(int i, int64_t size);
  void AddDim(int64_t size);
  void InsertDim(int i, int64_t size);
  void RemoveDim(int i);

  // "[2,3]" ("[]" for a scalar).
  std::string ToString() const;

  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.rank() != b.rank() || a.num_elements_ != b.num_elements_) return false;
    for (int i = 0; i < a.rank(); ++i) {
      if (a.dim(i) != b.dim(i)) return false;
    }
    return true;
  }

 private:
  void Recount();
  int64_t num_elements_ = 1;  // together with the rank and the first sizes, as they are read
  internal::Dims dims_;
};

inline constexpr int64_t kUnknownDim = -1;

class PartialShape {
 public:
  PartialShape() = default;  // unknown rank
  // -1 is an unknown size: PartialShape({-1, 784}). PartialShape({}) is a scalar.
  PartialShape(std::initializer_list<int64_t> dims);
  explicit PartialShape(std::span<const int64_t> dims);
  explicit PartialShape(const std::vector<int64_t>& dims)
      : PartialShape(std::span<const int64_t>(dims)) {}
  PartialShape(const Shape& shape);  // NOLINT: every Shape is a PartialShape

  static PartialShape Unknown() { return PartialShape(); }
  static PartialShape UnknownOfRank(int rank);
  static PartialShape Scalar() { return PartialShape(std::initializer_list<int64_t>{}); }
  static PartialShape Vector(int64_t n) { return PartialShape({n}); }
  static PartialShape Matrix(int64_t m, int64_t n) { return PartialShape({m, n}); }

  bool known_rank() const { return known_rank_; }
  // -1 if the rank is unknown.
  int rank() const { return known_rank_ ? static_cast<int>(dims_.size()) : -1; }
  // -1 if this size or the rank is unknown. i may be negative to count from the end.
  int64_t dim(int i) const;
  std::span<const int64_t> dims() const { return dims_; }
  void set_dim(int i, int64_t size) {
    dims_[i < 0 ? i + static_cast<int>(dims_.size()) : i] = size;
  }
  void AddDim(int64_t size) { dims_.push_back(size); }

  bool IsFullyKnown() const;
  // The product of all sizes, -1 if not fully known.
  int64_t num_elements() const;
  // Only if IsFullyKnown().
  Shape ToShape() const;
  // Could a value of shape `other` have this shape?
  bool IsCompatibleWith(const PartialShape& other) const;
  // True if everything known in `other` is known here and the same.
  bool IsAtLeastAsPreciseAs(const PartialShape& other) const;
  // The most precise shape that is both; false if they contradict each other.
  static bool Merge(const PartialShape& a, const PartialShape& b, PartialShape* out);
  PartialShape Concatenate(const PartialShape& other) const;

  // "[2,?]"; "<unknown>" if the rank is unknown.
  std::string ToString() const;
  // "(2,)", "(?, 784)", "()", "<unknown>": as Python prints a tf.TensorShape.
  std::string ToPythonString() const;

  friend bool operator==(const PartialShape& a, const PartialShape& b) = default;

 private:
  bool known_rank_ = false;
  std::vector<int64_t> dims_;
};

}  // namespace weft
