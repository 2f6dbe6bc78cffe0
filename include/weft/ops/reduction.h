// SPDX-License-Identifier: Apache-2.0
// Reductions over dimensions, positions of extrema, running sums, histograms.
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
#include <utility>
#include <vector>

#include "weft/graph/input.h"
#include "weft/ops/int_list.h"

namespace weft {

// The dimensions to reduce: by default, and as {}, all.
class Axes {
 public:
  Axes() = default;
  Axes(int axis) : list_(Array(static_cast<int32_t>(axis))), all_(false) {}  // NOLINT
  Axes(std::initializer_list<IntList::Element> axes) : list_(axes), all_(false) {}
  Axes(const std::vector<int>& axes) : list_(axes), all_(false) {}  // NOLINT
  Axes(IntList axes) : list_(std::move(axes)), all_(false) {}       // NOLINT
  Axes(Tensor axes) : list_(axes), all_(false) {}                   // NOLINT
  bool all() const { return all_; }
  const IntList& list() const { return list_; }

 private:
  IntList list_;
  bool all_ = true;
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

}  // namespace weft
