// SPDX-License-Identifier: Apache-2.0
#include "kernels/common/gradient_sum.h"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "src/core/strings.h"
#include "weft/core/status_macros.h"

namespace weft {
namespace {

absl::StatusOr<Array> Allocate(DataType dtype, const Shape& shape, Allocator* allocator) {
  BufferPtr buffer = AllocateBuffer(allocator, dtype, shape.num_elements());
  if (!buffer)
    return absl::ResourceExhaustedError(
        StrCat("OOM when allocating an accumulator's tensor with shape ", shape.ToString(),
               " and dtype ", DTypeOpName(dtype)));
  return Array::FromBuffer(dtype, shape, std::move(buffer));
}

absl::Status Mismatch(std::string_view what) {
  return absl::InvalidArgumentError(StrCat("Shape mismatch: ", what));
}

// sum += x, rounded to T after each step.
template <typename T>
void AddTo(T* sum, const T* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) sum[i] = static_cast<T>(sum[i] + x[i]);
}
template <typename T>
void DivideBy(T* sum, int64_t count, int64_t n) {
  const T divisor = static_cast<T>(static_cast<int>(count));
  for (int64_t i = 0; i < n; ++i) sum[i] = static_cast<T>(sum[i] / divisor);
}

template <typename T>
class DenseSum final : public GradientSum {
 public:
  explicit DenseSum(const PartialShape& shape) : shape_(shape) {}

  absl::Status Check(const AccumulatorGradient& g, bool is_first) const override {
    const Shape& got = g.values.shape();
    if (!is_first && sum_.shape() != got)
      return Mismatch(StrCat("expected ", sum_.shape().ToString(), ", got ", got.ToString()));
    if (!shape_.IsCompatibleWith(got))
      return Mismatch(StrCat("expected ", shape_.ToString(), ", got ", got.ToString()));
    return absl::OkStatus();
  }

  absl::Status Start(const AccumulatorGradient& g, Allocator* allocator) override {
    WEFT_ASSIGN_OR_RETURN(sum_, Allocate(dtype_of<T>, g.values.shape(), allocator));
    std::copy_n(g.values.data<T>(), g.values.num_elements(), sum_.mutable_data<T>());
    return absl::OkStatus();
  }

  absl::Status Add(const AccumulatorGradient& g, Allocator*) override {
    AddTo(sum_.mutable_data<T>(), g.values.data<T>(), sum_.num_elements());
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Array>> Take(bool mean, int64_t count, Allocator*) override {
    if (mean) DivideBy(sum_.mutable_data<T>(), count, sum_.num_elements());
    return std::vector<Array>{std::exchange(sum_, Array())};
  }

 private:
  const PartialShape shape_;
  Array sum_;
};

template <typename T>
class SparseSum final : public GradientSum {
 public:
  explicit SparseSum(const PartialShape& shape) : shape_(shape) {}

  absl::Status Check(const AccumulatorGradient& g, bool is_first) const override {
    if (g.indices.rank() != 1)
      return absl::InvalidArgumentError(StrCat(
          "Input indices should be vector but received shape: ", g.indices.shape().ToString()));
    if (g.values.rank() == 0) return absl::InvalidArgumentError("Values cannot be 0-dimensional.");
    if (g.values.dim(0) != g.indices.dim(0))
      return absl::InvalidArgumentError(
          StrCat("Expected ", g.indices.dim(0), " non-empty input values, got ", g.values.dim(0)));
    if (g.shape.valid()) WEFT_RETURN_IF_ERROR(CheckShape(g.shape));
    WEFT_RETURN_IF_ERROR(CheckIndices(g.indices));
    return is_first ? CheckFirstValues(g.values) : CheckMoreValues(g.values);
  }

  absl::Status Start(const AccumulatorGradient& g, Allocator* allocator) override {
    WEFT_ASSIGN_OR_RETURN(Array values, Allocate(dtype_of<T>, g.values.shape(), allocator));
    std::copy_n(g.values.data<T>(), values.num_elements(), values.mutable_data<T>());
    const std::span<const int64_t> indices = g.indices.values<int64_t>();
    values_ = std::move(values);
    rows_.clear();
    for (const int64_t index : indices) rows_.push_back({index, 1});
    return absl::OkStatus();
  }

  // Merges two lists of rows as lists in ascending order are merged; so, as in TensorFlow, of lists
  // in another order rows of equal index may stay apart.
  absl::Status Add(const AccumulatorGradient& g, Allocator* allocator) override {
    const std::span<const int64_t> indices = g.indices.values<int64_t>();
    const std::vector<Step> steps = Merge(indices);
    std::vector<int64_t> dims = values_.shape().ToVector();
    dims[0] = static_cast<int64_t>(steps.size());
    Shape shape;
    std::string error;
    if (!Shape::Make(dims, &shape, &error)) return absl::InvalidArgumentError(error);
    WEFT_ASSIGN_OR_RETURN(Array sum, Allocate(dtype_of<T>, shape, allocator));

    const int64_t width = RowSize(values_);
    std::vector<Row> rows;
    rows.reserve(steps.size());
    T* to = sum.mutable_data<T>();
    for (const Step& s : steps) {
      if (s.old < 0) {
        rows.push_back({indices[static_cast<size_t>(s.added)], 1});
        std::copy_n(g.values.data<T>() + s.added * width, width, to);
      } else {
        rows.push_back(rows_[static_cast<size_t>(s.old)]);
        std::copy_n(values_.data<T>() + s.old * width, width, to);
        if (s.added >= 0) {
          ++rows.back().count;
          AddTo(to, g.values.data<T>() + s.added * width, width);
        }
      }
      to += width;
    }
    values_ = std::move(sum);
    rows_ = std::move(rows);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Array>> Take(bool mean, int64_t, Allocator* allocator) override {
    const int64_t n = static_cast<int64_t>(rows_.size());
    WEFT_ASSIGN_OR_RETURN(Array indices, Allocate(kInt64, Shape({n}), allocator));
    WEFT_ASSIGN_OR_RETURN(Array shape, Allocate(kInt64, Shape({values_.rank()}), allocator));
    const int64_t width = RowSize(values_);
    for (int64_t i = 0; i < n; ++i) {
      const Row& row = rows_[static_cast<size_t>(i)];
      indices.mutable_data<int64_t>()[i] = row.index;
      if (mean) DivideBy(values_.mutable_data<T>() + i * width, row.count, width);
    }
    const std::span<int64_t> dims = shape.mutable_values<int64_t>();
    std::copy_n(values_.shape().dims().begin(), dims.size(), dims.begin());
    dims[0] = shape_.rank() > 0 ? shape_.dim(0) : kUnknownDim;
    rows_.clear();
    return std::vector<Array>{std::move(indices), std::exchange(values_, Array()),
                              std::move(shape)};
  }

 private:
  struct Row {
    int64_t index;
    int64_t count;  // gradients that have it
  };
  // Where a row of a merged list comes from: numbers of rows, -1 for none.
  struct Step {
    int64_t old, added;
  };

  static int64_t RowSize(const Array& values) {
    int64_t size = 1;
    for (int d = 1; d < values.rank(); ++d) size *= values.dim(d);
    return size;
  }

  std::vector<Step> Merge(std::span<const int64_t> added) const {
    std::vector<Step> steps;
    steps.reserve(rows_.size() + added.size());
    size_t i = 0, j = 0;
    while (i < rows_.size() || j < added.size()) {
      const bool both = i < rows_.size() && j < added.size();
      const bool takes_old = both ? rows_[i].index <= added[j] : i < rows_.size();
      const bool takes_added = both ? added[j] <= rows_[i].index : j < added.size();
      steps.push_back(
          {takes_old ? static_cast<int64_t>(i) : -1, takes_added ? static_cast<int64_t>(j) : -1});
      i += takes_old;
      j += takes_added;
    }
    return steps;
  }

  absl::Status CheckShape(const Array& got) const {
    if (shape_.rank() > got.num_elements())
      return Mismatch(
          StrCat("expected shape rank at least ", shape_.rank(), ", got ", got.num_elements()));
    for (int d = 0; d < shape_.rank(); ++d) {
      const int64_t want = shape_.dim(d), size = got.data<int64_t>()[d];
      if (want >= 0 && want != size)
        return Mismatch(StrCat("expected shape dim ", d, " to be ", want, ", got ", size));
    }
    return absl::OkStatus();
  }

  absl::Status CheckIndices(const Array& indices) const {
    if (shape_.rank() < 1 || shape_.dim(0) < 0) return absl::OkStatus();
    for (int64_t i = 0; i < indices.num_elements(); ++i) {
      const int64_t index = indices.data<int64_t>()[i];
      if (index >= shape_.dim(0))
        return Mismatch(StrCat("index of slice ", i, " exceeded limits of shape; index is ", index,
                               " exceeded ", shape_.dim(0)));
    }
    return absl::OkStatus();
  }

  static absl::Status DimMismatch(int d, int64_t want, int64_t got) {
    return Mismatch(StrCat("expected values dim ", d, " to be ", want, ", got ", got));
  }
  absl::Status CheckFirstValues(const Array& values) const {
    if (shape_.rank() > values.rank())
      return Mismatch(
          StrCat("expected values rank at least ", shape_.rank(), ", got ", values.rank()));
    for (int d = 1; d < shape_.rank(); ++d) {
      if (shape_.dim(d) >= 0 && shape_.dim(d) != values.dim(d))
        return DimMismatch(d, shape_.dim(d), values.dim(d));
    }
    return absl::OkStatus();
  }
  absl::Status CheckMoreValues(const Array& values) const {
    if (values.rank() != values_.rank())
      return Mismatch(StrCat("expected values rank ", values_.rank(), ", got ", values.rank()));
    for (int d = 1; d < values_.rank(); ++d) {
      if (values.dim(d) != values_.dim(d)) return DimMismatch(d, values_.dim(d), values.dim(d));
    }
    return absl::OkStatus();
  }

  const PartialShape shape_;
  std::vector<Row> rows_;
  Array values_;  // values_[i, ...]: of rows_[i]
};

template <template <typename> class Sum>
std::unique_ptr<GradientSum> Make(DataType dtype, const PartialShape& shape) {
  switch (dtype) {
    case kFloat16:
      return std::make_unique<Sum<half>>(shape);
    case kFloat32:
      return std::make_unique<Sum<float>>(shape);
    case kFloat64:
      return std::make_unique<Sum<double>>(shape);
    default:
      return nullptr;
  }
}

}  // namespace

std::unique_ptr<GradientSum> MakeDenseGradientSum(DataType dtype, const PartialShape& shape) {
  return Make<DenseSum>(dtype, shape);
}
std::unique_ptr<GradientSum> MakeSparseGradientSum(DataType dtype, const PartialShape& shape) {
  return Make<SparseSum>(dtype, shape);
}

}  // namespace weft
