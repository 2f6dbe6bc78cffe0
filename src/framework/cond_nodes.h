// SPDX-License-Identifier: Apache-2.0
// The nodes of tf.cond in TensorFlow 1, for functions whose branches are known beforehand.
#pragma once

#include <functional>
#include <string>

#include "weft/graph/graph.h"
#include "weft/graph/input.h"

namespace weft::internal {

// Made in the name scope of the conditional ("cond"), which stays open while its branches are
// built.
class CondNodes {
 public:
  explicit CondNodes(const Tensor& pred) : CondNodes([&] { return pred; }) {}
  // `make_pred` adds nodes in the name scope of the first Switch.
  explicit CondNodes(const std::function<Tensor()>& make_pred);

  // A tensor from outside, as the branch sees it. The node is "Switch" in the current name scope.
  Tensor Enter(const Tensor& outside, bool branch, const std::string& name = "Switch") const;
  // A constant that is there when the branch is taken.
  Tensor Constant(const Input& value, DataType dtype, const std::string& name, bool branch) const;
  // The pivot of a branch.
  Tensor pivot(bool branch) const { return branch ? pivot_true_ : pivot_false_; }

  static Tensor Merge(const Tensor& otherwise, const Tensor& then);

 private:
  Tensor pred_id_, pivot_true_, pivot_false_;
};

}  // namespace weft::internal
