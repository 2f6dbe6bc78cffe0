// SPDX-License-Identifier: Apache-2.0
// The table behind all_ops_test.cc: for each op with a gradient rule, inputs to check it at, or the
// reason why no numeric check is possible.
#pragma once

#include <functional>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/gradient_case.h"
#include "tests/support/op_case.h"

namespace weft {

struct GradientEntry {
  using Function = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;
  std::string op;
  std::vector<GradientInput> inputs = {};
  GradientCheck check = {};
  AttrMap attrs = {};
  Function function = {};   // if set: what is checked instead of the op alone
  std::string reason = {};  // if set: why there is no check
  std::source_location where = {};
};

// The op alone.
inline GradientEntry Check(std::string op, std::vector<GradientInput> inputs,
                           GradientCheck check = {}, AttrMap attrs = {},
                           std::source_location where = std::source_location::current()) {
  return {std::move(op), std::move(inputs), std::move(check), std::move(attrs), {}, {}, where};
}
// A function that uses the op, for ops that take only special inputs (symmetric matrices) or whose
// outputs mean something only together.
inline GradientEntry CheckWithin(std::string op, GradientEntry::Function function,
                                 std::vector<GradientInput> inputs, GradientCheck check = {},
                                 std::source_location where = std::source_location::current()) {
  return {std::move(op), std::move(inputs), std::move(check), {}, std::move(function), {}, where};
}
inline GradientEntry NotChecked(std::string op, std::string reason,
                                std::source_location where = std::source_location::current()) {
  return {std::move(op), {}, {}, {}, {}, std::move(reason), where};
}

inline GradientInput Drawn(double low, double high, const Shape& shape) {
  return GradientInput::Between(low, high, shape);
}

// A node; its only or first output. The test fails if it can't be built.
inline Tensor N(const std::string& op, const std::vector<Tensor>& inputs,
                const AttrMap& attrs = {}) {
  absl::StatusOr<Operation> node = AddNode(op, inputs, attrs);
  if (node.ok()) return node->output(0);
  ADD_FAILURE() << node.status();
  return Tensor();
}

using GradientTable = std::vector<GradientEntry>;
GradientTable MathGradients();       // element by element, of one or two operands
GradientTable ReductionGradients();  // reductions, scans, segments
GradientTable ArrayGradients();      // shapes, slices, gathering, scattering
GradientTable LinalgGradients();     // products and decompositions of matrices, Fourier transforms
GradientTable NnGradients();         // activations, losses, convolution, pooling, normalisation
GradientTable ImageGradients();
GradientTable SparseGradients();
GradientTable StateGradients();  // variables, control flow, random numbers, all else

}  // namespace weft
