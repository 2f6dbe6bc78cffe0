// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/regularizers.h"

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/nodes.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/reduction.h"

namespace weft {

using internal::Op;

namespace layers {
namespace {
void CheckScale(float scale) {
  if (!(scale >= 0))
    ThrowError(Code::kInvalidArgument,
               StrCat("Setting a scale less than 0 on a regularizer: ", scale));
}
}  // namespace

Regularizer SumRegularizer(std::vector<Regularizer> parts, const std::string& name) {
  std::erase_if(parts, [](const Regularizer& part) { return !part; });
  return [parts = std::move(parts), name](const Input& weights) {
    if (parts.empty()) return Tensor();
    const GraphScope use(weights.is_tensor() ? weights.source().graph() : Graph::Default());
    const NameScope scope(name.empty() ? "sum_regularizer" : name);
    std::vector<Input> penalties;
    for (const Regularizer& part : parts) {
      if (const Tensor penalty = part(weights); penalty.valid()) penalties.push_back(penalty);
    }
    if (penalties.empty()) return Tensor();
    return OpBuilder("AddN", scope.name()).InList(penalties).Output();
  };
}

Tensor ApplyRegularization(const Regularizer& regularizer, const std::vector<Tensor>& given) {
  const std::vector<Tensor> weights =
      given.empty() ? GetTensorCollection(GraphKeys::kWeights) : given;
  if (weights.empty()) ThrowError(Code::kInvalidArgument, "No weights to regularize.");
  const GraphScope use(weights[0].graph());
  const NameScope scope("get_regularization_penalty");
  std::vector<Input> penalties;
  for (const Tensor& w : weights) {
    const Tensor penalty = regularizer(w);
    penalties.push_back(penalty.valid() ? penalty : AsTensor(0.0f));
    if (penalty.valid() && penalty.shape().known_rank() && penalty.shape().rank() != 0) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("regularizer must return a scalar Tensor instead of a Tensor with rank ",
                        penalty.shape().rank(), "."));
    }
  }
  const Tensor sum = OpBuilder("AddN", scope.name()).InList(penalties).Output();
  AddToCollection(GraphKeys::kRegularizationLosses, sum);
  return sum;
}

Regularizer L1Regularizer(float scale, const std::string& name) {
  CheckScale(scale);
  if (scale == 0) return NoRegularizer;
  return [scale, name](const Input& weights) {
    const GraphScope use(weights.is_tensor() ? weights.source().graph() : Graph::Default());
    const NameScope scope(name.empty() ? "l1_regularizer" : name);
    const Tensor my_scale = AsTensor(Input(scale), weights.dtype(), "scale");
    return Op("Mul", {my_scale, ReduceSum(Op("Abs", {weights}))}, scope.name());
  };
}

Regularizer L2Regularizer(float scale, const std::string& name) {
  CheckScale(scale);
  if (scale == 0) return NoRegularizer;
  return [scale, name](const Input& weights) {
    const GraphScope use(weights.is_tensor() ? weights.source().graph() : Graph::Default());
    const NameScope scope(name.empty() ? "l2_regularizer" : name);
    const Tensor my_scale = AsTensor(Input(scale), weights.dtype(), "scale");
    return Op("Mul", {my_scale, Op("L2Loss", {weights})}, scope.name());
  };
}

Regularizer L1L2Regularizer(float scale_l1, float scale_l2, const std::string& scope) {
  const std::string name = scope.empty() ? "l1_l2_regularizer" : scope;
  CheckScale(scale_l1);
  CheckScale(scale_l2);
  if (scale_l1 == 0) return L2Regularizer(scale_l2, name);
  if (scale_l2 == 0) return L1Regularizer(scale_l1, name);
  return SumRegularizer({L1Regularizer(scale_l1), L2Regularizer(scale_l2)}, name);
}

}  // namespace layers

Tensor NoRegularizer(const Input&) { return {}; }

void AddToCollection(const std::string& collection, const Tensor& t) {
  t.graph().AddToCollection(collection, {t});
}

std::vector<Tensor> GetTensorCollection(const std::string& collection, const std::string& scope,
                                        const Graph& graph) {
  std::vector<Tensor> tensors;
  for (const CollectionItem& item : graph.GetCollection(collection, scope)) {
    if (const Tensor* t = std::get_if<Tensor>(&item.value)) tensors.push_back(*t);
  }
  return tensors;
}

namespace losses {
void AddLoss(const Tensor& loss, const std::string& collection) {
  if (loss.valid() && !collection.empty()) AddToCollection(collection, loss);
}
std::vector<Tensor> GetLosses(const std::string& scope, const std::string& collection) {
  return GetTensorCollection(collection, scope);
}
std::vector<Tensor> GetRegularizationLosses(const std::string& scope) {
  return GetTensorCollection(GraphKeys::kRegularizationLosses, scope);
}
Tensor GetRegularizationLoss(const std::string& scope, const NameOptions& name) {
  const std::vector<Tensor> penalties = GetRegularizationLosses(scope);
  if (penalties.empty()) return AsTensor(0.0f);
  return OpBuilder("AddN", name).InList({penalties.begin(), penalties.end()}).Output();
}
}  // namespace losses

}  // namespace weft
