// SPDX-License-Identifier: Apache-2.0
// IntList: what shapes, axes, paddings and permutations may be given as: integers, or tensors of
// them.
//
//   wf::Zeros({2, 3});                          // integers
//   wf::Reshape(x, {batch, -1});                // integers and scalar tensors, as Python's [batch,
//   -1] wf::Reshape(x, wf::ShapeOf(y));             // a tensor
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "weft/core/shape.h"
#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft {

class IntList {
 public:
  // One element: a number, or a scalar tensor of int32 or int64.
  struct Element {
    int64_t value = 0;
    Tensor tensor;
    template <std::integral I>
    Element(I i) : value(static_cast<int64_t>(i)) {}  // NOLINT: conversions are the point
    Element(Tensor t) : tensor(t) {}                  // NOLINT
  };

  IntList() = default;  // no elements: the shape of a scalar
  IntList(std::initializer_list<Element> elements) : elements_(elements) {}
  explicit IntList(std::vector<Element> elements) : elements_(std::move(elements)) {}
  IntList(const std::vector<int64_t>& values)
      : elements_(values.begin(), values.end()) {}                                      // NOLINT
  IntList(const std::vector<int>& values) : elements_(values.begin(), values.end()) {}  // NOLINT
  IntList(const Shape& shape) : elements_(shape.dims().begin(), shape.dims().end()) {}  // NOLINT
  // A vector (or, where an op takes it, a scalar) of int32 or int64.
  IntList(Tensor tensor) : whole_(tensor) {}  // NOLINT
  IntList(const Array& values);               // NOLINT

  // The integers, if no element is a tensor. A whole tensor counts if it is a constant.
  std::optional<std::vector<int64_t>> Known() const;
  // The operand of an op: the tensor itself, a literal (int32 if the values fit), or a Pack of the
  // elements, added in the current name scope under `name`.
  Input AsInput(std::string_view name) const;
  // Some tensor among it, or an invalid one.
  Tensor AnyTensor() const;

 private:
  std::vector<Element> elements_;
  Tensor whole_;
};

}  // namespace weft
