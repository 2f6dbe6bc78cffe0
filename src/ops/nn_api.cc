// SPDX-License-Identifier: Apache-2.0
#include "src/ops/op_scope.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/nn.h"

namespace weft::nn {

Tensor BiasAdd(const Input& value, const Input& bias, const BiasAddOptions& o) {
  return OpBuilder("BiasAdd", o.name)
      .In(value)
      .In(bias)
      .Attr("data_format", o.data_format)
      .Output();
}
Tensor L2Loss(const Input& t, const NameOptions& options) {
  return OpBuilder("L2Loss", options).In(t).Output();
}

Tensor InTopK(const Input& predictions, const Input& targets, int64_t k,
              const NameOptions& options) {
  return OpBuilder("InTopKV2", options, "in_top_k/InTopKV2")
      .In(predictions)
      .In(targets)
      .In(k)
      .Output();
}
TopKResult TopK(const Input& input, const Input& k, const TopKOptions& o) {
  const std::vector<Tensor> out =
      OpBuilder("TopKV2", o.name).In(input).In(k).Attr("sorted", o.sorted).Outputs();
  return {out[0], out[1]};
}

}  // namespace weft::nn
