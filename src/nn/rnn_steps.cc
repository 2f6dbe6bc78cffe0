// SPDX-License-Identifier: Apache-2.0
#include "src/nn/rnn_steps.h"

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/variable_data.h"
#include "src/graph/control_flow.h"
#include "weft/graph/graph.h"
#include "weft/ops/logical.h"

namespace weft::nn {

DataType StateDtype(DataType asked, const RnnState& state) {
  if (asked != kInvalidType) return asked;
  const std::vector<Tensor> flat = state.Flatten();
  if (flat.empty()) ThrowError(Code::kInvalidArgument, "the state of a cell holds no tensor");
  for (const Tensor& t : flat) {
    if (RemoveRef(t.dtype()) == RemoveRef(flat[0].dtype())) continue;
    ThrowError(Code::kInvalidArgument,
               StrCat("the state has tensors of dtypes ", DTypeName(RemoveRef(flat[0].dtype())),
                      " and ", DTypeName(RemoveRef(t.dtype())), ": say the dtype of the outputs"));
  }
  return RemoveRef(flat[0].dtype());
}

RnnState InitialState(const char* function, const rnn_cell::RNNCell& cell, const RnnState& given,
                      const Input& batch_size, DataType dtype) {
  if (!given.none()) return given;
  if (dtype == kInvalidType) {
    ThrowError(Code::kInvalidArgument,
               StrCat(function,
                      ": If no initial_state is provided, argument `dtype` must be "
                      "specified"));
  }
  return cell.ZeroState(batch_size, dtype);
}

Tensor ChooseRows(const Tensor& over, const Tensor& now, const Tensor& next) {
  if (now.shape().known_rank() && now.shape().rank() == 0) return next;
  const ColocateWith colocate(next.op());
  return Where(over, now, next);
}

rnn_cell::CellResult CopyThrough(const Tensor& over, const Tensor& zero_output,
                                 const RnnState& state, const rnn_cell::CellResult& computed) {
  const Tensor output = ChooseRows(over, zero_output, computed.output);
  const std::vector<Tensor> before = state.Flatten(), after = computed.state.Flatten();
  std::vector<Tensor> chosen;
  for (size_t i = 0; i < before.size(); ++i)
    chosen.push_back(ChooseRows(over, before[i], after[i]));
  return {output, state.Pack(chosen)};
}

void ReadVariablesHere(const VarScope& scope, const Graph& graph) {
  ControlFlowContext* const context = CurrentContext(graph.impl());
  if (context && context->while_context()) return;
  if (scope.defaults().caching_device.empty())
    scope.set_caching_device(std::string(weft::internal::kCacheHere));
}

}  // namespace weft::nn
