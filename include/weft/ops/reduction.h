// SPDX-License-Identifier: Apache-2.0
// Reductions over dimensions and segments, positions of extrema, running sums, histograms.
//
//   auto loss = wf::ReduceMean(losses);                                   // over all dimensions
//   auto norm = wf::ReduceSum(wf::Square(x), {.axis = -1, .keep_dims = true});
//   auto area = wf::ReduceProd(sizes, {.axis = {1, 2}});
//
// Each function adds one or several nodes and returns the last one's output. Axes count from the
// end if negative; one that is out of range, or comes twice, is an InvalidArgumentError: when the
// graph is built if the rank is known, else in the run.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weft/graph/grad.h"
#include "weft/graph/input.h"
#include "weft/ops/int_list.h"

namespace weft {

// The dimensions to reduce: by default, and as {}, all.
class Axes {
 public:
  Axes() = default;
  Axes(int axis) : list_({axis}), all_(false), scalar_(true) {}  // NOLINT
  Axes(std::initializer_list<IntList::Element> axes) : list_(axes), all_(false) {}
  Axes(const std::vector<int>& axes) : list_(axes), all_(false) {}  // NOLINT
  Axes(IntList axes) : list_(std::move(axes)), all_(false) {}       // NOLINT
  Axes(Tensor axes) : list_(axes), all_(false) {}                   // NOLINT
  bool all() const { return all_; }
  const IntList& list() const { return list_; }
  // The operand of an op, under this name: one axis given as a number is a scalar.
  Input AsInput(std::string_view name) const {
    return scalar_ ? Input(static_cast<int>((*list_.Known())[0])) : list_.AsInput(name);
  }

 private:
  IntList list_;
  bool all_ = true;
  bool scalar_ = false;
};

struct ReduceOptions {
  Axes axis = {};
  bool keep_dims = false;  // reduced dimensions stay, of size 1
  std::string name = {};
};

// The sum, the product; of no elements 0, 1. Numbers. Differentiable.
Tensor ReduceSum(const Input& input, const ReduceOptions& options = {});
Tensor ReduceProd(const Input& input, const ReduceOptions& options = {});
// The mean; integers are cut off towards 0. Of no elements NaN. Numbers. Differentiable.
Tensor ReduceMean(const Input& input, const ReduceOptions& options = {});
// The greatest, the least element; NaN if there is one. Real numbers. The gradient goes in equal
// parts to all elements that are it.
Tensor ReduceMax(const Input& input, const ReduceOptions& options = {});
Tensor ReduceMin(const Input& input, const ReduceOptions& options = {});
// Whether all, whether any of the elements are true. bool.
Tensor ReduceAll(const Input& input, const ReduceOptions& options = {});
Tensor ReduceAny(const Input& input, const ReduceOptions& options = {});
// sqrt(sum |x|^2). Numbers. Differentiable where it is not 0.
Tensor ReduceEuclideanNorm(const Input& input, const ReduceOptions& options = {});
// log(sum e^x) without overflow. Floating. Differentiable.
Tensor ReduceLogsumexp(const Input& input, const ReduceOptions& options = {});
// mean |x - mean x|^2, and its square root. Floating and complex. Differentiable.
Tensor ReduceVariance(const Input& input, const ReduceOptions& options = {});
Tensor ReduceStd(const Input& input, const ReduceOptions& options = {});

struct CountNonzeroOptions {
  Axes axis = {};
  bool keep_dims = false;
  DataType dtype = kInt64;
  std::string name = {};
};
// How many elements are not 0 (strings: not empty).
Tensor CountNonzero(const Input& input, const CountNonzeroOptions& options = {});

struct ArgOptions {
  DataType output_type = kInt64;  // or kInt32
  std::string name = {};
};
// The position of the greatest, of the least element along an axis, which disappears; the first of
// equal ones. Real numbers and bool. An empty axis is an InvalidArgumentError of the run.
Tensor ArgMax(const Input& input, const Input& axis = 0, const ArgOptions& options = {});
Tensor ArgMin(const Input& input, const Input& axis = 0, const ArgOptions& options = {});

struct ScanOptions {
  bool exclusive = false;  // of the elements before each one, without itself
  bool reverse = false;    // from the end
  std::string name = {};
};
// Running sums, products, and log(sum e^x) along an axis. Numbers (the last: floating).
// Differentiable; the gradient of Cumprod is 0 at elements that are 0.
Tensor Cumsum(const Input& x, const Input& axis = 0, const ScanOptions& options = {});
Tensor Cumprod(const Input& x, const Input& axis = 0, const ScanOptions& options = {});
Tensor CumulativeLogsumexp(const Input& x, const Input& axis = 0, const ScanOptions& options = {});

struct HistogramOptions {
  Input nbins = 100;
  DataType dtype = kInt32;  // or kInt64
  std::string name = {};
};
// How many values fall into each of nbins equal parts of value_range = [low, high]; those outside
// count for the first or the last part. int32, int64, float, double.
Tensor HistogramFixedWidth(const Input& values, const Input& value_range,
                           const HistogramOptions& options = {});

struct BincountOptions {
  Input weights = Tensor();    // of arr's shape: sums of weights instead of counts
  Input minlength = Tensor();  // of the result, which is the greatest value and one long
  Input maxlength = Tensor();
  DataType dtype = kInt32;  // of counts
  std::string name = {};
};
// How often each of 0, 1, 2, ... occurs in arr (int32). A negative value is an InvalidArgumentError
// of the run.
Tensor Bincount(const Input& arr, const BincountOptions& options = {});

struct ConfusionMatrixOptions {
  Input num_classes = Tensor();  // by default the greatest class and one
  Input weights = Tensor();
  DataType dtype = kInt32;
  std::string name = {};
};
// Row l, column p: how many examples of class l were taken for class p. Vectors of class numbers;
// one that is negative, or too great, is an InvalidArgumentError of the run.
Tensor ConfusionMatrix(const Input& labels, const Input& predictions,
                       const ConfusionMatrixOptions& options = {});

// ---- Of rows that have the same number ----------------------------------------------------------
//
//   wf::SegmentSum({{1, 2}, {3, 4}, {5, 6}}, {0, 0, 1})   // [[4 6] [5 6]]
//
// Row i of data belongs to segment segment_ids[i]; the result has a row for each segment. Ids of
// Segment... are sorted; those of UnsortedSegment... come in any order, have any shape that data's
// begins with, and rows with negative ids are left out. Numbers (mean and sqrt_n: floating and
// complex). Differentiable. A bad id is an InvalidArgumentError of the run.

// Segments without rows are 0, for Prod 1.
Tensor SegmentSum(const Input& data, const Input& segment_ids, const NameOptions& options = {});
Tensor SegmentMean(const Input& data, const Input& segment_ids, const NameOptions& options = {});
Tensor SegmentProd(const Input& data, const Input& segment_ids, const NameOptions& options = {});
Tensor SegmentMin(const Input& data, const Input& segment_ids, const NameOptions& options = {});
Tensor SegmentMax(const Input& data, const Input& segment_ids, const NameOptions& options = {});

// Segments without rows are 0; for Prod 1, for Min and Max the greatest and the least number.
Tensor UnsortedSegmentSum(const Input& data, const Input& segment_ids, const Input& num_segments,
                          const NameOptions& options = {});
Tensor UnsortedSegmentProd(const Input& data, const Input& segment_ids, const Input& num_segments,
                           const NameOptions& options = {});
Tensor UnsortedSegmentMin(const Input& data, const Input& segment_ids, const Input& num_segments,
                          const NameOptions& options = {});
Tensor UnsortedSegmentMax(const Input& data, const Input& segment_ids, const Input& num_segments,
                          const NameOptions& options = {});
// The sum divided by the number of rows, by its square root.
Tensor UnsortedSegmentMean(const Input& data, const Input& segment_ids, const Input& num_segments,
                           const NameOptions& options = {});
Tensor UnsortedSegmentSqrtN(const Input& data, const Input& segment_ids, const Input& num_segments,
                            const NameOptions& options = {});

struct SparseSegmentOptions {
  Input num_segments = Tensor();  // by default the last id and one
  std::string name = {};
};
// SegmentSum, SegmentMean of Gather(data, indices); SqrtN divides by the square root of the number.
Tensor SparseSegmentSum(const Input& data, const Input& indices, const Input& segment_ids,
                        const SparseSegmentOptions& options = {});
Tensor SparseSegmentMean(const Input& data, const Input& indices, const Input& segment_ids,
                         const SparseSegmentOptions& options = {});
Tensor SparseSegmentSqrtN(const Input& data, const Input& indices, const Input& segment_ids,
                          const SparseSegmentOptions& options = {});

// ---- Limits on norms ----------------------------------------------------------------------------
//
//   auto [clipped, norm] = wf::ClipByGlobalNorm(gradients, 5.0f);
//
// For gradients above all, which may be slices, or none: a none stays one. Floating dtypes;
// differentiable. Limits must not change shapes: InvalidArgumentError. (ClipByValue of tensors is
// in math_binary.h.)

// The values limited to [low, high]; rows of equal index are not added up before.
IndexedSlices ClipByValue(const IndexedSlices& t, const Input& low, const Input& high,
                          const NameOptions& options = {});

struct ClipByNormOptions {
  Axes axes = {};  // norms of parts: over these axes. All by default
  std::string name = {};
};
// t scaled so that sqrt(sum t^2) is at most clip_norm.
Tensor ClipByNorm(const Input& t, const Input& clip_norm, const ClipByNormOptions& options = {});
IndexedSlices ClipByNorm(const IndexedSlices& t, const Input& clip_norm,
                         const ClipByNormOptions& options = {});
// t scaled so that its norm divided by the number of its elements is at most clip_norm.
Tensor ClipByAverageNorm(const Input& t, const Input& clip_norm, const NameOptions& options = {});

// sqrt of the sum of squares of all elements of all tensors.
Tensor GlobalNorm(const std::vector<Grad>& list, const NameOptions& options = {});

struct ClipByGlobalNormOptions {
  Tensor use_norm = {};  // the global norm, if it is there already
  std::string name = {};
};
struct ClipByGlobalNormResult {
  std::vector<Grad> list;
  Tensor global_norm;
};
// All scaled by the same factor, so that their global norm is at most clip_norm. An infinite or NaN
// norm makes all of them NaN.
ClipByGlobalNormResult ClipByGlobalNorm(const std::vector<Grad>& list, const Input& clip_norm,
                                        const ClipByGlobalNormOptions& options = {});

}  // namespace weft
