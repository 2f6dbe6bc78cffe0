// SPDX-License-Identifier: Apache-2.0
// Reductions over dimensions: sums, means, extremes.
//
//   auto loss = wf::ReduceMean(losses);                         // over all dimensions
//   auto rows = wf::ReduceSum(x, {.axis = {1}, .keep_dims = true});
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weft/graph/input.h"
#include "weft/ops/int_list.h"

namespace weft {

struct ReduceOptions {
  std::optional<IntList> axis = {};  // all dimensions if unset; negative ones count from the end
  bool keep_dims = false;            // reduced dimensions stay, of size 1
  std::string name = {};
};
Tensor ReduceSum(const Input& input, const ReduceOptions& options = {});
Tensor ReduceMean(const Input& input,
                  const ReduceOptions& options = {});  // of integers: cut off towards 0
Tensor ReduceProd(const Input& input, const ReduceOptions& options = {});
Tensor ReduceMax(const Input& input, const ReduceOptions& options = {});
Tensor ReduceMin(const Input& input, const ReduceOptions& options = {});
Tensor ReduceAll(const Input& input, const ReduceOptions& options = {});  // of bool
Tensor ReduceAny(const Input& input, const ReduceOptions& options = {});  // of bool
Tensor ReduceEuclideanNorm(const Input& input, const ReduceOptions& options = {});

struct ArgOptions {
  DataType output_type = kInt64;
  std::string name = {};
};
// The position of the greatest (least) element along a dimension; the first of equal ones.
Tensor ArgMax(const Input& input, const Input& axis = 0, const ArgOptions& options = {});
Tensor ArgMin(const Input& input, const Input& axis = 0, const ArgOptions& options = {});

}  // namespace weft
