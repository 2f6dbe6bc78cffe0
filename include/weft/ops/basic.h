// SPDX-License-Identifier: Apache-2.0
// Where values come from (constants, placeholders) and ops that hand a value on.
//
//   auto x = wf::Placeholder(wf::kFloat32, {-1, 784}, "x");
//   auto one = wf::Constant({1.f, 1.f});
//   auto frozen = wf::StopGradient(features);
//
// Each function adds a node to the graph of its inputs (to the default graph if it has none) and
// returns its output. Mistakes throw InvalidArgumentError.
#pragma once

#include <string>

#include "weft/graph/input.h"

namespace weft {

// A value that is part of the graph.
Tensor Constant(const Array& value, const NameOptions& options = {});
// A literal in the dtype given: Constant(1, kFloat32).
Tensor Constant(const Input& value, DataType dtype, const NameOptions& options = {});
// `value` in another shape: as many elements, or one that is repeated.
Tensor Constant(const Array& value, const Shape& shape, const NameOptions& options = {});

// A value to be fed to each run that needs it. Sizes of -1 may differ from run to run; the default
// shape is any.
Tensor Placeholder(DataType dtype, const PartialShape& shape = {}, const NameOptions& options = {});
// As Placeholder, but `input` is taken where nothing is fed.
Tensor PlaceholderWithDefault(const Input& input, const PartialShape& shape,
                              const NameOptions& options = {});

// input.
Tensor Identity(const Input& input, const NameOptions& options = {});
// input, through which no gradient flows.
Tensor StopGradient(const Input& input, const NameOptions& options = {});
// input; asking for a gradient through it is an error that says `message`.
Tensor PreventGradient(const Input& input, const std::string& message = {},
                       const NameOptions& options = {});
// input, of which the caller promises that it is the same in every run.
Tensor GuaranteeConst(const Input& input, const NameOptions& options = {});
// input; a run fails if it does not fit `shape`. The result has the static shape that is known of
// both.
Tensor EnsureShape(const Input& input, const PartialShape& shape, const NameOptions& options = {});
// input; a run fails with `message` if an element is infinite or NaN. Floating dtypes.
Tensor CheckNumerics(const Input& input, const std::string& message,
                     const NameOptions& options = {});

// Zeros / ones of the shape of x and its dtype, or of another dtype. No gradient flows. Zeros of
// strings are empty.
Tensor ZerosLike(const Input& x, const NameOptions& options = {});
Tensor ZerosLike(const Input& x, DataType dtype, const NameOptions& options = {});
Tensor OnesLike(const Input& x, const NameOptions& options = {});
Tensor OnesLike(const Input& x, DataType dtype, const NameOptions& options = {});

}  // namespace weft
