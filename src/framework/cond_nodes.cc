// SPDX-License-Identifier: Apache-2.0
#include "src/framework/cond_nodes.h"

#include "src/framework/nodes.h"

namespace weft::internal {

CondNodes::CondNodes(const std::function<Tensor()>& make_pred) {
  Tensor pred;
  const Operation pivot = [&] {
    const NameScope scope("Switch");
    pred = make_pred();
    return OpOf("Switch", {pred, pred}, scope.name());
  }();
  pivot_true_ = Op("Identity", {pivot.output(1)}, "switch_t");
  pivot_false_ = Op("Identity", {pivot.output(0)}, "switch_f");
  pred_id_ = Op("Identity", {pred}, "pred_id");
}

Tensor CondNodes::Enter(const Tensor& outside, bool branch, const std::string& name) const {
  const ControlDependencies none(nullptr, outside.graph());
  const ColocateWith colocate(outside.op(), /*ignore_existing=*/true);
  return OpOf("Switch", {outside, pred_id_}, name).output(branch ? 1 : 0);
}

Tensor CondNodes::Constant(const Input& value, DataType dtype, const std::string& name,
                           bool branch) const {
  const ControlDependencies taken({pivot(branch).op()}, pred_id_.graph());
  return AsTensor(value, dtype, name);
}

Tensor CondNodes::Merge(const Tensor& otherwise, const Tensor& then) {
  return OpBuilder("Merge", NameOptions()).InList({otherwise, then}).Outputs()[0];
}

}  // namespace weft::internal
