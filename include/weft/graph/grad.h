// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "weft/graph/tensor.h"

namespace weft {

// A gradient with respect to one tensor: nothing (there is no path), a tensor, or slices of one.
class Grad {
 public:
  Grad() = default;
  Grad(Tensor t) : tensor_(t) {}                           // NOLINT: conversions are the point
  Grad(IndexedSlices s) : slices_(s), is_slices_(true) {}  // NOLINT
  bool none() const { return !is_slices_ && !tensor_.valid(); }
  bool is_slices() const { return is_slices_; }
  // Invalid if it is slices.
  Tensor tensor() const { return tensor_; }
  const IndexedSlices& slices() const { return slices_; }

 private:
  Tensor tensor_;
  IndexedSlices slices_;
  bool is_slices_ = false;
};

}  // namespace weft
